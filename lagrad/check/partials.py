"""Checks of local partials, one constraint at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lagrad.check.directions import difference, direction, dot, magnitude, random
from lagrad.graph import Graph
from lagrad.partials import Partial
from lagrad.status import ArgumentError, GradientError, TraceError
from lagrad.trace import trace
from lagrad.undefined import UndefinedPartial, undefined_of

#: Entries are compared with the map itself up to so many of them.
FEW = 10**5
#: How large each figure may be.
BOUNDS = {"adjoint": 1e-10, "difference": 1e-6, "entries": 1e-10}


@dataclass(frozen=True)
class PartialCheck:
    """The outcome of `check_partials` for one local partial df_i/dz_j.

    Attributes
    ----------
    row : int
        i, the row of the graph.
    constraint, parent : str
        Its equation and source line, and the name of z_j.
    adjoint : float
        |<w, P v> - <P^T w, v>| relative to its size; None where not every w has a meaning (phases
        of complex eigenvectors).
    difference : float
        |<w, P v> - central difference of f_i| relative to its size; None for a constraint that
        cannot be evaluated at other arguments (a solved cycle, a loop) or changes its shape there.
    entries : float
        |M v - P v| relative to its size, M the matrix of the entries; None if they are too many.
    ok : bool
    """

    row: int
    constraint: str
    parent: str
    adjoint: float | None
    difference: float | None
    entries: float | None

    @property
    def worst(self) -> float:
        """The largest of the three, each by what it may be; inf for one that came out NaN."""
        figures = {name: getattr(self, name) for name in BOUNDS}
        asked = [f / BOUNDS[name] for name, f in figures.items() if f is not None]
        return max((f if f == f else float("inf") for f in asked), default=0.0)

    @property
    def ok(self) -> bool:
        """True if none of them is too large."""
        return self.worst <= 1

    def __str__(self) -> str:
        figures = {name: getattr(self, name) for name in BOUNDS}
        told = (f"{name} {f:.1e}" for name, f in figures.items() if f is not None)
        return f"{self.constraint}, with respect to {self.parent}: {', '.join(told)}"


def check_partials(
    f: Graph | Callable[..., Any], *args: Any, seed: int = 0, throw: bool = True
) -> list[PartialCheck]:
    """Check each local partial of a graph on its own, and return the outcomes, worst first.

    For each df_i/dz_j = P and random v and w: <w, P v> = <P^T w, v>; <w, P v> agrees with central
    differences of f_i alone; the entries of A agree with P. Where `check_grad` says that a gradient
    is wrong, this says which constraint makes it so, also inside of cycles and rolled loops.

    Parameters
    ----------
    f : Graph, as `trace` returns it, or a function with its arguments
    seed : int
        Of the random directions.
    throw : bool
        Raise if a partial is wrong; else look at ``ok``.

    Returns
    -------
    list of PartialCheck

    Raises
    ------
    GradientError
        Naming the wrong partials, worst first; one that is NaN or inf is wrong.
    ArgumentError
        If ``f`` is neither a graph nor a function.

    Notes
    -----
    Entries where the partial is undefined by its rule (kinks, ties) are left out; single precision
    is checked in double.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> wrong = lg.primitive(np.tanh, (lambda z, x: 1 - z,), name="tanh2")
    >>> found = lg.check_partials(lambda x: np.sin(wrong(x)), 0.3, throw=False)
    >>> found[0].constraint.split(",")[0], found[0].ok, found[1].ok
    ('z2 = tanh2(x)', False, True)
    """
    with np.errstate(all="ignore"):
        found = list(every_check(graph_of(f, args), np.random.default_rng(seed)))
    found.sort(key=lambda check: -check.worst)
    wrong = [check for check in found if not check.ok]
    if wrong and throw:
        shown = "\n  ".join(str(check) for check in wrong[:5])
        raise GradientError(
            f"{len(wrong)} of {len(found)} local partials are wrong, worst first:\n  {shown}\n"
            "The adjoint and the entries may be off by 1e-10 and the difference by 1e-6; a large "
            "difference alone is a wrong formula"
        )
    return found


def undefined_partials(f: Graph | Callable[..., Any], *args: Any) -> list[UndefinedPartial]:
    """Return the partials on the way to the outputs that are not unique or do not exist.

    A kink (|x| at 0), a tie (equal arguments of a maximum), an infinite slope (sqrt at 0): each
    with its constraint, its source line and the convention that its rule takes. What a selection
    leaves out is not listed, nor are steps (rounding, comparisons), which carry no gradient at all.

    Parameters
    ----------
    f : Graph, as `trace` returns it, or a function with its arguments

    Returns
    -------
    list of UndefinedPartial
        ``print`` them. ``lg.grad(f, undefined="raise")`` refuses them.

    Raises
    ------
    ArgumentError
        If ``f`` is neither a graph nor a function.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> for found in lg.undefined_partials(lambda x: np.sum(abs(x)), np.array([1.0, 0.0])):
    ...     print(found.constraint, found.entries, found.first, found.convention)
    z2 = absolute(x) 1 (1,) |x| has a kink at 0, and 0 is taken, between the slopes -1 and 1
    """
    return undefined_of(graph_of(f, args))


def every_check(graph: Graph, rng: np.random.Generator) -> Iterator[PartialCheck]:
    """Yield the check of each partial, also of the conditions and steps that a row stands for."""
    for i in range(len(graph)):
        inside = graph.primitive(i).inside
        if inside is not None:
            for inner in inside(graph.columns.values[i], *graph.arguments(i)):
                yield from every_check(inner, rng)
        for k, j in enumerate(graph.references(i)):
            if j >= 0:
                yield checked(graph, i, k, j, rng)


def graph_of(f: Graph | Callable[..., Any], args: tuple[Any, ...]) -> Graph:
    """Return a graph, or that of a function at its arguments."""
    if isinstance(f, Graph):
        return f
    if not callable(f):
        raise ArgumentError(
            f"give a graph or a function with its arguments, not {type(f).__name__}"
        )
    return trace(f, *args)


def checked(graph: Graph, i: int, k: int, j: int, rng: np.random.Generator) -> PartialCheck:
    """Check df_i/dz_j, where z_j is argument k."""
    primitive = graph.primitive(i)
    given, kwargs = graph.arguments(i)
    args = [double(a) if ref >= 0 else a for a, ref in zip(given, graph.references(i), strict=True)]
    comparable = primitive.joint is None
    z = double(primitive.function(*args, **kwargs)) if comparable else graph.columns.values[i]
    p = primitive.partial(k, z, tuple(args), kwargs)
    v, w = direction(args[k], rng)[()], random(z, rng)
    left_out = np.logical_not(np.isfinite(z))
    if primitive.kink is not None:
        left_out = np.logical_or(left_out, primitive.kink.where(z, *args, **kwargs))
    left_out = np.broadcast_to(left_out, np.shape(z))
    w = np.where(left_out, 0.0, w)[()]
    change = np.where(left_out, 0.0, p.apply(v))
    forward = dot(w, change)
    size = magnitude(w, change) + 1e-6 * magnitude(w, np.where(left_out, 0.0, z)) or 1.0
    adjoint: float | None = None
    try:
        here = np.logical_not(left_out)
        pulled = p.adjoint(w) if here.all() else p.pull(w, here)[0]
        adjoint = abs(forward - dot(pulled, v)) / size
    except TraceError:  # of vectors known up to a phase: a random w depends on it
        comparable = False

    def along(h: float) -> float:
        moved = [*args[:k], args[k] + h * v, *args[k + 1 :]]
        return dot(w, np.where(left_out, 0.0, primitive.function(*moved, **kwargs) - z))

    try:
        apart = difference(along, forward) / size if comparable else None
    except ValueError:  # its shape changes, as that of roots if the first coefficient is zero
        apart = None
    entries = entries_error(p, v, change, left_out) if p.count() <= FEW else None
    return PartialCheck(i, graph.describe(i), graph.name(j), adjoint, apart, entries)


def entries_error(p: Partial, v: Any, change: Any, left_out: Any) -> float:
    """Return how far the entries are from the map, relative to its size."""
    total: Any = np.zeros(np.size(change), complex)
    for (rows, columns, data), conjugates in p.pieces():
        moved = np.ravel(np.conjugate(v) if conjugates else v)[columns]
        np.add.at(total, rows, data * moved)
    flat = np.ravel(change)
    total = np.where(np.ravel(left_out), 0.0, total if np.iscomplexobj(flat) else np.real(total))
    return float(np.max(np.abs(total - flat), initial=0.0) / (np.max(np.abs(flat), initial=0) or 1))


def double(x: Any) -> Any:
    """Return floats in double precision."""
    dtype = getattr(x, "dtype", None)
    if (
        dtype is None
        or dtype.kind not in "fc"
        or dtype.itemsize == (8 if dtype.kind == "f" else 16)
    ):
        return x
    return x.astype(complex if dtype.kind == "c" else float)
