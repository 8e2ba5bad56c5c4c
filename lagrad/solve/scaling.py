"""Scaling of equations and unknowns by powers of two, which is exact (as LAPACK's geequb)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


def scales(m: sp.csc_array) -> tuple[np.ndarray, np.ndarray]:
    """Return D_r and D_c: rows, then columns, are brought to a largest entry in [1/2, 1)."""
    by_row, by_column = np.zeros(m.shape[0]), np.zeros(m.shape[1])
    size = np.abs(m.data)
    np.maximum.at(by_row, m.indices, size)
    rows = inverse_power(by_row)
    filled = np.diff(m.indptr) > 0
    if m.nnz:
        size *= rows[m.indices]
        by_column[filled] = np.maximum.reduceat(size, m.indptr[:-1][filled])
    return rows, inverse_power(by_column)


def inverse_power(x: np.ndarray) -> np.ndarray:
    """Return the power of two next to 1 / x, and 1 for 0."""
    return np.ldexp(1.0, -np.clip(np.frexp(x)[1], -1000, 1000))
