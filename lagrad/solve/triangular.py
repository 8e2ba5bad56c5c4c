"""Back-substitution with the assembled matrix."""

from __future__ import annotations

import numpy as np
import scipy
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve_triangular

#: Since 1.15 SciPy's triangular solve is fastest with CSC; before it took CSR only.
TAKES_CSC = tuple(int(k) for k in scipy.__version__.split(".")[:2]) >= (1, 15)


def solve_triangular(a: sp.csc_array, b: np.ndarray, transposed: bool = False) -> np.ndarray:
    """Solve with a unit upper triangular A (or its transpose), one compiled sweep.

    Parameters
    ----------
    a : sparse (n, n), columns sorted
    b : array (n,) or (n, k)
    """
    if a.shape[0] == 0:
        return np.array(b, dtype=float)
    m = sp.csc_array(a.T) if transposed else a
    m = m if TAKES_CSC else sp.csr_array(m)
    return spsolve_triangular(m, b, lower=transposed, unit_diagonal=True)
