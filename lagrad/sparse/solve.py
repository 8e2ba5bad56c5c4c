"""Solving with a sparse matrix whose entries are variables.

    z = M(d)^-1 b          dz = M^-1 (db - M(dd) z)
    lam = M^-T w           lam for b,   -(lam z^T at the places of the entries) for d

The solves of tangents and multipliers are the same function of d and another right-hand side, and
so derivatives of any order share the factors of M. Giles, "An extended collection of matrix
derivative results for forward and reverse mode algorithmic differentiation", Oxford NA-08/01,
2008, section 2.2.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import structural_rank

from lagrad.assemble import refuse_too_large
from lagrad.dispatch import overridable
from lagrad.partials import Entries, Partial, as_dtype
from lagrad.primitive import Primitive
from lagrad.solve import factorize
from lagrad.solve.interface import Factor, checked
from lagrad.sparse.pattern import Pattern
from lagrad.sparse.products import ByEntries, ByVector, matmul, sampled_outer, widened
from lagrad.status import NonFiniteError, SingularError


class Factors:
    """The factors of one matrix, kept beside it; renewed when its entries have changed.

    They are those of the arrays read column by column, whichever way a pattern reads them: a
    transpose needs no factors of its own.
    """

    def __init__(self) -> None:
        self.known: tuple[np.ndarray, sp.csc_array, Factor] | None = None

    def __reduce__(self) -> Any:
        return Factors, ()

    def __repr__(self) -> str:
        return self.known[2].method if self.known else "none yet"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Factors)  # What was kept is no part of a matrix.

    __hash__ = None  # type: ignore[assignment]

    def of(self, data: np.ndarray, pattern: Pattern) -> tuple[sp.csc_array, Factor]:
        """Return the matrix, as real numbers and by columns, and its factors.

        Raises
        ------
        NonFiniteError, SingularError
            Naming the entry, the row or the column.
        """
        known = self.known
        if known is None or known[0].dtype != data.dtype or not np.array_equal(known[0], data):
            matrix = real_matrix(data, pattern)
            try:
                factor = factorize(matrix)
            except SingularError as error:
                raise SingularError(why_singular(data, pattern)) from error
            known = self.known = data.copy(), matrix, factor
        return known[1:]


def real_matrix(data: np.ndarray, pattern: Pattern) -> sp.csc_array:
    """Return the matrix by columns, [[Re, -Im], [Im, Re]] for a complex one.

    Raises
    ------
    NonFiniteError
        Naming the first entry that is NaN or inf.
    """
    wrong = np.flatnonzero(~np.isfinite(data))
    if len(wrong):
        k = int(wrong[0])
        raise NonFiniteError(
            f"spsolve: entry ({pattern.rows[k]}, {pattern.columns[k]}) of the matrix is {data[k]}; "
            "find where it comes from, for nothing can be solved with it"
        )
    by_columns = pattern.T if pattern.by_rows else pattern
    if data.dtype.kind != "c":
        return sp.csc_array(by_columns.matrix(data.astype(float)))
    real, imaginary = by_columns.matrix(data.real), by_columns.matrix(data.imag)
    both = sp.block_array([[real, -imaginary], [imaginary, real]], format="csc")
    return sp.csc_array(both.astype(float))


def why_singular(data: np.ndarray, pattern: Pattern) -> str:
    """Return what is known about a matrix that could not be factorised: structure first."""
    n = pattern.shape[0]
    size = f"spsolve: the matrix of shape {pattern.shape} with {pattern.nnz} entries is singular"
    for what, places in (("row", pattern.rows), ("column", pattern.columns)):
        empty = np.flatnonzero(np.bincount(places, minlength=n) == 0)
        if len(empty):
            return f"{size}: {what} {empty[0]} has no entries{others(len(empty))}"
    rank = int(structural_rank(pattern.matrix(np.ones(pattern.nnz)).copy()))
    if rank < n:
        return (
            f"{size} whatever its values: at most {rank} of its {n} rows can be matched with "
            "columns of their own. Look for entries that are missing from the pattern"
        )
    for what, places in (("row", pattern.rows), ("column", pattern.columns)):
        zero = np.flatnonzero(np.bincount(places, np.abs(data), minlength=n) == 0)
        if len(zero):
            return f"{size}: all entries of {what} {zero[0]} are zero{others(len(zero))}"
    return (
        f"{size} to working precision at these values: its rows are linearly dependent, or nearly "
        "so. Look for a row that is a combination of others (a Laplacian without a grounded node, "
        "a stochastic matrix I - P without absorption)"
    )


def others(count: int) -> str:
    """Return how many more there are."""
    return f", nor do {count - 1} more" if count > 1 else ""


@overridable
def solve(data: Any, b: Any, pattern: Pattern, factors: Factors) -> Any:
    """Return M(data)^-1 b for b (n,) or (n, k); refined and checked.

    A column of b with NaN or inf gives a column of NaN.
    """
    matrix, factor = factors.of(data, pattern)
    dtype = np.result_type(data, b)
    b = np.asarray(b)
    good = np.isfinite(b)
    lost = ~(good.all() if b.ndim == 1 else good.all(axis=0))
    if lost.any():
        b = np.where(lost, 0.0, b)
    # The factors are those of the columns; of rows read as columns they are the transpose's.
    transposed = pattern.by_rows
    if data.dtype.kind == "c":
        b = b.conj() if transposed else b  # M^-T b = conj(M^-H conj(b))
        x = checked(matrix, factor, np.concatenate([b.real, b.imag]).astype(float), transposed)
        x = x[: len(b)] + 1j * x[len(b) :]
        x = x.conj() if transposed else x
    elif b.dtype.kind == "c":
        sides = np.stack([b.real, b.imag], axis=-1).astype(float)
        x = checked(matrix, factor, sides.reshape(len(b), -1), transposed).reshape(sides.shape)
        x = x[..., 0] + 1j * x[..., 1]
    else:
        x = checked(matrix, factor, b.astype(float), transposed)
    x = x.astype(dtype)
    if lost.any():
        x[..., lost] = np.nan
    return x


class Joint:
    """The partials with respect to entries and right-hand side, which share one solve.

    In A the row stands as the cycle that it is, with the conditions ``g = M(d) z - b``: M on the
    diagonal, and nothing dense beside it. Its multiplier is that of g.
    """

    def __init__(self, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        (self.data, self.b), self.z, self.pattern = args, z, kwargs["pattern"]
        self.factors = kwargs["factors"]

    def solve(self, v: Any) -> Any:
        """Return M^-1 v."""
        return solved(self.data, v, self.pattern, self.factors)

    def multiplier(self, w: Any) -> Any:
        """Return lam = M^-T w."""
        return solved(self.data, w, self.pattern.T, self.factors)

    def hand_on(self, lam: Any) -> list[Any]:
        """Return what the entries and b get from the multiplier of g."""
        found = -sampled_outer(lam, self.z, pattern=self.pattern), lam
        return [narrowed(v, a) for v, a in zip(found, (self.data, self.b), strict=True)]

    def pull(self, w: Any) -> list[Any]:
        """Return what the entries and b get from z."""
        return self.hand_on(self.multiplier(w))

    def change(self, tangents: Mapping[int, Any]) -> Any:
        """Return db - M(dd) z for changes of the entries (0) and of b (1)."""
        change = tangents.get(1)
        if 0 in tangents:
            moved = matmul(tangents[0], self.z, pattern=self.pattern)
            change = -moved if change is None else change - moved
        return change

    def push(self, tangents: Mapping[int, Any]) -> Any:
        """Return dz for changes of the entries (0) and of b (1)."""
        return self.solve(self.change(tangents))

    # -- as entries of A, where all numbers are real ---------------------------------------------

    def matrix(self) -> sp.csc_array:
        """Return A_zz = M^T, for each column of z."""
        return sp.csc_array(ByVector(self.data, self.pattern.T, np.shape(self.z)).matrix())

    def parameter_matrices(self) -> list[sp.csr_array]:
        """Return dg/dd and dg/db."""
        minus = -sp.eye_array(self.z.size, format="csr")
        return [ByEntries(self.z, self.pattern).matrix(), minus]

    def factor(self) -> Factor:
        """Return the factors of A_zz, which are those of the value."""
        _, factor = self.factors.of(self.data, self.pattern)
        return Widened(factor, not self.pattern.by_rows, math.prod(np.shape(self.z)[1:]))


class Widened:
    """The factors of M (or M^T) for each of k columns that lie in one vector, row by row."""

    def __init__(self, factor: Factor, flipped: bool, k: int) -> None:
        self.factor, self.flipped, self.method = factor, flipped, factor.method
        scales = factor.rows, factor.columns
        self.rows, self.columns = (np.repeat(d, k) for d in (scales[::-1] if flipped else scales))
        self.n = len(factor.rows)

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return the solution for b (n k,) or (n k, sides)."""
        if not b.size:
            return b
        sides = b.reshape(self.n, -1)
        return self.factor.solve(sides, transposed != self.flipped).reshape(b.shape)


