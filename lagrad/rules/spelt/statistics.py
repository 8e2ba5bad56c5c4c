"""Compositions of statistics: spreads, averages, covariances, and all that leaves NaN out.

An entry that is NaN is no entry: it is selected away before anything is computed from it, so it
has no partial. What is selected away by ``where`` has none either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import settled
from lagrad.rules.constant import stopped
from lagrad.rules.cumulative import along
from lagrad.rules.options import as_array, axes_of, mask_of
from lagrad.rules.reductions import deviation, root_mean_square, squares, variance
from lagrad.status import TraceError


def no_out(out: Any) -> None:
    """Refuse to write into a plain array."""
    if out is not None:
        raise TraceError(
            "out= would write a traced value into a plain array, which cannot hold it. Use what "
            "the function returns"
        )


# -- spreads: sum |a - mean|^2 / (count - ddof) --------------------------------------------------


def spread(whole: Callable[..., Any], part: Callable[..., Any]) -> Callable[..., Any]:
    """Return np.var or np.std: ``whole`` of all entries, ``part`` of some, or about a given mean.

    ``part`` takes the differences from the mean, their count less ddof, and the axis.
    """

    def composed(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: Any = False,
        *,
        where: Any = True,
        mean: Any = None,
        correction: Any = None,
    ) -> Any:
        no_out(out)
        a = as_array(a) if dtype is None else as_array(a).astype(dtype)
        ddof, keepdims = ddof if correction is None else correction, bool(keepdims)
        if where is True and mean is None:
            return whole(a, axis=axis, ddof=ddof, keepdims=keepdims)
        here = mask_of(where, a)
        if mean is None:
            mean = np.mean(a, axis=axis, keepdims=True, where=where)
        c = np.where(here, a - mean, np.asarray(0, a.dtype))
        count = np.sum(here, axis=axis, keepdims=True)
        left = np.maximum(settled(count) - ddof, 0).astype(np.real(np.empty(0, a.dtype)).dtype)
        return part(c, left, axis, keepdims)

    return composed


def mean_square(c: Any, count: Any, axis: Any, keepdims: bool) -> Any:
    """Return sum |c|^2 / count."""
    total = np.sum(squares(c), axis=axis, keepdims=keepdims)
    return total / np.reshape(count, np.shape(total))


def its_root(c: Any, count: Any, axis: Any, keepdims: bool) -> Any:
    """Return sqrt(sum |c|^2 / count)."""
    return root_mean_square(c, axis=axis, keepdims=keepdims, count=count)


# -- what leaves NaN out -------------------------------------------------------------------------


def numbers(a: Any) -> Any:
    """Return where ``a`` holds numbers."""
    return np.logical_not(np.isnan(a))


def filled(function: Callable[..., Any], neutral: float) -> Callable[..., Any]:
    """Return the function with NaN replaced by what changes nothing."""

    def composed(a: Any, *args: Any, **options: Any) -> Any:
        a = as_array(a)
        a = np.where(np.isnan(a), np.asarray(neutral, a.dtype), a)
        return function(a, *args, **options)

    return composed


def among_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of those entries that are numbers."""

    def composed(a: Any, *args: Any, where: Any = True, **options: Any) -> Any:
        a = as_array(a)
        return function(a, *args, where=np.logical_and(where, numbers(a)), **options)

    return composed


# -- averages and covariances --------------------------------------------------------------------


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """np.average, with weights shaped like the array or like its averaged axes."""
    a = as_array(a)
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        total = mean.dtype.type(np.size(a) / max(np.size(mean), 1))
    else:
        weights = as_array(weights)
        if np.shape(weights) != np.shape(a):
            order = axis if isinstance(axis, tuple) else (axis,)
            axes = axes_of(a, axis)
            weights = np.transpose(weights, np.argsort(np.mod(order, np.ndim(a))))
            lengths = [n if k in axes else 1 for k, n in enumerate(np.shape(a))]
            weights = np.broadcast_to(np.reshape(weights, lengths), np.shape(a))
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        if np.any(np.equal(total, 0)):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        mean = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
        total = total.astype(np.result_type(a.dtype, weights.dtype))
    if not returned:
        return mean
    return mean, np.broadcast_to(total, np.shape(mean))


def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """np.ptp."""
    no_out(out)
    options = {"axis": axis, "keepdims": bool(keepdims)}
    return np.max(a, **options) - np.min(a, **options)


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """np.cov: ``X diag(w) X^H / fact`` of the variables X, one a row, less their means."""
    rows = [variables(v, rowvar) for v in (m, y) if v is not None]
    if dtype is None:
        dtype = np.result_type(np.float64, *(v.dtype for v in rows))
    x = np.concatenate([v.astype(dtype) for v in rows], axis=0)
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    ddof = ddof if ddof is not None else 0 if bias else 1
    if np.shape(x)[0] == 0:
        return np.reshape(x, (0, 0))
    w = None
    for given in (fweights, aweights):
        if given is not None:
            given = checked_weights(given, np.shape(x)[1], given is fweights)
            w = given if w is None else w * given
    mean, total = average(x, axis=1, weights=w, returned=True)
    total = total[0]
    if w is None:
        fact: Any = np.shape(x)[1] - ddof
    elif ddof == 0:
        fact = total
    elif aweights is None:
        fact = total - ddof
    else:
        fact = total - ddof * np.sum(w * as_array(aweights)) / total
    if fact <= 0:
        fact = 0.0
    x = x - mean[:, None]
    other = np.transpose(x if w is None else x * w)
    if np.iscomplexobj(x):
        other = np.conjugate(other)
    return np.squeeze(np.dot(x, other) * np.true_divide(1, fact)).astype(dtype)


