"""The values of a solved system, and every derivative of them from one factorisation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lagrad.certificate import Certificate
from lagrad.diagnose import culprits
from lagrad.finite import finite
from lagrad.graph import short
from lagrad.model import Model
from lagrad.multipliers import Multipliers, MultiplierSystem
from lagrad.status import ArgumentError, NonFiniteError, Status, exception_for, suggestion

#: What `Solution.stats` tells of each cycle: all that is the same in every run.
TOLD = (
    "variables",
    "sizes",
    "status",
    "steps",
    "factorisations",
    "residual",
    "history",
    "method",
    "linear",
    "why",
    "entries",
    "bytes",
)


class Solution:
    """The values of a solved `System`, and its multiplier system.

    Attributes
    ----------
    values : dict of arrays by name, in solve order
    status : Status
    cycles : dict of `Certificate` by block, for each cyclic block that was solved
    stats : list of dicts, the same to look at: variables, status, steps, residual
    system : MultiplierSystem

    The values are read-only arrays: multipliers are computed from them when they are asked for.
    """

    def __init__(
        self,
        model: Model,
        status: Status,
        cycles: dict[int, Certificate],
        moved: Callable[[], Model] | None = None,
    ) -> None:
        self.status, self.cycles, self.moved = status, cycles, moved
        self.system = MultiplierSystem(model)
        order = [model.names[j] for b in model.blocks for j in b.variables]
        self.values: dict[str, Any] = {n: model.values[n] for n in order if n in model.values}
        freeze(self.values)

    @property
    def stats(self) -> list[dict[str, Any]]:
        """How each cyclic block was solved: variables, status, steps, residual and the like."""
        return [{name: getattr(c, name) for name in TOLD} for c in self.cycles.values()]

    def __getitem__(self, name: str) -> Any:
        if name not in self.values:
            raise KeyError(f"{name} is no variable{suggestion(name, self.values)}")
        return self.values[name]

    def __iter__(self) -> Any:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def keys(self) -> Any:
        """Return the names, so that ``dict(sol)`` works."""
        return self.values.keys()

    def items(self) -> Any:
        """Return (name, value) pairs in solve order."""
        return self.values.items()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""
        model = self.system.model
        return tuple(e.name for e in model.equations if e.function is None)

    def multipliers(
        self, of: Any = None, method: str = "auto", wrt: Iterable[str] | None = None
    ) -> Multipliers:
        """Return the multipliers of all equations for the output ``of``; see
        `MultiplierSystem.solve`."""
        self._usable()
        return self.system.solve(of, method, None if wrt is None else list(wrt))

    def gradient(self, of: Any, wrt: Iterable[str] | str | None = None) -> dict[str, Any]:
        """Return d(of)/d(input) for the inputs ``wrt``, all of them by default.

        Parameters
        ----------
        of : str or dict
            A scalar variable, or weights by name.
        wrt : names of inputs

        Raises
        ------
        SingularError
            If a cyclic block is singular, with the names of its variables.
        """
        wanted = self._inputs(wrt)
        lam = self.multipliers(of, wrt=wanted)
        return {name: lam[name] for name in wanted}

    def jacobian(
        self, of: Iterable[str] | str, wrt: Iterable[str] | str | None = None
    ) -> dict[str, dict[str, Any]]:
        """Return {of: {wrt: array of shape (shape of of) + (shape of wrt)}}.

        All from one factorisation of each cyclic block: with A from the outputs, or with A^T from
        the inputs, whichever has fewer entries.
        """
        self._usable()
        system, model = self.system, self.system.model
        rows = [system.variable(n) for n in ([of] if isinstance(of, str) else of)]
        columns = [system.variable(n) for n in self._inputs(wrt)]
        m, n = (sum(model.size(j) for j in side) for side in (rows, columns))
        out = {i: {j: np.zeros((model.size(i), model.size(j))) for j in columns} for i in rows}
        if m <= n:
            for i in rows:
                for p, e in enumerate(np.eye(model.size(i))):
                    lam, _ = system.sweep({i: e.reshape(model.shape(i))[()]})
                    for j in columns:
                        out[i][j][p] = np.ravel(lam[j]) if j in lam else 0.0
        else:
            for j in columns:
                for p, e in enumerate(np.eye(model.size(j))):
                    dz = system.tangents({j: e.reshape(model.shape(j))[()]})
                    for i in rows:
                        out[i][j][:, p] = np.ravel(dz[i]) if i in dz else 0.0
        for i in rows:
            for j in columns:
                if not finite(out[i][j]):
                    raise NonFiniteError(
                        f"NaN or inf in the derivative of {model.name(i)} with respect to "
                        f"{model.name(j)}: a local partial between them is not finite"
                    )
        return {
            model.name(i): {
                model.name(j): out[i][j].reshape(model.shape(i) + model.shape(j))[()]
                for j in columns
            }
            for i in rows
        }

    def gradient_error(
        self, of: Any, wrt: Iterable[str] | str | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the gradient at the present values, and an estimate of its error.

        The error is what the gradient changes by when every cycle takes the Newton step that its
        values lack, exact to first order in the residuals. It is for solutions that did not
        converge (``throw=False``), whose plain `gradient` is refused.

        Parameters
        ----------
        of, wrt : as for `gradient`

        Returns
        -------
        (gradient, error) : dicts by name
        """
        wanted = self._inputs(wrt)
        if self.moved is None:
            raise ArgumentError("the factors were not kept with this solution; solve again")
        # What failed is let through here, and only here, beside what it does to the gradient.
        here = MultiplierSystem(replace(self.system.model, failed={})).solve(of, wrt=wanted)
        there = MultiplierSystem(self.moved()).solve(of, wrt=wanted)
        gradient = {name: here[name] for name in wanted}
        return gradient, {name: there[name] - here[name] for name in wanted}

    def culprits(self) -> str:
        """Name what is singular in the block that failed."""
        failed = [k for k, cycle in self.cycles.items() if not cycle.status.success]
        return "".join(culprits(self.system.model, k, self.system.block_matrix(k)) for k in failed)

    def _usable(self) -> None:
        if not self.status.success:
            raise exception_for(self.status)(
                f"the values were not found, so there is no derivative: {self.status.value}"
            )

    def _inputs(self, wrt: Iterable[str] | str | None) -> list[str]:
        if wrt is None:
            return list(self.inputs)
        names = [wrt] if isinstance(wrt, str) else list(wrt)
        for name in names:
            if name not in self.inputs:
                data = (
                    " (it is data, which has no derivative)"
                    if name in self.system.model.data
                    else ""
                )
                raise ArgumentError(f"{name} is no input{data}{suggestion(name, self.inputs)}")
        return names

    def report(self, seconds: bool = True) -> str:
        """Return how the values and multipliers were found, the worst cycle first.

        Without ``seconds`` it is the same in every run.
        """
        model = self.system.model
        cyclic = sum(block.cyclic for block in model.blocks)
        lines = [
            f"status: {self.status.value}",
            f"{len(model.blocks)} blocks: {len(model.blocks) - cyclic} blocks evaluated in order, "
            f"{cyclic} cyclic",
        ]
        worst = sorted(self.cycles.values(), key=lambda c: (c.status.success, -c.residual, -c.size))
        lines += [certificate.report(seconds) for certificate in worst[:20]]
        if len(worst) > 20:
            lines.append(f"... and {len(worst) - 20} more cycles")
        if self.system.factors:
            lines.append(f"multipliers: {self.system.why()}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        lines = [f"{n} = {short(z)}" for n, z in self.values.items()]
        return "\n".join([f"Solution: {self.status.value}", *lines])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "moved": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        freeze(self.values)


class TracedSolution(Mapping[str, Any]):
    """The values of a `System` that was solved inside of a trace, as variables of that trace.

    Attributes
    ----------
    values : dict by name
    plain : Solution
        The same at plain values, with its certificates and `report`.
    status : Status
    """

    def __init__(self, values: Mapping[str, Any], plain: Solution) -> None:
        self.values_by_name, self.plain, self.status = dict(values), plain, plain.status

    def __getitem__(self, name: str) -> Any:
        if name not in self.values_by_name:
            raise KeyError(f"{name} is no variable{suggestion(name, self.values_by_name)}")
        return self.values_by_name[name]

    def __iter__(self) -> Any:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def report(self, seconds: bool = True) -> str:
        """Return how the values were found."""
        return self.plain.report(seconds)

    def gradient(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: the trace around differentiates the values."""
        raise ArgumentError(
            "this system was solved inside of a trace, which differentiates its values: compute "
            "with sol[name]; for the gradient at plain values use sol.plain.gradient"
        )

    jacobian = multipliers = gradient


def freeze(values: Mapping[str, Any]) -> None:
    """Make arrays read-only."""
    for z in values.values():
        if isinstance(z, np.ndarray):
            z.flags.writeable = False


def first_nonfinite(model: Model) -> NonFiniteError:
    """Return an error that names the variable where NaN or inf first appears."""
    definition = {e.name: e for e in model.equations}
    order = [model.names[j] for block in model.blocks for j in block.variables]
    name = next(n for n in order if not finite(model.values[n]))
    e = definition.get(name)
    where = f" ({e.where})" if e and e.where else ""
    parents = ", ".join(f"{p} = {short(model.values.get(p, ''))}" for p in (e.parents if e else ()))
    return NonFiniteError(
        f"NaN or inf reached the result. It first appears in {name}{where} = "
        f"{short(model.values[name])}, from {parents}. Keep the inputs inside the domain of that "
        "constraint"
    )
