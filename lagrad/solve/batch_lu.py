"""LU with partial pivoting of many small matrices of equal size.

A batched inverse would lose as many digits as a matrix has in its condition number; LU does not.
Where there are many small matrices their number is the last axis, so that every step of the
elimination is one product of long rows. Larger ones LAPACK factorises in no more time than NumPy
takes for a step.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from lagrad.solve.interface import SMALLEST_RCOND, TOLERANCE
from lagrad.solve.scaling import inverse_power

#: Up to this size, and from so many on, matrices are eliminated together.
TOGETHER, MANY = 10, 100

#: Matrices are taken in portions of so many entries, which stay in the processor's cache.
PORTION = 2**16


def factorize_scaled(
    d: np.ndarray, limit: float = np.inf
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Factorise P D_r D D_c = L U of each matrix, and say which ones are not to be trusted.

    Parameters
    ----------
    d : array (m, m, k)
        k matrices, overwritten.
    limit : float
        The largest scaling that is accepted.

    Returns
    -------
    lu, order : as of `factorize_batch`
    scales : D_r and D_c, both (m, k)
    lost : bool array (k,)
        Singular to working precision, not finite, scaled beyond the limit, or with pivots that grow
        so much that the residual might exceed `TOLERANCE`.
    """
    rows = inverse_power(np.abs(d).max(axis=1))
    d *= rows[:, None]
    columns = inverse_power(np.abs(d).max(axis=0))
    d *= columns
    m, _, k = d.shape
    factorize = factorize_batch if m <= TOGETHER and k >= MANY else factorize_in_turn
    lu, order, rcond = factorize(d)
    growth = m * np.finfo(float).eps * np.abs(lu).max(axis=(0, 1))
    scaling = np.maximum(rows.max(axis=0), columns.max(axis=0))
    sound = (rcond > SMALLEST_RCOND) & (growth <= TOLERANCE) & (scaling <= limit)
    return lu, order, (rows, columns), ~sound


