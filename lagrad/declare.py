"""A system of named constraints: the names of functions are z_i, their parameters alpha(i)."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.finite import finite
from lagrad.forward import solve_values
from lagrad.graph import short
from lagrad.model import Block, Equation, Model
from lagrad.multipliers import MultiplierSystem, Multipliers, entry_names
from lagrad.order import Deficiency, components, match
from lagrad.status import (
    ArgumentError,
    NonFiniteError,
    SingularError,
    Status,
    StructureError,
    exception_for,
)
from lagrad.trace import Traced


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
    >>> round(float(solution["f"]), 12) == round(2 * np.sqrt(2), 12)
    True
    >>> round(float(solution.gradient("f")["x"]), 6)
    2.12132
    """

    def __init__(self, **inputs: Any) -> None:
        self.inputs: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.equations: dict[str, Equation] = {}
        self.starts: dict[str, Any] = {}
        self.unknowns: dict[str, str] = {}
        for name, value in inputs.items():
            self.input(name, value)

    # -- declaring -------------------------------------------------------------------------------

    def input(self, name: str, value: Any) -> None:
        """Declare an input: a variable with ``r = z - x``, or data if it is not of floats."""
        self._new(name, "")
        kind, value = self._input(name, value)
        (self.inputs if kind else self.data)[name] = value

    def _input(self, name: str, value: Any) -> tuple[bool, Any]:
        if isinstance(value, Traced):
            raise ArgumentError(
                f"input {name} is a traced value; a System is differentiated by sol.gradient and "
                "sol.jacobian, not from inside lg.grad"
            )
        if type(value) in (int, float):
            return True, np.float64(value)
        if isinstance(value, np.ndarray | np.floating | list | tuple) and not sp.issparse(value):
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
        self._new(name, "unknown")
        self.unknowns[name] = "unknown"
        self.starts[name] = floats(start, name)

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
        x="y")`` gives y for its input x.
        """
        unknown = set(connections) - set(system.inputs) - set(system.data)
        if unknown:
            raise ArgumentError(
                f"{sorted(unknown)} are no inputs of the included system; it has "
                f"{[*system.inputs, *system.data]}"
            )

        def outer(name: str) -> str:
            return connections.get(name, f"{prefix}.{name}")

        for table, mine in ((system.inputs, self.inputs), (system.data, self.data)):
            for name, value in table.items():
                if name not in connections:
                    self._new(outer(name), "")
                    mine[outer(name)] = value
        for name in system.unknowns:
            self._new(outer(name), "unknown")
            self.unknowns[outer(name)] = "unknown"
        for name, e in system.equations.items():
            self._new(outer(name), e.where)
            parents = tuple(outer(p) for p in e.parents)
            self.equations[outer(name)] = Equation(
                outer(name), e.function, parents, e.keywords, e.explicit, e.where
            )
        self.starts.update({outer(name): z for name, z in system.starts.items()})

    def _new(self, name: str, where: str) -> None:
        for table, what in (
            (self.inputs, "an input"), (self.data, "an input"), (self.unknowns, "an unknown"),
        ):
            if name in table:
                raise StructureError(
                    f"{name} is {what} already{', and ' + where + ' constrains it too' if where else ''}: "
                    "one variable, one constraint; rename one of them"
                )
        if name in self.equations:
            raise StructureError(
                f"two constraints for {name}: {self.equations[name].where} and {where or 'an input'}; "
                "rename one of them"
            )

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
        parameters = inspect.signature(function).parameters.values()
        own = []
        for p in parameters:
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY):
                raise ArgumentError(
                    f"constraint {name} ({where}): its parameters name its parents, so {p} will not "
                    "do; name them one by one"
                )
            own.append(p.name)
        if parents is None:
            pairs = {k: k for k in own}
        elif isinstance(parents, Mapping):
            pairs = dict(parents)
        else:
            parents = list(parents)
            if len(parents) > len(own):
                raise ArgumentError(
                    f"constraint {name} ({where}) has parameters {own} for the parents {parents}"
                )
            pairs = dict(zip(own, parents, strict=False))
        self.equations[name] = Equation(
            name, function, tuple(pairs.values()), tuple(pairs), explicit, where
        )

    # -- solving ---------------------------------------------------------------------------------

    def solve(
        self,
        *,
        start: Mapping[str, Any] | None = None,
        tol: float = 1e-8,
        max_steps: int = 50,
        throw: bool = True,
        **inputs: Any,
    ) -> Solution:
        """Find the values of all variables.

        Parameters
        ----------
        start : dict or `Solution`
            Where the search begins, instead of the starts that were declared.
        tol : float
            A cyclic block has converged when a Newton step changes it by less than this, relative to
            its size; the value is then right to about tol^2.
        max_steps : int
            Newton steps for each cyclic block.
        throw : bool
            Raise on failure; else the solution's ``status`` says it.
        **inputs
            Values instead of the declared defaults.

        Raises
        ------
        StructureError
            If the equations do not determine the variables; names the parts that are over- and
            under-determined.
        ConvergenceError, SingularError
            If the values of a cyclic block were not found.
        NonFiniteError
            If NaN or inf reaches a variable that nothing else uses.
        """
        model = self._model(inputs, start)
        model.blocks = find_blocks(model, self.starts)
        model.outputs = final(model)
        stats = solve_values(model, tol, max_steps)
        failed = [s for s in stats.values() if not s["status"].success]
        status = failed[0]["status"] if failed else Status.SOLVED
        solution = Solution(model, status, stats)
        if throw and failed:
            names = failed[0]["variables"]
            text = (
                f"the cycle of {', '.join(names[:8])}{' ...' if len(names) > 8 else ''} was not "
                f"solved after {failed[0]['steps']} steps (largest residual "
                f"{failed[0]['residual']:.2e}). {status.value}"
            )
            if status is Status.SINGULAR:
                text += "\n" + solution.culprits()
            raise exception_for(status)(text)
        if throw:
            refuse_nonfinite(model)
        return solution

    def _model(self, inputs: Mapping[str, Any], start: Any) -> Model:
        """Return the model at the given inputs, with every name looked up."""
        values, data = dict(self.inputs), dict(self.data)
        for name, value in inputs.items():
            if name not in values and name not in data:
                kind = "a variable, not an input; start={...} sets where its search begins" if (
                    name in self.equations or name in self.unknowns
                ) else "not an input" + suggestion(name, [*values, *data])
                raise ArgumentError(f"{name} is {kind}")
            floating, value = self._input(name, value)
            if floating != (name in values):
                raise ArgumentError(
                    f"input {name} was declared as {'floats' if name in values else 'data'} and is "
                    f"given {short(value)}; floats are variables, everything else is data"
                )
            (values if floating else data)[name] = value
        explicit = [n for n, e in self.equations.items() if e.explicit]
        names = (*values, *[n for n in self._declared() if n not in values])
        known = {*names, *data}
        equations = [Equation(n, None, (), (), True, "") for n in values]
        for e in [self.equations[n] for n in explicit] + [
            e for e in self.equations.values() if not e.explicit
        ]:
            equations.append(resolved(e, known))
        # Explicit equations are numbered like their variables, so unknowns come last.
        order = (*values, *explicit, *self.unknowns)
        starts = {**self.starts, **self._given_start(start, known)}
        values.update({n: starts[n] for n in (*explicit, *self.unknowns) if n in starts})
        return Model(order, tuple(equations), values, data)

    def _declared(self) -> list[str]:
        return [*[n for n, e in self.equations.items() if e.explicit], *self.unknowns]

    def _given_start(self, start: Any, known: set[str]) -> dict[str, Any]:
        if start is None:
            return {}
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
            lines.append(f"  {e.name} = {call}" if e.explicit else f"  0 = {e.name}({', '.join(e.parents)})")
        if self.unknowns:
            lines.append(f"  unknowns: {', '.join(self.unknowns)}")
        return "\n".join(lines)


class Solution(Mapping[str, Any]):
    """The values of a solved `System`, and its multiplier system.

    Attributes
    ----------
    values : dict of arrays by name, in solve order
    status : Status
    stats : list of dicts, one for each cyclic block: variables, status, steps, residual
    system : MultiplierSystem
    """

    def __init__(self, model: Model, status: Status, stats: dict[int, dict[str, Any]]) -> None:
        self.status = status
        self.stats = list(stats.values())
        self.system = MultiplierSystem(model)
        order = [model.names[j] for b in model.blocks for j in b.variables]
        self.values = {  # type: ignore[assignment]
            n: model.values[n] for n in order if n in model.values
        }

    def __getitem__(self, name: str) -> Any:
        if name not in self.values:
            raise KeyError(f"{name} is no variable{suggestion(name, self.values)}")
        return self.values[name]

    def __iter__(self) -> Any:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""
        model = self.system.model
        return tuple(e.name for e in model.equations if e.function is None)

    def multipliers(self, of: Any = None, method: str = "auto") -> Multipliers:
        """Return the multipliers of all equations for the output ``of``; see
        `MultiplierSystem.solve`."""
        self._usable()
        found = self.system.solve(of, method)
        for name, w in found.items():
            if not finite(w):
                raise NonFiniteError(
                    f"NaN or inf reached the multiplier of {name} "
                    f"({self.system.model.where(self.system.equations.index(name))}): a local "
                    "partial on the way from the output is not finite there"
                )
        return found

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
        lam = self.multipliers(of)
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
        m, n = (sum(int(model.sizes[j]) for j in side) for side in (rows, columns))
        out = {
            i: {j: np.zeros((int(model.sizes[i]), int(model.sizes[j]))) for j in columns}
            for i in rows
        }
        if m <= n:
            for i in rows:
                for p, e in enumerate(np.eye(int(model.sizes[i]))):
                    lam, _ = system.sweep({i: e.reshape(model.shape(i))[()]})
                    for j in columns:
                        out[i][j][p] = np.ravel(lam[j]) if j in lam else 0.0
        else:
            for j in columns:
                for p, e in enumerate(np.eye(int(model.sizes[j]))):
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

    def culprits(self) -> str:
        """Name what is singular in the block that failed."""
        for k, block in enumerate(self.system.model.blocks):
            if block.cyclic and self.stats and self.stats[-1]["variables"] == [
                self.system.model.names[j] for j in block.variables
            ]:
                return self.system.culprits(k, self.system.block_matrix(k))
        return ""

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
                data = " (it is data, which has no derivative)" if name in self.system.model.data else ""
                raise ArgumentError(f"{name} is no input{data}{suggestion(name, self.inputs)}")
        return names

    def report(self) -> str:
        """Return the blocks in solve order: what was solved together, how, and how well."""
        model = self.system.model
        lines = [f"status: {self.status.value}"]
        by_names = {tuple(s["variables"]): s for s in self.stats}
        for block in model.blocks:
            names = tuple(model.names[j] for j in block.variables)
            if block.cyclic and names in by_names:
                s = by_names[names]
                lines.append(
                    f"cycle of {', '.join(names)} ({int(model.sizes[list(block.variables)].sum())} "
                    f"unknowns): Newton, {s['steps']} steps, largest residual {s['residual']:.1e}"
                )
        explicit = sum(not b.cyclic for b in model.blocks)
        lines.append(f"{explicit} blocks evaluated in order, {len(model.blocks) - explicit} cyclic")
        return "\n".join(lines)

    def __repr__(self) -> str:
        lines = [f"{n} = {short(z)}" for n, z in self.values.items()]
        return "\n".join([f"Solution: {self.status.value}", *lines])

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__


# -- structure -----------------------------------------------------------------------------------


def find_blocks(model: Model, starts: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return the blocks in solve order: the block triangular form at the level of names."""
    rows, columns = model.edges()
    own = np.array(model.defines)[rows] == columns
    if all(model.explicit) and len(model.equations) == len(model):
        uses = [i in model.parents(i) for i in range(len(model))]
        found = components(len(model), rows[~own], columns[~own])
        blocks = [Block(c, c, len(c) > 1 or uses[c[0]]) for c in found]
        for block in blocks:
            if block.cyclic:
                for j in block.variables:
                    require_start(model, j, block.variables)
        return tuple(blocks)
    provisional(model, starts)
    equation_of = matched(model)
    group = merged(model, equation_of)
    count = max(group.values()) + 1 if group else 0
    of_equation = np.array([group["equation", i] for i in range(len(model.equations))])
    of_variable = np.array([group["variable", j] for j in range(len(model))])
    a, b = of_equation[rows], of_variable[columns]
    blocks = []
    for component in components(count, a[a != b], b[a != b]):
        members = set(component)
        variables = tuple(np.flatnonzero(np.isin(of_variable, list(members))).tolist())
        equations = tuple(np.flatnonzero(np.isin(of_equation, list(members))).tolist())
        single = len(variables) == len(equations) == 1 and equations[0] < len(model.defines) and (
            model.defines[equations[0]] == variables[0]
            and variables[0] not in model.parents(equations[0])
        )
        blocks.append(Block(variables, equations, not single))
    return tuple(blocks)


