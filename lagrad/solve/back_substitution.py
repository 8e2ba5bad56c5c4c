"""Back-substitution, matrix-free: this is backprop.

In topological order A is unit upper triangular, so the last unknown of ``A lam = e_n`` is known,
and each one is found from those after it:

    lam_j = (e_n)_j + sum over i in beta(j) of (df_i/dz_j)^T lam_i

Done from the side of i, every constraint hands its multiplier to its parents through the partials.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import numpy as np

from lagrad.partials import Late, Scattered, resolved, union


class Rows(Protocol):
    """Constraints in topological order with their partials: a `Graph`, or a model of systems."""

    def pull(self, i: int, w: Any, mask: Any) -> Any:
        """Yield (j, (df_i/dz_j)^T w, mask)."""

    def push(self, i: int, tangents: Mapping[int, Any]) -> Any:
        """Return sum of df_i/dz_j dz_j."""


PLAIN = (np.ndarray, np.bool_)


class Sums(dict[int, tuple[Any, Any]]):
    """Multipliers in the making: for each variable the sum so far, and the mask of its entries."""

    def __init__(self) -> None:
        #: Variables whose sum is an array that nobody else has.
        self.own: set[int] = set()

    def add(self, j: int, w: Any, mask: Any = None) -> None:
        """Add a contribution; what either of the two has present is present in the sum.

        A selection that took nothing hands nothing on: no entry, not a zero.
        """
        if isinstance(mask, PLAIN) and not mask.any():
            return
        if type(w) is Scattered:
            self.put(j, w, mask)
            return
        old = self.get(j)
        if old is None:
            self[j] = w, mask
        else:
            self[j] = old[0] + w, union(mask, old[1])

    def put(self, j: int, part: Scattered, mask: Any) -> None:
        """Add what stands at an index, at the cost of that index: n of them cost n and not n^2."""
        w, index, shape = part
        # To ask for a mask costs more than the index; so all there counts as present.
        mask = None if type(mask) is Late else mask
        total: Any
        total, here = self.get(j, (None, None))
        if total is not None and type(total) is not np.ndarray:
            dense = np.zeros(shape, bool)
            dense[index] = True if mask is None else mask
            self.add(j, part.dense(), dense)
            return
        if total is None:
            total, here = np.zeros(shape, w.dtype), np.zeros(shape, bool)
        elif j not in self.own or total.dtype != np.result_type(total, w):
            total = total.astype(np.result_type(total, w))
        if j not in self.own or type(here) is Late:
            here = resolved(here)
            here = None if here is None else np.broadcast_to(here, shape).copy()
        self[j] = total, here
        self.own.add(j)
        total[index] += w
        if here is not None:
            here[index] = True if mask is None else np.logical_or(here[index], mask)


def back_substitute(
    rows: Rows, seeds: Mapping[int, Any], keep: Collection[int] | None = None
) -> dict[int, Any]:
    """Return the multipliers of the constraints ``keep`` (all of them for None).

    Parameters
    ----------
    rows : constraints in topological order
    seeds : right-hand side, by row; e_n is ``{n: 1.0}``
    keep : rows whose multipliers are wanted; the others are freed once they have been used

    Returns
    -------
    dict of arrays, shaped like the variables; a row that the seeds do not depend on is missing.
    """
    sums = Sums()
    for i, seed in seeds.items():
        sums.add(i, seed)
    return {i: w for i, (w, _) in back_substitute_masked(rows, sums, keep).items()}


def back_substitute_masked(
    rows: Rows, sums: Sums, keep: Collection[int] | None = None
) -> dict[int, tuple[Any, Any]]:
    """Return the multipliers and their masks; ``sums`` holds the seeds, and is used up."""
    lam = {}
    with np.errstate(all="ignore"):
        for i in range(max(sums, default=-1), -1, -1):
            if i in sums:
                w, mask = sums.pop(i)
                if keep is None or i in keep:
                    lam[i] = w, mask
                for j, contribution, present in rows.pull(i, w, mask):
                    sums.add(j, contribution, present)
    return lam


def forward_substitute(rows: Rows, n: int, seeds: Mapping[int, Any]) -> dict[int, Any]:
    """Return the tangents ``zdot`` of ``A^T zdot = xdot``: the same partials, first row first."""
    tangents = dict(seeds)
    with np.errstate(all="ignore"):
        for i in range(min(seeds, default=n), n):
            change = rows.push(i, tangents)
            if change is not None:
                tangents[i] = tangents[i] + change if i in tangents else change
    return tangents


SolveBlock = Callable[[int, Mapping[int, Any]], dict[int, Any]]


def block_back_substitute(
    model: Any,
    seeds: Mapping[int, Any],
    solve_block: SolveBlock,
    needed: Collection[int] | None = None,
) -> dict[int, Any]:
    """Return the multipliers by equation where constraints are cyclic, the last block first.

    Parameters
    ----------
    model : with ``blocks`` in topological order and ``pull(i, w, mask)``
    seeds : right-hand side, by variable
    solve_block : ``solve_block(k, rhs)`` solves with the diagonal block k; its multipliers are then
        handed to the variables before it as those of any constraint are
    needed : variables that depend on what is wanted; the others are not visited (None: all are)
    """
    lam: dict[int, Any] = {}
    sums = Sums()
    for j, seed in seeds.items():
        sums.add(j, seed)
    for k in range(len(model.blocks) - 1, -1, -1):
        block = model.blocks[k]
        rhs = {j: sums.pop(j) for j in block.variables if j in sums}
        if not rhs:
            continue
        if block.cyclic:
            solved = solve_block(k, {j: w for j, (w, _) in rhs.items()})
            found = {i: (w, None) for i, w in solved.items()}
        else:
            found = {block.equations[0]: rhs[block.variables[0]]}
        inside = set(block.variables)
        for i, (w, mask) in found.items():
            lam[i] = w
            for j, contribution, present in model.pull(i, w, mask):
                if j not in inside and (needed is None or j in needed):
                    sums.add(j, contribution, present)
    return lam


def block_forward_substitute(
    model: Any, seeds: Mapping[int, Any], solve_block: SolveBlock
) -> dict[int, Any]:
    """Return the tangents by variable where constraints are cyclic, the first block first.

    ``seeds`` are changes of the right-hand sides of the equations that define these variables.
    """
    dz: dict[int, Any] = {}
    for k, block in enumerate(model.blocks):
        rhs = {}
        for i in block.equations:
            change, seed = model.push(i, dz), seeds.get(model.defines[i])
            if change is not None and seed is not None:
                change = change + seed
            if change is not None or seed is not None:
                rhs[i] = seed if change is None else change
        if not rhs:
            continue
        if block.cyclic:
            dz.update(solve_block(k, rhs))
        else:
            dz[block.variables[0]] = rhs[block.equations[0]]
    return dz
