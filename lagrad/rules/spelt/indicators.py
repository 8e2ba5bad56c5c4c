"""Choices: one of several values for each entry, and writing to the entries that a mask shows.

Conditions, masks and indices are structure. What is not chosen has no entry in A, so an infinite
value or derivative of it goes nowhere; `piecewise` does not even compute it.

The functions that write (`np.copyto` and its kin) assign to the traced array that is their first
argument, as ``a[index] = v`` does. Where an index is repeated the last value stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.rules.constant import structure
from lagrad.rules.options import as_array
from lagrad.rules.spelt.entries import cast, fixed, moved, plainly
from lagrad.status import TraceError


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """np.select: the first condition that holds decides."""
    if len(condlist) != len(choicelist) or len(condlist) == 0:
        raise ValueError(f"{len(condlist)} conditions for {len(choicelist)} choices")
    conditions = [as_array(c) for c in condlist]
    if any(c.dtype != bool for c in conditions):
        raise TypeError("a condition of np.select is not boolean; write c.astype(bool), or c != 0")
    for condition, choice in zip(conditions[::-1], choicelist[::-1], strict=True):
        default = np.where(condition, choice, default)
    return default


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """np.piecewise: each function is called on the entries that are its own, and on no others."""
    x, condlist = as_array(x), fixed(condlist)
    single = not isinstance(condlist, list | tuple) and np.ndim(condlist) == 0
    single = single or (np.ndim(condlist[0]) == 0 and np.ndim(x) != 0)
    conditions = [as_array(c).astype(bool) for c in ([condlist] if single else condlist)]
    if len(conditions) == len(funclist) - 1:
        conditions.append(np.logical_not(np.any(np.stack(conditions), axis=0)))
    if len(conditions) != len(funclist):
        raise ValueError(f"{len(conditions)} conditions for {len(funclist)} functions")
    pieces, numbers, end = [np.zeros(1, x.dtype)], np.zeros(np.shape(x), int), 1
    for condition, f in zip(conditions, funclist, strict=True):
        count = int(np.count_nonzero(condition))
        if count:
            values = as_array(f(x[condition], *args, **kw) if callable(f) else f)
            if values.dtype.kind == "c" and x.dtype.kind != "c":
                raise TraceError(
                    f"np.piecewise of {x.dtype} would drop the imaginary part of a function's "
                    "values; write np.piecewise(x.astype(complex), ...), or np.real(...)"
                )
            pieces.append(np.broadcast_to(cast(values, x.dtype), (count,)))
            order = np.reshape(np.cumsum(condition), np.shape(x)) + (end - 1)
            numbers = np.where(condition, order, numbers)
            end += count
    return np.concatenate(pieces)[numbers]


def choose(a: Any, choices: Any, mode: Any = "raise") -> Any:
    """np.choose."""
    a = fixed(as_array(a))
    chosen = moved(lambda *numbers: np.choose(a, numbers, mode=mode), *choices)
    return cast(chosen, structure(np.choose, a, choices, mode=mode).dtype)


# -- writing -------------------------------------------------------------------------------------


def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """np.copyto."""
    if hasattr(src, "dtype") and not np.can_cast(src.dtype, dst.dtype, casting):
        raise TypeError(f"cannot cast from {src.dtype} to {dst.dtype} by {casting!r}")
    src = cast(src, dst.dtype)
    if where is True:
        dst[...] = src
    else:
        mask = np.broadcast_to(fixed(as_array(where)), dst.shape)
        if isinstance(mask, np.ndarray):
            dst[mask] = np.broadcast_to(src, dst.shape)[mask]
        else:  # of a program
            dst[...] = np.where(mask, src, dst)


def write_flat(a: Any, places: Any, values: Any) -> None:
    """Set the entries of these flat places to the values, which are repeated if they are few."""
    values, places = np.ravel(as_array(values)), np.ravel(places)
    if len(places) and len(values):
        a[np.unravel_index(places, a.shape)] = np.resize(values, len(places))


def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    """np.put."""
    numbers = np.arange(a.size)
    write_flat(a, np.take(numbers, plainly(as_array(ind)), mode=mode), v)


def place(arr: Any, mask: Any, vals: Any) -> None:
    """np.place: the values one after the other."""
    places = np.flatnonzero(sized(mask, arr))
    if len(places) and np.size(as_array(vals)) == 0:
        raise ValueError("Cannot insert from an empty array!")
    write_flat(arr, places, vals)


def putmask(a: Any, mask: Any, values: Any) -> None:
    """np.putmask: each entry takes the value of its own place."""
    places, values = np.flatnonzero(sized(mask, a)), np.ravel(as_array(values))
    if len(values):
        write_flat(a, places, values[places % len(values)])


def sized(mask: Any, a: Any) -> np.ndarray:
    """Return a mask that has as many entries as the array."""
    plain = np.asarray(np.not_equal(as_array(mask), 0))
    if plain.size != a.size:
        raise ValueError(f"a mask of {plain.size} entries for an array of {a.size}")
    return plain


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """np.fill_diagonal."""
    marks = np.zeros(a.shape, bool)
    np.fill_diagonal(marks, True, wrap)
    write_flat(a, np.flatnonzero(marks), val)


def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None = -1) -> None:
    """np.put_along_axis."""
    numbers = np.arange(arr.size).reshape(arr.shape)
    places = np.take_along_axis(numbers, plainly(as_array(indices)), axis)
    write_flat(arr, places, np.broadcast_to(as_array(values), places.shape))


INDICATORS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.select: select,
    np.piecewise: piecewise,
    np.choose: choose,
    np.copyto: copyto,
    np.put: put,
    np.place: place,
    np.putmask: putmask,
    np.fill_diagonal: fill_diagonal,
    np.put_along_axis: put_along_axis,
}
