"""Naming what is singular: null vectors read as variables and equations."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, overload

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from scipy.sparse.linalg import SuperLU, splu

from lagrad.memory import available_memory
from lagrad.order import Deficiency, match
from lagrad.solve.fill import predicted_fill
from lagrad.solve.interface import SMALLEST_RCOND, scaled
from lagrad.solve.scaling import scales
from lagrad.solve.sparse_lu import ENTRY

#: Up to so many entries the singular vectors are those of LAPACK.
DENSE = 200

#: Factors predicted to need more operations, or this part of the free memory, are not tried for a
#: message: they would take the better part of a minute.
FLOPS, SHARE = 1e11, 0.5

#: So many null vectors are looked for in a large matrix.
SOUGHT = 6

#: So many null vectors, and names of each, are told.
TOLD, NAMES = 3, 5

#: Rows and columns whose sizes differ by up to this power of two are left in their units.
MILD = 10

#: Components below this part of the largest one are not named.
AUDIBLE = 0.05

Labels = Sequence[str] | Callable[[int], str]


class EntryNames(Sequence[str]):
    """The names of the entries of several variables, each made when it is asked for.

    Parameters
    ----------
    parts : pairs (name, size)
    """

    def __init__(self, parts: Iterable[tuple[str, int]]) -> None:
        self.parts = list(parts)
        self.begins = list(accumulate((size for _, size in self.parts), initial=0))

    def __len__(self) -> int:
        return self.begins[-1]

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[p] for p in range(*at.indices(len(self)))]
        at = range(len(self))[at]
        k = bisect_right(self.begins, at) - 1
        name, size = self.parts[k]
        return name if size == 1 else f"{name}[{at - self.begins[k]}]"


def culprits(model: Any, k: int, m: sp.csc_array) -> str:
    """Name the variables and equations at fault in the singular block k of a model."""
    block = model.blocks[k]
    variables = EntryNames((model.names[j], model.size(j)) for j in block.variables)
    equations = EntryNames(
        (model.equation_names[i], math.prod(model.equation_shape(i))) for i in block.equations
    )
    lines = sorted({model.where(i) for i in block.equations} - {""})
    return null_vectors(m, variables, equations) + (f" (at {', '.join(lines)})" if lines else "")


def null_vectors(m: sp.csc_array, variables: Labels, equations: Labels) -> str:
    """Say which equations depend on each other and which variables are not determined.

    Parameters
    ----------
    m : sparse (variables, equations), a singular block of A
        ``m v = 0`` is a combination of equations that vanishes, ``u^T m = 0`` a change of the
        variables that no equation sees. Where units are far apart both are taken of the scaled
        matrix, so that the names do not depend on them.
    variables, equations : names of the entries, as a sequence or a function of the index
        Only those that are told are asked for.

    Notes
    -----
    Small matrices have a singular value decomposition, large ones inverse iteration on sparse
    factors. Where that fails, since so much is zero that no pivot is left, the equations that have
    too few variables are told, and the variables that have too few equations (`order.match`).
    """
    m = sp.csc_array(m)
    n = m.shape[0]
    unknown = f"The block of {n} entries is not looked at more closely"
    if not n or not np.isfinite(m.data).all() or too_costly(m):
        return unknown
    rows, columns = scales(m)
    if max(np.ptp(np.log2(rows)), np.ptp(np.log2(columns))) > MILD:
        m = scaled(m, rows, columns)
    try:
        u, v = (null_space if n <= DENSE else sparse_null_space)(m)
    except (ArithmeticError, RuntimeError, MemoryError):
        lacking = match(sp.csr_array(nonzero(m).T))
        if not isinstance(lacking, Deficiency):
            return unknown
        u, v = indicator(n, lacking.variables), indicator(n, lacking.equations)
    count = v.shape[1]
    several = ""
    if count > 1:
        least = "at least " if count == SOUGHT and n > DENSE else ""
        several = f"there are {least}{count} independent null vectors; "
    return (
        f"{several}equations that depend on each other: {told(v, equations)}; "
        f"variables that are not determined: {told(u, variables)}"
    )


def too_costly(m: sp.csc_array) -> bool:
    """True if the sparse factors of a large matrix are predicted to take long, or much memory."""
    if m.shape[0] <= DENSE:
        return False
    entries, flops = predicted_fill(m)
    return flops > FLOPS or ENTRY * entries > SHARE * available_memory()


def nonzero(m: sp.csc_array) -> sp.csc_array:
    """Return ``m`` without the zeros that it stores."""
    made = sp.csc_array(m, copy=True)
    made.eliminate_zeros()
    return made


def indicator(n: int, chosen: np.ndarray) -> np.ndarray:
    """Return a column (n, 1) of ones where it is chosen, else of zeros."""
    made = np.zeros((n, 1))
    made[chosen] = 1.0
    return made


def null_space(m: sp.csc_array) -> tuple[np.ndarray, np.ndarray]:
    """Return the left and right singular vectors of a small matrix that belong to zero, (n, k)."""
    u, sizes, vt = np.linalg.svd(m.toarray())
    count = max(1, int(np.count_nonzero(sizes <= SMALLEST_RCOND * sizes[0])))
    return u[:, -count:], vt[-count:].T


def sparse_null_space(m: sp.csc_array) -> tuple[np.ndarray, np.ndarray]:
    """Return the left and right null vectors of a large matrix, (n, k) with k <= `SOUGHT`.

    Inverse iteration on a few vectors with the factors of the singular matrix: that these are
    nearly singular is what makes it converge in a step or two (Peters and Wilkinson, SIAM Review 21
    (1979), p. 339). Where a pivot is exactly zero they are the factors of M + E, and the null
    vectors of M are the fixed points of v <- (M + E)^-1 E v. What was found is then tried on M.
    """
    lu, change = nearly(m)
    rng = np.random.default_rng(m.shape[0])
    v = rng.standard_normal((m.shape[0], SOUGHT))
    with np.errstate(all="ignore"):
        for _ in range(3):
            u = orthogonal(lu.solve(v, "T"))
            v = orthogonal(lu.solve(u))
        for _ in range(2 if change.nnz else 0):
            u = orthogonal(lu.solve(change.T @ u, "T"))
            v = orthogonal(lu.solve(change @ v))
    tolerance = SMALLEST_RCOND * float(abs(m).sum(axis=0).max())
    u, left = smallest(m.T, u, tolerance)
    v, right = smallest(m, v, tolerance)
    count = min(left, right)
    return u[:, :count], v[:, :count]


def nearly(m: sp.csc_array) -> tuple[SuperLU, sp.csc_array]:
    """Return the factors of M + E, and E: zero, or what it takes to have no pivot zero."""
    n, eps = m.shape[0], np.finfo(float).eps
    rng = np.random.default_rng(n)
    size = float(np.abs(m.data).max(initial=0.0)) or 1.0
    entries = sp.csc_array((size * rng.uniform(-1.0, 1.0, m.nnz), m.indices, m.indptr), m.shape)
    diagonal = sp.dia_array((size * rng.uniform(0.5, 1.0, (1, n)), [0]), shape=m.shape)
    # The diagonal may be no entry of M; with it even an empty row has a pivot.
    for change in (sp.csc_array(m.shape), 10 * eps * entries, np.sqrt(eps) * diagonal):
        try:
            return factors(sp.csc_array(m + change)), sp.csc_array(change)
        except RuntimeError:
            continue
    raise RuntimeError("no factors, however the matrix is perturbed")


def factors(m: sp.csc_array) -> SuperLU:
    """Return SuperLU's factors, of a symmetric pattern by minimum degree."""
    m.indices, m.indptr = m.indices.astype(np.intc), m.indptr.astype(np.intc)
    other = sp.csc_array(m.T)
    if np.array_equal(m.indptr, other.indptr) and np.array_equal(m.indices, other.indices):
        symmetric = dict(SymmetricMode=True)
        return splu(m, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.1, options=symmetric)
    return splu(m)


