"""A graph of many scalar constraints: a vector turned by random plane rotations (`rotations`)."""

from math import cos, sin
from typing import Any

from benchmarks.programs.tools import with_lagrad
from benchmarks.programs.work import Data, Work
from benchmarks.rotations import THETA, rotations


def data(size: int) -> Data:
    f: Any
    f, x = rotations(size)
    return (THETA, x), (f, f.args[0])


def f(np: Any, theta: Any, x: Any, turned: Any, pairs: Any) -> Any:
    return turned(theta, x)


def by_hand(theta: float, x: list[float], turned: Any, pairs: Any) -> Any:
    c, s = cos(theta), sin(theta)
    x = list(x)
    for i, j in pairs:
        a, b = x[i], x[j]
        x[i], x[j] = c * a - s * b, s * a + c * b
    value = sum(x)
    lam, dtheta = [1.0] * len(x), 0.0
    for i, j in reversed(pairs):
        # A rotation is undone by its transpose, so values need not be kept.
        p, q, la, lb = x[i], x[j], lam[i], lam[j]
        dtheta += lb * p - la * q
        x[i], x[j] = c * p + s * q, c * q - s * p
        lam[i], lam[j] = c * la + s * lb, c * lb - s * la
    return value, (dtheta, lam)


WORKS = (
    Work(
        name="million",
        title="rotations, {n} constraints",
        data=data,
        f=f,
        by_hand=by_hand,
        tools={"lagrad": with_lagrad()},
        sizes=(10_000, 100_000, 1_000_000),
        tiny=300,
        kind="scalar",
    ),
)
