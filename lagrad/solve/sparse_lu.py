"""Sparse LU by SuperLU, with an ordering that fits the pattern."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from lagrad.solve.interface import (
    SMALLEST_RCOND,
    backward_error,
    reciprocal_condition,
    row_norm,
)
from lagrad.solve.layout import same_pattern
from lagrad.status import SingularError, Status

#: The diagonal is taken as pivot down to this part of the largest candidate. 1e-3 left residuals of
#: 3e-10 in random matrices of 2000 rows, 1e-2 of 4e-13, 1e-1 doubled the fill of indefinite
#: Laplacians; one step of refinement mends what 1e-2 leaves.
PIVOT = 1e-2

#: So few columns in a hundred may have a diagonal below that: each costs fill.
WEAK = 0.01

#: A pivot order with a larger relative residual than this gives way to partial pivoting.
UNSTABLE = 1e-11

#: Entries within this distance of the diagonal: no order is better than the given one.
NARROW = 3

#: Rows or columns with more than so many times sqrt(n) entries, which minimum degree is slow on.
HUB = 10

#: Up to here the condition is estimated by up to twenty solves; above, one solve has to show that
#: there is cause for it.
SMALL = 2000

#: Bytes an entry of L or U takes: its value, and its row.
ENTRY = 12

#: A panel of few columns stays in the cache: 0.16 s in place of 0.20 s (SuperLU's own 20 columns)
#: on a 256 x 256 grid.
SYMMETRIC = {
    "diag_pivot_thresh": PIVOT,
    "panel_size": 4,
    "options": {"SymmetricMode": True},
}
ORDERINGS: dict[str, dict[str, Any]] = {
    "the given order": {"permc_spec": "NATURAL", **SYMMETRIC, "panel_size": 1, "relax": 1},
    "MMD on A + A^T": {"permc_spec": "MMD_AT_PLUS_A", **SYMMETRIC},
    "COLAMD": {"permc_spec": "COLAMD"},
}


class Order:
    """The order that SuperLU found for the columns of a pattern, for the next matrix that has it.

    Permuted before, it is factorised in the given order, and to find one is spared: half of the
    time where there is little fill.

    Parameters
    ----------
    m : sparse (n, n) by columns
    place : int array (n,), where each column goes
    name : a key of `ORDERINGS`
    """

    def __init__(self, m: sp.csc_array, place: np.ndarray, name: str) -> None:
        self.pattern, self.place, self.name = (m.indices, m.indptr), place, name
        self.columns = np.empty_like(place)
        self.columns[place] = np.arange(len(place), dtype=place.dtype)
        #: Minimum degree takes its pivots from the diagonal, so that rows go with columns.
        self.symmetric = "options" in ORDERINGS[name]

    def fits(self, m: sp.csc_array) -> bool:
        """True if the entries are where they were."""
        return same_pattern(m, *self.pattern)

    @cached_property
    def moved(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which entry goes where: (entries, indices, indptr) of the permuted matrix."""
        indices, indptr = self.pattern
        number = np.arange(len(indices), dtype=np.intc)
        made = sp.csc_array((number, indices, indptr), shape=(len(indptr) - 1,) * 2)
        made = made[:, self.columns]
        rows = self.place[made.indices] if self.symmetric else made.indices
        made = sp.csc_array((made.data, rows, made.indptr), shape=made.shape)
        made.sort_indices()
        return made.data, made.indices.astype(np.intc), made.indptr.astype(np.intc)

    def permuted(self, m: sp.csc_array) -> sp.csc_array:
        """Return the matrix with its columns in order."""
        entries, indices, indptr = self.moved
        return sp.csc_array((m.data[entries], indices, indptr), shape=m.shape)


class Permuted:
    """SuperLU's factors of a matrix with its columns in order, which solve with that matrix."""

    def __init__(self, m: sp.csc_array, order: Order) -> None:
        again = {**ORDERINGS[order.name], "permc_spec": "NATURAL", "panel_size": 1}
        self.lu, self.order = splu(order.permuted(m), **again), order

    @property
    def nnz(self) -> int:
        """The entries of L and U."""
        return int(self.lu.nnz)

    def solve(self, b: np.ndarray, trans: str = "N") -> np.ndarray:
        """Return M^-1 b, or M^-T b for "T", as SuperLU's own."""
        order = self.order
        before = trans == "T" or order.symmetric
        y = self.lu.solve(b[order.columns] if before else b, trans)
        return y[order.place] if trans == "N" or order.symmetric else y


