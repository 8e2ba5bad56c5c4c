"""Products of a sparse matrix whose entries are variables.

M(d) holds the entries d at the places of a pattern. Two functions, each bilinear, are closed under
differentiation, so that they serve every order:

    y = M(d) x             dy = M(dd) x + M(d) dx        matmul(d, x)
    d_k = u_i(k) . v_j(k)  dd = du . v + u . dv          sampled_outer(u, v), u v^T at the places

    adjoint of matmul         w -> sampled_outer(w, x) for d,   M(d)^T w for x
    adjoint of sampled_outer  w -> M(w) v for u,                M(w)^T u for v

Nothing is ever dense. The transpose is another pattern with the same entries in the same order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lagrad.dispatch import overridable
from lagrad.partials import Entries, Flipped, Partial
from lagrad.primitive import Primitive
from lagrad.sparse.pattern import Pattern

#: So many products are made at a time: what is taken of u and v then stays in the cache.
CHUNK = 2**16


@overridable
def matmul(data: Any, x: Any, pattern: Pattern) -> Any:
    """Return M(data) x for x (n,) or (n, k), by SciPy's compiled product."""
    return pattern.matrix(data) @ x


@overridable
def sampled_outer(u: Any, v: Any, pattern: Pattern) -> Any:
    """Return the entries of u v^T at the places of ``pattern``; u (m,) or (m, k), v (n,) or (n, k).

    The outer product itself is never made.
    """
    outer, inner = (u, v) if pattern.by_rows else (v, u)
    found = np.empty(pattern.nnz, np.result_type(u, v))
    step = max(1, CHUNK // max(1, math.prod(u.shape[1:])))
    for start in range(0, pattern.nnz, step):
        part = slice(start, start + step)
        # Every index is in range: "clip" spares NumPy a second pass, and a third of the time.
        a = np.take(outer, pattern.owner[part], axis=0, mode="clip")
        b = np.take(inner, pattern.indices[part], axis=0, mode="clip")
        if a.ndim == 1:
            np.multiply(a, b, out=found[part])
        else:
            np.einsum("ek,ek->e", a, b, out=found[part])
    return found


class ByVector(Partial):
    """``v -> M(data) v``: the partial of M x with respect to x."""

    def __init__(self, data: Any, pattern: Pattern, in_shape: tuple[int, ...]) -> None:
        self.data, self.pattern, self.in_shape = data, pattern, in_shape
        self.out_shape = (pattern.shape[0], *in_shape[1:])

    def apply(self, v: Any) -> Any:
        return matmul(self.data, v, pattern=self.pattern)

    def adjoint(self, w: Any) -> Any:
        return matmul(self.data, w, pattern=self.pattern.T)

    def entries(self) -> Entries:
        k = math.prod(self.in_shape[1:])
        rows, columns = widened(self.pattern.rows, k), widened(self.pattern.columns, k)
        return rows, columns, np.repeat(self.data, k)

    def count(self) -> int:
        return self.pattern.nnz * math.prod(self.in_shape[1:])


class ByEntries(Partial):
    """``v -> M(v) x``: the partial of M x with respect to its entries."""

    def __init__(self, x: Any, pattern: Pattern) -> None:
        self.x, self.pattern = x, pattern
        self.in_shape = (pattern.nnz,)
        self.out_shape = (pattern.shape[0], *np.shape(x)[1:])

    def apply(self, v: Any) -> Any:
        return matmul(v, self.x, pattern=self.pattern)

    def adjoint(self, w: Any) -> Any:
        return sampled_outer(w, self.x, pattern=self.pattern)

    def entries(self) -> Entries:
        k = math.prod(self.out_shape[1:])
        rows = widened(self.pattern.rows, k)
        columns = np.repeat(np.arange(self.pattern.nnz), k)
        return rows, columns, np.ravel(self.x[self.pattern.columns])

    def count(self) -> int:
        return self.pattern.nnz * math.prod(self.out_shape[1:])


def widened(index: np.ndarray, k: int) -> np.ndarray:
    """Return the flat indices of whole rows of length k, one row after the other."""
    return (index[:, None].astype(np.int64) * k + np.arange(k)).ravel()


def matmul_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """The partial with respect to the entries holds x, that with respect to x the entries."""
    data, x = args
    pattern = kwargs["pattern"]
    return ByEntries(x, pattern) if k == 0 else ByVector(data, pattern, np.shape(x))


def outer_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """The transposes of `ByEntries`: u collects M(w) v, and v collects M(w)^T u."""
    u, v = args
    pattern = kwargs["pattern"]
    return Flipped(ByEntries(v, pattern) if k == 0 else ByEntries(u, pattern.T))


# Evaluated through the overridable functions, so that values of an outer trace are recorded there.
matmul.primitive = Primitive(  # type: ignore[attr-defined]
    "sparse_matmul", matmul, matmul_partial, multilinear=True
)
sampled_outer.primitive = Primitive(  # type: ignore[attr-defined]
    "sampled_outer", sampled_outer, outer_partial, multilinear=True
)
