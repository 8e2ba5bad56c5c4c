"""Inception modules: four branches read the same images, and their channels are put together.

    x = [conv1x1(x), conv3x3(conv1x1(x)), conv5x5(conv1x1(x)), conv1x1(largest of 3 x 3 of x)]

ReLU follows each convolution; those of 1 x 1 pixel before the larger ones leave them less to read.
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import (
    conv2d,
    initial,
    linear,
    max_around,
    mean_cross_entropy,
    mean_pool,
    weights,
)

MODULES, CHANNELS = 2, 16  # each branch gives a quarter of the channels
BRANCHES = ("one", "three", "five", "pool")


def parameters(rng: np.random.Generator) -> Parameters:
    c, quarter = CHANNELS, CHANNELS // 4
    shapes = {"stem": (3, 3, 1, c)}
    for k in range(1, MODULES + 1):
        for branch in BRANCHES:
            shapes[f"module{k}_{branch}"] = (1, 1, c, quarter)
        shapes[f"module{k}_three_by_three"] = (3, 3, quarter, quarter)
        shapes[f"module{k}_five_by_five"] = (5, 5, quarter, quarter)
    return initial(rng, shapes | {"scores": (4 * c, 10)})


def conv(p: Parameters, name: str, x: Any) -> Any:
    return lg.relu(conv2d(x, *weights(p, name)))


def module(p: Parameters, name: str, x: Any) -> Any:
    """(n, height, width, c) -> (n, height, width, c): the module with reductions."""
    with lg.scope("one"):
        one = conv(p, f"{name}_one", x)
    with lg.scope("three"):
        three = conv(p, f"{name}_three_by_three", conv(p, f"{name}_three", x))
    with lg.scope("five"):
        five = conv(p, f"{name}_five_by_five", conv(p, f"{name}_five", x))
    with lg.scope("pool"):
        pool = conv(p, f"{name}_pool", max_around(x))
    with lg.scope("join"):
        return np.concatenate((one, three, five, pool), axis=-1)


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("stem"):
        x = conv(p, "stem", images[..., None])
    for k in range(1, MODULES + 1):
        with lg.scope(f"module{k}"):
            x = module(p, f"module{k}", x)
    with lg.scope("scores"):
        features = np.reshape(mean_pool(x, 4), (len(labels), -1))
        scores = linear(features, *weights(p, "scores"))
    return mean_cross_entropy(scores, labels)


def architecture() -> Architecture:
    modules = [f"module{k}.{part}" for k in range(1, MODULES + 1) for part in (*BRANCHES, "join")]
    return Architecture(
        name="inception",
        summary="two Inception modules of four branches: 1 x 1, 3 x 3, 5 x 5 pixels, and a maximum",
        source="Szegedy and others, Going deeper with convolutions (2015), figure 2b",
        sentence="Parallel blocks: in a module the four branches meet what was before it and the"
        " join, and not one another.",
        parameters=parameters,
        loss=loss,
        scopes=("stem", *modules, "scores", "loss"),
        depth=2,
    )
