"""Rules of shapes: what moves, stretches or sums entries. Exact where nothing else is said."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from lagrad.compile.functions import cast, duplicate
from lagrad.compile.program import Instruction
from lagrad.compile.simplify.arithmetic import constant_factor, sides
from lagrad.compile.simplify.passes import CONSTANT, Pass, among, rewrite
from lagrad.compile.simplify.patterns import (
    ARITHMETIC,
    COMPARISONS,
    DIVIDE,
    FACTORS,
    MATMUL,
    NEGATIVE,
    REDUCTIONS,
    axis_options,
    calls,
    dtype_of,
    is_inexact,
    is_row,
    kept_shape,
    like,
    number,
    reduction,
    shape_of,
    size_of,
    without_leading_ones,
)
from lagrad.dispatch import scatter_add
from lagrad.rules.shaping import getitem

GETITEM = frozenset({operator.getitem, getitem})


def in_c_order(row: Instruction) -> bool:
    """True for a reshape in the order of the axes."""
    return row.kwargs.keys() <= {"order", "shape"} and row.kwargs.get("order", "C") == "C"


RESHAPES = GETITEM | {np.reshape, np.ravel, np.squeeze, np.expand_dims}
STRETCH = frozenset({np.broadcast_to})


# -- transposes ----------------------------------------------------------------------------------


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
        return (x, tuple(int(k) % n for k in axes)) if n else None
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
    """Every permutation of axes is a transpose, and one of a permutation a single one."""
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


# -- reshapes ------------------------------------------------------------------------------------


def same_shape(row: Instruction, at: Pass) -> Any:
    """An array reshaped, squeezed or stretched to the shape that it has is the array."""
    x = row.args[0]
    if row.function is np.reshape and not in_c_order(row):
        return None
    return x if is_row(x) and like(row, x) else None


def is_newaxis(row: Any) -> bool:
    """True for an index of ``None``, ``...`` and full slices."""
    if not is_row(row, GETITEM):
        return False
    index = row.args[1] if type(row.args[1]) is tuple else (row.args[1],)
    return all(k is None or k is Ellipsis or k == slice(None) for k in index if not is_row(k)) and (
        not any(is_row(k) for k in index)
    )


def whole(row: Instruction, at: Pass) -> Any:
    """``x[...]`` is x."""
    x = row.args[0]
    return x if is_newaxis(row) and is_row(x) and like(row, x) else None


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


@among(RESHAPES)
def reshape_of_reshape(row: Instruction, at: Pass) -> Any:
    """Only the last of two shapes counts, and the first may be the last."""
    x = as_reshape(row)
    inner = as_reshape(x) if x is not None else None
    if inner is None:
        return None
    if like(row, inner):
        return inner
    return rewrite(row, np.reshape, inner, shape_of(row))


@among(REDUCTIONS)
def reshape_of_sum(row: Instruction, at: Pass) -> Any:
    """A reduction reshaped to keep its axes, or to lose them, is spelt with ``keepdims``."""
    x = as_reshape(row)
    if x is None or x.function not in REDUCTIONS or not at.once(x):
        return None
    found = reduction(x, x.function)
    if found is None or not is_row(found.x):
        return None
    shape = shape_of(found.x)
    for keepdims in (True, False):
        kept = kept_shape(shape, found.axes) if keepdims else shape_of_sum(shape, found.axes)
        if kept == shape_of(row) and keepdims != found.keepdims:
            if keepdims and len(found.axes) == len(shape):
                return None  # A number is as good.
            options = axis_options(found.x, found.axes, keepdims)
            return rewrite(row, x.function, found.x, **options)
    return None


def shape_of_sum(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without the axes."""
    return tuple(n for k, n in enumerate(shape) if k not in axes)


@among(RESHAPES, arrays=True)
def leading_axes(row: Instruction, at: Pass) -> Any:
    """An axis of length one in front is added by broadcasting itself."""
    for k, x in enumerate(row.args):
        inner = as_reshape(x)
        if inner is None or shape_of(inner) != without_leading_ones(shape_of(x)):
            continue
        if len(shape_of(inner)) == len(shape_of(x)):
            continue
        if row.function is np.broadcast_to:
            return rewrite(row, np.broadcast_to, inner, shape_of(row))
        other = row.args[1 - k]
        if shape_of(other) == shape_of(row) and dtype_of(other) == dtype_of(inner):
            return rewrite(row, row.function, *((inner, other) if k == 0 else (other, inner)))
    return None


