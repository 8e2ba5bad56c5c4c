"""Functions that are refused on purpose: the reason, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lagrad.rules.special import unsupported as special

UNSUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        **special.UNSUPPORTED,
        "numpy.product": "an old name, which newer versions have no more; use np.prod",
        "numpy.cumproduct": "an old name, which newer versions have no more; use np.cumprod",
        "numpy.msort": "an old name, which newer versions have no more; use np.sort(x, axis=0)",
    }
)
