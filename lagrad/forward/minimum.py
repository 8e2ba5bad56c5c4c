"""The search for a minimum: Newton's method on the gradient, from where it leads downhill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize
from scipy.sparse.linalg import splu

from lagrad.forward.search import Found, Search, bound_of, find
from lagrad.residual import Conditions
from lagrad.status import Status, StructureError
from lagrad.trace import muted
from lagrad.trace.tracer import innermost_value

#: Up to so many unknowns the Hessian is looked at as a dense matrix.
SMALL = 2000

#: An eigenvalue of the scaled Hessian that is smaller is zero, but for rounding errors.
SINGULAR = 1e-13

#: Steps of the descent that looks for the neighbourhood of a minimum.
DESCENT = 500


def minimum(function: Callable[..., Any], problem: Conditions, search: Search) -> Found:
    """Search for gradient zero where the Hessian is positive definite.

    Newton's method finds saddles as gladly as minima. If it ends at one, or nowhere, a descent
    (L-BFGS-B; Byrd, Lu, Nocedal and Zhu, SIAM J. Sci. Comput. 16, 1995, p. 1190) leads to where it
    starts again.
    """
    start = problem.start()
    if not len(start):
        return find(problem, search)
    try:
        found = find(problem, search)
        if found.certificate.status.success and curvature(found).success:
            return found
    except StructureError:
        pass  # Linear here, as beyond the bend of a Huber loss: downhill it may not be.

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
    found = find(replace(problem, z0=problem.container(end.x)), search)
    found.problem = problem
    found.certificate.method += f", after {end.nit} steps of L-BFGS-B"
    if found.certificate.status.success:
        found.certificate.status = curvature(found)
    elif np.any((end.x <= low) | (end.x >= high)):
        found.certificate.status = Status.ON_BOUND
    return found


def curvature(found: Found) -> Status:
    """Return SOLVED where the Hessian is positive definite, DEGENERATE where it is nearly singular.

    It is scaled to a diagonal of ones before, so that units do not matter.
    """
    assert found.at is not None and found.linearizer is not None
    A = sp.csc_array(found.linearizer.matrix(found.at.linear))  # noqa: N806
    if not np.isfinite(A.data).all():
        return Status.DEGENERATE
    scale = A.diagonal()
    scale = 1.0 / np.sqrt(np.where(scale == 0, 1.0, np.abs(scale)))
    H, I = A * scale * scale[:, None], sp.eye_array(len(scale))  # noqa: E741, N806
    if positive_definite(H - SINGULAR * I):
        return Status.SOLVED
    return Status.DEGENERATE if positive_definite(H + SINGULAR * I) else Status.NO_MINIMUM


def positive_definite(A: sp.csc_array) -> bool:  # noqa: N803
    """True if the symmetric sparse matrix A is positive definite.

    Small ones by Cholesky; large ones by the pivots of a sparse LU that takes them on the diagonal,
    whose signs are those of the eigenvalues (Sylvester's law of inertia).
    """
    if A.shape[0] <= SMALL:
        try:
            np.linalg.cholesky(A.toarray())
        except np.linalg.LinAlgError:
            return False
        return True
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
