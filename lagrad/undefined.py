"""Where a local partial is not unique or does not exist: kinks, ties, jumps, infinite slopes.

Each rule has a convention there (`lagrad.rules.kinks`), so that a gradient comes back. Whether it
is the one that is wanted only its reader can tell, so each such place can be listed.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lagrad.graph import Graph
from lagrad.partials import Scattered, resolved
from lagrad.solve.back_substitution import Sums
from lagrad.status import ArgumentError, UndefinedPartialError


@dataclass(frozen=True)
class UndefinedPartial:
    """A constraint whose partial is undefined at some of its entries.

    Attributes
    ----------
    constraint : str
        As ``z3 = maximum(x, y)``.
    where : str
        ``file:line`` of the code that made it, and the line itself.
    entries : int
        At how many entries of the value it is undefined.
    first : tuple of int
        The index of the first of them.
    convention : str
        What the rule takes there.
    """

    constraint: str
    where: str
    entries: int
    first: tuple[int, ...]
    convention: str

    def __str__(self) -> str:
        at = f" at {self.first}" if self.first else ""
        many = f"{self.entries} entries, the first{at}" if self.entries > 1 else f"one entry{at}"
        return f"{self.constraint} ({self.where}), {many}: {self.convention}"


def undefined_of(graph: Graph) -> list[UndefinedPartial]:
    """Return the undefined partials that the outputs of ``graph`` depend on, in order of rows.

    What a selection leaves out is not looked at: the branch not taken has no partials. Of a cycle
    the conditions at its solution are looked at, and of a rolled loop all of its steps.
    """
    sums = Sums()
    found: list[list[UndefinedPartial]] = []
    for i in graph.outputs:
        sums.add(i, np.ones(graph.shape(i)))
    with np.errstate(all="ignore"):
        for i in range(max(sums, default=-1), -1, -1):
            if i not in sums:
                continue
            _, mask = sums.pop(i)
            primitive = graph.primitive(i)
            if primitive.inside is not None:
                inside = primitive.inside(graph.columns.values[i], *graph.arguments(i))
                found.append(merged(one for inner in inside for one in undefined_of(inner)))
            if primitive.kink is not None:
                found.append(undefined_entries(graph, i, mask))
            for j, w, present in handed_on(graph, i, mask):
                sums.add(j, w, present)
    return [one for part in reversed(found) for one in part]


def handed_on(graph: Graph, i: int, mask: Any) -> Iterator[tuple[int, Any, Any]]:
    """Yield (j, some w, mask of the entries of z_j that what is present of z_i depends on)."""
    if graph.primitive(i).joint is not None:  # its partials cost a solve, and select nothing
        yield from ((j, np.ones(graph.shape(j)), None) for j in graph.parents(i))
        return
    for j, w, present in graph.pull(i, np.ones(graph.shape(i), graph.dtype(i))[()], mask):
        yield j, w if isinstance(w, Scattered) else np.ones(graph.shape(j)), present


def merged(found: Iterable[UndefinedPartial]) -> list[UndefinedPartial]:
    """Return one for each constraint, which the steps of a loop repeat."""
    seen: dict[tuple[str, str], UndefinedPartial] = {}
    for one in found:
        key = one.constraint, one.where
        if key in seen:
            one = replace(one, entries=one.entries + seen[key].entries)
        seen[key] = one
    return list(seen.values())


def undefined_entries(graph: Graph, i: int, mask: Any) -> list[UndefinedPartial]:
    """Return what is undefined in row i among the entries that are present."""
    kink, (args, kwargs) = graph.primitive(i).kink, graph.arguments(i)
    assert kink is not None
    at = kink.where(graph.columns.values[i], *args, **kwargs)
    here = resolved(mask)
    at = np.broadcast_to(at if here is None else np.logical_and(at, here), graph.shape(i))
    if not at.any():
        return []
    first = tuple(int(k) for k in np.argwhere(at)[0])
    line = graph.line(i)
    source = f": {linecache.getline(*line).strip()}" if line else ""
    where = (graph.where(i) or "an input") + source
    return [UndefinedPartial(str(graph.constraint(i)), where, int(at.sum()), first, kink.says)]


def refuse_undefined(graph: Graph, undefined: str) -> None:
    """Raise if a partial that the outputs depend on is undefined, and that is asked for.

    Raises
    ------
    UndefinedPartialError
        With the first of them.
    """
    if undefined not in ("convention", "raise"):
        raise ArgumentError(f"undefined={undefined!r}; there are 'convention' and 'raise'")
    if undefined == "convention":
        return
    found = undefined_of(graph)
    if found:
        more = f"; {len(found) - 1} more constraints, see lg.undefined_partials" * (len(found) > 1)
        raise UndefinedPartialError(
            f"a partial is undefined in {found[0]}{more}. Move the argument off that point, write "
            "it with a function that is smooth there, or leave out undefined='raise' to take the "
            "convention"
        )
