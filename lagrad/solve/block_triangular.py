"""Block back-substitution with the assembled matrix.

Grouped by strongly connected components A is block upper triangular. Stretches of single explicit
constraints are swept as one triangular solve, and only the cyclic blocks are factorised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse as sp

from lagrad.solve.interface import Factor, checked
from lagrad.solve.triangular import solve_triangular

Block = tuple[np.ndarray, np.ndarray, bool]


def solve_block_triangular(
    a: sp.csc_array,
    blocks: Sequence[Block],
    b: np.ndarray,
    factor: Callable[[int, sp.csc_array], Factor],
) -> np.ndarray:
    """Solve A x = b, the last block first.

    Parameters
    ----------
    a : sparse (n, n)
    blocks : (rows, columns, cyclic) of each diagonal block, in topological order; blocks that are
        not cyclic are unit upper triangular
    b : array (n,) or (n, k)
    factor : ``factor(k, block)`` returns the factorisation of block k, kept by the caller
    """
    x, rest = np.zeros(b.shape), np.array(b, dtype=float)
    for k in range(len(blocks) - 1, -1, -1):
        rows, columns, cyclic = blocks[k]
        stripe = a[:, columns]
        inner = sp.csc_array(stripe[rows])
        if cyclic:
            part = checked(inner, factor(k, inner), rest[rows])
        else:
            part = solve_triangular(inner, rest[rows])
        x[columns] = part
        rest -= stripe @ part
    return x
