"""The options of reductions, which change the array before it is reduced.

A reduction has a rule as ``function(a, axis=, keepdims=)``. What ``where`` leaves out becomes the
number that changes nothing, ``dtype`` is a cast of the entries, and ``initial`` is one more entry.
What is no reduction of a changed array (a mean of some entries) is computed first and handed over.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

Axes = tuple[int, ...]
NO_VALUE = inspect.signature(np.sum).parameters["initial"].default


def axes_of(x: Any, axis: Any) -> Axes:
    """Return ``axis`` as a sorted tuple of non-negative axes of x."""
    n = np.ndim(x)
    axis = range(n) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    if n == 0 and all(k in (0, -1) for k in axis):  # as NumPy lets numbers have an axis
        return ()
    for k in axis:
        if not -n <= k < n:
            raise np.exceptions.AxisError(int(k), n)
    return tuple(sorted(int(k) % n for k in axis))


def size(x: Any, axes: Axes) -> int:
    """Return how many entries go into one result."""
    return math.prod(np.shape(x)[k] for k in axes)


def as_array(x: Any) -> Any:
    """Return x as an array; of lists that hold traced values, a traced one."""
    if hasattr(x, "dtype"):
        return x
    many = isinstance(x, list | tuple) and len(x) > 0
    return np.stack([as_array(a) for a in x]) if many else np.asarray(x)


def spelt(
    neutral: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Spell a reduction as function(a, axis=, keepdims=); ``neutral`` is what changes nothing.

    The other arguments are those of np.sum and np.prod.
    """
    if out is not None:
        raise TypeError("out= writes into a plain array")
    if dtype is not None:
        a = as_array(a).astype(dtype)
    if where is not True:
        a = as_array(a)
        a = np.where(mask_of(where, a), a, np.asarray(neutral, a.dtype))
    if given(initial):
        a, axis, keepdims = with_initial(as_array(a), initial, axis, keepdims)
    return (a,), {"axis": axis, "keepdims": bool(keepdims)}


def mask_of(where: Any, a: Any) -> Any:
    """Return ``where`` in the shape of the array; only booleans are masks."""
    where = as_array(where)
    if where.dtype != bool:
        raise TypeError(f"where= of {where.dtype}; a mask is of booleans: where != 0")
    return np.broadcast_to(where, np.shape(a))


def given(initial: Any) -> bool:
    """Tell whether there is an ``initial``; NumPy passes a mark of its own where there is none."""
    return initial is not None and initial is not NO_VALUE


def with_initial(a: Any, initial: Any, axis: Any, keepdims: Any) -> tuple[Any, Any, Any]:
    """Return the array with ``initial`` in front of every line that is reduced; axis, keepdims."""
    axes = axes_of(a, axis)
    if not axes:
        a, axes, keepdims = np.expand_dims(a, 0), (0,), False
    shape, first = np.shape(a), axes[0]
    if len(axes) > 1:  # All the axes become one, in the place of the first.
        lines = np.moveaxis(a, axes, tuple(range(first, first + len(axes))))
        a = np.reshape(lines, kept_shape(shape, axes, size(a, axes)))
    front = np.broadcast_to(as_array(initial).astype(a.dtype), kept_shape(shape, axes, 1))
    return np.concatenate([front, a], axis=first), axes, keepdims


def kept_shape(shape: Axes, axes: Axes, length: int) -> Axes:
    """Return the shape with ``length`` at the first of the axes and 1 at the others."""
    return tuple(n if k not in axes else length if k == axes[0] else 1 for k, n in enumerate(shape))


#: What a number computed in another way is handed over as: its sum, or mean, over no axes.
AS_IT_IS = {"axis": (), "keepdims": False}


def sum_arguments(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Spell a sum; with ``initial`` the total of both is handed over as it is."""
    (a,), options = spelt(0.0, a, axis, dtype, out, keepdims, None, where)
    if not given(initial):
        return (a,), options
    a = as_array(a)
    return (np.sum(a, **options) + as_array(initial).astype(a.dtype),), AS_IT_IS


prod_arguments = partial(spelt, 1.0)


def extreme_arguments(neutral: Any) -> Callable[..., Any]:
    """Return the speller of np.max, np.min and their kin, which take no dtype."""

    def arguments(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = None,
        where: Any = True,
    ) -> Any:
        if where is not True and not given(initial):
            raise TypeError("where= needs initial=, the result where the mask leaves nothing")
        return spelt(neutral, a, axis, None, out, keepdims, initial, where)

    return arguments


def mean_arguments(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    """Spell a mean; a mean of some entries is handed over as it is."""
    if where is True:
        return spelt(0.0, a, axis, dtype, out, keepdims)
    (a,), _ = spelt(0.0, a, axis, dtype, out, keepdims)
    return (mean_of(as_array(a), where, axis, keepdims),), AS_IT_IS


def mean_of(a: Any, where: Any, axis: Any, keepdims: Any) -> Any:
    """Return the mean of the entries of ``a`` at which ``where`` holds."""
    here = mask_of(where, a)
    total = np.sum(np.where(here, a, np.asarray(0, a.dtype)), axis=axis, keepdims=keepdims)
    return total / np.sum(here, axis=axis, keepdims=keepdims).astype(a.dtype)
