"""Partials that are matrices: given, sparse, or known by what they do to a vector."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.dispatch import check_sparse, sparse_product
from lagrad.partials.algebra import Entries, Partial


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
