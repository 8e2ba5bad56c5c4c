"""Checks of local partials, one constraint at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lagrad.check.gradient import GradientError
from lagrad.graph import Graph
from lagrad.partials import Partial
from lagrad.status import ArgumentError, TraceError
from lagrad.trace import trace
from lagrad.undefined import UndefinedPartial, undefined_of

#: Entries are compared with the map itself up to so many of them.
FEW = 10**5


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
        |<w, P v> - <P^T w, v>| relative to its size; NaN where not every w has a meaning (phases of
        complex eigenvectors).
    difference : float
        |<w, P v> - central difference of f_i| relative to its size; NaN for a constraint that
        cannot be evaluated at other arguments (a solved cycle, a loop) or changes its shape there.
    entries : float
        |M v - P v| relative to its size, M the matrix of the entries; NaN if they are too many.
    ok : bool
    """

    row: int
    constraint: str
    parent: str
    adjoint: float
    difference: float
    entries: float
    ok: bool

    @property
    def worst(self) -> float:
        """The largest of the three, each by what it may be."""
        figures = (self.adjoint / 1e-10, self.entries / 1e-10, self.difference / 1e-6)
        return max((f for f in figures if f == f), default=0.0)

    def __str__(self) -> str:
        return (
            f"{self.constraint}, with respect to {self.parent}: adjoint {self.adjoint:.1e}, "
            f"difference {self.difference:.1e}, entries {self.entries:.1e}"
        )


def check_partials(
    f: Graph | Callable[..., Any], *args: Any, seed: int = 0, throw: bool = True
) -> list[PartialCheck]:
    """Check each local partial of a graph on its own, and return the outcomes, worst first.

    For each df_i/dz_j = P and random v and w: <w, P v> = <P^T w, v>; <w, P v> agrees with central
    differences of f_i alone; the entries of A agree with P. Where `check_grad` says that a gradient
    is wrong, this says which constraint makes it so.

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
        Naming the wrong partials, worst first.

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
    graph = graph_of(f, args)
    rng = np.random.default_rng(seed)
    found = []
    with np.errstate(all="ignore"):
        for i in range(len(graph)):
            for k, j in enumerate(graph.references(i)):
                if j >= 0:
                    found.append(checked(graph, i, k, j, rng))
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

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> for found in lg.undefined_partials(lambda x: np.sum(abs(x)), np.array([1.0, 0.0])):
    ...     print(found.constraint, found.entries, found.first, found.convention)
    z2 = absolute(x) 1 (1,) |x| has a kink at 0, and 0 is taken, between the slopes -1 and 1
    """
    return undefined_of(graph_of(f, args))


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
    solved = primitive.joint is not None
    z = graph.columns.values[i] if solved else double(primitive.function(*args, **kwargs))
    p = primitive.partial(k, z, tuple(args), kwargs)
    v, w = direction(args[k], rng), random(z, rng)
    if primitive.kink is not None:
        w = np.where(primitive.kink.where(z, *args, **kwargs), 0.0, w)
    w = np.where(np.isfinite(z), w, 0.0)[()]
    change = np.asarray(p.apply(v))
    change = np.where(w == 0, 0.0, change)
    forward, size = dot(w, change), dot(np.abs(w), np.abs(change)) + 1e-6 * dot(abs(w), abs(z))
    size = size or 1.0
    try:
        adjoint = abs(forward - dot(p.adjoint(w), v)) / size
    except TraceError:  # of vectors known up to a phase: a random w depends on it
        adjoint, solved = float("nan"), True

    def along(h: float) -> float:
        moved = [*args[:k], args[k] + h * v, *args[k + 1 :]]
        value = np.asarray(primitive.function(*moved, **kwargs))
        if value.shape != np.shape(z):  # as that of roots, if the first coefficient is zero
            return float("nan")
        return dot(w, np.where(w == 0, 0.0, value))

    difference = float("nan")
    if not solved:
        steps = (1e-2, 1e-3, 1e-4)
        central = [
            (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h) for h in steps
        ]
        difference = min(abs(c - forward) for c in central) / size
    entries = entries_error(p, v, w, change)
    ok = all(not f > bound for f, bound in ((adjoint, 1e-10), (entries, 1e-10), (difference, 1e-6)))
    return PartialCheck(i, graph.describe(i), graph.name(j), adjoint, difference, entries, ok)


def entries_error(p: Partial, v: Any, w: Any, change: Any) -> float:
    """Return how far the entries are from the map, relative to its size."""
    if p.count() > FEW:
        return float("nan")
    total: Any = np.zeros(np.size(change), complex)
    for (rows, columns, data), conjugates in p.pieces():
        moved = np.ravel(np.conjugate(v) if conjugates else v)[columns]
        np.add.at(total, rows, data * moved)
    flat = np.ravel(change)
    if not np.iscomplexobj(flat):
        total = np.real(total)
    total = np.where(np.ravel(w) == 0, 0.0, total)
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


def random(x: Any, rng: np.random.Generator) -> Any:
    """Return normal numbers shaped like x, complex if x is."""
    w = rng.standard_normal(np.shape(x))
    return w + 1j * rng.standard_normal(np.shape(x)) if np.iscomplexobj(x) else w


def direction(x: Any, rng: np.random.Generator) -> Any:
    """Return steps in the units of each entry of x, so that none leaves its domain.

    Where all complex numbers are real, the steps are: the real axis is often a branch cut.
    """
    size, steps = np.abs(x), random(x, rng)
    steps = steps if np.imag(x).any() else np.real(steps).astype(steps.dtype)
    return (steps * np.where(size > 0, np.minimum(size, 1.0), 1e-3))[()]


def dot(a: Any, b: Any) -> float:
    """Return the real part of the plain product."""
    return float(np.real(np.sum(a * b)))
