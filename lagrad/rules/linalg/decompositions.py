"""Decompositions: each returns all of its outputs in one vector, and so has one partial.

    A = L L^H                M = L^-1 dA L^-H      dL = L (lower triangle of M, half the diagonal)
    A = Q R                  M = Q^H dA R^-1       T = upper triangle of M + M^H, half the diagonal
                                                   dQ = dA R^-1 - Q T,  dR = T R
    A = V diag(w) V^-1       M = V^-1 dA V         dw = diag M,  dV = V (F * M)
    A = U diag(s) V^H        M = U^H dA V          ds = Re diag M
                                                   dU = U (F * (M S + S M^H)) + (1 - U U^H) dA V / S
                                                   dV = V (F * (S M + M^H S)) + ...

F_ij = 1/(w_j - w_i), for singular values 1/(s_j^2 - s_i^2), with a zero diagonal.

Giles, Oxford NA-08/01, 2008, section 2; Seeger, Hetzel, Dai, Meissner, Lawrence,
"Auto-differentiating linear algebra", arXiv:1710.08717; Walter and Lehmann, "Algorithmic
differentiation of linear algebra functions with application in optimum experimental design",
arXiv:1001.1654, for Q R; Boeddeker, Hanebrink, Drude, Heymann, Haeb-Umbach, "On the computation of
complex-valued gradients with application to statistically optimum beamforming", arXiv:1701.00392,
for complex numbers.

Conventions. Where eigenvalues (singular values) repeat, to within rounding errors, dw is still
diag M: right for what is symmetric in them, such as their sum. The vectors have no derivative
there, F is infinite, and this is reported. Where A has no full set of eigenvectors dw is infinite
too. A singular value is a size, and at zero has derivative 0, as |x| has.

Complex vectors are known up to their phases. The tangents of `eigh` and `svd` are those that do
not turn (v^H dv = 0), and a result whose multiplier shows that it depends on the phases is refused
(`UpToPhase`). Those of `eig` are told by LAPACK: unit length, the largest component real; only
where two components are equally large the phase is taken as unknown there too. The diagonal of R
is real, as LAPACK makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import overridable
from lagrad.partials import ONE, Broadcast, Conjugate, Move, Partial, Scale, Stack, Sum
from lagrad.primitive import Primitive
from lagrad.rules.constant import stopped
from lagrad.rules.elementwise import jump
from lagrad.rules.linalg.operators import (
    Shape,
    Solve,
    adjoint,
    cut,
    diagonal,
    flat,
    hermitian,
    left,
    length,
    over,
    picked,
    right,
    within,
)
from lagrad.status import SingularError, TraceError

#: Singular values and eigenvalues closer than this, in units of rounding errors, are equal.
ROUNDING = 10


# -- triangular factors --------------------------------------------------------------------------


@overridable
def cholesky_factor(a: Any, upper: bool) -> Any:
    """Return L, or U = L^H, from that triangle of a."""
    return np.linalg.cholesky(a, upper=True) if upper else np.linalg.cholesky(a)


def cholesky_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """M = L^-1 dA L^-H, dL = L (lower triangle of M); U^H = L, dU = (upper triangle of M) U."""
    s, upper = np.shape(z), kwargs["upper"]
    half = halved(s, z, lower=not upper)
    if upper:
        M = Solve(adjoint(z), s, lower=True) @ over(z, s, lower=False)
        return right(z, s) @ half @ M
    M = Solve(z, s, lower=True) @ over(adjoint(z), s, lower=False)
    return left(z, s) @ half @ M


def halved(shape: Shape, like: Any, lower: bool) -> Partial:
    """``v -> its lower or upper triangle, with half the diagonal``."""
    inside = within(shape[-1], lower)
    weight = np.where(np.eye(shape[-1], dtype=bool), 0.5, np.where(inside, 1.0, 0.0))
    return Scale(weight.astype(np.finfo(like.dtype).dtype), shape, np.broadcast_to(inside, shape))


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
    if few and np.any(size <= ROUNDING * epsilon(z) * np.max(size, axis=-1, keepdims=True)):
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
    dR = left(adjoint(Q), whole) + right(a, flipped(q)) @ hermitian(q, z) @ dQ
    return Stack(dQ, Scale(ONE, (*heads, few, n), upper) @ dR)


def flipped(shape: Shape) -> Shape:
    """Return the shape of the transpose."""
    return (*shape[:-2], shape[-1], shape[-2])


def first_columns(shape: Shape, few: int) -> Partial:
    """``v -> the first columns of v``."""
    rest = [(0, 0)] * (len(shape) - 1) + [(0, shape[-1] - few)]
    return Move(
        lambda v: v[..., :few], lambda w: np.pad(w, rest), shape, (*shape[:-1], few), selects=True
    )


# -- eigenvalues ---------------------------------------------------------------------------------


@overridable
def symmetric_eigen(a: Any, UPLO: Any) -> Any:
    """Return w and V of Hermitian matrices."""
    return flat(*np.linalg.eigh(a, UPLO))


def eigh_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """M = V^H dA V, dw = diag M, dV = V (F * M)."""
    s = np.shape(args[0])
    w, V = cut(z, s[:-1], s)
    w = np.real(w)
    M = left(adjoint(V), s) @ right(V, s)
    dw = diagonal(s) @ M
    dV = left(V, s) @ reciprocal(gaps(w), close(w, length(w))) @ M
    return up_to_phase("eigh", [(None, 0), (V, -2)], dw, dV)


@overridable
def symmetric_eigenvalues(a: Any, UPLO: Any) -> Any:
    """Return w of Hermitian matrices."""
    return np.linalg.eigvalsh(a, UPLO)


def eigvalsh_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dw = diag(V^H dA V)."""
    s = np.shape(args[0])
    V = np.linalg.eigh(args[0], kwargs["UPLO"])[1]
    return diagonal(s) @ left(adjoint(V), s) @ right(V, s)


