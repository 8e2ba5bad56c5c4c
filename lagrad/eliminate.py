"""Eliminating variables: the accumulation of sparse Jacobians."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from lagrad.assemble import real_entries, refuse_too_large
from lagrad.graph import Graph
from lagrad.order import reachable
from lagrad.partials import Entries, joined, product_entries

#: From so many entries on SciPy's compiled sorting is faster, in spite of what it costs to call.
LARGE = 3000


class Coordinates(NamedTuple):
    """A sparse matrix as its entries, in any order and with duplicates."""

    row: np.ndarray
    col: np.ndarray
    data: np.ndarray


class Rows(NamedTuple):
    """A sparse matrix row by row, as SciPy's CSR; making a SciPy one costs 50 times as much."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray


def accumulate(
    graph: Graph, outputs: Iterable[int], wrt: Sequence[int] | None = None
) -> dict[int, dict[int, sp.csr_array]]:
    """Return dz_i/dx for each output row i and each input row x, as sparse matrices.

    As `jacobian_rows`, cut into a matrix for each input; one without an entry is left out.
    """
    wanted, inputs = list(outputs), tuple(graph.inputs if wrt is None else wrt)
    found = jacobian_rows(graph, wanted, inputs)
    heights = (graph.sizes * graph.widths)[list(inputs)]
    starts = np.concatenate([[0], np.cumsum(heights)]).astype(np.int64)
    return {i: split(found[i], inputs, starts) if i in found else {} for i in wanted}


def jacobian_rows(graph: Graph, outputs: Iterable[int], inputs: tuple[int, ...]) -> dict[int, Rows]:
    """Return dz_i/dx for each output row i, with the inputs side by side as columns.

    Forward accumulation, ``dz_i/dx = sum over j in alpha(i) of (df_i/dz_j) (dz_j/dx)``, by products
    that keep every structural entry; a Jacobian is freed after its last use. Complex variables
    count as (re, im). An output that depends on none of the inputs is left out.

    Raises
    ------
    SizeError
        If a Jacobian would not fit in memory.
    """
    wanted = set(outputs)
    rows, parents = graph.edges()
    needed = reachable(len(graph), rows, parents, np.array(sorted(wanted), dtype=int))
    last_use = np.zeros(len(graph), dtype=np.int64)
    np.maximum.at(last_use, parents[needed[rows]], rows[needed[rows]])
    wide = graph.widths == 2
    sizes = graph.sizes
    heights = sizes * graph.widths
    # The inputs stand side by side, so that each row has one Jacobian.
    starts = np.concatenate([[0], np.cumsum(heights[list(inputs)])]).astype(np.int64)
    first = dict(zip(inputs, starts.tolist(), strict=False))
    width = int(starts[-1])
    found: dict[int, Rows] = {}
    largest = 0
    for i in np.flatnonzero(needed).tolist():
        height = int(heights[i])
        if i in first:
            k = np.arange(height)
            found[i] = Rows(np.arange(height + 1), k + first[i], np.ones(height))
            continue
        parts = []
        for j, entries, conjugates in graph.entries(i):
            if j in found:
                source, target = (int(sizes[j]), bool(wide[j])), (int(sizes[i]), bool(wide[i]))
                local = Coordinates(*real_entries(entries, conjugates, source, target))
                size = int(np.diff(found[j].indptr)[local.col].sum())
                if size > largest:  # asking the system takes longer than a small product
                    refuse_too_large(
                        size,
                        "a sparse Jacobian",
                        "Apply it to vectors instead: lg.jvp and lg.vjp never form it",
                    )
                    largest = size
                with np.errstate(all="ignore"):
                    parts.append(product(local, found[j], height, first.get(j)))
        if len(parts) == 1 and isinstance(parts[0], Rows):
            found[i] = parts[0]
        elif parts:
            found[i] = by_rows(joined(as_entries(p) for p in parts), height, width)
        for j in set(graph.parents(i)):
            if last_use[j] == i and j not in wanted:
                found.pop(j, None)
    return {i: found[i] for i in wanted if i in found}


class Prediction(NamedTuple):
    """Upper bounds from the counts of the partials alone, before any entry is made.

    ``condensed`` are the entries of the Jacobians, ``whole`` those of all partials and rows
    together, ``products`` the multiplications that `accumulate` takes.
    """

    condensed: float
    whole: float
    products: float