@among(RESHAPES, arrays=True)
def of_leading(row: Instruction, at: Pass) -> Any:
    """``f(x[None])`` is f(x)[None], for a sign or a number beside."""
    for k, x in enumerate(row.args):
        inner = as_reshape(x)
        rest = [number(y) for j, y in enumerate(row.args) if j != k]
        if inner is None or None in rest or not at.once(x) or not is_inexact(row):
            continue
        if shape_of(inner) != without_leading_ones(shape_of(x)) or dtype_of(inner) != dtype_of(row):
            continue
        if shape_of(x) != shape_of(row):
            continue
        small = at.make(row, row.function, *rest[:k], inner, *rest[k:], shape=shape_of(inner))
        return rewrite(row, np.reshape, small, shape_of(row))
    return None


@among(CONSTANT, arrays=True)
def of_one_number(row: Instruction, at: Pass) -> Any:
    """``f(x, [c])`` of a number x is f(x, c) in another shape."""
    for k, (x, c) in enumerate(sides(row)):
        if type(c) is np.ndarray and is_row(x) and not shape_of(x) and c.size == 1:
            value = at.facts.uniform(c)
            if value is None or not c.dtype == dtype_of(x) == dtype_of(row):
                continue
            args = (x, value) if k == 0 else (value, x)
            return rewrite(row, np.reshape, at.make(row, row.function, *args), shape_of(row))
    return None


@among(FACTORS)
def moved_multiple(row: Instruction, at: Pass) -> Any:
    """A multiple ``c * x``, moved, is c times x moved: the factor may meet another."""
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
    """What is put at an index of ``None`` and full slices has another shape, and that is all."""
    w, index, shape = row.args
    parts = index if type(index) is tuple else (index,)
    full = all(p is None or p is Ellipsis or type(p) is slice and p == slice(None) for p in parts)
    if full and is_row(w) and dtype_of(w) == dtype_of(row):
        if size_of(w) == size_of(row):
            return rewrite(row, np.reshape, w, tuple(shape))
    return None


def same_dtype(row: Instruction, at: Pass) -> Any:
    """A cast to the dtype that is there."""
    x = row.args[0]
    return x if is_row(x) and like(row, x) else None


def copied(row: Instruction, at: Pass) -> Any:
    """A copy of an array that nobody writes to is the array."""
    x = row.args[0]
    if row.function is not duplicate and (len(row.args) > 1 or row.kwargs.keys() - {"order"}):
        return None
    return x if is_row(x) and like(row, x) else None


# -- stretched -----------------------------------------------------------------------------------


def stretched(part: Any) -> Any:
    """Return what a row stretches, of the same dtype, or None."""
    if calls(part, np.broadcast_to) and len(part.args) == 2 and is_row(part.args[0]):
        return part.args[0]
    return None


@among(STRETCH)
def stretch_of_stretch(row: Instruction, at: Pass) -> Any:
    """Only the last of two shapes counts."""
    inner = stretched(row.args[0])
    if inner is None or row.kwargs:
        return None
    return rewrite(row, np.broadcast_to, inner, shape_of(row))


@among(STRETCH, arrays=True)
def stretched_operand(row: Instruction, at: Pass) -> Any:
    """In ``broadcast_to(x, shape) * y`` the product itself stretches x, if y has the shape."""
    for k, (x, y) in enumerate(sides(row)):
        inner = stretched(x)
        if inner is not None and shape_of(y) == shape_of(row) and isinstance(row.value, np.ndarray):
            return rewrite(row, row.function, *((inner, y) if k == 0 else (y, inner)))
    return None


@among(STRETCH, arrays=True)
def of_stretched(row: Instruction, at: Pass) -> Any:
    """``f(broadcast_to(x, shape))`` is broadcast_to(f(x), shape), for a sign or a number beside."""
    args = row.args
    for k, x in enumerate(args):
        inner = stretched(x)
        if inner is None or shape_of(x) != shape_of(row):
            continue
        rest = [y for j, y in enumerate(args) if j != k]
        plain = [stretched(y) if stretched(y) is not None else y for y in rest]
        if any(number(y) is None and shape_of(y) != shape_of(inner) for y in plain):
            continue
        plain = [number(y) if number(y) is not None else y for y in plain]
        if not is_inexact(row) or dtype_of(inner) != dtype_of(row):
            continue
        small = at.make(
            row, row.function, *(plain[:k] + [inner] + plain[k:]), shape=shape_of(inner)
        )
        return rewrite(row, np.broadcast_to, small, shape_of(row))
    return None


