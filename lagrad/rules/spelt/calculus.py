"""Compositions of the calculus of samples: differences, integrals, spaced numbers, polynomials.

They follow NumPy's own formulas, step by step, so that their values are NumPy's. Conventions: those
of `lagrad.rules.calculus`. `np.gradient` by traced coordinates uses the formula for uneven spacing
also where it is even, for only that one tells how each of them counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import first_taker, settled
from lagrad.rules.calculus import geomspace, interpolate, linspace
from lagrad.rules.constant import structure
from lagrad.rules.convolution import turned
from lagrad.rules.options import as_array
from lagrad.rules.spelt.entries import SEVERAL, cast
from lagrad.status import ArgumentError, TraceError

# -- differences and integrals -------------------------------------------------------------------


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """np.trapezoid: the sum of the steps times the means of their ends."""
    y, d = as_array(y), dx
    axis %= np.ndim(y)
    if x is not None:
        x = as_array(x)
        d = np.diff(x, axis=axis if np.ndim(x) > 1 else 0)
        if np.ndim(x) == 1:
            d = np.reshape(d, [-1 if k == axis else 1 for k in range(np.ndim(y))])
    lead = (slice(None),) * axis
    ends = y[(*lead, slice(1, None))] + y[(*lead, slice(None, -1))]
    return np.sum(d * ends / 2.0, axis=axis)


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """np.gradient: central differences, one-sided at the edges."""
    f, given = as_array(f), [as_array(h) for h in varargs]
    f = f if f.dtype.kind in "fc" else f.astype(float)
    axes = range(np.ndim(f)) if axis is None else np.atleast_1d(axis).tolist()
    axes = [k % np.ndim(f) for k in axes]
    if edge_order not in (1, 2):
        raise ValueError(f"edge_order={edge_order}; it is 1 or 2")
    if len(given) == 0:
        given = [np.float64(1.0)]
    if len(given) == 1 and np.ndim(given[0]) == 0:
        given *= len(axes)
    if len(given) != len(axes):
        raise TypeError(f"{len(given)} spacings for {len(axes)} axes")
    results = []
    for k, h in zip(axes, given, strict=True):
        n = np.shape(f)[k]
        if np.ndim(h) > 1 or (np.ndim(h) == 1 and len(h) != n) or n < edge_order + 1:
            raise ValueError(f"spacing of shape {np.shape(h)} along an axis of length {n}")
        slopes = differences(np.moveaxis(f, k, 0), steps(h, np.ndim(f)), edge_order)
        results.append(np.moveaxis(cast(slopes, f.dtype), 0, k))
    return results[0] if len(results) == 1 else SEVERAL(results)


def steps(h: Any, n: int) -> Any:
    """Return a step, or those between coordinates as a column of n axes."""
    if np.ndim(h) == 0:
        return h
    h = np.diff(cast(h, float) if h.dtype.kind in "iub" else h)
    if first_taker([h]) is None and (h == h[0]).all():
        return h[0]
    return np.reshape(h, (-1,) + (1,) * (n - 1))


def differences(f: Any, h: Any, edge_order: int) -> Any:
    """Return the slopes along the first axis: second order inside, ``edge_order`` at the edges."""
    if np.ndim(h) == 0:
        inside = (f[2:] - f[:-2]) / (2.0 * h)
        ends = h, h, h, h
    else:
        a, b = h[:-1], h[1:]
        inside = (
            -b / (a * (a + b)) * f[:-2] + (b - a) / (a * b) * f[1:-1] + a / (b * (a + b)) * f[2:]
        )
        ends = (h[0], h[1], h[-2], h[-1]) if len(h) > 1 else (h[0],) * 4
    first, second, before, last = ends
    if edge_order == 1:
        left, right = (f[1] - f[0]) / first, (f[-1] - f[-2]) / last
    elif np.ndim(h) == 0:
        left = -1.5 / h * f[0] + 2.0 / h * f[1] + -0.5 / h * f[2]
        right = 0.5 / h * f[-3] + -2.0 / h * f[-2] + 1.5 / h * f[-1]
    else:
        a, b = first, second
        left = -(2.0 * a + b) / (a * (a + b)) * f[0] + (a + b) / (a * b) * f[1]
        left = left + -a / (b * (a + b)) * f[2]
        a, b = before, last
        right = b / (a * (a + b)) * f[-3] + -(b + a) / (a * b) * f[-2]
        right = right + (2.0 * b + a) / (b * (a + b)) * f[-1]
    return np.concatenate([left[None], inside, right[None]])


def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """np.interp."""
    x, xp, fp = as_array(x), as_array(xp), as_array(fp)
    if period is not None:
        period = np.absolute(period)
        x, xp = cast(x, float) % period, cast(xp, float) % period
        order = settled(structure(np.argsort, xp))
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    if np.any(np.less(xp[1:], xp[:-1])):
        raise ArgumentError(
            "the knots xp of np.interp are not in ascending order, and the result would mean "
            "nothing; sort them first: order = np.argsort(xp), then xp[order], fp[order]"
        )
    z = interpolate(x, xp, fp)
    if left is not None:
        z = np.where(np.less(x, xp[0]), left, z)
    return z if right is None else np.where(np.greater(x, xp[-1]), right, z)


# -- spaced numbers ------------------------------------------------------------------------------


def spaced(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """np.linspace."""
    start, stop = number(start), number(stop)
    options = {"num": num, "endpoint": endpoint, "dtype": dtype, "axis": axis}
    z = linspace(start, stop, **options)
    if not retstep:
        return z
    count = num - 1 if endpoint else num
    return z, (stop - start) / count if count > 0 else np.nan


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """np.logspace."""
    if np.ndim(base) or SEVERAL is list:  # Before NumPy 2 every base is made an array.
        n = max(np.ndim(a) for a in (start, stop, base))
        start, stop, base = (
            np.reshape(as_array(a), (1,) * (n - np.ndim(a)) + np.shape(a))
            for a in (start, stop, base)
        )
        base = np.expand_dims(base, axis)
    z = np.power(base, spaced(start, stop, num, endpoint, axis=axis))
    return z if dtype is None else z.astype(dtype)


def geometric(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """np.geomspace."""
    options = {"num": num, "endpoint": endpoint, "dtype": dtype, "axis": axis}
    return geomspace(number(start), number(stop), **options)


def number(x: Any) -> Any:
    """Return x as an array, and Python's own numbers as they are: they leave float32 what it is."""
    return x if type(x) in (int, float, complex) else as_array(x)


