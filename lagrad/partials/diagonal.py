"""Partials of elementwise functions: each entry of the output depends on its own input alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lagrad.dispatch import masked_multiply, still_finite
from lagrad.partials.algebra import Entries, Late, Partial, intersection, resolved


class Diagonal(Partial):
    """A map of each entry to itself; a child says how, and what stands on its diagonal."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.in_shape = self.out_shape = shape

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        return self.adjoint(w), mask

    def entries(self) -> Entries:
        i = np.arange(self.count())
        return i, i, np.ones(len(i))

    def count(self) -> int:
        return math.prod(self.out_shape)

    def widest(self) -> int:
        return 1

    def tallest(self) -> int:
        return 1


class Scale(Diagonal):
    """``v -> d * v``, the diagonal of an elementwise function; ``d`` broadcasts to the shape.

    With a ``mask`` only the entries where it holds exist, and ``d`` is zero (or `ONE`) elsewhere.
    """

    def __init__(self, d: Any, shape: tuple[int, ...], mask: Any = None) -> None:
        super().__init__(shape)
        self.d, self.mask = d, mask
        self.selects = mask is not None

    def apply(self, v: Any) -> Any:
        return scaled(self.d, v, self.mask)

    def adjoint(self, w: Any) -> Any:
        return scaled(self.d, w, self.mask)

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        if self.d is ONE and self.mask is None:
            return w, mask  # What is absent is zero already.
        here = intersection(mask, self.mask)
        if type(mask) is not Late:
            return scaled(self.d, w, here), here
        v = scaled(self.d, w, self.mask)
        return v if still_finite(v) else scaled(self.d, w, resolved(here)), here

    def entries(self) -> Entries:
        i = np.arange(self.count())
        data = np.broadcast_to(self.d, self.out_shape).ravel()
        if self.mask is None:
            return i, i, data
        here = np.broadcast_to(self.mask, self.out_shape).ravel()
        return i[here], i[here], data[here]


def weight_and_mask(d: Any) -> tuple[Any, Any]:
    """Return (d, mask) of a derivative, which is given as such a pair where only some exist."""
    return d if type(d) is tuple else (d, None)


def scaled(d: Any, v: Any, mask: Any) -> Any:
    """Return ``d * v``, only where ``mask`` holds if there is one; there d or v is zero already.

    So the plain product, many times cheaper than a masked one, serves wherever it is finite.
    """
    if mask is None:
        return v if d is ONE else d * v
    if d is ONE:
        return np.where(mask, v, 0.0)
    if type(v) is np.ndarray and type(d) is np.ndarray:
        with np.errstate(all="ignore"):
            product = d * v
        if np.isfinite(product).all():
            return product
    return masked_multiply(d, v, mask)


#: The derivative of a sum; known by identity, so that nothing is multiplied by it. As a Python
#: float it leaves float32 what it is.
ONE = 1.0


class Cast(Diagonal):
    """A change of dtype: float32 with float64, or a real number that becomes complex."""

    def __init__(self, shape: tuple[int, ...], source: np.dtype, target: np.dtype) -> None:
        super().__init__(shape)
        self.source, self.target = source, target

    def apply(self, v: Any) -> Any:
        return as_dtype(v, self.target)

    def adjoint(self, w: Any) -> Any:
        return as_dtype(w, self.source)


def as_dtype(v: Any, dtype: np.dtype) -> Any:
    """Return ``v`` as ``dtype``; from complex to real the real part, the adjoint of widening."""
    if np.iscomplexobj(v) and dtype.kind != "c":
        v = np.real(v)
    return v.astype(dtype)


class Conjugate(Diagonal):
    """``v -> conj(v)``: linear over the reals only; its own adjoint under Re(w v)."""

    conjugates = True

    def apply(self, v: Any) -> Any:
        return np.conjugate(v)

    def adjoint(self, w: Any) -> Any:
        return np.conjugate(w)
