"""Reductions along axes: one line each, the weight of every entry.

A reduction z of x changes by ``dz = sum over the axes of weight * dx``. A line states how a call
is spelt (`lagrad.rules.options`) and the weight as a function of z (with the reduced axes kept, of
length one), x and the axes; a pair ``(weight, mask)`` where only some entries take part.

Conventions: equal maxima (minima) share the multiplier evenly; a norm has derivative 0 at 0, and
so has a standard deviation of equal numbers. These hold for the first derivative. There the second
one is infinite and reported as not finite, also for the square of a norm or of a standard
deviation; ``x @ x`` and ``np.var`` have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import overridable
from lagrad.partials import ONE, Partial, Scale, Sum, then, weight_and_mask
from lagrad.primitive import Primitive
from lagrad.rules.constant import stopped
from lagrad.rules.elementwise import direction, nonzero, quotient
from lagrad.rules.options import (
    Axes,
    axes_of,
    extreme_arguments,
    mean_arguments,
    prod_arguments,
    size,
    sum_arguments,
)


def scale_to(x: Any, z: Any) -> Any:
    """Return x / z with 0 where z is 0, and conj(x) for complex x."""
    return quotient(np.conjugate(x) if np.iscomplexobj(x) else x, z)


def ties(z: Any, x: Any, axes: Axes) -> tuple[Any, Any]:
    """The entries equal to the maximum (minimum) share it evenly; the others do not exist."""
    here = np.equal(x, z)
    ones = np.where(here, 1.0, 0.0)  # as numbers they are added up faster than as booleans
    share = ones / np.sum(ones, axis=axes, keepdims=True)
    return share.astype(z.dtype), here


def product_of_others(z: Any, x: Any, axes: Axes) -> Any:
    """Return the product of all other entries: z / x, or without division where z is 0."""
    if np.all(np.logical_and(np.not_equal(z, 0), np.isfinite(z))):
        return z / x
    rest = tuple(k for k in range(np.ndim(x)) if k not in axes)
    order, shape = rest + axes, np.shape(x)
    lines = np.reshape(np.transpose(x, order), [*(shape[k] for k in rest), size(x, axes)])
    back = np.reshape(before(lines) * after(lines), [shape[k] for k in order])
    return np.transpose(back, np.argsort(order))


def before(x: Any) -> Any:
    """Return, for each entry of the lines along the last axis, the product of those before it."""
    first = np.ones_like(x[..., :1])
    return np.concatenate([first, np.cumprod(x[..., :-1], axis=-1)], axis=-1)


def after(x: Any) -> Any:
    """Return the product of the entries behind each."""
    return np.flip(before(np.flip(x, -1)), -1)


def center(x: Any, axes: Axes) -> Any:
    """Return conj(x - its mean), the direction in which |x - mean|^2 grows.

    One of the entries is taken away first, as a constant: so equal numbers are exactly at their
    mean, which rounding would make a little different.
    """
    first = tuple(slice(0, 1) if k in axes else slice(None) for k in range(np.ndim(x)))
    x = x - stopped(x[first]) if axes else x
    x = x - np.mean(x, axis=axes, keepdims=True)
    return np.conjugate(x) if np.iscomplexobj(x) else x


def spread(x: Any, axes: Axes, ddof: float) -> Any:
    """Return the derivative of the standard deviation, which is sqrt(sum |c|^2 share)."""
    c, share = center(x, axes), inverse(size(x, axes) - ddof)
    return quotient(c * share, np.sqrt(np.sum(squares(c), axis=axes, keepdims=True) * share))


@overridable
def variance(x: Any, *, axis: Any, ddof: float, keepdims: bool) -> Any:
    """np.var of all entries, with every option given."""
    return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)


@overridable
def deviation(x: Any, *, axis: Any, ddof: float, keepdims: bool) -> Any:
    """np.std of all entries, with every option given."""
    return np.std(x, axis=axis, ddof=ddof, keepdims=keepdims)


@overridable
def root_mean_square(c: Any, *, axis: Any, keepdims: bool, count: Any) -> Any:
    """Return sqrt(sum |c|^2 / count), the standard deviation of numbers less their mean.

    The count keeps the reduced axes, with length one.
    """
    total = np.sum(squares(c), axis=axis, keepdims=keepdims)
    return np.sqrt(total / np.reshape(count, np.shape(total)))


def squares(c: Any) -> Any:
    """Return |c|^2, smooth at 0."""
    return np.real(c) * np.real(c) + np.imag(c) * np.imag(c) if np.iscomplexobj(c) else c * c


def inverse(n: float) -> float:
    """Return 1/n, and NaN where no entry is left to share."""
    return 1 / n if n > 0 else math.nan


# fmt: off
WEIGHTS: dict[Callable[..., Any], tuple[Callable[..., Any], Callable[..., Any]]] = {
    np.sum:    (sum_arguments,  lambda z, x, axes: ONE),
    np.mean:   (mean_arguments, lambda z, x, axes: inverse(size(x, axes))),
    np.prod:   (prod_arguments, product_of_others),
    **dict.fromkeys((np.max, np.amax, np.nanmax), (extreme_arguments(-np.inf), ties)),
    **dict.fromkeys((np.min, np.amin, np.nanmin), (extreme_arguments(np.inf), ties)),
}
SPREADS: dict[Callable[..., Any], Callable[..., Any]] = {
    variance:  lambda z, x, axes, ddof: 2 * inverse(size(x, axes) - ddof) * center(x, axes),
    deviation: lambda z, x, axes, ddof: spread(x, axes, ddof),
    root_mean_square: lambda z, x, axes, count: scale_to(x, z * count),
}
NORMS: dict[Any, Callable[..., Any]] = {
    2:       lambda z, x, axes: scale_to(x, z),
    1:       lambda z, x, axes: direction(np.absolute(x), x),
    **dict.fromkeys((np.inf, -np.inf), lambda z, x, axes: extreme(z, x, axes)),
}
# fmt: on


def extreme(z: Any, x: Any, axes: Axes) -> tuple[Any, Any]:
    """The weight of max |x| or min |x|."""
    share, here = ties(z, np.absolute(x), axes)
    return share * direction(np.absolute(x), x), here


def power_norm(p: float) -> Callable[..., Any]:
    """Return the weight of (sum |x|^p)^(1/p); it is smooth at a zero of x if p > 2."""

    def weight(z: Any, x: Any, axes: Axes) -> Any:
        size_of = np.absolute(x)
        if p > 2:
            return scale_to(x, z) * (size_of / nonzero(z)) ** (p - 2)
        return direction(size_of, x) * (size_of / nonzero(z)) ** (p - 1)

    return weight


def reduction(
    function: Callable[..., Any],
    weight: Callable[..., Any],
    arguments: Callable[..., Any],
    name: str | None = None,
) -> Primitive:
    """Return the primitive of a reduction; keywords besides axis and keepdims go to the weight."""

    def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
        x = args[0]
        options = {key: v for key, v in kwargs.items() if key not in ("axis", "keepdims")}
        axes = axes_of(x, kwargs["axis"])
        total = Sum(axes, np.shape(x), kwargs["keepdims"])
        d, mask = weight_and_mask(weight(np.reshape(z, total.kept), x, axes, **options))
        return total if d is ONE else then(total, Scale(d, np.shape(x), mask))

    label, linear = name or function.__name__, function in (np.sum, np.mean)
    return Primitive(label, function, partial, multilinear=linear, arguments=arguments)


@overridable
def entry_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return a norm of entries: of vectors of any order but 0, of matrices Frobenius' own."""
    return np.linalg.norm(x, ord, axis, keepdims)


def norm_arguments(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Spell a norm of entries as function(x, ord=, axis=, keepdims=)."""
    axis = tuple(axis) if isinstance(axis, list) else axis
    return (x,), {"ord": ord, "axis": axis, "keepdims": keepdims}


def norm_weight(z: Any, x: Any, axes: Axes, ord: Any) -> Any:
    """Return the weight of the norm of order ``ord``."""
    ord = 2 if ord in (None, "fro", "f") else ord
    weight = NORMS[ord] if ord in NORMS else power_norm(ord)
    return weight(z, x, axes)


def by_keyword(x: Any, *, axis: Any, keepdims: bool, **options: Any) -> Any:
    """Spell a function of our own, whose options are all given."""
    return (x,), {"axis": axis, "keepdims": keepdims, **options}


RULES: dict[Callable[..., Any], Primitive] = {
    **{f: reduction(f, weight, arguments) for f, (arguments, weight) in WEIGHTS.items()},
    **{f: reduction(f, weight, by_keyword) for f, weight in SPREADS.items()},
    entry_norm: reduction(entry_norm, norm_weight, norm_arguments, "norm"),
}
