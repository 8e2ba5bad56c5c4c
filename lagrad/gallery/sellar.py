"""Two coupled disciplines, the standard small example of multidisciplinary design.

y1 needs y2 and y2 needs y1: the cycle is found, not declared. With s = sqrt(y1) it is a quadratic
equation, s^2 + 0.2 s + 0.2 (z1 + z2) - (z1^2 + z2 + x) = 0, so everything has a closed form.
"""

from collections.abc import Iterator

import numpy as np

import lagrad as lg
from lagrad.gallery.problem import Check, Problem


def system() -> lg.System:
    sellar = lg.System(x=1.0, z1=5.0, z2=2.0)

    @sellar.constraint(start=1.0)
    def y1(x, z1, z2, y2):
        return z1**2 + z2 + x - 0.2 * y2

    @sellar.constraint(start=1.0)
    def y2(z1, z2, y1):
        return np.sqrt(y1) + z1 + z2

    @sellar.constraint
    def f(x, z2, y1, y2):
        return x**2 + z2 + y1 + np.exp(-y2)

    return sellar


def closed_form(x: complex, z1: complex, z2: complex) -> dict[str, complex]:
    """y1, y2 and f by the quadratic equation; takes complex inputs for the complex step."""
    s = -0.1 + np.sqrt(0.01 + z1**2 + z2 + x - 0.2 * (z1 + z2))
    y1, y2 = s**2, s + z1 + z2
    return {"y1": y1, "y2": y2, "f": x**2 + z2 + y1 + np.exp(-y2)}


def checks(solution: lg.Solution) -> Iterator[Check]:
    inputs = ("x", "z1", "z2")
    point = {name: float(solution[name]) for name in inputs}
    outputs = closed_form(**point)
    for name, value in outputs.items():
        yield Check(f"{name}, closed form", solution[name], value, 1e-10)
    jacobian = solution.jacobian(of=list(outputs), wrt=list(inputs))
    for wrt in inputs:
        moved = closed_form(**{**point, wrt: point[wrt] + 1e-30j})
        for of in outputs:
            exact = moved[of].imag / 1e-30
            yield Check(f"d{of}/d{wrt}, closed form", jacobian[of][wrt], exact, 1e-9)
    if point == {"x": 1.0, "z1": 5.0, "z2": 2.0}:  # as printed in the tests of OpenMDAO
        published = {"x": 2.98061391, "z1": 9.61001056, "z2": 1.78448534}
        gradient = solution.gradient("f")
        yield Check("y1, published", solution["y1"], 25.58830237, 1e-8)
        yield Check("y2, published", solution["y2"], 12.05848815, 1e-8)
        for name, value in published.items():
            yield Check(f"df/d{name}, published", gradient[name], value, 1e-8)


def problem() -> Problem:
    return Problem(
        name="sellar",
        summary="two coupled disciplines: a cycle of two, found and not declared",
        source="Sellar, Batill, Renaud, Response surface based, concurrent subspace optimization"
        " (1996); figures: the tests of OpenMDAO",
        model=system(),
        of="f",
        wrt=("x", "z1", "z2"),
        checks=checks,
        sentence="One cell below the diagonal, where y1 reads y2: it makes a cycle of the two"
        " disciplines, and all else is triangular.",
    )
