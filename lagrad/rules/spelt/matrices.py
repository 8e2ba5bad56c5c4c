"""Compositions for ``numpy.linalg``: what NumPy's own functions read, choose and return.

`lagrad.rules.linalg` has the rules; a function with several outputs returns them in one vector
there, and here they are cut from it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.rules.linalg.eigenvalues import eigen, eigenvalues, symmetric_eigen
from lagrad.rules.linalg.factors import orthogonal_triangular
from lagrad.rules.linalg.operators import adjoint, cut, picked, swapped
from lagrad.rules.linalg.singular_values import condition, singular, singular_values
from lagrad.rules.linalg.solves import least_squares, pseudo_inverse, signed_log_det
from lagrad.rules.products import einsum_arguments
from lagrad.rules.reductions import entry_norm
from lagrad.rules.spelt.losses import as_array
from lagrad.status import SingularError, TraceError

#: NumPy's named tuples, by what its functions return.
ONE_BY_ONE = np.eye(1)
RESULTS: tuple[Any, ...] = tuple(
    type(f(ONE_BY_ONE))
    for f in (np.linalg.slogdet, np.linalg.qr, np.linalg.eigh, np.linalg.eig, np.linalg.svd)
)
SLOGDET, QR, EIGH, EIG, SVD = RESULTS


# -- decompositions ------------------------------------------------------------------------------


def qr(a: Any, mode: str = "reduced") -> Any:
    """np.linalg.qr; a complete Q of a tall matrix is not unique, and "raw" is LAPACK's own."""
    a = as_array(a)
    *heads, m, n = np.shape(a)
    if mode not in ("reduced", "complete", "r") or (mode == "complete" and m > n):
        raise TraceError(
            f"np.linalg.qr with mode={mode!r} of an ({m}, {n}) matrix: reflections have no rule, "
            "and the last columns of a complete Q are not unique. Use mode='reduced' or 'r'"
        )
    few = min(m, n)
    Q, R = cut(orthogonal_triangular(a), (*heads, m, few), (*heads, few, n))
    return R if mode == "r" else QR(Q, R)


def eigh(a: Any, UPLO: str = "L") -> Any:
    """np.linalg.eigh."""
    a = as_array(a)
    w, V = cut(symmetric_eigen(a, UPLO=UPLO), np.shape(a)[:-1], np.shape(a))
    return EIGH(np.real(w), V)


def eig(a: Any) -> Any:
    """np.linalg.eig."""
    a = as_array(a)
    return EIG(*cut(eigen(a), np.shape(a)[:-1], np.shape(a)))


def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """np.linalg.svd; what a full U or V^H has beyond the thin one is not unique."""
    a = as_array(a)
    *heads, m, n = np.shape(a)
    few = min(m, n)
    if not compute_uv:
        return svdvals_of_hermitian(a) if hermitian else singular_values(a)
    if hermitian:
        return svd_of_hermitian(a)
    if full_matrices and m != n:
        raise TraceError(
            f"np.linalg.svd with full_matrices=True of an ({m}, {n}) matrix: the singular vectors "
            f"beyond the first {few} are not unique. Write full_matrices=False, or "
            "compute_uv=False for the singular values"
        )
    U, s, VH = cut(singular(a), (*heads, m, few), (*heads, few), (*heads, few, n))
    return SVD(U, np.real(s), VH)


def svd_of_hermitian(a: Any) -> Any:
    """As NumPy makes it from the eigenvalues: V^H takes their signs."""
    w, V = eigh(a)
    order = np.argsort(np.abs(w))[..., ::-1]
    signs = picked(np.where(np.signbit(w), -1.0, 1.0).astype(w.dtype), order)
    s, U = picked(np.abs(w), order), picked(V, order[..., None, :])
    return SVD(U, s, adjoint(U * signs[..., None, :]))


def svdvals_of_hermitian(a: Any) -> Any:
    """The sizes of the eigenvalues, the largest first."""
    s = np.abs(np.linalg.eigvalsh(a))
    return picked(s, np.argsort(s))[..., ::-1]


# -- solutions and determinants ------------------------------------------------------------------


def slogdet(a: Any) -> Any:
    """np.linalg.slogdet; the sign of a real determinant is a step."""
    heads = np.shape(a)[:-2]
    sign, log = cut(signed_log_det(as_array(a)), heads, heads)
    return SLOGDET(sign if np.iscomplexobj(sign) else np.sign(sign), np.real(log))