def require_start(model: Model, j: int, cycle: tuple[int, ...]) -> None:
    """Refuse a cycle without a place to begin."""
    name = model.names[j]
    if name not in model.values:
        path = " -> ".join([*(model.names[i] for i in cycle[:6]), model.names[cycle[0]]])
        where = next((e.where for e in model.equations if e.name == name), "")
        raise ArgumentError(
            f"{name} ({where}) is in a cycle ({path}) and has no start; declare it with "
            f"@system.constraint(start=...), or solve(start={{{name!r}: ...}})"
        )


def provisional(model: Model, starts: Mapping[str, Any]) -> None:
    """Give every variable a value, so that equations can be traced for their structure."""
    rows, columns = model.edges()
    n = len(model)
    target = np.array(model.defines)[rows]
    keep = (target >= 0) & (target != columns)
    for component in components(n, target[keep], columns[keep]):
        for j in component:
            i = model.defines.index(j) if j in model.defines else -1
            if i < 0 or model.equations[i].function is None:
                continue
            if len(component) > 1 or j in model.parents(i):
                require_start(model, j, component)
            elif model.names[j] not in starts:
                with np.errstate(all="ignore"):
                    model.values[model.names[j]] = model.evaluate(i)


def matched(model: Model) -> np.ndarray:
    """Return which entry of a variable each entry of an equation determines.

    Raises
    ------
    StructureError
        With the names of the over- and the under-determined part.
    """
    offsets = np.concatenate([[0], np.cumsum(model.sizes)])
    equation_offsets = np.concatenate([[0], np.cumsum(model.equation_sizes)])
    rows, columns, _ = model.residual_entries(offsets, equation_offsets)
    shape = (int(equation_offsets[-1]), int(offsets[-1]))
    pattern = sp.coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()
    found = match(pattern)
    if not isinstance(found, Deficiency):
        return found
    e = [x for i, name in enumerate(model.equation_names)
         for x in entry_names(name, int(model.equation_sizes[i]))]
    v = [x for j, name in enumerate(model.names) for x in entry_names(name, int(model.sizes[j]))]

    def told(places: np.ndarray, labels: list[str]) -> str:
        return ", ".join(labels[p] for p in places[:8]) + (" ..." if len(places) > 8 else "")

    parts = [f"{shape[0]} equations for {shape[1]} variables do not determine them"]
    if len(found.equations):
        parts.append(
            f"over-determined: the equations {told(found.equations, e)} hold only "
            f"{told(found.determined, v) or 'inputs'}"
        )
    if len(found.variables):
        parts.append(
            f"under-determined: {told(found.variables, v)} occur only in "
            f"{told(found.constraining, e) or 'no equation'}"
        )
    raise StructureError(
        ". ".join(parts) + ". Add or remove a residual equation, or declare an input instead of an "
        "unknown"
    )


