"""Values: constraints evaluated in order, Newton's method on each cyclic block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from lagrad.model import ROUNDING, Model
from lagrad.solve import factorize
from lagrad.solve.interface import Factor, checked
from lagrad.status import SingularError, Status

#: A step is taken if the residual falls by this part of what the linear model promises; Dennis and
#: Schnabel, Numerical Methods for Unconstrained Optimization (1983), p. 126.
SUFFICIENT = 1e-4

#: The shortest part of a Newton step that is tried.
SHORTEST = 2.0**-30

#: So many times its rounding errors the residual is moved, to see how R changes next to a solution:
#: at a multiple root R then changes by a larger factor than `CHANGE`, however near the root is.
DISTANCE, CHANGE = 30.0, 2.0


@dataclass(frozen=True)
class Cycle:
    """How the search for the values of a cyclic block ended; ``residual`` is the largest |r|."""

    variables: list[str]
    status: Status
    steps: int
    residual: float


def solve_values(model: Model, tol: float, max_steps: int) -> dict[int, Cycle]:
    """Find the values of all variables, block by block; they are stored in the model.

    Returns
    -------
    dict by block, for each cyclic one; after a failure those that follow are left out.
    """
    cycles = {}
    for k, block in enumerate(model.blocks):
        if block.cyclic:
            cycles[k] = newton(model, k, tol, max_steps)
            if not cycles[k].status.success:
                break
            model.known.update((i, model.evaluate(i)) for i in block.equations)
        else:
            (i,) = block.equations
            if model.equations[i].function is not None:
                model.forget(k)
                model.known[i] = model.values[model.equations[i].name] = model.evaluate(i)
    return cycles


@dataclass(eq=False)
class Linear:
    """The constraints of block k linearized at z: the residual r there, and A = R^T.

    ``rounding`` bounds the rounding errors of r.
    """

    model: Model
    k: int
    r: np.ndarray
    z: list[Any]
    A: sp.csc_array
    rounding: np.ndarray

    @cached_property
    def factor(self) -> Factor:
        """The factors of A."""
        return factorize(self.A)

    def step(self, change: np.ndarray) -> np.ndarray:
        """Return the dz that changes r by ``change``: R dz = change.

        Refined once, so that small entries of dz are as right as large ones; Skeel, Math. Comp. 35
        (1980), p. 817.
        """
        dz = checked(self.A, self.factor, change, transposed=True)
        return dz + self.factor.solve(change - self.A.T @ dz, transposed=True)

    def allowed(self, tol: float) -> np.ndarray:
        """Return tol^2 of the terms of r, and no less than their rounding errors."""
        return self.rounding * max(1.0, tol**2 / (ROUNDING * np.finfo(float).eps))


def linearize(model: Model, k: int, rng: np.random.Generator) -> Linear:
    """Linearize block k at the present values."""
    model.forget(k)
    r, A = residual(model, k), model.block_matrix(k)  # noqa: N806
    rounding = flat([model.rounding(i, rng) for i in model.blocks[k].equations])
    return Linear(model, k, r, values(model, k), A, ROUNDING * rounding)


def newton(model: Model, k: int, tol: float, max_steps: int) -> Cycle:
    """Solve ``r(z) = 0`` on block k: ``R dz = -r`` with R = A^T, shorter steps if that helps."""
    rng, step, status = np.random.default_rng(0), 0, Status.NOT_CONVERGED
    with np.errstate(all="ignore"):
        at = linearize(model, k, rng)
        if not finite(at.r):
            status = Status.NOT_FINITE
        while status is Status.NOT_CONVERGED and step < max_steps:
            step += 1
            if not finite(at.A.data):
                status = Status.NOT_FINITE
                break
            try:
                dz = at.step(-at.r)
            except SingularError:
                # A solution that the start hits is one, though it has no derivative.
                status = Status.SOLVED if below(at.r, at.rounding) else Status.SINGULAR
                break
            t = backtrack(at, dz, tol)
            if t == 0.0:
                break
            last, at = at, linearize(model, k, rng)
            if converged(last, t * dz, at, tol):
                status = finish(at, rng)
    names = [model.names[j] for j in model.blocks[k].variables]
    return Cycle(names, status, step, largest(residual(model, k)))


def converged(last: Linear, dz: np.ndarray, at: Linear, tol: float) -> bool:
    """True if r is no larger than rounding errors: those of its terms, and of R dz, which met r.

    With a large ``tol`` also if the step changed every entry of z by less than ``tol`` of itself,
    and r is below ``tol^2`` of its terms. All of it is the same in all units of variables and
    equations.
    """
    met = ROUNDING * np.finfo(float).eps * (abs(last.A.T) @ np.abs(dz))
    small = below(dz, tol * np.abs(flat(at.z)))
    return below(at.r, at.rounding + met) or (small and below(at.r, at.allowed(tol) + met))


def backtrack(at: Linear, dz: np.ndarray, tol: float) -> float:
    """Move to z + t dz for the first t = 1, 1/2, 1/4 ... that helps, and return t; 0 if none does.

    It helps if what is left of r above rounding falls.
    """
    t, before = 1.0, weight(at, at.r, at.allowed(tol))
    while t >= SHORTEST:
        move(at, t * dz)
        r = residual(at.model, at.k)
        if finite(r) and weight(at, r, at.allowed(tol)) <= (1.0 - SUFFICIENT * t) * before:
            return t
        t /= 2
    move(at, 0.0 * dz)
    return 0.0


def weight(at: Linear, r: np.ndarray, bound: np.ndarray | float = 0.0) -> float:
    """Return the largest |r| above a bound, equations weighed by the scales of their columns in A.

    So it does not depend on their units.
    """
    return largest(at.factor.columns * np.maximum(np.abs(r) - bound, 0.0))


def finish(at: Linear, rng: np.random.Generator) -> Status:
    """Take one more step if it lowers r, which costs an evaluation, and say what was reached."""
    try:
        regular = is_regular(at, rng)
        dz = at.step(-at.r)
    except SingularError:
        return Status.SOLVED  # The multipliers will name what is singular.
    move(at, dz)
    r = residual(at.model, at.k)
    if not finite(r) or weight(at, r) > weight(at, at.r):
        move(at, 0.0 * dz)
    at.model.forget(at.k)
    return Status.SOLVED if regular else Status.DEGENERATE


def is_regular(at: Linear, rng: np.random.Generator) -> bool:
    """True if R is nearly constant where r differs from zero by rounding errors.

    At a multiple root or a turning point it is not: there z is known to the square root of eps or
    less, R is as wrong as it is small, and its inverse means nothing. Measured by the determinant,
    whose changes do not depend on units.
    """
    move(at, at.step(DISTANCE * rng.choice([-1.0, 1.0], len(at.r)) * at.rounding))
    at.model.forget(at.k)
    near = at.model.block_matrix(at.k)
    if not finite(near.data) or not finite(at.A.data):
        return False  # The domain ends here.
    change = abs(log_determinant(near) - log_determinant(at.A))
    return change <= np.log(CHANGE)


def log_determinant(A: sp.csc_array) -> float:  # noqa: N803
    """Return log|det A|, -inf for a singular matrix: from the diagonal of U, since L has ones."""
    if not A.shape[0]:
        return 0.0
    try:
        return float(np.log(np.abs(splu(A).U.diagonal())).sum())
    except RuntimeError:  # SuperLU's word for a zero pivot
        return -np.inf


def residual(model: Model, k: int) -> np.ndarray:
    """Return the residuals of block k as one vector."""
    with np.errstate(all="ignore"):
        return flat([model.residual(i) for i in model.blocks[k].equations])


def values(model: Model, k: int) -> list[Any]:
    """Return the values of the variables of block k."""
    return [model.values[model.names[j]] for j in model.blocks[k].variables]


def flat(arrays: list[Any]) -> np.ndarray:
    """Return arrays as one vector."""
    return np.concatenate([np.ravel(x) for x in arrays])


def move(at: Linear, dz: np.ndarray) -> None:
    """Set the variables of the block to z + dz, each in the dtype that it has."""
    model, begin = at.model, 0
    for j, x in zip(model.blocks[at.k].variables, at.z, strict=True):
        part = np.reshape(dz[begin : begin + np.size(x)], np.shape(x))
        model.values[model.names[j]] = (x + part).astype(x.dtype)[()]
        begin += np.size(x)


def below(r: np.ndarray, bound: np.ndarray) -> bool:
    """True if no entry of r is above its bound."""
    return bool((np.abs(r) <= bound).all())


def finite(x: np.ndarray) -> bool:
    """True if no entry is NaN or inf."""
    return bool(np.isfinite(x).all())


def largest(r: np.ndarray) -> float:
    """Return max|r|."""
    return float(np.abs(r).max(initial=0.0))
