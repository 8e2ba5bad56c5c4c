"""Whole runs of scipy.optimize.minimize (BFGS) on Rosenbrock's function of n numbers.

J = sum of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2, from (-1.2, 1, -1.2, ...). The gradient must never
make a run slower than finite differences.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.measure import agree
from benchmarks.programs import tools
from benchmarks.programs.work import Builder, Data, Work


def data(size: int) -> Data:
    x = np.ones(size)
    x[::2] = -1.2
    return (x,), ()


def f(np: Any, x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def gradient_by_hand(x: np.ndarray) -> tuple[float, np.ndarray]:
    head = x[:-1]
    r, s = x[1:] - head * head, 1.0 - head
    lam = np.zeros(len(x))
    np.multiply(r, 200.0, out=lam[1:])
    lam[:-1] -= 400.0 * head * r + 2.0 * s
    return 100.0 * (r @ r) + s @ s, lam


def by_hand(x: np.ndarray) -> np.ndarray:
    return run(gradient_by_hand, x)


def run(both: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    return minimize(both, x, jac=True, method="BFGS").x


def plain_run(f: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    return minimize(f, x, method="BFGS").x


def with_gradient(builder: Builder, convert: Callable[[Any, np.ndarray], Any] | None) -> Builder:
    """Return the builder of a run with the gradient of a tool."""

    def build(work: Work, params: Any, constants: Any) -> tools.Call:
        call, _ = builder(work, params, constants)
        both = call if convert is None else lambda x: convert(call, x)
        expected = gradient_by_hand(params[0])
        for found, right in zip(both(params[0]), expected, strict=True):
            agree(found, right, 1e-12, "Rosenbrock's function")
        return functools.partial(run, both), params

    return build


def without_gradient(work: Work, params: Any, constants: Any) -> tools.Call:
    return functools.partial(plain_run, functools.partial(f, np)), params


def from_jax(call: Any, x: np.ndarray) -> Any:
    value, gradient = call(x)
    return float(value), np.asarray(gradient)


def with_torch(work: Work, params: Any, constants: Any) -> tools.Call:
    import torch

    def both(x: np.ndarray) -> Any:
        given = torch.tensor(x, requires_grad=True)
        value = f(torch, given)
        value.backward()
        return value.item(), given.grad.numpy()

    return with_gradient(lambda *_: (both, ()), None)(work, params, constants)


def from_casadi(call: Any, x: np.ndarray) -> Any:
    value, gradient = call(x)
    return float(value), gradient.full()[:, 0]


def in_casadi(space: Any, x: Any) -> Any:
    n = x.shape[0]
    head, tail = x[: n - 1], x[1:]
    return space.sumsqr(10.0 * (tail - head**2)) + space.sumsqr(1.0 - head)


WORKS = (
    Work(
        name="minimize",
        title="minimize, Rosenbrock of {n}",
        data=data,
        f=f,
        by_hand=by_hand,
        tools={
            "lagrad": with_gradient(tools.with_lagrad(), None),
            "autograd": with_gradient(tools.with_autograd(), None),
            "JAX": with_gradient(tools.with_jax(), from_jax),
            "PyTorch": with_torch,
            "CasADi": with_gradient(tools.with_casadi(in_casadi), from_casadi),
            tools.DIFFERENCES: without_gradient,
        },
        sizes=(2, 10),
        tiny=3,
        gradient=False,
        rtol=1e-4,  # of the solution: BFGS stops at a gradient of 1e-5
    ),
)
