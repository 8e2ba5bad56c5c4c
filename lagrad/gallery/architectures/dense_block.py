"""A DenseNet block: each layer reads the images and all layers before it.

    x_k = relu(normal_conv3x3([x_0, ..., x_{k-1}])),   scores = (mean over pixels of all x_k) W + b

The convolution is normalised over the batch after it, once; the paper does so before it, and so
again in each layer that reads it.
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import (
    initial,
    linear,
    mean_cross_entropy,
    normal_conv,
    weights,
)

LAYERS, GROWTH = 5, 4


def shapes(block: str, layers: int, growth: int, c: int) -> dict[str, tuple[int, ...]]:
    """Return those of the weights of a block that is given c channels."""
    read = [c + growth * k for k in range(layers)]
    return {f"{block}_layer{k}": (3, 3, c, growth) for k, c in enumerate(read, start=1)}


def dense_block(p: Parameters, block: str, layers: int, x0: Any) -> list[Any]:
    """Return x_0, ..., x_n."""
    x = [x0]
    with lg.scope(block):
        for k in range(1, layers + 1):
            with lg.scope(f"layer{k}"):
                given = np.concatenate(x, axis=-1)
                x.append(lg.relu(normal_conv(given, *weights(p, f"{block}_layer{k}"))))
    return x


def parameters(rng: np.random.Generator) -> Parameters:
    every = 1 + LAYERS * GROWTH
    return initial(rng, shapes("block", LAYERS, GROWTH, 1) | {"scores": (every, 10)})


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("x0"):
        x0 = images[..., None]
    x = dense_block(p, "block", LAYERS, x0)
    with lg.scope("scores"):
        means = np.mean(np.concatenate(x, axis=-1), axis=(1, 2))
        scores = linear(means, *weights(p, "scores"))
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
