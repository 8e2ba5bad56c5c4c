"""Rules of selections: ``where``, masks, and the slopes of maximum, minimum and clip.

A rule that says *checked* holds where a result that is asked to be finite tells of a NaN that the
shorter form makes (see `lagrad.compile.simplify.finite`); the call is then run again with care.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from lagrad.compile.functions import cast
from lagrad.compile.program import Instruction
from lagrad.compile.simplify.arithmetic import sides
from lagrad.compile.simplify.passes import Pass, among, key_of, rewrite
from lagrad.compile.simplify.patterns import (
    DIVIDE,
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
from lagrad.compile.simplify.written import slope, sloped
from lagrad.dispatch import masked_multiply

EQUAL = frozenset({operator.eq, np.equal})
UNEQUAL = frozenset({operator.ne, np.not_equal})
GREATER = frozenset({operator.gt, np.greater})
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


# -- where ---------------------------------------------------------------------------------------


def selected_by_constant(row: Instruction, at: Pass) -> Any:
    """``where(True, x, y)`` is x, and of False y. Exact."""
    if len(row.args) != 3:
        return None
    mask, x, y = row.args
    chosen = constant_mask(mask)
    part = None if chosen is None else x if chosen else y
    return part if is_row(part) and like(row, part) else None


def number_selected(row: Instruction, at: Pass) -> Any:
    """``where`` of numbers gives a number, and no array without axes, if it is no result. Exact."""
    if isinstance(row.value, np.ndarray) and not row.value.ndim and id(row) not in at.outputs:
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


def finite_selected(row: Instruction, at: Pass) -> Any:
    """``where(isfinite(z), z, 0)`` is z, if a result tells of an infinite z. Checked."""
    z = guarded(row)
    return z if z is not None and like(row, z) and at.facts.is_loud(z) else None


# -- slopes --------------------------------------------------------------------------------------


def picked(row: Any) -> tuple[Any, Any, Any] | None:
    """Return (x, y, x) of the slope of a maximum to x, (y, x, x) of a minimum, as it is traced.

    It is 1/2 where x == y, else 1 where x == z, or both are NaN, and 0 elsewhere.
    """
    if calls(row, cast):
        row = row.args[0]
    if not calls(row, np.where) or len(row.args) != 3 or not is_number(row.args[1], 0.5):
        return None
    tie, _, rest = row.args
    if not calls(rest, np.where) or not is_number(rest.args[1], 1.0):
        return None
    here = rest.args[0]
    if not is_number(rest.args[2], 0.0) or not is_row(tie, EQUAL) or not is_row(here, OR):
        return None
    same = here.args[0]
    if not is_row(same, EQUAL):
        return None
    x, z = same.args
    if not (calls(z, np.maximum) or calls(z, np.minimum)) or tie.args[0] is not x:
        return None
    y = tie.args[1]
    if {key_of(a) for a in z.args} != {key_of(x), key_of(y)}:
        return None
    return (x, y, x) if z.function is np.maximum else (y, x, x)


@among({np.where})
def slope_of_maximum(row: Instruction, at: Pass) -> Any:
    """The slope of a maximum of two arrays to one of them is a function by itself. Exact; told."""
    found = picked(row)
    if found is None or not is_real(row):
        return None
    x, y, own = found
    # Of a NaN in its own argument the slope is 1, and by comparison 0.
    return rewrite(row, slope, x, y, dtype_of(row), False) if at.facts.is_told(own) else None


@among({np.add}, options=True)
def slope_of_bound(row: Instruction, at: Pass) -> Any:
    """The slope of a maximum of an array and a number is a function by itself. Exact."""
    count, half = row.args
    if not is_number(half, 0.5) or row.kwargs.keys() != {"dtype"} or not is_real(row):
        return None
    if not is_row(count) or count.kwargs.keys() != {"dtype"} or len(count.args) != 2:
        return None
    found = [against(part) for part in count.args]
    if None in found or found[0][1:] != found[1][1:]:  # type: ignore[index]
        return None
    (strict, x, y, nan), (weak, *_) = found  # type: ignore[misc]
    return rewrite(row, slope, x, y, dtype_of(row), nan) if strict and not weak else None


def against(part: Any) -> tuple[bool, Any, Any, bool] | None:
    """Return (whether strictly, x, y, whether of NaN too) of a row that tells where x > y."""
    if not is_row(part):
        return None
    if part.function in NOT:
        turned = part.args[0]
        if calls(turned, np.less_equal) or calls(turned, np.less):
            return turned.function is np.less_equal, *turned.args, True
        if calls(turned, np.greater_equal) or calls(turned, np.greater):
            return turned.function is np.greater_equal, *turned.args[::-1], True
        return None
    if calls(part, np.greater) or calls(part, np.greater_equal):
        return part.function is np.greater, *part.args, False
    if calls(part, np.less) or calls(part, np.less_equal):
        return part.function is np.less, *part.args[::-1], False
    return None


@among({slope})
def slope_times(row: Instruction, at: Pass) -> Any:
    """``slope(x, y) * w`` is w * (x > y), and half of w where there is a tie. Exact."""
    for s, w in sides(row):
        if calls(s, slope) and like(row, w) and isinstance(w.value, np.ndarray):
            x, y, _, nan = s.args
            if np.broadcast_shapes(shape_of(x), shape_of(y)) == shape_of(row):
                told = at.facts.is_told(x) or at.facts.is_told(y)
                return rewrite(row, sloped, w, x, y, nan and not told)
    return None


@among({np.where}, arrays=True)
def share_of_ties(row: Instruction, at: Pass) -> Any:
    """``where(m, 1, 0) / n`` is m / n. Exact."""
    a, n = row.args
    if calls(a, np.where) and len(a.args) == 3 and dtype_of(row) == np.float64:
        mask, one, zero = a.args
        if is_number(one, 1.0) and is_number(zero, 0.0) and kind_of(mask) == "b" and kind_of(n):
            return rewrite(row, operator.truediv, mask, n) if kind_of(n) in "iu" else None
    return None


@among({np.maximum})
def raised_above(row: Instruction, at: Pass) -> Any:
    """``maximum(x, a) > b`` is x > b for constants a <= b. Exact."""
    z, high = row.args
    if not calls(z, np.maximum) or type(high) not in (int, float):
        return None
    x, low = z.args
    if type(low) in (int, float) and low <= high and shape_of(x) == shape_of(row):
        return rewrite(row, row.function, x, high)
    return None


# -- truth values --------------------------------------------------------------------------------


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


RULES = {
    frozenset({np.where}): (
        number_selected,
        selected_by_constant,
        equal_branches,
        selected_by_not,
        selected_twice,
        selected_product,
        finite_selected,
        slope_of_maximum,
    ),
    frozenset({cast}): (slope_of_maximum,),
    frozenset({masked_multiply}): (),
    MULTIPLY: (slope_of_bound, slope_times),
    DIVIDE: (share_of_ties,),
    GREATER: (raised_above,),
    EQUAL | UNEQUAL: (truth,),
    NOT: (not_not,),
    AND: (neither, constant_truth, same_truth),
    OR: (constant_truth, same_truth),
}
#: Once selections of selections are gone.
LATE = {
    frozenset({masked_multiply}): (finite_product,),
    frozenset({np.where}): (masked_by_product,),
}

__all__ = ["LATE", "RULES"]
