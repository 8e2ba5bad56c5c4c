"""A whole DenseNet: two dense blocks, and a transition to half the size between them.

    x_k = conv3x3(relu(normalize([x_0, ..., x_{k-1}]))),   in each block
    transition = mean of 2 x 2 pixels of conv1x1(relu(normalize(all of the block)))
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
    mean_pool,
    normalize,
    weights,
)

LAYERS, GROWTH, FIRST, HALF = 4, 4, 8, 12  # HALF of the 8 + 4 x 4 channels pass the transition


def parameters(rng: np.random.Generator) -> Parameters:
    shapes = {"stem": (3, 3, 1, FIRST)}
    for block, c in enumerate((FIRST, HALF), start=1):
        for k in range(LAYERS):
            shapes[f"block{block}_layer{k + 1}"] = (3, 3, c + k * GROWTH, GROWTH)
    shapes["transition"] = (1, 1, FIRST + LAYERS * GROWTH, HALF)
    return initial(rng, shapes | {"scores": (HALF + LAYERS * GROWTH, 10)})


def active(x: list[Any]) -> Any:
    """Return all that was computed, side by side, normalised over the batch, through ReLU."""
    return lg.relu(normalize(np.concatenate(x, axis=-1), (0, 1, 2)))


def dense_block(p: Parameters, block: str, x: list[Any]) -> list[Any]:
    with lg.scope(block):
        for k in range(1, LAYERS + 1):
            with lg.scope(f"layer{k}"):
                x = [*x, conv2d(active(x), *weights(p, f"{block}_layer{k}"))]
    return x


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("stem"):
        x = conv2d(images[..., None], *weights(p, "stem"))
    x = dense_block(p, "block1", [x])
    with lg.scope("transition"):
        x = mean_pool(conv2d(active(x), *weights(p, "transition")))
    x = dense_block(p, "block2", [x])
    with lg.scope("scores"):
        scores = linear(np.mean(active(x), axis=(1, 2)), *weights(p, "scores"))
    return mean_cross_entropy(scores, labels)


def architecture() -> Architecture:
    blocks = [[f"block{i}.layer{k}" for k in range(1, LAYERS + 1)] for i in (1, 2)]
    return Architecture(
        name="densenet",
        summary="whole small DenseNet: two dense blocks with a transition between them",
        source="Huang, Liu, van der Maaten, Weinberger, Densely connected convolutional networks"
        " (2017), figure 2",
        sentence="Two full upper triangles that share a corner: from one block to the next all goes"
        " through the transition.",
        parameters=parameters,
        loss=loss,
        scopes=("stem", *blocks[0], "transition", *blocks[1], "scores", "loss"),
        depth=2,
    )
