"""Sparse LU by SuperLU."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from lagrad.solve.interface import SMALLEST_RCOND, reciprocal_condition
from lagrad.status import SingularError, Status


class SparseLU:
    """P_r M P_c = L U, columns in COLAMD order; refuses what is singular to working precision."""

    def __init__(self, m: Any) -> None:
        self.m = m = sp.csc_array(m)
        # SuperLU takes 32-bit indices only.
        m.indices, m.indptr = m.indices.astype(np.intc), m.indptr.astype(np.intc)
        n = m.shape[0]
        try:
            self.lu = splu(m)
        except RuntimeError as error:
            raise SingularError(Status.SINGULAR.value) from error
        self.method = f"sparse LU of {n} (COLAMD, {self.lu.nnz} entries in L and U)"
        if reciprocal_condition(m, self.solve) <= SMALLEST_RCOND:
            raise SingularError(Status.SINGULAR.value)

    def __getstate__(self) -> Any:
        return self.m  # SuperLU's own object does not pickle; the matrix is factorised again

    def __setstate__(self, m: Any) -> None:
        self.__init__(m)  # type: ignore[misc]

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b."""
        return self.lu.solve(b, "T" if transposed else "N")
