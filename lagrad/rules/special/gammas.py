"""The gamma and beta functions, their incomplete forms and inverses."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.rules.special.base import Rows, no, table
from lagrad.rules.special.densities import beta_density, gamma_density
from lagrad.rules.special.kernels import digamma_step, polygamma, rgamma_slope


def with_zeros(z: Any, d: Any, by_product: Any) -> Any:
    """Return d, and where z is 0 because of a pole, and d is 0 * inf, the product rule's form."""
    zero = np.equal(z, 0)
    return np.where(zero, by_product(), d) if np.any(zero) else d


def binom_to_n(z: Any, n: Any, k: Any) -> Any:
    """d/dn of Gamma(n+1) / Gamma(k+1) / Gamma(n-k+1)."""

    def by_product() -> Any:
        rest = n - k + 1
        last = sc.digamma(n + 1) * sc.rgamma(rest) + rgamma_slope(rest)
        return sc.gamma(n + 1) * sc.rgamma(k + 1) * last

    return with_zeros(z, z * digamma_step(0, n - k + 1, k), by_product)


def binom_to_k(z: Any, n: Any, k: Any) -> Any:
    """d/dk of Gamma(n+1) / Gamma(k+1) / Gamma(n-k+1)."""

    def by_product() -> Any:
        a, b = k + 1, n - k + 1
        ends = rgamma_slope(a) * sc.rgamma(b) - sc.rgamma(a) * rgamma_slope(b)
        return sc.gamma(n + 1) * ends

    return with_zeros(z, z * digamma_step(0, k + 1, n - 2 * k), by_product)


def poch_to_x(z: Any, x: Any, m: Any) -> Any:
    """d/dx of Gamma(x+m) / Gamma(x)."""

    def by_product() -> Any:
        return sc.gamma(x + m) * (sc.digamma(x + m) * sc.rgamma(x) + rgamma_slope(x))

    return with_zeros(z, z * digamma_step(0, x, m), by_product)


# fmt: off
ROWS: Rows = {
    sc.gamma:        (lambda z, x: z * sc.digamma(x),),
    sc.gammaln:      (lambda z, x: sc.digamma(x),),
    sc.loggamma:     (lambda z, x: sc.digamma(x),),
    sc.rgamma:       (lambda z, x: rgamma_slope(x),),
    sc.digamma:      (lambda z, x: polygamma(1, x),),
    sc.poch:         (poch_to_x, lambda z, x, m: z * sc.digamma(x + m)),
    sc.binom:        (binom_to_n, binom_to_k),
    sc.beta:         (lambda z, a, b: -z * digamma_step(0, a, b),
                      lambda z, a, b: -z * digamma_step(0, b, a)),
    sc.betaln:       (lambda z, a, b: -digamma_step(0, a, b),
                      lambda z, a, b: -digamma_step(0, b, a)),

    # incomplete: to the last argument, where they are integrals
    sc.gammainc:     (no("scipy.special.gammainc with respect to a"),
                      lambda z, a, x: gamma_density(a, x)),
    sc.gammaincc:    (no("scipy.special.gammaincc with respect to a"),
                      lambda z, a, x: -gamma_density(a, x)),
    sc.gammaincinv:  (no("scipy.special.gammaincinv with respect to a"),
                      lambda z, a, y: 1 / gamma_density(a, z)),
    sc.gammainccinv: (no("scipy.special.gammainccinv with respect to a"),
                      lambda z, a, y: -1 / gamma_density(a, z)),
    sc.betainc:      (no("scipy.special.betainc with respect to a"),
                      no("scipy.special.betainc with respect to b"),
                      lambda z, a, b, x: beta_density(a, b, x)),
    sc.betaincc:     (no("scipy.special.betaincc with respect to a"),
                      no("scipy.special.betaincc with respect to b"),
                      lambda z, a, b, x: -beta_density(a, b, x)),
    sc.betaincinv:   (no("scipy.special.betaincinv with respect to a"),
                      no("scipy.special.betaincinv with respect to b"),
                      lambda z, a, b, y: 1 / beta_density(a, b, z)),
    sc.betainccinv:  (no("scipy.special.betainccinv with respect to a"),
                      no("scipy.special.betainccinv with respect to b"),
                      lambda z, a, b, y: -1 / beta_density(a, b, z)),
}
# fmt: on
RULES = table(ROWS)
