"""A DenseNet block on 64 images of digits: each layer reads all layers before it.

x_k = relu(conv3x3([x_0, ..., x_{k-1}], w_k)),  scores = (mean over pixels of all x_k) V
"""

from typing import Any

import numpy as np

from benchmarks.programs.convnet import patches_of
from benchmarks.programs.mlp import cross_entropy
from benchmarks.programs.tools import gradients
from benchmarks.programs.work import Data, Work
from lagrad.gallery import datasets

LAYERS, GROWTH = 4, 8
CHANNELS = [1 + GROWTH * k for k in range(LAYERS + 1)]  # of x_0, ..., x_k together


def data(size: int) -> Data:
    images, labels = datasets.digits()
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((3, 3, c, GROWTH)) * np.sqrt(2 / (9 * c)) for c in CHANNELS[:-1]]
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
    x = np.empty((n, 8, 8, CHANNELS[-1]))  # the layers write their parts of it
    x[..., :1] = images
    kept = []
    for w, c in zip(weights, CHANNELS, strict=False):
        patches = patches_of(x[..., :c])
        out = patches @ w.reshape(9 * c, GROWTH)
        np.maximum(0.0, out, out=out)
        x[..., c : c + GROWTH] = out.reshape(n, 8, 8, GROWTH)
        kept.append((patches, out))
    features = x.mean(axis=(1, 2))
    J, G = cross_entropy(features @ V, labels)
    lam = x  # its values are no longer needed
    lam[...] = ((G @ V.T) / 64.0)[:, None, None, :]
    slopes = []
    for w, c, (patches, out) in reversed(list(zip(weights, CHANNELS, kept, strict=False))):
        np.greater(out, 0.0, out=out)
        out *= lam[..., c : c + GROWTH].reshape(-1, GROWTH)
        slopes.append((patches.T @ out).reshape(w.shape))
        if c > 1:
            # The adjoint of a convolution is the convolution with the kernel turned around.
            turned = np.swapaxes(w[::-1, ::-1, 1:], 2, 3).reshape(9 * GROWTH, c - 1)
            back = patches_of(out.reshape(n, 8, 8, GROWTH)) @ turned
            lam[..., 1:c] += back.reshape(n, 8, 8, c - 1)
    return J, (features.T @ G, *reversed(slopes))


WORKS = (
    Work(
        name="densenet",
        note="the others convolve with kernels in registers; here windows are copied for BLAS",
        title="DenseNet block, {n} digits",
        data=data,
        f=f,
        by_hand=by_hand,
        tools=gradients(),
        more=True,
        sizes=(64,),
        tiny=3,
    ),
)
