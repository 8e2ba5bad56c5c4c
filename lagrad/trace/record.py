"""Recording: what happens when a function meets a traced value."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from threading import get_ident
from typing import Any

import numpy as np

from lagrad.dispatch import is_basic
from lagrad.graph import CONSTANT
from lagrad.primitive import Primitive
from lagrad.rules import LIKE, NO_GRADIENT, RULES, SPELT, WRITES
from lagrad.rules import stopped as stopped_value
from lagrad.status import TraceError
from lagrad.trace.boundary import Leak, missing_rule, plain_write, public_name, refuse
from lagrad.trace.tape import CURRENT, Trace, substituted
from lagrad.trace.tracer import (
    Structure,
    Traced,
    Tracer,
    as_view,
    current,
    innermost_value,
    snapshot,
)

TRACED = frozenset({Tracer, Structure})


def bind(primitive: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
    """Evaluate ``primitive`` on ``args`` and record the constraint in the innermost trace."""
    top: Any = None
    refs, values = [], []
    for a in args:
        kind = type(a)
        if kind is Tracer:
            if a._view is not None:
                a._view.settle(a)
            if a._trace is not top:
                if top is not None or not a._trace.direct:
                    return bind_across(primitive, args, kwargs)
                top = a._trace
            refs.append(a._row)
            values.append(a._value)
        elif kind in NUMBERS or (kind is np.ndarray and a.dtype.kind != "O"):
            refs.append(-1)
            values.append(a)
        else:
            return bind_across(primitive, args, kwargs)
    if top is None:
        return bind_across(primitive, args, kwargs)
    if not top.open or top.thread != get_ident():  # `refuse_outlived`, without its call
        outlived(top)
    z = evaluated(top, primitive, values, kwargs)
    if type(z) is not np.float64 and z.dtype.kind not in "fc":
        return Structure(top, z)
    if -1 in refs:
        for k, ref in enumerate(refs):
            if ref < 0:
                refs[k] = top.constant(values[k])
    return Tracer(top, top.record(primitive, refs, kwargs, z), z)


def evaluated(trace: Trace, primitive: Primitive, values: list[Any], kwargs: Any) -> Any:
    """Return the value of a constraint as an array or NumPy scalar, or as a traced value."""
    if kwargs:
        z = primitive.function(*values, **kwargs)
    elif type(values[0]) is np.ndarray or type(values[-1]) is np.ndarray:
        z = trace.arena.evaluate(primitive.function, values)
    else:
        z = primitive.function(*values)
    kind = type(z)
    if kind is np.float64 or (kind is np.ndarray and z.ndim):
        return z
    if kind in (float, complex) or (primitive.derivatives is not None and not np.ndim(z)):
        return z if isinstance(z, Traced) else np.asarray(z)[()]
    return z


def bind_across(primitive: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
    """Bind where arguments are of several traces, structure, or to be lifted first."""
    args = tuple(substituted(a) if isinstance(a, Tracer) else a for a in args)
    top: Trace | None = None
    for a in args:
        kind = type(a)
        if isinstance(a, Traced) and a._is_symbol:
            if a._trace.muted:
                return bind_across(primitive, tuple(unmuted(b) for b in args), kwargs)
        elif kind in TRACED:
            if a._view is not None:
                current(a)
            trace = a._trace
            if trace is not top:
                if trace.muted:
                    return bind_across(primitive, tuple(unmuted(b) for b in args), kwargs)
                top = trace if top is None else innermost(top, trace)
        elif kind not in NUMBERS and not (kind is np.ndarray and a.dtype.kind != "O"):
            lift = [constant_operand(b) for b in args]
            if any(b is not c for b, c in zip(lift, args, strict=True)):
                return bind_across(primitive, tuple(lift), kwargs)
    if top is None:  # everything traced was muted
        return primitive.function(*args, **(kwargs or NOTHING))
    refuse_outlived(top)
    if top.lifted is not None:
        args = tuple(adopted(top, a) if type(a) in TRACED else a for a in args)
    values = [a._value if type(a) in TRACED and a._trace is top else a for a in args]
    z = evaluated(top, primitive, values, kwargs)
    own = [type(a) is Tracer and a._trace is top for a in args]
    if not any(own) or z.dtype.kind not in "fc":
        return Structure(top, z)
    refs = []
    for a, value, mine in zip(args, values, own, strict=True):
        if not mine:
            value = snapshot(value) if isinstance(value, Traced) else value
        refs.append(a._row if mine else top.constant(value))
    return Tracer(top, top.record(primitive, refs, kwargs, z), z)


def adopted(trace: Trace, a: Any) -> Any:
    """Return a value of a trace around as an input of ``trace``, the same one every time."""
    if a._trace is trace:
        return a
    value = a
    while isinstance(value, Traced):
        value = current(value)._value
    if isinstance(a, Structure):
        return value
    assert trace.lifted is not None
    key = id(a._trace), a._row
    if key not in trace.lifted:
        name = a._trace.columns.names.get(a._row, f"outer{a._row + 1}")
        trace.lifted[key] = snapshot(a), trace.input(value, name)
    return Tracer(trace, trace.lifted[key][1], value)


def unmuted(a: Any) -> Any:
    """Return a traced value of a muted trace as the value that it stands for, not to be written."""
    a = substituted(a)
    noted = False
    if isinstance(a, Tracer) and a._trace.muted and a.dtype.kind in "fc":
        trace = CURRENT.get()
        while trace is not None:
            if trace.noted is not None and a._trace.level < trace.level:  # it is from outside
                trace.noted[id(a)] = a
                noted = True
            trace = trace.outer
    while isinstance(a, Traced) and a._trace.muted:
        a = current(a)._value if noted or not a._is_symbol else a._frozen()
        if type(a) is np.ndarray:
            a = a.view()
            a.flags.writeable = False
    return a


NOTHING: dict[str, Any] = {}


def innermost(a: Trace, b: Trace) -> Trace:
    """Return the inner of two traces."""
    if a.level == b.level:
        outlived(a if not a.open else b)
    return a if a.level > b.level else b


def refuse_outlived(trace: Trace) -> None:
    """Refuse to use a trace that is over, or that belongs to another thread."""
    if not trace.open or trace.thread != get_ident():
        outlived(trace)


def outlived(trace: Trace) -> None:
    """Refuse a traced value outside its own trace."""
    if not trace.open:
        refuse(
            "a traced value was used after the function that was being traced had returned",
            "Return it from the function instead of storing it outside; with has_aux=True extra "
            "results come back as plain arrays",
        )
    refuse(
        "traced values of two traces met, or one was used in another thread",
        "Differentiate inside each thread; pass values between threads as plain arrays",
    )


NUMBERS = frozenset({int, float, complex, bool, np.float64, np.float32, np.complex128, np.int64})


def constant_operand(a: Any) -> Any:
    """Return an argument of a primitive as what can be recorded: arrays are plain arrays.

    Raises
    ------
    TraceError
        For arrays whose arithmetic is their own: masked arrays and ``np.matrix``.
    """
    if isinstance(a, np.ma.MaskedArray | np.matrix):
        refuse(
            f"a {type(a).__name__} met a traced value, and its arithmetic is not an array's",
            "Pass np.asarray(m), or m.filled(...) with np.where(mask, ...)",
        )
    if isinstance(a, np.ndarray) and type(a) is not np.ndarray and not isinstance(a, Traced):
        return np.array(a)
    if type(a) is list:
        a = lifted(a)
        return np.array(a) if type(a) is list else a
    if type(a) is tuple and any(map(indexes, a)):
        return a  # of places, which a program has as they will be
    return lifted(a)


def indexes(a: Any) -> bool:
    """True for a value of a program that may be an index."""
    return getattr(a, "_is_symbol", False) and a.dtype.kind in "iub"


def lifted(a: Any) -> Any:
    """Return a list, tuple or object array that holds traced values as one traced array."""
    if isinstance(a, Traced):
        return current(a)
    if type(a) is np.ndarray and a.dtype.kind == "O":
        found = list(a.ravel())
        for x in found:
            # What stands for an array could be written to after np.array has copied it.
            if isinstance(x, Leak) or (isinstance(x, Traced) and x.shape):
                Leak(x).refuse()
        if any(isinstance(x, Traced) for x in found):
            return np.reshape(np.stack(found), a.shape)
        return a
    if type(a) in (list, tuple) and any(isinstance(x, Traced | list | tuple) for x in a):
        parts = [lifted(x) for x in a]
        if any(isinstance(x, Traced) for x in parts):
            return np.stack(parts)
    return a


def operand(a: Any) -> Any:
    """Return an operand of an operator or ufunc as an array, traced if something in it is."""
    if type(a) in (list, tuple):
        a = lifted(a)
        return np.asarray(a) if type(a) in (list, tuple) else a
    return a


def plain_index(index: Any) -> Any:
    """Return an index without traced parts; what an index depends on is structure, and a guard."""
    if isinstance(index, tuple):
        return tuple(plain_index(part) for part in index)
    if isinstance(index, Traced):
        if index._is_symbol and index.dtype.kind in "iub":
            return snapshot(index)  # A program indexes by what it will be.
        if index.dtype.kind not in "iub":
            raise TypeError(
                f"an index must be of integers or booleans, not {index.dtype}; use x.astype(int)"
            )
        return index._answer(plain_index)
    if isinstance(index, slice):
        return slice(
            *(
                operator.index(p) if isinstance(p, Traced) else p
                for p in (index.start, index.stop, index.step)
            )
        )
    if isinstance(index, list):
        return [operator.index(p) if isinstance(p, Traced) else p for p in index]
    return index if is_basic(index) else np.array(index)


# -- calls of functions --------------------------------------------------------------------------


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a function on arguments of which some are traced."""
    primitive = RULES.get(function)
    if function is np.where and len(args) == 1 and not kwargs:
        return call(np.nonzero, args, kwargs)  # NumPy's two functions of this name
    if primitive is not None:
        if primitive.arguments is not None or kwargs:
            args, kwargs = spelling(function, primitive, args, kwargs)
            kwargs = {name: plain_option(name, v) for name, v in kwargs.items()}
        if primitive.multilinear and len(args) == 1:
            return shaped(primitive, function, args, kwargs)
        return bind(primitive, args, kwargs)
    if function in WRITES and not isinstance(target(*args, **kwargs), Traced):
        plain_write(f"np.{function.__name__}(a, ...)")
    spelt = SPELT.get(function)
    if spelt is not None:
        return in_words(function, spelt, args, kwargs)
    if function is stopped_value:
        return stopped(args[0])
    if function in LIKE:
        return new_like(function, *args, **kwargs)
    if function in NO_GRADIENT or not any(holds(Tracer, a) for a in (*args, *kwargs.values())):
        return without_gradient(function, args, kwargs)
    if isinstance(getattr(function, "primitive", None), Primitive):
        if any(holds(Traced, v) for v in kwargs.values()):
            bound = inspect.signature(function).bind(*args, **kwargs)
            args, kwargs = bound.args, bound.kwargs
        return bind(function.primitive, args, kwargs)  # type: ignore[attr-defined]
    missing_rule(function, args, kwargs)


