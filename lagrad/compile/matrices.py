"""Lines of sparse matrices: their data, and the matrix of a constant pattern."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lagrad.compile.lines import index_text
from lagrad.compile.program import Instruction
from lagrad.eliminate.matrices import by_rows, placed
from lagrad.eliminate.stripes import summed


def placed_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A vector of parts, each at its slots."""
    order = row.kwargs["order"]
    dtype = "" if order.dtype.name == "float64" else f", np.{order.dtype.name}"
    yield f"{name} = np.empty({order.size}{dtype})"
    for part, at in zip(row.args, order.slots, strict=True):
        yield f"{name}[{index_text(at, e.text)}] = {e.text(part)}"


def summed_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """Sums of what goes to each slot."""
    data, slot, size = row.args
    yield f"{name} = np.bincount({e.constant(slot, 'slot')}, {e.text(data)}, {size})"


def matrix_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A sparse matrix of a constant pattern, which shares no memory with anything."""
    data, indices, indptr, shape = row.args
    entries = e.text(data) if id(data) in e.own else f"np.array({e.text(data)})"
    pattern = f"{e.constant(indices, 'indices')}.copy(), {e.constant(indptr, 'indptr')}.copy()"
    yield f"{name} = sp.csr_array(({entries}, {pattern}), shape={shape})"


#: Their results share no memory with their arguments.
OWNING = frozenset({placed, summed})
#: How they are written.
LINES = {placed: placed_lines, summed: summed_lines, by_rows: matrix_lines}
