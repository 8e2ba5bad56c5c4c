"""Values: constraints evaluated in order, Newton's method on each cyclic block."""

from __future__ import annotations

from dataclasses import dataclass
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
            model.known.update((i, model.local(i).value) for i in block.equations)
        else:
            (i,) = block.equations
            if model.equations[i].function is not None:
                model.forget(k)
                model.known[i] = model.values[model.equations[i].name] = model.evaluate(i)
    return cycles


@dataclass(frozen=True)
class Linear:
    """The constraints of block k linearized at z: ``r`` there, A = R^T, and its factors.

    ``rounding`` bounds the rounding errors of r, ``allowed`` is what may be left of it: that, or
    tol^2 of the terms that r is the sum of.
    """

    k: int
    z: list[Any]
    r: np.ndarray
    A: sp.csc_array
    factor: Factor
    rounding: np.ndarray
    allowed: np.ndarray

    def step(self, change: np.ndarray) -> np.ndarray:
        """Return the dz that changes r by ``change``: R dz = change."""
        return checked(self.A, self.factor, change, transposed=True)


def newton(model: Model, k: int, tol: float, max_steps: int) -> Cycle:
    """Solve ``r(z) = 0`` on block k: ``R dz = -r`` with R = A^T, shorter steps if that helps.

    Converged when r is no larger than its rounding errors; with a large ``tol`` also when the last
    step was below ``tol`` and r is below ``tol^2``, entry by entry, relative to z and to the terms
    of r. Both are the same in all units of variables and equations.
    """
    names = [model.names[j] for j in model.blocks[k].variables]
    rng = np.random.default_rng(0)
    r = residual(model, k)
    status, step = Status.NOT_CONVERGED if finite(r) else Status.NOT_FINITE, 0
    with np.errstate(all="ignore"):
        while status is Status.NOT_CONVERGED and step < max_steps:
            step += 1
            model.forget(k)
            A = model.block_matrix(k)  # noqa: N806
            if not finite(A.data):
                status = Status.NOT_FINITE
                break
            rounding = ROUNDING * rounding_errors(model, k, rng)
            try:
                at = Linear(
                    k, values(model, k), r, A, factorize(A), rounding, allowed(rounding, tol)
                )
                dz = at.step(-r)
            except SingularError:
                # A solution that the start hits is one, though it has no derivative.
                status = Status.SOLVED if below(r, rounding) else Status.SINGULAR
                break
            t = backtrack(model, at, dz)
            if t == 0.0:
                break
            r = residual(model, k)
            if below(r, rounding) or (below(r, at.allowed) and small(t * dz, at.z, tol)):
                r = polish(model, at, r)
                status = Status.SOLVED if regular(model, at, rng) else Status.DEGENERATE
    return Cycle(names, status, step, largest(r))


def polish(model: Model, at: Linear, r: np.ndarray) -> np.ndarray:
    """Take one more step with the factors at hand if it lowers r, which costs an evaluation."""
    z = values(model, at.k)
    dz = at.step(-r)
    move(model, at.k, z, dz)
    model.forget(at.k)
    new = residual(model, at.k)
    if finite(new) and largest(new) <= largest(r):
        return new
    move(model, at.k, z, np.zeros(len(r)))
    model.forget(at.k)
    return r


def allowed(rounding: np.ndarray, tol: float) -> np.ndarray:
    """Return tol^2 of the terms of r, and no less than their rounding errors."""
    return rounding * max(1.0, tol**2 / (ROUNDING * np.finfo(float).eps))


def below(r: np.ndarray, bound: np.ndarray) -> bool:
    """True if no entry of r is above its bound."""
    return bool((np.abs(r) <= bound).all())


def small(dz: np.ndarray, z: list[Any], tol: float) -> bool:
    """True if the step changes every entry of z by less than ``tol`` of itself."""
    return below(dz, tol * np.abs(flat(z)))


def backtrack(model: Model, at: Linear, dz: np.ndarray) -> float:
    """Move to z + t dz for the first t = 1, 1/2, 1/4 ... that helps, and return t; 0 if none does.

    It helps if what is left of r above rounding falls. Equations are weighed by the scales of their
    columns in A, so that their units do not matter.
    """

    def left(r: np.ndarray) -> float:
        return largest(at.factor.columns * np.maximum(np.abs(r) - at.allowed, 0.0))

    t, before = 1.0, left(at.r)
    while t >= SHORTEST:
        move(model, at.k, at.z, t * dz)
        r = residual(model, at.k)
        if finite(r) and left(r) <= (1.0 - SUFFICIENT * t) * before:
            return t
        t /= 2
    move(model, at.k, at.z, 0.0 * dz)
    return 0.0


def regular(model: Model, at: Linear, rng: np.random.Generator) -> bool:
    """True if R is nearly constant where r differs from zero by rounding errors.

    At a multiple root or a turning point it is not: there z is known to the square root of eps or
    less, R is as wrong as it is small, and its inverse means nothing. Measured by the determinant,
    whose changes do not depend on units. What is traced at the solution stays for the multipliers.
    """
    z = values(model, at.k)
    signs = rng.choice([-1.0, 1.0], len(at.r))
    move(model, at.k, z, at.step(DISTANCE * signs * at.rounding))
    model.forget(at.k)
    near = model.block_matrix(at.k)
    move(model, at.k, z, np.zeros(len(at.r)))
    model.forget(at.k)
    here = model.block_matrix(at.k)
    if not finite(near.data) or not finite(here.data):
        return False  # the domain ends here
    determinant = log_determinant(here)
    # One that is singular at the solution itself is named when multipliers are asked for.
    change = abs(log_determinant(near) - determinant)
    return bool(not np.isfinite(determinant) or change <= np.log(CHANGE))


def log_determinant(A: sp.csc_array) -> float:  # noqa: N803
    """Return log|det A|, -inf for a singular matrix: from the diagonal of U, since L has ones."""
    try:
        return float(np.log(np.abs(splu(A).U.diagonal())).sum())
    except RuntimeError:  # SuperLU's word for a zero pivot
        return -np.inf


def rounding_errors(model: Model, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return how large the rounding errors in the residuals of block k may be."""
    return flat([model.rounding(i, rng) for i in model.blocks[k].equations])


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


def move(model: Model, k: int, z: list[Any], dz: np.ndarray) -> None:
    """Set the variables of block k to z + dz."""
    at = 0
    for j, x in zip(model.blocks[k].variables, z, strict=True):
        n = np.size(x)
        model.values[model.names[j]] = x + np.reshape(dz[at : at + n], np.shape(x))[()]
        at += n


def finite(x: np.ndarray) -> bool:
    """True if no entry is NaN or inf."""
    return bool(np.isfinite(x).all())


def largest(r: np.ndarray) -> float:
    """Return max|r|."""
    return float(np.abs(r).max(initial=0.0))
