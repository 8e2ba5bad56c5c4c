"""Rules of windows: pieces of one array that are cut out at places on a lattice.

    concatenate(x[i : i + h, j : j + w], for all i, j)    one strided view of x, copied once
    sum over k of S_k (L @ B_k)                           windows of L, times the B_k stacked

A convolution written in NumPy is the first, times a kernel. Its multipliers are the second, where
S_k puts a window back at its place: a shift acts on other axes than the product does, so windows
may be taken of L, and that is a convolution with the kernel turned around.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lagrad.compile.lines import index_text
from lagrad.compile.program import Instruction
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import (
    MATMUL,
    dtype_of,
    is_row,
    shape_of,
    size_of,
)
from lagrad.compile.simplify.rules import Room, among, rewrite
from lagrad.compile.simplify.shapes import GETITEM, as_reshape
from lagrad.compile.simplify.places import (
    Places,
    View,
    cut_at,
    lattice,
    side_by_side,
    times,
    view_of,
    way_of,
    whole_of,
)
from lagrad.compile.simplify.written import filled, is_fixed
from lagrad.rules.shaping import pad

#: A strided view is copied in runs of so many entries at least, or NumPy is slow at it.
RUN = 8
#: Fewer entries, in fewer pieces, are joined as fast one by one.
ENTRIES, PIECES = 1024, 16
#: Fewer windows are put back one by one.
FEW = 4
#: What the next run costs, in entries, and products, for an entry.
OVERHEAD, FLOPS = 8, 16
JOINS = frozenset({np.concatenate, np.stack})


# -- windows that are read -------------------------------------------------------------------------


def windows(x: Any, start: Places, shape: Places, steps: tuple[Places, ...]) -> Any:
    """Return ``x[start + i * steps[0] + j * steps[1] + ...]`` for all (i, j, ...) in shape."""
    strides = [sum(s * k for s, k in zip(x.strides, step, strict=True)) for step in steps]
    return as_strided(x[tuple(slice(k, None) for k in start)], shape, strides).copy()


def windows_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A strided view, and its copy; an entry is in it only if it is in one of the pieces."""
    x, start, shape, steps = row.args
    text = e.text(x)
    strides = e.free("strides")
    yield f"{strides} = {text}.strides"
    if any(start):
        last = max(k for k, begin in enumerate(start) if begin)
        cut = tuple(slice(begin or None, None) for begin in start[: last + 1])
        text = f"{text}[{index_text(cut, e.text)}]"
    texts = [stride_text(strides, step) for step in steps]
    view = f"np.lib.stride_tricks.as_strided({text}, {shape!r}, ({', '.join(texts)},))"
    yield f"{name} = {view}.copy()"


def stride_text(strides: str, step: Places) -> str:
    """Return a step in bytes, as text."""
    text = ""
    for axis, k in enumerate(step):
        if k:
            times = "" if abs(k) == 1 else f"{abs(k)} * "
            sign = ("-" if k < 0 else "") if not text else (" - " if k < 0 else " + ")
            text += f"{sign}{times}{strides}[{axis}]"
    return text or "0"


def joined(row: Instruction) -> tuple[Sequence[Any], int, bool] | None:
    """Return the parts of joined arrays, the axis, and whether it is a new one."""
    if row.kwargs.keys() - {"axis"} or not 1 <= len(row.args) <= 2:
        return None
    parts = row.args[0]
    axis = row.args[1] if len(row.args) == 2 else row.kwargs.get("axis", 0)
    if type(parts) not in (tuple, list) or type(axis) is not int:
        return None
    return parts, axis % len(shape_of(row)), row.function is np.stack


def windows_of_one(row: Instruction, at: Pass) -> Any:
    """Joined pieces of one array that lie on a lattice are a view of it, copied once. Exact."""
    found = joined(row)
    if found is None or not all(is_row(part, GETITEM) for part in found[0]):
        return None
    parts, axis, new = found
    views = [view_of(part) for part in parts]
    x, start, shape, steps = views[0]
    if any(v.x is not x or v[2:] != (shape, steps) for v in views) or not shape:
        return None
    counts = lattice([v.start for v in views])
    if not counts or not is_row(x) or dtype_of(x) != dtype_of(row):
        return None
    # The pieces are counted where they are joined.
    lengths = *shape[:axis], *(n for n, _ in counts), *shape[axis:]
    moves = *steps[:axis], *(step for _, step in counts), *steps[axis:]
    long, short = side_by_side(lengths, moves, x), side_by_side(shape[axis:], steps[axis:], x)
    if long < RUN or not (long > short and size_of(row) >= ENTRIES or len(parts) >= PIECES):
        return None
    args = (x, start, lengths, moves)
    made = at.make(row, windows, *args, shape=lengths)
    return rewrite(row, np.reshape, made, shape_of(row))


# -- zeros around an array -------------------------------------------------------------------------


