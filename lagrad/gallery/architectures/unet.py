"""A U-Net that says for each pixel which digit it belongs to, or that it is empty.

    down1, down2, down3: relu(conv3x3(largest of 2 x 2 pixels)), the first of the images
    up3, up2, up1: relu(conv3x3([each pixel 2 x 2 times, what the way down has left here]))

There are 8 x 8 pixels at the top and one at the bottom; classes are the ten digits and no ink.
"""

from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.layers import (
    conv2d,
    initial,
    max_pool,
    mean_cross_entropy,
    upsample,
    weights,
)

CHANNELS = (4, 8, 12, 16)  # at 8 x 8, 4 x 4, 2 x 2 pixels, and at the bottom

EMPTY = 10  # the class of a pixel without ink


def parameters(rng: np.random.Generator) -> Parameters:
    shapes = {"bottom": (1, 1, CHANNELS[2], CHANNELS[3])}
    for k, (before, c, below) in enumerate(
        zip((1, *CHANNELS), CHANNELS[:3], CHANNELS[1:], strict=False), start=1
    ):
        shapes[f"down{k}"] = (3, 3, before, c)
        shapes[f"up{k}"] = (3, 3, c + below, c)
    return initial(rng, shapes | {"scores": (1, 1, CHANNELS[0], EMPTY + 1)})


def conv(p: Parameters, name: str, x: Any) -> Any:
    return lg.relu(conv2d(x, *weights(p, name)))


def loss(p: Parameters, images: Any, labels: np.ndarray) -> Any:
    ink = lg.stop_gradient(images) > 0.5
    classes = np.where(ink, labels[:, None, None], EMPTY)
    with lg.scope("down1"):
        left = [conv(p, "down1", images[..., None])]
    for k in (2, 3):
        with lg.scope(f"down{k}"):
            left.append(conv(p, f"down{k}", max_pool(left[-1])))
    with lg.scope("bottom"):
        x = conv(p, "bottom", max_pool(left[-1]))
    for k in (3, 2, 1):
        with lg.scope(f"up{k}"):
            x = conv(p, f"up{k}", np.concatenate((upsample(x), left.pop()), axis=-1))
    with lg.scope("scores"):
        scores = conv2d(x, *weights(p, "scores"))
    return mean_cross_entropy(scores, classes)


def architecture() -> Architecture:
    return Architecture(
        name="unet",
        summary="U-Net that labels each pixel with the digit that it belongs to, or as empty",
        source="Ronneberger, Fischer, Brox, U-Net: convolutional networks for biomedical image"
        " segmentation (2015), figure 1",
        sentence="A band, and an anti-diagonal of skips: the way up reads what the way down has"
        " left at the same size, the last first.",
        parameters=parameters,
        loss=loss,
        scopes=(*(f"down{k}" for k in (1, 2, 3)), "bottom", "up3", "up2", "up1", "scores", "loss"),
    )
