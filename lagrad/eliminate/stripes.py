"""Entries of a sparse matrix as stripes: constant places, and data that may be symbols.

    stripe     M[rows_k, columns_k] = data_k
    product    (P Q)[i, k] = sum over j of P[i, j] Q[j, k]

Places are found once, when a program is written down; what the program does is arithmetic on data.
Equal arrays of places are one object, so that stripes which lie on each other are known at sight:
they are multiplied and added as whole arrays.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lagrad.assemble import refuse_too_large
from lagrad.dispatch import overridable
from lagrad.partials import (
    ONE,
    Cast,
    Compose,
    Conjugate,
    Flipped,
    Move,
    Partial,
    Plus,
    Scale,
    Stack,
    Sum,
    origins,
)


class Stripe(NamedTuple):
    """Entries of a matrix; ``data`` broadcasts to ``shape``, which has an entry for each place."""

    rows: np.ndarray
    columns: np.ndarray
    data: Any
    shape: tuple[int, ...]

    @property
    def flipped(self) -> Stripe:
        """The same entries of the transpose."""
        return self._replace(rows=self.columns, columns=self.rows)


def frozen(x: Any) -> np.ndarray:
    """Return what decides on structure as a plain array; of a symbol it is a guard."""
    return np.asarray(x._settled() if getattr(x, "_is_symbol", False) else x)


class Stripes:
    """The arithmetic of stripes, and the arrays of places that there are."""

    def __init__(self) -> None:
        self.known: dict[Any, np.ndarray] = {}
        self.single: dict[int, bool] = {}
        self.ranges: dict[int, np.ndarray] = {}
        self.met: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}

    # -- places ----------------------------------------------------------------------------------

    def places(self, at: Any) -> np.ndarray:
        """Return an array of places as the one object that stands for it."""
        at = np.ascontiguousarray(at, dtype=np.int64)
        key = len(at), hashlib.blake2b(at, digest_size=16).digest()
        return self.known.setdefault(key, at)

    def range(self, n: int) -> np.ndarray:
        """Return the places of all entries, in order."""
        if n not in self.ranges:
            self.ranges[n] = self.places(np.arange(n))
        return self.ranges[n]

    def is_single(self, at: np.ndarray) -> bool:
        """True if no place is there twice."""
        if id(at) not in self.single:
            ordered = np.sort(at)
            self.single[id(at)] = bool((ordered[1:] != ordered[:-1]).all())
        return self.single[id(at)]

    # -- data ------------------------------------------------------------------------------------

    def taken(self, stripe: Stripe, at: np.ndarray) -> tuple[Any, tuple[int, ...]]:
        """Return the data at some numbers of entries, and their shape."""
        data, shape = stripe.data, stripe.shape
        if at is self.range(len(stripe.rows)) or data is ONE:
            return data, (shape if len(at) == len(stripe.rows) else (len(at),))
        if np.size(data) == 1:
            return np.reshape(data, ()), (len(at),)
        return flat(data, shape)[steps(at)], (len(at),)

    def times(self, a: Any, shape: tuple[int, ...], b: Any, other: tuple[int, ...]) -> Any:
        """Return a product of data and its shape."""
        if a is ONE or b is ONE:
            return (b, other) if a is ONE else (a, shape)
        a, b, shape = alike(a, shape, b, other)
        return a * b, shape

    def plus(self, a: Stripe, b: Stripe) -> Stripe:
        """Return the sum of two stripes of the same places."""
        x, y, shape = alike(a.data, a.shape, b.data, b.shape)
        return Stripe(a.rows, a.columns, x + y, shape)

    # -- stripes ---------------------------------------------------------------------------------

    def product(self, p: Stripe, q: Stripe, n: int) -> Stripe | None:
        """Return ``P Q``, over n numbers between them; None if no entry meets another."""
        if p.columns is q.rows and self.is_single(p.columns):
            return Stripe(p.rows, q.columns, *self.times(p.data, p.shape, q.data, q.shape))
        key = id(p.columns), id(q.rows)
        if key not in self.met:
            self.met[key] = self.meet(p.columns, q.rows, n)
        left, right = self.met[key]
        if not len(left):
            return None
        rows = p.rows if left is self.range(len(p.rows)) else self.places(p.rows[left])
        columns = q.columns if right is self.range(len(q.rows)) else self.places(q.columns[right])
        data, shape = self.times(*self.taken(p, left), *self.taken(q, right))
        return Stripe(rows, columns, data, shape)

    def together(self, stripes: Sequence[Stripe], width: int) -> Stripe:
        """Return the sum of stripes of one matrix of so many columns, each place once."""
        places = np.concatenate([s.rows * width + s.columns for s in stripes])
        at, slot = np.unique(places, return_inverse=True)
        rows, columns = np.divmod(at, width)
        data = self.summed(stripes, slot.reshape(-1), len(at))
        return Stripe(self.places(rows), self.places(columns), data, (len(at),))

    def summed(self, stripes: Sequence[Stripe], slot: np.ndarray, size: int) -> Any:
        """Return the data of stripes, added up where they go to one slot."""
        data = [flat(s.data, s.shape) for s in stripes]
        return summed(data[0] if len(data) == 1 else np.concatenate(data), slot, size)

    def meet(self, a: np.ndarray, b: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers (k, l) of all pairs with ``a[k] == b[l]``."""
        for one, many, swap in ((b, a, False), (a, b, True)):
            if self.is_single(one):
                where = np.full(n, -1)
                where[one] = np.arange(len(one))
                found = where[many]
                here = np.flatnonzero(found >= 0)
                pair = self.places(here), self.places(found[here])
                return pair[::-1] if swap else pair
        order = np.argsort(b, kind="stable")
        begin = np.searchsorted(b[order], np.arange(n + 1))
        lengths = np.diff(begin)[a]
        total = int(lengths.sum())
        refuse_too_large(total, "a sparse Jacobian", "Apply it to vectors: lg.jvp and lg.vjp")
        left = np.repeat(np.arange(len(a)), lengths)
        shift = begin[a] - (np.cumsum(lengths) - lengths)
        return self.places(left), self.places(order[np.repeat(shift, lengths) + np.arange(total)])

    def of(self, p: Partial) -> list[Stripe]:
        """Return the stripes of a partial between real variables."""
        m, n = math.prod(p.out_shape), math.prod(p.in_shape)
        if isinstance(p, Scale):
            every = self.range(m)
            if p.mask is None:
                return [Stripe(every, every, p.d, p.out_shape)]
            here = np.broadcast_to(frozen(p.mask), p.out_shape)
            at = self.places(np.flatnonzero(here))
            stripe = Stripe(every, every, p.d, p.out_shape)
            return [Stripe(at, at, *self.taken(stripe, at))] if len(at) else []
        if isinstance(p, Cast | Conjugate):
            return [Stripe(self.range(m), self.range(m), ONE, p.out_shape)]
        if isinstance(p, Compose):
            found = (self.product(a, b, math.prod(p.q.out_shape))
                     for a in self.of(p.p) for b in self.of(p.q))  # fmt: skip
            return [stripe for stripe in found if stripe is not None]
        if isinstance(p, Plus):
            second = self.of(p.q)
            if p.sign == -1:
                second = [s._replace(data=-1.0 if s.data is ONE else -s.data) for s in second]
            return self.of(p.p) + second
        if isinstance(p, Stack):
            return [
                s._replace(rows=self.places(s.rows + cut.start))
                for part, cut in zip(p.parts, p.slices, strict=True)
                for s in self.of(part)
            ]
        if isinstance(p, Flipped):
            return [stripe.flipped for stripe in self.of(p.p)]
        if isinstance(p, Sum):
            rows = np.broadcast_to(np.arange(m).reshape(p.kept), p.in_shape)
            return [Stripe(self.places(rows.ravel()), self.range(n), ONE, p.in_shape)]
        if isinstance(p, Move):
            source = frozen(origins(p.apply, p.in_shape))
            rows = np.flatnonzero(source >= 0)
            shape = p.out_shape if len(rows) == m else (len(rows),)
            made = Stripe(self.places(rows), self.places(source[rows]), ONE, shape)
            return [made] if len(rows) else []
        refuse_too_large(p.count(), "a local partial")
        rows, columns, data = p.entries()
        left, right = self.places(frozen(rows)), self.places(frozen(columns))
        if not len(left):
            return []
        # What is one everywhere need not be multiplied by.
        ones = type(data) is np.ndarray and bool((data == 1).all())
        return [Stripe(left, right, ONE if ones else data, (len(left),))]

    def nonzero(self, stripes: Iterable[Stripe]) -> list[Stripe]:
        """Return the stripes of a constant partial, in which a zero is structure."""
        found = []
        for s in stripes:
            if s.data is not ONE:
                here = np.broadcast_to(frozen(s.data != 0), s.shape).ravel()
                if not here.any():
                    continue
                if not here.all():
                    at = self.places(np.flatnonzero(here))
                    rows, columns = self.places(s.rows[at]), self.places(s.columns[at])
                    s = Stripe(rows, columns, *self.taken(s, at))
            if len(s.rows):
                found.append(s)
        return found


