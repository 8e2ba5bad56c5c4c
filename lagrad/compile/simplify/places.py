"""Which entries of an array a piece of it has: rows that cut and turn, as a lattice of places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lagrad.compile.simplify.patterns import is_row, shape_of
from lagrad.compile.simplify.shapes import GETITEM, permutation
from lagrad.compile.simplify.written import is_fixed

Places = tuple[int, ...]
#: Of a piece of a piece of a piece so many are looked at.
FAR = 8


class View(NamedTuple):
    """The entries ``x[start + i * steps[0] + j * steps[1] + ...]``, for all (i, j, ...) in shape.

    Each step is a vector with a number for each axis of x.
    """

    x: Any
    start: Places
    shape: Places
    steps: tuple[Places, ...]


def whole_of(x: Any, shape: Places) -> View:
    """Return all entries of an array, as a view of it."""
    n = len(shape)
    return View(x, (0,) * n, shape, tuple(tuple(int(j == k) for j in range(n)) for k in range(n)))


def way_of(row: Any) -> list[Any]:
    """Return a row, what it is cut out of or turns, and so on, `FAR` at most."""
    way = [row]
    while len(way) <= FAR:
        turned = permutation(row)
        if turned is not None:
            row = turned[0]
        elif is_row(row, GETITEM) and is_row(row.args[0]) and is_fixed(row.args[1]):
            row = row.args[0]
        else:
            break
        if type(row.value) is not np.ndarray:
            break
        way.append(row)
    return way


def view_of(row: Any) -> View:
    """Return a row as a view of what it is cut out of, by slices and whole numbers, and turned."""
    *way, x = way_of(row)
    view = whole_of(x, shape_of(x))
    for step in reversed(way):
        turned = permutation(step)
        view = cut_at(view, step.args[1]) if turned is None else turned_by(view, turned[1])
    return view


def turned_by(view: View, axes: Places) -> View:
    """Return a view with its axes in another order."""
    shape = tuple(view.shape[k] for k in axes)
    return view._replace(shape=shape, steps=tuple(view.steps[k] for k in axes))


def cut_at(view: View, index: Any) -> View:
    """Return what a basic index of constants takes of a view."""
    parts = list(index) if type(index) is tuple else [index]
    if all(p is not Ellipsis for p in parts):
        parts.append(Ellipsis)
    rest = len(view.shape) - sum(p is not None and p is not Ellipsis for p in parts)
    start, axis = view.start, 0
    shape: list[int] = []
    steps: list[Places] = []
    for part in parts:
        if part is None:
            shape.append(1)
            steps.append((0,) * len(start))
        elif part is Ellipsis:
            shape += view.shape[axis : axis + rest]
            steps += view.steps[axis : axis + rest]
            axis += rest
        else:
            n, step = view.shape[axis], view.steps[axis]
            if type(part) is slice:
                places = range(*part.indices(n))
                shape.append(len(places))
                steps.append(times(places.step, step))
                begin = places.start
            else:
                begin = int(part) % n
            start = plus(start, times(begin, step))
            axis += 1
    return view._replace(start=start, shape=tuple(shape), steps=tuple(steps))


def may_meet(a: View, b: View) -> bool:
    """False if two pieces that are cut out of one array have no entry in common, for certain."""
    for i, j in zip(along(a), along(b), strict=True):
        step = math.gcd(i.step, j.step)
        if not i or not j or i[-1] < j[0] or j[-1] < i[0] or (i[0] - j[0]) % step:
            return False
    return True


def along(view: View) -> list[range]:
    """Return the places along each axis that a piece has, the first one first."""
    found = []
    for k, begin in enumerate(view.start):
        moves = ((n, step[k]) for n, step in zip(view.shape, view.steps, strict=True) if step[k])
        n, step = next(moves, (1, 1))
        places = range(begin, begin + n * step, step)
        found.append(places if step > 0 else places[::-1])
    return found


def times(k: int, step: Places) -> Places:
    """Return k steps."""
    return tuple(k * s for s in step)


def plus(place: Places, step: Places) -> Places:
    """Return a place, one step on."""
    return tuple(a + b for a, b in zip(place, step, strict=True))


def lattice(places: Sequence[Places]) -> list[tuple[int, Places]] | None:
    """Return how often which step is taken, outermost first, from the first place to all others.

    None if they lie on no lattice, or in another order.
    """
    found: list[tuple[int, Places]] = []
    while len(places) > 1:
        step = plus(places[1], times(-1, places[0]))
        n = 2
        while n < len(places) and places[n] == plus(places[n - 1], step):
            n += 1
        if len(places) % n:
            return None
        for k in range(1, len(places)):
            if k % n and places[k] != plus(places[k - 1], step):
                return None
        found.append((n, step))
        places = places[::n]
    return found[::-1]


def side_by_side(shape: Sequence[int], steps: Sequence[Places], x: Any) -> int:
    """Return how many entries lie one after the other, if x lies in the order of its axes."""
    strides = [int(np.prod(shape_of(x)[k + 1 :])) for k in range(len(shape_of(x)))]
    length = 1
    for n, step in zip(reversed(shape), reversed(steps), strict=True):
        if n > 1 and sum(s * k for s, k in zip(strides, step, strict=True)) != length:
            break
        length *= n
    return length
