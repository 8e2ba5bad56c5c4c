"""Sorting and order statistics: each result is an entry, or lies between two of them.

A sorted or partitioned array holds the entries of x in another order, so its partial is a
permutation. A quantile interpolates between two order statistics,

    z = (1 - g) x_(j) + g x_(j+1),    j + g = position(q),

so its partial picks these two entries, and dz/dq = (x_(j+1) - x_(j)) d position/dq.

Conventions: equal numbers keep their order (a stable sort), each result comes from one of them.
Where the position is an entry itself, the derivative to q is that from the right. The methods that
pick one entry (``lower``, ``nearest``, ``inverted_cdf`` ...) are steps in q.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import scatter_add, settled
from lagrad.partials import Broadcast, Move, Partial, Scale, then
from lagrad.primitive import Primitive
from lagrad.rules.constant import entries_at
from lagrad.rules.options import axes_of
from lagrad.rules.shaping import reshaped

Axes = tuple[int, ...]

# -- the same entries in another order -----------------------------------------------------------


def permuted_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """The i-th smallest of z is the i-th smallest of x, wherever they stand."""
    axis, shape = kwargs["axis"], np.shape(z)
    source = np.take_along_axis(sorting(args[0], axis), inverse(sorting(z, axis), axis), axis)
    back = inverse(source, axis)
    return Move(
        lambda v: np.take_along_axis(v, source, axis=axis),
        lambda w: np.take_along_axis(w, back, axis=axis),
        shape,
        shape,
    )


def sorting(x: Any, axis: int) -> Any:
    """Return the places of the entries from the smallest to the largest."""
    return settled(np.argsort(x, axis=axis, kind="stable"))


def inverse(order: Any, axis: int) -> Any:
    """Return the inverse of each permutation along the axis."""
    if not isinstance(order, np.ndarray):  # A program has no plain array to write to.
        return np.argsort(order, axis=axis)
    back = np.empty_like(order)
    along = [-1 if k == axis % order.ndim else 1 for k in range(order.ndim)]
    np.put_along_axis(back, order, np.arange(order.shape[axis]).reshape(along), axis)
    return back


def sort_arguments(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, **other: Any
) -> Any:
    """Spell np.sort as function(a, axis=) of an array that has this axis."""
    if order is not None:
        raise TypeError("order= is for arrays with fields")
    options = {"kind": kind, **other}
    flat = axis is None
    return (np.ravel(a) if flat else a,), {
        "axis": -1 if flat else axis,
        **{name: value for name, value in options.items() if value is not None},
    }


def partition_arguments(
    a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Any:
    """Spell np.partition as function(a, kth=, axis=) of an array that has this axis."""
    args, kwargs = sort_arguments(a, axis, kind, order)
    return args, {"kth": kth, **kwargs}


# -- quantiles -----------------------------------------------------------------------------------

#: Between which entries, counted from 0, the quantile q of n numbers lies: n q + alpha + q (1 -
#: alpha - beta) - 1, after Hyndman and Fan, Sample quantiles in statistical packages, 1996.
ALPHA_BETA: dict[str, tuple[float, float]] = {
    "linear": (1, 1),
    "interpolated_inverted_cdf": (0, 1),
    "hazen": (1 / 2, 1 / 2),
    "weibull": (0, 0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
#: They give one of the entries.
DISCRETE = frozenset({"lower", "higher", "nearest", "inverted_cdf", "closest_observation"})


def position(n: Any, q: Any, method: str) -> Any:
    """Return where among n sorted numbers the quantile q lies, in NumPy's own arithmetic."""
    if method in ("linear", "midpoint"):
        return (n - 1) * q
    if method == "averaged_inverted_cdf":
        return n * q - 1
    alpha, beta = ALPHA_BETA[method]
    return n * q + (alpha + q * (1 - alpha - beta)) - 1


def slope(n: Any, method: str) -> Any:
    """Return d position/dq, which moves the result only if the method interpolates."""
    if method not in ALPHA_BETA:
        return 0.0 * n
    alpha, beta = ALPHA_BETA[method]
    return n + 1.0 - alpha - beta


def share(at: Any, below: Any, method: str) -> Any:
    """Return the share g of the upper of the two entries."""
    if method == "midpoint":
        return np.where(np.equal(at, below), 0.0, 0.5)
    if method == "averaged_inverted_cdf":
        return np.where(np.equal(at, below), 0.5, 1.0)
    return at - below


