"""Named constraints at given values: the equations of a `System` with their local partials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.assemble import to_matrix
from lagrad.graph import short
from lagrad.local import Equation, Local, as_value, check_shape, trace_equation
from lagrad.partials import Entries, joined
from lagrad.residual import Written
from lagrad.rounding import ROUNDING
from lagrad.solve import (
    factorize,
)
from lagrad.solve.interface import Factor
from lagrad.solve.reuse import Refined
from lagrad.status import Status, TraceError
from lagrad.steps import Block, Blocks

#: Up to so many entries new factors cost no more than the refinement of old ones.
SMALL = 100


@dataclass(eq=False)
class Model(Blocks):
    """Variables and equations at a point; what a `MultiplierSystem` is made of.

    Variables are numbered: inputs first, then what the constraints define. Equation i of an input
    or an explicit constraint defines variable i of the same name; residual equations come after
    them.

    ``solvers`` are those of large cycles from the search for their values, ``points`` the points
    where that of small ones ended, ``failed`` the cycles whose values were not found. ``known``
    holds, by equation, the values of f_i that were solved for. What is traced later must give them
    again, or its partials are those of another model. ``structures`` is what earlier
    solutions have found out: the order of blocks, and by names the `Structure` of each cycle.
    ``scope_of`` has the names of the scopes around each variable and equation, by its name.
    """

    names: tuple[str, ...]
    equations: tuple[Equation, ...]
    values: dict[str, Any]
    data: dict[str, Any]
    blocks: tuple[Block, ...] = ()
    outputs: tuple[int, ...] = ()
    locals: dict[int, Local] = field(default_factory=dict)
    condensed: dict[int, list[tuple[int, sp.csr_array]]] = field(default_factory=dict)
    matrices: dict[int, sp.csc_array] = field(default_factory=dict)
    known: dict[int, Any] = field(default_factory=dict)
    solvers: dict[int, Any] = field(default_factory=dict)
    points: dict[int, Any] = field(default_factory=dict)
    failed: dict[int, Status] = field(default_factory=dict)
    structures: dict[Any, Any] = field(default_factory=dict)
    scope_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.number = {name: i for i, name in enumerate(self.names)}
        self.defines = [self.number[e.name] if e.explicit else -1 for e in self.equations]
        self.equation_names = tuple(e.name for e in self.equations)

    def __getstate__(self) -> dict[str, Any]:
        tables = "locals", "condensed", "matrices", "solvers", "points", "structures"
        return {**self.__dict__, **{name: {} for name in tables}}

    def __len__(self) -> int:
        return len(self.names)

    def name(self, i: int) -> str:
        """Return the name of variable i."""
        return self.names[i]

    def where(self, i: int) -> str:
        """Return file:line of equation i."""
        return self.equations[i].where

    def shape(self, i: int) -> tuple[int, ...]:
        """Return the shape of variable i."""
        return np.shape(self.values[self.names[i]])

    def dtype(self, i: int) -> np.dtype:
        """Return the dtype of variable i."""
        return self.values[self.names[i]].dtype

    @property
    def scopes(self) -> tuple[tuple[str, ...], ...]:
        """The names of the scopes around each variable."""
        return tuple(self.scope_of.get(name, ()) for name in self.names)

    @property
    def equation_scopes(self) -> tuple[tuple[str, ...], ...]:
        """The names of the scopes around each equation."""
        return tuple(self.scope_of.get(name, ()) for name in self.equation_names)

    @property
    def sizes(self) -> np.ndarray:
        """The number of entries of each variable."""
        return np.array([np.size(self.values[name]) for name in self.names], dtype=np.int64)

    def size(self, j: int) -> int:
        """Return the number of entries of variable j."""
        return int(np.size(self.values[self.names[j]]))

    def equation_shape(self, i: int) -> tuple[int, ...]:
        """Return the shape of equation i."""
        j = self.defines[i]
        return self.shape(j) if j >= 0 else np.shape(self.local(i).value)

    @property
    def equation_sizes(self) -> np.ndarray:
        """The number of entries of each equation."""
        n = len(self.equations)
        return np.array([int(np.prod(self.equation_shape(i))) for i in range(n)], dtype=np.int64)

    @property
    def widths(self) -> np.ndarray:
        """All variables are real."""
        return np.ones(len(self), dtype=np.int64)

    def parents(self, i: int) -> list[int]:
        """Return the variables that equation i reads."""
        names = dict.fromkeys(self.equations[i].parents)
        return [self.number[p] for p in names if p in self.number]

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (equation, variable) of everything that R has a block for."""
        pairs = []
        for i, j in enumerate(self.defines):
            pairs += [(i, p) for p in self.parents(i) if p != j] + ([(i, j)] if j >= 0 else [])
        rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return rows, columns

    # -- values ----------------------------------------------------------------------------------

    def arguments(self, i: int) -> tuple[Any, ...]:
        """Return the arguments of equation i at the present values."""
        # Copies: a constraint may write into its arguments, and they are not its own.
        return tuple(
            np.copy(self.values[p])[()] if p in self.values else self.data[p]
            for p in self.equations[i].parents
        )

    def evaluate(self, i: int) -> Any:
        """Return f_i at the present values, as an array of floats."""
        e = self.equations[i]
        return as_value(e(*self.arguments(i)), e)

    def check_shape(self, i: int, value: Any) -> None:
        """Refuse an f_i whose shape is not that of z_i."""
        e = self.equations[i]
        check_shape(e, value, self.values.get(e.name))

    # -- local partials --------------------------------------------------------------------------

    def local(self, i: int) -> Local:
        """Return equation i traced at the present values, made once.

        Raises
        ------
        TraceError
            If it does not give the value any more that was solved for.
        """
        if i not in self.locals:
            e = self.equations[i]
            found = self.derived(i) or trace_equation(e, self.arguments(i), self.number)
            if i in self.known and not agree(found, self.known[i]):
                raise TraceError(
                    f"constraint {e.name} ({e.where}) was {short(self.known[i])} when the system "
                    f"was solved and is {short(found.value)} now, at the same values of its "
                    "parents: something else that it reads has changed since solve(), such as a "
                    "closure, a global or data changed in place. Declare it as an input, or solve "
                    "again"
                )
            self.locals[i] = found
        return self.locals[i]

    def derived(self, i: int) -> Any:
        """Return equation i by its program, None if there is none or it is not what it was."""
        programs, e = self.structures.get("equations"), self.equations[i]
        found = programs and programs.at(e, self.arguments(i), self.number)
        if programs and found and i in self.known and not agree(found, self.known[i]):
            programs.forget(e)
            return None
        return found

    def forget(self, k: int) -> None:
        """Drop what was found of block k at values that have changed since."""
        for found in (self.matrices, self.solvers, self.points):
            found.pop(k, None)
        for i in self.blocks[k].equations:
            for table in (self.locals, self.condensed, self.known):
                table.pop(i, None)

    def jacobians(self, i: int) -> list[tuple[int, sp.csr_array]]:
        """Return (variable, condensed partial) of equation i by parameter, made once."""
        if self.equations[i].function is None:
            return []
        if i not in self.condensed:
            self.condensed[i] = list(self.local(i).jacobians())
        return self.condensed[i]

    def pull(self, i: int, w: Any, mask: Any = None) -> Iterator[tuple[int, Any, Any]]:
        """Yield (j, -R_ij^T w, mask): what the multiplier w of equation i hands to variable j."""
        explicit = self.defines[i] >= 0
        if explicit:
            yield self.defines[i], -w, mask
        if self.equations[i].function is not None:
            for j, contribution, present in self.local(i).pull(w, mask):
                yield j, contribution if explicit else -contribution, present

    def push(self, i: int, tangents: Mapping[int, Any]) -> Any:
        """Return -sum of R_ij dz_j over the variables that change, or None if none does."""
        change = None
        if self.equations[i].function is not None:
            change = self.local(i).push(tangents)
            if change is not None and self.defines[i] < 0:
                change = -change
        if self.defines[i] in tangents:
            own = -tangents[self.defines[i]]
            change = own if change is None else change + own
        return change

    def row_entries(self, i: int) -> Iterator[tuple[int, Entries]]:
        """Yield (j, entries of R_ij): I - df_i/dz_j for explicit equations, dg/dz_j for others."""
        j = self.defines[i]
        if j >= 0:
            n = int(np.prod(self.shape(j)))
            yield j, (np.arange(n), np.arange(n), np.ones(n))
        sign = -1.0 if j >= 0 else 1.0
        for k, jacobian in self.jacobians(i):
            coo = jacobian.tocoo()
            yield k, (coo.row, coo.col, sign * coo.data)

    def residual_entries(self, offsets: np.ndarray, equation_offsets: np.ndarray) -> Entries:
        """Return the entries of R = dr/dz."""
        return joined(
            (rows + equation_offsets[i], columns + offsets[j], data)
            for i in range(len(self.equations))
            for j, (rows, columns, data) in self.row_entries(i)
        )

    def factor(self, k: int, m: sp.csc_array) -> Factor:
        """Return a factorisation of block k: that of the search for its values refines a large one.

        A small one is made anew, which costs less than the refinement.
        """
        if k in self.solvers:
            return Refined(m, self.solvers[k].found.slope.factor)
        written = k in self.points and isinstance(self.points[k].linear, Written)
        return factorize(self.points[k].linear.dense if written else m)

    def block_matrix(self, k: int) -> sp.csc_array:
        """Return the diagonal block k of A = R^T, made once."""
        if k not in self.matrices and k in self.points:
            self.matrices[k] = self.points[k].linear.A
        if k not in self.matrices:
            block = self.blocks[k]
            heights = [int(np.prod(self.equation_shape(i))) for i in block.equations]
            widths = [self.size(j) for j in block.variables]
            rows = dict(zip(block.equations, accumulate([0, *heights]), strict=False))
            columns = dict(zip(block.variables, accumulate([0, *widths]), strict=False))
            parts = [
                (c + columns[j], r + rows[i], data)
                for i in block.equations
                for j, (r, c, data) in self.row_entries(i)
                if j in columns
            ]
            self.matrices[k] = to_matrix(joined(parts), (sum(widths), sum(heights)))
        return self.matrices[k]


def agree(found: Local, known: Any) -> bool:
    """True if a value is what it was before, up to rounding errors; NaN equals NaN."""
    if np.shape(found.value) != np.shape(known):
        return False
    equal = (found.value == known) | ((known != known) & np.isnan(found.value))
    if equal.all():
        return True
    with np.errstate(all="ignore"):
        error = ROUNDING * found.rounding(np.random.default_rng(0))
        near = np.abs(found.value - known) <= error
    return bool(np.all(near | equal))