# -- convolution ---------------------------------------------------------------------------------


def numpy_correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """np.correlate; of a shorter array with a longer one it is that of the two, turned round."""
    a, v = np.atleast_1d(as_array(a)), np.atleast_1d(as_array(v))
    if len(a) >= len(v):
        return np.convolve(a, turned(v), mode)
    return turned(np.convolve(v, turned(a), mode))


# -- polynomials, the highest power first --------------------------------------------------------


def coefficients(p: Any) -> Any:
    """Return the coefficients of a polynomial as a vector."""
    if isinstance(p, np.poly1d):
        raise TraceError("an np.poly1d met a traced value and cannot hold it; pass p.coeffs")
    return np.atleast_1d(as_array(p))


def polyval(p: Any, x: Any) -> Any:
    """np.polyval, by Horner's scheme."""
    p, x = coefficients(p), as_array(x)
    y = np.zeros(np.shape(x), x.dtype)
    for c in p:
        y = y * x + c
    return y


def polyadd(a1: Any, a2: Any) -> Any:
    """np.polyadd."""
    return np.add(*aligned(a1, a2))


def polysub(a1: Any, a2: Any) -> Any:
    """np.polysub."""
    return np.subtract(*aligned(a1, a2))


def aligned(a1: Any, a2: Any) -> tuple[Any, Any]:
    """Return the coefficients of two polynomials, with zeros before those of the lower degree."""
    pair = coefficients(a1), coefficients(a2)
    n = max(len(p) for p in pair)
    first, second = (
        p if len(p) == n else np.concatenate([np.zeros(n - len(p), p.dtype), p]) for p in pair
    )
    return first, second


