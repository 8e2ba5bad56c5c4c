"""Scaling of equations and unknowns by powers of two, which is exact (as LAPACK's geequb)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


def scales(m: sp.csc_array) -> tuple[np.ndarray, np.ndarray]:
    """Return D_r and D_c: rows, then columns, are brought to a largest entry in [1/2, 1)."""
    n = m.shape[0]
    owner = np.repeat(np.arange(n), np.diff(m.indptr))
    size = np.abs(m.data)
    rows = inverse_power(largest(size, m.indices, n))
    columns = inverse_power(largest(size * rows[m.indices], owner, n))
    return rows, columns


def largest(values: np.ndarray, group: np.ndarray, n: int) -> np.ndarray:
    """Return the largest of ``values`` in each of ``n`` groups, 0 for an empty one."""
    found = np.zeros(n)
    np.maximum.at(found, group, values)
    return found


def inverse_power(x: np.ndarray) -> np.ndarray:
    """Return the power of two next to 1 / x, and 1 for 0."""
    return np.ldexp(1.0, -np.clip(np.frexp(x)[1], -1000, 1000))
