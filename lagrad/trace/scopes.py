"""Scopes: names for groups of constraints, as they are written down."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import ContextDecorator
from typing import Any

from lagrad.status import ArgumentError
from lagrad.trace.tape import CURRENT, SCOPE, Entry, scope_names

__all__ = ["scope"]


class scope(ContextDecorator):  # noqa: N801
    """Name a group of constraints: what is recorded, or declared in a `System`, inside of it.

    Scopes nest, and a name that is used again continues its group; parts behind dots are nested
    scopes, so that ``scope("encoder.layer1")`` is two. Values and derivatives are the same without
    them, and around code that neither records nor declares they do nothing. ``@lg.scope("layer")``
    names all calls of a function. Of tasks that take turns within one trace, as in asyncio, rows
    belong to the scope that was entered or left last.

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

    def __init__(self, name: str) -> None:
        self.path = path_of(name)
        self.entered: list[Entry] = []

    def __call__(self, function: Callable[..., Any]) -> Any:
        """Return the function with all its calls in this scope."""
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            raise ArgumentError(
                f"{function.__name__} goes on after its call has returned: write "
                "`with lg.scope(...)` inside of it"
            )
        return super().__call__(function)

    def __enter__(self) -> None:
        self.entered.append(Entry(self.path))
        SCOPE.set((*SCOPE.get(), self.entered[-1]))
        mark()

    def __exit__(self, *error: object) -> None:
        # A generator may be closed after others were opened: only its own entry goes.
        own = self.entered.pop()
        SCOPE.set(tuple(entry for entry in SCOPE.get() if entry is not own))
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
    trace, path = CURRENT.get(), scope_names()
    while trace is not None:
        trace.columns.scopes.append((len(trace.columns.op), path))
        trace = trace.outer
