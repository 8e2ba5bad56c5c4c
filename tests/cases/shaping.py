"""Examples of functions that move entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cases.base import HALF, TAKEN, Case, calls
from lagrad.dispatch import scatter_add
from lagrad.rules.shaping import astype, getitem, pad
from lagrad.rules.writing import write


def assigned(index: Any) -> Callable[..., Any]:
    """Return a function that sets x[index] and returns x."""

    def function(x: Any, v: Any = 0.5) -> Any:
        x = x.copy()
        x[index] = v
        return x

    return function


# fmt: off
SHAPING: dict[Any, list[Case]] = {
    np.reshape:      calls((lambda x: np.reshape(x, (3, 2)), (2, 3)),
                           (lambda x: x.reshape(-1), (2, 3)),
                           (lambda x: x.reshape(3, 2, order="F"), (2, 3)),
                           (lambda x: np.reshape(x, (1, 1)), ())),
    np.ravel:        calls((np.ravel, (2, 3)), (lambda x: x.ravel(order="F"), (2, 3)),
                           (np.ravel, ()),
                           (lambda x: x.flatten("F"), (2, 3))),
    np.squeeze:      calls((np.squeeze, (1, 3, 1)), (lambda x: np.squeeze(x, -1), (1, 3, 1))),
    np.expand_dims:  calls((lambda x: np.expand_dims(x, 0), (3,)),
                           (lambda x: np.expand_dims(x, (0, -1)), (3,))),
    np.transpose:    calls((np.transpose, (2, 3)), (lambda x: x.T, (2, 3, 4)),
                           (lambda x: np.transpose(x, (2, 0, 1)), (2, 3, 4)),
                           (lambda x: x.transpose(1, -1, 0), (2, 3, 4)), (np.transpose, (3,))),
    np.swapaxes:     calls((lambda x: np.swapaxes(x, 0, -1), (2, 3, 4))),
    np.moveaxis:     calls((lambda x: np.moveaxis(x, 0, -1), (2, 3, 4)),
                           (lambda x: np.moveaxis(x, (0, 1), (-1, 0)), (2, 3, 4))),
    np.flip:         calls((np.flip, (2, 3)), (lambda x: np.flip(x, (0, -1)), (2, 3, 2)),
                           (lambda x: np.flip(x, 1), (2, 3))),
    np.roll:         calls((lambda x: np.roll(x, 2), (2, 3)),
                           (lambda x: np.roll(x, -1, axis=1), (2, 3)),
                           (lambda x: np.roll(x, (1, -2), axis=(0, 1)), (2, 3))),
    np.broadcast_to: calls((lambda x: np.broadcast_to(x, (2, 3)), (3,)),
                           (lambda x: np.broadcast_to(x, (2, 3)), ()),
                           (lambda x: np.broadcast_to(x, (4, 2, 3)), (2, 1))),
    np.repeat:       calls((lambda x: np.repeat(x, 2), (2, 3)),
                           (lambda x: np.repeat(x, 3, axis=0), (2, 3)),
                           (lambda x: x.repeat([2, 0, 1], axis=1), (2, 3))),
    np.tile:         calls((lambda x: np.tile(x, 2), (3,)), (lambda x: np.tile(x, (2, 1, 2)),
                           (2, 3))),
    np.take:         calls((lambda x: np.take(x, TAKEN), (5,)),
                           (lambda x: np.take(x, 2, axis=1), (2, 3)),
                           (lambda x: np.take(x, [7, -9], axis=1, mode="wrap"), (2, 3)),
                           (lambda x: np.take(x, [7, 0, 1], mode="clip"), (2, 3)),
                           (lambda x: x.take([0, 0, -1], axis=0), (2, 3))),
    np.diagonal:     calls((np.diagonal, (3, 3)), (lambda x: np.diagonal(x, 1, 0, 2), (3, 2, 4)),
                           (lambda x: x.diagonal(-1), (3, 3))),
    np.tril:         calls((np.tril, (3, 3)), (lambda x: np.tril(x, -1), (2, 3, 3))),
    np.triu:         calls((np.triu, (3, 3)), (lambda x: np.triu(x, k=1), (2, 3))),
    np.rot90:        calls((np.rot90, (2, 3)), (lambda x: np.rot90(x, 3, axes=(1, 2)), (2, 3, 2))),
    getitem:         calls(
        (lambda x: x[1], (3,)), (lambda x: x[-1, ::2], (2, 3)),
        (lambda x: x[..., None, 1:], (2, 3)),
        (lambda x: x[TAKEN], (3, 2)), (lambda x: x[HALF], (2, 3)),
        (lambda x: x[[0, 0, 1], 1:], (2, 3)),
        (lambda x: x[TAKEN, [1, 0]], (3, 2)), (lambda x: x[::-1, [2, 2]], (2, 3)),
        (lambda x: x[:0], (3,)),
        (lambda x: x[x > 0.1], (4,)), (lambda x: x[np.array([True, False]), 1], (2, 3)),
        (lambda x: x[[0, 0, 1]], (3,)),
        complexes=False) + calls((lambda x: getitem(x, [1, 1, 0]), (2, 3))),
    scatter_add:     calls(
        (lambda w: scatter_add(w, np.array([0, 2, 2]), (4,)), (3,)),
        (lambda w: scatter_add(w, (slice(None), 1), (2, 3)), (2,)),
        (lambda w: scatter_add(w, (np.array([0, 0]), slice(1, 3)), (2, 3)), (2, 2))),
    write:           calls(
        (assigned(1), (3,), ()), (assigned(slice(0, 2)), (3,), ()),
        (assigned((slice(None), 1)), (2, 3), (2,)), (assigned(np.array([0, 2, 0])), (4,), (3,)),
        (assigned(HALF), (2, 3), (4,)), (assigned(...), (2, 3), (3,)), (assigned(0), (2, 3)),
        (assigned((slice(None), None)), (2, 3), (1, 1, 3))),
    np.concatenate:  calls(
        (lambda x, y: np.concatenate([x, y]), (2, 3), (1, 3)),
        (lambda x, y: np.concatenate((x, y, x), axis=-1), (2, 3), (2, 1)),
        (lambda x, y: np.concatenate([x, y], axis=None), (2, 3), (2, 2)),
        (lambda x: np.concatenate([np.ones(2), x, [3.0]]), (3,)),
        (lambda x, y: np.concatenate([x, y]), (0,), (2,)),
        (lambda x, y: np.concatenate([x, y, [1]], dtype=x.dtype), (2,), (1,))),
    pad:             calls((lambda x: np.pad(x, 1), (3,)), (lambda x: np.pad(x, ((1, 0), (2, 1))),
                           (2, 3)),
                           (lambda x: np.pad(x, (1, 2), constant_values=7.0), (2,)),
                           (lambda x: np.pad(x, ((1, 2), (0, 3)), "edge"), (2, 3)),
                           (lambda x: np.pad(x, 2, mode="reflect"), (3, 2)),
                           (lambda x: np.pad(x, (4, 1), "reflect"), (3,)),
                           (lambda x: np.pad(x, ((0, 2), (1, 1)), "symmetric"), (2, 3)),
                           (lambda x: np.pad(x, (2, 5), "wrap"), (3,)),
                           (lambda x: np.pad(x, ((0, 0), (1, 0)), "edge"), (0, 2))),
    np.diag:         calls((np.diag, (3,)), (np.diag, (3, 3)), (lambda x: np.diag(x, 1), (2,)),
                           (lambda x: np.diag(x, -2), (2,)), (lambda x: np.diag(x, k=-1), (3, 3)),
                           (lambda x: np.diag(x, 1), (2, 4))),
    np.diagflat:     calls((np.diagflat, (3,)), (lambda x: np.diagflat(x, -1), (2, 2)),
                           (np.diagflat, ())),
    np.delete:       calls((lambda x: np.delete(x, 1), (2, 3)),
                           (lambda x: np.delete(x, [0, -1], axis=1), (2, 4)),
                           (lambda x: np.delete(x, slice(0, 3, 2), 0), (4, 2)),
                           (lambda x: np.delete(x, np.array([True, False, True])), (3,)),
                           (lambda x: np.delete(x, x > 0.2), (4,)),
                           complexes=False),
    np.resize:       calls((lambda x: np.resize(x, (2, 4)), (3,)),
                           (lambda x: np.resize(x, 2), (2, 2)),
                           (lambda x: np.resize(x, (2, 2)), ())),
    sliding_window_view: calls(
        (lambda x: sliding_window_view(x, 2), (4,)),
        (lambda x: sliding_window_view(x, (2, 2)), (3, 4)),
        (lambda x: sliding_window_view(x, 3, axis=-1), (2, 4)),
        (lambda x: sliding_window_view(x, (2, 1), axis=(1, 0)), (2, 3)),
        (lambda x: np.max(sliding_window_view(x, 3), axis=-1), (5,)),
        complexes=False),
    astype:          calls((lambda x: x.astype(complex), (3,)),
                           (lambda x: x.astype(complex).real, ()))
                     + calls((lambda x: np.sum(x.astype(x.dtype)), (2, 3)), complexes=True),
}
# fmt: on
