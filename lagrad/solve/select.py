"""Which factorisation a block gets: decided by its size, and told by the result."""

from __future__ import annotations

import scipy.sparse as sp

from lagrad.solve.dense import DenseLU
from lagrad.solve.interface import Factor
from lagrad.solve.sparse_lu import SparseLU

#: Up to here a dense LU of n^3 / 3 products is faster than the bookkeeping of a sparse one.
DENSE = 100


def factorize(m: sp.sparray) -> Factor:
    """Return a factorisation of the square block ``m``; its ``method`` says which and why.

    Raises
    ------
    SingularError
        If the block is singular to working precision.
    """
    n = m.shape[0]
    filled = m.nnz / max(1, n * n)
    return DenseLU(m) if n <= DENSE or (n <= 2000 and filled > 0.2) else SparseLU(m)
