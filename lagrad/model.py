"""Named constraints at given values: the equations of a `System` with their local partials.

Each named constraint is traced by itself, so its partials are those of a small graph: applied by
substitution through it, or condensed onto its arguments as sparse Jacobians.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.assemble import joined, to_matrix
from lagrad.eliminate import accumulate
from lagrad.graph import Graph
from lagrad.partials import Entries
from lagrad.solve import (
    SolveBlock,
    back_substitute,
    block_back_substitute,
    block_forward_substitute,
    forward_substitute,
    solve_block_triangular,
    stretches,
)
from lagrad.status import ArgumentError
from lagrad.trace import Traced, plain, record
from lagrad.trace.tracer import Tracer


@dataclass(frozen=True)
class Equation:
    """``z = f(parents)`` if it defines a variable, else ``f(parents) = 0``.

    ``function`` is None for an input. ``parents`` are the names of the system that its parameters
    stand for, ``keywords`` the parameters in the same order; without them parents go by position.
    """

    name: str
    function: Callable[..., Any] | None
    parents: tuple[str, ...]
    keywords: tuple[str, ...]
    explicit: bool
    where: str

    def __call__(self, *args: Any) -> Any:
        """Evaluate the function on the values of its parents."""
        assert self.function is not None
        if self.keywords:
            return self.function(**dict(zip(self.keywords, args, strict=True)))
        return self.function(*args)


@dataclass(frozen=True)
class Block:
    """Variables that are found together, and the equations that determine them."""

    variables: tuple[int, ...]
    equations: tuple[int, ...]
    cyclic: bool


@dataclass(frozen=True)
class Local:
    """One equation, traced at a point: its value, and its graph from parents to result."""

    value: Any
    graph: Graph
    inputs: dict[int, int]
    output: int | None

    def pull(self, w: Any) -> Iterator[tuple[int, Any]]:
        """Yield (variable, (df/dz)^T w)."""
        if self.output is None:
            return
        w = np.asarray(w, dtype=self.graph.dtype(self.output))[()]
        lam = back_substitute(self.graph, {self.output: w}, keep=set(self.graph.inputs))
        for j, row in self.inputs.items():
            if row in lam:
                yield j, lam[row]

    def push(self, tangents: Mapping[int, Any]) -> Any:
        """Return the change of the result, or None."""
        if self.output is None:
            return None
        seeds = {row: tangents[j] for j, row in self.inputs.items() if j in tangents}
        return forward_substitute(self.graph, len(self.graph), seeds).get(self.output)

    def jacobians(self) -> dict[int, sp.csr_array]:
        """Return df/dz for each variable, the steps inside eliminated."""
        if self.output is None:
            return {}
        if all(self.graph.sizes[row] == 1 for row in (self.output, *self.inputs.values())):
            # Between scalars every entry is one number, and a sweep finds them all.
            w = np.ones(self.graph.shape(self.output))[()]
            one = np.array([0]), np.array([0, 1])
            return {
                j: sp.csr_array((np.reshape(d, 1), *one), shape=(1, 1)) for j, d in self.pull(w)
            }
        found = accumulate(self.graph, [self.output])[self.output]
        return {j: found[row] for j, row in self.inputs.items() if row in found}


@dataclass(eq=False)
class Model:
    """Variables and equations at a point; what a `MultiplierSystem` is made of.

    Variables are numbered: inputs first, then what the constraints define. Equation i of an input
    or an explicit constraint defines variable i of the same name; residual equations come after them.
    """

    names: tuple[str, ...]
    equations: tuple[Equation, ...]
    values: dict[str, Any]
    data: dict[str, Any]
    blocks: tuple[Block, ...] = ()
    outputs: tuple[int, ...] = ()
    locals: dict[int, Local] = field(default_factory=dict)
    condensed: dict[int, dict[int, sp.csr_array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.number = {name: i for i, name in enumerate(self.names)}
        self.defines = [self.number[e.name] if e.explicit else -1 for e in self.equations]
        self.explicit = [e.explicit for e in self.equations]
        self.equation_names = tuple(e.name for e in self.equations)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "locals": {}, "condensed": {}}

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

    def parents(self, i: int) -> list[int]:
        """Return the variables that equation i reads."""
        return [self.number[p] for p in self.equations[i].parents if p in self.number]

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

    def residual(self, i: int) -> Any:
        """Return r_i = z_i - f_i, or g_i."""
        value = self.evaluate(i)
        j = self.defines[i]
        if j < 0:
            return value
        z = self.values[self.names[j]]
        self.check_shape(i, value)
        return z - value

    def check_shape(self, i: int, value: Any) -> None:
        """Refuse an f_i whose shape is not that of z_i."""
        e = self.equations[i]
        z = self.values.get(e.name)
        if z is not None and np.shape(value) != np.shape(z):
            raise ArgumentError(
                f"constraint {e.name} ({e.where}) returned shape {np.shape(value)}, and the "
                f"variable has shape {np.shape(z)} from its start; give start= the shape of the result"
            )

    # -- local partials --------------------------------------------------------------------------

    def local(self, i: int) -> Local:
        """Return equation i traced at the present values, made once."""
        if i not in self.locals:
            e = self.equations[i]
            numbers = {k: self.number[p] for k, p in enumerate(e.parents) if p in self.number}
            trace, result, rows = record(e, self.arguments(i), tuple(numbers), {})
            inputs = {j: found[0] for j, found in zip(numbers.values(), rows, strict=True)}
            for row, k in zip(inputs.values(), numbers, strict=True):
                trace.columns.names[row] = e.parents[k]
            value = plain(trace, result, f"constraint {e.name}")
            if isinstance(value, Traced):
                raise ArgumentError(
                    f"constraint {e.name} ({e.where}) uses a traced value from outside; give it to "
                    "the system as an input"
                )
            varies = isinstance(result, Tracer) and result._trace is trace
            output = getattr(result, "_row", None) if varies else None
            graph = trace.graph(tuple(inputs.values()), (output,) if output is not None else ())
            self.locals[i] = Local(as_value(value, e), graph, inputs, output)
        return self.locals[i]

    def forget(self, equations: tuple[int, ...]) -> None:
        """Drop what was traced at values that have changed since."""
        for i in equations:
            self.locals.pop(i, None)
            self.condensed.pop(i, None)

    def jacobians(self, i: int) -> dict[int, sp.csr_array]:
        """Return the condensed partials of equation i by variable, made once."""
        if self.equations[i].function is None:
            return {}
        if i not in self.condensed:
            self.condensed[i] = self.local(i).jacobians()
        return self.condensed[i]

    def pull(self, i: int, w: Any) -> Iterator[tuple[int, Any]]:
        """Yield (j, -R_ij^T w): what the multiplier w of equation i hands to each variable."""
        if self.defines[i] >= 0:
            yield self.defines[i], -w
        if self.equations[i].function is not None:
            for j, contribution in self.local(i).pull(w):
                yield j, contribution if self.explicit[i] else -contribution

    def push(self, i: int, tangents: Mapping[int, Any]) -> Any:
        """Return -sum of R_ij dz_j over the variables that change, or None if none does."""
        change = None
        if self.equations[i].function is not None:
            change = self.local(i).push(tangents)
            if change is not None and not self.explicit[i]:
                change = -change
        if self.defines[i] in tangents:
            own = -tangents[self.defines[i]]
            change = own if change is None else change + own
        return change

    def back(self, seeds: Mapping[int, Any], solve_block: SolveBlock) -> dict[int, Any]:
        """Return the multipliers by equation, the last block first."""
        return block_back_substitute(self, seeds, solve_block)

    def forward(self, seeds: Mapping[int, Any], solve_block: SolveBlock) -> dict[int, Any]:
        """Return the tangents by variable, the first block first."""
        return block_forward_substitute(self, seeds, solve_block)

    def solve_assembled(
        self, a: sp.csc_array, offsets: Any, equation_offsets: Any, b: np.ndarray, factor: Callable
    ) -> np.ndarray:
        """Solve with the assembled A, block by block."""
        return solve_block_triangular(
            a, stretches(self.blocks, offsets, equation_offsets), b, factor
        )

    def row_entries(self, i: int) -> Iterator[tuple[int, Entries]]:
        """Yield (j, entries of R_ij): I - df_i/dz_j for explicit equations, dg/dz_j for others."""
        j = self.defines[i]
        if j >= 0:
            n = int(np.prod(self.shape(j)))
            yield j, (np.arange(n), np.arange(n), np.ones(n))
        sign = -1.0 if self.explicit[i] else 1.0
        for k, jacobian in self.jacobians(i).items():
            coo = jacobian.tocoo()
            yield k, (coo.row, coo.col, sign * coo.data)

    def residual_entries(self, offsets: np.ndarray, equation_offsets: np.ndarray) -> Entries:
        """Return the entries of R = dr/dz."""
        return joined(
            (rows + equation_offsets[i], columns + offsets[j], data)
            for i in range(len(self.equations))
            for j, (rows, columns, data) in self.row_entries(i)
        )

    def block_matrix(self, k: int) -> sp.csc_array:
        """Return the diagonal block k of A = R^T."""
        block = self.blocks[k]
        heights = [int(np.prod(self.equation_shape(i))) for i in block.equations]
        widths = [self.size(j) for j in block.variables]
        rows = dict(zip(block.equations, starts(heights), strict=True))
        columns = dict(zip(block.variables, starts(widths), strict=True))
        parts = [
            (c + columns[j], r + rows[i], data)
            for i in block.equations
            for j, (r, c, data) in self.row_entries(i)
            if j in columns
        ]
        return to_matrix(joined(parts), (sum(widths), sum(heights)))


def starts(sizes: list[int]) -> list[int]:
    """Return where each of several pieces begins."""
    return [sum(sizes[:k]) for k in range(len(sizes))]


def as_value(value: Any, e: Equation) -> Any:
    """Return the result of an equation as floats.

    Raises
    ------
    ArgumentError
        If it is no array of real numbers.
    """
    if isinstance(value, Traced):
        raise ArgumentError(
            f"constraint {e.name} ({e.where}) returned a traced value; a System is differentiated "
            "by sol.gradient and sol.jacobian, not from inside lg.grad"
        )
    array = np.asarray(value)
    if array.dtype.kind in "iub":
        array = array.astype(float)
    if array.dtype.kind != "f":
        raise ArgumentError(
            f"constraint {e.name} ({e.where}) returned {type(value).__name__} of dtype "
            f"{array.dtype}; a variable of a System is a real number or an array of them"
        )
    return np.array(array)[()] if array is value else array[()]
