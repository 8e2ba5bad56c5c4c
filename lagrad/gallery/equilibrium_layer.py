"""A layer of endless depth reads digits: its output is the fixed point of one step.

    z = tanh(W z + U x + b),   scores = V z + c,   J = mean cross_entropy(scores, label)

Spectral norm |W| < 1 makes the step a contraction, since tanh' <= 1: there is one fixed point. Each
image has a cycle of its own, so that A falls apart into blocks. Training needs no memory of steps:
``train`` runs a few epochs of Adam on gradients from ``lg.value_and_grad``.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

import lagrad as lg
from lagrad.gallery import datasets
from lagrad.gallery.architectures.layers import contracted
from lagrad.gallery.architectures.train import train as adam
from lagrad.gallery.problem import Check, Problem, direction_at, slope_check

HIDDEN, BATCH, EPOCHS, RATE, NORM = 24, 100, 4, 0.03, 0.9
Weights = dict[str, np.ndarray]


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images (1437, 64) and labels to train on, images (360, 64) and labels kept back."""
    images, labels = datasets.digits()
    order = np.random.default_rng(0).permutation(len(labels))
    X, y = images.reshape(-1, 64)[order], labels[order]
    return X[360:], y[360:], X[:360], y[:360]


def initial(rng: np.random.Generator | None = None) -> Weights:
    rng = rng or np.random.default_rng(1)
    shapes = {"W": (HIDDEN, HIDDEN), "U": (HIDDEN, 64), "V": (10, HIDDEN)}
    weights = {name: rng.normal(size=size) / np.sqrt(size[1]) for name, size in shapes.items()}
    return contracting(weights | {"b": np.zeros(HIDDEN), "c": np.zeros(10)})


def contracting(weights: Weights) -> Weights:
    """The same, with W scaled down to the norm that it may have."""
    return contracted(weights, "W", NORM)


def layer(z, W, U, b, X):
    return np.tanh(z @ W.T + X @ U.T + b)


def system(images: int = 40) -> lg.System:
    X, y, _, _ = split()
    X, y = X[:images], y[:images]
    network = lg.System(**initial())

    @network.constraint(start=np.zeros((images, HIDDEN)))
    def z(W, U, b, z):
        return layer(z, W, U, b, X)

    @network.constraint
    def J(z, V, c):
        return np.mean(lg.cross_entropy(z @ V.T + c, y))

    return network


def equilibrium(weights: Weights, X: np.ndarray) -> np.ndarray:
    """The layer's output by plain iteration, for all images at once."""
    z = np.zeros((len(X), HIDDEN))
    for _ in range(400):
        z = layer(z, weights["W"], weights["U"], weights["b"], X)
    return z


def plain_loss(X: np.ndarray, y: np.ndarray, **weights: np.ndarray) -> np.floating:
    s = equilibrium(weights, X) @ weights["V"].T + weights["c"]
    return np.mean(np.log(np.sum(np.exp(s), axis=1)) - s[np.arange(len(y)), y])


def accuracy(X: np.ndarray, y: np.ndarray, weights: Weights) -> float:
    scores = equilibrium(weights, X) @ weights["V"].T + weights["c"]
    return float(np.mean(np.argmax(scores, axis=1) == y))


def batch_loss(weights, X, y):
    W, U, b, V, c = (weights[name] for name in ("W", "U", "b", "V", "c"))
    z = lg.fixed_point(layer, np.zeros((len(X), HIDDEN)), W, U, b, X)
    return np.mean(lg.cross_entropy(z @ V.T + c, y))


def train(epochs: int = EPOCHS) -> tuple[Weights, float]:
    """Weights after training, and the largest spectral norm of W on the way."""
    X, y, _, _ = split()
    rng, norms = np.random.default_rng(2), []

    def contracted(weights: Weights) -> Weights:
        weights = contracting(weights)
        norms.append(float(np.linalg.norm(weights["W"], 2)))
        return weights

    orders = [rng.permutation(len(y)) for _ in range(epochs)]
    batches = [k for order in orders for k in np.array_split(order, len(y) // BATCH)]
    given = ((X[k], y[k]) for k in batches)
    weights, _ = adam(batch_loss, initial(), given, RATE, contracted)
    return weights, max(norms, default=0.0)


def checks(solution: lg.Solution) -> Iterator[Check]:
    point = {name: solution[name] for name in ("W", "U", "b", "V", "c")}
    X, y, X_test, y_test = split()
    X, y = X[: len(solution["z"])], y[: len(solution["z"])]
    gradient, z, loss = solution.gradient("J"), equilibrium(point, X), partial(plain_loss, X, y)
    yield Check("z, plain iteration", solution["z"], z, 1e-11)
    yield Check("J, plain NumPy", solution["J"], loss(**point), 1e-12)
    s = z @ point["V"].T + point["c"]
    G = (np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True) - np.eye(10)[y]) / len(y)
    D = 1 - z**2
    lam = np.stack(  # image by image, dense
        [
            np.linalg.solve(np.eye(HIDDEN) - (d[:, None] * point["W"]).T, g)
            for d, g in zip(D, G @ point["V"], strict=True)
        ]
    )
    yield Check("dJ/dW = sum of (D lam) z^T", gradient["W"], (D * lam).T @ z, 1e-10)
    yield Check("dJ/dU = sum of (D lam) x^T", gradient["U"], (D * lam).T @ X, 1e-10)
    rng = np.random.default_rng(0)
    for name in point:
        direction = direction_at(point[name], rng)
        yield slope_check(f"dJ/d{name}", loss, point, name, gradient[name], direction)
    weights, norm = train()
    found = accuracy(X_test, y_test, weights)
    said = f"accuracy {found:.3f} on 360 images kept back, {EPOCHS} epochs: above 0.9"
    yield Check(said, float(found > 0.9), 1.0, 0.0)
    yield Check("largest |W| while training: a contraction", norm, NORM, 1e-9)


def problem() -> Problem:
    return Problem(
        name="equilibrium-layer",
        summary="a layer that is its own input, on digits: implicit depth, trained with Adam",
        source="S. Bai, J. Z. Kolter, V. Koltun, Deep equilibrium models (2019); images: UCI"
        " Optical Recognition of Handwritten Digits",
        model=system(),
        of="J",
        wrt=("W", "U", "b", "V", "c"),
        checks=checks,
        notes=(
            "W, U, b are the weights of the layer, V and c those of the scores, z the output of the"
            " layer for each image, J the mean cross-entropy; in the checks D = 1 - z^2, and lam"
            " are the multipliers of z.",
        ),
    )
