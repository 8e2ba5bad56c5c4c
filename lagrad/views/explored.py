"""A multiplier system as plain data for the explorer: what its page holds.

Rows and columns stand along two axes that all levels share: a scope has the stretch of its
variables, and an entry a part of that of its variable, so that zooming in never moves anything. A
variable of n numbers is 1 + log2(n) wide, which keeps numbers visible beside large arrays. From
top to bottom variables stand in an order of solution in which scopes stay together where they can.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lagrad.solve.interface import condition
from lagrad.status import LagradError, SizeError
from lagrad.views.formulas import formulas, source_lines, told_output, values
from lagrad.views.level import Level, cycles_told, seen, strengths

#: Up to so many variables, and entries of A, are written one by one.
VARIABLES, ENTRIES = 200_000, 1_000_000
#: Up to so many nested scopes are levels of their own.
DEPTH = 8
#: Of so many cycles, the largest ones, the condition is estimated; it costs solves.
CONDITIONS = 50

Page = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """Members in their order along an axis, and where each of them begins and the last one ends."""

    order: np.ndarray
    edges: np.ndarray

    @cached_property
    def rank(self) -> np.ndarray:
        """The place of each member in the order."""
        return np.argsort(self.order)

    def span(self, members: Sequence[int]) -> tuple[float, float]:
        """Return the begin and the end of members."""
        at = self.rank[list(members)]
        return float(self.edges[at.min()]), float(self.edges[at.max() + 1])


def explored(system: Any, of: Any = None) -> Page:
    """Return what the page shows of a ``MultiplierSystem``, as a dict that JSON takes.

    Parameters
    ----------
    system : MultiplierSystem
    of : str or dict, optional
        The output whose multipliers are shown; None is the last one.

    Raises
    ------
    SizeError
        There are more than 200,000 variables, and no scopes that group them.
    LagradError
        ``of`` was given, and its multipliers cannot be found.
    """
    said: list[str] = []
    depth = min(max(map(len, (*system.scopes, *system.equation_scopes)), default=0), DEPTH)
    nested = [seen(system, "scopes", d) for d in range(1, depth + 1)]
    count, most = len(system.variables), max(len(system.variables), len(system.equations))
    whole = most <= VARIABLES
    kept = [level for level in nested if max(level.shape) <= VARIABLES]
    if not whole and not kept:
        raise SizeError(
            f"A has {count:,} variables, a page holds {VARIABLES:,}, and there are no scopes that "
            "group them. Name groups with lg.scope, keep a part with system.condense(keep), or "
            "draw all of them with lg.spy"
        )
    entries = int(system.A.nnz)
    finest = whole and max(entries, *system.A.shape) <= ENTRIES
    if not whole:
        said.append(
            f"A has {count:,} variables, more than the {VARIABLES:,} that a page holds one by one: "
            "only scopes are shown"
        )
    elif not finest:
        said.append(
            f"A has {entries:,} entries, more than the {ENTRIES:,} that a page holds: only "
            "variables are shown, each block with its largest entry"
        )
    shown = kept + ([seen(system, "variables")] if whole else [])
    rows = placed(system, nested, shown, rows=True)
    columns = placed(system, nested, shown, rows=False)
    levels = [
        level_of(level, down, across, strengths(system, level))
        for level, down, across in zip(shown, rows, columns, strict=True)
    ]
    numbers = all(np.all(np.diff(o) == 1) for o in (system.offsets, system.equation_offsets))
    if finest:
        level = seen(system, "entries")
        # Where every variable is a number, its entry is all there is to see of it.
        levels[len(levels) - numbers :] = [
            level_of(level, rows[-1], columns[-1], strengths(system, level))
        ]
    page: Page = {
        "numbers": numbers,
        "reduced": list(said),
        "summary": summary(system, entries),
        "levels": levels,
        "cycles": cycles(system) if whole else [],
    }
    if whole:
        page |= sides(system)
    flat = flat_values(system)
    if whole and max(system.A.shape) <= ENTRIES:
        page |= {"values": packed(flat)} | multipliers(system, of, said)
    elif whole:
        said.append(f"values and multipliers are not shown: A has more than {ENTRIES:,} rows")
    page["said"] = [*said, *lost(system, flat, finest)]
    return page


def packed(numbers: Any) -> Any:
    """Return an array as base64 of its little-endian bytes: integers of 4, floats of 8."""
    if numbers is None:
        return None
    a = np.asarray(numbers)
    kind = "f8" if a.dtype.kind == "f" else "i4"
    data = np.ascontiguousarray(a, dtype=f"<{kind}").tobytes()
    return {"kind": kind, "base64": base64.b64encode(data).decode("ascii")}


# -- places --------------------------------------------------------------------------------------


def placed(system: Any, nested: list[Level], shown: list[Level], rows: bool) -> list[Axis]:
    """Return one axis of each level that is shown.

    The order of scopes at each depth is topological, and finer at each depth, so that their order
    by depth, then by solution, is topological for the variables too.
    """
    blocks = system.blocks if rows else system.equation_blocks
    offsets = system.offsets if rows else system.equation_offsets
    weights = 1 + np.log2(np.maximum(np.diff(offsets), 1))
    rank = np.empty(len(weights), dtype=int)
    flat = [k for block in blocks for k in block]
    rank[flat] = np.arange(len(flat))
    keys = [rank]
    for level in reversed(nested):
        keys.append(block_of(level, rows)[level.of_variables if rows else level.of_equations])
    order = np.lexsort(keys)
    place = np.empty(len(order), dtype=int)
    place[order] = np.arange(len(order))
    found = []
    for level in shown:
        if level.name == "variables":
            found.append(axis(order, weights))
            continue
        owner = level.of_variables if rows else level.of_equations
        first = np.full(len(level.rows if rows else level.columns), len(order))
        np.minimum.at(first, owner, place)
        size = np.bincount(owner, weights, len(first))
        found.append(axis(np.lexsort((first, block_of(level, rows))), size))
    return found


def axis(order: np.ndarray, weights: np.ndarray) -> Axis:
    """Put members with these widths side by side."""
    return Axis(order, np.concatenate([[0.0], np.cumsum(weights[order])]))


def block_of(level: Level, rows: bool) -> np.ndarray:
    """Return for each member the number of its block in the order of solution."""
    found = np.zeros(len(level.rows if rows else level.columns), dtype=int)
    for number, block in enumerate(level.blocks if rows else level.equation_blocks):
        found[list(block)] = number
    return found


# -- levels --------------------------------------------------------------------------------------


def level_of(level: Level, rows: Axis, columns: Axis, strength: np.ndarray) -> Page:
    """Return a level: its axes, what is filled by rows, and the frames of cycles and scopes.

    Entries come with the axes of their variables, which the page takes apart. ``own`` is for each
    column the row of the variable that its equation defines, or -1.
    """
    order = np.lexsort((level.places[1], level.places[0]))
    r, c = level.places[0][order], level.places[1][order]
    entries = level.name == "entries"
    count, across = level.shape if entries else (len(level.rows), len(level.columns))
    own = np.full(across, -1)
    own[c[level.own[order]]] = r[level.own[order]]
    frames = [[*rows.span(a), *columns.span(b)] for a, b in level.cycles if len(a) and len(b)]
    return {
        "name": level.name,
        "depth": max(map(len, level.row_paths), default=0) if level.name == "scopes" else 0,
        "names": [list(level.rows), list(level.columns)] if level.name == "scopes" else None,
        "rows": {"order": packed(rows.order), "edges": packed(rows.edges)},
        "columns": {"order": packed(columns.order), "edges": packed(columns.edges)},
        "starts": packed(np.concatenate([[0], np.cumsum(np.bincount(r, minlength=count))])),
        "indices": packed(c),
        "data": packed(strength[order].astype(float)),
        "own": packed(own),
        "cycles": packed(np.array(frames, dtype=float).ravel()),
    } | scope_frames(level, rows, columns)


def scope_frames(level: Level, rows: Axis, columns: Axis) -> Page:
    """Return (top, bottom, left, right) of scopes, and their columns.

    Those that the order of solution mixes with others stand together nowhere, and have no frame.
    """
    depth = max(map(len, level.row_paths), default=0)
    number = {path: i for i, path in enumerate(level.column_paths) if path and len(path) == depth}
    if level.name != "scopes":
        return {"frames": packed(np.zeros(0)), "framed": packed(np.zeros(0, dtype=int))}
    alone = {block[0] for block in level.blocks if len(block) == 1}
    pairs = [(j, number[p]) for j, p in enumerate(level.row_paths) if p in number and j in alone]
    found = [[*rows.span([j]), *columns.span([i])] for j, i in pairs]
    return {
        "frames": packed(np.array(found, dtype=float).ravel()),
        "framed": packed(np.array([i for _, i in pairs], dtype=int)),
    }


# -- what the rows and columns are ---------------------------------------------------------------


def sides(system: Any) -> Page:
    """Return the names, shapes and scopes of variables and equations, and the equations."""
    model = system.model
    shapes = [model.equation_shape(i) for i in range(len(system.equations))]
    where = source_lines(system)
    lines = {line: k for k, line in enumerate(dict.fromkeys(where))}
    distinct = dict.fromkeys((*system.scopes, *system.equation_scopes))
    paths = {path: k for k, path in enumerate(distinct)}
    return {
        "variables": side(system.variables, system.shapes, system.offsets, system.scopes, paths),
        "equations": side(
            system.equations, shapes, system.equation_offsets, system.equation_scopes, paths
        ),
        "paths": [".".join(path) for path in paths],
        "formulas": formulas(system),
        "lines": list(lines),
        "line": packed([lines[line] for line in where]),
        "defines": packed(np.asarray(system.defines, dtype=int)),
    }


def side(names: Any, shapes: Iterable[Any], offsets: Any, scopes: Any, paths: Any) -> Page:
    """Return names, the shapes of those that are arrays, offsets, and the number of the scopes."""
    return {
        "names": list(names),
        "shapes": {k: list(shape) for k, shape in enumerate(shapes) if shape},
        "offsets": packed(offsets),
        "scopes": packed([paths[path] for path in scopes]),
    }


def flat_values(system: Any) -> np.ndarray | None:
    """Return the values by rows of A, a complex one as (Re z, Im z)."""
    found = values(system)
    if found is None:
        return None
    return flattened(found, np.diff(system.offsets))


def flattened(arrays: Iterable[Any], sizes: np.ndarray, sign: float = 1.0) -> np.ndarray:
    """Return arrays as one vector, complex ones as (Re z, ``sign`` Im z) where there is room."""
    out = np.zeros(int(sizes.sum()))
    at = 0
    for z, size in zip(arrays, sizes.tolist(), strict=True):
        data = np.ravel(z.data if hasattr(z, "tocoo") else z)
        if size:
            out[at : at + len(data)] = data.real
            if size == 2 * len(data):
                out[at + len(data) : at + size] = sign * data.imag
        at += size
    return out


# -- multipliers and cycles ----------------------------------------------------------------------


def multipliers(system: Any, of: Any, said: list[str]) -> Page:
    """Return lam by columns of A, e_n by rows and how it was solved; nothing if it cannot be."""
    try:
        solution = system.solve(of)
        lam = [solution[name] for name in system.equations]
        rhs = system.flat(system.seeds(of), system.offsets)
    except LagradError as error:
        if of is not None:
            raise
        said.append(f"no multipliers: {error}")
        return {}
    where = np.flatnonzero(rhs)
    return {
        "of": told_output(system, of),
        # The multiplier w of a complex variable stands in A as (Re w, -Im w).
        "multipliers": packed(flattened(lam, np.diff(system.equation_offsets), -1.0)),
        "rhs": {"rows": where.tolist(), "data": rhs[where].tolist()},
        "why": solution.method,
    }


def cycles(system: Any) -> list[Page]:
    """Return variables, equations, size and condition of each cyclic block, in solve order."""
    found = [k for k, flag in enumerate(system.cyclic) if flag]
    size = {k: sum(math.prod(system.model.shape(j)) for j in system.blocks[k]) for k in found}
    estimated = set(sorted(found, key=lambda k: -size[k])[:CONDITIONS])
    return [
        {
            "variables": list(system.blocks[k]),
            "equations": list(system.equation_blocks[k]),
            "size": size[k],
            "condition": condition_of(system, k) if k in estimated else "not estimated",
        }
        for k in found
    ]


def condition_of(system: Any, k: int) -> str:
    """Return the estimated condition of block k in words."""
    try:
        m = system.block_matrix(k)
        found = condition(m, system.factor(k, m))
    except (LagradError, ArithmeticError, ValueError) as error:
        return f"not known: {str(error).splitlines()[0]}"
    return f"{found:.2g}" if math.isfinite(found) else "singular"


# -- what is said --------------------------------------------------------------------------------


def summary(system: Any, entries: int) -> str:
    """Count rows, columns, entries, variables and cycles."""
    n, count = sum(system.cyclic), len(system.variables)
    cyclic = cycles_told(n)
    rows, columns = system.A.shape
    return (
        f"A is {rows:,} \N{MULTIPLICATION SIGN} {columns:,}, {entries:,} "
        f"{'entry' if entries == 1 else 'entries'}, {count:,} "
        f"{'variable' if count == 1 else 'variables'}, {cyclic}"
    )


def lost(system: Any, flat: np.ndarray | None, finest: bool) -> list[str]:
    """Say which values and partials are NaN or infinite."""
    said = []
    if flat is not None and not np.isfinite(flat).all():
        bad = np.flatnonzero(~np.isfinite(flat))
        many = "1 value is" if len(bad) == 1 else f"{len(bad):,} values are"
        said.append(f"{many} NaN or infinite: {first(system, bad)}")
    a = system.A.tocoo()
    bad = np.flatnonzero(~np.isfinite(a.data))
    if len(bad):
        many = "1 entry of A is" if len(bad) == 1 else f"{len(bad):,} entries of A are"
        how = "crossed out" if finest else "their blocks are crossed out"
        said.append(f"{many} NaN or infinite, {how}: in the rows of {first(system, a.row[bad])}")
    return said


def first(system: Any, rows: np.ndarray) -> str:
    """Return the first names of the variables of these rows."""
    owners = np.unique(np.searchsorted(system.offsets, rows, side="right") - 1)
    names = [system.variables[j] for j in owners[:5].tolist()]
    return ", ".join(names) + (", ..." if len(owners) > 5 else "")
