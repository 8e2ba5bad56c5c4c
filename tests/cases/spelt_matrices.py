"""Examples of compositions for functions of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lagrad as lg
from cases.base import Case, calls, numbers, positive_definite
from cases.matrices import ANY, SQUARE, distinct, of, spread, together


def norms(f: Any, orders: tuple[Any, ...], *shapes: tuple[int, ...], **options: Any) -> list[Case]:
    """Return a norm of each order for arrays of each shape."""
    return [
        Case(
            lambda x, o=o: f(x, ord=o, **options),
            (numbers(s, -1.0, 1.6, seed=8),),
            True,
            f"{s} {o}",
        )
        for s in shapes
        for o in orders
    ]


def matrix_norm(x: Any, **options: Any) -> Any:
    """np.linalg.matrix_norm, of NumPy 2."""
    return np.linalg.matrix_norm(x, **options)


def vector_norm(x: Any, **options: Any) -> Any:
    """np.linalg.vector_norm, of NumPy 2."""
    return np.linalg.vector_norm(x, **options)


def tensor(*shape: int) -> Any:
    """Return a tensor that is a well conditioned square matrix when the last axis has its rows."""
    return numbers(shape, -0.5, 0.5, seed=3) + 4 * np.reshape(np.eye(6), shape)


def indefinite(*shape: int) -> Any:
    """Return matrices with eigenvalues of both signs, of different sizes."""
    return spread(*shape) - 2.3 * np.eye(shape[-1])


#: A turn, which gives a matrix complex eigenvalues.
TURN = np.array([[0.0, -4.0, 0.0], [4.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
POWERS = (
    (0, (2, 2)), (1, (2, 2)), (2, (2, 2, 2)), (3, (3, 3)), (5, (2, 2)), (6, (2, 2)), (-1, (2, 2)),
    (-2, (0, 2, 2)),
)  # fmt: skip
CONDITIONS = (
    (None, (3, 3)), (2, (3, 2)), (-2, (2, 2, 3)), (1, (3, 3)), ("fro", (2, 2, 2)), ("nuc", (2, 2)),
    (-np.inf, (2, 2)),
)  # fmt: skip
MATRIX = ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
VECTOR = (2, 1, 3, 1.5, -2, np.inf, -np.inf)

# fmt: off
MATRICES: dict[Any, list[Case]] = {
    np.linalg.qr:           of(lambda a: together(np.linalg.qr(a, mode="complete")), (3, 3), (2, 4))
                            + of(lambda a: np.linalg.qr(a, "r"), *ANY),
    np.linalg.eigh:         of(lambda a: together(np.linalg.eigh(a, "U")), *SQUARE, complexes=False)
                            + of(lambda a: np.linalg.eigh(a).eigenvalues, (3, 3), complexes=False),
    np.linalg.eig:          of(lambda a: together(np.linalg.eig(a)), *SQUARE, make=distinct)
                            + of(lambda a: np.linalg.eig(a + TURN)[0], (3, 3)),
    np.linalg.eigvals:      of(np.linalg.eigvals, *SQUARE, make=distinct)
                            + of(lambda a: np.linalg.eigvals(a + TURN), (3, 3)),
    np.linalg.svd:          of(lambda a: together(np.linalg.svd(a)), (3, 3), complexes=False)
                            + of(lambda a: together(np.linalg.svd(a, hermitian=True)), (3, 3),
                                 (2, 2, 2), make=indefinite,
                                 complexes=False)
                            + of(lambda a: np.linalg.svd(a, False, False), *ANY)
                            + of(lambda a: np.linalg.svd(a, False, False, True), (3, 3),
                                 make=indefinite),
    np.linalg.slogdet:      of(lambda a: np.linalg.slogdet(a).logabsdet, *SQUARE)
                            + of(lambda a: np.linalg.slogdet(a)[0] * a, (3, 3)),
    np.linalg.pinv:         of(np.linalg.pinv, *ANY)
                            + of(lambda a: np.linalg.pinv(a, hermitian=True), (2, 2, 2)),
    np.linalg.lstsq:        [Case(lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0],
                                  (spread(*a), numbers(b, seed=6)), True, f"{a},{b}")
                             for a, b in (((4, 2), (4,)), ((2, 4), (2,)), ((3, 3), (3, 2)))]
                            + [Case(lambda b: np.linalg.lstsq(spread(4, 2), b, rcond=None)[1],
                                    (numbers((4, 1), seed=6),), True)],
    np.linalg.tensorsolve:  [
        Case(np.linalg.tensorsolve, (tensor(2, 3, 6), numbers((2, 3), seed=6)), True),
        Case(lambda a, b: np.linalg.tensorsolve(a, b, axes=(0,)),
             (np.moveaxis(tensor(2, 3, 6), 2, 0), numbers((2, 3), seed=6)), True)],
    np.linalg.tensorinv:    [
        Case(np.linalg.tensorinv, (tensor(2, 3, 6),), True),
        Case(lambda a: np.linalg.tensorinv(a, ind=1), (tensor(6, 3, 2),), True)],
    np.linalg.matrix_power: [
        Case(lambda a, n=n: np.linalg.matrix_power(a, n) + a, (positive_definite(*s),), True,
             f"{s} {n}") for n, s in POWERS],
    np.linalg.norm:         norms(np.linalg.norm, MATRIX, (3, 2), (2, 3))
                            + norms(np.linalg.norm, MATRIX, (2, 3, 2), axis=(2, 0), keepdims=True)
                            + norms(np.linalg.norm, ("nuc", 1), (2, 2, 3), axis=(0, -1))
                            + norms(np.linalg.norm, VECTOR, (3, 2), axis=0)
                            + calls((lambda x: np.linalg.norm(x, 0) * x, (3,)))
                            + calls((np.linalg.norm, (3,)), (np.linalg.norm, (2, 3)),
                                    (np.linalg.norm, (2, 3, 2)), (np.linalg.norm, ())),
    np.linalg.cond:         [Case(lambda x, p=p: np.linalg.cond(x, p), (spread(*s),),
                                  p in (None, 2, -2), f"{p} {s}") for p, s in CONDITIONS],
    np.cross:               calls((np.cross, (3,), (3,)), (np.cross, (2, 3), (3,)),
                                  (np.cross, (3,), (2, 1, 3)),
                                  (lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0),
                                   (3, 2), (2, 3)),
                                  (lambda a, b: np.cross(a, b, axis=0), (3, 2), (3, 2)),
                                  (lambda a: np.cross(a, [1.0, 2.0, 3.0]), (3,)),
                                  (np.cross, (0, 3), (3,))),
}

NEWER: dict[str, list[Case]] = {
    "svdvals":          of(lambda a: np.linalg.svdvals(a), *ANY),
    "matrix_norm":      norms(matrix_norm, MATRIX, (2, 3), (2, 2, 3))
                        + of(lambda a: np.linalg.matrix_norm(a, keepdims=True), (2, 3)),
    "vector_norm":      norms(vector_norm, VECTOR, (2, 3))
                        + norms(vector_norm, (2, 3), (2, 3, 2), axis=(2, 0), keepdims=True)
                        + norms(vector_norm, (2, 1), (2, 3), axis=-1),
    "cross":            calls((lambda a, b: np.linalg.cross(a, b), (2, 3), (3,)),
                              (lambda a, b: np.linalg.cross(a, b, axis=0), (3, 2), (3, 2))),
    "outer":            calls((lambda a, b: np.linalg.outer(a, b), (3,), (2,))),
    "trace":            calls((lambda a: np.linalg.trace(a), (2, 3, 3)),
                              (lambda a: np.linalg.trace(a, offset=1), (2, 3))),
    "vecdot":           calls((lambda a, b: np.linalg.vecdot(a, b), (2, 3), (3,)),
                              (lambda a, b: np.linalg.vecdot(a, b, axis=0), (3, 2), (3, 2))),
    "matmul":           calls((lambda a, b: np.linalg.matmul(a, b), (2, 3), (3, 2))),
    "tensordot":        calls((lambda a, b: np.linalg.tensordot(a, b, axes=1), (2, 3), (3, 2)),
                              (lambda a, b: np.linalg.tensordot(a, b), (2, 3), (2, 3))),
    "diagonal":         calls((lambda a: np.linalg.diagonal(a), (2, 3, 3)),
                              (lambda a: np.linalg.diagonal(a, offset=-1), (3, 2))),
    "matrix_transpose": calls((lambda a: np.linalg.matrix_transpose(a), (2, 3, 2))),
}

#: Functions of scipy.linalg's names.
SCIPY: dict[Any, list[Case]] = {
    lg.solve_triangular: [
        Case(lambda a, b, o=o: lg.solve_triangular(a, b, **o),
             (positive_definite(*a), numbers(b, seed=6)), True, f"{a},{b},{o}")
        for o in ({}, {"trans": 1}, {"trans": "C", "lower": True}, {"unit_diagonal": True})
        for a, b in (((3, 3), (3,)), ((2, 3, 3), (2, 3, 2)))
    ],
    lg.cho_solve: [
        Case(lambda a, b, o=o: lg.cho_solve((a, o), b),
             (positive_definite(*a), numbers(b, seed=6)), True, f"{a},{b},{o}")
        for o in (True, False)
        for a, b in (((3, 3), (3, 2)), ((2, 2, 2), (2, 2, 1)))
    ],
}

#: What is known from shapes alone.
PATHS: dict[Any, Callable[..., Any]] = {
    np.einsum_path: lambda x: np.einsum_path("ij,kj,kl->il", x, x, x),
}
# fmt: on
MATRICES |= {getattr(np.linalg, k): v for k, v in NEWER.items() if hasattr(np.linalg, k)}
