"""Numbers that are written inside the one line that uses them, as in ``x + h * (y - x)``.

What has a name of the user's keeps its line. A nested number is let go at once: a program of
numbers is faster by a quarter than with a variable for each.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from lagrad.compile.lines import FLOATS
from lagrad.compile.names import is_named
from lagrad.compile.program import Instruction

#: How tightly an operation binds.
SUM, PRODUCT, SIGN, CALL = 1, 2, 3, 4
LEVELS: dict[Any, int] = {
    **dict.fromkeys((operator.add, operator.sub, np.add, np.subtract), SUM),
    **dict.fromkeys((operator.mul, operator.truediv, np.multiply, np.divide), PRODUCT),
    **dict.fromkeys((operator.neg, np.negative), SIGN),
    **dict.fromkeys((np.exp, np.log, np.sin, np.cos, np.sqrt, np.tanh), CALL),
}
#: A line has so many operations at most, and what is nested was written so near before it.
OPERATIONS, NEAR = 7, 40


def nested(rows: Sequence[Instruction], outputs: Sequence[Any]) -> set[int]:
    """Return the ids of the numbers that are written inside another line."""
    users: dict[int, list[int]] = {id(out): [-1] for out in outputs if type(out) is Instruction}
    for k, row in enumerate(rows):
        for part in row.parents():
            users.setdefault(id(part), []).append(k)
    found: set[int] = set()
    for k, row in enumerate(rows):
        uses = users.get(id(row), ())
        if len(uses) != 1 or not 0 < uses[0] - k <= NEAR or not is_number(row) or is_named(row):
            continue
        user = rows[uses[0]]
        if is_number(user) and operations(user, found) + operations(row, found) <= OPERATIONS:
            found.add(id(row))
    return found


def is_number(row: Instruction) -> bool:
    """True for an operation on float64 numbers alone."""
    if row.function not in LEVELS or row.kwargs or type(row.value) not in FLOATS:
        return False
    parts = (part.value if type(part) is Instruction else part for part in row.args)
    return all(type(part) in FLOATS or type(part) is int for part in parts)


def operations(row: Instruction, found: set[int]) -> int:
    """Return the number of operations in a row with what is nested in it; they are few."""
    count, stack = 0, [row]
    while stack:
        count += 1
        stack += [p for p in stack.pop().parents() if id(p) in found]
    return count


def level_of(row: Instruction) -> int:
    """Return how tightly the operation of a nested number binds."""
    return LEVELS[row.function]


def needed_level(function: Any, place: int) -> int:
    """Return how tightly an argument has to bind that stands without parentheses."""
    level = LEVELS.get(function, CALL + 1)
    if level == CALL:
        return 0
    return level + (place > 0) if level in (SUM, PRODUCT) else level
