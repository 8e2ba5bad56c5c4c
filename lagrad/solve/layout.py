"""Where the entries of a block triangular matrix go in the unit upper triangular one.

Index arrays only, made once for a pattern: a matrix with new values is then filled in by a few
passes over its data. The equations are those of `block_triangular`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.status import SizeError, StructureError

#: Blocks of up to so many rows are factorised in batches of equal size.
SMALL = 64

#: Runs of blocks with so many entries are worth an interruption of the sweep.
RUN = 2**13


@dataclass(frozen=True)
class Form:
    """A block triangular form: ``m[rows][:, columns]`` is block upper triangular.

    Attributes
    ----------
    rows, columns : int arrays (n,)
    bounds : int array (blocks + 1,)
        Where each diagonal block begins.
    names : int array (blocks,)
        The number by which the caller knows a block; -1 for explicit entries.
    kept : dict
        The layout that was made last, for the next matrix of the same pattern.
    """

    rows: np.ndarray
    columns: np.ndarray
    bounds: np.ndarray
    names: np.ndarray
    kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> np.ndarray:
        """The number of rows of each block."""
        return np.diff(self.bounds)

    def layout(self, m: sp.sparray, few: int) -> Layout:
        """Return `make_layout` of this form; it is made anew when the pattern is another one."""
        asked = (m.format, few)
        if self.kept.get("asked") != asked or not same_pattern(m, *self.kept["pattern"]):
            # Copies, which nobody changes in place.
            pattern = m.indices.copy(), m.indptr.copy()
            made = make_layout(type(m)((m.data, *pattern), shape=m.shape), self, few)
            self.kept.update(asked=asked, pattern=pattern, layout=made)
        return self.kept["layout"]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "kept": {}}


@dataclass(frozen=True)
class Swept:
    """Where small blocks of one size go that are swept with the single entries.

    Attributes
    ----------
    position : int array (k,)
        The row of the triangular matrix where x begins; z and y follow.
    entry : int array (k,)
        The entry of the triangular matrix where the rows of x begin; those of z follow.
    values, pivots : int arrays
        What these rows hold, and which of their entries are the y of z_0, z_1, ...: see `template`.
    """

    position: np.ndarray
    entry: np.ndarray
    values: np.ndarray
    pivots: np.ndarray


@dataclass(frozen=True)
class Batch:
    """Small blocks of one size m, to be factorised together.

    Attributes
    ----------
    blocks : int array (k,)
        Their numbers.
    source, target : int arrays
        Entry ``source`` of the ordered matrix is entry ``target`` of the array (k, m, m).
    swept : `Swept` or None
        None for a run: blocks that follow each other and do not need each other are also solved
        together.
    """

    size: int
    blocks: np.ndarray
    source: np.ndarray
    target: np.ndarray
    swept: Swept | None


@dataclass(frozen=True)
class Layout:
    """The pattern of the unit upper triangular matrix, and where its entries come from.

    Attributes
    ----------
    order : int array (entries,) or None
        The entry of m behind each entry of the ordered matrix, which goes by rows; None: the same.
    inner : (indices, indptr)
        The pattern of the ordered matrix.
    indices, indptr : int arrays
        The pattern of the triangular matrix; rows of large blocks and runs have no diagonal.
    x, y : int arrays (n,)
        Its rows where the unknowns and the right-hand sides of the ordered matrix stand.
    ones : int array
        Entries of it that are one.
    outside, right : bool arrays
        The entries of the ordered matrix right of its diagonal blocks, and where they go, in order.
    beyond : int array (n,)
        How many of them each row has.
    single : int arrays (rows, their diagonal entries)
    batches : tuple of Batch
    large : int array
        Blocks that are factorised one by one.
    apart : pairs (first, last) of blocks
        What interrupts the sweep: the large blocks and the runs, in order.
    """

    order: np.ndarray | None
    inner: tuple[np.ndarray, np.ndarray]
    indices: np.ndarray
    indptr: np.ndarray
    x: np.ndarray
    y: np.ndarray
    ones: np.ndarray
    outside: np.ndarray
    right: np.ndarray
    beyond: np.ndarray
    single: tuple[np.ndarray, np.ndarray]
    batches: tuple[Batch, ...]
    large: np.ndarray
    apart: tuple[tuple[int, int], ...]


def make_layout(m: sp.sparray, form: Form, few: int = 0, apart: np.ndarray | None = None) -> Layout:
    """Return the layout of ``m``, by rows or columns, without duplicate entries.

    Parameters
    ----------
    few : so many small blocks are no batch, but treated as large
    apart : blocks to be treated as large whatever their size

    Raises
    ------
    StructureError
        If an entry stands below the diagonal blocks.
    SizeError
        If SuperLU cannot take so many entries.
    """
    n, sizes = len(form.rows), form.sizes
    order, indices, indptr = ordered(m, form)
    inside, within = diagonal_blocks(indices, indptr, form)
    batched = (sizes > 1) & (sizes <= SMALL)
    large = sizes > SMALL
    if np.count_nonzero(batched) <= few:
        large, batched = large | batched, np.zeros_like(batched)
    # A single entry that is no entry at all is a block for the caller to name.
    empty = np.flatnonzero((sizes == 1) & (within[form.bounds[:-1]] == 0))
    for blocks in (empty, apart):
        if blocks is not None:
            large[blocks], batched[blocks] = True, False
    beyond = np.diff(indptr) - within
    whole = independent(form, batched, indices, indptr[:-1] + within, beyond)
    swept = batched.copy()
    for first, last in whole:
        swept[first:last] = False
    extra = np.where(swept, 2 * sizes, 0)
    ends = np.cumsum(sizes + extra)
    position = ends - sizes - extra
    x = np.repeat(position - form.bounds[:-1], sizes) + np.arange(n)
    y = x + np.repeat(extra, sizes)

    # The length of each row: y and single entries have a one and what stands right of the block.
    diagonal = np.repeat(swept | (sizes == 1) & ~large, sizes)
    lengths = np.zeros(int(ends[-1]) if n else 0, dtype=np.int64)
    lengths[y] = beyond + diagonal
    groups = list(by_size(sizes, swept))
    for size, blocks in groups:
        steps = np.arange(size + 1, 1, -1)
        lengths[position[blocks, None] + np.arange(2 * size)] = np.concatenate([steps, steps])
    begin = np.concatenate([[0], np.cumsum(lengths)])
    if begin[-1] > np.iinfo(np.intc).max:
        raise SizeError(
            f"the assembled block triangular form would have {begin[-1]:,} entries, and SuperLU "
            "takes up to 2^31. Solve matrix-free (method='sweep')"
        )

    ones = begin[y][diagonal]
    filled = np.empty(begin[-1], dtype=np.intc)
    filled[ones] = y[diagonal]
    right = np.ones(begin[-1], dtype=bool)
    right[ones] = False
    batches = []
    for size, blocks in groups:
        entry, at = begin[position[blocks]], position[blocks]
        values, columns, pivots = template(size)
        places = entry[:, None] + np.arange(len(columns))
        filled[places] = at[:, None] + columns
        right[places] = False
        rows = Swept(at, entry, values, pivots)
        batches.append(batch(form, blocks, indices, indptr, within, rows))
    for first, last in whole:
        batches.append(batch(form, np.arange(first, last), indices, indptr, within, None))
    outside = ~inside
    filled[right] = x.astype(np.intc)[indices[outside]]
    rows = form.bounds[:-1][(sizes == 1) & ~large]
    return Layout(
        order=order,
        inner=(indices, indptr),
        indices=filled,
        indptr=begin.astype(np.intc),
        x=x,
        y=y,
        ones=ones,
        outside=outside,
        right=right,
        beyond=beyond,
        single=(rows, indptr[rows]),
        batches=tuple(batches),
        large=np.flatnonzero(large),
        apart=tuple(sorted([*whole, *((k, k + 1) for k in np.flatnonzero(large).tolist())])),
    )


def batch(
    form: Form,
    blocks: np.ndarray,
    indices: np.ndarray,
    indptr: np.ndarray,
    within: np.ndarray,
    swept: Swept | None,
) -> Batch:
    """Return the batch of these blocks, all of one size."""
    size = int(form.sizes[blocks[0]])
    rows = runs(form.bounds[blocks], form.sizes[blocks])
    source = runs(indptr[rows], within[rows])
    number = np.repeat(np.arange(len(rows)), within[rows])  # k m + r
    corner = np.repeat(form.bounds[blocks], size)
    target = number * size + indices[source] - corner[number]
    return Batch(size, blocks, source, target, swept)


def independent(
    form: Form, chosen: np.ndarray, indices: np.ndarray, next_entry: np.ndarray, beyond: np.ndarray
) -> list[tuple[int, int]]:
    """Return runs (first, last) of chosen blocks, equal and adjacent, that do not need each other.

    Parameters
    ----------
    next_entry, beyond : int arrays (n,)
        The first entry right of the diagonal block in each row, and how many there are.
    """
    sizes = form.sizes
    alike = chosen[1:] & chosen[:-1] & (sizes[1:] == sizes[:-1])
    joined = np.concatenate([[False], alike, [False]])[: len(sizes) + 1]
    firsts = np.flatnonzero(chosen & ~joined[:-1])
    lasts = np.flatnonzero(chosen & ~joined[1:]) + 1
    worthwhile = (lasts - firsts > 1) & ((lasts - firsts) * sizes[firsts] ** 2 >= RUN)
    firsts, lasts = firsts[worthwhile], lasts[worthwhile]
    if not len(firsts):
        return []
    begin, end = form.bounds[firsts], form.bounds[lasts]
    rows = runs(begin, end - begin)
    nearest = np.full(len(rows), len(beyond))
    some = beyond[rows] > 0
    nearest[some] = indices[next_entry[rows[some]]]
    lowest = np.minimum.reduceat(nearest, np.cumsum(end - begin) - (end - begin))
    free = lowest >= end
    return list(zip(firsts[free].tolist(), lasts[free].tolist(), strict=True))


def diagonal_blocks(
    indices: np.ndarray, indptr: np.ndarray, form: Form
) -> tuple[np.ndarray, np.ndarray]:
    """Return which entries stand in the diagonal blocks, and how many in each row.

    Columns are sorted, so that they come first in each row.

    Raises
    ------
    StructureError
        If an entry stands below the blocks.
    """
    n, sizes = len(indptr) - 1, form.sizes
    filled = np.diff(indptr) > 0
    first = np.repeat(form.bounds[:-1], sizes)[filled]
    lowest = indices[indptr[:-1][filled]]
    if np.any(lowest < first):
        raise StructureError("an entry stands below the blocks: this is no block triangle")
    inside, within = np.zeros(len(indices), dtype=bool), np.zeros(n, dtype=np.int64)
    own = np.zeros(n, dtype=bool)
    own[filled] = lowest == np.flatnonzero(filled)
    own &= np.repeat(sizes == 1, sizes)
    inside[indptr[:-1][own]], within[own] = True, 1
    blocks = np.flatnonzero(sizes > 1)
    rows = runs(form.bounds[blocks], sizes[blocks])
    counts = indptr[rows + 1] - indptr[rows]
    entries = runs(indptr[rows], counts)
    ends = np.repeat(form.bounds[blocks + 1], sizes[blocks])
    here = indices[entries] < np.repeat(ends, counts)
    inside[entries] = here
    within[rows] = np.diff(np.concatenate([[0], np.cumsum(here)])[np.append(0, np.cumsum(counts))])
    return inside, within


def template(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the rows of x and z of a block hold: where from, and in which columns.

    Columns count from the first x; z stands in reversed order, then y. The values are taken from
    `block_triangular.rows_of_factors`: m^2 of U and L, a one, m that belong to z and m to y. In the
    third place come the entries where z_0, z_1, ... meet y; which of the y comes with P.
    """
    m = size
    one, link, pivot = m * m, m * m + 1, m * m + 1 + m
    values, columns, pivots = [], [], []
    for i in range(m):  # x_i + U_ij / U_ii x_j - 1 / U_ii z_i = 0
        values += [one, *range(i * m + i + 1, i * m + m), link + i]
        columns += [*range(i, m), 2 * m - 1 - i]
    for i in range(m - 1, -1, -1):  # z_i + L_ij z_j - y_p(i) = 0
        values += [one, *range(i * m + i - 1, i * m - 1, -1), pivot + i]
        columns += range(2 * m - 1 - i, 2 * m + 1)
        pivots.append(len(values) - 1)
    return np.array(values), np.array(columns), np.array(pivots[::-1])


