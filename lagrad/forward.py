"""Values: constraints evaluated in order, Newton's method on each cyclic block."""

from __future__ import annotations

from typing import Any

import numpy as np

from lagrad.model import Model
from lagrad.solve import factorize
from lagrad.solve.interface import checked
from lagrad.status import SingularError, Status


def solve_values(model: Model, tol: float, max_steps: int) -> dict[int, dict[str, Any]]:
    """Find the values of all variables, block by block; they are stored in the model.

    Returns
    -------
    dict
        For each cyclic block its names, status, steps, and the largest |r| at the end.
    """
    stats = {}
    for k, block in enumerate(model.blocks):
        if not block.cyclic:
            (i,) = block.equations
            if model.equations[i].function is not None:
                model.forget(block.equations)
                model.values[model.equations[i].name] = model.evaluate(i)
            continue
        status, steps, size = newton(model, k, tol, max_steps)
        stats[k] = {
            "variables": [model.names[j] for j in block.variables],
            "status": status,
            "steps": steps,
            "residual": size,
        }
        if not status.success:
            break
    return stats


def newton(model: Model, k: int, tol: float, max_steps: int) -> tuple[Status, int, float]:
    """Solve ``r(z) = 0`` on block k: ``R dz = -r`` with R = A^T, halving steps that do not help.

    Converged when a full step changes every entry of z by less than ``tol`` of itself, or three of
    them in a row the block by less than ``tol`` of its largest entry (an entry that is zero but for
    rounding has no size of its own). Newton's convergence is quadratic, so z is then right to about
    the square of that.

    Returns
    -------
    status, number of steps, largest |r|
    """
    block, quiet = model.blocks[k], 0
    with np.errstate(all="ignore"):
        r = residual(model, k)
        if not np.isfinite(r).all():
            return Status.NOT_FINITE, 0, float("inf")
        for step in range(1, max_steps + 1):
            model.forget(block.equations)
            m = model.block_matrix(k)
            if not np.isfinite(m.data).all():
                return Status.NOT_FINITE, step, largest(r)
            try:
                dz = checked(m, factorize(m), -r, transposed=True)
            except SingularError:
                if largest(r) == 0.0:
                    return Status.SOLVED, step, 0.0
                return Status.SINGULAR, step, largest(r)
            z = [model.values[model.names[j]] for j in block.variables]
            size = np.abs(np.concatenate([np.ravel(x) for x in z]))
            small = largest(dz) <= tol * size.max() or not dz.any()
            quiet = quiet + 1 if small else 0
            done = bool((np.abs(dz) <= tol * size).all()) or quiet == 3
            t = 1.0
            while True:
                move(model, k, z, t * dz)
                new = residual(model, k)
                if np.isfinite(new).all() and (
                    small or np.linalg.norm(new) <= (1 - 1e-4 * t) * np.linalg.norm(r)
                ):
                    break
                t /= 2
                if t < 1e-9:
                    move(model, k, z, 0.0 * dz)
                    return Status.NOT_CONVERGED, step, largest(r)
            r = new
            if done:
                model.forget(block.equations)
                return Status.SOLVED, step, largest(r)
    return Status.NOT_CONVERGED, max_steps, largest(r)


def residual(model: Model, k: int) -> np.ndarray:
    """Return the residuals of block k as one vector."""
    return np.concatenate([np.ravel(model.residual(i)) for i in model.blocks[k].equations])


def move(model: Model, k: int, z: list[Any], dz: np.ndarray) -> None:
    """Set the variables of block k to z + dz."""
    at = 0
    for j, x in zip(model.blocks[k].variables, z, strict=True):
        n = np.size(x)
        model.values[model.names[j]] = x + np.reshape(dz[at : at + n], np.shape(x))[()]
        at += n


def largest(r: np.ndarray) -> float:
    """Return max|r|."""
    return float(np.abs(r).max(initial=0.0))
