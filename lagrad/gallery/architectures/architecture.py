"""What an architecture is: plain data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import lagrad as lg

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True)
class Architecture:
    """A network on the digits, and what its A shows.

    Attributes
    ----------
    name, summary, source : str
        As it is loaded; one line; where it is from.
    sentence : str
        What to see in A at the level of scopes.
    parameters : function
        ``parameters(rng)`` gives the weights to begin with, by names that are identifiers.
    loss : function
        ``loss(parameters, images, labels)`` is a number; images are (n, 8, 8) with values between
        0 and 1, labels (n,) 0 to 9. What it does stands in scopes.
    scopes : tuple of str
        What to condense A onto: scopes, in the order of solution.
    depth : int
        How many nested scopes to tell apart to see what ``sentence`` says.
    model : function, optional
        Of networks with a cycle: ``model(parameters, images, labels)`` is the System whose solution
        has the loss. Its A shows what is in the cycle; to a trace the cycle is one constraint.
    project : function
        ``project(parameters)`` keeps weights in the range where the network has a value: for
        `train`, which calls it after each step.
    """

    name: str
    summary: str
    source: str
    sentence: str
    parameters: Callable[[np.random.Generator], Parameters]
    loss: Callable[[Parameters, Any, np.ndarray], Any]
    scopes: tuple[str, ...]
    depth: int = 1
    model: Callable[[Parameters, Any, np.ndarray], lg.System] | None = None
    project: Callable[[Parameters], Parameters] = lambda parameters: parameters
