"""What a factorisation offers, and how every solve is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, onenormest

from lagrad.status import SingularError, Status

#: Above this relative residual a solution is refused. Backward stable methods stay near 1e-16.
TOLERANCE = 1e-11

#: Above this one a solution is refined: what backward stable methods leave is below.
ACCURACY = 100 * np.finfo(float).eps

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

    What not every method has, and who wants it asks for with `getattr`: ``nnz`` and ``bytes`` of
    the factors, ``plan`` (why this method), ``norms`` (see `norms`), and ``accuracy``, the relative
    residual from which on one more step of refinement gains nothing.
    """

    @property
    def method(self) -> str:
        """Which method it is, in words; what it did in the last solve, if that may differ."""

    @property
    def rows(self) -> np.ndarray:
        """The diagonal of D_r."""

    @property
    def columns(self) -> np.ndarray:
        """The diagonal of D_c."""

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b, for b (n,) or (n, k)."""


def relative_residual(m: Any, x: np.ndarray, b: np.ndarray, norm: float | None = None) -> float:
    """Return max|M x - b| / (|M| max|x| + max|b|), the normwise backward error.

    ``norm`` is |M|, its largest row sum unless another one is known already; of several right-hand
    sides the worst counts. Rigal and Gaches, J. ACM 14 (1967), p. 543. An empty system has none,
    and what underflows is none.
    """
    if not b.size:
        return 0.0
    with np.errstate(all="ignore"):
        size = float(abs(m).sum(axis=1).max()) if norm is None else norm
        return backward_error(m @ x - b, x, b, size)


def backward_error(r: np.ndarray, x: np.ndarray, b: np.ndarray, norm: float) -> float:
    """Return the largest max|r| / (norm max|x| + max|b|) over the right-hand sides.

    Parameters
    ----------
    r, x, b : arrays (n,) or (n, k)
    """
    if not b.size:
        return 0.0
    above = np.abs(r).max(axis=0)
    below = norm * np.abs(x).max(axis=0) + np.abs(b).max(axis=0)
    ratio = above / np.where(below == 0, 1.0, below)
    return float(np.where(above < TINY, 0.0, ratio).max())


def norms(m: Any, rows: np.ndarray, columns: np.ndarray) -> tuple[float, float]:
    """Return the largest row sum and the largest column sum of |D_r M D_c|.

    An operator does not tell them: they are then taken for zero, which makes every test stricter.
    """
    if isinstance(m, np.ndarray):
        size = np.abs(m) * rows[:, None] * columns
        return float(size.sum(axis=1).max(initial=0.0)), float(size.sum(axis=0).max(initial=0.0))
    if not sp.issparse(m):
        return 0.0, 0.0
    m = sp.csc_array(m)
    n = m.shape[0]
    owner = np.repeat(np.arange(n), np.diff(m.indptr))
    with np.errstate(all="ignore"):
        size = np.abs(m.data) * rows[m.indices] * columns[owner]
        by_row = np.bincount(m.indices, weights=size, minlength=n)
        by_column = np.bincount(owner, weights=size, minlength=n)
    return float(by_row.max(initial=0.0)), float(by_column.max(initial=0.0))


def reciprocal_condition(
    m: Any, solve: Callable[..., np.ndarray], norm: float | None = None
) -> float:
    """Return 1 / (|M|_1 |M^-1|_1), the norm of the inverse estimated by a few solves.

    Higham and Tisseur, SIAM J. Matrix Anal. Appl. 21 (2000), p. 1185, with two columns: the vector
    of ones, and fixed signs, which no symmetry of M can hide from.

    Parameters
    ----------
    m : array or sparse array (n, n)
    solve : ``solve(b, transposed)``, for b (n, 2)
    norm : |M|_1, if it is known
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
        found = size * (float(abs(m).sum(axis=0).max()) if norm is None else norm)
    return 1.0 / found if found > 0 else 0.0


