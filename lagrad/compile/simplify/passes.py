"""The pass over a program: rules, common subexpressions, constants, and what nobody needs.

row -> rules of its function, until none fits -> folded, found among what is there, or kept
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from lagrad.compile.functions import cast, duplicate
from lagrad.compile.program import ARGUMENT, CAPTURED, GUARDS, Instruction, replaced
from lagrad.compile.simplify.finite import Facts
from lagrad.compile.simplify.patterns import (
    SUMS,
    any_row,
    dtype_of,
    is_row,
    parents_in,
    parents_of,
    shape_of,
    value_of,
)
from lagrad.compile.simplify.rules import (
    VIEWS,
    Rule,
    Rules,
    Table,
    fold,
    has_parents,
    key_of_call,
    stand_in,
)
from lagrad.dispatch import all_finite, derivative_finite, masked_multiply

#: A row is rewritten so many times at most, and what a rule makes may go so deep.
REWRITES, DEPTH = 12, 6
#: So many passes are made over a program, as long as something changes.
PASSES = 5
#: And so many with the rules that come last.
ENDING = 2
#: So many rows are looked at in all passes together, where one pass has less.
LONG = 25000
#: What a program begins with, and what it asks: neither is ever left out.
EFFECTS = GUARDS | {ARGUMENT, CAPTURED, all_finite}
#: Of what the first pass makes less, before masks are dropped.
MASKS = frozenset({np.where, masked_multiply})


class Pass:
    """One way through a program, first row first.

    Attributes
    ----------
    facts : Facts
        What becomes of NaN in the program.
    fired : Counter
        How often each rule fitted, by name.
    """

    def __init__(self, rules: Rules, facts: Facts, users: dict[int, int]) -> None:
        self.rules, self.facts = rules, facts
        self.fired: Counter[str] = Counter()
        #: How many use each row, by its id; a result counts as one.
        self.users = users
        self.inner_sums: set[int] = set()
        #: Rows whose shape the program asks for, since it depends on values: no rule knows it.
        self.measured: set[int] = set()
        self.known: dict[Any, Instruction] = {}
        self.new: dict[int, Any] = {}
        self.kept: list[Instruction] = []
        self.depth = 0

    # -- what rules ask for ----------------------------------------------------------------------

    def once(self, part: Any) -> bool:
        """True for an instruction that one other alone uses."""
        return type(part) is Instruction and self.users.get(id(part), 0) <= 1

    def make(
        self,
        like: Instruction,
        function: Callable[..., Any],
        *args: Any,
        shape: tuple[int, ...] | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Return an instruction that a rule needs for ``like``, placed before it, or a constant."""
        if not any(type(p) is Instruction for p in (*args, *kwargs.values())) and not any_row(args):
            return fold(function, args, kwargs, None)
        if shape is None and function not in VIEWS:
            shape = np.broadcast_shapes(*map(shape_of, args))
        value = stand_in(function, args, kwargs, shape, dtype or dtype_of(like))
        new = Instruction(function, args, kwargs, value)
        self.facts.part_of(like, new)
        for part in new.parents():
            self.users[id(part)] = self.users.get(id(part), 0) + 1
        self.users[id(new)] = 1
        return self.place(new)

    def find(self, function: Callable[..., Any], *args: Any) -> Instruction | None:
        """Return the instruction that is there already for a call, or None."""
        return self.known.get(key_of_call(function, args, {}))

    # -- the way through -------------------------------------------------------------------------

    def run(self, rows: Sequence[Instruction]) -> list[Instruction]:
        """Return the rows that stand for these."""
        self.find_sums(rows)
        self.measured = {id(row.args[0]) for row in rows if row.function is np.shape}
        new, place = self.new, self.place
        for row in rows:
            if new:
                row.args = tuple(
                    [
                        new.get(id(part), part) if type(part) is Instruction else self.now(part)
                        for part in row.args
                    ]
                )
                if row.kwargs:
                    row.kwargs = {k: self.now(part) for k, part in row.kwargs.items()}
                if row.of is not None:
                    of = new.get(id(row.of), row.of)
                    row.of = of if type(of) is Instruction else None
            found = place(row)
            if found is not row:
                self.replace(row, found)
        return self.kept

    def now(self, part: Any) -> Any:
        """Return an argument as it is by now."""
        kind = type(part)
        if kind is Instruction:
            return self.new.get(id(part), part)
        if kind is tuple or kind is list or kind is slice or kind is dict:
            return replaced(part, self.now)
        return part

    def find_sums(self, rows: Sequence[Instruction]) -> None:
        """Find sums that are part of another sum alone."""
        users, inner = self.users, self.inner_sums
        for row in rows:
            if row.function in SUMS and not row.kwargs:
                for part in row.args:
                    if is_row(part, SUMS) and users[id(part)] == 1:
                        if shape_of(part) == shape_of(row):
                            inner.add(id(part))

    def replace(self, row: Instruction, found: Any) -> None:
        """Let something stand for a row from here on."""
        self.new[id(row)] = found
        if type(found) is Instruction:
            self.users[id(found)] = self.users.get(id(found), 0) + self.users.get(id(row), 1) - 1
            self.inner_sums.discard(id(found))
            if found.code is None and not found.name and found.of is None:
                found.code, found.at, found.of, found.name = row.code, row.at, row.of, row.name
            self.facts.same(row, found)

    def place(self, row: Instruction) -> Any:
        """Return what stands for a row whose arguments are simplified."""
        function = row.function
        if function in EFFECTS:
            if function in (ARGUMENT, CAPTURED):
                self.kept.append(row)
            elif type(row.args[0]) is Instruction:
                # What was equal only after simplification may have been asked twice.
                if self.known.setdefault(key_of_call(function, row.args, {}), row) is row:
                    self.kept.append(row)
            return row
        rules = self.rules.of(row)
        if rules and self.depth < DEPTH and id(row) not in self.measured:
            self.depth += 1
            found = self.rewritten(row, rules)
            self.depth -= 1
            if found is not row:
                return found
        if function in FOLLOWING and type(row.value) is np.ndarray and not row.value.ndim:
            follow(row)
        if not has_parents(row):
            return fold(row.function, row.args, row.kwargs, row.value)
        key = key_of_call(row.function, row.args, row.kwargs)
        same = self.known.get(key)
        if same is not None:
            self.users[id(same)] = self.users.get(id(same), 0) + 1
            return same
        self.known[key] = row
        self.kept.append(row)
        return row

    def rewritten(self, row: Instruction, rules: Sequence[Rule]) -> Any:
        """Return what the rules make of a row."""
        users = self.users
        for _ in range(REWRITES):
            args, kwargs = row.args, row.kwargs
            for rule in rules:
                found = rule(row, self)
                if found is not None:
                    self.fired[rule.__name__] += 1
                    break
            else:
                return row
            if found is not row:
                return found
            for part in parents_of(row):
                users[id(part)] = users.get(id(part), 0) + 1
            for part in parents_in(args, kwargs):
                users[id(part)] = users.get(id(part), 1) - 1
            rules = self.rules.of(row)
        return row


