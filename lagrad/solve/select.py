"""Which factorisation a block gets: decided by its size, and told by the result."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from lagrad.solve.dense import DenseLU
from lagrad.solve.interface import Factor, scaled
from lagrad.solve.sparse_lu import SparseLU
from lagrad.status import SingularError

#: Up to here a dense LU of n^3 / 3 products is faster than the bookkeeping of a sparse one.
DENSE = 100


class Scaled:
    """The factors of D_r M D_c, which solve with M."""

    def __init__(self, factor: DenseLU | SparseLU, rows: np.ndarray, columns: np.ndarray) -> None:
        self.factor, self.rows, self.columns = factor, rows, columns
        self.method = factor.method

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b: D_c (D_r M D_c)^-1 D_r b."""
        before, after = (self.columns, self.rows) if transposed else (self.rows, self.columns)
        if b.ndim == 2:
            before, after = before[:, None], after[:, None]
        return after * self.factor.solve(before * b, transposed)


def factorize(m: sp.sparray) -> Factor:
    """Return a factorisation of the square block ``m``; its ``method`` says which and why.

    Raises
    ------
    SingularError
        If the block is singular to working precision, or holds NaN or inf.
    """
    m = sp.csc_array(m)
    if not np.isfinite(m.data).all():
        raise SingularError(
            "not finite at these values: a local partial in it is NaN or inf. Keep the values "
            "inside the domain where the constraints are differentiable"
        )
    n = m.shape[0]
    filled = m.nnz / max(1, n * n)
    method = DenseLU if n <= DENSE or (n <= 2000 and filled > 0.2) else SparseLU
    rows, columns = scales(m)
    return Scaled(method(scaled(m, rows, columns)), rows, columns)


def scales(m: sp.csc_array) -> tuple[np.ndarray, np.ndarray]:
    """Return D_r and D_c: rows, then columns, are brought to a largest entry in [1/2, 1).

    Powers of two, so that scaling is exact (as LAPACK's geequb).
    """
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
