"""Bessel functions and their kin: spherical waves, Struve's and Kelvin's functions.

A function scaled by an exponential, such as kve(v, x) = exp(x) kv(v, x), decays slowly, and the two
terms of its derivative cancel for large x. There it is z times the logarithmic slope of Hankel's
asymptotic series.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.rules.elementwise import jump
from lagrad.rules.special.base import Derivative, Rows, no, real_only, table, whole

ROOT_PI = math.sqrt(math.pi)


def logarithmic_slope(v: Any, x: Any, c: complex) -> Any:
    """Return f'/f of f = x^(-1/2) sum over k of a_k(v) (c/x)^k, Hankel's asymptotic series."""
    s, mu = c / x, 4 * v * v
    terms = [1.0 + 0 * mu]
    for k in range(1, 11):
        terms.append(terms[-1] * (mu - (2 * k - 1) ** 2) / (8 * k))
    series, slope = 0 * s, 0 * s
    for a in reversed(terms):
        slope, series = slope * s + series, series * s + a
    return -0.5 / x - s / x * slope / series


def scaled(z: Any, v: Any, x: Any, c: complex, near: Any) -> Any:
    """Return ``near``, the derivative of a scaled Bessel function z, or its form for large x."""
    size = np.absolute(x)
    far = np.greater(size, np.maximum(100.0, 4 * np.square(v)))
    if not np.any(far):
        return near
    at = np.where(far, x, 1e4)
    return np.where(far, z * logarithmic_slope(np.where(far, v, 0.0), at, c), near)


def ive_slope(z: Any, v: Any, x: Any, below: Any, above: Any) -> Any:
    """d/dx of exp(-|x|) I_v(x); of complex x the factor is exp(-|Re x|), and not analytic."""
    real_only(x, "ive, which is scaled by exp(-|Re x|),")
    return scaled(z, v, x, -1, 0.5 * (below + above) - jump(x) * z)


def kve_slope(z: Any, v: Any, x: Any, below: Any, above: Any) -> Any:
    """d/dx of exp(x) K_v(x)."""
    return scaled(z, v, x, 1, z - 0.5 * (below + above))


def half_difference(function: Any, scale: str = "") -> Derivative:
    """Return (f_(v-1) - f_(v+1)) / 2, the derivative of J_v, Y_v and Hankel's functions."""

    def derivative(z: Any, v: Any, x: Any) -> Any:
        if scale:
            real_only(x, f"scipy.special.{function.__name__}, which is scaled by {scale},")
        return 0.5 * (function(v - 1, x) - function(v + 1, x))

    return derivative


def to_order(function: Any) -> Derivative:
    """Refuse the derivative to the order."""
    return no(f"scipy.special.{function.__name__} with respect to its order")


def over(d: Any, x: Any, series: Any) -> Any:
    """Return d / x, and at 0 the series of it, whose terms carry the derivatives there."""
    zero = np.equal(x, 0)
    if not np.any(zero):
        return d / x
    return np.where(zero, series, d / np.where(zero, 1.0, x))


def struve_slope(function: Any, sign: int) -> Derivative:
    """d/dx of H_v (sign -1) and L_v (sign 1), by v/x and the next one; no term cancels near 0."""

    def derivative(z: Any, v: Any, x: Any) -> Any:
        first = (x / 2) ** v * sc.rgamma(v + 1.5) / ROOT_PI
        near = first * (1 + sign * x * x / (6 * (v + 1.5)))
        return v * over(z, x, near) + first + sign * function(v + 1, x)

    return derivative


def ber_series(x: Any) -> Any:
    """Return the first terms of ber'(x) / x."""
    return -x * x / 16 + x**6 / 18432


def bei_series(x: Any) -> Any:
    """Return the first terms of bei'(x) / x."""
    return 0.5 - x**4 / 384


def lpmv_slope(z: Any, m: Any, v: Any, x: Any) -> Any:
    """d/dx of P_v^m = (1 - x^2)^(m/2) Q, where Q is a multiple of Jacobi's P_(v-m)^(m,m)."""
    size, p = np.absolute(m), (1 - x) * (1 + x)
    q, slope = gegenbauer_part(size, v, x), gegenbauer_part(size + 1, v, x)
    bend = size * x * p ** np.where(np.equal(size, 0), 0.0, size / 2 - 1) * q
    mirrored = sc.rgamma(v + size + 1) * sc.gamma(v - size + 1)  # P_v^-m is a multiple of P_v^m
    factor = np.where(np.less(m, 0), mirrored, (-1.0) ** size)
    return factor * (p ** (size / 2) * slope - bend)


def gegenbauer_part(m: Any, v: Any, x: Any) -> Any:
    """Return the m-th derivative of Legendre's P_v."""
    none = np.logical_and(np.less(v, m), np.equal(v, np.floor(v)))
    n = whole(np.where(none, 0.0, v - m))
    return np.where(none, 0.0, sc.poch(v + 1, m) / 2.0**m * sc.eval_jacobi(n, m, m, x))


