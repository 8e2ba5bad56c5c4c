"""Examples of products."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import SPARSE, Case, calls
from lagrad.dispatch import sparse_product

# fmt: off
PRODUCTS: dict[Any, list[Case]] = {
    np.matmul:    calls(*((np.matmul, a, b) for a, b in (
        ((3,), (3,)), ((2, 3), (3,)), ((2,), (2, 3)), ((2, 3), (3, 4)), ((5, 2, 3), (5, 3, 2)),
        ((5, 2, 3), (3, 2)), ((2, 3), (5, 3, 2)), ((3,), (5, 3, 2)), ((5, 2, 3), (3,)),
        ((4, 1, 2, 3), (5, 3, 2)), ((1, 2, 3), (5, 3, 2)), ((2, 1), (1, 3)), ((2, 0), (0, 3)))),
        (lambda x, y: x @ y, (2, 3), (3, 2)), (lambda x: np.ones((2, 3)) @ x, (3,)),
        (lambda x: x @ x, (2, 2))),
    np.dot:       calls(*((np.dot, a, b) for a, b in (
        ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((2, 3), (4, 3, 2)), ((), (2, 3)),
        ((3,), ()),
        ((), ()))), (lambda x, y: x.dot(y), (3,), (3, 2))),
    np.inner:     calls((np.inner, (3,), (3,)), (np.inner, (2, 3), (4, 3)), (np.inner, (), (3,))),
    np.outer:     calls((np.outer, (3,), (2,)), (np.outer, (2, 2), (3,)), (np.outer, (), (3,))),
    np.tensordot: calls((np.tensordot, (2, 3, 4), (3, 4, 2)),
                        (lambda x, y: np.tensordot(x, y, axes=1), (2, 3), (3, 2)),
                        (lambda x, y: np.tensordot(x, y, 0), (2,), (3,)),
                        (lambda x, y: np.tensordot(x, y, axes=([0, -1], [1, 0])),
                        (2, 3, 4), (4, 2)),
                        (lambda x, y: np.tensordot(x, y, axes=(1, 0)), (2, 3), (3, 2))),
    np.einsum:    calls(*((lambda *x, s=s: np.einsum(s, *x), *shapes) for s, *shapes in (
        ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij->j", (2, 3)),
        ("ij->", (2, 3)),
        ("ij->ji", (2, 3)), ("ii->i", (3, 3)), ("ii", (3, 3)), ("iij,j->i", (2, 2, 3), (3,)),
        ("i,i,i->", (3,), (3,), (3,)), ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)),
        ("i,j->ij", (2,), (3,)),
        ("...ij,...jk->...ik", (5, 2, 3), (3, 2)), ("...i->...", (2, 3)),
        ("i...,i...", (3, 2), (3, 1)),
        ("ij,ij->ij", (2, 3), (2, 3)), ("ij,k->ik", (2, 3), (4,)),
        ("bij,bj->bi", (2, 3, 4), (2, 4)),
        ("ji,jk", (3, 2), (3, 4)), ("i,->i", (3,), ()), ("ij , j -> i", (1, 3), (3,)),
        ("ij,jk->ik", (2, 1), (3, 4)))),
        (lambda x, y: np.einsum(x, [0, 1], y, [1, 2]), (2, 3), (3, 2)),
        (lambda x, y: np.einsum(x, [Ellipsis, 30], y, [30, 2], [2, Ellipsis]), (4, 2, 3), (3, 2)),
        (lambda x, y, z: np.einsum("ij,jk,kl", x, y, z, optimize=["einsum_path", (0, 1), (0, 1)]),
         (2, 3), (3, 2), (2, 4)),
        (lambda x, y: np.einsum("ij,j", x, y, optimize="optimal"), (2, 3), (3,)),),
    np.linalg.multi_dot: calls(
        (lambda *x: np.linalg.multi_dot(x), (2, 3), (3, 4)),
        (lambda *x: np.linalg.multi_dot(x), (2, 3), (3, 4), (4, 2)),
        (lambda *x: np.linalg.multi_dot(x), (3,), (3, 4), (4, 2), (2,)),
        (lambda *x: np.linalg.multi_dot([*x, np.ones((2, 3))]), (4,), (4, 3), (3, 2))),
    sparse_product: calls((lambda x: sparse_product(x, SPARSE), (3,)),
                          (lambda x: sparse_product(x, SPARSE), (3, 2)),
                          (lambda x: SPARSE @ x, (3,)), (lambda x: x @ SPARSE, (4, 2)),
                          (lambda x: SPARSE.tocoo() @ x, (3, 2))),
}
if hasattr(np, "vecdot"):
    PRODUCTS[np.vecdot] = calls(*((np.vecdot, a, b) for a, b in (
        ((3,), (3,)), ((2, 3), (3,)), ((3,), (2, 1, 3)), ((2, 1, 3), (1, 2, 3)), ((0, 3), (3,)))))
if hasattr(np, "matvec"):
    PRODUCTS[np.matvec] = calls(*((np.matvec, a, b) for a, b in (
        ((2, 3), (3,)), ((4, 2, 3), (3,)), ((2, 3), (4, 3)), ((4, 1, 2, 3), (5, 3)))))
    PRODUCTS[np.vecmat] = calls(*((np.vecmat, a, b) for a, b in (
        ((2,), (2, 3)), ((4, 2), (2, 3)), ((2,), (4, 2, 3)), ((5, 2), (4, 1, 2, 3)))))
# fmt: on
