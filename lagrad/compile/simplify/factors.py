"""Rules of products and quotients: constant factors meet, and a quotient is made once.

A factor goes where another one is, and to the smallest array. Nothing is done where a factor or
the product of two would overflow or vanish.
"""

from __future__ import annotations

import operator
from typing import Any

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.arithmetic import sides
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import (
    DIVIDE,
    FACTORS,
    MULTIPLY,
    NEGATIVE,
    dtype_of,
    is_number,
    is_real,
    is_row,
    is_safe,
    like,
    number,
    shape_of,
    size_of,
)
from lagrad.compile.simplify.rules import Room, among, rewrite

QUOTIENTS = MULTIPLY | DIVIDE


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


# -- quotients -------------------------------------------------------------------------------------


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


RULES: Room = {
    MULTIPLY: (
        constant_of_constant,
        constant_inside,
        two_constants,
        constant_to_small,
        over_reciprocal,
        quotient_again,
    ),
    DIVIDE: (constant_of_constant, constant_inside, reciprocal_again),
    NEGATIVE: (constant_of_constant, constant_inside, constant_to_small),
}