def by_size(sizes: np.ndarray, chosen: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (size, blocks of this size) among the chosen blocks."""
    blocks = np.flatnonzero(chosen)
    blocks = blocks[np.argsort(sizes[blocks], kind="stable")]
    starts = np.flatnonzero(np.diff(sizes[blocks], prepend=-1))
    for begin, end in pairwise([*starts.tolist(), len(blocks)]):
        yield int(sizes[blocks[begin]]), blocks[begin:end]


def ordered(m: sp.sparray, form: Form) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Return (order, indices, indptr) of ``m[rows][:, columns]`` by rows, columns sorted."""
    n = m.shape[0]
    kept = np.arange(n)
    same = np.array_equal(form.rows, kept) and np.array_equal(form.columns, kept)
    if m.format == "csr" and same:
        return None, m.indices, m.indptr
    # Half as many bytes as NumPy's own indices, and what SuperLU takes.
    number, pattern = index_type(max(m.nnz, n)), (m.indices, m.indptr)
    entries = (np.arange(m.nnz, dtype=number), *(p.astype(number) for p in pattern))
    if m.format == "csr":
        by_rows = sp.csr_array(entries, shape=m.shape)
    else:
        by_rows = sp.csc_array(entries, shape=m.shape).tocsr()
    by_rows = by_rows[form.rows]
    places = np.empty(n, dtype=number)
    places[form.columns] = kept
    made = sp.csr_array((by_rows.data, places[by_rows.indices], by_rows.indptr), shape=m.shape)
    made.sort_indices()
    return made.data, made.indices, made.indptr


def index_type(largest: int) -> type:
    """Return the smaller integer type if it can count so far."""
    return np.int32 if largest <= np.iinfo(np.int32).max else np.int64


def same_pattern(m: sp.sparray, indices: np.ndarray, indptr: np.ndarray) -> bool:
    """True if ``m`` has its entries at these places."""
    return np.array_equal(m.indptr, indptr) and np.array_equal(m.indices, indices)


def runs(begin: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the numbers begin[k], begin[k] + 1, ... of every run, one after the other."""
    shift = np.repeat(begin - (np.cumsum(counts) - counts), counts)
    shift += np.arange(len(shift))
    return shift
