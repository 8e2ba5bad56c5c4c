"""Functions that only move entries: one line each, the way back.

How to add one: ``function: (arguments, back)``. ``arguments`` spells a call as
``function(x, **options)``; ``back(w, x, **options)`` puts the multiplier of the result into the
shape of x. The tangent is the function itself, and the entries of A come from running it on the
indices of x. Where ``back`` is None the transpose is made from those indices. A row of a function
that may leave entries of x out ends in `SELECTS`: without it an infinite derivative of an entry
that was left out would make 0 * inf.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lagrad.dispatch import is_basic, overridable, scatter_add
from lagrad.partials import ONE, Broadcast, Move, Partial, Scale, Transpose, origins, then
from lagrad.primitive import Primitive
from lagrad.rules.constant import structure
from lagrad.status import TraceError


def same(*names: str, **defaults: Any) -> Callable[..., Any]:
    """Return the speller for a function of one array and the options ``names``."""

    def arguments(a: Any, *rest: Any, **kwargs: Any) -> Any:
        options = {**defaults, **dict(zip(names, rest, strict=False)), **kwargs}
        unknown = set(options) - set(names)
        if unknown or len(rest) > len(names):
            raise TypeError(f"unexpected {sorted(unknown) or rest[len(names) :]}")
        return (a,), options

    return arguments


def reshape_arguments(a: Any, *shape: Any, order: str = "C", **other: Any) -> Any:
    """np.reshape(a, shape, order), in either spelling of the shape."""
    if len(shape) > 1 and isinstance(shape[-1], str):
        shape, order = shape[:-1], shape[-1]
    if not shape:
        shape = (other.pop("shape", other.pop("newshape", None)),)
    if other:
        raise TypeError(f"unexpected {sorted(other)}")
    if order not in ("C", "F"):
        raise TraceError(
            f"order={order!r} goes by the layout in memory, which is no part of a constraint. "
            "Write order='C' (rows first, the default) or order='F' (columns first)"
        )
    return (a,), {"shape": shape[0] if len(shape) == 1 else shape, "order": order}


def reshape(a: Any, shape: Any, order: Any = "C") -> Any:
    """np.reshape, whose keyword for the shape was renamed between versions."""
    return np.reshape(a, shape, order=order)


def ravel_arguments(a: Any, order: str = "C") -> Any:
    """np.ravel(a, order), in the order of the axes and not of the memory."""
    return reshape_arguments(a, (-1,), order=order)[0], {"order": order}


def to_shape_of(w: Any, x: Any, **options: Any) -> Any:
    """The way back of whatever keeps the order of the entries."""
    return np.reshape(w, np.shape(x))


def inverse_axes(axes: Any) -> Any:
    """Return the permutation that undoes ``axes``."""
    return None if axes is None else tuple(int(k) for k in np.argsort(np.mod(axes, len(axes))))


# fmt: off
#: The third column: the function may leave entries of x out.
SELECTS = True
SHAPING: dict[Callable[..., Any], tuple[Any, ...]] = {
    np.ravel:        (ravel_arguments,
                      lambda w, x, order: np.reshape(w, np.shape(x), order=order)),
    np.squeeze:      (same("axis", axis=None), to_shape_of),
    np.expand_dims:  (same("axis"), to_shape_of),
    np.transpose:    (same("axes", axes=None),
                      lambda w, x, axes: np.transpose(w, inverse_axes(axes))),
    np.swapaxes:     (same("axis1", "axis2"),
                      lambda w, x, axis1, axis2: np.swapaxes(w, axis1, axis2)),
    np.moveaxis:     (same("source", "destination"),
                      lambda w, x, source, destination: np.moveaxis(w, destination, source)),
    np.flip:         (same("axis", axis=None), lambda w, x, axis: np.flip(w, axis)),
    np.roll:         (same("shift", "axis", axis=None),
                      lambda w, x, shift, axis: np.roll(w, np.negative(shift), axis)),
    np.broadcast_to: (same("shape", "subok", subok=False),
                      lambda w, x, shape, subok: Broadcast(np.shape(x), np.shape(w)).adjoint(w)),
    np.repeat:       (same("repeats", "axis", axis=None), None, SELECTS),
    np.tile:         (same("reps"), None, SELECTS),
    np.take:         (same("indices", "axis", "mode", axis=None, mode="raise"), None, SELECTS),
    np.diagonal:     (same("offset", "axis1", "axis2", offset=0, axis1=0, axis2=1), None, SELECTS),
    np.tril:         (same("k", k=0), lambda w, x, k: np.tril(w, k), SELECTS),
    np.triu:         (same("k", k=0), lambda w, x, k: np.triu(w, k), SELECTS),
    np.rot90:        (same("k", "axes", k=1, axes=(0, 1)),
                      lambda w, x, k, axes: np.rot90(w, -k, axes)),
    np.diag:         (same("k", k=0), None, SELECTS),
    np.diagflat:     (same("k", k=0), None, SELECTS),
    np.delete:       (same("obj", "axis", axis=None), None, SELECTS),
    np.resize:       (same("new_shape"), None, SELECTS),
    sliding_window_view: (same("window_shape", "axis", "subok", "writeable",
                               axis=None, subok=False, writeable=False), None, SELECTS),
}
# fmt: on


def shaping(
    function: Callable[..., Any],
    arguments: Callable[..., Any],
    back: Callable[..., Any] | None,
    selects: bool = False,
) -> Primitive:
    """Return the primitive of a function that moves entries."""

    def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
        x, shape = args[0], np.shape(args[0])

        def forward(v: Any) -> Any:
            # Where NumPy does not look for values of a program among the options.
            return (
                structure(function, v, **kwargs) if type(v) is np.ndarray else function(v, **kwargs)
            )

        def backward(w: Any) -> Any:
            return gathered_back(forward, shape, w) if back is None else back(w, x, **kwargs)

        return Move(forward, backward, shape, np.shape(z), selects)

    return Primitive(function.__name__, function, partial, multilinear=True, arguments=arguments)


def gathered_back(forward: Callable[[Any], Any], shape: tuple[int, ...], w: Any) -> Any:
    """Return the transpose of any move: add every entry to the place that it came from."""
    source = origins(forward, shape)
    kept = np.flatnonzero(source >= 0)
    w = np.reshape(w, -1)
    w = w if len(kept) == len(source) else w[kept]
    return np.reshape(scatter_add(w, source[kept], (math.prod(shape),)), shape)


@overridable
def getitem(x: Any, index: Any) -> Any:
    """Return ``x[index]``."""
    return x[index]


def take(index: Any, shape: tuple[int, ...], out_shape: tuple[int, ...]) -> Move:
    """Return ``v -> v[index]``, whose transpose adds at the index."""
    # Arrays of indices may take an entry twice and leave another out.
    basic = is_basic(index)
    selects = math.prod(out_shape) != math.prod(shape) or not basic
    made = Move(
        lambda v: v[index], lambda w: scatter_add(w, index, shape), shape, out_shape, selects
    )
    if basic and selects:
        made.place = index
    return made


def reshaped(in_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> Move:
    """Return the move that keeps the order of the entries."""
    return Move(
        lambda v: np.reshape(v, out_shape), lambda w: np.reshape(w, in_shape), in_shape, out_shape
    )


def getitem_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Indexing takes; its transpose adds at the index."""
    x, index = args
    return take(index, np.shape(x), np.shape(z))


