"""What the architectures share. Images are (n, height, width, channels)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

import lagrad as lg


def initial(rng: np.random.Generator, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return weights ``W_name`` of these shapes (..., outputs), and zeros ``b_name`` (outputs,).

    The variance of a weight is 2 over the number of inputs: He, Zhang, Ren, Sun, Delving deep into
    rectifiers (2015), equation 10.
    """
    found = {}
    for name, shape in shapes.items():
        found[f"W_{name}"] = rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))
        found[f"b_{name}"] = np.zeros(shape[-1])
    return found


def contracted(p: Mapping[str, Any], name: str, norm: float) -> dict[str, Any]:
    """Return the same with one matrix scaled down to the spectral norm that it may have."""
    return dict(p) | {name: p[name] * min(1.0, norm / np.linalg.norm(p[name], 2))}


def weights(p: Mapping[str, Any], name: str) -> tuple[Any, Any]:
    """Return W and b of a layer."""
    return p[f"W_{name}"], p[f"b_{name}"]


def linear(x: Any, W: Any, b: Any) -> Any:
    """(..., inputs) with W (inputs, outputs), b (outputs,) -> (..., outputs)."""
    return x @ W + b


def conv2d(x: Any, W: Any, b: Any) -> Any:
    """(n, height, width, c) with W (k, k, c, d), k odd, b (d,) -> (n, height, width, d).

    Zeros outside the image. The k x k surroundings of each pixel are one row of a matrix product.
    """
    if W.shape[0] > 1:
        x = np.concatenate(surroundings(x, W.shape[0]), axis=-1)
    return x @ np.reshape(W, (-1, W.shape[-1])) + b


def surroundings(x: Any, k: int) -> list[Any]:
    """(n, height, width, c) -> k^2 of them: the images moved about, zeros outside."""
    _, height, width, _ = x.shape
    edge = (k // 2, k // 2)
    padded = np.pad(x, ((0, 0), edge, edge, (0, 0)))
    return [padded[:, i : i + height, j : j + width] for i in range(k) for j in range(k)]


def tiles(x: Any, k: int = 2) -> Any:
    """(n, height, width, c) -> (n, height/k, k, width/k, k, c)."""
    n, height, width, c = x.shape
    return np.reshape(x, (n, height // k, k, width // k, k, c))


def mean_pool(x: Any, k: int = 2) -> Any:
    """Return the means of k x k pixels."""
    return np.mean(tiles(x, k), axis=(2, 4))


def max_pool(x: Any, k: int = 2) -> Any:
    """Return the largest of k x k pixels."""
    return np.max(tiles(x, k), axis=(2, 4))


def max_around(x: Any, k: int = 3) -> Any:
    """Return the largest of the k x k pixels around each; none may be negative."""
    return np.max(np.stack(surroundings(x, k)), axis=0)


def upsample(x: Any, k: int = 2) -> Any:
    """(n, height, width, c) -> (n, k height, k width, c): each pixel k x k times."""
    return np.repeat(np.repeat(x, k, axis=1), k, axis=2)


def normalize(x: Any, axes: int | tuple[int, ...], epsilon: float = 1e-5) -> Any:
    """Return x with mean 0 and variance 1 over ``axes``.

    Over all but the last it is batch normalisation (Ioffe, Szegedy 2015) as in training, over the
    last layer normalisation (Ba, Kiros, Hinton 2016), each without its scale and shift.
    """
    centred = x - np.mean(x, axis=axes, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=axes, keepdims=True) + epsilon)


def normal_conv(x: Any, W: Any, b: Any) -> Any:
    """Return the convolution, normalised over the batch, plus b, which is a shift after it."""
    return normalize(conv2d(x, W, 0.0), (0, 1, 2)) + b


@lg.scope("loss")
def mean_cross_entropy(scores: Any, labels: np.ndarray) -> Any:
    """Return the loss of scores (..., classes) with labels (...,)."""
    return np.mean(lg.cross_entropy(scores, labels))
