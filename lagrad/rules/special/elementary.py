"""Functions that are elementary, or integrals of elementary ones.

Conventions: 0 log 0 is 0, with derivative 0 to what stands in the logarithm; ``huber`` and
``pseudo_huber`` are 0 at delta = 0, with derivative 0 to r, and |r| to delta.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.rules.elementwise import ELEMENTWISE as NUMPYS
from lagrad.rules.elementwise import power_base, power_exponent, quotient
from lagrad.rules.special.base import Rows, no, table
from lagrad.rules.special.kernels import (
    exprel_slope,
    log_ratio,
    log_ratio_slope,
    sin_ratio_slope,
)

DEGREE = math.pi / 180


def nonzero_with(x: Any, y: Any) -> Any:
    """Return y with 1 where x and y are both 0, since 0 log(0) = 0 has derivative 0 to y."""
    return np.where(np.logical_and(np.equal(x, 0), np.equal(y, 0)), 1.0, y)


def boxcox_to_lambda(log_x: Any, lam: Any) -> Any:
    """d/dlam of (x^lam - 1) / lam = log(x) exprel(lam log(x)), which is 1/lam^2 at x = 0."""
    bottom = np.equal(log_x, -np.inf)
    t = np.where(bottom, 0.0, log_x)
    if not np.any(bottom):
        return t * t * exprel_slope(lam * t)
    limit = np.where(np.greater(lam, 0), 1 / np.where(np.equal(lam, 0), 1.0, lam) ** 2, np.inf)
    return np.where(bottom, limit, t * t * exprel_slope(lam * t))


def log_of_quotient(x: Any, y: Any) -> Any:
    """Return log(x / y), with all its digits where x and y are close."""
    close = np.less(np.absolute(x - y), y / 2)
    near = np.log1p(np.where(close, x - y, 0.0) / np.where(close, y, 1.0))
    return np.where(close, near, np.log(np.where(close, 1.0, x) / nonzero_with(x, y)))


def kl_div_to_y(x: Any, y: Any) -> Any:
    """d/dy of x log(x/y) - x + y, which is y for x = 0."""
    none = np.logical_and(np.equal(x, 0), np.equal(y, 0))
    return np.where(none, 1.0, (y - x) / nonzero_with(x, y))


def huber_excess(delta: Any, r: Any) -> Any:
    """d/ddelta of sqrt(delta^2 + r^2) delta - delta^2: (h - delta)^2 / h with h = hypot."""
    h = np.hypot(delta, r)
    t = r * quotient(r, h + delta)
    return t * quotient(t, h)


def expn_slope(z: Any, n: Any, x: Any) -> Any:
    """d/dx of E_n(x) is -E_(n-1)(x), and E_0(x) = exp(-x) / x."""
    last = np.equal(n, 0)
    if not np.any(last):
        return -sc.expn(n - 1, x)
    below = n - 1 + last.astype(n.dtype if hasattr(n, "dtype") else int)
    return np.where(last, -z * (1 + 1 / x), -sc.expn(below, x))


def spence_slope(x: Any) -> Any:
    """Return log(x) / (1 - x), which is -1 at 1."""
    close = np.less(np.absolute(x - 1), 0.5)
    away = np.where(close, 2.0, x)
    return np.where(close, -log_ratio(np.where(close, x, 1.0) - 1), np.log(away) / (1 - away))


# fmt: off
ROWS: Rows = {
    # exponentials and logarithms
    sc.exp2:      NUMPYS[np.exp2],
    sc.exp10:     (lambda z, x: z * math.log(10),),
    sc.expm1:     NUMPYS[np.expm1],
    sc.log1p:     NUMPYS[np.log1p],
    sc.cbrt:      NUMPYS[np.cbrt],
    sc.exprel:    (lambda z, x: exprel_slope(x),),
    sc.powm1:     (lambda z, x, y: power_base(x, y),
                   lambda z, x, y: power_exponent(x**y, x, y)),
    sc.expit:     (lambda z, x: z * sc.expit(-x),),
    sc.logit:     (lambda z, x: 1 / (x * (1 - x)),),
    sc.log_expit: (lambda z, x: sc.expit(-x),),
    sc.xlogy:     (lambda z, x, y: np.log(y), lambda z, x, y: x / nonzero_with(x, y)),
    sc.xlog1py:   (lambda z, x, y: np.log1p(y), lambda z, x, y: x / nonzero_with(x, 1 + y)),
    sc.wrightomega: (lambda z, x: z / (1 + z),),

    # powers as Box and Cox write them
    sc.boxcox:       (lambda z, x, lam: x ** (lam - 1),
                      lambda z, x, lam: boxcox_to_lambda(np.log(x), lam)),
    sc.boxcox1p:     (lambda z, x, lam: (1 + x) ** (lam - 1),
                      lambda z, x, lam: boxcox_to_lambda(np.log1p(x), lam)),
    sc.inv_boxcox:   (lambda z, y, lam: z / (1 + lam * y),
                      lambda z, y, lam: z * y * y * log_ratio_slope(lam * y)),
    sc.inv_boxcox1p: (lambda z, y, lam: (1 + z) / (1 + lam * y),
                      lambda z, y, lam: (1 + z) * y * y * log_ratio_slope(lam * y)),

    # integrals of exp(x)/x and log(x)/(1-x)
    sc.exp1:   (lambda z, x: -np.exp(-x) / x,),
    sc.expi:   (lambda z, x: np.exp(x) / x,),
    sc.expn:   (no("scipy.special.expn with respect to n"), expn_slope),
    sc.spence: (lambda z, x: spence_slope(x),),

    # angles in degrees
    sc.sindg:  (lambda z, x: DEGREE * sc.cosdg(x),),
    sc.cosdg:  (lambda z, x: -DEGREE * sc.sindg(x),),
    sc.tandg:  (lambda z, x: DEGREE * (1 + z * z),),
    sc.cotdg:  (lambda z, x: -DEGREE * (1 + z * z),),
    sc.cosm1:  (lambda z, x: -np.sin(x),),
    sc.radian: (lambda z, d, m, s: DEGREE, lambda z, d, m, s: DEGREE / 60,
                lambda z, d, m, s: DEGREE / 3600),
    np.sinc:   (lambda z, x: math.pi * sin_ratio_slope(math.pi * x),),

    # entropies and losses
    sc.entr:     (lambda z, x: -np.log(x) - 1,),
    sc.rel_entr: (lambda z, x, y: log_of_quotient(x, y) + 1,
                  lambda z, x, y: -x / nonzero_with(x, y)),
    sc.kl_div:   (lambda z, x, y: log_of_quotient(x, y),
                  lambda z, x, y: kl_div_to_y(x, y)),
    sc.huber:    (lambda z, delta, r: np.maximum(np.absolute(r) - delta, 0.0),
                  lambda z, delta, r: np.clip(r, -delta, delta)),
    sc.pseudo_huber: (lambda z, delta, r: huber_excess(delta, r),
                      lambda z, delta, r: delta * quotient(r, np.hypot(delta, r))),
}
# fmt: on
RULES = table(ROWS)
