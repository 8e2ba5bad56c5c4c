"""Self-attention among the four quarters of an image, written down token by token.

x_i = patch_i W_embed + b_embed + position_i,   q_i, k_i, v_i = x_i W_qkv + b_qkv
y_i = sum_j a_ij v_j,   a_i = softmax_j(q_i k_j / sqrt d),   z_i = relu(y_i W_feed + b_feed)
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import (
    initial,
    linear,
    mean_cross_entropy,
    tiles,
    weights,
)

TOKENS, PATCH, WIDTH = 4, 16, 12


def parameters(rng: np.random.Generator) -> Parameters:
    shapes = {
        "embed": (PATCH, WIDTH),
        "qkv": (WIDTH, 3 * WIDTH),
        "feed": (WIDTH, WIDTH),
        "head": (WIDTH, 10),
    }
    return initial(rng, shapes) | {"position": rng.normal(size=(TOKENS, WIDTH))}


def quarters(images: Any) -> list[Any]:
    """(n, 8, 8) -> four times (n, 16)."""
    parts = tiles(images[..., None], 4)
    return [np.reshape(parts[:, i, :, j], (-1, PATCH)) for i in range(2) for j in range(2)]


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("quarters"):
        patches = quarters(images)
    tokens, found = [], []
    for i, patch in enumerate(patches):
        with lg.scope(f"token{i + 1}"):
            x = linear(patch, *weights(p, "embed")) + p["position"][i]
            tokens.append(np.split(linear(x, *weights(p, "qkv")), 3, axis=1))
    for i, (q, _, _) in enumerate(tokens):
        with lg.scope(f"attention{i + 1}"):
            likeness = [np.sum(q * k, axis=1) / np.sqrt(WIDTH) for _, k, _ in tokens]
            a = lg.softmax(np.stack(likeness), axis=0)
            found.append(sum(a[j][:, None] * v for j, (_, _, v) in enumerate(tokens)))
    for i, y in enumerate(found):
        with lg.scope(f"feed{i + 1}"):
            found[i] = lg.relu(linear(y, *weights(p, "feed")))
    with lg.scope("head"):
        scores = linear(sum(found) / TOKENS, *weights(p, "head"))
    return mean_cross_entropy(scores, labels)


def architecture() -> Architecture:
    groups = [f"{name}{i + 1}" for name in ("token", "attention", "feed") for i in range(TOKENS)]
    return Architecture(
        name="attention",
        summary="self-attention among the quarters of an image, token by token",
        source="A. Vaswani et al., Attention is all you need (2017), section 3.2.1",
        sentence="One full block mixes the tokens, every attention reads every token; before it and"
        " after it each token is by itself.",
        parameters=parameters,
        loss=loss,
        scopes=("quarters", *groups, "head", "loss"),
    )
