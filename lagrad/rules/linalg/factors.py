"""Triangular factors, both outputs of Q R in one vector.

    A = L L^H      M = L^-1 dA L^-H      dL = L (lower triangle of M, half the diagonal)
    A = Q R        M = Q^H dA R^-1       T = upper triangle of M + M^H, half the diagonal
                                         dQ = dA R^-1 - Q T,  dR = T R

Giles, Oxford NA-08/01, 2008, section 2.2.4, and Seeger, Hetzel, Dai, Meissner, Lawrence,
"Auto-differentiating linear algebra", arXiv:1710.08717, for L; Walter and Lehmann, "Algorithmic
differentiation of linear algebra functions with application in optimum experimental design",
arXiv:1001.1654, for Q R.

Conventions. Of A = L L^H one triangle is read, so dA is that triangle of the change, completed to
a Hermitian matrix; entries that are never read have no partial. The diagonal of R is real, as
LAPACK makes it also for complex matrices. Q R has a derivative where the leading columns of A are
linearly independent, and elsewhere an error says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import overridable
from lagrad.partials import ONE, Move, Partial, Scale, Stack
from lagrad.primitive import Primitive
from lagrad.rules.constant import stopped
from lagrad.rules.linalg.operators import (
    Shape,
    Solve,
    adjoint,
    completed,
    cut,
    flat,
    flip,
    halved,
    hermitian,
    left,
    length,
    over,
    right,
    rule,
)
from lagrad.rules.linalg.repeated import ROUNDING, epsilon
from lagrad.status import SingularError


def cholesky_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """M = L^-1 dA L^-H, dL = L (lower triangle of M); U^H = L, dU = (upper triangle of M) U."""
    s, upper = np.shape(z), "upper" in kwargs
    half, dA = halved(s, z, lower=not upper), completed(s, z, lower=not upper)
    if upper:
        M = Solve(adjoint(z), s, lower=True) @ over(z, s, lower=False)
        return right(z, s) @ half @ M @ dA
    M = Solve(z, s, lower=True) @ over(adjoint(z), s, lower=False)
    return left(z, s) @ half @ M @ dA


def cholesky_arguments(a: Any, /, *, upper: bool = False) -> Any:
    """The lower factor is made without an option, which NumPy 2 has added."""
    return (a,), {"upper": True} if upper else {}


@overridable
def orthogonal_triangular(a: Any) -> Any:
    """Return Q and R of the reduced decomposition."""
    return flat(*np.linalg.qr(a))


def qr_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """M = Q^H dA R^-1, T = halved(M + M^H), dQ = dA R^-1 - Q T, dR = T R.

    Of a wide matrix, Q and the square part of R are those of its first columns, and
    dR = Q^H dA + dQ^H A.
    """
    a, whole = args[0], np.shape(args[0])
    *heads, m, n = whole
    few = min(m, n)
    q, c = (*heads, m, few), (*heads, few, few)
    Q, R = cut(z, q, (*heads, few, n))
    square = R[..., :few]
    size = np.abs(stopped(np.diagonal(square, 0, -2, -1)))
    if np.any(size <= ROUNDING * epsilon(z) * length(a[..., :few], -2)):
        raise SingularError(
            "qr of a matrix whose leading columns are linearly dependent has no derivative: Q is "
            "not unique there. Leave the dependent columns out"
        )
    B = over(square, q, lower=False)
    M = left(adjoint(Q), q) @ B
    T = halved(c, z, lower=False) @ (M + hermitian(c, z) @ M)
    dQ = B - left(Q, c) @ T
    if m >= n:
        return Stack(dQ, right(square, c) @ T)
    dQ = dQ @ first_columns(whole, few)
    upper = np.broadcast_to(np.tri(few, n, -1, dtype=bool) == 0, (*heads, few, n))
    dR = left(adjoint(Q), whole) + right(a, flip(q)) @ hermitian(q, z) @ dQ
    return Stack(dQ, Scale(ONE, (*heads, few, n), upper) @ dR)


def first_columns(shape: Shape, few: int) -> Partial:
    """``v -> the first columns of v``."""
    rest = [(0, 0)] * (len(shape) - 1) + [(0, shape[-1] - few)]
    return Move(
        lambda v: v[..., :few], lambda w: np.pad(w, rest), shape, (*shape[:-1], few), selects=True
    )


RULES: dict[Callable[..., Any], Primitive] = {
    np.linalg.cholesky: Primitive(
        "cholesky", np.linalg.cholesky, cholesky_partial, arguments=cholesky_arguments
    ),
    orthogonal_triangular: rule(orthogonal_triangular, qr_partial),
}
