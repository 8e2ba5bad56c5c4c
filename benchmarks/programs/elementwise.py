"""A chain entry by entry: J = sum exp(sin(cos(x))), of 1,000,000 numbers."""

from typing import Any

import numpy as np

from benchmarks.programs.tools import gradients
from benchmarks.programs.work import Data, Work


def data(size: int) -> Data:
    return (np.random.default_rng(0).standard_normal(size),), ()


def f(np: Any, x: Any) -> Any:
    return np.sum(np.exp(np.sin(np.cos(x))))


def by_hand(x: np.ndarray) -> tuple[float, np.ndarray]:
    c = np.cos(x)
    lam = np.sin(c)
    np.exp(lam, out=lam)
    value = lam.sum()
    np.cos(c, out=c)
    lam *= c
    np.sin(x, out=c)
    lam *= c
    np.negative(lam, out=lam)
    return value, lam


WORKS = (
    Work(
        name="elementwise",
        note="NumPy's sin and cos of 64-bit numbers are libm's, one after the other; PyTorch takes "
        "four at once",
        title="exp sin cos of {n}",
        data=data,
        f=f,
        by_hand=by_hand,
        tools=gradients(),
        sizes=(1_000_000,),
        tiny=50,
    ),
)
