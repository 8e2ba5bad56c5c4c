"""Orthogonal polynomials to x: the derivative is one of the family with raised parameters.

So nothing is divided by 1 - x^2. Hypergeometric functions do the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.rules.special.base import Derivative, Rows, newer, no, table, whole


def lowered(d: Any) -> Derivative:
    """Return the derivative ``d(n, ..., x)``, which is 0 for the constant polynomial, n = 0."""

    def derivative(z: Any, n: Any, *rest: Any) -> Any:
        n = whole(n)
        zero = np.equal(n, 0)
        if not np.any(zero):
            return d(n, *rest)
        one = np.ones_like(n)
        return np.where(zero, 0.0, d(np.where(zero, one, n), *rest))

    return derivative


def family(function: Any, derivative: Any) -> tuple[Derivative, ...]:
    """Return the row of a family of polynomials: only x, the last argument, has a derivative."""
    name = f"scipy.special.{function.__name__}"
    parameters = [no(f"{name} with respect to its degree n")]
    parameters += [no(f"{name} with respect to a parameter")] * (function.nin - 2)
    return (*parameters, lowered(derivative))


def jacobi(n: Any, a: Any, b: Any, x: Any) -> Any:
    """d/dx of P_n^(a,b)(x)."""
    return (n + a + b + 1) / 2 * sc.eval_jacobi(n - 1, a + 1, b + 1, x)


def parameter(name: str) -> Derivative:
    """Refuse the derivative to a parameter of a hypergeometric function."""
    return no(f"scipy.special.{name} with respect to a parameter")


# fmt: off
POLYNOMIALS = {
    sc.eval_jacobi:       jacobi,
    sc.eval_legendre:     lambda n, x: (n + 1) / 2 * sc.eval_jacobi(n - 1, 1.0, 1.0, x),
    sc.eval_gegenbauer:   lambda n, a, x: 2 * a * sc.eval_gegenbauer(n - 1, a + 1, x),
    sc.eval_chebyt:       lambda n, x: n * sc.eval_chebyu(n - 1, x),
    sc.eval_chebyu:       lambda n, x: 2 * sc.eval_gegenbauer(n - 1, 2.0, x),
    sc.eval_chebyc:       lambda n, x: n * sc.eval_chebyu(n - 1, x / 2),
    sc.eval_chebys:       lambda n, x: sc.eval_gegenbauer(n - 1, 2.0, x / 2),
    sc.eval_laguerre:     lambda n, x: -sc.eval_genlaguerre(n - 1, 1.0, x),
    sc.eval_genlaguerre:  lambda n, a, x: -sc.eval_genlaguerre(n - 1, a + 1, x),
    sc.eval_hermite:      lambda n, x: 2 * n * sc.eval_hermite(n - 1, x),
    sc.eval_hermitenorm:  lambda n, x: n * sc.eval_hermitenorm(n - 1, x),
    sc.eval_sh_jacobi:    lambda n, p, q, x: n * sc.eval_sh_jacobi(n - 1, p + 2, q + 1, x),
    sc.eval_sh_legendre:  lambda n, x: (n + 1) * sc.eval_jacobi(n - 1, 1.0, 1.0, 2 * x - 1),
    sc.eval_sh_chebyt:    lambda n, x: 2 * n * sc.eval_chebyu(n - 1, 2 * x - 1),
    sc.eval_sh_chebyu:    lambda n, x: 4 * sc.eval_gegenbauer(n - 1, 2.0, 2 * x - 1),
}

ROWS: Rows = {
    **{f: family(f, d) for f, d in POLYNOMIALS.items()},

    sc.hyp0f1: (parameter("hyp0f1"), lambda z, b, x: sc.hyp0f1(b + 1, x) / b),
    sc.hyp1f1: (parameter("hyp1f1"), parameter("hyp1f1"),
                lambda z, a, b, x: a / b * sc.hyp1f1(a + 1, b + 1, x)),
    sc.hyp2f1: (parameter("hyp2f1"), parameter("hyp2f1"), parameter("hyp2f1"),
                lambda z, a, b, c, x: a * b / c * sc.hyp2f1(a + 1, b + 1, c + 1, x)),
    sc.hyperu: (parameter("hyperu"), parameter("hyperu"),
                lambda z, a, b, x: -a * sc.hyperu(a + 1, b + 1, x)),
    sc.wright_bessel: (parameter("wright_bessel"), parameter("wright_bessel"),
                       lambda z, a, b, x: sc.wright_bessel(a, a + b, x)),
    **{f: (parameter("log_wright_bessel"), parameter("log_wright_bessel"),
           lambda z, a, b, x: np.exp(sc.log_wright_bessel(a, a + b, x) - z))
       for f in newer("log_wright_bessel")},
}
# fmt: on
RULES = table(ROWS)
