"""How much each measurement of a wine is to be trusted: ridge regression, one penalty a feature.

    w(theta) = argmin_w  mean (X w - y)^2 + sum exp(theta) w^2        on the training wines
    J(theta) = mean (X' w - y')^2                                     on the others

The inner problem is one constraint, differentiated by its optimality conditions: no step of its
solver is. It has a closed form, and so has the gradient of J, which descent then uses.
"""

from collections.abc import Iterator

import numpy as np
from scipy.optimize import minimize

import lagrad as lg
from lagrad.gallery import datasets
from lagrad.gallery.problem import Check, Problem, direction_at, slope_check


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """X (118, 12) and y (118,) to train on, X' (60, 12) and y' (60,) to validate with.

    y is the alcohol, X the other measurements, all in units of their spread among the former.
    """
    table, _ = datasets.wine()
    kept_back = np.arange(len(table)) % 3 == 2
    train, validate = table[~kept_back], table[kept_back]
    middle, spread = np.mean(train, axis=0), np.std(train, axis=0)
    train, validate = (train - middle) / spread, (validate - middle) / spread
    return train[:, 1:], train[:, 0], validate[:, 1:], validate[:, 0]


def system() -> lg.System:
    X, y, X_validate, y_validate = split()
    n = X.shape[1]

    def training_cost(w, theta):
        return np.mean((X @ w - y) ** 2) + np.sum(np.exp(theta) * w**2)

    regression = lg.System(theta=np.full(n, -2.0))

    @regression.constraint
    def w(theta):
        return lg.argmin(training_cost, np.zeros(n), theta)

    @regression.constraint
    def J(w):
        return np.mean((X_validate @ w - y_validate) ** 2)

    return regression


def normal_equations(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights w and the matrix H of H w = X^T y/m."""
    X, y, _, _ = split()
    H = X.T @ X / len(y) + np.diag(np.exp(theta))
    return np.linalg.solve(H, X.T @ y / len(y)), H


def validation_loss(theta: np.ndarray) -> np.floating:
    _, _, X, y = split()
    return np.mean((X @ normal_equations(theta)[0] - y) ** 2)


def descent(regression: lg.System, theta: np.ndarray, steps: int) -> list[float]:
    """J before each step of gradient descent, and after the last."""
    losses = []
    for _ in range(steps + 1):
        solution = regression.solve(theta=theta)
        losses.append(float(solution["J"]))
        theta = theta - 20 * solution.gradient("J")["theta"]
    return losses


def checks(solution: lg.Solution) -> Iterator[Check]:
    theta, gradient = solution["theta"], solution.gradient("J")["theta"]
    w, H = normal_equations(theta)
    _, _, X, y = split()
    yield Check("w, normal equations", solution["w"], w, 1e-10)
    yield Check("J, normal equations", solution["J"], validation_loss(theta), 1e-10)
    by_w = 2 * X.T @ (X @ w - y) / len(y)
    by_hand = -np.exp(theta) * w * np.linalg.solve(H, by_w)
    yield Check("dJ/dtheta = -exp(theta) w H^-1 dJ/dw", gradient, by_hand, 1e-9)
    jacobian = solution.jacobian(of=["w"], wrt=["theta"])["w"]["theta"]
    yield Check(
        "dw/dtheta = -H^-1 exp(theta) w", jacobian, -np.linalg.inv(H) * np.exp(theta) * w, 1e-9
    )
    direction = direction_at(theta, np.random.default_rng(0))
    yield slope_check("dJ/dtheta", validation_loss, {"theta": theta}, "theta", gradient, direction)
    losses = descent(system(), np.full(len(w), -2.0), 20)
    fell = f"20 steps of descent, J from {losses[0]:.4f} to {losses[-1]:.4f}: each lower"
    yield Check(fell, float(np.sum(np.diff(losses) >= 0)), 0.0, 0.0)

    def loss_and_slope(theta):
        found = system().solve(theta=theta)
        return float(found["J"]), found.gradient("J")["theta"]

    box = [(-8.0, 4.0)] * len(w)
    options = {"ftol": 1e-14, "gtol": 1e-9}
    best = minimize(loss_and_slope, theta, jac=True, bounds=box, options=options)
    plain = minimize(validation_loss, theta, bounds=box, options=options)  # by differences
    yield Check("least J, with the gradient and without it", best.fun, plain.fun, 1e-6)


def problem() -> Problem:
    return Problem(
        name="ridge",
        summary="one penalty for each measurement of a wine, tuned on wines kept back",
        source="A. E. Hoerl and R. W. Kennard, Ridge regression (1970); Y. Bengio, Gradient-based"
        " optimization of hyperparameters (2000); data: UCI Wine",
        model=system(),
        of="J",
        wrt=("theta",),
        checks=checks,
        notes=(
            "theta are the logarithms of the penalties, w the weights of twelve measurements that"
            " predict the alcohol of a wine, J the mean squared error on 60 wines kept back.",
            "In the checks H is half the Hessian of the inner problem.",
        ),
    )
