"""Tracing plain NumPy: run a function once, on arrays that write down the constraints.

The values are there while the function runs, so Python's ``if``, ``while`` and ``print`` work. What
is computed from anything but traced values (random numbers, files) is a constant of the graph.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lagrad.containers import leaves, unflatten
from lagrad.graph import Graph
from lagrad.status import ArgumentError, TraceError
from lagrad.trace.boundary import Leak, refuse
from lagrad.trace.operators import install
from lagrad.trace.record import constant_array, outlived
from lagrad.trace.scopes import scope
from lagrad.trace.tape import CURRENT, SCOPE, Trace, substituted
from lagrad.trace.tracer import Structure, Traced, Tracer, current, snapshot

install()

__all__ = [
    "Structure",
    "Traced",
    "Tracer",
    "Trace",
    "lift",
    "muted",
    "names_of",
    "record",
    "recording",
    "recording_program",
    "scope",
    "substituting",
    "trace",
    "tracing",
    "zeros",
]


@contextmanager
def tracing(lifting: bool = False) -> Iterator[Trace]:
    """Open a trace inside the one now running, if any; it is closed whatever happens inside.

    With ``lifting``, traced values from around it become inputs of it.
    """
    inner = Trace(CURRENT.get())
    if lifting:
        inner.lifted, inner.direct = {}, False
    token, scopes = CURRENT.set(inner), SCOPE.get()
    try:
        yield inner
    finally:
        inner.open = False
        CURRENT.reset(token)
        SCOPE.set(scopes)  # a generator that was left behind does not leave its scope


def recording() -> bool:
    """True while a trace is running that records."""
    trace = CURRENT.get()
    return trace is not None and not trace.muted


def recording_program() -> Any:
    """Return the program that is written, perhaps around other traces, or None."""
    trace = CURRENT.get()
    while trace is not None and not trace.is_program:
        trace = trace.outer
    return trace


@contextmanager
def muted(noted: dict[int, Any] | None = None, also: Iterable[Trace] = ()) -> Iterator[None]:
    """Record nothing in the traces now running: their tracers count as their plain values.

    So a function that reads traced values from around it can be evaluated a thousand times, and
    nothing grows. Traces that are opened inside record as always. What is read is put into
    ``noted``; the traces ``also`` are muted with those now running.
    """
    around, trace = [t for t in also if not t.muted], CURRENT.get()
    while trace is not None and not trace.muted:
        if trace not in around:
            around.append(trace)
        trace = trace.outer
    quiet = Trace(CURRENT.get())
    quiet.noted = noted
    before = [trace.direct for trace in around]
    for trace in (quiet, *around):
        trace.muted, trace.direct = True, False
    token = CURRENT.set(quiet)
    try:
        yield
    finally:
        CURRENT.reset(token)
        for trace, direct in zip(around, before, strict=True):
            trace.muted, trace.direct = False, direct


@contextmanager
def substituting(values: Iterable[tuple[Traced, Any]]) -> Iterator[tuple[Trace, list[int]]]:
    """Open a trace in which traced values from around it, perhaps of a trace that is over, are
    inputs with the values given; yield it and the rows of these inputs.

    Raises
    ------
    TraceError
        At the end, if others were met: their derivative would be lost.
    """
    found = [(a, substituted(value)) for a, value in values]
    # What stands for itself does so by another handle, which is not substituted in its turn.
    pairs = [(a, snapshot(value) if value is a else value) for a, value in found]
    with tracing(lifting=True) as inner:
        inner.level = max([inner.level, *(a._trace.level + 1 for a, _ in pairs)])
        rows = [inner.input(value, f"captured{k}") for k, (_, value) in enumerate(pairs)]
        inner.substitutes = {
            id(a): Tracer(inner, row, value) for (a, value), row in zip(pairs, rows, strict=True)
        }
        around = {a._trace for a, _ in pairs if a._trace.direct}
        for trace in around:
            trace.direct = False
        try:
            yield inner, rows
        finally:
            inner.substitutes = {}  # They hold the trace, and would keep its values.
            for trace in around:
                trace.direct = True
        if inner.lifted:
            refuse(
                "a function that is run again met a traced value that it did not meet the first "
                "time",
                "Hand it over as an argument",
            )


def zeros(shape: Any, dtype: Any = float) -> Any:
    """Return zeros that take traced values: ``x = lg.zeros(3); x[0] = t``.

    Outside of a trace this is ``np.zeros``.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : float or complex dtype

    Examples
    --------
    >>> import lagrad as lg
    >>> def f(t):
    ...     x = lg.zeros(3)
    ...     x[1] = t * t
    ...     return x.sum()
    >>> float(lg.grad(f)(3.0))
    6.0
    """
    trace = CURRENT.get()
    plain = np.zeros(shape, dtype)
    if plain.dtype.kind not in "fc":
        raise ArgumentError(f"lg.zeros of dtype {plain.dtype} cannot take traced values; use float")
    return plain if trace is None else constant_array(trace, plain)


def variable(value: Any, name: str) -> Any:
    """Return an argument as the value of a variable: floating, copied, never the caller's array.

    Raises
    ------
    ArgumentError
        For arrays of integers, booleans or objects, and whatever is no number.
    """
    if isinstance(value, Traced):
        if value._is_symbol:
            value = value._as_variable()
        if value.dtype.kind in "fc":
            return snapshot(value)
        return variable(value._value, name)
    if type(value) in (int, float):
        return np.float64(value)
    if isinstance(value, complex) and not isinstance(value, np.generic):
        return np.complex128(value)
    if isinstance(value, bool) or value is None or isinstance(value, str):
        raise ArgumentError(f"{name} is {value!r}, which is no variable: leave it out of argnums")
    if isinstance(value, np.ma.MaskedArray):
        raise ArgumentError(f"{name} is a masked array; pass {name}.filled(...) and the mask apart")
    array = np.array(value) if not isinstance(value, np.generic) else value
    kind = array.dtype.kind
    if kind == "O" and any(isinstance(x, Leak) for x in np.ravel(array)):
        raise TraceError(f"{name} is np.array([...]) of traced values; write np.stack([...])")
    if kind in "iub":
        raise ArgumentError(
            f"{name} is an array of dtype {array.dtype}, which has no derivative; pass "
            f"{name}.astype(float), or leave it out of argnums"
        )
    if kind not in "fc":
        raise ArgumentError(
            f"{name} is {type(value).__name__} of dtype {array.dtype}; pass floats or complex "
            "numbers, in arrays or nested tuples, lists, dicts and dataclasses"
        )
    return array


def lift(trace: Trace, tree: Any, name: str) -> tuple[Any, list[int]]:
    """Return ``tree`` with its leaves as variables of ``trace``, and their rows."""
    tracers = []
    for label, leaf in leaves(tree, name):
        value = variable(leaf, label)
        tracers.append(Tracer(trace, trace.input(value, label), value))
    rows = [t._row for t in tracers]
    return unflatten(tree, iter(tracers)), rows


def names_of(f: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first ``count`` parameters of ``f``, as far as they can be had."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    positional = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "x")
    return (positional + [f"{rest}{k}" for k in range(count)])[:count]


def record(
    f: Callable[..., Any], args: tuple[Any, ...], argnums: tuple[int, ...], kwargs: dict[str, Any]
) -> tuple[Trace, list[Any], list[list[int]]]:
    """Run ``f`` with the arguments ``argnums`` traced.

    Returns
    -------
    trace : Trace, closed
    result : what ``f`` returned, with tracers in it
    rows : the input rows of each of ``argnums``
    """
    names = names_of(f, len(args))
    with tracing() as trace:
        given, rows = list(args), []
        for k in argnums:
            given[k], found = lift(trace, args[k], names[k])
            rows.append(found)
        result = f(*given, **kwargs)
        for _, leaf in leaves(result):
            if isinstance(leaf, Traced):
                current(leaf)
    return trace, result, rows


def trace(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """Run ``f(*args)`` once and return its constraints as a graph.

    Parameters
    ----------
    f : function of arrays, returning arrays (nested containers of them on both sides)
    *args : values; all of them become inputs of the graph
    **kwargs : passed on as they are

    Returns
    -------
    Graph
        ``print`` it; ``.linearize()`` gives the `MultiplierSystem`.

    Raises
    ------
    ArgumentError
        If an argument is no variable: integer arrays, strings.
    MissingRuleError
        If ``f`` calls a function that has no rule.

    Examples
    --------
    >>> import lagrad as lg
    >>> graph = lg.trace(lambda x, y: x * y, 2.0, 3.0)
    >>> [str(c) for c in graph.constraints]
    ['x = input', 'y = input', 'z3 = multiply(x, y)']
    """
    made, result, rows = record(f, args, tuple(range(len(args))), kwargs)
    results = [leaf for _, leaf in leaves(result)]
    for leaf in results:
        plain(made, leaf)
    outputs = tuple(
        leaf._row for leaf in results if isinstance(leaf, Tracer) and leaf._trace is made
    )
    for value in made.columns.values:
        if type(value) is np.ndarray:
            value.flags.writeable = False  # A graph is frozen, its values too.
    return made.graph(tuple(r for found in rows for r in found), outputs)


def plain(trace: Trace, leaf: Any, label: str = "the result") -> Any:
    """Return a result of a traced function as the value one level down.

    Raises
    ------
    TraceError
        If it is an array made by ``np.array`` of traced values.
    """
    if not isinstance(leaf, Traced | np.ndarray | np.generic | int | float | complex):
        raise ArgumentError(
            f"{label} is {type(leaf).__name__}, and not a number or an array; return the values, "
            "in nested tuples, lists, dicts or dataclasses"
        )
    return untraced(trace, leaf, label)


def untraced(trace: Trace, leaf: Any, label: str = "the result") -> Any:
    """Return a result, whatever it is, as the value one level down."""
    if isinstance(leaf, Traced):
        if leaf._trace is not trace and not leaf._trace.open:
            outlived(leaf._trace)  # kept from an earlier call, as by memoization
        return trace.arena.released(leaf._value) if leaf._trace is trace else leaf
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "O":
        if any(isinstance(x, Leak | Traced) for x in leaf.ravel()):
            raise TraceError(
                f"{label} is a plain object array of traced values (np.array([...]) or "
                "np.asarray); return np.stack([...]) or the list itself"
            )
    return leaf


__all__ += ["plain", "untraced", "variable"]
