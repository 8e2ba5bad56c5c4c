"""Compositions that shape arrays: joining, cutting, and what is known of an array.

Which entries are zero is structure to `trim_zeros`, as a condition is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import settled
from lagrad.rules.constant import real_sign, unit_step
from lagrad.rules.elementwise import angle
from lagrad.rules.options import NO_VALUE, as_array
from lagrad.rules.spelt.entries import SEVERAL, cast, fixed, moved, plainly
from lagrad.rules.spelt.padding import padded
from lagrad.status import TraceError

# -- joining -------------------------------------------------------------------------------------


def stack(arrays: Any, axis: int = 0, **options: Any) -> Any:
    """np.stack."""
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis, **options)


def at_least(n: int) -> Callable[..., Any]:
    """Return np.atleast_1d, 2d or 3d."""

    def lifted(x: Any) -> Any:
        shape = np.shape(x)
        if len(shape) >= n:
            return x
        if n == 3 and len(shape) == 2:
            return np.reshape(x, (*shape, 1))
        if n == 3 and len(shape) == 1:
            return np.reshape(x, (1, *shape, 1))
        return np.reshape(x, (1,) * (n - len(shape)) + shape)

    def all_lifted(*arys: Any) -> Any:
        lists = [lifted(as_array(x)) for x in arys]
        return lists[0] if len(lists) == 1 else SEVERAL(lists)

    return all_lifted


def hstack(tup: Any, **options: Any) -> Any:
    """np.hstack."""
    arrays = [at_least(1)(a) for a in tup]
    return np.concatenate(arrays, axis=0 if np.ndim(arrays[0]) == 1 else 1, **options)


def column_stack(tup: Any) -> Any:
    """np.column_stack."""
    return np.concatenate([np.reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in tup], axis=1)


def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """np.append."""
    arr, values = as_array(arr), as_array(values)
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis=axis)


def block(arrays: Any) -> Any:
    """np.block, of lists nested in lists."""
    found: list[Any] = []

    def places(part: Any) -> Any:
        if isinstance(part, list):
            return [places(p) for p in part]
        found.append(part)
        return len(found) - 1

    def laid(part: Any, numbers: Any) -> Any:
        return [laid(p, numbers) for p in part] if isinstance(part, list) else numbers[part]

    plan = places(arrays)
    return moved(lambda *numbers: np.block(laid(plan, numbers)), *found)


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """np.insert."""
    arr, obj = as_array(arr), fixed(obj)
    return moved(lambda a, v: np.insert(a, obj, v, axis), arr, cast(values, arr.dtype))


def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """np.broadcast_arrays."""
    arrays = [as_array(a) for a in args]
    shape = np.broadcast_shapes(*(np.shape(a) for a in arrays))
    return SEVERAL([a if np.shape(a) == shape else np.broadcast_to(a, shape) for a in arrays])


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """np.meshgrid."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing={indexing!r}; it is 'xy' or 'ij'")
    axes = list(range(len(xi)))
    if indexing == "xy":
        axes[:2] = axes[1::-1]
    grid: Any = [
        np.reshape(as_array(x), [-1 if k == axis else 1 for k in range(len(xi))])
        for x, axis in zip(xi, axes, strict=True)
    ]
    if not sparse:
        grid = np.broadcast_arrays(*grid)
    return SEVERAL([x.copy() for x in grid]) if copy else grid


def kron(a: Any, b: Any) -> Any:
    """np.kron: the axes of a and b in turn, then each pair as one."""
    a, b = as_array(a), as_array(b)
    n = max(np.ndim(a), np.ndim(b))
    ours, theirs = ((1,) * (n - np.ndim(x)) + np.shape(x) for x in (a, b))
    pairs = list(zip(ours, theirs, strict=True))
    left = np.reshape(a, [m for i, _ in pairs for m in (i, 1)])
    right = np.reshape(b, [m for _, j in pairs for m in (1, j)])
    return np.reshape(left * right, [i * j for i, j in pairs])


