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

F = TypeVar("F", bound=Callable[..., Any])


def overridable(function: F) -> F:
    """Let the arguments of ``function`` take the call over (NEP 18); arrays leave it alone."""
    plain = np.ndarray.__array_function__

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for arg in (*args, *kwargs.values()) if kwargs else args:
            kind = type(arg)
            if getattr(kind, "__array_function__", plain) is not plain:
                return arg.__array_function__(call, (kind,), args, kwargs)
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


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


@overridable
def masked_multiply(x: Any, y: Any, mask: Any) -> Any:
    """Return ``x * y`` where ``mask`` holds and zero elsewhere, where nothing is multiplied."""
    dtype = np.result_type(x, y)
    out = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(mask)), dtype)
    return np.multiply(x, y, out=out, where=mask)


@overridable
def sparse_product(v: Any, matrix: Any) -> Any:
    """Return ``matrix @ v`` for a constant sparse ``matrix`` of shape (m, n), v (n,) or (n, k)."""
    return matrix @ v


def is_basic(index: Any) -> bool:
    """True if ``index`` is made of integers, slices, ``...`` and ``None`` alone: no repeats."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, slice)
        or (isinstance(part, int | np.integer) and not isinstance(part, bool | np.bool_))
        for part in parts
    )
