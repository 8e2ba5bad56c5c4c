"""What a factorisation offers, and how every solve is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp

from lagrad.status import SingularError, Status

#: Above this relative residual a solution is refused. Backward stable methods stay near 1e-16.
TOLERANCE = 1e-11

#: Below this inverse condition number a scaled matrix is refused: rounding errors of 2e-16 may then
#: leave less than two digits of the solution right, however small the residual is.
SMALLEST_RCOND = 100 * np.finfo(float).eps

#: The smallest normal number: what is below it has lost its digits.
TINY = np.finfo(float).tiny


class Factor(Protocol):
    """A factorised square matrix M.

    The law: ``solve(b, transposed=True)`` solves with M^T what ``solve(b)`` solves with M. Rows and
    columns were scaled before: D_r M D_c, with D_r and D_c the diagonal matrices of ``rows`` and
    ``columns``, has the largest entries near one, whatever units equations and variables have.
    """

    method: str
    rows: np.ndarray
    columns: np.ndarray

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b, for b (n,) or (n, k)."""


def relative_residual(m: Any, x: np.ndarray, b: np.ndarray, norm: float | None = None) -> float:
    """Return max|M x - b| / (|M| max|x| + max|b|), the normwise backward error.

    ``norm`` is |M|, its largest row sum unless another one is known already. Rigal and Gaches,
    J. ACM 14 (1967), p. 543. An empty system has none, and what underflows is none.
    """
    if not b.size:
        return 0.0
    with np.errstate(all="ignore"):
        r = np.abs(m @ x - b).max()
        size = float(abs(m).sum(axis=1).max()) if norm is None else norm
        scale = size * np.abs(x).max() + np.abs(b).max()
        if r < TINY:
            return 0.0
        return float(r / scale) if scale else float(r)


def reciprocal_condition(m: Any, solve: Callable[..., np.ndarray]) -> float:
    """Return 1 / (|M|_1 |M^-1|_1), the norm of the inverse estimated by a few solves.

    Higham and Tisseur, SIAM J. Matrix Anal. Appl. 21 (2000), p. 1185, with two columns: the vector
    of ones, and fixed signs, which no symmetry of M can hide from.

    Parameters
    ----------
    m : array or sparse array (n, n)
    solve : ``solve(b, transposed)``, for b (n, 2)
    """
    n = m.shape[0]
    signs = np.random.default_rng(n).choice([-1.0, 1.0], n)
    x, size = np.stack([np.ones(n), signs], axis=1) / n, 0.0
    with np.errstate(all="ignore"):
        for _ in range(5):
            y = solve(x, False)
            found = np.abs(y).sum(axis=0).max()
            if not np.isfinite(found):
                return 0.0
            if found <= size:
                break
            size = float(found)
            w = solve(np.where(y >= 0, 1.0, -1.0), True)
            x = np.zeros((n, 2))
            x[np.abs(w).argmax(axis=0), [0, 1]] = 1.0
        condition = size * float(abs(m).sum(axis=0).max())
    return 1.0 / condition if condition > 0 else 0.0


def scaled(m: Any, rows: np.ndarray, columns: np.ndarray) -> Any:
    """Return D_r M D_c for a sparse matrix by columns."""
    made = m.copy()
    owner = np.repeat(np.arange(m.shape[1]), np.diff(m.indptr))
    made.data = m.data * rows[m.indices] * columns[owner]
    return made


def checked(m: Any, factor: Factor, b: np.ndarray, transposed: bool = False) -> np.ndarray:
    """Solve, refine once if the residual is not small, and refuse what is still inaccurate.

    The residual is that of the scaled system, D_r M D_c (D_c^-1 x) = D_r b, so that an equation in
    small units counts as much as the others.

    Raises
    ------
    SingularError
        If the relative residual stays above `TOLERANCE`.
    """
    rows, columns = factor.rows, factor.columns
    balanced = scaled(m, rows, columns)
    if transposed:
        m, balanced, rows, columns = m.T, balanced.T, columns, rows
    if b.ndim == 2:
        rows, columns = rows[:, None], columns[:, None]

    def residual(x: np.ndarray) -> float:
        return relative_residual(balanced, x / columns, rows * b)

    with np.errstate(all="ignore"):
        x = factor.solve(b, transposed)
        if not residual(x) <= TOLERANCE:
            x = x + factor.solve(b - m @ x, transposed)
        if not residual(x) <= TOLERANCE:
            raise SingularError(f"{Status.INACCURATE.value} (relative residual {residual(x):.1e})")
    return x


def row_norm(a: sp.csr_array) -> float:
    """Return the largest row sum of |A|."""
    if not a.nnz:
        return 0.0
    return float(np.add.reduceat(np.abs(a.data), a.indptr[:-1][np.diff(a.indptr) > 0]).max())
