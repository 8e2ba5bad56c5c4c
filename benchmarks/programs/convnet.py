"""A small convolutional net on 64 images of digits.

relu(conv3x3), mean of 2x2 pixels, the same again, scores; 8 and 16 channels; J = mean of
cross-entropy.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from benchmarks.programs.mlp import cross_entropy
from benchmarks.programs.tools import gradients
from benchmarks.programs.work import Data, Work
from lagrad.gallery import datasets

FIRST, SECOND = 8, 16


def data(size: int) -> Data:
    images, labels = datasets.digits()
    rng = np.random.default_rng(0)
    weights = (
        rng.standard_normal((3, 3, 1, FIRST)) * np.sqrt(2 / 9),
        0.1 * rng.standard_normal(FIRST),
        rng.standard_normal((3, 3, FIRST, SECOND)) * np.sqrt(2 / (9 * FIRST)),
        0.1 * rng.standard_normal(SECOND),
        rng.standard_normal((4 * SECOND, 10)) * np.sqrt(2 / (4 * SECOND)),
        0.1 * rng.standard_normal(10),
    )
    return weights, (images[:size, :, :, None], labels[:size])


def pooled(np: Any, x: Any) -> Any:
    n, height, width, c = x.shape
    tiles = np.reshape(x, (n, height // 2, 2, width // 2, 2, c))
    return np.mean(tiles, (2, 4))


def f(np: Any, w1: Any, b1: Any, w2: Any, b2: Any, V: Any, b: Any, images: Any, labels: Any) -> Any:
    x = pooled(np, np.maximum(0.0, np.conv3x3(images, w1) + b1))
    x = pooled(np, np.maximum(0.0, np.conv3x3(x, w2) + b2))
    scores = np.reshape(x, (len(labels), -1)) @ V + b
    return np.mean(np.cross_entropy(scores, labels))


def patches_of(x: np.ndarray) -> np.ndarray:
    """Return the 3x3 surroundings of each pixel as rows (n height width, 9 c)."""
    n, height, width, c = x.shape
    padded = np.zeros((n, height + 2, width + 2, c))
    padded[:, 1:-1, 1:-1] = x
    a, b, d, e = padded.strides
    shape = (n, height, width, 3, 3 * c)  # three pixels of a row lie side by side
    return as_strided(padded, shape, (a, b, d, b, e)).reshape(-1, 9 * c)


def layer(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the patches, relu(conv3x3(x, w) + b) and its means of 2x2 pixels."""
    n, height, width, c = x.shape
    patches = patches_of(x)
    out = patches @ w.reshape(9 * c, -1)
    out += b
    np.maximum(0.0, out, out=out)
    out = out.reshape(n, height, width, -1)
    means = out[:, ::2, ::2] + out[:, 1::2, ::2]
    means += out[:, ::2, 1::2]
    means += out[:, 1::2, 1::2]
    means *= 0.25
    return patches, out, means


def spread(lam: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Return the multipliers before relu, from those of the means, as rows."""
    n, height, width, c = out.shape
    wide = np.empty((n, height // 2, 2, width // 2, 2, c))
    wide[...] = lam.reshape(n, height // 2, 1, width // 2, 1, c)
    wide = wide.reshape(-1, c)
    wide *= out.reshape(-1, c) > 0.0
    return wide


def by_hand(
    w1: np.ndarray,
    b1: np.ndarray,
    w2: np.ndarray,
    b2: np.ndarray,
    V: np.ndarray,
    b: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray,
) -> tuple[float, tuple[np.ndarray, ...]]:
    n = len(images)
    patches1, out1, x1 = layer(images, w1, b1)
    patches2, out2, x2 = layer(x1, w2, b2)
    features = x2.reshape(n, -1)
    scores = features @ V
    scores += b
    J, G = cross_entropy(scores, labels)
    lam = G @ V.T
    lam *= 0.25
    lam2 = spread(lam, out2)
    # The adjoint of a convolution is the convolution with the kernel turned around.
    turned = np.swapaxes(w2[::-1, ::-1], 2, 3).reshape(9 * SECOND, FIRST)
    lam = patches_of(lam2.reshape(out2.shape)) @ turned
    lam *= 0.25
    lam1 = spread(lam, out1)
    return J, (
        (patches1.T @ lam1).reshape(w1.shape),
        lam1.sum(axis=0),
        (patches2.T @ lam2).reshape(w2.shape),
        lam2.sum(axis=0),
        features.T @ G,
        G.sum(axis=0),
    )


WORKS = (
    Work(
        name="convnet",
        note="the means of 2x2 pixels are reductions of NumPy's; by hand four slices are added up",
        title="convolutional net, {n} digits",
        data=data,
        f=f,
        by_hand=by_hand,
        tools=gradients(),
        more=True,
        sizes=(64,),
        tiny=3,
    ),
)
