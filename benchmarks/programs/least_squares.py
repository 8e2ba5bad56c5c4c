"""J = 1/2 |A w - b|^2, with A of 16 n rows and n columns."""

from typing import Any

import numpy as np

from benchmarks.programs.tools import gradients
from benchmarks.programs.work import Data, Work


def data(size: int) -> Data:
    rng = np.random.default_rng(0)
    return (rng.standard_normal(size),), (
        rng.standard_normal((16 * size, size)),
        rng.standard_normal(16 * size),
    )


def f(np: Any, w: Any, A: Any, b: Any) -> Any:
    r = A @ w - b
    return 0.5 * np.sum(r * r)


def by_hand(w: np.ndarray, A: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray]:
    r = A @ w
    r -= b
    return 0.5 * (r @ r), r @ A


WORKS = (
    Work(
        name="least_squares",
        title="least squares, 4000 x 250",
        data=data,
        f=f,
        by_hand=by_hand,
        tools=gradients(),
        sizes=(250,),
        tiny=5,
    ),
)
