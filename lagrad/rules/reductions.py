"""Reductions along axes: one line each, the weight of every entry.

A reduction z of x changes by ``dz = sum over the axes of weight * dx``. A line states the weight as
a function of z (with the reduced axes kept, of length one), x and the axes; a pair
``(weight, mask)`` where only some entries take part.

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
from scipy import special as sc

from lagrad.dispatch import overridable
from lagrad.partials import ONE, Partial, Scale, Sum, then, weight_and_mask
from lagrad.primitive import Primitive
from lagrad.rules.constant import stopped
from lagrad.rules.elementwise import direction, finite, nonzero, quotient

Axes = tuple[int, ...]


@overridable
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return log(sum(exp(x))) along ``axis``, computed without overflow.

    SciPy's function of the same name gives traced values no hook; this one is SciPy's underneath.

    Parameters
    ----------
    x : array of any shape
    axis : int, tuple of int or None
        Summed over; ``None`` is all of them.
    keepdims : bool
        Keep the summed axes with length one.

    Examples
    --------
    >>> round(float(logsumexp([1000.0, 1000.0])), 6)
    1000.693147
    """
    return sc.logsumexp(x, axis=axis, keepdims=keepdims)


def scale_to(x: Any, z: Any) -> Any:
    """Return x / z with 0 where z is 0, and conj(x) for complex x."""
    return quotient(np.conjugate(x) if np.iscomplexobj(x) else x, z)


def ties(z: Any, x: Any, axes: Axes) -> tuple[Any, Any]:
    """The entries equal to the maximum (minimum) share it evenly; the others do not exist."""
    here = np.equal(x, z)
    share = np.where(here, 1.0, 0.0) / np.sum(here, axis=axes, keepdims=True)
    return share.astype(z.dtype), here


def product_of_others(z: Any, x: Any, axes: Axes) -> Any:
    """Return the product of all other entries: z / x, or without division where x has a zero."""
    if np.all(np.not_equal(x, 0)):
        return z / x
    rest = tuple(k for k in range(np.ndim(x)) if k not in axes)
    order, shape = rest + axes, np.shape(x)
    flat = np.reshape(np.transpose(x, order), [*(shape[k] for k in rest), -1])
    n = flat.shape[-1]
    others = np.prod(np.where(np.eye(n, dtype=bool), 1.0, flat[..., None, :]), axis=-1)
    back = np.reshape(others, [shape[k] for k in order])
    return np.transpose(back, np.argsort(order))


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
    squares = np.real(c) * np.real(c) + np.imag(c) * np.imag(c) if np.iscomplexobj(c) else c * c
    return quotient(c * share, np.sqrt(np.sum(squares, axis=axes, keepdims=True) * share))


def size(x: Any, axes: Axes) -> int:
    """Return how many entries go into one result."""
    return math.prod(np.shape(x)[k] for k in axes)


def inverse(n: float) -> float:
    """Return 1/n, and NaN where no entry is left to share."""
    return 1 / n if n > 0 else math.nan


# fmt: off
WEIGHTS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.sum:    lambda z, x, axes: ONE,
    np.mean:   lambda z, x, axes: inverse(size(x, axes)),
    np.prod:   product_of_others,
    **dict.fromkeys((np.max, np.min, np.amax, np.amin), ties),
    logsumexp: lambda z, x, axes: np.exp(x - finite(z)),
}
SPREADS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.var: lambda z, x, axes, ddof: 2 * inverse(size(x, axes) - ddof) * center(x, axes),
    np.std: lambda z, x, axes, ddof: spread(x, axes, ddof),
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


def axes_of(x: Any, axis: Any) -> Axes:
    """Return ``axis`` as a sorted tuple of non-negative axes of x."""
    n = np.ndim(x)
    axis = range(n) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    return tuple(sorted(int(k) % n for k in axis))


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


def reduction_arguments(
    a: Any, axis: Any = None, *, keepdims: Any = False, out: None = None
) -> Any:
    """Spell a reduction as function(a, axis=, keepdims=)."""
    if out is not None:
        raise TypeError("out= writes into a plain array")
    return (a,), {"axis": axis, "keepdims": bool(keepdims)}


def spread_arguments(
    a: Any, axis: Any = None, *, ddof: float = 0, keepdims: Any = False, out: None = None
) -> Any:
    """Spell a variance as function(a, axis=, ddof=, keepdims=)."""
    (a,), kwargs = reduction_arguments(a, axis, keepdims=keepdims, out=out)
    return (a,), {**kwargs, "ddof": ddof}


def norm_arguments(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Spell a norm as function(x, ord=, axis=, keepdims=); only norms of entries have a rule."""
    if isinstance(axis, list):
        axis = tuple(axis)
    lengths = np.ndim(x) if axis is None else len(axis) if isinstance(axis, tuple) else 1
    entrywise = ord is None or (lengths == 1 and ord != "fro" and ord != 0)
    if not entrywise and not (ord == "fro" and lengths == 2):
        raise TypeError(f"ord={ord!r} of a {lengths}-d array is no norm of its entries")
    return (x,), {"ord": ord, "axis": axis, "keepdims": keepdims}


def norm_weight(z: Any, x: Any, axes: Axes, ord: Any) -> Any:
    """Return the weight of the norm of order ``ord``."""
    ord = 2 if ord is None or ord == "fro" else ord
    weight = NORMS[ord] if ord in NORMS else power_norm(ord)
    return weight(z, x, axes)


RULES: dict[Callable[..., Any], Primitive] = {
    **{f: reduction(f, w, reduction_arguments) for f, w in WEIGHTS.items()},
    **{f: reduction(f, w, spread_arguments) for f, w in SPREADS.items()},
    np.linalg.norm: reduction(np.linalg.norm, norm_weight, norm_arguments, "norm"),
}
