"""Newton's method: ``R dz = -r``, with shorter steps where they help and old factors where they do.

    full step     dz = -R(z)^-1 r(z), shortened until r falls
    next steps    with the same factors, as long as each takes r down to a tenth (Shamanskii,
                  Ukr. Mat. Zh. 19 (1967), p. 133); a factorisation costs as much as many of them

The last factors are one iterate stale or more. They precondition the multiplier solve on the exact
A, so that the backward sweep needs no factorisation of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lagrad.forward.point import Point, Slope, below, largest
from lagrad.model import SMALL
from lagrad.residual import Linear
from lagrad.status import SingularError, Status

#: A step is taken if the residual falls by this part of what the linear model promises; Dennis and
#: Schnabel, Numerical Methods for Unconstrained Optimization (1983), p. 126.
SUFFICIENT = 1e-4

#: The shortest part of a Newton step that is tried.
SHORTEST = 2.0**-30

#: A step with old factors must take the residual down to this part, and so many of them are made.
FAST, KEPT = 0.1, 4

#: So many times its rounding errors the residual is moved, to see how R changes next to a solution:
#: at a multiple root R then changes by a larger factor than `CHANGE`, however near the root is.
DISTANCE, CHANGE = 30.0, 2.0

#: So many steps at the end, as long as each is shorter than this part of the one before.
FINAL, SHRINKS = 6, 0.1

#: What an iterative method may leave of the right-hand side of a step, and the part of z around it
#: in which a linear g is looked for.
ROUGHLY, AROUND = 1e-3, 1e-4

#: So many steps that shrink alike tell a multiple root, and less of a step than this is held back.
STEADY, HELD = 8, 1e-3

#: Where R is not formed, rounding errors are only sampled, and may be so many times larger.
SAMPLED = 3.0

#: An iterative method stops at so many times the rounding errors of R z.
UNFINISHED = 50.0

#: How often a step to where R is singular is halved.
RETREATS = 10

#: Where R is not formed, not before the residual has fallen to this part of the first.
FALLEN = 1e-6

#: Rounding errors, which cost sweeps, are not looked at while r is larger than this times those of
#: R z, unless the steps are small.
NEAR = 1e3


@dataclass
class Outcome:
    """Where a search ended: at which point, with which factors, and why."""

    status: Status
    at: Point
    slope: Slope | None
    steps: int
    factorisations: int
    detail: str = ""


def newton(
    at: Point,
    slope_at: Callable[[Linear], Slope],
    tol: float,
    max_steps: int,
    inside: Callable[[np.ndarray, np.ndarray], float],
    watch: Callable[[Point], None],
) -> Outcome:
    """Search for r(z) = 0 from ``at``.

    Parameters
    ----------
    at : Point
    slope_at : function
        Returns the factorised R of a linearization; a SingularError ends the search.
    tol : float
        Converged when r is no larger than its rounding errors; above 1e-7 also when the last step
        changed every entry by less than ``tol`` of itself and r is below ``tol^2`` of its terms.
    max_steps : int
    inside : function
        ``inside(z, dz)`` returns how much of the step dz stays in the domain, 1 for all of it.
    watch : function, called with every point
    """
    slope: Slope | None = None
    before: Point | None = None
    linear, dz = False, np.zeros(len(at.z))
    sizes: list[float] = []
    last, fresh, steps, made, kept, retreats = None, False, 0, 0, 0, 0

    def ended(status: Status) -> Outcome:
        return Outcome(status, at, last, steps, made)

    first = at
    watch(at)
    if not at.finite:
        return ended(Status.NOT_FINITE_START)
    while steps < max_steps:
        if slope is None:
            try:
                slope = last = slope_at(at.linear)
                fresh, made, kept = True, made + 1, 0
            except SingularError:
                # A solution that the start hits is one, though it has no derivative.
                if below(at.r, at.rounding):
                    return ended(Status.SOLVED)
                if not partials_finite(at):
                    return ended(Status.NOT_DIFFERENTIABLE)
                if before is None or retreats == RETREATS:
                    return ended(Status.SINGULAR if steps else Status.SINGULAR_START)
                # Between here and the last point, which was regular, R is.
                retreats += 1
                at = before.moved((at.z - before.z) / 2)
                watch(at)
                if not at.finite:
                    return ended(Status.SINGULAR)
                continue
        # The step of a linear problem is the solution; others are worth a few digits at a time.
        if slope.iterative and steps == 0:
            linear = constant(at)
        roughly = ROUGHLY if slope.iterative and not (linear and steps == 0) else 0.0
        try:
            dz = slope.step(-at.r, roughly)
        except SingularError as error:
            if fresh:
                outcome = ended(Status.INACCURATE)
                outcome.detail = str(error)
                return outcome
            slope = None
            continue
        new = shortened(at, slope, dz, tol, inside) if fresh else full(at, slope, dz, inside)
        if new is None:
            if fresh and below(at.r, at.rounding):
                return ended(Status.SOLVED)
            if fresh:
                held = inside(at.z, dz) < SHORTEST
                return ended(Status.BOUNDED if held else Status.STALLED)
            slope = None
            continue
        sizes.append(largest(new.z - at.z))
        steps, before, retreats = steps + 1, at, 0
        watch(new)
        fast = len(new.z) > SMALL and slope.weight(new.r) <= FAST * slope.weight(at.r)
        if converged(slope, new.z - at.z, new, tol, first, fast):
            at = new
            at, status = finished(at, slope, inside, linear)
            return ended(status)
        kept += 1
        if not linear and not (fast and kept <= KEPT):
            slope = None
        at, fresh = new, False
    held = inside(at.z, dz) < HELD if steps else False
    if held:
        return ended(Status.BOUNDED)
    return ended(tendency(sizes))


def tendency(sizes: list[float]) -> Status:
    """Say what steps that did not come to an end were about.

    Near a multiple root they all shrink by one factor, and towards no root at all they do not.
    """
    last = np.array(sizes[-STEADY:])
    if len(last) < STEADY or not (last > 0).all():
        return Status.NOT_CONVERGED
    ratios = last[1:] / last[:-1]
    if ratios.max() - ratios.min() > 0.05:
        return Status.NOT_CONVERGED
    if 0.97 < ratios.mean() < 1.1:
        return Status.RUNAWAY
    return Status.MULTIPLE_ROOT if 0.4 < ratios.mean() < 0.95 else Status.NOT_CONVERGED


def partials_finite(at: Point) -> bool:
    """True if no entry of R is NaN or inf, seen through a product with ones."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(at.linear.along(np.ones(len(at.z)))).all())


