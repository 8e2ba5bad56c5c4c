"""BiCGSTAB with a shadow residual of its own: two products a step, and memory for seven vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg.blas import daxpy

Product = Callable[[np.ndarray], np.ndarray]


def bicgstab(
    product: Product,
    b: np.ndarray,
    goal: float,
    limit: int,
    patience: int,
    precondition: Product | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, int, bool]:
    """Solve M x = b from x = 0.

    H. A. van der Vorst, SIAM J. Sci. Stat. Comput. 13 (1992), p. 631, preconditioned from the
    right. The shadow residual is r_0 with random entries added to it: r_0 alone, as SciPy and
    others take it, breaks down at once for a right-hand side e_n, of which M e_n may have nothing.

    Parameters
    ----------
    product : v -> M v; what it returns is not written to
    b : array (n,)
    goal : the residual |b - M x| to reach, as the recurrence knows it
    limit : so many products at most
    patience : give up after so many products that did not halve the residual
    precondition : v -> K v, with K close to M^-1

    Returns
    -------
    x : array (n,)
    products : int
    sound : bool
        False after a breakdown, or without progress.
    """
    x, r = np.zeros(len(b)), b.copy()
    noise = np.random.default_rng(seed).standard_normal(len(b))
    shadow = r / np.linalg.norm(r) + noise / np.linalg.norm(noise)
    p, rho = r.copy(), float(shadow @ r)
    best, since, products = np.inf, 0, 0
    with np.errstate(all="ignore"):
        while products < limit:
            ahead = p if precondition is None else precondition(p)
            v = product(ahead)
            sigma = float(shadow @ v)
            alpha = rho / sigma if sigma else np.nan
            if not np.isfinite(alpha):
                return x, products + 1, False
            daxpy(v, r, a=-alpha)
            daxpy(ahead, x, a=alpha)
            ahead = r if precondition is None else precondition(r)
            t = product(ahead)
            products += 2
            square = float(t @ t)
            omega = float(t @ r) / square if square else 0.0
            daxpy(ahead, x, a=omega)
            daxpy(t, r, a=-omega)
            size = float(np.linalg.norm(r))
            if size <= goal:
                return x, products, True
            if size < 0.5 * best:
                best, since = size, products
            rho, last = float(shadow @ r), rho
            beta = rho / last * (alpha / omega) if last and omega else np.nan
            if not np.isfinite(beta) or products - since > patience:
                return x, products, False
            daxpy(v, p, a=-omega)
            p *= beta
            p += r
    return x, products, False


def unshared(product: Product, v: np.ndarray) -> np.ndarray:
    """Return the product in memory of its own, which a later product does not overwrite."""
    return np.array(product(v), dtype=float).reshape(len(v))