def scatter_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """The transpose of indexing, whose transpose is indexing. Repeated indices are summed."""
    w, index, shape = args
    return Transpose(take(index, shape, np.shape(w)))


def concatenate(*arrays: Any, axis: int | None = 0, _starts: Any = None) -> Any:
    """np.concatenate with each array an argument of its own."""
    return np.concatenate(arrays, axis=axis)


def concatenate_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """One array is put between zeros; the way back cuts it out."""
    axis, shape, starts = kwargs["axis"], np.shape(args[k]), kwargs["_starts"]
    here = slice(starts[k], starts[k + 1])
    if axis is None:
        size = math.prod(shape)
        put = Transpose(take((here,), np.shape(z), (size,)))
        return then(put, reshaped(shape, (size,)))
    cut = (slice(None),) * (axis % np.ndim(z)) + (here,)
    return Transpose(take(cut, np.shape(z), shape))


def concatenate_arguments(
    arrays: Any, axis: int | None = 0, *, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    """np.concatenate(arrays, axis), each array cast before if a dtype is asked for."""
    if dtype is not None:
        for a in arrays:
            if hasattr(a, "dtype") and not np.can_cast(a.dtype, dtype, casting):
                raise TypeError(f"cannot cast from {a.dtype} to {np.dtype(dtype)} by {casting!r}")
        arrays = [a.astype(dtype) if hasattr(a, "dtype") else np.array(a, dtype) for a in arrays]
    elif casting != "same_kind":
        raise TypeError(f"casting={casting!r} without a dtype")
    arrays = tuple(arrays)
    lengths = [np.size(a) if axis is None else np.shape(a)[axis] for a in arrays]
    # Where each one begins, so that no partial has to look at all the others.
    return arrays, {"axis": axis, "_starts": tuple(accumulate(lengths, initial=0))}


@overridable
def pad(x: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """np.pad, where the border is constant or holds entries of x."""
    return np.pad(x, pad_width, mode, **options)


def pad_arguments(x: Any, pad_width: Any, mode: str = "constant", **options: Any) -> Any:
    """Spell a padding as pad(x, pad_width=, mode=)."""
    return (x,), {"pad_width": pad_width, "mode": mode, **options}


def pad_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Where the border is constant, the way back cuts it off; else it adds it to where it is of."""
    shape = np.shape(args[0])
    if kwargs["mode"] != "constant":

        def forward(v: Any) -> Any:
            return pad(v, **kwargs)

        return Move(forward, lambda w: gathered_back(forward, shape, w), shape, np.shape(z))
    widths = np.broadcast_to(kwargs["pad_width"], (len(shape), 2))
    inside = tuple(slice(int(a), int(a) + n) for (a, _), n in zip(widths, shape, strict=True))
    return Transpose(take(inside, np.shape(z), shape))


@overridable
def astype(x: Any, dtype: Any) -> Any:
    """Return ``x.astype(dtype)``."""
    return x.astype(dtype)


def astype_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """A change of precision; where a parent and a value differ in dtype the cast is added there."""
    return Scale(ONE, np.shape(z))


RULES: dict[Callable[..., Any], Primitive] = {
    **{f: shaping(f, *line) for f, line in SHAPING.items()},
    np.reshape: shaping(
        reshape,
        reshape_arguments,
        lambda w, x, shape, order: np.reshape(w, np.shape(x), order=order),
    ),
    getitem: Primitive("getitem", getitem, getitem_partial, multilinear=True),
    scatter_add: Primitive("scatter_add", scatter_add, scatter_partial, multilinear=True),
    np.concatenate: Primitive(
        "concatenate",
        concatenate,
        concatenate_partial,
        multilinear=True,
        arguments=concatenate_arguments,
        linear=True,
    ),
    pad: Primitive("pad", pad, pad_partial, multilinear=True, arguments=pad_arguments),
    astype: Primitive("astype", astype, astype_partial, multilinear=True),
}
