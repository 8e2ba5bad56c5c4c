"""Three layers, each of which reads the one before it.

    x_1 = images W_1 + b_1,   x_k = relu(x_{k-1}) W_k + b_k,   scores = x_3

Images are rows of 64 pixels.
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import initial, linear, mean_cross_entropy, weights

SIZES = (64, 32, 32, 10)


def parameters(rng: np.random.Generator) -> Parameters:
    return initial(rng, {f"layer{k}": SIZES[k - 1 : k + 1] for k in range(1, len(SIZES))})


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("layer1"):
        x = linear(np.reshape(images, (-1, 64)), *weights(p, "layer1"))
    for k in range(2, len(SIZES)):
        with lg.scope(f"layer{k}"):
            x = linear(lg.relu(x), *weights(p, f"layer{k}"))
    return mean_cross_entropy(x, labels)


def architecture() -> Architecture:
    return Architecture(
        name="mlp",
        summary="multilayer perceptron: three linear layers with ReLU between them",
        source="Rumelhart, Hinton, Williams, Learning representations by back-propagating errors"
        " (1986)",
        sentence="A band: each layer reads the one before it, and no other.",
        parameters=parameters,
        loss=loss,
        scopes=("layer1", "layer2", "layer3", "loss"),
    )