# -- cutting -------------------------------------------------------------------------------------


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0, *, cut: Any = None) -> Any:
    """np.array_split, or np.split as ``cut``."""
    lead = (slice(None),) * (axis % np.ndim(ary))
    parts = (cut or np.array_split)(np.arange(np.shape(ary)[axis]), plainly(indices_or_sections))
    return [ary[(*lead, slice(p[0], p[-1] + 1) if len(p) else slice(0, 0))] for p in parts]


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """np.split."""
    return array_split(ary, indices_or_sections, axis, cut=np.split)


def split_along(axis: int, least: int) -> Callable[..., Any]:
    """Return np.hsplit, vsplit or dsplit, which need ``least`` axes."""

    def cut(ary: Any, indices_or_sections: Any) -> Any:
        if np.ndim(ary) < least:
            raise ValueError(f"an array of {np.ndim(ary)} axes cannot be split; it needs {least}")
        return split(ary, indices_or_sections, min(axis, np.ndim(ary) - 1))

    return cut


def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """np.trim_zeros."""
    if not trim or set(trim.lower()) - set("fb"):
        raise ValueError(f"trim={trim!r}; it is made of 'f' for the front and 'b' for the back")
    here, n = settled(np.not_equal(filt, 0)), np.ndim(filt)
    cuts = [slice(None)] * n
    for k in range(n) if axis is None else np.atleast_1d(axis) % n:
        line = np.any(here, axis=tuple(i for i in range(n) if i != k))
        if not np.any(line):
            cuts[k] = slice(0, 0)
        else:
            front = int(np.argmax(line)) if "f" in trim.lower() else None
            behind = int(np.argmax(np.flip(line))) if "b" in trim.lower() else 0
            cuts[k] = slice(front, np.shape(filt)[k] - behind)
    return filt[tuple(cuts)]


def diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = NO_VALUE, append: Any = NO_VALUE
) -> Any:
    """np.diff."""
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    a = as_array(a)
    if np.ndim(a) == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis %= np.ndim(a)
    single = [1 if k == axis else m for k, m in enumerate(np.shape(a))]

    def end(x: Any) -> list[Any]:
        if x is NO_VALUE:
            return []
        return [np.broadcast_to(x, single) if np.ndim(x) == 0 else as_array(x)]

    before, after = end(prepend), end(append)
    if n and (before or after):
        a = np.concatenate([*before, a, *after], axis=axis)
    lead, step = (slice(None),) * axis, np.not_equal if a.dtype == bool else np.subtract
    for _ in range(n):
        a = step(a[(*lead, slice(1, None))], a[(*lead, slice(None, -1))])
    return a


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """np.ediff1d."""
    ary = np.ravel(as_array(ary))
    before, after = (
        [] if x is None else [cast(np.ravel(as_array(x)), ary.dtype)] for x in (to_begin, to_end)
    )
    steps = ary[1:] - ary[:-1]
    return np.concatenate([*before, steps, *after]) if before or after else steps


def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """np.apply_along_axis: the function is called on each row, and its results are stacked."""
    axis %= np.ndim(arr)
    rows = np.moveaxis(arr, axis, -1)
    outer = np.shape(rows)[:-1]
    if 0 in outer:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [func1d(rows[i], *args, **kwargs) for i in np.ndindex(outer)]
    inner = np.shape(results[0])
    together = np.reshape(np.stack(results), outer + inner)
    return np.moveaxis(
        together,
        range(len(outer), len(outer) + len(inner)),
        range(axis, axis + len(inner)),
    )


def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """np.apply_over_axes."""
    for axis in np.ravel(axes).tolist():
        axis %= np.ndim(a)
        result = func(a, axis)
        a = result if np.ndim(result) == np.ndim(a) else np.expand_dims(result, axis)
    return a


# -- what is known of an array -------------------------------------------------------------------


def min_scalar_type(a: Any) -> Any:
    """np.min_scalar_type of an array, which is its dtype."""
    if np.ndim(a) == 0:
        raise TraceError("np.min_scalar_type of a number goes by its value; write x.dtype")
    return a.dtype


