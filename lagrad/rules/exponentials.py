"""Shares of exponentials: softmax, its logarithm, their common sum and the cross-entropy.

    d = x - max x      e = exp(d)      s = sum e      p = e / s, the softmax
    logsumexp          z = max x + log s       dz = sum p dx
    log_softmax        z = d - log s           dz = dx - sum p dx
    softmax            z = p                   dz = z (dx - sum z dx)
    cross_entropy      z = log s - d_class     dz = sum (p - [class]) dx

The largest entry is taken away first, so that nothing overflows; as a constant, since z does not
depend on it. A line of -inf alone has no share. The weights say p as e / s, from the same formulas
as the value: in a program that computes both they are the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import overridable
from lagrad.partials import ONE, Broadcast, Partial, Scale, Sum
from lagrad.primitive import Primitive
from lagrad.rules.constant import stopped
from lagrad.rules.elementwise import nonzero
from lagrad.rules.options import Axes, axes_of, size
from lagrad.rules.reductions import by_keyword, reduction
from lagrad.rules.shaping import reshaped


def along(x: Any, axes: Axes) -> dict[str, Any]:
    """Return the options that reduce x over axes, which are kept if there are others."""
    if len(axes) == np.ndim(x):
        return {}
    return {"axis": axes[0] if len(axes) == 1 else axes, "keepdims": True}


def largest(x: Any, axes: Axes) -> Any:
    """Return the largest real part of each line, and 0 where that is not finite."""
    x = stopped(x)
    x = np.real(x) if np.iscomplexobj(x) else x
    options = along(x, axes) | ({} if size(x, axes) else {"initial": -np.inf})
    top = np.max(x, **options)
    return np.where(np.isfinite(top), top, top.dtype.type(0))


def exponentials(x: Any, axes: Axes) -> tuple[Any, Any, Any, Any]:
    """Return (max x, d, e, s)."""
    top = largest(x, axes)
    d = x - top
    e = np.exp(d)
    return top, d, e, np.sum(e, **along(x, axes))


def logarithm(s: Any) -> Any:
    """Return log(s), -inf for a sum without entries."""
    with np.errstate(divide="ignore"):
        return np.log(s)


@overridable
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return log(sum(exp(x))) along ``axis``."""
    axes = axes_of(x, axis)
    top, _, _, s = exponentials(x, axes)
    z, total = logarithm(s) + top, Sum(axes, np.shape(x), keepdims)
    return z if np.shape(z) == total.out_shape else np.reshape(z, total.out_shape)


@overridable
def log_softmax(x: Any, axis: Any) -> Any:
    """Return x - logsumexp(x)."""
    _, d, _, s = exponentials(x, axes_of(x, axis))
    return d - logarithm(s)


@overridable
def softmax(x: Any, axis: Any) -> Any:
    """Return exp(x) / sum(exp(x))."""
    _, _, e, s = exponentials(x, axes_of(x, axis))
    return e / nonzero(s)


@overridable
def cross_entropy(x: Any, *, axis: int, keepdims: bool, classes: Any) -> Any:
    """Return logsumexp(x) - x[class]."""
    _, d, _, s = exponentials(x, (axis,))
    shape = np.shape(classes)
    places: list[Any] = list(np.ogrid[tuple(slice(n) for n in shape)])
    return np.reshape(logarithm(s), shape) - d[(*places[:axis], classes, *places[axis:])]


# -- the rules -----------------------------------------------------------------------------------


def mean(x: Any, axes: Axes) -> Partial:
    """``v -> sum p v``, which is sum(e v) / s: one product of the size of x instead of two."""
    total = Sum(axes, np.shape(x), True)
    _, _, e, s = exponentials(x, axes)
    share = Scale(1 / np.reshape(nonzero(s), total.kept), total.kept)
    return share @ total @ Scale(e, np.shape(x))


def logsumexp_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dz = sum p dx."""
    m = mean(args[0], axes_of(args[0], kwargs["axis"]))
    return m if m.out_shape == np.shape(z) else reshaped(m.out_shape, np.shape(z)) @ m


def log_softmax_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dz = dx - sum p dx."""
    shape, m = np.shape(z), mean(args[0], axes_of(z, kwargs["axis"]))
    return Scale(ONE, shape) - Broadcast(m.out_shape, shape) @ m


def softmax_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dz = z (dx - sum z dx)."""
    shape = np.shape(z)
    total = Sum(axes_of(z, kwargs["axis"]), shape, True)
    weighed = Scale(z, shape)
    return weighed @ (Scale(ONE, shape) - Broadcast(total.out_shape, shape) @ total @ weighed)


def excess(z: Any, x: Any, axes: Axes, classes: Any) -> Any:
    """Return p - [class]."""
    (axis,) = axes
    _, _, e, s = exponentials(x, axes)
    count = [np.shape(x)[axis] if k == axis else 1 for k in range(np.ndim(x))]
    numbers = np.arange(np.shape(x)[axis]).reshape(count)
    return e / nonzero(s) - np.equal(np.expand_dims(classes, axis), numbers)


def logsumexp_arguments(x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """Spell logsumexp as function(x, axis=, keepdims=)."""
    return (x,), {"axis": axis, "keepdims": bool(keepdims)}


def along_arguments(x: Any, axis: Any) -> Any:
    """The axis is an option."""
    return (x,), {"axis": axis}


RULES: dict[Callable[..., Any], Primitive] = {
    logsumexp: Primitive("logsumexp", logsumexp, logsumexp_partial, arguments=logsumexp_arguments),
    log_softmax: Primitive(
        "log_softmax", log_softmax, log_softmax_partial, arguments=along_arguments
    ),
    softmax: Primitive("softmax", softmax, softmax_partial, arguments=along_arguments),
    cross_entropy: reduction(cross_entropy, excess, by_keyword),
}