def besselpoly_slope(z: Any, a: Any, lmb: Any, nu: Any) -> Any:
    """d/da of the integral over [0, 1] of x^lmb J_nu(2 a x), by J_nu' = nu/x J_nu - J_(nu+1)."""
    power = a ** np.where(np.equal(nu, 0), 1.0, nu - 1) * sc.rgamma(nu + 1)
    near = power * (1 / (lmb + nu + 1) - a * a / ((nu + 1) * (lmb + nu + 3)))
    return nu * over(z, a, near) - 2 * sc.besselpoly(a, lmb + 1, nu + 1)


# fmt: off
ROWS: Rows = {
    sc.j0:  (lambda z, x: -sc.j1(x),),
    sc.j1:  (lambda z, x: 0.5 * (sc.j0(x) - sc.jv(2, x)),),
    sc.y0:  (lambda z, x: -sc.y1(x),),
    sc.y1:  (lambda z, x: 0.5 * (sc.y0(x) - sc.yv(2, x)),),
    sc.i0:  (lambda z, x: sc.i1(x),),
    sc.i1:  (lambda z, x: 0.5 * (sc.i0(x) + sc.iv(2, x)),),
    sc.k0:  (lambda z, x: -sc.k1(x),),
    sc.k1:  (lambda z, x: -0.5 * (sc.k0(x) + sc.kv(2, x)),),
    np.i0:  (lambda z, x: sc.i1(x),),

    sc.jv:  (to_order(sc.jv), half_difference(sc.jv)),
    sc.yv:  (to_order(sc.yv), half_difference(sc.yv)),
    sc.yn:  (to_order(sc.yn), half_difference(sc.yv)),
    sc.iv:  (to_order(sc.iv), lambda z, v, x: 0.5 * (sc.iv(v - 1, x) + sc.iv(v + 1, x))),
    sc.kv:  (to_order(sc.kv), lambda z, v, x: -0.5 * (sc.kv(v - 1, x) + sc.kv(v + 1, x))),
    sc.kn:  (to_order(sc.kn), lambda z, v, x: -0.5 * (sc.kv(v - 1, x) + sc.kv(v + 1, x))),
    sc.hankel1: (to_order(sc.hankel1), half_difference(sc.hankel1)),
    sc.hankel2: (to_order(sc.hankel2), half_difference(sc.hankel2)),

    # scaled by an exponential
    sc.jve: (to_order(sc.jve), half_difference(sc.jve, "exp(-|Im x|)")),
    sc.yve: (to_order(sc.yve), half_difference(sc.yve, "exp(-|Im x|)")),
    sc.i0e: (lambda z, x: ive_slope(z, 0, x, sc.i1e(x), sc.i1e(x)),),
    sc.i1e: (lambda z, x: ive_slope(z, 1, x, sc.i0e(x), sc.ive(2, x)),),
    sc.ive: (to_order(sc.ive),
             lambda z, v, x: ive_slope(z, v, x, sc.ive(v - 1, x), sc.ive(v + 1, x))),
    sc.k0e: (lambda z, x: kve_slope(z, 0, x, sc.k1e(x), sc.k1e(x)),),
    sc.k1e: (lambda z, x: kve_slope(z, 1, x, sc.k0e(x), sc.kve(2, x)),),
    sc.kve: (to_order(sc.kve),
             lambda z, v, x: kve_slope(z, v, x, sc.kve(v - 1, x), sc.kve(v + 1, x))),
    sc.hankel1e: (to_order(sc.hankel1e), lambda z, v, x: scaled(z, v, x, 1j,
                  0.5 * (sc.hankel1e(v - 1, x) - sc.hankel1e(v + 1, x)) - 1j * z)),
    sc.hankel2e: (to_order(sc.hankel2e), lambda z, v, x: scaled(z, v, x, -1j,
                  0.5 * (sc.hankel2e(v - 1, x) - sc.hankel2e(v + 1, x)) + 1j * z)),

    # Struve's functions and integrals, Kelvin's functions
    sc.struve:    (to_order(sc.struve), struve_slope(sc.struve, -1)),
    sc.modstruve: (to_order(sc.modstruve), struve_slope(sc.modstruve, 1)),
    sc.itstruve0:    (lambda z, x: sc.struve(0, x),),
    sc.it2struve0:   (lambda z, x: -over(sc.struve(0, x), x, 2 / math.pi * (1 - x * x / 9)),),
    sc.itmodstruve0: (lambda z, x: sc.modstruve(0, x),),
    sc.ber:  (lambda z, x: sc.berp(x),),
    sc.bei:  (lambda z, x: sc.beip(x),),
    sc.ker:  (lambda z, x: sc.kerp(x),),
    sc.kei:  (lambda z, x: sc.keip(x),),
    sc.berp: (lambda z, x: -sc.bei(x) - over(z, x, ber_series(x)),),
    sc.beip: (lambda z, x: sc.ber(x) - over(z, x, bei_series(x)),),
    sc.kerp: (lambda z, x: -sc.kei(x) - z / x,),
    sc.keip: (lambda z, x: sc.ker(x) - z / x,),

    sc.besselpoly: (besselpoly_slope, no("scipy.special.besselpoly with respect to lmb"),
                    no("scipy.special.besselpoly with respect to its order")),
    sc.lpmv: (no("scipy.special.lpmv with respect to its order"),
              no("scipy.special.lpmv with respect to its degree"), lpmv_slope),
}
# fmt: on
RULES = table(ROWS)
