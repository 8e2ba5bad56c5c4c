"""Inverses and solutions of linear equations.

    Z = A^-1         dZ = -Z dA Z
    Z = A^-1 B       dZ = A^-1 (dB - dA Z)
    z = det A        dz = z sum(A^-T * dA)
    Z = A^+          dZ = -Z dA Z + Z Z^H dA^H (1 - A Z) + (1 - Z A) dA^H Z^H Z
    x = A^+ b        dx = Z (db - dA x) + Z Z^H dA^H r + (1 - Z A) dA^H Z^H x,  r = b - A x

Giles, "An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation", Oxford NA-08/01, 2008, sections 2.2.2, 2.2.3 and 2.3.1; for A^+ Golub and Pereyra,
"The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
separate", SIAM J. Numer. Anal. 10 (1973), equation 4.12. A may be a stack of matrices (..., n, n).

A^+ and x jump where the rank of A changes, so they have a derivative only where A has full rank;
with fewer rows than columns, or more, one of the last two terms is zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.contraction import Contraction
from lagrad.dispatch import overridable
from lagrad.partials import ONE, Broadcast, Conjugate, Partial, Scale, Stack, Sum, then
from lagrad.primitive import Primitive
from lagrad.rules.constant import stopped
from lagrad.rules.linalg.operators import (
    Solve,
    Undefined,
    Zero,
    adjoint,
    batch,
    completed,
    cut,
    flat,
    hermitian,
    left,
    real,
    right,
    swapped,
    triangular_solve,
    within,
)
from lagrad.rules.linalg.singular_values import svdvals_partial
from lagrad.status import SingularError


def solve_partial(k: int, z: Any, args: tuple[Any, ...], triangle: dict[str, Any]) -> Partial:
    """Return dZ = A^-1 (dB - dA Z), where dA may be one of its triangles."""
    a, b = args
    shape, lead = np.shape(z), batch(np.ndim(z)) if np.ndim(z) > 1 else ()
    tail = ("K",) if np.ndim(z) > 1 else ()
    full = (*lead, "I", "J")
    whole = np.shape(z)[: len(lead)] + np.shape(a)[-2:]
    stretch = Broadcast(np.shape(a), whole) if np.shape(a) != whole else None
    inverse = Solve(a if stretch is None else np.broadcast_to(a, whole), shape, **triangle)
    if k == 1:
        return then(inverse, None if np.shape(b) == shape else Broadcast(np.shape(b), shape))
    product = Contraction(
        0, [np.broadcast_to(a, whole), z], [full, (*lead, "J", *tail)], (*lead, "I", *tail)
    )
    counted = None
    if triangle:
        inside = within(whole[-1], triangle["lower"], triangle["unit_diagonal"])
        counted = Scale(ONE, whole, np.broadcast_to(inside, whole))
    return then(inverse, Scale(-1.0, shape), product, counted, stretch)


def inv_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dZ = -Z dA Z."""
    shape = np.shape(z)
    return left(-z, shape) @ right(z, shape)


# -- determinants --------------------------------------------------------------------------------


def det_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dz = sum(cofactors * dA)."""
    a = args[0]
    return matrix_sum(np.shape(a)) @ Scale(cofactors(a, z), np.shape(a))


def matrix_sum(shape: tuple[int, ...]) -> Partial:
    """``v -> the sum of the entries of each matrix``."""
    return Sum((len(shape) - 2, len(shape) - 1), shape, False)


def cofactors(a: Any, z: Any) -> Any:
    """Return z A^-T, or the minors one by one where A is singular."""
    if np.all(np.not_equal(z, 0)):
        return np.reshape(z, [*np.shape(z), 1, 1]) * swapped(np.linalg.inv(a))
    n = np.shape(a)[-1]
    index = np.arange(n)
    minors = [
        [
            (-1.0) ** (i + j) * np.linalg.det(a[..., index != i, :][..., index != j])
            for j in range(n)
        ]
        for i in range(n)
    ]
    return np.stack([np.stack(row, axis=-1) for row in minors], axis=-2)


@overridable
def signed_log_det(a: Any) -> Any:
    """Return the signs, then the logarithms of the determinants, in one vector."""
    return flat(*np.linalg.slogdet(a))


def signed_log_det_partial(
    k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Partial:
    """With t = d log(det A) = sum(A^-T * dA), Re t is d log|det A|, and Im t turns the sign.

    dsign = sign i Im t = sign (t - conj t) / 2, and zero for a real matrix.
    """
    a = args[0]
    shape, heads = np.shape(a), np.shape(a)[:-2]
    sign, _ = cut(z, heads, heads)
    singular = np.equal(sign, 0)[..., None, None]
    safe = np.where(singular, np.eye(shape[-1]).astype(a.dtype), a)
    t = matrix_sum(shape) @ Scale(np.where(singular, np.inf, swapped(np.linalg.inv(safe))), shape)
    if not np.iscomplexobj(z):
        return Stack(Zero(shape, heads), t)
    return Stack(Scale(sign / 2, heads) @ (t - Conjugate(heads) @ t), real(t, z))


# -- least squares -------------------------------------------------------------------------------


@overridable
def pseudo_inverse(a: Any, rcond: Any, hermitian: bool) -> Any:
    """Return A^+ without the singular values below rcond times the largest."""
    return np.linalg.pinv(a, rcond=rcond, hermitian=hermitian)


def pinv_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dZ = -Z dA Z + Z Z^H dA^H (1 - A Z) + (1 - Z A) dA^H Z^H Z."""
    a = args[0]
    if not has_full_rank(a, **kwargs):
        raise no_full_rank("pinv")
    (m, n), shape = np.shape(a)[-2:], np.shape(a)
    dZ = left(-z, (*shape[:-1], m)) @ right(z, shape)
    H = hermitian(shape, z)
    if m > n:
        beside = np.eye(m, dtype=z.dtype) - a @ z
        return dZ + left(z @ adjoint(z), np.shape(z)) @ right(beside, np.shape(z)) @ H
    if m < n:
        beside = np.eye(n, dtype=z.dtype) - z @ a
        return dZ + left(beside, np.shape(z)) @ right(adjoint(z) @ z, np.shape(z)) @ H
    return dZ @ completed(shape, z, lower=True) if kwargs["hermitian"] else dZ


