"""Rules of arithmetic. An ulp is a unit in the last place of the result.

Complex numbers keep their factors and signs where they are: a real factor is multiplied as one
with an imaginary part of zero, whose sign says on which side of a branch cut the product is.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.passes import CONSTANT, Pass, among, rewrite
from lagrad.compile.simplify.patterns import (
    ADD,
    DIVIDE,
    FACTORS,
    MULTIPLY,
    NEGATIVE,
    POWER,
    SUBTRACT,
    dtype_of,
    is_inexact,
    is_number,
    is_real,
    is_row,
    is_safe,
    kind_of,
    like,
    number,
    shape_of,
    size_of,
)

QUOTIENTS = MULTIPLY | DIVIDE


def sides(row: Instruction) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return the two arguments in both orders."""
    a, b = row.args
    return (a, b), (b, a)


# -- numbers that do nothing ---------------------------------------------------------------------


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


# -- signs ---------------------------------------------------------------------------------------


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
    """``x + (-y)`` is x - y, ``x - (-y)`` is x + y: exact; ``(-x) - y`` is -(x + y), of 0 by sign."""
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


# -- constant factors ----------------------------------------------------------------------------


def constant_factor(part: Any) -> tuple[Any, Any] | None:
    """Return (c, x) of a row that is c * x, x / d or -x for constants c and d."""
    if not is_row(part, FACTORS) or not is_real(part):
        return None
    if part.function in NEGATIVE:
        return -1.0, part.args[0]
    a, b = part.args
    if part.function in DIVIDE:
        d = number(b)
        return (1.0 / d, a) if d and like(part, a) else None
    for c, x in ((a, b), (b, a)):
        c = number(c)
        if c is not None and like(part, x):
            return c, x
    return None


@among(FACTORS)
def constant_of_constant(row: Instruction, at: Pass) -> Any:
    """``c * (d * x)`` is (c * d) * x, within 2 ulp where nothing overflows."""
    outer = constant_factor(row)
    if outer is None:
        return None
    c, y = outer
    if is_row(y, NEGATIVE) and row.function not in NEGATIVE:
        return rewrite(row, operator.mul, -c, y.args[0])
    if row.function in NEGATIVE and not (is_row(y, MULTIPLY) and at.once(y)):
        return None
    inner = constant_factor(y)
    if inner is None:
        return None
    d, x = inner
    if not (is_safe(c, row) and is_safe(d, row) and is_safe(c * d, row)):
        return None
    return rewrite(row, operator.mul, c * d, x)


@among(QUOTIENTS)
def constant_inside(row: Instruction, at: Pass) -> Any:
    """``c * ((d * x) * y)`` is ((c * d) * x) * y: a factor goes where one is. Within 4 ulp."""
    outer = constant_factor(row)
    if outer is None or not is_safe(outer[0], row):
        return None
    c, y = outer
    if not is_row(y, QUOTIENTS) or constant_factor(y) is not None:
        return None
    found = absorbed(c, y, at, 4)
    return found if is_row(found) and like(row, found) else None


def absorbed(c: float, part: Any, at: Pass, depth: int) -> Any:
    """Return c * part with no more operations than ``part``, or None."""
    if depth == 0 or not is_row(part, FACTORS) or not at.once(part):
        return None
    inner = constant_factor(part)
    if inner is not None:
        d, x = inner
        return at.make(part, operator.mul, c * d, x) if is_safe(c * d, part) else None
    if part.function in NEGATIVE:
        return None
    a, b = part.args
    d = number(a)
    if d is not None and part.function in DIVIDE and is_safe(c * d, part):
        return at.make(part, operator.truediv, c * d, b)
    if number(a) is not None or number(b) is not None:
        return None
    found = absorbed(c, a, at, depth - 1)
    if found is not None:
        return at.make(part, part.function, found, b)
    found = absorbed(c, b, at, depth - 1) if part.function in MULTIPLY else None
    return None if found is None else at.make(part, part.function, a, found)


@among(FACTORS)
def two_constants(row: Instruction, at: Pass) -> Any:
    """``(c * x) * (d * y)`` is (c * d) * x * y, the factor at the smaller of them. Within 4 ulp."""
    a, b = row.args
    left, right = constant_factor(a), constant_factor(b)
    if left is None or right is None or not (at.once(a) and at.once(b)):
        return None
    (c, x), (d, y) = left, right
    if dtype_of(x) != dtype_of(y) or not is_safe(c * d, row):
        return None
    if size_of(x) >= size_of(row) <= size_of(y):
        return rewrite(row, operator.mul, c * d, at.make(row, operator.mul, x, y))
    if size_of(x) > size_of(y):
        x, y = y, x
    small = at.make(row, operator.mul, c * d, x, shape=shape_of(x))
    return rewrite(row, operator.mul, small, y)


