"""What a diagram shows: nodes, edges, cycles and scopes, as plain data.

A node is a variable with the constraint that defines it, a residual equation, a scope, or an entry.
An edge leads from what is read to who reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lagrad.status import ArgumentError
from lagrad.views.formulas import functions
from lagrad.views.level import NAMED, Level, Path, seen
from lagrad.views.repeats import Repeats, repeats

#: Up to so many nodes are read with pleasure, and so many can be drawn at all.
FEW, MOST = 120, 300
#: More edges cannot be followed by the eye.
TANGLED = 1_200


class Node(NamedTuple):
    """One node.

    Attributes
    ----------
    name : str
    function : str
        Of its constraint; "input" for one that has none, "" where it has no name of its own.
    shape : tuple of int, or None
        None for a scope.
    kind : {"input", "variable", "equation", "scope"}
    path : tuple of str
        The scopes around it.
    variables, equations : tuples of int
        What it stands for.
    entry : int or None
        At the level of entries: which of the variable, or of the equation.
    output : bool
    """

    name: str
    function: str
    shape: tuple[int, ...] | None
    kind: str
    path: Path
    variables: tuple[int, ...]
    equations: tuple[int, ...]
    entry: int | None
    output: bool


class Network(NamedTuple):
    """Nodes and what joins them.

    Attributes
    ----------
    level : str
    nodes : list of Node
    edges : list of (int, int)
    cycles : list of tuples of int
        The nodes that are found together.
    runs : dict
        The scope that is drawn -> all scopes that it stands for; see `Repeats`.
    """

    level: str
    nodes: list[Node]
    edges: list[tuple[int, int]]
    cycles: list[tuple[int, ...]]
    runs: dict[Path, tuple[Path, ...]]


def network(
    system: Any, level: str | None = None, depth: int | None = None, collapse: bool = True
) -> Network:
    """Return what is drawn of a ``MultiplierSystem``.

    Without a level the variables, if they are few; else scopes, as deep as there are few.

    Raises
    ------
    ArgumentError
        There are too many nodes, or the level is unknown.
    """
    scoped = any(system.scopes)
    if level is None and (depth is not None or not scoped):
        level = "variables" if depth is None else "scopes"
    # What cannot become few is refused before any work.
    if level == "entries":
        refuse_many(int(system.offsets[-1]), level, scoped)
    if level == "variables" and not scoped:
        refuse_many(len(system.variables), level, scoped)
    few = NAMED if scoped and collapse else FEW
    names = functions(system)
    alike = repeats(system, names, collapse)
    choices: list[tuple[str | None, int | None]] = [(level, depth)]
    if level is None:
        deepest = max(map(len, system.scopes))
        choices = [("scopes", k) for k in range(deepest, 0, -1)]
        if len(np.unique(alike.drawn)) <= few:
            choices = [("variables", None)]
    for chosen, at in choices:
        found = joined(system, seen(system, chosen, at), alike, names)
        if len(found.nodes) <= few:
            break
    refuse_many(len(found.nodes), found.level, scoped, chosen == "scopes" and at == 1)
    refuse_tangled(len(found.edges))
    return found


def refuse_tangled(edges: int) -> None:
    """Refuse what takes long to lay out, and could not be followed."""
    if edges > TANGLED:
        raise ArgumentError(
            f"a diagram of {edges:,} edges could not be followed (the most is {TANGLED:,}): "
            "lg.spy(obj) draws any number"
        )


def refuse_many(count: int, level: str, scoped: bool, coarsest: bool = False) -> None:
    """Refuse what nobody could read."""
    if count <= MOST:
        return
    ways = ["lg.spy(obj) draws any number"]
    if level == "entries":
        ways.insert(0, "level='variables' draws variables")
    if scoped and not coarsest:
        ways.insert(0, "level='scopes', depth=1 draws scopes")
    if not scoped:
        ways.append("groups that lg.scope or System.include names are drawn as one")
    raise ArgumentError(
        f"a diagram of {count:,} nodes at level={level!r} could not be read (the most is {MOST}): "
        + "; ".join(ways)
    )


def joined(system: Any, level: Level, alike: Repeats, names: Sequence[str]) -> Network:
    """Return nodes and edges at a level, copies left out."""
    of_columns = column_nodes(level)
    variables, equations = stood_for(level, of_columns)
    count = len(variables)
    element = np.array(
        [
            v[0] if v else alike.of_equations[e[0]]
            for v, e in zip(variables, equations, strict=True)
        ],
        dtype=int,
    )
    first = np.full(len(alike.drawn), count)
    np.minimum.at(first, element, np.arange(count))
    if level.name == "scopes":  # more elements than nodes
        for k in range(count - 1, -1, -1):
            first[list(variables[k])] = k
            first[alike.of_equations[list(equations[k])]] = k
    entry = np.arange(count) - first[element]
    stands = first[alike.drawn[element]] + entry
    kept = np.flatnonzero(stands == np.arange(count))
    number = np.full(count, -1)
    number[kept] = np.arange(len(kept))
    pairs = set()
    for a, b in zip(level.places[0].tolist(), of_columns[level.places[1]].tolist(), strict=True):
        into = number[b] >= 0 and not alike.within(element[a], element[b])
        if into and stands[a] != b:
            pairs.add((int(number[stands[a]]), int(number[b])))
    # An output that is a copy is seen in the one that is drawn.
    outputs = {int(alike.drawn[j]) for j in system.outputs}
    nodes = [
        node(system, level, alike, names, variables[k], equations[k], int(entry[k]), outputs)
        for k in kept.tolist()
    ]
    cycles = [
        {int(number[stands[k]]) for k in members} for members in cycle_nodes(level, of_columns)
    ]
    return Network(level.name, framed(nodes), sorted(pairs), merged(cycles), alike.runs)


def column_nodes(level: Level) -> np.ndarray:
    """Return the node of each column: that of the variable it defines, or one of its own."""
    rows, columns = level.shape
    found = np.full(columns, -1)
    found[level.places[1][level.own]] = level.places[0][level.own]
    if level.name == "scopes":
        at = {key: k for k, key in enumerate(zip(level.rows, level.row_paths, strict=True))}
        for k, key in enumerate(zip(level.columns, level.column_paths, strict=True)):
            found[k] = at.get(key, -1)
    missing = found < 0
    found[missing] = rows + np.arange(int(missing.sum()))
    return found


def stood_for(
    level: Level, of_columns: np.ndarray
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Return the variables, and the equations, that each node stands for."""
    count = max(level.shape[0], int(of_columns.max(initial=-1)) + 1)
    variables: list[list[int]] = [[] for _ in range(count)]
    equations: list[list[int]] = [[] for _ in range(count)]
    for j, member in enumerate(level.of_variables.tolist()):
        for k in range(level.row_offsets[member], level.row_offsets[member + 1]):
            variables[k].append(j)
    for i, member in enumerate(level.of_equations.tolist()):
        for k in range(level.column_offsets[member], level.column_offsets[member + 1]):
            equations[of_columns[k]].append(i)
    return [tuple(v) for v in variables], [tuple(e) for e in equations]