def merged(model: Model, entry_of: np.ndarray) -> dict[tuple[str, int], int]:
    """Return the group of each equation and variable: those matched in some entry are together."""
    equation = np.repeat(np.arange(len(model.equations)), model.equation_sizes)
    variable = np.repeat(np.arange(len(model)), model.sizes)
    m, n = len(model.equations), len(model)
    pairs = np.unique(np.stack([equation, variable[entry_of]]), axis=1)
    graph = sp.coo_array(
        (np.ones(pairs.shape[1]), (pairs[0], pairs[1] + m)), shape=(m + n, m + n)
    )
    _, label = sp.csgraph.connected_components(graph.tocsr(), directed=False)
    # Groups are numbered by their first variable, which keeps the order of declaration.
    first: dict[int, int] = {}
    for j in range(n):
        first.setdefault(int(label[m + j]), len(first))
    for i in range(m):
        first.setdefault(int(label[i]), len(first))
    return {
        **{("equation", i): first[int(label[i])] for i in range(m)},
        **{("variable", j): first[int(label[m + j])] for j in range(n)},
    }


def final(model: Model) -> tuple[int, ...]:
    """Return the variables that no equation reads, in the order of solution."""
    read = {j for i in range(len(model.equations)) for j in model.parents(i)}
    order = [j for b in model.blocks for j in b.variables]
    return tuple(j for j in order if j not in read and model.equations[j].function is not None
                 if j < len(model.equations)) or tuple(order[-1:])


