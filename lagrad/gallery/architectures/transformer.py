"""A transformer reads the rows of an image: attention and feed-forward layers beside a stream.

    x <- x + attention(normalize x),   x <- x + feedforward(normalize x),   twice

The rows are the tokens; scores are a linear function of their mean.
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

TOKENS, WIDTH, HEADS, BLOCKS = 8, 16, 2, 2


def parameters(rng: np.random.Generator) -> Parameters:
    shapes: dict[str, tuple[int, ...]] = {"embed": (8, WIDTH)}
    for k in range(1, BLOCKS + 1):
        shapes |= {f"qkv{k}": (WIDTH, 3 * WIDTH), f"mix{k}": (WIDTH, WIDTH)}
        shapes |= {f"up{k}": (WIDTH, 2 * WIDTH), f"down{k}": (2 * WIDTH, WIDTH)}
    shapes["head"] = (WIDTH, 10)
    return initial(rng, shapes) | {"position": rng.normal(size=(TOKENS, WIDTH))}


def attention(x: Any, p: Parameters, k: int) -> Any:
    """(n, tokens, width) -> the same, each token a mean of all, in each head with other weights."""
    parted = np.reshape(linear(x, *weights(p, f"qkv{k}")), (*x.shape[:2], 3, HEADS, -1))
    q, keys, v = (parted[:, :, j] for j in range(3))
    likeness = np.einsum("nihd,njhd->nhij", q, keys) / np.sqrt(WIDTH / HEADS)
    y = np.einsum("nhij,njhd->nihd", lg.softmax(likeness, axis=-1), v)
    return linear(np.reshape(y, x.shape), *weights(p, f"mix{k}"))


def feedforward(x: Any, p: Parameters, k: int) -> Any:
    return linear(lg.relu(linear(x, *weights(p, f"up{k}"))), *weights(p, f"down{k}"))


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    with lg.scope("embed"):
        x = linear(images, *weights(p, "embed")) + p["position"]
    for k in range(1, BLOCKS + 1):
        with lg.scope(f"block{k}"):
            for j, layer in enumerate((attention, feedforward), start=1):
                with lg.scope(layer.__name__):
                    y = layer(normalize(x, axes=-1), p, k)
                with lg.scope(f"sum{j}"):
                    x = x + y
    with lg.scope("head"):
        scores = linear(np.mean(normalize(x, axes=-1), axis=1), *weights(p, "head"))
    return mean_cross_entropy(scores, labels)


def architecture() -> Architecture:
    parts = ("attention", "sum1", "feedforward", "sum2")
    blocks = [f"block{k}.{part}" for k in range(1, BLOCKS + 1) for part in parts]
    return Architecture(
        name="transformer",
        summary="two transformer blocks on the rows of an image",
        source="A. Vaswani et al., Attention is all you need (2017); normalised before the layers:"
        " R. Xiong et al., On layer normalization in the transformer architecture (2020)",
        sentence="A band with a skip around every layer: the stream goes on by itself, attention"
        " and feed-forward add to it.",
        parameters=parameters,
        loss=loss,
        scopes=("embed", *blocks, "head", "loss"),
        depth=2,
    )
