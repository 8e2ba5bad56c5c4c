"""Elementwise functions: one line each, the derivative with respect to each argument.

How to add one: ``function: (d/dx, d/dy, ...)`` where each derivative is a function of the value z
and the arguments, written in NumPy, elementwise. Use z where that is cheaper or more stable. A
derivative that only some entries have is a pair ``(d, mask)`` with d zero outside the mask:
entries outside it do not exist in A. Nothing else is needed: tangents, multipliers, entries of A
and broadcasting follow.

Conventions where a derivative is not unique: |x|' = 0 at 0; the maximum (minimum) of equal numbers
passes one half to each; a bound of ``clip`` belongs to the interior.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import masked_multiply
from lagrad.partials import ONE, Broadcast, Conjugate, Partial, Scale, then
from lagrad.primitive import Primitive


def one(z: Any, *args: Any) -> Any:
    """The derivative of a sum."""
    return ONE


# fmt: off
LINEAR: dict[Callable[..., Any], tuple[Callable[..., Any], ...]] = {
    np.add:        (one, one),
    np.subtract:   (one, lambda z, x, y: -ONE),
    np.multiply:   (lambda z, x, y: y, lambda z, x, y: x),
    np.negative:   (lambda z, x: -ONE,),
    np.positive:   (one,),
    np.deg2rad:    (lambda z, x: np.pi / 180,),
    np.radians:    (lambda z, x: np.pi / 180,),
    np.rad2deg:    (lambda z, x: 180 / np.pi,),
    np.degrees:    (lambda z, x: 180 / np.pi,),
    np.real:       (one,),
    np.imag:       (lambda z, x: -1j if np.iscomplexobj(x) else 0.0,),
}

ELEMENTWISE: dict[Callable[..., Any], tuple[Callable[..., Any], ...]] = {
    np.divide:     (lambda z, x, y: 1 / y, lambda z, x, y: -z / y),
    np.power:      (lambda z, x, y: power_base(x, y), lambda z, x, y: power_exponent(z, x)),
    np.float_power: (lambda z, x, y: power_base(x, y), lambda z, x, y: power_exponent(z, x)),
    np.reciprocal: (lambda z, x: -z * z,),
    np.square:     (lambda z, x: 2 * x,),
    np.sqrt:       (lambda z, x: 0.5 / z,),
    np.cbrt:       (lambda z, x: 1 / (3 * z * z),),
    np.absolute:   (lambda z, x: direction(z, x),),
    np.fabs:       (lambda z, x: np.sign(x),),

    # exponentials and logarithms
    np.exp:        (lambda z, x: z,),
    np.exp2:       (lambda z, x: z * math.log(2),),
    np.expm1:      (lambda z, x: z + 1,),
    np.log:        (lambda z, x: 1 / x,),
    np.log2:       (lambda z, x: 1 / (x * math.log(2)),),
    np.log10:      (lambda z, x: 1 / (x * math.log(10)),),
    np.log1p:      (lambda z, x: 1 / (1 + x),),
    np.logaddexp:  (lambda z, x, y: np.exp(x - finite(z)), lambda z, x, y: np.exp(y - finite(z))),

    # trigonometric and hyperbolic
    np.sin:        (lambda z, x: np.cos(x),),
    np.cos:        (lambda z, x: -np.sin(x),),
    np.tan:        (lambda z, x: 1 + z * z,),
    np.arcsin:     (lambda z, x: 1 / np.sqrt(1 - x * x),),
    np.arccos:     (lambda z, x: -1 / np.sqrt(1 - x * x),),
    np.arctan:     (lambda z, x: 1 / (1 + x * x),),
    np.arctan2:    (lambda z, y, x: x / (x * x + y * y), lambda z, y, x: -y / (x * x + y * y)),
    np.hypot:      (lambda z, x, y: x / nonzero(z), lambda z, x, y: y / nonzero(z)),
    np.sinh:       (lambda z, x: np.cosh(x),),
    np.cosh:       (lambda z, x: np.sinh(x),),
    np.tanh:       (lambda z, x: 1 - z * z,),
    np.arcsinh:    (lambda z, x: 1 / np.sqrt(x * x + 1),),
    np.arccosh:    (lambda z, x: 1 / np.sqrt((x - 1) * (x + 1)),),
    np.arctanh:    (lambda z, x: 1 / (1 - x * x),),

    # selections: pairs (derivative, mask)
    np.maximum:    (lambda z, x, y: picked(z, x, y), lambda z, x, y: picked(z, y, x)),
    np.minimum:    (lambda z, x, y: picked(z, x, y), lambda z, x, y: picked(z, y, x)),
    np.fmax:       (lambda z, x, y: picked(z, x, y), lambda z, x, y: picked(z, y, x)),
    np.fmin:       (lambda z, x, y: picked(z, x, y), lambda z, x, y: picked(z, y, x)),
    np.remainder:  (one, lambda z, x, y: -np.floor_divide(x, y)),
    np.fmod:       (one, lambda z, x, y: -np.trunc(x / y)),
    np.copysign:   (lambda z, x, y: np.sign(z) * np.sign(x), lambda z, x, y: 0.0),
}
# fmt: on


def power_base(x: Any, y: Any) -> Any:
    """d(x**y)/dx = y x**(y-1), which is 0 for y = 0 even at x = 0."""
    if type(y) in (int, float, np.float64, np.int64):
        if y == 2:
            return 2 * x
        return y * x ** (y - 1) if y != 0 else 0.0
    zero = np.equal(y, 0)
    return np.where(zero, 0.0, y * x ** np.where(zero, 1.0, y - 1))


def power_exponent(z: Any, x: Any) -> Any:
    """d(x**y)/dy = x**y log(x), and 0 at x = 0, its limit for y > 0."""
    base = np.where(np.equal(x, 0), 1.0, x)
    return z * np.log(base if base.dtype == z.dtype else base.astype(z.dtype))


def direction(z: Any, x: Any) -> Any:
    """d|x|/dx: the sign of a real number, conj(x)/|x| of a complex one, 0 at 0."""
    if np.iscomplexobj(x):
        return np.conjugate(x) / nonzero(z)
    return np.sign(x)


def chosen(z: Any, y: Any, mask: Any) -> Any:
    """Return y where mask holds and 0 elsewhere, never of a wider dtype than z."""
    y = np.where(mask, y, 0.0)
    return y if np.result_type(y.dtype, z.dtype) == z.dtype else y.astype(z.dtype)


def nonzero(z: Any) -> Any:
    """Return z with 1 in the place of 0, to divide by what has derivative 0 there."""
    return np.where(np.equal(z, 0), 1.0, z)


def finite(z: Any) -> Any:
    """Return z with 0 for inf and NaN, to be taken from an exponent that may be -inf."""
    return np.where(np.isfinite(z), z, 0.0)


def picked(z: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Return the derivative of a maximum or minimum to x, and where x is picked."""
    # A NaN that came through must not lose its way in the derivative.
    here = np.logical_or(np.equal(x, z), np.logical_and(np.isnan(x), np.isnan(z)))
    share = np.where(np.equal(x, y), 0.5, np.where(here, 1.0, 0.0))
    return share.astype(z.dtype), here


