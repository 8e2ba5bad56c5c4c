"""A sparse Jacobian from few tangents: columns that share no row are found together.

Curtis, Powell and Reid, IMA J. Appl. Math. 13 (1974), p. 117. The colours are those of Jones and
Plassmann, SIAM J. Sci. Comput. 14 (1993), p. 654: in every round the columns that have a larger
random number than all their neighbours without a colour get the smallest one that is free.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

#: So many colours at most: beyond, tangents are dearer than products of sparse partials anyway.
MOST = 63


def colour(pattern: sp.csr_array) -> np.ndarray | None:
    """Return a colour for each column, so that no row has two entries of one colour.

    Parameters
    ----------
    pattern : sparse (m, n)

    Returns
    -------
    int array (n,), or None if more than 63 colours are needed
    """
    n = pattern.shape[1]
    ones = sp.csr_array(
        (np.ones(pattern.nnz, dtype=np.int32), pattern.indices, pattern.indptr), pattern.shape
    )
    if np.diff(ones.indptr).max(initial=0) > MOST:
        return None
    shared = sp.csr_array(ones.T @ ones)
    owner = np.repeat(np.arange(n), np.diff(shared.indptr))
    other = owner != shared.indices
    tail, head = owner[other], shared.indices[other]
    weight = np.random.default_rng(0).permutation(n)
    colours = np.full(n, -1)
    # A bit for each colour that a neighbour has.
    taken = np.zeros(n, dtype=np.int64)
    while len(tail):
        highest = np.full(n, -1)
        np.maximum.at(highest, tail, weight[head])
        chosen = np.flatnonzero((colours < 0) & (weight > highest))
        free = ~taken[chosen]
        lowest = free & -free
        if np.any(lowest <= 0):
            return None
        colours[chosen] = np.round(np.log2(lowest.astype(float))).astype(int)
        done = colours[head] >= 0
        np.bitwise_or.at(taken, tail[done], np.int64(1) << colours[head[done]].astype(np.int64))
        left = ~done & (colours[tail] < 0)
        tail, head = tail[left], head[left]
    rest = colours < 0
    free = ~taken[rest]
    lowest = free & -free
    if np.any(lowest <= 0):
        return None
    colours[rest] = np.round(np.log2(lowest.astype(float))).astype(int)
    return colours


def from_tangents(
    along: Callable[[np.ndarray], np.ndarray], pattern: sp.csr_array, colours: np.ndarray
) -> sp.csr_array | None:
    """Return the matrix with this pattern from one product a colour.

    Parameters
    ----------
    along : ``along(v)`` returns the product with v (n,)
    pattern : sparse (m, n)
    colours : from `colour`

    Returns
    -------
    sparse (m, n), or None if it is another matrix: a product with random numbers tells
    """
    m, n = pattern.shape
    owner = np.repeat(np.arange(m), np.diff(pattern.indptr))
    data = np.zeros(pattern.nnz)
    of_entry = colours[pattern.indices]
    for c in range(int(colours.max(initial=-1)) + 1):
        column = along((colours == c).astype(float))
        here = of_entry == c
        data[here] = column[owner[here]]
    made = sp.csr_array((data, pattern.indices, pattern.indptr), shape=(m, n))
    v = np.random.default_rng(0).uniform(1.0, 2.0, n)
    with np.errstate(all="ignore"):
        wrong = np.abs(made @ v - along(v))
        size = abs(made) @ v
    same = bool(np.all(wrong <= 1e-12 * size) or not np.isfinite(data).all())
    return made if same else None
