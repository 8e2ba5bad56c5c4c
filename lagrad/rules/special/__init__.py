"""Functions of ``scipy.special``, and our own spellings of those that SciPy gives no hook for.

A file for each kind; each is a table like that of the elementwise functions: the derivative to each
argument as a function of the value z and the arguments. An argument whose derivative is not
elementary (an order, a degree, a parameter of shape) is refused when it varies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lagrad.primitive import Primitive
from lagrad.rules.special import (
    bessel,
    distributions,
    elementary,
    elliptic,
    errors,
    gammas,
    kernels,
    polynomials,
    several,
)
from lagrad.rules.special.kernels import zeta
from lagrad.rules.special.unsupported import UNSUPPORTED

RULES: dict[Callable[..., Any], Primitive] = {
    **elementary.RULES,
    **kernels.RULES,
    **errors.RULES,
    **gammas.RULES,
    **bessel.RULES,
    **elliptic.RULES,
    **polynomials.RULES,
    **distributions.RULES,
    **several.RULES,
}

__all__ = ["RULES", "UNSUPPORTED", "zeta"]
