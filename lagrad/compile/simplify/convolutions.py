"""A rule of windows that are put back: the adjoint of a convolution is a convolution.

    sum over k of S_k (L @ B_k)        windows of L, times the B_k one below the other

S_k puts a window back at its place. That is a shift, and acts on other axes than the product does:
so it may be done to L before, and what is gathered is windows of L. For the multipliers of a
convolution it is the kernel turned around.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import MATMUL, dtype_of, is_row, shape_of, size_of
from lagrad.compile.simplify.places import (
    Places,
    View,
    cut_at,
    times,
    view_of,
    way_of,
    whole_of,
)
from lagrad.compile.simplify.rules import Room, rewrite, seen_by
from lagrad.compile.simplify.shapes import as_reshape
from lagrad.compile.simplify.windows import as_windows
from lagrad.compile.simplify.written import filled, is_fixed

#: Fewer windows are put back one by one.
FEW = 4
#: What the next run costs, in entries, and products, for an entry.
OVERHEAD, FLOPS = 8, 16


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


def puts_products(row: Instruction) -> bool:
    """True for zeros into which many pieces are put, the first one a piece of a product."""
    base, _, _, _, *pieces = row.args
    if base is not None or len(pieces) < FEW:
        return False
    product = way_of(pieces[0])[-1]
    inner = as_reshape(product)
    return is_row(product if inner is None else inner, MATMUL)


@seen_by(puts_products)
def turned_kernel(row: Instruction, at: Pass) -> Any:
    """Windows of products ``L @ B_k``, added up, are windows of L times all of the B_k.

    Within n ulp for n terms. Checked: beside zeros an infinite B makes NaN.
    """
    base, _, indices, signs, *pieces = row.args
    if base is not None or len(pieces) < FEW or min(signs) < 0 or not size_of(row):
        return None
    if not all(map(is_fixed, indices)):
        return None
    if not (at.facts.drops_sign(row) and at.facts.is_sound(row)):
        return None
    found: list[Shifted] = []
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
    whole = *sizes, inner
    shifts = list(zip(*(one.shift for one in found), strict=True))
    front = [max(0, *ds) for ds in shifts]
    back = [max(0, size - min(ds) - n) for size, ds, n in zip(sizes, shifts, extent, strict=True)]
    left = at.make(row, np.reshape, one.left, (*extent, inner))
    if any(front) or any(back):
        shape = *(a + n + b for a, n, b in zip(front, extent, back, strict=True)), inner
        index = tuple(slice(a, a + n) for a, n in zip(front, extent, strict=True))
        left = at.make(row, filled, None, shape, (index,), (1,), left, shape=shape)
    steps = whole_of(left, shape_of(left)).steps
    views = [
        View(left, (*(a - d for a, d in zip(front, one.shift, strict=True)), 0), whole, steps)
        for one in found
    ]
    terms, axis = len(found) * inner, len(extent)
    gathered = as_windows(row, views, axis, at)
    if gathered is None:
        cuts = [tuple(map(slice, v.start, map(operator.add, v.start, whole))) for v in views]
        pieces = tuple(at.make(row, operator.getitem, left, cut) for cut in cuts)
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
    extents = *sizes, c
    product = at.make(row, np.reshape, product, tuple(extents[k] for k in sorted(order)))
    return rewrite(row, np.transpose, product, tuple(sorted(order).index(k) for k in order))


#: Once nothing else is found: what is put is not cut any more.
LAST: Room = {frozenset({filled}): (turned_kernel,)}
