"""Assignment to traced arrays: x[i] = v.

A row of a trace is never changed. What is written to an array is kept beside it until somebody
needs the array as a whole, and then becomes one constraint. Until then an entry that is read is the
value that was put there, without any constraint between them; so a table that is filled cell by
cell, each from others, is no longer than its cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lagrad.rules import RULES
from lagrad.rules.shaping import astype, getitem
from lagrad.rules.writing import Places, write
from lagrad.status import TraceError
from lagrad.trace.record import bind, constant_array, refuse_outlived, unmuted
from lagrad.trace.tracer import (
    Structure,
    Traced,
    Tracer,
    View,
    current,
    innermost_value,
    rebind,
    refuse_muted,
    snapshot,
)


class Pending:
    """What was written to an array since it was a constraint.

    ``owner`` says for each entry which of ``cells`` it comes from (-1: from the array as it was),
    ``place`` where in there.
    """

    __slots__ = ("cells", "owner", "place", "row", "value")

    def __init__(self, a: Tracer) -> None:
        self.row, self.value = a._row, a._value
        self.owner = np.full(a.shape, -1)
        self.place = np.zeros(a.shape, np.intp)
        self.cells: list[Any] = []
        a._value = snapshot(a._value) if isinstance(a._value, Traced) else np.copy(a._value)
        a._view = self  # type: ignore[assignment]

    def refresh(self, a: Tracer) -> None:
        """Its value is what it should be."""

    def settle(self, a: Tracer) -> None:
        """Make one constraint of all that was written."""
        if a._trace.muted:
            return
        a._view = None
        if not self.cells:
            return
        args, places = self.gathered(self.base(a), self.owner, self.place)
        new = bind(RULES[write], args, {"places": places})
        a._row, a._value = new._row, new._value

    def base(self, a: Tracer) -> Tracer:
        """Return the array as it was before anything was written."""
        return Tracer(a._trace, self.row, self.value)

    def gathered(self, base: Any, owner: np.ndarray, place: np.ndarray) -> Any:
        """Return (base, values) and their places among entries that come from these owners."""
        owner, place = owner.ravel(), place.ravel()
        order = np.argsort(owner, kind="stable")
        ids, starts = np.unique(owner[order], return_index=True)
        args, parts = [base], []
        for k, dst in zip(ids.tolist(), np.split(order, starts[1:]), strict=True):
            if k >= 0:
                args.append(self.cells[k])
                parts.append((dst, place[dst] if np.size(self.cells[k]) != 1 else None))
        return tuple(args), Places(parts)

    def write(self, a: Tracer, index: Any, value: Any) -> None:
        """Note that a[index] is ``value``."""
        a._value[index] = inside(value, a)
        if np.size(self.owner[index]) == 0:
            return
        self.owner[index] = len(self.cells)
        shape, size = np.shape(value), np.size(value)
        self.place[index] = np.reshape(np.arange(size), shape) if size != 1 else 0
        self.cells.append(value)
        a._version += 1

    def read(self, a: Tracer, index: Any) -> Any:
        """Return a[index]: the value that was put there, or entries of the array as it was."""
        if a._trace.muted:
            return unmuted(a)[index]
        refuse_outlived(a._trace)
        owner, place = self.owner[index], self.place[index]
        if not isinstance(owner, np.ndarray):
            return self.entry(a, index, int(owner), int(place))
        result = self.part(a, index, owner, place)
        plain = innermost_value(a)
        there = plain[index]
        if np.may_share_memory(there, plain):
            result._value = laid_out(result._value, there)
            result._view = View(a, lambda base: base[index], index)  # type: ignore[index]
        return result

    def entry(self, a: Tracer, index: Any, k: int, place: int) -> Any:
        """Return a single entry."""
        if k < 0:
            return bind(RULES[getitem], (self.base(a), index), None)
        cell = self.cells[k]
        if not isinstance(cell, Traced):
            return a._value[index]
        if cell.shape:
            at = np.unravel_index(place, cell.shape)
            cell = bind(RULES[getitem], (cell, tuple(int(i) for i in at)), None)
        return like(a, cell)

    def part(self, a: Tracer, index: Any, owner: np.ndarray, place: np.ndarray) -> Any:
        """Return an array of entries."""
        first, last = (owner.min(), owner.max()) if owner.size else (-1, -1)
        if last < 0:
            return bind(RULES[getitem], (self.base(a), index), None)
        cell = self.cells[last]
        if first == last and isinstance(cell, Traced) and cell.shape == owner.shape:
            if np.array_equal(place.ravel(), np.arange(place.size)):
                return like(a, cell)
        base: Any = np.zeros(owner.shape, a.dtype)
        if first < 0:
            base = bind(RULES[getitem], (self.base(a), index), None)
        args, places = self.gathered(base, owner, place)
        if not any(isinstance(v, Traced) for v in args):
            return constant_array(a._trace, a._value[index].copy())
        return bind(RULES[write], args, {"places": places})


def same_trace(value: Any, a: Tracer) -> bool:
    """True if ``value`` is a variable of the trace of ``a``."""
    return isinstance(value, Tracer) and value._trace is a._trace


def inside(value: Any, a: Tracer) -> Any:
    """Return ``value`` as it stands one level below the trace of ``a``."""
    return value._value if same_trace(value, a) else value


def laid_out(value: Any, there: np.ndarray) -> Any:
    """Return ``value`` with the strides of what it is a view of, by which NumPy tells views."""
    if type(value) is not np.ndarray or value.strides == there.strides:
        return value
    steps = [(n - 1) * s for n, s in zip(there.shape, there.strides, strict=True) if n]
    low = sum(min(0, step) for step in steps)
    high = sum(max(0, step) for step in steps)
    memory = np.empty(high - low + value.itemsize, np.uint8)
    made: np.ndarray = np.ndarray(there.shape, value.dtype, memory, -low, there.strides)
    made[...] = value
    return made


def like(a: Tracer, cell: Any) -> Any:
    """Return what was put into ``a`` as it is found there: of the dtype of ``a``."""
    if cell.dtype != a.dtype:
        return bind(RULES[astype], (cell, a.dtype), None)
    return snapshot(cell)


def put(a: Tracer, index: Any, value: Any) -> None:
    """``a[index] = value``: the name ``a`` stands for a new variable from here on."""
    trace = a._trace
    refuse_outlived(trace)
    refuse_muted(trace)
    value = settled(value)
    if value.dtype.kind == "c" and a.dtype.kind != "c":
        raise TraceError(
            f"x[i] = t would put {value.dtype.name} into an array of {a.dtype.name}; make the "
            "array of that dtype: lg.zeros(shape, dtype)"
        )
    deeper = isinstance(value, Traced) and value._trace.level > trace.level
    apart = isinstance(inside(value, a), Traced) and not isinstance(a._value, Traced)
    if deeper or apart or type(a._view) is View:
        current(a)
        rebind(a, written(a, index, value))
        return
    if index is Ellipsis and replaces(a, value):
        a._row, a._value, a._view = value._row, value._value, None
        a._version += 1
        return
    state = a._view if type(a._view) is Pending else Pending(a)
    state.write(a, index, value)


def settled(value: Any) -> Any:
    """Return what is to be written as a variable, or as a plain array of its own."""
    while isinstance(value, Structure):
        value = current(value)._value
    return snapshot(value) if isinstance(value, Tracer) else np.array(value)


def replaces(a: Tracer, value: Any) -> bool:
    """True if ``value`` can stand in the place of all of ``a``, the layout in memory included.

    By that layout NumPy tells whether ``a.reshape(-1)`` is a view.
    """
    if not same_trace(value, a) or (value.shape, value.dtype) != (a.shape, a.dtype):
        return False
    return np.shape(a) == () or innermost_value(value).strides == innermost_value(a).strides


def written(a: Tracer, index: Any, value: Any) -> Any:
    """Return ``a`` with a[index] = value as a constraint of its own."""
    shape, size = np.shape(value), np.size(value)
    numbers = np.full(a.shape, -1)
    numbers[index] = np.reshape(np.arange(size), shape) if size != 1 else 0
    dst = np.flatnonzero(numbers >= 0)
    places = Places([(dst, numbers.ravel()[dst] if size != 1 else None)])
    return bind(RULES[write], (a, value), {"places": places})
