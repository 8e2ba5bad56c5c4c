"""A Hopfield network: units that pull at each other with symmetric weights until they rest.

    h = tanh(x U^T + b + s V),   s = tanh(u),   u = h V^T + c

Pixels x are held, hidden units h and label units s settle. At rest the energy of each image

    E(h, s) = -(x U^T + b) h - c s - s V h + sum of arctanh, integrated from 0 to h and to s

has slope zero. Its weights are learned through the rest, by the implicit function theorem.
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import contracted, mean_cross_entropy

HIDDEN, CLASSES, NORM = 24, 10, 0.9


def parameters(rng: np.random.Generator) -> Parameters:
    U, V = rng.normal(size=(HIDDEN, 64)) / 8, rng.normal(size=(CLASSES, HIDDEN)) / 10
    return contracting({"U": U, "b": np.zeros(HIDDEN), "V": V, "c": np.zeros(CLASSES)})


def contracting(p: Parameters) -> Parameters:
    """The same, with V scaled down to a norm below 1: then there is one rest."""
    return contracted(p, "V", NORM)


def model(p: Parameters, images: Any, labels: np.ndarray) -> lg.System:
    n = len(labels)
    network = lg.System(**p, images=images)

    @network.constraint(name="input.given")
    def given(images, U, b):
        return np.reshape(images, (n, 64)) @ U.T + b

    network.constrain(
        "hidden.h",
        lambda given, s, V: np.tanh(given + s @ V),
        ["input.given", "label.s", "V"],
        start=np.zeros((n, HIDDEN)),
    )
    start = np.zeros((n, CLASSES))
    network.constrain("label.u", lambda h, V, c: h @ V.T + c, ["hidden.h", "V", "c"], start)
    network.constrain("label.s", np.tanh, ["label.u"], start)
    network.constrain("loss.J", lambda u: mean_cross_entropy(u, labels), ["label.u"])
    return network


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    return model(p, images, labels).solve()["loss.J"]


def architecture() -> Architecture:
    return Architecture(
        name="hopfield",
        summary="hidden and label units that pull at each other until they rest",
        source="J. J. Hopfield, Neurons with graded response have collective computational"
        " properties like those of two-state neurons, PNAS 81 (1984), p. 3088; learning: F. J."
        " Pineda, Generalization of back-propagation to recurrent neural networks, Phys. Rev. Lett."
        " 59 (1987), p. 2229",
        sentence="The same weights on both sides of the diagonal: hidden units pull at labels and"
        " labels at hidden units, and they are solved as one.",
        parameters=parameters,
        loss=loss,
        model=model,
        project=contracting,
        scopes=("input", "hidden", "label", "loss"),
    )