def pinv(a: Any, rcond: Any = None, hermitian: bool = False, **given: Any) -> Any:
    """np.linalg.pinv; ``rtol=`` is NumPy 2's name for rcond."""
    a = as_array(a)
    if set(given) - {"rtol"} or (given and rcond is not None):
        raise TypeError(f"pinv got {sorted(given)}")
    if given:
        rtol = given["rtol"]
        rcond = max(np.shape(a)[-2:]) * np.finfo(a.dtype).eps if rtol is None else rtol
    return pseudo_inverse(a, rcond=1e-15 if rcond is None else rcond, hermitian=hermitian)


def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """np.linalg.lstsq; the rank is structure, and so is how many residuals there are."""
    a, b = as_array(a), as_array(b)
    columns = b[:, None] if np.ndim(b) == 1 else b
    (m, n), many = np.shape(a), np.shape(columns)[1]
    found = least_squares(a, columns, rcond=rcond)
    sums = found.size - n * many - min(m, n) - 1
    x, squares, s, rank = cut(found, (n, many), (sums,), (min(m, n),), ())
    x = x[:, 0] if np.ndim(b) == 1 else x
    return x, np.real(squares), np.real(rank).astype(np.intc), np.real(s)


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """np.linalg.tensorsolve, a solve of flattened arrays."""
    a, b = as_array(a), as_array(b)
    rest = [k for k in range(np.ndim(a)) if k not in (axes or ())]
    shape = [np.shape(a)[k] for k in (*rest, *(axes or ()))][np.ndim(b) :]
    n = math.prod(shape)
    matrix = np.reshape(np.transpose(a, (*rest, *(axes or ()))), (n, n))
    return np.reshape(np.linalg.solve(matrix, np.ravel(b)), shape)


