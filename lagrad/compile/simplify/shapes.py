"""Rules of what moves entries: transposes, reshapes, copies, pieces. Most are exact."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from lagrad.compile.functions import cast, duplicate
from lagrad.compile.program import Instruction
from lagrad.compile.simplify.factors import constant_factor
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import (
    DIVIDE,
    FACTORS,
    MATMUL,
    NEGATIVE,
    calls,
    dtype_of,
    is_inexact,
    is_row,
    like,
    shape_of,
    size_of,
)
from lagrad.compile.simplify.rules import Room, among, rewrite
from lagrad.dispatch import scatter_add
from lagrad.rules.shaping import getitem

GETITEM = frozenset({operator.getitem, getitem})
RESHAPES = GETITEM | {np.reshape, np.ravel, np.squeeze, np.expand_dims}


# -- transposes ------------------------------------------------------------------------------------


def permutation(row: Any) -> tuple[Any, tuple[int, ...]] | None:
    """Return (x, axes) of a row that permutes the axes of x."""
    if not is_row(row) or not row.args or not is_row(row.args[0]):
        return None
    x, *rest = row.args
    n = len(shape_of(x))
    options = [*rest, *row.kwargs.values()]
    if row.function is np.transpose:
        axes = options[0] if options else None
        if len(options) > 1 or not (axes is None or type(axes) in (tuple, list)):
            return None
        axes = range(n - 1, -1, -1) if axes is None else axes
        return x, tuple(int(k) % n for k in axes)
    if row.function in (np.swapaxes, np.moveaxis) and len(options) == 2:
        numbers = [o if type(o) in (tuple, list) else [o] for o in options]
        if not all(type(k) is int for o in numbers for k in o):
            return None
        a, b = ([k % n for k in o] for o in numbers)
        order = [k for k in range(n) if k not in a]
        if row.function is np.swapaxes:
            order = list(range(n))
            order[a[0]], order[b[0]] = order[b[0]], order[a[0]]
        else:
            for to, source in sorted(zip(b, a, strict=True)):
                order.insert(to, source)
        return x, tuple(order)
    return None


def plain_transpose(row: Instruction, at: Pass) -> Any:
    """Every permutation of axes is a transpose, and one of a permutation a single one. Exact."""
    found = permutation(row)
    if found is None:
        return None
    x, axes = found
    inner = permutation(x)
    if inner is not None:
        x, axes = inner[0], tuple(inner[1][k] for k in axes)
    n = len(axes)
    if axes == tuple(range(n)) and like(row, x):
        return x
    options = () if axes == tuple(range(n - 1, -1, -1)) else (axes,)
    if row.function is np.transpose and row.args == (x, *options) and not row.kwargs:
        return None
    return rewrite(row, np.transpose, x, *options)


def transposed(part: Any) -> Any:
    """Return the matrix of which ``part`` is the transpose, or None."""
    if calls(part, np.transpose) and len(part.args) == 1 and not part.kwargs:
        return part.args[0] if len(shape_of(part)) == 2 else None
    return None


@among(MATMUL)
def transpose_of_product(row: Instruction, at: Pass) -> Any:
    """``(A.T @ B).T`` is B.T @ A, if nothing else needs the product. Within n ulp for n terms."""
    x = transposed(row)
    if not is_row(x, MATMUL) or not at.once(x):
        return None
    a, b = x.args
    if len(shape_of(a)) != 2 or len(shape_of(b)) != 2:
        return None
    if transposed(a) is None and transposed(b) is None:
        return None
    left, right = (
        transposed(part) if transposed(part) is not None else at.make(row, np.transpose, part)
        for part in (b, a)
    )
    return rewrite(row, operator.matmul, left, right)


# -- reshapes --------------------------------------------------------------------------------------


def in_c_order(row: Instruction) -> bool:
    """True for a reshape in the order of the axes; the order may be the third argument."""
    order = row.args[2] if len(row.args) > 2 else row.kwargs.get("order", "C")
    return row.kwargs.keys() <= {"order", "shape"} and order == "C"


def same_shape(row: Instruction, at: Pass) -> Any:
    """An array reshaped, squeezed or stretched to the shape that it has is the array. Exact."""
    x = row.args[0]
    if row.function is np.reshape and not in_c_order(row):
        return None
    return x if is_row(x) and like(row, x) else None


def is_newaxis(row: Any) -> bool:
    """True for an index of ``None``, ``...`` and full slices."""
    if not is_row(row, GETITEM):
        return False
    index = row.args[1] if type(row.args[1]) is tuple else (row.args[1],)
    return all(k is None or k is Ellipsis or is_full(k) for k in index)


def is_full(cut: Any) -> bool:
    """True for ``:``."""
    return type(cut) is slice and cut.start is cut.stop is cut.step is None


def whole(row: Instruction, at: Pass) -> Any:
    """``x[...]`` is x, and so is a piece that is as long as x. Exact."""
    x, index = row.args
    parts = index if type(index) is tuple else (index,)
    steady = all(k is Ellipsis or (type(k) is slice and k.step in (None, 1)) for k in parts)
    return x if steady and is_row(x) and like(row, x) else None


def as_reshape(part: Any) -> Any:
    """Return the x that a row has in another shape, with its entries in the same order, or None."""
    if not is_row(part) or not part.args or not is_row(part.args[0]):
        return None
    function = part.function
    if function is np.reshape:
        return part.args[0] if in_c_order(part) else None
    if function is np.ravel:
        same = len(part.args) == 1 and part.kwargs.get("order", "C") == "C"
        return part.args[0] if same else None
    if function in (np.squeeze, np.expand_dims):
        return part.args[0]
    return part.args[0] if is_newaxis(part) else None


def plain_shape(row: Instruction, at: Pass) -> Any:
    """A shape is spelt as a tuple, without -1 and options. Exact."""
    args = (row.args[0], shape_of(row))
    plain = len(row.args) == 2 and type(row.args[1]) is tuple and row.args == args
    if not in_c_order(row) or (plain and not row.kwargs) or not is_row(row.args[0]):
        return None
    return rewrite(row, np.reshape, *args)


@among(RESHAPES)
def reshape_of_reshape(row: Instruction, at: Pass) -> Any:
    """Only the last of two shapes counts, and the first may be the last. Exact."""
    x = as_reshape(row)
    inner = as_reshape(x) if x is not None else None
    if inner is None:
        return None
    if like(row, inner):
        return inner
    return rewrite(row, np.reshape, inner, shape_of(row))


@among({np.transpose})
def turned_matrix(row: Instruction, at: Pass) -> Any:
    """A matrix of the last axes by the first ones is that of the first by the last, turned.

    The transpose is a view, and the other way the entries are copied. Exact.
    """
    found = permutation(row.args[0])
    shape = shape_of(row)
    if found is None or not in_c_order(row) or len(shape) != 2 or not at.once(row.args[0]):
        return None
    x, axes = found
    k, n = axes[0] if axes else 0, len(axes)
    if n < 3 or axes != (*range(k, n), *range(k)) or shape[0] != math.prod(shape_of(x)[k:]):
        return None
    return rewrite(row, np.transpose, at.make(row, np.reshape, x, shape[::-1]))


@among(FACTORS)
def moved_multiple(row: Instruction, at: Pass) -> Any:
    """A multiple ``c * x``, moved, is c times x moved: the factor may meet another. Exact."""
    x = row.args[0]
    moves = as_reshape(row) is x if is_row(x) else False
    if not (moves or row.function is np.transpose) or not at.once(x):
        return None
    factor = constant_factor(x)
    if factor is None or not is_inexact(x) or x.function in DIVIDE:
        return None
    c, inner = factor
    moved = at.make(row, row.function, inner, *row.args[1:], **row.kwargs)
    if x.function in NEGATIVE:
        return rewrite(row, operator.neg, moved)
    return rewrite(row, operator.mul, c, moved)


def scatter_to_reshape(row: Instruction, at: Pass) -> Any:
    """What is put at an index of ``None`` and full slices has another shape, and that is all.

    Exact.
    """
    w, index, shape = row.args
    parts = index if type(index) is tuple else (index,)
    full = all(p is None or p is Ellipsis or is_full(p) for p in parts)
    if full and is_row(w) and dtype_of(w) == dtype_of(row):
        if size_of(w) == size_of(row):
            return rewrite(row, np.reshape, w, tuple(shape))
    return None


# -- copies and pieces -----------------------------------------------------------------------------


def same_dtype(row: Instruction, at: Pass) -> Any:
    """A cast to the dtype that is there. Exact."""
    x = row.args[0]
    return x if is_row(x) and like(row, x) else None


def copied(row: Instruction, at: Pass) -> Any:
    """A copy of an array that nobody writes to is the array. Exact."""
    x = row.args[0]
    if row.function is not duplicate and (len(row.args) > 1 or row.kwargs.keys() - {"order"}):
        return None
    return x if is_row(x) and like(row, x) else None


@among({np.concatenate, np.stack, np.array})
def piece_of_joined(row: Instruction, at: Pass) -> Any:
    """A piece cut out of joined arrays, at the places where it was joined, is that array. Exact."""
    x, index = row.args
    if not is_row(x) or x.kwargs.keys() - {"axis"} or not x.args:
        return None
    parts = x.args[0]
    axis = x.args[1] if len(x.args) == 2 else x.kwargs.get("axis", 0)
    if type(parts) not in (tuple, list) or type(axis) is not int:
        return None
    if x.function in (np.stack, np.array) and type(index) is int and axis == 0:
        part = parts[index] if -len(parts) <= index < len(parts) else None
        return part if is_row(part) and like(row, part) else None
    if x.function is not np.concatenate:
        return None
    n = len(shape_of(x))
    cut = index if type(index) is tuple else (index,)
    axis %= n
    if len(cut) != axis + 1 or any(type(k) is not slice for k in cut):
        return None
    if not all(map(is_full, cut[:axis])) or any(map(is_row, parts_of(cut[axis]))):
        return None
    begin, end, step = cut[axis].indices(shape_of(x)[axis])
    start = 0
    for part in parts:
        length = shape_of(part)[axis]
        if (start, start + length, 1) == (begin, end, step) and is_row(part) and like(row, part):
            return part
        start += length
    return None


def parts_of(cut: slice) -> tuple[Any, Any, Any]:
    """Return begin, end and step."""
    return cut.start, cut.stop, cut.step


RULES: Room = {
    frozenset({np.transpose}): (plain_transpose, transpose_of_product, moved_multiple),
    frozenset({np.swapaxes, np.moveaxis}): (plain_transpose,),
    RESHAPES - GETITEM: (same_shape, reshape_of_reshape, moved_multiple),
    frozenset({np.reshape}): (plain_shape, turned_matrix),
    GETITEM: (whole, reshape_of_reshape, moved_multiple, piece_of_joined),
    frozenset({scatter_add}): (scatter_to_reshape,),
    frozenset({cast}): (same_dtype,),
    frozenset({np.array, np.copy, duplicate}): (copied,),
}
