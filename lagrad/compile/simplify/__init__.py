"""Rewriting a program into a shorter one that gives the same values.

    facts -> rules, row by row -> dead code -> again, while a rule fits

Each rule is a named function of one instruction; its docstring says what it writes for what, and
whether that is exact or within how much. Rules are tables, a room a subject: arithmetic, shapes,
factors, selections, slopes, reductions, forward values that are used again, sums, what is put into
zeros, windows and convolutions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from lagrad.compile.program import Instruction
from lagrad.compile.simplify import (
    arithmetic,
    convolutions,
    factors,
    filling,
    gathers,
    products,
    reductions,
    reuse,
    selections,
    shapes,
    slopes,
    stretched,
    sums,
    windows,
)
from lagrad.compile.simplify.finite import Facts
from lagrad.compile.simplify.passes import asked, needed, passes
from lagrad.compile.simplify.rules import Room, Rule, key_of
from lagrad.compile.simplify.written import LINES as WRITTEN


def table(*rooms: Room) -> dict[Any, tuple[Rule, ...]]:
    """Return, for each function, the rules of its families."""
    found: dict[Any, tuple[Rule, ...]] = {}
    for room in rooms:
        for family, rules in room.items():
            for function in family:
                found[function] = (*found.get(function, ()), *rules)
    return found


LOCAL: tuple[Room, ...] = (
    selections.RULES,
    slopes.RULES,
    shapes.RULES,
    stretched.RULES,
    gathers.RULES,
    reductions.RULES,
    products.RULES,
    reuse.RULES,
    arithmetic.RULES,
    factors.RULES,
    filling.RULES,
)
#: The first pass, those that follow, and those when nothing else is found.
FIRST = table(*LOCAL)
LATE = (selections.LATE, *LOCAL, reductions.LATE, products.LATE, sums.RULES)
AFTER, LAST = table(*LATE), table(*LATE, windows.LAST, convolutions.LAST)
#: All rules by name.
RULES: dict[str, Rule] = {
    rule.__name__: rule
    for stage in (FIRST, AFTER, LAST)
    for rules in stage.values()
    for rule in rules
}
#: How functions that only simplified programs have are written.
LINES: dict[Any, Any] = {**WRITTEN, **windows.LINES}


def simplified(
    rows: Sequence[Instruction],
    outputs: Sequence[Any],
    checked: bool,
    only: Iterable[str] | None = None,
    fired: Counter[str] | None = None,
) -> tuple[list[Instruction], list[Any]]:
    """Return a shorter program for the same outputs.

    Equal instructions are one, what depends on constants alone is a constant, and what nobody
    needs is left out. Guards stay.

    Parameters
    ----------
    checked : bool
        The results are checked to be finite, and a call that is not is run again with care.
    only : names of rules
        These alone (all of them for None).
    fired : Counter
        Counts how often each rule fits.
    """
    stages: Sequence[Any] = (FIRST, AFTER, LAST)
    if only is not None:
        names = set(only)
        stages = [
            {f: tuple(r for r in rules if r.__name__ in names) for f, rules in stage.items()}
            for stage in stages
        ]
    return passes(rows, outputs, stages, Facts(rows, outputs, checked), fired)


__all__ = ["LINES", "RULES", "asked", "key_of", "needed", "simplified"]
