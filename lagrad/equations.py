"""Small equations as programs: in one call their values, their partials, and rounding errors.

    r, R, S = program(z, p)        R[k, i] = dr_k/dz_i of the unknowns
                                   S[k, i] = dr_k/dz_i eps |z_i| of every step of g

One sweep of multipliers for each entry of r gives a row of both, and all of it is one program.
What is written down may be out of date: a program is asked where something else looks at what it
says, and every doubt ends it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from lagrad.compile.compiled import MANY, compile
from lagrad.compile.symbol import Symbol
from lagrad.containers import Static, leaves, parts, unflatten
from lagrad.local import Derived, Equation, called, is_choice, trace_equation
from lagrad.residual import Conditions, Written
from lagrad.solve import back_substitute
from lagrad.trace import Traced, Tracer, lift, tracing
from lagrad.trace.record import lifted
from lagrad.trace.tape import CURRENT

#: More unknowns than this are solved for by other means, and more numbers in all steps of g for all
#: equations together take too long to write down.
UNKNOWNS, NUMBERS = 12, 3000

#: After so many derivatives of an equation it is written down: then that has been paid for.
USES = 16

#: So many points in a row without numbers are too many.
MISSES = 10

EPS = float(np.finfo(float).eps)

PLAIN = (float, int, bool, str, type(None), np.ndarray, np.float64)


class NoProgramError(Exception):
    """Raised where a program does not serve, and something else will do."""


class Quiet:
    """A function written down as a program, of which nobody is told.

    Attributes
    ----------
    over : bool
        It does not serve any more, for any values.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.compiled = compile(function)
        self.over, self.misses = False, 0

    def call(self, *numbers: Any) -> Any:
        """Return what the program gives, None if it does not serve here."""
        if self.over:
            return None
        before = self.compiled.stats["careful"]
        try:
            with np.errstate(all="ignore"):
                found = self.compiled(*numbers)
        except Exception:
            # What is wrong with a function is told by the function itself.
            self.over = self.over or self.compiled.stats["careful"] == before
            return self.missed()
        if self.compiled.stats["written"] >= MANY:
            self.over = True  # Before it is told: nobody asked for programs.
        return found

    def missed(self) -> None:
        """Note a point without numbers."""
        self.misses += 1
        self.over = self.over or self.misses > MISSES


class CycleProgram(Quiet):
    """The conditions of a cycle as a program."""

    def __init__(self, problem: Conditions) -> None:
        layout, equations = problem.layout, problem.equations
        assert equations is not None
        shape = Shape(problem.z0, problem.plain, equations.shapes)
        super().__init__(partial(linearized, shape, problem.g))
        self.key, self.g, self.labels = problem.key, problem.g, labels(problem)
        self.equations = equations
        real = all(d == np.float64 for d in (*layout.dtypes, *equations.dtypes))
        self.over = not real or layout.size > UNKNOWNS
        self.scalar = not any(layout.shapes) and not any(equations.shapes)

    def fits(self, problem: Conditions) -> bool:
        """True if this is the program of these conditions, too."""
        same = problem.g is self.g if self.key is None else problem.key == self.key
        return same and labels(problem) == self.labels

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
                r, R, S = map(np.array, (r, columns, rows))  # noqa: N806
            else:
                r = flat(r)
                R, S = (np.stack([flat(x) for x in side]) for side in (columns, rows))  # noqa: N806
            R = R.reshape(n, n)  # noqa: N806
            if not math.isfinite(r.sum() + R.sum() + S.sum()):
                return self.missed()
            self.misses = 0
            return Written(problem, z.copy(), r, R, S.reshape(n, -1), sizes)

        return run


