"""A primitive: a function together with its local partials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lagrad.partials import Partial


@dataclass(frozen=True)
class Kink:
    """Where partials of a function are not unique or do not exist.

    Parameters
    ----------
    where
        ``where(z, *args, **kwargs)`` gives booleans shaped like z.
    says
        The convention, as a sentence.
    """

    where: Callable[..., Any]
    says: str


@dataclass(frozen=True, eq=False)
class Primitive:
    """A function f with its local partials.

    Parameters
    ----------
    name
        The name that messages, listings and pictures show.
    function
        Evaluates f on arrays (or on traced values of an outer trace).
    partial
        ``partial(k, z, args, kwargs)`` returns df/d(args[k]) as a `Partial`, at the arguments
        ``args`` and the value ``z = f(*args, **kwargs)``.
    derivatives
        For elementwise functions of scalars the bare derivatives, one for each argument, so that
        many scalar constraints can be linearized in one call.
    multilinear
        True if f is linear in each argument. Its partials then hold the other arguments, and
        where those are constants, zeros in them are structure.
    arguments
        Brings a call, as a user may spell it, into the form ``(args, kwargs)`` with every array
        in ``args``; a keyword that the rule does not know is a TypeError.
    linear
        True if f is linear in all arguments together, so that a tangent is f of the tangents.
    joint
        ``joint(z, args, kwargs)`` returns the partials with respect to all arguments as one object,
        where they share a linear solve: ``pull(w)`` is what each argument gets, ``push(tangents)``
        the change of z for changes by place.
    cyclic
        True if z is solved for: its joint partials are those of the conditions g(z, *args) = 0, and
        stand in A in the place of dz/dargs.
    kink
        Where the partials are undefined, and what is taken there.
    inside
        ``inside(z, args, kwargs)`` yields the graphs of the conditions or steps that f stands for.
    """

    name: str
    function: Callable[..., Any]
    partial: Callable[[int, Any, tuple[Any, ...], dict[str, Any]], Partial]
    derivatives: Sequence[Callable[..., Any]] | None = None
    multilinear: bool = False
    arguments: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None = None
    linear: bool = False
    joint: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any] | None = None
    cyclic: bool = False
    kink: Kink | None = None
    inside: Callable[[Any, tuple[Any, ...], dict[str, Any]], Iterable[Any]] | None = None

    def __repr__(self) -> str:
        return f"Primitive({self.name})"