def predict(graph: Graph, outputs: Iterable[int]) -> Prediction:
    """Predict the Jacobians of ``outputs``.

    A row of a product has no more entries than those of the rows that it combines.
    """
    wanted = list(outputs)
    needed = reachable(len(graph), *graph.edges(), np.array(wanted, dtype=int))
    sizes, plain = graph.sizes, graph.scalar
    width = int(sizes[list(graph.inputs)].sum()) if graph.inputs else 0
    found, whole, products = np.zeros(len(graph)), 0.0, 0.0
    inputs = set(graph.inputs)
    with np.errstate(all="ignore"):
        for i in np.flatnonzero(needed).tolist():
            if i in inputs:
                found[i] = sizes[i]
                continue
            if plain[i] and all(plain[j] for j in graph.parents(i)):
                counts = [(j, 1) for j in graph.parents(i)]
            else:
                counts = [(j, p.count()) for j, p in graph.partials(i)]
            total = sum(n * found[j] / max(1, sizes[j]) for j, n in counts)
            found[i] = min(total, float(sizes[i]) * width)
            products += total
            whole += float(sizes[i]) + sum(n for _, n in counts)
    return Prediction(float(found[wanted].sum()), whole, products)


def product(local: Coordinates, m: Rows, height: int, begin: int | None) -> Rows | Entries:
    """Return the product of a partial with a Jacobian, by rows at once if the partial is diagonal.

    So nothing is sorted, which costs more than the products themselves. That of an input, whose
    columns ``begin`` there, is the identity.
    """
    n = len(local.row)
    same = local.row is local.col or np.array_equal(local.row, local.col)
    if n == height == len(m.indptr) - 1 and same and (n == 0 or np.all(np.diff(local.row) == 1)):
        if m.indptr[-1] == n and len(local.data):
            return Rows(m.indptr, m.indices, local.data * m.data)
        return Rows(m.indptr, m.indices, np.repeat(local.data, np.diff(m.indptr)) * m.data)
    if begin is not None:
        return local.row, local.col + begin, local.data
    return product_entries(local, m)


def as_entries(m: Rows | Entries) -> Entries:
    """Return (rows, columns, data)."""
    if not isinstance(m, Rows):
        return m
    return np.repeat(np.arange(len(m.indptr) - 1), np.diff(m.indptr)), m.indices, m.data


def by_rows(entries: Entries, height: int, width: int) -> Rows:
    """Return entries sorted by rows, duplicates summed; a sum that is zero stays."""
    rows, columns, data = entries
    if len(rows) > LARGE:
        made = sp.coo_array((data, (rows, columns)), shape=(height, width)).tocsr()
        made.sort_indices()
        return Rows(made.indptr, made.indices, made.data)
    key = rows.astype(np.int64) * width + columns
    if not np.all(key[1:] > key[:-1]):
        order = np.argsort(key, kind="stable")
        key = key[order]
        new = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
        data = np.add.reduceat(data[order], new)
        rows, columns = rows[order][new], columns[order][new]
    counts = np.bincount(rows, minlength=height)
    return Rows(np.concatenate([[0], np.cumsum(counts)]), np.asarray(columns), data)


def split(m: Rows, inputs: tuple[int, ...], starts: np.ndarray) -> dict[int, sp.csr_array]:
    """Return the columns of each input that has entries, as a matrix of its own."""
    if not len(m.indices):
        return {}
    height = len(m.indptr) - 1
    rows = np.repeat(np.arange(height), np.diff(m.indptr))
    owner = np.searchsorted(starts, m.indices, side="right") - 1
    order = np.argsort(owner, kind="stable")
    present, begin = np.unique(owner[order], return_index=True)
    blocks = {}
    for k, own in zip(present.tolist(), np.split(order, begin[1:]), strict=True):
        indptr = np.searchsorted(rows[own], np.arange(height + 1))
        shape = height, int(starts[k + 1] - starts[k])
        blocks[inputs[k]] = sp.csr_array(
            (m.data[own], m.indices[own] - starts[k], indptr), shape=shape
        )
    return blocks
