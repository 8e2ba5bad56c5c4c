"""Architectures on real images, each with the one sentence that says what to see in its A.

    >>> from lagrad.gallery import architectures
    >>> architectures.names()
    ('mlp', 'lenet', 'resnet', 'dense-block', 'densenet', 'inception', 'unet', 'autoencoder', 'rnn',
     'lstm', 'attention', 'transformer', 'mixture-of-experts', 'equilibrium-layer', 'hopfield')
    >>> architectures.load("mlp").sentence
    'A band: each layer reads the one before it, and no other.'
    >>> system = architectures.system("mlp", images=2)
    >>> list(dict.fromkeys(path[0] for path in system.scopes if path))
    ['layer1', 'layer2', 'layer3', 'loss']

An architecture is one file with a function ``architecture()``; it is plain NumPy, with
``lg.scope`` around its layers.
"""

import inspect
from importlib import import_module
from typing import Any

import numpy as np

import lagrad as lg
from lagrad.gallery import datasets
from lagrad.gallery.architectures.architecture import Architecture, Parameters
from lagrad.gallery.architectures.train import batches, train
from lagrad.status import ArgumentError, suggestion

__all__ = ["Architecture", "Parameters", "batches", "load", "names", "system", "train"]

_MODULES = {  # name -> file, in reading order
    "mlp": "mlp",
    "lenet": "lenet",
    "resnet": "resnet",
    "dense-block": "dense_block",
    "densenet": "densenet",
    "inception": "inception",
    "unet": "unet",
    "autoencoder": "autoencoder",
    "rnn": "rnn",
    "lstm": "lstm",
    "attention": "attention",
    "transformer": "transformer",
    "mixture-of-experts": "mixture_of_experts",
    "equilibrium-layer": "equilibrium_layer",
    "hopfield": "hopfield",
}


def names() -> tuple[str, ...]:
    """Names of the architectures, in reading order."""
    return tuple(_MODULES)


def load(name: str) -> Architecture:
    """Return one architecture.

    Raises
    ------
    ArgumentError
        There is no architecture of that name; the message lists the names.
    """
    if name not in _MODULES:
        raise ArgumentError(f"no architecture is called {name!r}{suggestion(name, _MODULES)}")
    return import_module(f"lagrad.gallery.architectures.{_MODULES[name]}").architecture()


def system(name: str, images: int = 2, seed: int = 0) -> Any:
    """Return the multiplier system of an architecture's loss on the first few images.

    The inputs are the parameters, by their names, and ``images``.

    Parameters
    ----------
    name : str
    images : int
        How many; 1 to 1,797.
    seed : int
        Of the parameters.

    Returns
    -------
    MultiplierSystem

    Raises
    ------
    ArgumentError
        There is no architecture of that name, or there are not so many images.
    """
    architecture = load(name)
    x, labels = datasets.digits()
    if type(images) is not int or not 1 <= images <= len(x):
        raise ArgumentError(f"images={images!r}: a number from 1 to {len(x):,}")
    parameters = architecture.parameters(np.random.default_rng(seed))

    if architecture.model:
        return architecture.model(parameters, x[:images], labels[:images]).solve().system

    def loss(*values: Any) -> Any:
        given = dict(zip(parameters, values, strict=False))
        return architecture.loss(given, values[-1], labels[:images])

    arguments = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY)
        for name in (*parameters, "images")
    ]
    loss.__signature__ = inspect.Signature(arguments)  # type: ignore[attr-defined]
    return lg.trace(loss, *parameters.values(), x[:images]).linearize()
