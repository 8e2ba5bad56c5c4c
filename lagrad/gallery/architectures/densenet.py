"""A whole DenseNet: two dense blocks, and a transition to half the size between them.

    transition = mean of 2 x 2 pixels of relu(normal_conv1x1(all of the first block))

The blocks are those of `lagrad.gallery.architectures.dense_block`.
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.dense_block import dense_block, shapes
from lagrad.gallery.architectures.layers import (
    initial,
    linear,
    mean_cross_entropy,
    mean_pool,
    normal_conv,
    weights,
)

LAYERS, GROWTH, FIRST, HALF = 4, 4, 8, 12  # HALF of the 8 + 4 x 4 channels pass the transition


def parameters(rng: np.random.Generator) -> Parameters:
    new = LAYERS * GROWTH
    return initial(
        rng,
        {"stem": (3, 3, 1, FIRST)}
        | shapes("block1", LAYERS, GROWTH, FIRST)
        | {"transition": (1, 1, FIRST + new, HALF)}
        | shapes("block2", LAYERS, GROWTH, HALF)
        | {"scores": (HALF + new, 10)},
    )


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("stem"):
        x = lg.relu(normal_conv(images[..., None], *weights(p, "stem")))
    x = dense_block(p, "block1", LAYERS, x)
    with lg.scope("transition"):
        x = lg.relu(normal_conv(np.concatenate(x, axis=-1), *weights(p, "transition")))
        x = mean_pool(x)
    x = dense_block(p, "block2", LAYERS, x)
    with lg.scope("scores"):
        means = np.mean(np.concatenate(x, axis=-1), axis=(1, 2))
        scores = linear(means, *weights(p, "scores"))
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
