"""A trace: the columns of a graph in the making, with the values in them."""

from __future__ import annotations

import functools
import os
import sys
from contextvars import ContextVar
from threading import get_ident
from typing import Any

import numpy as np
import scipy
import scipy.sparse as sp

from lagrad.graph import INPUT, Columns, Graph
from lagrad.primitive import Primitive
from lagrad.trace.arena import Arena

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
#: Code in these folders is never the user's; the gallery is written as a user would.
LIBRARIES = tuple(os.path.join(os.path.dirname(str(m.__file__)), "") for m in (np, scipy))
INTERNAL = (HERE, "<lagrad ", *LIBRARIES, functools.__file__, "<__array_function__ internals>")
GALLERY = os.path.join(HERE, "gallery", "")

PLAIN = (np.float64, np.ndarray)
NUMBERS = frozenset({float, int, bool, complex, np.float64, np.ndarray})

#: The trace that the code now running belongs to: the nesting level, and a home for `zeros`.
CURRENT: ContextVar[Trace | None] = ContextVar("lagrad_trace", default=None)


class Entry:
    """A scope that was entered; two of one name are two."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path


#: The scopes that the code now running stands in, outermost first.
SCOPE: ContextVar[tuple[Entry, ...]] = ContextVar("lagrad_scope", default=())


def scope_names() -> tuple[str, ...]:
    """Return the names of the scopes that the code now running stands in, outermost first."""
    return tuple(name for entry in SCOPE.get() for name in entry.path)


class Trace:
    """Records constraints; knows nothing of the objects that users hold.

    ``level`` counts the traces around this one: in an expression of several, the innermost records,
    and the values of the others are the tracers of the outer trace. A ``muted`` trace records
    nothing: its tracers count as their plain values. Where there is ``lifted``, values of the
    traces around become inputs of this one, by their plain values, so that it stands alone; those
    in ``substitutes`` are inputs already. ``noted`` collects what is read while it is muted. A
    trace is ``direct`` while nothing of this is asked of it or its values.
    """

    __slots__ = (
        "arena",
        "columns",
        "direct",
        "failed",
        "frozen",
        "guards",
        "level",
        "lifted",
        "muted",
        "noted",
        "numbers",
        "open",
        "outer",
        "substitutes",
        "taken",
        "theirs",
        "thread",
    )

    def __init__(self, outer: Trace | None = None) -> None:
        self.columns = Columns()
        self.columns.scopes.append((0, scope_names()))
        self.arena = Arena()
        self.numbers: dict[Primitive, int] = {}
        self.frozen: dict[int, tuple[Any, Any]] = {}
        self.guards: list[tuple[Any, Any]] = []
        self.theirs: set[str] = set()
        self.taken: set[str] = set()
        self.outer = outer
        self.level: int = 0 if outer is None else outer.level + 1
        self.muted = False
        self.lifted: dict[tuple[int, int], tuple[Any, int]] | None = None
        self.noted: dict[int, Any] | None = None
        self.substitutes: dict[int, Any] = {}
        self.direct = True
        #: What was raised inside, even if somebody caught it.
        self.failed: Exception | None = None
        self.open = True
        self.thread = get_ident()

    def record(
        self, primitive: Primitive, refs: list[int], kwargs: dict[str, Any] | None, value: Any
    ) -> int:
        """Append the row ``value = primitive(refs)`` and return its number."""
        c = self.columns
        number = self.numbers.get(primitive)
        if number is None:
            number = self.numbers[primitive] = len(c.primitives)
            c.primitives.append(primitive)
        row, all_refs = len(c.op), c.refs
        c.op.append(number)
        all_refs.extend(refs)
        c.start.append(len(all_refs))
        c.values.append(value)
        if kwargs:
            c.kwargs[row] = kwargs
        # Past this function, `bind` and the operator, the user's own frame is near.
        frame: Any = sys._getframe(3)
        code = frame.f_code
        if code.co_filename not in self.theirs:
            frame = asked(frame)
            code = None if frame is None else frame.f_code
            if code is not None:
                self.theirs.add(code.co_filename)
        at = 0 if code is None else frame.f_lasti
        c.code.append(code)
        c.at.append(at)
        if type(value) not in PLAIN and hasattr(value, "_asked_by"):
            value._asked_by(code, at)
        return row

    def constant(self, value: Any) -> int:
        """Keep a constant argument and return its (negative) reference.

        An array or sparse matrix is copied, since the user may write into it before the sweep; the
        copy is shared as long as the array has not changed.
        """
        kind = type(value)
        if kind is np.ndarray and value.size or kind not in NUMBERS and sp.issparse(value):
            known = self.frozen.get(id(value))
            if known is None or not same(known[1], value):
                known = self.frozen[id(value)] = (value, value.copy())
            value = known[1]
        constants = self.columns.constants
        constants.append(value)
        return -len(constants)

    def input(self, value: Any, name: str) -> int:
        """Append an input row, r_i = z_i - x_i."""
        row = self.record(INPUT, [], None, value)
        while name in self.taken:
            name += "'"
        self.taken.add(name)
        self.columns.names[row] = name
        self.columns.code[row] = None  # An input is nobody's line.
        return row

    #: True for a program, in which every call is another run of what was written down.
    is_program = False

    def made(self, value: Any) -> Any:
        """Return what stands for an array made inside; None: a tracer does."""
        return None

    def graph(self, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Graph:
        """Return what was recorded as a graph."""
        return Graph(self.columns, inputs, outputs)


def asked(frame: Any) -> Any:
    """Return the innermost frame that is the user's own code."""
    while frame is not None and not is_users(frame):
        frame = frame.f_back
    return frame


def is_users(frame: Any) -> bool:
    """True for a frame of the user's own code, that is not NumPy's, SciPy's or ours."""
    name = frame.f_code.co_filename
    return not name.startswith(INTERNAL) or name.startswith(GALLERY)


def substituted(a: Any) -> Any:
    """Return what stands for a traced value from around in the traces now running, or itself."""
    trace = CURRENT.get()
    while trace is not None:
        if id(a) in trace.substitutes:
            return trace.substitutes[id(a)]
        trace = trace.outer
    return a


def same(a: Any, b: Any) -> bool:
    """True if two arrays agree in shape, dtype and value; NaN equals NaN."""
    if sp.issparse(a):
        if a.format != b.format or a.shape != b.shape or a.format not in ("csr", "csc"):
            return False
        return all(same(getattr(a, k), getattr(b, k)) for k in ("data", "indices", "indptr"))
    return (
        a.dtype == b.dtype
        and a.shape == b.shape
        and bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
    )
