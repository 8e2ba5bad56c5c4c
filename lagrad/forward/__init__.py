"""Values: constraints evaluated in order, and a search for the values of each cycle."""

from lagrad.forward.estimate import moved, with_estimates
from lagrad.forward.evaluate import solve_values, traced_values
from lagrad.forward.minimum import minimum
from lagrad.forward.search import Found, Search, assess, find
from lagrad.forward.solver import CycleSolver, constrained, culprits, worst

__all__ = [
    "CycleSolver",
    "Found",
    "Search",
    "assess",
    "constrained",
    "culprits",
    "find",
    "minimum",
    "moved",
    "solve_values",
    "traced_values",
    "with_estimates",
    "worst",
]
