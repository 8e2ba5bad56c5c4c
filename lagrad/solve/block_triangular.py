"""Block back-substitution with the assembled matrix.

With rows and columns in the right order M is block upper triangular. Single entries are swept.
Small blocks D = P^T L U join the sweep: with z = L^-1 P y their part of M x = b reads

    x - U^-1 z = 0,    z - L^-1 P y = 0,    y + (what stands right of D) x = b

and, multiplied by U and L and with z in reversed order, all three are rows of one unit upper
triangular matrix. One compiled triangular solve goes through single entries and small blocks
alike; only large blocks interrupt it, and each costs its own factorisation and nothing more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve_triangular

from lagrad.solve.batch_lu import PORTION, BatchFactors, factorize_scaled
from lagrad.solve.form import Batch, Form
from lagrad.solve.interface import Factor, checked
from lagrad.solve.layout import layout_of, make_layout, runs
from lagrad.solve.triangular import solve_triangular
from lagrad.status import SingularError

#: For so few small blocks the caller's own factors, kept and told one by one, cost little.
FEW = 16

#: So many large blocks are told one by one.
TOLD = 5

FactorOf = Callable[[int, sp.csc_array], Factor]


def stretches(blocks: Sequence[Any], offsets: np.ndarray, equation_offsets: np.ndarray) -> Form:
    """Return the blocks at the level of entries: every entry of a single constraint is a block.

    Parameters
    ----------
    blocks : with ``variables``, ``equations`` and ``cyclic``, in topological order
    offsets, equation_offsets : where the entries of each variable and equation begin
    """
    members = np.fromiter(chain.from_iterable(b.variables for b in blocks), dtype=np.int64)
    equations = np.fromiter(chain.from_iterable(b.equations for b in blocks), dtype=np.int64)
    counts = np.fromiter((len(b.variables) for b in blocks), np.int64, len(blocks))
    cyclic = np.fromiter((b.cyclic for b in blocks), bool, len(blocks))
    ends = np.concatenate([[0], np.cumsum(np.diff(offsets)[members])])
    entries = np.diff(ends[np.concatenate([[0], np.cumsum(counts)])])
    rows, columns = spans(offsets, members), spans(equation_offsets, equations)
    return entry_form(rows, columns, entries, cyclic)


def natural_form(offsets: np.ndarray, cycles: Collection[int]) -> Form:
    """Return the form of rows that are in topological order already, a block each.

    Parameters
    ----------
    offsets : where the entries of each row begin, as variables and as equations
    cycles : the rows that need a linear solve
    """
    at = np.arange(int(offsets[-1]))
    cyclic = np.zeros(len(offsets) - 1, dtype=bool)
    cyclic[list(cycles)] = True
    return entry_form(at, at, np.diff(offsets), cyclic)


def entry_form(
    rows: np.ndarray, columns: np.ndarray, entries: np.ndarray, cyclic: np.ndarray
) -> Form:
    """Return the form in which cyclic blocks stay whole, and others fall apart into entries.

    Parameters
    ----------
    rows, columns : int arrays (n,), the entries block by block
    entries, cyclic : arrays (blocks,), how many entries a block has, and whether it is cyclic
    """
    # A cycle without entries is no block.
    pieces = np.where(cyclic, np.minimum(entries, 1), entries)
    names = np.repeat(np.where(cyclic, np.arange(len(cyclic)), -1), pieces)
    sizes = np.repeat(np.where(cyclic, entries, 1), pieces)
    return Form(rows, columns, np.concatenate([[0], np.cumsum(sizes)]), names)


def spans(offsets: np.ndarray, members: Any) -> np.ndarray:
    """Return the entries of several variables, in order."""
    members = np.asarray(members, dtype=np.int64)
    begin = np.asarray(offsets)[members]
    return runs(begin, np.asarray(offsets)[members + 1] - begin)


def solve_block_triangular(
    a: sp.sparray, form: Form, b: np.ndarray, factor: FactorOf, few: int = FEW
) -> np.ndarray:
    """Solve A x = b, the last block first.

    Parameters
    ----------
    a : sparse (n, n)
    form : from `stretches` or `natural_form`; kept by the caller, it makes the next solve faster
    b : array (n,) or (n, k)
    factor : ``factor(k, block)`` returns the factorisation of block k, kept by the caller; it is
        asked for large blocks, for few small ones, and for those that are singular
    few : so many small blocks are not worth a batch

    Raises
    ------
    SingularError
        By ``factor``, or if a large block is solved inaccurately.
    """
    return BlockSubstitution(a, form, factor, few).solve(b)


class BlockSubstitution:
    """A matrix in block triangular form, factorised: solves with it and with its transpose.

    Parameters
    ----------
    m : sparse (n, n)
    form, factor, few : as for `solve_block_triangular`
    limit : float
        A block that has to be scaled up by more than this, to be of size one, is singular beside
        the other entries of m.
    check : bool
        Whether the solves with large blocks are checked one by one.

    Attributes
    ----------
    method : str
        How many blocks of which size there are, and how they are solved.
    nnz, bytes : int
        Of the factors.
    layout : `Layout`
        Kept by the form for the next matrix of the same pattern.
    """

    def __init__(
        self,
        m: sp.sparray,
        form: Form,
        factor: FactorOf,
        few: int = FEW,
        limit: float = np.inf,
        check: bool = True,
    ) -> None:
        self.form, self.limit, self.check = form, limit, check
        m = canonical(m)
        self.layout = layout_of(m, form, few)
        self.fill(m)
        if len(self.lost):
            # Blocks that are singular, or that pivoting serves badly, go to the caller by name.
            self.layout = make_layout(m, form, few, self.lost)
            self.fill(m)
        self.cut(factor)

    # -- factorising -----------------------------------------------------------------------------

    def fill(self, m: sp.sparray) -> None:
        """Make the triangular matrix, and factorise the batches."""
        lay, moved = self.layout, self.layout.moved
        values = np.asarray(m.data if lay.order is None else m.data[lay.order], dtype=float)
        rows, diagonal = lay.single
        pivots = values[diagonal]
        with np.errstate(all="ignore"):
            wrong = ~(np.abs(pivots) * self.limit >= 1.0)  # 0 * inf is NaN, which is wrong too
        lost = [np.searchsorted(self.form.bounds, rows[wrong])]
        self.divisors = None
        data = values if moved is None else values[moved.outside]
        if np.any(pivots != 1.0):
            self.divisors = np.ones(len(lay.x))
            self.divisors[rows] = pivots
            with np.errstate(all="ignore"):
                counts = np.diff(lay.indptr) if moved is None else moved.beyond
                data = data / np.repeat(self.divisors, counts)
        indices = lay.indices
        if moved is not None:
            stays, data, indices = data, np.zeros(len(indices)), indices.copy()
            data[moved.ones], data[moved.right] = 1.0, stays
        self.runs: dict[int, BatchFactors] = {}
        for batch in lay.batches:
            lost.append(self.fill_batch(batch, values, data, indices))
        self.lost = np.concatenate(lost)
        n = len(lay.indptr) - 1
        self.triangle = sp.csr_array((data, indices, lay.indptr), shape=(n, n))

    def fill_batch(
        self, batch: Batch, values: np.ndarray, data: np.ndarray, indices: np.ndarray
    ) -> np.ndarray:
        """Factorise a batch; enter its rows, or keep its factors; return the lost blocks."""
        m, k, swept = batch.size, len(batch.blocks), batch.swept
        entries = np.zeros(k * m * m)
        entries[batch.target] = values[batch.source]
        dense = entries.reshape(k, m, m)
        lost = np.zeros(k, dtype=bool)
        if swept is None:
            kept = self.runs[int(batch.blocks[0])] = BatchFactors(m, k)
        step = max(1, PORTION // (m * m))
        for begin in range(0, k, step):
            part = slice(begin, begin + step)
            d = np.ascontiguousarray(np.moveaxis(dense[part], 0, 2))
            lu, order, scales, lost[part] = factorize_scaled(d, self.limit)
            if swept is None:
                kept.keep(part, lu, order, scales)
                continue
            at = swept.entry[part, None]
            made = rows_of_factors(lu, order, scales)
            data[at + np.arange(len(swept.values))] = made[swept.values].T
            indices[at + swept.pivots] = swept.position[part, None] + 2 * m + order.T
        return batch.blocks[lost]

    def cut(self, factor: FactorOf) -> None:
        """Cut the triangle at large blocks and runs; factorise the former."""
        lay, bounds, at = self.layout, self.form.bounds, 0
        self.parts: list[Part] = []
        for first, last in lay.apart:
            lo, hi = int(bounds[first]), int(bounds[last])
            begin, last_at = int(lay.x[lo]), at
            at = begin + hi - lo
            self.sweep(last_at, begin)
            block, after = split(self.triangle, begin, at)
            if first in self.runs:
                self.parts.append(Part(begin, at, after, None, self.runs[first]))
                continue
            name = int(self.form.names[first])
            if name < 0:
                raise SingularError(
                    f"row {int(self.form.rows[lo])} of an explicit entry has no pivot: zero, NaN "
                    "or nothing stands on the diagonal"
                )
            block = sp.csc_array(block)
            self.parts.append(Part(begin, at, after, block, factor(name, block)))
        self.sweep(at, self.triangle.shape[0])

    def sweep(self, begin: int, end: int) -> None:
        """Append the stretch of rows between two blocks that stand apart."""
        if begin < end:
            inner, after = split(self.triangle, begin, end)
            self.parts.append(Part(begin, end, after, inner, None))

    # -- solving ---------------------------------------------------------------------------------

    @cached_property
    def places(self) -> list[np.ndarray | slice]:
        """The rows and columns of m, and where they stand in the triangle; a slice is faster."""
        at = self.form.rows, self.form.columns, self.layout.y, self.layout.x
        n = len(self.form.rows)
        return [slice(n) if np.array_equal(place, np.arange(n)) else place for place in at]

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b, for b (n,) or (n, k)."""
        rows, columns, entry, leave = self.places
        if transposed:
            rows, columns, entry, leave = columns, rows, leave, entry
        rest = np.zeros((self.triangle.shape[0], *b.shape[1:]))
        x = np.empty(b.shape)
        divisors = self.divisors
        if divisors is not None and b.ndim == 2:
            divisors = divisors[:, None]
        with np.errstate(all="ignore"):
            given = b[rows]
            if divisors is not None and not transposed:
                given = given / divisors
            rest[entry] = given
            for part in self.parts if transposed else reversed(self.parts):
                here, after = slice(part.begin, part.end), slice(part.end, None)
                if transposed:
                    rest[here] = part.solve(rest[here], True, self.check)
                    if part.after is not None:
                        rest[after] -= part.after.T @ rest[here]
                else:
                    if part.after is not None:
                        rest[here] -= part.after @ rest[after]
                    rest[here] = part.solve(rest[here], False, self.check)
            found = rest[leave]
            if divisors is not None and transposed:
                found = found / divisors
            x[columns] = found
        return x

    @property
    def nnz(self) -> int:
        """The entries of the factors."""
        return self.triangle.nnz + sum(getattr(f, "nnz", 0) for f in self.factors)

    @property
    def bytes(self) -> int:
        """The bytes of the factors."""
        t = self.triangle
        own = t.data.nbytes + t.indices.nbytes + t.indptr.nbytes
        return own + sum(getattr(f, "bytes", 0) for f in self.factors)

    @property
    def factors(self) -> list[Factor | BatchFactors]:
        """What stands apart from the sweep: large blocks and runs, in order."""
        return [part.factor for part in self.parts if part.factor is not None]

    @property
    def method(self) -> str:
        """How many blocks of which size there are, and how they are solved."""
        sizes = self.form.sizes
        told = [
            f"1 block of {part.end - part.begin:,} ({part.factor.method})"
            for part in self.parts
            if part.factor is not None and not isinstance(part.factor, BatchFactors)
        ]
        if len(told) > TOLD:
            told = [*told[:TOLD], f"{len(told) - TOLD:,} more blocks one by one"]
        batches = Counter[int]()
        for batch in self.layout.batches:
            batches[batch.size] += len(batch.blocks)
        for size, k in sorted(batches.items()):
            told.append(f"{k:,} block{'s' * (k > 1)} of {size} in a batch")
        singles = np.count_nonzero(sizes == 1)
        if singles:
            told.append(f"{singles:,} single")
        return "block triangular: " + ", ".join(told)


