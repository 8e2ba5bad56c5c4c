"""Scopes: names for groups of constraints, as they are written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lagrad.status import ArgumentError
from lagrad.trace.tape import CURRENT, SCOPE

__all__ = ["scope"]


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Name a group of constraints: what is recorded, or declared in a `System`, inside of it.

    Scopes nest, and a name that is used again continues its group; parts behind dots are nested
    scopes, so that ``scope("encoder.layer1")`` is two. Values and derivatives are the same without
    them, and around code that neither records nor declares they do nothing. ``@lg.scope("layer")``
    names all calls of a function.

    Parameters
    ----------
    name : str

    Raises
    ------
    ArgumentError
        The name is no text, or empty, or has an empty part.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> def f(x):
    ...     with lg.scope("layer"):
    ...         y = np.tanh(2 * x)
    ...     return y**2
    >>> lg.trace(f, 1.0).linearize().scopes
    ((), ('layer',), ('layer',), ())
    """
    token = SCOPE.set((*SCOPE.get(), *path_of(name)))
    mark()
    try:
        yield
    finally:
        SCOPE.reset(token)
        mark()


def path_of(name: Any) -> tuple[str, ...]:
    """Return the names between the dots of a name.

    Raises
    ------
    ArgumentError
        It is no text, or one of them is empty.
    """
    if not isinstance(name, str) or not all(name.split(".")):
        raise ArgumentError(f"a scope is called {name!r}: give a name, or names with dots between")
    return tuple(name.split("."))


def mark() -> None:
    """Note in the traces now running that rows from here on belong to the present scope."""
    trace, path = CURRENT.get(), SCOPE.get()
    while trace is not None:
        trace.columns.scopes.append((len(trace.columns.op), path))
        trace = trace.outer
