"""Which equations must be solved together, and in what order.

All of it is iterative, on index arrays: a chain of a million constraints does not recurse.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

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
    The components are SciPy's (Pearce 2005, an iterative variant of Tarjan 1972); the order is
    Kahn's (Comm. ACM 5, 1962, p. 558).
    """
    if np.all(parents < rows):
        return [(i,) for i in range(n)]
    ones = np.ones(len(rows), dtype=np.int8)
    adjacency = sp.csr_array((ones, (parents, rows)), shape=(n, n))
    count, label = csgraph.connected_components(adjacency, connection="strong")
    first = np.full(count, n)
    np.minimum.at(first, label, np.arange(n))
    members = np.argsort(label, kind="stable").tolist()
    ends = np.concatenate([[0], np.cumsum(np.bincount(label))]).tolist()
    between = label[parents] != label[rows]
    pairs = np.unique(np.stack([label[parents[between]], label[rows[between]]]), axis=1)
    # Python's own lists and numbers: a step of this loop is then a microsecond.
    waiting = np.bincount(pairs[1], minlength=count).tolist()
    begin = np.searchsorted(pairs[0], np.arange(count + 1)).tolist()
    needing, smallest = pairs[1].tolist(), first.tolist()
    ready = [(smallest[c], c) for c in range(count) if waiting[c] == 0]
    heapq.heapify(ready)
    ordered = []
    while ready:
        _, c = heapq.heappop(ready)
        ordered.append(tuple(members[ends[c] : ends[c + 1]]))
        for d in needing[begin[c] : begin[c + 1]]:
            waiting[d] -= 1
            if waiting[d] == 0:
                heapq.heappush(ready, (smallest[d], d))
    return ordered


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
