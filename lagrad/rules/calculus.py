"""Numbers along a line: evenly spaced ones, interpolation between them, and roots of polynomials.

Conventions: at a knot `interpolate` has the slope of the interval that begins there, and at the
last knot that of the last interval; its values depend on that knot alone. A multiple root has no
derivative, and an infinite one is reported. The roots are in the order in which NumPy finds them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import overridable, settled
from lagrad.partials import Broadcast, Matrix, Partial, Scale, then
from lagrad.primitive import Primitive
from lagrad.rules.constant import entries_at
from lagrad.rules.shaping import reshaped, take


@overridable
def linspace(start: Any, stop: Any, *, num: int, endpoint: bool, dtype: Any, axis: int) -> Any:
    """np.linspace, the samples alone."""
    return np.linspace(start, stop, num, endpoint, False, dtype, axis)


@overridable
def geomspace(start: Any, stop: Any, *, num: int, endpoint: bool, dtype: Any, axis: int) -> Any:
    """np.geomspace."""
    return np.geomspace(start, stop, num, endpoint, dtype, axis)


# fmt: off
#: The derivatives to start and stop at the fractions s of the way.
SAMPLES: dict[Callable[..., Any], tuple[Callable[..., Any], ...]] = {
    linspace:  (lambda z, a, b, s: 1 - s,       lambda z, a, b, s: s),
    geomspace: (lambda z, a, b, s: (1 - s) * z / a, lambda z, a, b, s: s * z / b),
}
# fmt: on


def samples(function: Callable[..., Any], derivatives: tuple[Callable[..., Any], ...]) -> Primitive:
    """Return the primitive of samples between two ends; an end has no entry where the other is."""

    def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
        num, axis = kwargs["num"], kwargs["axis"] % np.ndim(z)
        fraction = np.arange(num) / max(num - 1 if kwargs["endpoint"] else num, 1)
        line = [-1 if i == axis else 1 for i in range(np.ndim(z))]
        fraction = fraction.reshape(line)
        ends = [lengthened(np.shape(a), np.ndim(z), axis) for a in args]
        a, b = (np.reshape(x, shape) for x, shape in zip(args, ends, strict=True))
        d = derivatives[k](z, a, b, fraction)
        d = d if d.dtype == z.dtype else d.astype(z.dtype)
        weight = Scale(d, np.shape(z), fraction != (1, 0)[k])
        return then(weight, Broadcast(ends[k], np.shape(z)), reshaped(np.shape(args[k]), ends[k]))

    return Primitive(
        function.__name__,
        function,
        partial,
        multilinear=function is linspace,
        arguments=lambda start, stop, **options: ((start, stop), options),
    )


def lengthened(shape: tuple[int, ...], n: int, axis: int) -> tuple[int, ...]:
    """Return the shape of an end with an axis of length one where the samples lie."""
    shape = (1,) * (n - 1 - len(shape)) + shape
    return (*shape[:axis], 1, *shape[axis:])


@overridable
def interpolate(x: Any, xp: Any, fp: Any) -> Any:
    """np.interp, constant on both sides of the knots."""
    return np.interp(x, xp, fp)


def interpolate_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Z = (1 - t) fp_i + t fp_j between two knots; each of them counts where its weight does."""
    x, xp, fp = args
    shape, n = np.shape(z), np.shape(xp)[0]
    i = np.clip(settled(np.searchsorted(xp, x, side="right")) - 1, 0, max(n - 2, 0))
    j = np.minimum(i + 1, n - 1)
    before, after = np.less(x, xp[0]), np.greater(x, xp[-1])
    inside = np.logical_and(np.logical_not(np.logical_or(before, after)), i != j)
    width = np.where(inside, entries_at(xp, j) - entries_at(xp, i), 1.0)
    t = np.where(inside, (x - entries_at(xp, i)) / width, np.where(before, 0.0, 1.0))
    slope = np.where(inside, (entries_at(fp, j) - entries_at(fp, i)) / width, 0.0)
    if k == 0:
        return Scale(slope, shape, inside)
    first, last = take(i, np.shape(xp), shape), take(j, np.shape(xp), shape)
    if k == 1:
        weights = (-slope * (1 - t), inside), (-slope * t, inside)
    else:
        weights = (1 - t, np.logical_not(after)), (t, np.logical_not(before))
    return Scale(weights[0][0], shape, weights[0][1]) @ first + (
        Scale(weights[1][0], shape, weights[1][1]) @ last
    )


def roots_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """sum_k p_k z^(n-k) = 0 at each root, so dz/dp_k = -z^(n-k) / p'(z)."""
    (p,) = args
    powers = np.reshape(z, (-1, 1)) ** np.arange(np.size(p) - 1, -1, -1)
    slopes = np.polyval(np.polyder(p), z)
    m = (-powers / np.reshape(slopes, (-1, 1))).astype(z.dtype)
    return Matrix(m, np.shape(p), np.shape(z))


RULES: dict[Callable[..., Any], Primitive] = {
    **{f: samples(f, d) for f, d in SAMPLES.items()},
    interpolate: Primitive("interp", interpolate, interpolate_partial),
    np.roots: Primitive(
        "roots",
        np.roots,
        roots_partial,
        arguments=lambda p: ((np.atleast_1d(p),), {}),
    ),
}
