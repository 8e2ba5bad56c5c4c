"""Functions of matrices.

    Z = A^-1         dZ = -Z dA Z
    Z = A^-1 B       dZ = A^-1 (dB - dA Z)
    z = det A        dz = z sum(A^-T * dA)

Giles, "An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation", Oxford NA-08/01, 2008, sections 2.2.2, 2.2.3 and 2.3.1. A may be a stack of
matrices (..., n, n).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.contraction import Contraction
from lagrad.partials import Broadcast, Entries, Partial, Scale, Sum, then
from lagrad.primitive import Primitive


def transposed(a: Any) -> Any:
    """Return the stack of transposed matrices."""
    return np.swapaxes(a, -1, -2)


def batch(a: Any) -> tuple[str, ...]:
    """Return labels for the leading axes of a stack of matrices."""
    return tuple("abcdefgh"[: np.ndim(a) - 2])


class Solve(Partial):
    """``v -> A^-1 v`` for A (..., n, n) and v (..., n, k), or (n,) with a single A."""

    def __init__(self, a: Any, shape: tuple[int, ...]) -> None:
        self.a = a
        self.in_shape = self.out_shape = shape

    def apply(self, v: Any) -> Any:
        return np.linalg.solve(self.a, v)

    def adjoint(self, w: Any) -> Any:
        return np.linalg.solve(transposed(self.a), w)

    def entries(self) -> Entries:
        z = np.empty(self.out_shape)
        tail = ("K",) if z.ndim > 1 else ()
        lead = batch(self.a)
        labels = [(*lead, "I", "J"), (*lead, "J", *tail)]
        return Contraction(1, [np.linalg.inv(self.a), z], labels, (*lead, "I", *tail)).entries()

    def count(self) -> int:
        return math.prod(self.out_shape) * np.shape(self.a)[-1]


def solve_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """DZ = A^-1 (dB - dA Z)."""
    a, b = args
    shape, lead = np.shape(z), batch(z) if np.ndim(z) > 1 else ()
    tail = ("K",) if np.ndim(z) > 1 else ()
    full = (*lead, "I", "J")
    whole = np.shape(z)[: len(lead)] + np.shape(a)[-2:]
    stretch = Broadcast(np.shape(a), whole) if np.shape(a) != whole else None
    inverse = Solve(a if stretch is None else np.broadcast_to(a, whole), shape)
    if k == 1:
        return then(inverse, None if np.shape(b) == shape else Broadcast(np.shape(b), shape))
    product = Contraction(
        0, [np.broadcast_to(a, whole), z], [full, (*lead, "J", *tail)], (*lead, "I", *tail)
    )
    return then(inverse, Scale(-1.0, shape), product, stretch)


def inv_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """DZ = -Z dA Z."""
    lead = batch(z)
    labels = [(*lead, "I", "J"), (*lead, "J", "K"), (*lead, "K", "L")]
    return then(
        Scale(-1.0, np.shape(z)), Contraction(1, [z, args[0], z], labels, (*lead, "I", "L"))
    )


def det_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Dz = sum(cofactors * dA)."""
    a = args[0]
    n = np.ndim(a)
    return then(Sum((n - 2, n - 1), np.shape(a), False), Scale(cofactors(a, z), np.shape(a)))


def cofactors(a: Any, z: Any) -> Any:
    """Return z A^-T, or the minors one by one where A is singular."""
    if np.all(np.not_equal(z, 0)):
        return np.reshape(z, [*np.shape(z), 1, 1]) * transposed(np.linalg.inv(a))
    n = np.shape(a)[-1]
    index = np.arange(n)
    minors = [
        [
            (-1.0) ** (i + j) * np.linalg.det(a[..., index != i, :][..., index != j])
            for j in range(n)
        ]
        for i in range(n)
    ]
    return np.stack([np.stack(row, axis=-1) for row in minors], axis=-2)


def solve_arguments(a: Any, b: Any) -> Any:
    """Both arguments are arrays; versions of NumPy read vectors beside a stack in two ways."""
    if np.ndim(b) < np.ndim(a) and np.ndim(a) > 2:
        raise TypeError(
            f"a {np.ndim(b)}-d right-hand side beside a stack of matrices is ambiguous; write "
            "solve(a, b[..., None])[..., 0] for vectors, b[None] for one matrix"
        )
    return (a, b), {}


def single(a: Any) -> Any:
    """The only argument is an array."""
    return (a,), {}


# fmt: off
RULES: dict[Callable[..., Any], Primitive] = {
    np.linalg.solve: Primitive("solve", np.linalg.solve, solve_partial, arguments=solve_arguments),
    np.linalg.inv:   Primitive("inv", np.linalg.inv, inv_partial, arguments=single),
    np.linalg.det:   Primitive("det", np.linalg.det, det_partial, arguments=single),
}
# fmt: on
