"""The values of a system: constraints evaluated in order, a search on each cyclic block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from lagrad.forward.search import Found, Search, find
from lagrad.forward.solver import CycleSolver, constrained
from lagrad.graph import short
from lagrad.local import Equation, as_value, check_shape, refuse_list
from lagrad.model import SMALL, Model
from lagrad.residual import Conditions, Structure
from lagrad.status import ArgumentError, Status
from lagrad.trace import Traced

#: After these the values are no start for anything.
ENDED = (Status.NOT_FINITE, Status.NOT_FINITE_START, Status.DIVERGED)


def solve_values(model: Model, search: Search) -> dict[int, Found]:
    """Find the values of all variables, block by block; they are stored in the model.

    Returns
    -------
    dict by block, for each cyclic one. What follows one that only did not converge is evaluated at
    its last values, so that there is something to look at; what follows other failures is left out.
    """
    founds = {}
    solved = {model.names[j] for b in model.blocks if b.cyclic for j in b.variables}
    for name in search.bounds or ():
        if name not in solved:
            raise ArgumentError(
                f"bounds: {name} is in no cycle, so it is evaluated and not searched for; bounds "
                f"hold for {', '.join(sorted(solved)[:20]) or 'nothing here'}"
            )
    for k, block in enumerate(model.blocks):
        if block.cyclic:
            problem = conditions(model, k)
            model.forget(k)
            founds[k] = found = find(problem, within(search, problem.layout.labels))
            parts = zip(block.variables, problem.layout.unpack(found.z), strict=True)
            for j, value in parts:
                model.values[model.names[j]] = np.copy(value)[()]
            if not found.certificate.status.success:
                model.failed[k] = found.certificate.status
                if not np.isfinite(found.z).all() or found.certificate.status in ENDED:
                    break
                continue
            if found.slope is not None and problem.layout.size > SMALL:
                model.solvers[k] = CycleSolver(problem, found)
            elif found.at is not None:
                model.points[k] = found.at
            model.known.update((i, model.evaluate(i)) for i in block.equations)
        else:
            (i,) = block.equations
            if model.equations[i].function is not None:
                model.forget(k)
                model.known[i] = model.values[model.equations[i].name] = model.evaluate(i)
    return founds


def within(search: Search, names: list[str]) -> Search:
    """Return the search with the bounds of these variables, which come as {name: (low, high)}."""
    if search.bounds is None:
        return search
    pairs = [search.bounds.get(name, (None, None)) for name in names]
    for name, pair in zip(names, pairs, strict=True):
        if not (isinstance(pair, tuple | list) and len(pair) == 2):
            raise ArgumentError(f"bounds of {name} are {short(pair)}; give a pair (lower, upper)")
    sides = tuple(
        {n: side for n, side in zip(names, s, strict=True)} for s in zip(*pairs, strict=True)
    )
    return replace(search, bounds=sides)


def traced_values(model: Model, inputs: Mapping[str, Any], founds: Mapping[int, Found]) -> Any:
    """Return the values of a solved model as variables of the traces now running, by name.

    Every constraint is evaluated once more, on values that may be traced, and every cycle is one
    constraint of its own.
    """
    values = {**model.values, **inputs}
    for k, block in enumerate(model.blocks):
        if block.cyclic:
            values.update(constrained(conditions(model, k, values), founds[k]))
            continue
        e = model.equations[block.equations[0]]
        if e.function is not None:
            value = e(*(own(values[p] if p in values else model.data[p]) for p in e.parents))
            values[e.name] = value if isinstance(value, Traced) else as_value(value, e)
    return values


def conditions(model: Model, k: int, values: Mapping[str, Any] | None = None) -> Conditions:
    """Return the equations of block k as conditions on its variables."""
    block = model.blocks[k]
    names = [model.names[j] for j in block.variables]
    equations = [model.equation_names[i] for i in block.equations]
    known = values or model.values
    fixed = {
        p: known[p] if p in known else model.data[p]
        for i in block.equations
        for p in (*model.equations[i].parents, model.equations[i].name)
        if p not in names and (p in known or p in model.data)
    }
    lines = sorted({model.where(i) for i in block.equations} - {""})

    z0 = {name: model.values[name] for name in names}
    structure = model.structures.setdefault((*names, "", *equations), Structure())
    made = tuple(model.equations[i] for i in block.equations)
    told = tuple(replace(e, function=None) for e in made)
    return Conditions(
        partial(residuals, told, tuple(e.function for e in made)),
        z0,
        (fixed,),
        ", ".join(lines),
        names=(names, equations),
        structure=structure,
        key=made,
        writer=model.structures.get("writer"),
    )


def residuals(
    equations: tuple[Equation, ...], functions: tuple[Any, ...], z: dict[str, Any], p: Any
) -> list[Any]:
    """Return the residuals of equations whose functions are given apart."""
    found = []
    for e, function in zip(equations, functions, strict=True):
        # Copies: a constraint may write into its arguments, and they are not its own.
        args = [own(z[q]) if q in z else own(p[q]) for q in e.parents]
        value = (
            function(**dict(zip(e.keywords, args, strict=True))) if e.keywords else function(*args)
        )
        if not isinstance(value, Traced):
            value = as_value(value, e)
        refuse_list(value, e)
        variable = z[e.name] if e.name in z else p.get(e.name)
        check_shape(e, value, variable)
        found.append(variable - value if e.explicit else value)
    return found


def own(x: Any) -> Any:
    """Return a copy of an array."""
    return x.copy() if isinstance(x, np.ndarray | Traced) else x
