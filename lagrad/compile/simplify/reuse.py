"""Rules that use again what the forward sweep has: tanh, and the sum of exponentials."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import (
    SUBTRACT,
    calls,
    guarded,
    is_number,
    is_real,
    is_row,
    like,
    reduction,
)
from lagrad.compile.simplify.rules import Room, rewrite
from lagrad.rules.elementwise import sech_squared


def tanh_slope(row: Instruction, at: Pass) -> Any:
    """``1 / cosh(x)**2`` is 1 - z*z for z = tanh(x) that is there. Within 4e-16 absolute."""
    z = at.find(np.tanh, row.args[0])
    if z is None or not is_real(row):
        return None
    return rewrite(row, operator.sub, 1.0, at.make(row, operator.mul, z, z))


def opened_slope(row: Instruction, at: Pass) -> Any:
    """``sech_squared`` is what it is made of. Exact."""
    x = row.args[0]
    if is_real(row):
        sech = at.make(row, operator.truediv, 1, at.make(row, np.cosh, x))
        return rewrite(row, operator.mul, sech, sech)
    right = at.make(row, operator.gt, at.make(row, np.real, x), 0, dtype=bool)
    turned = at.make(row, np.where, right, at.make(row, operator.neg, x), x)
    e = at.make(row, np.exp, at.make(row, operator.mul, 2, turned))
    below = at.make(row, operator.add, 1, e)
    above = at.make(row, operator.mul, 4, e)
    return rewrite(row, operator.truediv, above, at.make(row, operator.mul, below, below))


def finite_top(row: Instruction, at: Pass) -> Any:
    """``where(isfinite(t), t, 0)`` is t = max(x), if a result tells of NaN in x - t. Checked."""
    t = guarded(row)
    return t if t is not None and like(row, t) and id(row) in at.facts.tops else None


def sum_of_exponentials(row: Instruction, at: Pass) -> Any:
    """``where(s == 0, 1, s)`` is s = sum(exp(x - max(x))), which is no less than 1. Exact."""
    if len(row.args) != 3 or not is_number(row.args[1], 1.0):
        return None
    zero, _, s = row.args
    total = reduction(s)
    if total is None or not is_row(zero) or zero.function not in (np.equal, operator.eq):
        return None
    if zero.args[0] is not s or not is_number(zero.args[1], 0.0) or not calls(total.x, np.exp):
        return None
    (d,) = total.x.args
    if not is_row(d, SUBTRACT):
        return None
    x, top = d.args
    highest = reduction(top, np.max)
    if highest is None or highest.x is not x or highest.axes != total.axes:
        return None
    return s if like(row, s) else None


RULES: Room = {
    frozenset({sech_squared}): (tanh_slope, opened_slope),
    frozenset({np.where}): (finite_top, sum_of_exponentials),
}

__all__ = ["RULES"]
