"""What a rule is, where it is tried, and how it rewrites an instruction.

A rule is given a row whose arguments are simplified already. It returns what may stand in its
place: another instruction, a constant, the row itself when it has been rewritten, or None.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction, replaced
from lagrad.compile.simplify.patterns import (
    ARITHMETIC,
    COMMUTATIVE,
    NEGATIVE,
    SPELT,
    is_inexact,
    number,
    value_of,
)
from lagrad.rules.shaping import getitem

Rule = Callable[[Instruction, Any], Any]
#: A table of rules, by families of functions.
Room = Mapping[Collection[Any], tuple[Rule, ...]]
#: For each function the rules that are tried on its rows, in their order.
Table = Mapping[Any, Sequence[Rule]]
#: Functions that give a view where they can.
VIEWS = frozenset(
    {np.reshape, np.transpose, np.broadcast_to, operator.getitem, getitem}
    | {np.ravel, np.squeeze, np.expand_dims, np.swapaxes, np.moveaxis}
)
#: Stands for an argument that is a constant.
CONSTANT = frozenset({None})
#: What every row has among its arguments.
ANY_ONE = "any"
ANY = frozenset({ANY_ONE})


def among(
    functions: Collection[Any], arrays: bool = False, options: bool = False
) -> Callable[[Rule], Rule]:
    """Let a rule be tried only where an argument is made by one of these functions.

    With ``arrays`` only on rows that give arrays; with ``options`` on calls of a ufunc that have
    options too, such as ``dtype=``.
    """

    def note(rule: Any) -> Rule:
        rule.among, rule.arrays, rule.options = frozenset(functions), arrays, options
        noted: Rule = rule
        return noted

    return note


def seen_by(look: Callable[[Instruction], bool]) -> Callable[[Rule], Rule]:
    """Note how a row looks that a rule may fit: the last rules are for programs that have one."""

    def note(rule: Any) -> Rule:
        rule.look = look
        noted: Rule = rule
        return noted

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
        key: tuple[Any, ...]
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


# -- what is the same ------------------------------------------------------------------------------


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


FLAT = frozenset({int, float, bool, str, type(None), np.float64, np.ndarray, np.dtype})


# -- constants -------------------------------------------------------------------------------------


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


#: Of what is the same everywhere these are too.
STEADY = ARITHMETIC | NEGATIVE
