"""A DenseNet block: each layer reads the images and all layers before it.

x_k = conv3x3(relu(normalize([x_0, ..., x_{k-1}])))
scores = mean over pixels of relu(normalize([x_0, ..., x_n])) W + b
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import (
    conv2d,
    initial,
    linear,
    mean_cross_entropy,
    normalize,
    weights,
)

LAYERS, GROWTH = 5, 4


def shapes(block: str, layers: int, growth: int, c: int) -> dict[str, tuple[int, ...]]:
    """Return those of the weights of a block that is given c channels."""
    read = [c + growth * k for k in range(layers)]
    return {f"{block}_layer{k}": (3, 3, c, growth) for k, c in enumerate(read, start=1)}


def active(x: list[Any]) -> Any:
    """Return all that was computed, side by side, normalised over the batch, through ReLU."""
    return lg.relu(normalize(np.concatenate(x, axis=-1), (0, 1, 2)))


def dense_block(p: Parameters, block: str, layers: int, x0: Any) -> list[Any]:
    """Return x_0, ..., x_n."""
    x = [x0]
    with lg.scope(block):
        for k in range(1, layers + 1):
            with lg.scope(f"layer{k}"):
                x.append(conv2d(active(x), *weights(p, f"{block}_layer{k}")))
    return x


def parameters(rng: np.random.Generator) -> Parameters:
    every = 1 + LAYERS * GROWTH
    return initial(rng, shapes("block", LAYERS, GROWTH, 1) | {"scores": (every, 10)})


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("x0"):
        x0 = images[..., None]
    x = dense_block(p, "block", LAYERS, x0)
    with lg.scope("scores"):
        scores = linear(np.mean(active(x), axis=(1, 2)), *weights(p, "scores"))
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
        scopes=("x0", *(f"block.layer{k}" for k in range(1, LAYERS + 1)), "scores", "loss"),
        depth=2,
    )