def scaled(m: Any, rows: np.ndarray, columns: np.ndarray) -> Any:
    """Return D_r M D_c for an array, or for a sparse matrix by columns."""
    if isinstance(m, np.ndarray):
        return m * rows[:, None] * columns
    made = m.copy()
    owner = np.repeat(np.arange(m.shape[1]), np.diff(m.indptr))
    made.data = m.data * rows[m.indices] * columns[owner]
    return made


def checked(m: Any, factor: Factor, b: np.ndarray, transposed: bool = False) -> np.ndarray:
    """Return the x of `certified`."""
    return certified(m, factor, b, transposed)[0]


def certified(
    m: Any, factor: Factor, b: np.ndarray, transposed: bool = False
) -> tuple[np.ndarray, float]:
    """Solve, refine once if the residual is not small, and refuse what is still inaccurate.

    The residual is that of the scaled system, D_r M D_c (D_c^-1 x) = D_r b, so that an equation in
    small units counts as much as the others. Its norm is computed once and kept with the factors.

    Parameters
    ----------
    m : sparse (n, n), or LinearOperator with ``matvec`` and ``rmatvec``
    factor : the factors of this very matrix
    b : array (n,) or (n, k)

    Returns
    -------
    x : like b
    residual : float
        Its `backward_error` in the scaled system.

    Raises
    ------
    SingularError
        If that stays above `TOLERANCE`.
    """
    before, after = factor.rows, factor.columns
    known = vars(factor)
    if "norms" not in known:
        known["norms"] = norms(m, before, after)
    norm = known["norms"][int(transposed)]
    if transposed:
        m, before, after = m.T, after, before
    if b.ndim == 2:
        before, after = before[:, None], after[:, None]

    def residual(x: np.ndarray) -> tuple[np.ndarray, float]:
        r = b - m @ x
        return r, backward_error(before * r, x / after, before * b, norm)

    with np.errstate(all="ignore"):
        x = factor.solve(b, transposed)
        r, size = residual(x)
        if not size <= getattr(factor, "accuracy", ACCURACY):
            finer = x + factor.solve(r, transposed)
            left = residual(finer)[1]
            if left < size or not np.isfinite(size):
                x, size = finer, left
    if not size <= TOLERANCE:
        raise SingularError(f"{Status.INACCURATE.value} (relative residual {size:.1e})")
    return x, size


def largest(x: np.ndarray) -> float:
    """Return max|x|, 0 of nothing."""
    return float(np.abs(x).max(initial=0.0))


def condition(m: Any, factor: Factor) -> float:
    """Estimate |M|_1 |M^-1|_1 of the scaled matrix, which units do not change, by a few solves.

    See `reciprocal_condition`; at most ten solves with two right-hand sides. Infinite for a
    singular matrix.
    """
    rows, columns = factor.rows[:, None], factor.columns[:, None]

    def solve(b: np.ndarray, transposed: bool) -> np.ndarray:
        if transposed:
            return factor.solve(b / columns, True) / rows
        return factor.solve(b / rows, False) / columns

    if sp.issparse(m) or isinstance(m, np.ndarray):
        norm = norms(m, factor.rows, factor.columns)[1]
    else:
        balanced = LinearOperator(
            m.shape,
            matvec=lambda v: factor.rows * m.matvec(factor.columns * np.ravel(v)),
            rmatvec=lambda v: factor.columns * m.rmatvec(factor.rows * np.ravel(v)),
            dtype=float,
        )
        norm = float(onenormest(balanced))
    rcond = reciprocal_condition(m, solve, norm)
    return 1.0 / rcond if rcond else np.inf


def row_norm(a: sp.csr_array) -> float:
    """Return the largest row sum of |A|."""
    if not a.nnz:
        return 0.0
    return float(np.add.reduceat(np.abs(a.data), a.indptr[:-1][np.diff(a.indptr) > 0]).max())
