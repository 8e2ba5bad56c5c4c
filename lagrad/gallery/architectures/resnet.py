"""A residual network: each block adds what it computes to what it has read.

    x_k = relu(x_{k-1} + conv2(relu(conv1(x_{k-1}))))

Each convolution is normalised over the batch.
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

BLOCKS, CHANNELS = 3, 8


def parameters(rng: np.random.Generator) -> Parameters:
    square = (3, 3, CHANNELS, CHANNELS)
    convolutions = [f"block{k}_conv{i}" for k in range(1, BLOCKS + 1) for i in (1, 2)]
    shapes = {"stem": (3, 3, 1, CHANNELS), **dict.fromkeys(convolutions, square)}
    return initial(rng, shapes | {"scores": (CHANNELS, 10)})


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("stem"):
        x = lg.relu(normal_conv(images[..., None], *weights(p, "stem")))
    for k in range(1, BLOCKS + 1):
        with lg.scope(f"block{k}"):
            with lg.scope("conv1"):
                y = lg.relu(normal_conv(x, *weights(p, f"block{k}_conv1")))
            with lg.scope("conv2"):
                y = normal_conv(y, *weights(p, f"block{k}_conv2"))
            with lg.scope("sum"):
                x = lg.relu(x + y)
    with lg.scope("scores"):
        scores = linear(np.mean(x, axis=(1, 2)), *weights(p, "scores"))
    return mean_cross_entropy(scores, labels)


def architecture() -> Architecture:
    blocks = [
        f"block{k}.{part}" for k in range(1, BLOCKS + 1) for part in ("conv1", "conv2", "sum")
    ]
    return Architecture(
        name="resnet",
        summary="residual network: three blocks of two convolutions and a sum",
        source="He, Zhang, Ren, Sun, Deep residual learning for image recognition (2016), figure 2",
        sentence="A band, and one skip for each block: its sum also reads what the block has read.",
        parameters=parameters,
        loss=loss,
        scopes=("stem", *blocks, "scores", "loss"),
        depth=2,
    )
