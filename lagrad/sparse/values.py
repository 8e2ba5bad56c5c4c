"""A sparse matrix whose entries are variables, at the places of a fixed pattern."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import scipy.sparse as sp

from lagrad.dispatch import scatter_add, sparse_product
from lagrad.sparse.arguments import array, checked_places, vector
from lagrad.sparse.pattern import Pattern, coordinates, product, read, union
from lagrad.sparse.products import matmul, sampled_outer
from lagrad.sparse.solve import Factors, solved
from lagrad.status import ArgumentError, TraceError
from lagrad.trace import Traced

STATIC = {"static": True}


@dataclass(frozen=True, eq=False, repr=False)
class SparseValues:
    """A sparse (m, n) matrix of entries ``data`` at the places of a pattern; `sparse` makes it.

    ``P @ x``, ``x @ P``, ``P @ X``, ``P @ Q``, ``P.T``, ``P + Q``, ``P - Q``, ``P * c``, ``P / c``,
    ``P.sum(axis)``; with c a number, or an array that scales columns (n,) or rows (m, 1). Each has
    derivatives of any order with respect to the entries, and none makes anything dense.

    Attributes
    ----------
    data : array (nnz,), traced or plain; ``rows`` and ``columns`` tell where each entry stands
    pattern : Pattern, constant
    """

    data: Any
    pattern: Pattern = field(metadata=STATIC)
    factors: Factors = field(default_factory=Factors, metadata=STATIC)

    # NumPy's arrays and traced ones leave operators to us.
    __array_ufunc__ = None

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> NoReturn:
        raise ArgumentError(
            f"np.{getattr(function, '__name__', function)} of a sparse matrix of variables; use "
            "its methods, or apply it to its entries: lg.sparse(np.exp(P.data), like=P)"
        )

    def __repr__(self) -> str:
        traced = "traced " if isinstance(self.data, Traced) else ""
        dtype = getattr(self.data, "dtype", type(self.data).__name__)
        return f"SparseValues: shape {self.shape}, {self.nnz} {traced}entries of {dtype}"

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns."""
        return self.pattern.shape

    @property
    def nnz(self) -> int:
        """The number of entries, those included whose value is zero."""
        return self.pattern.nnz

    @property
    def ndim(self) -> int:
        """Two."""
        return 2

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the entries."""
        return self.data.dtype

    @property
    def rows(self) -> np.ndarray:
        """The row of each entry."""
        return self.pattern.rows

    @property
    def columns(self) -> np.ndarray:
        """The column of each entry."""
        return self.pattern.columns

    @property
    def T(self) -> SparseValues:  # noqa: N802
        """The transpose: the same entries in the same order, read the other way."""
        return SparseValues(self.data, self.pattern.T, self.factors)

    # -- products --------------------------------------------------------------------------------

    def __matmul__(self, x: Any) -> Any:
        if is_sparse(x):
            return times(self, values(x))
        x = vector(x, f"the product P @ x, P of shape {self.shape}", self.shape[1])
        return matmul(self.data, x, pattern=self.pattern)

    def __rmatmul__(self, x: Any) -> Any:
        if is_sparse(x):
            return times(values(x), self)
        x = array(x, "x of x @ P")
        if np.ndim(x) == 2:
            return (self.T @ x.T).T
        return self.T @ x

    def sum(self, axis: int | None = None) -> Any:
        """Return the sum of all entries, of each column (axis 0) or of each row (axis 1)."""
        if axis is None:
            return np.sum(self.data)
        if axis not in (0, 1, -1, -2):
            raise ArgumentError(f"axis={axis!r} of a sparse matrix; it is 0, 1 or None")
        p = self if axis % 2 else self.T
        return p @ np.ones(p.shape[1], self.dtype)

    # -- entry by entry --------------------------------------------------------------------------

    def with_data(self, data: Any) -> SparseValues:
        """Return the matrix with other entries at the same places."""
        return SparseValues(data, self.pattern)

    def __neg__(self) -> SparseValues:
        return self.with_data(-self.data)

    def __mul__(self, c: Any) -> SparseValues:
        return self.with_data(self.data * self.spread(c, "P * c"))

    __rmul__ = __mul__

    def __truediv__(self, c: Any) -> SparseValues:
        return self.with_data(self.data / self.spread(c, "P / c"))

    def spread(self, c: Any, what: str) -> Any:
        """Return what each entry is multiplied by: c as it broadcasts to the matrix."""
        if isinstance(c, int | float | complex):  # a Python number leaves float32 what it is
            return c
        if is_sparse(c):
            other = values(c)
            if other.pattern != self.pattern:
                raise ArgumentError(
                    f"{what} of two sparse matrices of different patterns; make both of one: "
                    "lg.sparse(data, like=P)"
                )
            return other.data
        c = array(c, f"c of {what}")
        (m, n), shape = self.shape, np.shape(c)
        if shape == ():
            return c
        if shape in ((n,), (1, n)):
            return sampled_outer(np.ones(m, c.dtype), np.reshape(c, n), pattern=self.pattern)
        if shape == (m, 1):
            return sampled_outer(np.reshape(c, m), np.ones(n, c.dtype), pattern=self.pattern)
        if shape == (m, n):
            return c[self.rows, self.columns]
        raise ArgumentError(
            f"{what}: P has shape {self.shape} and c {shape}; c is a number, or of shape {(n,)} "
            f"for columns, {(m, 1)} for rows, or {(m, n)}"
        )

    def __add__(self, other: Any) -> SparseValues:
        return combined(self, other, operator.add)

    def __sub__(self, other: Any) -> SparseValues:
        return combined(self, other, operator.sub)

    def __radd__(self, other: Any) -> SparseValues:
        return combined(other, self, operator.add)

    def __rsub__(self, other: Any) -> SparseValues:
        return combined(other, self, operator.sub)

    # -- as a plain matrix -----------------------------------------------------------------------

    def tocsr(self) -> sp.csr_array:
        """Return a ``scipy.sparse`` copy of plain entries."""
        if isinstance(self.data, Traced):
            raise TraceError(
                "P.tocsr() would cut the gradient in silence: a SciPy matrix cannot hold traced "
                "entries. Use P @ x, lg.spsolve(P, b) and P.data; or lg.stop_gradient(P.data)"
            )
        made = self.pattern.matrix(np.asarray(self.data).copy())
        return sp.csr_array(made, copy=True)

    def toarray(self) -> Any:
        """Return a dense array, traced if the entries are."""
        return scatter_add(self.data, (self.rows, self.columns), self.shape)


def sparse(data: Any, places: Any = None, shape: Any = None, *, like: Any = None) -> SparseValues:
    """Return a sparse matrix whose entries may be traced values, at fixed places.

    Parameters
    ----------
    data : array (number of entries,), traced or plain
        Integers become floats. Or, with nothing else, a ``scipy.sparse`` matrix.
    places : (rows, columns), integer arrays like ``data``
        Entries of one place add up. Entries whose value is zero stay.
    shape : (m, n)
    like : sparse matrix
        A ``SparseValues``, or a ``scipy.sparse`` matrix in csr, csc or coo format, in place of
        ``places`` and ``shape``: ``data`` is in the order of ``like.data``. What is worked out once
        for a pattern (its order, its products and sums with others) is kept with a
        ``SparseValues``: prepare one outside of a loop.

    Returns
    -------
    SparseValues
        Also an argument like any array: ``lg.grad(f)(P)`` is a ``SparseValues`` of the derivatives
        with respect to the entries.

    Raises
    ------
    ArgumentError
        If lengths, places and shape do not fit, or the data are no numbers.

    Notes
    -----
    ``y = P @ x`` is bilinear: the partial of y with respect to entry k, at (i, j), has the single
    entry x_j in row i, and the multiplier of entry k is w_i x_j. So a gradient with respect to the
    entries costs what the product costs, and nothing of shape (m, n) is ever made.

    Examples
    --------
    The gradient of a quadratic form with respect to the weights of a graph:

    >>> import numpy as np, lagrad as lg
    >>> edges = np.array([0, 0, 2]), np.array([1, 2, 0])
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> f = lambda w: x @ (lg.sparse(w, edges, (3, 3)) @ x)
    >>> lg.grad(f)(np.array([1.0, 1.0, 1.0])).tolist()
    [2.0, 3.0, 3.0]

    On the pattern of a matrix that is there:

    >>> import scipy.sparse as sp
    >>> P = lg.sparse(sp.csr_array(np.array([[0.0, 2.0], [4.0, 0.0]])))
    >>> lg.grad(lambda P: np.sum((P @ np.array([1.0, 10.0])) ** 2))(P).data.tolist()
    [400.0, 8.0]
    """
    if like is None and places is None:
        if not is_sparse(data):
            raise ArgumentError(
                "lg.sparse takes data with their places, lg.sparse(data, (rows, columns), shape), "
                "with the pattern of another matrix, lg.sparse(data, like=P), or a sparse matrix"
            )
        return values(data)
    if like is not None and (places is not None or shape is not None):
        raise ArgumentError("lg.sparse takes places and a shape, or like=, and not both")
    if isinstance(like, SparseValues):
        pattern, collect = like.pattern, None
    elif sp.issparse(like):
        pattern, collect = read(like)
    elif like is not None:
        raise ArgumentError(f"like= is {type(like).__name__}, and no sparse matrix")
    else:
        pattern, collect = coordinates(*checked_places(places, shape))
    data = array(data, "data of lg.sparse")
    given = pattern.nnz if collect is None else collect.shape[1]
    if np.shape(data) != (given,):
        raise ArgumentError(
            f"data of lg.sparse have shape {np.shape(data)}, and there are {given} places; give "
            f"one number for each place, in a vector of shape {(given,)}"
        )
    return SparseValues(data if collect is None else sparse_product(data, collect), pattern)


def spsolve(P: Any, b: Any) -> Any:  # noqa: N803
    """Solve P z = b for a sparse matrix P, whose entries and b may be traced: z = P^-1 b.

    Parameters
    ----------
    P : SparseValues or ``scipy.sparse`` matrix (n, n)
    b : array (n,) or (n, k)

    Returns
    -------
    array shaped like b, as precise as the wider of P and b

    Raises
    ------
    SingularError
        If P is singular to working precision, naming what is known (empty rows, structural rank),
        or the residual stays large.
    NonFiniteError
        Naming the entry of P that is NaN or inf.
    ArgumentError
        If P is not square, or b does not fit.
    SizeError
        From ``lg.jacobian(f, sparse=True)``, if dz/dP, which is dense, would not fit in memory.

    Notes
    -----
    ``dz = P^-1 (db - dP z)``: with ``P^T lam = w`` the multiplier of b is lam, and that of the
    entry at (i, j) is ``-lam_i z_j``. P is factorised once; the value, all tangents and all
    multipliers of any order share the factors, which stay with ``P`` while its entries are the
    same. In the explicit A stands the condition P z - b = 0: P itself, and nothing dense.
    Source: Giles, Oxford NA-08/01, 2008, section 2.2.3.

    Examples
    --------
    The potential of a grounded chain of resistors, and its change with each conductance:

    >>> import numpy as np, lagrad as lg
    >>> rows, columns = np.array([0, 1, 0, 1, 1]), np.array([0, 1, 1, 0, 1])
    >>> def potential(g):
    ...     entries = np.stack([g[0], g[0], -g[0], -g[0], g[1]])
    ...     P = lg.sparse(entries, (rows, columns), (2, 2))
    ...     return lg.spsolve(P, np.array([1.0, 0.0]))[0]  # 1 / g0 + 1 / g1
    >>> lg.grad(potential)(np.array([2.0, 4.0])).round(12).tolist()
    [-0.25, -0.0625]
    """
    if not is_sparse(P):
        raise ArgumentError(
            f"spsolve takes a sparse matrix, not {type(P).__name__}; np.linalg.solve takes dense "
            "ones, lg.sparse(data, (rows, columns), shape) makes sparse ones"
        )
    P = values(P)
    if P.shape[0] != P.shape[1]:
        raise ArgumentError(f"spsolve takes a square matrix, and P has shape {P.shape}")
    b = vector(b, f"spsolve(P, b), P of shape {P.shape}", P.shape[0])
    return solved(P.data, b, P.pattern, P.factors)


def is_sparse(x: Any) -> bool:
    """True for a sparse matrix, of variables or constant."""
    return isinstance(x, SparseValues) or sp.issparse(x)


def values(matrix: Any) -> SparseValues:
    """Return a sparse matrix, which may be constant, as `SparseValues`."""
    if isinstance(matrix, SparseValues):
        return matrix
    if len(matrix.shape) != 2:
        raise ArgumentError(f"a sparse array of shape {matrix.shape}, which is no matrix")
    if matrix.format not in ("csr", "csc"):
        matrix = matrix.tocsr()
    return sparse(matrix.data[: matrix.nnz].copy(), like=matrix)


# -- of two sparse matrices ------------------------------------------------------------------------


def times(p: SparseValues, q: SparseValues) -> SparseValues:
    """Return P Q: each pair of entries that meet, multiplied, and added up by place."""
    if p.shape[1] != q.shape[0]:
        raise ArgumentError(f"the product P @ Q of shapes {p.shape} and {q.shape}")
    pattern, left, right, collect = p.pattern.plan("product", q.pattern, product)
    pairs = sparse_product(p.data, left) * sparse_product(q.data, right)
    return SparseValues(pairs if collect is None else sparse_product(pairs, collect), pattern)


def combined(p: Any, q: Any, combine: Callable[[Any, Any], Any]) -> SparseValues:
    """Return P + Q or P - Q, at every place that one of them has."""
    if not is_sparse(p) or not is_sparse(q):
        dense = type(p if is_sparse(q) else q).__name__
        raise ArgumentError(
            f"the sum of a sparse matrix of variables and {dense} would be dense; use P.toarray(), "
            "or (P @ x) + (D @ x)"
        )
    p, q = values(p), values(q)
    if p.shape != q.shape:
        raise ArgumentError(f"the sum of sparse matrices of shapes {p.shape} and {q.shape}")
    if p.pattern == q.pattern:
        return SparseValues(combine(p.data, q.data), p.pattern)
    pattern, collect = p.pattern.plan("union", q.pattern, union)
    second = q.data if combine is operator.add else -q.data
    data = np.concatenate([p.data, second])
    return SparseValues(data if collect is None else sparse_product(data, collect), pattern)
