"""What of a multiplier system is kept, by names of variables, of entries and of scopes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from lagrad.status import ArgumentError, suggestion

#: The name of an entry: of ``W[0, 1]`` the variable, and the index.
ENTRY = re.compile(r"(.+)\[(\d+(?:, ?\d+)*)\]")


def names_of(name: str, shape: tuple[int, ...]) -> Iterator[str]:
    """Yield the name of each entry of an array, in C order."""
    for index in np.ndindex(shape):
        yield f"{name}[{', '.join(map(str, index))}]" if index else name


def as_names(keep: Any) -> list[str]:
    """Return names that were given as one, or as several."""
    if not isinstance(keep, Iterable):
        raise ArgumentError(f"keep is {keep!r}; give names of variables and of scopes")
    names = [keep] if isinstance(keep, str) else list(keep)
    for name in names:
        if not isinstance(name, str):
            raise ArgumentError(f"keep: {name!r} is no name of a variable or of a scope")
    return names


def members(system: Any) -> dict[str, list[int]]:
    """Return the variables of each scope, by its names with dots between them."""
    found: dict[str, list[int]] = {}
    for j, path in enumerate(system.scopes):
        for depth in range(1, len(path) + 1):
            found.setdefault(".".join(path[:depth]), []).append(j)
    return found


def chosen(system: Any, scopes: dict[str, list[int]], name: str) -> list[int]:
    """Return the variables that a name means; none if there is no such name."""
    own = [system.index[name]] if name in system.index else scopes.get(name, [])
    if scopes.get(name, own) != own:
        raise ArgumentError(
            f"keep: {name!r} is a variable, and a scope of others: call one something else"
        )
    return own


def entry_of(system: Any, name: str) -> str | None:
    """Return the name of an entry of an array as it is written here, None if it is none."""
    found = None if name in system.index else ENTRY.fullmatch(name)
    if found is None or found.group(1) not in system.index:
        return None
    return f"{found.group(1)}[{', '.join(re.split(', ?', found.group(2)))}]"


def by_entries(system: Any, names: list[str]) -> list[str]:
    """Return names of entries in the place of all others."""
    scopes = members(system)
    found: list[str] = []
    for name in names:
        whole = chosen(system, scopes, name)
        parts = (names_of(system.variables[j], system.model.shape(j)) for j in whole)
        found += chain.from_iterable(parts) if whole else [entry_of(system, name) or name]
    return found


def kept_variables(system: Any, names: list[str]) -> list[int]:
    """Return the variables that are named, or stand in a scope that is."""
    scopes = members(system)
    kept: set[int] = set()
    for name in names:
        found = chosen(system, scopes, name)
        if not found:
            known = suggestion(name, [*system.index, *scopes])
            raise ArgumentError(f"keep: there is no variable and no scope {name!r}{known}")
        kept.update(found)
    if not kept:
        raise ArgumentError("keep names no variable, so that nothing would be left of the system")
    for j in sorted(kept):
        if system.model.widths[j] == 2:
            raise ArgumentError(f"{system.variables[j]} is complex; keep real variables")
    return sorted(kept)


def kept_equations(system: Any, kept: Collection[int]) -> list[int]:
    """Return the equations that define what is kept, or belong to a cycle that is kept whole."""
    found: set[int] = set()
    for block, equations in zip(system.blocks, system.equation_blocks, strict=True):
        here = [j for j in block if j in kept]
        if len(here) == len(block):
            found.update(equations)
        elif here and any(system.defines[i] < 0 for i in equations):
            names = ", ".join(system.variables[j] for j in block[:8]) + ", ..." * (len(block) > 8)
            raise ArgumentError(
                f"keep takes {system.variables[here[0]]} out of the cycle of {names}, whose "
                "residual equations belong to all of them together: keep all, or none"
            )
        else:
            found.update(i for i in equations if system.defines[i] in here)
    return sorted(found)
