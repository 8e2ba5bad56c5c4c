"""Functions that need no rule: each is run as a composition of functions that have one.

How to add one: ``function: composition``, which takes the arguments that NumPy's own function
takes; an argument that it lacks is refused by name.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from lagrad.rules.spelt.losses import cross_entropy, relu, softmax
from lagrad.rules.spelt.shapes import SHAPES

SPELT: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType({**SHAPES})

__all__ = ["SPELT", "cross_entropy", "relu", "softmax"]
