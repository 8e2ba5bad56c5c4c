"""Where the entries of a block triangular matrix go in the unit upper triangular one.

Index arrays only, made once for a pattern: a matrix with new values is then filled in by a few
passes over its data. The equations are those of `block_triangular`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from lagrad.solve.form import Batch, Form, Layout, Moved, Swept
from lagrad.status import SizeError, StructureError

#: Blocks of up to so many rows are factorised in batches of equal size.
SMALL = 64

#: Runs of blocks with so many entries are worth an interruption of the sweep.
RUN = 2**13


def layout_of(m: sp.sparray, form: Form, few: int) -> Layout:
    """Return `make_layout`, or what the form has kept of the last matrix of the same pattern."""
    asked = (m.format, few)
    if form.kept.get("asked") != asked or not same_pattern(m, *form.kept["pattern"]):
        # Copies, which nobody changes in place.
        pattern = m.indices.copy(), m.indptr.copy()
        made = make_layout(type(m)((m.data, *pattern), shape=m.shape), form, few)
        form.kept.update(asked=asked, pattern=pattern, layout=made)
    return form.kept["layout"]


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
    own = diagonal(indices, indptr, form)
    batched = (sizes > 1) & (sizes <= SMALL)
    large = sizes > SMALL
    if np.count_nonzero(batched) <= few:
        large, batched = large | batched, np.zeros_like(batched)
    # A single entry that is no entry at all is a block for the caller to name.
    empty = np.flatnonzero((sizes == 1) & ~own[form.bounds[:-1]])
    for blocks in (empty, apart):
        if blocks is not None:
            large[blocks], batched[blocks] = True, False
    inside, within = small_blocks(indices, indptr, form, np.flatnonzero(batched))
    rest = np.diff(indptr) - within
    together = independent(form, batched, indices, indptr[:-1] + within, rest)
    swept = batched.copy()
    for first, last in together:
        swept[first:last] = False
    single = np.flatnonzero((sizes == 1) & ~large)
    rows = form.bounds[:-1][single]
    batches = [batch(form, np.arange(*ends), indices, indptr, within, None) for ends in together]
    alone = np.flatnonzero(large)
    ends = sorted([*together, *zip(alone.tolist(), (alone + 1).tolist(), strict=True)])
    found = Layout(
        order=order,
        indices=indices,
        indptr=indptr,
        x=np.arange(n),
        y=np.arange(n),
        single=(rows, indptr[rows]),
        batches=tuple(batches),
        large=alone,
        apart=tuple(ends),
    )
    if not swept.any():
        refuse_too_many(len(indices))
        narrow = indices.astype(np.intc, copy=False), indptr.astype(np.intc, copy=False)
        return replace(found, indices=narrow[0], indptr=narrow[1])
    inside[indptr[rows]], within[rows] = True, 1
    # What stands apart keeps whole rows.
    kept = np.repeat(~swept, sizes)
    kept[rows] = False
    for first, last in together:
        begin, end = form.bounds[first], form.bounds[last]
        inside[indptr[begin] : indptr[end]], within[begin:end] = False, 0
    return interleaved(found, form, swept, inside, within, kept)


def interleaved(
    found: Layout,
    form: Form,
    swept: np.ndarray,
    inside: np.ndarray,
    within: np.ndarray,
    kept: np.ndarray,
) -> Layout:
    """Return the layout in which the swept blocks have their rows of x, z and y.

    Parameters
    ----------
    found : what is there without them
    swept : bool array (blocks,)
    inside : bool array (entries,), those of their diagonal blocks and of single entries
    within : int array (n,), how many of these each row has
    kept : bool array (n,), rows that stand apart
    """
    sizes, indices, indptr = form.sizes, found.indices, found.indptr
    extra = np.where(swept, 2 * sizes, 0)
    ends = np.cumsum(sizes + extra)
    position = ends - sizes - extra
    x = np.repeat(position - form.bounds[:-1], sizes) + np.arange(len(kept))
    y = x + np.repeat(extra, sizes)
    beyond = np.diff(indptr) - within

    # The length of each row: y and single entries have a one and what stands right of the block.
    lengths = np.zeros(int(ends[-1]), dtype=np.int64)
    lengths[y] = beyond + ~kept
    groups = list(by_size(sizes, swept))
    for size, blocks in groups:
        steps = np.arange(size + 1, 1, -1)
        lengths[position[blocks, None] + np.arange(2 * size)] = np.concatenate([steps, steps])
    begin = np.concatenate([[0], np.cumsum(lengths)])
    refuse_too_many(int(begin[-1]))
    ones = begin[y][~kept]
    filled = np.empty(begin[-1], dtype=np.intc)
    filled[ones] = y[~kept]
    right = np.ones(begin[-1], dtype=bool)
    right[ones] = False
    batches = list(found.batches)
    for size, blocks in groups:
        entry, at = begin[position[blocks]], position[blocks]
        values, columns, pivots = template(size)
        places = entry[:, None] + np.arange(len(columns))
        filled[places] = at[:, None] + columns
        right[places] = False
        rows = Swept(at, entry, values, pivots)
        batches.append(batch(form, blocks, indices, indptr, within, rows))
    outside = ~inside
    filled[right] = x.astype(np.intc)[indices[outside]]
    return replace(
        found,
        indices=filled,
        indptr=begin.astype(np.intc),
        x=x,
        y=y,
        batches=tuple(batches),
        moved=Moved(ones, outside, right, beyond),
    )


def refuse_too_many(entries: int) -> None:
    """Refuse what SuperLU cannot count."""
    if entries > np.iinfo(np.intc).max:
        raise SizeError(
            f"the assembled block triangular form would have {entries:,} entries, and SuperLU "
            "takes up to 2^31. Solve matrix-free (method='sweep')"
        )


def diagonal(indices: np.ndarray, indptr: np.ndarray, form: Form) -> np.ndarray:
    """Return which rows have an entry on the diagonal as their first one.

    Raises
    ------
    StructureError
        If an entry stands below the blocks.
    """
    filled = np.diff(indptr) > 0
    first = np.repeat(form.bounds[:-1], form.sizes)[filled]
    lowest = indices[indptr[:-1][filled]]
    if np.any(lowest < first):
        raise StructureError("an entry stands below the blocks: this is no block triangle")
    own = np.zeros(len(filled), dtype=bool)
    own[filled] = lowest == np.flatnonzero(filled)
    return own


def small_blocks(
    indices: np.ndarray, indptr: np.ndarray, form: Form, blocks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return which entries stand in these diagonal blocks, and how many in each row.

    Columns are sorted, so that they come first in each row.
    """
    inside, within = np.zeros(len(indices), dtype=bool), np.zeros(len(indptr) - 1, dtype=np.int64)
    sizes = form.sizes[blocks]
    rows = runs(form.bounds[blocks], sizes)
    counts = indptr[rows + 1] - indptr[rows]
    entries = runs(indptr[rows], counts)
    here = indices[entries] < np.repeat(np.repeat(form.bounds[blocks + 1], sizes), counts)
    inside[entries] = here
    ends = np.append(0, np.cumsum(counts))
    within[rows] = np.diff(np.concatenate([[0], np.cumsum(here)])[ends])
    return inside, within


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
    pairs = (m.indptr, indptr), (m.indices, indices)
    return all(a is b or np.array_equal(a, b) for a, b in pairs)


def runs(begin: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the numbers begin[k], begin[k] + 1, ... of every run, one after the other."""
    shift = np.repeat(begin - (np.cumsum(counts) - counts), counts)
    shift += np.arange(len(shift))
    return shift
