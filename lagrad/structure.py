"""What is solved together: equations matched to variables, and the blocks they form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csgraph

from lagrad.assemble import refuse_too_large
from lagrad.diagnose import EntryNames
from lagrad.model import Model
from lagrad.order import Deficiency, components, match
from lagrad.status import ArgumentError, StructureError
from lagrad.steps import Block


@dataclass(frozen=True)
class Order:
    """Blocks, and the places that they were found for: they hold for no others."""

    places: tuple[np.ndarray, ...]
    blocks: tuple[Block, ...]


def find_blocks(model: Model, starts: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return the blocks in solve order: the block triangular form at the level of names."""
    rows, columns = model.edges()
    names = rows, columns, np.array(model.defines)
    if len(model.equations) == len(model) and all(j >= 0 for j in model.defines):
        # Every equation has its variable already, so that names tell the order without a trace.
        blocks = known_order(model, names, lambda: named_blocks(model, rows, columns))
        for block in blocks:
            if block.cyclic:
                for j in block.variables:
                    require_start(model, j, block.variables)
        return blocks
    with np.errstate(all="ignore"):  # only to see what depends on what
        provisional(model, starts)
        for i, e in enumerate(model.equations):
            if e.explicit and e.function is not None:
                model.check_shape(i, model.local(i).value)
        traced = traced_places(model)
        places = (*names, *traced, model.sizes, model.equation_sizes)
        return known_order(model, places, lambda: matched_blocks(model, traced, rows, columns))


def known_order(
    model: Model, places: tuple[np.ndarray, ...], make: Callable[[], tuple[tuple[Block, ...], bool]]
) -> tuple[Block, ...]:
    """Return the blocks that an earlier solution found if all is where it was, else new ones."""
    known = model.structures.get("order")
    if isinstance(known, Order) and len(known.places) == len(places):
        if all(np.array_equal(a, b) for a, b in zip(known.places, places, strict=True)):
            return known.blocks
    blocks, sure = make()
    if sure:
        model.structures["order"] = Order(places, blocks)
    return blocks


def named_blocks(
    model: Model, rows: np.ndarray, columns: np.ndarray
) -> tuple[tuple[Block, ...], bool]:
    """Return the blocks of explicit constraints, and True: names tell all."""
    other = rows != columns
    found = components(len(model), rows[other], columns[other])
    blocks = tuple(Block(c, c, len(c) > 1 or c[0] in model.parents(c[0])) for c in found)
    return blocks, True


def matched_blocks(
    model: Model, traced: Any, rows: np.ndarray, columns: np.ndarray
) -> tuple[tuple[Block, ...], bool]:
    """Return the blocks where residual equations have to be matched to variables.

    And whether the places that were traced told it all.
    """
    partners, sure = matched(model, traced)
    of_equation, of_variable = groups(model, partners)
    a, b = of_equation[rows], of_variable[columns]
    count = int(np.concatenate([of_equation, of_variable]).max(initial=-1)) + 1
    equations, variables = members(of_equation, count), members(of_variable, count)
    blocks = []
    for component in components(count, a[a != b], b[a != b]):
        es = tuple(sorted(i for g in component for i in equations[g]))
        vs = tuple(sorted(j for g in component for j in variables[g]))
        single = len(es) == len(vs) == 1 and model.defines[es[0]] == vs[0]
        blocks.append(Block(vs, es, not single or vs[0] in model.parents(es[0])))
    return tuple(blocks), sure


