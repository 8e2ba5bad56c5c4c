"""What is solved together: equations matched to variables, and the blocks they form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csgraph

from lagrad.diagnose import entry_names
from lagrad.model import Block, Model
from lagrad.order import Deficiency, components, match
from lagrad.status import ArgumentError, StructureError


def find_blocks(model: Model, starts: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return the blocks in solve order: the block triangular form at the level of names."""
    rows, columns = model.edges()
    own = np.array(model.defines)[rows] == columns
    if all(model.explicit) and len(model.equations) == len(model):
        uses = [i in model.parents(i) for i in range(len(model))]
        found = components(len(model), rows[~own], columns[~own])
        blocks = [Block(c, c, len(c) > 1 or uses[c[0]]) for c in found]
        for block in blocks:
            if block.cyclic:
                for j in block.variables:
                    require_start(model, j, block.variables)
        return tuple(blocks)
    provisional(model, starts)
    equation_of = matched(model)
    group = merged(model, equation_of)
    count = max(group.values()) + 1 if group else 0
    of_equation = np.array([group["equation", i] for i in range(len(model.equations))])
    of_variable = np.array([group["variable", j] for j in range(len(model))])
    a, b = of_equation[rows], of_variable[columns]
    blocks = []
    for component in components(count, a[a != b], b[a != b]):
        members = set(component)
        variables = tuple(np.flatnonzero(np.isin(of_variable, list(members))).tolist())
        equations = tuple(np.flatnonzero(np.isin(of_equation, list(members))).tolist())
        single = (
            len(variables) == len(equations) == 1
            and equations[0] < len(model.defines)
            and (
                model.defines[equations[0]] == variables[0]
                and variables[0] not in model.parents(equations[0])
            )
        )
        blocks.append(Block(variables, equations, not single))
    return tuple(blocks)


def require_start(model: Model, j: int, cycle: tuple[int, ...]) -> None:
    """Refuse a cycle without a place to begin."""
    name = model.names[j]
    if name not in model.values:
        path = " -> ".join([*(model.names[i] for i in cycle[:6]), model.names[cycle[0]]])
        where = next((e.where for e in model.equations if e.name == name), "")
        raise ArgumentError(
            f"{name} ({where}) is in a cycle ({path}) and has no start; declare it with "
            f"@system.constraint(start=...), or solve(start={{{name!r}: ...}})"
        )


def provisional(model: Model, starts: Mapping[str, Any]) -> None:
    """Give every variable a value, so that equations can be traced for their structure."""
    rows, columns = model.edges()
    n = len(model)
    target = np.array(model.defines)[rows]
    keep = (target >= 0) & (target != columns)
    for component in components(n, target[keep], columns[keep]):
        for j in component:
            i = model.defines.index(j) if j in model.defines else -1
            if i < 0 or model.equations[i].function is None:
                continue
            if len(component) > 1 or j in model.parents(i):
                require_start(model, j, component)
            elif model.names[j] not in starts:
                with np.errstate(all="ignore"):
                    model.values[model.names[j]] = model.evaluate(i)


def matched(model: Model) -> np.ndarray:
    """Return which entry of a variable each entry of an equation determines.

    Raises
    ------
    StructureError
        With the names of the over- and the under-determined part.
    """
    offsets = np.concatenate([[0], np.cumsum(model.sizes)])
    equation_offsets = np.concatenate([[0], np.cumsum(model.equation_sizes)])
    rows, columns, _ = model.residual_entries(offsets, equation_offsets)
    shape = (int(equation_offsets[-1]), int(offsets[-1]))
    pattern = sp.coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()
    found = match(pattern)
    if not isinstance(found, Deficiency):
        return found
    e = [
        x
        for i, name in enumerate(model.equation_names)
        for x in entry_names(name, int(model.equation_sizes[i]))
    ]
    v = [x for j, name in enumerate(model.names) for x in entry_names(name, int(model.sizes[j]))]

    def told(places: np.ndarray, labels: list[str]) -> str:
        return ", ".join(labels[p] for p in places[:8]) + (" ..." if len(places) > 8 else "")

    parts = [f"{shape[0]} equations for {shape[1]} variables do not determine them"]
    if len(found.equations):
        parts.append(
            f"over-determined: the equations {told(found.equations, e)} hold only "
            f"{told(found.determined, v) or 'inputs'}"
        )
    if len(found.variables):
        parts.append(
            f"under-determined: {told(found.variables, v)} occur only in "
            f"{told(found.constraining, e) or 'no equation'}"
        )
    raise StructureError(
        ". ".join(parts) + ". Add or remove a residual equation, or declare an input instead of an "
        "unknown"
    )


def merged(model: Model, entry_of: np.ndarray) -> dict[tuple[str, int], int]:
    """Return the group of each equation and variable: those matched in some entry are together."""
    equation = np.repeat(np.arange(len(model.equations)), model.equation_sizes)
    variable = np.repeat(np.arange(len(model)), model.sizes)
    m, n = len(model.equations), len(model)
    pairs = np.unique(np.stack([equation, variable[entry_of]]), axis=1)
    graph = sp.coo_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1] + m)), shape=(m + n, m + n))
    _, label = csgraph.connected_components(graph.tocsr(), directed=False)
    # Groups are numbered by their first variable, which keeps the order of declaration.
    first: dict[int, int] = {}
    for j in range(n):
        first.setdefault(int(label[m + j]), len(first))
    for i in range(m):
        first.setdefault(int(label[i]), len(first))
    return {
        **{("equation", i): first[int(label[i])] for i in range(m)},
        **{("variable", j): first[int(label[m + j])] for j in range(n)},
    }


def final(model: Model) -> tuple[int, ...]:
    """Return the variables that no equation reads, in the order of solution."""
    read = {j for i in range(len(model.equations)) for j in model.parents(i)}
    order = [j for b in model.blocks for j in b.variables]
    return tuple(
        j
        for j in order
        if j not in read and model.equations[j].function is not None
        if j < len(model.equations)
    ) or tuple(order[-1:])
