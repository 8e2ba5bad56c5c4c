"""What the sizes of entries prove about a matrix: that it is regular, that it is symmetric."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


def dominance(m: sp.csc_array, diagonal: np.ndarray) -> tuple[float, float]:
    """Return the largest sum of |m_ij / m_ii| over a row without m_ii, and the same of columns.

    inf if an entry of the diagonal is zero. If one of them is below one, M is not singular, and
    Jacobi's iteration converges by this factor a step (Varga, Matrix Iterative Analysis, 1962,
    theorems 1.8 and 3.4).
    """
    n, own = m.shape[0], np.abs(diagonal)
    if not n:
        return 0.0, 0.0
    if not own.min() > 0.0:
        return float("inf"), float("inf")
    size = np.abs(m.data)
    by_row = np.bincount(m.indices, weights=size, minlength=n)
    by_column = np.bincount(np.repeat(np.arange(n), np.diff(m.indptr)), weights=size, minlength=n)
    with np.errstate(over="ignore"):
        return float((by_row / own).max()) - 1.0, float((by_column / own).max()) - 1.0


def is_symmetric(m: sp.csc_array) -> bool:
    """True if M and its transpose have the same entries."""
    if not np.array_equal(np.bincount(m.indices, minlength=m.shape[0]), np.diff(m.indptr)):
        return False
    turned = m.tocsr()
    return bool(
        np.array_equal(turned.indptr, m.indptr)
        and np.array_equal(turned.indices, m.indices)
        and np.array_equal(turned.data, m.data)
    )
