"""Which pixels tell an eight from other digits: logistic regression, one penalty a pixel.

    w(theta) = argmin_w  mean log(1 + exp(-t X w)) + sum exp(theta) w^2      on 600 images
    J(theta) = mean log(1 + exp(-t' X' w))                                   on 600 others

t is 1 for an eight and -1 for another digit. The inner problem is one constraint, and R is its
Hessian; the gradient of J by 64 penalties costs one solve with it.
"""

from collections.abc import Iterator

import numpy as np

import lagrad as lg
from lagrad.gallery import datasets
from lagrad.gallery.problem import Check, Problem, direction_at, slope_check

IMAGES, DIGIT = 600, 8
Data = tuple[np.ndarray, np.ndarray]


def split() -> tuple[Data, Data]:
    """Images (600, 64) with t (600,) to train on, and as many to validate with."""
    images, labels = datasets.digits()
    X, t = images.reshape(-1, 64), np.where(labels == DIGIT, 1.0, -1.0)
    return (X[:IMAGES], t[:IMAGES]), (X[IMAGES : 2 * IMAGES], t[IMAGES : 2 * IMAGES])


TRAIN, VALIDATE = split()


def loss(data, w):
    X, t = data
    return np.mean(np.logaddexp(0, -t * (X @ w)))


def training_cost(w, theta):
    return loss(TRAIN, w) + np.sum(np.exp(theta) * w**2)


def system() -> lg.System:
    regression = lg.System(theta=np.full(64, -8.0))

    @regression.constraint
    def w(theta):
        return lg.argmin(training_cost, np.zeros(64), theta)

    @regression.constraint
    def J(w):
        return loss(VALIDATE, w)

    return regression


def descent(theta: np.ndarray, steps: int, rate: float = 100.0) -> list[float]:
    """J before each step of gradient descent, each search for w beginning at the last one."""

    def tuned(theta, w):
        w = lg.argmin(training_cost, w, theta)
        return loss(VALIDATE, w), w

    losses, w = [], np.zeros(64)
    for _ in range(steps):
        (J, w), slope = lg.value_and_grad(tuned, has_aux=True)(theta, w)
        losses.append(float(J))
        theta = theta - rate * slope
    return losses


def textbook(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights and the Hessian there, by iteratively reweighted least squares."""
    X, t = TRAIN
    w, H = np.zeros(64), np.zeros((64, 64))
    for _ in range(20):
        q = 1 / (1 + np.exp(-X @ w))  # the chance of an eight
        slope = X.T @ (q - (t > 0)) / len(t) + 2 * np.exp(theta) * w
        H = (X.T * (q * (1 - q))) @ X / len(t) + 2 * np.diag(np.exp(theta))
        w = w - np.linalg.solve(H, slope)
    return w, H


def validation_loss(theta: np.ndarray) -> np.floating:
    X, t = VALIDATE
    return np.mean(np.log(1 + np.exp(-t * (X @ textbook(theta)[0]))))


def checks(solution: lg.Solution) -> Iterator[Check]:
    theta, gradient = solution["theta"], solution.gradient("J")["theta"]
    w, H = textbook(theta)
    X, t = VALIDATE
    yield Check("w, reweighted least squares", solution["w"], w, 1e-9)
    yield Check("J, plain NumPy", solution["J"], validation_loss(theta), 1e-10)
    by_w = X.T @ (1 / (1 + np.exp(-X @ w)) - (t > 0)) / len(t)
    by_hand = -2 * np.exp(theta) * w * np.linalg.solve(H, by_w)
    yield Check("dJ/dtheta = -2 exp(theta) w H^-1 dJ/dw", gradient, by_hand, 1e-8)
    direction, point = direction_at(theta, np.random.default_rng(0)), {"theta": theta}
    yield slope_check("dJ/dtheta", validation_loss, point, "theta", gradient, direction)
    jacobian = solution.jacobian(of=["w"], wrt=["theta"])["w"]["theta"]
    sensitivity = -np.linalg.inv(H) * (2 * np.exp(theta) * w)
    yield Check("dw/dtheta = -2 H^-1 exp(theta) w", jacobian, sensitivity, 1e-8)
    losses = descent(theta, 11)
    fell = f"10 steps of descent, J from {losses[0]:.4f} to {losses[-1]:.4f}: each lower"
    yield Check(fell, float(np.sum(np.diff(losses) >= 0)), 0.0, 0.0)


def problem() -> Problem:
    return Problem(
        name="logistic",
        summary="eights among digits: one penalty a pixel, tuned on images kept back",
        source="C. M. Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.3; Y."
        " Bengio, Gradient-based optimization of hyperparameters (2000); images: UCI Optical"
        " Recognition of Handwritten Digits",
        model=system(),
        of="J",
        wrt=("theta",),
        checks=checks,
        notes=(
            "theta are the logarithms of the penalties by pixel, w the weights of the pixels, J the"
            " mean loss on 600 images kept back.",
            "In the checks H is the Hessian of the inner problem.",
        ),
    )
