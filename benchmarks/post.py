"""Value and derivative of the post's scalar function, against the adjoint written by hand.

f(x) = exp(exp(x) + exp(x)^2) + sin(exp(x) + exp(x)^2)
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

import lagrad as lg
from benchmarks.measure import Figure, agree, beside_by_hand, installed

REPEATS = 15
X = 0.3


def f(np: Any, x: Any) -> Any:
    """The function, in the NumPy that is given."""
    a = np.exp(x)
    b = a**2
    c = a + b
    d = np.exp(c)
    e = np.sin(c)
    return d + e


def by_hand(x: float) -> tuple[float, float]:
    """The value and df/dx, as an expert writes the adjoint."""
    a = np.exp(x)
    c = a + a * a
    d = np.exp(c)
    lam_c = d + np.cos(c)
    return d + np.sin(c), lam_c * (1.0 + 2.0 * a) * a


def figures(size: int = 1, repeats: int = REPEATS) -> Iterator[Figure]:
    gradients = {"lagrad": lg.value_and_grad(lambda x: f(np, x))}
    if installed("autograd"):
        import autograd
        import autograd.numpy

        gradients["autograd"] = autograd.value_and_grad(lambda x: f(autograd.numpy, x))
    expected = by_hand(X)
    for name, gradient in gradients.items():
        agree(gradient(X), expected, 1e-13, name)
    calls = {"by hand": lambda: by_hand(X)}
    calls |= {name: lambda g=g: g(X) for name, g in gradients.items()}
    yield from beside_by_hand("post", calls, repeats, "us")
