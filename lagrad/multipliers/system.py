"""The multiplier system A lam = e_n.

    r_i = z_i - f_i(z_alpha(i)) = 0       or g_i(z) = 0
    R = dr/dz,   A = R^T,   A lam = e_n,   A^T zdot = xdot

Row j of A belongs to the variable z_j, column i to the equation r_i. The multiplier of an explicit
constraint is dz_n/dz_i; at the inputs (r_i = z_i - x_i) the multipliers are the gradient. The
multiplier of a residual equation g scales with how g is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.assemble import to_matrix
from lagrad.diagnose import culprits
from lagrad.finite import refuse_nonfinite_multipliers
from lagrad.multipliers.condensed import Condensed
from lagrad.multipliers.keep import as_names, by_entries, entry_of
from lagrad.multipliers.opened import Opened
from lagrad.multipliers.result import Multipliers
from lagrad.multipliers.seeds import seeds
from lagrad.order import reachable
from lagrad.solve import BlockSubstitution, Form, solve_triangular
from lagrad.solve.block_triangular import spans
from lagrad.solve.interface import TOLERANCE, Factor, certified, relative_residual, row_norm
from lagrad.status import ArgumentError, SingularError, Status, exception_for
from lagrad.steps import Linearized

#: So many blocks, and so many names of each, are told.
SHOWN, NAMES = 5, 6


def named(names: Sequence[str], members: Sequence[int]) -> str:
    """Return the first names of a block."""
    return ", ".join(names[j] for j in members[:NAMES]) + ", ..." * (len(members) > NAMES)


class MultiplierSystem:
    """The linear system of the multipliers of a graph or a solved system.

    Parameters
    ----------
    model : `Steps` of a graph, or the `Model` of a solved `System`

    Attributes
    ----------
    A : sparse array (entries, entries)
        Rows are entries of variables, columns entries of equations.
    block_pattern : sparse bool array (variables, equations)
    order : tuple of int
        Variables in the order in which they are found.
    blocks : tuple of tuples of int
        Strongly connected components in that order.
    cyclic : tuple of bool
        Which blocks need a linear solve.
    scopes, equation_scopes : tuple of tuples of str
        The names of the scopes around each variable and each equation, outermost first.
    rhs : array (entries,)
        e_n of the last output.
    """

    def __init__(self, model: Linearized) -> None:
        self.model: Any = model
        self.factors: dict[int, Factor] = {}
        self.undefined = False

    def __getstate__(self) -> dict[str, Any]:
        # Factors are made again where they are asked for.
        return {k: v for k, v in self.__dict__.items() if k != "substitution"} | {"factors": {}}

    # -- names and sizes -------------------------------------------------------------------------

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, row blocks of A."""
        return self.model.names

    @property
    def equations(self) -> tuple[str, ...]:
        """The names of the equations, column blocks of A."""
        return self.model.equation_names

    @cached_property
    def scopes(self) -> tuple[tuple[str, ...], ...]:
        """The names of the scopes around each variable, outermost first."""
        return self.model.scopes

    @cached_property
    def equation_scopes(self) -> tuple[tuple[str, ...], ...]:
        """The names of the scopes around each equation, outermost first."""
        return self.model.equation_scopes

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the variables."""
        return tuple(self.model.shape(i) for i in range(len(self.model)))

    @cached_property
    def index(self) -> dict[str, int]:
        """The variable of each name."""
        return {name: i for i, name in enumerate(self.variables)}

    @cached_property
    def equation_index(self) -> dict[str, int]:
        """The equation of each name."""
        return {name: i for i, name in enumerate(self.equations)}

    @cached_property
    def offsets(self) -> np.ndarray:
        """Where the entries of each variable begin among the rows of A."""
        return np.concatenate([[0], np.cumsum(self.model.sizes * self.model.widths)])

    @cached_property
    def equation_offsets(self) -> np.ndarray:
        """Where the entries of each equation begin among the columns of A."""
        return np.concatenate([[0], np.cumsum(self.model.equation_sizes)])

    # -- the matrix ------------------------------------------------------------------------------

    @cached_property
    def A(self) -> sp.csr_array:  # noqa: N802
        """A = R^T at the level of entries. Its pattern comes from structure alone.

        Raises
        ------
        SizeError
            If it would not fit in memory; the text says how many bytes it needs.
        """
        return self.matrix(self.outputs)

    def matrix(self, outputs: Collection[int]) -> sp.csr_array:
        """Return A, without undefined entries that stand behind a selection seen from ``outputs``.

        ``where(x > 0, log(x), 0)`` at x = 0: the logarithm's entry 1/0 belongs to a branch that was
        not taken, so no path from the output leads to it, and it is no entry of A.
        """
        m, n = int(self.equation_offsets[-1]), int(self.offsets[-1])
        rows, columns, data = self.model.residual_entries(self.offsets, self.equation_offsets)
        lost = ~np.isfinite(data)
        self.undefined = bool(lost.any())
        if self.undefined and m == n:
            start = spans(self.offsets, list(outputs)) if outputs else np.zeros(0, int)
            kept = ~lost | reachable(n, rows, columns, start)[rows]
            rows, columns, data = rows[kept], columns[kept], data[kept]
        # R by columns is A by rows, which is what the triangular solve goes through.
        return to_matrix((rows, columns, data), (m, n)).T

    @cached_property
    def norm(self) -> float:
        """The largest row sum of |A|."""
        return row_norm(self.A)

    @cached_property
    def block_pattern(self) -> sp.csr_array:
        """Which equations contain which variables: rows are variables, columns equations."""
        n, m = len(self.variables), len(self.equations)
        rows, parents = self.model.edges()
        ones = np.ones(len(rows), dtype=bool)
        return sp.coo_array((ones, (parents, rows)), shape=(n, m)).tocsr()

    @cached_property
    def blocks(self) -> tuple[tuple[int, ...], ...]:
        """The strongly connected components, each as its variables, in topological order."""
        return self.model.components

    @cached_property
    def equation_blocks(self) -> tuple[tuple[int, ...], ...]:
        """The equations of each block."""
        return self.model.equation_components

    @cached_property
    def defines(self) -> tuple[int, ...]:
        """For each equation the variable that it defines, -1 for a residual equation."""
        return tuple(self.model.defines)

    @cached_property
    def cyclic(self) -> tuple[bool, ...]:
        """For each block, whether it needs a linear solve."""
        return self.model.cyclic

    def condense(self, keep: Iterable[str]) -> MultiplierSystem:
        """Return the system of the variables ``keep``, all others eliminated.

        Parameters
        ----------
        keep : names of variables, of entries such as ``"W[0, 1]"``, or of scopes
            A scope is all of its variables, ``"encoder.layer1"`` a nested one. With entries among
            them, all that is kept are numbers.

        Returns
        -------
        MultiplierSystem
            Its A is the Schur complement: the multipliers of what is kept are the same. It has an
            entry wherever a path leads through what was eliminated.

        Raises
        ------
        ArgumentError
            There is no such name, a variable is complex, or a cycle with residual equations would
            be taken apart.
        SingularError
            What is to be eliminated is not determined by what is kept.
        """
        for k in getattr(self.model, "failed", {}):
            self.refuse_failed(k)
        names = as_names(keep)
        if not any(entry_of(self, name) for name in names):
            return MultiplierSystem(Condensed(self, names))
        return MultiplierSystem(Condensed(MultiplierSystem(Opened(self)), by_entries(self, names)))

    @property
    def order(self) -> tuple[int, ...]:
        """The variables in the order in which their values are found."""
        return tuple(i for block in self.blocks for i in block)

    @property
    def outputs(self) -> tuple[int, ...]:
        """The variables that the computation returns."""
        return self.model.outputs

    @property
    def rhs(self) -> np.ndarray:
        """e_n of the last output, which must be a scalar."""
        return self.flat(self.seeds(None), self.offsets)

    # -- right-hand sides ------------------------------------------------------------------------

    def seeds(self, of: Any) -> dict[int, Any]:
        """Return the right-hand side as arrays by variable; see `seeds`."""
        return seeds(self, of)

    def variable(self, name: str) -> int:
        """Return the number of the variable ``name``."""
        if name not in self.index:
            raise ArgumentError(f"there is no variable {name!r}; there are {list(self.index)[:20]}")
        return self.index[name]

    def flat(self, arrays: Mapping[int, Any], offsets: np.ndarray) -> np.ndarray:
        """Return arrays by variable as one vector of entries, the multiplier w as (Re w, -Im w)."""
        out = np.zeros(int(offsets[-1]))
        for j, w in arrays.items():
            parts = [np.real(w).ravel()]
            if self.model.widths[j] == 2:
                parts.append(-np.imag(w).ravel())
            out[offsets[j] : offsets[j + 1]] = np.concatenate(parts)
        return out

    # -- solving ---------------------------------------------------------------------------------

    def solve(
        self, of: Any = None, method: str = "auto", wrt: Collection[str] | None = None
    ) -> Multipliers:
        """Solve A lam = e_n for the multipliers of all equations.

        Parameters
        ----------
        of : str, dict or None
            The output z_n: a name, or weights by name for a right-hand side that is not a unit
            vector; None is the last output.
        method : {"auto", "sweep", "explicit"}
            ``sweep`` applies the partials without forming A (only its cyclic blocks are formed and
            factorised), ``explicit`` assembles A; ``auto`` is ``sweep``.
        wrt : names of variables, or None
            A sweep visits only what lies between these and the output; other multipliers stay zero.

        Raises
        ------
        SingularError
            If a cyclic block is singular; the text names its variables.
        """
        seeds = self.seeds(of)
        if method in ("auto", "sweep"):
            wanted = None if wrt is None else {self.variable(name) for name in wrt}
            found, residual = self.sweep(seeds, wanted)
            refuse_nonfinite_multipliers(self.equations, self.model.where, found)
            lam: Callable[[int], Any] = found.get
            why = self.why()
        elif method == "explicit":
            lam, residual = self.solve_explicit(seeds)
            known = None if self.form is None else self.cyclic_part() + self.substitution.method
            why = "assembled A, " + (known or self.why())
        else:
            raise ArgumentError(f"method={method!r}; there are 'auto', 'sweep' and 'explicit'")
        return Multipliers(self, lam, residual, why)

    def equation_shape(self, i: int) -> tuple[int, ...]:
        """Return the shape of equation i."""
        return self.model.equation_shape(i)

    @cached_property
    def count(self) -> int:
        """How many blocks are cyclic."""
        return sum(self.cyclic)

    def why(self) -> str:
        """Say how the system is solved, and for what reason."""
        if not self.count:
            return "back-substitution, since the constraints are acyclic"
        if not self.factors:
            return "back-substitution, since no cyclic block lies before the output"
        told = [
            f"[{named(self.variables, self.blocks[k])}]: {self.factors[k].method}"
            for k in sorted(self.factors)[:SHOWN]
        ]
        if len(self.factors) > SHOWN:
            told.append(f"and {len(self.factors) - SHOWN} more")
        return f"block back-substitution, since {self.cyclic_part()}" + "; ".join(told)

    def cyclic_part(self) -> str:
        """Say how many blocks are cyclic."""
        verb = "is" if self.count == 1 else "are"
        return f"{self.count} of {len(self.blocks)} blocks {verb} cyclic: "

    def sweep(
        self, seeds: Mapping[int, Any], wanted: Collection[int] | None = None
    ) -> tuple[dict[int, Any], float]:
        """Return the multipliers by equation and the largest residual of the cyclic blocks.

        With ``wanted`` only what lies between these variables and the seeds is visited.
        """
        residuals: list[float] = []

        def solve_block(k: int, rhs: Mapping[int, Any]) -> dict[int, Any]:
            found, residual = self.solve_block(k, rhs)
            residuals.append(residual)
            return found

        lam = self.model.back(seeds, solve_block, wanted)
        return lam, max(residuals, default=float("nan"))

    def tangents(self, seeds: Mapping[int, Any]) -> dict[int, Any]:
        """Return zdot of A^T zdot = xdot by variable, for changes of the right-hand sides."""
        return self.model.forward(
            seeds, lambda k, rhs: self.solve_block(k, rhs, transposed=True)[0]
        )

    def block_matrix(self, k: int) -> sp.csc_array:
        """Return the diagonal block k of A, rows its variables and columns its equations."""
        return self.model.block_matrix(k)

    def factor(self, k: int, m: sp.csc_array) -> Factor:
        """Return the factorisation of block k, made once."""
        self.refuse_failed(k)
        if k not in self.factors:
            try:
                self.factors[k] = self.model.factor(k, m)
            except SingularError as error:
                names = [self.variables[j] for j in self.blocks[k]]
                raise SingularError(
                    f"the cyclic block of {len(names)} variables {names[:8]} is {error}\n"
                    + culprits(self.model, k, m)
                ) from error
        return self.factors[k]

    def refuse_failed(self, k: int) -> None:
        """Refuse the multipliers of a cycle whose values were not found."""
        status = getattr(self.model, "failed", {}).get(k)
        if status is not None:
            raise exception_for(status)(
                f"the values of [{named(self.variables, self.blocks[k])}] were not found, so there "
                f"is no derivative: {status.value}"
            )

    def solve_block(
        self, k: int, rhs: Mapping[int, Any], transposed: bool = False
    ) -> tuple[dict[int, Any], float]:
        """Solve A_bb lam_b = rhs_b, or its transpose; what ``rhs`` lacks is zero.

        Returns the multipliers by equation (or the tangents by variable) and the relative residual.
        """
        block, model = self.model.blocks[k], self.model
        variables = [(j, model.shape(j)) for j in block.variables]
        equations = [(i, model.equation_shape(i)) for i in block.equations]
        given, wanted = (equations, variables) if transposed else (variables, equations)
        b = np.concatenate([np.ravel(rhs.get(i, np.zeros(shape))) for i, shape in given])
        solver = getattr(model, "solvers", {}).get(k)
        if solver is not None:
            self.factors.setdefault(k, solver.factor(solver.linear))
            x, residual = solver.solve_here(b, transposed)
        else:
            m = self.block_matrix(k)
            x, residual = certified(m, self.factor(k, m), b, transposed)
        found, at = {}, 0
        for i, shape in wanted:
            size = math.prod(shape)
            found[i] = x[at : at + size].reshape(shape)[()]
            at += size
        return found, residual

    def solve_explicit(self, seeds: Mapping[int, Any]) -> tuple[Callable[[int], Any], float]:
        """Solve with the assembled A; stretches without cycles are one triangular solve each.

        Returns the multipliers as a function of the equation, and the relative residual.
        """
        for k in getattr(self.model, "failed", {}):
            self.refuse_failed(k)
        a, b = self.A, self.flat(seeds, self.offsets)
        if self.undefined and not set(seeds) <= set(self.outputs):
            a = self.matrix(seeds)
        size = self.norm if a is self.A else row_norm(a)
        x = self.solve_assembled(a, b)
        residual = relative_residual(a, x, b, size)
        if not residual <= TOLERANCE:
            raise SingularError(f"{Status.INACCURATE.value} (relative residual {residual:.1e})")
        at = self.equation_offsets

        def multiplier(i: int) -> Any:
            part = x[at[i] : at[i + 1]]
            if part.size != math.prod(self.equation_shape(i)):
                half = len(part) // 2
                return part[:half] - 1j * part[half:]
            return part

        return multiplier, residual

    def solve_assembled(self, a: sp.csr_array, b: np.ndarray) -> np.ndarray:
        """Solve with A: one triangular solve, but for large cycles."""
        if self.form is None:
            return solve_triangular(a, b)
        if a is self.A:
            return self.substitution.solve(b)
        return BlockSubstitution(a, self.form, self.factor).solve(b)

    @cached_property
    def form(self) -> Form | None:
        """The block triangular form of A, None where it is triangular."""
        return self.model.form(self.offsets, self.equation_offsets)

    @cached_property
    def substitution(self) -> BlockSubstitution:
        """A factorised block by block, for any right-hand sides."""
        assert self.form is not None
        return BlockSubstitution(self.A, self.form, self.factor)

    def __repr__(self) -> str:
        n = int(self.offsets[-1])
        cycles = [b for b, c in zip(self.blocks, self.cyclic, strict=True) if c]
        shown = ", ".join(f"[{named(self.variables, b)}]" for b in cycles[:SHOWN])
        return (
            f"MultiplierSystem: A is {n} x {int(self.equation_offsets[-1])}, "
            f"{len(self.variables)} variables in {len(self.blocks)} blocks, "
            + (f"{len(cycles)} cyclic: {shown}" if cycles else "acyclic (unit upper triangular)")
        )
