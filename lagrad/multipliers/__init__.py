"""The multiplier system A lam = e_n and its solution."""

from lagrad.graph import Graph
from lagrad.multipliers.result import Multipliers
from lagrad.multipliers.system import MultiplierSystem
from lagrad.steps import Steps

__all__ = ["MultiplierSystem", "Multipliers", "linearize"]


def linearize(graph: Graph) -> MultiplierSystem:
    """Return the multiplier system of a traced graph, at the values it was traced with."""
    return MultiplierSystem(Steps(graph))


# A graph stands below the systems made of it, so its method is given to it from here.
Graph.linearize = linearize