# -- words ---------------------------------------------------------------------------------------


def resolved(e: Equation, known: set[str]) -> Equation:
    """Return the equation without parameters that have a default and name nothing.

    Raises
    ------
    StructureError
        For a parameter that names nothing.
    """
    assert e.function is not None
    parameters = inspect.signature(e.function).parameters
    pairs = []
    for keyword, parent in zip(e.keywords, e.parents, strict=True):
        if parent in known:
            pairs.append((keyword, parent))
        elif parameters[keyword].default is inspect.Parameter.empty:
            raise StructureError(
                f"constraint {e.name} ({e.where}) reads {parent}, which is no input, unknown or "
                f"constraint{suggestion(parent, known)}"
            )
    return Equation(
        e.name, e.function, tuple(p for _, p in pairs), tuple(k for k, _ in pairs), e.explicit, e.where
    )


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return what was probably meant, and what there is."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    there = f"; there are {', '.join(known[:20])}" if known else ""
    return f" (did you mean {close[0]}?){there}" if close else there


def location(function: Any) -> str:
    """Return file:line of a function."""
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if code else ""


def floats(value: Any, name: str) -> Any:
    """Return a start as floats."""
    array = np.array(value, dtype=float if not isinstance(value, np.ndarray) else None)
    if array.dtype.kind in "iub":
        array = array.astype(float)
    if array.dtype.kind != "f":
        raise ArgumentError(f"start of {name} is {array.dtype}; give real numbers")
    return array[()]


def refuse_nonfinite(model: Model) -> None:
    """Raise if NaN or inf has reached a variable that nothing else reads."""
    if all(finite(model.values[model.names[j]]) for j in model.outputs):
        return
    for block in model.blocks:
        for j in block.variables:
            name = model.names[j]
            if not finite(model.values[name]):
                e = next((e for e in model.equations if e.name == name), None)
                where = f" ({e.where})" if e and e.where else ""
                raise NonFiniteError(
                    f"NaN or inf reached the result. It first appears in {name}{where} = "
                    f"{short(model.values[name])}, from "
                    + ", ".join(f"{p} = {short(model.values.get(p, ''))}" for p in (e.parents if e else ()))
                    + ". Keep the inputs inside the domain of that constraint"
                )


__all__ = ["SingularError", "Solution", "System"]
