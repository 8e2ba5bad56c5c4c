"""Rules of what is stretched: it stays as small as it is, for its consumer to stretch. Exact.

An axis of length one in front is a stretch too, since broadcasting adds it by itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.arithmetic import sides
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import (
    ARITHMETIC,
    COMPARISONS,
    NEGATIVE,
    calls,
    dtype_of,
    is_inexact,
    is_row,
    number,
    shape_of,
    without_leading_ones,
)
from lagrad.compile.simplify.rules import CONSTANT, Room, among, rewrite
from lagrad.compile.simplify.shapes import RESHAPES, as_reshape, same_shape

STRETCH = frozenset({np.broadcast_to})


def stretched(part: Any) -> Any:
    """Return what a row stretches, of the same dtype, or None."""
    if calls(part, np.broadcast_to) and len(part.args) == 2 and is_row(part.args[0]):
        return part.args[0]
    return None


@among(STRETCH)
def stretch_of_stretch(row: Instruction, at: Pass) -> Any:
    """Only the last of two shapes counts. Exact."""
    inner = stretched(row.args[0])
    if inner is None or row.kwargs:
        return None
    return rewrite(row, np.broadcast_to, inner, shape_of(row))


@among(STRETCH, arrays=True)
def stretched_operand(row: Instruction, at: Pass) -> Any:
    """In ``broadcast_to(x, shape) * y`` the product itself stretches x, if y has the shape.

    Exact.
    """
    for k, (x, y) in enumerate(sides(row)):
        inner = stretched(x)
        if inner is not None and shape_of(y) == shape_of(row) and isinstance(row.value, np.ndarray):
            return rewrite(row, row.function, *((inner, y) if k == 0 else (y, inner)))
    return None


@among(STRETCH, arrays=True)
def of_stretched(row: Instruction, at: Pass) -> Any:
    """``f(broadcast_to(x, shape))`` is broadcast_to(f(x), shape), for a sign or a number beside.

    Exact.
    """
    args = row.args
    for k, x in enumerate(args):
        inner = stretched(x)
        if inner is None or shape_of(x) != shape_of(row):
            continue
        rest = [y for j, y in enumerate(args) if j != k]
        plain = [stretched(y) if stretched(y) is not None else y for y in rest]
        if any(number(y) is None and shape_of(y) != shape_of(inner) for y in plain):
            continue
        plain = [number(y) if number(y) is not None else y for y in plain]
        if not is_inexact(row) or dtype_of(inner) != dtype_of(row):
            continue
        small = at.make(
            row, row.function, *(plain[:k] + [inner] + plain[k:]), shape=shape_of(inner)
        )
        return rewrite(row, np.broadcast_to, small, shape_of(row))
    return None


# -- axes in front ---------------------------------------------------------------------------------


@among(RESHAPES, arrays=True)
def leading_axes(row: Instruction, at: Pass) -> Any:
    """An axis of length one in front is added by broadcasting itself. Exact."""
    for k, x in enumerate(row.args):
        inner = as_reshape(x)
        if inner is None or shape_of(inner) != without_leading_ones(shape_of(x)):
            continue
        if len(shape_of(inner)) == len(shape_of(x)):
            continue
        if row.function is np.broadcast_to:
            return rewrite(row, np.broadcast_to, inner, shape_of(row))
        other = row.args[1 - k]
        if shape_of(other) == shape_of(row) and dtype_of(other) == dtype_of(inner):
            return rewrite(row, row.function, *((inner, other) if k == 0 else (other, inner)))
    return None


@among(RESHAPES, arrays=True)
def of_leading(row: Instruction, at: Pass) -> Any:
    """``f(x[None])`` is f(x)[None], for a sign or a number beside. Exact."""
    for k, x in enumerate(row.args):
        inner = as_reshape(x)
        rest = [number(y) for j, y in enumerate(row.args) if j != k]
        if inner is None or None in rest or not at.once(x) or not is_inexact(row):
            continue
        if shape_of(inner) != without_leading_ones(shape_of(x)) or dtype_of(inner) != dtype_of(row):
            continue
        if shape_of(x) != shape_of(row):
            continue
        small = at.make(row, row.function, *rest[:k], inner, *rest[k:], shape=shape_of(inner))
        return rewrite(row, np.reshape, small, shape_of(row))
    return None


@among(CONSTANT, arrays=True)
def of_one_number(row: Instruction, at: Pass) -> Any:
    """``f(x, [c])`` of a number x is f(x, c) in another shape. Exact."""
    for k, (x, c) in enumerate(sides(row)):
        if type(c) is np.ndarray and is_row(x) and not shape_of(x) and c.size == 1:
            value = at.facts.uniform(c)
            if value is None or not c.dtype == dtype_of(x) == dtype_of(row):
                continue
            args = (x, value) if k == 0 else (value, x)
            return rewrite(row, np.reshape, at.make(row, row.function, *args), shape_of(row))
    return None


RULES: Room = {
    frozenset({np.broadcast_to}): (same_shape, stretch_of_stretch, leading_axes),
    ARITHMETIC: (leading_axes, stretched_operand, of_stretched, of_leading, of_one_number),
    COMPARISONS: (leading_axes,),
    NEGATIVE: (of_stretched, of_leading),
}
