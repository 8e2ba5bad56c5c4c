"""Rules of matrix products: what is a product of matrices, and which factors stay outside."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.factors import constant_factor
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import (
    FACTORS,
    MATMUL,
    NEGATIVE,
    dtype_of,
    is_inexact,
    is_row,
    is_safe,
    shape_of,
    size_of,
)
from lagrad.compile.simplify.rules import Room, among, rewrite


def opened_tensordot(row: Instruction, at: Pass) -> Any:
    """``tensordot`` is a product of two matrices, made of the operands. Exact."""
    if len(row.args) not in (2, 3) or not row.kwargs.keys() <= {"axes"} or not is_inexact(row):
        return None
    a, b = row.args[:2]
    axes = row.args[2] if len(row.args) == 3 else row.kwargs.get("axes", 2)
    n, m = len(shape_of(a)), len(shape_of(b))
    if type(axes) is int:
        ours, theirs = list(range(n - axes, n)), list(range(axes))
    else:
        ours, theirs = ([k] if type(k) is int else list(k) for k in axes)
    if not all(type(k) is int for k in (*ours, *theirs)) or not (n and m and ours):
        return None
    ours, theirs = [k % n for k in ours], [k % m for k in theirs]
    rows = [k for k in range(n) if k not in ours]
    columns = [k for k in range(m) if k not in theirs]
    inner = math.prod(shape_of(a)[k] for k in ours)
    left = as_matrix(row, a, (*rows, *ours), (-1, inner), at)
    right = as_matrix(row, b, (*theirs, *columns), (inner, -1), at)
    if left is None or right is None or not inner or not size_of(row):
        return None
    shape = shape_of(left)[0], shape_of(right)[1]
    if shape == shape_of(row):
        return rewrite(row, operator.matmul, left, right)
    product = at.make(row, operator.matmul, left, right, shape=shape)
    return rewrite(row, np.reshape, product, shape_of(row))


def as_matrix(
    row: Instruction, x: Any, order: tuple[int, ...], shape: tuple[int, int], at: Pass
) -> Any:
    """Return an operand with its axes in another order, as a matrix; None for another dtype."""
    if dtype_of(x) != dtype_of(row):
        return None
    if order != tuple(range(len(order))):
        x = at.make(row, np.transpose, x, order)
    size = size_of(x)
    known = max(shape)
    if not known:
        return None
    whole = tuple(size // known if k == -1 else k for k in shape)
    return x if shape_of(x) == whole else at.make(row, np.reshape, x, whole)


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


RULES: Room = {frozenset({np.tensordot}): (opened_tensordot,)}
#: Once equal terms are one.
LATE: Room = {MATMUL: (product_of_minus, product_of_multiple)}
