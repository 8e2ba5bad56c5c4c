"""What the lines of a program are called: by the names of the user's own variables."""

from __future__ import annotations

import builtins
import dis
import keyword
import re
from collections.abc import Container, Iterable
from functools import lru_cache
from typing import Any

from lagrad.compile.program import Instruction


@lru_cache(maxsize=256)
def stores(code: Any) -> dict[int, str]:
    """Return, for places in a code object, the name that the result there is given to."""
    found, before = {}, -1
    for step in dis.get_instructions(code):
        if before >= 0 and step.opname.startswith(("STORE_FAST", "STORE_NAME", "STORE_DEREF")):
            name = step.argval[0] if isinstance(step.argval, tuple) else step.argval
            found[before] = str(name)
        before = step.offset
    return found


def stored_as(row: Instruction) -> str:
    """Return the user's variable that a result is given to, "" if there is none."""
    return "" if row.code is None else stores(row.code).get(row.at, "")


def is_named(row: Instruction) -> bool:
    """True if the user has a name for a value, or for that which it is the multiplier of."""
    if row.name:
        return True
    return bool(stored_as(row) if row.of is None else row.of.name or stored_as(row.of))


def named(
    rows: Iterable[Instruction], taken: set[str], nameless: Container[int] = ()
) -> dict[int, str]:
    """Return a name for each instruction, by its id: the user's, ``lam_`` and it, or a number.

    Those in ``nameless``, by their ids, get none.
    """
    names: dict[int, str] = {}
    used = set(taken) | RESERVED

    def free(name: str) -> str:
        if not name.isidentifier():
            name = re.sub(r"\W+", "_", name).strip("_") or "x"
            name = f"_{name}" if name[0].isdigit() else name
        if name not in used and not (name[0] in "_po" and is_reserved(name)):
            used.add(name)
            return name
        k = counts.get(name, 1) + 1
        while f"{name}_{k}" in used:
            k += 1
        counts[name] = k
        used.add(f"{name}_{k}")
        return f"{name}_{k}"

    counts: dict[str, int] = {}
    number = 0
    for row in rows:
        if id(row) in nameless:
            continue
        given = row.name
        if not given and row.of is not None and id(row.of) in names:
            given = f"lam_{names[id(row.of)]}"
        if not given and row.of is None:
            given = stored_as(row)
        if given:
            names[id(row)] = free(given)
            continue
        number += 1
        while (given := f"t{number}") in used:
            number += 1
        used.add(given)
        names[id(row)] = given
    return names


def is_reserved(name: str) -> bool:
    """True for a name that the source uses for itself."""
    return name in RESERVED or re.match(r"_(k|a|tree)\d|(part|out)\d", name) is not None


#: What the source itself uses.
RESERVED = frozenset(
    [
        *("np", "math", "special", "linalg", "sp", "total", "stored", "constants", "by_blocks"),
        *("self", "_v", "_code", "rest", "options", "ndarray", "MISSING", "again", "careful"),
        *keyword.kwlist,
        *dir(builtins),
    ]
)
