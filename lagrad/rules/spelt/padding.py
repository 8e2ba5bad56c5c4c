"""np.pad: borders that are constant, moved from the array, or computed of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from lagrad.dispatch import first_taker
from lagrad.rules.options import as_array
from lagrad.rules.shaping import pad
from lagrad.rules.spelt.entries import cast, plainly
from lagrad.status import TraceError

#: The border is constant, or moved from the array. The others compute it.
MOVING = frozenset({"constant", "edge", "reflect", "symmetric", "wrap"})
STATISTICS = {"mean": "mean", "maximum": "max", "minimum": "min", "median": "median"}


def padded(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """np.pad. Borders that are computed are joined to the array axis by axis, as NumPy does."""
    if mode == "empty" or not isinstance(mode, str):
        raise TraceError(
            f"np.pad with mode={mode!r}: a border of no values, or one that a function writes in "
            "place, is no constraint. Write mode='constant', or np.concatenate the parts"
        )
    if options.get("reflect_type", "even") != "even":
        raise TraceError(
            "np.pad with reflect_type='odd' has no rule. For borders shorter than the array write "
            "2 * np.pad(x, n, 'edge') - np.pad(x, n, 'reflect'), one axis after the other"
        )
    array, pad_width = as_array(array), plainly(pad_width)
    axes = range(np.ndim(array))
    if isinstance(pad_width, dict):
        given = {k % np.ndim(array): width for k, width in pad_width.items()}
        pad_width = [np.broadcast_to(given.get(k, 0), 2).tolist() for k in axes]
    if mode in MOVING and first_taker([options.get("constant_values")]) is None:
        return pad(array, pad_width, mode, **options)
    widths = np.broadcast_to(pad_width, (np.ndim(array), 2))
    if widths.dtype.kind not in "iu" or (widths < 0).any():
        raise ValueError(f"pad_width={pad_width!r}; it is made of integers that are not negative")
    for axis in axes:
        before, after = (border(array, axis, k, widths, mode, **options) for k in (0, 1))
        array = np.concatenate([before, array, after], axis=axis)
    return array


def border(
    x: Any,
    axis: int,
    side: int,
    widths: Any,
    mode: str,
    constant_values: Any = 0,
    end_values: Any = 0,
    stat_length: Any = None,
) -> Any:
    """Return what np.pad joins to one side of an axis."""
    width, n, pairs = int(widths[axis, side]), np.shape(x)[axis], np.shape(widths)
    lead = (slice(None),) * axis
    shape = (*np.shape(x)[:axis], width, *np.shape(x)[axis + 1 :])
    if mode == "constant":
        value = np.broadcast_to(as_array(constant_values), pairs)[axis, side]
        return np.broadcast_to(cast(value, x.dtype), shape)
    if mode == "linear_ramp":
        value, edge = np.broadcast_to(as_array(end_values), pairs)[axis, side], x[(*lead, -side)]
        ramp = np.linspace(value, edge, width, endpoint=False, dtype=x.dtype, axis=axis)
        return np.flip(ramp, axis) if side else ramp
    length = np.broadcast_to(np.asarray(stat_length, object), pairs)[axis, side]
    length = n if length is None else min(int(length), n)
    part = x[(*lead, slice(n - length, None) if side else slice(length))]
    value = getattr(np, STATISTICS[mode])(part, axis=axis, keepdims=True)
    return np.broadcast_to(value, shape)
