"""Thin matrices, of many rows and few columns, which a stretch holds column by column.

NumPy runs along the last axis in memory: along rows of ten entries, each run costs more to begin
than to do, where a column of a block is one run of thousands. Results keep the order of what they
are made of, so it is enough to begin with columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.patterns import MATMUL

#: Longer rows are as good as columns.
NARROW = 24
#: To turn an array costs as much as so many instructions gain.
TURN = 2


def thin(part: Any) -> bool:
    """True for a matrix of few columns, though more than one."""
    shape = np.shape(part.value if type(part) is Instruction else part)
    return len(shape) == 2 and 1 < shape[1] <= NARROW


def turned(
    rows: Sequence[Instruction],
    by_rows: Sequence[Instruction],
    outs: Sequence[Instruction],
    sums: Sequence[Instruction],
) -> set[int] | None:
    """Return which inputs of a stretch are to be turned, by id; None if rows stay as they are.

    It pays where many instructions gain from it, beside the arrays that have to be turned on their
    way in and out. Sums are added in another order, and differ in the last bits.
    """
    added = set(map(id, sums))
    if any(np.ndim(r.value) > 1 and narrow(r) is None for r in rows if id(r) not in added):
        return None
    mixed = {id(p) for r in rows if is_mixed(r) for p in r.parents()}
    inputs = {id(p) for p in by_rows if thin(p) and id(p) in mixed}
    moved = len(inputs) + sum(map(thin, outs))
    return inputs if sum(map(gains, rows)) > TURN * moved else None


def narrow(row: Instruction) -> int | None:
    """Return how many columns a matrix has, None if they are too many or it is none."""
    shape = np.shape(row.value)
    return shape[1] if len(shape) == 2 and shape[1] <= NARROW else None


def is_mixed(row: Instruction) -> bool:
    """True for a thin matrix that is made of several arrays, entry by entry."""
    arrays = {id(p) for p in row.parents() if np.ndim(p.value)}
    return thin(row) and len(arrays) > 1 and row.function not in MATMUL


def gains(row: Instruction) -> bool:
    """True for what is slow along short rows: one array meets a row or a column, or extremes."""
    if row.function in (np.max, np.min, np.amax, np.amin):
        return thin(row.args[0])
    shapes = {np.shape(p.value) for p in row.parents()}
    return is_mixed(row) and len(shapes) > 1
