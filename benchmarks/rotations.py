"""The scalar program of several works: a vector turned by many plane (Givens) rotations.

    x_i, x_j <- c x_i - s x_j,  s x_i + c x_j         c = cos(theta), s = sin(theta)

Every constraint is a scalar with two partials, six constraints a rotation. Rotations keep the
length of x, so values and multipliers stay of order one however long the program is. The pairs
(i, j) are random.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure import agree

THETA = 0.3


class Program(NamedTuple):
    """``f(theta, x)`` returns the sum of the turned x; theta is a number, x a list of numbers."""

    f: Callable[[Any, list[Any]], Any]
    x: list[float]


def by_operators(c: Any, s: Any, a: Any, b: Any) -> tuple[Any, Any]:
    return c * a - s * b, s * a + c * b


def by_ufuncs(c: Any, s: Any, a: Any, b: Any) -> tuple[Any, Any]:
    return (
        np.subtract(np.multiply(c, a), np.multiply(s, b)),
        np.add(np.multiply(s, a), np.multiply(c, b)),
    )


def turned(pairs: list[tuple[int, int]], rotate: Any, theta: Any, x: list[Any]) -> Any:
    """Return the sum of x after all rotations."""
    c, s = np.cos(theta), np.sin(theta)
    x = list(x)
    for i, j in pairs:
        x[i], x[j] = rotate(c, s, x[i], x[j])
    return functools.reduce(lambda total, entry: total + entry, x)


def rotations(constraints: int, width: int = 100, rotate: Any = by_operators) -> Program:
    """Return a program of at least ``constraints`` scalar constraints on ``width`` entries."""
    rng = np.random.default_rng(0)
    width = max(2, min(width, constraints // 10))
    count = -(-constraints // 6)
    first = rng.integers(0, width, count)
    second = (first + rng.integers(1, width, count)) % width
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    return Program(functools.partial(turned, pairs, rotate), rng.standard_normal(width).tolist())


def check(program: Program, value: Any, dtheta: Any, dx: Any) -> None:
    """Raise unless the value and the gradient of a program are right.

    The value is that of plain numbers, d/dtheta that of a complex step. f is linear in x and
    orthogonal, so dx . x = f and |dx|^2 = n.
    """
    f, x = program
    plain = f(THETA, x)
    size, length = float(np.linalg.norm(x)), np.sqrt(len(x))
    agree(value / size, plain / size, 1e-10 * length, "value")
    agree(np.dot(dx, x) / size, value / size, 1e-10 * length, "dx . x")
    agree(np.linalg.norm(dx), length, 1e-10, "|dx|")
    agree(dtheta, f(THETA + 1e-30j, x).imag / 1e-30, 1e-8, "d/dtheta")
