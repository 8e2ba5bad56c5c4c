"""A DenseNet block on 64 images of digits: each layer reads all layers before it.

x_k = relu(conv3x3([x_0, ..., x_{k-1}], w_k)),  scores = (mean over pixels of all x_k) V
"""

from typing import Any

import numpy as np

from benchmarks.programs.mlp import cross_entropy
from benchmarks.programs.tools import gradients
from benchmarks.programs.work import Data, Work
from lagrad.gallery import datasets

LAYERS, GROWTH = 4, 8
CHANNELS = [1 + GROWTH * k for k in range(LAYERS + 1)]  # of x_0, ..., x_k together


def data(size: int) -> Data:
    images, labels = datasets.digits()
    rng = np.random.default_rng(0)
    weights = [
        rng.standard_normal((3, 3, c, GROWTH)) * np.sqrt(2 / (9 * c)) for c in CHANNELS[:-1]
    ]
    V = rng.standard_normal((CHANNELS[-1], 10)) / np.sqrt(CHANNELS[-1])
    return (V, *weights), (images[:size, :, :, None], labels[:size])


def f(np: Any, V: Any, *rest: Any) -> Any:
    *weights, x, labels = rest
    for w in weights:
        x = np.concatenate((x, np.maximum(0.0, np.conv3x3(x, w))), 3)
    return np.mean(np.cross_entropy(np.mean(x, (1, 2)) @ V, labels))


def by_hand(V: np.ndarray, *rest: np.ndarray) -> tuple[float, tuple[np.ndarray, ...]]:
    *weights, images, labels = rest
    n = len(images)
    # All channels in one array, with a border of zeros; layers write and read parts of it.
    padded = np.zeros((n, 10, 10, CHANNELS[-1]))
    inner = padded[:, 1:9, 1:9]
    inner[..., :1] = images
    kept = []
    for w, c in zip(weights, CHANNELS, strict=False):
        patches = gather(padded, 0, c)
        out = patches @ w.reshape(9 * c, GROWTH)
        np.maximum(0.0, out, out=out)
        inner[..., c : c + GROWTH] = out.reshape(n, 8, 8, GROWTH)
        kept.append((patches, out))
    features = inner.mean(axis=(1, 2))
    J, G = cross_entropy(features @ V, labels)
    lam = np.empty((n, 8, 8, CHANNELS[-1]))
    lam[...] = ((G @ V.T) / 64.0)[:, None, None, :]
    border = np.zeros((n, 10, 10, GROWTH))
    slopes = []
    for w, c, (patches, out) in reversed(list(zip(weights, CHANNELS, kept, strict=False))):
        g = lam[..., c : c + GROWTH].reshape(-1, GROWTH)
        g *= out > 0.0
        slopes.append((patches.T @ g).reshape(w.shape))
        if c > 1:
            # The adjoint of a convolution is the convolution with the kernel turned around.
            border[:, 1:9, 1:9] = g.reshape(n, 8, 8, GROWTH)
            turned = np.swapaxes(w[::-1, ::-1, 1:], 2, 3).reshape(9 * GROWTH, c - 1)
            lam[..., 1:c] += (gather(border, 0, GROWTH) @ turned).reshape(n, 8, 8, c - 1)
    return J, (features.T @ G, *reversed(slopes))


def gather(padded: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Return the 3x3 surroundings of each pixel, of some channels, as rows."""
    patches = np.empty((len(padded), 8, 8, 9, end - begin))
    for t in range(9):
        i, j = divmod(t, 3)
        patches[:, :, :, t] = padded[:, i : i + 8, j : j + 8, begin:end]
    return patches.reshape(-1, 9 * (end - begin))


WORKS = (
    Work(
        name="densenet",
        title="DenseNet block, {n} digits",
        data=data,
        f=f,
        by_hand=by_hand,
        tools=gradients(),
        sizes=(64,),
        tiny=3,
    ),
)