def elementwise(
    function: Callable[..., Any],
    derivatives: tuple[Callable[..., Any], ...],
    name: str | None = None,
    multilinear: bool = False,
    arguments: Callable[..., Any] | None = None,
) -> Primitive:
    """Return the primitive of an elementwise function; broadcasting is undone here, once."""

    def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
        d, mask = derivatives[k](z, *args), None
        if type(d) is tuple:
            d, mask = d
        shape, own = np.shape(z), np.shape(args[k])
        if own == shape:
            return Scale(d, shape, mask)
        stretch = Broadcast(own, shape)
        return stretch if d is ONE and mask is None else then(Scale(d, shape, mask), stretch)

    label = name or function.__name__
    return Primitive(label, function, partial, derivatives, multilinear, arguments)


def conjugate_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Conj is linear over the reals only; of a real number it is the number."""
    shape = np.shape(z)
    return Conjugate(shape) if np.iscomplexobj(z) else Scale(ONE, shape)


def clip_arguments(a: Any, a_min: Any = None, a_max: Any = None, **other: Any) -> Any:
    """np.clip(a, a_min, a_max), also spelt with min= and max=."""
    low, high = other.pop("min", a_min), other.pop("max", a_max)
    if other:
        raise TypeError(f"clip got {sorted(other)}")
    return (a, low, high), {}


def clip_derivative(k: int) -> Callable[..., Any]:
    """Return the derivative of clip to argument k: the bound that is active, or the array."""

    def derivative(z: Any, x: Any, low: Any, high: Any) -> tuple[Any, Any]:
        below = np.less(x, low) if low is not None else np.zeros(np.shape(x), bool)
        raised = x if low is None else np.maximum(x, low)
        above = np.greater(raised, high) if high is not None else np.zeros(np.shape(x), bool)
        within = np.logical_not(above)  # where the bounds cross, the upper one wins
        here = (np.logical_and(within, np.logical_not(below)), np.logical_and(within, below), above)
        return ONE, here[k]

    return derivative


# fmt: off
RULES: dict[Callable[..., Any], Primitive] = {
    **{f: elementwise(f, d, multilinear=True) for f, d in LINEAR.items()},
    **{f: elementwise(f, d) for f, d in ELEMENTWISE.items()},
    np.conjugate: Primitive("conjugate", np.conjugate, conjugate_partial),
    np.angle: elementwise(np.angle, (lambda z, x: -1j / x if np.iscomplexobj(x) else 0.0,)),
    np.where: elementwise(
        np.where,
        (lambda z, c, x, y: 0.0, lambda z, c, x, y: (ONE, np.not_equal(c, 0)),
         lambda z, c, x, y: (ONE, np.equal(c, 0))),
        arguments=lambda condition, x, y: ((condition, x, y), {}),
    ),
    np.clip: elementwise(
        np.clip, (clip_derivative(0), clip_derivative(1), clip_derivative(2)),
        arguments=clip_arguments,
    ),
    masked_multiply: elementwise(
        masked_multiply,
        (lambda z, x, y, m: (chosen(z, y, m), m), lambda z, x, y, m: (chosen(z, x, m), m)),
    ),
}
# fmt: on
