"""Back-substitution with the assembled matrix."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve_triangular


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
    return spsolve_triangular(m, b, lower=transposed, unit_diagonal=True)
