"""1,797 real images of digits: one hidden layer, ReLU, cross-entropy plus weight decay, full batch.

    U1 = X W1,  H = max(0, U1),  U2 = H W2,  J = mean cross_entropy(U2, y) + decay (|W1|^2 + |W2|^2)

No bias, as in the source text. The cross-entropy is the mean over the images, so G below has 1/m.
"""

from collections.abc import Iterator

import numpy as np

import lagrad as lg
from lagrad.gallery import datasets
from lagrad.gallery.problem import Check, Problem, slope_check

HIDDEN = 32


def system() -> lg.System:
    images, y = datasets.digits()
    X = images.reshape(-1, 64)
    rng = np.random.default_rng(1797)
    model = lg.System(
        W1=rng.normal(size=(64, HIDDEN)) * np.sqrt(2 / 64),
        W2=rng.normal(size=(HIDDEN, 10)) * np.sqrt(2 / HIDDEN),
        decay=1e-3,
    )

    @model.constraint
    def U1(W1):
        return X @ W1

    @model.constraint
    def H(U1):
        return np.maximum(0, U1)

    @model.constraint
    def U2(H, W2):
        return H @ W2

    @model.constraint
    def J_MLE(U2):
        return np.mean(lg.cross_entropy(U2, y))

    @model.constraint
    def J(J_MLE, W1, W2, decay):
        return J_MLE + decay * (np.sum(W1**2) + np.sum(W2**2))

    return model


def cost(W1: np.ndarray, W2: np.ndarray, decay: float) -> float:
    """The same J in a few lines of plain NumPy."""
    images, y = datasets.digits()
    U2 = np.maximum(0, images.reshape(-1, 64) @ W1) @ W2
    top = np.max(U2, axis=1)
    log_sum = top + np.log(np.sum(np.exp(U2 - top[:, None]), axis=1))
    mean_cross_entropy = np.mean(log_sum - U2[np.arange(len(y)), y])
    return mean_cross_entropy + decay * (np.sum(W1**2) + np.sum(W2**2))


def textbook_gradients(W1: np.ndarray, W2: np.ndarray, decay: float) -> dict[str, np.ndarray]:
    """X^T G' + 2 decay W1 and H^T G + 2 decay W2, with G the gradient on U2 and G' that on U1."""
    images, y = datasets.digits()
    X, m = images.reshape(-1, 64), len(y)
    U1 = X @ W1
    H = np.maximum(0, U1)
    q = np.exp(H @ W2)
    q /= np.sum(q, axis=1, keepdims=True)
    G = (q - np.eye(10)[y]) / m
    G_prime = (G @ W2.T) * (U1 > 0)
    return {
        "U2": G,
        "U1": G_prime,
        "W1": X.T @ G_prime + 2 * decay * W1,
        "W2": H.T @ G + 2 * decay * W2,
        "decay": np.sum(W1**2) + np.sum(W2**2),
    }


def checks(solution: lg.Solution) -> Iterator[Check]:
    point = {name: solution[name] for name in ("W1", "W2", "decay")}
    textbook = textbook_gradients(**point)
    gradient = solution.gradient("J")
    multipliers = solution.system.solve(of="J")
    yield Check("J, plain NumPy", solution["J"], cost(**point), 1e-13)
    yield Check("lam of U2 = G = (q - p)/m", multipliers["U2"], textbook["U2"], 1e-12)
    yield Check("lam of U1 = G'", multipliers["U1"], textbook["U1"], 1e-12)
    yield Check("dJ/dW1 = X^T G' + 2 decay W1", gradient["W1"], textbook["W1"], 1e-12)
    yield Check("dJ/dW2 = H^T G + 2 decay W2", gradient["W2"], textbook["W2"], 1e-12)
    yield Check("dJ/d decay = |W1|^2 + |W2|^2", gradient["decay"], textbook["decay"], 1e-12)
    rng = np.random.default_rng(0)
    for name in ("W1", "W2"):
        direction = rng.normal(size=point[name].shape)
        yield slope_check(f"dJ/d{name}", cost, point, name, gradient[name], direction, step=1e-7)


def problem() -> Problem:
    return Problem(
        name="digits",
        summary="1,797 images, one hidden layer, ReLU, cross-entropy and weight decay, full batch",
        source="Goodfellow, Bengio, Courville, Deep Learning (2016), section 6.5.7;"
        " images: UCI Optical Recognition of Handwritten Digits",
        model=system(),
        of="J",
        wrt=("W1", "W2", "decay"),
        checks=checks,
        notes=(
            "In the checks q is the softmax of U2, p the label as a unit vector, m the number of"
            " images; G and G' are the gradients on U2 and U1.",
            "Lecture notes on section 6.5.9 of that book print -sum p (1 - q) for the gradient on"
            " the scores; it is q - p, divided here by the number of images.",
            "Their pseudocode of back-propagation loops over the parents of a node; the sum is over"
            " its consumers.",
        ),
    )
