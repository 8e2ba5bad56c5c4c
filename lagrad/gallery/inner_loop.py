"""One gradient by two routes: through 10,000 steps of an inner descent, or through its end alone.

    w_{k+1} = w_k - step grad_w L(w_k, theta),   k = 0 ... 9,999        unrolled: 10,000 constraints
    grad_w L(w, theta) = 0                                              implicit: one
    L = mean log(1 + exp(-t X w)) + exp(theta) |w|^2,   J = mean log(1 + exp(-t' X' w))

Both are the derivative of J by theta at the same w. Unrolled, the memory grows with the steps;
implicit, there are no steps to remember.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.special import expit

import lagrad as lg
from lagrad.gallery import datasets
from lagrad.gallery.problem import Check, Problem, slope_check

STEPS, STEP, THETA = 10_000, 0.6, -6.5


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """X (119, 14) and t (119,) to train on, X' (59, 14) and t' (59,) to validate with.

    X are thirteen measurements and a 1; t is 1 for the second kind of wine, -1 for the others.
    """
    table, kinds = datasets.wine()
    table = (table - np.mean(table, axis=0)) / np.std(table, axis=0)
    X, t = np.hstack([table, np.ones((len(table), 1))]), np.where(kinds == 1, 1.0, -1.0)
    kept_back = np.arange(len(t)) % 3 == 2
    return X[~kept_back], t[~kept_back], X[kept_back], t[kept_back]


X, T, X_VALIDATE, T_VALIDATE = split()
SIGNED = -T[:, None] * X
PUSH = STEP * SIGNED / len(T)


def validation_loss(w):
    return np.mean(np.logaddexp(0, -T_VALIDATE * (X_VALIDATE @ w)))


def training_cost(w, theta):
    return np.mean(np.logaddexp(0, -T * (X @ w))) + np.exp(theta) * (w @ w)


def unrolled(theta):
    w, keep = np.zeros(X.shape[1]), 1 - 2 * STEP * np.exp(theta)
    for _ in range(STEPS):  # w - STEP * (the slope of the training cost by w)
        w = keep * w - expit(SIGNED @ w) @ PUSH
    return validation_loss(w)


def implicit(theta):
    return validation_loss(lg.argmin(training_cost, np.zeros(X.shape[1]), theta))


def system() -> lg.System:
    tuning = lg.System(theta=THETA)

    @tuning.constraint
    def J(theta):
        return implicit(theta)

    return tuning


def measured(call: Callable[..., Any], *args: Any) -> tuple[Any, float]:
    """What a call returns, and the most megabytes that it held meanwhile."""
    tracemalloc.start()
    try:
        found = call(*args)
        return found, tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def checks(solution: lg.Solution) -> Iterator[Check]:
    theta, gradient = float(solution["theta"]), solution.gradient("J")["theta"]
    w, H = np.zeros(X.shape[1]), np.zeros((0, 0))
    for _ in range(30):
        q = 1 / (1 + np.exp(-X @ w))
        H = (X.T * (q * (1 - q))) @ X / len(T) + 2 * np.exp(theta) * np.eye(len(w))
        slope = -T / (1 + np.exp(T * (X @ w))) @ X / len(T) + 2 * np.exp(theta) * w
        w = w - np.linalg.solve(H, slope)
    wrong = -T_VALIDATE / (1 + np.exp(T_VALIDATE * (X_VALIDATE @ w)))
    by_w = wrong @ X_VALIDATE / len(T_VALIDATE)
    by_hand = -2 * np.exp(theta) * by_w @ np.linalg.solve(H, w)
    yield Check("J, Newton's method by hand", solution["J"], validation_loss(w), 1e-10)
    yield Check("dJ/dtheta = -2 exp(theta) dJ/dw H^-1 w", gradient, by_hand, 1e-9)
    point = {"theta": theta}
    yield slope_check("dJ/dtheta", unrolled, point, "theta", gradient, 1.0)
    (long_way, slope), much = measured(lg.value_and_grad(unrolled), theta)
    (short_way, direct), little = measured(lg.value_and_grad(implicit), theta)
    yield Check("J, unrolled and implicit", short_way, long_way, 1e-10)
    yield Check("dJ/dtheta, unrolled and implicit", direct, slope, 1e-8)
    times = f"memory: {much:.1f} MB unrolled, {little:.2f} MB implicit, at least 5 times less"
    yield Check(times, float(much > 5 * little), 1.0, 0.0)


def problem() -> Problem:
    return Problem(
        name="inner-loop",
        summary="a hyper-parameter's gradient through 10,000 steps, and without any of them",
        source="T. Vieira, Backprop is not just the chain rule (2017); J. Domke, Generic methods"
        " for optimization-based modeling (2012); data: UCI Wine",
        model=system(),
        of="J",
        wrt=("theta",),
        checks=checks,
        notes=(
            "theta is the logarithm of the penalty, w the weights of thirteen measurements and a"
            " constant that tell the second kind of wine, J the mean loss on 59 wines kept back.",
            "Descent by steps needs about 9,000 of them here until w stops changing.",
        ),
    )
