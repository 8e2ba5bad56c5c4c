"""Traced values: arrays that stand for the constraints they go through.

A `Tracer` is a variable z_i: a row of a trace and the value there. A `Structure` is a value that
was computed from variables but carries no gradient: conditions, indices, steps. Both hold their
value, so Python's own control flow works; what it asks for is noted as a guard.

Here is what they are; what NumPy can do with them is given to them in `lagrad.trace.operators`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from inspect import currentframe
from typing import Any

import numpy as np

from lagrad.trace.boundary import Leak, cut, refuse, refuse_list_of, without_hook
from lagrad.trace.tape import Trace


class View:
    """Says that a tracer shows entries of another: how to read it again, and where it writes."""

    __slots__ = ("again", "base", "index", "seen")

    def __init__(self, base: Tracer, again: Callable[[Tracer], Any], index: Any) -> None:
        self.base, self.again, self.index = base, again, index
        self.seen = base._version

    def refresh(self, a: Any) -> None:
        """Bring the version of ``a`` up to date, by which views of it know that it has changed."""
        self.settle(a)

    def settle(self, a: Any) -> None:
        """Read ``a`` again if its base has been written since."""
        base = self.base
        if base._view is not None:
            base._view.refresh(base)
        if base._version != self.seen:
            fresh = self.again(base)
            if a._trace.muted:  # Nothing is recorded: it is read again when the trace goes on.
                a._value = fresh
                return
            a._trace, a._row, a._value = fresh._trace, fresh._row, fresh._value
            a._version += 1
            self.seen = base._version


class Traced:
    """What tracers and structure share: NumPy's operators, methods and protocols."""

    __slots__ = ("_trace", "_value", "_version", "_view")
    __hash__ = None  # type: ignore[assignment]
    #: True for a value of a program, which is written down whatever it is.
    _is_symbol = False
    _trace: Trace
    _value: Any
    _view: View | None
    _version: int

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if dtype is not None and np.dtype(dtype) != object:
            refuse_list_of(self)
            cut(f"np.array(..., dtype={np.dtype(dtype).name})")
        # SciPy's sparse matrices step back when they meet an object without axes. Whoever else
        # asks for an array of one with axes would take it for a single entry.
        caller = currentframe().f_back  # type: ignore[union-attr]
        name = caller.f_globals.get("__name__", "") if caller is not None else ""
        if self.shape and not name.startswith("scipy.sparse"):
            without_hook(self)
        held = np.empty((), dtype=object)
        held[()] = Leak(self)
        return held

    # -- what is known without asking for a gradient ---------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        try:
            return self._value.shape
        except AttributeError:
            return np.shape(self._value)

    @property
    def ndim(self) -> int:
        """The number of axes of the value."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries of the value."""
        return self._value.size

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the value."""
        return self._value.dtype

    @property
    def itemsize(self) -> int:
        """Bytes of one entry."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return self.size * self.itemsize

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a traced scalar, which has no entries")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a traced scalar, which has no entries")
        entries: Any = self
        return (entries[i] for i in range(self.shape[0]))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._value!r})"

    def __str__(self) -> str:
        return str(self._value)

    def __format__(self, spec: str) -> str:
        return format(self._value, spec)

    def _frozen(self) -> Any:
        """The plain value, which a program may not take for anything but what it is now."""
        return self._value

    def _asked_by(self, code: Any, at: int) -> None:
        """Told by a trace whose value it is: the user's code that asked for it, and the place."""

    def _found_multiplier(self, w: Any) -> None:
        """Told by the sweep, which has found the multiplier of this value."""

    # -- Python's own questions: guards, or refusals ---------------------------------------------

    def _answer(self, ask: Callable[[Any], Any]) -> Any:
        """Return a plain answer about the value, noted as a guard of the trace."""
        current(self)
        answer = ask(self._value)
        if self._trace.muted:
            return answer
        self._trace.guards.append((snapshot(self), answer))
        return answer

    def __bool__(self) -> bool:
        return self._answer(bool)

    def __int__(self) -> int:
        return self._answer(int)

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"a traced value of dtype {self.dtype} is no index; use int(x)")
        return self._answer(operator.index)

    def __trunc__(self) -> int:
        return self._answer(int)

    def __floor__(self) -> int:
        return self._answer(lambda v: int(np.floor(v)))

    def __ceil__(self) -> int:
        return self._answer(lambda v: int(np.ceil(v)))

    def __round__(self, digits: int | None = None) -> Any:
        return int(np.round(self)) if digits is None else np.round(self, digits)

    def __getattr__(self, name: str) -> Any:
        # The ufuncs of an array of objects look for methods of their own name.
        ufunc = getattr(np, name, None)
        if isinstance(ufunc, np.ufunc) and ufunc.nin == 1:
            return lambda: ufunc(self)
        raise AttributeError(
            f"a traced array has no attribute {name!r}; use NumPy's function of that name, "
            f"np.{name}(x), if there is one"
        )


