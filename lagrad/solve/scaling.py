"""Scaling of equations and unknowns by powers of two, which is exact (as LAPACK's geequb)."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

#: Where the sizes of entries lie further apart than these powers of two, units are to blame.
WIDE = 20


def scales(m: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return D_r and D_c: rows and columns are brought to a largest entry in [1/2, 1).

    Rows first, as LAPACK does. But then one equation in large units decides the scales of all its
    unknowns; so where entries are of very different size columns first is tried as well, and what
    leaves the larger entries is taken. An entry that is small in both ways is small in any units.

    Parameters
    ----------
    m : array, or sparse matrix by columns
    """
    if isinstance(m, np.ndarray) and m.size:
        size = np.abs(m)
        rows = inverse_power(size.max(axis=1))
        columns = inverse_power((size * rows[:, None]).max(axis=0))
        if not wide(size):
            return rows, columns
    m = sp.csc_array(m)
    row, column = m.indices, np.repeat(np.arange(m.shape[1]), np.diff(m.indptr))
    size = np.abs(m.data)
    rows = inverse_power(largest(size, row, m.shape[0]))
    columns = inverse_power(largest(size * rows[row], column, m.shape[1]))
    if not wide(size):
        return rows, columns
    other_columns = inverse_power(largest(size, column, m.shape[1]))
    other_rows = inverse_power(largest(size * other_columns[column], row, m.shape[0]))
    left = spread(size, rows[row], columns[column])
    if spread(size, other_rows[row], other_columns[column]) > left:
        return other_rows, other_columns
    return rows, columns


def wide(size: np.ndarray) -> bool:
    """True if the entries that are not zero lie so far apart that units are to blame."""
    exponent = np.frexp(size[size > 0])[1]
    return bool(len(exponent) and np.ptp(exponent) > WIDE)


def largest(size: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Return the largest entry of each group, 0 for an empty one."""
    found = np.zeros(count)
    np.maximum.at(found, group, size)
    return found


def spread(size: np.ndarray, before: np.ndarray, after: np.ndarray) -> float:
    """Return the mean power of two of scaled entries, which are at most one."""
    there = size > 0
    powers = [np.frexp(x[there])[1].astype(float) for x in (size, before, after)]
    return float(np.mean(np.sum(powers, axis=0)))


def inverse_power(x: np.ndarray) -> np.ndarray:
    """Return the power of two next to 1 / x, and 1 for 0."""
    return np.ldexp(1.0, -np.clip(np.frexp(x)[1], -1000, 1000))
