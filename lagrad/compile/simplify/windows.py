"""Rules of windows that are read: pieces of one array, cut out at places on a lattice.

    concatenate(x[i : i + h, j : j + w], for all i, j)    one strided view of x, copied once

A convolution written in NumPy is that, times a kernel. NumPy does not look where a strided view
ends. Here each entry of it is one of the pieces, and those were cut out of an array of this very
shape, which the lines ask for; the strides are those of the array that is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lagrad.compile.lines import OTHER, index_text
from lagrad.compile.program import Instruction
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import calls, dtype_of, is_row, shape_of, size_of
from lagrad.compile.simplify.places import (
    Places,
    View,
    cut_at,
    lattice,
    side_by_side,
    view_of,
    way_of,
    whole_of,
)
from lagrad.compile.simplify.rules import Room, rewrite, seen_by
from lagrad.compile.simplify.written import filled, is_fixed

#: A strided view is copied in runs of so many entries at least, or NumPy is slow at it.
RUN = 8
#: Fewer entries, in fewer pieces, are joined as fast one by one.
ENTRIES, PIECES = 1024, 16
JOINS = frozenset({np.concatenate, np.stack})


# -- what is called, and its lines -----------------------------------------------------------------


def windows(x: Any, start: Places, shape: Places, steps: tuple[Places, ...]) -> Any:
    """Return ``x[start + i * steps[0] + j * steps[1] + ...]`` for all (i, j, ...) in shape."""
    strides = [sum(s * k for s, k in zip(x.strides, step, strict=True)) for step in steps]
    return as_strided(x[tuple(slice(k, None) for k in start)], shape, strides).copy()


def windows_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """The shape that was seen, unless it was just made of that shape; a strided view; its copy."""
    x, start, shape, steps = row.args
    text = e.text(x)
    strides = e.free("strides")
    if x.function is not filled:
        yield f"if {text}.shape != {shape_of(x)!r}: {OTHER}"
    yield f"{strides} = {text}.strides"
    if any(start):
        last = max(k for k, begin in enumerate(start) if begin)
        cut = tuple(slice(begin or None, None) for begin in start[: last + 1])
        text = f"{text}[{index_text(cut, e.text)}]"
    texts = ", ".join(stride_text(strides, step) for step in steps) + "," * (len(steps) == 1)
    yield f"{name} = np.lib.stride_tricks.as_strided({text}, {shape!r}, ({texts})).copy()"


def stride_text(strides: str, step: Places) -> str:
    """Return a step in bytes, as text."""
    text = ""
    for axis, k in enumerate(step):
        if k:
            times = "" if abs(k) == 1 else f"{abs(k)} * "
            sign = ("-" if k < 0 else "") if not text else (" - " if k < 0 else " + ")
            text += f"{sign}{times}{strides}[{axis}]"
    return text or "0"


# -- rules -----------------------------------------------------------------------------------------


def joins_pieces(row: Instruction) -> bool:
    """True for joined arrays, one of the first two of which is a piece of another."""
    found = joined(row)
    return found is not None and any(len(way_of(part)) > 1 for part in found[0][:2])


@seen_by(joins_pieces)
def windows_of_one(row: Instruction, at: Pass) -> Any:
    """Joined pieces of one array that lie on a lattice are a view of it, copied once. Exact."""
    found = joined(row)
    views = None if found is None else views_of_one(found[0])
    made = None if found is None or views is None else as_windows(row, views, found[1], at)
    return None if made is None else rewrite(row, np.reshape, made, shape_of(row))


def joined(row: Instruction) -> tuple[Sequence[Any], int] | None:
    """Return the parts of joined arrays, and the axis, if they may be worth a view."""
    if row.kwargs.keys() - {"axis"} or not 1 <= len(row.args) <= 2:
        return None
    parts = row.args[0]
    axis = row.args[1] if len(row.args) == 2 else row.kwargs.get("axis", 0)
    if type(parts) not in (tuple, list) or type(axis) is not int:
        return None
    worth = size_of(row) >= ENTRIES or len(parts) >= PIECES
    return (parts, axis % len(shape_of(row))) if worth else None


def views_of_one(parts: Sequence[Any]) -> list[View] | None:
    """Return the parts as views of one array, that lie the same way in it; None if they do not."""
    first = next((part for part in parts[:2] if len(way_of(part)) > 1), None)
    if first is None:
        return None
    x, _, *way = view_of(first)
    found: list[View] = []
    for part in parts:
        view = view_of(part) if is_row(part) else None
        if view is not None and view.x is not x:
            view = put_alone(part, x)
        if view is None or [*view[2:]] != way:
            return None
        found.append(view)
    return found


def put_alone(part: Any, x: Any) -> View | None:
    """Return what alone was put into zeros as a view of them."""
    if not calls(x, filled) or x.args[0] is not None or x.args[3:] != ((1,), part):
        return None
    _, shape, (index,), *_ = x.args
    view = cut_at(whole_of(x, shape), index) if is_fixed(index) else None
    return view if view is not None and view.shape == shape_of(part) else None


def as_windows(row: Instruction, views: Sequence[View], axis: int, at: Pass) -> Any:
    """Return views of one array, joined, as one copy; None if it cannot be, or is not faster.

    The views are counted where they are joined, by as many axes as it takes.
    """
    x, start, shape, steps = views[0]
    counts = lattice([view.start for view in views])
    if not counts or not shape or not is_row(x) or dtype_of(x) != dtype_of(row):
        return None
    lengths = *shape[:axis], *(n for n, _ in counts), *shape[axis:]
    moves = *steps[:axis], *(step for _, step in counts), *steps[axis:]
    long, short = side_by_side(lengths, moves, x), side_by_side(shape[axis:], steps[axis:], x)
    if long < RUN or 0 in lengths or (long == short and len(views) < PIECES):
        return None
    return at.make(row, windows, x, start, lengths, moves, shape=lengths)


#: Once nothing else is found: what is joined is not taken apart any more.
LAST: Room = {JOINS: (windows_of_one,)}

#: How they are written.
LINES = {windows: windows_lines}