class SparseLU:
    """P_r M P_c = L U; refuses what is singular to working precision.

    Minimum degree on the pattern of M + M^T, with pivots from the diagonal, gives half the entries
    that COLAMD with partial pivoting gives on grids and on random graphs alike (3.4 against 6.7
    million on a grid of 256 x 256 points), but it needs a diagonal to rely on. One solve with a
    random right-hand side measures what it lost; if too much, partial pivoting takes its place.

    Parameters
    ----------
    m : sparse (n, n), scaled
    ordering : a key of `ORDERINGS`, or None for `choose_ordering`
    known : `Order` of an earlier matrix; if it does not fit, it is not taken

    Attributes
    ----------
    method, ordering : str
    order : `Order` for the next matrix, None if the given one serves
    nnz, bytes : int
        Of L and U.
    """

    def __init__(self, m: Any, ordering: str | None = None, known: Order | None = None) -> None:
        self.m = m = sp.csc_array(m)
        # SuperLU takes 32-bit indices only.
        m.indices = m.indices.astype(np.intc, copy=False)
        m.indptr = m.indptr.astype(np.intc, copy=False)
        self.ordering = ordering or choose_ordering(m)
        self.order = known
        self.lu = self.decomposed()
        norm = row_norm(m.T)
        x, stable = self.probe(norm)
        if not stable and self.ordering != "COLAMD":
            self.ordering = "COLAMD"
            self.lu = self.decomposed()
            x, _ = self.probe(norm)
        n, self.nnz = m.shape[0], int(self.lu.nnz)
        self.bytes = ENTRY * self.nnz
        self.method = f"sparse LU of {n} ({self.ordering}, {self.nnz} entries in L and U)"
        if (n <= SMALL or self.suspicious(x, norm)) and (
            reciprocal_condition(m, self.solve, norm) <= SMALLEST_RCOND
        ):
            raise SingularError(Status.SINGULAR.value)

    def decomposed(self) -> Any:
        """Return SuperLU's factors, with the order that is known if it fits, else with a new one.

        Raises
        ------
        SingularError
            At a pivot that is zero.
        """
        m, order = self.m, self.order
        try:
            if order is not None and order.name == self.ordering and order.fits(m):
                return Permuted(m, order)
            lu = splu(m, **ORDERINGS[self.ordering])
        except RuntimeError as error:
            raise SingularError(Status.SINGULAR.value) from error
        given = self.ordering == "the given order"
        self.order = None if given else Order(m, lu.perm_c, self.ordering)
        return lu

    def probe(self, norm: float) -> tuple[np.ndarray, bool]:
        """Return M^-1 b for a random b of length one, and whether its residual is small."""
        b = np.random.default_rng(0).standard_normal(self.m.shape[0])
        b /= max(float(np.linalg.norm(b)), 1.0)
        with np.errstate(all="ignore"):
            x = self.lu.solve(b)
            return x, backward_error(self.m @ x - b, x, b, norm) <= UNSTABLE

    def suspicious(self, x: np.ndarray, norm: float) -> bool:
        """True unless solves with random right-hand sides show that M is far from singular.

        For b uniform on the sphere |M^-1 b| sqrt(n) is below |M^-1| / 1000 with a probability of
        0.0008 (Dixon, SIAM J. Numer. Anal. 20 (1983), p. 812). Above that, a second solve, with M^T
        and x, is a step of inverse iteration, whose growth is |M^-1| but for a small factor.
        """
        limit, root = 1.0 / SMALLEST_RCOND, np.sqrt(self.m.shape[0])
        with np.errstate(all="ignore"):
            size = float(np.linalg.norm(x))
            if size * root * norm < 1e-3 * limit:
                return False
            growth = float(np.linalg.norm(self.lu.solve(x / size, "T")))
            return not growth * root * norm < limit

    def __getstate__(self) -> Any:
        # SuperLU's own object does not pickle; the matrix is factorised again.
        return self.m, self.ordering

    def __setstate__(self, state: Any) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b."""
        return self.lu.solve(b, "T" if transposed else "N")


def choose_ordering(m: sp.csc_array) -> str:
    """Return the ordering for a scaled matrix: see `SparseLU`."""
    n = m.shape[0]
    owner = np.repeat(np.arange(n, dtype=m.indices.dtype), np.diff(m.indptr))
    # Largest entries of columns are near one after scaling.
    strong = np.count_nonzero((m.indices == owner) & (np.abs(m.data) >= PIVOT))
    if n - strong > WEAK * n:
        return "COLAMD"
    if np.abs(m.indices - owner).max(initial=0) <= NARROW:
        return "the given order"
    most = max(np.diff(m.indptr).max(), np.bincount(m.indices, minlength=n).max())
    return "COLAMD" if most > HUB * np.sqrt(n) else "MMD on A + A^T"
