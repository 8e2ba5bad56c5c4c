"""Problems and architectures that people recognise, each with checks against something independent.

    >>> from lagrad import gallery
    >>> gallery.names()
    ('post', 'gates', 'two-layer', 'digits', 'dense-block', 'sellar', 'les-miserables', 'kepler',
     'markov', 'grid-world', 'automaton', 'leontief', 'diode', 'power-flow', 'bratu',
     'flowsheet', 'equilibrium-layer', 'ridge', 'logistic', 'inner-loop')
    >>> problem = gallery.load("post")
    >>> solution = problem.model.solve()
    >>> all(check.ok for check in problem.checks(solution))
    True

A problem is one file with a function ``problem()``; its constraints are plain NumPy.
"""

from importlib import import_module

from lagrad.gallery.problem import Check, Problem
from lagrad.status import ArgumentError, suggestion

__all__ = ["Check", "Problem", "load", "names"]

_MODULES = {  # name on the command line -> file, in reading order
    "post": "post",
    "gates": "gates",
    "two-layer": "two_layer",
    "digits": "digits",
    "dense-block": "dense_block",
    "sellar": "sellar",
    "les-miserables": "les_miserables",
    "kepler": "kepler",
    "markov": "markov",
    "grid-world": "grid_world",
    "automaton": "automaton",
    "leontief": "leontief",
    "diode": "diode",
    "power-flow": "power_flow",
    "bratu": "bratu",
    "flowsheet": "flowsheet",
    "equilibrium-layer": "equilibrium_layer",
    "ridge": "ridge",
    "logistic": "logistic",
    "inner-loop": "inner_loop",
}


def names() -> tuple[str, ...]:
    """Names of the problems, in reading order."""
    return tuple(_MODULES)


def load(name: str) -> Problem:
    """Build one problem anew, so that nobody else's changes to its system are in it.

    Raises
    ------
    ArgumentError
        There is no problem of that name; the message lists the names.
    """
    if name not in _MODULES:
        raise ArgumentError(f"no problem is called {name!r}{suggestion(name, _MODULES)}")
    return import_module(f"lagrad.gallery.{_MODULES[name]}").problem()
