"""Which equations must be solved together, and in what order.

All of it is iterative, on index arrays: a chain of a million constraints does not recurse.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csgraph

from lagrad.status import StructureError


def components(n: int, rows: np.ndarray, parents: np.ndarray) -> list[tuple[int, ...]]:
    """Return the strongly connected components of ``parents -> rows``, in topological order.

    Parameters
    ----------
    n : int
        Number of nodes.
    rows, parents : int arrays (edges,)
        Node ``rows[k]`` needs node ``parents[k]``.

    Returns
    -------
    list of tuples
        Each component with its nodes in ascending order, after all that it needs. Among those that
        are free to come next the one with the smallest node comes first, so that an order that
        is topological already is kept.

    Notes
    -----
    The components are SciPy's (Pearce 2005, an iterative variant of Tarjan 1972).
    """
    if np.all(parents < rows):
        return [(i,) for i in range(n)]
    count, found = strong(n, rows, parents)
    label = by_smallest(count, found)
    if not topological(label, rows, parents):
        label = kahn(count, found, rows, parents)
    members, bounds = grouped(label, count)
    nodes, ends = members.tolist(), bounds.tolist()
    return [tuple(nodes[begin:end]) for begin, end in pairwise(ends)]


def component_order(n: int, rows: np.ndarray, parents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the components as arrays: all nodes, and where each component begins among them.

    They are in topological order, that of their smallest nodes if this is one; which one otherwise
    is not told, so that nothing here takes time for each component in turn.
    """
    if np.all(parents < rows):
        return np.arange(n), np.arange(n + 1)
    count, found = strong(n, rows, parents)
    # SciPy counts in one of the last two orders, but does not promise it.
    for label in (by_smallest(count, found), found, count - 1 - found):
        if topological(label, rows, parents):
            return grouped(label, count)
    return grouped(kahn(count, found, rows, parents), count)


