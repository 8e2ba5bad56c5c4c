"""An LSTM unrolled over 100 steps: 16 sequences of width 16, 64 hidden; J = mean of the last h^2.

z = x_t W1 + h W2 + b,  (i, f, o) = sigmoid(z),  g = tanh(z),  c <- f c + i g,  h <- o tanh(c)
"""

from typing import Any

import numpy as np

from benchmarks.programs.tools import gradients
from benchmarks.programs.work import Data, Work

BATCH, WIDTH, N = 16, 16, 64


def data(size: int) -> Data:
    rng = np.random.default_rng(0)
    weights = (
        rng.standard_normal((WIDTH, 4 * N)) / np.sqrt(WIDTH),
        rng.standard_normal((N, 4 * N)) / np.sqrt(N),
        0.1 * rng.standard_normal(4 * N),
    )
    return weights, (rng.standard_normal((size, BATCH, WIDTH)),)


def step(np: Any, u: Any, h: Any, c: Any, W2: Any) -> Any:
    z = u + h @ W2
    s, g = np.sigmoid(z[:, : 3 * N]), np.tanh(z[:, 3 * N :])
    c = s[:, N : 2 * N] * c + s[:, :N] * g
    return s[:, 2 * N :] * np.tanh(c), c


def f(np: Any, W1: Any, W2: Any, b: Any, X: Any) -> Any:
    h = c = np.zeros((BATCH, N))
    for u in X @ W1 + b:
        h, c = step(np, u, h, c, W2)
    return np.mean(h * h)


def by_hand(
    W1: np.ndarray, W2: np.ndarray, b: np.ndarray, X: np.ndarray
) -> tuple[float, tuple[np.ndarray, ...]]:
    steps = len(X)
    flat = X.reshape(-1, WIDTH)
    Z = (flat @ W1).reshape(steps, BATCH, 4 * N)
    Z += b
    h, c = np.zeros((steps + 1, BATCH, N)), np.zeros((steps + 1, BATCH, N))
    tanh = np.empty((steps, BATCH, N))
    for t, z in enumerate(Z):
        z += h[t] @ W2
        s, g = z[:, : 3 * N], z[:, 3 * N :]
        np.negative(s, out=s)
        np.exp(s, out=s)
        s += 1.0
        np.reciprocal(s, out=s)
        np.tanh(g, out=g)
        np.multiply(s[:, N : 2 * N], c[t], out=c[t + 1])
        c[t + 1] += s[:, :N] * g
        np.tanh(c[t + 1], out=tanh[t])
        np.multiply(s[:, 2 * N :], tanh[t], out=h[t + 1])
    J = np.mean(h[-1] * h[-1])
    dh, dc = h[-1] * (2.0 / h[-1].size), np.zeros((BATCH, N))
    slope = np.empty((BATCH, 3 * N))
    back = np.ascontiguousarray(W2.T)
    for t in range(steps - 1, -1, -1):  # Z becomes its own multiplier
        s, g = Z[t, :, : 3 * N], Z[t, :, 3 * N :]
        i, forget, o = s[:, :N], s[:, N : 2 * N], s[:, 2 * N :]
        dc += dh * o * (1.0 - tanh[t] * tanh[t])
        np.subtract(1.0, s, out=slope)
        slope *= s
        slope[:, :N] *= dc * g
        slope[:, N : 2 * N] *= dc * c[t]
        slope[:, 2 * N :] *= dh * tanh[t]
        np.multiply(g, g, out=g)
        np.subtract(1.0, g, out=g)
        g *= i
        g *= dc
        dc *= forget
        s[...] = slope
        dh = Z[t] @ back
    lam = Z.reshape(-1, 4 * N)
    return J, (flat.T @ lam, h[:-1].reshape(-1, N).T @ lam, lam.sum(axis=0))


def scanned(np: Any, W1: Any, W2: Any, b: Any, X: Any) -> Any:
    """As JAX wants it."""
    import jax

    start = np.zeros((BATCH, N))
    (h, _), _ = jax.lax.scan(lambda s, u: (step(np, u, *s, W2), None), (start, start), X @ W1 + b)
    return np.mean(h * h)


WORKS = (
    Work(
        name="lstm",
        note="memory: exp(-z) is kept beside the sigmoid, and steps share no memory",
        title="LSTM, {n} steps unrolled",
        data=data,
        f=f,
        by_hand=by_hand,
        tools=gradients(jax=scanned),
        more=True,
        sizes=(100,),
        tiny=3,
        jax=1 / 1.5,  # JAX rolls the loop
    ),
)