#: Of a number these give a number, and of an array without axes such an array.
FOLLOWING = frozenset({cast, duplicate, np.transpose})


def follow(row: Instruction) -> None:
    """Let the value of a row be a number if its argument is one by now."""
    if not isinstance(value_of(row.args[0]), np.ndarray):
        row.value = row.value[()]


def needed(
    rows: Sequence[Instruction], outputs: Sequence[Any]
) -> tuple[list[Instruction], list[Any]]:
    """Leave out what neither an output nor a guard depends on; arguments stay."""
    kept, outputs, _ = used(rows, outputs)
    return kept, outputs


def used(
    rows: Sequence[Instruction], outputs: Sequence[Any]
) -> tuple[list[Instruction], list[Any], dict[int, int]]:
    """Return what is needed, and how many use each row, by its id.

    Values that only have to be finite are needed too: outside the domain of a function its slope
    may well be a number, as that of log at -1.
    """
    users: dict[int, int] = {}
    for out in outputs:
        if type(out) is Instruction:
            users[id(out)] = users.get(id(out), 0) + 1
    kept = []
    for row in reversed(rows):
        # A search says if there is no solution, whoever needs it.
        if id(row) in users or row.function in EFFECTS or hasattr(row.function, "search"):
            kept.append(row)
            for part in parents_of(row):
                i = id(part)
                users[i] = users.get(i, 0) + 1
    kept.reverse()
    return kept, list(outputs), users


def asked(rows: Sequence[Instruction], outputs: Sequence[Any]) -> list[Instruction]:
    """Return a program that asks of no derivative that nobody uses whether it is finite."""
    plain = [row for row in rows if row.function is not derivative_finite]
    users = used(plain, outputs)[2]
    kept = []
    for row in rows:
        if row.function is derivative_finite:
            if id(row.args[0]) not in users:
                continue
            row.function = all_finite
        kept.append(row)
    return kept


def passes(
    rows: Sequence[Instruction],
    outputs: Sequence[Any],
    tables: Iterable[Table],
    facts: Facts,
    fired: Counter[str] | None = None,
) -> tuple[list[Instruction], list[Any]]:
    """Return a shorter program: a pass with the first table, with the next while it helps.

    The last one is for programs in which a row looks like one of its own rules, when all else is
    done.
    """
    first, after, last = map(Rules, tables)
    looks = {
        function: [rule.look for rule in rules if hasattr(rule, "look")]
        for function, rules in last.table.items()
        if rules != after.table.get(function)
    }
    rows, outputs, users = used(rows, outputs)
    masked = any(row.function in MASKS for row in rows)
    count = max(1 + masked, min(PASSES, LONG // (len(rows) + 1)))
    stages = [first] * masked + [after] * (count - masked)
    while stages:
        rules = stages.pop(0)
        one = Pass(rules, facts, users)
        kept = one.run(rows)
        rows, outputs, users = used(kept, [one.now(out) for out in outputs])
        if fired is not None:
            fired.update(one.fired)
        if rules is not first and not one.fired:
            stages = []
        if not stages and rules is after:
            seen = (look(row) for row in rows for look in looks.get(row.function, ()))
            stages = [last] * (ENDING * any(seen))
    return rows, outputs
