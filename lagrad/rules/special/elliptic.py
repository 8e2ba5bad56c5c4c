"""Elliptic integrals: Legendre's by Carlson's, whose derivatives do not cancel.

B. C. Carlson, Elliptic integrals, NIST Handbook of Mathematical Functions (2010), chapter 19.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.rules.special.base import Rows, table


def crossed(x: Any, z: Any, y: Any, far: Any) -> Any:
    """Return the integral over t of (t+x)^(-3/2) (t+y)^(-1/2) (t+z)^(-3/2).

    It is ``2/3 far / (z - x)`` with far = R_D(y, z, x) - R_D(x, y, z), and where x and z are close
    a series of powers of their difference.
    """
    m, half = (x + z) / 2, (x - z) / 2
    close = np.less(np.absolute(half), 0.1 * np.absolute(m))
    m = np.where(close, m, 1.0)
    ratio = np.where(close, half, 0.0) / m
    series, power = 0.0, np.ones_like(ratio)
    for k in range(9):
        a = 2.5 + 2 * k
        series = series + power * sc.hyp2f1(a, 0.5, a + 1, 1 - np.where(close, y, 1.0) / m) / a
        power = power * ratio * ratio * (1.5 + k) / (k + 1)
    gap = np.where(close, 1.0, z - x)
    return np.where(close, series / (m * m * np.sqrt(m)), 2 * far / (3 * gap))


def elliprd_to_x(z: Any, x: Any, y: Any, w: Any) -> Any:
    """d/dx of R_D(x, y, w), the integral over t of 3/2 (t+x)^(-1/2) (t+y)^(-1/2) (t+w)^(-3/2)."""
    return -0.75 * crossed(x, w, y, sc.elliprd(y, w, x) - z)


def elliprd_to_w(z: Any, x: Any, y: Any, w: Any) -> Any:
    """d/dw of R_D(x, y, w), which is homogeneous of degree -3/2."""
    total = 1.5 * z
    for here, other in ((x, y), (y, x)):
        zero = np.equal(here, 0)
        inside = np.where(zero, w, here)
        total = total + np.where(zero, 0.0, here * elliprd_to_x(z, inside, other, w))
    return -total / w


def elliprc_slope(z: Any, x: Any, y: Any, to_x: bool) -> Any:
    """R_C(x, y) = R_F(x, y, y), and Cauchy's principal value for y < 0."""
    if not np.iscomplexobj(y) and np.any(np.less(y, 0)):
        cut = np.less(y, 0)
        gap, p = 2 * np.where(cut, y - x, 1.0), np.where(cut, 1.0, y)
        root = np.sqrt(x)
        beyond = (z - 1 / root) / gap if to_x else (root / np.where(cut, y, 1.0) - z) / gap
        return np.where(cut, beyond, elliprc_slope(z, x, p, to_x))
    return -sc.elliprd(y, y, x) / 6 if to_x else -sc.elliprd(x, y, y) / 3


def turns(phi: Any) -> tuple[Any, Any, Any]:
    """Return (n, sin, cos) of the angle phi - n pi nearest to 0."""
    n = np.rint(phi / math.pi)
    return n, np.sin(phi) * np.cos(math.pi * n), np.cos(phi)


def by_halves(n: Any, whole: Any, rest: Any) -> Any:
    """Return 2 n whole + rest, where whole may be infinite if n is 0."""
    return np.where(np.equal(n, 0), 0.0, whole) * 2 * n + rest


def ellipkinc_to_m(phi: Any, m: Any) -> Any:
    """dF/dm is half the integral of sin^2 / (1 - m sin^2)^(3/2)."""
    n, s, c = turns(phi)
    part = s * s * s / 6 * sc.elliprd(c * c, 1.0, 1 - m * s * s)
    return by_halves(n, sc.elliprd(0.0, 1.0, 1 - m) / 6, part) if np.any(n) else part


def ellipeinc_to_m(phi: Any, m: Any) -> Any:
    """dE/dm is minus half the integral of sin^2 / sqrt(1 - m sin^2)."""
    n, s, c = turns(phi)
    part = -s * s * s / 6 * sc.elliprd(c * c, 1 - m * s * s, 1.0)
    return by_halves(n, -sc.elliprd(0.0, 1 - m, 1.0) / 6, part) if np.any(n) else part


def agm_slope(z: Any, a: Any, b: Any) -> Any:
    """Return d agm(a, b)/da: agm is pi/2 over R_F(0, a^2, b^2), and 0 with a or with b."""
    steep, flat = np.equal(a, 0), np.equal(b, 0)
    a = np.where(steep, 1.0, a)
    q, mean = np.where(flat, 1.0, b / a), np.where(flat, 0.0, z / a)
    d = 2 / (3 * math.pi) * mean * mean * sc.elliprd(0.0, q * q, 1.0)
    return np.where(steep, np.inf, d) if np.any(steep) else d


# fmt: off
ROWS: Rows = {
    sc.elliprc:   (lambda z, x, y: elliprc_slope(z, x, y, True),
                   lambda z, x, y: elliprc_slope(z, x, y, False)),
    sc.elliprf:   (lambda z, x, y, w: -sc.elliprd(y, w, x) / 6,
                   lambda z, x, y, w: -sc.elliprd(x, w, y) / 6,
                   lambda z, x, y, w: -sc.elliprd(x, y, w) / 6),
    sc.elliprd:   (elliprd_to_x, lambda z, x, y, w: elliprd_to_x(z, y, x, w), elliprd_to_w),
    sc.elliprg:   (lambda z, x, y, w: (sc.elliprf(x, y, w) - x / 3 * sc.elliprd(y, w, x)) / 4,
                   lambda z, x, y, w: (sc.elliprf(x, y, w) - y / 3 * sc.elliprd(x, w, y)) / 4,
                   lambda z, x, y, w: (sc.elliprf(x, y, w) - w / 3 * sc.elliprd(x, y, w)) / 4),
    sc.ellipk:    (lambda z, m: sc.elliprd(0.0, 1.0, 1 - m) / 6,),
    sc.ellipkm1:  (lambda z, p: -sc.elliprd(0.0, 1.0, p) / 6,),
    sc.ellipe:    (lambda z, m: -sc.elliprd(0.0, 1 - m, 1.0) / 6,),
    sc.ellipkinc: (lambda z, phi, m: 1 / np.sqrt(1 - m * np.sin(phi) ** 2),
                   lambda z, phi, m: ellipkinc_to_m(phi, m)),
    sc.ellipeinc: (lambda z, phi, m: np.sqrt(1 - m * np.sin(phi) ** 2),
                   lambda z, phi, m: ellipeinc_to_m(phi, m)),
    sc.agm:       (agm_slope, lambda z, a, b: agm_slope(z, b, a)),
}
# fmt: on
RULES = table(ROWS)
