"""The gates of a lecture on backpropagation: what each does to the gradient from upstream.

The main example is f = (x + y) z at x = -2, y = 5, z = -4, with f = -12 and gradient (-4, -4, 3).
The other gates hang on the same inputs, each an output of its own.
"""

from collections.abc import Iterator

import numpy as np

import lagrad as lg
from lagrad.gallery.problem import Check, Problem


def system() -> lg.System:
    gates = lg.System(x=-2.0, y=5.0, z=-4.0, v=np.array([1.0, 2.0, 3.0, 4.0]))

    @gates.constraint
    def q(x, y):  # add: hands the upstream gradient on to both
        return x + y

    @gates.constraint
    def f(q, z):  # multiply: to each, upstream times the other
        return q * z

    @gates.constraint
    def copy_1(q):  # copy: sums what comes back from its copies
        return q

    @gates.constraint
    def copy_2(q):
        return q

    @gates.constraint
    def copies(copy_1, copy_2):
        return 2 * copy_1 + 5 * copy_2

    @gates.constraint
    def largest(x, y):  # max: all of it to the larger, nothing to the other
        return np.maximum(x, y)

    @gates.constraint
    def reciprocal(y):  # -1/y^2
        return 1 / y

    @gates.constraint
    def exponential(x):  # its own output
        return np.exp(x)

    @gates.constraint
    def logarithm(y):  # 1/y
        return np.log(y)

    @gates.constraint
    def total(v):  # sum: 1 to each
        return np.sum(v)

    @gates.constraint
    def average(v):  # sum, then divide: 1/N to each
        return np.mean(v)

    @gates.constraint
    def sigmoid(y, z):  # a gate made of gates: (1 - s) s
        return 1 / (1 + np.exp(-(y + z)))

    return gates


def checks(solution: lg.Solution) -> Iterator[Check]:
    x, y, z, v = (solution[name] for name in ("x", "y", "z", "v"))
    q = x + y
    s = 1 / (1 + np.exp(-(y + z)))
    ones = np.ones_like(v)
    by_hand = {
        "q": {"x": 1.0, "y": 1.0},
        "f": {"x": z, "y": z, "z": q},
        "copies": {"x": 7.0, "y": 7.0},
        "largest": {"x": float(x > y), "y": float(y > x)},
        "reciprocal": {"y": -1 / y**2},
        "exponential": {"x": np.exp(x)},
        "logarithm": {"y": 1 / y},
        "total": {"v": ones},
        "average": {"v": ones / v.size},
        "sigmoid": {"y": (1 - s) * s, "z": (1 - s) * s},
    }
    yield Check("f = (x + y) z", solution["f"], q * z, 1e-15)
    if (x, y, z) == (-2.0, 5.0, -4.0):
        gradient = [solution.gradient("f")[name] for name in ("x", "y", "z")]
        yield Check("f at -2, 5, -4, as the lecture prints it", solution["f"], -12.0, 0.0)
        yield Check("gradient of f, as the lecture prints it", gradient, [-4.0, -4.0, 3.0], 0.0)
        yield Check("sigmoid, as printed with two digits", solution["sigmoid"], 0.73, 5e-3)
    lam_q = solution.system.solve(of="copies")["q"]
    yield Check("copy: lam_q is the sum 2 + 5", lam_q, 7.0, 0.0)
    for gate, local in by_hand.items():
        found = solution.gradient(gate)
        zeros = {name: np.zeros_like(solution[name]) for name in found}
        value = np.hstack([found[name] for name in zeros])
        reference = np.hstack([local.get(name, zeros[name]) for name in zeros])
        yield Check(f"gradient of {gate}, by hand", value, reference, 1e-14)


def problem() -> Problem:
    return Problem(
        name="gates",
        summary="f = (x + y) z, and other gates: copy, max, 1/y, exp, log, sum, mean, sigmoid",
        source="Notes on EECS 498 (Deep Learning for Computer Vision), lecture 6: backpropagation",
        model=system(),
        of="f",
        wrt=("x", "y", "z"),
        checks=checks,
        notes=(
            "The gradient shown is that of f, which does not depend on v; every other output is"
            " differentiated in the checks, with respect to x, y, z and v.",
            "The lecture's notes divide the gradient of a sum gate by N; that belongs to a mean,"
            " and a sum hands on 1.",
            "They print 0.2 = (1 - 0.73)(0.73)(0.2) for the sigmoid; upstream of it is 1, not 0.2.",
        ),
    )
