"""A system of named constraints: the names of functions are z_i, their parameters alpha(i)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.equations import Equations, program_of
from lagrad.finite import finite
from lagrad.forward import Search, moved, solve_values, traced_values, with_estimates
from lagrad.graph import short
from lagrad.local import Equation, resolved, signature_of
from lagrad.model import Model
from lagrad.residual import location, plain_value
from lagrad.solution import Solution, TracedSolution, first_nonfinite
from lagrad.status import SINGULAR, ArgumentError, Status, StructureError, exception_for, suggestion
from lagrad.structure import final, find_blocks
from lagrad.trace import Traced, muted, recording
from lagrad.trace.scopes import path_of
from lagrad.trace.tape import scope_names
from lagrad.trace.tracer import innermost_value

#: Keywords of `System.solve`, which no input can be called by.
OPTIONS = (
    "start",
    "tol",
    "max_steps",
    "throw",
    "method",
    "linear_solver",
    "preconditioner",
    "bounds",
    "domain",
    "progress",
)


class System:
    """Named constraints ``z_i = f_i(z_alpha(i))`` and residuals ``g(z) = 0``, cycles allowed.

    Parameters
    ----------
    **inputs : float or array of floats
        The independent variables, with their default values. Anything else (integer arrays, sparse
        matrices, strings) is data: constraints may read it, and it has no derivative.

    Examples
    --------
    >>> import numpy as np, lagrad as lg
    >>> system = lg.System(x=2.0)
    >>> @system.constraint(start=1.0)
    ... def y(x, y):
    ...     return 0.5 * (y + x / y)
    >>> @system.constraint
    ... def f(x, y):
    ...     return x * y
    >>> solution = system.solve()
    >>> round(float(solution["f"]), 6)
    2.828427
    >>> round(float(solution.gradient("f")["x"]), 6)
    2.12132
    """

    def __init__(self, **inputs: Any) -> None:
        self.inputs: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.equations: dict[str, Equation] = {}
        self.starts: dict[str, Any] = {}
        self.unknowns: list[str] = []
        self.scopes: dict[str, tuple[str, ...]] = {}
        #: What solutions have found out for the next ones.
        self.structures: dict[Any, Any] = {"writer": program_of, "equations": Equations()}
        for name, value in inputs.items():
            self.input(name, value)

    # -- declaring -------------------------------------------------------------------------------

    def input(self, name: str, value: Any) -> None:
        """Declare an input: a variable with ``r = z - x``, or data if it is not of floats."""
        if name in OPTIONS:
            raise ArgumentError(
                f"no input can be called {name}: solve({name}=...) means the search"
            )
        self._new(name, "")
        kind, value = self._input(name, value)
        (self.inputs if kind else self.data)[name] = value

    def _input(self, name: str, value: Any) -> tuple[bool, Any]:
        if isinstance(value, Traced):
            plain = plain_value(value)
            return (True, value) if value.dtype.kind == "f" else self._input(name, plain)
        if type(value) in (int, float):
            return True, np.float64(value)
        numbers = np.ndarray | np.inexact | complex | list | tuple
        if isinstance(value, numbers) and not sp.issparse(value):
            array = np.array(value)
            if array.dtype.kind == "f":
                return True, array[()]
            if array.dtype.kind == "c":
                raise ArgumentError(
                    f"input {name} is complex; give its real and imaginary parts as two inputs"
                )
            if array.dtype.kind == "O":
                raise ArgumentError(f"input {name} is an object array; give arrays of floats")
        return False, value

    def constraint(
        self, function: Callable[..., Any] | None = None, *, start: Any = None, name: str = ""
    ) -> Any:
        """Declare ``z = function(parents)``, a decorator with or without arguments.

        Parameters
        ----------
        function : its name is the variable, the names of its parameters are alpha(i)
        start : float or array
            Where the search begins if the variable turns out to be in a cycle.
        name : str
            Instead of the function's own.
        """
        if function is None:
            return lambda f: self.constraint(f, start=start, name=name)
        self.constrain(name or function.__name__, function, start=start)
        return function

    def residual(self, function: Callable[..., Any] | None = None, *, name: str = "") -> Any:
        """Declare the equation ``function(parents) = 0``, a decorator."""
        if function is None:
            return lambda f: self.residual(f, name=name)
        self._declare(name or function.__name__, function, None, explicit=False)
        return function

    def unknown(self, name: str, start: Any) -> None:
        """Declare a variable that no constraint defines; a residual equation will determine it."""
        self._new(name, "")
        self.starts[name] = floats(start, name)
        self.unknowns.append(name)

    def constrain(
        self,
        name: str,
        function: Callable[..., Any],
        parents: Iterable[str] | Mapping[str, str] | None = None,
        start: Any = None,
    ) -> None:
        """Declare ``name = function(parents)``, for constraints made in a loop.

        Parameters
        ----------
        name : str
        function : callable
        parents : names in the order of the parameters, or {parameter: name}; None reads them from
            the parameters
        start : float or array
        """
        self._declare(name, function, parents, explicit=True)
        if start is not None:
            self.starts[name] = floats(start, name)

    def include(self, prefix: str, system: System, **connections: str) -> None:
        """Add all of another system, its names behind ``prefix.``.

        ``connections`` says which of its inputs are variables of this system: ``include("left", s,
        x="y")`` gives y for its input x. The prefix is a scope.
        """
        unknown = set(connections) - set(system.inputs) - set(system.data)
        if unknown:
            raise ArgumentError(
                f"{sorted(unknown)} are no inputs of the included system; it has "
                f"{[*system.inputs, *system.data]}"
            )

        def outer(name: str) -> str:
            return connections.get(name, f"{prefix}.{name}")

        # All names first, so that a clash leaves nothing half included.
        for name in (*system.inputs, *system.data, *system.unknowns):
            if name not in connections:
                self._new(outer(name), "")
        for name, e in system.equations.items():
            self._new(outer(name), e.where)
        for table, mine in ((system.inputs, self.inputs), (system.data, self.data)):
            mine.update({outer(n): value for n, value in table.items() if n not in connections})
        self.unknowns += [outer(name) for name in system.unknowns]
        for name, e in system.equations.items():
            parents = tuple(outer(p) for p in e.parents)
            self.equations[outer(name)] = replace(e, name=outer(name), parents=parents)
        self.starts.update({outer(name): z for name, z in system.starts.items()})
        around = (*scope_names(), *path_of(prefix))
        self.scopes.update(
            {outer(n): (*around, *p) for n, p in system.scopes.items() if n not in connections}
        )

    def _new(self, name: str, where: str) -> None:
        """Refuse a name that is taken; ``where`` is the place of a constraint, or empty.

        What stands before a dot in a name is a scope.
        """
        for table, what in (
            (self.inputs, "an input"),
            (self.data, "an input"),
            (self.unknowns, "an unknown"),
        ):
            if name in table:
                too = f", and {where} constrains it too" if where else ""
                raise StructureError(
                    f"{name} is {what} already{too}: one variable, one constraint; rename one of "
                    "them"
                )
        if name in self.equations:
            raise StructureError(
                f"two constraints for {name}: {self.equations[name].where} and "
                f"{where or 'an input'}; rename one of them"
            )
        self.scopes[name] = (*scope_names(), *path_of(name)[:-1])

    def _declare(
        self,
        name: str,
        function: Callable[..., Any],
        parents: Iterable[str] | Mapping[str, str] | None,
        explicit: bool,
    ) -> None:
        where = location(function)
        self._new(name, where)
        if not callable(function):
            raise ArgumentError(f"the constraint of {name} is {function!r}, which is no function")
        signature = signature_of(function)
        own = []
        by_position = parents is not None and not isinstance(parents, Mapping)
        for p in signature.parameters.values():
            if not by_position and p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY):
                raise ArgumentError(
                    f"constraint {name} ({where}): its parameters name its parents, so {p} will "
                    "not do; name them one by one, or give constrain(name, f, parents=[...])"
                )
            own.append(p.name)
        keywords: tuple[str, ...] = ()
        if parents is None:
            names = keywords = tuple(own)
        elif isinstance(parents, Mapping):
            keywords, names = tuple(parents), tuple(parents.values())
        else:
            names = (parents,) if isinstance(parents, str) else tuple(parents)
        try:
            signature.bind(**dict.fromkeys(keywords)) if keywords else signature.bind(*names)
        except TypeError as error:
            raise ArgumentError(
                f"constraint {name} ({where}) takes {own}, not the parents {keywords or names}: "
                f"{error}"
            ) from None
        self.equations[name] = Equation(name, function, names, keywords, explicit, where)

    # -- solving ---------------------------------------------------------------------------------

    def solve(
        self,
        *,
        start: Mapping[str, Any] | None = None,
        tol: float = 1e-8,
        max_steps: int | None = None,
        throw: bool = True,
        method: str = "auto",
        linear_solver: Any = "auto",
        preconditioner: Any = None,
        bounds: Mapping[str, Any] | None = None,
        domain: Callable[[dict[str, Any]], bool] | None = None,
        progress: bool = False,
        **inputs: Any,
    ) -> Any:
        """Find the values of all variables.

        With traced inputs, as inside of `lagrad.grad`, the values are variables of that trace, and
        every cycle is one constraint of it.

        Parameters
        ----------
        start : dict or `Solution`
            Where the search begins, instead of the starts that were declared.
        tol : float
            A cyclic block has converged when its residuals are no larger than their rounding
            errors. Above 1e-7: when the last Newton step changed every entry by less than ``tol``
            of itself, and every residual is below ``tol^2`` of the terms it is the sum of.
        max_steps : int
            For each cyclic block; 50 of Newton's method by default.
        throw : bool
            Raise on failure; else the solution's ``status`` says it.
        method, linear_solver, preconditioner, progress : as for `lagrad.root`, for each cycle
        bounds : dict {name: (lower, upper)}
            Of variables in cycles; steps are shortened so that they stay between.
        domain : function of a dict
            Of the variables of a cycle: false where a step must not go.
        **inputs
            Values instead of the declared defaults.

        Returns
        -------
        Solution; inside of a trace `TracedSolution`, with the values alone

        Raises
        ------
        StructureError
            If the equations do not determine the variables; names the parts that are over- and
            under-determined.
        ConvergenceError, SingularError
            If the values of a cyclic block were not found, or no derivative exists there.
        NonFiniteError
            If NaN or inf reaches a variable that nothing else uses.
        """
        search = Search(
            method, tol, max_steps, linear_solver, preconditioner, bounds, domain, progress
        )
        if bounds is not None and not isinstance(bounds, Mapping):
            raise ArgumentError(f"bounds are {short(bounds)}; give {{name: (lower, upper)}}")
        for name in bounds or ():
            if name not in self._declared():
                known = suggestion(name, self._declared())
                raise ArgumentError(f"bounds: {name} is no variable that is solved for{known}")
        with muted():
            model = self._model(inputs, start)
            model.blocks = find_blocks(model, self.starts)
            model.outputs = final(model)
            founds = solve_values(model, search)
        cycles = {k: with_estimates(found).certificate for k, found in founds.items()}
        failed = next((cycle for cycle in cycles.values() if not cycle.status.success), None)
        status = failed.status if failed else Status.SOLVED
        if not failed and not all(finite(model.values[model.names[j]]) for j in model.outputs):
            status = Status.NOT_FINITE
        solution = Solution(model, status, cycles, lambda: moved(model, founds))
        if throw and failed:
            names = failed.variables
            text = (
                f"the cycle of {', '.join(names[:8])}{' ...' if len(names) > 8 else ''} ended "
                f"after {failed.steps} steps with residuals up to {failed.residual:.2e}. "
                f"{status.value}"
            )
            if status in SINGULAR:
                text += "\n" + solution.culprits()
            raise exception_for(status)(text)
        if throw and not status.success:
            raise first_nonfinite(model)
        if recording() and status.success:
            given = {n: x for n, x in {**self.inputs, **inputs}.items() if isinstance(x, Traced)}
            values = traced_values(model, given, founds)
            if any(isinstance(z, Traced) for z in values.values()):
                return TracedSolution(values, solution)
        return solution

    def _model(self, inputs: Mapping[str, Any], start: Any) -> Model:
        """Return the model at the given inputs, with every name looked up."""
        values, data = dict(self.inputs), dict(self.data)
        for name, value in inputs.items():
            if name not in values and name not in data:
                kind = (
                    "a variable, not an input; start={...} sets where its search begins"
                    if (name in self.equations or name in self.unknowns)
                    else "not an input" + suggestion(name, [*values, *data])
                )
                raise ArgumentError(f"{name} is {kind}")
            floating, value = self._input(name, value)
            if floating != (name in values):
                raise ArgumentError(
                    f"input {name} was declared as {'floats' if name in values else 'data'} and is "
                    f"given {short(value)}; floats are variables, everything else is data"
                )
            (values if floating else data)[name] = value
        # Equations that define a variable are numbered like it, so that unknowns come last.
        order = (*values, *self._declared())
        known = {*order, *data}
        equations = [Equation(n, None, (), (), True, "") for n in values]
        for e in sorted(self.equations.values(), key=lambda e: not e.explicit):
            equations.append(resolved(e, known))
        starts = {**self.starts, **self._given_start(start, known)}
        values.update({n: starts[n] for n in self._declared() if n in starts})
        # Copies: neither what is declared nor what was given may change with a solution.
        values = {n: np.array(innermost_value(z))[()] for n, z in values.items()}
        data = {n: own(d) for n, d in data.items()}
        return Model(
            order,
            tuple(equations),
            values,
            data,
            structures=self.structures,
            scope_of=dict(self.scopes),
        )

    def _declared(self) -> list[str]:
        return [*[n for n, e in self.equations.items() if e.explicit], *self.unknowns]

    def _given_start(self, start: Any, known: set[str]) -> dict[str, Any]:
        # That of a solution inside of a trace is the plain one.
        start = {} if start is None else getattr(start, "plain", start)
        if isinstance(start, Solution):
            start = {n: z for n, z in start.values.items() if n not in self.inputs}
        for name in start:
            if name not in known or name in self.inputs or name in self.data:
                raise ArgumentError(
                    f"start: {name} is no variable that is solved for"
                    + suggestion(name, self._declared())
                )
        return {n: floats(z, n) for n, z in start.items()}

    def __repr__(self) -> str:
        lines = [f"System: inputs {', '.join([*self.inputs, *self.data]) or 'none'}"]
        for e in self.equations.values():
            call = f"f({', '.join(e.parents)})"
            lines.append(
                f"  {e.name} = {call}" if e.explicit else f"  0 = {e.name}({', '.join(e.parents)})"
            )
        if self.unknowns:
            lines.append(f"  unknowns: {', '.join(self.unknowns)}")
        return "\n".join(lines)


def own(data: Any) -> Any:
    """Return a copy of data that can be changed in place; arrays become read-only."""
    if isinstance(data, np.ndarray):
        data = data.copy()
        data.flags.writeable = False
    elif sp.issparse(data):
        data = data.copy()
    elif isinstance(data, list | dict | set | tuple):
        data = deepcopy(data)
    return data


def floats(value: Any, name: str) -> Any:
    """Return a start as floats."""
    array = np.array(value)
    if array.dtype.kind in "iub":
        array = array.astype(float)
    if array.dtype.kind != "f":
        raise ArgumentError(
            f"start of {name} is {short(value)} of dtype {array.dtype}; give real numbers"
        )
    return array[()]
