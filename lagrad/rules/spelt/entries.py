"""What compositions that move entries are made of.

A function that only moves entries, of one array or several, is run by NumPy itself on the numbers
of the entries; the entries are then taken from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import settled
from lagrad.rules.options import as_array

#: What NumPy returns several arrays in: a tuple, and a list before NumPy 2.
SEVERAL = type(np.broadcast_arrays(0))


def moved(function: Callable[..., Any], *arrays: Any) -> Any:
    """Return ``function(*arrays)`` of a function that only moves entries."""
    arrays = tuple(as_array(a) for a in arrays)
    ends = np.cumsum([np.size(a) for a in arrays])
    numbers = [
        np.arange(end - np.size(a), end).reshape(np.shape(a))
        for a, end in zip(arrays, ends, strict=True)
    ]
    flat = [np.ravel(a) for a in arrays]
    entries = flat[0] if len(flat) == 1 else np.concatenate(flat)
    return entries[function(*numbers)]


def fixed(index: Any) -> Any:
    """Return an index or a condition without traced structure in it."""
    if isinstance(index, list | tuple):
        return type(index)(fixed(part) for part in index)
    if not hasattr(index, "__array_function__"):
        return index
    if index.dtype.kind not in "iub":
        raise TypeError(f"an index must be of integers or booleans, not {index.dtype}")
    return settled(index)


def plainly(index: Any) -> Any:
    """Return the same of plain numbers, since the structure of what comes goes by it."""
    index = fixed(index)
    return np.asarray(index) if hasattr(index, "__array_function__") else index


def cast(x: Any, dtype: Any) -> Any:
    """Return x as an array of this dtype; made integers, it is structure."""
    x = as_array(x)
    return x if x.dtype == dtype else x.astype(dtype)