@overridable
def summed(data: Any, slot: Any, size: int) -> Any:
    """Return the vector of sums of the data that go to each slot."""
    return np.bincount(slot, data, size)


def flat(data: Any, shape: tuple[int, ...]) -> Any:
    """Return data as a vector with an entry for each place."""
    if np.shape(data) != shape:
        data = np.broadcast_to(data, shape)
    return data if len(shape) == 1 else np.reshape(data, -1)


def alike(
    a: Any, shape: tuple[int, ...], b: Any, other: tuple[int, ...]
) -> tuple[Any, Any, tuple[int, ...]]:
    """Return data of two stripes so that they broadcast with each other, and their shape."""
    if shape == other or np.shape(a) == ():
        return a, b, other
    if np.shape(b) == ():
        return a, b, shape
    b = b if np.shape(b) == other else np.broadcast_to(b, other)
    return a, np.reshape(b, shape), shape


def steps(at: np.ndarray) -> Any:
    """Return places, of which there are some, as a slice if they go in equal steps."""
    if len(at) == 1:
        return slice(int(at[0]), int(at[0]) + 1)
    step = int(at[1] - at[0])
    if step > 0 and (np.diff(at) == step).all():
        return slice(int(at[0]), int(at[-1]) + 1, step if step > 1 else None)
    return at
