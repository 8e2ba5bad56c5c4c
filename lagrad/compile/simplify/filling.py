"""Rules of zeros into which pieces are put: what is put around, and what is read again."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction
from lagrad.compile.simplify.passes import Pass
from lagrad.compile.simplify.patterns import dtype_of, is_row, like, shape_of, size_of
from lagrad.compile.simplify.places import View, cut_at, may_meet, whole_of
from lagrad.compile.simplify.rules import Room, among, rewrite
from lagrad.compile.simplify.shapes import GETITEM
from lagrad.compile.simplify.written import filled, is_fixed
from lagrad.rules.shaping import pad

Cut = tuple[slice, ...]


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


@among({filled})
def piece_of_filled(row: Instruction, at: Pass) -> Any:
    """What is read where one piece was put, and no other, is that piece; up to the sign of 0."""
    x, index = row.args
    if not is_row(x) or x.args[0] is not None or not is_fixed(index):
        return None
    _, shape, indices, signs, *pieces = x.args
    if not all(map(is_fixed, indices)):
        return None
    whole = whole_of(x, shape)
    wanted, found = cut_at(whole, index), None
    for place, sign, piece in zip(indices, signs, pieces, strict=True):
        here = cut_at(whole, place)
        if here == wanted and found is None and sign > 0:
            found = piece
        elif may_meet(here, wanted):
            return None
    return found if is_row(found) and like(row, found) else None


@among({filled})
def cut_of_filled(row: Instruction, at: Pass) -> Any:
    """Of what is put into zeros only the parts are put that are read; up to the sign of 0."""
    x, index = row.args
    if not is_row(x) or not at.once(x) or x.args[0] is not None or not is_fixed(index):
        return None
    _, shape, indices, signs, *pieces = x.args
    if not all(map(is_fixed, indices)) or (len(pieces) > 1 and not at.facts.drops_sign(row)):
        return None
    out = cut_at(whole_of(x, shape), index)
    if out.steps != whole_of(x, shape).steps or size_of(row) == size_of(x):
        return None
    put = []
    for index, sign, piece in zip(indices, signs, pieces, strict=True):
        place = cut_at(whole_of(x, shape), index)
        if not is_row(piece) or dtype_of(piece) != dtype_of(row) or place.shape != shape_of(piece):
            return None
        cuts = cuts_of(place, out)
        if cuts is None:
            return None
        to, of = cuts
        if all(cut.start < cut.stop for cut in to):
            part = piece if of == all_of(piece) else at.make(row, operator.getitem, piece, of)
            put.append((to, sign, part))
    if not put:
        return None
    to, signs, parts = zip(*put, strict=True)
    if signs == (1,) and to[0] == all_of(row) and like(row, parts[0]):
        return parts[0]
    return rewrite(row, filled, None, shape_of(row), to, signs, *parts)


def all_of(piece: Any) -> Cut:
    """Return the index of all of a piece."""
    return tuple(slice(0, n) for n in shape_of(piece))


def cuts_of(place: View, out: View) -> tuple[Cut, Cut] | None:
    """Return where the part of a piece is put that is inside, and which part that is."""
    if place.steps != out.steps:
        return None  # An axis is left out, or passed over in steps.
    to, of = [], []
    for a, n, b, m in zip(place.start, place.shape, out.start, out.shape, strict=True):
        low, high = max(a, b), max(min(a + n, b + m), max(a, b))
        to.append(slice(low - b, high - b))
        of.append(slice(low - a, high - a))
    return tuple(to), tuple(of)


RULES: Room = {
    frozenset({pad, np.pad}): (zeros_around,),
    GETITEM: (piece_of_filled, cut_of_filled),
}
