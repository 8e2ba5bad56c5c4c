"""How many entries the factors of a sparse matrix will have, predicted from its pattern."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import reverse_cuthill_mckee

from lagrad.solve.sparse_lu import HUB

#: Entries with so few neighbours are eliminated before the rest is looked at, a round at a time,
#: as long as they are a part of at least `WORTHWHILE` of what is left.
FEW, WORTHWHILE, ROUNDS = 6, 0.1, 40

#: A graph in which this many steps reach half of all entries, with so many entries a column.
STEPS, LEAST = 10, 4


def predicted_fill(m: sp.csc_array) -> tuple[float, float]:
    """Return the entries of L and U, and the arithmetic that makes them.

    Reverse Cuthill-McKee numbers the entries level by level, so that the front, the entries that
    are met but not yet eliminated, is as wide as the pattern: one in a chain, about sqrt(n) on a
    grid, n^(2/3) in space, a part of n in a random graph. With a front of w, nested dissection of
    pieces as long as they are wide leaves about ``c n log2(2 w)^2`` entries where such pieces are
    smaller than the whole, and ``2 c w^2 log2(n / w)^2`` where not (A. George, SIAM J. Numer. Anal.
    10 (1973), p. 345, has n log n for a grid). With c = 0.65 that is right to a factor of two for
    what SuperLU makes of chains, grids, tori, cubes and random graphs with minimum degree.

    Columns with very many entries are set aside first: they stay to the end, and are full then. So
    are, where the front is wide, entries with few neighbours: a tree has no fill, however wide.
    """
    n = m.shape[0]
    if n == 0:
        return 0.0, 0.0
    hub = np.diff(m.indptr) + np.bincount(m.indices, minlength=n) > HUB * np.sqrt(n)
    fill = 2.0 * hub.sum() * n
    if hub.any():
        m = sp.csc_array(m[:, ~hub].tocsr()[~hub])
    w, rest = front(m), m.shape[0]
    if w**2 > 2.5 * rest:
        m, eliminated = peeled(neighbours(m))
        fill += eliminated
        if eliminated:
            w, rest = front(m), m.shape[0]
    if not rest:
        return fill, 2 * fill
    w = min(w, max(1.0, rest / 2))
    if 2 * w**2 <= rest:
        fill += 0.65 * rest * np.log2(2 * w) ** 2 + 4 * rest
    else:
        fill += min(1.3 * w**2 * np.log2(rest / w) ** 2 + 4 * rest, float(rest) ** 2)
    return fill, 2 * fill**2 / rest


def neighbours(m: sp.sparray) -> sp.csr_array:
    """Return the pattern of M + M^T without its diagonal."""
    m = sp.csr_array(m)
    ones = sp.csr_array((np.ones(m.nnz, np.int8), m.indices, m.indptr), shape=m.shape)
    return without_diagonal(ones + sp.csr_array(ones.T))


def without_diagonal(graph: sp.csr_array) -> sp.csr_array:
    """Return a pattern of ones without its diagonal."""
    found = graph.tocoo()
    off = found.row != found.col
    ones = np.ones(int(off.sum()), np.int8)
    return sp.csr_array((ones, (found.row[off], found.col[off])), shape=graph.shape)


def front(m: sp.sparray) -> float:
    """Return the root mean square of the width of the front, at least one."""
    n = m.shape[0]
    if not n:
        return 1.0
    place = np.empty(n, dtype=np.int64)
    place[reverse_cuthill_mckee(m)] = np.arange(n)
    i, j = np.repeat(place, np.diff(m.indptr)), place[m.indices]
    first = np.arange(n)
    np.minimum.at(first, np.maximum(i, j), np.minimum(i, j))
    # Entry i is on the front from the first of its neighbours on, up to its own turn.
    width = np.cumsum(np.bincount(first, minlength=n) - 1)
    return max(1.0, float(np.sqrt(np.mean(width.astype(float) ** 2))))


def peeled(graph: sp.csr_array) -> tuple[sp.csr_array, float]:
    """Eliminate entries with few neighbours, in rounds of such that are no neighbours.

    Returns
    -------
    graph : what is left, with the fill
    entries : float
        Of L and U, in the rows and columns of those that were eliminated.
    """
    rng, entries = np.random.default_rng(0), 0.0
    for _ in range(ROUNDS):
        n, degree = graph.shape[0], np.diff(graph.indptr)
        rank = np.where(degree <= FEW, rng.permutation(n) + 1, 0)
        if np.count_nonzero(rank) <= WORTHWHILE * n:
            break
        above = np.zeros(n, dtype=rank.dtype)
        np.maximum.at(above, np.repeat(np.arange(n), degree), rank[graph.indices])
        out = rank > above
        entries += float((2 * degree[out] + 2).sum())
        stripe = graph[~out]
        reached = stripe[:, out]
        graph = without_diagonal(sp.csr_array(stripe[:, ~out] + reached @ reached.T))
    return graph, entries


def expands(m: sp.csc_array) -> bool:
    """True if half of the entries are within a few steps of one, as in a random graph.

    Its factors are then full in a part of all entries; a few products with the pattern show it,
    where numbering the graph level by level would take longer than many a solve.
    """
    n = m.shape[0]
    if m.nnz < LEAST * n:
        return False
    ones = sp.csc_array((np.ones(m.nnz, np.float32), m.indices, m.indptr), shape=m.shape)
    reached = np.zeros(n, np.float32)
    reached[n // 2] = 1.0
    for _ in range(STEPS):
        reached = np.minimum(ones @ reached + reached, np.float32(1.0))
        if np.count_nonzero(reached) > n / 2:
            return True
    return False
