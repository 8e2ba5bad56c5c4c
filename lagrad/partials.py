"""Local partials df_i/dz_j as small structured linear operators.

A partial maps a change of one parent (``in_shape``) to a change of the output (``out_shape``). One
object serves every use:

    apply(v)     the tangent          v -> P v        (forward mode)
    adjoint(w)   the multiplier       w -> P^T w      (reverse mode; plain transpose)
    entries()    the entries of R     (rows, columns, data), flat indices in C order
    count()      how many entries there are, known before any is made

``entries`` follows structure and never drops a value that happens to be zero. All of them work on
traced values too, so a derivative can be differentiated again.

Complex numbers are paired by the plain product, Re(w v): the adjoint of a complex-linear partial
is its plain transpose, and that of ``conj`` is ``conj``.

A multiplier may come through a selection (``where``, an index, a maximum). What was not selected
is then *absent*, not zero, and `pull` carries the mask of what is present, so that a partial which
is infinite where nothing was selected never makes 0 * inf.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.dispatch import check_sparse, masked_multiply, sparse_product

Entries = tuple[np.ndarray, np.ndarray, np.ndarray]


class Partial:
    """A linear map from ``in_shape`` to ``out_shape``; subclasses give the three actions."""

    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    #: True if the partial picks some entries of its argument and leaves others out.
    selects = False
    #: True for a map that is linear over the reals only and conjugates its argument.
    conjugates = False

    def apply(self, v: Any) -> Any:
        """Return P v, of ``out_shape``."""
        raise NotImplementedError(f"{type(self).__name__} has no apply")

    def adjoint(self, w: Any) -> Any:
        """Return P^T w, of ``in_shape``."""
        raise NotImplementedError(f"{type(self).__name__} has no adjoint")

    def entries(self) -> Entries:
        """Return (rows, columns, data) of the (out_size, in_size) matrix of P."""
        raise NotImplementedError(f"{type(self).__name__} has no entries")

    def count(self) -> int:
        """Return an upper bound on the number of entries, without making them."""
        return math.prod(self.in_shape) * math.prod(self.out_shape)

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        """Return P^T w and the mask of its present entries; ``None`` means all are present."""
        return self.adjoint(w), None

    def matrix(self) -> sp.csr_array:
        """Return P as a sparse (out_size, in_size) matrix; duplicate entries are summed."""
        rows, columns, data = self.entries()
        shape = (math.prod(self.out_shape), math.prod(self.in_shape))
        return sp.coo_array((data, (rows, columns)), shape=shape).tocsr()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.out_shape} <- {self.in_shape})"


class Diagonal(Partial):
    """A map of each entry to itself; a child says how, and what stands on its diagonal."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.in_shape = self.out_shape = shape

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        return self.adjoint(w), mask

    def entries(self) -> Entries:
        i = np.arange(self.count())
        return i, i, np.ones(len(i))

    def count(self) -> int:
        return math.prod(self.out_shape)


class Scale(Diagonal):
    """``v -> d * v``, the diagonal of an elementwise function; ``d`` broadcasts to the shape.

    With a ``mask`` only the entries where it holds exist, and ``d`` is zero (or `ONE`) elsewhere.
    """

    def __init__(self, d: Any, shape: tuple[int, ...], mask: Any = None) -> None:
        super().__init__(shape)
        self.d, self.mask = d, mask
        self.selects = mask is not None

    def apply(self, v: Any) -> Any:
        return scaled(self.d, v, self.mask)

    def adjoint(self, w: Any) -> Any:
        return scaled(self.d, w, self.mask)

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        if self.mask is not None:
            mask = self.mask if mask is None else np.logical_and(mask, self.mask)
        return scaled(self.d, w, mask), mask

    def entries(self) -> Entries:
        i = np.arange(self.count())
        data = np.broadcast_to(self.d, self.out_shape).ravel()
        if self.mask is None:
            return i, i, data
        here = np.broadcast_to(self.mask, self.out_shape).ravel()
        return i[here], i[here], data[here]


def weight_and_mask(d: Any) -> tuple[Any, Any]:
    """Return (d, mask) of a derivative, which is given as such a pair where only some exist."""
    return d if type(d) is tuple else (d, None)


def scaled(d: Any, v: Any, mask: Any) -> Any:
    """Return ``d * v``, only where ``mask`` holds if there is one; there d or v is zero already.

    So the plain product, many times cheaper than a masked one, serves wherever it is finite.
    """
    if mask is None:
        return v if d is ONE else d * v
    if d is ONE:
        return np.where(mask, v, 0.0)
    if type(v) is np.ndarray and type(d) is np.ndarray:
        with np.errstate(all="ignore"):
            product = d * v
        if np.isfinite(product).all():
            return product
    return masked_multiply(d, v, mask)