def bounds_of(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return where the entries of each variable and of each equation begin."""
    both = model.sizes, model.equation_sizes
    offsets, equation_offsets = (np.concatenate([[0], np.cumsum(sizes)]) for sizes in both)
    return offsets, equation_offsets


def traced_places(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows, columns) of the entries of R at the present values."""
    rows, columns, _ = model.residual_entries(*bounds_of(model))
    return rows, columns


def members(group: np.ndarray, count: int) -> list[list[int]]:
    """Return the members of each of ``count`` groups."""
    ends = np.cumsum(np.bincount(group, minlength=count))[:-1]
    return [m.tolist() for m in np.split(np.argsort(group, kind="stable"), ends)]


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
    defining = {j: i for i, j in enumerate(model.defines)}
    keep = (target >= 0) & (target != columns)
    for component in components(n, target[keep], columns[keep]):
        for j in component:
            i = defining.get(j, -1)
            if i < 0 or model.equations[i].function is None:
                continue
            if len(component) > 1 or j in model.parents(i):
                require_start(model, j, component)
            elif model.names[j] not in starts:
                model.values[model.names[j]] = model.evaluate(i)


def matched(model: Model, traced: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, bool]:
    """Return which entry of a variable each entry of an equation determines.

    And whether that is so without the entries that a choice has left out.

    Parameters
    ----------
    traced : from `traced_places`

    Raises
    ------
    StructureError
        With the names of the over- and the under-determined part.
    """
    sizes, heights = model.sizes, model.equation_sizes
    offsets, equation_offsets = bounds_of(model)
    shape = (int(equation_offsets[-1]), int(offsets[-1]))
    found = match(pattern(traced, shape))
    sure = not isinstance(found, Deficiency)
    if isinstance(found, Deficiency) and shape[0] == shape[1]:
        # Values must not decide structure: count what the branches not taken may hold.
        possible = undecided(model, offsets, equation_offsets)
        found = match(pattern(np.concatenate([traced, possible], axis=1), shape))
    if not isinstance(found, Deficiency):
        return found, sure
    equations = EntryNames(zip(model.equation_names, heights.tolist(), strict=True))
    variables = EntryNames(zip(model.names, sizes.tolist(), strict=True))
    raise StructureError(
        found.told(equations, variables)
        + ". Add or remove a residual equation, or declare an input instead of an unknown"
    )


def pattern(places: Any, shape: tuple[int, int]) -> sp.csr_array:
    """Return the sparsity pattern with entries at ``places``, (rows, columns)."""
    rows, columns = places
    return sp.coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()


def undecided(model: Model, offsets: np.ndarray, equation_offsets: np.ndarray) -> np.ndarray:
    """Return (rows, columns) of all blocks whose entries depend on a choice that values made."""
    places = [np.zeros((2, 0), dtype=np.int64)]
    for i, e in enumerate(model.equations):
        for j in model.local(i).undecided() if e.function is not None else ():
            rows = np.arange(equation_offsets[i], equation_offsets[i + 1])
            columns = np.arange(offsets[j], offsets[j + 1])
            refuse_too_large(len(rows) * len(columns), "The pattern of a constraint with branches")
            places.append(np.stack([np.repeat(rows, len(columns)), np.tile(columns, len(rows))]))
    return np.concatenate(places, axis=1)


def groups(model: Model, entry_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the groups of equations and of variables: those matched in some entry are together.

    Groups are numbered by their first variable, which keeps the order of declaration.
    """
    m, n = len(model.equations), len(model)
    equation = np.repeat(np.arange(m), model.equation_sizes)
    variable = np.repeat(np.arange(n), model.sizes)
    pairs = np.unique(np.stack([equation, variable[entry_of]]), axis=1)
    graph = sp.coo_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1] + m)), shape=(m + n, m + n))
    _, label = csgraph.connected_components(graph.tocsr(), directed=False)
    number: dict[int, int] = {}
    for x in [*label[m:].tolist(), *label[:m].tolist()]:
        number.setdefault(x, len(number))
    named = np.array([number[x] for x in label.tolist()], dtype=np.int64)
    return named[:m], named[m:]


def final(model: Model) -> tuple[int, ...]:
    """Return the variables of constraints that no equation reads, in the order of solution."""
    read = {j for i in range(len(model.equations)) for j in model.parents(i)}
    defined = {
        j for j, e in zip(model.defines, model.equations, strict=True) if j >= 0 and e.function
    }
    wanted, order = defined - read, [j for b in model.blocks for j in b.variables]
    return tuple(j for j in order if j in wanted) or tuple(order[-1:])
