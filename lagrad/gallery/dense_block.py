"""A DenseNet block on real images: each layer reads all layers before it.

    x_k = relu(conv3x3([x_0, ..., x_{k-1}], w_k)),   scores = (mean over pixels of all x_k) v

The layers' part of A is a fully filled upper triangle, as the article says of this architecture.
No batch normalisation: it would tie the images together and hide that structure.
"""

from collections.abc import Iterator

import numpy as np

import lagrad as lg
from lagrad.gallery import datasets
from lagrad.gallery.problem import Check, Problem, slope_check

LAYERS, GROWTH, IMAGES = 5, 3, 10


def conv3x3(channels: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(n, c, 8, 8) with w (g, c, 9) -> (n, g, 8, 8), zeros outside the image."""
    padded = np.pad(channels, ((0, 0), (0, 0), (1, 1), (1, 1)))
    shifted = [padded[:, :, i : i + 8, j : j + 8] for i in range(3) for j in range(3)]
    return np.einsum("nctij,gct->ngij", np.stack(shifted, axis=2), w)


def layer(w: np.ndarray, *previous: np.ndarray) -> np.ndarray:
    return np.maximum(0, conv3x3(np.concatenate(previous, axis=1), w))


def class_scores(v: np.ndarray, *layers: np.ndarray) -> np.ndarray:
    return np.mean(np.concatenate(layers, axis=1), axis=(2, 3)) @ v


def layer_names() -> list[str]:
    return [f"x{k}" for k in range(LAYERS + 1)]


def labelled_images() -> tuple[np.ndarray, np.ndarray]:
    """The first ten images (10, 1, 8, 8), one of each digit, and their labels."""
    images, labels = datasets.digits()
    return images[:IMAGES, None], labels[:IMAGES]


def system() -> lg.System:
    x0, labels = labelled_images()
    rng = np.random.default_rng(5)
    names = layer_names()
    channels = [1 + GROWTH * k for k in range(LAYERS + 1)]  # of x_0, ..., x_k together
    weights = {}
    for k in range(1, LAYERS + 1):
        size = (GROWTH, channels[k - 1], 9)
        weights[f"w{k}"] = rng.normal(size=size) * np.sqrt(2 / (9 * channels[k - 1]))
    block = lg.System(x0=x0, **weights, v=rng.normal(size=(channels[-1], 10)))
    for k in range(1, LAYERS + 1):
        block.constrain(names[k], layer, (f"w{k}", *names[:k]))
    block.constrain("scores", class_scores, ("v", *names))

    @block.constraint
    def loss(scores):
        return np.mean(lg.cross_entropy(scores, labels))

    return block


def plain_loss(x0: np.ndarray, v: np.ndarray, **w: np.ndarray) -> float:
    """The same loss with the convolution as a sum over the nine shifts."""
    labels = labelled_images()[1]
    everything = x0
    for k in range(1, LAYERS + 1):
        padded = np.pad(everything, ((0, 0), (0, 0), (1, 1), (1, 1)))
        out = np.zeros((len(x0), GROWTH, 8, 8))
        for t in range(9):
            i, j = divmod(t, 3)
            shifted = padded[:, :, i : i + 8, j : j + 8]
            out += np.moveaxis(np.tensordot(w[f"w{k}"][:, :, t], shifted, (1, 1)), 0, 1)
        everything = np.concatenate([everything, np.maximum(0, out)], axis=1)
    s = np.mean(everything, axis=(2, 3)) @ v
    return np.mean(np.log(np.sum(np.exp(s), axis=1)) - s[np.arange(len(labels)), labels])


def checks(solution: lg.Solution) -> Iterator[Check]:
    inputs = ["x0", *(f"w{k}" for k in range(1, LAYERS + 1)), "v"]
    point = {name: solution[name] for name in inputs}
    system = solution.system
    layers = [system.variables.index(name) for name in layer_names()]
    triangle = system.block_pattern.toarray()[np.ix_(layers, layers)].astype(int)
    full = np.triu(np.ones((LAYERS + 1, LAYERS + 1), dtype=int))
    yield Check("the layers' part of A: full upper triangle", triangle, full, 0.0)
    yield Check("loss, plain NumPy", solution["loss"], plain_loss(**point), 1e-12)
    gradient = solution.gradient("loss")
    features = np.mean(np.concatenate([solution[x] for x in layer_names()], axis=1), axis=(2, 3))
    q = np.exp(solution["scores"]) / np.sum(np.exp(solution["scores"]), axis=1, keepdims=True)
    by_hand = features.T @ (q - np.eye(10)[labelled_images()[1]]) / IMAGES
    yield Check("dloss/dv = features^T (q - p)/m", gradient["v"], by_hand, 1e-12)
    rng = np.random.default_rng(0)
    for name in inputs:
        direction = rng.normal(size=point[name].shape)
        if name == "x0":  # only along the ink: where a patch is blank, ReLU stands on its kink
            direction *= point[name] > 0
        yield slope_check(
            f"dloss/d{name}", plain_loss, point, name, gradient[name], direction, step=1e-7
        )


def problem() -> Problem:
    return Problem(
        name="dense-block",
        summary="DenseNet block on ten images: the layers' part of A is a full upper triangle",
        source="Huang, Liu, van der Maaten, Weinberger, Densely connected convolutional networks"
        " (2017); images: UCI Optical Recognition of Handwritten Digits",
        model=system(),
        of="loss",
        wrt=("x0", *(f"w{k}" for k in range(1, LAYERS + 1)), "v"),
        checks=checks,
        notes=(
            "x0 are the images, w1 to w5 the weights of the layers x1 to x5, v those of the scores;"
            " in the checks q is the softmax of the scores, p the label as a unit vector, m the"
            " number of images.",
        ),
    )
