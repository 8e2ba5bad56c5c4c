"""A recurrent network reads an image row by row, with the same weights at every step.

h_k = tanh(x_k W_read + b_read + h_{k-1} W_step + b_step),   scores = h_8 W_head + b_head
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import initial, linear, mean_cross_entropy, weights

ROWS, HIDDEN = 8, 24


def parameters(rng: np.random.Generator) -> Parameters:
    return initial(rng, {"read": (8, HIDDEN), "step": (HIDDEN, HIDDEN), "head": (HIDDEN, 10)})


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    h = np.zeros((len(labels), HIDDEN))
    for k in range(ROWS):
        with lg.scope(f"step{k + 1}"):
            given = linear(images[:, k], *weights(p, "read"))
            h = np.tanh(given + linear(h, *weights(p, "step")))
    with lg.scope("head"):
        scores = linear(h, *weights(p, "head"))
    return mean_cross_entropy(scores, labels)


def architecture() -> Architecture:
    return Architecture(
        name="rnn",
        summary="recurrent network: an image row by row, with the same weights at every step",
        source="J. L. Elman, Finding structure in time, Cognitive Science 14 (1990)",
        sentence="A band, each step after the one before it, under full rows: every step reads the"
        " same weights.",
        parameters=parameters,
        loss=loss,
        scopes=(*(f"step{k + 1}" for k in range(ROWS)), "head", "loss"),
    )
