"""Krylov methods on one colour of a matrix whose graph has two, the other one eliminated exactly.

On a grid every neighbour of a black point is red. With a diagonal of ones M is [[1, B], [C, 1]],
and the Schur complement 1 - C B on the black points has half the unknowns and about the square of
the contraction: half the steps, each of half the work (Saad, Iterative Methods for Sparse Linear
Systems, 2nd ed. 2003, section 12.4, on red-black orderings).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import breadth_first_order
from scipy.sparse.linalg import LinearOperator

from lagrad.solve.interface import TOLERANCE, Factor, row_norm
from lagrad.solve.krylov import Krylov
from lagrad.status import SingularError


class TwoColour:
    """A `Factor` of a strictly diagonally dominant M that couples red and black entries only.

    Parameters
    ----------
    m : sparse (n, n)
    red : bool array (n,), from `two_colours`
    rho : two floats
        The `dominance` of m.
    otherwise : function of m that returns factors, or None
        For what Krylov methods do not solve.
    """

    accuracy = TOLERANCE
    nnz = bytes = 0

    def __init__(
        self,
        m: sp.csc_array,
        red: np.ndarray,
        rho: tuple[float, float],
        otherwise: Callable[[Any], Factor] | None = None,
    ) -> None:
        self.m, self.otherwise = m, otherwise
        self.whole: Factor | None = None
        n, diagonal = m.shape[0], m.diagonal()
        self.rows, self.columns = np.ones(n), np.ones(n)
        # By the side that is dominant, so that the largest entries of rows and columns are ones.
        if rho[0] <= rho[1]:
            self.rows = 1.0 / diagonal
        else:
            self.columns = 1.0 / diagonal
        self.red, self.black = np.flatnonzero(red), np.flatnonzero(~red)
        scaled = sp.csr_array(m)
        scaled.data = (
            scaled.data
            * np.repeat(self.rows, np.diff(scaled.indptr))
            * self.columns[scaled.indices]
        )
        self.norms = row_norm(scaled), row_norm(sp.csr_array(scaled.T))
        B = sp.csr_array(scaled[self.red][:, self.black])  # noqa: N806
        C = sp.csr_array(scaled[self.black][:, self.red])  # noqa: N806
        turned = sp.csr_array(B.T), sp.csr_array(C.T)
        self.sides = (B, C), (turned[1], turned[0])
        size = len(self.black)
        schur = LinearOperator((size, size), self.forward, self.backward, dtype=float)
        self.inner = Krylov(schur, probe=False)
        self.inner.growth = 1.0 / (1.0 - min(rho))

    def forward(self, v: np.ndarray) -> np.ndarray:
        """Return (1 - C B) v."""
        B, C = self.sides[0]  # noqa: N806
        return v - C @ (B @ v)

    def backward(self, v: np.ndarray) -> np.ndarray:
        """Return (1 - C B)^T v."""
        B, C = self.sides[1]  # noqa: N806
        return v - C @ (B @ v)

    def within(self, tol: float) -> TwoColour:
        """Return the same method with another tolerance."""
        made = copy.copy(self)
        made.inner = self.inner.within(tol)
        return made

    @property
    def products(self) -> int:
        """Products with M so far, of two halves each."""
        return self.inner.products

    @property
    def method(self) -> str:
        """What solved the last right-hand side."""
        if self.whole is not None:
            return self.whole.method
        n = len(self.rows)
        return f"Krylov on {n}, {len(self.red)} eliminated by colour: {self.inner.last}"

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b, for b (n,) or (n, k)."""
        if self.whole is not None:
            return self.whole.solve(b, transposed)
        try:
            return self.by_colour(b, transposed)
        except SingularError:
            if self.otherwise is None:
                raise
            self.whole = self.otherwise(self.m)
            return self.whole.solve(b, transposed)

    def by_colour(self, b: np.ndarray, transposed: bool) -> np.ndarray:
        """Solve for black, and let red follow."""
        before, after = (self.columns, self.rows) if transposed else (self.rows, self.columns)
        if b.ndim == 2:
            before, after = before[:, None], after[:, None]
        B, C = self.sides[int(transposed)]  # noqa: N806
        b = before * b
        x = np.empty_like(b)
        black = self.inner.solve(b[self.black] - C @ b[self.red], transposed)
        x[self.black] = black
        x[self.red] = b[self.red] - B @ black
        return after * x


def two_colours(m: sp.csc_array) -> np.ndarray | None:
    """Return for each entry whether it is red, so that no two of a colour are neighbours.

    None if there is no such colouring, or if the graph is not connected.
    """
    n = m.shape[0]
    order, before = breadth_first_order(m, 0, directed=False)
    if len(order) < n:
        return None
    # Odd distance from the first entry: distances of 1, 2, 4 ... steps back are added up.
    before = np.where(before < 0, np.arange(n), before)
    red = np.ones(n, dtype=bool)
    red[0] = False
    while before.any():
        red ^= red[before]
        before = before[before]
    owner = np.repeat(np.arange(n), np.diff(m.indptr))
    off = m.indices != owner
    same: Any = red[m.indices[off]] == red[owner[off]]
    return None if same.any() else red
