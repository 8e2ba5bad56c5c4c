"""Singular values and vectors, in one vector.

    A = U diag(s) V^H      M = U^H dA V      ds = Re diag M
                           dU = U (F * (M S + S M^H)) + (1 - U U^H) dA V / S
                           dV = V (F * (S M + M^H S)) + (1 - V V^H) dA^H U / S

with F_ij = 1/(s_j^2 - s_i^2) and a zero diagonal.

Giles, Oxford NA-08/01, 2008, section 3.2; Seeger, Hetzel, Dai, Meissner, Lawrence,
"Auto-differentiating linear algebra", arXiv:1710.08717.

Conventions. Where singular values repeat, to within rounding errors, ds is still Re diag M: right
for what is symmetric in them, such as a norm. The vectors have no derivative there, F is infinite,
and this is reported. A singular value is a size, and at zero has derivative 0, as |x| has.

Complex vectors u and v are known up to one phase for each pair. The tangents are those with
v^H dv = 0, and a result whose multiplier shows that it depends on the phases is refused. Only a
multiplier can show it: a sweep refuses, while a tangent (`lg.jvp`) and a solve with explicit A
cannot know what becomes of the vectors, and answer for those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import overridable
from lagrad.partials import ONE, Partial, Scale, Sum
from lagrad.primitive import Primitive
from lagrad.rules.constant import stopped
from lagrad.rules.elementwise import jump
from lagrad.rules.linalg.operators import (
    adjoint,
    cut,
    diagonal,
    flat,
    hermitian,
    left,
    length,
    real,
    right,
    rule,
)
from lagrad.rules.linalg.repeated import ROUNDING, close, epsilon, gaps, reciprocal, up_to_phase


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
    ds = Scale(jump(s * some), c[:-1]) @ real(diagonal(c) @ M, z)
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


def above_rounding(s: Any) -> Any:
    """Return which singular values are not zero, to within rounding errors."""
    return stopped(s) > ROUNDING * epsilon(s) * length(s)[..., None]


RULES: dict[Callable[..., Any], Primitive] = {
    singular: rule(singular, svd_partial),
    singular_values: rule(singular_values, svdvals_partial),
    condition: rule(condition, cond_partial),
}
