"""Partials whose matrix holds only zeros and ones: entries are moved, copied or summed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lagrad.dispatch import settled
from lagrad.partials.algebra import Entries, Flipped, Late, Partial
from lagrad.partials.matrices import Function


class Structural(Partial):
    """A map whose matrix holds only zeros and ones: entries are moved, copied or summed."""

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        if type(mask) is Late:
            return self.adjoint(w), Late(lambda: self.reached(mask.now()))
        return self.adjoint(w), self.reached(mask)

    def reached(self, mask: Any) -> Any:
        if mask is None and not self.selects:
            return None
        mask = np.broadcast_to(True if mask is None else mask, self.out_shape)
        return self.adjoint(np.where(mask, 1.0, 0.0)) > 0


class Sum(Structural):
    """``v -> sum of v over axes``; its transpose copies w along them."""

    def __init__(self, axes: tuple[int, ...], in_shape: tuple[int, ...], keepdims: bool) -> None:
        self.axes, self.in_shape = axes, in_shape
        self.kept = tuple(1 if k in axes else n for k, n in enumerate(in_shape))
        squeezed = tuple(n for k, n in enumerate(in_shape) if k not in axes)
        self.out_shape = self.kept if keepdims else squeezed

    def apply(self, v: Any) -> Any:
        total = np.sum(v, axis=self.axes)
        return np.reshape(total, self.out_shape) if self.out_shape == self.kept else total

    def adjoint(self, w: Any) -> Any:
        if np.shape(w) != self.kept:
            w = np.reshape(w, self.kept)
        return np.broadcast_to(w, self.in_shape)

    def entries(self) -> Entries:
        size = math.prod(self.in_shape)
        rows = self.adjoint(np.arange(math.prod(self.out_shape)).reshape(self.kept)).ravel()
        return rows, np.arange(size), np.ones(size)

    def count(self) -> int:
        return math.prod(self.in_shape)

    def tallest(self) -> int:
        return 1

    def widest(self) -> int:
        return math.prod(self.in_shape[k] for k in self.axes)


class Transpose(Structural, Flipped):
    """The transpose of a structural map: what was taken is put, and what was copied is summed."""


class Broadcast(Transpose):
    """``v -> v`` stretched to ``out_shape``; its transpose sums what was copied."""

    def __init__(self, in_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> None:
        lead = len(out_shape) - len(in_shape)
        stretched = tuple(
            k for k, n in enumerate(out_shape) if k < lead or (in_shape[k - lead] == 1 and n != 1)
        )
        super().__init__(Sum(stretched, out_shape, keepdims=False))
        self.in_shape = in_shape

    def apply(self, v: Any) -> Any:
        return np.broadcast_to(v, self.out_shape)

    def adjoint(self, w: Any) -> Any:
        total = self.p.apply(w)
        return total if np.shape(total) == self.in_shape else np.reshape(total, self.in_shape)


class Scattered(NamedTuple):
    """An array of zeros in which ``w`` stands at a basic index: not made, to be added to others."""

    w: Any
    index: Any
    shape: tuple[int, ...]

    def dense(self) -> Any:
        """Return the array."""
        out = np.zeros(self.shape, self.w.dtype)
        out[self.index] = self.w
        return out


class Move(Structural, Function):
    """A map that only moves entries: ``forward`` takes each output from one input or from none.

    Both directions are given as functions; the entries come from ``forward`` itself, run on the
    indices of its argument. One that takes what stands at a basic index has a ``place``.
    """

    place: Any = None

    def scattered(self, w: Any) -> Scattered:
        """Return P^T w for a map with a place."""
        return Scattered(w, self.place, self.in_shape)

    def entries(self) -> Entries:
        source = np.asarray(origins(self.apply, self.in_shape))
        rows = np.flatnonzero(source >= 0)
        return rows, source[rows], np.ones(len(rows))

    def count(self) -> int:
        return math.prod(self.out_shape)

    def widest(self) -> int:
        return 1


def origins(move: Callable[[Any], Any], in_shape: tuple[int, ...]) -> Any:
    """Return, for each output entry of ``move``, the flat index of its input, or -1 for none."""
    numbered = np.arange(1, math.prod(in_shape) + 1).reshape(in_shape)
    return np.ravel(settled(move(numbered))) - 1
