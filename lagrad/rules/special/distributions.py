"""Distribution functions to their continuous arguments: the density, and one over it at inverses.

A complement has minus the density. By the implicit function theorem, an inverse x(p, s) of F(x, s)
has dx/dp = 1 / F_x and dx/ds = -F_s / F_x.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.rules.special.base import Derivative, Rows, no, table
from lagrad.rules.special.densities import (
    ROOT_TWO_PI,
    beta_density,
    f_density,
    gamma_density,
    noncentral_chi_square_density,
    noncentral_f_parts,
    student_density,
)
from lagrad.rules.special.elementary import boxcox_to_lambda


def of(function: Any, argument: str) -> Derivative:
    """Refuse the derivative to a count or to a parameter."""
    return no(f"scipy.special.{function.__name__} with respect to {argument}")


def counted(function: Any, derivative: Derivative) -> tuple[Derivative, ...]:
    """Return the row of a distribution of counts: they have no derivative, the last argument has.

    Numbers that are no integers are rounded down by SciPy.
    """
    return (*(of(function, "a count") for _ in range(function.nin - 1)), derivative)


def shaped(function: Any, derivative: Derivative) -> tuple[Derivative, ...]:
    """Return the row of a distribution with parameters of shape before its last argument."""
    return (*(of(function, "a parameter") for _ in range(function.nin - 1)), derivative)


def binomial(k: Any, n: Any, p: Any) -> Any:
    """d/dp of the probability of more than k successes in n trials."""
    k = np.floor(k)
    return beta_density(k + 1, n - k, p)


def negative_binomial(k: Any, n: Any, p: Any) -> Any:
    """d/dp of the probability of k or fewer failures before n successes."""
    return beta_density(n, np.floor(k) + 1, p)


def poisson(k: Any, m: Any) -> Any:
    """d/dm of the probability of more than k events, m expected."""
    return gamma_density(np.floor(k) + 1, m)


def chi_square(v: Any, x: Any) -> Any:
    """The density of chi square with v degrees of freedom."""
    return gamma_density(v / 2, x / 2) / 2


def kolmogorov_density(y: Any) -> Any:
    """Return the density of Kolmogorov's distribution, by either of its two theta series."""
    upper = np.greater(y, 0.8)
    a, b = np.where(upper, y, 0.8), np.where(np.logical_and(~upper, np.greater(y, 0.02)), y, 0.5)
    tail = 8 * a * sum(-((-1) ** k) * k * k * np.exp(-2 * k * k * a * a) for k in range(1, 8))
    head: Any = 0.0
    for k in range(1, 5):
        c = (math.pi * (2 * k - 1)) ** 2 / 4 / (b * b)
        head = head + (c - 1) * np.exp(-c / 2)
    low = np.where(np.greater(y, 0.02), ROOT_TWO_PI / (b * b) * head, 0.0)
    return np.where(upper, tail, low)


def tukey_parts(x: Any, lam: Any, p: Any) -> tuple[Any, Any]:
    """Return dp/dx and dp/dlam of Tukey's lambda distribution, x = (p^lam - (1-p)^lam) / lam."""
    q = sc.tklmbda(-x, lam)  # 1 - p with all its digits
    inside = np.logical_and(np.greater(p, 0), np.greater(q, 0))
    p, q = np.where(inside, p, 0.5), np.where(inside, q, 0.5)
    density = np.where(inside, 1 / (p ** (lam - 1) + q ** (lam - 1)), 0.0)
    bend = boxcox_to_lambda(np.log(p), lam) - boxcox_to_lambda(np.log(q), lam)
    return density, -density * bend


