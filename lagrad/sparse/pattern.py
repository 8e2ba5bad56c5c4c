"""Where the entries of a sparse matrix stand: structure, apart from values."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import scipy.sparse as sp

from lagrad.assemble import refuse_too_large
from lagrad.status import ArgumentError

Plan = tuple[Any, ...]


class Pattern:
    """The places of the entries of a sparse (m, n) matrix: each once, compressed and sorted.

    Attributes
    ----------
    indptr, indices : int arrays, as in SciPy's csr and csc arrays; not to be changed
    shape : (m, n)
    by_rows : bool
        Entries go row by row (csr) or column by column (csc). The transpose has the same arrays
        and the same order of entries, read the other way.
    """

    def __init__(
        self, indptr: np.ndarray, indices: np.ndarray, shape: tuple[int, int], by_rows: bool = True
    ) -> None:
        self.indptr, self.indices = frozen(indptr), frozen(indices)
        self.shape, self.by_rows = shape, by_rows
        # What was worked out with another pattern is kept as long as both live.
        self.plans: dict[str, WeakKeyDictionary[Pattern, Plan]] = {}

    def __reduce__(self) -> Any:
        return Pattern, (self.indptr, self.indices, self.shape, self.by_rows)

    def __repr__(self) -> str:
        return f"{self.nnz} places"

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Pattern)
            and (self.shape, self.by_rows) == (other.shape, other.by_rows)
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.by_rows, self.nnz))

    @property
    def nnz(self) -> int:
        """The number of entries, those included whose value is zero."""
        return len(self.indices)

    @cached_property
    def T(self) -> Pattern:  # noqa: N802
        """The pattern of the transpose."""
        made = Pattern(self.indptr, self.indices, self.shape[::-1], not self.by_rows)
        made.__dict__["T"] = self
        return made

    @cached_property
    def lengths(self) -> np.ndarray:
        """How many entries each row has (each column if they go by columns)."""
        return np.diff(self.indptr)

    @cached_property
    def owner(self) -> np.ndarray:
        """The row of each entry (the column if they go by columns)."""
        count = np.arange(len(self.indptr) - 1, dtype=self.indices.dtype)
        return frozen(np.repeat(count, self.lengths))

    @property
    def rows(self) -> np.ndarray:
        """The row of each entry."""
        return self.owner if self.by_rows else self.indices

    @property
    def columns(self) -> np.ndarray:
        """The column of each entry."""
        return self.indices if self.by_rows else self.owner

    def matrix(self, data: np.ndarray) -> Any:
        """Return the SciPy array with these entries, which shares all of its arrays."""
        kind = sp.csr_array if self.by_rows else sp.csc_array
        return kind((data, self.indices, self.indptr), shape=self.shape)

    # -- of two patterns -------------------------------------------------------------------------

    def plan(self, name: str, other: Pattern, make: Callable[[Pattern, Pattern], Plan]) -> Plan:
        """Return ``make(self, other)``, made once for each ``other``."""
        known = self.plans.setdefault(name, WeakKeyDictionary())
        found = known.get(other)
        if found is None:
            found = known[other] = make(self, other)
        return found


def frozen(a: np.ndarray) -> np.ndarray:
    """Return a view of ``a`` that refuses to be written."""
    view = a.view()
    view.flags.writeable = False
    return view


def index_type(*sizes: int) -> Any:
    """Return the integers that SciPy's compiled products take for these sizes."""
    return np.int32 if max(sizes) <= np.iinfo(np.int32).max else np.int64


