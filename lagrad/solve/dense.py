"""Dense LU by LAPACK, for small blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import lapack

from lagrad.solve.interface import SMALLEST_RCOND, reciprocal_condition
from lagrad.status import SingularError, Status

#: Up to here the inverse itself costs less than the calls that would estimate its norm.
EXACT = 100


class Division:
    """M of one row: refuses zero."""

    nnz, bytes = 1, 8

    def __init__(self, m: Any) -> None:
        self.method = "division"
        self.entry = float(m.sum())
        if not self.entry:
            raise SingularError(Status.SINGULAR.value)

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return b / M."""
        return b / self.entry


class DenseLU:
    """P M = L U with partial pivoting; refuses a matrix that is singular to working precision."""

    def __init__(self, m: Any) -> None:
        dense = np.asarray(m.toarray() if hasattr(m, "toarray") else m, dtype=float)
        self.method = f"dense LU of {len(dense)}"
        self.nnz, self.bytes = dense.size, dense.nbytes
        if not dense.size:  # LAPACK does not take what is empty
            return
        lu, pivots, info = lapack.dgetrf(dense)
        if info:
            raise SingularError(Status.SINGULAR.value)
        self.factors = lu, pivots
        if self.rcond(dense) <= SMALLEST_RCOND:
            raise SingularError(Status.SINGULAR.value)

    def rcond(self, dense: np.ndarray) -> float:
        """Return 1 / (|M|_1 |M^-1|_1): exact while the inverse is cheap, then estimated."""
        if len(dense) > EXACT:
            return reciprocal_condition(dense, self.solve)
        inverse, _ = lapack.dgetri(*self.factors)
        with np.errstate(all="ignore"):
            condition = np.abs(dense).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max()
        return 1.0 / float(condition)

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b."""
        if not b.size:
            return b
        x, _ = lapack.dgetrs(*self.factors, b, trans=int(transposed))
        return x