def polymul(a1: Any, a2: Any) -> Any:
    """np.polymul; leading zeros are left out."""
    first, second = (np.trim_zeros(coefficients(p), trim="f") for p in (a1, a2))
    zero = np.zeros(1)
    return np.convolve(first if len(first) else zero, second if len(second) else zero)


def polydiv(u: Any, v: Any) -> Any:
    """np.polydiv: long division."""
    u, v = coefficients(u) + 0.0, coefficients(v) + 0.0
    dtype, quotient, n = np.result_type(u, v), [], len(v)
    scale, rest = 1.0 / v[0], cast(u, dtype)
    for k in range(len(u) - n + 1):
        d = scale * rest[k]
        quotient.append(d)
        rest = np.concatenate([rest[:k], rest[k : k + n] - d * v, rest[k + n :]])
    while np.allclose(rest[0], 0, rtol=1e-14) and len(rest) > 1:
        rest = rest[1:]
    return cast(np.stack(quotient), dtype) if quotient else np.zeros(1, dtype), cast(rest, dtype)


def polyder(p: Any, m: int = 1) -> Any:
    """np.polyder."""
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    p = coefficients(p)
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """np.polyint."""
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    p, k = coefficients(p), np.atleast_1d(as_array(np.zeros(m) if k is None else k))
    if len(k) == 1 and m > 1:
        k = k[0] * np.ones(m)
    if len(k) < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for i in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1), k[i : i + 1]])
    return p


def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, *, w: Any = None) -> Any:
    """np.polyfit: scaled least squares."""
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    powers = np.vander(x, int(deg) + 1)
    if w is not None:
        w = as_array(w) + 0.0
        powers, y = powers * w[:, None], y * (w[:, None] if np.ndim(y) == 2 else w)
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    c = np.linalg.lstsq(powers / scale, y, rcond)[0]
    return (c.T / scale).T


def poly(seq_of_zeros: Any) -> Any:
    """np.poly: the product of z - zero; of a matrix, its characteristic polynomial."""
    zeros = np.atleast_1d(as_array(seq_of_zeros))
    if np.ndim(zeros) == 2:
        zeros = np.linalg.eigvals(zeros)
    p = np.ones(1, zeros.dtype)
    for zero in zeros:
        p = np.convolve(p, np.stack([np.ones((), zeros.dtype), -zero]))
    if np.iscomplexobj(p) and structure(conjugate_pairs, zeros):
        p = np.real(p)
    return p if len(zeros) else 1.0


def conjugate_pairs(zeros: Any) -> Any:
    """True if with each number its conjugate is there."""
    return np.all(np.sort(zeros) == np.sort(np.conjugate(zeros)))


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """np.vander: the powers of x, each from the one before."""
    x = as_array(x)
    if np.ndim(x) != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    powers = [np.ones(len(x), np.result_type(x.dtype, int))]
    for _ in range((len(x) if N is None else N) - 1):
        powers.append(powers[-1] * x if len(powers) > 1 else x)
    powers = powers[: len(x) if N is None else N]
    if not powers:
        return np.zeros((len(x), 0), np.result_type(x.dtype, int))
    return np.stack(powers if increasing else powers[::-1], axis=1)


CALCULUS: dict[Callable[..., Any], Callable[..., Any]] = {
    getattr(np, "trapezoid" if hasattr(np, "trapezoid") else "trapz"): trapezoid,  # before NumPy 2
    np.gradient: gradient,
    np.interp: interp,
    np.linspace: spaced,
    np.logspace: logspace,
    np.geomspace: geometric,
    np.correlate: numpy_correlate,
    np.polyval: polyval,
    np.polyadd: polyadd,
    np.polysub: polysub,
    np.polymul: polymul,
    np.polydiv: polydiv,
    np.polyder: polyder,
    np.polyint: polyint,
    np.polyfit: polyfit,
    np.poly: poly,
    np.vander: vander,
}
