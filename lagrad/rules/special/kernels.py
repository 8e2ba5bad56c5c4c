"""Functions of our own, in which the derivatives of special functions keep all their digits.

Differences such as psi(a + b) - psi(a) lose theirs where b is small; here they are functions with
rules of their own, whose derivatives are of the same kind.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.dispatch import overridable
from lagrad.rules.options import as_array
from lagrad.rules.special.base import Rows, no, real_only, table

ROOT_PI = math.sqrt(math.pi)


@overridable
def zeta(s: Any, x: Any) -> Any:
    """Hurwitz's zeta function, sum over k of (x + k)^-s; SciPy's own is no ufunc."""
    return sc.zeta(s, x)


def polygamma(n: int, x: Any) -> Any:
    """Return the n-th derivative of digamma, which is (-1)^(n+1) n! zeta(n+1, x)."""
    if n == 0:
        return sc.digamma(x)
    return (-1) ** (n + 1) * math.factorial(n) * zeta(n + 1.0, real_only(x, "digamma's derivative"))


@overridable
def digamma_step(n: int, x: Any, h: Any) -> Any:
    """Return psi_n(x + h) - psi_n(x), where psi_n is the n-th derivative of digamma.

    For small h it is Taylor's series, whose coefficients are Hurwitz's zeta functions; the pole of
    psi at 0 is taken out first.
    """
    if np.iscomplexobj(x) or np.iscomplexobj(h):
        return polygamma(n, x + h) - polygamma(n, x)
    kinds = [a.dtype for a in (x, h) if hasattr(a, "dtype") and a.dtype.kind == "f"]
    dtype = np.result_type(*kinds) if kinds else np.dtype(float)
    x, h = np.broadcast_arrays(*(np.asarray(a, dtype) for a in (x, h)))
    short = (x > 0) & (8 * np.abs(h) <= 1 + x) & (2 * np.abs(h) <= x)
    mirror = (x < 0.5) & (x + h < 0.5) & (h == np.floor(h)) if n == 0 else np.zeros(x.shape, bool)
    # psi(x) = psi(1 - x) - pi cot(pi x), and the cotangents cancel when h is an integer.
    start, end = np.where(mirror, 1 - x - h, x + h), np.where(mirror, 1 - x, x)
    value = polygamma(n, start) - polygamma(n, end)
    if short.any():
        u, v = np.where(short, x, 1.0), np.where(short, h, 0.0)
        sign = (-1) ** n * math.factorial(n)
        near = sign * -np.expm1(-(n + 1) * np.log1p(v / u)) / u ** (n + 1)
        for k in range(1, 21):
            c = (-1) ** (n + k + 1) * math.factorial(n + k) / math.factorial(k)
            near = near + c * sc.zeta(n + k + 1.0, 1 + u) * v**k
        value = np.where(short, near, value)
    return value.astype(x.dtype)[()]


@overridable
def rgamma_slope(x: Any) -> Any:
    """Return the derivative of 1/Gamma(x), -psi(x)/Gamma(x), also at the poles of both."""
    reflect = np.real(x) < 0.5
    left, right = np.where(reflect, x, 0.25), np.where(reflect, 1.0, x)
    # 1/Gamma(x) = Gamma(1 - x) sin(pi x) / pi
    turned = np.cos(np.pi * left) - sc.digamma(1 - left) * np.sin(np.pi * left) / np.pi
    return np.where(reflect, sc.gamma(1 - left) * turned, -sc.rgamma(right) * sc.digamma(right))[()]


def rgamma_curvature(x: Any) -> Any:
    """Return the second derivative of 1/Gamma(x), by the same two formulas."""
    reflect = np.less(np.real(x), 0.5)
    left, right = np.where(reflect, x, 0.25), np.where(reflect, 1.0, x)
    psi, sine, cosine = sc.digamma(1 - left), np.sin(np.pi * left), np.cos(np.pi * left)
    inner = (psi * psi + polygamma(1, 1 - left)) * sine / np.pi - 2 * psi * cosine
    turned = sc.gamma(1 - left) * (inner - np.pi * sine)
    psi = sc.digamma(right)
    return np.where(reflect, turned, sc.rgamma(right) * (psi * psi - polygamma(1, right)))


@overridable
def faddeeva(n: int, z: Any) -> Any:
    """Return the n-th derivative of w(z) = exp(-z^2) erfc(-iz).

    w^(k+1) = -2 z w^(k) - 2 k w^(k-1) and w' = 2i/sqrt(pi) - 2 z w, whose terms cancel for large z:
    there it is the asymptotic series, with the exponential of the half plane.
    """
    z = np.asarray(z)
    far = np.abs(z) > 7
    near, away = np.where(far, 1j, z).astype(z.dtype), np.where(far, z, 10.0).astype(z.dtype)
    before, value = 2j / ROOT_PI, sc.wofz(near)
    bell, last = np.ones_like(away), np.zeros_like(away)  # Hermite polynomials
    for k in range(n):
        before, value = value, (before if k == 0 else -2 * k * before) - 2 * near * value
        bell, last = 2 * away * bell - 2 * k * last, bell
    if far.any():
        series, inverse = 0, 1 / (away * away)
        for k in reversed(range(20)):
            c = math.prod(range(1, 2 * k, 2)) / 2**k * math.prod(range(2 * k + 1, 2 * k + 1 + n))
            series = series * inverse + c
        weight = 1 - np.sign(z.imag)
        with np.errstate(over="ignore", invalid="ignore"):
            wave = np.where(weight > 0, weight * bell * np.exp(-away * away), 0)
        tail = 1j / ROOT_PI * series / away ** (n + 1) + wave
        value = np.where(far, (-1) ** n * tail, value)
    return value.astype(z.dtype)[()]


@overridable
def sin_ratio(x: Any) -> Any:
    """Return sin(x) / x, which is 1 at 0."""
    x = as_array(x)
    return np.where(x == 0, 1, np.sin(x) / np.where(x == 0, 1, x)).astype(x.dtype)[()]


@overridable
def sinh_ratio(x: Any) -> Any:
    """Return sinh(x) / x, which is 1 at 0."""
    x = as_array(x)
    return np.where(x == 0, 1, np.sinh(x) / np.where(x == 0, 1, x)).astype(x.dtype)[()]


@overridable
def log_ratio(x: Any) -> Any:
    """Return log(1 + x) / x, which is 1 at 0."""
    x = as_array(x)
    return np.where(x == 0, 1, np.log1p(x) / np.where(x == 0, 1, x)).astype(x.dtype)[()]


def near_zero(x: Any, limit: float) -> tuple[Any, Any, Any]:
    """Return where |x| is below the limit, x there, and x elsewhere; both are safe everywhere."""
    here = np.less(np.absolute(x), limit)
    return here, np.where(here, x, 0.5 * limit), np.where(here, 1.0, x)


def sin_ratio_slope(x: Any) -> Any:
    """Return (cos x - sin(x)/x) / x; near 0 it is a Bessel function of order 3/2."""
    here, near, far = near_zero(x, 1.0)
    return np.where(
        here, -near / 3 * sc.hyp0f1(2.5, -near * near / 4), (np.cos(far) - sin_ratio(far)) / far
    )


def sinh_ratio_slope(x: Any) -> Any:
    """Return (cosh x - sinh(x)/x) / x."""
    here, near, far = near_zero(x, 1.0)
    return np.where(
        here, near / 3 * sc.hyp0f1(2.5, near * near / 4), (np.cosh(far) - sinh_ratio(far)) / far
    )


def log_ratio_slope(x: Any) -> Any:
    """Return (1/(1+x) - log(1+x)/x) / x."""
    here, near, far = near_zero(x, 0.5)
    return np.where(
        here, -0.5 * sc.hyp2f1(2.0, 2.0, 3.0, -near), (1 / (1 + far) - log_ratio(far)) / far
    )


def exprel_slope(x: Any) -> Any:
    """Return the derivative of exprel(x) = (exp(x) - 1) / x, the mean of t exp(t x) over [0, 1]."""
    return 0.5 * sc.hyp1f1(2.0, 3.0, x)


# fmt: off
ROWS: Rows = {
    zeta:         (no("Hurwitz's zeta function with respect to s"),
                   lambda z, s, x: -s * zeta(s + 1.0, x)),
    digamma_step: (no("digamma_step with respect to n"),
                   lambda z, n, x, h: digamma_step(n + 1, x, h),
                   lambda z, n, x, h: polygamma(n + 1, x + h)),
    rgamma_slope: (lambda z, x: rgamma_curvature(x),),
    faddeeva:     (no("faddeeva with respect to n"), lambda z, n, x: faddeeva(n + 1, x)),
    sin_ratio:    (lambda z, x: sin_ratio_slope(x),),
    sinh_ratio:   (lambda z, x: sinh_ratio_slope(x),),
    log_ratio:    (lambda z, x: log_ratio_slope(x),),
}
# fmt: on
RULES = table(ROWS)
for function in (digamma_step, faddeeva):  # n is one integer: scalars of several n make no batch
    RULES[function] = replace(RULES[function], derivatives=None)