def zeros_around(row: Instruction, at: Pass) -> Any:
    """``pad`` with zeros is zeros into which the array is put. Exact."""
    x, *rest = row.args
    options = {**dict(zip(("pad_width", "mode"), rest, strict=False)), **row.kwargs}
    widths, zero = options.pop("pad_width", None), options.pop("constant_values", 0)
    if not is_row(x) or options.pop("mode", "constant") != "constant" or options:
        return None
    if type(zero) not in (int, float) or zero or math.copysign(1.0, zero) < 0:
        return None
    widths, dtype = np.asarray(widths), dtype_of(row)
    if widths.dtype.kind not in "iu" or not shape_of(row):
        return None
    if not (dtype == dtype_of(x) and dtype.isnative and dtype.kind in "fciu"):
        return None
    pairs = np.broadcast_to(widths, (len(shape_of(x)), 2)).tolist()
    index = tuple(
        slice(a, a + n) if a or b else slice(None)
        for (a, b), n in zip(pairs, shape_of(x), strict=True)
    )
    return rewrite(row, filled, None, shape_of(row), (index,), (1,), x)


# -- windows that are put back ---------------------------------------------------------------------


@among({filled})
def cut_of_filled(row: Instruction, at: Pass) -> Any:
    """Of what is put into zeros only the parts are put that are read. Exact."""
    x, index = row.args
    if not is_row(x) or not at.once(x) or x.args[0] is not None or not is_fixed(index):
        return None
    _, shape, indices, signs, *pieces = x.args
    if not all(map(is_fixed, indices)):
        return None
    out = cut_at(whole_of(x, shape), index)
    if out.steps != whole_of(x, shape).steps or size_of(row) == size_of(x):
        return None
    put = []
    for index, sign, piece in zip(indices, signs, pieces, strict=True):
        place = cut_at(whole_of(x, shape), index)
        if not is_row(piece) or place.shape != shape_of(piece):
            return None
        cuts = cuts_of(place, out)
        if cuts is None:
            return None
        to, of = cuts
        if all(cut.start < cut.stop for cut in to):
            part = piece if of == full(piece) else at.make(row, operator.getitem, piece, of)
            put.append((to, sign, part))
    if not put:
        return None
    to, signs, parts = zip(*put, strict=True)
    return rewrite(row, filled, None, shape_of(row), to, signs, *parts)


def full(piece: Any) -> tuple[slice, ...]:
    """Return the index of all of a piece."""
    return tuple(slice(0, n) for n in shape_of(piece))


def cuts_of(place: View, out: View) -> tuple[tuple[slice, ...], tuple[slice, ...]] | None:
    """Return where the part of a piece is put that is inside, and which part that is."""
    if place.steps != out.steps:
        return None  # An axis is left out, or passed over in steps.
    to, of = [], []
    for a, n, b, m in zip(place.start, place.shape, out.start, out.shape, strict=True):
        low, high = max(a, b), max(min(a + n, b + m), max(a, b))
        to.append(slice(low - b, high - b))
        of.append(slice(low - a, high - a))
    return tuple(to), tuple(of)


class Shifted(NamedTuple):
    """One of the windows that are put back: ``L @ B[:, begin:end]``, shifted.

    Attributes
    ----------
    product : Instruction
        The product with the axes of the window, and columns last.
    left, right : Instruction
        The factors L and B.
    columns : (begin, end)
    axes : tuple of int
        For each axis of what it is put into that of the product.
    shift : tuple of int
        How far, along each axis of the window.
    """

    product: Instruction
    left: Instruction
    right: Instruction
    columns: tuple[int, int]
    axes: Places
    shift: Places


def shifted(row: Instruction, index: Any, piece: Any, at: Pass) -> Shifted | None:
    """Return a piece as a shifted product, if all of that is put that falls inside."""
    *way, product = way_of(piece)
    found = factors_of(product, at)
    if found is None or not all(map(at.once, way)):
        return None
    shape, extent = shape_of(row), shape_of(product)
    whole, last = whole_of(row, shape), len(extent) - 1
    place = cut_at(whole, index)
    _, start, lengths, steps = view_of(piece)
    if place.steps != whole.steps or place.shape != lengths:
        return None
    units = whole_of(product, extent).steps
    axes = tuple(units.index(step) if step in units else -1 for step in steps)
    if not {*range(last)} <= {*axes} <= {*range(last + 1)}:
        return None
    width, shift = 1, [0] * last
    for begin, n, size, axis in zip(place.start, lengths, shape, axes, strict=True):
        d = begin - start[axis]
        if axis == last:
            width = n
            if n != size:
                return None
        elif begin != max(0, d) or begin + n != min(size, extent[axis] + d):
            return None
        else:
            shift[axis] = d
    columns = start[last], start[last] + width
    return Shifted(product, *found, columns, axes, tuple(shift))


def factors_of(product: Any, at: Pass) -> tuple[Instruction, Instruction] | None:
    """Return the factors of a product of an array and a matrix, in another shape maybe."""
    extent = shape_of(product)
    inner = as_reshape(product)
    if inner is not None:
        if not at.once(inner) or shape_of(inner)[-1:] != extent[-1:]:
            return None
        product = inner
    if not is_row(product, MATMUL) or not all(map(is_row, product.args)):
        return None
    left, right = product.args
    if len(extent) < 2 or len(shape_of(left)) < 2 or len(shape_of(right)) != 2:
        return None
    same = dtype_of(left) == dtype_of(right) == dtype_of(product)
    return (left, right) if same else None