def strong(n: int, rows: np.ndarray, parents: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the number of components and that of each node, as SciPy counts."""
    ones = np.ones(len(rows), dtype=np.int8)
    adjacency = sp.csr_array((ones, (parents, rows)), shape=(n, n))
    return csgraph.connected_components(adjacency, connection="strong")


def by_smallest(count: int, label: np.ndarray) -> np.ndarray:
    """Return ``label`` renumbered so that components are counted by their smallest nodes."""
    rank = np.empty(count, dtype=np.int64)
    rank[np.argsort(smallest_nodes(count, label))] = np.arange(count)
    return rank[label]


def smallest_nodes(count: int, label: np.ndarray) -> np.ndarray:
    """Return the smallest node of each component."""
    first = np.full(count, len(label))
    np.minimum.at(first, label, np.arange(len(label)))
    return first


def topological(label: np.ndarray, rows: np.ndarray, parents: np.ndarray) -> bool:
    """True if no edge leads to a component of a smaller number."""
    return bool(np.all(label[parents] <= label[rows]))


def grouped(label: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes component by component, and where each begins."""
    bounds = np.concatenate([[0], np.cumsum(np.bincount(label, minlength=count))])
    return np.argsort(label, kind="stable"), bounds


def kahn(count: int, label: np.ndarray, rows: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Return ``label`` renumbered in topological order, the smallest node first where it is free.

    A. B. Kahn, Comm. ACM 5 (1962), p. 558.
    """
    source, target = label[parents], label[rows]
    between = source != target
    pairs = np.sort(source[between].astype(np.int64) * count + target[between])
    source, target = np.divmod(pairs, max(count, 1))
    # Python's own lists and numbers: a step of this loop is then a microsecond.
    waiting = np.bincount(target, minlength=count).tolist()
    begin = np.searchsorted(source, np.arange(count + 1)).tolist()
    needing, smallest = target.tolist(), smallest_nodes(count, label).tolist()
    ready = [(smallest[c], c) for c in range(count) if waiting[c] == 0]
    heapq.heapify(ready)
    order = []
    while ready:
        _, c = heapq.heappop(ready)
        order.append(c)
        for d in needing[begin[c] : begin[c + 1]]:
            waiting[d] -= 1
            if waiting[d] == 0:
                heapq.heappush(ready, (smallest[d], d))
    number = np.empty(count, dtype=np.int64)
    number[order] = np.arange(count)
    return number[label]


@dataclass(frozen=True)
class Deficiency:
    """What a structurally singular model has too much and too little of.

    ``equations`` and ``determined`` are the over-determined part: more equations than the variables
    that they contain. ``variables`` and ``constraining`` are the under-determined part: more
    variables than the equations that contain them.
    """

    equations: np.ndarray
    determined: np.ndarray
    variables: np.ndarray
    constraining: np.ndarray

    def told(self, equations: Sequence[str], variables: Sequence[str]) -> str:
        """Say it with the names of the entries."""

        def names(places: np.ndarray, labels: Sequence[str]) -> str:
            return ", ".join(labels[p] for p in places[:8]) + (" ..." if len(places) > 8 else "")

        parts = [f"{len(equations)} equations for {len(variables)} variables do not determine them"]
        if len(self.equations):
            parts.append(
                f"over-determined: the equations {names(self.equations, equations)} hold only "
                f"{names(self.determined, variables) or 'inputs'}"
            )
        if len(self.variables):
            parts.append(
                f"under-determined: {names(self.variables, variables)} occur "
                + (
                    f"only in {names(self.constraining, equations)}"
                    if len(self.constraining)
                    else "in no equation"
                )
            )
        return ". ".join(parts)


def match(pattern: sp.csr_array) -> np.ndarray | Deficiency:
    """Match every equation (row) to a variable (column) of its own.

    Parameters
    ----------
    pattern : sparse (m, n)
        Which variables each equation contains.

    Returns
    -------
    array (m,) of columns if the matching is perfect, else the `Deficiency`: the coarse parts of
    Dulmage and Mendelsohn (Canad. J. Math. 10, 1958, p. 517), found by alternating paths.
    """
    m, n = pattern.shape
    # The matching of SciPy 1.13 takes 32-bit indices only.
    indices, indptr = pattern.indices.astype(np.int32), pattern.indptr.astype(np.int32)
    pattern = sp.csr_array((np.ones(pattern.nnz, dtype=np.int8), indices, indptr), shape=(m, n))
    of_row = np.asarray(csgraph.maximum_bipartite_matching(pattern, perm_type="column"))
    if m == n and np.all(of_row >= 0):
        return of_row
    of_column = np.full(n, -1)
    matched = np.flatnonzero(of_row >= 0)
    of_column[of_row[matched]] = matched
    # Over-determined: reached from a free equation by (any edge, then the matched edge back).
    equations, determined = alternating(pattern, np.flatnonzero(of_row < 0), of_column)
    by_column = sp.csr_array(pattern.T)
    variables, constraining = alternating(by_column, np.flatnonzero(of_column < 0), of_row)
    return Deficiency(equations, determined, variables, constraining)


def alternating(
    pattern: sp.csr_array, free: np.ndarray, partner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns that alternating paths from ``free`` rows reach."""
    rows, columns = set(free.tolist()), set()
    todo = list(rows)
    while todo:
        i = todo.pop()
        for j in pattern.indices[pattern.indptr[i] : pattern.indptr[i + 1]].tolist():
            if j not in columns:
                columns.add(j)
                other = int(partner[j])
                if other >= 0 and other not in rows:
                    rows.add(other)
                    todo.append(other)
    return np.array(sorted(rows), dtype=int), np.array(sorted(columns), dtype=int)


def reachable(n: int, rows: np.ndarray, parents: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return which of ``n`` nodes the nodes ``start`` need, themselves included, as booleans."""
    for ends in (rows, parents, start):
        if np.any((ends < 0) | (ends >= n)):
            raise StructureError(f"an edge leaves the graph of {n} nodes")
    # One extra node needs all of ``start``, so that a single search serves.
    rows = np.concatenate([rows, np.full(len(start), n)])
    parents = np.concatenate([parents, start])
    ones = np.ones(len(rows), dtype=np.int8)
    needs = sp.csr_array((ones, (rows, parents)), shape=(n + 1, n + 1))
    found = csgraph.breadth_first_order(needs, n, directed=True, return_predecessors=False)
    reached = np.zeros(n + 1, dtype=bool)
    reached[found] = True
    return reached[:n]
