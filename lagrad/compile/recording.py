"""Writing down: what happens when a function is called on symbols."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from lagrad.compile.cycles import cycle_value
from lagrad.compile.functions import mutated, updated
from lagrad.compile.native import NATIVE
from lagrad.compile.program import replaced
from lagrad.compile.rolling import loop_results
from lagrad.compile.symbol import Symbol, answered, deeper, found_part, holds_symbol, symbols
from lagrad.rules import SPELT
from lagrad.rules.constant import structure
from lagrad.rules.shaping import getitem
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
#: NumPy's functions to which a whole number is a value like others, and never a length.
SHAPED_BY_SHAPES = frozenset(
    {np.where, np.clip, np.isclose, np.full_like, np.roll, np.searchsorted, np.interp, np.polyval}
    | {np.dot, np.vdot, np.inner, np.outer, np.array, np.hstack}
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
    try:
        value = function(*values)
    except Exception as error:
        program.failed = error  # whoever catches it goes another way for these very numbers
        raise
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
    try:
        value = function(*replaced(args, value_of), **replaced(kwargs, value_of))
    except Exception as error:
        program.failed = error
        raise

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
    if is_shaped_by_values(function, args, kwargs):
        for part in result if isinstance(result, tuple | list) else (result,):
            if type(part) is Symbol:
                part._ask(np.shape)
    first = args[0] if args else None
    if type(first) is Symbol and isinstance(result, tuple | list):
        for k, part in enumerate(result):  # the pieces of an array may be views of it
            if type(part) is Symbol and part._trace is first._trace:
                as_view(part, first, partial(piece, function, k, args, kwargs), None)
    if type(first) is Symbol and type(result) is Symbol and result._trace is first._trace:
        return as_view(
            result, first, lambda base: called(function, (base, *args[1:]), kwargs), None
        )
    return result


def is_shaped_by_values(function: Callable[..., Any], args: Any, kwargs: Any) -> bool:
    """True if the lengths of a result follow from values of the program."""
    if function is getitem:
        return is_shaped_by(args[1])
    if function in SHAPED_BY_VALUES or (function is np.where and len(args) == 1):
        return True
    known = function in SHAPED_BY_SHAPES or not str(function.__module__).startswith("numpy")
    return not known and found_part((args, kwargs), is_count)


def is_shaped_by(index: Any) -> bool:
    """True if the lengths of ``x[index]`` follow from values of the program."""
    parts = index if type(index) is tuple else (index,)
    return any(
        (type(p) is Symbol and p.dtype.kind == "b") or (type(p) is slice and holds_symbol(p))
        for p in parts
    )


def piece(function: Any, k: int, args: Any, kwargs: Any, base: Any) -> Any:
    """Return the k-th piece that a function gives of another array than its first."""
    return called(function, (base, *args[1:]), kwargs)[k]


def is_count(part: Any) -> bool:
    """True for a whole number of a program, which may be a length."""
    return type(part) is Symbol and part.dtype.kind in "iu" and not part.shape


def written_by(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """A function that writes to its first argument, as an assignment."""
    target, *rest = args if args else kwargs.values()
    if type(target) is not Symbol:
        refuse(
            f"np.{function.__name__} writes to a plain array", "Make the array by lg.zeros(shape)"
        )
    named = kwargs if args else {}
    target[...] = applied(mutated, (target, function, *rest), named)


def selected_into(out: Any, ufunc: Any, inputs: Any, kwargs: Any) -> Any:
    """``ufunc(..., where=mask, out=y)``: the result where the mask holds, y elsewhere."""
    where = kwargs.pop("where")
    target = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if type(target) is not Symbol or isinstance(target, tuple):
        refuse(
            f"np.{ufunc.__name__}(..., where=) leaves what it was in a plain array, or nothing",
            "Write np.where(mask, f(x), y)",
        )
    with np.errstate(all="ignore"):
        result = applied(ufunc, inputs, kwargs)
    target[...] = np.where(where, result, target)
    return target


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
