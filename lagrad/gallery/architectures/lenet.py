"""A convolutional net in the manner of LeNet, for images of 8 x 8 pixels.

    conv1, pool1, conv2, pool2: maps of 6 and 16 channels,   full3, full4: 32 units, 10 scores

The means of 2 x 2 pixels have no weights of their own, which those of LeNet-5 have.
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
    weights,
)

SHAPES = {"conv1": (3, 3, 1, 6), "conv2": (3, 3, 6, 16), "full3": (64, 32), "full4": (32, 10)}


def parameters(rng: np.random.Generator) -> Parameters:
    return initial(rng, SHAPES)


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("conv1"):
        x = np.tanh(conv2d(images[..., None], *weights(p, "conv1")))
    with lg.scope("pool1"):
        x = mean_pool(x)
    with lg.scope("conv2"):
        x = np.tanh(conv2d(x, *weights(p, "conv2")))
    with lg.scope("pool2"):
        x = mean_pool(x)
    with lg.scope("full3"):
        x = np.tanh(linear(np.reshape(x, (len(labels), -1)), *weights(p, "full3")))
    with lg.scope("full4"):
        scores = linear(x, *weights(p, "full4"))
    return mean_cross_entropy(scores, labels)


def architecture() -> Architecture:
    return Architecture(
        name="lenet",
        summary="convolutional net like LeNet-5: two convolutions, two means of 2 x 2 pixels",
        source="LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document"
        " recognition (1998), figure 2",
        sentence="A band, as of every chain of layers; that a convolution shares its weights shows"
        " at the level of entries only, where one weight reaches all pixels.",
        parameters=parameters,
        loss=loss,
        scopes=("conv1", "pool1", "conv2", "pool2", "full3", "full4", "loss"),
    )
