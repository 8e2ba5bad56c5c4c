"""Compositions that shape arrays: stacking, splitting, diagonals, and what is known of an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.rules.constant import real_sign, unit_step
from lagrad.rules.elementwise import angle
from lagrad.status import TraceError


def stack(arrays: Any, axis: int = 0) -> Any:
    """np.stack."""
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis)


def at_least(n: int) -> Callable[..., Any]:
    """Return np.atleast_1d, 2d or 3d of one array."""

    def lifted(x: Any) -> Any:
        shape = np.shape(x)
        if len(shape) >= n:
            return x
        if n == 3 and len(shape) == 2:
            return np.reshape(x, (*shape, 1))
        if n == 3 and len(shape) == 1:
            return np.reshape(x, (1, *shape, 1))
        return np.reshape(x, (1,) * (n - len(shape)) + shape)

    return lifted


def column_stack(arrays: Any) -> Any:
    """np.column_stack."""
    return np.concatenate([a[:, None] if np.ndim(a) == 1 else a for a in arrays], axis=1)


def hstack(arrays: Any) -> Any:
    """np.hstack."""
    arrays = [at_least(1)(a) for a in arrays]
    return np.concatenate(arrays, axis=0 if np.ndim(arrays[0]) == 1 else 1)


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """np.diff without prepend and append."""
    for _ in range(n):
        a = np.moveaxis(a, axis, 0)
        a = np.moveaxis(a[1:] - a[:-1], 0, axis)
    return a


def diag(v: Any, k: int = 0) -> Any:
    """np.diag, in both directions."""
    if np.ndim(v) == 2:
        return np.diagonal(v, k)
    n = np.shape(v)[0]
    rows = np.arange(n) + max(-k, 0)
    out = np.zeros((n + abs(k), n + abs(k)), dtype=int)
    out[rows, np.arange(n) + max(k, 0)] = np.arange(1, n + 1)
    return np.where(out > 0, v[out - 1], 0.0)


def average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """np.average, with weights shaped like the array or like its averaged axes."""
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    if np.shape(weights) != np.shape(a):
        axes = [int(k) % np.ndim(a) for k in (axis if isinstance(axis, tuple) else (axis,))]
        weights = np.transpose(weights, np.argsort(axes))
        weights = np.reshape(weights, [n if k in axes else 1 for k, n in enumerate(np.shape(a))])
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / total


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """np.rollaxis."""
    n = np.ndim(a)
    axis, start = axis % n, start + n if start < 0 else start
    return np.moveaxis(a, axis, start - (axis < start))


def sign(x: Any) -> Any:
    """np.sign of real numbers; of complex ones it is x/|x|, and was a step before NumPy 2."""
    if np.iscomplexobj(x):
        raise TraceError(
            "np.sign of complex numbers is no step, and differs between versions of NumPy. Write "
            "x / np.abs(x), or np.sign(x.real)"
        )
    return real_sign(x)


# fmt: off
SHAPES: dict[Callable[..., Any], Callable[..., Any]] = {
    np.sign: sign,
    np.heaviside: lambda x1, x2: np.where(np.equal(x1, 0), x2, unit_step(x1)),
    np.angle: lambda z, deg=False: np.rad2deg(angle(z)) if deg else angle(z),
    np.stack: stack,
    np.vstack: lambda arrays: np.concatenate([at_least(2)(a) for a in arrays]),
    np.hstack: hstack,
    np.dstack: lambda arrays: np.concatenate([at_least(3)(a) for a in arrays], axis=2),
    np.column_stack: column_stack,
    np.append: lambda arr, values, axis=None: np.concatenate(
        [np.ravel(arr), np.ravel(values)] if axis is None else [arr, values], axis=axis or 0),
    np.atleast_1d: at_least(1),
    np.atleast_2d: at_least(2),
    np.atleast_3d: at_least(3),
    np.flipud: lambda m: np.flip(m, 0),
    np.fliplr: lambda m: np.flip(m, 1),
    np.rollaxis: rollaxis,
    np.diff: diff,
    np.diag: diag,
    np.trace: lambda a, offset=0, axis1=0, axis2=1: np.sum(
        np.diagonal(a, offset, axis1, axis2), axis=-1),
    np.vdot: lambda a, b: np.dot(np.ravel(np.conjugate(a)), np.ravel(b)),
    np.average: average,
    np.ptp: lambda a, axis=None: np.max(a, axis=axis) - np.min(a, axis=axis),
    np.copy: lambda a, order="K", subok=False: a.copy(),
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
    np.isrealobj: lambda x: x.dtype.kind != "c",
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
    np.result_type: lambda *args: np.result_type(
        *[a if isinstance(a, type) else getattr(a, "dtype", a) for a in args]),
}
# fmt: on
