"""The Schur complement of A: what is left when multipliers are put into the equations of others.

    [A_kk  A_ke] [lam_k]   [e_k]          S = A_kk - A_ke X,  A_ee X = A_ek
    [A_ek  A_ee] [lam_e] = [ 0 ]          S lam_k = e_k,      lam_e = -X lam_k

S is the Schur complement: the multipliers of the variables that are kept are the same. Where it has
an entry is a question of paths in the pattern of A and not of numbers, so that one which happens
to be zero is there. A_ee is block triangular as A is, and X is found block by block.

Source: Y. Saad, Iterative Methods for Sparse Linear Systems, 2nd ed., SIAM 2003, section 14.2.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.assemble import refuse_too_large, to_matrix
from lagrad.order import match
from lagrad.partials import Entries
from lagrad.solve import factorize
from lagrad.status import SingularError


@dataclass(frozen=True)
class Part:
    """A matrix by its entries, and ones where structure has any."""

    data: sp.csr_array
    ones: sp.csr_array

    def __matmul__(self, other: Part) -> Part:
        return Part(self.data @ other.data, marked(self.ones @ other.ones))

    def __sub__(self, other: Part) -> Part:
        return Part(self.data - other.data, marked(self.ones + other.ones))

    def __getitem__(self, rows: slice) -> Part:
        return Part(self.data[rows], self.ones[rows])


def marked(a: sp.csr_array) -> sp.csr_array:
    """Return a matrix with ones where it has entries."""
    return sp.csr_array((np.ones(a.nnz), a.indices, a.indptr), shape=a.shape)


def part_of(rows: np.ndarray, columns: np.ndarray, data: np.ndarray, shape: Any) -> Part:
    """Return a matrix with these entries."""
    ones = sp.csr_array((np.ones(len(data)), (rows, columns)), shape=shape)
    return Part(sp.csr_array((data, (rows, columns)), shape=shape), marked(ones))


def stacked(parts: list[Part]) -> Part:
    """Return matrices, one below the other."""
    return Part(
        sp.vstack([part.data for part in parts], format="csr"),
        sp.vstack([part.ones for part in parts], format="csr"),
    )


def schur_complement(system: Any, variables: list[int], equations: list[int]) -> list[Part]:
    """Return S by rows of each variable that is kept."""
    inside, columns = set(variables), set(equations)
    own, others = blocks_of(system, variables, equations)
    X: dict[int, Part] = {}  # noqa: N806

    def row(j: int, but: Collection[int] = ()) -> Part:
        """A_jk - sum of A_ji X_i over what was eliminated before."""
        found = own[j]
        for i, part in others.get(j, {}).items():
            if i not in but:
                found = found - part @ X[i]
        return found

    for k in range(len(system.blocks) - 1, -1, -1):
        rows = [j for j in system.blocks[k] if j not in inside]
        unknown = [i for i in system.equation_blocks[k] if i not in columns]
        if not rows:
            continue
        right = stacked([row(j, unknown) for j in rows])
        if system.cyclic[k]:
            left = [[others.get(j, {}).get(i) for i in unknown] for j in rows]
            try:
                right = solved(left, right)
            except SingularError as error:
                names = ", ".join(system.variables[j] for j in rows[:8])
                raise SingularError(
                    f"{names} cannot be eliminated, since they are not determined by the variables "
                    f"that are kept: {error}"
                ) from error
        at = 0
        for i in unknown:
            size = int(system.equation_offsets[i + 1] - system.equation_offsets[i])
            X[i] = right[at : at + size]
            at += size
    return [row(j) for j in variables]


def blocks_of(
    system: Any, variables: list[int], equations: list[int]
) -> tuple[list[Part], dict[int, dict[int, Part]]]:
    """Return A by variables: the columns of ``equations`` together, the others one by one."""
    a = system.A  # What is undefined counts if anything that is kept depends on it.
    entries = (system.matrix(variables) if system.undefined else a).tocoo()
    rows, columns = system.offsets, system.equation_offsets
    j = np.searchsorted(rows, entries.row, side="right") - 1
    i = np.searchsorted(columns, entries.col, side="right") - 1
    sizes = np.diff(columns)
    kept = np.zeros(len(sizes), dtype=bool)
    kept[equations] = True
    shift = np.cumsum(np.where(kept, sizes, 0)) - np.where(kept, sizes, 0)
    width = int(sizes[kept].sum())
    i = np.where(kept[i], -1, i)
    order = np.lexsort((i, j))
    cuts = np.flatnonzero((np.diff(j[order]) != 0) | (np.diff(i[order]) != 0)) + 1
    heights = np.diff(rows).tolist()
    none = np.zeros(0, dtype=int)
    own = [part_of(none, none, np.zeros(0), (height, width)) for height in heights]
    others: dict[int, dict[int, Part]] = {}
    for at in np.split(order, cuts) if len(order) else ():
        a, b = int(j[at[0]]), int(i[at[0]])
        row, column = entries.row[at] - rows[a], entries.col[at]
        if b < 0:
            of = np.searchsorted(columns, column, side="right") - 1
            place = column - columns[of] + shift[of]
            own[a] = part_of(row, place, entries.data[at], (heights[a], width))
        else:
            shape = heights[a], int(sizes[b])
            others.setdefault(a, {})[b] = part_of(row, column - columns[b], entries.data[at], shape)
    return own, others


def solved(left: list[list[Part | None]], right: Part) -> Part:
    """Return A^-1 B, with an entry wherever a path leads."""
    data = sp.block_array([[p and p.data for p in row] for row in left], format="csc")
    ones = sp.block_array([[p and p.ones for p in row] for row in left], format="csr")
    refuse_too_large(math.prod(right.data.shape), "a cycle that is eliminated", "Keep it")
    values = factorize(data).solve(right.data.toarray())
    home = match(ones)  # Each row at a column of its own: then paths are products of the pattern.
    if not isinstance(home, np.ndarray):
        raise SingularError("its equations do not determine its variables, whatever the numbers")
    steps, reached = marked(ones[:, home]), right.ones
    while (further := marked(steps @ reached)).nnz > reached.nnz:
        reached = further
    return Part(sp.csr_array(values), reached[np.argsort(home)])


def entries_of(part: Part) -> Entries:
    """Return rows, columns and data, with the zeros that structure asks for."""
    found, places = part.data.tocoo(), part.ones.tocoo()
    rows, columns = np.append(found.row, places.row), np.append(found.col, places.col)
    data = np.append(found.data, np.zeros(places.nnz))
    whole = to_matrix((rows, columns, data), part.data.shape).tocoo()
    return whole.row, whole.col, whole.data
