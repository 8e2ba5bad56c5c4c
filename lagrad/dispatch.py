"""Functions of our own that traced values can override, by NumPy's own protocol.

``np.exp(t)`` asks ``t.__array_function__`` or ``t.__array_ufunc__`` what to do. A function under
`overridable` asks in the same way, so that code below the tracer can be run on traced values
without knowing that tracers exist.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from lagrad.status import ArgumentError

F = TypeVar("F", bound=Callable[..., Any])

#: What an array has, and its subclasses that take nothing over.
PLAIN = np.ndarray.__array_function__


def overridable(function: F) -> F:
    """Let the arguments of ``function`` take the call over (NEP 18), also out of a list or tuple.

    Arrays leave it alone.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for arg in (*args, *kwargs.values()) if kwargs else args:
            kind = type(arg)
            if kind is list or kind is tuple:
                arg = first_taker(arg)
                kind = type(arg)
            if getattr(kind, "__array_function__", PLAIN) is not PLAIN:
                return arg.__array_function__(call, (kind,), args, kwargs)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def first_taker(parts: Any) -> Any:
    """Return the first in nested lists and tuples that takes calls over, or None."""
    for part in parts:
        found = first_taker(part) if type(part) in (list, tuple) else part
        if getattr(type(found), "__array_function__", PLAIN) is not PLAIN:
            return found
    return None


@overridable
def scatter_add(w: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros of ``shape`` to which ``w`` is added at ``index``; the transpose of indexing.

    Repeated indices add up, as they must: ``(S w)_j = sum of w_i over all i with index_i = j``.
    """
    out = np.zeros(shape, np.asarray(w).dtype)
    if is_basic(index):
        out[index] = w
    else:
        np.add.at(out, index, w)
    return out


def all_finite(x: Any) -> bool:
    """True if no entry of x is NaN or inf."""
    return bool(np.isfinite(x).all())


def derivative_finite(x: Any) -> bool:
    """As `all_finite`, asked of a tangent or a multiplier that comes out.

    A compiled program does not ask it of one that nobody uses, though the call does that writes the
    program down. Of a value it is asked all the same, since outside the domain of a function its
    slope may well be a number, as that of log at -1.
    """
    return all_finite(x)


def still_finite(x: Any) -> bool:
    """As `all_finite`, asked of a multiplier on its way; of a traced one by its value."""
    while hasattr(x, "_value") and not x._is_symbol:
        x = x._value
    return bool(x._ask(still_finite)) if hasattr(x, "_ask") else all_finite(x)


def settled(x: Any) -> Any:
    """Return structure as a plain array, which its trace notes as a guard.

    A value of a program stays what it is: the program computes it anew in every run.
    """
    if getattr(x, "_is_symbol", False):
        return x
    if hasattr(x, "_answer") and not hasattr(x, "_row"):
        return x._answer(settled)
    return np.asarray(x)


@overridable
def masked_multiply(x: Any, y: Any, mask: Any) -> Any:
    """Return ``x * y`` where ``mask`` holds and zero elsewhere, where nothing is multiplied."""
    dtype = np.result_type(x, y)
    out = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(mask)), dtype)
    return np.multiply(x, y, out=out, where=mask)


@overridable
def sparse_product(v: Any, matrix: Any) -> Any:
    """Return ``matrix @ v`` for a constant sparse ``matrix`` of shape (m, n), v (n,) or (n, k)."""
    check_sparse(matrix, np.shape(v))
    return matrix @ v


def check_sparse(matrix: Any, shape: tuple[int, ...]) -> None:
    """Refuse a product that SciPy would read in another way: of a sparse vector, or in a batch."""
    if len(matrix.shape) != 2 or len(shape) not in (1, 2) or shape[0] != matrix.shape[1]:
        raise ArgumentError(
            f"the product of a sparse array of shape {matrix.shape} with one of shape {shape}; it "
            "must be (m, n) with (n,) or (n, k): reshape them, or write m.toarray()"
        )


def is_basic(index: Any) -> bool:
    """True if ``index`` is made of integers, slices, ``...`` and ``None`` alone: no repeats."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, slice)
        or (isinstance(part, int | np.integer) and not isinstance(part, bool | np.bool_))
        or (getattr(part, "_is_symbol", False) and not part.shape and part.dtype.kind in "iu")
        for part in parts
    )
