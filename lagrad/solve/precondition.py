"""Preconditioners in the forms that people have them in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.status import ArgumentError


def approximate_inverse(k: Any) -> Callable[[np.ndarray, bool], np.ndarray]:
    """Return a preconditioner as a function of a vector, and of whether K^T is meant."""
    if hasattr(k, "solve") and hasattr(k, "rows"):
        return lambda v, transposed: k.solve(v, transposed)
    if sp.issparse(k) or isinstance(k, np.ndarray):
        return lambda v, transposed: (k.T if transposed else k) @ v
    if not hasattr(k, "matvec"):
        raise ArgumentError(
            f"a preconditioner of type {type(k).__name__}; it must be a LinearOperator, a matrix, "
            "the factors of a matrix near by, or a function of the matrix that returns one of them"
        )

    def apply(v: np.ndarray, transposed: bool) -> np.ndarray:
        try:
            return np.array(k.rmatvec(v) if transposed else k.matvec(v), dtype=float)
        except NotImplementedError as error:
            raise ArgumentError(
                "the preconditioner has no rmatvec, which a system with the transposed matrix needs"
            ) from error

    return apply
