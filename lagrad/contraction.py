"""Products of arrays as labelled sums: one partial for dot, matmul, outer, tensordot and einsum.

A product ``z[out] = sum of a[labels_a] b[labels_b] ...`` is linear in each operand. So its partial
with respect to one of them is the same sum with that operand replaced (`Contraction.apply`), and
the adjoint is the sum with the operand and the output changing places:

    Z = X W      ->  dL/dX = G W^T,   dL/dW = X^T G      (labels ij, jk -> ik)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from lagrad.dispatch import scatter_add
from lagrad.partials import Entries, Move, Partial, origins, then

Labels = tuple[str, ...]


class Contraction(Partial):
    """The partial of a labelled sum with respect to operand ``k``, whose labels are distinct."""

    def __init__(
        self, k: int, operands: Sequence[Any], labels: Sequence[Labels], out: Labels
    ) -> None:
        sizes = label_sizes(operands, labels)
        self.k, self.sizes, self.out = k, sizes, out
        self.in_shape = np.shape(operands[k])
        self.out_shape = tuple(sizes[c] for c in out)
        # An axis of length one that is stretched carries no label: nothing varies along it.
        self.operands, self.labels = [], []
        for x, names in zip(operands, labels, strict=True):
            x, names = without_stretched(x, names, sizes)
            self.operands.append(x)
            self.labels.append(names)

    def others(self) -> tuple[list[Any], list[Labels]]:
        """Return the operands that stay fixed, and their labels."""
        keep = [i for i in range(len(self.operands)) if i != self.k]
        return [self.operands[i] for i in keep], [self.labels[i] for i in keep]

    def apply(self, v: Any) -> Any:
        operands = list(self.operands)
        mine = tuple(self.sizes[c] for c in self.labels[self.k])
        operands[self.k] = v if np.shape(v) == mine else np.reshape(v, mine)
        return spread(*contract(operands, self.labels, self.out), self.out, self.sizes)

    def adjoint(self, w: Any) -> Any:
        fixed, names = self.others()
        mine = self.labels[self.k]
        total = spread(*contract([w, *fixed], [self.out, *names], mine), mine, self.sizes)
        return total if np.shape(total) == self.in_shape else np.reshape(total, self.in_shape)

    def reached(self, mask: Any) -> Any:
        """The same sum of ones."""
        if mask is None:
            return None
        ones = copy(self)
        ones.operands = [np.ones(np.shape(x)) for x in self.operands]
        mask = np.broadcast_to(mask, self.out_shape)
        return np.asarray(ones.adjoint(np.where(mask, 1.0, 0.0))) > 0

    def entries(self) -> Entries:
        mine = self.labels[self.k]
        both = self.out + tuple(c for c in mine if c not in self.out)
        fixed, names = self.others()
        shape = tuple(self.sizes[c] for c in both)
        if fixed:
            data = spread(*contract(fixed, names, both), both, self.sizes)
        else:
            data = np.ones(shape)
        rows, columns = (
            sum(
                np.arange(self.sizes[c]).reshape([-1 if d == c else 1 for d in both]) * stride
                for c, stride in strides(side, self.sizes)
            )
            + np.zeros(shape, np.intp)
            for side in (self.out, mine)
        )
        return rows.ravel(), columns.ravel(), np.broadcast_to(data, shape).ravel()

    def count(self) -> int:
        return math.prod(self.sizes[c] for c in {*self.out, *self.labels[self.k]})

    def widest(self) -> int:
        return math.prod(self.sizes[c] for c in self.labels[self.k] if c not in self.out)


def contraction(k: int, operands: Sequence[Any], labels: Sequence[Labels], out: Labels) -> Partial:
    """Return the partial with respect to operand ``k``; a repeated label takes a diagonal first."""
    labels, operands = list(labels), list(operands)
    diagonal = None
    for i, names in enumerate(labels):
        unique = tuple(dict.fromkeys(names))
        if unique == names:
            continue
        spec = "".join(names) + "->" + "".join(unique)
        if i == k:
            diagonal = diagonal_move(spec, np.shape(operands[i]))
        operands[i], labels[i] = np.einsum(spec, operands[i]), unique
    return then(Contraction(k, operands, labels, out), diagonal)


def diagonal_move(spec: str, shape: tuple[int, ...]) -> Move:
    """Return the move that takes the diagonal named by ``spec``, such as ``ii->i``."""
    source = origins(lambda v: np.einsum(spec, v), shape)
    size = math.prod(shape)

    def backward(w: Any) -> Any:
        return np.reshape(scatter_add(np.reshape(w, -1), source, (size,)), shape)

    out_shape = np.einsum(spec, np.empty(shape)).shape
    return Move(lambda v: np.einsum(spec, v), backward, shape, out_shape, selects=True)


def label_sizes(operands: Sequence[Any], labels: Sequence[Labels]) -> dict[str, int]:
    """Return the length of each label; where lengths differ one of them is 1 and is stretched."""
    sizes: dict[str, int] = {}
    for x, names in zip(operands, labels, strict=True):
        for c, n in zip(names, np.shape(x), strict=True):
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
    return sizes


def without_stretched(x: Any, names: Labels, sizes: dict[str, int]) -> tuple[Any, Labels]:
    """Return ``x`` and its labels without the axes of length one that a label stretches."""
    shape = np.shape(x)
    kept = [i for i, c in enumerate(names) if shape[i] == sizes[c]]
    if len(kept) == len(names):
        return x, names
    return np.reshape(x, [shape[i] for i in kept]), tuple(names[i] for i in kept)


def strides(names: Labels, sizes: dict[str, int]) -> list[tuple[str, int]]:
    """Return (label, step in the flat index) for each label, in C order."""
    lengths = [sizes[c] for c in names]
    return [(c, math.prod(lengths[i + 1 :])) for i, c in enumerate(names)]


def spread(x: Any, names: Labels, out: Labels, sizes: dict[str, int]) -> Any:
    """Return ``x``, whose labels are ``out`` with some missing, copied along the missing ones."""
    if names == out:
        return x
    x = np.reshape(x, [sizes[c] if c in names else 1 for c in out])
    return np.broadcast_to(x, [sizes[c] for c in out])


def contract(operands: list[Any], labels: list[Labels], out: Labels) -> tuple[Any, Labels]:
    """Return the labelled sum, and those labels of ``out`` that it has, in the order of ``out``."""
    found = {c for names in labels for c in names}
    out = tuple(c for c in out if c in found)
    if len(operands) == 1:
        return arrange(operands[0], labels[0], out), out
    if len(operands) == 2:
        return contract_pair(operands[0], labels[0], operands[1], labels[1], out), out
    spec = ",".join("".join(names) for names in labels) + "->" + "".join(out)
    return np.einsum(spec, *operands, optimize=True), out


def arrange(x: Any, names: Labels, out: Labels) -> Any:
    """Sum ``x`` over the labels that ``out`` lacks and put its axes in the order of ``out``."""
    drop = tuple(i for i, c in enumerate(names) if c not in out)
    if drop:
        x, names = np.sum(x, axis=drop), tuple(c for c in names if c in out)
    order = tuple(names.index(c) for c in out if c in names)
    return x if order == tuple(range(len(order))) else np.transpose(x, order)


def contract_pair(a: Any, la: Labels, b: Any, lb: Labels, out: Labels) -> Any:
    """Return the sum over two operands as one ``matmul``, or as a product when none is summed."""
    a, la = reduce_own(a, la, lb, out)
    b, lb = reduce_own(b, lb, la, out)
    inner = tuple(c for c in la if c in lb and c not in out)
    if not inner:
        return aligned(a, la, out) * aligned(b, lb, out)
    batch = tuple(c for c in out if c in la and c in lb)
    free_a = tuple(c for c in out if c in la and c not in lb)
    free_b = tuple(c for c in out if c in lb and c not in la)
    if not batch and len(inner) == 1 and len(free_a) <= 1 and len(free_b) <= 1:
        if out == free_a + free_b:
            return arrange(a, la, free_a + inner) @ arrange(b, lb, inner + free_b)
        return arrange(b, lb, free_b + inner) @ arrange(a, la, inner + free_a)
    if not batch and len(inner) == 1:
        for x, lx, y, ly in ((a, la, b, lb), (b, lb, a, la)):
            found = stacked(x, lx, y, ly, out, inner)
            if found is not None:
                return found
    sizes = label_sizes([a, b], [la, lb])
    size = {name: [sizes[c] for c in name] for name in (batch, free_a, free_b, inner)}
    rows, columns, depth = (math.prod(size[name]) for name in (free_a, free_b, inner))
    left = np.reshape(arrange(a, la, batch + free_a + inner), [*size[batch], rows, depth])
    right = np.reshape(arrange(b, lb, batch + inner + free_b), [*size[batch], depth, columns])
    product = np.reshape(left @ right, size[batch] + size[free_a] + size[free_b])
    return arrange(product, batch + free_a + free_b, out)


def stacked(x: Any, lx: Labels, y: Any, ly: Labels, out: Labels, inner: Labels) -> Any:
    """Return the product of a stack of matrices x with one matrix y, which copies nothing.

    None if it is no such product, or if the stack is one tall matrix as it lies in memory.
    """
    free_x, free_y = (tuple(c for c in names if c not in inner) for names in (lx, ly))
    lead, last = out[:-2], tuple(c for c in out[-2:] if c in free_x)
    if len(free_y) != 1 or len(last) != 1 or set(free_x) != {*lead, *last} or not lead:
        return None
    if lx == lead + last + inner:
        return None
    if out[-2:] == free_y + last:
        return arrange(y, ly, free_y + inner) @ arrange(x, lx, lead + inner + last)
    return arrange(x, lx, lead + last + inner) @ arrange(y, ly, inner + free_y)


def reduce_own(x: Any, names: Labels, other: Labels, out: Labels) -> tuple[Any, Labels]:
    """Sum ``x`` over the labels that neither the other operand nor the output has."""
    kept = tuple(c for c in names if c in other or c in out)
    return (x, names) if kept == names else (arrange(x, names, kept), kept)


def aligned(x: Any, names: Labels, out: Labels) -> Any:
    """Return ``x`` with its axes in the order of ``out`` and length one where it has none."""
    x = arrange(x, names, tuple(c for c in out if c in names))
    if len(names) == len(out):
        return x
    shape = iter(np.shape(x))
    return np.reshape(x, [next(shape) if c in names else 1 for c in out])
