"""A DenseNet block: each layer reads the images and all layers before it.

    x_k = relu(conv3x3([x_0, ..., x_{k-1}], w_k)),   scores = (mean over pixels of all x_k) v

The layers are those of ``gallery.load("dense-block")``, where the same block is a system.
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery import dense_block
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import mean_cross_entropy

LAYERS, GROWTH = 5, 4


def parameters(rng: np.random.Generator) -> Parameters:
    read = [1 + GROWTH * k for k in range(LAYERS + 1)]  # channels of x_0, ..., x_k together
    w = {
        f"w{k}": rng.normal(size=(GROWTH, c, 9)) * np.sqrt(2 / (9 * c))
        for k, c in enumerate(read[:-1], start=1)
    }
    return w | {"v": rng.normal(size=(read[-1], 10)) / np.sqrt(read[-1])}


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("x0"):
        x = [images[:, None]]
    for k in range(1, LAYERS + 1):
        with lg.scope(f"x{k}"):
            x.append(dense_block.layer(p[f"w{k}"], *x))
    with lg.scope("scores"):
        scores = dense_block.class_scores(p["v"], *x)
    return mean_cross_entropy(scores, labels)


def architecture() -> Architecture:
    return Architecture(
        name="dense-block",
        summary="DenseNet block of five layers on the images themselves",
        source="Huang, Liu, van der Maaten, Weinberger, Densely connected convolutional networks"
        " (2017), figure 1",
        sentence="A full upper triangle: each layer reads all layers before it.",
        parameters=parameters,
        loss=loss,
        scopes=(*(f"x{k}" for k in range(LAYERS + 1)), "scores", "loss"),
    )
