"""The accumulation of sparse Jacobians, row by row of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from lagrad.assemble import (
    IN_ORDER,
    Compressed,
    compressed,
    index_type,
    real_entries,
    refuse_too_large,
    same,
    slots,
    sums,
)
from lagrad.eliminate.levels import MOST, Levels, depths, is_fine, partial_entries
from lagrad.graph import Graph
from lagrad.order import reachable
from lagrad.partials import Entries


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


class Term(NamedTuple):
    """A partial and the Jacobian of its parent.

    That of an input, whose columns ``begin`` there, is the identity.
    """

    local: Coordinates
    m: Rows
    begin: int | None


class Meeting:
    """Which entries of a partial meet which of a Jacobian in their product.

    Each entry of the partial meets so many as ``lengths`` says, and ``right`` are their numbers;
    None stands for one, and for all of them in order. ``kept`` says that the pattern of the
    Jacobian is that of the product, so that nothing is to be sorted.
    """

    def __init__(self, term: Term, height: int) -> None:
        (row, col, _), m, begin = term
        self.row, self.col, self.indptr, self.indices, self.begin = row, col, *m[:2], begin
        self.lengths: np.ndarray | None = None
        self.right: np.ndarray | None = None
        n = len(row)
        diagonal = row is col or np.array_equal(row, col)
        self.kept = bool(diagonal and n == height == len(m.indptr) - 1 and is_range(row))
        if self.kept:
            if not is_range(m.indptr):  # not one entry a row
                self.lengths = np.diff(m.indptr)
        elif begin is None:
            self.lengths = np.diff(m.indptr)[col]
            total = int(self.lengths.sum(dtype=np.int64))
            number = index_type(max(total, len(m.indices)))
            shift = m.indptr[col] - (np.cumsum(self.lengths, dtype=number) - self.lengths)
            self.right = np.repeat(shift, self.lengths) + np.arange(total, dtype=number)

    def fits(self, term: Term) -> bool:
        """True if these two have their entries where those had them."""
        (row, col, _), m, begin = term
        return (
            begin == self.begin
            and same(m.indptr, self.indptr)
            and same(m.indices, self.indices)
            and same(row, self.row)
            and same(col, self.col)
        )

    def entries(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (rows, columns) of the product."""
        if self.kept:
            count = np.arange(len(self.indptr) - 1, dtype=self.indptr.dtype)
            return np.repeat(count, np.diff(self.indptr)), self.indices
        if self.begin is not None:
            return self.row, self.col + self.begin
        assert self.lengths is not None
        return np.repeat(self.row, self.lengths), self.indices[self.right]

    def data(self, term: Term) -> np.ndarray:
        """Return the products."""
        p, q = term.local.data, term.m.data
        p = p if self.lengths is None else np.repeat(p, self.lengths)
        if self.begin is not None:
            return p
        return p * (q if self.right is None else q[self.right])


