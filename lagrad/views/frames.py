"""Frames: which nodes stand together, in scopes and cycles, so that boxes nest and flow downwards.

A frame is named by a path of parts. A cycle is a frame inside of the scopes that all its members
share, and around those that they do not. A scope that something leaves and comes back to (a part of
it needs what needs another part) has a frame for each part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lagrad.order import components
from lagrad.views.level import Path
from lagrad.views.repeats import common


class Part(NamedTuple):
    """One frame inside of another.

    Attributes
    ----------
    kind : {"scope", "cycle"}
    name : str
    number : int
        Which part of a scope, or which cycle.
    """

    kind: str
    name: str
    number: int


Frame = tuple[Part, ...]
Edges = Sequence[tuple[int, int]]


def frames(paths: Sequence[Path], cycles: Sequence[Sequence[int]], edges: Edges) -> list[Frame]:
    """Return the frame that each node stands in, all around it included.

    Parameters
    ----------
    paths : the scopes around each node
    cycles : nodes that are found together; no node is in two
    edges : (from, to)
    """
    found: list[Frame] = [tuple(Part("scope", name, 0) for name in path) for path in paths]
    for number, members in enumerate(cycles):
        around = len(common([paths[k] for k in members]))
        for k in members:
            cycle = Part("cycle", "", number)
            found[k] = (*found[k][:around], cycle, *found[k][around:])
    depth = 0
    while any(len(frame) > depth for frame in found):
        groups: dict[Frame, list[int]] = {}
        for k, frame in enumerate(found):
            if len(frame) >= depth and all(part.kind == "scope" for part in frame[:depth]):
                groups.setdefault(frame[:depth], []).append(k)
        for members in groups.values():
            part_scopes(found, members, edges, depth)
        depth += 1
    return found


def items(found: Sequence[Frame], members: Sequence[int], depth: int) -> list[int]:
    """Return for each member the number of what it belongs to at this depth."""
    keys = [found[k][depth] if len(found[k]) > depth else k for k in members]
    number = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    return [number[key] for key in keys]


def entangled(
    found: Sequence[Frame], members: Sequence[int], edges: Edges, depth: int
) -> list[list[int]]:
    """Return the members of items that need each other, where some of them are scopes."""
    item = dict(zip(members, items(found, members, depth), strict=True))
    pairs = {(item[a], item[b]) for a, b in edges if a in item and b in item}
    tails, heads = np.array(sorted(pairs), dtype=int).reshape(-1, 2).T
    count = max(item.values(), default=-1) + 1
    knots = [set(c) for c in components(count, heads, tails) if len(c) > 1]
    return [
        [k for k in members if item[k] in knot]
        for knot in knots
        if any(len(found[k]) > depth and item[k] in knot for k in members)
    ]


def part_scopes(found: list[Frame], members: list[int], edges: Edges, depth: int) -> None:
    """Take scopes that are left and come back to apart, so that the items here are acyclic."""
    for knot in entangled(found, members, edges, depth):
        inside = set(knot)
        pairs = [(a, b) for a, b in edges if a in inside and b in inside]
        scopes = {found[k][depth] for k in knot if len(found[k]) > depth}
        for scope in scopes:
            if scope.kind == "scope":
                for k, number in parts(found, knot, pairs, depth, scope).items():
                    part = scope._replace(number=number)
                    found[k] = (*found[k][:depth], part, *found[k][depth + 1 :])
    # Scopes that are woven into each other have no frames.
    for knot in entangled(found, members, edges, depth):
        for k in knot:
            if len(found[k]) > depth and found[k][depth].kind == "scope":
                found[k] = found[k][:depth]


def parts(
    found: Sequence[Frame], knot: list[int], edges: Edges, depth: int, scope: Part
) -> dict[int, int]:
    """Return how often each member of a scope comes after leaving the scope."""
    place = {k: n for n, k in enumerate(knot)}
    tails, heads = np.array([(place[a], place[b]) for a, b in edges], dtype=int).reshape(-1, 2).T
    order = components(len(knot), heads, tails)
    block = {n: c for c, nodes in enumerate(order) for n in nodes}
    before: list[set[int]] = [set() for _ in order]
    for a, b in zip(tails.tolist(), heads.tolist(), strict=True):
        if block[a] != block[b]:
            before[block[b]].add(block[a])
    number, seen, within = [0] * len(order), [False] * len(order), [False] * len(order)
    for c, nodes in enumerate(order):
        frame = found[knot[nodes[0]]]
        within[c] = len(frame) > depth and frame[depth] == scope
        for b in before[c]:
            left = within[c] and seen[b] and not within[b]
            number[c] = max(number[c], number[b] + left)
            seen[c] = seen[c] or seen[b]
        seen[c] = seen[c] or within[c]
    return {knot[n]: number[c] for c, nodes in enumerate(order) if within[c] for n in nodes}