def shortened(at: Point, slope: Slope, dz: np.ndarray, tol: float, inside: Any) -> Point | None:
    """Return z + t dz for the first t = 1, 1/2, 1/4 ... that helps, or None if none does.

    It helps if r falls, or what is left of it above rounding does.
    """
    t = inside(at.z, dz)
    before = slope.weight(at.r)
    while t >= SHORTEST:
        new = at.moved(t * dz)
        if new.finite:
            promised = 1.0 - SUFFICIENT * t
            if slope.weight(new.r) <= promised * before:
                return new
            bound = at.allowed(tol)
            if slope.weight(new.r, bound) <= promised * slope.weight(at.r, bound):
                return new
        t /= 2
    return None


def full(at: Point, slope: Slope, dz: np.ndarray, inside: Any) -> Point | None:
    """Return z + dz if r falls at all there."""
    if inside(at.z, dz) < 1.0:
        return None
    new = at.moved(dz)
    return new if new.finite and slope.weight(new.r) <= slope.weight(at.r) else None


def converged(
    slope: Slope, dz: np.ndarray, at: Point, tol: float, first: Point, fast: bool
) -> bool:
    """True if r is no larger than rounding errors: of its terms, of z, and of R dz, which met r.

    With a large ``tol`` also if the step changed every entry of z by less than ``tol`` of itself,
    and r is below ``tol^2`` of its terms. All of it is the same in all units of variables and
    equations.
    """
    met, small = at.met(slope, dz), below(dz, tol * np.abs(at.z))
    if met.any():
        near = below(at.r, NEAR * (met + at.met(slope, at.z)))
    else:  # R is not formed
        near = slope.weight(at.r) <= FALLEN * slope.weight(first.r)
    if not near and not small:
        return False
    # Entry by entry a backward error: Oettli and Prager, Numer. Math. 6 (1964), p. 405.
    given = met + at.met(slope, at.z)
    if slope.iterative:
        given = UNFINISHED * given
    if below(at.r, given):
        return True
    if fast and not small:
        return False  # Another step costs less than to look at rounding errors.
    if not met.any():
        given = given + SAMPLED * at.rounding
    return below(at.r, at.rounding + given) or (small and below(at.r, at.allowed(tol) + given))


