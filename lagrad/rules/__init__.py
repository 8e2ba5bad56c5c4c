"""The tables of derivatives: what each function's local partials are, and nothing else.

``RULES`` maps a function to its `Primitive`, ``NO_GRADIENT`` holds the steps, ``SPELT`` the
functions that are compositions of others.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from lagrad.primitive import Primitive
from lagrad.rules import (
    calculus,
    convolution,
    cumulative,
    elementwise,
    exponentials,
    fft,
    linalg,
    products,
    reductions,
    selections,
    shaping,
    special,
    writing,
)
from lagrad.rules.constant import NO_GRADIENT, stopped
from lagrad.rules.kinks import KINKS
from lagrad.rules.spelt import SPELT
from lagrad.rules.writing import LIKE, WRITES

TABLES = (
    elementwise.RULES,
    special.RULES,
    reductions.RULES,
    exponentials.RULES,
    cumulative.RULES,
    selections.RULES,
    shaping.RULES,
    calculus.RULES,
    convolution.RULES,
    products.RULES,
    linalg.RULES,
    fft.RULES,
    writing.RULES,
)
RULES: Mapping[Callable[..., Any], Primitive] = MappingProxyType(
    {
        f: replace(rule, kink=KINKS[f]) if f in KINKS else rule
        for table in TABLES
        for f, rule in table.items()
    }
)

#: ``ufunc.reduce`` and the function of the same meaning.
REDUCE: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        np.add: np.sum,
        np.multiply: np.prod,
        np.maximum: np.max,
        np.minimum: np.min,
        np.fmax: np.nanmax,
        np.fmin: np.nanmin,
        np.logaddexp: exponentials.logsumexp,
    }
)

#: ``ufunc.accumulate`` and the function of the same meaning.
ACCUMULATE: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        np.add: np.cumsum,
        np.multiply: np.cumprod,
        np.maximum: cumulative.running_maximum,
        np.minimum: cumulative.running_minimum,
        np.fmax: cumulative.running_fmax,
        np.fmin: cumulative.running_fmin,
    }
)

__all__ = [
    "ACCUMULATE",
    "LIKE",
    "NO_GRADIENT",
    "REDUCE",
    "RULES",
    "SPELT",
    "WRITES",
    "stopped",
]
