"""Back-substitution with the assembled matrix."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve_triangular


def solve_triangular(a: sp.csr_array, b: np.ndarray) -> np.ndarray:
    """Solve with a unit upper triangular A, one compiled sweep from the last row.

    Parameters
    ----------
    a : sparse (n, n), by rows, columns sorted
    b : array (n,) or (n, k)
    """
    if a.shape[0] == 0:
        return np.array(b, dtype=float)
    return spsolve_triangular(sp.csr_array(a), b, lower=False, unit_diagonal=True)
