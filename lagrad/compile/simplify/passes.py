"""The pass over a program: rules, common subexpressions, constants, and what nobody needs.

    row -> rules of its function, until none fits -> folded, found among what is there, or kept

A rule is given a row whose arguments are simplified already. It returns what may stand in its
place: another instruction, a constant, the row itself when it has been rewritten, or None.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lagrad.compile.program import ARGUMENT, CAPTURED, GUARDS, Instruction, replaced
from lagrad.compile.simplify.finite import Facts
from lagrad.compile.simplify.patterns import (
    ARITHMETIC,
    COMMUTATIVE,
    NEGATIVE,
    SPELT,
    SUMS,
    dtype_of,
    is_inexact,
    is_row,
    number,
    parents_of,
    shape_of,
    value_of,
)
from lagrad.dispatch import all_finite, masked_multiply

Rule = Callable[[Instruction, "Pass"], Any]
#: For each function the rules that are tried on its rows, in their order.
Table = Mapping[Any, Sequence[Rule]]
#: A row is rewritten so many times at most, and what a rule makes may go so deep.
REWRITES, DEPTH = 12, 6
#: So many passes are made over a program, as long as something changes.
PASSES = 5
#: Functions that give a view where they can.
VIEWS = frozenset({np.reshape, np.transpose, np.broadcast_to, operator.getitem})
#: What a program begins with, and what it asks: neither is ever left out.
EFFECTS = GUARDS | {ARGUMENT, CAPTURED, all_finite}


#: Stands for an argument that is a constant.
CONSTANT = frozenset({None})


def among(
    functions: Collection[Any], arrays: bool = False, options: bool = False
) -> Callable[[Rule], Rule]:
    """Let a rule be tried only where an argument is made by one of these functions.

    With ``arrays`` only on rows that give arrays; with ``options`` on calls of a ufunc that have
    options too, such as ``dtype=``.
    """

    def note(rule: Any) -> Rule:
        rule.among, rule.arrays, rule.options = frozenset(functions), arrays, options
        return rule  # type: ignore[no-any-return]

    return note


class Rules:
    """The rules of each function, and which of them may fit a row of these arguments."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.known: dict[Any, Sequence[Rule]] = {}

    def of(self, row: Instruction) -> Sequence[Rule]:
        """Return the rules that are worth to be tried, in their order."""
        array = type(row.value) is np.ndarray and row.value.ndim > 0
        args, function = row.args, row.function
        optional = bool(row.kwargs) and isinstance(function, np.ufunc)
        if len(args) == 2:
            a, b = args
            f = a.function if type(a) is Instruction else None
            g = b.function if type(b) is Instruction else None
            key = function, array, optional, f, g
        else:
            made_by = [a.function if type(a) is Instruction else None for a in args]
            key = function, array, optional, *made_by
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = [
                rule
                for rule in self.table.get(function, ())
                if (array or not getattr(rule, "arrays", False))
                and (getattr(rule, "options", False) or not optional)
                and not getattr(rule, "among", ANY).isdisjoint((ANY_ONE, *key[3:]))
            ]
        return found


#: What every row has among its arguments.
ANY_ONE = "any"
ANY = frozenset({ANY_ONE})


class Pass:
    """One way through a program, first row first.

    Attributes
    ----------
    facts : Facts
        What becomes of NaN in the program.
    fired : Counter
        How often each rule fitted, by name.
    """

    def __init__(self, rules: Rules, facts: Facts, outputs: Sequence[Any]) -> None:
        self.rules, self.facts = rules, facts
        self.fired: Counter[str] = Counter()
        self.outputs = {id(out) for out in outputs if type(out) is Instruction}
        self.users: dict[int, int] = {}
        self.inner_sums: set[int] = set()
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
        if not any(type(p) is Instruction for p in (*args, *kwargs.values())):
            return fold(function, args, kwargs, None)
        if shape is None and function not in VIEWS:
            shape = np.broadcast_shapes(*map(shape_of, args))
        value = stand_in(function, args, kwargs, shape, dtype or dtype_of(like))
        new = Instruction(function, args, kwargs, value)
        self.facts.alive.append(new)
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
        self.count(rows)
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

    def count(self, rows: Sequence[Instruction]) -> None:
        """Count the users of each row, and find sums that are part of another sum alone."""
        users, adds = self.users, {}
        for row in rows:
            for part in parents_of(row):
                users[id(part)] = users.get(id(part), 0) + 1
            if row.function in SUMS and not row.kwargs:
                for part in row.args:
                    if is_row(part, SUMS):
                        adds[id(part)] = shape_of(part) == shape_of(row)
        for i in self.outputs:
            users[i] = users.get(i, 0) + 1
        self.inner_sums = {i for i, same in adds.items() if same and users[i] == 1}

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
            if function in (ARGUMENT, CAPTURED) or type(row.args[0]) is Instruction:
                self.kept.append(row)
            return row
        rules = self.rules.of(row)
        if rules and self.depth < DEPTH and not self.is_odd(row):
            self.depth += 1
            found = self.rewritten(row, rules)
            self.depth -= 1
            if found is not row:
                return found
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

    def is_odd(self, row: Instruction) -> bool:
        """True for a result that is an array without axes, where rules would give a number."""
        value = row.value
        return type(value) is np.ndarray and not value.ndim and id(row) in self.outputs

    def rewritten(self, row: Instruction, rules: Sequence[Rule]) -> Any:
        """Return what the rules make of a row."""
        users = self.users
        for _ in range(REWRITES):
            before = parents_of(row)
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
            for part in before:
                users[id(part)] = users.get(id(part), 1) - 1
            rules = self.rules.of(row)
        return row


