"""The values of a system: constraints evaluated in order, a search on each cyclic block."""

from __future__ import annotations

from typing import Any

import numpy as np

from lagrad.certificate import Certificate
from lagrad.forward.search import Search, find
from lagrad.local import as_value, refuse_list
from lagrad.model import Model
from lagrad.residual import Conditions
from lagrad.trace import Traced


def solve_values(model: Model, search: Search) -> dict[int, Certificate]:
    """Find the values of all variables, block by block; they are stored in the model.

    Returns
    -------
    dict by block, for each cyclic one; after a failure those that follow are left out.
    """
    certificates = {}
    for k, block in enumerate(model.blocks):
        if block.cyclic:
            problem = conditions(model, k)
            model.forget(k)
            found = find(problem, search)
            certificates[k] = found.certificate
            parts = zip(block.variables, problem.layout.unpack(found.z), strict=True)
            for j, value in parts:
                model.values[model.names[j]] = np.copy(value)[()]
            if not found.certificate.status.success:
                break
            if found.slope is not None:
                model.slopes[k] = found.slope
            model.known.update((i, model.evaluate(i)) for i in block.equations)
        else:
            (i,) = block.equations
            if model.equations[i].function is not None:
                model.forget(k)
                model.known[i] = model.values[model.equations[i].name] = model.evaluate(i)
    return certificates


def conditions(model: Model, k: int) -> Conditions:
    """Return the equations of block k as conditions on its variables."""
    block = model.blocks[k]
    names = [model.names[j] for j in block.variables]
    equations = [model.equation_names[i] for i in block.equations]
    fixed = {
        p: model.values[p] if p in model.values else model.data[p]
        for i in block.equations
        for p in (*model.equations[i].parents, model.equations[i].name)
        if p not in names and (p in model.values or p in model.data)
    }
    lines = sorted({model.where(i) for i in block.equations} - {""})

    def residuals(z: dict[str, Any], p: dict[str, Any]) -> list[Any]:
        found = []
        for i in block.equations:
            e = model.equations[i]
            # Copies: a constraint may write into its arguments, and they are not its own.
            value = e(*(own(z[q]) if q in z else own(p[q]) for q in e.parents))
            if not isinstance(value, Traced):
                value = as_value(value, e)
            refuse_list(value, e)
            model.check_shape(i, value)
            if e.explicit:
                value = (z[e.name] if e.name in z else p[e.name]) - value
            found.append(value)
        return found

    z0 = {name: model.values[name] for name in names}
    return Conditions(residuals, z0, (fixed,), ", ".join(lines), names=(names, equations))


def own(x: Any) -> Any:
    """Return a copy of an array."""
    return x.copy() if isinstance(x, np.ndarray | Traced) else x
