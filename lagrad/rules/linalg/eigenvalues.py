"""Eigenvalues and eigenvectors, in one vector.

    A = V diag(w) V^-1      M = V^-1 dA V      dw = diag M      dV = V (F * M)

with F_ij = 1/(w_j - w_i) and a zero diagonal; of a Hermitian A, V^-1 = V^H.

Giles, Oxford NA-08/01, 2008, section 3.1; Boeddeker, Hanebrink, Drude, Heymann, Haeb-Umbach, "On
the computation of complex-valued gradients with application to statistically optimum beamforming",
arXiv:1701.00392, for complex numbers.

Conventions. Where eigenvalues repeat, to within rounding errors, dw is still diag M: right for what
is symmetric in them, such as their sum. The vectors have no derivative there, F is infinite, and
this is reported. Where A has no full set of eigenvectors dw is infinite too.

Of a Hermitian matrix one triangle is read, so dA is that triangle of the change, completed; entries
that are never read have no partial.

Complex vectors are known up to their phases. The tangents of `symmetric_eigen` are those that do
not turn (v^H dv = 0), and a result whose multiplier shows that it depends on the phases is refused.
Only a multiplier can show it: a sweep refuses, while a tangent (`lg.jvp`) and a solve with explicit
A cannot know what becomes of the vectors, and answer for those that do not turn.
Those of `eigen` are told by LAPACK: unit length, the largest component real; only where two
components are equally large the phase is taken as unknown there too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import overridable
from lagrad.partials import Broadcast, Conjugate, Partial, Scale, Stack, Sum
from lagrad.primitive import Primitive
from lagrad.rules.constant import stopped
from lagrad.rules.linalg.operators import (
    adjoint,
    completed,
    cut,
    diagonal,
    flat,
    left,
    length,
    picked,
    real,
    right,
    rule,
)
from lagrad.rules.linalg.repeated import close, epsilon, gaps, reciprocal, up_to_phase
from lagrad.status import SingularError


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
    dw = real(diagonal(s) @ M, z)
    dV = left(V, s) @ reciprocal(gaps(w), close(w, length(w))) @ M
    dA = completed(s, z, kwargs["UPLO"] in "Ll")
    return up_to_phase("eigh", [(None, 0), (V, -2)], dw, dV) @ dA


def eigvalsh_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dw = diag(V^H dA V)."""
    s = np.shape(args[0])
    V = np.linalg.eigh(args[0], **kwargs)[1]
    dA = completed(s, args[0], kwargs["UPLO"] in "Ll")
    return diagonal(s) @ left(adjoint(V), s) @ right(V, s) @ dA


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


RULES: dict[Callable[..., Any], Primitive] = {
    symmetric_eigen: rule(symmetric_eigen, eigh_partial),
    np.linalg.eigvalsh: Primitive(
        "eigvalsh",
        np.linalg.eigvalsh,
        eigvalsh_partial,
        arguments=lambda a, UPLO="L": ((a,), {"UPLO": UPLO}),
    ),
    eigen: rule(eigen, eig_partial),
    eigenvalues: rule(eigenvalues, eigvals_partial),
}
