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
    """X (119, 12) and y (119,) to train on, X' (59, 12) and y' (59,) to validate with.

    y is the alcohol, X the other measurements, all in units of their spread among the former.
    """
    table, _ = datasets.wine()
    kept_back = np.arange(len(table)) % 3 == 2
    train, validate = table[~kept_back], table[kept_back]
    middle, spread = np.mean(train, axis=0), np.std(train, axis=0)
    train, validate = (train - middle) / spread, (validate - middle) / spread
    return train[:, 1:], train[:, 0], validate[:, 1:], validate[:, 0]


X, Y, X_VALIDATE, Y_VALIDATE = split()


def training_cost(w, theta):
    return np.mean((X @ w - Y) ** 2) + np.sum(np.exp(theta) * w**2)


def fitted(theta):
    return lg.argmin(training_cost, np.zeros(X.shape[1]), theta)


def loss(w):
    return np.mean((X_VALIDATE @ w - Y_VALIDATE) ** 2)


def system() -> lg.System:
    regression = lg.System(theta=np.full(X.shape[1], -2.0))
    regression.constrain("w", fitted)
    regression.constrain("J", loss)
    return regression


def normal_equations(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights w and the matrix H of H w = X^T y/m."""
    H = X.T @ X / len(Y) + np.diag(np.exp(theta))
    return np.linalg.solve(H, X.T @ Y / len(Y)), H


def validation_loss(theta: np.ndarray) -> np.floating:
    return loss(normal_equations(theta)[0])


tuned = lg.value_and_grad(lambda theta: loss(fitted(theta)))  # what an optimiser asks for


def descent(theta: np.ndarray, steps: int, rate: float = 20.0) -> list[float]:
    """J before each step of gradient descent."""
    losses = []
    for _ in range(steps):
        J, slope = tuned(theta)
        losses.append(float(J))
        theta = theta - rate * slope
    return losses


def checks(solution: lg.Solution) -> Iterator[Check]:
    theta, gradient = solution["theta"], solution.gradient("J")["theta"]
    w, H = normal_equations(theta)
    yield Check("w, normal equations", solution["w"], w, 1e-10)
    yield Check("J, normal equations", solution["J"], validation_loss(theta), 1e-10)
    by_w = 2 * X_VALIDATE.T @ (X_VALIDATE @ w - Y_VALIDATE) / len(Y_VALIDATE)
    by_hand = -np.exp(theta) * w * np.linalg.solve(H, by_w)
    yield Check("dJ/dtheta = -exp(theta) w H^-1 dJ/dw", gradient, by_hand, 1e-9)
    jacobian = solution.jacobian(of=["w"], wrt=["theta"])["w"]["theta"]
    yield Check(
        "dw/dtheta = -H^-1 exp(theta) w", jacobian, -np.linalg.inv(H) * np.exp(theta) * w, 1e-9
    )
    direction = direction_at(theta, np.random.default_rng(0))
    yield slope_check("dJ/dtheta", validation_loss, {"theta": theta}, "theta", gradient, direction)
    losses = descent(theta, 21)
    fell = f"20 steps of descent, J from {losses[0]:.4f} to {losses[-1]:.4f}: each lower"
    yield Check(fell, float(np.sum(np.diff(losses) >= 0)), 0.0, 0.0)
    box, options = [(-8.0, 4.0)] * len(w), {"ftol": 1e-14, "gtol": 1e-9}
    best = minimize(tuned, theta, jac=True, bounds=box, options=options)
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
            " predict the alcohol of a wine, J the mean squared error on 59 wines kept back.",
            "In the checks H is half the Hessian of the inner problem.",
        ),
    )