class Tracer(Traced):
    """A variable: row ``_row`` of ``_trace``, with its value."""

    __slots__ = ("_row",)
    _row: int

    def __init__(self, trace: Trace, row: int, value: Any) -> None:
        self._trace = trace
        self._row = row
        self._value = value
        self._view = None
        self._version = 0

    def __float__(self) -> float:
        cut("float()")

    def __complex__(self) -> complex:
        cut("complex()")

    def item(self, *args: Any) -> Any:
        """Refused: a plain number has no gradient."""
        cut(".item()")

    def tolist(self) -> Any:
        """Refused: plain numbers have no gradient."""
        cut(".tolist()")


class Structure(Traced):
    """A value computed from variables that carries no gradient; as a plain number it is a guard."""

    __slots__ = ()

    def __init__(self, trace: Trace, value: Any) -> None:
        self._trace = trace
        self._value = value
        self._view = None
        self._version = 0

    def __float__(self) -> float:
        return self._answer(float)

    def __complex__(self) -> complex:
        return self._answer(complex)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self._answer(lambda v: np.array(v, dtype=dtype))

    def item(self, *args: Any) -> Any:
        """Return an entry as a plain number."""
        return self._answer(lambda v: v.item(*args))

    def tolist(self) -> Any:
        """Return plain numbers."""
        return self._answer(lambda v: v.tolist())


def snapshot(a: Any) -> Any:
    """Return a new handle to the present value, which later assignments do not change."""
    current(a)
    if isinstance(a, Tracer):
        return type(a)(a._trace, a._row, a._value)
    return Structure(a._trace, np.copy(a._value))


def current(a: Any) -> Any:
    """Return ``a`` with what was written to it, or to what it is a view of, settled."""
    if a._view is not None:
        a._view.settle(a)
    return a


def as_view(result: Any, base: Any, again: Callable[[Any], Any], index: Any) -> Any:
    """Mark ``result`` as a view of ``base`` where plain NumPy would have made one."""
    z, x = innermost_value(result), innermost_value(base)
    shares = type(z) is np.ndarray and (z is x or z.base is not None) and np.may_share_memory(z, x)
    # A number stretched to an array is a view of something else, and not to be written to either.
    if shares or (type(z) is np.ndarray and not z.flags.writeable):
        if isinstance(result, Tracer) and result._trace is base._trace:
            result._view = View(base, again, index)
    return result


def innermost_value(a: Any) -> Any:
    """Return the plain array under all levels of tracing."""
    while isinstance(a, Traced):
        a = a._value
    return a


def refuse_muted(trace: Trace) -> None:
    """Refuse to write where nothing is recorded."""
    if trace.muted:
        refuse(
            "a traced array from around an iteration was written to inside of it",
            "Take a copy first: y = x.copy(); or hand it to the solver as a parameter",
        )


def rebind(a: Tracer, new: Tracer) -> None:
    """Let the name ``a`` stand for ``new``, and write through to what it is a view of."""
    view = a._view
    refuse_muted(a._trace)
    if view is not None and view.index is None:
        refuse(
            "a reshaped or transposed view of a traced array was written to",
            "Write to the array itself, or take a copy first: y = x.reshape(...).copy()",
        )
    a._trace, a._row, a._value = new._trace, new._row, new._value
    a._version += 1
    if view is not None:
        view.base[view.index] = snapshot(a)
        # Read again: the value keeps the memory layout by which NumPy tells views from copies.
        fresh = view.again(view.base)
        a._trace, a._row, a._value = fresh._trace, fresh._row, fresh._value
        view.seen = view.base._version
