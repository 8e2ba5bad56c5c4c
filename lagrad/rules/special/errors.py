"""The error function and its kin: normal distribution, Faddeeva's and Voigt's function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.rules.special.base import Rows, table
from lagrad.rules.special.kernels import ROOT_PI, faddeeva

ROOT_TWO = math.sqrt(2)
ROOT_TWO_PI = math.sqrt(2 * math.pi)


def erfcx_slope(x: Any) -> Any:
    """d/dx of erfcx(x) = w(ix)."""
    d = 1j * faddeeva(1, 1j * x)
    return d if np.iscomplexobj(x) else np.real(d)


def dawsn_slope(x: Any) -> Any:
    """d/dx of Dawson's integral (i sqrt(pi)/2) (exp(-x^2) - w(x)), Im w of real x."""
    if np.iscomplexobj(x):
        return -0.5j * ROOT_PI * (2 * x * np.exp(-x * x) + faddeeva(1, x))
    return 0.5 * ROOT_PI * np.imag(faddeeva(1, x + 0j))


def voigt(n: int, x: Any, sigma: Any, gamma: Any) -> Any:
    """Return the n-th derivative of w(zeta) / (sigma sqrt(2 pi)) to x.

    There zeta is (x + i gamma) / (sigma sqrt 2). Without a normal part, at sigma = 0, it is that of
    i / (pi (x + i gamma)), here to second order in sigma.
    """
    bare, at = np.equal(sigma, 0), x + 1j * gamma
    s, pole = np.where(bare, 1.0, sigma), np.where(bare, at, 1j)
    spread = 1 + (n + 1) * (n + 2) / 2 * sigma * sigma / (pole * pole)
    cauchy = (-1) ** n * math.factorial(n) * 1j / np.pi / pole ** (n + 1) * spread
    normal = faddeeva(n, at / (s * ROOT_TWO)) / (ROOT_TWO_PI * ROOT_TWO**n * s ** (n + 1))
    return np.where(bare, cauchy, normal)


# fmt: off
ROWS: Rows = {
    sc.erf:       (lambda z, x: 2 / ROOT_PI * np.exp(-x * x),),
    sc.erfc:      (lambda z, x: -2 / ROOT_PI * np.exp(-x * x),),
    sc.erfi:      (lambda z, x: 2 / ROOT_PI * np.exp(x * x),),
    sc.erfcx:     (lambda z, x: erfcx_slope(x),),
    sc.erfinv:    (lambda z, x: ROOT_PI / 2 * np.exp(z * z),),
    sc.erfcinv:   (lambda z, x: -ROOT_PI / 2 * np.exp(z * z),),
    sc.wofz:      (lambda z, x: faddeeva(1, x),),
    sc.dawsn:     (lambda z, x: dawsn_slope(x),),
    sc.ndtr:      (lambda z, x: np.exp(-x * x / 2) / ROOT_TWO_PI,),
    sc.log_ndtr:  (lambda z, x: 2 / ROOT_TWO_PI / sc.erfcx(-x / ROOT_TWO),),
    sc.ndtri:     (lambda z, y: ROOT_TWO_PI * np.exp(z * z / 2),),
    sc.ndtri_exp: (lambda z, y: ROOT_TWO_PI / 2 * sc.erfcx(-z / ROOT_TWO),),
    sc.owens_t:   (lambda z, h, a: -np.exp(-h * h / 2) * sc.erf(a * h / ROOT_TWO)
                    / (2 * ROOT_TWO_PI),
                   lambda z, h, a: np.exp(-h * h * (1 + a * a) / 2) / (2 * np.pi * (1 + a * a))),
    # widths of normal distributions diffuse: d/dsigma is sigma d2/dx2
    sc.voigt_profile: (lambda z, x, sigma, gamma: np.real(voigt(1, x, sigma, gamma)),
                       lambda z, x, sigma, gamma: sigma * np.real(voigt(2, x, sigma, gamma)),
                       lambda z, x, sigma, gamma: -np.imag(voigt(1, x, sigma, gamma))),
}
# fmt: on
RULES = table(ROWS)
