"""What a sparse matrix of variables is made of and meets: arrays of numbers, places, a shape."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from lagrad.status import ArgumentError
from lagrad.trace import Traced
from lagrad.trace.record import constant_operand


def array(x: Any, what: str) -> Any:
    """Return an operand as an array of floats or complex numbers, traced if something in it is."""
    x = constant_operand(x)
    if not isinstance(x, Traced | np.ndarray | np.generic):
        x = np.asarray(x)
    if x.dtype.kind in "iub":
        return x.astype(float)
    if x.dtype.kind not in "fc":
        raise ArgumentError(f"{what} is of dtype {x.dtype}; give an array of numbers")
    return x


def vector(x: Any, what: str, n: int) -> Any:
    """Return x as an array (n,) or (n, k)."""
    x = array(x, what)
    shape = np.shape(x)
    if len(shape) not in (1, 2) or shape[0] != n:
        raise ArgumentError(
            f"{what}: the other array has shape {shape}; it must be {(n,)} or ({n}, k)"
        )
    return x


def checked_places(places: Any, shape: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Return rows, columns and shape, all of them as they must be."""
    try:
        rows, columns = (np.asarray(index) for index in places)
        m, n = (operator.index(k) for k in shape)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            "lg.sparse(data, (rows, columns), shape) takes two arrays of integers and a shape "
            f"(m, n); shape is {shape!r}"
        ) from error
    for name, index, size in (("rows", rows, m), ("columns", columns, n)):
        if index.ndim != 1 or (index.dtype.kind not in "iu" and index.size):
            raise ArgumentError(
                f"{name} of lg.sparse is an array of {index.dtype} of shape {index.shape}; it "
                "must be a vector of integers"
            )
        wrong = np.flatnonzero((index < 0) | (index >= size))
        if len(wrong):
            raise ArgumentError(
                f"{name}[{wrong[0]}] of lg.sparse is {index[wrong[0]]}; in a matrix of shape "
                f"{(m, n)} it must be from 0 to {size - 1}"
            )
    if len(rows) != len(columns):
        raise ArgumentError(f"lg.sparse was given {len(rows)} rows and {len(columns)} columns")
    return rows.astype(np.intp), columns.astype(np.intp), (m, n)
