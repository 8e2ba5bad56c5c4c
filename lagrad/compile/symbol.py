"""Symbols: values of a program, in which every NumPy call on them is written down.

A symbol stands below the tracers: they carry it as their value, and what they compute is written
down. What Python asks of it (``if``, ``int``, ``float``, an array of numbers) is answered, and the
answer is a guard: the program serves as long as the answer is the same.

Here is what they are; what NumPy can do with them is given to them in `lagrad.compile.operators`.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import currentframe
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction, Program, content, item, replaced
from lagrad.trace.record import unmuted
from lagrad.trace.tracer import Traced, Tracer, current

#: The usual results.
VALUES = frozenset({np.ndarray, np.float64, float, np.bool_, bool, int, np.float32, np.complex128})


class Symbol(Tracer):
    """A value of a program: ``_row`` is the instruction that gives it."""

    __slots__ = ()
    _is_symbol = True
    _trace: Any
    _row: Any  # the instruction

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        # To the user's own ``isinstance`` an argument is the array that it is in plain NumPy.
        caller = currentframe().f_back  # type: ignore[union-attr]
        name = caller.f_globals.get("__name__", "") if caller is not None else ""
        return Symbol if name.startswith("lagrad.") else type(self._value)

    # -- what is known without asking ------------------------------------------------------------

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the value."""
        found = getattr(self._value, "dtype", None)
        return np.asarray(self._value).dtype if found is None else found

    @property
    def size(self) -> int:
        """The number of entries of the value."""
        return int(np.size(self._value))

    # -- Python's questions ----------------------------------------------------------------------

    def _ask(self, ask: Callable[..., Any]) -> Any:
        if self._trace.muted:
            return ask(unmuted(self))
        answer = ask(current(self)._value)
        self._trace.guard(ask, self._row, answer)
        return answer

    def _frozen(self) -> Any:
        value = current(self)._value
        self._trace.guard(content, self._row, value)
        return value

    def _settled(self) -> Any:
        """Return a value that decides on structure; what it was computed from is guarded.

        The guards are asked of whole numbers and truth values as far up as there are any.
        """
        found = current(self)
        if self._trace.muted:
            return unmuted(self)
        stack, seen = [found._row], set()
        while stack:
            row = stack.pop()
            if id(row) not in seen:
                seen.add(id(row))
                parents = row.parents()
                if parents and all(map(is_whole, parents)):
                    stack += parents
                else:
                    self._trace.guard(content, row, row.value)
        return found._value

    def _answer(self, ask: Callable[[Any], Any]) -> Any:
        # Nobody knows what was asked, so the answer holds for this very value.
        return ask(self._ask(content))

    def __bool__(self) -> bool:
        return self._ask(bool)

    def __int__(self) -> int:
        return self._ask(int)

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"a value of dtype {self.dtype} is no index; use int(x)")
        return self._ask(int)

    def __float__(self) -> float:
        return self._ask(float)

    def __complex__(self) -> complex:
        return self._ask(complex)

    def __trunc__(self) -> int:
        return self._ask(int)

    # Text made of a value is one of Python's answers too.

    def __repr__(self) -> str:
        return repr(self._ask(content))

    def __str__(self) -> str:
        return str(self._ask(content))

    def __format__(self, spec: str) -> str:
        return format(self._ask(content), spec)

    def item(self, *args: Any) -> Any:
        """Return an entry as a plain number."""
        return np.asarray(self._ask(content)).item(*args)

    def tolist(self) -> Any:
        """Return plain numbers."""
        return np.asarray(self._ask(content)).tolist()

    def _asked_by(self, code: Any, at: int) -> None:
        if self._row.code is None:
            self._row.code, self._row.at = code, at

    def _found_multiplier(self, w: Any) -> None:
        program = self._trace
        if not program.forward:
            program.forward = set(map(id, program.instructions))
        if type(w) is Symbol and w._row.of is None and id(w._row) not in program.forward:
            w._row.of = self._row

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        asked = self._settled() if self.dtype.kind in "iub" else self._ask(content)
        found = np.array(asked, dtype=dtype)
        found.flags.writeable = False  # np.asarray(x) would be x itself
        return found


def is_whole(row: Instruction) -> bool:
    """True for whole numbers and truth values."""
    return np.asarray(row.value).dtype.kind in "iub"


def symbols(program: Program, made: Instruction, value: Any) -> Any:
    """Return what an instruction gave as a symbol, or several as a tuple of them."""
    if type(value) in VALUES:
        return Symbol(program, made, value)  # type: ignore[arg-type]
    if isinstance(value, tuple | list):
        parts = []
        for k, part in enumerate(value):
            parts.append(symbols(program, program.append(item, (made, k), {}, part), part))
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*parts)
        return type(value)(parts)
    if isinstance(value, str | type(None) | np.dtype | type):
        return value
    return Symbol(program, made, value)  # type: ignore[arg-type]


def holds_symbol(tree: Any) -> bool:
    """True if a nested list, tuple, dict or slice has a symbol in it."""
    return found_in(tree, lambda kind: kind is Symbol)


def deeper(tree: Any) -> bool:
    """True if a traced value of an inner trace is among the arguments."""
    return found_in(tree, lambda kind: kind is not Symbol and issubclass(kind, Traced))


def found_in(tree: Any, wanted: Callable[[type], bool]) -> bool:
    """True if a part of a nested list, tuple, dict or slice is of a wanted kind."""
    return found_part(tree, lambda part: wanted(type(part)))


def found_part(tree: Any, wanted: Callable[[Any], bool]) -> bool:
    """True if a part of a nested list, tuple, dict or slice is wanted."""
    stack = [tree]
    while stack:
        part = stack.pop()
        kind = type(part)
        if kind is tuple or kind is list:
            stack.extend(part)
        elif kind is dict:
            stack.extend(part.values())
        elif kind is slice:
            stack.extend((part.start, part.stop, part.step))
        elif wanted(part):
            return True
    return False


def answered(tree: Any) -> Any:
    """Return arguments as plain numbers, which are guards."""
    return replaced(tree, lambda part: part._ask(content) if type(part) is Symbol else part)


def innermost(tree: Any) -> Any:
    """Return arguments with the plain values of symbols in their place."""
    return replaced(tree, lambda part: current(part)._value if type(part) is Symbol else part)