def neighbours(
    z: Any, x: Any, q: Any, axis: Any, method: str, without_nan: bool
) -> tuple[Any, Any, Any, Any]:
    """Return, in the shape of z, (where the two entries stand in x, g, d position/dq)."""
    shape, count = np.shape(x), math.prod(np.shape(q))
    axes = axes_of(x, axis)
    rest = tuple(k for k in range(len(shape)) if k not in axes)
    kept, total = tuple(shape[k] for k in rest), math.prod(shape[k] for k in axes)

    def in_lines(v: Any) -> Any:
        return np.reshape(np.transpose(v, rest + axes), (*kept, total))

    # Lines along the last axis, and quantiles in their place.
    lines, target = in_lines(x), (*kept, count)
    places = in_lines(np.arange(math.prod(shape)).reshape(shape))
    places = np.take_along_axis(places, sorting(lines, -1), -1)
    numbers = np.logical_not(np.isnan(lines)) if without_nan else np.ones(np.shape(lines), bool)
    n = settled(np.sum(numbers, axis=-1, keepdims=True))
    if method in DISCRETE:
        values = np.moveaxis(np.reshape(z, (count, *kept)), 0, -1)
        # A value stands behind the smaller entries and the smaller values.
        among_all = inverse(sorting(np.concatenate([values, lines], axis=-1), -1), -1)
        low = high = among_all[..., :count] - inverse(sorting(values, -1), -1)
        g: Any = np.zeros(target)
    else:
        at = position(n, np.reshape(q, -1), method)
        low = settled(np.floor(at))
        high, g = low + 1, share(at, low, method)

    def out(v: Any) -> Any:
        return np.reshape(np.moveaxis(np.broadcast_to(v, target), -1, 0), np.shape(z))

    def standing(i: Any) -> Any:
        i = np.clip(i, 0, np.maximum(n - 1, 0)).astype(int)
        return out(np.take_along_axis(places, np.broadcast_to(i, target), -1))

    return standing(low), standing(high), out(g), out(slope(n, method))


def quantile_partial(
    k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any], without_nan: bool = False
) -> Partial:
    """The two entries with their shares; to q the step from one to the other."""
    x, q = args if len(args) == 2 else (args[0], 0.5)
    method, shape = kwargs.get("method", "linear"), np.shape(z)
    low, high, g, rate = neighbours(z, x, q, kwargs["axis"], method, without_nan)
    if k == 1:
        x = np.ravel(x)
        step = (entries_at(x, high) - entries_at(x, low)) * rate.astype(z.dtype)
        ahead = (*np.shape(q), *(1,) * (len(shape) - np.ndim(q)))
        return then(Scale(step, shape), Broadcast(ahead, shape), reshaped(np.shape(q), ahead))
    lower, upper = ((1 - g).astype(z.dtype), low), (g.astype(z.dtype), high)
    parts = [then(weighed(d, shape), picked(at, np.shape(x), shape)) for d, at in (lower, upper)]
    return parts[0] if method in DISCRETE else parts[0] + parts[1]


def weighed(d: Any, shape: Axes) -> Partial:
    """Return the scaling by shares; a share of 0 that does not depend on q is no entry."""
    fixed = type(d) is np.ndarray or getattr(d, "_is_symbol", False)
    return Scale(d, shape, np.not_equal(d, 0) if fixed else None)


def picked(source: Any, in_shape: Axes, out_shape: Axes) -> Move:
    """Return the move that takes the entries at these places of the flat array."""
    size = math.prod(in_shape)
    return Move(
        lambda v: np.ravel(v)[source],
        lambda w: np.reshape(scatter_add(w, source, (size,)), in_shape),
        in_shape,
        out_shape,
        selects=True,
    )


def nan_quantile_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """The same among the entries that are numbers."""
    return quantile_partial(k, z, args, kwargs, without_nan=True)


def median_arguments(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    """Spell a median as function(a, axis=, keepdims=)."""
    if out is not None:
        raise TypeError("out= writes into a plain array")
    return (a,), {"axis": axis, "keepdims": bool(keepdims)}


def quantile_arguments(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """Spell a quantile as function(a, q, axis=, method=, keepdims=)."""
    if weights is not None:
        raise TypeError("weights=; np.sort the entries and np.cumsum their weights")
    args, kwargs = median_arguments(a, axis, out, overwrite_input, keepdims)
    return (*args, q), {**kwargs, "method": method}


def nan_quantile_arguments(a: Any, q: Any, axis: Any = None, *args: Any, **options: Any) -> Any:
    """Spell np.nanquantile, which mixes up the axes of its result where q has more than one."""
    if np.ndim(q) > 1 and axis is not None:
        raise TypeError("a q with several axes and an axis of a; use np.ravel(q)")
    return quantile_arguments(a, q, axis, *args, **options)


# fmt: off
RULES: dict[Callable[..., Any], Primitive] = {
    f: Primitive(f.__name__, f, partial, arguments=arguments)
    for f, arguments, partial in (
        (np.sort,        sort_arguments,      permuted_partial),
        (np.partition,   partition_arguments, permuted_partial),
        (np.median,      median_arguments,    quantile_partial),
        (np.quantile,    quantile_arguments,  quantile_partial),
        (np.nanmedian,   median_arguments,    nan_quantile_partial),
        (np.nanquantile, nan_quantile_arguments, nan_quantile_partial),
    )
}
# fmt: on