def turned_kernel(row: Instruction, at: Pass) -> Any:
    """Windows of products ``L @ B_k``, added up, are windows of L times all of the B_k.

    Within n ulp for n terms. Checked: beside zeros an infinite B makes NaN.
    """
    base, _, indices, signs, *pieces = row.args
    if base is not None or len(pieces) < FEW or min(signs) < 0 or not all(map(is_fixed, indices)):
        return None
    if not (at.facts.drops_sign(row) and at.facts.is_sound(row)):
        return None
    found = []
    for index, piece in zip(indices, pieces, strict=True):
        one = shifted(row, index, piece, at) if is_row(piece) else None
        if one is None or found and not alike(one, found[0]):
            return None
        found.append(one)
    uses = Counter(id(one.product) for one in found)
    if any(at.users[key] > n for key, n in uses.items()):
        return None  # It would be computed all the same.
    found.sort(key=lambda one: times(-1, one.shift))
    return convolved(row, found, at) if is_less(row, found) else None


def alike(one: Shifted, other: Shifted) -> bool:
    """True if two windows are of one array, and lie the same way."""
    same = one.left is other.left and shape_of(one.product)[:-1] == shape_of(other.product)[:-1]
    return same and one.axes == other.axes and width(one) == width(other)


def width(one: Shifted) -> int:
    """Return the number of columns."""
    begin, end = one.columns
    return end - begin


def is_less(row: Instruction, found: Sequence[Shifted]) -> bool:
    """True if it takes less to gather the windows than to put them back.

    Entries are added in short runs, of one entry for each column, and NumPy takes as long for
    `OVERHEAD` entries as for the next run. Of products `FLOPS` take as long as an entry.
    """
    one, c = found[0], width(found[0])
    inner = shape_of(one.left)[-1]
    places = size_of(row) // c
    moving = sum(any(one.shift[k] for one in found) for k in range(len(one.shift)))
    run = 1 + OVERHEAD / c if moving > 1 and c > 1 else 1
    products = {id(one.product): size_of(one.product) for one in found}
    before = sum(size_of(one.product) // shape_of(one.product)[-1] * c for one in found) * run
    before += sum(products.values()) * inner / FLOPS
    after = places * len(found) * inner * (1 + c / FLOPS)
    return after <= before


def convolved(row: Instruction, found: Sequence[Shifted], at: Pass) -> Instruction:
    """Return the row as a product of the windows of L and the kernel."""
    one, c = found[0], width(found[0])
    extent, inner = shape_of(one.product)[:-1], shape_of(one.left)[-1]
    sizes = [1] * len(extent)
    for n, axis in zip(shape_of(row), one.axes, strict=True):
        if axis < len(extent):
            sizes[axis] = n
    shifts = list(zip(*(one.shift for one in found), strict=True))
    front = [max(0, *ds) for ds in shifts]
    back = [max(0, size - min(ds) - n) for size, ds, n in zip(sizes, shifts, extent, strict=True)]
    left = at.make(row, np.reshape, one.left, (*extent, inner))
    if any(front) or any(back):
        shape = *(a + n + b for a, n, b in zip(front, extent, back, strict=True)), inner
        index = tuple(slice(a, a + n) for a, n in zip(front, extent, strict=True))
        left = at.make(row, filled, None, shape, (index,), (1,), left, shape=shape)
    cuts = [
        tuple(slice(a - d, a - d + n) for a, d, n in zip(front, one.shift, sizes, strict=True))
        for one in found
    ]
    pieces = tuple(at.make(row, operator.getitem, left, cut) for cut in cuts)
    terms, axis = len(found) * inner, len(extent)
    gathered = at.make(row, np.concatenate, pieces, axis=axis, shape=(*sizes, terms))
    columns = tuple(
        at.make(row, operator.getitem, one.right, (slice(None), slice(*one.columns)))
        for one in found
    )
    kernel = at.make(row, np.concatenate, columns, axis=0, shape=(terms, c))
    places = math.prod(sizes)
    matrix = at.make(row, np.reshape, gathered, (places, terms))
    product = at.make(row, operator.matmul, matrix, kernel, shape=(places, c))
    order = one.axes
    if order == tuple(range(len(order))):
        return rewrite(row, np.reshape, product, shape_of(row))
    whole = *sizes, c
    product = at.make(row, np.reshape, product, tuple(whole[k] for k in sorted(order)))
    return rewrite(row, np.transpose, product, tuple(sorted(order).index(k) for k in order))


RULES: Room = {
    frozenset({pad, np.pad}): (zeros_around,),
    GETITEM: (cut_of_filled,),
}
#: Once nothing else is found: what is joined is not taken apart any more.
LAST: Room = {JOINS: (windows_of_one,), frozenset({filled}): (turned_kernel,)}

#: How they are written.
LINES = {windows: windows_lines}