def has_full_rank(a: Any, rcond: Any, hermitian: bool = False) -> bool:
    """True if no singular value is dropped, or would be by rounding errors."""
    if 0 in np.shape(a):
        return True
    s = np.linalg.svd(stopped(a), compute_uv=False, hermitian=hermitian)
    bound = np.maximum(rcond, 10 * np.finfo(s.dtype).eps) * s[..., 0]
    return bool(np.all(s[..., -1] > bound))


def no_full_rank(name: str) -> SingularError:
    """Say why there is no derivative, and what to write instead."""
    return SingularError(
        f"{name} of a matrix without full rank has no derivative: its value jumps where the rank "
        "changes. Leave the dependent columns (or rows) out, or make the problem regular: "
        "np.linalg.solve(A.T @ A + eps * np.eye(n), A.T @ b)"
    )


@overridable
def least_squares(a: Any, b: Any, rcond: Any) -> Any:
    """Return x, the sums of squared residuals, the singular values and the rank in one vector."""
    x, residuals, rank, s = np.linalg.lstsq(a, b, rcond=rcond)
    return flat(x, residuals, s, rank.astype(s.dtype))


def least_squares_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dx as above, d|r|^2 = 2 Re r^H (db - dA x), since r^H A = 0, and ds of `svd`."""
    a, b = args
    (m, n), shape, many = np.shape(a), np.shape(b), np.shape(b)[1]
    few = min(m, n)
    sums = np.shape(z)[0] - n * many - few - 1
    x, *_ = cut(z, (n, many), (sums,), (few,), ())
    rcond = kwargs["rcond"]
    rcond = max(m, n) * np.finfo(z.dtype).eps if rcond is None else rcond
    Z, r = np.linalg.pinv(a, rcond), b - a @ x
    of_squares = real(Sum((0,), shape, False) @ Scale(2 * np.conjugate(r), shape), z)
    if k == 1:
        ends = [Zero(shape, (few,)), Zero(shape, ())]
        return Stack(left(Z, shape), *([of_squares] if sums else []), *ends)
    minus, H = right(-x, (m, n)), hermitian((m, n), z)
    dx = left(Z, shape) @ minus
    if m > n:
        dx = dx + left(Z @ adjoint(Z), (n, many)) @ right(r, (n, m)) @ H
    if m < n:
        beside = np.eye(n, dtype=Z.dtype) - Z @ a
        dx = dx + left(beside, (n, many)) @ right(adjoint(Z) @ x, (n, m)) @ H
    if not has_full_rank(a, rcond):
        dx = Undefined(no_full_rank("lstsq"), (m, n), (n, many))
    squares = [of_squares @ minus] if sums else []
    ds = real(svdvals_partial(0, None, (a,), {}), z)
    return Stack(dx, *squares, ds, Zero((m, n), ()))


def solve_arguments(a: Any, b: Any) -> Any:
    """Both arguments are arrays; versions of NumPy read vectors beside a stack in two ways."""
    if np.ndim(b) < np.ndim(a) and np.ndim(a) > 2:
        raise TypeError(
            f"a {np.ndim(b)}-d right-hand side beside a stack of matrices is ambiguous; write "
            "solve(a, b[..., None])[..., 0] for vectors, b[None] for one matrix"
        )
    return (a, b), {}


def triangular_arguments(a: Any, b: Any, **triangle: bool) -> Any:
    """Which triangle is an option."""
    return solve_arguments(a, b)[0], triangle


def single(a: Any) -> Any:
    """The only argument is an array."""
    return (a,), {}


# fmt: off
RULES: dict[Callable[..., Any], Primitive] = {
    np.linalg.solve:  Primitive("solve", np.linalg.solve, solve_partial, arguments=solve_arguments),
    triangular_solve: Primitive("triangular_solve", triangular_solve, solve_partial,
                                arguments=triangular_arguments),
    np.linalg.inv:    Primitive("inv", np.linalg.inv, inv_partial, arguments=single),
    np.linalg.det:    Primitive("det", np.linalg.det, det_partial, arguments=single),
    signed_log_det:   Primitive("signed_log_det", signed_log_det, signed_log_det_partial),
    pseudo_inverse:   Primitive("pseudo_inverse", pseudo_inverse, pinv_partial,
                                arguments=lambda a, **options: ((a,), options)),
    least_squares:    Primitive("least_squares", least_squares, least_squares_partial,
                                arguments=lambda a, b, **options: ((a, b), options)),
}
# fmt: on