def plain_option(name: str, value: Any) -> Any:
    """Return an option (axis, shape, indices) as plain values of its own; it is structure."""
    if getattr(value, "_is_symbol", False):
        return snapshot(value)  # A program has it as it will be.
    if isinstance(value, Tracer):
        refuse(
            f"the option {name} of a function is a traced value, and options are structure",
            f"Use a plain number for {name}, or int(x)",
        )
    if isinstance(value, Structure):
        return value._answer(lambda v: plain_option(name, v))
    if isinstance(value, list | tuple):
        return type(value)(plain_option(name, v) for v in value)
    return np.array(value) if isinstance(value, np.ndarray) else value


def shaped(primitive: Primitive, function: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    """Bind a function of one array, and keep track of views."""
    result = bind(primitive, args, kwargs)
    base = args[0]
    if isinstance(base, Tracer):
        return as_view(result, base, lambda b: call(function, (b,), kwargs), None)
    return result


def spelling(function: Any, primitive: Primitive, args: Any, kwargs: Any) -> Any:
    """Bring a call into the form of its rule; what the rule does not know is refused by name."""
    try:
        if primitive.arguments is not None:
            return primitive.arguments(*args, **kwargs)
        bound = inspect.signature(function).bind(*args, **kwargs)
        if not bound.kwargs:
            return bound.args, {}
        raise TypeError(f"unexpected {sorted(bound.kwargs)}")
    except (TypeError, ValueError) as error:
        if isinstance(error, TraceError):
            raise
        refuse(
            f"this spelling of {public_name(function)} has no rule: {error}",
            "Write it with the plain arguments, and compose the rest from other functions",
        )


def in_words(function: Any, spelt: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Run the composition that stands for a function."""
    try:
        inspect.signature(spelt).bind(*args, **kwargs)
    except TypeError as error:
        refuse(f"this spelling of {public_name(function)} has no rule: {error}", "Leave it out")
    return spelt(*args, **kwargs)


def holds(kind: type, a: Any) -> bool:
    """True if ``a`` is of ``kind`` or a list or tuple with one in it."""
    if isinstance(a, list | tuple):
        return any(holds(kind, b) for b in a)
    return isinstance(a, kind)


def without_gradient(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a function whose result carries no gradient; the result is structure."""
    top: Trace | None = None

    def scan(a: Any) -> None:
        nonlocal top
        if isinstance(a, Traced):
            current(a)
            top = a._trace if top is None or top is a._trace else innermost(top, a._trace)
        elif isinstance(a, list | tuple):
            for b in a:
                scan(b)

    def plain(a: Any) -> Any:
        if isinstance(a, Traced) and a._trace is top:
            if type(a._value) is not np.ndarray:
                return a._value
            view = a._value.view()
            view.flags.writeable = False  # An ``out`` among the arguments must not be the trace's.
            return view
        return type(a)(plain(b) for b in a) if type(a) in (list, tuple) else a

    scan((*args, *kwargs.values()))
    try:
        result = function(*plain(args), **{k: plain(v) for k, v in kwargs.items()})
    except ValueError as error:
        if "read-only" in str(error):
            plain_write("out=")
        raise
    assert top is not None
    return in_structure(top, result)


def in_structure(top: Trace, result: Any) -> Any:
    """Return a result as structure; several results stay a tuple."""
    if isinstance(result, tuple):
        return tuple(in_structure(top, r) for r in result)
    if isinstance(result, str | bool | type(None)):
        return Structure(top, np.bool_(result)) if isinstance(result, bool) else result
    return Structure(top, result if hasattr(result, "dtype") else np.asarray(result)[()])


def stopped(a: Any) -> Any:
    """Return a traced value as structure, at every level."""
    if isinstance(a, Traced):
        current(a)
        return snapshot(a) if a._is_symbol else Structure(a._trace, stopped(a._value))
    return np.copy(a) if isinstance(a, np.ndarray) else a


# -- arrays that take traced values --------------------------------------------------------------


def constant_array(trace: Trace, value: np.ndarray) -> Any:
    """Return a plain array as a variable of ``trace``, so that traced values can be put in."""
    if trace.muted:
        return value
    made = trace.made(value)
    return Tracer(trace, trace.record(CONSTANT, [], None, value), value) if made is None else made


def new_like(function: Any, a: Any, *args: Any, **kwargs: Any) -> Any:
    """np.zeros_like and its kin of a traced array: an array that takes traced values."""
    traced = a if isinstance(a, Traced) else next(x for x in args if isinstance(x, Traced))
    plain = np.asarray(innermost_value(a))  # its layout is that of the new array
    if any(isinstance(x, Traced) for x in (*args, *kwargs.values())):
        options = {k: v for k, v in kwargs.items() if k in ("dtype", "shape", "order")}
        out = constant_array(traced._trace, np.zeros_like(plain, **options))
        out[...] = args[0] if args else kwargs["fill_value"]
        return out
    value = function(plain, *args, **kwargs)
    if value.dtype.kind not in "fc":
        return Structure(traced._trace, value)
    return constant_array(traced._trace, value)


def target(*args: Any, **kwargs: Any) -> Any:
    """Return the first argument of a call, which may be given by name."""
    return args[0] if args else next(iter(kwargs.values()))
