"""Elementwise functions: one line each, the derivative with respect to each argument.

How to add one: ``function: (d/dx, d/dy, ...)`` where each derivative is a function of the value z
and the arguments, written in NumPy, elementwise. Use z where that is cheaper or more stable. A
derivative that only some entries have is a pair ``(d, mask)`` with d zero outside the mask:
entries outside it do not exist in A. Nothing else is needed: tangents, multipliers, entries of A
and broadcasting follow.

Conventions where a derivative is not unique: |x|' = 0 at 0, and so for a complex x and for
``hypot``; the maximum (minimum) of equal numbers passes one half to each; a bound of ``clip``
belongs to the interior. These hold for the first derivative. The derivative of |x| or of a norm
jumps at 0, so there its own derivative is infinite (`jump`, `quotient`): second derivatives
through it, also of |x|**2, are reported as not finite. Write x*x and x @ x for those.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import masked_multiply, overridable
from lagrad.partials import ONE, Broadcast, Conjugate, Partial, Scale, then, weight_and_mask
from lagrad.primitive import Primitive


def one(z: Any, *args: Any) -> Any:
    """The derivative of a sum."""
    return ONE


@overridable
def sech_squared(x: Any) -> Any:
    """Return 1 / cosh(x)**2, the derivative of tanh, with all its digits and without overflow."""
    with np.errstate(over="ignore", under="ignore"):
        if np.iscomplexobj(x):
            e = np.exp(2 * np.where(np.real(x) > 0, -x, x))
            return 4 * e / ((1 + e) * (1 + e))
        sech = 1 / np.cosh(x)
        return sech * sech


@overridable
def angle(x: Any) -> Any:
    """np.angle in radians."""
    return np.angle(x)


@overridable
def jump(x: Any) -> Any:
    """Return the sign of real x, the derivative of |x|: its own is infinite at 0."""
    return np.sign(x)


@overridable
def quotient(x: Any, y: Any) -> Any:
    """Return x / y with 0 / 0 = 0, though its derivative is infinite there."""
    return x / np.where(np.logical_and(np.equal(x, 0), np.equal(y, 0)), 1.0, y)


# fmt: off
LINEAR: dict[Callable[..., Any], tuple[Callable[..., Any], ...]] = {
    np.add:        (one, one),
    np.subtract:   (one, lambda z, x, y: -ONE),
    np.multiply:   (lambda z, x, y: y, lambda z, x, y: x),
    np.negative:   (lambda z, x: -ONE,),
    np.positive:   (one,),
    **dict.fromkeys((np.deg2rad, np.radians), (lambda z, x: np.pi / 180,)),
    **dict.fromkeys((np.rad2deg, np.degrees), (lambda z, x: 180 / np.pi,)),
    np.real:       (one,),
    np.imag:       (lambda z, x: -1j if np.iscomplexobj(x) else 0.0,),
}

ELEMENTWISE: dict[Callable[..., Any], tuple[Callable[..., Any], ...]] = {
    np.divide:     (lambda z, x, y: 1 / y, lambda z, x, y: -z / y),
    **dict.fromkeys((np.power, np.float_power), (lambda z, x, y: power_base(x, y),
                                                 lambda z, x, y: power_exponent(z, x, y))),
    np.reciprocal: (lambda z, x: -z * z,),
    np.square:     (lambda z, x: 2 * x,),
    np.sqrt:       (lambda z, x: 0.5 / z,),
    np.cbrt:       (lambda z, x: 1 / (3 * z * z),),
    np.absolute:   (lambda z, x: direction(z, x),),
    np.fabs:       (lambda z, x: direction(z, x),),

    # exponentials and logarithms
    np.exp:        (lambda z, x: z,),
    np.exp2:       (lambda z, x: z * math.log(2),),
    np.expm1:      (lambda z, x: np.exp(x),),
    np.log:        (lambda z, x: 1 / x,),
    np.log2:       (lambda z, x: 1 / (x * math.log(2)),),
    np.log10:      (lambda z, x: 1 / (x * math.log(10)),),
    np.log1p:      (lambda z, x: 1 / (1 + x),),
    np.logaddexp:  (lambda z, x, y: np.exp(x - finite(z)), lambda z, x, y: np.exp(y - finite(z))),
    np.logaddexp2: (lambda z, x, y: np.exp2(x - finite(z)), lambda z, x, y: np.exp2(y - finite(z))),

    # trigonometric and hyperbolic; x - -1 keeps a zero imaginary part's sign, 1 + x would not
    np.sin:        (lambda z, x: np.cos(x),),
    np.cos:        (lambda z, x: -np.sin(x),),
    np.tan:        (lambda z, x: 1 + z * z if np.isrealobj(x) else sech_squared(1j * x),),
    np.arcsin:     (lambda z, x: 1 / (np.sqrt(-(x - 1)) * np.sqrt(x - -1)),),
    np.arccos:     (lambda z, x: -1 / (np.sqrt(-(x - 1)) * np.sqrt(x - -1)),),
    np.arctan:     (lambda z, x: 1 / (1 + x * x) if np.isrealobj(x)
                     else 1 / (1 - 1j * x) / (1 + 1j * x),),
    np.arctan2:    (lambda z, y, x: x / np.hypot(x, y) / np.hypot(x, y),
                     lambda z, y, x: -y / np.hypot(x, y) / np.hypot(x, y)),
    np.hypot:      (lambda z, x, y: quotient(x, z), lambda z, x, y: quotient(y, z)),
    np.sinh:       (lambda z, x: np.cosh(x),),
    np.cosh:       (lambda z, x: np.sinh(x),),
    np.tanh:       (lambda z, x: sech_squared(x),),
    np.arcsinh:    (lambda z, x: 1 / np.hypot(x, 1.0) if np.isrealobj(x)
                     else 1 / (np.sqrt(1 - 1j * x) * np.sqrt(1 + 1j * x)),),
    np.arccosh:    (lambda z, x: 1 / (np.sqrt(x - 1) * np.sqrt(x - -1)),),
    np.arctanh:    (lambda z, x: 1 / (1 - x) / (1 + x),),

    # selections: pairs (derivative, mask)
    **dict.fromkeys((np.maximum, np.minimum, np.fmax, np.fmin),
                    (lambda z, x, y: picked(z, x, y), lambda z, x, y: picked(z, y, x))),
    np.remainder:  (one, lambda z, x, y: -np.floor_divide(x, y)),
    np.fmod:       (one, lambda z, x, y: -np.trunc(x / y)),
    np.copysign:   (lambda z, x, y: np.sign(z) * np.sign(x), lambda z, x, y: 0.0),
    np.ldexp:      (lambda z, x, n: np.exp2(n).astype(z.dtype), lambda z, x, n: 0.0),
    np.nextafter:  (one, lambda z, x, y: 0.0),

    # our own, most of them derivatives of the above
    sech_squared:  (lambda z, x: -2 * z * np.tanh(x),),
    angle:         (lambda z, x: -1j / x if np.iscomplexobj(x) else 0.0,),
    jump:          (lambda z, x: steep(x),),
    quotient:      (lambda z, x, y: 1 / y, lambda z, x, y: -z / y),
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


def power_exponent(z: Any, x: Any, y: Any) -> Any:
    """d(x**y)/dy = x**y log(x); at x = 0 that is 0 for y > 0, and -inf for y = 0."""
    flat = np.logical_and(np.equal(x, 0), np.not_equal(y, 0))
    base = np.where(flat, 1.0, x)
    return z * np.log(base if base.dtype == z.dtype else base.astype(z.dtype))


def direction(z: Any, x: Any) -> Any:
    """d|x|/dx: the sign of a real number, conj(x)/|x| of a complex one, 0 at 0."""
    return quotient(np.conjugate(x), z) if np.iscomplexobj(x) else jump(x)


def steep(x: Any) -> tuple[Any, Any]:
    """Return the slope of a jump at 0, which exists only there."""
    here = np.equal(x, 0)
    return np.where(here, np.inf, 0.0).astype(x.dtype), here


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
        d, mask = weight_and_mask(derivatives[k](z, *args))
        # np.shape asks a traced value by NumPy's protocol, which takes twenty times as long.
        x = args[k]
        shape = z.shape if hasattr(z, "shape") else np.shape(z)
        own = x.shape if hasattr(x, "shape") else np.shape(x)
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
