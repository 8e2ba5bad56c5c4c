"""Local partials df_i/dz_j as small structured linear operators.

A partial maps a change of one parent (``in_shape``) to a change of the output (``out_shape``). One
object serves every use:

    apply(v)     the tangent          v -> P v        (forward mode)
    adjoint(w)   the multiplier       w -> P^T w      (reverse mode; plain transpose)
    entries()    the entries of R     (rows, columns, data), flat indices in C order
    count()      how many entries there are, known before any is made

Partials add and compose as the formulas do: ``p @ q`` is v -> p(q(v)), ``p + q``, ``p - q``, and
`Stack` lays out those of a function with several outputs.

``entries`` follows structure and never drops a value that happens to be zero. All of them work on
traced values too, so a derivative can be differentiated again.

Complex numbers are paired by the plain product, Re(w v): the adjoint of a complex-linear partial
is its plain transpose, and that of ``conj`` is ``conj``.

A multiplier may come through a selection (``where``, an index, a maximum). What was not selected
is then *absent*, not zero, and `pull` carries the mask of what is present, so that a partial which
is infinite where nothing was selected never makes 0 * inf.

A map that conjugates its argument is linear over the reals only. The sum of one that does and one
that does not has no single matrix of complex numbers; `pieces` gives the two.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.dispatch import scatter_add, still_finite

Entries = tuple[np.ndarray, np.ndarray, np.ndarray]


class Late:
    """A mask that is found when somebody asks for it.

    Behind a dense partial it costs as much as a product, and only an infinity asks for it.
    """

    __slots__ = ("make", "mask")

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make: Any = make
        self.mask: Any = None

    def now(self) -> Any:
        """Return the mask; None means that all entries are present."""
        if self.make is not None:
            self.mask, self.make = self.make(), None
        return self.mask


def resolved(mask: Any) -> Any:
    """Return a mask as an array, or None if all entries are present."""
    return mask.now() if type(mask) is Late else mask


def union(a: Any, b: Any) -> Any:
    """Return the mask of what is present in one of two sums."""
    if a is None or b is None:
        return None
    if type(a) is Late or type(b) is Late:
        return Late(lambda: union(resolved(a), resolved(b)))
    return np.logical_or(a, b)


def intersection(a: Any, b: Any) -> Any:
    """Return the mask of what is present in both."""
    if a is None or b is None:
        return b if a is None else a
    if type(a) is Late or type(b) is Late:
        return Late(lambda: intersection(resolved(a), resolved(b)))
    return np.logical_and(a, b)


class Partial:
    """A linear map from ``in_shape`` to ``out_shape``; subclasses give the three actions."""

    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    #: True if the partial picks some entries of its argument and leaves others out.
    selects = False
    #: True for a map that is linear over the reals only and conjugates its argument.
    conjugates = False

    def apply(self, v: Any) -> Any:
        """Return P v, of ``out_shape``."""
        raise NotImplementedError(f"{type(self).__name__} has no apply")

    def adjoint(self, w: Any) -> Any:
        """Return P^T w, of ``in_shape``."""
        raise NotImplementedError(f"{type(self).__name__} has no adjoint")

    def entries(self) -> Entries:
        """Return (rows, columns, data) of the (out_size, in_size) matrix of P."""
        raise NotImplementedError(f"{type(self).__name__} has no entries")

    def count(self) -> int:
        """Return an upper bound on the number of entries, without making them."""
        return math.prod(self.in_shape) * math.prod(self.out_shape)

    def widest(self) -> int:
        """Return an upper bound on the number of entries in one row."""
        return math.prod(self.in_shape)

    def tallest(self) -> int:
        """Return an upper bound on the number of entries in one column."""
        return math.prod(self.out_shape)

    def pieces(self) -> Iterator[tuple[Entries, bool]]:
        """Yield (entries, whether they act on the conjugate) of the maps that P is the sum of."""
        yield self.entries(), self.conjugates

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        """Return P^T w and the mask of its present entries; ``None`` means all are present."""
        v = self.adjoint(w)
        if mask is None or self.count() > MANY:
            return v, None
        if not still_finite(v):
            v = self.adjoint_of_present(w, resolved(mask))
        return v, Late(lambda: self.reached(resolved(mask)))

    def reached(self, mask: Any) -> Any:
        """Return which entries of the argument an entry that is present depends on."""
        if mask is None:
            return None
        here, found = np.broadcast_to(mask, self.out_shape).ravel(), np.zeros(self.in_shape, bool)
        for (rows, columns, _), _ in self.pieces():
            found.flat[columns[here[rows]]] = True
        return found

    def adjoint_of_present(self, w: Any, mask: Any) -> Any:
        """Return P^T w from those entries of P alone whose rows are present."""
        size = math.prod(self.in_shape)
        total: Any = None
        w = np.reshape(w, -1)
        here = np.broadcast_to(True if mask is None else mask, self.out_shape).ravel()
        for (rows, columns, data), conjugates in self.pieces():
            kept = here[rows]
            moved = data[kept] * w[rows[kept]]
            part = scatter_add(np.conjugate(moved) if conjugates else moved, columns[kept], (size,))
            total = part if total is None else total + part
        return np.reshape(total, self.in_shape)

    def matrix(self) -> sp.csr_array:
        """Return P as a sparse (out_size, in_size) matrix; duplicate entries are summed."""
        return coordinates(self.entries(), self).tocsr()

    def __matmul__(self, other: Partial) -> Partial:
        return Compose(self, other)

    def __add__(self, other: Partial) -> Partial:
        return Plus(self, other)

    def __sub__(self, other: Partial) -> Partial:
        return Plus(self, other, -1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.out_shape} <- {self.in_shape})"


#: So many entries are made to tell 0 * inf from inf; of more the infinity is reported as it is.
MANY = 10**6


class Flipped(Partial):
    """The transpose of a partial."""

    def __init__(self, p: Partial) -> None:
        self.p, self.in_shape, self.out_shape = p, p.out_shape, p.in_shape

    def apply(self, v: Any) -> Any:
        return self.p.adjoint(v)

    def adjoint(self, w: Any) -> Any:
        return self.p.apply(w)

    def entries(self) -> Entries:
        rows, columns, data = self.p.entries()
        return columns, rows, data

    def count(self) -> int:
        return self.p.count()

    def widest(self) -> int:
        return self.p.tallest()

    def tallest(self) -> int:
        return self.p.widest()


class Compose(Partial):
    """``v -> P (Q v)``."""

    def __init__(self, p: Partial, q: Partial) -> None:
        self.p, self.q = p, q
        self.in_shape, self.out_shape = q.in_shape, p.out_shape
        self.selects = p.selects or q.selects
        self.conjugates = p.conjugates or q.conjugates

    def apply(self, v: Any) -> Any:
        return self.p.apply(self.q.apply(v))

    def adjoint(self, w: Any) -> Any:
        return self.q.adjoint(self.p.adjoint(w))

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        return self.q.pull(*self.p.pull(w, mask))

    def entries(self) -> Entries:
        return joined([entries for entries, _ in self.pieces()])

    def pieces(self) -> Iterator[tuple[Entries, bool]]:
        found: dict[bool, list[Entries]] = {}
        for outer, p in by_kind(self.p).items():
            for inner, q in by_kind(self.q).items():
                q = (q.conjugate() if outer else q).tocsr()  # p conj(q v) = p conj(q) conj(v)
                many = np.diff(q.indptr)[p.col].sum() > p.shape[0] * q.shape[1]  # than places
                part = summed_entries(p.tocsr(), q) if many else product_entries(p, q)
                found.setdefault(outer != inner, []).append(part)
        for conjugates, parts in found.items():
            yield joined(parts), conjugates

    def count(self) -> int:
        products = self.p.count() * self.q.widest(), self.p.tallest() * self.q.count()
        return min(*products, self.widest() * math.prod(self.out_shape))

    def widest(self) -> int:
        most = math.prod(self.in_shape) * (4 if is_mixed(self) else 1)
        return min(self.p.widest() * self.q.widest(), most)

    def tallest(self) -> int:
        most = math.prod(self.out_shape) * (4 if is_mixed(self) else 1)
        return min(self.p.tallest() * self.q.tallest(), most)


class Plus(Partial):
    """``v -> P v + sign * Q v``, for ``sign`` 1 or -1."""

    def __init__(self, p: Partial, q: Partial, sign: int = 1) -> None:
        self.p, self.q, self.sign = p, q, sign
        self.in_shape, self.out_shape = p.in_shape, p.out_shape
        self.selects = p.selects or q.selects
        self.conjugates = p.conjugates or q.conjugates

    def signed(self, a: Any, b: Any) -> Any:
        """Return a + b, or a - b."""
        return a + b if self.sign == 1 else a - b

    def apply(self, v: Any) -> Any:
        return self.signed(self.p.apply(v), self.q.apply(v))

    def adjoint(self, w: Any) -> Any:
        return self.signed(self.p.adjoint(w), self.q.adjoint(w))

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        (v, here), (u, there) = self.p.pull(w, mask), self.q.pull(w, mask)
        return self.signed(v, u), union(here, there)

    def entries(self) -> Entries:
        return joined([entries for entries, _ in self.pieces()])

    def pieces(self) -> Iterator[tuple[Entries, bool]]:
        yield from self.p.pieces()
        for (rows, columns, data), conjugates in self.q.pieces():
            yield (rows, columns, self.sign * data), conjugates

    def count(self) -> int:
        return self.p.count() + self.q.count()

    def widest(self) -> int:
        return self.p.widest() + self.q.widest()

    def tallest(self) -> int:
        return self.p.tallest() + self.q.tallest()


class Stack(Partial):
    """The partials of several outputs, which lie one behind the other in one vector."""

    def __init__(self, *parts: Partial) -> None:
        self.parts, self.in_shape = parts, parts[0].in_shape
        ends = np.cumsum([math.prod(p.out_shape) for p in parts]).tolist()
        self.slices = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        self.out_shape = (ends[-1],)
        self.conjugates = any(p.conjugates for p in parts)

    def apply(self, v: Any) -> Any:
        return np.concatenate([np.reshape(p.apply(v), -1) for p in self.parts])

    def adjoint(self, w: Any) -> Any:
        return self.pull(w, None)[0]

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        """An output that nothing depends on is left out, so that its partial may be infinite."""
        total, mask, reached = None, resolved(mask), None
        for p, cut in zip(self.parts, self.slices, strict=True):
            here = None if mask is None else np.reshape(mask[cut], p.out_shape)
            if here is None or here.any():
                v, there = p.pull(np.reshape(w[cut], p.out_shape), here)
                reached = there if total is None else union(reached, there)
                total = v if total is None else total + v
        if total is None:
            return np.zeros(self.in_shape, w.dtype), np.zeros(self.in_shape, bool)
        return total, reached

    def entries(self) -> Entries:
        return joined([entries for entries, _ in self.pieces()])

    def pieces(self) -> Iterator[tuple[Entries, bool]]:
        for p, cut in zip(self.parts, self.slices, strict=True):
            for (rows, columns, data), conjugates in p.pieces():
                yield (rows + cut.start, columns, data), conjugates

    def count(self) -> int:
        return sum(p.count() for p in self.parts)

    def widest(self) -> int:
        return max(p.widest() for p in self.parts)

    def tallest(self) -> int:
        return sum(p.tallest() for p in self.parts)


def coordinates(entries: Entries, p: Partial) -> sp.coo_array:
    """Return entries of a partial as a sparse (out_size, in_size) matrix."""
    rows, columns, data = entries
    shape = (math.prod(p.out_shape), math.prod(p.in_shape))
    return sp.coo_array((data, (rows, columns)), shape=shape)


def by_kind(p: Partial) -> dict[bool, sp.coo_array]:
    """Return the matrix of P that acts on v, and that which acts on conj(v)."""
    found: dict[bool, list[Entries]] = {}
    for entries, conjugates in p.pieces():
        found.setdefault(conjugates, []).append(entries)
    return {kind: coordinates(joined(parts), p) for kind, parts in found.items()}


def is_mixed(p: Partial) -> bool:
    """True if P is a sum of maps of which some conjugate their argument and some do not."""
    if isinstance(p, Compose):
        return is_mixed(p.p) or is_mixed(p.q)
    parts = (p.p, p.q) if isinstance(p, Plus) else p.parts if isinstance(p, Stack) else ()
    return len({q.conjugates for q in parts}) > 1 or any(map(is_mixed, parts))


def joined(parts: Iterable[Entries]) -> Entries:
    """Return several lists of entries as one."""
    lists = list(parts)
    if not lists:
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    rows, columns, data = (np.concatenate(column) for column in zip(*lists, strict=True))
    return rows, columns, data


def product_entries(p: sp.coo_array, q: sp.csr_array) -> Entries:
    """Return the entries of ``p @ q``, those that cancel to zero included.

    SciPy's own product drops entries whose sum is zero, and so would let values decide structure.
    """
    starts, lengths = q.indptr[p.col], np.diff(q.indptr)[p.col]
    rows = np.repeat(p.row, lengths)
    offsets = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = np.repeat(starts, lengths) + offsets
    return rows, q.indices[at], np.repeat(p.data, lengths) * q.data[at]


def summed_entries(p: sp.csr_array, q: sp.csr_array) -> Entries:
    """Return the entries of ``p @ q``, each once, in the pattern of the product of ones."""
    ones = [sp.csr_array((np.ones(m.nnz), m.indices, m.indptr), shape=m.shape) for m in (p, q)]
    pattern, product = (ones[0] @ ones[1]).tocoo(), (p @ q).tocoo()
    places, found = (m.row * np.intp(q.shape[1]) + m.col for m in (pattern, product))
    order = np.argsort(places)
    data = np.zeros(len(places), product.dtype)
    data[order[np.searchsorted(places, found, sorter=order)]] = product.data
    return pattern.row, pattern.col, data


def then(*chain: Partial | None) -> Partial:
    """Return the composition of ``chain``, the last applied first; ``None`` is the identity."""
    return functools.reduce(Compose, [p for p in chain if p is not None])
