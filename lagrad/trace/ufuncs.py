"""A ufunc's own methods and options, told by plain calls: reduce, accumulate, outer, at, where=."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from lagrad.dispatch import scatter_add
from lagrad.rules import ACCUMULATE, NO_GRADIENT, REDUCE
from lagrad.rules.options import NO_VALUE
from lagrad.trace.boundary import missing_rule, plain_write, refuse
from lagrad.trace.record import call, operand, plain_index, without_gradient
from lagrad.trace.tracer import Traced

METHODS: dict[str, Any]
#: What these options are when nobody gives them.
DEFAULTS = {"casting": "same_kind", "order": "K", "subok": True, "where": True, "dtype": None}


def apply_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return ``ufunc.method(*inputs, **kwargs)`` of traced values."""
    if method == "at":
        return at(ufunc, *inputs)
    out = kwargs.pop("out", None)
    inputs = tuple(operand(x) for x in inputs)
    if ufunc in NO_GRADIENT and method != "__call__":
        result = without_gradient(getattr(ufunc, method), inputs, kwargs)
    elif method == "__call__":
        result = called(ufunc, inputs, kwargs, out)
    else:
        result = METHODS[method](ufunc, *inputs, **{**kwargs, "out": None})
    return result if out is None else written_to(out, result)


def called(ufunc: Any, inputs: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
    """The call itself: ``dtype`` is that of the arguments, ``where`` selects between it and out."""
    options = {k: v for k, v in kwargs.items() if k not in DEFAULTS or v is not DEFAULTS[k]}
    dtype, where = options.pop("dtype", None), options.pop("where", True)
    if options:
        refuse(
            f"np.{ufunc.__name__} was called with {sorted(options)} on a traced value",
            "Leave them out; .astype(dtype) does what casting= and dtype= do",
        )
    if where is not True and out is None:
        refuse(
            f"np.{ufunc.__name__}(..., where=) without out= leaves entries undefined",
            "Write np.where(mask, f(x), 0.0), which has no partial where the mask is False",
        )
    if dtype is not None:
        inputs = tuple(x.astype(dtype) if hasattr(x, "astype") else x for x in inputs)
    result = call(ufunc, inputs, {})
    if where is True:
        return result
    targets = out if isinstance(out, tuple) else (out,)
    if isinstance(result, tuple):
        return tuple(np.where(where, z, o) for z, o in zip(result, targets, strict=True))
    return np.where(where, result, targets[0])


def written_to(out: Any, result: Any) -> Any:
    """Write the result, or each of several, into traced arrays."""
    targets = out if isinstance(out, tuple) else (out,)
    results = result if isinstance(result, tuple) else (result,)
    for target, z in zip(targets, results, strict=True):
        if not isinstance(target, Traced):
            plain_write("out= or an augmented assignment (a += t)")
        target[...] = z
    return targets[0] if len(targets) == 1 else targets


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that somebody has given."""
    plain = {"dtype": None, "out": None, "initial": NO_VALUE, "where": True, "keepdims": False}
    return {k: v for k, v in options.items() if v is not plain.get(k, v) or k not in plain}


def reduced(ufunc: Any, x: Any, axis: Any = 0, **options: Any) -> Any:
    """``ufunc.reduce``: a reduction that has a rule, or one entry after the other."""
    options = given(options)
    if ufunc in REDUCE:
        return call(REDUCE[ufunc], (x,), {"axis": axis, **options})
    if options.pop("keepdims", False):
        return np.expand_dims(reduced(ufunc, x, axis, **options), axis)
    refuse_options(ufunc, "reduce", options)
    parts = along(x, axis)
    if not parts:
        missing_rule(ufunc.reduce)
    total = parts[0]
    for part in parts[1:]:
        total = ufunc(total, part)
    return total


def accumulated(ufunc: Any, x: Any, axis: Any = 0, **options: Any) -> Any:
    """``ufunc.accumulate``."""
    options = given(options)
    if ufunc in ACCUMULATE:
        return call(ACCUMULATE[ufunc], (x,), {"axis": axis, **options})
    refuse_options(ufunc, "accumulate", options)
    parts = along(x, axis)
    for k in range(1, len(parts)):
        parts[k] = ufunc(parts[k - 1], parts[k])
    return np.stack(parts, axis=axis) if parts else x


def reduced_at(ufunc: Any, x: Any, indices: Any, axis: Any = 0, **options: Any) -> Any:
    """``ufunc.reduceat``: from each index to the next, or one entry if the next is no larger."""
    refuse_options(ufunc, "reduceat", given(options))
    x, begins = np.moveaxis(x, axis, 0), [int(i) for i in plain_index(indices)]
    ends = [*begins[1:], np.shape(x)[0]]
    parts = [reduced(ufunc, x[a:b]) if b > a else x[a] for a, b in zip(begins, ends, strict=True)]
    return np.moveaxis(np.stack(parts), 0, axis)


def outer(ufunc: Any, x: Any, y: Any, **options: Any) -> Any:
    """``ufunc.outer``: every entry of x with every entry of y."""
    refuse_options(ufunc, "outer", given(options))
    return ufunc(np.reshape(x, (*np.shape(x), *(1,) * np.ndim(y))), y)


def at(ufunc: Any, target: Any, index: Any, *rest: Any) -> None:
    """``ufunc.at``: a repeated index is met once for each time that it stands there."""
    if not isinstance(target, Traced):
        plain_write(f"np.{ufunc.__name__}.at(a, index, t)")
    index = plain_index(index)
    places = np.arange(target.size).reshape(target.shape)[index]
    values = [np.broadcast_to(v, places.shape) for v in rest]
    if ufunc in (np.add, np.subtract):
        target[...] = ufunc(target, scatter_add(values[0], index, target.shape))
        return
    places, array = np.ravel(places), cast(Any, target)
    for turn in turns(places):
        here = np.unravel_index(places[turn], target.shape)
        array[here] = ufunc(array[here], *(np.ravel(v)[turn] for v in values))


def turns(places: np.ndarray) -> list[np.ndarray]:
    """Return which of ``places`` are met for the first time, the second time, and so on."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    rank = np.arange(len(places)) - np.repeat(first, np.diff([*first, len(places)]))
    return [order[rank == k] for k in range(int(rank.max(initial=-1)) + 1)]


def along(x: Any, axis: Any) -> list[Any]:
    """Return the parts of x along one axis."""
    if not isinstance(axis, int | np.integer):
        axes = tuple(range(np.ndim(x))) if axis is None else axis
        if len(axes) != 1:
            refuse(
                f"a reduction over the axes {axes} that depends on their order",
                "Reduce over one axis after the other",
            )
        (axis,) = axes
    return list(np.moveaxis(x, axis, 0))


def refuse_options(ufunc: Any, method: str, options: dict[str, Any]) -> None:
    """Refuse what these compositions do not follow."""
    if options:
        refuse(f"np.{ufunc.__name__}.{method} with {sorted(options)} has no rule", "Leave it out")


METHODS = {
    "reduce": reduced,
    "accumulate": accumulated,
    "reduceat": reduced_at,
    "outer": outer,
}
