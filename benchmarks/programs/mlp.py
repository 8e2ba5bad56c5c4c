"""A network 64x784-128-10.

H = max(0, X W1 + b1),  U = H W2 + b2,  J = mean over rows of (logsumexp(U) - U[label])
"""

from typing import Any

import numpy as np

from benchmarks.programs.tools import gradients
from benchmarks.programs.work import Data, Work

HIDDEN, CLASSES, BATCH = 128, 10, 64


def data(size: int) -> Data:
    """X is random, of width ``size``."""
    rng = np.random.default_rng(0)
    weights = (
        rng.normal(size=(size, HIDDEN)) * np.sqrt(2 / size),
        0.1 * rng.normal(size=HIDDEN),
        rng.normal(size=(HIDDEN, CLASSES)) * np.sqrt(2 / HIDDEN),
        0.1 * rng.normal(size=CLASSES),
    )
    return weights, (rng.random((BATCH, size)), rng.integers(0, CLASSES, BATCH))


def f(np: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, labels: Any) -> Any:
    H = np.maximum(0.0, X @ W1 + b1)
    return np.mean(np.cross_entropy(H @ W2 + b2, labels))


def cross_entropy(U: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean over rows and its gradient, in place of U."""
    U -= U.max(axis=1, keepdims=True)
    rows = np.arange(len(U))
    chosen = U[rows, labels]
    np.exp(U, out=U)
    total = U.sum(axis=1)
    J = np.mean(np.log(total) - chosen)
    total *= len(U)
    U /= total[:, None]
    U[rows, labels] -= 1.0 / len(U)
    return J, U


def by_hand(
    W1: np.ndarray,
    b1: np.ndarray,
    W2: np.ndarray,
    b2: np.ndarray,
    X: np.ndarray,
    labels: np.ndarray,
) -> tuple[float, tuple[np.ndarray, ...]]:
    H = X @ W1
    H += b1
    np.maximum(0.0, H, out=H)
    U = H @ W2
    U += b2
    J, G = cross_entropy(U, labels)
    G1 = G @ W2.T
    G1 *= H > 0
    return J, (X.T @ G1, G1.sum(axis=0), H.T @ G, G.sum(axis=0))


WORKS = (
    Work(
        name="mlp",
        title="MLP 64x784-128-10",
        data=data,
        f=f,
        by_hand=by_hand,
        tools=gradients(),
        more=True,
        sizes=(784,),
        tiny=12,
    ),
)
