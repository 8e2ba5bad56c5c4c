"""Functions of ``scipy.special``, and our own spellings of those that SciPy gives no hook for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.dispatch import overridable
from lagrad.primitive import Primitive
from lagrad.rules.elementwise import elementwise

ROOT_PI = math.sqrt(math.pi)


@overridable
def zeta(s: Any, x: Any) -> Any:
    """Hurwitz's zeta function, sum over k of (x + k)^-s; SciPy's own is no ufunc."""
    return sc.zeta(s, x)


# fmt: off
ELEMENTWISE: dict[Callable[..., Any], tuple[Callable[..., Any], ...]] = {
    sc.expit:     (lambda z, x: z * sc.expit(-x),),
    sc.logit:     (lambda z, x: 1 / (x * (1 - x)),),
    sc.log_expit: (lambda z, x: sc.expit(-x),),
    sc.erf:       (lambda z, x: 2 / ROOT_PI * np.exp(-x * x),),
    sc.erfc:      (lambda z, x: -2 / ROOT_PI * np.exp(-x * x),),
    sc.ndtr:      (lambda z, x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi),),
    sc.gamma:     (lambda z, x: z * sc.digamma(x),),
    sc.gammaln:   (lambda z, x: sc.digamma(x),),
    sc.digamma:   (lambda z, x: zeta(2.0, x),),
    zeta:         (lambda z, s, x: missing("zeta with respect to s"),
                   lambda z, s, x: -s * zeta(s + 1.0, x)),
    sc.xlogy:     (lambda z, x, y: np.log(y),
                   lambda z, x, y: x / nonzero_with(x, y)),
    sc.xlog1py:   (lambda z, x, y: np.log1p(y),
                   lambda z, x, y: x / nonzero_with(x, 1 + y)),
    sc.entr:      (lambda z, x: -np.log(x) - 1,),
}
# fmt: on


def nonzero_with(x: Any, y: Any) -> Any:
    """Return y with 1 where x and y are both 0, since 0 log(0) = 0 has derivative 0 to y."""
    return np.where(np.logical_and(np.equal(x, 0), np.equal(y, 0)), 1.0, y)


def missing(what: str) -> Any:
    """Refuse a derivative that has no elementary form."""
    raise NotImplementedError(f"{what} has no elementary derivative")


RULES: dict[Callable[..., Any], Primitive] = {f: elementwise(f, d) for f, d in ELEMENTWISE.items()}
