"""The function of the post: six constraints, one input, everything scalar.

f(x) = exp(exp(x) + exp(x)^2) + sin(exp(x) + exp(x)^2), with the intermediate variables a to e
that any programmer would name. They are the constraints, and the multipliers are the adjoints.
"""

from collections.abc import Iterator

import numpy as np

import lagrad as lg
from lagrad.gallery.problem import Check, Problem


def system() -> lg.System:
    post = lg.System(x=0.3)

    @post.constraint
    def a(x):
        return np.exp(x)

    @post.constraint
    def b(a):
        return a**2

    @post.constraint
    def c(a, b):
        return a + b

    @post.constraint
    def d(c):
        return np.exp(c)

    @post.constraint
    def e(c):
        return np.sin(c)

    @post.constraint
    def f(d, e):
        return d + e

    return post


def flat(x: complex) -> complex:
    """The same f without intermediate variables; takes a complex x for the complex step."""
    return np.exp(np.exp(x) + np.exp(x) ** 2) + np.sin(np.exp(x) + np.exp(x) ** 2)


def checks(solution: lg.Solution) -> Iterator[Check]:
    x = float(solution["x"])
    a = np.exp(x)
    c = a + a**2
    lam_c = np.exp(c) + np.cos(c)
    by_hand = {  # lam_j = sum over the consumers i of j of lam_i df_i/dz_j, from the last
        "f": 1.0,
        "e": 1.0,
        "d": 1.0,
        "c": lam_c,
        "b": lam_c,
        "a": lam_c * (1 + 2 * a),
        "x": lam_c * (1 + 2 * a) * a,
    }
    multipliers = solution.system.solve(of="f")
    yield Check("f, written flat", solution["f"], flat(x), 1e-14)
    for name, lam in by_hand.items():
        yield Check(f"lam_{name}, by hand", multipliers[name], lam, 1e-13)
    gradient = solution.gradient("f")["x"]
    # Im f(x + ih)/h holds no difference, so nothing cancels (Squire and Trapp, SIAM Rev. 1998).
    yield Check("df/dx, complex step", gradient, flat(x + 1e-30j).imag / 1e-30, 1e-13)


def problem() -> Problem:
    return Problem(
        name="post",
        summary="f(x) = exp(exp(x) + exp(x)^2) + sin(exp(x) + exp(x)^2)",
        source="Tim Vieira, Backprop is not just the chain rule (2017), after Justin Domke",
        model=system(),
        of="f",
        wrt=("x",),
        checks=checks,
    )
