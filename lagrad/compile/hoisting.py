"""Functions of what is gathered: found once for each entry, and gathered after it.

    f(x[i], y[i])  is  f(x, y)[i]

With few entries that are taken many times, costly functions are those of the few. What is exact for
the entries that are taken could warn for others, so that these must not exist: the indices are a
guard, and all entries are among them.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from lagrad.compile.emit import elementwise
from lagrad.compile.lines import UFUNCS
from lagrad.compile.program import ARGUMENT, CAPTURED, Instruction, content
from lagrad.compile.simplify import needed
from lagrad.compile.simplify.gathers import gather
from lagrad.compile.simplify.patterns import value_of

#: An entry has to be taken so many times.
TIMES = 4
#: Functions that are cheaper than it is to gather their results.
CHEAP = frozenset({np.add, np.subtract, np.multiply, np.negative, np.square, np.absolute})


#: What a program begins with.
ROOTS = frozenset({ARGUMENT, CAPTURED})


class Hoisting:
    """Which rows of a program are functions of gathered values alone."""

    def __init__(self, rows: Sequence[Instruction], outputs: Sequence[Any]) -> None:
        self.rows = rows
        self.guarded = {id(r.args[0]) for r in rows if r.function is content}
        self.sources: dict[int, tuple[Any, Any]] = {}
        self.lifted: dict[int, Any] = {}
        self.users: dict[int, list[int]] = {}
        for row in rows:
            self.look(row)
            for part in row.parents():
                self.users.setdefault(id(part), []).append(id(row))
        for out in outputs:
            self.users.setdefault(id(out), []).append(id(outputs))
        for row in reversed(rows):
            self.leave(row)

    def look(self, row: Instruction) -> None:
        """Note a row that gathers, or that depends on what is gathered alone."""
        found = gather(row)
        if found is not None:
            x, i = found
            few = x.value.ndim == 1 and TIMES * x.value.size <= row.value.size
            if few and (type(i) is not Instruction or id(i) in self.guarded):
                if self.is_complete(i, x.value.size):
                    self.sources[id(row)] = found
            return
        function = UFUNCS.get(row.function, row.function)
        if not isinstance(function, np.ufunc) or not elementwise(function) or row.kwargs:
            return
        above = [i for i in map(self.index, row.args) if i is not None]
        if above and all(i is above[0] for i in above):
            if all(self.index(p) is not None or is_number(p) for p in row.args):
                self.lifted[id(row)] = above[0]

    def index(self, part: Any) -> Any:
        """Return the indices by which a value is gathered, or could be."""
        return self.sources[id(part)][1] if id(part) in self.sources else self.lifted.get(id(part))

    def is_complete(self, i: Any, n: int) -> bool:
        """True if indices name each of n entries."""
        at = i.value if type(i) is Instruction else i
        return len(np.unique(at % n)) == n

    def is_needed(self, key: int, but: int = 0) -> bool:
        """True if a value is needed with all its entries by another row than ``but``."""
        return any(k not in self.lifted for k in self.users.get(key, ()) if k != but)

    def leave(self, row: Instruction) -> None:
        """Leave a cheap function where it is, if all that it takes is there."""
        key = id(row)
        cheap = UFUNCS.get(row.function, row.function) in CHEAP
        if key in self.lifted and cheap and self.is_needed(key):
            if all(self.is_needed(id(p), but=key) for p in row.parents() if not is_number(p)):
                del self.lifted[key]


def is_number(part: Any) -> bool:
    """True for a number."""
    value = part.value if type(part) is Instruction else part
    return not np.shape(value) and isinstance(value, int | float | np.number)


def hoisted(rows: list[Instruction], outputs: Sequence[Any]) -> list[Instruction]:
    """Return the rows with functions of few entries before they are gathered."""
    found = Hoisting(rows, outputs)
    if not found.lifted:
        return rows
    few: dict[int, Instruction] = {}
    kept: list[Instruction] = []
    # Before anything is found for entries that other indices would leave out.
    early = {id(r): r for r in rows if r.function is content and r.args[0].function in ROOTS}
    for row in rows:
        key = id(row)
        if key in found.lifted:
            args = tuple(
                few.get(id(p)) or (found.sources[id(p)][0] if id(p) in found.sources else p)
                for p in row.args
            )
            with np.errstate(all="ignore"):
                value = row.function(*map(value_of, args))
            few[key] = small = Instruction(row.function, args, {}, value)
            kept.append(small)
            if not found.is_needed(key):
                small.name, small.of, small.code, small.at = row.name, row.of, row.code, row.at
                continue
            row.function, row.args = operator.getitem, (small, found.lifted[key])
        if key not in early:
            kept.append(row)
        kept += [guard for guard in early.values() if guard.args[0] is row]
    return needed(kept, outputs)[0]
