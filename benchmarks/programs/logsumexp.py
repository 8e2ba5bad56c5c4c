"""J = log sum exp(x), of n numbers."""

from math import log
from typing import Any

import numpy as np

from benchmarks.programs.tools import gradients
from benchmarks.programs.work import Data, Work


def data(size: int) -> Data:
    return (10.0 * np.random.default_rng(0).standard_normal(size),), ()


def f(np: Any, x: Any) -> Any:
    return np.logsumexp(x, axis=0)


def by_hand(x: np.ndarray) -> tuple[float, np.ndarray]:
    top = x.max()
    q = x - top
    np.exp(q, out=q)
    total = q.sum()
    q *= 1.0 / total
    return top + log(total), q


WORKS = (
    Work(
        name="logsumexp",
        note="the results are asked to be finite, one more sum; by hand nobody asks. XLA fuses the "
        "sum with the exponentials",
        title="logsumexp of {n}",
        data=data,
        f=f,
        by_hand=by_hand,
        tools=gradients(),
        more=True,
        sizes=(1_000, 10_000, 100_000, 1_000_000),
        tiny=50,
    ),
)
