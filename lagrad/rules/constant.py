"""Functions without a gradient by nature, and those that are spelt by other functions.

`NO_GRADIENT` functions are steps: their value is structure, and carries no multiplier. `SPELT`
functions need no rule: they are run as a composition of functions that have one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.containers import map_leaves
from lagrad.dispatch import overridable
from lagrad.rules.reductions import logsumexp

# fmt: off
NO_GRADIENT: frozenset[Callable[..., Any]] = frozenset({
    np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert,
    np.isfinite, np.isnan, np.isinf, np.signbit, np.isclose, np.allclose, np.array_equal,
    np.sign, np.floor, np.ceil, np.rint, np.trunc, np.round, np.around, np.fix,
    np.floor_divide, np.heaviside, np.spacing, np.isposinf, np.isneginf,
    np.argmax, np.argmin, np.argsort, np.argwhere, np.nonzero, np.flatnonzero,
    np.count_nonzero, np.searchsorted, np.digitize, np.any, np.all, np.nanargmax, np.nanargmin,
    np.array_repr, np.array_str, np.array2string, np.isreal, np.iscomplex,
})
# fmt: on


@overridable
def stopped(x: Any) -> Any:
    """Return one value as a constant; a trace overrides this."""
    return x


def stop_gradient(x: Any) -> Any:
    """Return ``x`` as a constant: no multiplier passes through it.

    Parameters
    ----------
    x : array, scalar or nested container of them

    Examples
    --------
    >>> import lagrad as lg
    >>> float(lg.grad(lambda x: x * lg.stop_gradient(x))(3.0))
    3.0
    """
    return map_leaves(stopped, x)


def softmax(x: Any, axis: Any = -1) -> Any:
    """Return exp(x) / sum(exp(x)) along ``axis``, computed without overflow.

    Parameters
    ----------
    x : array
    axis : int or tuple of int
        Along which the result sums to one.

    Examples
    --------
    >>> softmax(np.array([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    return np.exp(x - logsumexp(x, axis=axis, keepdims=True))


def cross_entropy(logits: Any, target: Any, axis: int = -1) -> Any:
    """Return the cross-entropy of softmax(logits) along ``axis``: ``-sum p log q``.

    ``-sum p (z - logsumexp(z))``; its derivative to the logits z is ``q sum(p) - p``.

    Parameters
    ----------
    logits : array (..., classes)
        Unnormalised log probabilities.
    target : integer array (...) of classes, or array of probabilities p shaped like ``logits``
    axis : int
        The axis of the classes.

    Returns
    -------
    array (...)
        One number an example; take its mean or sum as you need.
    """
    log_q = logits - logsumexp(logits, axis=axis, keepdims=True)
    if np.ndim(target) == np.ndim(logits):
        return -np.sum(target * log_q, axis=axis)
    classes = np.expand_dims(np.asarray(target), axis)
    shape = [1] * np.ndim(logits)
    shape[axis] = -1
    picked = classes == np.reshape(np.arange(np.shape(logits)[axis]), shape)
    return -np.sum(np.where(picked, log_q, 0.0), axis=axis)


def relu(x: Any) -> Any:
    """Return max(x, 0), with derivative 1/2 at 0.

    Examples
    --------
    >>> relu(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return np.maximum(x, 0.0)


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


# fmt: off
SPELT: dict[Callable[..., Any], Callable[..., Any]] = {
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