def finished(at: Point, slope: Slope, inside: Any, linear: bool) -> tuple[Point, Status]:
    """Take more steps with the factors at hand while they shrink, and say what was reached.

    A residual within rounding errors may still be off to one side, and where R is ill-conditioned
    that is far off in z; ``linear`` says that g is. These steps, an evaluation and a solve each,
    mend it.
    """
    smooth, last, begin = True, np.inf, at
    try:
        smooth = linear or regular(at, slope)
        first, noise = at, at.met(slope, at.z)
        for _ in range(0 if slope.iterative else FINAL):
            dz = slope.step(-at.r)
            size = largest(dz / slope.factor.rows)
            if not size <= SHRINKS * last or inside(at.z, dz) < 1.0:
                break
            new = at.moved(dz)
            if not new.finite:
                break
            less = below(new.r, noise) or slope.weight(new.r) <= slope.weight(at.r)
            if not less and not below(new.r, noise + first.rounding):
                break
            at, last = new, size
            if size <= at.eps * largest(at.z / slope.factor.rows):
                break
    except SingularError:
        return begin, Status.SOLVED  # The multipliers will name what is singular.
    return at, Status.SOLVED if smooth else Status.DEGENERATE


def regular(at: Point, slope: Slope) -> bool:
    """True if R is nearly constant where r differs from zero by rounding errors.

    At a multiple root or a turning point it is not: there z is known to the square root of eps or
    less, R is as wrong as it is small, and its inverse means nothing. Such a distance d lies along
    what R hardly sees, so it is R d that tells how much R changes there.
    """
    signs = np.copysign(1.0, at.rng.uniform(-1.0, 1.0, len(at.r)))
    d = slope.step(signs * at.rounding)
    # One step of Hager's algorithm finds the signs that R^-1 stretches most, which random ones may
    # miss; SIAM J. Sci. Stat. Comput. 5 (1984), p. 311.
    d = d / slope.factor.rows
    lam = slope.solve(d / (largest(d) or 1.0) / slope.factor.rows)
    signs = np.where(lam >= 0, 1.0, -1.0)
    return steady_slope(at, slope, slope.step(DISTANCE * signs * at.rounding))


def steady_slope(at: Point, slope: Slope, d: np.ndarray, change: float = CHANGE - 1.0) -> bool:
    """True if R d at z + d differs from that at z by no more than the part ``change``."""
    if not d.any():
        return True
    near = at.moved(d)
    if not near.finite:
        return False  # The domain ends here.
    here, there = (slope.step(point.linear.along(d)) / slope.factor.rows for point in (at, near))
    least = min(largest(here), largest(there))
    return bool(largest(there - here) <= change * least)


def constant(at: Point) -> bool:
    """True if R is the same to the last bit on both sides of z: g is linear around it."""
    size = np.maximum(np.abs(at.z), largest(at.z) or 1.0)
    move = AROUND * size * at.rng.choice([-1.0, 1.0], len(at.z))
    v = at.rng.uniform(1.0, 2.0, len(at.z))
    here = at.linear.along(v)
    for sign in (1.0, -1.0):
        near = at.problem.linearize(at.z + sign * move)
        if not np.array_equal(near.along(v), here):
            return False
    return True