@among(MULTIPLY, arrays=True)
def constant_to_small(row: Instruction, at: Pass) -> Any:
    """``c * (x * y)`` is (c * x) * y, where x is smaller than y. Within 2 ulp."""
    outer = constant_factor(row)
    if outer is None or row.function in DIVIDE:
        return None
    c, product = outer
    if not is_row(product, MULTIPLY) or not at.once(product):
        return None
    for x, y in sides(product):
        if is_row(x) and 2 * size_of(x) <= size_of(row) and dtype_of(x) == dtype_of(row):
            small = at.make(row, operator.mul, c, x, shape=shape_of(x))
            return rewrite(row, operator.mul, small, y)
    return None


def twice(row: Instruction, at: Pass) -> Any:
    """``x + x`` is 2 * x. Exact."""
    a, b = row.args
    return rewrite(row, operator.mul, 2.0, a) if a is b and is_row(a) and is_real(row) else None


# -- quotients and powers ------------------------------------------------------------------------


@among(DIVIDE)
def over_reciprocal(row: Instruction, at: Pass) -> Any:
    """``x * (1 / y)`` is x / y, where nothing else needs 1 / y. Within 1.5 ulp."""
    for x, r in sides(row):
        if is_row(r, DIVIDE) and at.once(r) and is_real(row) and is_row(x):
            c, y = r.args
            if is_number(c, 1.0) and like(row, r) and dtype_of(x) == dtype_of(y):
                return rewrite(row, operator.truediv, x, y)
    return None


@among(QUOTIENTS)
def quotient_again(row: Instruction, at: Pass) -> Any:
    """``(z / y) * w`` is z * (w / y), and ``(z * r) * w`` is z * (r * w), where the last is there.

    Within 3 ulp.
    """
    if not is_real(row):
        return None
    for q, w in sides(row):
        if not is_row(q, QUOTIENTS) or not at.once(q) or not is_row(w):
            continue
        found = None
        if q.function in DIVIDE:
            z, y = q.args
            found = at.find(operator.truediv, w, y)
            inverse = at.find(operator.truediv, 1.0, y)
            if found is None and inverse is not None:
                found = at.find(operator.mul, w, inverse)
        else:
            z, found = next(
                (
                    (z, product)
                    for z, r in sides(q)
                    if is_row(r) and (product := at.find(operator.mul, w, r)) is not None
                ),
                (None, None),
            )
        if found is not None and is_row(z) and dtype_of(found) == dtype_of(row):
            return rewrite(row, operator.mul, z, found)
    return None


def reciprocal_again(row: Instruction, at: Pass) -> Any:
    """``z / y`` is z * z for z = 1 / y, and z * (1 / y) beside a smaller y. Within 2 ulp."""
    z, y = row.args
    if not is_real(row) or not is_row(y) or is_number(z, 1.0):
        return None
    if is_row(z, DIVIDE) and is_number(z.args[0], 1.0) and z.args[1] is y:
        return rewrite(row, operator.mul, z, z)
    if number(z) is not None or 2 * size_of(y) <= size_of(row):
        found = at.find(operator.truediv, 1.0, y)
        if found is None or dtype_of(found) != dtype_of(row):
            return None
        if number(z) is None or not at.once(found):
            return rewrite(row, operator.mul, z, found)
    return None


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
RULES = {
    frozenset({np.float64, float}): (same_number,),
    MULTIPLY: (
        uniform_operand,
        times_one,
        times_minus_one,
        times_minus,
        constant_of_constant,
        constant_inside,
        two_constants,
        constant_to_small,
        over_reciprocal,
        quotient_again,
    ),
    DIVIDE: (
        uniform_operand,
        times_one,
        times_minus_one,
        times_minus,
        constant_of_constant,
        constant_inside,
        reciprocal_again,
    ),
    ADD: (uniform_operand, plus_zero, plus_minus, plus_minus_product, twice),
    SUBTRACT: (uniform_operand, plus_zero, plus_minus, plus_minus_product),
    NEGATIVE: (
        minus_of_minus,
        minus_of_difference,
        constant_of_constant,
        constant_inside,
        constant_to_small,
    ),
    POWER: (small_power, root_power),
    frozenset({np.square}): (square,),
    frozenset({np.reciprocal}): (reciprocal,),
}
