"""Plain iteration and Anderson acceleration: values without any derivative.

    z <- z - r(z), which is z <- f(z) for r = z - f(z)

Both end near a solution, and a Newton step from there says how near.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lagrad.forward.point import Point, largest
from lagrad.status import Status

#: So many times the smallest residual seen so far is divergence.
GROWTH = 1e6

#: So many steps of a plain iteration without a residual below all before are no contraction.
PATIENCE = 1000

#: Steps that Anderson acceleration combines.
WINDOW = 5

#: Directions of the window that depend on each other to this part are left out.
DEPENDENT = 1e-10


def iterate(
    at: Point,
    target: Callable[[Point], float],
    max_steps: int,
    inside: Callable[[np.ndarray, np.ndarray], float],
    watch: Callable[[Point], None],
    window: int = 0,
) -> tuple[Point, int, Status]:
    """Iterate until the largest |r| is below ``target(point)``.

    With a ``window`` m each step combines the last m + 1 so that the residual of the combination is
    smallest; Walker and Ni, SIAM J. Numer. Anal. 49 (2011), p. 1716, algorithm AA.

    Returns
    -------
    (point, steps, status) : SOLVED, or what kept it from that
    """
    watch(at)
    if not at.finite:
        return at, 0, Status.NOT_FINITE_START
    least, best, part = largest(at.r), 0, 1.0
    changes: list[np.ndarray] = []
    moves: list[np.ndarray] = []
    for steps in range(max_steps + 1):
        size = largest(at.r)
        if size <= target(at):
            return at, steps, Status.SOLVED
        if steps - best >= PATIENCE and not window:
            return at, steps, Status.NO_CONTRACTION if part == 1.0 else Status.BOUNDED
        if steps == max_steps:
            break
        step = -at.r
        if changes:
            step = step - combination(changes, moves, at.r)
        part = inside(at.z, step)
        new = at.moved(part * step)
        watch(new)
        if not new.finite:
            return at, steps, Status.DIVERGED if size > 10 * least else Status.NOT_FINITE
        if largest(new.r) > GROWTH * least:
            return new, steps + 1, Status.DIVERGED
        if window:
            changes, moves = [*changes, new.r - at.r], [*moves, new.z - at.z]
            changes, moves = changes[-window:], moves[-window:]
        if largest(new.r) < least:
            least, best = largest(new.r), steps + 1
        at = new
    return at, max_steps, Status.NOT_CONVERGED


def combination(changes: list[np.ndarray], moves: list[np.ndarray], r: np.ndarray) -> np.ndarray:
    """Return what the step -r has to be corrected by: (moves - changes) gamma.

    gamma minimizes |r - changes gamma|; directions that are dependent have no part in it.
    """
    dr, dz = np.stack(changes, axis=1), np.stack(moves, axis=1)
    scale = np.abs(dr).max(axis=0)
    gamma, *_ = np.linalg.lstsq(dr / np.where(scale > 0, scale, 1.0), r, rcond=DEPENDENT)
    gamma = gamma / np.where(scale > 0, scale, 1.0)
    return (dz - dr) @ gamma