def factorize_in_turn(d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Do what `factorize_batch` does by LAPACK, one matrix after the other."""
    m, _, k = d.shape
    # LAPACK works by columns: each matrix is transposed in memory, and overwritten there.
    by_matrix = np.ascontiguousarray(d.transpose(2, 1, 0))
    norms = np.abs(d).sum(axis=0).max(axis=0)
    rcond, swaps = np.zeros(k), np.zeros((k, m), dtype=np.intp)
    for q in np.flatnonzero(np.isfinite(norms)).tolist():
        lu, swaps[q], info = lapack.dgetrf(by_matrix[q].T, overwrite_a=True)
        if info == 0:
            rcond[q], _ = lapack.dgecon(lu, norms[q])
    order = np.repeat(np.arange(m)[:, None], k, axis=1)
    at = np.arange(k)
    for i in range(m):
        j = swaps[:, i]
        order[i], order[j, at] = order[j, at], order[i].copy()
    return np.ascontiguousarray(by_matrix.transpose(2, 1, 0)), order, rcond


def factorize_batch(d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Factorise P D = L U in place; Golub and Van Loan, Matrix Computations (2013), p. 128.

    Parameters
    ----------
    d : array (m, m, k)
        k matrices, overwritten by U and, below the diagonal, L.

    Returns
    -------
    lu : array (m, m, k)
        U and, below the diagonal, L; not finite after a pivot of zero.
    order : int array (m, k)
        The rows of D in the order in which they were chosen.
    rcond : array (k,)
        1 / (|D|_1 |D^-1|_1), zero for a singular matrix.
    """
    m, _, k = d.shape
    norms = np.abs(d).sum(axis=0).max(axis=0)
    order = np.repeat(np.arange(m)[:, None], k, axis=1)
    with np.errstate(all="ignore"):
        for j in range(m - 1):
            pivot = j + np.abs(d[j:, j]).argmax(axis=0)
            moved = np.flatnonzero(pivot != j)
            for table in (d, order) if len(moved) else ():
                chosen = table[pivot[moved], ..., moved]
                table[pivot[moved], ..., moved] = table[j, ..., moved]
                table[j, ..., moved] = chosen
            d[j + 1 :, j] /= d[j, j]
            d[j + 1 :, j + 1 :] -= d[j + 1 :, j, None] * d[j, None, j + 1 :]
    return d, order, reciprocal_conditions(norms, d, order)


def solve_batch(
    lu: np.ndarray, order: np.ndarray, b: np.ndarray, transposed: bool = False
) -> np.ndarray:
    """Solve D x = b, or D^T x = b, for k matrices; b is (m, columns, k)."""
    m = len(lu)
    up, down = range(m - 1, -1, -1), range(m)
    rows = order[:, None]
    with np.errstate(all="ignore"):
        if not transposed:
            x = np.take_along_axis(b, rows, axis=0)
            for j in down:
                x[j + 1 :] -= lu[j + 1 :, j, None] * x[j]
            for j in up:
                x[j] /= lu[j, j]
                x[:j] -= lu[:j, j, None] * x[j]
            return x
        y = np.array(b)
        for j in down:
            y[j] /= lu[j, j]
            y[j + 1 :] -= lu[j, j + 1 :, None] * y[j]
        for j in up:
            y[:j] -= lu[j, :j, None] * y[j]
        x = np.empty_like(y)
        np.put_along_axis(x, np.broadcast_to(rows, y.shape), y, axis=0)
        return x


def reciprocal_conditions(norms: np.ndarray, lu: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return 1 / (|D|_1 |D^-1|_1) of each matrix (k,), zero where it is singular.

    The norm of the inverse is estimated as `interface.reciprocal_condition` does, by two rounds.

    Parameters
    ----------
    norms : array (k,), the |D|_1
    lu, order : of `factorize_batch`
    """
    m, _, k = lu.shape
    signs = np.random.default_rng(m).choice([-1.0, 1.0], m)
    start = np.stack([np.ones(m), signs], axis=1) / m
    x = np.repeat(start[:, :, None], k, axis=2)
    size = np.zeros(k)
    with np.errstate(all="ignore"):
        for last in (False, True):
            y = solve_batch(lu, order, x)
            # NaN stays: it means singular.
            size = np.maximum(size, np.abs(y).sum(axis=0).max(axis=0))
            if not last:
                w = solve_batch(lu, order, np.where(y >= 0, 1.0, -1.0), transposed=True)
                x = np.zeros_like(x)
                np.put_along_axis(x, np.abs(w).argmax(axis=0)[None], 1.0, axis=0)
        found = 1.0 / (norms * size)
    return np.where(np.isfinite(size) & np.isfinite(found), found, 0.0)


class BatchFactors:
    """The factors of k blocks of one size, which stand one after the other in a vector."""

    def __init__(self, size: int, count: int) -> None:
        self.lu = np.empty((size, size, count))
        self.order = np.empty((size, count), dtype=np.intp)
        self.rows, self.columns = np.empty((2, size, count))
        self.nnz, self.bytes = self.lu.size, self.lu.nbytes + self.order.nbytes

    def keep(
        self,
        part: slice,
        lu: np.ndarray,
        order: np.ndarray,
        scales: tuple[np.ndarray, np.ndarray],
    ) -> None:
        """Take over what `factorize_scaled` found for some of the blocks."""
        self.lu[..., part], self.order[:, part] = lu, order
        self.rows[:, part], self.columns[:, part] = scales

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Solve with all blocks, for b (k m,) or (k m, columns)."""
        m, k = self.order.shape
        before, after = (self.columns, self.rows) if transposed else (self.rows, self.columns)
        x = before[:, None] * np.moveaxis(b.reshape(k, m, -1), 0, 2)
        x = after[:, None] * solve_batch(self.lu, self.order, x, transposed)
        return np.moveaxis(x, 2, 0).reshape(b.shape)
