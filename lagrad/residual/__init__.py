"""The conditions of a cycle: ``g(z, *p) = 0``, as many numbers as there are in z."""

from lagrad.residual.conditions import (
    Conditions,
    Structure,
    belongs,
    floating,
    location,
    plain_value,
)
from lagrad.residual.layout import Layout
from lagrad.residual.linear import Linear
from lagrad.residual.written import Written

__all__ = [
    "Conditions",
    "Layout",
    "Linear",
    "Structure",
    "Written",
    "belongs",
    "floating",
    "location",
    "plain_value",
]
