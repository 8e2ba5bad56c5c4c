"""Writing down: what happens when a function is called on symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.compile.cycles import cycle_value
from lagrad.compile.functions import updated
from lagrad.compile.native import NATIVE
from lagrad.compile.program import replaced
from lagrad.compile.rolling import loop_results
from lagrad.compile.symbol import Symbol, answered, deeper, found_part, holds_symbol, symbols
from lagrad.rules import SPELT
from lagrad.rules.constant import structure
from lagrad.trace.boundary import refuse
from lagrad.trace.record import unmuted
from lagrad.trace.tape import substituted
from lagrad.trace.tracer import as_view, current

#: Functions whose result has a shape that depends on values.
SHAPED_BY_VALUES = frozenset(
    {
        np.nonzero,
        np.flatnonzero,
        np.argwhere,
        np.unique,
        np.compress,
        np.extract,
        np.repeat,
        np.union1d,
        np.intersect1d,
        np.setdiff1d,
        np.setxor1d,
        np.trim_zeros,
        np.bincount,
        np.delete,
        np.insert,
        np.roots,
        np.polymul,
        np.polydiv,
        np.linalg.lstsq,
        np.histogram,
        np.histogram_bin_edges,
        *(getattr(np, name) for name in dir(np) if name.startswith("unique_")),  # NumPy 2
    }
)
#: Functions that give complex numbers for some real arguments, and then numbers off the real axis.
COMPLEX_BY_VALUES = frozenset({np.linalg.eig, np.linalg.eigvals, np.roots})
#: Functions whose dtype depends on values: what they are spelt as asks for what decides it.
TYPED_BY_VALUES = frozenset(
    {np.real_if_close, np.poly, *(getattr(np.emath, name) for name in np.emath.__all__)}
)
NUMBERS = frozenset({float, int, bool, complex, np.float64, str, type(None), np.bool_})


# -- writing down --------------------------------------------------------------------------------


def applied(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function on the values of symbols, and write the call down."""
    program: Any = None
    values, parts, plain = [], [], True
    for a in args:
        kind = type(a)
        if kind is Symbol:
            if a._view is not None:
                current(a)
            trace = a._trace
            if trace is not program and (program is None or trace.level > program.level):
                program = trace
            values.append(a._value)
            parts.append(a._row)
        elif kind in NUMBERS:
            values.append(a)
            parts.append(a)
        else:
            plain = False
            break
    if not plain or kwargs or program is None:
        return applied_to_trees(function, args, kwargs)
    if program.muted:
        return function(*map(unmuted, args))
    if not program.direct and any(substituted(a) is not a for a in args):
        return function(*map(substituted, args))
    value = function(*values)
    if type(value) is str:
        return function(*answered(args))
    return symbols(program, program.append(function, tuple(parts), kwargs, value), value)


def applied_to_trees(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The same where arguments are nested, arrays, or options."""
    program: Any = None

    def settle(part: Any) -> Any:
        nonlocal program
        if type(part) is Symbol:
            found = current(part)._trace
            program = found if program is None or found.level > program.level else program
        return part

    args, kwargs = replaced(args, settle), replaced(kwargs, settle)

    def value_of(part: Any) -> Any:
        return part._value if type(part) is Symbol else part

    if program is None or program.muted:
        return function(*replaced(args, unmuted), **replaced(kwargs, unmuted))
    if not program.direct and found_part(args, lambda a: substituted(a) is not a):
        return function(*replaced(args, substituted), **kwargs)
    value = function(*replaced(args, value_of), **replaced(kwargs, value_of))

    if isinstance(value, str | bytes):  # text holds for these very numbers
        return function(*answered(args), **answered(kwargs))

    def written(part: Any) -> Any:
        return part._row if type(part) is Symbol else program.held(part)

    made = program.append(function, replaced(args, written), replaced(kwargs, written), value)
    return symbols(program, made, value)


def called(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a function of NumPy's or ours: of ours what it is made of is written down."""
    if function is structure and str(getattr(args[0], "__module__", "")).startswith("numpy"):
        return called(args[0], args[1:], kwargs)
    primitive = getattr(function, "primitive", None)
    if primitive is not None and primitive.joint is not None:
        if "cycle" in kwargs:
            found = cycle_value(kwargs["cycle"], args)
            if found is not None:
                return found

        loop = kwargs.get("loop")
        results = None if loop is None else loop_results(loop, args)
        if results is not None:
            return loop.layout.pack(results)
        # A solve or a loop: what it gave holds for these very numbers.
        return function(*answered(args), **answered(kwargs))
    inside = getattr(function, "__wrapped__", None)
    if inside is not None and str(inside.__module__).startswith("lagrad."):
        if function not in NATIVE:
            return inside(*args, **kwargs)
    if function in TYPED_BY_VALUES:
        return SPELT[function](*args, **kwargs)
    result = applied(NATIVE.get(function, function), args, kwargs)
    if function in COMPLEX_BY_VALUES and np.isrealobj(args[0]):
        bool(np.any(np.imag(result[0] if isinstance(result, tuple) else result)))  # a guard
    if function in SHAPED_BY_VALUES or (function is np.where and len(args) == 1):
        for part in result if isinstance(result, tuple) else (result,):
            part._ask(np.shape)
    first = args[0] if args else None
    if type(first) is Symbol and type(result) is Symbol and result._trace is first._trace:
        return as_view(
            result, first, lambda base: called(function, (base, *args[1:]), kwargs), None
        )
    return result


def put_out(out: Any, result: Any) -> Any:
    """Write results into the arrays of ``out=``."""
    targets = out if isinstance(out, tuple) else (out,)
    results = result if isinstance(result, tuple) else (result,)
    for target, value in zip(targets, results, strict=True):
        if type(target) is not Symbol:
            refuse(
                "a result was written to a plain array by out= or by an augmented assignment",
                "Write a = a + t instead of a += t, or make the array by lg.zeros(shape)",
            )
        target[...] = value
    return targets[0] if len(targets) == 1 else targets


def written_at(ufunc: Any, target: Any, index: Any, *rest: Any) -> None:
    """``ufunc.at`` of a symbol."""
    if type(target) is not Symbol:
        refuse(f"np.{ufunc.__name__}.at(a, index, t) writes to a plain array", "Use lg.zeros")
    target[...] = applied(updated, (target, ufunc, own_index(index), *rest), {})


def own_index(index: Any) -> Any:
    """Return an index whose arrays are its own."""
    if isinstance(index, list):
        return np.array(index) if not deeper(index) and not holds_symbol(index) else index
    return index