def narrowed(v: Any, like: Any) -> Any:
    """Return a multiplier in the dtype of its variable."""
    return v if v.dtype == like.dtype or like.dtype.kind not in "fc" else as_dtype(v, like.dtype)


class One(Partial):
    """The partial with respect to argument ``k`` alone, and its entries."""

    def __init__(self, k: int, joint: Joint) -> None:
        self.k, self.joint = k, joint
        self.in_shape = np.shape((joint.data, joint.b)[k])
        self.out_shape = np.shape(joint.z)

    def apply(self, v: Any) -> Any:
        return self.joint.push({self.k: v})

    def adjoint(self, w: Any) -> Any:
        lam = self.joint.multiplier(w)
        return lam if self.k else -sampled_outer(lam, self.joint.z, pattern=self.joint.pattern)

    def entries(self) -> Entries:
        refuse_too_large(
            self.count(),
            "the Jacobian of spsolve, which is dense,",
            "Apply it to vectors: lg.jvp and lg.vjp never form it, nor does lg.trace(...)"
            ".linearize(). In a System write the residual P @ z - b = 0 in place of "
            "z = spsolve(P, b)",
            each=64,
        )
        n, width = len(self.joint.z), math.prod(self.out_shape[1:])
        inverse = self.joint.solve(np.eye(n))
        if self.k == 1:
            rows, columns = (widened(i.ravel(), width) for i in np.indices((n, n)))
            return rows, columns, np.repeat(np.ravel(inverse), width)
        pattern, z = self.joint.pattern, np.reshape(self.joint.z, (n, width))
        # dz_ij = -(M^-1)_i,row(k) z_column(k),j dd_k
        data = -inverse[:, None, pattern.rows] * z[pattern.columns].T
        rows, columns = np.indices((n * width, pattern.nnz))
        return rows.ravel(), columns.ravel(), np.ravel(data)

    def count(self) -> int:
        n = len(self.joint.z)
        return math.prod(self.out_shape) * (n if self.k == 1 else self.joint.pattern.nnz)


def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """DZ = M^-1 (db - M(dd) z)."""
    return One(k, Joint(z, args, kwargs))


@overridable
def complex_solve(data: Any, b: Any, pattern: Pattern, factors: Factors) -> Any:
    """Return `solve` of complex numbers; in A, where cycles are real, its partials are explicit."""
    return solve(data, b, pattern=pattern, factors=factors)


solve.primitive = Primitive(  # type: ignore[attr-defined]
    "sparse_solve", solve, partial, joint=Joint, cyclic=True
)
complex_solve.primitive = Primitive(  # type: ignore[attr-defined]
    "sparse_solve", complex_solve, partial
)


def solved(data: Any, b: Any, pattern: Pattern, factors: Factors) -> Any:
    """Return M(data)^-1 b, as real or complex numbers."""
    chosen = complex_solve if "c" in (data.dtype.kind, b.dtype.kind) else solve
    return chosen(data, b, pattern=pattern, factors=factors)
