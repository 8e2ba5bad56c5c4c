"""What a multiplier system is made of, and a traced graph as such a model.

In a graph every row is an equation that defines its own variable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp

from lagrad.assemble import graph_entries
from lagrad.graph import Graph
from lagrad.order import components
from lagrad.partials import Entries, joined
from lagrad.solve import (
    Form,
    back_substitute,
    block_back_substitute,
    block_forward_substitute,
    forward_substitute,
    natural_form,
    stretches,
)
from lagrad.solve.interface import Factor


class Linearized(Protocol):
    """What a `MultiplierSystem` is made of: the steps of a graph, or the model of a system.

    Where a block is cyclic the model also has ``blocks`` and gives its matrix, ``block_matrix(k)``.
    """

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def equation_names(self) -> tuple[str, ...]: ...
    @property
    def scopes(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def equation_scopes(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def sizes(self) -> np.ndarray: ...
    @property
    def widths(self) -> np.ndarray: ...
    @property
    def equation_sizes(self) -> np.ndarray: ...
    @property
    def components(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def equation_components(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def cyclic(self) -> tuple[bool, ...]: ...
    @property
    def defines(self) -> Sequence[int]: ...
    @property
    def outputs(self) -> tuple[int, ...]: ...
    def __len__(self) -> int: ...
    def shape(self, i: int) -> tuple[int, ...]: ...
    def dtype(self, i: int) -> np.dtype: ...
    def equation_shape(self, i: int) -> tuple[int, ...]: ...
    def edges(self) -> tuple[np.ndarray, np.ndarray]: ...
    def residual_entries(self, offsets: np.ndarray, equation_offsets: np.ndarray) -> Entries: ...
    def back(
        self,
        seeds: Mapping[int, Any],
        solve_block: Any,
        wanted: Collection[int] | None = None,
    ) -> dict[int, Any]: ...
    def forward(self, seeds: Mapping[int, Any], solve_block: Any) -> dict[int, Any]: ...
    def form(self, offsets: np.ndarray, equation_offsets: np.ndarray) -> Form | None: ...


@dataclass(frozen=True)
class Block:
    """Variables that are found together, and the equations that determine them."""

    variables: tuple[int, ...]
    equations: tuple[int, ...]
    cyclic: bool


class Blocks:
    """What follows from ``blocks``, in topological order, of whoever has them."""

    blocks: Sequence[Block]

    @property
    def components(self) -> tuple[tuple[int, ...], ...]:
        """The variables of each block."""
        return tuple(b.variables for b in self.blocks)

    @property
    def equation_components(self) -> tuple[tuple[int, ...], ...]:
        """The equations of each block."""
        return tuple(b.equations for b in self.blocks)

    @property
    def cyclic(self) -> tuple[bool, ...]:
        """Which blocks need a linear solve."""
        return tuple(b.cyclic for b in self.blocks)

    def parents(self, i: int) -> Sequence[int]:
        """Return the variables that equation i reads."""
        raise NotImplementedError

    def dependents(self, wanted: Collection[int]) -> set[int]:
        """Return the variables that depend on any of ``wanted``, these included."""
        found = set(wanted)
        for block in self.blocks:
            if any(j in found for i in block.equations for j in self.parents(i)):
                found.update(block.variables)
        return found

    def back(
        self,
        seeds: Mapping[int, Any],
        solve_block: Any,
        wanted: Collection[int] | None = None,
    ) -> dict[int, Any]:
        """Return the multipliers by equation, the last block first.

        With ``wanted`` only what lies between these variables and the seeds is visited.
        """
        needed = None if wanted is None else self.dependents(wanted)
        return block_back_substitute(self, seeds, solve_block, needed)

    def forward(self, seeds: Mapping[int, Any], solve_block: Any) -> dict[int, Any]:
        """Return the tangents by variable, the first block first."""
        return block_forward_substitute(self, seeds, solve_block)

    def form(self, offsets: np.ndarray, equation_offsets: np.ndarray) -> Form:
        """Return the block triangular form of A."""
        return stretches(self.blocks, offsets, equation_offsets)


class Steps:
    """The rows of a `Graph` in topological order.

    A is unit upper triangular, but for rows that are solved as cycles: their own conditions stand
    there, ``R_zz`` on the diagonal and ``R_zp`` beside it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.outputs = graph.outputs
        self.name, self.shape, self.dtype = graph.name, graph.shape, graph.dtype
        self.where, self.equation_shape = graph.where, graph.shape
        self.sizes, self.widths = graph.sizes, graph.widths
        self.equation_sizes = self.sizes * self.widths
        self.joints: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self.graph)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the variables."""
        return tuple(self.graph.name(i) for i in range(len(self.graph)))

    @property
    def equation_names(self) -> tuple[str, ...]:
        """The names of the equations."""
        return self.names

    @property
    def scopes(self) -> tuple[tuple[str, ...], ...]:
        """The names of the scopes around each variable."""
        return self.graph.scopes

    @property
    def equation_scopes(self) -> tuple[tuple[str, ...], ...]:
        """The names of the scopes around each equation."""
        return self.graph.scopes

    @cached_property
    def components(self) -> tuple[tuple[int, ...], ...]:
        """Each row by itself."""
        return tuple(components(len(self.graph), *self.graph.edges()))

    @property
    def equation_components(self) -> tuple[tuple[int, ...], ...]:
        """The same rows, as equations."""
        return self.components

    @property
    def defines(self) -> range:
        """Row i defines variable i."""
        return range(len(self.graph))

    @property
    def cyclic(self) -> tuple[bool, ...]:
        """Which rows need a linear solve: those that were solved for as cycles."""
        flags = [False] * len(self.graph)
        for i in self.graph.cycles:
            flags[i] = True
        return tuple(flags)

    @property
    def blocks(self) -> list[Block]:
        """Each row by itself."""
        return [Block(c, c, cyclic) for c, cyclic in zip(self.components, self.cyclic, strict=True)]

    def size(self, i: int) -> int:
        """Return how many entries row i has."""
        return int(self.equation_sizes[i])

    def block_matrix(self, k: int) -> sp.csc_array:
        """Return A_zz of a cycle."""
        return self.joint(k).matrix()

    def factor(self, k: int, m: sp.csc_array) -> Factor:
        """Return the factors of a cycle, made once for all who ask."""
        return self.joint(k).factor()

    @property
    def failed(self) -> dict[int, Any]:
        """The cycles whose values were not found, with their status."""
        found = {i: getattr(self.joint(i), "status", None) for i in self.graph.cycles}
        return {i: s for i, s in found.items() if s is not None and not s.success}

    def joint(self, k: int) -> Any:
        """Return the cycle in row k."""
        if k not in self.joints:
            self.joints[k] = self.graph.joint(k)
        return self.joints[k]

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (equation, variable) of everything that R has a block for."""
        rows, parents = self.graph.edges()
        own = np.arange(len(self.graph))
        return np.concatenate([rows, own]), np.concatenate([parents, own])

    def residual_entries(self, offsets: np.ndarray, equation_offsets: np.ndarray) -> Entries:
        """Return the entries of R = I - J, and those of the conditions of cycles."""
        rows, columns, data = graph_entries(self.graph, offsets, self.widths)
        explicit = np.ones(int(offsets[-1]), dtype=bool)
        cycles: list[Entries] = []
        for i in self.graph.cycles:
            explicit[offsets[i] : offsets[i + 1]] = False
            own, cycle = self.joint(i).matrix().tocoo(), self.joint(i)
            cycles.append((own.col + offsets[i], own.row + offsets[i], own.data))
            for j, m in zip(self.graph.references(i), cycle.parameter_matrices(), strict=True):
                if j >= 0:
                    coo = m.tocoo()
                    cycles.append((coo.row + offsets[i], coo.col + offsets[j], coo.data))
        diagonal = np.flatnonzero(explicit)
        ones = np.ones(len(diagonal))
        return joined([(rows, columns, -data), (diagonal, diagonal, ones), *cycles])

    def back(
        self,
        seeds: Mapping[int, Any],
        solve_block: Any,
        wanted: Collection[int] | None = None,
    ) -> dict[int, Any]:
        """Return the multipliers, one sweep of the partials; those not wanted are freed."""
        if not self.graph.cycles:
            return back_substitute(self.graph, seeds, wanted)
        rows = WithCycles(self, solve_block)
        return {**back_substitute(rows, seeds, wanted), **rows.solved}

    def forward(self, seeds: Mapping[int, Any], solve_block: Any) -> dict[int, Any]:
        """Return the tangents: the same sweep from the other end."""
        rows = WithCycles(self, solve_block) if self.graph.cycles else self.graph
        return forward_substitute(rows, len(self.graph), seeds)

    def form(self, offsets: np.ndarray, equation_offsets: np.ndarray) -> Form | None:
        """Return the block triangular form of A, None where A is triangular as it stands."""
        return natural_form(offsets, self.graph.cycles) if self.graph.cycles else None


