"""The linear solves at a solution: multipliers and tangents of a cycle, with factors made once."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

import numpy as np

from lagrad.certificate import LinearSolve
from lagrad.containers import leaves, unflatten
from lagrad.cycle import Cycle, constraint, number
from lagrad.diagnose import null_vectors
from lagrad.forward.newton import SMALL
from lagrad.forward.point import Slope
from lagrad.forward.search import Found
from lagrad.residual import Conditions, Linear
from lagrad.solve.interface import Factor, certified
from lagrad.status import SINGULAR, ConvergenceError, SingularError, Status
from lagrad.trace import Tracer, recording_program
from lagrad.trace.tracer import innermost_value


class CycleSolver:
    """Solves A x = b and A^T x = b at the values of a cycle."""

    def __init__(self, problem: Conditions, found: Found) -> None:
        self.problem, self.found = problem, found
        self.slope: Slope | None = None

    @property
    def status(self) -> Status:
        """How the search for the values ended."""
        return self.found.certificate.status

    @cached_property
    def linear(self) -> Linear:
        """The conditions at the solution, with nothing but the unknowns as inputs."""
        return self.problem.linearize(self.found.z)

    def solve_here(self, b: Any, transposed: bool) -> tuple[Any, float]:
        """Return x, and its relative residual."""
        x = self.solve(self.linear, b, transposed)
        solves = self.found.certificate.solves
        return x, solves[-1].residual if solves else float("nan")

    def solve(self, linear: Linear, b: Any, transposed: bool) -> Any:
        """Return x, checked, with a note in the certificate."""
        certificate, begin = self.found.certificate, time.perf_counter()
        b = np.asarray(b, dtype=float)
        if not np.isfinite(b).all():
            return np.full_like(b, np.nan)  # It comes from outside, and is told where it began.
        slope = self.at_solution(linear)
        x, residual = certified(slope.A, slope.factor, b, transposed)
        certificate.solves.append(LinearSolve(residual, slope.factor.method, transposed))
        seconds = certificate.seconds
        seconds["multipliers"] = seconds.get("multipliers", 0.0) + time.perf_counter() - begin
        return x

    def factor(self, linear: Linear) -> Factor:
        """Return the factors of A."""
        return self.at_solution(linear).factor

    def at_solution(self, linear: Linear) -> Slope:
        """Return A at the solution with its factors.

        Raises
        ------
        ConvergenceError
            If there is no solution: what the values lack would be in every derivative.
        """
        status = self.found.certificate.status
        if not status.success:
            raise ConvergenceError(
                f"the values of {self.problem.what} were not found, so there is no derivative: "
                f"{status.value}"
            )
        if self.slope is None and self.found.exact:
            self.slope = self.found.slope
        if self.slope is None:
            linearizer, last = self.found.linearizer, self.found.slope
            assert linearizer is not None
            try:
                if last is not None and self.problem.layout.size > SMALL:
                    self.slope = linearizer.reuse(linear, last)
                else:
                    self.slope = linearizer(linear)
            except SingularError as error:
                raise SingularError(
                    f"{self.problem.what} has no derivative at its solution: it is {error}\n"
                    + named(self.problem, linear)
                ) from error
        return self.slope


def constrained(problem: Conditions, found: Found, anew: Any = None) -> Any:
    """Return the values of a search as a variable of the traces now running.

    ``anew`` repeats the search with other parameters.
    """
    begin = time.perf_counter()
    if not problem.layout.size:
        return problem.container(found.z.copy())
    given = [x for p in problem.params for _, x in leaves(p) if isinstance(x, Tracer)]
    plain = problem.layout.plain
    value = problem.layout.unpack(found.z)[0] if plain else found.z
    if anew is not None and recording_program():
        args = [*given, *anew.of(problem).outer]
        values = [number(innermost_value(a)) for a in args]
        linear = anew.linear(value, values)
    else:
        linear, anew = problem.trace(found.z), None
        args = [*given, *linear.outer]
        values = [number(innermost_value(a)) for a in args]
    found.certificate.seconds["values"] += time.perf_counter() - begin
    if not args and (anew is None or not anew.starts):
        return problem.container(found.z.copy())
    cycle = Cycle(problem.what, value, values, lambda: linear, CycleSolver(problem, found), anew)
    z = constraint(cycle, args)
    parts = [z] if plain else problem.layout.unpack(z)
    return unflatten(problem.z0, iter(parts))


def worst(found: Found) -> str:
    """Name the equations with the largest residuals."""
    if found.at is None or found.problem.equations is None or found.problem.layout.size == 1:
        return ""
    r = np.where(np.isfinite(found.at.r), np.abs(found.at.r), np.inf)
    names = found.problem.equations.entry_names()
    ranked = [k for k in np.argsort(-r, kind="stable")[:3].tolist() if r[k] > 0.05 * r.max()]
    return f" (the largest: {', '.join(f'{names[k]} = {found.at.r[k]:.2e}' for k in ranked)})"


def culprits(found: Found) -> str:
    """Name what is singular at the values where a search ended."""
    status = found.certificate.status
    if found.at is not None and status is Status.NOT_DIFFERENTIABLE:
        return "\n" + infinite(found.problem, found.at.linear)
    if status not in SINGULAR or status is Status.INACCURATE or found.at is None:
        return ""
    return "\n" + named(found.problem, found.at.linear)


def named(problem: Conditions, linear: Linear) -> str:
    """Name the unknowns and equations at fault in a singular A."""
    return null_vectors(linear.A, problem.layout.entry_names(), linear.equations.entry_names())


def infinite(problem: Conditions, linear: Linear) -> str:
    """Name the partials that are NaN or inf."""
    coo = linear.A.tocoo()
    bad = np.flatnonzero(~np.isfinite(coo.data))[:5]
    unknowns, equations = problem.layout.entry_names(), linear.equations.entry_names()
    pairs = ", ".join(f"{equations[coo.col[k]]} to {unknowns[coo.row[k]]}" for k in bad)
    return f"the partials of {pairs} are not finite"