class Step:
    """One row of an accumulation, ``dz_i/dx = sum over j of (df_i/dz_j) (dz_j/dx)``."""

    def __init__(self, terms: list[Term], shape: tuple[int, int]) -> None:
        self.shape, self.meetings = shape, [Meeting(term, shape[0]) for term in terms]
        self.slot: np.ndarray | None = IN_ORDER

    def first(self, terms: list[Term]) -> Rows:
        """Return dz_i/dx, and keep where its entries are."""
        data, meeting = self.products(terms), self.meetings[0]
        self.indptr, self.indices = meeting.indptr, meeting.indices
        if len(terms) > 1 or not meeting.kept:
            found, data = compressed((*self.entries(), data), self.shape)
            self.indptr, self.indices, self.slot = found
        return Rows(self.indptr, self.indices, data)

    def entries(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (rows, columns) of all products, one after the other."""
        pairs = [meeting.entries() for meeting in self.meetings]
        rows, columns = (np.concatenate(side) for side in zip(*pairs, strict=True))
        return rows, columns

    def fits(self, terms: list[Term], shape: tuple[int, int]) -> bool:
        """True if all entries are where they were."""
        return (
            shape == self.shape
            and len(terms) == len(self.meetings)
            and all(m.fits(t) for m, t in zip(self.meetings, terms, strict=True))
        )

    def products(self, terms: list[Term]) -> np.ndarray:
        """Return the entries of all products, one after the other."""
        parts = [m.data(t) for m, t in zip(self.meetings, terms, strict=True)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def rows(self, terms: list[Term]) -> Rows:
        """Return dz_i/dx for other values."""
        if self.slot is None:  # only now, since many matrices are needed no second time
            self.slot = slots(*self.entries(), self.shape)
        data = sums(self.slot, self.products(terms), len(self.indices))
        return Rows(self.indptr, self.indices, data)


class Symbolic:
    """What an accumulation worked out about places, kept for the next one: then only numbers move.

    Nothing is assumed: the places of the entries of every partial are compared with those of last
    time, and a step where they differ is worked out anew. Threads may share it: what is found is
    put in whole, and not changed after.

    Parameters
    ----------
    kept : bool
        False if there is no next one.

    Attributes
    ----------
    made : int
        How many steps were worked out so far.
    """

    def __init__(self, kept: bool = True) -> None:
        self.kept = kept
        self.steps: dict[int, Step] = {}
        self.assembled: Assembled | None = None
        self.levels: Levels | None = None
        self.made = self.largest = 0

    def rows(self, k: int, terms: list[Term], shape: tuple[int, int]) -> Rows:
        """Return dz_i/dx for the k-th row of an accumulation.

        Raises
        ------
        SizeError
            If it would not fit in memory.
        """
        step = self.steps.get(k)
        if step is None or not step.fits(terms, shape):
            size = sum(int(np.diff(m.indptr)[local.col].sum()) for local, m, _ in terms)
            if size > self.largest:  # asking the system takes longer than a small product
                refuse_too_large(
                    size,
                    "a sparse Jacobian",
                    "Apply it to vectors instead: lg.jvp and lg.vjp never form it",
                )
                self.largest = size
            self.made += 1
            step = Step(terms, shape)
            found = step.first(terms)
            if self.kept:
                self.steps[k] = step  # whole, since other threads may read it
            return found
        return step.rows(terms)

    def at_once(
        self,
        graph: Graph,
        needed: np.ndarray,
        heights: np.ndarray,
        inputs: tuple[int, ...],
        outputs: set[int],
    ) -> dict[int, Rows] | None:
        """Return dz_i/dx for each output of many small constraints, None if they are too large."""
        offsets = np.concatenate([[0], np.cumsum(heights)])
        rows, columns, d = partial_entries(graph, needed, offsets)
        depth = np.repeat(depths(graph, np.flatnonzero(needed).tolist()), heights)
        x = spans(offsets, inputs)
        levels = self.levels
        if levels is None or not levels.fits(rows, columns, depth, x):
            self.made += 1
            self.levels = levels = Levels(rows, columns, depth, x)
        if levels.size > MOST:
            return None
        with np.errstate(all="ignore"):
            J = levels.data(d)  # noqa: N806
        found = {}
        for i in outputs:
            own = slice(offsets[i], offsets[i + 1])
            lengths = levels.length[own]
            if lengths.any():
                begin, indptr = levels.begin[own][lengths > 0][0], np.append(0, np.cumsum(lengths))
                at = slice(begin, begin + indptr[-1])
                found[i] = Rows(indptr, levels.indices[at], J[at])
        return found

    def matrix(self, entries: Entries, shape: tuple[int, int]) -> sp.csr_array:
        """Return the sparse matrix with these entries; duplicates are summed, zeros stay."""
        (rows, columns, data), known = entries, self.assembled
        if known is not None and known.fits(rows, columns, shape):
            data = known.data(data)
        else:
            self.made += 1
            found, data = compressed(entries, shape)
            self.assembled = known = Assembled(rows, columns, shape, found)
        return sp.csr_array((data, known.indices, known.indptr), shape=shape)


class Assembled:
    """Where the entries of a matrix were, and where they went."""

    def __init__(
        self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], found: Compressed
    ) -> None:
        self.rows, self.columns, self.shape = rows, columns, shape
        self.indptr, self.indices, self.slot = found

    def fits(self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> bool:
        """True if these entries are at the same places, in the same order."""
        return shape == self.shape and same(rows, self.rows) and same(columns, self.columns)

    def data(self, data: np.ndarray) -> np.ndarray:
        """Return the data of the matrix for other values."""
        if self.slot is None:
            self.slot = slots(self.rows, self.columns, self.shape)
        return sums(self.slot, data, len(self.indices))


def jacobian_rows(
    graph: Graph,
    outputs: Iterable[int],
    inputs: tuple[int, ...],
    symbolic: Symbolic | None = None,
) -> dict[int, Rows]:
    """Return dz_i/dx for each output row i, with the inputs side by side as columns.

    Forward accumulation, ``dz_i/dx = sum over j in alpha(i) of (df_i/dz_j) (dz_j/dx)``, by products
    that keep every structural entry; a Jacobian is freed after its last use. Complex variables
    count as (re, im). An output that depends on none of the inputs is left out.

    Parameters
    ----------
    symbolic : `Symbolic` of the last accumulation of a graph that may have the same structure

    Raises
    ------
    SizeError
        If a Jacobian would not fit in memory.
    """
    wanted = set(outputs)
    needed, last_use = np.zeros(len(graph), dtype=bool), dict.fromkeys(wanted, -1)
    for i in range(max(wanted, default=-1), -1, -1):
        if i in last_use:  # what is met first on the way back is what uses a row last
            needed[i] = True
            for j in graph.parents(i):
                last_use.setdefault(j, i)
    wide = graph.widths == 2
    sizes = graph.sizes
    heights = sizes * graph.widths
    # The inputs stand side by side, so that each row has one Jacobian.
    starts = np.concatenate([[0], np.cumsum(heights[list(inputs)])]).astype(np.int64)
    first = dict(zip(inputs, starts.tolist(), strict=False))
    width = int(starts[-1])
    number = index_type(int(max(heights.max(initial=0), width)))
    found: dict[int, Rows] = {}
    symbolic, step = symbolic or Symbolic(kept=False), 0
    if is_fine(graph, needed, heights):
        fine = symbolic.at_once(graph, needed, heights, inputs, wanted)
        if fine is not None:
            return fine
    for i in np.flatnonzero(needed).tolist():
        height = int(heights[i])
        if i in first:
            k = np.arange(height + 1, dtype=number)
            found[i] = Rows(k, k[:-1] + number(first[i]), np.ones(height))
            continue
        terms = []
        for j, entries, conjugates in graph.entries(i):
            if j in found:
                source, target = (int(sizes[j]), bool(wide[j])), (int(sizes[i]), bool(wide[i]))
                local = Coordinates(*real_entries(entries, conjugates, source, target))
                terms.append(Term(local, found[j], first.get(j)))
        if terms:
            with np.errstate(all="ignore"):
                found[i] = symbolic.rows(step, terms, (height, width))
            step += 1
        for j in set(graph.parents(i)):
            if last_use[j] == i:
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


def as_entries(m: Rows) -> Entries:
    """Return (rows, columns, data)."""
    return np.repeat(np.arange(len(m.indptr) - 1), np.diff(m.indptr)), m.indices, m.data


def is_range(a: np.ndarray) -> bool:
    """True for numbers that follow one another."""
    return bool((np.diff(a) == 1).all())


def spans(offsets: np.ndarray, members: Sequence[int]) -> np.ndarray:
    """Return the entries of several variables, one after the other."""
    found = [np.arange(offsets[i], offsets[i + 1]) for i in members]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


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
        number = index_type(max(*shape, len(own)))
        pattern = ((m.indices[own] - starts[k]).astype(number), indptr.astype(number))
        blocks[inputs[k]] = sp.csr_array((m.data[own], *pattern), shape=shape)
    return blocks
