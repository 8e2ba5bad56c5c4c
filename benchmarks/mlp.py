"""Value and gradient of a network 64x784-128-10, against the adjoint written by hand.

H = max(0, X W1 + b1),  U = H W2 + b2,  J = mean over rows of (logsumexp(U) - U[label])
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

import lagrad as lg
from benchmarks.measure import Figure, agree, beside_by_hand, installed

LAYERS, BATCH, REPEATS = (784, 128, 10), 64, 25
Weights = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def data(inputs: int) -> tuple[np.ndarray, np.ndarray, Weights]:
    """Return X, the labels and (W1, b1, W2, b2), random; ``inputs`` is the width of X."""
    rng = np.random.default_rng(0)
    _, hidden, classes = LAYERS
    weights = (
        rng.normal(size=(inputs, hidden)) * np.sqrt(2 / inputs),
        0.1 * rng.normal(size=hidden),
        rng.normal(size=(hidden, classes)) * np.sqrt(2 / hidden),
        0.1 * rng.normal(size=classes),
    )
    return rng.random((BATCH, inputs)), rng.integers(0, classes, BATCH), weights


def by_hand(X: np.ndarray, labels: np.ndarray, weights: Weights) -> tuple[float, Weights]:
    """The cost and its gradients, as an expert writes the adjoint."""
    W1, b1, W2, b2 = weights
    U1 = X @ W1 + b1
    H = np.maximum(0.0, U1)
    U = H @ W2 + b2
    U -= U.max(axis=1, keepdims=True)
    q = np.exp(U)
    total = q.sum(axis=1)
    rows = np.arange(len(X))
    J = np.mean(np.log(total) - U[rows, labels])
    q /= total[:, None]
    q[rows, labels] -= 1.0
    G = q / len(X)
    G1 = (G @ W2.T) * (U1 > 0)
    return J, (X.T @ G1, G1.sum(axis=0), H.T @ G, G.sum(axis=0))


def figures(size: int = LAYERS[0], repeats: int = REPEATS) -> Iterator[Figure]:
    X, labels, weights = data(size)
    numbers = (0, 1, 2, 3)

    def cost(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        H = np.maximum(0.0, X @ W1 + b1)
        return np.mean(lg.cross_entropy(H @ W2 + b2, labels))

    gradients = {"lagrad": lg.value_and_grad(cost, argnums=numbers)}
    if installed("autograd"):
        gradients["autograd"] = with_autograd(X, labels)
    value, expected = by_hand(X, labels, weights)
    for name, gradient in gradients.items():
        found, parts = gradient(*weights)
        agree(found, value, 1e-13, name)
        for k in numbers:
            agree(parts[k], expected[k], 1e-12, f"{name}, argument {k}")
    calls = {"by hand": lambda: by_hand(X, labels, weights)}
    calls |= {name: lambda g=g: g(*weights) for name, g in gradients.items()}
    yield from beside_by_hand("mlp", calls, repeats, "ms")


def with_autograd(X: np.ndarray, labels: np.ndarray) -> Any:
    """Return autograd's value and gradient of the same cost."""
    import autograd
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    rows = np.arange(len(X))

    def cost(weights: Any) -> Any:
        W1, b1, W2, b2 = weights
        H = anp.maximum(0.0, anp.dot(X, W1) + b1)
        U = anp.dot(H, W2) + b2
        return anp.mean(logsumexp(U, axis=1) - U[rows, labels])

    both = autograd.value_and_grad(cost)
    return lambda *weights: both(weights)
