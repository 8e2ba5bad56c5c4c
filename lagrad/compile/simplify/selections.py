"""Rules of selections: ``where`` and masks, and of truth values.

A rule that says *checked* holds where a result that is asked to be finite tells of a NaN that the
shorter form makes (see `lagrad.compile.simplify.finite`); the call is then run again with care.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from lagrad.compile.functions import cast
from lagrad.compile.program import Instruction
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import (
    MULTIPLY,
    NEGATIVE,
    calls,
    dtype_of,
    guarded,
    is_number,
    is_real,
    is_row,
    kind_of,
    like,
    shape_of,
)
from lagrad.compile.simplify.rules import Room, rewrite
from lagrad.dispatch import masked_multiply

EQUAL = frozenset({operator.eq, np.equal})
UNEQUAL = frozenset({operator.ne, np.not_equal})
AND = frozenset({np.logical_and, operator.and_})
OR = frozenset({np.logical_or, operator.or_})
NOT = frozenset({np.logical_not, operator.invert})


def constant_mask(mask: Any) -> bool | None:
    """Return what a constant mask is everywhere, or None."""
    if type(mask) in (bool, np.bool_):
        return bool(mask)
    if isinstance(mask, np.ndarray) and mask.dtype == bool and mask.size:
        first = bool(mask.flat[0])
        return first if bool((mask == first).all()) else None
    return None


# -- where -----------------------------------------------------------------------------------------


def selected_by_constant(row: Instruction, at: Pass) -> Any:
    """``where(True, x, y)`` is x, and of False y. Exact."""
    if len(row.args) != 3:
        return None
    mask, x, y = row.args
    chosen = constant_mask(mask)
    part = None if chosen is None else x if chosen else y
    return part if is_row(part) and like(row, part) else None


def number_selected(row: Instruction, at: Pass) -> Any:
    """``where`` of numbers gives a number, and no array without axes. Exact."""
    if isinstance(row.value, np.ndarray) and not row.value.ndim:
        row.value = row.value[()]
        return row
    return None


def equal_branches(row: Instruction, at: Pass) -> Any:
    """``where(m, x, x)`` is x. Exact."""
    if len(row.args) != 3 or row.args[1] is not row.args[2]:
        return None
    x = row.args[1]
    return x if is_row(x) and like(row, x) else None


def selected_twice(row: Instruction, at: Pass) -> Any:
    """``where(m, where(m, x, _), y)`` is where(m, x, y), and so for the other branch. Exact."""
    if len(row.args) != 3:
        return None
    mask, x, y = row.args
    if not is_row(mask):
        return None
    for k, part in ((1, x), (2, y)):
        if calls(part, np.where) and len(part.args) == 3 and part.args[0] is mask:
            inner = part.args[k]
            args = (mask, inner, y) if k == 1 else (mask, x, inner)
            same = dtype_of(inner) == dtype_of(part) and shape_of(inner) == shape_of(part)
            if same and is_row(inner):
                return rewrite(row, np.where, *args)
    return None


def selected_by_not(row: Instruction, at: Pass) -> Any:
    """``where(not m, x, y)`` is where(m, y, x). Exact."""
    if len(row.args) == 3 and is_row(row.args[0], NOT) and kind_of(row.args[0].args[0]) == "b":
        mask, x, y = row.args
        return rewrite(row, np.where, mask.args[0], y, x)
    return None


def finite_selected(row: Instruction, at: Pass) -> Any:
    """``where(isfinite(z), z, 0)`` is z, if a result tells of an infinite z. Checked."""
    z = guarded(row)
    return z if z is not None and like(row, z) and at.facts.is_loud(z) else None


# -- masks -----------------------------------------------------------------------------------------


def selected_product(row: Instruction, at: Pass) -> Any:
    """``where(m, x, 0)`` of what is 0 already where m does not hold is x. Checked."""
    if len(row.args) != 3 or not is_number(row.args[2], 0.0):
        return None
    mask, x, _ = row.args
    if not is_row(x) or not is_row(mask) or not like(row, x):
        return None
    if calls(x, masked_multiply) and x.args[2] is mask:
        return x
    return x if at.facts.is_sound(row) and vanishes(x, mask) else None


def vanishes(x: Any, mask: Any) -> bool:
    """True if x is zero, or NaN, wherever the mask does not hold."""
    stack = [x]
    for _ in range(8):
        x = stack.pop() if stack else None
        if not is_row(x):
            continue
        if x is mask or calls(x, masked_multiply) and x.args[2] is mask:
            return True
        if calls(x, np.where) and len(x.args) == 3 and x.args[0] is mask:
            if is_number(x.args[2], 0.0):
                return True
        elif x.function in MULTIPLY:
            stack += x.args
        elif x.function in NEGATIVE or x.function is cast:
            stack.append(x.args[0])
    return False


def masked_by_product(row: Instruction, at: Pass) -> Any:
    """``where(m, x, 0)`` is x * m, in half the time, but for the sign of a zero. Checked."""
    if len(row.args) != 3 or not is_number(row.args[2], 0.0) or not at.facts.is_sound(row):
        return None
    mask, x, _ = row.args
    if not at.facts.drops_sign(row):
        return None
    if is_row(x) and kind_of(mask) == "b" and is_real(row) and like(row, x) and shape_of(row):
        return rewrite(row, operator.mul, x, mask)
    return None


def finite_product(row: Instruction, at: Pass) -> Any:
    """A product behind a mask, one factor of which is 0 elsewhere, is the plain one. Checked."""
    x, y, mask = row.args
    if not at.facts.is_sound(row):
        return constant_masked(row)
    if np.broadcast_shapes(shape_of(x), shape_of(y)) != shape_of(row):
        return None
    return rewrite(row, operator.mul, x, y)


def constant_masked(row: Instruction) -> Any:
    """A mask that holds everywhere is none. Exact."""
    x, y, mask = row.args
    if constant_mask(mask) and np.broadcast_shapes(shape_of(x), shape_of(y)) == shape_of(row):
        return rewrite(row, operator.mul, x, y)
    return None


# -- truth values ----------------------------------------------------------------------------------


def truth(row: Instruction, at: Pass) -> Any:
    """``m != 0`` is m, and ``m == 0`` is not m, for truth values. Exact."""
    m, zero = row.args
    if not is_row(m) or kind_of(m) != "b" or type(zero) is not int or zero != 0:
        return None
    if row.function in UNEQUAL:
        return m if like(row, m) else None
    return rewrite(row, np.logical_not, m)


def not_not(row: Instruction, at: Pass) -> Any:
    """``not not m`` is m. Exact."""
    m = row.args[0]
    if is_row(m, NOT) and kind_of(m.args[0]) == "b" and is_row(m.args[0]) and like(row, m.args[0]):
        return m.args[0]
    return None


def neither(row: Instruction, at: Pass) -> Any:
    """``not a and not b`` is not (a or b). Exact."""
    a, b = row.args
    if is_row(a, NOT) and is_row(b, NOT) and at.once(a) and at.once(b):
        if kind_of(a.args[0]) == kind_of(b.args[0]) == "b":
            both = at.make(row, np.logical_or, a.args[0], b.args[0], dtype=bool)
            return rewrite(row, np.logical_not, both)
    return None


def constant_truth(row: Instruction, at: Pass) -> Any:
    """``m and True`` and ``m or False`` are m. Exact."""
    a, b = row.args
    for m, c in ((a, b), (b, a)):
        constant = constant_mask(c)
        if constant is None or not is_row(m) or not like(row, m):
            continue
        if constant == (row.function in AND):
            return m
    return None


def same_truth(row: Instruction, at: Pass) -> Any:
    """``m and m`` and ``m or m`` are m. Exact."""
    a, b = row.args
    return a if a is b and is_row(a) and like(row, a) else None


RULES: Room = {
    frozenset({np.where}): (
        number_selected,
        selected_by_constant,
        equal_branches,
        selected_by_not,
        selected_twice,
        selected_product,
        finite_selected,
    ),
    EQUAL | UNEQUAL: (truth,),
    NOT: (not_not,),
    AND: (neither, constant_truth, same_truth),
    OR: (constant_truth, same_truth),
}
#: Once selections of selections are gone.
LATE: Room = {
    frozenset({masked_multiply}): (finite_product,),
    frozenset({np.where}): (masked_by_product,),
}
