"""Boxes in boxes: what stands in a frame is laid out by itself, and the frame is then one box.

So no frame contains what does not belong to it. A line into a frame comes in at the top, at a place
of its own, and a line out of it leaves at the bottom.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lagrad.order import components
from lagrad.views.frames import Edges, Frame, items
from lagrad.views.layers import BOTTOM, TOP, Line, Placed, Point, arrange, grid

#: Inside of a frame: at the sides and below, and above, where its label stands.
PADDING, HEAD = 12.0, 26.0


Item = int | Frame  #: A node, or a frame that stands in another.


class Layout(NamedTuple):
    """Where everything is drawn.

    Attributes
    ----------
    boxes : float array (nodes, 4)
        x, y, width, height of each node.
    frames : dict
        The same of each frame.
    routes : dict
        The points along each edge, from its tail to its head.
    upward : set of edges
        Those that close a cycle.
    size : (width, height)
    """

    boxes: np.ndarray
    frames: dict[Frame, tuple[float, float, float, float]]
    routes: dict[tuple[int, int], list[Point]]
    upward: set[tuple[int, int]]
    size: Point


class Inside(NamedTuple):
    """What is in a frame: nodes and frames, their sizes, and where they were placed."""

    members: dict[Item, int]
    placed: Placed
    width: float
    height: float
    shift: Point
    routes: dict[Any, list[Point]]


def layout(
    sizes: Sequence[Point], edges: Edges, around: Sequence[Frame], least: Mapping[Frame, float]
) -> Layout:
    """Place nodes.

    Parameters
    ----------
    sizes : (width, height) of each node
    edges : (from, to)
    around : the frame of each node
    least : the width that the label of each frame needs
    """
    sizes = [(grid(w), grid(h)) for w, h in sizes]
    upward = closing(edges, around)
    all_frames = {frame[:d] for frame in around for d in range(len(frame) + 1)} | {()}
    inner: dict[Frame, dict[Item, int]] = {frame: {} for frame in all_frames}
    for k, frame in enumerate(around):
        inner[frame].setdefault(k, len(inner[frame]))
    for frame in sorted(all_frames - {()}):
        inner[frame[:-1]].setdefault(frame, len(inner[frame[:-1]]))
    pieces: dict[Frame, dict[Any, None]] = defaultdict(dict)
    along = {edge: pieces_of(edge, edge in upward, around) for edge in edges}
    for parts in along.values():
        for frame, piece in parts:
            pieces[frame][piece] = None
    done: dict[Frame, Inside] = {}
    for frame in sorted(all_frames, key=len, reverse=True):
        done[frame] = inside(
            inner[frame], list(pieces[frame]), sizes, done, frame, grid(least.get(frame, 0.0))
        )
    origin: dict[Frame, Point] = {(): (0.0, 0.0)}
    boxes = np.zeros((len(sizes), 4))
    for frame in sorted(all_frames, key=len):
        (x, y), here = origin[frame], done[frame]
        for item, k in here.members.items():
            left, top = here.placed.corners[k] + here.shift + (x, y)
            if isinstance(item, tuple):
                origin[item] = (float(left), float(top))
            else:
                boxes[item] = (left, top, *sizes[item])
    routes = {}
    for edge, parts in along.items():
        points: list[Point] = []
        for frame, piece in parts:
            x, y = origin[frame]
            points += [(x + a, y + b) for a, b in done[frame].routes[piece]]
        points = [p for n, p in enumerate(points) if n == 0 or p != points[n - 1]]
        routes[edge] = points[::-1] if edge in upward else points
    found = {f: (*origin[f], done[f].width, done[f].height) for f in all_frames if f}
    return Layout(boxes, found, routes, upward, (done[()].width, done[()].height))


def pieces_of(
    edge: tuple[int, int], upward: bool, around: Sequence[Frame]
) -> list[tuple[Frame, Any]]:
    """Return the pieces of an edge: out of the frames of its tail, and into those of its head.

    A piece is (tail, head, leaves, enters, key) with items of its frame; None is the frame's edge.
    """
    tail, head = edge[::-1] if upward else edge
    # Upward edges stand beside the downward ones between the same nodes.
    key: Hashable = ("upward", *edge) if upward else tail
    above, below = around[tail], around[head]
    shared = 0
    while shared < min(len(above), len(below)) and above[shared] == below[shared]:
        shared += 1

    def item(node: int, frame: Frame, depth: int) -> Item:
        return frame[: depth + 1] if len(frame) > depth else node

    out = [
        (above[:d], (item(tail, above, d), None, upward and d == len(above), False, key))
        for d in range(len(above), shared, -1)
    ]
    across = (
        item(tail, above, shared),
        item(head, below, shared),
        upward and shared == len(above),
        upward and shared == len(below),
        key,
    )
    into = [
        (below[:d], (None, item(head, below, d), False, upward and d == len(below), key))
        for d in range(shared + 1, len(below) + 1)
    ]
    return [*out, (above[:shared], across), *into]


def inside(
    members: dict[Item, int],
    pieces: list[Any],
    sizes: Sequence[Point],
    done: Mapping[Frame, Inside],
    frame: Frame,
    least: float,
) -> Inside:
    """Lay out what stands in one frame."""
    boxes = [
        (done[item].width, done[item].height) if isinstance(item, tuple) else sizes[item]
        for item in members
    ]

    def offset(item: Any, key: Hashable, beside: bool, leaves: bool) -> float:
        if item is None:
            return 0.0
        if isinstance(item, tuple):
            here = done[item]
            at = (here.placed.below if leaves else here.placed.above)[key]
            return at + here.shift[0] - here.width / 2
        return sizes[item][0] / 4 if beside else 0.0

    lines = [
        Line(
            TOP if tail is None else members[tail],
            BOTTOM if head is None else members[head],
            offset(tail, key, out, True),
            offset(head, key, into, False),
            key,
        )
        for tail, head, out, into, key in pieces
    ]
    placed = arrange(boxes, lines)
    width, height = placed.size
    if not frame:
        return Inside(
            members,
            placed,
            width,
            height,
            (0.0, 0.0),
            dict(zip(pieces, placed.routes, strict=True)),
        )
    # A line that goes in or out is there already when the padding begins.
    left = PADDING + max(0.0, least - width - 2 * PADDING) / 2
    total = max(width + 2 * PADDING, least)
    top = HEAD - 10.0 * bool(placed.above)
    foot = height + top + (0.0 if placed.below else PADDING)
    routes = {}
    for piece, points in zip(pieces, placed.routes, strict=True):
        moved = [(x + left, y + top) for x, y in points]
        if piece[0] is None:
            moved.insert(0, (moved[0][0], 0.0))
        if piece[1] is None:
            moved.append((moved[-1][0], foot))
        routes[piece] = moved
    return Inside(members, placed, total, foot, (left, top), routes)


def closing(edges: Edges, around: Sequence[Frame]) -> set[tuple[int, int]]:
    """Return the edges that lead back, so that without them whatever stands in a frame flows down.

    Each time the item is taken of which most edges leave and fewest come in: P. Eades, X. Lin and
    W. F. Smyth, Inform. Process. Lett. 47 (1993), pp. 319-323.
    """
    groups: dict[Frame, list[int]] = defaultdict(list)
    for k, frame in enumerate(around):
        for depth in range(len(frame) + 1):
            groups[frame[:depth]].append(k)
    found: set[tuple[int, int]] = set()
    for frame, members in groups.items():
        item = dict(zip(members, items(around, members, len(frame)), strict=True))
        pairs = [(a, b) for a, b in edges if a in item and b in item and item[a] != item[b]]
        tails, heads = np.array([(item[a], item[b]) for a, b in pairs], dtype=int).reshape(-1, 2).T
        for knot in components(max(item.values()) + 1, heads, tails):
            if len(knot) > 1:
                here = [(a, b) for a, b in pairs if item[a] in knot and item[b] in knot]
                place = sequence(knot, [(item[a], item[b]) for a, b in here])
                found |= {(a, b) for a, b in here if place[item[a]] > place[item[b]]}
    return found


def sequence(knot: Sequence[int], pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Return a place for each item such that few of the pairs lead back."""
    after: dict[int, set[int]] = {k: set() for k in knot}
    before: dict[int, set[int]] = {k: set() for k in knot}
    for a, b in pairs:
        after[a].add(b)
        before[b].add(a)
    left = dict.fromkeys(knot)
    first: list[int] = []
    last: list[int] = []
    while left:
        sinks = [k for k in left if not after[k]]
        sources = [k for k in left if not before[k]]
        if sinks:
            taken, where = sinks[-1], last
        elif sources:
            taken, where = sources[0], first
        else:
            taken, where = max(left, key=lambda k: (len(after[k]) - len(before[k]), -k)), first
        where.append(taken)
        del left[taken]
        for k in after.pop(taken):
            before[k].discard(taken)
        for k in before.pop(taken):
            after[k].discard(taken)
    return {k: n for n, k in enumerate([*first, *reversed(last)])}
