"""Block back-substitution with the assembled matrix.

Grouped by strongly connected components A is block upper triangular. Stretches of single explicit
constraints are swept as one triangular solve, and only the cyclic blocks are factorised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.solve.interface import Factor, checked
from lagrad.solve.triangular import solve_triangular


@dataclass(frozen=True)
class Stretch:
    """A diagonal block of A: its rows and columns, and the number of the cyclic block, or None."""

    rows: np.ndarray
    columns: np.ndarray
    cycle: int | None


def stretches(
    blocks: Sequence[Any], offsets: np.ndarray, equation_offsets: np.ndarray
) -> list[Stretch]:
    """Return the blocks as entries of A, neighbouring single constraints taken together.

    Parameters
    ----------
    blocks : with ``variables``, ``equations`` and ``cyclic``, in topological order
    offsets, equation_offsets : where the entries of each variable and equation begin
    """
    runs: list[tuple[list[int], list[int], int | None]] = []
    for k, block in enumerate(blocks):
        if block.cyclic or not runs or runs[-1][2] is not None:
            runs.append(([], [], k if block.cyclic else None))
        runs[-1][0].extend(block.variables)
        runs[-1][1].extend(block.equations)
    return [Stretch(spans(offsets, v), spans(equation_offsets, e), k) for v, e, k in runs]


def spans(offsets: np.ndarray, members: Sequence[int]) -> np.ndarray:
    """Return the entries of several variables, in order."""
    return np.concatenate([np.arange(offsets[i], offsets[i + 1]) for i in members])


def solve_block_triangular(
    a: sp.sparray,
    parts: Sequence[Stretch],
    b: np.ndarray,
    factor: Callable[[int, sp.csc_array], Factor],
) -> np.ndarray:
    """Solve A x = b, the last block first.

    Parameters
    ----------
    a : sparse (n, n)
    parts : diagonal blocks in topological order; those without a cycle are unit upper triangular
    b : array (n,) or (n, k)
    factor : ``factor(k, block)`` returns the factorisation of block k, kept by the caller
    """
    a = sp.csc_array(a)
    x, rest = np.zeros(b.shape), np.array(b, dtype=float)
    for part in reversed(parts):
        stripe = a[:, part.columns]
        inner = sp.csc_array(stripe[part.rows])
        if part.cycle is None:
            found = solve_triangular(sp.csr_array(inner), rest[part.rows])
        else:
            found = checked(inner, factor(part.cycle, inner), rest[part.rows])
        x[part.columns] = found
        rest -= stripe @ found
    return x
