"""The search for a minimum: Newton's method on the gradient, from where it leads downhill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.optimize import minimize

from lagrad.forward.search import Found, Search, bound_of, find
from lagrad.residual import Conditions
from lagrad.status import Status
from lagrad.trace import muted
from lagrad.trace.tracer import innermost_value

#: Steps of the descent that looks for the neighbourhood of a minimum.
DESCENT = 500


def minimum(function: Callable[..., Any], problem: Conditions, search: Search) -> Found:
    """Search for gradient zero where the Hessian is positive definite.

    Newton's method finds saddles as gladly as minima. If it ends at one, or nowhere, a descent
    (L-BFGS-B; Byrd, Lu, Nocedal and Zhu, SIAM J. Sci. Comput. 16, 1995, p. 1190) leads to where it
    starts again.
    """
    start = problem.start()
    found = find(problem, search)
    if found.certificate.status.success and convex(found):
        return found

    def both(z: np.ndarray) -> tuple[float, np.ndarray]:
        with muted(), np.errstate(all="ignore"):
            value = innermost_value(function(problem.container(z.copy()), *problem.plain))
        return float(value), problem.evaluate(z)

    low, high = (bound_of(problem, search.bounds, k) for k in (0, 1))
    steps = DESCENT if search.max_steps is None else search.max_steps
    end = minimize(
        both,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=np.stack([low, high], axis=1),
        options={"maxiter": steps},
    )
    lower = Conditions(
        problem.g,
        problem.container(end.x),
        problem.params,
        problem.what,
        problem.name,
        problem.equation,
        problem.names,
    )
    found = find(lower, replace(search, max_steps=search.max_steps))
    found.problem = problem
    found.certificate.method += f", after {end.nit} steps of L-BFGS-B"
    if found.certificate.status.success and not convex(found):
        found.certificate.status = Status.NO_MINIMUM
    return found


def convex(found: Found) -> bool:
    """True if the Hessian is positive definite at the point: all pivots without exchanges are."""
    assert found.at is not None and found.linearizer is not None
    return positive_definite(found.linearizer.matrix(found.at.linear))


def positive_definite(A: Any) -> bool:  # noqa: N803
    """True if the symmetric sparse matrix A is positive definite.

    Small ones by Cholesky; large ones by the pivots of a sparse LU that takes them on the diagonal,
    whose signs are those of the eigenvalues (Sylvester's law of inertia).
    """
    n = A.shape[0]
    if n <= 2000:
        try:
            np.linalg.cholesky(A.toarray())
        except np.linalg.LinAlgError:
            return False
        return True
    from scipy.sparse.linalg import splu

    try:
        lu = splu(
            A.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError:
        return False
    return bool(np.all(lu.U.diagonal() > 0) and np.array_equal(lu.perm_r, lu.perm_c))