def variables(v: Any, rowvar: bool) -> Any:
    """Return data as a matrix with one variable a row."""
    v = as_array(v)
    if np.ndim(v) > 2:
        raise ValueError("m has more than 2 dimensions")
    if np.ndim(v) < 2:
        return np.reshape(v, (1, -1))
    return v if rowvar else np.transpose(v)


def checked_weights(w: Any, count: int, whole: bool) -> Any:
    """Return weights of observations as floats, refused where np.cov refuses them."""
    w = as_array(w).astype(float)
    kind = "fweights" if whole else "aweights"
    if whole and not np.all(np.equal(w, np.round(w))):
        raise TypeError("fweights must be integer")
    if np.ndim(w) > 1:
        raise RuntimeError(f"cannot handle multidimensional {kind}")
    if np.shape(w)[0] != count:
        raise RuntimeError(f"incompatible numbers of samples and {kind}")
    if np.any(np.less(w, 0)):
        raise ValueError(f"{kind} cannot be negative")
    return w


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """np.corrcoef: ``c_ij / (s_i s_j)``.

    Rounding may lead out of [-1, 1]; NumPy clips the value, and here the derivatives are left as
    they are, since a correlation is smooth at 1.
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:
        return c / c
    s = np.sqrt(np.real(np.diagonal(c)))
    c = c / s[:, None] / s[None, :]
    value = stopped(c)
    inside = np.clip(np.real(value), -1, 1)
    if np.iscomplexobj(c):
        inside = inside + 1j * np.clip(np.imag(value), -1, 1)
    return c + (inside - value)


# -- entries -------------------------------------------------------------------------------------


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """np.take_along_axis."""
    arr, indices = as_array(arr), as_array(indices)
    if axis is None:
        return np.ravel(arr)[indices]
    if np.ndim(arr) != np.ndim(indices):
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    return arr[along(indices, np.shape(arr), axis)]


def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    """np.compress."""
    no_out(out)
    return np.take(a, np.flatnonzero(condition), axis=axis)


def cumulative(function: Callable[..., Any], first: float) -> Callable[..., Any]:
    """Return np.cumulative_sum or np.cumulative_prod."""

    def composed(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: Any = 0
    ) -> Any:
        no_out(out)
        x = as_array(x)
        if axis is None and np.ndim(x) != 1:
            raise ValueError("For arrays which have more than one dimension axis is required")
        axis = 0 if axis is None else axis
        z = function(x, axis=axis, dtype=dtype)
        if not include_initial:
            return z
        front = [1 if k == axis % np.ndim(x) else n for k, n in enumerate(np.shape(x))]
        return np.concatenate([np.full(front, first, z.dtype), z], axis=axis)

    return composed


# fmt: off
STATISTICS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.var:       spread(variance, mean_square),
    np.std:       spread(deviation, its_root),
    np.ptp:       ptp,
    np.average:   average,
    np.cov:       cov,
    np.corrcoef:  corrcoef,
    np.percentile: lambda a, q, *args, **options: np.quantile(a, hundredths(q), *args, **options),

    np.nansum:     filled(np.sum, 0.0),
    np.nanprod:    filled(np.prod, 1.0),
    np.nancumsum:  filled(np.cumsum, 0.0),
    np.nancumprod: filled(np.cumprod, 1.0),
    np.nanmean:    among_numbers(np.mean),
    np.nanvar:     among_numbers(np.var),
    np.nanstd:     among_numbers(np.std),
    np.nanpercentile: lambda a, q, *args, **options: np.nanquantile(
        a, hundredths(q), *args, **options),

    np.take_along_axis: take_along_axis,
    np.compress:        compress,
    np.extract:         lambda condition, arr: np.compress(np.ravel(condition), np.ravel(arr)),
    np.sort_complex:    lambda a: np.sort(a).astype(np.result_type(as_array(a).dtype, complex)),
}
# fmt: on


def hundredths(q: Any) -> Any:
    """Return per cent as a share; a Python number stays one, since it does not widen float32."""
    return q / 100 if type(q) in (int, float) else as_array(q) / 100


for name, function, first in (
    ("cumulative_sum", np.cumsum, 0.0),
    ("cumulative_prod", np.cumprod, 1.0),
):
    if hasattr(np, name):  # NumPy 2.1
        STATISTICS[getattr(np, name)] = cumulative(function, first)
