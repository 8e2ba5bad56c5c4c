"""Nested containers of arrays: tuples, lists, dicts and dataclasses, flattened and put back.

A leaf is anything else. Gradients come back in the container that the argument came in. A field of
a dataclass with ``metadata={"static": True}`` is structure and holds no leaves: it is carried over,
and must be equal where two containers meet.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from lagrad.status import ArgumentError


class Static(NamedTuple):
    """A part of a container that is no variable."""

    value: Any


def children(tree: Any) -> list[tuple[str, Any]] | None:
    """Return the (label, child) pairs of a container, or None for a leaf."""
    if isinstance(tree, dict):
        return [(f"[{key!r}]", child) for key, child in tree.items()]
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return [(f".{name}", child) for name, child in zip(tree._fields, tree, strict=True)]
    if isinstance(tree, tuple | list):
        return [(f"[{i}]", child) for i, child in enumerate(tree)]
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        held = ((f, getattr(tree, f.name)) for f in dataclasses.fields(tree))
        return [(f".{f.name}", Static(x) if f.metadata.get("static") else x) for f, x in held]
    return None


def rebuild(tree: Any, new: list[Any]) -> Any:
    """Return a container like ``tree`` whose children are ``new``, in the order of `children`."""
    if isinstance(tree, dict):
        # A copy keeps what a subclass carries besides its items, such as a default factory.
        made: Any = {} if type(tree) is dict else copy.copy(tree)
        made.update(zip(tree, new, strict=True))
        return made
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*new)
    if isinstance(tree, list):
        entries: Any = [] if type(tree) is list else copy.copy(tree)
        entries[:] = new
        return entries
    if isinstance(tree, tuple):
        return tuple(new)
    # A dataclass may compute fields in __init__ or refuse gradients as values there, so the
    # copy is filled field by field.
    made = object.__new__(type(tree))
    for field, child in zip(dataclasses.fields(tree), new, strict=True):
        object.__setattr__(made, field.name, child)
    return made


def leaves(tree: Any, label: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (label, leaf) for every leaf, in order, without recursion."""
    return (found for found in parts(tree, label) if type(found[1]) is not Static)


def parts(tree: Any, label: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (label, leaf) for every leaf and every static part, in order."""
    stack = [(label, tree)]
    while stack:
        name, node = stack.pop()
        below = None if type(node) is Static else children(node)
        if below is None:
            yield name, node
        else:
            stack.extend((name + suffix, child) for suffix, child in reversed(below))


def unflatten(tree: Any, new: Iterator[Any]) -> Any:
    """Return a container like ``tree`` whose leaves are taken from ``new`` in order."""
    # Explicit stack of (container, collected children): containers may nest without bound.
    root: list[Any] = []
    stack: list[tuple[Any, list[Any], Iterator[Any], list[Any]]] = []

    def visit(node: Any, into: list[Any]) -> None:
        if type(node) is Static:
            into.append(node.value)
            return
        below = children(node)
        if below is None:
            into.append(next(new))
        else:
            stack.append((node, [], iter([child for _, child in below]), into))

    visit(tree, root)
    while stack:
        node, done, todo, into = stack[-1]
        for child in todo:
            visit(child, done)
            break
        else:
            stack.pop()
            into.append(rebuild(node, done))
    return root[0]


def map_leaves(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Return ``tree`` with ``function(leaf, *other_leaves)`` in the place of each leaf.

    Raises
    ------
    ArgumentError
        If another container does not have the structure of ``tree``.
    """
    rows = list(leaves(tree))
    columns = [[leaf for _, leaf in rows]]
    fixed = [part for part in parts(tree) if type(part[1]) is Static]
    for other in others:
        found = list(leaves(other))
        if [label for label, _ in found] != [label for label, _ in rows]:
            raise ArgumentError(
                f"two containers differ in structure: leaves {[label for label, _ in rows]} "
                f"against {[label for label, _ in found]}; give both the same nesting and keys"
            )
        if fixed and fixed != [part for part in parts(other) if type(part[1]) is Static]:
            raise ArgumentError(
                "two containers differ in what is no variable: "
                f"{', '.join(label for label, _ in fixed)}; give both the same"
            )
        columns.append([leaf for _, leaf in found])
    return unflatten(tree, iter([function(*row) for row in zip(*columns, strict=True)]))


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return the leaves of a container as one vector, and the function that puts it back.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> vector, unravel = lg.ravel({"a": 1.0, "b": np.array([2.0, 3.0])})
    >>> vector.tolist(), unravel(2 * vector)["b"].tolist()
    ([1.0, 2.0, 3.0], [4.0, 6.0])
    """
    found = [leaf for _, leaf in leaves(tree)]
    shapes = [np.shape(x) for x in found]
    vector = np.concatenate([np.reshape(x, -1) for x in found]) if found else np.zeros(0)

    def unravel(v: Any) -> Any:
        if np.shape(v) != (sum(math.prod(s) for s in shapes),):
            raise ArgumentError(
                f"unravel takes a vector of shape {np.shape(vector)}, not {np.shape(v)}"
            )
        ends = np.cumsum([math.prod(s) for s in shapes]).tolist()
        return unflatten(
            tree,
            (
                np.reshape(v[e - math.prod(s) : e], s) if s else v[e - 1]
                for e, s in zip(ends, shapes, strict=True)
            ),
        )

    return vector, unravel
