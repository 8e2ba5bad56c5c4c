"""Rules of arithmetic. An ulp is a unit in the last place of the result.

Complex numbers keep their factors and signs where they are: a real factor is multiplied as one
with an imaginary part of zero, whose sign says on which side of a branch cut the product is.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import (
    ADD,
    DIVIDE,
    MULTIPLY,
    NEGATIVE,
    POWER,
    SUBTRACT,
    dtype_of,
    is_inexact,
    is_number,
    is_real,
    is_row,
    kind_of,
    like,
    shape_of,
)
from lagrad.compile.simplify.rules import CONSTANT, Room, among, rewrite


def sides(row: Instruction) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return the two arguments in both orders."""
    a, b = row.args
    return (a, b), (b, a)


# -- numbers that do nothing -----------------------------------------------------------------------


def same_number(row: Instruction, at: Pass) -> Any:
    """``np.float64(x)`` of what is a float64 is x. Exact."""
    x = row.args[0] if len(row.args) == 1 else None
    return x if is_row(x) and like(row, x) else None


@among(CONSTANT)
def times_one(row: Instruction, at: Pass) -> Any:
    """``x * 1`` and ``x / 1`` are x. Exact."""
    for x, y in sides(row) if row.function in MULTIPLY else (row.args,):
        if is_number(y, 1.0) and like(row, x) and kind_of(row) != "c":
            return x
    return None


@among(CONSTANT)
def times_minus_one(row: Instruction, at: Pass) -> Any:
    """``x * -1`` and ``x / -1`` are -x. Exact."""
    for x, y in sides(row) if row.function in MULTIPLY else (row.args,):
        if is_number(y, -1.0) and like(row, x) and kind_of(row) != "c":
            return rewrite(row, operator.neg, x)
    return None


@among(CONSTANT)
def plus_zero(row: Instruction, at: Pass) -> Any:
    """``x + 0`` and ``x - 0`` are x, and ``0 - x`` is -x. Exact but for the sign of a zero."""
    if not at.facts.drops_sign(row):
        return None
    for x, y in sides(row) if row.function in ADD else (row.args,):
        if is_number(y, 0.0) and like(row, x):
            return x
    a, b = row.args
    if row.function in SUBTRACT and is_number(a, 0.0) and like(row, b):
        return rewrite(row, operator.neg, b)
    return None


@among(CONSTANT, arrays=True)
def uniform_operand(row: Instruction, at: Pass) -> Any:
    """A constant that is the same everywhere is a number beside an array of the shape. Exact."""
    for k, (x, y) in enumerate(sides(row)):
        if type(y) is np.ndarray and is_row(x) and shape_of(x) == shape_of(row):
            c = at.facts.uniform(y) if y.dtype == dtype_of(x) == dtype_of(row) else None
            if c is not None and y.ndim:
                return rewrite(row, row.function, *((x, c) if k == 0 else (c, x)))
    return None


def twice(row: Instruction, at: Pass) -> Any:
    """``x + x`` is 2 * x. Exact."""
    a, b = row.args
    return rewrite(row, operator.mul, 2.0, a) if a is b and is_row(a) and is_real(row) else None


# -- signs -----------------------------------------------------------------------------------------


@among(NEGATIVE)
def minus_of_minus(row: Instruction, at: Pass) -> Any:
    """``-(-x)`` is x. Exact."""
    (x,) = row.args
    return x.args[0] if is_row(x, NEGATIVE) and like(row, x.args[0]) else None


@among(SUBTRACT)
def minus_of_difference(row: Instruction, at: Pass) -> Any:
    """``-(x - y)`` is y - x. Exact but for the sign of a zero."""
    (x,) = row.args
    if is_row(x, SUBTRACT) and at.once(x) and is_inexact(row) and at.facts.drops_sign(row):
        return rewrite(row, operator.sub, x.args[1], x.args[0])
    return None


@among(NEGATIVE)
def plus_minus(row: Instruction, at: Pass) -> Any:
    """``x + (-y)`` is x - y, ``x - (-y)`` x + y: exact; ``(-x) - y`` is -(x + y), 0 of any sign."""
    plus, (a, b) = row.function in ADD, row.args
    if is_row(b, NEGATIVE):
        return rewrite(row, operator.sub if plus else operator.add, a, b.args[0])
    if is_row(a, NEGATIVE) and plus:
        return rewrite(row, operator.sub, b, a.args[0])
    if is_row(a, NEGATIVE) and at.once(a) and at.facts.drops_sign(row):
        return rewrite(row, operator.neg, at.make(row, operator.add, a.args[0], b))
    return None


