"""The multiplier system of a few variables: all others are eliminated.

The multipliers of the variables that are kept are the same. What can be kept are variables that
equations of their own define, and cycles as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.multipliers.keep import kept_equations, kept_variables
from lagrad.multipliers.schur import entries_of, schur_complement
from lagrad.partials import Entries, joined
from lagrad.solve import factorize
from lagrad.solve.interface import Factor
from lagrad.steps import Block, Blocks


class Condensed(Blocks):
    """What is left of a multiplier system: variables and equations that are kept, and S."""

    def __init__(self, system: Any, keep: list[str]) -> None:
        model = system.model
        variables = kept_variables(system, keep)
        equations = kept_equations(system, set(variables))
        self.names = tuple(system.variables[j] for j in variables)
        self.equation_names = tuple(system.equations[i] for i in equations)
        self.scopes = tuple(system.scopes[j] for j in variables)
        self.equation_scopes = tuple(system.equation_scopes[i] for i in equations)
        self.shapes = [model.shape(j) for j in variables]
        self.equation_shapes = [model.equation_shape(i) for i in equations]
        self.dtypes = [model.dtype(j) for j in variables]
        self.lines = [model.where(i) for i in equations]
        number = {j: k for k, j in enumerate(variables)}
        self.defines = [number.get(system.defines[i], -1) for i in equations]
        #: Without the last output nothing says what is to be differentiated.
        self.lost = "".join(system.variables[j] for j in system.outputs[-1:] if j not in number)
        kept = [number[j] for j in system.outputs if j in number]
        self.outputs = () if self.lost else tuple(kept)
        self.offsets = np.cumsum([0, *self.sizes])
        self.equation_offsets = np.cumsum([0, *self.equation_sizes])
        self.rows = schur_complement(system, variables, equations)
        at = {i: k for k, i in enumerate(equations)}
        #: Eliminating variables joins no blocks, and takes none apart.
        self.blocks = [
            Block(
                tuple(number[j] for j in block if j in number),
                tuple(at[i] for i in across if i in at),
                cyclic,
            )
            for block, across, cyclic in zip(
                system.blocks, system.equation_blocks, system.cyclic, strict=True
            )
            if not number.keys().isdisjoint(block)
        ]

    def __len__(self) -> int:
        return len(self.names)

    # -- sizes -----------------------------------------------------------------------------------

    def name(self, j: int) -> str:
        """Return the name of variable j."""
        return self.names[j]

    def where(self, i: int) -> str:
        """Return file:line of equation i."""
        return self.lines[i]

    def shape(self, j: int) -> tuple[int, ...]:
        """Return the shape of variable j."""
        return self.shapes[j]

    def equation_shape(self, i: int) -> tuple[int, ...]:
        """Return the shape of equation i."""
        return self.equation_shapes[i]

    def dtype(self, j: int) -> np.dtype:
        """Return the dtype of variable j."""
        return self.dtypes[j]

    def size(self, j: int) -> int:
        """Return the number of entries of variable j."""
        return math.prod(self.shapes[j])

    @property
    def sizes(self) -> np.ndarray:
        """The number of entries of each variable."""
        return np.array([math.prod(shape) for shape in self.shapes], dtype=np.int64)

    @property
    def equation_sizes(self) -> np.ndarray:
        """The number of entries of each equation."""
        return np.array([math.prod(shape) for shape in self.equation_shapes], dtype=np.int64)

    @property
    def widths(self) -> np.ndarray:
        """All variables are real."""
        return np.ones(len(self), dtype=np.int64)

    # -- structure -------------------------------------------------------------------------------

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return equations and the variables in them."""
        pairs = sorted((i, j) for j, row in enumerate(self.parts) for i in row)
        found = np.array(pairs, dtype=int).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    @cached_property
    def parts(self) -> list[dict[int, sp.csr_array]]:
        """S by variable and equation."""
        found: list[dict[int, sp.csr_array]] = []
        for j, part in enumerate(self.rows):
            rows, columns, data = entries_of(part)
            i = np.searchsorted(self.equation_offsets, columns, side="right") - 1
            found.append({})
            for k in np.unique(i).tolist():
                at = i == k
                place = rows[at], columns[at] - self.equation_offsets[k]
                found[j][k] = sp.csr_array(
                    (data[at], place), shape=(self.size(j), int(self.equation_sizes[k]))
                )
        return found

    def parents(self, i: int) -> list[int]:
        """Return the variables that equation i reads."""
        return [j for j, row in enumerate(self.parts) if i in row]

    # -- what a system is solved with ------------------------------------------------------------

    def pull(self, i: int, w: Any, mask: Any = None) -> Iterator[tuple[int, Any, Any]]:
        """Yield (j, -S_ji w, mask): what the multiplier w of equation i hands to variable j."""
        for j, row in enumerate(self.parts):
            if i in row:
                yield j, -(row[i] @ np.ravel(w)).reshape(self.shapes[j])[()], None

    def push(self, i: int, tangents: Mapping[int, Any]) -> Any:
        """Return -sum of S_ji^T dz_j over the variables that change, or None if none does."""
        terms = [
            self.parts[j][i].T @ np.ravel(dz) for j, dz in tangents.items() if i in self.parts[j]
        ]
        return -sum(terms[1:], terms[0]).reshape(self.equation_shapes[i])[()] if terms else None

    def residual_entries(self, offsets: np.ndarray, equation_offsets: np.ndarray) -> Entries:
        """Return the entries of S^T."""
        parts = zip(offsets, map(entries_of, self.rows), strict=False)
        return joined((columns, rows + at, data) for at, (rows, columns, data) in parts)

    def block_matrix(self, k: int) -> sp.csc_array:
        """Return the diagonal block k of S."""
        block = self.blocks[k]
        rows = [[self.parts[j].get(i) for i in block.equations] for j in block.variables]
        return sp.csc_array(sp.block_array(rows))

    def factor(self, k: int, m: sp.csc_array) -> Factor:
        """Return a factorisation of block k."""
        return factorize(m)
