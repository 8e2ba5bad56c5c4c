"""The accumulation of many small constraints: all of one depth are condensed at once.

    J = dz/dx,   J_i = sum over j in alpha(i) of (df_i/dz_j) J_j,   depth of i = 1 + deepest of j

With the places of the partials known, which entries of J meet which partials is known too: index
arrays, worked out once. With other values of the partials a depth is then one product and one sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lagrad.assemble import graph_entries, same
from lagrad.graph import Graph
from lagrad.partials import Entries

#: From so many constraints on, that have so few entries each, a depth at once is faster.
MANY, SMALL = 12, 30

#: All Jacobians are kept until the end: beyond so many entries they are freed one by one instead.
MOST = 5_000_000


class Depth(NamedTuple):
    """The constraints of one depth: ``J[here] = sums of d[edges][left] J[right]``."""

    edges: slice
    left: np.ndarray | None
    right: np.ndarray
    slot: np.ndarray | None
    here: slice


class Levels:
    """The places of dz_i/dx for all rows of a graph, worked out for the places of its partials.

    Parameters
    ----------
    rows, columns : int arrays (edges,)
        Between entries of variables, which are numbered from 0 to n.
    depth : int array (n,)
    inputs : int array (width,)
        The entries x, in the order of the columns of J.
    """

    def __init__(
        self, rows: np.ndarray, columns: np.ndarray, depth: np.ndarray, inputs: np.ndarray
    ) -> None:
        self.rows, self.columns, self.depth, self.inputs = rows, columns, depth, inputs
        n, width = len(depth), len(inputs)
        self.begin, self.length = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        self.begin[inputs], self.length[inputs] = np.arange(width), 1
        # An input of the computation that is none of x has no derivative.
        self.order = np.argsort(depth[rows], kind="stable")
        ordered_rows, ordered_columns = rows[self.order], columns[self.order]
        ends = np.flatnonzero(np.diff(depth[ordered_rows], append=-1)) + 1
        self.depths: list[Depth] = []
        self.indices, self.size, start = np.arange(width), width, 0
        for end in ends.tolist():
            here = slice(start, end)
            self.depths.append(self.meet(here, ordered_rows[here], ordered_columns[here]))
            start = end
            if self.size > MOST:
                break

    def meet(self, edges: slice, rows: np.ndarray, columns: np.ndarray) -> Depth:
        """Return what one depth does, and append its entries to J."""
        width = max(1, len(self.inputs))
        lengths = self.length[columns]
        left = np.repeat(np.arange(len(rows)), lengths)
        shift = self.begin[columns] - (np.cumsum(lengths) - lengths)
        right = np.repeat(shift, lengths) + np.arange(len(left))
        key = rows[left] * width + self.indices[right]
        order = np.argsort(key, kind="stable")
        key = key[order]
        new = np.ones(len(key), dtype=bool)
        new[1:] = key[1:] != key[:-1]
        slot = np.empty(len(key), dtype=np.int64)
        slot[order] = np.cumsum(new) - 1
        row, column = np.divmod(key[new], width)
        first = np.flatnonzero(np.diff(row, prepend=-1))
        self.begin[row[first]] = self.size + first
        self.length[row[first]] = np.diff(first, append=len(row))
        here = slice(self.size, self.size + len(row))
        self.size += len(row)
        if self.size > len(self.indices):  # twice as much room, so that no entry is moved often
            self.indices = np.resize(self.indices, 2 * self.size)
        self.indices[here] = column
        one = bool((lengths == 1).all())
        in_order = bool(new.all() and (order[1:] > order[:-1]).all())
        return Depth(edges, None if one else left, right, None if in_order else slot, here)

    def fits(self, rows: np.ndarray, columns: np.ndarray, depth: np.ndarray, x: np.ndarray) -> bool:
        """True if the partials have their entries where those had them."""
        return (
            same(rows, self.rows)
            and same(columns, self.columns)
            and same(depth, self.depth)
            and same(x, self.inputs)
        )

    def data(self, d: np.ndarray) -> np.ndarray:
        """Return the entries of J for the entries d of the partials."""
        d, J = d[self.order], np.empty(self.size)  # noqa: N806
        J[: len(self.inputs)] = 1.0
        for edges, left, right, slot, here in self.depths:
            part = d[edges] if left is None else d[edges][left]
            part = part * J[right]
            if slot is not None:
                part = np.bincount(slot, weights=part, minlength=here.stop - here.start)
            J[here] = part
        return J


def is_fine(graph: Graph, needed: np.ndarray, heights: np.ndarray) -> bool:
    """True for a graph of many small constraints and no cycles."""
    count = np.count_nonzero(needed)
    few = int(heights[needed].sum()) <= SMALL * count
    return bool(few and count >= MANY and not graph.cycles)


def partial_entries(graph: Graph, needed: np.ndarray, offsets: np.ndarray) -> Entries:
    """Return the entries of all partials of the rows that are needed, in a fixed order."""
    rows, columns, data = graph_entries(graph, offsets, graph.widths)
    if needed.all():
        return rows, columns, data
    kept = np.repeat(needed, np.diff(offsets))[rows]
    return rows[kept], columns[kept], data[kept]


def depths(graph: Graph, needed: Sequence[int]) -> np.ndarray:
    """Return the depth of each row: that of what depends on nothing is zero."""
    found = [0] * len(graph)
    for i in needed:
        found[i] = 1 + max((found[j] for j in graph.parents(i)), default=-1)
    return np.array(found, dtype=np.int64)
