"""The factors of a matrix, by the method that its plan names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.solve.batched import BlockTriangular
from lagrad.solve.custom import Custom
from lagrad.solve.dense import DenseLU, Division
from lagrad.solve.dominance import dominance
from lagrad.solve.interface import SMALLEST_RCOND, Factor, norms, scaled
from lagrad.solve.krylov import Krylov
from lagrad.solve.plan import DENSE, Plan, plan, small_plan
from lagrad.solve.scaling import scales
from lagrad.solve.sparse_lu import SparseLU
from lagrad.solve.tridiagonal import Tridiagonal
from lagrad.solve.two_colour import TwoColour
from lagrad.status import SingularError

Direct = DenseLU | SparseLU | Division | Tridiagonal


class Scaled:
    """The factors of D_r M D_c, which solve with M."""

    def __init__(
        self,
        m: Any,
        make: Callable[[Any], Direct],
    ) -> None:
        self.rows, self.columns = scales(m)
        self.norms = norms(m, self.rows, self.columns)
        self.factor = make(scaled(m, self.rows, self.columns))
        self.method = self.factor.method
        self.nnz, self.bytes = self.factor.nnz, self.factor.bytes

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b: D_c (D_r M D_c)^-1 D_r b."""
        before, after = (self.columns, self.rows) if transposed else (self.rows, self.columns)
        if b.ndim == 2:
            before, after = before[:, None], after[:, None]
        return after * self.factor.solve(before * b, transposed)


def factorize(m: Any, linear_solver: Any = "auto", preconditioner: Any = None) -> Factor:
    """Return a factorisation of the square matrix ``m``; its ``method`` says which.

    Its ``plan`` says why; for the next matrix it can be given as ``linear_solver``.

    Parameters
    ----------
    m, linear_solver, preconditioner : as for `plan`

    Raises
    ------
    SingularError
        If the matrix is singular to working precision, or holds NaN or inf.
    SizeError, ArgumentError
        As for `plan`.
    """
    small = is_small(m, linear_solver, preconditioner)
    if sp.issparse(m) or isinstance(m, np.ndarray):
        m = m if small else sp.csc_array(m)
        if not np.isfinite(m if small else m.data).all():
            raise SingularError(
                "not finite at these values: a local partial in it is NaN or inf. Keep the values "
                "inside the domain where the constraints are differentiable"
            )
    chosen = small_plan(len(m)) if small else plan(m, linear_solver, preconditioner)
    factor = follow(chosen, m, chosen is linear_solver)
    order = getattr(getattr(factor, "factor", None), "order", None)
    vars(factor)["plan"] = chosen if order is chosen.order else replace(chosen, order=order)
    return factor


def is_small(m: Any, linear_solver: Any, preconditioner: Any) -> bool:
    """True for an array that is factorised as it is, since nothing else was asked for."""
    if not isinstance(m, np.ndarray) or len(m) > DENSE or preconditioner is not None:
        return False
    method = getattr(linear_solver, "method", linear_solver)
    return isinstance(method, str) and method in ("auto", "division", "dense")


def follow(chosen: Plan, m: Any, again: bool = False) -> Factor:
    """Return the factors that a plan asks for.

    ``again`` says that it was made for another matrix of the pattern: what it knows of values, that
    the diagonal outweighs the rest, is then looked at again.
    """
    match chosen.method:
        case "custom":
            assert chosen.solver is not None
            return Custom(m, chosen.solver)
        case "division":
            return Scaled(m, Division)
        case "dense":
            return Scaled(m, DenseLU)
        case "tridiagonal":
            return Scaled(m, Tridiagonal)
        case "lu":
            return Scaled(m, partial(SparseLU, known=chosen.order))
        case "block":
            return BlockTriangular(m, block_factor, chosen.form)
    method = "auto" if chosen.method == "krylov" else chosen.method
    rho = dominance(m, m.diagonal()) if again and sp.issparse(m) else chosen.rho
    if chosen.fallback == "trial":
        made = Krylov(m, method, chosen.preconditioner, rho=rho)
        try:
            made.probe()
            return made
        except SingularError:
            direct = Scaled(m, SparseLU)
            direct.method += ", since Krylov methods did not converge"
            return direct
    last = {"lu": SparseLU, "dense": DenseLU, "": None}[chosen.fallback]
    whole = partial(
        Krylov,
        method=method,
        preconditioner=chosen.preconditioner,
        fallback=last,
        rho=rho,
    )
    if chosen.red is None or rho is None or not min(rho) < 1.0 - SMALLEST_RCOND:
        return whole(m)
    return TwoColour(m, chosen.red, rho, whole)


def block_factor(block: sp.csc_array) -> Factor:
    """Return the factors of a diagonal block, which has no block triangular form itself."""
    return follow(plan(block, irreducible=True), block)
