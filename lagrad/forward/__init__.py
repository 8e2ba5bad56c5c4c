"""Values: constraints evaluated in order, and a search for the values of each cycle."""

from lagrad.forward.evaluate import solve_values
from lagrad.forward.search import Found, Search, find

__all__ = ["Found", "Search", "find", "solve_values"]
