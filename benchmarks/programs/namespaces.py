"""The NumPy that a program gets: numpy itself, or what each peer has in its place.

NumPy has no logsumexp, cross_entropy, sigmoid and conv3x3. Programs that call them get them along
with it: from the tools as they bring them, else as a user writes them.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import numpy as np

import lagrad as lg


def module(names: dict[str, Any]) -> ModuleType:
    """Return a module of these names."""
    made = ModuleType("numpy_and_more")
    vars(made).update({name: x for name, x in names.items() if not name.startswith("__")})
    return made


def spelt(np: Any, logsumexp: Any) -> dict[str, Any]:
    """Return what is spelt in NumPy."""

    def cross_entropy(scores: Any, labels: Any) -> Any:
        return logsumexp(scores, axis=1) - scores[np.arange(len(labels)), labels]

    def sigmoid(z: Any) -> Any:
        return 1.0 / (1.0 + np.exp(-z))

    def conv3x3(x: Any, w: Any) -> Any:
        """(n, height, width, c) with w (3, 3, c, g), zeros outside."""
        n, height, width, c = x.shape
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "constant")
        shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        patches = np.concatenate(shifted, axis=3)
        out = np.reshape(patches, (-1, 9 * c)) @ np.reshape(w, (9 * c, -1))
        return np.reshape(out, (n, height, width, -1))

    return {
        "logsumexp": logsumexp,
        "cross_entropy": cross_entropy,
        "sigmoid": sigmoid,
        "conv3x3": conv3x3,
    }


@functools.cache
def numpy_plain() -> ModuleType:
    """numpy alone: what the function costs without a gradient."""

    def logsumexp(x: Any, axis: Any = None) -> Any:
        top = np.max(x, axis=axis, keepdims=True)
        total = np.sum(np.exp(x - top), axis=axis, keepdims=True)
        return np.squeeze(np.log(total) + top, axis=axis)

    return module(vars(np) | spelt(np, logsumexp))


@functools.cache
def numpy_lagrad() -> ModuleType:
    """numpy, with lagrad's logsumexp and cross-entropy."""
    own = {"logsumexp": lg.logsumexp, "cross_entropy": lg.cross_entropy}
    return module(vars(np) | spelt(np, lg.logsumexp) | own)


def numpy_autograd() -> ModuleType:
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    return module(vars(anp) | spelt(anp, logsumexp))


def numpy_jax() -> ModuleType:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def conv3x3(x: Any, w: Any) -> Any:
        order = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=order)

    own = {"logsumexp": jax.nn.logsumexp, "sigmoid": jax.nn.sigmoid, "conv3x3": conv3x3}
    return module(vars(jnp) | spelt(jnp, jax.nn.logsumexp) | own)


def numpy_torch() -> ModuleType:
    import torch
    from torch.nn import functional

    torch.set_default_dtype(torch.float64)

    def conv3x3(x: Any, w: Any) -> Any:
        out = functional.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), padding=1)
        return out.permute(0, 2, 3, 1)

    def maximum(bound: float, x: Any) -> Any:
        return torch.clamp(x, min=bound)

    def cross_entropy(scores: Any, labels: Any) -> Any:
        return functional.cross_entropy(scores, labels, reduction="none")

    own = {"maximum": maximum, "min": torch.amin, "cross_entropy": cross_entropy}
    return module(vars(torch) | own | {"conv3x3": conv3x3})
