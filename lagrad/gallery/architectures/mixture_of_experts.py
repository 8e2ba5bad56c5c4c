"""A mixture of experts: a gate sends each image to two of four small networks.

    g = softmax over the two largest of (normalize x) W_gate + b_gate
    scores = sum over these two of g_k expert_k(x)

The other experts are not computed for that image.
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import (
    initial,
    linear,
    mean_cross_entropy,
    normalize,
    weights,
)

EXPERTS, CHOSEN, WIDTH, HIDDEN = 4, 2, 24, 12


def parameters(rng: np.random.Generator) -> Parameters:
    shapes = {"embed": (64, WIDTH), "gate": (WIDTH, EXPERTS)}
    for k in range(1, EXPERTS + 1):
        shapes |= {f"hidden{k}": (WIDTH, HIDDEN), f"scores{k}": (HIDDEN, 10)}
    return initial(rng, shapes)


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("embed"):
        x = lg.relu(linear(np.reshape(images, (-1, 64)), *weights(p, "embed")))
    with lg.scope("gate"):
        # Normalised over the images: else one expert wins them all from the beginning.
        wish = linear(normalize(x, axes=0), *weights(p, "gate"))
        chosen = np.argsort(wish, axis=1)[:, -CHOSEN:]
        g = lg.softmax(np.take_along_axis(wish, chosen, axis=1), axis=1)
    answers = []
    for k in range(EXPERTS):
        rows, place = np.nonzero(chosen == k)
        with lg.scope(f"expert{k + 1}"):
            h = lg.relu(linear(x[rows], *weights(p, f"hidden{k + 1}")))
            answers.append((rows, place, linear(h, *weights(p, f"scores{k + 1}"))))
    with lg.scope("mix"):
        scores = lg.zeros((len(labels), 10))
        for rows, place, answer in answers:
            scores[rows] += g[rows, place][:, None] * answer
    return mean_cross_entropy(scores, labels)


def architecture() -> Architecture:
    return Architecture(
        name="mixture-of-experts",
        summary="a gate sends each image to two of four small networks",
        source="N. Shazeer et al., Outrageously large neural networks: the sparsely-gated"
        " mixture-of-experts layer (2017), section 2.1, without noise",
        sentence="Experts stand beside each other and do not read each other; the gate passes them"
        " by, and meets them where they are mixed.",
        parameters=parameters,
        loss=loss,
        scopes=("embed", "gate", *(f"expert{k + 1}" for k in range(EXPERTS)), "mix", "loss"),
    )