@overridable
def eigen(a: Any) -> Any:
    """Return w and V of square matrices."""
    return flat(*np.linalg.eig(a))


def eig_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """M = V^-1 dA V, dw = diag M, dV = V (F * M), and then as LAPACK scales V."""
    s = np.shape(args[0])
    w, V = cut(z, s[:-1], s)
    M, same, whole = by_eigenvectors(args[0], w, V)
    dw = whole @ diagonal(s) @ M
    dV = left(V, s) @ reciprocal(gaps(w), same) @ M
    if not np.iscomplexobj(z):
        return Stack(dw, dV - along(V, V) @ dV)
    # |v|^2 = 1: Re v^H (dv + c v) = 0. v_k real: Im (dv_k + c v_k) = 0. So c = -Re(v^H dv) -
    # i Im(dv_k / v_k), of which each is half a sum with the conjugate.
    size = np.abs(stopped(V))
    largest = np.max(size, axis=-2, keepdims=True)
    tied = np.sum(size >= largest * (1 - np.sqrt(epsilon(V))), axis=-2, keepdims=True) > 1
    k_th = np.arange(s[-1])[:, None] == np.argmax(size, axis=-2)[..., None, :]
    turn = np.where(tied, np.conjugate(V), np.where(k_th, 1 / np.where(k_th, V, 1.0), 0.0))
    c = along(V / 2, np.conjugate(V) + turn)
    d = along_conjugate(V / 2, np.conjugate(V) - turn)
    return up_to_phase("eig", [(None, 0), (np.where(tied, V, 0.0), -2)], dw, dV - (c + d) @ dV)


@overridable
def eigenvalues(a: Any) -> Any:
    """Return w of square matrices."""
    return np.linalg.eigvals(a)


