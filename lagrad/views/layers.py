"""Layers: boxes one below the other, few lines crossing, lines as straight as may be.

Layers are longest paths, crossings are reduced by barycentres, and places across a layer are least
squares that keep the order and the distances. The graph is acyclic.

Source: K. Sugiyama, S. Tagawa and M. Toda, Methods for visual understanding of hierarchical system
structures, IEEE Trans. SMC 11 (1981), pp. 109-125.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

#: Distances: between boxes, between lines, from a layer to the next (least, most, and how much more
#: where lines go far across).
BESIDE, LINES = 20.0, 9.0
BELOW, MOST_BELOW, SLANT = 26.0, 90.0, 0.09
SWEEPS, STEPS = 12, 120
TOP, BOTTOM = -1, -2

Point = tuple[float, float]


class Line(NamedTuple):
    """A line from a box, or the top, down to a box, or the bottom.

    Attributes
    ----------
    tail, head : int
        Numbers of boxes; TOP for a tail, BOTTOM for a head.
    leaves, enters : float
        Where, from the middle of the box.
    key : hashable
        Lines with one key from one box run together as far as they can.
    """

    tail: int
    head: int
    leaves: float
    enters: float
    key: Hashable


class Placed(NamedTuple):
    """Where everything is.

    Attributes
    ----------
    corners : float array (boxes, 2)
        x, y of the top left corner of each box.
    size : (width, height)
    routes : list of lists of points
        For each line; between two points whose x differ it bends.
    above, below : dicts
        By key: x where lines come in at the top, and go out at the bottom.
    """

    corners: np.ndarray
    size: Point
    routes: list[list[Point]]
    above: dict[Hashable, float]
    below: dict[Hashable, float]


def arrange(sizes: Sequence[Point], lines: Sequence[Line]) -> Placed:
    """Place boxes of given widths and heights, and draw lines between them."""
    depth = ranks(len(sizes), lines)
    last = max(depth, default=0) + 1
    graph = Strands(sizes, depth)
    chains = [graph.chain(line, last) for line in lines]
    layers = ordered(graph, last)
    x = across(graph, layers)
    width = max((x[v] + graph.widths[v] / 2 for layer in layers for v in layer), default=0.0)
    heights = np.zeros(last + 1)
    for k, (_, height) in enumerate(sizes):
        heights[depth[k]] = max(heights[depth[k]], height)
    tops = np.zeros(last + 1)
    for level in range(1, last + 1):
        ends = [
            abs(x[a] + at - x[b] - to) for a, b, at, to in graph.segments if graph.depth[b] == level
        ]
        gap = grid(min(MOST_BELOW, BELOW + SLANT * max(ends))) if ends else 0.0
        tops[level] = tops[level - 1] + heights[level - 1] + gap
    corners = np.array(
        [
            (x[k] - w / 2, tops[depth[k]] + (heights[depth[k]] - h) / 2)
            for k, (w, h) in enumerate(sizes)
        ]
    ).reshape(-1, 2)

    def route(chain: list[int], line: Line) -> list[Point]:
        points: list[Point] = []
        for n, v in enumerate(chain):
            at = graph.depth[v]
            top, foot = tops[at], tops[at] + heights[at]
            shift = line.leaves if n == 0 else line.enters if n == len(chain) - 1 else 0.0
            if n > 0:
                points.append((x[v] + shift, top))
                if v < len(sizes):
                    points.append((x[v] + shift, corners[v, 1]))
            if n < len(chain) - 1:
                if v < len(sizes):
                    points.append((x[v] + shift, corners[v, 1] + sizes[v][1]))
                points.append((x[v] + shift, foot))
        return [p for n, p in enumerate(points) if n == 0 or p != points[n - 1]]

    routes = [route(chain, line) for chain, line in zip(chains, lines, strict=True)]
    above = {key: x[v] for (tail, key), v in graph.ports.items() if tail == TOP}
    below = {key: x[v] for (tail, key), v in graph.ports.items() if tail == BOTTOM}
    return Placed(corners, (float(width), float(tops[last] + heights[last])), routes, above, below)


def grid(v: float) -> float:
    """Return the next number on a grid where sums and halves are exact, so that lines meet."""
    return float(np.ceil(v * 64) / 64)


def ranks(count: int, lines: Sequence[Line]) -> list[int]:
    """Return the layer of each box, from 1: by longest path; what nothing leads to stands low."""
    before: list[set[int]] = [set() for _ in range(count)]
    after: list[set[int]] = [set() for _ in range(count)]
    fed = {line.head for line in lines if line.tail == TOP}
    outward = {line.tail for line in lines if line.head == BOTTOM}
    for line in lines:
        if line.tail >= 0 and line.head >= 0:
            before[line.head].add(line.tail)
            after[line.tail].add(line.head)
    waiting = [len(b) for b in before]
    ready = [k for k in range(count) if not waiting[k]]
    depth = [1] * count
    while ready:
        k = ready.pop()
        for j in after[k]:
            depth[j] = max(depth[j], depth[k] + 1)
            waiting[j] -= 1
            if not waiting[j]:
                ready.append(j)
    last = max(depth, default=0)
    for k in range(count):
        if not before[k] and k not in fed and (after[k] or k in outward):
            depth[k] = min((depth[j] - 1 for j in after[k]), default=last)
    return depth


class Strands:
    """Boxes, places of lines in the layers that they pass, and what joins them."""

    def __init__(self, sizes: Sequence[Point], depth: list[int]) -> None:
        self.widths = [w for w, _ in sizes]
        self.depth = list(depth)
        self.boxes = len(sizes)
        #: (upper, lower, where it leaves, where it enters), each once.
        self.segments: dict[tuple[int, int, float, float], None] = {}
        self.ports: dict[tuple[int, Hashable], int] = {}
        self.passing: dict[Any, int] = {}

    def place(self, depth: int) -> int:
        """Add a place for a line."""
        self.widths.append(0.0)
        self.depth.append(depth)
        return len(self.widths) - 1

    def chain(self, line: Line, last: int) -> list[int]:
        """Return the boxes and places along a line; it shares those of its key."""
        for end, depth in ((line.tail, 0), (line.head, last)):
            if end < 0 and (end, line.key) not in self.ports:
                self.ports[end, line.key] = self.place(depth)
        tail = line.tail if line.tail >= 0 else self.ports[TOP, line.key]
        head = line.head if line.head >= 0 else self.ports[BOTTOM, line.key]
        found = [tail]
        for depth in range(self.depth[tail] + 1, self.depth[head]):
            at = (tail, line.key, depth)
            if at not in self.passing:
                self.passing[at] = self.place(depth)
            found.append(self.passing[at])
        found.append(head)
        for n, (a, b) in enumerate(zip(found[:-1], found[1:], strict=True)):
            leaves = line.leaves if n == 0 else 0.0
            enters = line.enters if n == len(found) - 2 else 0.0
            self.segments[a, b, leaves, enters] = None
        return found

    def distance(self, a: int, b: int) -> float:
        """Return how far the middles of neighbours are apart."""
        space = sum(BESIDE if v < self.boxes else LINES for v in (a, b)) / 2
        return (self.widths[a] + self.widths[b]) / 2 + space


def ordered(graph: Strands, last: int) -> list[list[int]]:
    """Return the layers from left to right, with few crossings."""
    layers: list[list[int]] = [[] for _ in range(last + 1)]
    for v, depth in enumerate(graph.depth):
        layers[depth].append(v)
    up: dict[int, list[Any]] = defaultdict(list)
    down: dict[int, list[Any]] = defaultdict(list)
    for a, b, leaves, enters in graph.segments:
        up[b].append((a, leaves, enters))
        down[a].append((b, enters, leaves))
    best, least = [list(layer) for layer in layers], crossings(graph, layers)
    for sweep in range(SWEEPS):
        if not least:
            break
        joined = down if sweep % 2 else up
        around = range(last - 1, -1, -1) if sweep % 2 else range(1, last + 1)
        for level in around:
            x = packed(graph, layers[level + 1 if sweep % 2 else level - 1])
            own = packed(graph, layers[level])
            means = {
                v: np.mean([x[w] + at - to for w, at, to in joined[v]]) if joined[v] else own[v]
                for v in layers[level]
            }
            layers[level].sort(key=means.__getitem__)
        found = crossings(graph, layers)
        if found < least:
            best, least = [list(layer) for layer in layers], found
    return best


def packed(graph: Strands, layer: Sequence[int]) -> dict[int, float]:
    """Return places as close as may be, around 0."""
    gaps = [graph.distance(a, b) for a, b in zip(layer[:-1], layer[1:], strict=True)]
    x = np.cumsum([0.0, *gaps]) if layer else np.zeros(0)
    return dict(zip(layer, (x - x[-1] / 2).tolist() if layer else [], strict=True))


def crossings(graph: Strands, layers: Sequence[Sequence[int]]) -> int:
    """Count the crossings of lines."""
    x: dict[int, float] = {}
    for layer in layers:
        x.update(packed(graph, layer))
    found: dict[int, list[Point]] = defaultdict(list)
    for a, b, leaves, enters in graph.segments:
        found[graph.depth[a]].append((x[a] + leaves, x[b] + enters))
    total = 0
    for ends in found.values():
        right: list[float] = []
        for _, to in sorted(ends, key=lambda e: (e[0], e[1])):
            total += len(right) - bisect_left(right, to + 1e-9)
            insort(right, to)
    return total


def across(graph: Strands, layers: Sequence[Sequence[int]]) -> list[float]:
    """Return x of the middle of everything, from 0 at the left edge of what is leftmost."""
    x = [0.0] * len(graph.widths)
    for layer in layers:
        for v, at in packed(graph, layer).items():
            x[v] = at
    joined: dict[tuple[int, bool], list[Any]] = defaultdict(list)
    for a, b, leaves, enters in graph.segments:
        straight = (2.0, 1.0, 16.0)[(a >= graph.boxes) + (b >= graph.boxes)]
        # Boxes stand middle below middle, or a chain of frames would drift to one side.
        shift = leaves - enters if b >= graph.boxes or a >= graph.boxes else 0.0
        joined[a, False].append((b, -shift, straight))
        joined[b, True].append((a, shift, straight))
    for step in range(STEPS):
        sides = ((True,), (False,))[step % 2] if step < STEPS // 4 else (True, False)
        for layer in layers if step % 2 == 0 else reversed(layers):
            wishes, weights = [], []
            for v in layer:
                ends = [end for side in sides for end in joined[v, side]]
                weight = sum(w for _, _, w in ends)
                wish = sum(w * (x[u] + shift) for u, shift, w in ends)
                wishes.append(wish / weight if ends else x[v])
                weights.append(weight if ends else 0.1)
            for v, at in zip(layer, spread(graph, layer, wishes, weights), strict=True):
                x[v] = at
    left = min((x[v] - graph.widths[v] / 2 for layer in layers for v in layer), default=0.0)
    return [grid(at - left) for at in x]


def spread(
    graph: Strands, layer: Sequence[int], wishes: Sequence[float], weights: Sequence[float]
) -> list[float]:
    """Return the places nearest to the wishes that keep order and distances.

    Least squares by pooling adjacent violators: R. E. Barlow et al., Statistical Inference under
    Order Restrictions, Wiley 1972, section 1.2.
    """
    gaps = [graph.distance(a, b) for a, b in zip(layer[:-1], layer[1:], strict=True)]
    starts = np.cumsum([0.0, *gaps])
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for wish, weight, start in zip(wishes, weights, starts, strict=False):
        mean, total, count = wish - start, weight, 1
        while pools and pools[-1][0] > mean:
            other, heavy, many = pools.pop()
            mean = (mean * total + other * heavy) / (total + heavy)
            total, count = total + heavy, count + many
        pools.append((mean, total, count))
    means = np.repeat([m for m, _, _ in pools], [n for _, _, n in pools])
    return (means + starts[: len(layer)]).tolist() if layer else []
