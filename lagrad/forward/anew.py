"""A search for values once more, with other numbers for what its conditions depend on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from lagrad.containers import leaves, unflatten
from lagrad.forward.search import Found
from lagrad.forward.solver import CycleSolver
from lagrad.residual import Conditions, Linear, belongs
from lagrad.trace import Tracer, substituting, variable
from lagrad.trace.tracer import Traced, current, innermost_value


class Solved:
    """Values that satisfy conditions, with the factors for multipliers and tangents."""

    def __init__(self, solver: CycleSolver, around: Callable[[], AbstractContextManager[Any]]):
        self.solver, self.around = solver, around
        layout, z = solver.problem.layout, solver.found.z
        self.value = layout.unpack(z)[0] if layout.plain else z

    def solve(self, b: Any, transposed: bool) -> Any:
        """Solve A x = b, or A^T x = R x = b."""
        with self.around():
            x = self.solver.solve(self.solver.linear, np.reshape(b, -1), transposed)
        return np.reshape(x, np.shape(b)).astype(self.value.dtype)[()]

    def multipliers(self, w: Any) -> Any:
        """Return lam of A lam = w."""
        return self.solve(w, False)

    def tangents(self, b: Any) -> Any:
        """Return dz of R dz = b."""
        return self.solve(b, True)


class Anew:
    """Conditions and how they were solved.

    Parameters
    ----------
    search : function
        ``search(z0, params)`` returns what it found, or says why there is nothing.
    z0 : container
        Where the search began, with traced leaves.
    """

    def __init__(self, search: Callable[[Any, Any], Found], z0: Any) -> None:
        self.search, self.z0 = search, z0
        self.problem: Conditions | None = None
        self.outer: list[Any] = []

    def of(self, problem: Conditions) -> Anew:
        """Say what was solved; what it read from around is a parameter too."""
        self.problem, self.outer = problem, [current(a) for a in problem.noted.values()]
        self.__name__ = "solve_" + problem.what.split(" of ")[0].replace(" ", "_")
        return self

    @property
    def starts(self) -> list[Any]:
        """The traced leaves of z0."""
        return [x for _, x in leaves(self.z0) if isinstance(x, Traced)]

    def parameters(self, values: Iterator[Any]) -> tuple[Any, ...]:
        """Return the parameters with other values in the place of traced ones."""
        assert self.problem is not None
        found = []
        for p, plain in zip(self.problem.params, self.problem.plain, strict=True):
            pairs = zip(leaves(p), leaves(plain), strict=True)
            new = [next(values) if isinstance(x, Tracer) else y for (_, x), (_, y) in pairs]
            found.append(unflatten(plain, iter(new)))
        return tuple(found)

    def __call__(self, values: Iterable[Any], starts: Iterable[Any]) -> Solved:
        """Search again, and return the values with their factors."""
        each, begin = iter(values), iter(starts)
        params = self.parameters(each)
        outer = [np.float64(x) if type(x) is float else x for x in each]
        z0 = unflatten(
            self.z0,
            (next(begin) if isinstance(x, Traced) else x for _, x in leaves(self.z0)),
        )

        def around() -> AbstractContextManager[Any]:
            if not self.outer:
                return nullcontext()
            return substituting(zip(self.outer, outer, strict=True))

        with around():
            found = self.search(z0, params)
        return Solved(CycleSolver(found.problem, found), around)

    def linear(self, z: Any, values: Iterable[Any]) -> Linear:
        """Return the conditions traced at z, which may be traced, by the function itself."""
        assert self.problem is not None and self.problem.equations is not None
        problem, given = self.problem, list(values)
        inside = len(given) - len(self.outer)
        pairs = zip(self.outer, (variable(x, "p") for x in given[inside:]), strict=True)
        with substituting(pairs) as (made, outer), np.errstate(all="ignore"):

            def lifted(x: Any, name: str) -> Any:
                x = variable(x, name)  # a number of Python's counts as a float64
                return Tracer(made, made.input(x, name), x)

            parts = problem.layout.unpack(np.reshape(z, -1))
            unknowns = [lifted(x, n) for x, n in zip(parts, problem.layout.labels, strict=True)]
            parameters = [lifted(x, f"p{k}") for k, x in enumerate(given[:inside])]
            params = self.parameters(iter(parameters))
            tree = unflatten(problem.layout.tree, iter(unknowns))
            outputs = problem.results(problem.g(tree, *params))
        kept = [y if belongs(y, made) else innermost_value(y) for y in outputs]
        rows = [y._row for y in unknowns]
        others = [*(y._row for y in parameters), *outer]
        assert problem.equations is not None  # since `results`
        graph = made.graph((*rows, *others), tuple(y._row for y in kept if belongs(y, made)))
        return Linear(graph, rows, others, kept, problem.layout, problem.equations)