class WithCycles:
    """The rows of a graph whose cycles are solved, and told, by ``solve_block``."""

    def __init__(self, steps: Steps, solve_block: Any) -> None:
        self.steps, self.graph, self.solve_block = steps, steps.graph, solve_block
        self.cycles = frozenset(steps.graph.cycles)
        self.solved: dict[int, Any] = {}

    def pull(self, i: int, w: Any, mask: Any) -> Iterator[tuple[int, Any, Any]]:
        """Yield what row i hands to its parents; the multiplier of a cycle is that of g."""
        if i not in self.cycles:
            yield from self.graph.pull(i, w, mask)
            return
        self.solved[i] = lam = self.solve_block(i, {i: w})[i]
        handed = self.steps.joint(i).hand_on(lam)
        for j, v in zip(self.graph.references(i), handed, strict=True):
            if j >= 0 and v is not None:
                yield j, v, None

    def push(self, i: int, tangents: Mapping[int, Any]) -> Any:
        """Return the change of row i."""
        if i not in self.cycles:
            return self.graph.push(i, tangents)
        moved = {k: tangents[j] for k, j in enumerate(self.graph.references(i)) if j in tangents}
        if not moved:
            return None
        return self.solve_block(i, {i: self.steps.joint(i).change(moved)})[i]
