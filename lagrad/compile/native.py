"""Functions of ours that a program calls as they are, and what it calls in their place.

A function of SciPy's offers no hook, so the rules call it through one of ours; a program calls
SciPy's own. Every other function of ours is written down as what it is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import scipy.linalg
from scipy import special as sc

from lagrad.dispatch import masked_multiply, scatter_add, sparse_product
from lagrad.eliminate.matrices import by_rows, placed
from lagrad.eliminate.stripes import summed
from lagrad.rules.convolution import scipy_convolve
from lagrad.rules.cumulative import recurrence
from lagrad.rules.elementwise import sech_squared
from lagrad.rules.linalg.functions import expm
from lagrad.rules.linalg.operators import scipy_solve_triangular
from lagrad.rules.special.kernels import digamma_step, faddeeva, zeta
from lagrad.rules.writing import write


def itself(*functions: Callable[..., Any]) -> dict[Callable[..., Any], Callable[..., Any]]:
    """Return a table in which each function stands for itself."""
    return {f: f for f in functions}


NATIVE: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType(
    {
        **itself(masked_multiply, scatter_add, sparse_product, write, sech_squared),
        **itself(placed, summed, by_rows),
        # Algorithms, with loops and branches that go by the values.
        **itself(recurrence, digamma_step, faddeeva, scipy_convolve),
        expm: scipy.linalg.expm,
        scipy_solve_triangular: scipy.linalg.solve_triangular,
        zeta: sc.zeta,
    }
)
