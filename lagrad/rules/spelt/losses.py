"""Compositions that NumPy has no function for, to be called as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from lagrad.rules import reductions
from lagrad.rules.constant import stopped
from lagrad.rules.options import as_array
from lagrad.status import ArgumentError


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False, b: Any = None) -> Any:
    """Return log(sum(b exp(x))) along ``axis``, computed without overflow.

    ``scipy.special.logsumexp`` gives traced values no hook; without weights this one is SciPy's
    underneath. Its derivative is ``b exp(x - z)`` to x and ``exp(x - z)`` to b.

    Parameters
    ----------
    x : array of any shape
    axis : int, tuple of int or None
        Summed over; ``None`` is all of them.
    keepdims : bool
        Keep the summed axes with length one.
    b : array, optional
        Weights, of a shape that broadcasts with x. A sum below zero has no logarithm: it is NaN.
        What a constant weight of zero leaves out may be anything in x.

    Returns
    -------
    array

    Examples
    --------
    >>> round(float(logsumexp([1000.0, 1000.0])), 6)
    1000.693147
    >>> round(float(logsumexp([1000.0, 1000.0], b=[3.0, 1.0])), 6)
    1001.386294
    """
    if b is None:
        return reductions.logsumexp(x, axis=axis, keepdims=keepdims)
    x, b = as_array(x), as_array(b)
    shape = np.broadcast_shapes(np.shape(x), np.shape(b))
    if isinstance(b, np.ndarray | np.generic):  # A zero of a constant is structure.
        x = np.where(np.not_equal(b, 0), np.broadcast_to(x, shape), -np.inf)
    top = stopped(np.max(x, axis=axis, keepdims=True))
    top = np.where(np.isfinite(top), top, 0.0)
    z = np.log(np.sum(b * np.exp(x - top), axis=axis, keepdims=True)) + top
    return z if keepdims else np.reshape(z, np.shape(np.empty(shape).sum(axis)))


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """Return log(softmax(x)) along ``axis``, ``x - logsumexp(x)``, without overflow or log(0).

    The derivative of z_i to x_j is ``delta_ij - exp(z_j)``.

    Parameters
    ----------
    x : array
    axis : int or tuple of int
        Along which the exponentials of the result sum to one.

    Returns
    -------
    array of the shape of x

    Examples
    --------
    >>> log_softmax(np.array([0.0, -1000.0])).tolist()
    [0.0, -1000.0]
    """
    x = as_array(x)
    return x - logsumexp(x, axis=axis, keepdims=True)


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
    x = as_array(x)
    return np.exp(x - logsumexp(x, axis=axis, keepdims=True))


def cross_entropy(logits: Any, target: Any, axis: int = -1) -> Any:
    """Return the cross-entropy of softmax(logits) along ``axis``: ``-sum p log q``.

    ``-sum p (z - logsumexp(z))``; its derivative to the logits z is ``q sum(p) - p``.

    Parameters
    ----------
    logits : array (..., classes)
        Unnormalised log probabilities.
    target : integer array (...) of classes 0, 1, ..., or array of probabilities like ``logits``
        Integers are classes; floats are probabilities, one for each of the logits.
    axis : int
        The axis of the classes.

    Returns
    -------
    array (...)
        One number an example; take its mean or sum as you need.

    Raises
    ------
    ArgumentError
        If the target does not fit the logits.
    """
    logits, target = as_array(logits), as_array(target)
    shape, n = np.shape(logits), np.ndim(logits)
    if not -n <= axis < n:
        raise ArgumentError(f"axis={axis} for logits of shape {shape}; name that of the classes")
    log_q = logits - logsumexp(logits, axis=axis, keepdims=True)
    if target.dtype.kind in "iu":
        picked = one_hot(np.asarray(target), shape, axis % n)
        return -np.sum(np.where(picked, log_q, 0.0), axis=axis)
    if np.shape(target) != shape:
        raise ArgumentError(
            f"probabilities of shape {np.shape(target)} for logits of shape {shape}; give one for "
            "each of the logits, or classes as integers: target.astype(int)"
        )
    return -np.sum(target * log_q, axis=axis)


def one_hot(classes: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """Return where the classes stand among logits of this shape, as booleans."""
    examples, count = shape[:axis] + shape[axis + 1 :], shape[axis]
    if classes.shape != examples:
        raise ArgumentError(
            f"classes of shape {classes.shape} for logits of shape {shape} with the classes along "
            f"axis {axis}; give shape {examples}, or probabilities as floats: target.astype(float)"
        )
    wrong = classes[(classes < 0) | (classes >= count)]
    if wrong.size:
        raise ArgumentError(
            f"class {wrong[0]} of {count} classes, which are counted from 0 to {count - 1}; "
            "subtract 1 if they begin at 1, and leave out the examples that have none"
        )
    along = [count if k == axis else 1 for k in range(len(shape))]
    return np.expand_dims(classes, axis) == np.arange(count).reshape(along)


def relu(x: Any) -> Any:
    """Return max(x, 0), entry by entry, with derivative 1 above 0, 0 below it and 1/2 at 0.

    Parameters
    ----------
    x : array of any shape

    Examples
    --------
    >>> relu(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return np.maximum(as_array(x), 0.0)
