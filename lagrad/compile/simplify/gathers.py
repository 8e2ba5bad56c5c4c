"""Rules of what is taken by an array of indices. Exact."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import is_row, shape_of, value_of
from lagrad.compile.simplify.rules import Room, among, rewrite
from lagrad.compile.simplify.shapes import GETITEM


def gather(part: Any) -> tuple[Any, Any] | None:
    """Return x and i of ``x[i]`` for an array i of whole numbers, or None."""
    if not is_row(part, GETITEM) or len(part.args) != 2:
        return None
    x, i = part.args
    at = value_of(i)
    if type(at) is not np.ndarray or at.dtype.kind not in "iu" or not at.ndim:
        return None
    return (x, i) if is_row(x) and isinstance(x.value, np.ndarray) else None


@among(GETITEM, arrays=True)
def column_of_gather(row: Instruction, at: Pass) -> Any:
    """``x[i][..., k]`` is x[..., k][i]: a column is taken, not whole rows. Exact."""
    t, index = row.args
    found = gather(t)
    if found is None or row.kwargs or type(index) is not tuple or len(index) != 2:
        return None
    x, i = found
    if len(shape_of(x)) < 2 or index[0] is not Ellipsis or type(index[1]) is not int:
        return None
    return rewrite(row, operator.getitem, at.make(row, operator.getitem, x, index), i)


RULES: Room = {GETITEM: (column_of_gather,)}
