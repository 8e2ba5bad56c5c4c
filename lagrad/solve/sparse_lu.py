"""Sparse LU by SuperLU."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, onenormest, splu

from lagrad.solve.interface import SMALLEST_RCOND
from lagrad.status import SingularError, Status


class SparseLU:
    """P_r M P_c = L U, columns in COLAMD order; refuses what is singular to working precision."""

    def __init__(self, m: Any) -> None:
        m = sp.csc_array(m)
        # SuperLU takes 32-bit indices only.
        m.indices, m.indptr = m.indices.astype(np.intc), m.indptr.astype(np.intc)
        n = m.shape[0]
        try:
            self.lu = splu(m)
        except RuntimeError as error:
            raise SingularError(Status.SINGULAR.value) from error
        self.method = f"sparse LU of {n} (COLAMD, {self.lu.nnz} entries in L and U)"
        if not self.rcond(m) > SMALLEST_RCOND:
            raise SingularError(Status.SINGULAR.value)

    def rcond(self, m: sp.csc_array) -> float:
        """Return 1 / (|M|_1 |M^-1|_1), the inverse's norm estimated by a few solves.

        Higham and Tisseur, SIAM J. Matrix Anal. Appl. 21 (2000), p. 1185.
        """
        inverse: Any = LinearOperator(
            m.shape,
            matvec=self.lu.solve,
            rmatvec=lambda b: self.lu.solve(b, "T"),
            matmat=self.lu.solve,
            rmatmat=lambda b: self.lu.solve(b, "T"),
            dtype=float,
        )
        with np.errstate(all="ignore"):
            size = onenormest(inverse, t=1) * float(abs(m).sum(axis=0).max())
        return 1.0 / size if np.isfinite(size) and size > 0 else 0.0

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b."""
        return self.lu.solve(b, "T" if transposed else "N")
