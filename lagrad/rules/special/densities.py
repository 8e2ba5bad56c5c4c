"""Densities of probability, whose integrals are SciPy's incomplete gamma and beta functions.

For large parameters the terms of an exponent such as (a - 1) log x - x - log Gamma(a) cancel. There
it is written around the mean: log1p of the distance from it, and the remainder of Stirling's
formula (C. Loader, Fast and accurate computation of binomial probabilities, 2000).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special as sc

ROOT_TWO_PI = math.sqrt(2 * math.pi)
#: Up to here the plain exponents lose no digits.
LARGE = 30.0


def remainder(a: Any) -> Any:
    """Return log Gamma(a + 1) - (a + 1/2) log(a) + a - log(2 pi) / 2."""
    large = np.greater(a, 15.0)
    small, a = np.where(large, 1.0, a), np.where(large, a, 15.0)
    s = 1 / (a * a)
    series = (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s / 1188)))) / a
    plain = sc.gammaln(small + 1) - (small + 0.5) * np.log(small) + small
    return np.where(large, series, plain - math.log(ROOT_TWO_PI))


def log_quotient(x: Any, mean: Any, gap: Any) -> Any:
    """Return log(x / mean), where gap = x - mean is known with all its digits."""
    close = np.less(2 * np.absolute(gap), mean)
    near = np.log1p(np.where(close, gap, 0.0) / mean)
    return np.where(close, near, np.log(np.where(close, mean, x) / mean))


def gamma_density(a: Any, x: Any) -> Any:
    """Return x^(a-1) exp(-x) / Gamma(a)."""
    large = np.logical_and(np.greater(a, LARGE), np.greater(x, 0))
    if not np.any(large):
        return np.exp(sc.xlogy(a - 1, x) - x - sc.gammaln(a))
    b, y = np.where(large, a, 2 * LARGE), np.where(large, x, 2 * LARGE)
    exponent = b * log_quotient(y, b, y - b) - (y - b) - remainder(b)
    around = np.sqrt(b) / (ROOT_TWO_PI * y) * np.exp(exponent)
    a, x = np.where(large, 1.0, a), np.where(large, 1.0, x)
    return np.where(large, around, np.exp(sc.xlogy(a - 1, x) - x - sc.gammaln(a)))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return x^(a-1) (1-x)^(b-1) / B(a, b)."""
    inside = np.logical_and(np.greater(x, 0), np.less(x, 1))
    large = np.logical_and(np.greater(a + b, LARGE), inside)
    if not np.any(large):
        return plain_beta_density(a, b, x)
    c, d, y = (np.where(large, value, 0.5) for value in (a, b, x))
    n, gap = c + d, y * d - (1 - y) * c
    exponent = c * log_quotient(n * y, c, gap) + d * log_quotient(n * (1 - y), d, -gap)
    exponent = exponent + remainder(n) - remainder(c) - remainder(d)
    around = np.sqrt(c / n * d) / (ROOT_TWO_PI * y * (1 - y)) * np.exp(exponent)
    a, b, x = (np.where(large, 1.0, a), np.where(large, 1.0, b), np.where(large, 0.5, x))
    return np.where(large, around, plain_beta_density(a, b, x))


def plain_beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return x^(a-1) (1-x)^(b-1) / B(a, b) for small a and b."""
    return np.exp(sc.xlogy(a - 1, x) + sc.xlog1py(b - 1, -x) - sc.betaln(a, b))


def student_density(df: Any, t: Any) -> Any:
    """Return Student's density, (1 + t^2/df)^(-(df+1)/2) / (sqrt(df) B(df/2, 1/2))."""
    scale = np.exp(-sc.betaln(df / 2, 0.5)) / np.sqrt(df)
    return scale * np.exp(-(df + 1) / 2 * np.log1p(t * (t / df)))


def f_density(dfn: Any, dfd: Any, x: Any) -> Any:
    """Return the density of the F distribution, that of beta after y = dfn x / (dfd + dfn x)."""
    total = dfd + dfn * x
    return beta_density(dfn / 2, dfd / 2, dfn * x / total) * dfn / total * (dfd / total)


def noncentral_chi_square_density(df: Any, nc: Any, x: Any) -> Any:
    """Return exp(-(x+nc)/2) (x/nc)^(df/4-1/2) I_(df/2-1)(sqrt(nc x)) / 2."""
    central = np.equal(nc, 0)
    safe = np.where(central, 1.0, nc)
    gap = (x - safe) / (np.sqrt(x) + np.sqrt(safe))
    bessel = sc.ive(df / 2 - 1, np.sqrt(safe * x))
    spread = 0.5 * np.exp(-gap * gap / 2) * (x / safe) ** (df / 4 - 0.5) * bessel
    return np.where(central, gamma_density(df / 2, x / 2) / 2, spread)


def noncentral_f_parts(dfn: Any, dfd: Any, nc: Any, f: Any) -> tuple[Any, Any]:
    """Return the derivatives of the noncentral F distribution function to nc and to f.

    It is the mean of betainc(dfn/2 + j, dfd/2, y) over a Poisson variable j of mean nc/2.
    """
    a, b = dfn / 2, dfd / 2
    total = dfd + dfn * f
    y = dfn * f / total
    density = beta_density(a, b, y)
    tilt = nc * y / 2  # 1F1(p; q; t) = exp(t) 1F1(q-p; q; -t), which stays finite
    damp = np.exp(tilt - nc / 2) * density
    to_y = damp * sc.hyp1f1(-b, a, -tilt)
    to_nc = -0.5 * damp * y * (1 - y) / a * sc.hyp1f1(1 - b, a + 1, -tilt)
    return to_nc, to_y * dfn / total * (dfd / total)
