"""A at a level: which of its rows and columns are seen as one.

    entries     a row is a number
    variables   a row is a named variable
    scopes      a row is a scope, or a variable that stands in none

A cell of the picture is filled if an entry of A is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from lagrad.order import components
from lagrad.status import ArgumentError

#: Up to so many variables are seen one by one where no level is asked for.
NAMED = 60
LEVELS = ("entries", "variables", "scopes")

Path = tuple[str, ...]
Blocks = Sequence[tuple[int, ...]]


class Groups(NamedTuple):
    """What is seen as one at the level of scopes, in the order of solution.

    Attributes
    ----------
    keys : list of (tuple of str, or str)
        The path of a scope, or the name of a variable or equation that stands in none.
    of_variables, of_equations : int arrays
        The group of each variable, and of each equation.
    """

    keys: list[Path | str]
    of_variables: np.ndarray
    of_equations: np.ndarray


@dataclass(frozen=True)
class Level:
    """A, as it is seen.

    Attributes
    ----------
    name : {"entries", "variables", "scopes"}
    rows, columns : tuples of str
        The members of both sides: variables or scopes, and equations or scopes.
    row_offsets, column_offsets : int arrays
        Where the rows (columns) of each member begin.
    row_paths, column_paths : tuples of tuples of str
        The scopes around each member.
    places : (int array, int array)
        Rows and columns of what is filled.
    own : bool array
        Which of these are where an equation meets the variable that it defines.
    blocks, equation_blocks : tuples of tuples of int
        Members in the order of solution, those together that a cycle holds together.
    cycles : list of (members of the rows, members of the columns)
    of_variables, of_equations : int arrays
        The member that each variable, and each equation, belongs to.
    """

    name: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_offsets: np.ndarray
    column_offsets: np.ndarray
    row_paths: tuple[Path, ...]
    column_paths: tuple[Path, ...]
    places: tuple[np.ndarray, np.ndarray]
    own: np.ndarray
    blocks: Blocks
    equation_blocks: Blocks
    cycles: list[tuple[tuple[int, ...], tuple[int, ...]]]
    of_variables: np.ndarray
    of_equations: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.row_offsets[-1]), int(self.column_offsets[-1])


def multiplier_system(obj: Any) -> Any:
    """Return what has an A, from whatever leads to it."""
    if hasattr(obj, "block_pattern"):
        return with_values(obj)
    if hasattr(obj, "linearize"):  # Graph
        return obj.linearize()
    if hasattr(obj, "system"):  # Solution
        return with_values(obj.system)
    if hasattr(obj, "constraint"):  # System
        return obj.solve().system
    raise ArgumentError(
        "what is drawn is a MultiplierSystem, Graph, Solution or System, not "
        f"{type(obj).__name__}; for a function f take lg.trace(f, *args)"
    )


def with_values(system: Any) -> Any:
    """Return a system whose variables all have values; after a cycle that failed some have none."""
    held = getattr(system.model, "values", None)
    lost = [] if held is None else [name for name in system.variables if name not in held]
    if lost:
        raise ArgumentError(
            f"{lost[0]} has no value, since a cycle before it failed: lg.convergence(solution) and "
            "solution.report() say how"
        )
    return system


def cycles_told(count: int) -> str:
    """Return how many cycles there are, in words."""
    return {0: "acyclic", 1: "1 cycle"}.get(count, f"{count:,} cycles")


def seen(system: Any, level: str | None = None, depth: int | None = None) -> Level:
    """Return A of a ``MultiplierSystem`` at a level.

    Parameters
    ----------
    system : MultiplierSystem
    level : {"entries", "variables", "scopes"}, optional
        None takes scopes where there are any and more than 60 variables, else variables up to 60
        of them, else entries.
    depth : int, optional
        So many nested scopes are told apart; None tells all. Only with scopes.

    Raises
    ------
    ArgumentError
        There is no such level, or depth is no positive number or goes with another level.
    """
    if level is None:
        scoped = depth is not None or (len(system.variables) > NAMED and any(system.scopes))
        few = len(system.variables) <= NAMED
        level = "scopes" if scoped else "variables" if few else "entries"
    if level not in LEVELS:
        raise ArgumentError(f"level={level!r}; there are {', '.join(map(repr, LEVELS))} and None")
    whole = isinstance(depth, int | np.integer) and not isinstance(depth, bool)
    if depth is not None and (not whole or depth < 1 or level != "scopes"):
        raise ArgumentError(f"depth={depth!r}: a number from 1 on, with level='scopes'")
    return by_scopes(system, depth) if level == "scopes" else by_variables(system, level)


def by_variables(system: Any, level: str) -> Level:
    """Return A with a row for each variable, or for each entry of it."""
    if level == "variables":
        pattern = system.block_pattern
        offsets, equation_offsets = (np.arange(n + 1) for n in pattern.shape)
    else:
        pattern, offsets, equation_offsets = system.A, system.offsets, system.equation_offsets
    filled = pattern.tocoo()  # with the stored zeros: structure decides, values do not
    rows, columns = filled.coords
    blocks, equations = system.blocks, system.equation_blocks
    cyclic = [k for k, flag in enumerate(system.cyclic) if flag]
    return Level(
        level,
        system.variables,
        system.equations,
        offsets,
        equation_offsets,
        system.scopes,
        system.equation_scopes,
        (rows, columns),
        own_rows(system.defines, offsets, equation_offsets)[columns] == rows,
        blocks,
        equations,
        [(blocks[k], equations[k]) for k in cyclic],
        np.arange(len(system.variables)),
        np.arange(len(system.equations)),
    )


def own_rows(defines: Any, offsets: np.ndarray, equation_offsets: np.ndarray) -> np.ndarray:
    """Return for each column the row of the variable that its equation defines, -1 for none."""
    sizes = np.diff(equation_offsets)
    defines = np.asarray(defines, dtype=int)
    starts = np.append(offsets, 0)[np.where(defines >= 0, defines, -1)]
    shift = np.where(defines >= 0, starts - equation_offsets[:-1], -(equation_offsets[-1] + 1))
    return np.maximum(np.arange(equation_offsets[-1]) + np.repeat(shift, sizes), -1)


def by_scopes(system: Any, depth: int | None) -> Level:
    """Return A with a row for each scope, and for each variable that stands in none."""
    groups = grouped(system, depth)
    n, v, e = len(groups.keys), groups.of_variables, groups.of_equations
    filled = system.block_pattern.tocoo()
    equations, variables = np.divmod(np.unique(e[filled.col] * n + v[filled.row]), max(n, 1))
    # What is found together is one block: it leads to a node of the block's own, and back.
    ends = np.append(
        v[list(chain.from_iterable(system.blocks))],
        e[list(chain.from_iterable(system.equation_blocks))],
    )
    sizes = [[len(block) for block in side] for side in (system.blocks, system.equation_blocks)]
    nodes = n + np.concatenate([np.repeat(np.arange(len(size)), size) for size in sizes])
    found = components(
        n + len(system.blocks),
        np.concatenate([equations, ends, nodes]),
        np.concatenate([variables, nodes, ends]),
    )
    blocks = [tuple(k for k in block if k < n) for block in found]
    rows, columns = Members.of(groups.keys, v), Members.of(groups.keys, e)
    held = dict.fromkeys(
        tuple(np.unique(np.append(v[list(a)], e[list(b)])).tolist())
        for a, b, cyclic in zip(system.blocks, system.equation_blocks, system.cyclic, strict=True)
        if cyclic
    )
    return Level(
        "scopes",
        rows.names,
        columns.names,
        np.arange(len(rows.names) + 1),
        np.arange(len(columns.names) + 1),
        rows.paths,
        columns.paths,
        (rows.number[variables], columns.number[equations]),
        variables == equations,
        [rows.among(block) for block in blocks],
        [columns.among(block) for block in blocks],
        [(rows.among(members), columns.among(members)) for members in held],
        rows.number[v],
        columns.number[e],
    )


class Members(NamedTuple):
    """The groups that have variables, or those that have equations."""

    names: tuple[str, ...]
    paths: tuple[Path, ...]
    number: np.ndarray

    @classmethod
    def of(cls, keys: list[Path | str], groups: np.ndarray) -> Members:
        """Number the groups that are there."""
        here = np.unique(groups)
        number = np.full(len(keys), -1)
        number[here] = np.arange(len(here))
        found = [keys[k] for k in here]
        names = tuple(key if isinstance(key, str) else ".".join(key) for key in found)
        return cls(names, tuple(() if isinstance(key, str) else key for key in found), number)

    def among(self, groups: Sequence[int]) -> tuple[int, ...]:
        """Return the numbers of groups, without those that are not there."""
        return tuple(int(k) for k in self.number[list(groups)] if k >= 0)


def grouped(system: Any, depth: int | None = None) -> Groups:
    """Return what is seen as one at the level of scopes.

    An input stands in the scope that reads it, if no other does: a layer has its weights.
    """
    variables = [path[:depth] for path in system.scopes]
    equations = [path[:depth] for path in system.equation_scopes]
    taken = set()
    for j, own, readers in inputs_with_readers(system):
        scopes = {equations[i] for i in readers.tolist()}
        if not variables[j] and len(scopes) == 1:
            variables[j] = equations[own] = scopes.pop()
            taken.add(j)
    pairs = zip(variables, system.variables, strict=True)
    of_variables: list[Path | str] = [path or name for path, name in pairs]
    pairs = zip(equations, system.equations, strict=True)
    of_equations: list[Path | str] = [path or name for path, name in pairs]
    number: dict[Path | str, int] = {}
    # What is computed says which group comes first, not the inputs that a group has taken in.
    for k in chain.from_iterable(system.blocks):
        if k not in taken:
            number.setdefault(of_variables[k], len(number))
    for key in of_equations:
        number.setdefault(key, len(number))
    return Groups(
        list(number),
        np.array([number[key] for key in of_variables], dtype=int),
        np.array([number[key] for key in of_equations], dtype=int),
    )


def inputs_with_readers(system: Any) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield each input, its own equation, and the equations that read it."""
    pattern = system.block_pattern.tocsc()
    defines = np.asarray(system.defines, dtype=int)
    by_row = pattern.tocsr()
    for i in np.flatnonzero((np.diff(pattern.indptr) == 1) & (defines >= 0)).tolist():
        j = int(defines[i])
        if pattern.indices[pattern.indptr[i]] == j:
            readers = by_row.indices[by_row.indptr[j] : by_row.indptr[j + 1]]
            yield j, i, readers[readers != i]


def strengths(system: Any, level: Level) -> np.ndarray:
    """Return for each place that is drawn the entry of A in it that is largest; NaN is larger."""
    entries = system.A.tocoo()
    if level.name == "entries":
        return np.asarray(entries.data)
    rows = np.repeat(level.of_variables, np.diff(system.offsets))[entries.row]
    columns = np.repeat(level.of_equations, np.diff(system.equation_offsets))[entries.col]
    cells, data = largest_in(rows * level.shape[1] + columns, entries.data)
    found = np.zeros(len(level.own))  # A place may be filled by an array of no entries.
    wanted = level.places[0] * level.shape[1] + level.places[1]
    at = np.minimum(np.searchsorted(cells, wanted), max(len(cells) - 1, 0))
    here = cells[at] == wanted if len(cells) else np.zeros(len(wanted), dtype=bool)
    found[here] = data[at[here]]
    return found


def largest_in(cells: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells that hold data, each once, and the largest of each by its magnitude."""
    order = np.lexsort((np.nan_to_num(np.abs(data), nan=np.inf), cells))
    last = np.append(np.diff(cells[order]) != 0, True)[: len(cells)]
    return cells[order][last], data[order][last]
