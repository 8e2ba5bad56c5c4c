"""Examples of functions of matrices."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

import lagrad as lg
from cases.base import ROW, VECTOR, Case, numbers, positive_definite
from lagrad.rules.linalg.eigenvalues import eigen, eigenvalues, symmetric_eigen
from lagrad.rules.linalg.factors import orthogonal_triangular
from lagrad.rules.linalg.operators import triangular_solve
from lagrad.rules.linalg.singular_values import condition, singular, singular_values
from lagrad.rules.linalg.solves import least_squares, pseudo_inverse, signed_log_det


def spread(*shape: int) -> Any:
    """Return matrices whose eigenvalues and singular values are far apart."""
    diagonal = np.zeros(shape)
    for k in range(min(shape[-2:])):
        diagonal[..., k, k] = 1.5 * k + 1.0
    return diagonal + numbers(shape, -0.4, 0.4, seed=4)


def distinct(*shape: int) -> Any:
    """Return matrices whose eigenvalues come in one order."""
    return spread(*shape) / 4 + 0.75 * np.diag(np.diag(spread(*shape[-2:])))


def of(call: Any, *shapes: tuple[int, ...], make: Any = spread, complexes: bool = True) -> Any:
    """Return a case of one matrix for each shape."""
    return [Case(call, (make(*s),), complexes, f"{s}") for s in shapes]


def squared(a: Any) -> Any:
    """Return A A^H."""
    return a @ np.conjugate(np.swapaxes(a, -1, -2))


def together(outputs: Any) -> Any:
    """Return several outputs in one vector."""
    return np.concatenate([np.ravel(x) for x in outputs])


SQUARE = ((3, 3), (2, 3, 3), (1, 1), (0, 2, 2))
ANY = ((3, 3), (4, 2), (2, 4), (2, 3, 2), (0, 2, 3))
B = numbers((3, 2), seed=6)
#: NumPy 2 has added ``upper=``.
HAS_UPPER = "upper" in inspect.signature(np.linalg.cholesky).parameters

# fmt: off
LINALG: dict[Any, list[Case]] = {
    np.linalg.solve: [
        Case(np.linalg.solve, (positive_definite(*a), numbers(b, seed=6)), True, f"{a},{b}")
        for a, b in (((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 2)),
        ((1, 3, 3), (2, 3, 1)),
                     ((2, 3, 3), (1, 3, 1)), ((3, 3), (2, 3, 2)), ((1, 1), (1,)))
    ] + [Case(lambda a: np.linalg.solve(a, VECTOR), (positive_definite(3, 3),), True),
         Case(lambda b: np.linalg.solve(positive_definite(3, 3), b), (VECTOR,), True)],
    np.linalg.inv:   of(np.linalg.inv, *SQUARE, make=positive_definite),
    np.linalg.det:   of(np.linalg.det, *SQUARE, make=positive_definite)
                     + [Case(lambda x: np.linalg.det(np.stack([x, 2 * ROW, VECTOR])), (ROW,))],
    triangular_solve: [
        Case(lambda a, b, o=o: triangular_solve(a, b, **o),
             (positive_definite(*a), numbers(b, seed=6)), True, f"{a},{b},{o}")
        for o in ({"lower": True, "unit_diagonal": False}, {"lower": False, "unit_diagonal": True})
        for a, b in (((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 2)),
                     ((3, 3), (2, 3, 2)), ((0, 2, 2), (0, 2, 1)))
    ],
    lg.expm:         of(lg.expm, (3, 3), (2, 3, 3), (1, 1), (0, 2, 2), make=positive_definite),
    signed_log_det:  of(lambda a: together(np.linalg.slogdet(a)), *SQUARE),
    pseudo_inverse:  of(np.linalg.pinv, *ANY)
                     + of(lambda a: np.linalg.pinv(a, hermitian=True), (3, 3))
                     + of(lambda a: np.linalg.pinv(a, rcond=1e-8), (3, 2)),
    least_squares:   [
        Case(lambda a, b, k=k: together([np.linalg.lstsq(a, b, rcond=None)[i] for i in k]),
             (spread(*a), numbers(b, seed=6)), True, f"{a},{b},{k}")
        for k, a, b in (((0, 1, 3), (4, 2), (4, 2)), ((0, 1, 3), (2, 4), (2, 2)),
                        ((0,), (3, 3), (3,)), ((1,), (4, 2), (4,)), ((3, 0), (3, 2), (3, 1)))
    ],
    np.linalg.cholesky: of(np.linalg.cholesky, *SQUARE, make=positive_definite)
                     + of(lambda a: np.linalg.cholesky(squared(a)), (3, 3))
                     + (of(lambda a: np.linalg.cholesky(a, upper=True), (3, 3), (2, 2, 2),
                           make=positive_definite) if HAS_UPPER else []),
    orthogonal_triangular: of(lambda a: together(np.linalg.qr(a)), *ANY),
    symmetric_eigen: of(lambda a: together(np.linalg.eigh(a)), *SQUARE, complexes=False),
    np.linalg.eigvalsh: of(np.linalg.eigvalsh, *SQUARE)
                     + of(lambda a: np.linalg.eigvalsh(a, "U"), *SQUARE),
    eigen:           of(lambda a: together(np.linalg.eig(a)), *SQUARE, make=distinct),
    eigenvalues:     of(np.linalg.eigvals, *SQUARE, make=distinct),
    singular:        of(lambda a: together(np.linalg.svd(a, full_matrices=False)), *ANY,
                        complexes=False),
    condition:       of(np.linalg.cond, *ANY[:-1])
                     + of(lambda a: np.linalg.cond(a, -2), (2, 3, 3)),
    singular_values: of(lambda a: np.linalg.svd(a, compute_uv=False), *ANY),
}
# fmt: on