# fmt: off
ROWS: Rows = {
    # counts
    sc.bdtr:   counted(sc.bdtr, lambda z, k, n, p: -binomial(k, n, p)),
    sc.bdtrc:  counted(sc.bdtrc, lambda z, k, n, p: binomial(k, n, p)),
    sc.bdtri:  counted(sc.bdtri, lambda z, k, n, y: -1 / binomial(k, n, z)),
    sc.nbdtr:  counted(sc.nbdtr, lambda z, k, n, p: negative_binomial(k, n, p)),
    sc.nbdtrc: counted(sc.nbdtrc, lambda z, k, n, p: -negative_binomial(k, n, p)),
    sc.nbdtri: counted(sc.nbdtri, lambda z, k, n, y: 1 / negative_binomial(k, n, z)),
    sc.pdtr:   counted(sc.pdtr, lambda z, k, m: -poisson(k, m)),
    sc.pdtrc:  counted(sc.pdtrc, lambda z, k, m: poisson(k, m)),
    sc.pdtri:  counted(sc.pdtri, lambda z, k, y: -1 / poisson(k, z)),

    # chi square, F, Student's t
    sc.chdtr:   shaped(sc.chdtr, lambda z, v, x: chi_square(v, x)),
    sc.chdtrc:  shaped(sc.chdtrc, lambda z, v, x: -chi_square(v, x)),
    sc.chdtri:  shaped(sc.chdtri, lambda z, v, p: -1 / chi_square(v, z)),
    sc.fdtr:    shaped(sc.fdtr, lambda z, n, d, x: f_density(n, d, x)),
    sc.fdtrc:   shaped(sc.fdtrc, lambda z, n, d, x: -f_density(n, d, x)),
    sc.fdtri:   shaped(sc.fdtri, lambda z, n, d, p: 1 / f_density(n, d, z)),
    sc.stdtr:   shaped(sc.stdtr, lambda z, df, t: student_density(df, t)),
    sc.stdtrit: shaped(sc.stdtrit, lambda z, df, p: 1 / student_density(df, z)),

    # gamma of rate a and shape b
    sc.gdtr:   (lambda z, a, b, x: x * gamma_density(b, a * x), of(sc.gdtr, "b"),
                lambda z, a, b, x: a * gamma_density(b, a * x)),
    sc.gdtrc:  (lambda z, a, b, x: -x * gamma_density(b, a * x), of(sc.gdtrc, "b"),
                lambda z, a, b, x: -a * gamma_density(b, a * x)),
    sc.gdtria: (lambda z, p, b, x: 1 / (x * gamma_density(b, z * x)), of(sc.gdtria, "b"),
                lambda z, p, b, x: -z / x),
    sc.gdtrix: (lambda z, a, b, p: -z / a, of(sc.gdtrix, "b"),
                lambda z, a, b, p: 1 / (a * gamma_density(b, a * z))),

    # noncentral: dF/dnc is minus half, or minus, the density of two more degrees of freedom
    sc.chndtr:   (lambda z, x, df, nc: noncentral_chi_square_density(df, nc, x),
                  of(sc.chndtr, "df"),
                  lambda z, x, df, nc: -noncentral_chi_square_density(df + 2, nc, x)),
    sc.chndtrix: (lambda z, p, df, nc: 1 / noncentral_chi_square_density(df, nc, z),
                  of(sc.chndtrix, "df"),
                  lambda z, p, df, nc: noncentral_chi_square_density(df + 2, nc, z)
                  / noncentral_chi_square_density(df, nc, z)),
    sc.ncfdtr:   (of(sc.ncfdtr, "dfn"), of(sc.ncfdtr, "dfd"),
                  lambda z, n, d, nc, f: noncentral_f_parts(n, d, nc, f)[0],
                  lambda z, n, d, nc, f: noncentral_f_parts(n, d, nc, f)[1]),
    sc.ncfdtri:  (of(sc.ncfdtri, "dfn"), of(sc.ncfdtri, "dfd"),
                  lambda z, n, d, nc, p: -np.divide(*noncentral_f_parts(n, d, nc, z)),
                  lambda z, n, d, nc, p: 1 / noncentral_f_parts(n, d, nc, z)[1]),

    # the mean and the deviation of a normal distribution, q = ndtri(p)
    sc.nrdtrimn: (lambda z, p, std, x: -std * ROOT_TWO_PI * np.exp(((x - z) / std) ** 2 / 2),
                  lambda z, p, std, x: (z - x) / std,
                  lambda z, p, std, x: 1.0),
    sc.nrdtrisd: (lambda z, mn, p, x: z / (mn - x),
                  lambda z, mn, p, x: z * z / (mn - x) * ROOT_TWO_PI
                  * np.exp(((x - mn) / z) ** 2 / 2),
                  lambda z, mn, p, x: z / (x - mn)),

    sc.kolmogorov: (lambda z, y: -kolmogorov_density(y),),
    sc.kolmogi:    (lambda z, p: -1 / kolmogorov_density(z),),
    sc.tklmbda:    (lambda z, x, lam: tukey_parts(x, lam, z)[0],
                    lambda z, x, lam: tukey_parts(x, lam, z)[1]),
}
# fmt: on
RULES = table(ROWS)
