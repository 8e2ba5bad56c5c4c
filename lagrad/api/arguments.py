"""What goes into a transform and comes out of it: argument numbers, pairs, shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lagrad.containers import leaves, map_leaves
from lagrad.graph import Graph
from lagrad.status import ArgumentError
from lagrad.trace import Trace, Traced, Tracer, names_of

Argnums = int | Sequence[int]


class Transform:
    """A derivative of ``f``, to be called as ``f`` is; it pickles if ``f`` does."""

    def __init__(self, what: str, run: Callable[..., Any], f: Callable[..., Any], *options: Any):
        if not callable(f):
            raise ArgumentError(f"{what} takes a function, not {type(f).__name__}: {what}(f)(x)")
        self.run, self.options = run, options
        self.__wrapped__ = f  # The signature, and so the names of arguments, are those of f.
        self.__name__ = f"{what}({getattr(f, '__name__', 'f')})"
        self.__doc__ = (
            f"The {what} of the function below, at the same arguments.\n\n{f.__doc__ or ''}"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run(self.__wrapped__, *self.options, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.__name__}>"


def selected(
    f: Callable[..., Any], argnums: Argnums, args: tuple[Any, ...]
) -> tuple[tuple[int, ...], bool]:
    """Return argnums as a tuple of positions, and whether it was a single number."""
    single = isinstance(argnums, int | np.integer)
    many = isinstance(argnums, Sequence | np.ndarray) and not isinstance(argnums, str)
    numbers: list[Any] = list(argnums) if many else [argnums]  # type: ignore[arg-type]
    for k in numbers:
        if not isinstance(k, int | np.integer) or isinstance(k, bool):
            raise ArgumentError(
                f"argnums={argnums!r}: give the number of an argument, or a sequence of numbers"
            )
        if not -len(args) <= k < len(args):
            raise ArgumentError(
                f"argnums={argnums}, but the function was called with {len(args)} positional "
                f"argument{'s' * (len(args) != 1)}: {names_of(f, len(args))}"
            )
    places = tuple(int(k) % len(args) for k in numbers)
    if len(set(places)) != len(places):
        raise ArgumentError(f"argnums={argnums} names an argument twice")
    return places, single


def of(trace: Trace, leaf: Any) -> bool:
    """True if a result is a variable of the trace, and so depends on its inputs."""
    return isinstance(leaf, Tracer) and leaf._trace is trace


def graph_of(trace: Trace, rows: list[list[int]], result: Any) -> Graph:
    """Return what was recorded between the input ``rows`` and the variables in ``result``."""
    outputs = tuple(leaf._row for _, leaf in leaves(result) if of(trace, leaf))
    return trace.graph(tuple(r for found in rows for r in found), outputs)


def own(w: Any, value: Any, given: Any) -> Any:
    """Return a multiplier as an array of its own, shaped like its variable; None is zero."""
    if isinstance(w, Traced):
        return w
    if w is None:
        w = np.zeros(np.shape(value), value.dtype)
    if np.shape(w) != np.shape(value):
        raise ArgumentError(
            f"a partial gave a multiplier of shape {np.shape(w)} for a variable of shape "
            f"{np.shape(value)}; check the partials of your primitives"
        )
    array = np.array(w, dtype=value.dtype)
    return array if isinstance(given, np.ndarray) else array[()]


def pair(primals: Any, tangents: Any) -> None:
    """Check that primals and tangents are tuples of equal structure."""
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            raise ArgumentError(
                f"{name} is {type(given).__name__}; give a tuple with one entry for each argument, "
                f"{name}=(x,)"
            )
    map_leaves(lambda a, b: None, tuple(primals), tuple(tangents))