def stand_in(function: Any, args: Any, kwargs: Any, shape: Any, dtype: Any) -> Any:
    """Return a value for what a rule makes: a view where it will be one, else memory of its own.

    Nobody has written to that memory, and nobody reads it: shape and dtype are what counts.
    """
    if function in VIEWS:
        return function(*replaced(args, value_of), **kwargs)
    dtype = np.dtype(dtype)
    return np.empty(shape, dtype) if shape else dtype.type()


def rewrite(row: Instruction, function: Any, *args: Any, **kwargs: Any) -> Instruction:
    """Let the row be another call of the same value."""
    value = row.value
    views = function in VIEWS, row.function in VIEWS
    row.function, row.args, row.kwargs = function, args, kwargs
    if any(views) and isinstance(value, np.ndarray):
        row.value = stand_in(function, args, kwargs, value.shape, value.dtype)
    elif isinstance(value, np.ndarray) and not value.ndim:
        row.value = value[()]
    return row


FLAT = frozenset({int, float, bool, str, type(None), np.float64, np.ndarray, np.dtype})


def has_parents(row: Instruction) -> bool:
    """True if an argument is an instruction."""
    flat = True
    for part in row.args:
        kind = type(part)
        if kind is Instruction:
            return True
        if kind not in FLAT:
            flat = False
    return (not flat or bool(row.kwargs)) and any(True for _ in row.parents())


def key_of_call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return what makes two calls the same."""
    function = SPELT.get(function, function)
    if len(args) == 2 and not kwargs:
        a, b = args
        x, y = a, b
        a = id(x) if type(x) is Instruction else key_beside(x, y)
        b = id(y) if type(y) is Instruction else key_beside(y, x)
        if function in COMMUTATIVE and hash(a) > hash(b):
            a, b = b, a
        return function, a, b
    if len(args) == 1 and not kwargs:
        (a,) = args
        return function, id(a) if type(a) is Instruction else key_of(a)
    return function, key_of(args), key_of(kwargs)


def key_beside(part: Any, other: Any) -> Any:
    """Return the key of a constant; beside a float an integer of Python's is one too."""
    if type(part) is int and type(other) is Instruction and is_inexact(other):
        return float, float(part).hex()
    return key_of(part)


def key_of(part: Any) -> Any:
    """Return what makes two arguments the same."""
    kind = type(part)
    if kind is Instruction or kind is np.ndarray:
        return id(part)
    if kind is float or kind is np.float64:
        return kind, part.hex()
    if kind in (int, bool, str, type(None), complex):
        return kind, part
    if kind in (tuple, list):
        return (kind, *map(key_of, part))
    if kind is dict:
        return tuple((k, key_of(p)) for k, p in part.items())
    if kind is slice:
        return slice, key_of(part.start), key_of(part.stop), key_of(part.step)
    if kind is np.dtype:
        return part
    return id(part)


def fold(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> Any:
    """Return the constant that a call of constants gives.

    What is the same everywhere stays one number that is stretched.
    """
    if function in STEADY and not kwargs:
        arrays = [a for a in args if isinstance(a, np.ndarray)]
        if arrays and all(number(a) is not None for a in arrays):
            with np.errstate(all="ignore"):
                one = function(*(a.flat[0] if isinstance(a, np.ndarray) else a for a in args))
            shape = np.broadcast_shapes(*(np.shape(a) for a in args))
            return np.broadcast_to(one, shape)
    if function in VIEWS and isinstance(args[0], np.ndarray) and number(args[0]) is not None:
        return np.broadcast_to(args[0].flat[0], np.shape(function(*args, **kwargs)))
    if value is None or function in STEADY:
        with np.errstate(all="ignore"):
            value = function(*args, **kwargs)
    return value


STEADY = ARITHMETIC | NEGATIVE


def needed(
    rows: Sequence[Instruction], outputs: Sequence[Any]
) -> tuple[list[Instruction], list[Any]]:
    """Leave out what neither an output nor a guard depends on; arguments stay."""
    wanted = {id(out) for out in outputs if type(out) is Instruction}
    kept = []
    for row in reversed(rows):
        if row.function in EFFECTS or id(row) in wanted:
            kept.append(row)
            wanted.update(map(id, parents_of(row)))
    kept.reverse()
    return kept, list(outputs)


def passes(
    rows: Sequence[Instruction],
    outputs: Sequence[Any],
    tables: Iterable[Table],
    facts: Facts,
    fired: Counter[str] | None = None,
) -> tuple[list[Instruction], list[Any]]:
    """Return a shorter program: one pass with the first table, and with the last while it helps."""
    stages = [Rules(table) for table in tables]
    rows, outputs = needed(rows, outputs)
    if not any(row.function in MASKS for row in rows):
        stages = stages[-1:]
    for k in range(max(len(stages), min(PASSES, LONG // (len(rows) + 1)))):
        one = Pass(stages[min(k, len(stages) - 1)], facts, outputs)
        kept = one.run(rows)
        rows, outputs = needed(kept, [one.now(out) for out in outputs])
        if fired is not None:
            fired.update(one.fired)
        if not one.fired and k >= len(stages) - 1:
            break
    return rows, outputs


#: Of what the first pass makes less, before masks are dropped.
MASKS = frozenset({np.where, masked_multiply})
#: So many rows are looked at in all passes together, where one pass has less.
LONG = 50000
