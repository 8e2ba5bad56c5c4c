"""Training: a few steps of Adam on gradients from ``lg.value_and_grad``."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery import datasets
from lagrad.gallery.architectures.architecture import Parameters

Batch = tuple[np.ndarray, np.ndarray]


def batches(steps: int, size: int, seed: int = 0) -> list[Batch]:
    """Return images (size, 8, 8) and labels (size,) for each step, drawn anew."""
    images, labels = datasets.digits()
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(len(labels), size, replace=False) for _ in range(steps)]
    return [(images[k], labels[k]) for k in drawn]


def train(
    loss: Callable[[Parameters, Any, np.ndarray], Any],
    parameters: Parameters,
    given: Iterable[Batch],
    rate: float = 0.01,
    project: Callable[[Parameters], Parameters] = lambda parameters: parameters,
) -> tuple[Parameters, list[float]]:
    """Return the parameters after a step of Adam on each batch, and the loss before each step.

    Parameters
    ----------
    loss : function of parameters, images and labels
    parameters : dict of arrays
    given : batches
    rate : float
    project : function of the parameters, called after each step
    """
    slope_of = lg.value_and_grad(loss)
    mean, square = ({name: np.zeros_like(w) for name, w in parameters.items()} for _ in range(2))
    losses = []
    for k, batch in enumerate(given, start=1):
        value, slope = slope_of(parameters, *batch)
        losses.append(float(value))
        moved = {}
        for name, g in slope.items():  # Adam: Kingma and Ba (2015), algorithm 1
            mean[name] = 0.9 * mean[name] + 0.1 * g
            square[name] = 0.999 * square[name] + 0.001 * g**2
            size = np.sqrt(square[name] / (1 - 0.999**k)) + 1e-8
            moved[name] = parameters[name] - rate * mean[name] / (1 - 0.9**k) / size
        parameters = project(moved)
    return parameters, losses