def orthogonal(x: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the columns."""
    sizes = np.abs(x).max(axis=0)
    if not np.isfinite(sizes).all() or not sizes.all():
        raise FloatingPointError("inverse iteration overflowed")
    return np.linalg.qr(x / sizes)[0]


def smallest(m: sp.sparray, x: np.ndarray, tolerance: float) -> tuple[np.ndarray, int]:
    """Turn the orthonormal columns of ``x`` so that |m x| grows; count those where it is zero."""
    _, sizes, vt = np.linalg.svd(m @ x, full_matrices=False)
    sizes = sizes[::-1]
    count = int(np.count_nonzero(sizes <= max(tolerance, sizes[0])))
    return x @ vt[::-1].T, count


def told(vectors: np.ndarray, labels: Labels) -> str:
    """Return the names of the largest components of null vectors (n, k).

    Of several vectors the basis is taken in which each one is zero where another one is largest, so
    that parts without a connection are told apart.
    """
    if vectors.shape[1] > 1:
        _, _, pivots = scipy.linalg.qr(vectors.T, pivoting=True, mode="economic")
        chosen = np.sort(pivots[: vectors.shape[1]])
        vectors = np.linalg.solve(vectors[chosen].T, vectors.T).T
    shown = "; and ".join(loudest(x, labels) for x in vectors.T[:TOLD])
    return shown + ("; and others" if vectors.shape[1] > TOLD else "")


def loudest(vector: np.ndarray, labels: Labels) -> str:
    """Return the labels of the largest components, the largest first."""
    # Components that differ by rounding errors stay in their order.
    sizes = np.round(np.abs(vector) / np.abs(vector).max(), 6)
    ranked = np.argsort(-sizes, kind="stable")
    heard = int(np.count_nonzero(sizes > AUDIBLE))
    name = labels if callable(labels) else labels.__getitem__
    names = ", ".join(name(int(p)) for p in ranked[: min(NAMES, heard)])
    return names + (f" and {heard - NAMES:,} more" if heard > NAMES else "")
