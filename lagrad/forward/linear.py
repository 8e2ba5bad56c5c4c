"""How the linear systems of a cycle are set up: R formed and factorised, or applied only."""

from __future__ import annotations

from typing import Any

from lagrad.forward.point import Point, Slope
from lagrad.solve import factorize


class Linearizer:
    """Returns the factorised R at a point; what it decided at the first one holds for the next.

    Parameters
    ----------
    method : {"auto", "newton", "newton-krylov", ...}
    linear_solver, preconditioner : as for `lagrad.solve.factorize`
    """

    def __init__(self, method: str, linear_solver: Any, preconditioner: Any) -> None:
        self.linear_solver, self.preconditioner = linear_solver, preconditioner
        self.method = "Newton"
        self.why = ""

    def __call__(self, at: Point) -> Slope:
        A = at.linear.A  # noqa: N806
        return Slope(A, factorize(A))