@among(STRETCH)
def sum_of_stretched(row: Instruction, at: Pass) -> Any:
    """The sum of n equal entries is n times one of them, within n ulp."""
    found = reduction(row)
    inner = None if found is None else stretched(found.x)
    if found is None or inner is None or not is_inexact(row):
        return None
    shape, lead = shape_of(found.x), len(shape_of(found.x)) - len(shape_of(inner))
    full = (1,) * lead + shape_of(inner)
    equal = {k for k, n in enumerate(shape) if full[k] != n}
    count = math.prod(shape[k] for k in equal)
    if not equal or not equal <= set(found.axes) or not count:
        return None
    rest = tuple(k - lead for k in found.axes if k not in equal and k >= lead)
    if rest:
        shape = shape_of_sum(shape_of(inner), rest)
        options = axis_options(inner, rest, False)
        inner = at.make(row, np.sum, inner, shape=shape, **options)
    if shape_of(inner) == shape_of(row):
        return rewrite(row, operator.mul, float(count), inner)
    if not shape_of(row):
        inner = at.make(row, np.sum, inner, shape=())  # of one entry
        return rewrite(row, operator.mul, float(count), inner)
    total = at.make(row, operator.mul, float(count), inner, shape=shape_of(inner))
    return rewrite(row, np.reshape, total, shape_of(row))


# -- reductions ----------------------------------------------------------------------------------


def plain_axes(row: Instruction, at: Pass) -> Any:
    """A reduction is spelt in the shortest way: all axes by none, one by a number."""
    found = reduction(row, row.function)
    if found is None:
        return None
    options = axis_options(found.x, found.axes, found.keepdims)
    if len(row.args) == 1 and row.kwargs == options and type(row.kwargs.get("axis", 0)) is type(
        options.get("axis", 0)
    ):
        return None
    if not shape_of(found.x):
        return None
    return rewrite(row, row.function, found.x, **options)


def kept_number(row: Instruction, at: Pass) -> Any:
    """A reduction over all axes, which it keeps, is a number in another shape."""
    found = reduction(row, row.function)
    if found is None or not found.keepdims or len(found.axes) < len(shape_of(found.x)):
        return None
    if not shape_of(row):
        return None
    return rewrite(row, np.reshape, at.make(row, row.function, found.x, shape=()), shape_of(row))


def sum_of_one(row: Instruction, at: Pass) -> Any:
    """The sum over axes of length one is a reshape, but for the sign of a zero."""
    found = reduction(row)
    if found is None or not is_row(found.x) or not shape_of(row):
        return None
    if not is_inexact(row) or not at.facts.drops_sign(row):
        return None
    if any(shape_of(found.x)[k] != 1 for k in found.axes) or dtype_of(found.x) != dtype_of(row):
        return None
    return rewrite(row, np.reshape, found.x, shape_of(row))


def mean_as_sum(row: Instruction, at: Pass) -> Any:
    """``mean(x)`` is sum(x) / n, which is how NumPy does it."""
    found = reduction(row, np.mean)
    if found is None or not is_row(found.x) or not is_inexact(row):
        return None
    n = math.prod(shape_of(found.x)[k] for k in found.axes)
    if not n or dtype_of(found.x) != dtype_of(row):
        return None
    options = axis_options(found.x, found.axes, found.keepdims)
    total = at.make(row, np.sum, found.x, shape=shape_of(row), **options)
    return rewrite(row, operator.truediv, total, n)


@among({np.concatenate, np.stack, np.array})
def piece_of_joined(row: Instruction, at: Pass) -> Any:
    """A piece cut out of joined arrays, at the places where it was joined, is that array."""
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
    if any(k != slice(None) for k in cut[:axis]) or any(is_row(k) for k in parts_of(cut[axis])):
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


STRETCHING = (leading_axes, stretched_operand, of_stretched, of_leading, of_one_number)
RULES = {
    frozenset({np.transpose}): (plain_transpose, transpose_of_product, moved_multiple),
    frozenset({np.swapaxes, np.moveaxis}): (plain_transpose,),
    frozenset({np.reshape, np.ravel, np.squeeze, np.expand_dims}): (
        same_shape,
        reshape_of_reshape,
        reshape_of_sum,
        moved_multiple,
    ),
    GETITEM: (whole, reshape_of_reshape, reshape_of_sum, moved_multiple, piece_of_joined),
    frozenset({np.broadcast_to}): (same_shape, stretch_of_stretch, leading_axes),
    frozenset({scatter_add}): (scatter_to_reshape,),
    frozenset({cast}): (same_dtype,),
    frozenset({np.array, np.copy, duplicate}): (copied,),
    ARITHMETIC: STRETCHING,
    COMPARISONS: (leading_axes,),
    NEGATIVE: (of_stretched, of_leading),
    frozenset({np.sum}): (sum_of_stretched, sum_of_one),
    REDUCTIONS: (plain_axes, kept_number),
    frozenset({np.mean}): (mean_as_sum,),
}

__all__ = ["RULES", "stretched"]