def coordinates(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> tuple[Pattern, sp.csr_array | None]:
    """Return the pattern of entries in any order, and the matrix that puts them there.

    Returns
    -------
    pattern : by rows
    collect : sparse (nnz, number of entries) of ones, or None if they stand there already
        ``collect @ data`` sorts the entries, and adds up those of one place.
    """
    kind = index_type(*shape, len(rows))
    down = np.diff(rows)
    if ((down > 0) | ((down == 0) & (np.diff(columns) > 0))).all():
        order, first = None, None
        at_rows, at_columns = rows, columns
    else:
        order = np.lexsort((columns, rows))
        at_rows, at_columns = rows[order], columns[order]
        moved = (np.diff(at_rows) != 0) | (np.diff(at_columns) != 0)
        first = np.flatnonzero(np.concatenate([[True], moved]))
        at_rows, at_columns = at_rows[first], at_columns[first]
    counts = np.bincount(at_rows, minlength=shape[0])
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(kind)
    pattern = Pattern(indptr, np.array(at_columns, dtype=kind), shape)
    if order is None or first is None:
        return pattern, None
    pointers = np.append(first, len(order)).astype(kind)
    return pattern, selection(order.astype(kind), len(rows), pointers)


def selection(indices: np.ndarray, n: int, indptr: np.ndarray | None = None) -> sp.csr_array:
    """Return the matrix of ones that takes entries of a vector (n,), or sums of them.

    Bytes, so that a product with it keeps the precision of the vector.
    """
    pointers = np.arange(len(indices) + 1, dtype=indices.dtype) if indptr is None else indptr
    ones = np.ones(len(indices), np.int8)
    return sp.csr_array((ones, indices, pointers), shape=(len(pointers) - 1, n))


def union(a: Pattern, b: Pattern) -> Plan:
    """Return the pattern of a sum, and the matrix that makes its entries from those of both."""
    rows = np.concatenate([a.rows, b.rows])
    columns = np.concatenate([a.columns, b.columns])
    return coordinates(rows, columns, a.shape)


def product(a: Pattern, b: Pattern) -> Plan:
    """Return the pattern of a matrix product, and the pairs of entries that meet in it.

    Returns
    -------
    pattern : every place that a product can reach, whatever its value
    left, right : sparse (pairs, nnz) of ones, which take one entry of each factor
    collect : sparse (nnz of the product, pairs), or None if each place has one pair, in order
    """
    start, columns, place = rows_of(b)
    lengths = np.diff(start)[a.columns]
    pairs = int(lengths.sum())
    refuse_too_large(pairs, "the product of two sparse matrices", "Apply one after the other: "
                     "P @ (Q @ x)", each=64)  # fmt: skip
    kind = index_type(pairs, a.nnz, b.nnz)
    left = np.repeat(np.arange(a.nnz, dtype=kind), lengths)
    offset = np.arange(pairs) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    met = np.repeat(start[a.columns], lengths) + offset
    pattern, collect = coordinates(a.rows[left], columns[met], (a.shape[0], b.shape[1]))
    right = place[met].astype(kind)
    return pattern, selection(left, a.nnz), selection(right, b.nnz), collect


def rows_of(p: Pattern) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (indptr, columns, place among the entries) of a pattern row by row."""
    places = np.arange(p.nnz)
    if p.by_rows:
        return p.indptr, p.indices, places
    m = p.matrix(places).tocsr()
    return m.indptr, m.indices, m.data


def read(matrix: Any) -> tuple[Pattern, sp.csr_array | None]:
    """Return the pattern of a SciPy matrix, and what brings ``matrix.data`` into its order.

    Raises
    ------
    ArgumentError
        For a format whose data is no vector of entries, a sparse vector, or indices out of range.
    """
    if matrix.format not in ("csr", "csc", "coo") or len(matrix.shape) != 2:
        raise ArgumentError(
            f"like= is a sparse {matrix.format} array of shape {matrix.shape}; its entries must be "
            "a vector: give a matrix in csr, csc or coo format, as by like=P.tocsr()"
        )
    shape = int(matrix.shape[0]), int(matrix.shape[1])
    if matrix.format == "coo":
        return coordinates(matrix.row, matrix.col, shape)
    try:
        matrix.check_format(full_check=True)  # SciPy makes a matrix without looking
    except ValueError as error:
        raise ArgumentError(f"like= is a sparse matrix that is not sound: {error}") from error
    by_rows = matrix.format == "csr"
    if not matrix.has_canonical_format:
        owner = np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))
        other = matrix.indices[: matrix.nnz]
        rows, columns = (owner, other) if by_rows else (other, owner)
        return coordinates(rows, columns, shape)
    kind = index_type(*shape, matrix.nnz)
    indptr, indices = matrix.indptr.astype(kind), matrix.indices[: matrix.nnz].astype(kind)
    return Pattern(indptr, indices, shape, by_rows), None