def like(a: Any) -> Any:
    """Return a plain array of the shape of a, of no size in memory."""
    return np.broadcast_to(0, np.shape(a))


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """np.rollaxis."""
    n = np.ndim(a)
    axis, start = axis % n, start + n if start < 0 else start
    return np.moveaxis(a, axis, start - (axis < start))


def sign(x: Any) -> Any:
    """np.sign of real numbers; of complex ones it is x/|x|, and was a step before NumPy 2."""
    if np.iscomplexobj(x):
        raise TraceError(
            "np.sign of complex numbers is no step, and differs between versions of NumPy. Write "
            "x / np.abs(x), or np.sign(x.real)"
        )
    return real_sign(x)


# fmt: off
SHAPES: dict[Callable[..., Any], Callable[..., Any]] = {
    np.sign: sign,
    np.heaviside: lambda x1, x2: np.where(np.equal(x1, 0), x2, unit_step(x1)),
    np.angle: lambda z, deg=False: np.rad2deg(angle(z)) if deg else angle(z),
    np.stack: stack,
    np.vstack: lambda tup, **options: np.concatenate([at_least(2)(a) for a in tup], **options),
    np.hstack: hstack,
    np.dstack: lambda tup: np.concatenate([at_least(3)(a) for a in tup], axis=2),
    np.column_stack: column_stack,
    np.append: append,
    np.block: block,
    np.insert: insert,
    np.broadcast_arrays: broadcast_arrays,
    np.meshgrid: meshgrid,
    np.kron: kron,
    np.pad: padded,
    np.atleast_1d: at_least(1),
    np.atleast_2d: at_least(2),
    np.atleast_3d: at_least(3),
    np.flipud: lambda m: np.flip(m, 0),
    np.fliplr: lambda m: np.flip(m, 1),
    np.rollaxis: rollaxis,
    np.array_split: lambda ary, indices_or_sections, axis=0:
        array_split(ary, indices_or_sections, axis),
    np.split: split,
    np.hsplit: split_along(1, least=1),
    np.vsplit: split_along(0, least=2),
    np.dsplit: split_along(2, least=3),
    np.trim_zeros: trim_zeros,
    np.diff: diff,
    np.ediff1d: ediff1d,
    np.apply_along_axis: apply_along_axis,
    np.apply_over_axes: apply_over_axes,
    np.trace: lambda a, offset=0, axis1=0, axis2=1: np.sum(
        np.diagonal(a, offset, axis1, axis2), axis=-1),
    np.vdot: lambda a, b: np.dot(np.ravel(np.conjugate(a)), np.ravel(b)),
    np.copy: lambda a, order="K", subok=False: a.copy(order),
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
    np.isrealobj: lambda x: x.dtype.kind != "c",
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
    np.result_type: lambda *args: np.result_type(
        *[a if isinstance(a, type) else getattr(a, "dtype", a) for a in args]),
    np.common_type: lambda *arrays: np.common_type(
        *[np.empty(0, as_array(a).dtype) for a in arrays]),
    np.can_cast: lambda from_, to, casting="safe": np.can_cast(from_.dtype, to, casting),
    np.min_scalar_type: min_scalar_type,
    np.tril_indices_from: lambda arr, k=0: np.tril_indices_from(like(arr), k),
    np.triu_indices_from: lambda arr, k=0: np.triu_indices_from(like(arr), k),
    np.diag_indices_from: lambda arr: np.diag_indices_from(like(arr)),
}
# fmt: on

#: Names that not every version of NumPy has.
NEWER: dict[str, Callable[..., Any]] = {
    "astype": lambda x, dtype, /, *, copy=True, device=None: x.astype(dtype, copy=copy),
    "matrix_transpose": lambda x, /: np.swapaxes(x, -1, -2),
    "unstack": lambda x, /, *, axis=0: tuple(np.moveaxis(x, axis, 0)),
    "row_stack": SHAPES[np.vstack],  # in NumPy 1 it is np.vstack itself
}
SHAPES |= {getattr(np, name): f for name, f in NEWER.items() if hasattr(np, name)}