def cycle_nodes(level: Level, of_columns: np.ndarray) -> list[list[int]]:
    """Return the nodes of each cycle."""
    found = []
    for rows, columns in level.cycles:
        nodes = [k for m in rows for k in range(level.row_offsets[m], level.row_offsets[m + 1])]
        for m in columns:
            nodes += of_columns[level.column_offsets[m] : level.column_offsets[m + 1]].tolist()
        found.append(nodes)
    return found


def merged(cycles: list[set[int]]) -> list[tuple[int, ...]]:
    """Return sets that share no node: two cycles through one scope are seen as one."""
    found: list[set[int]] = []
    for cycle in cycles:
        apart = [other for other in found if not other & cycle]
        found = [*apart, cycle.union(*(other for other in found if other & cycle))]
    return [tuple(sorted(cycle)) for cycle in found]


def node(
    system: Any,
    level: Level,
    alike: Repeats,
    names: Sequence[str],
    variables: tuple[int, ...],
    equations: tuple[int, ...],
    entry: int,
    outputs: set[int],
) -> Node:
    """Return one node."""
    output = not outputs.isdisjoint(variables)
    element = variables[0] if variables else alike.of_equations[equations[0]]
    if level.name == "scopes":
        member = level.of_variables[variables[0]] if variables else level.of_equations[equations[0]]
        path = (level.row_paths if variables else level.column_paths)[member]
        if path:
            name = ".".join(path)
            return Node(name, "", None, "scope", path, variables, equations, None, output)
    function = names[equations[0]] if equations else ""
    if variables:
        name, shape = system.variables[variables[0]], system.model.shape(variables[0])
        kind = "input" if function == "input" else "variable"
    else:
        name, shape = system.equations[equations[0]], system.equation_shape(equations[0])
        kind = "equation"
    path = alike.paths[element] if level.name != "scopes" else ()
    if level.name != "entries":
        return Node(name, function, shape, kind, path, variables, equations, None, output)
    if shape:
        at = np.unravel_index(entry % max(int(np.prod(shape)), 1), shape)
        name += f"[{', '.join(str(int(k)) for k in at)}]"
    return Node(name, function, (), kind, path, variables, equations, entry, output)


def framed(nodes: list[Node]) -> list[Node]:
    """Put a scope that is a node into its own frame if it has one, else into that around it."""
    around = {n.path[:depth] for n in nodes if n.kind == "scope" for depth in range(len(n.path))}
    return [
        n._replace(path=n.path if n.path in around else n.path[:-1]) if n.kind == "scope" else n
        for n in nodes
    ]