def eigvals_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dw = diag(V^-1 dA V), with the vectors in the order of the values."""
    s = np.shape(args[0])
    w, V = np.linalg.eig(args[0])
    order = same_order(stopped(z), stopped(w), length(stopped(args[0]), (-2, -1)))
    M, _, whole = by_eigenvectors(args[0], z, picked(V, order[..., None, :]))
    return whole @ diagonal(s) @ M


def by_eigenvectors(a: Any, w: Any, V: Any) -> tuple[Partial, Any, Partial]:
    """Return M = V^-1 dA V, which eigenvalues are equal, and what makes dw infinite.

    An eigenvalue is known up to rounding errors times the length of the row of V^-1, its condition
    number; where that is large and two eigenvalues are equal, a vector is missing.
    """
    s = np.shape(a)
    try:
        inverse = np.linalg.inv(V)
    except np.linalg.LinAlgError as error:
        raise SingularError(
            "eig of a defective matrix, which has fewer eigenvectors than rows, has no derivative: "
            "its eigenvalues move like a root of the change. Move a parameter"
        ) from error
    condition = length(stopped(inverse))
    same = close(stopped(w), length(stopped(a), (-2, -1)), condition)
    off = np.logical_not(np.eye(s[-1], dtype=bool))
    defective = np.any(np.logical_and(same, off), axis=-2) & (condition > epsilon(w) ** -0.25)
    weight = np.where(defective, np.inf, 1.0).astype(np.finfo(w.dtype).dtype)
    return left(inverse, s) @ right(V, s), same, Scale(weight, s[:-1])


def same_order(z: Any, w: Any, size: Any) -> Any:
    """Return which w is which z: with vectors LAPACK may find another order."""
    distance = np.abs(z[..., :, None] - w[..., None, :])
    nearest = np.argmin(distance, axis=-1)
    own = np.diagonal(distance, 0, -2, -1) <= np.sqrt(epsilon(z)) * size[..., None]
    return np.where(own, np.arange(np.shape(z)[-1]), nearest)


def along(V: Any, X: Any) -> Partial:
    """``v -> V diag(X^T v)``: column by column what v has along X, along V."""
    shape = np.shape(V)
    total = Sum((len(shape) - 2,), shape, True)
    return Scale(V, shape) @ Broadcast(total.out_shape, shape) @ total @ Scale(X, shape)


def along_conjugate(V: Any, X: Any) -> Partial:
    """``v -> V diag(conj(X^T v))``."""
    shape = np.shape(V)
    return Scale(V, shape) @ Conjugate(shape) @ along(np.ones(shape, V.dtype), X)


# -- singular values -----------------------------------------------------------------------------


@overridable
def singular(a: Any) -> Any:
    """Return U, s and V^H of the thin decomposition."""
    return flat(*np.linalg.svd(a, full_matrices=False))


def svd_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """M = U^H dA V; U^H dU = F * (M S + S M^H), V^H dV = F * (S M + M^H S), ds = Re diag M.

    What leaves the space of U is (1 - U U^H) dA V / S; for V likewise.
    """
    whole = np.shape(args[0])
    *heads, m, n = whole
    few = min(m, n)
    u, c, v = (*heads, m, few), (*heads, few, few), (*heads, few, n)
    U, s, VH = cut(z, u, c[:-1], v)
    s, UH, V = np.real(s), adjoint(U), adjoint(VH)
    columns, rows = Scale(s[..., None, :], c), Scale(s[..., :, None], c)
    F = reciprocal(gaps(s) * (s[..., None, :] + s[..., :, None]), close(s, length(s)))
    M = left(UH, u) @ right(V, whole)
    MH = hermitian(c, z) @ M
    E = F @ (columns @ M + rows @ MH)
    K = F @ (rows @ M + columns @ MH)
    some = above_rounding(s)
    with np.errstate(divide="ignore"):
        inverse = 1 / np.where(some, s, 0.0)
    if np.iscomplexobj(z):  # u^H du - v^H dv = i Im M_jj / s_j, which is given to U
        eye = np.broadcast_to(np.eye(few, dtype=bool), c)
        E = E + Scale(np.where(eye, inverse[..., None, :] / 2, 0.0), c, eye) @ (M - MH)
    dU, dVH = left(U, c) @ E, Scale(-ONE, v) @ right(VH, c) @ K
    if m > n:
        outside = np.eye(m, dtype=z.dtype) - U @ UH
        dU = dU + left(outside, u) @ right(V * inverse[..., None, :], whole)
    if m < n:
        outside = np.eye(n, dtype=z.dtype) - V @ VH
        dVH = dVH + right(outside, v) @ left(UH * inverse[..., :, None], whole)
    ds = Scale(jump(s * some), c[:-1]) @ diagonal(c) @ M
    return up_to_phase("svd", [(U, -2), (None, 0), (-VH, -1)], dU, ds, dVH)


@overridable
def singular_values(a: Any) -> Any:
    """Return s."""
    return np.linalg.svd(a, compute_uv=False)


def svdvals_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return ds = Re diag(U^H dA V)."""
    U, s, VH = np.linalg.svd(args[0], full_matrices=False)
    c = (*np.shape(s), np.shape(s)[-1])
    M = left(adjoint(U), np.shape(U)) @ right(adjoint(VH), np.shape(args[0]))
    return Scale(jump(s * above_rounding(s)), np.shape(s)) @ diagonal(c) @ M


@overridable
def condition(a: Any, p: Any) -> Any:
    """Return the ratio of the largest singular value and the smallest, or its inverse."""
    return np.linalg.cond(a, p)


