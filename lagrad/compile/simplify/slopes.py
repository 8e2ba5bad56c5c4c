"""Rules of the slopes of maximum, minimum and clip, which are comparisons and not numbers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from lagrad.compile.functions import cast
from lagrad.compile.program import Instruction
from lagrad.compile.simplify.arithmetic import sides
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import (
    DIVIDE,
    MULTIPLY,
    calls,
    dtype_of,
    is_number,
    is_real,
    is_row,
    kind_of,
    like,
    shape_of,
)
from lagrad.compile.simplify.rules import Room, among, key_of, rewrite
from lagrad.compile.simplify.selections import EQUAL, NOT, OR
from lagrad.compile.simplify.written import slope, sloped

GREATER = frozenset({operator.gt, np.greater})


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


RULES: Room = {
    frozenset({np.where, cast}): (slope_of_maximum,),
    MULTIPLY: (slope_of_bound, slope_times),
    DIVIDE: (share_of_ties,),
    GREATER: (raised_above,),
}
