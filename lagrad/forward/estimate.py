"""Estimates that cost solves, made when they are asked for.

    dz = -R^-1 r                         what the values lack, to first order
    gradient(z + dz) - gradient(z)       and what that does to a gradient

Both are exact to first order in r, so they tell how wrong an unconverged cycle is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lagrad.containers import leaves
from lagrad.forward.evaluate import conditions
from lagrad.forward.newton import SMALL
from lagrad.forward.point import Slope
from lagrad.forward.search import Found
from lagrad.model import Model
from lagrad.residual import Linear
from lagrad.solve.interface import condition
from lagrad.status import ArgumentError, ConvergenceError


def with_estimates(found: Found) -> Found:
    """Let the certificate of a search make its estimates, with R factorised at its last values."""
    if found.at is None or found.linearizer is None:
        return found
    certificate, problem, at, linearizer = (
        found.certificate, found.problem, found.at, found.linearizer,
    )  # fmt: skip
    known: list[Slope] = [found.slope] if found.exact and found.slope is not None else []

    def slope() -> Slope:
        # The factors of the search are those of an earlier point: not exact to first order here.
        if not at.finite:
            raise ConvergenceError(
                f"{problem.what}: no estimates where the conditions are NaN or inf; give a start "
                "inside the domain of every function in them"
            )
        if not known:
            known.append(linearizer(at.linear))
        return known[0]

    def gradient_error(w: Any) -> tuple[list[Any], list[Any]]:
        weights = cotangent(found, w)
        change = slope().step(-at.r)
        here = gradient(found, at.z, weights, lambda linear: slope())
        there = gradient(found, at.z + change, weights, beside)
        return here, [b - a for a, b in zip(here, there, strict=True)]

    def beside(linear: Linear) -> Slope:
        # A step away the factors need not be made anew, but where that costs nothing.
        if problem.layout.size > SMALL:
            return linearizer.reuse(linear, slope())
        return linearizer(linear)

    certificate.ask = {
        "condition": lambda: condition(slope().A, slope().factor),
        "value_error": lambda: problem.container(slope().step(-at.r)),
        "gradient_error": gradient_error,
    }
    return found


def cotangent(found: Found, w: Any) -> np.ndarray:
    """Return w, a container like the unknowns, as the vector that pairs with theirs: Re(w z)."""
    layout = found.problem.layout
    parts = [np.conjugate(x) for _, x in leaves(w)]
    if [np.shape(x) for x in parts] != layout.shapes:
        raise ArgumentError(
            f"weights of shapes {[np.shape(x) for x in parts]} for unknowns of shapes "
            f"{layout.shapes}: give one weight for every entry of {', '.join(layout.labels)}"
        )
    pairs = zip(parts, layout.dtypes, strict=True)
    return np.asarray(layout.pack([np.asarray(x, dtype) for x, dtype in pairs]), dtype=float)


def gradient(
    found: Found, z: np.ndarray, w: np.ndarray, slope_at: Callable[[Linear], Slope]
) -> list[Any]:
    """Return -R_zp^T lam, A lam = w, with R and A at z, for every parameter of floats."""
    linear: Linear = found.problem.trace(z, every=True)
    lam = slope_at(linear).solve(w)
    parts = linear.pull(lam)
    values = linear.graph.columns.values
    return [
        -parts[r] if r in parts else np.zeros(np.shape(values[r]), values[r].dtype)
        for r in linear.parameters
    ]


def moved(model: Model, founds: Mapping[int, Found]) -> Model:
    """Return the model with every cycle one Newton step further, and all that follows from it."""
    values = dict(model.values)
    tables = "locals", "condensed", "matrices", "known", "solvers", "points", "failed"
    empty: dict[str, Any] = {name: {} for name in tables}
    new = replace(model, values=values, **empty)
    for k, block in enumerate(model.blocks):
        if block.cyclic and k in founds:
            problem, linearizer = conditions(new, k), founds[k].linearizer
            assert linearizer is not None
            z = problem.start()
            slope = linearizer(problem.linearize(z))
            parts = problem.layout.unpack(z + slope.step(-problem.evaluate(z)))
            for j, value in zip(block.variables, parts, strict=True):
                values[model.names[j]] = value
        elif not block.cyclic:
            (i,) = block.equations
            if model.equations[i].function is not None:
                values[model.equations[i].name] = new.evaluate(i)
    return new
