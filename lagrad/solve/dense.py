"""Dense LU by LAPACK, for small blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from scipy.linalg import lapack

from lagrad.solve.interface import SMALLEST_RCOND, reciprocal_condition
from lagrad.status import SingularError, Status


class DenseLU:
    """P M = L U with partial pivoting; refuses a matrix that is singular to working precision."""

    def __init__(self, m: Any) -> None:
        dense = np.asarray(m.toarray() if hasattr(m, "toarray") else m, dtype=float)
        self.method = f"dense LU of {len(dense)}"
        if not dense.size:  # LAPACK does not take what is empty
            return
        lu, pivots, info = lapack.dgetrf(dense)
        if info:
            raise SingularError(Status.SINGULAR.value)
        self.factors = lu, pivots
        if reciprocal_condition(dense, self.solve) <= SMALLEST_RCOND:
            raise SingularError(Status.SINGULAR.value)

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b."""
        if not b.size:
            return b
        return scipy.linalg.lu_solve(self.factors, b, trans=int(transposed), check_finite=False)
