"""Small equations as programs: in one call their values, their partials, and rounding errors.

    r, R, S = program(z, p)        R[k, i] = dr_k/dz_i of the unknowns
                                   S[k, i] = dr_k/dz_i eps |z_i| of every step of g

One sweep of multipliers for each entry of r gives a row of both, and all of it is one program.
What is written down may be out of date: a program is asked where something else looks at what it
says, and every doubt ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from lagrad.compile.compiled import MANY, compile
from lagrad.compile.symbol import Symbol
from lagrad.containers import Static, leaves, parts, unflatten
from lagrad.residual import Conditions, Written
from lagrad.solve import back_substitute
from lagrad.trace import Traced, Tracer, lift, tracing
from lagrad.trace.record import lifted
from lagrad.trace.tape import CURRENT

#: More unknowns than this are solved for by other means, and more numbers in all steps of g for all
#: equations together take too long to write down.
UNKNOWNS, NUMBERS = 12, 3000

#: So many points in a row without numbers are too many.
MISSES = 10

EPS = float(np.finfo(float).eps)

PLAIN = (float, int, bool, str, type(None), np.ndarray, np.float64)


class NoProgramError(Exception):
    """Raised where a program does not serve, and something else will do."""


class Program:
    """The conditions of a cycle as a program.

    Attributes
    ----------
    over : bool
        It does not serve any more, for any values.
    """

    def __init__(self, problem: Conditions) -> None:
        self.over, self.misses = False, 0
        self.key, self.g, self.labels = problem.key, problem.g, labels(problem)
        layout, equations = problem.layout, problem.equations
        self.equations = equations
        assert equations is not None
        real = all(d == np.float64 for d in (*layout.dtypes, *equations.dtypes))
        if not real or layout.size > UNKNOWNS or equations.size != layout.size:
            self.over = True
            return
        self.scalar = not any(layout.shapes) and not any(equations.shapes)
        shape = Shape(problem.z0, problem.plain, equations.shapes)
        self.compiled = compile(partial(linearized, shape, problem.g))

    def fits(self, problem: Conditions) -> bool:
        """True if this is the program of these conditions, too."""
        return (
            not self.over
            and (problem.g is self.g if self.key is None else problem.key == self.key)
            and labels(problem) == self.labels
        )

    def at(self, problem: Conditions, given: Sequence[Any]) -> Callable[[np.ndarray], Any]:
        """Return the program for parameters ``given``: of z `Written`, or None."""
        layout, n = problem.layout, problem.layout.size

        def run(z: np.ndarray) -> Any:
            parts = z.tolist() if self.scalar else layout.unpack(z.copy())
            found = self.call(*parts, *given)
            if found is None:
                return None
            r, columns, rows, sizes = found
            if self.scalar:
                r, R, S = np.array(r), np.array(columns), np.array(rows)  # noqa: N806
            else:
                r = flat(r)
                R, S = (np.stack([flat(x) for x in side]) for side in (columns, rows))  # noqa: N806
            R = R.reshape(n, n)  # noqa: N806
            if not (np.isfinite(r).all() and np.isfinite(R).all() and np.isfinite(S).all()):
                self.misses += 1
                self.over = self.over or self.misses > MISSES
                return None
            self.misses = 0
            return Written(problem, z, r, R, S.reshape(n, -1), sizes)

        return run

    def call(self, *numbers: Any) -> Any:
        """Return what the program gives, None if it does not serve here."""
        if self.over:
            return None
        before = self.compiled._careful_calls
        try:
            found = self.compiled(*numbers)
        except Exception:
            # It is told by the conditions themselves what is wrong with them.
            self.misses += 1
            careful = self.compiled._careful_calls > before
            self.over = self.over or not careful or self.misses > MISSES
            return None
        if self.compiled._written >= MANY:
            self.over = True  # Before it is told: nobody asked for programs.
        return found


class Shape:
    """What g is called with, and what comes back."""

    def __init__(self, tree: Any, params: tuple[Any, ...], shapes: list[tuple[int, ...]]) -> None:
        self.tree = unflatten(tree, iter([None] * count(tree)))
        self.params = tuple(unflatten(p, iter([None] * count(p))) for p in params)
        self.shapes = shapes


def program_of(problem: Conditions) -> Any:
    """Return ``z -> Written`` for these conditions, None as long as there is none.

    It is written when it is asked for, and held by the structure of the cycle.
    """
    trace = CURRENT.get()
    while trace is not None and not trace.level and trace.muted:
        trace = trace.outer
    if trace is not None:
        return None  # g may read traced values from around it, which are to be seen
    given = [x for p in problem.plain for _, x in leaves(p)]
    if not all(type(x) in PLAIN and getattr(x, "dtype", EIGHT).kind in "fiub" for x in given):
        return None
    known = problem.structure.program
    if known is not None and known.fits(problem):
        problem.equations = known.equations
    else:
        if any(type(x) is Static for p in (problem.z0, *problem.plain) for _, x in parts(p)):
            return None
        problem.evaluated(problem.start())
        known = problem.structure.program = Program(problem)
    return None if known.over else known.at(problem, given)


EIGHT = np.dtype(float)


def labels(problem: Conditions) -> list[str]:
    """Return the ways to the leaves of unknowns and parameters."""
    found = [(problem.z0, "z"), *((p, f"p{k}") for k, p in enumerate(problem.plain))]
    return [label for tree, name in found for label, _ in leaves(tree, name)]


def count(tree: Any) -> int:
    """Return the number of leaves."""
    return sum(1 for _ in leaves(tree))


def flat(pieces: Sequence[Any]) -> np.ndarray:
    """Return numbers and arrays as one vector."""
    return np.concatenate([np.ravel(x) for x in pieces])


def linearized(shape: Shape, g: Callable[..., Any], *numbers: Any) -> Any:
    """Return (r, rows of R, rows of S, sizes of the steps of g), on the symbols of a program."""
    if not all(type(x) is Symbol for x in numbers if isinstance(x, Traced)) or not any(
        type(x) is Symbol for x in numbers
    ):
        raise NoProgramError
    each = iter(numbers)
    z = unflatten(shape.tree, each)
    params = [unflatten(p, each) for p in shape.params]
    with tracing() as made:
        unknown, unknowns = lift(made, z, "z")
        outputs = [lifted(y) for _, y in leaves(g(unknown, *params))]
    if [np.shape(y) for y in outputs] != shape.shapes:
        raise NoProgramError
    rows = [y._row if isinstance(y, Tracer) and y._trace is made else None for y in outputs]
    varying = tuple(r for r in rows if r is not None)
    graph = made.graph(tuple(unknowns), varying)
    values = graph.columns.values
    last = max(varying, default=-1)
    entries = sum(int(np.prod(s)) for s in shape.shapes)
    if entries * int(np.sum(graph.sizes[: last + 1])) > NUMBERS or graph.cycles:
        raise NoProgramError
    columns, errors = [], []
    sizes = [np.abs(values[i]) * EPS for i in range(last + 1)]
    for row, s in zip(rows, shape.shapes, strict=True):
        for k in range(int(np.prod(s))):
            e = np.zeros(int(np.prod(s)))
            e[k] = 1.0
            seeds = {} if row is None else {row: np.reshape(e, s)[()]}
            lam = back_substitute(graph, seeds)
            columns.append([lam.get(i, np.zeros(np.shape(values[i]))[()]) for i in unknowns])
            errors.append(
                [
                    lam[i] * sizes[i] if i in lam else np.zeros(np.shape(values[i]))[()]
                    for i in range(last + 1)
                ]
            )
    r = [y._value if isinstance(y, Tracer) and y._trace is made else y for y in outputs]
    return r, columns, errors, np.array([int(np.size(values[i])) for i in range(last + 1)])
