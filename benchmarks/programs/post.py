"""The scalar function of the blog post: f(x) = exp(exp(x) + exp(x)^2) + sin(exp(x) + exp(x)^2)."""

from math import cos, exp, sin
from typing import Any

from benchmarks.programs.tools import gradients, with_casadi
from benchmarks.programs.work import Data, Work


def data(size: int) -> Data:
    return (0.3,), ()


def f(np: Any, x: Any) -> Any:
    a = np.exp(x)
    b = a**2
    c = a + b
    d = np.exp(c)
    e = np.sin(c)
    return d + e


def by_hand(x: float) -> tuple[float, float]:
    a = exp(x)
    c = a + a * a
    d = exp(c)
    return d + sin(c), (d + cos(c)) * (1.0 + 2.0 * a) * a


WORKS = (
    Work(
        name="post",
        note="the call of an object costs 42 ns more than that of a function, the checks of its "
        "argument and of the code of f, and whether the results are finite, 70 ns",
        title="f of the post",
        data=data,
        f=f,
        by_hand=by_hand,
        tools=gradients() | {"CasADi": with_casadi()},
        kind="scalar",
    ),
)
