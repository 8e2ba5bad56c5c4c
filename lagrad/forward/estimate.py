"""Estimates that cost solves, made when they are asked for.

    dz = -R^-1 r                         what the values lack, to first order
    gradient(z + dz) - gradient(z)       and what that does to a gradient

Both are exact to first order in r, so they tell how wrong an unconverged cycle is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lagrad.containers import leaves
from lagrad.forward.evaluate import conditions
from lagrad.forward.search import Found
from lagrad.model import Model
from lagrad.residual import Linear
from lagrad.solve.interface import condition


def with_estimates(found: Found) -> Found:
    """Let the certificate of a search make its estimates."""
    slope, certificate = found.slope, found.certificate
    if slope is None or found.at is None or found.linearizer is None:
        return found
    problem, at = found.problem, found.at

    def value_error() -> Any:
        return problem.container(slope.step(-at.r))

    def gradient_error(w: Any) -> tuple[list[Any], list[Any]]:
        parts = [np.asarray(x, dtype=float) for _, x in leaves(w)]
        weights = np.asarray(problem.layout.pack(parts), dtype=float)
        here = gradient(found, at.z, weights)
        there = gradient(found, at.z + slope.step(-at.r), weights)
        return here, [b - a for a, b in zip(here, there, strict=True)]

    certificate.ask = {
        "condition": lambda: condition(slope.A, slope.factor),
        "value_error": value_error,
        "gradient_error": gradient_error,
    }
    return found


def gradient(found: Found, z: np.ndarray, w: np.ndarray) -> list[Any]:
    """Return -R_zp^T lam, A lam = w, with R and A at z, for every parameter of floats."""
    assert found.linearizer is not None
    linear: Linear = found.problem.trace(z, every=True)
    lam = found.linearizer(linear).solve(w)
    parts = linear.pull(lam)
    values = linear.graph.columns.values
    return [-parts[r] if r in parts else np.zeros(np.shape(values[r])) for r in linear.parameters]


def moved(model: Model, founds: Mapping[int, Found]) -> Model:
    """Return the model with every cycle one Newton step further, and all that follows from it."""
    values = dict(model.values)
    new = replace(model, values=values, locals={}, condensed={}, matrices={}, known={}, slopes={})
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