#: The derivative of a sum; known by identity, so that nothing is multiplied by it. As a Python
#: float it leaves float32 what it is.
ONE = 1.0


class Cast(Diagonal):
    """A change of dtype: float32 with float64, or a real number that becomes complex."""

    def __init__(self, shape: tuple[int, ...], source: np.dtype, target: np.dtype) -> None:
        super().__init__(shape)
        self.source, self.target = source, target

    def apply(self, v: Any) -> Any:
        return as_dtype(v, self.target)

    def adjoint(self, w: Any) -> Any:
        return as_dtype(w, self.source)


def as_dtype(v: Any, dtype: np.dtype) -> Any:
    """Return ``v`` as ``dtype``; from complex to real the real part, the adjoint of widening."""
    if np.iscomplexobj(v) and dtype.kind != "c":
        v = np.real(v)
    return v.astype(dtype)


class Conjugate(Diagonal):
    """``v -> conj(v)``: linear over the reals only; its own adjoint under Re(w v)."""

    conjugates = True

    def apply(self, v: Any) -> Any:
        return np.conjugate(v)

    def adjoint(self, w: Any) -> Any:
        return np.conjugate(w)


class Function(Partial):
    """A matrix-free map given by its two actions; the entries come from unit vectors."""

    def __init__(
        self,
        forward: Callable[[Any], Any],
        backward: Callable[[Any], Any],
        in_shape: tuple[int, ...],
        out_shape: tuple[int, ...],
        selects: bool = False,
    ) -> None:
        self.forward, self.backward, self.selects = forward, backward, selects
        self.in_shape, self.out_shape = in_shape, out_shape

    def apply(self, v: Any) -> Any:
        return self.forward(v)

    def adjoint(self, w: Any) -> Any:
        return self.backward(w)

    def entries(self) -> Entries:
        n, m = math.prod(self.in_shape), math.prod(self.out_shape)
        if n <= m:
            units = np.eye(n).reshape(n, *self.in_shape)
            columns = [np.ravel(self.apply(e)) for e in units]
            dense = np.stack(columns, axis=1) if n else np.zeros((m, 0))
        else:
            units = np.eye(m).reshape(m, *self.out_shape)
            dense = np.stack([np.ravel(self.adjoint(e)) for e in units]) if m else np.zeros((0, n))
        return Matrix(dense, self.in_shape, self.out_shape).entries()


class Structural(Partial):
    """A map whose matrix holds only zeros and ones: entries are moved, copied or summed."""

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        if mask is None and not self.selects:
            return self.adjoint(w), None
        if mask is None:
            mask = np.ones(self.out_shape, bool)
        mask = np.broadcast_to(mask, self.out_shape)
        return self.adjoint(w), self.adjoint(np.where(mask, 1.0, 0.0)) > 0


class Sum(Structural):
    """``v -> sum of v over axes``; its transpose copies w along them."""

    def __init__(self, axes: tuple[int, ...], in_shape: tuple[int, ...], keepdims: bool) -> None:
        self.axes, self.in_shape = axes, in_shape
        self.kept = tuple(1 if k in axes else n for k, n in enumerate(in_shape))
        squeezed = tuple(n for k, n in enumerate(in_shape) if k not in axes)
        self.out_shape = self.kept if keepdims else squeezed

    def apply(self, v: Any) -> Any:
        total = np.sum(v, axis=self.axes)
        return np.reshape(total, self.out_shape) if self.out_shape == self.kept else total

    def adjoint(self, w: Any) -> Any:
        if np.shape(w) != self.kept:
            w = np.reshape(w, self.kept)
        return np.broadcast_to(w, self.in_shape)

    def entries(self) -> Entries:
        size = math.prod(self.in_shape)
        rows = self.adjoint(np.arange(math.prod(self.out_shape)).reshape(self.kept)).ravel()
        return rows, np.arange(size), np.ones(size)

    def count(self) -> int:
        return math.prod(self.in_shape)


class Flipped(Partial):
    """The transpose of a partial."""

    def __init__(self, p: Partial) -> None:
        self.p, self.in_shape, self.out_shape = p, p.out_shape, p.in_shape

    def apply(self, v: Any) -> Any:
        return self.p.adjoint(v)

    def adjoint(self, w: Any) -> Any:
        return self.p.apply(w)

    def entries(self) -> Entries:
        rows, columns, data = self.p.entries()
        return columns, rows, data

    def count(self) -> int:
        return self.p.count()


class Transpose(Structural, Flipped):
    """The transpose of a structural map: what was taken is put, and what was copied is summed."""


