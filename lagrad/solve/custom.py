"""A linear solver that the user brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from lagrad.solve.scaling import scales
from lagrad.status import ArgumentError


class Custom:
    """A `Factor` around the result of a user's function of the matrix.

    Parameters
    ----------
    m : sparse (n, n)
    function : m -> M^-1
        As a LinearOperator, an object with ``solve(b)`` (what `scipy.sparse.linalg.splu` returns),
        or a function of b. Systems with M^T take ``rmatvec`` of a LinearOperator that has it, and
        else call ``function(m.T)`` once.
    """

    def __init__(self, m: Any, function: Callable[[Any], Any]) -> None:
        self.m, self.function = m, function
        self.rows, self.columns = scales(m)
        self.forward = function(m)
        self.backward: Any = None
        self.method = f"{getattr(function, '__name__', type(function).__name__)} of {m.shape[0]}"

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b; nothing is checked here."""
        if not transposed:
            return np.asarray(applied(self.forward, b), dtype=float)
        if self.backward is None:
            self.backward = self.turned()
        return np.asarray(applied(self.backward, b), dtype=float)

    def turned(self) -> Any:
        """Return M^-T."""
        if isinstance(self.forward, LinearOperator):
            try:
                self.forward.rmatvec(np.zeros(self.m.shape[0]))
                return self.forward.T
            except NotImplementedError:
                pass
        return self.function(self.m.T.tocsc())


def applied(inverse: Any, b: np.ndarray) -> Any:
    """Return M^-1 b."""
    if isinstance(inverse, LinearOperator | np.ndarray):
        return inverse @ b
    if hasattr(inverse, "solve"):
        return inverse.solve(b)
    if callable(inverse):
        return inverse(b)
    raise ArgumentError(
        f"linear_solver returned a {type(inverse).__name__}; it must return a LinearOperator, an "
        "object with solve(b), or a function of b"
    )
