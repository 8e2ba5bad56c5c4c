"""Cycles in a program: a search that keeps its factors, and solves with them.

    solved = solve_root((p, ...), (z0, ...))       searches, by the function's own conditions
    z = solved.value
    lam = solved.multipliers(w)                    A lam = w, with the factors of the search

What is handed on to the parameters, -R_zp^T lam, is written down line by line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lagrad.compile.program import Instruction
from lagrad.compile.symbol import Symbol
from lagrad.cycle import Cycle, Turned
from lagrad.trace import Traced
from lagrad.trace.tracer import current


def solution(solved: Any) -> Any:
    """Return the values that were found."""
    return solved.value


def multipliers(solved: Any, w: Any) -> Any:
    """Return lam of A lam = w."""
    return solved.multipliers(w)


def tangents(solved: Any, b: Any) -> Any:
    """Return dz of R dz = b."""
    return solved.tangents(b)


def cycle_value(cycle: Cycle, args: tuple[Any, ...]) -> Any:
    """Write down the search for a cycle's values, or a solve with its factors; None if unknown."""
    symbols = [a for a in args if type(a) is Symbol]
    program = max((a._trace for a in symbols), key=lambda t: t.level)

    def row_of(a: Any) -> Any:
        return current(a)._row if type(a) is Symbol else program.held(a)

    def symbol(function: Any, parts: tuple[Any, ...], value: Any) -> Symbol:
        return Symbol(program, program.append(function, parts, {}, value), value)

    if isinstance(cycle.solver, Turned):
        below, adjoint = cycle, False
        while isinstance(below.solver, Turned):
            adjoint = adjoint != below.solver.adjoint  # what is turned twice is as it was
            below = below.solver.cycle
        solved = program.solved.get(id(below))
        if solved is None:
            return None
        return symbol(multipliers if adjoint else tangents, (solved, row_of(args[-1])), cycle.value)
    if cycle.anew is None:
        return None
    starts = [bottom(x) for x in cycle.anew.starts]
    if any(isinstance(x, Traced) and type(x) is not Symbol for x in starts):
        return None
    parts = tuple(map(row_of, args)), tuple(map(row_of, starts))
    made = program.append(cycle.anew, parts, {}, cycle)
    program.solved[id(cycle)] = made
    program.cycles.append(cycle)  # as long as the program is written, its number is its own
    return symbol(solution, (made,), cycle.value)


def bottom(x: Any) -> Any:
    """Return the symbol that a traced value carries, or its plain value."""
    while isinstance(x, Traced) and type(x) is not Symbol:
        x = current(x)._value
    return x


def solution_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """The values of a search."""
    yield f"{name} = {e.text(row.args[0])}.value"


def solve_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A solve with the factors of a search."""
    solved, b = map(e.text, row.args)
    yield f"{name} = {solved}.{row.function.__name__}({b})"


LINES = {solution: solution_lines, multipliers: solve_lines, tangents: solve_lines}
