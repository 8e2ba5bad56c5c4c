"""The operators that formulas of matrices are made of, on stacks of matrices (..., m, n).

    left(X)      v -> X v               diagonal    v -> the diagonal of v
    right(X)     v -> v X               transposed  v -> v^T
    over(X)      v -> v X^-1            hermitian   v -> conj(v)^T
                                        completed   v -> the Hermitian matrix of one triangle of v

Each takes the shape of its argument; `lagrad.partials` composes, adds and stacks them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from lagrad.contraction import Contraction
from lagrad.dispatch import overridable
from lagrad.partials import ONE, Conjugate, Entries, Move, Partial, Scale, then
from lagrad.primitive import Primitive
from lagrad.rules.constant import stopped
from lagrad.status import SingularError

Shape = tuple[int, ...]


def swapped(a: Any) -> Any:
    """Return A^T."""
    return np.swapaxes(a, -1, -2)


def adjoint(a: Any) -> Any:
    """Return A^H."""
    return np.conjugate(swapped(a)) if np.iscomplexobj(a) else swapped(a)


def batch(ndim: int) -> tuple[str, ...]:
    """Return labels for the leading axes of a stack of matrices."""
    return tuple("abcdefgh"[: ndim - 2])


def left(X: Any, shape: Shape) -> Partial:
    """``v -> X v`` for v of this shape."""
    lead = batch(len(shape))
    labels = [(*lead, "I", "J"), (*lead, "J", "K")]
    return Contraction(1, [X, np.broadcast_to(0.0, shape)], labels, (*lead, "I", "K"))


def right(X: Any, shape: Shape) -> Partial:
    """``v -> v X`` for v of this shape."""
    lead = batch(len(shape))
    labels = [(*lead, "I", "J"), (*lead, "J", "K")]
    return Contraction(0, [np.broadcast_to(0.0, shape), X], labels, (*lead, "I", "K"))


def over(X: Any, shape: Shape, **triangle: Any) -> Partial:
    """``v -> v X^-1`` for v of this shape, (X^-T v^T)^T."""
    if "lower" in triangle:
        triangle["lower"] = not triangle["lower"]
    flipped = flip(shape)
    return then(transposed(flipped), Solve(swapped(X), flipped, **triangle), transposed(shape))


def diagonal(shape: Shape) -> Partial:
    """``v -> diagonal of v`` for square v; its transpose puts it back between zeros."""
    eye = np.eye(shape[-1], dtype=bool)
    return Move(
        lambda v: np.diagonal(v, 0, -2, -1),
        lambda w: np.where(eye, np.expand_dims(w, -1), 0.0),
        shape,
        shape[:-1],
        selects=True,
    )


def transposed(shape: Shape) -> Partial:
    """``v -> v^T``."""
    return Move(swapped, swapped, shape, flip(shape))


def hermitian(shape: Shape, like: Any) -> Partial:
    """``v -> v^H``, for v of the kind of ``like``: the transpose if that is real."""
    turn = transposed(shape)
    return Conjugate(flip(shape)) @ turn if np.iscomplexobj(like) else turn


def halved(shape: Shape, like: Any, lower: bool) -> Partial:
    """``v -> its lower or upper triangle, with half the diagonal``."""
    inside = within(shape[-1], lower)
    weight = np.where(np.eye(shape[-1], dtype=bool), 0.5, np.where(inside, 1.0, 0.0))
    return Scale(weight.astype(np.finfo(like.dtype).dtype), shape, np.broadcast_to(inside, shape))


def completed(shape: Shape, like: Any, lower: bool) -> Partial:
    """``v -> L + L^H + Re D``, for the strict triangle L of v and its diagonal D.

    LAPACK reads a Hermitian matrix so. With T = L + D/2 this is T + T^H.
    """
    both = Scale(ONE, shape) + hermitian(shape, like)
    return both @ halved(shape, like, lower)


def real(p: Partial, like: Any) -> Partial:
    """``v -> Re P v``: a real output that lies in one vector with complex ones, like ``like``."""
    if not np.iscomplexobj(like):
        return p
    both = Scale(ONE, p.out_shape) + Conjugate(p.out_shape)
    return Scale(0.5, p.out_shape) @ both @ p


def flip(shape: Shape) -> Shape:
    """Return the shape of the transpose."""
    return (*shape[:-2], shape[-1], shape[-2])


def flat(*outputs: Any) -> Any:
    """Return several outputs one behind the other in one vector."""
    return np.concatenate([np.ravel(x) for x in outputs])


def cut(z: Any, *shapes: Shape) -> list[Any]:
    """Return the outputs of these shapes that lie in one vector."""
    ends = np.cumsum([0, *map(math.prod, shapes)]).tolist()
    return [
        np.reshape(z[a:b], shape) for a, b, shape in zip(ends[:-1], ends[1:], shapes, strict=True)
    ]


def picked(x: Any, order: Any) -> Any:
    """Return ``x`` with its last axis in the order of indices, which may differ line by line."""
    order = np.broadcast_to(order, np.shape(x))
    *grids, _ = np.ix_(*map(np.arange, np.shape(x)))
    return x[(*grids, order)]


def length(x: Any, axis: Any = -1) -> Any:
    """Return the length of vectors, the size that rounding errors are measured by."""
    size = np.abs(stopped(x))
    return np.sqrt(np.sum(size * size, axis=axis))


def rule(function: Callable[..., Any], partial: Callable[..., Partial]) -> Primitive:
    """Return the primitive of a function of one matrix and options."""
    return Primitive(
        function.__name__, function, partial, arguments=lambda a, **options: ((a,), options)
    )


class Zero(Partial):
    """``v -> 0``, of an output that does not depend on the argument."""

    def __init__(self, in_shape: Shape, out_shape: Shape) -> None:
        self.in_shape, self.out_shape = in_shape, out_shape

    def apply(self, v: Any) -> Any:
        return np.zeros(self.out_shape, v.dtype)

    def adjoint(self, w: Any) -> Any:
        return np.zeros(self.in_shape, w.dtype)

    def entries(self) -> Entries:
        none = np.zeros(0, np.intp)
        return none, none, np.zeros(0)

    def count(self) -> int:
        return 0

    def widest(self) -> int:
        return 0


class Undefined(Partial):
    """A partial that does not exist: whoever asks for it gets the error that says why."""

    def __init__(self, error: Exception, in_shape: Shape, out_shape: Shape) -> None:
        self.error, self.in_shape, self.out_shape = error, in_shape, out_shape

    def apply(self, v: Any) -> Any:
        raise self.error

    def adjoint(self, w: Any) -> Any:
        raise self.error

    def entries(self) -> Entries:
        raise self.error


class Solve(Partial):
    """``v -> A^-1 v`` for A (..., n, n) and v (..., n, k), or (n,) with a single A.

    With ``lower`` True or False only that triangle of A counts.
    """

    def __init__(
        self, a: Any, shape: Shape, lower: bool | None = None, unit_diagonal: bool = False
    ) -> None:
        self.a, self.lower, self.unit_diagonal = a, lower, unit_diagonal
        self.in_shape = self.out_shape = shape

    def apply(self, v: Any) -> Any:
        if self.lower is None:
            return np.linalg.solve(self.a, v)
        return triangular_solve(self.a, v, lower=self.lower, unit_diagonal=self.unit_diagonal)

    def adjoint(self, w: Any) -> Any:
        lower = None if self.lower is None else not self.lower
        return Solve(swapped(self.a), self.in_shape, lower, self.unit_diagonal).apply(w)

    def entries(self) -> Entries:
        whole = np.shape(self.a)
        inverse = Solve(self.a, whole, self.lower, self.unit_diagonal).apply(
            np.broadcast_to(np.eye(whole[-1]), whole)
        )
        tail = ("K",) if len(self.out_shape) > 1 else ()
        lead = batch(len(whole))
        labels = [(*lead, "I", "J"), (*lead, "J", *tail)]
        v = np.broadcast_to(0.0, self.in_shape)
        return Contraction(1, [inverse, v], labels, (*lead, "I", *tail)).entries()

    def count(self) -> int:
        return math.prod(self.out_shape) * self.widest()

    def widest(self) -> int:
        return np.shape(self.a)[-1]


@overridable
def triangular_solve(a: Any, b: Any, lower: bool, unit_diagonal: bool) -> Any:
    """Return T^-1 b for the lower or upper triangle T of a, whatever stands in the other one."""
    try:
        if a.ndim == 2 and b.ndim <= 2:
            return scipy_solve_triangular(
                a, b, lower=lower, unit_diagonal=unit_diagonal, check_finite=False
            )
        # LAPACK's LU of a triangular matrix is a triangular solve, and NumPy's takes stacks.
        return np.linalg.solve(triangle(a, lower, unit_diagonal), b)
    except np.linalg.LinAlgError as error:
        raise SingularError(
            "solve_triangular: there is a zero on the diagonal, so that the matrix is singular and "
            "has no solution or derivative. Leave the dependent rows out, or use np.linalg.lstsq"
        ) from error


@overridable
def scipy_solve_triangular(a: Any, b: Any, **options: bool) -> Any:
    """Return ``scipy.linalg.solve_triangular(a, b, **options)``."""
    return scipy.linalg.solve_triangular(a, b, **options)


def triangle(a: Any, lower: bool, unit_diagonal: bool) -> Any:
    """Return a triangle of a, with ones on the diagonal if they are not stored."""
    inside = within(np.shape(a)[-1], lower, unit_diagonal)
    t = np.where(inside, a, 0.0)
    return np.where(np.eye(len(inside), dtype=bool), 1.0, t) if unit_diagonal else t


def within(n: int, lower: bool, strict: bool = False) -> np.ndarray:
    """Return where the lower or upper triangle of an (n, n) matrix is."""
    below = np.tri(n, k=-1 if strict else 0, dtype=bool)
    return below if lower else below.T
