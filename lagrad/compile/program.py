"""A program: every NumPy call of a run, written down as a list of instructions.

A trace holds constraints, which have partials. A program stands around it and holds what was
computed, values and multipliers alike: the derivative of a graph is a graph again. An instruction
needs no rule, since nobody differentiates a program; it is simplified, printed and run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.dispatch import still_finite
from lagrad.solve.back_substitution import back_substitute_masked, forward_substitute
from lagrad.trace.tape import CURRENT, Trace, is_users, same


class Instruction:
    """One line: ``name = function(*args, **kwargs)``.

    Attributes
    ----------
    function : callable
        `ARGUMENT`, `CAPTURED` or a guard where nothing is called.
    args, kwargs
        Constants, and the instructions whose results they are.
    value
        What it gave in the run that was written down.
    code, at : the user's code object and the place in it, or None
    name : str
        What it should be called, "" for anything.
    of : Instruction or None
        The value whose multiplier it is.
    """

    __slots__ = ("args", "at", "code", "function", "kwargs", "name", "of", "value")

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        value: Any,
        name: str = "",
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.value = value
        self.name = name
        self.code: Any = None
        self.at = 0
        self.of: Instruction | None = None

    def __repr__(self) -> str:
        what = getattr(self.function, "__name__", repr(self.function))
        return f"{self.name or 'result'} = {what}(...)"

    def parents(self) -> list[Instruction]:
        """Return the instructions whose results are used."""
        found: list[Instruction] = []
        for part in self.args:
            if type(part) is Instruction:
                found.append(part)
            elif type(part) in TREES:
                found += instructions_in(part)
        if self.kwargs:
            found += instructions_in(self.kwargs)
        return found


#: What may hold instructions.
TREES = frozenset({tuple, list, dict, slice})


def instructions_in(tree: Any) -> Iterator[Instruction]:
    """Yield the instructions in nested tuples, lists, dicts and slices, in order."""
    stack = [tree]
    while stack:
        part = stack.pop()
        kind = type(part)
        if kind is Instruction:
            yield part
        elif kind is tuple or kind is list:
            stack.extend(reversed(part))
        elif kind is dict:
            stack.extend(reversed(part.values()))
        elif kind is slice:
            stack.extend((part.step, part.stop, part.start))


def replaced(tree: Any, new: Callable[[Any], Any]) -> Any:
    """Return a tree of arguments with ``new(part)`` in the place of every part that is no tree."""
    kind = type(tree)
    if kind is tuple:
        return tuple([replaced(part, new) for part in tree])
    if kind is list:
        return [replaced(part, new) for part in tree]
    if kind is dict:
        return {key: replaced(part, new) for key, part in tree.items()}
    if kind is slice:
        return slice(*(replaced(part, new) for part in (tree.start, tree.stop, tree.step)))
    if isinstance(tree, tuple):  # a named tuple
        return tuple.__new__(kind, [replaced(part, new) for part in tree])
    return new(tree)


def ARGUMENT() -> None:  # noqa: N802
    """Stands for a leaf of the arguments."""


def CAPTURED() -> None:  # noqa: N802
    """Stands for an array that the function reads from around it."""


def item(results: Any, k: Any) -> Any:
    """Return one of several results."""
    return results[k]


def content(x: Any) -> Any:
    """Return x, as what a guard holds: Python has asked for all of it."""
    return x


#: Stands for the value that a multiplier is of: the row is the partial of some value.
PARTIAL = Instruction(item, (), {}, None)

#: What Python may ask of a value; the answer is part of the program.
GUARDS = frozenset({bool, int, float, complex, content, np.shape, still_finite})


class Program(Trace):
    """Instructions in the order in which they were run.

    Attributes
    ----------
    instructions : list of Instruction
        A guard is one whose value is the answer that Python got.
    forward : set of int
        The ids of those that were there when the first multiplier was found.
    """

    __slots__ = (
        "asked",
        "cycles",
        "forward",
        "instructions",
        "known",
        "solved",
        "symbol",
        "users",
    )

    def __init__(self, outer: Trace | None = None, symbol: Any = None) -> None:
        super().__init__(outer)
        #: What makes a value of this program.
        self.symbol = symbol
        self.instructions: list[Instruction] = []
        self.forward: set[int] = set()
        #: The searches that were written down, by the cycle that each found.
        self.solved: dict[int, Instruction] = {}
        self.cycles: list[Any] = []
        self.known: dict[int, tuple[Any, Any]] = {}
        self.asked: set[tuple[Any, int]] = set()
        self.users: dict[Any, Any] = {}

    is_program = True

    def append(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        value: Any,
        name: str = "",
    ) -> Instruction:
        """Write down one instruction, with the line of the user's code that asked for it."""
        made = Instruction(function, args, kwargs, value, name)
        self.instructions.append(made)
        if CURRENT.get() is not self:
            return made  # The trace inside knows the line, and will say it.
        frame: Any = sys._getframe(2)
        users = self.users
        while frame is not None:
            code = frame.f_code
            found = users.get(code)
            if found is None:
                found = is_users(frame) or (OUTSIDE if code in ENDS else False)
                users[code] = found
            if found is True:
                made.code, made.at = code, frame.f_lasti
                break
            if found is OUTSIDE:
                break
            frame = frame.f_back
        return made

    @contextmanager
    def partials(self) -> Iterator[None]:
        """Let what is written down inside be partials, of which no warning is heard."""
        before = len(self.instructions)
        with np.errstate(all="ignore"):
            yield
        for row in self.instructions[before:]:
            if row.of is None and row.function not in GUARDS:
                row.of = PARTIAL

    def guard(self, ask: Callable[..., Any], x: Instruction, answer: Any) -> None:
        """Write down what Python was told about a value, once."""
        if (ask, id(x)) not in self.asked:
            self.asked.add((ask, id(x)))
            # A copy: the array may be the caller's, who writes to it later.
            answer = answer.copy() if isinstance(answer, np.ndarray) else answer
            self.append(ask, (x,), {}, answer)

    def made(self, value: Any) -> Any:
        """Return an array made inside as a symbol, so that it can be written to."""
        row = self.append(np.array, (self.held(value),), {}, np.array(value))
        return self.symbol(self, row, row.value)

    def held(self, value: Any) -> Any:
        """Return a constant as a copy that nobody writes to, shared as long as it is the same."""
        kind = type(value)
        if not (kind is np.ndarray and value.size or sp.issparse(value)):
            return value
        known = self.known.get(id(value))
        if known is None or not same(known[1], value):
            known = self.known[id(value)] = (value, value.copy())
        return known[1]


def run(program: Program, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call the function; above this frame nothing belongs to the program."""
    return function(*args, **kwargs)


#: Where the search for the user's line ends: above it, nothing is the line of an instruction.
ENDS = frozenset({run.__code__, back_substitute_masked.__code__, forward_substitute.__code__})
OUTSIDE = "outside"
