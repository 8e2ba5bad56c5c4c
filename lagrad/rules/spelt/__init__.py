"""Functions that need no rule: each is run as a composition of functions that have one.

How to add one: ``function: composition``, which takes the arguments that NumPy's own function
takes; an argument that it lacks is refused by name.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from lagrad.rules.spelt.calculus import CALCULUS
from lagrad.rules.spelt.elementwise import ELEMENTWISE
from lagrad.rules.spelt.histograms import HISTOGRAMS
from lagrad.rules.spelt.indicators import INDICATORS
from lagrad.rules.spelt.losses import cross_entropy, log_softmax, logsumexp, relu, softmax
from lagrad.rules.spelt.matrices import MATRICES
from lagrad.rules.spelt.scipy_matrices import cho_solve, expm, solve_triangular
from lagrad.rules.spelt.sets import SETS
from lagrad.rules.spelt.shapes import SHAPES
from lagrad.rules.spelt.special_pairs import SPECIAL_PAIRS
from lagrad.rules.spelt.spectra import SPECTRA
from lagrad.rules.spelt.statistics import STATISTICS

TABLES = (
    ELEMENTWISE,
    SPECIAL_PAIRS,
    MATRICES,
    SPECTRA,
    SHAPES,
    SETS,
    CALCULUS,
    INDICATORS,
    STATISTICS,
    HISTOGRAMS,
)
SPELT: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {function: composition for table in TABLES for function, composition in table.items()}
)

__all__ = [
    "SPELT",
    "cho_solve",
    "cross_entropy",
    "expm",
    "log_softmax",
    "logsumexp",
    "relu",
    "softmax",
    "solve_triangular",
]