class Equations:
    """Programs of the explicit and residual equations of a system, each between numbers."""

    def __init__(self) -> None:
        self.known: dict[str, Entry] = {}

    def __reduce__(self) -> Any:
        return Equations, ()  # they are written again where they are asked for

    def at(self, e: Equation, args: tuple[Any, ...], number: Mapping[str, int]) -> Any:
        """Return `Derived` for these arguments by a program, None as long as there is none.

        Parameters
        ----------
        e, args, number : as for `lagrad.local.trace_equation`
        """
        traced = tuple(p in number for p in e.parents)
        entry = self.known.get(e.name)
        if entry is None or entry.equation != e or entry.traced != traced:
            entry = self.known[e.name] = Entry(e, traced)
        entry.uses += 1
        if entry.uses <= USES or entry.program.over or inside() or not all(map(plain, args)):
            return None
        found = entry.program.call(*args)
        if found is None:
            return None
        value, lam, error = found
        if not all(map(math.isfinite, (value, error, *(d for d in lam if d is not None)))):
            return entry.program.missed()
        entry.program.misses = 0
        variables = [number[p] for p in e.parents if p in number]
        pairs = zip(variables, lam, strict=True)
        partials = [(j, np.float64(d)) for j, d in pairs if d is not None]
        return Derived(np.float64(value), partials, error, lambda: trace_equation(e, args, number))

    def forget(self, e: Equation) -> None:
        """Do without the program of an equation, which is not what it says."""
        self.known[e.name].program.over = True


class Entry:
    """What is known of one equation."""

    def __init__(self, e: Equation, traced: tuple[bool, ...]) -> None:
        self.equation, self.traced, self.uses = e, traced, 0
        told = replace(e, function=None)
        self.program = Quiet(partial(derived, told, e.function, traced))


def derived(e: Equation, function: Any, traced: tuple[bool, ...], *args: Any) -> Any:
    """Return (f, its derivative by each traced argument, None where there is none, its error)."""
    refuse_elsewhere(args)
    if any(np.shape(x) or x.dtype != np.float64 for x, t in zip(args, traced, strict=True) if t):
        raise NoProgramError
    with tracing() as made:
        given, rows = list(args), []
        for k, varies in enumerate(traced):
            if varies:
                given[k], (row,) = lift(made, args[k], f"x{k}")
                rows.append(row)
        value = lifted(called(function, e.keywords, given))
    if not (isinstance(value, Tracer) and value._trace is made) or value.shape:
        raise NoProgramError
    graph = made.graph(tuple(rows), (value._row,))
    z, last = graph.columns.values, value._row + 1
    if graph.sizes[:last].sum() > NUMBERS or graph.cycles or value.dtype != np.float64:
        raise NoProgramError
    if any(is_choice(p) for i in range(last) for _, p in graph.partials(i)):
        raise NoProgramError  # Behind a selection nothing may be handed on, not even zero.
    lam = back_substitute(graph, {value._row: np.ones(())[()]})
    error = sum(np.sum(np.abs(w) * np.abs(z[i])) for i, w in lam.items()) * EPS
    return value._value, [lam.get(row) for row in rows], error


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
    given = [x for p in problem.plain for _, x in leaves(p)]
    if inside() or not all(map(plain, given)):
        return None
    structure = problem.structure
    known = structure.program
    if known is None:
        if any(type(x) is Static for p in (problem.z0, *problem.plain) for _, x in parts(p)):
            return None
        problem.evaluated(problem.start())
        known = structure.program = CycleProgram(problem)
    elif known.over:
        return None
    elif not known.fits(problem):  # It is another one of the same names.
        structure.program, structure.searches = None, 0
        return None
    problem.equations = known.equations
    return known.at(problem, given)


def inside() -> bool:
    """True inside of a trace: values from around may be read there, and are to be seen."""
    trace = CURRENT.get()
    return trace is not None and (trace.level > 0 or not trace.muted)


def plain(x: Any) -> bool:
    """True for numbers, words and arrays of numbers: nothing in them is hidden."""
    return type(x) in PLAIN and (type(x) is not np.ndarray or x.dtype.kind in "fiub")


def refuse_elsewhere(numbers: Sequence[Any]) -> None:
    """Refuse what are not the symbols of a program that is being written."""
    if not any(type(x) is Symbol for x in numbers) or any(
        isinstance(x, Traced) and type(x) is not Symbol for x in numbers
    ):
        raise NoProgramError


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
    refuse_elsewhere(numbers)
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
