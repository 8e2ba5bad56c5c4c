"""One run of an iterative method: what it found, and whether it came to its end."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg, gcrotmk, gmres

from lagrad.solve.bicgstab import Product, bicgstab

EPS = float(np.finfo(float).eps)

#: Products that a method may take, and that may go by before it has halved the residual.
LIMIT, PATIENCE = 20_000, 300

#: Vectors that GCROT and GMRES keep until they begin again.
INNER, RESTART = 20, 50


def attempt(
    name: str,
    product: Product,
    b: np.ndarray,
    goal: float,
    precondition: Product | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, bool]:
    """Solve M x = b, for |b| = 1, from x = 0 until |b - M x| <= goal.

    GCROT and GMRES are SciPy's; they are given up when `PATIENCE` products do not halve the
    residual (GCROT(m, k): J. Hicken and D. Zingg, SIAM J. Sci. Comput. 32 (2010), p. 1672).

    Parameters
    ----------
    name : {"bicgstab", "gcrot", "gmres", "cg"}
    product : v -> M v
    precondition : v -> K v, with K close to M^-1
    seed : for the shadow residual of BiCGSTAB

    Returns
    -------
    x : array (n,)
    sound : bool
        False after a breakdown, or without progress.

    Raises
    ------
    FloatingPointError
        If a product gives NaN or inf.
    """
    goal, n = max(goal, EPS), len(b)
    if name == "bicgstab":
        x, _, sound = bicgstab(product, b, goal, LIMIT, PATIENCE, precondition, seed)
        return x, sound
    operator = LinearOperator((n, n), partial(finite, product), dtype=float)
    other = None if precondition is None else LinearOperator((n, n), precondition, dtype=float)
    if name == "cg":
        x, info = cg(operator, b, rtol=goal, atol=0.0, maxiter=LIMIT, M=other)
        return x, info == 0
    x, size = np.zeros(n), 1.0
    recycled: list[Any] = []
    for _ in range(LIMIT // PATIENCE):
        if name == "gcrot":
            x, info = gcrotmk(
                operator, b, x, rtol=goal, atol=0.0, maxiter=PATIENCE // INNER, m=INNER, M=other,
                CU=recycled, discard_C=False,
            )  # fmt: skip
        else:
            x, info = gmres(
                operator, b, x, rtol=goal, atol=0.0, restart=RESTART, maxiter=PATIENCE // RESTART,
                M=other,
            )  # fmt: skip
        left = float(np.linalg.norm(b - product(x)))
        if info == 0 or not left < 0.5 * size:
            return x, info == 0
        size = left
    return x, False


def finite(product: Product, v: np.ndarray) -> np.ndarray:
    """Return the product, or raise `FloatingPointError`: SciPy's methods do not expect NaN."""
    found = product(v)
    if not np.isfinite(found).all():
        raise FloatingPointError
    return found
