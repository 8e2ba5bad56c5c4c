"""Elimination of variables one by one, for the Jacobians of a program that is written down.

    dz_i/dz_k  +=  (df_i/dz_j) (df_j/dz_k)     for all i after j and all k before it

Without j the graph says the same; when only inputs and outputs are left, the edges are dy/dx. Any
order is right. What it costs is known from the places alone, so that three are tried: first row
first (tangents), last row first (multipliers), and the cheapest variable next.

Source: Griewank and Walther, *Evaluating Derivatives*, 2nd ed., SIAM 2008, chapters 9 and 10.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lagrad.eliminate.stripes import Stripe, Stripes
from lagrad.graph import Graph
from lagrad.order import reachable
from lagrad.partials import ONE

#: The edges of a graph: by (i, j) the stripes of dz_i/dz_j, by their places.
Edge = dict[tuple[int, int], Stripe]
#: What calling NumPy costs, in multiplications.
CALL = 500
#: From so many on, and each time that they are twice as many, stripes between two variables are put
#: together if they share places.
MANY = 16
NUMBER, FULL = "number", "full"


class Priced(Stripes):
    """Stripes that count what their arithmetic would cost, and do none of it."""

    def __init__(self, of: Stripes) -> None:
        # The places found here are those of the arithmetic that follows.
        self.known, self.single, self.ranges, self.met = of.known, of.single, of.ranges, of.met
        self.price = 0

    def taken(self, stripe: Stripe, at: np.ndarray) -> tuple[Any, tuple[int, ...]]:
        """Count what is copied."""
        if stripe.data is FULL and at is not self.range(len(stripe.rows)):
            self.price += CALL + len(at)
            return FULL, (len(at),)
        return stripe.data, (len(at),)

    def times(self, a: Any, shape: tuple[int, ...], b: Any, other: tuple[int, ...]) -> Any:
        """Count a product."""
        if a is ONE or b is ONE:
            return (b, other) if a is ONE else (a, shape)
        return self.count(a, b, other)

    def plus(self, a: Stripe, b: Stripe) -> Stripe:
        """Count a sum."""
        return a._replace(data=self.count(a.data, b.data, a.shape)[0])

    def count(self, a: Any, b: Any, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """Count an operation."""
        full = a is FULL or b is FULL
        self.price += CALL + int(np.prod(shape)) * full
        return (FULL if full else NUMBER), shape

    def together(self, stripes: Sequence[Stripe], width: int) -> Stripe:
        """Count a sum of all entries."""
        self.price += CALL + 4 * sum(len(s.rows) for s in stripes)
        return super().together(stripes, width)

    def summed(self, stripes: Sequence[Stripe], slot: np.ndarray, size: int) -> Any:
        """Nothing is added."""
        return FULL


class Vertices:
    """Variables between which there are partials; eliminated one by one."""

    def __init__(self, table: Stripes, sizes: Any) -> None:
        self.table, self.sizes = table, sizes
        self.before: dict[int, dict[int, Edge]] = {}
        self.after: dict[int, set[int]] = {}

    def add(self, i: int, j: int, stripe: Stripe) -> None:
        """Add entries to dz_i/dz_j."""
        edge = self.before.setdefault(i, {}).setdefault(j, {})
        self.after.setdefault(j, set()).add(i)
        key = id(stripe.rows), id(stripe.columns)
        edge[key] = self.table.plus(edge[key], stripe) if key in edge else stripe
        if len(edge) >= MANY and len(edge) & (len(edge) - 1) == 0:
            stripes = list(edge.values())
            total = sum(len(s.rows) for s in stripes)
            places = [s.rows * self.sizes[j] + s.columns for s in stripes]
            if 3 * len(np.unique(np.concatenate(places))) < 2 * total:
                one = self.table.together(stripes, self.sizes[j])
                self.before[i][j] = {(id(one.rows), id(one.columns)): one}

    def eliminate(self, j: int) -> list[int]:
        """Hand what goes through j to those around it, which are returned."""
        before, after = self.before.pop(j, {}), self.after.pop(j, set())
        for k in before:
            self.after[k].discard(j)
        for i in sorted(after):
            edge = self.before[i].pop(j)
            for k, parts in before.items():
                for p in edge.values():
                    for q in parts.values():
                        found = self.table.product(p, q, self.sizes[j])
                        if found is not None:
                            self.add(i, k, found)
        return [*before, *after]

    def price(self, j: int) -> int:
        """Return what it costs about to eliminate j."""
        before = [q for edge in self.before.get(j, {}).values() for q in edge.values()]
        after = [p for i in self.after.get(j, ()) for p in self.before[i][j].values()]
        return sum(
            min(len(p.rows), len(q.rows)) + CALL
            for p in after
            for q in before
            if p.data is not ONE and q.data is not ONE
        )

    def copy(self, table: Priced) -> Vertices:
        """Return the same with data that only stand for what they are."""
        made = Vertices(table, self.sizes)
        made.after = {j: set(i) for j, i in self.after.items()}
        for i, edges in self.before.items():
            made.before[i] = {
                j: {key: s._replace(data=kind(s.data)) for key, s in edge.items()}
                for j, edge in edges.items()
            }
        return made

    def cheapest(self, inner: Iterable[int]) -> list[int]:
        """Eliminate the variable next that costs least; return the order."""
        prices = {j: self.price(j) for j in inner}
        heap = [(price, j) for j, price in prices.items()]
        heapq.heapify(heap)
        order = []
        while heap:
            price, j = heapq.heappop(heap)
            if prices.get(j) != price:
                continue
            del prices[j]
            order.append(j)
            for k in self.eliminate(j):
                if k in prices:
                    found = self.price(k)
                    if found != prices[k]:
                        prices[k] = found
                        heapq.heappush(heap, (found, k))
        return order


def kind(data: Any) -> Any:
    """Return what stands for data while costs are counted."""
    return ONE if data is ONE else FULL if np.shape(data) else NUMBER


def eliminated(graph: Graph, outputs: Sequence[int]) -> list[dict[int, list[Stripe]]]:
    """Return the stripes of dy/dx, for each output row y, by input row x."""
    table, n = Stripes(), len(graph)
    sizes = dict(enumerate(graph.sizes.tolist()))
    found = Vertices(table, sizes)
    needed = reachable(n, *graph.edges(), np.array(outputs, dtype=int))
    inner = []
    inputs = set(graph.inputs)
    leading = set(inputs)  # to an input
    for i in np.flatnonzero(needed).tolist():
        if i in inputs:
            continue
        constant = graph.primitive(i).multilinear and len(graph.parents(i)) == 1
        for j, p in graph.partials(i) if leading.intersection(graph.parents(i)) else ():
            if j in leading:
                stripes = table.of(p)
                for stripe in table.nonzero(stripes) if constant else stripes:
                    found.add(i, j, stripe)
                leading.add(i)
        if i in leading:
            inner.append(i)
    for k, y in enumerate(outputs):
        every = table.range(sizes[y])
        sizes[n + k] = sizes[y]
        if y in leading:
            found.add(n + k, y, Stripe(every, every, ONE, graph.shape(y)))
    for j in best(found, inner):
        found.eliminate(j)
    return [
        {j: list(edge.values()) for j, edge in found.before.get(n + k, {}).items()}
        for k in range(len(outputs))
    ]


def best(graph: Vertices, inner: list[int]) -> Sequence[int]:
    """Return the cheapest order of three."""
    tried: list[tuple[int, Sequence[int]]] = []
    for order in (inner[::-1], inner, None):
        table = Priced(graph.table)
        trial = graph.copy(table)
        if order is None:
            order = trial.cheapest(inner)
        else:
            for j in order:
                trial.eliminate(j)
        tried.append((table.price, order))
    return min(tried, key=lambda pair: pair[0])[1]
