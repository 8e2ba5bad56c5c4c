"""What a factorisation offers, and how every solve is checked."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from lagrad.status import SingularError, Status

#: Above this relative residual a solution is refused. Backward stable methods stay near 1e-16.
TOLERANCE = 1e-11


class Factor(Protocol):
    """A factorised square matrix M.

    The law: ``solve(b, transposed=True)`` solves with M^T what ``solve(b)`` solves with M.
    """

    method: str

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b, for b (n,) or (n, k)."""


def relative_residual(m: Any, x: np.ndarray, b: np.ndarray, norm: float | None = None) -> float:
    """Return max|M x - b| / (|M| max|x| + max|b|), the normwise backward error.

    ``norm`` is |M|, its largest row sum unless another one is known already. Rigal and Gaches,
    J. ACM 14 (1967), p. 543. An empty system has none.
    """
    if not b.size:
        return 0.0
    r = np.abs(m @ x - b).max()
    size = float(abs(m).sum(axis=1).max()) if norm is None else norm
    scale = size * np.abs(x).max() + np.abs(b).max()
    return float(r / scale) if scale else float(r)


def checked(m: Any, factor: Factor, b: np.ndarray, transposed: bool = False) -> np.ndarray:
    """Solve, refine once if the residual is not small, and refuse what is still inaccurate.

    Raises
    ------
    SingularError
        If the relative residual stays above `TOLERANCE`.
    """
    m = m.T if transposed else m
    x = factor.solve(b, transposed)
    residual = relative_residual(m, x, b)
    if not residual <= TOLERANCE:
        x = x + factor.solve(b - m @ x, transposed)
        residual = relative_residual(m, x, b)
    if not residual <= TOLERANCE:
        raise SingularError(f"{Status.INACCURATE.value} (relative residual {residual:.1e})")
    return x