@dataclass(frozen=True)
class Part:
    """Rows ``begin:end`` of the triangle: a large block, a run of small ones, or a stretch between.

    ``after`` is what stands right of ``block``, None for nothing.
    """

    begin: int
    end: int
    after: sp.csr_array | None
    block: sp.sparray | None
    factor: Factor | BatchFactors | None

    @cached_property
    def lower(self) -> sp.csr_array:
        """The transpose of a stretch, by rows."""
        return sp.csr_array(self.block.T)  # type: ignore[union-attr]

    def solve(self, b: np.ndarray, transposed: bool, check: bool) -> np.ndarray:
        """Solve with the diagonal block alone."""
        if self.factor is None:
            if not transposed:
                return solve_triangular(self.block, b)
            return spsolve_triangular(self.lower, b, lower=True, unit_diagonal=True)
        if check and not isinstance(self.factor, BatchFactors):
            return checked(self.block, self.factor, b, transposed)
        return self.factor.solve(b, transposed)


def split(t: sp.csr_array, begin: int, end: int) -> tuple[sp.csr_array, sp.csr_array | None]:
    """Return ``t[begin:end, begin:end]`` and ``t[begin:end, end:]``; no column is before ``begin``.

    The second one is None at the end; what need not be copied is not.
    """
    n = t.shape[0]
    if (begin, end) == (0, n):
        return t, None
    here = slice(t.indptr[begin], t.indptr[end])
    data, columns, indptr = t.data[here], t.indices[here], t.indptr[begin : end + 1] - here.start
    shape, beyond = (end - begin, end - begin), (end - begin, n - end)
    if end == n:
        return sp.csr_array((data, columns - columns.dtype.type(begin), indptr), shape=shape), None
    inside = columns < end
    outside, number = ~inside, columns.dtype.type
    inner = np.zeros_like(indptr)
    some = indptr > 0
    inner[some] = np.cumsum(inside, dtype=number)[indptr[some] - 1]
    return (
        sp.csr_array((data[inside], columns[inside] - number(begin), inner), shape=shape),
        sp.csr_array((data[outside], columns[outside] - number(end), indptr - inner), beyond),
    )


def rows_of_factors(
    lu: np.ndarray, order: np.ndarray, scales: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return the entries that `template` asks for, (m^2 + 1 + 2 m, k).

    With D_r D D_c = P^T L U:   x_i + c_i U_ij / (U_ii c_j) x_j - c_i / U_ii z_i = 0
                                z_i + L_ij z_j - r_p(i) y_p(i) = 0
    """
    rows, columns = scales
    m, _, k = lu.shape
    with np.errstate(all="ignore"):
        pivots = columns / lu[np.arange(m), np.arange(m)]
        above = np.triu(np.ones((m, m), dtype=bool), 1)[:, :, None]
        factors = np.where(above, lu * pivots[:, None] / columns, lu)
    parts = [factors.reshape(m * m, k), np.ones((1, k)), -pivots]
    return np.concatenate([*parts, -np.take_along_axis(rows, order, axis=0)])


def canonical(m: sp.sparray) -> sp.sparray:
    """Return ``m`` by rows or by columns, sorted and without duplicates."""
    if m.format not in ("csr", "csc"):
        m = m.tocsr()
    if not m.has_canonical_format:
        m = m.copy()
        m.sum_duplicates()
    return m
