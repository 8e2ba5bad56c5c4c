"""Rules of matrix products and of sums of products."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.arithmetic import constant_factor, sides
from lagrad.compile.simplify.passes import Pass, among, rewrite
from lagrad.compile.simplify.patterns import (
    FACTORS,
    MATMUL,
    MULTIPLY,
    NEGATIVE,
    axis_options,
    dtype_of,
    is_inexact,
    is_real,
    is_row,
    is_safe,
    number,
    reduction,
    shape_of,
    size_of,
    without_leading_ones,
)


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
            full
            if found.keepdims
            else tuple(n for k, n in enumerate(full) if k not in found.axes)
        )
        if small != without_leading_ones(shape_of(y)) or not small:
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


@among(NEGATIVE)
def product_of_minus(row: Instruction, at: Pass) -> Any:
    """``(-A) @ B`` is -(A @ B), where that is no larger. Exact but for the sign of a zero."""
    for k, a in enumerate(row.args):
        if not at.facts.drops_sign(row):
            return None
        if is_row(a, NEGATIVE) and at.once(a) and size_of(row) <= size_of(a):
            args = [*row.args[:k], a.args[0], *row.args[k + 1 :]]
            product = at.make(row, operator.matmul, *args, shape=shape_of(row))
            return rewrite(row, operator.neg, product)
    return None


@among(FACTORS)
def product_of_multiple(row: Instruction, at: Pass) -> Any:
    """``(c * A) @ B`` is c * (A @ B), where that is smaller. Within n ulp for n terms."""
    for k, a in enumerate(row.args):
        factor = constant_factor(a)
        if factor is None or not at.once(a) or not is_inexact(row) or a.function in NEGATIVE:
            continue
        c, x = factor
        if 2 * size_of(row) <= size_of(a) and is_safe(c, row) and dtype_of(x) == dtype_of(row):
            args = [*row.args[:k], x, *row.args[k + 1 :]]
            product = at.make(row, operator.matmul, *args, shape=shape_of(row))
            return rewrite(row, operator.mul, c, product)
    return None


RULES = {
    frozenset({np.sum}): (sum_of_minus, sum_of_multiple, sum_of_steady, sum_of_product),
    MATMUL: (product_of_minus, product_of_multiple),
}

__all__ = ["RULES"]
