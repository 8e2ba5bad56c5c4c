"""Compositions that NumPy has no function for, to be called as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from lagrad.dispatch import settled
from lagrad.rules import exponentials
from lagrad.rules.constant import stopped
from lagrad.rules.options import as_array
from lagrad.status import ArgumentError


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False, b: Any = None) -> Any:
    """Return log(sum(b exp(x))) along ``axis``, computed without overflow.

    ``scipy.special.logsumexp`` gives traced values no hook. The derivative of this one is
    ``b exp(x - z)`` to x and ``exp(x - z)`` to b.

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
        return exponentials.logsumexp(x, axis=axis, keepdims=keepdims)
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
    return exponentials.log_softmax(as_array(x), axis=axis)


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
    return exponentials.softmax(as_array(x), axis=axis)


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
    if target.dtype.kind in "iu":
        classes = classes_of(settled(target), shape, axis % n)
        return exponentials.cross_entropy(logits, axis=axis % n, keepdims=False, classes=classes)
    if np.shape(target) != shape:
        raise ArgumentError(
            f"probabilities of shape {np.shape(target)} for logits of shape {shape}; give one for "
            "each of the logits, or classes as integers: target.astype(int)"
        )
    return -np.sum(target * log_softmax(logits, axis), axis=axis)


def classes_of(classes: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Return the classes, which are checked to be some of those that logits of this shape have."""
    examples, count = shape[:axis] + shape[axis + 1 :], shape[axis]
    if np.shape(classes) != examples:
        raise ArgumentError(
            f"classes of shape {np.shape(classes)} for logits of shape {shape} with the classes "
            f"along axis {axis}; give shape {examples}, or probabilities as floats: "
            "target.astype(float)"
        )
    if np.size(classes) and (np.min(classes) < 0 or np.max(classes) >= count):
        wrong = classes[(classes < 0) | (classes >= count)]
        raise ArgumentError(
            f"class {wrong[0]} of {count} classes, which are counted from 0 to {count - 1}; "
            "subtract 1 if they begin at 1, and leave out the examples that have none"
        )
    return classes


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
