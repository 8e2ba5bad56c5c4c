"""A layer of endless depth: it reads its own output, which is found and not computed step by step.

    a = z W^T + x U^T + b,   z = tanh(a),   scores = z V^T + c

The layer is that of `lagrad.gallery.equilibrium_layer`, as two constraints: a reads z, z reads a.
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import mean_cross_entropy
from lagrad.gallery.equilibrium_layer import HIDDEN, contracting, initial


def model(p: Parameters, images: Any, labels: np.ndarray) -> lg.System:
    n = len(labels)
    network = lg.System(**p, images=images)

    @network.constraint(name="input.given")
    def given(images, U, b):
        return np.reshape(images, (n, 64)) @ U.T + b

    start = np.zeros((n, HIDDEN))
    parents = {"given": "input.given", "z": "layer.tanh.z", "W": "W"}
    network.constrain("layer.sum.a", lambda given, z, W: z @ W.T + given, parents, start)
    network.constrain("layer.tanh.z", np.tanh, ["layer.sum.a"], start)
    network.constrain("head.scores", lambda z, V, c: z @ V.T + c, ["layer.tanh.z", "V", "c"])
    network.constrain("loss.J", lambda s: mean_cross_entropy(s, labels), ["head.scores"])
    return network


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    return model(p, images, labels).solve()["loss.J"]


def architecture() -> Architecture:
    return Architecture(
        name="equilibrium-layer",
        summary="a layer that is its own input: implicit depth",
        source="S. Bai, J. Z. Kolter, V. Koltun, Deep equilibrium models (2019)",
        sentence="A cell below the diagonal, inside of the layer: what tanh gives goes back into"
        " the sum, and both are solved as one.",
        parameters=initial,
        loss=loss,
        model=model,
        project=contracting,
        scopes=("input", "layer.sum", "layer.tanh", "head", "loss"),
        depth=2,
    )
