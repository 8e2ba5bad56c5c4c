"""Compositions that are elementwise: parts of numbers, replaced numbers, wider domains.

Conventions: entries that `nan_to_num` replaces do not exist, and have no derivative; the integer
parts of ``modf``, ``frexp`` and ``divmod`` are steps; ``np.emath`` becomes complex as NumPy's does,
by the values, which a trace notes as a guard.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.rules.constant import structure
from lagrad.rules.spelt.losses import as_array
from lagrad.status import TraceError


def modf(x: Any) -> tuple[Any, Any]:
    """np.modf: the fraction, which is 0 of infinity, and the integer part."""
    one = np.ones((), x.dtype)  # of its precision, which 1.0 would widen before NumPy 2
    return np.fmod(np.where(np.isinf(x), np.sign(x), x), one), np.trunc(x)


def frexp(x: Any) -> tuple[Any, Any]:
    """np.frexp: x is mantissa * 2**exponent."""
    power = structure(lambda v: np.frexp(v)[1], x)
    return np.ldexp(x, -power), power


def replacement(value: Any, x: Any) -> Any:
    """Return what is put in the place of a number of x, in its precision."""
    return value if hasattr(value, "dtype") else np.asarray(value, dtype=np.real(x).dtype)


def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """np.nan_to_num, which replaces real and imaginary parts each by itself."""
    if not copy:
        raise TraceError(
            "np.nan_to_num with copy=False writes into its argument. Leave it out, and use the "
            "result: x = np.nan_to_num(x)"
        )
    if np.iscomplexobj(x):
        return nan_to_num(np.real(x), True, nan, posinf, neginf) + 1j * nan_to_num(
            np.imag(x), True, nan, posinf, neginf
        )
    largest = np.finfo(x.dtype).max
    high, low = largest if posinf is None else posinf, -largest if neginf is None else neginf
    for where, value in ((np.isnan, nan), (np.isposinf, high), (np.isneginf, low)):
        x = np.where(where(x), replacement(value, x), x)
    return x


def real_if_close(a: Any, tol: Any = 100) -> Any:
    """np.real_if_close: whether the imaginary parts are small is a guard."""
    if not np.iscomplexobj(a):
        return a
    limit = tol * np.finfo(a.dtype).eps if tol > 1 else tol
    return np.real(a) if np.all(np.less(np.absolute(np.imag(a)), limit)) else a


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * math.pi) -> Any:
    """np.unwrap: what is added is a multiple of the period, a step."""
    return p + structure(steps, p, discont, axis % np.ndim(p), period)


def steps(p: Any, discont: Any, axis: int, period: float) -> np.ndarray:
    """Return what np.unwrap adds to p."""
    jumps, half = np.diff(p, axis=axis), period / 2
    inside = np.mod(jumps + half, period) - half
    inside = np.where((inside == -half) & (jumps > 0), half, inside)
    change = np.where(np.abs(jumps) < (half if discont is None else discont), 0, inside - jumps)
    first = np.zeros_like(np.take(change, [0], axis) if change.size else p)
    return np.concatenate([first, np.cumsum(change, axis)], axis).astype(np.result_type(p))


def to_complex(x: Any) -> Any:
    """Return x as complex numbers, single ones of float32."""
    x = as_array(x)
    return x.astype(np.complex64 if x.dtype == np.float32 else np.complex128)


def extended(function: Any, leaves: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return ``function`` of real numbers, and of complex ones where an entry leaves its domain."""

    def run(x: Any) -> Any:
        return function(widened(x, leaves))

    return run


def widened(x: Any, leaves: Callable[[Any], Any]) -> Any:
    """Return x, as complex numbers if a real entry leaves the domain."""
    return to_complex(x) if not np.iscomplexobj(x) and np.any(leaves(x)) else x


def negative(x: Any) -> Any:
    """Outside of the domain of a root or a logarithm."""
    return np.less(x, 0)


def outside(x: Any) -> Any:
    """Outside of the domain of arcsin, arccos and arctanh."""
    return np.greater(np.absolute(x), 1)


def emath_power(x: Any, p: Any) -> Any:
    """np.emath.power: negative integer powers are taken of floats."""
    p = as_array(p)
    whole = p.dtype.kind in "iu" and np.any(np.less(p, 0))
    return np.power(widened(as_array(x), negative), p * 1.0 if whole else p)


# fmt: off
ELEMENTWISE: dict[Callable[..., Any], Callable[..., Any]] = {
    np.modf: modf,
    np.frexp: frexp,
    np.divmod: lambda x1, x2: (np.floor_divide(x1, x2), np.remainder(x1, x2)),
    np.nan_to_num: nan_to_num,
    np.real_if_close: real_if_close,
    np.unwrap: unwrap,
    np.emath.sqrt: extended(np.sqrt, negative),
    np.emath.log: extended(np.log, negative),
    np.emath.log2: extended(np.log2, negative),
    np.emath.log10: extended(np.log10, negative),
    np.emath.logn: lambda n, x: np.log(widened(x, negative)) / np.log(widened(n, negative)),
    np.emath.power: emath_power,
    np.emath.arccos: extended(np.arccos, outside),
    np.emath.arcsin: extended(np.arcsin, outside),
    np.emath.arctanh: extended(np.arctanh, outside),
}
# fmt: on
