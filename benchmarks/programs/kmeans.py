"""k-means: J(C) = sum_i min_j |x_i - c_j|^2, its gradient and the diagonal of its Hessian.

The Hessian is diagonal, so its product with a vector of ones is its diagonal.
"""

from typing import Any

import numpy as np

import lagrad as lg
from benchmarks.programs import namespaces
from benchmarks.programs.tools import Call, program, ready
from benchmarks.programs.work import Data, Work

K, D = 20, 10


def data(size: int) -> Data:
    rng = np.random.default_rng(0)
    centres = 3.0 * rng.standard_normal((K, D))
    X = centres[rng.integers(0, K, size)] + rng.standard_normal((size, D))
    return (centres + 0.1 * rng.standard_normal((K, D)),), (X,)


def f(np: Any, C: Any, X: Any) -> Any:
    squares = np.sum(X * X, axis=1)[:, None] - 2.0 * (X @ C.T) + np.sum(C * C, axis=1)
    return np.sum(np.min(squares, axis=1))


def by_hand(C: np.ndarray, X: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    squares = X @ (-2.0 * C.T)
    squares += np.einsum("ij,ij->i", C, C)
    rows, near = np.arange(len(X)), squares.argmin(axis=1)
    value = squares[rows, near].sum() + np.einsum("ij,ij->", X, X)
    chosen = squares  # in its place: one at the nearest centre, else zero
    chosen[...] = 0.0
    chosen[rows, near] = 1.0
    count = np.bincount(near, minlength=len(C))[:, None].astype(float)
    gradient = 2.0 * (count * C - chosen.T @ X)
    return value, gradient, np.broadcast_to(2.0 * count, C.shape)


def with_lagrad(work: Work, params: Any, constants: Any) -> Call:
    both = lg.value_and_grad(program(work, constants))

    def newton(C: Any) -> Any:
        (value, gradient), (_, diagonal) = lg.jvp(both, (C,), (np.ones(np.shape(C)),))
        return value, gradient, diagonal

    return lg.compile(newton), params


def with_autograd(work: Work, params: Any, constants: Any) -> Call:
    import autograd

    space = namespaces.numpy_autograd()

    def cost(C: Any) -> Any:
        return work.f(space, C, *constants)

    both, product = autograd.value_and_grad(cost), autograd.hessian_vector_product(cost)
    return lambda C: (*both(C), product(C, np.ones(np.shape(C)))), params


def with_jax(work: Work, params: Any, constants: Any) -> Call:
    import jax

    space = namespaces.numpy_jax()

    def newton(C: Any, X: Any) -> Any:
        both = jax.value_and_grad(lambda C: work.f(space, C, X))
        (value, gradient), (_, diagonal) = jax.jvp(both, (C,), (space.ones_like(C),))
        return value, gradient, diagonal

    return ready(jax.jit(newton)), jax.tree.map(space.asarray, params + constants)


def with_torch(work: Work, params: Any, constants: Any) -> Call:
    import torch

    space = namespaces.numpy_torch()
    C, X = torch.tensor(params[0], requires_grad=True), torch.tensor(constants[0])

    def newton() -> Any:
        value = work.f(space, C, X)
        (gradient,) = torch.autograd.grad(value, C, create_graph=True)
        (diagonal,) = torch.autograd.grad(gradient.sum(), C)
        return value, gradient, diagonal

    return newton, ()


WORKS = (
    Work(
        name="kmeans",
        title="k-means of {n}, and Hessian diagonal",
        data=data,
        f=f,
        by_hand=by_hand,
        tools={
            "lagrad": with_lagrad,
            "autograd": with_autograd,
            "JAX": with_jax,
            "PyTorch": with_torch,
        },
        sizes=(10_000,),
        tiny=60,
        gradient=False,
    ),
)