class Broadcast(Transpose):
    """``v -> v`` stretched to ``out_shape``; its transpose sums what was copied."""

    def __init__(self, in_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> None:
        lead = len(out_shape) - len(in_shape)
        stretched = tuple(
            k for k, n in enumerate(out_shape) if k < lead or (in_shape[k - lead] == 1 and n != 1)
        )
        super().__init__(Sum(stretched, out_shape, keepdims=False))
        self.in_shape = in_shape

    def apply(self, v: Any) -> Any:
        return np.broadcast_to(v, self.out_shape)

    def adjoint(self, w: Any) -> Any:
        total = self.p.apply(w)
        return total if np.shape(total) == self.in_shape else np.reshape(total, self.in_shape)


class Move(Structural, Function):
    """A map that only moves entries: ``forward`` takes each output from one input or from none.

    Both directions are given as functions; the entries come from ``forward`` itself, run on the
    indices of its argument.
    """

    def entries(self) -> Entries:
        source = origins(self.apply, self.in_shape)
        rows = np.flatnonzero(source >= 0)
        return rows, source[rows], np.ones(len(rows))

    def count(self) -> int:
        return math.prod(self.out_shape)


def origins(move: Callable[[Any], Any], in_shape: tuple[int, ...]) -> np.ndarray:
    """Return, for each output entry of ``move``, the flat index of its input, or -1 for none."""
    numbered = np.arange(1, math.prod(in_shape) + 1).reshape(in_shape)
    return np.asarray(move(numbered)).ravel() - 1


class Matrix(Partial):
    """A given matrix, dense or ``scipy.sparse``, of shape (out_size, in_size)."""

    def __init__(self, m: Any, in_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> None:
        self.m, self.in_shape, self.out_shape = m, in_shape, out_shape

    def apply(self, v: Any) -> Any:
        return np.reshape(self.m @ np.reshape(v, -1), self.out_shape)

    def adjoint(self, w: Any) -> Any:
        return np.reshape(self.m.T @ np.reshape(w, -1), self.in_shape)

    def entries(self) -> Entries:
        if sp.issparse(self.m):
            m = self.m.tocoo()
            return m.row, m.col, m.data
        rows, columns = np.indices(np.shape(self.m))
        return rows.ravel(), columns.ravel(), np.ravel(self.m)

    def count(self) -> int:
        return self.m.nnz if sp.issparse(self.m) else super().count()


class SparseProduct(Partial):
    """``v -> M v`` for a constant sparse matrix M (m, n) and v of shape (n,) or (n, k)."""

    def __init__(self, m: Any, in_shape: tuple[int, ...]) -> None:
        check_sparse(m, in_shape)
        self.m, self.in_shape = m, in_shape
        self.out_shape = (m.shape[0], *in_shape[1:])

    def apply(self, v: Any) -> Any:
        return sparse_product(v, self.m)

    def adjoint(self, w: Any) -> Any:
        return sparse_product(w, self.m.T)

    def entries(self) -> Entries:
        m, k = self.m.tocoo(), math.prod(self.in_shape[1:])
        if k == 1:
            return m.row, m.col, m.data
        shift = np.tile(np.arange(k), m.nnz)
        rows, columns, data = (np.repeat(x, k) for x in (m.row, m.col, m.data))
        return rows * k + shift, columns * k + shift, data

    def count(self) -> int:
        return self.m.nnz * math.prod(self.in_shape[1:])


class Compose(Partial):
    """``v -> P (Q v)``."""

    def __init__(self, p: Partial, q: Partial) -> None:
        self.p, self.q = p, q
        self.in_shape, self.out_shape = q.in_shape, p.out_shape
        self.selects = p.selects or q.selects
        self.conjugates = p.conjugates or q.conjugates

    def apply(self, v: Any) -> Any:
        return self.p.apply(self.q.apply(v))

    def adjoint(self, w: Any) -> Any:
        return self.q.adjoint(self.p.adjoint(w))

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        return self.q.pull(*self.p.pull(w, mask))

    def entries(self) -> Entries:
        p, q = sp.coo_array(self.p.matrix()), sp.csr_array(self.q.matrix())
        return product_entries(p, q)

    def count(self) -> int:
        middle = max(1, math.prod(self.p.in_shape))
        bound = self.p.count() * -(-self.q.count() // middle)
        return min(bound, super().count())


def product_entries(p: sp.coo_array, q: sp.csr_array) -> Entries:
    """Return the entries of ``p @ q``, those that cancel to zero included.

    SciPy's own product drops entries whose sum is zero, and so would let values decide structure.
    """
    starts, lengths = q.indptr[p.col], np.diff(q.indptr)[p.col]
    rows = np.repeat(p.row, lengths)
    offsets = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = np.repeat(starts, lengths) + offsets
    return rows, q.indices[at], np.repeat(p.data, lengths) * q.data[at]


def then(*chain: Partial | None) -> Partial:
    """Return the composition of ``chain``, the last applied first; ``None`` is the identity."""
    parts = [p for p in chain if p is not None]
    made = parts[-1]
    for p in reversed(parts[:-1]):
        made = Compose(p, made)
    return made
