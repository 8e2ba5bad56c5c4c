"""What a multiplier system is made of, and a traced graph as such a model.

In a graph every row is an equation that defines its own variable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp

from lagrad.assemble import graph_entries, joined
from lagrad.graph import Graph
from lagrad.order import components
from lagrad.partials import Entries
from lagrad.solve import back_substitute, forward_substitute, solve_triangular


class Linearized(Protocol):
    """What a `MultiplierSystem` is made of: the steps of a graph, or the model of a system.

    Where a block is cyclic the model also has ``blocks`` and gives its matrix, ``block_matrix(k)``.
    """

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def equation_names(self) -> tuple[str, ...]: ...
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
    def solve_assembled(
        self, a: sp.csc_array, offsets: Any, equation_offsets: Any, b: np.ndarray, factor: Callable
    ) -> np.ndarray: ...


class Steps:
    """The rows of a `Graph`, acyclic and in topological order: A is unit upper triangular."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.outputs = graph.outputs
        self.name, self.shape, self.dtype = graph.name, graph.shape, graph.dtype
        self.where, self.equation_shape = graph.where, graph.shape
        self.sizes, self.widths = graph.sizes, graph.widths
        self.equation_sizes = self.sizes * self.widths

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
        """None of them needs a linear solve."""
        return (False,) * len(self.graph)

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (equation, variable) of everything that R has a block for."""
        rows, parents = self.graph.edges()
        own = np.arange(len(self.graph))
        return np.concatenate([rows, own]), np.concatenate([parents, own])

    def residual_entries(self, offsets: np.ndarray, equation_offsets: np.ndarray) -> Entries:
        """Return the entries of R = I - J."""
        rows, columns, data = graph_entries(self.graph, offsets, self.widths)
        diagonal = np.arange(offsets[-1])
        return joined([(rows, columns, -data), (diagonal, diagonal, np.ones(len(diagonal)))])

    def back(
        self,
        seeds: Mapping[int, Any],
        solve_block: Any,
        wanted: Collection[int] | None = None,
    ) -> dict[int, Any]:
        """Return the multipliers, one sweep of the partials; those not wanted are freed."""
        return back_substitute(self.graph, seeds, wanted)

    def forward(self, seeds: Mapping[int, Any], solve_block: Any) -> dict[int, Any]:
        """Return the tangents: the same sweep from the other end."""
        return forward_substitute(self.graph, len(self.graph), seeds)

    def solve_assembled(
        self, a: sp.csc_array, offsets: Any, equation_offsets: Any, b: np.ndarray, factor: Callable
    ) -> np.ndarray:
        """Solve with the assembled A: one triangular solve."""
        return solve_triangular(a, b)