def tensorinv(a: Any, ind: int = 2) -> Any:
    """np.linalg.tensorinv, an inverse of flattened arrays."""
    shape = np.shape(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    inverse = np.linalg.inv(np.reshape(a, (math.prod(shape[ind:]), -1)))
    return np.reshape(inverse, shape[ind:] + shape[:ind])


def matrix_power(a: Any, n: int) -> Any:
    """np.linalg.matrix_power, by NumPy's own products."""
    a, n = as_array(a), operator.index(n)
    if n == 0:
        return np.zeros_like(a) + np.eye(np.shape(a)[-1], dtype=a.dtype)
    a, n = (np.linalg.inv(a), -n) if n < 0 else (a, n)
    if n == 3:
        return (a @ a) @ a
    square, result = a, None
    while True:
        n, bit = divmod(n, 2)
        if bit:
            result = square if result is None else result @ square
        if not n:
            return result
        square = square @ square


# -- norms ---------------------------------------------------------------------------------------

#: The norms of a matrix that are no norms of its entries: how each is made of the sums of sizes
#: along columns (axis -2) or rows (axis -1), or of the singular values.
BY_SUMS: dict[Any, tuple[int, Callable[..., Any]]] = {
    1: (-2, np.max),
    -1: (-2, np.min),
    np.inf: (-1, np.max),
    -np.inf: (-1, np.min),
}
BY_SINGULAR_VALUES: dict[Any, Callable[..., Any]] = {2: np.max, -2: np.min, "nuc": np.sum}


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """np.linalg.norm in all its orders."""
    x = as_array(x)
    if axis is None:
        axes = tuple(range(np.ndim(x)))
    else:
        axes = tuple(axis) if isinstance(axis, tuple | list) else (operator.index(axis),)
    if len(axes) == 1 and ord == 0:
        return np.sum(np.not_equal(x, 0).astype(np.real(x).dtype), axis=axes, keepdims=keepdims)
    if len(axes) != 2 or ord in (None, "fro", "f"):
        return entry_norm(x, ord=ord, axis=axis, keepdims=keepdims)
    matrix = np.moveaxis(x, axes, (-2, -1))
    if ord in BY_SUMS:
        along, reduce = BY_SUMS[ord]
        result = reduce(np.sum(np.abs(matrix), axis=along), axis=-1)
    elif ord in BY_SINGULAR_VALUES:
        result = BY_SINGULAR_VALUES[ord](singular_values(matrix), axis=-1)
    else:
        raise ValueError("Invalid norm order for matrices.")
    return np.expand_dims(result, [k % np.ndim(x) for k in axes]) if keepdims else result


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """np.linalg.vector_norm: of all entries along any number of axes."""
    x = as_array(x)
    n = np.ndim(x)
    if axis is not None and not isinstance(axis, tuple):
        return norm(x, ord, axis, keepdims)
    axes = tuple(range(n)) if axis is None else tuple(k % n for k in axis)
    rest = tuple(k for k in range(n) if k not in axes)
    flat = np.reshape(np.transpose(x, axes + rest), (-1, *(np.shape(x)[k] for k in rest)))
    result = norm(flat, ord, axis=0)
    return np.expand_dims(result, axes) if keepdims else result


def cond(x: Any, p: Any = None) -> Any:
    """np.linalg.cond; infinite for a singular matrix, where it has no derivative."""
    x = as_array(x)
    if p is None or p in (2, -2):
        return condition(x, p=p)
    try:
        inverse = np.linalg.inv(x)
    except np.linalg.LinAlgError as error:
        raise SingularError(
            f"np.linalg.cond(x, {p!r}) of a singular matrix is infinite and has no derivative. "
            "Look for linearly dependent rows"
        ) from error
    return norm(x, p, (-2, -1)) * norm(inverse, p, (-2, -1))


# -- products ------------------------------------------------------------------------------------


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    """np.cross of vectors of length 3; what a vector of length 2 lacks is zero."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    a, b = np.moveaxis(as_array(a), axisa, -1), np.moveaxis(as_array(b), axisb, -1)
    sizes = {np.shape(a)[-1], np.shape(b)[-1]}
    if not sizes <= {2, 3}:
        raise ValueError(f"cross of vectors of length {sorted(sizes)}; they have 2 or 3 entries")
    (x, y, *z), (u, v, *w) = ([c[..., k] for k in range(np.shape(c)[-1])] for c in (a, b))
    third = x * v - y * u
    if sizes == {2}:
        return third
    if not z:
        first, second = y * w[0], -(x * w[0])
    elif not w:
        first, second = -(z[0] * v), z[0] * u
    else:
        first, second = y * w[0] - z[0] * v, z[0] * u - x * w[0]
    return np.moveaxis(np.stack([first, second, third], axis=-1), -1, axisc)


def trace(x: Any, /, *, offset: int = 0) -> Any:
    """np.linalg.trace, of the last two axes."""
    return np.trace(x, offset, axis1=-2, axis2=-1)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """np.linalg.vecdot, along any axis."""
    return np.vecdot(np.moveaxis(as_array(x1), axis, -1), np.moveaxis(as_array(x2), axis, -1))


def three(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """np.linalg.cross, of vectors of length 3 only."""
    if {np.shape(x1)[axis], np.shape(x2)[axis]} != {3}:
        raise ValueError("np.linalg.cross takes vectors of length 3")
    return cross(x1, x2, axis=axis)


def outer(x1: Any, x2: Any, /) -> Any:
    """np.linalg.outer, of vectors only."""
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError("np.linalg.outer takes vectors; np.outer flattens")
    return np.outer(x1, x2)


def einsum_path(*operands: Any, optimize: Any = "greedy") -> Any:
    """np.einsum_path, which looks at shapes only."""
    operands, options = einsum_arguments(*operands)
    shapes = (np.broadcast_to(0.0, np.shape(x)) for x in operands)
    return np.einsum_path(options["subscripts"], *shapes, optimize=optimize)


# fmt: off
MATRICES: dict[Callable[..., Any], Callable[..., Any]] = {
    np.linalg.qr:           qr,
    np.linalg.eigh:         eigh,
    np.linalg.eig:          eig,
    np.linalg.eigvals:      lambda a: eigenvalues(as_array(a)),
    np.linalg.svd:          svd,
    np.linalg.slogdet:      slogdet,
    np.linalg.pinv:         pinv,
    np.linalg.lstsq:        lstsq,
    np.linalg.tensorsolve:  tensorsolve,
    np.linalg.tensorinv:    tensorinv,
    np.linalg.matrix_power: matrix_power,
    np.linalg.norm:         norm,
    np.linalg.cond:         cond,
    np.cross:               cross,
    np.einsum_path:         einsum_path,
}

#: Names that NumPy 2 added to numpy.linalg; they may be functions of their own.
NEWER: dict[str, Callable[..., Any]] = {
    "svdvals":          lambda x, /: singular_values(as_array(x)),
    "matrix_norm":      lambda x, /, *, keepdims=False, ord="fro": norm(x, ord, (-2, -1), keepdims),
    "vector_norm":      vector_norm,
    "cross":            three,
    "outer":            outer,
    "trace":            trace,
    "vecdot":           vecdot,
    "matmul":           lambda x1, x2, /: np.matmul(x1, x2),
    "tensordot":        lambda x1, x2, /, *, axes=2: np.tensordot(x1, x2, axes),
    "diagonal":         lambda x, /, *, offset=0: np.diagonal(x, offset, -2, -1),
    "matrix_transpose": lambda x, /: swapped(as_array(x)),
}
# fmt: on
MATRICES |= {
    getattr(np.linalg, name): spelt for name, spelt in NEWER.items() if hasattr(np.linalg, name)
}
