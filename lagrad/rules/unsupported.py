"""Functions that are refused on purpose: the reason, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lagrad.rules.special import unsupported as special

UNSUPPORTED: Mapping[str, str] = MappingProxyType({**special.UNSUPPORTED})
