"""Rules of reductions, most of all of sums: how they are spelt, and what may stay outside."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.arithmetic import sides
from lagrad.compile.simplify.factors import constant_factor
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import (
    FACTORS,
    MULTIPLY,
    NEGATIVE,
    REDUCTIONS,
    axis_options,
    dtype_of,
    is_inexact,
    is_real,
    is_row,
    is_safe,
    kept_shape,
    number,
    reduction,
    shape_of,
    size_of,
    without_leading_ones,
)
from lagrad.compile.simplify.rules import Room, among, rewrite
from lagrad.compile.simplify.shapes import RESHAPES, as_reshape
from lagrad.compile.simplify.stretched import STRETCH, stretched

# -- their spelling --------------------------------------------------------------------------------


def plain_axes(row: Instruction, at: Pass) -> Any:
    """A reduction is spelt in the shortest way: all axes by none, one by a number. Exact."""
    found = reduction(row, row.function)
    if found is None:
        return None
    options = axis_options(found.x, found.axes, found.keepdims)
    if (
        len(row.args) == 1
        and row.kwargs == options
        and type(row.kwargs.get("axis", 0)) is type(options.get("axis", 0))
    ):
        return None
    if not shape_of(found.x):
        return None
    return rewrite(row, row.function, found.x, **options)


def kept_number(row: Instruction, at: Pass) -> Any:
    """A reduction over all axes, which it keeps, is a number in another shape. Exact."""
    found = reduction(row, row.function)
    if found is None or not found.keepdims or len(found.axes) < len(shape_of(found.x)):
        return None
    if not shape_of(row):
        return None
    return rewrite(row, np.reshape, at.make(row, row.function, found.x, shape=()), shape_of(row))


@among(REDUCTIONS)
def reshape_of_sum(row: Instruction, at: Pass) -> Any:
    """A reduction reshaped to keep its axes, or to lose them, is spelt with ``keepdims``. Exact."""
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
    """``mean(x)`` is sum(x) / n, which is how NumPy does it. Exact."""
    found = reduction(row, np.mean)
    if found is None or not is_row(found.x) or not is_inexact(row):
        return None
    n = math.prod(shape_of(found.x)[k] for k in found.axes)
    if not n or dtype_of(found.x) != dtype_of(row):
        return None
    options = axis_options(found.x, found.axes, found.keepdims)
    total = at.make(row, np.sum, found.x, shape=shape_of(row), **options)
    return rewrite(row, operator.truediv, total, n)


# -- what stays outside ----------------------------------------------------------------------------


@among(STRETCH)
def sum_of_stretched(row: Instruction, at: Pass) -> Any:
    """The sum of n equal entries is n times one of them, within n ulp and the sign of a zero."""
    found = reduction(row)
    inner = None if found is None else stretched(found.x)
    if found is None or inner is None or not is_inexact(row) or not at.facts.drops_sign(row):
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


@among(NEGATIVE)
def sum_of_minus(row: Instruction, at: Pass) -> Any:
    """``sum(-x)`` is -sum(x). Exact but for the sign of a zero."""
    found = reduction(row)
    if found is None or not is_row(found.x, NEGATIVE) or not at.once(found.x):
        return None
    if not at.facts.drops_sign(row):
        return None
    x = found.x.args[0]
    options = axis_options(x, found.axes, found.keepdims)
    return rewrite(row, operator.neg, at.make(row, np.sum, x, shape=shape_of(row), **options))


@among(FACTORS)
def sum_of_multiple(row: Instruction, at: Pass) -> Any:
    """``sum(c * x)`` is c * sum(x), within n ulp for n terms."""
    found = reduction(row)
    if found is None or not at.once(found.x) or not is_inexact(row):
        return None
    factor = constant_factor(found.x)
    if factor is None or not is_safe(factor[0], row) or 2 * size_of(row) > size_of(found.x):
        return None
    if not at.facts.drops_sign(row):
        return None
    c, x = factor
    options = axis_options(x, found.axes, found.keepdims)
    total = at.make(row, np.sum, x, shape=shape_of(row), **options)
    return rewrite(row, operator.mul, c, total)


@among(MULTIPLY)
def sum_of_steady(row: Instruction, at: Pass) -> Any:
    """``sum(x * y)`` is sum(x) * y for a y that is the same along the axes. Within n ulp."""
    found = reduction(row)
    if found is None or not is_row(found.x, MULTIPLY) or not at.once(found.x):
        return None
    shape = shape_of(found.x)
    for x, y in sides(found.x):
        if not is_row(x) or not is_row(y) or shape_of(x) != shape or dtype_of(y) != dtype_of(x):
            continue
        full = (1,) * (len(shape) - len(shape_of(y))) + shape_of(y)
        if any(full[k] != 1 for k in found.axes) or not found.axes or not is_inexact(row):
            continue
        options = axis_options(x, found.axes, found.keepdims)
        total = at.make(row, np.sum, x, shape=shape_of(row), **options)
        small = without_leading_ones(
            full if found.keepdims else tuple(n for k, n in enumerate(full) if k not in found.axes)
        )
        if small != without_leading_ones(shape_of(y)) or len(shape_of(y)) > len(shape_of(row)):
            y = at.make(row, np.reshape, y, small)
        return rewrite(row, operator.mul, total, y)
    return None


@among(MULTIPLY)
def sum_of_product(row: Instruction, at: Pass) -> Any:
    """``sum(x * y)`` over all axes is vdot(x, y), within n ulp of the sum of |x * y|."""
    found = reduction(row)
    if found is None or shape_of(row) or not is_row(found.x, MULTIPLY) or not at.once(found.x):
        return None
    x, y = found.x.args
    if len(found.axes) != len(shape_of(found.x)) or not is_real(row):
        return None
    if any(dtype_of(p) != dtype_of(row) or shape_of(p) != shape_of(found.x) for p in (x, y)):
        return None
    if number(x) is not None or number(y) is not None or not shape_of(x):
        return None
    if len(shape_of(x)) == 1:
        return rewrite(row, operator.matmul, x, y)
    return rewrite(row, np.vdot, x, y)


RULES: Room = {
    frozenset({np.sum}): (sum_of_stretched, sum_of_one),
    REDUCTIONS: (plain_axes, kept_number),
    frozenset({np.mean}): (mean_as_sum,),
    RESHAPES: (reshape_of_sum,),
}
#: Once equal terms are one.
LATE: Room = {
    frozenset({np.sum}): (sum_of_minus, sum_of_multiple, sum_of_steady, sum_of_product),
}
