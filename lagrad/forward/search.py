"""The search for the values of a cycle: which method, with which linear solver, and why."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from lagrad.certificate import Certificate
from lagrad.containers import leaves, map_leaves
from lagrad.forward.iterate import WINDOW, iterate
from lagrad.forward.linear import Linearizer
from lagrad.forward.newton import Outcome, newton, partials_finite, regular, steady_slope
from lagrad.forward.point import Point, Slope, below, largest
from lagrad.graph import short
from lagrad.residual import Conditions, Written
from lagrad.rounding import ROUNDING
from lagrad.status import ArgumentError, SingularError, Status

METHODS = ("auto", "newton", "newton-krylov", "anderson", "iteration")

#: Steps by default: a Newton step costs a factorisation, one of an iteration an evaluation.
STEPS = {"newton": 50, "newton-krylov": 50, "anderson": 1000, "iteration": 10_000}

#: After so many searches of one structure its conditions are written down as a program.
SEARCHES = 4

#: How near to the bounds a step may go, as a part of the way.
TO_BOUND = 0.9

#: What a derivative may change by within the error of values that a user's solver returns.
DRIFT = 0.01

#: A step that stays in the domain with less of it than this does not.
SHORTEST = 1e-9


@dataclass(frozen=True)
class Search:
    """How to search for the values of a cycle; see `lagrad.root` for what each option means."""

    method: str = "auto"
    tol: float = 1e-8
    max_steps: int | None = None
    linear_solver: Any = "auto"
    preconditioner: Any = None
    bounds: Any = None
    domain: Callable[[Any], bool] | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ArgumentError(f"method={self.method!r}; there are {', '.join(METHODS)}")
        number = isinstance(self.tol, int | float | np.number) and not isinstance(self.tol, bool)
        if not number or not 0 < self.tol < np.inf:
            raise ArgumentError(f"tol={self.tol!r}; give a positive number")
        steps = self.max_steps
        if steps is not None and not (isinstance(steps, int | np.integer) and steps >= 0):
            raise ArgumentError(f"max_steps={steps!r}; give a number of steps, or None")


@dataclass
class Found:
    """The values of a cycle, the factors they were found with, and the certificate.

    ``exact`` says that the factors are those of R at these values; a search ends with older ones.
    """

    problem: Conditions
    z: np.ndarray
    slope: Slope | None
    certificate: Certificate
    at: Point | None = field(default=None)
    linearizer: Linearizer | None = field(default=None)
    exact: bool = False


def certificate_of(problem: Conditions) -> Certificate:
    """Return the certificate of a search that begins."""
    layout = problem.layout
    sizes = [int(np.prod(shape)) for shape in layout.shapes]
    return Certificate(list(layout.labels), sizes, problem.what)


def find(problem: Conditions, search: Search) -> Found:
    """Search for z with g(z) = 0, by a program of g if this is one of many searches."""
    return by_program(problem, lambda: searched(problem, search))


def by_program(problem: Conditions, run: Callable[[], Found]) -> Found:
    """Return what ``run`` finds with the conditions as a program, or without.

    What a program found counts if g itself says so; everything else is left to g, which knows the
    words for it.
    """
    structure, problem.program = problem.structure, None
    structure.searches += 1
    if problem.writer is not None and SEARCHES < structure.searches:
        problem.program = problem.writer(problem)
    if problem.program is None:
        return run()
    try:
        found = run()
        if found.certificate.status.success and confirmed(problem, found):
            return found
    except Exception:  # It is raised again, if it is no fault of the program.
        pass
    problem.program = None
    return run()


def confirmed(problem: Conditions, found: Found) -> bool:
    """True if g is at the solution what its program said, up to rounding errors."""
    at = found.at
    assert at is not None
    r = problem.evaluated(at.z)
    written = problem.linearize(at.z)
    same = isinstance(written, Written) and below(r - at.r, ROUNDING * written.bound)
    if not same:
        problem.structure.program.over = True
    return same


def searched(problem: Conditions, search: Search) -> Found:
    """Search for z with g(z) = 0."""
    begin, rng = time.perf_counter(), np.random.default_rng(0)
    layout = problem.layout
    certificate = certificate_of(problem)
    z = problem.start()
    if not layout.size:
        problem.evaluate(z)
        certificate.status, certificate.residual = Status.SOLVED, 0.0
        certificate.method = "nothing to solve: there are no unknowns"
        certificate.seconds["values"] = 0.0
        return Found(problem, z, None, certificate)
    linearizer = Linearizer(problem, search.method, search.linear_solver, search.preconditioner)
    inside = domain_of(problem, search)
    with watching(search.progress, problem.what, certificate.history) as watch:
        at = Point(problem, z, problem.evaluate(z), rng)
        if search.method in ("anderson", "iteration"):
            end = slowly(at, search, linearizer, inside, watch)
        else:
            steps = search.max_steps if search.max_steps is not None else STEPS["newton"]
            end = newton(at, linearizer, search.tol, steps, inside, watch)
    certificate.factorisations, certificate.detail = end.factorisations, end.detail
    certificate.method = linearizer.method if search.method in NEWTON else told(search)
    found = Found(problem, end.at.z, end.slope, certificate, end.at, linearizer)
    return closed_certificate(found, end.status, end.steps, begin)


def closed_certificate(found: Found, status: Status, steps: int, begin: float) -> Found:
    """Write down how a search ended."""
    certificate, at = found.certificate, found.at
    assert at is not None
    certificate.status, certificate.steps = status, steps
    certificate.residual = largest(at.r)
    if "rounding" in at.__dict__:
        with np.errstate(all="ignore"):
            ratio = np.abs(at.r) / (at.rounding / ROUNDING)
            certificate.rounding = float(np.max(ratio[at.r != 0], initial=0.0))
    if found.slope is not None:
        factor = found.slope.factor
        plan = getattr(factor, "plan", None)
        certificate.linear = str(factor.method)
        certificate.why = str(plan.why) if plan is not None else ""
        certificate.entries = int(getattr(factor, "nnz", 0))
        certificate.bytes = int(getattr(factor, "bytes", 0))
    certificate.seconds["values"] = time.perf_counter() - begin
    return found


def assess(problem: Conditions, search: Search, start: Any = None) -> Found:
    """As `assessed`, by a program of g if this is one of many solutions."""
    return by_program(problem, lambda: assessed(problem, search, start))


def assessed(problem: Conditions, search: Search, start: Any) -> Found:
    """Accept the values z0 if a Newton step from there would change them by little.

    ``start`` is where the search for them began, which tells the size of what ended at zero.
    """
    begin = time.perf_counter()
    certificate = certificate_of(problem)
    z = problem.start()
    at = Point(problem, z, problem.evaluate(z), np.random.default_rng(0))
    certificate.history.append(largest(at.r))
    linearizer = Linearizer(problem, "auto", search.linear_solver, search.preconditioner)
    slope, status = None, Status.NOT_FINITE_START
    if at.finite:
        try:
            slope = linearizer(at.linear)
            dz = slope.step(-at.r)
            near = below(dz, search.tol * scale_of(problem, z, search.tol, start))
            if not near and not below(at.r, at.rounding):
                status = Status.NOT_SATISFIED
            else:
                smooth = steady_slope(at, slope, dz, DRIFT) and regular(at, slope)
                status = Status.ACCEPTED if smooth else Status.DEGENERATE
        except SingularError:
            status = Status.SINGULAR if partials_finite(at) else Status.NOT_DIFFERENTIABLE
    certificate.method = "a solver of the user's own"
    found = Found(problem, z, slope, certificate, at, linearizer, exact=slope is not None)
    return closed_certificate(found, status, 0, begin)


def scale_of(problem: Conditions, z: np.ndarray, tol: float, start: Any) -> np.ndarray:
    """Return what the error of each entry is compared with: itself, or ``tol`` of its array.

    Or ``tol`` of where it began.
    """
    scale = np.abs(z)
    for begin, end in pairwise(problem.layout.offsets):
        scale[begin:end] = np.maximum(scale[begin:end], tol * largest(z[begin:end]))
    parts = [np.ravel(x) for _, x in leaves(start) if isinstance(x, float | np.ndarray | np.number)]
    began = np.concatenate([np.abs(x).astype(float) for x in parts]) if parts else np.zeros(0)
    return np.maximum(scale, tol * began) if len(began) == len(scale) else scale


NEWTON = ("auto", "newton", "newton-krylov")


def told(search: Search) -> str:
    """Say what was asked for."""
    return f"{search.method}, as asked, and a Newton step at the end"


def slowly(at: Point, search: Search, linearizer: Linearizer, inside: Any, watch: Any) -> Outcome:
    """Iterate, and let a Newton step at the end say how far the solution is.

    A slow iteration makes small steps far from its solution, so the step alone proves nothing.
    """
    budget = search.max_steps if search.max_steps is not None else STEPS[search.method]
    window, total, made = WINDOW * (search.method == "anderson"), 0, 0
    tol = search.tol
    while True:

        def target(point: Point, tol: float = tol) -> float:
            return tol * largest(point.z)

        at, steps, status = iterate(at, target, budget - total, inside, watch, window)
        total += steps
        if status is not Status.SOLVED:
            return Outcome(status, at, None, total, made)
        try:
            slope = linearizer(at.linear)
            made += 1
            dz = slope.step(-at.r)
        except SingularError:
            return Outcome(Status.SINGULAR, at, None, total, made)
        # Within sqrt(tol) Newton's steps, quadratic from here, are worth more than iterating on.
        if largest(dz) <= np.sqrt(search.tol) * largest(at.z) or largest(dz) == 0.0:
            end = newton(at, linearizer, search.tol, 20, inside, watch)
            near = largest(end.at.z - at.z) <= 10 * largest(dz)
            if end.status.success and not near:
                end.status = Status.NOT_CONVERGED
            end.steps += total
            end.factorisations += made
            return end
        tol *= max(1e-3, 0.1 * np.sqrt(search.tol) * largest(at.z) / largest(dz))
        if total >= budget or tol < 1e-30:
            return Outcome(Status.NOT_CONVERGED, at, slope, total, made)


def domain_of(problem: Conditions, search: Search) -> Callable[[np.ndarray, np.ndarray], float]:
    """Return ``inside(z, dz)``: the largest part of a step that stays in the domain, at most 1."""
    if search.bounds is None and search.domain is None:
        return lambda z, dz: 1.0
    low, high = (bound_of(problem, search.bounds, k) for k in (0, 1))
    if np.any(low > high):
        k = int(np.argmax(low > high))
        raise ArgumentError(
            f"bounds of {problem.what}: the lower bound {low[k]:.6g} of "
            f"{problem.layout.entry_names()[k]} is above the upper one, {high[k]:.6g}"
        )
    start = problem.start()
    if np.any((start < low) | (start > high)):
        k = int(np.argmax((start < low) | (start > high)))
        raise ArgumentError(
            f"the start of {problem.what} is outside of its bounds: "
            f"{problem.layout.entry_names()[k]} = {start[k]:.6g}"
        )

    def allowed(z: np.ndarray) -> bool:
        assert search.domain is not None
        answer = search.domain(problem.container(z))
        return all(bool(np.all(part)) for _, part in leaves(answer))

    if search.domain is not None and not allowed(start):
        raise ArgumentError(
            f"the start of {problem.what}, {', '.join(problem.layout.labels[:6])}, is outside of "
            "the domain: domain(z) is False there"
        )

    def inside(z: np.ndarray, dz: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            room = np.where(dz > 0, (high - z) / dz, np.where(dz < 0, (low - z) / dz, np.inf))
        reach = float(np.min(room, initial=np.inf))
        t = 1.0 if reach >= 1.0 else TO_BOUND * reach
        if search.domain is not None:
            while t > SHORTEST and not allowed(z + t * dz):
                t /= 2
        return t if t > SHORTEST else 0.0

    return inside


def bound_of(problem: Conditions, bounds: Any, k: int) -> np.ndarray:
    """Return the lower (0) or upper (1) bounds as a vector; None is no bound."""
    default = np.inf if k else -np.inf
    if bounds is not None and not (isinstance(bounds, tuple | list) and len(bounds) == 2):
        raise ArgumentError(
            f"bounds of {problem.what} are {bounds!r}; give a pair (lower, upper), each a number, "
            "None, or a container like the unknowns"
        )
    given = None if bounds is None else bounds[k]
    if given is None:
        return np.full(problem.layout.size, default)
    if np.isscalar(given):
        given = map_leaves(lambda _: given, problem.z0)
    named, wanted = dict(leaves(given)), [label for label, _ in leaves(problem.z0)]
    if set(named) != set(wanted):
        raise ArgumentError(
            f"bounds of {problem.what} are for {[problem.name + x for x in named]}, and the "
            f"unknowns are {[problem.name + x for x in wanted]}: give (lower, upper), each a "
            "number, None, or a container like the unknowns"
        )
    flat = []
    layout = problem.layout
    for key, shape, dtype, label in zip(
        wanted, layout.shapes, layout.dtypes, layout.labels, strict=True
    ):
        b = default if named[key] is None else named[key]
        try:
            bound = np.broadcast_to(np.asarray(b, dtype=float), shape).ravel()
        except (TypeError, ValueError):
            raise ArgumentError(
                f"the bound of {label} is {short(b)}, and {label} has shape {shape}"
            ) from None
        if np.isnan(bound).any():
            raise ArgumentError(f"the bound of {label} is NaN; give None for no bound")
        flat += [bound] * (1 + (dtype.kind == "c"))  # of a complex unknown, both its parts
    return np.concatenate(flat)


class watching:  # noqa: N801
    """Keep the residual of every step, and show it on a progress bar if that is asked for."""

    def __init__(self, shown: bool, what: str, history: list[float]) -> None:
        self.history, self.bar = history, None
        self.last: Point | None = None
        if shown:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                raise ArgumentError(
                    "progress=True needs tqdm: pip install 'lagrad[progress]'"
                ) from None
            self.bar = tqdm(desc=what, unit="step")

    def __enter__(self) -> Callable[[Point], None]:
        return self.see

    def see(self, at: Point) -> None:
        """Note the residual of a point that was not the last one seen."""
        if at is self.last:
            return
        self.last = at
        self.history.append(largest(at.r))
        if self.bar is not None:
            self.bar.update()
            self.bar.set_postfix_str(f"|r| = {self.history[-1]:.2e}")

    def __exit__(self, *error: Any) -> None:
        if self.bar is not None:
            self.bar.close()
