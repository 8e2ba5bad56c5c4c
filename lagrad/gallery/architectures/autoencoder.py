"""An autoencoder with tied weights: what decodes is the transpose of what encodes.

    h1 = tanh(x W1 + b1),   h2 = tanh(h1 W2 + b2),   g1 = tanh(h2 W2^T + c1),   y = g1 W1^T + c0
    loss = mean of (y - x)^2

Images are rows of 64 pixels; their labels are not read.
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import linear

PIXELS, HIDDEN, CODE = 64, 32, 12


def parameters(rng: np.random.Generator) -> Parameters:
    return {
        "W1": rng.normal(size=(PIXELS, HIDDEN)) / np.sqrt(PIXELS),
        "W2": rng.normal(size=(HIDDEN, CODE)) / np.sqrt(HIDDEN),
        "b1": np.zeros(HIDDEN),
        "b2": np.zeros(CODE),
        "c1": np.zeros(HIDDEN),
        "c0": np.zeros(PIXELS),
    }


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    del labels
    with lg.scope("x"):
        x = np.reshape(images, (-1, PIXELS))
    with lg.scope("encode1"):
        h = np.tanh(linear(x, p["W1"], p["b1"]))
    with lg.scope("encode2"):
        h = np.tanh(linear(h, p["W2"], p["b2"]))
    with lg.scope("decode2"):
        h = np.tanh(linear(h, p["W2"].T, p["c1"]))
    with lg.scope("decode1"):
        y = linear(h, p["W1"].T, p["c0"])
    with lg.scope("loss"):
        return np.mean((y - x) ** 2)


def architecture() -> Architecture:
    return Architecture(
        name="autoencoder",
        summary="autoencoder of two layers whose decoder is the transpose of its encoder",
        source="Vincent, Larochelle, Lajoie, Bengio, Manzagol, Stacked denoising autoencoders"
        " (2010), whose name for such weights is tied",
        sentence="A band, and rows for W1 and W2 with two squares each, one inside the other: a"
        " weight is read by the encoder and, as its transpose, by the decoder.",
        parameters=parameters,
        loss=loss,
        scopes=("x", "encode1", "encode2", "decode2", "decode1", "loss"),
    )
