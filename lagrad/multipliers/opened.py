"""A multiplier system with a variable for each number: arrays are opened into their entries."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from lagrad.multipliers.keep import names_of
from lagrad.partials import Entries
from lagrad.status import ArgumentError
from lagrad.steps import Block, Blocks


class Opened(Blocks):
    """The same A, a variable for each of its rows, an equation for each of its columns."""

    def __init__(self, system: Any) -> None:
        model = system.model
        if (np.asarray(model.widths) == 2).any():
            raise ArgumentError("entries of complex arrays cannot be kept; keep real variables")
        self.model = model
        shapes = [model.shape(j) for j in range(len(model))]
        equation_shapes = [model.equation_shape(i) for i in range(len(system.equations))]
        self.names = tuple(chain.from_iterable(map(names_of, system.variables, shapes)))
        self.equation_names = tuple(
            chain.from_iterable(map(names_of, system.equations, equation_shapes))
        )
        rows = np.repeat(np.arange(len(shapes)), list(map(math.prod, shapes))).tolist()
        self.owners = np.repeat(
            np.arange(len(equation_shapes)), list(map(math.prod, equation_shapes))
        ).tolist()
        self.scopes = tuple(system.scopes[j] for j in rows)
        self.equation_scopes = tuple(system.equation_scopes[i] for i in self.owners)
        self.dtypes = [model.dtype(j) for j in rows]
        self.given = system.offsets, system.equation_offsets
        at, across = (offsets.tolist() for offsets in self.given)
        self.defines = [
            at[system.defines[i]] + k - across[i] if system.defines[i] >= 0 else -1
            for k, i in enumerate(self.owners)
        ]
        self.outputs = tuple(k for j in system.outputs for k in range(at[j], at[j + 1]))
        self.blocks = [
            block
            for pair in zip(system.blocks, system.equation_blocks, system.cyclic, strict=True)
            for block in opened(*pair, at, across)
        ]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> np.ndarray:
        """Each variable is a number."""
        return np.ones(len(self), dtype=np.int64)

    widths = sizes

    @property
    def equation_sizes(self) -> np.ndarray:
        """Each equation is one of numbers."""
        return np.ones(len(self.equation_names), dtype=np.int64)

    def shape(self, j: int) -> tuple[int, ...]:
        """Return the shape of a number."""
        return ()

    equation_shape = shape

    def dtype(self, j: int) -> np.dtype:
        """Return the dtype of variable j."""
        return self.dtypes[j]

    def where(self, i: int) -> str:
        """Return file:line of equation i."""
        return str(self.model.where(self.owners[i]))

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return equations and the variables in them."""
        rows, columns, _ = self.residual_entries(*self.given)
        return rows, columns

    def residual_entries(self, offsets: np.ndarray, equation_offsets: np.ndarray) -> Entries:
        """Return the entries of R."""
        entries: Entries = self.model.residual_entries(*self.given)
        return entries


def opened(
    block: tuple[int, ...],
    equations: tuple[int, ...],
    cyclic: bool,
    at: list[int],
    across: list[int],
) -> Iterator[Block]:
    """Yield a block by its entries: each by itself where there is no cycle."""
    rows = tuple(k for j in block for k in range(at[j], at[j + 1]))
    columns = tuple(k for i in equations for k in range(across[i], across[i + 1]))
    if cyclic:
        yield Block(rows, columns, True)
    else:
        yield from (Block((j,), (i,), False) for j, i in zip(rows, columns, strict=True))
