"""An ODE by 50 steps of Runge-Kutta (of order four); J = sum of y(1), from y(0) = 0.

y_0' = x_0,  y_i' = sum_{j<=i} x_j y_{i-1}
"""

import dataclasses
from typing import Any

import numpy as np

from benchmarks.programs.tools import gradients, with_lagrad
from benchmarks.programs.work import Data, Work

STEPS = 50
H = 1.0 / STEPS


def data(size: int) -> Data:
    return (np.random.default_rng(0).random(size),), ()


def step(np: Any, y: Any, c: Any) -> Any:
    one = np.ones(1)

    def slope(y: Any) -> Any:
        return c * np.concatenate((one, y[:-1]))

    k1 = slope(y)
    k2 = slope(y + H / 2 * k1)
    k3 = slope(y + H / 2 * k2)
    k4 = slope(y + H * k3)
    return y + H / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def f(np: Any, x: Any) -> Any:
    c = np.cumsum(x, 0)
    y = np.zeros(len(x))
    for _ in range(STEPS):
        y = step(np, y, c)
    return np.sum(y)


def by_hand(x: np.ndarray) -> tuple[float, np.ndarray]:
    n, c = len(x), np.cumsum(x)
    # The slope is c Z with Z = (1, y_0, ..., y_{n-2}), of which the stages differ.
    Z = np.empty((STEPS, 4, n))
    Z[:, :, 0] = 1.0
    y, k = np.zeros(n), np.empty(n)
    half, sixth = H / 2 * c, H / 6 * c
    for Z1, Z2, Z3, Z4 in Z:
        Z1[1:] = y[:-1]
        np.multiply(half, Z1, out=k)
        np.add(y[:-1], k[:-1], out=Z2[1:])
        np.multiply(half, Z2, out=k)
        np.add(y[:-1], k[:-1], out=Z3[1:])
        np.multiply(half, Z3, out=k)
        k += k
        np.add(y[:-1], k[:-1], out=Z4[1:])
        np.add(Z2, Z3, out=k)
        k += k
        k += Z1
        k += Z4
        k *= sixth
        y += k
    lam = np.ones(n)
    K = np.empty((STEPS, 4, n))  # multipliers of the slopes, by step and stage
    back = np.zeros((4, n))  # of the stages' y; the last entry stays zero
    for s in range(STEPS - 1, -1, -1):
        K1, K2, K3, K4 = K[s]
        np.multiply(lam, H / 6, out=K4)
        np.multiply(c[1:], K4[1:], out=back[3, :-1])
        np.multiply(lam, H / 3, out=K3)
        np.multiply(back[3], H, out=k)
        K3 += k
        np.multiply(c[1:], K3[1:], out=back[2, :-1])
        np.multiply(lam, H / 3, out=K2)
        np.multiply(back[2], H / 2, out=k)
        K2 += k
        np.multiply(c[1:], K2[1:], out=back[1, :-1])
        np.multiply(back[1], H / 2, out=K1)
        K1 += K4
        np.multiply(c[1:], K1[1:], out=back[0, :-1])
        lam += back.sum(axis=0)
    dc = np.einsum("skn,skn->n", K, Z)
    return y.sum(), np.cumsum(dc[::-1])[::-1]


def scanned(np: Any, x: Any) -> Any:
    """As JAX wants it."""
    import jax

    c, y = np.cumsum(x), np.zeros(len(x))
    return np.sum(jax.lax.scan(lambda y, _: (step(np, y, c), None), y, None, length=STEPS)[0])


ODE = Work(
    name="ode",
    note="stages and multipliers are shifted into new arrays; by hand into places made before",
    title="ODE of {n}, 50 steps",
    data=data,
    f=f,
    by_hand=by_hand,
    tools=gradients(jax=scanned),
    sizes=(50,),
    tiny=6,
    jax=None,  # JAX rolls the loop: it is held against ode_numba
)
NUMBA = dataclasses.replace(
    ODE,
    name="ode_numba",
    note="",
    title="ODE of {n}, 50 steps, numba",
    tools={"lagrad": with_lagrad(jit="numba"), "JAX": ODE.tools["JAX"]},
    jax=1 / 1.5,
    needs="numba",
)
WORKS = (ODE, NUMBA)
