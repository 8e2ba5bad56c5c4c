"""Long short-term memory: gates decide what a memory keeps, takes in and gives out.

    f, i, o, g = [x_k, h_{k-1}] W_gates + b_gates
    c_k = sigmoid(f) c_{k-1} + sigmoid(i) tanh(g),   h_k = sigmoid(o) tanh(c_k)

An image is read in four strips of two rows.
"""

from typing import Any

import numpy as np
from scipy.special import expit

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import initial, linear, mean_cross_entropy, weights

STRIPS, WIDTH, HIDDEN = 4, 16, 16


def parameters(rng: np.random.Generator) -> Parameters:
    return initial(rng, {"gates": (WIDTH + HIDDEN, 4 * HIDDEN), "head": (HIDDEN, 10)})


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("strips"):
        strips = np.reshape(images, (-1, STRIPS, WIDTH))
    h = c = np.zeros((len(labels), HIDDEN))
    for k in range(STRIPS):
        with lg.scope(f"step{k + 1}.gates"):
            both = np.concatenate([strips[:, k], h], axis=1)
            f, i, o, g = np.split(linear(both, *weights(p, "gates")), 4, axis=1)
        with lg.scope(f"step{k + 1}.memory"):
            c = expit(f) * c + expit(i) * np.tanh(g)
        with lg.scope(f"step{k + 1}.output"):
            h = expit(o) * np.tanh(c)
    with lg.scope("head"):
        scores = linear(h, *weights(p, "head"))
    return mean_cross_entropy(scores, labels)


def architecture() -> Architecture:
    steps = [f"step{k + 1}.{part}" for k in range(STRIPS) for part in ("gates", "memory", "output")]
    return Architecture(
        name="lstm",
        summary="long short-term memory: gates around a memory that goes from step to step",
        source="S. Hochreiter, J. Schmidhuber, Long short-term memory (1997); forget gate: F. A."
        " Gers, J. Schmidhuber, F. Cummins, Learning to forget (2000)",
        sentence="A repeated band with two ways from step to step: the output goes into the next"
        " gates, the memory passes them by.",
        parameters=parameters,
        loss=loss,
        scopes=("strips", *steps, "head", "loss"),
        depth=2,
    )
