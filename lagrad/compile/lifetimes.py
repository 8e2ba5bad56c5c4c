"""How long results live: who is the last to use one, and when its memory may go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lagrad.compile.functions import assigned, updated
from lagrad.compile.lines import UFUNCS
from lagrad.compile.matrices import OWNING as COPIED
from lagrad.compile.program import ARGUMENT, CAPTURED, GUARDS, Instruction, item
from lagrad.dispatch import all_finite

#: Arrays of so many entries are let go when they are not needed any more.
HEAVY = 1 << 10
#: In longer programs all are: memory that is free again is at hand, and in the cache.
LONG = 256
#: Functions whose results share no memory with their arguments.
OWNING = frozenset(
    {np.where, np.sum, np.max, np.min, np.mean, np.prod, np.cumsum, all_finite, assigned, updated}
    | COPIED
)


def last_uses(rows: Sequence[Instruction], outputs: Sequence[Any]) -> dict[int, int]:
    """Return which instruction is the last to use a result, where none may keep a view of it."""
    last: dict[int, int] = {}
    kept = {id(out) for out in outputs if type(out) is Instruction}
    for r in rows:
        function = UFUNCS.get(r.function, r.function)
        plain = isinstance(function, np.ufunc) or function in OWNING or function in GUARDS
        for p in r.parents():
            last[id(p)] = id(r)
            if not plain:
                kept.add(id(p))
    return {k: v for k, v in last.items() if k not in kept}


def last_mentions(
    rows: Sequence[Instruction], outputs: Sequence[Any]
) -> dict[int, list[Instruction]]:
    """Return, for each instruction, the large results whose names are not needed after it."""
    kept = {id(out) for out in outputs if type(out) is Instruction}
    kept |= {id(r.args[0]) for r in rows if r.function is all_finite}
    last: dict[int, Instruction] = {}
    large: dict[int, Instruction] = {}
    heavy = HEAVY if len(rows) <= LONG else 1
    for r in rows:
        for p in r.parents():
            if isinstance(p.value, np.ndarray) and p.value.size >= heavy and id(p) not in kept:
                if p.function not in (ARGUMENT, CAPTURED, item):
                    last[id(p)], large[id(p)] = r, p
    found: dict[int, list[Instruction]] = {}
    for key, r in last.items():
        found.setdefault(id(r), []).append(large[key])
    return found
