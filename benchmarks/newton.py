"""What an expert writes by hand for L u = b(u): Newton with SuperLU, and its adjoint."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

#: The orderings that SuperLU has for such a matrix; who writes by hand tries both.
ORDERINGS: dict[str, dict[str, Any]] = {
    "MMD on A^T + A": {"permc_spec": "MMD_AT_PLUS_A", "options": {"SymmetricMode": True}},
    "COLAMD": {"permc_spec": "COLAMD"},
}
STEPS = 50


class Solved(NamedTuple):
    """u, the factors at the last iterate but one, R at u, and how often R was factorised."""

    u: np.ndarray
    lu: Any
    R: sp.csc_array
    factorised: int


def newton(
    L: sp.csc_array,
    b: Callable[[np.ndarray], np.ndarray],
    slope: Callable[[np.ndarray], np.ndarray],
    tol: float,
    ordering: str,
) -> Solved:
    """Solve L u = b(u) from u = 0, ``slope`` the derivative of b, which works entry by entry.

    After each step the factors at hand measure what the next one would be: where that changes no
    entry by more than ``tol`` of the largest, R is not factorised again. This is the simplified
    Newton correction of Deuflhard, "Newton Methods for Nonlinear Problems" (2004), section 2.1.
    """
    n = L.shape[0]
    diagonal = np.flatnonzero(L.indices == np.repeat(np.arange(n), np.diff(L.indptr)))
    R, u = L.copy(), np.zeros(n)
    r = L @ u - b(u)
    for k in range(1, STEPS + 1):
        R.data[diagonal] = L.data[diagonal] - slope(u)
        lu = splu(R, **ORDERINGS[ordering])
        u -= lu.solve(r)
        r = L @ u - b(u)
        step = lu.solve(r)
        if np.abs(step).max() <= tol * np.abs(u).max():
            u -= step
            R.data[diagonal] = L.data[diagonal] - slope(u)
            return Solved(u, lu, R, k)
    raise ArithmeticError(f"no solution after {STEPS} steps")


def multipliers(solved: Solved, e: np.ndarray, tol: float) -> np.ndarray:
    """Return lam of R^T lam = e with the factors of the last step, refined on the exact R.

    The last correction is at most ``tol`` of the largest multiplier.
    """
    lam = solved.lu.solve(e, "T")
    for _ in range(STEPS):
        change = solved.lu.solve(e - solved.R.T @ lam, "T")
        lam += change
        if np.abs(change).max() <= tol * np.abs(lam).max():
            return lam
    raise ArithmeticError(f"no multipliers after {STEPS} refinements")