def cond_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dz = z (ds_1 / s_1 - ds_n / s_n) of z = s_1 / s_n, infinite for a singular matrix."""
    s = singular_values(args[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.expand_dims(z, -1) / np.where(above_rounding(s), s, 0.0)
    place = np.arange(np.shape(s)[-1])
    sign = np.where(place == 0, 1.0, 0.0) - np.where(place == len(place) - 1, 1.0, 0.0)
    sign = (-sign if kwargs["p"] == -2 else sign).astype(s.dtype)
    weight = Scale(np.where(sign != 0, sign * share, 0.0), np.shape(s), sign != 0)
    total = Sum((np.ndim(s) - 1,), np.shape(s), False)
    return total @ weight @ svdvals_partial(0, s, args, {})


# -- repeated values, and phases -----------------------------------------------------------------


def gaps(w: Any) -> Any:
    """Return w_j - w_i."""
    return w[..., None, :] - w[..., :, None]


def epsilon(x: Any) -> float:
    """Return the rounding error of numbers of this kind."""
    return float(np.finfo(x.dtype).eps)


def above_rounding(s: Any) -> Any:
    """Return which singular values are not zero, to within rounding errors."""
    return stopped(s) > ROUNDING * epsilon(s) * length(s)[..., None]


def close(w: Any, size: Any, condition: Any = 1.0) -> Any:
    """Return which of w are equal within rounding errors, each known up to ``condition``."""
    condition = condition * np.ones(np.shape(w))
    bound = condition[..., None, :] + condition[..., :, None]
    return np.abs(gaps(stopped(w))) <= ROUNDING * epsilon(w) * size[..., None, None] * bound


def reciprocal(gap: Any, same: Any) -> Partial:
    """``v -> F * v`` for F = 1/gap, infinite where values are the same, without the diagonal."""
    eye = np.broadcast_to(np.eye(np.shape(gap)[-1], dtype=bool), np.shape(gap))
    with np.errstate(divide="ignore", invalid="ignore"):
        F = 1 / np.where(eye, 1.0, np.where(same, 0.0, gap))
    return Scale(np.where(eye, 0.0, F), np.shape(gap), np.logical_not(eye))


class UpToPhase(Stack):
    """Outputs that are known up to phases: a multiplier that depends on those is refused.

    ``turns`` holds for each output (X, axis): turned by t_j, it changes by i X diag(t), where j
    counts along the axis that is left when ``axis`` is summed.
    """

    def __init__(self, name: str, turns: list[tuple[Any, int]], *parts: Partial) -> None:
        super().__init__(*parts)
        self.name, self.turns = name, turns

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        slope = size = 0.0
        for here, p, (x, axis) in zip(self.slices, self.parts, self.turns, strict=True):
            if x is not None:
                terms = stopped(np.reshape(w[here], p.out_shape) * x)
                slope = slope + np.imag(np.sum(terms, axis=axis))
                size = size + np.sum(np.abs(terms), axis=axis)
        if np.any(np.abs(slope) > epsilon(w) ** (1 / 3) * size):
            raise TraceError(
                f"the result depends on the phase of the complex vectors of {self.name}, which is "
                "arbitrary: each may be turned by any exp(i t). Use what does not depend on it, "
                "such as np.abs(V) or V @ V.conj().T, or fix it yourself: "
                "V * np.exp(-1j * np.angle(V[..., :1, :]))"
            )
        return super().pull(w, mask)


def up_to_phase(name: str, turns: list[tuple[Any, int]], *parts: Partial) -> Partial:
    """Return the outputs in one vector; real vectors have no phase, only a sign."""
    if any(x is not None and np.iscomplexobj(x) for x, _ in turns):
        return UpToPhase(name, turns, *parts)
    return Stack(*parts)


def rule(function: Callable[..., Any], partial: Callable[..., Partial]) -> Primitive:
    """Return the primitive of a function of one matrix and options."""
    return Primitive(
        function.__name__, function, partial, arguments=lambda a, **options: ((a,), options)
    )


# fmt: off
RULES: dict[Callable[..., Any], Primitive] = {
    cholesky_factor:       rule(cholesky_factor, cholesky_partial),
    orthogonal_triangular: rule(orthogonal_triangular, qr_partial),
    symmetric_eigen:       rule(symmetric_eigen, eigh_partial),
    symmetric_eigenvalues: rule(symmetric_eigenvalues, eigvalsh_partial),
    eigen:                 rule(eigen, eig_partial),
    eigenvalues:           rule(eigenvalues, eigvals_partial),
    singular:              rule(singular, svd_partial),
    singular_values:       rule(singular_values, svdvals_partial),
    condition:             rule(condition, cond_partial),
}
# fmt: on
