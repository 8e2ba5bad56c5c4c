"""LU of a tridiagonal matrix by LAPACK: a chain in which every entry meets its neighbours only."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack

from lagrad.solve.interface import SMALLEST_RCOND, reciprocal_condition
from lagrad.status import SingularError, Status


def is_tridiagonal(m: sp.csc_array) -> bool:
    """True if no entry is further from the diagonal than one place."""
    owner = np.repeat(np.arange(m.shape[1], dtype=m.indices.dtype), np.diff(m.indptr))
    return int(np.abs(m.indices - owner).max(initial=0)) <= 1


class Tridiagonal:
    """M = P L U with partial pivoting; refuses a matrix that is singular to working precision."""

    def __init__(self, m: Any) -> None:
        n = m.shape[0]
        lower, diagonal, upper = (np.array(m.diagonal(k), dtype=float) for k in (-1, 0, 1))
        columns = np.abs(diagonal)
        columns[:-1] += np.abs(lower)
        columns[1:] += np.abs(upper)
        *factors, info = lapack.dgttrf(lower, diagonal, upper)
        self.factors = tuple(factors)
        self.method = f"tridiagonal LU of {n}"
        self.nnz, self.bytes = 4 * n, 36 * n
        if info:
            raise SingularError(Status.SINGULAR.value)
        if not self.rcond(m, float(columns.max())) > SMALLEST_RCOND:
            raise SingularError(Status.SINGULAR.value)

    def rcond(self, m: Any, norm: float) -> float:
        """Return 1 / (|M|_1 |M^-1|_1), estimated by a few solves."""
        if not hasattr(lapack, "dgtcon"):  # older SciPy
            return reciprocal_condition(m, self.solve, norm)
        rcond, info = lapack.dgtcon(*self.factors, norm)
        return 0.0 if info else float(rcond)

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b."""
        x, _ = lapack.dgttrs(*self.factors, b, trans="T" if transposed else "N")
        return x if b.ndim == 2 else x.reshape(-1)