@among(MULTIPLY, arrays=True)
def plus_minus_product(row: Instruction, at: Pass) -> Any:
    """``x + (-y) * z`` is x - y * z, where y is smaller than z. Exact."""
    plus = row.function in ADD
    for k, (a, b) in enumerate(sides(row)):
        if (k and not plus) or not (is_row(b, MULTIPLY) and at.once(b)):
            continue
        for y, z in sides(b):
            if is_row(y, NEGATIVE) and at.once(y):
                inner = at.make(b, operator.mul, y.args[0], z)
                return rewrite(row, operator.sub if plus else operator.add, a, inner)
    return None


@among(NEGATIVE)
def times_minus(row: Instruction, at: Pass) -> Any:
    """``(-x) * y`` is -(x * y), and so for a quotient; the sign may meet a sum. Exact."""
    for k, (x, y) in enumerate(sides(row)):
        if is_row(x, NEGATIVE) and like(row, x) and kind_of(row) != "c":
            args = (x.args[0], y) if k == 0 else (y, x.args[0])
            return rewrite(row, operator.neg, at.make(row, row.function, *args))
    return None


# -- powers ----------------------------------------------------------------------------------------


@among(CONSTANT)
def small_power(row: Instruction, at: Pass) -> Any:
    """``x ** 1`` is x, ``x ** 2`` is x * x: exact; 3, 4, -1, -2 are products, within 2 ulp."""
    x, y = row.args
    if type(y) not in (int, float, np.float64) or not is_row(x) or dtype_of(x) != dtype_of(row):
        return None
    if shape_of(x) != shape_of(row) or not (is_real(row) or y in (1, 2) and kind_of(row) in "ifc"):
        return None
    if y == 1:
        return x if like(row, x) else None
    if y == 2:
        return rewrite(row, operator.mul, x, x)
    if y == 3:
        return rewrite(row, operator.mul, at.make(row, operator.mul, x, x), x)
    if y == 4:
        square = at.make(row, operator.mul, x, x)
        return rewrite(row, operator.mul, square, square)
    if y == -1:
        return rewrite(row, operator.truediv, 1.0, x)
    if y == -2:
        return rewrite(row, operator.truediv, 1.0, at.make(row, operator.mul, x, x))
    return None


@among(CONSTANT)
def root_power(row: Instruction, at: Pass) -> Any:
    """``x ** 0.5`` and its like are roots, within 2 ulp; of -0.0 and -inf other numbers come."""
    x, y = row.args
    if not is_real(row) or not is_row(x) or not like(row, x):
        return None
    if is_number(y, 0.5):
        return rewrite(row, np.sqrt, x)
    if is_number(y, -0.5):
        return rewrite(row, operator.truediv, 1.0, at.make(row, np.sqrt, x))
    if is_number(y, 1.5):
        return rewrite(row, operator.mul, x, at.make(row, np.sqrt, x))
    return None


def square(row: Instruction, at: Pass) -> Any:
    """``np.square(x)`` is x * x. Exact."""
    (x,) = row.args if len(row.args) == 1 and not row.kwargs else (None,)
    if is_row(x) and is_inexact(row) and dtype_of(x) == dtype_of(row):
        return rewrite(row, operator.mul, x, x)
    return None


def reciprocal(row: Instruction, at: Pass) -> Any:
    """``np.reciprocal(x)`` is 1 / x. Exact."""
    (x,) = row.args if len(row.args) == 1 and not row.kwargs else (None,)
    return rewrite(row, operator.truediv, 1.0, x) if is_row(x) and is_inexact(row) else None


#: By family of functions, in the order in which they are tried.
RULES: Room = {
    frozenset({np.float64, float}): (same_number,),
    MULTIPLY: (uniform_operand, times_one, times_minus_one, times_minus),
    DIVIDE: (uniform_operand, times_one, times_minus_one, times_minus),
    ADD: (uniform_operand, plus_zero, plus_minus, plus_minus_product, twice),
    SUBTRACT: (uniform_operand, plus_zero, plus_minus, plus_minus_product),
    NEGATIVE: (minus_of_minus, minus_of_difference),
    POWER: (small_power, root_power),
    frozenset({np.square}): (square,),
    frozenset({np.reciprocal}): (reciprocal,),
}
