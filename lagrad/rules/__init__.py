"""The tables of derivatives: what each function's local partials are, and nothing else.

``RULES`` maps a function to its `Primitive`, ``NO_GRADIENT`` holds the steps, ``SPELT`` the
functions that are compositions of others.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from lagrad.primitive import Primitive
from lagrad.rules import elementwise, linalg, products, reductions, shaping, special, writing
from lagrad.rules.constant import NO_GRADIENT, stopped
from lagrad.rules.spelt import SPELT

RULES: Mapping[Callable[..., Any], Primitive] = MappingProxyType(
    {
        **elementwise.RULES,
        **special.RULES,
        **reductions.RULES,
        **shaping.RULES,
        **products.RULES,
        **linalg.RULES,
        **writing.RULES,
    }
)

#: ``ufunc.reduce`` and the function of the same meaning.
REDUCE: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
)

#: ``ufunc.accumulate`` and the function of the same meaning.
ACCUMULATE: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {np.add: np.cumsum, np.multiply: np.cumprod}
)

__all__ = ["ACCUMULATE", "NO_GRADIENT", "REDUCE", "RULES", "SPELT", "stopped"]
