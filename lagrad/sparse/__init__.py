"""Sparse matrices whose entries are variables: products and solves, never dense."""

from lagrad.sparse.values import SparseValues, sparse, spsolve

__all__ = ["SparseValues", "sparse", "spsolve"]
