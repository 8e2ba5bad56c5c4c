"""One named constraint at a point: its value and its local partials.

Each named constraint is traced by itself, so its partials are those of a small graph: applied by
substitution through it, or condensed onto its arguments as sparse Jacobians.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.eliminate import accumulate
from lagrad.graph import Graph
from lagrad.order import reachable
from lagrad.partials import Compose, Partial
from lagrad.rounding import rounding_errors
from lagrad.solve import back_substitute_masked, forward_substitute
from lagrad.solve.back_substitution import Sums
from lagrad.status import ArgumentError, StructureError, suggestion
from lagrad.trace import Traced, plain, record
from lagrad.trace.tracer import Tracer, innermost_value


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function, or of a ufunc of an older NumPy, which does not tell."""
    if not isinstance(function, np.ufunc):
        return inspect.signature(function)
    places = (f"x{k}" for k in range(1, function.nin + 1))
    return inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in places]
    )


@dataclass(frozen=True)
class Equation:
    """``z = f(parents)`` if it defines a variable, else ``f(parents) = 0``.

    ``function`` is None for an input. ``parents`` are the names of the system that its parameters
    stand for, ``keywords`` the parameters in the same order; without them parents go by position.
    """

    name: str
    function: Callable[..., Any] | None
    parents: tuple[str, ...]
    keywords: tuple[str, ...]
    explicit: bool
    where: str

    def __call__(self, *args: Any) -> Any:
        """Evaluate the function on the values of its parents."""
        assert self.function is not None
        return called(self.function, self.keywords, args)


def called(function: Callable[..., Any], keywords: tuple[str, ...], args: Iterable[Any]) -> Any:
    """Return ``function`` of the values of its parents, by name where there are keywords."""
    if keywords:
        return function(**dict(zip(keywords, args, strict=True)))
    return function(*args)


def resolved(e: Equation, known: set[str]) -> Equation:
    """Return the equation without parameters that have a default and name nothing.

    Raises
    ------
    StructureError
        For a parameter that names nothing.
    """
    if known.issuperset(e.parents):
        return e
    assert e.function is not None
    parameters = signature_of(e.function).parameters
    left_out = {
        p
        for k, p in zip(e.keywords, e.parents, strict=bool(e.keywords))
        if p not in known and parameters[k].default is not inspect.Parameter.empty
    }
    for parent in e.parents:
        if parent not in known and parent not in left_out:
            raise StructureError(
                f"constraint {e.name} ({e.where}) reads {parent}, which is no input, unknown or "
                f"constraint{suggestion(parent, known)}"
            )
    pairs = zip(e.keywords, e.parents, strict=bool(e.keywords))
    return replace(
        e,
        parents=tuple(p for p in e.parents if p not in left_out),
        keywords=tuple(k for k, p in pairs if p not in left_out),
    )


@dataclass(frozen=True)
class Local:
    """One equation, traced at a point: its value, and its graph from parents to result.

    ``inputs`` says for each input row which variable it stands for; two parameters may stand for
    the same one. ``output`` is the row of the result, None if it depends on no variable.
    """

    value: Any
    graph: Graph
    inputs: dict[int, int]
    output: int | None

    def pull(self, w: Any, mask: Any = None) -> Iterator[tuple[int, Any, Any]]:
        """Yield (variable, (df/dz)^T w, mask of what is present)."""
        if self.output is None:
            return
        sums = Sums()
        sums.add(self.output, np.asarray(w, dtype=self.graph.dtype(self.output))[()], mask)
        lam = back_substitute_masked(self.graph, sums, keep=set(self.inputs))
        for row, j in self.inputs.items():
            if row in lam:
                yield j, *lam[row]

    def push(self, tangents: Mapping[int, Any]) -> Any:
        """Return the change of the result, or None."""
        if self.output is None:
            return None
        seeds = {row: tangents[j] for row, j in self.inputs.items() if j in tangents}
        return forward_substitute(self.graph, len(self.graph), seeds).get(self.output)

    def jacobians(self) -> Iterator[tuple[int, sp.csr_array]]:
        """Yield (variable, df/dz) for each parameter, the steps inside eliminated."""
        if self.output is None:
            return
        if all(self.graph.sizes[row] == 1 for row in (self.output, *self.inputs)):
            # Between scalars every entry is one number, and a sweep finds them all.
            w = np.ones(self.graph.shape(self.output))[()]
            made = entries([(j, d) for j, d, _ in self.pull(w)])
            if made is not None:
                yield from made
                return
        found = accumulate(self.graph, [self.output])[self.output]
        yield from ((j, found[row]) for row, j in self.inputs.items() if row in found)

    def rounding(self, rng: np.random.Generator) -> Any:
        """Return how large the rounding error of the value may be, entry by entry."""
        if self.output is None:
            return np.zeros(np.shape(self.value))
        return rounding_errors(self.graph, [self.output], rng)[0]

    def undecided(self) -> set[int]:
        """Return the variables whose entries depend on a choice that values made.

        A parent that the result does not lead back to, since an ``if`` went another way, or one
        that stands behind a selection.
        """
        n, (rows, parents) = len(self.graph), self.graph.edges()
        if self.output is None:
            return set(self.inputs.values())
        used = reachable(n, rows, parents, np.array([self.output]))
        choices = [
            i
            for i in np.flatnonzero(used).tolist()
            if any(is_choice(p) for _, p in self.graph.partials(i))
        ]
        behind = reachable(n, rows, parents, np.array(choices, dtype=int))
        return {j for row, j in self.inputs.items() if behind[row] or not used[row]}


class Derived:
    """One equation between numbers at a point, by its program: what else is asked for is traced.

    Parameters
    ----------
    value : float
    partials : list of (variable, df/dz)
        For each parameter that the value leads back to.
    error : float
        How large the rounding error of the value may be.
    trace : function
        Returns the equation traced at the same point.
    """

    def __init__(
        self, value: Any, partials: list[tuple[int, Any]], error: Any, trace: Callable[[], Local]
    ) -> None:
        self.value, self.partials, self.error, self.trace = value, partials, error, trace

    @cached_property
    def traced(self) -> Local:
        """The equation traced at the same point."""
        return self.trace()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.traced, name)

    def pull(self, w: Any, mask: Any = None) -> Iterator[tuple[int, Any, Any]]:
        """As `Local.pull`."""
        if mask is not None:
            yield from self.traced.pull(w, mask)
            return
        for j, d in self.partials:
            yield j, d * w, None

    def push(self, tangents: Mapping[int, Any]) -> Any:
        """As `Local.push`."""
        changes = [d * tangents[j] for j, d in self.partials if j in tangents]
        return sum(changes) if changes else None

    def jacobians(self) -> Iterator[tuple[int, sp.csr_array]]:
        """As `Local.jacobians`."""
        found = entries(self.partials)
        return self.traced.jacobians() if found is None else iter(found)

    def rounding(self, rng: np.random.Generator) -> Any:
        """As `Local.rounding`."""
        return self.error


def entries(partials: list[tuple[int, Any]]) -> list[tuple[int, sp.csr_array]] | None:
    """Return partials between numbers as matrices; None if one is zero.

    What is zero may be no entry at all, because of a constant: that is for the other way to tell.
    """
    if not all(np.all(d != 0) for _, d in partials):
        return None
    one = np.array([0]), np.array([0, 1])
    return [(j, sp.csr_array((np.reshape(d, 1), *one), shape=(1, 1))) for j, d in partials]


def is_choice(partial: Partial) -> bool:
    """True if a condition decides which entries the partial has."""
    if isinstance(partial, Compose):
        return is_choice(partial.p) or is_choice(partial.q)
    return getattr(partial, "mask", None) is not None


def trace_equation(e: Equation, args: tuple[Any, ...], number: Mapping[str, int]) -> Local:
    """Return the equation traced at ``args``, the values of its parents.

    ``number`` gives the variable of each name; other parents are data.
    """
    traced = [k for k, p in enumerate(e.parents) if p in number]
    trace, result, rows = record(e, args, tuple(traced), {})
    inputs = {found[0]: number[e.parents[k]] for found, k in zip(rows, traced, strict=True)}
    names: set[str] = set()
    for row, k in zip(inputs, traced, strict=True):
        name = e.parents[k]
        while name in names:  # A parent that two parameters stand for.
            name += "'"
        names.add(name)
        trace.columns.names[row] = name
    refuse_list(result, e)
    value = plain(trace, result, f"constraint {e.name}")
    if isinstance(value, Traced):
        raise ArgumentError(
            f"constraint {e.name} ({e.where}) uses a traced value from outside; give it to "
            "the system as an input"
        )
    varies = isinstance(result, Tracer) and result._trace is trace
    output = getattr(result, "_row", None) if varies else None
    graph = trace.graph(tuple(inputs), (output,) if output is not None else ())
    return Local(as_value(value, e), graph, inputs, output)


def as_value(value: Any, e: Equation) -> Any:
    """Return the result of an equation as floats, in an array of its own.

    Raises
    ------
    ArgumentError
        If it is no array of real numbers.
    """
    if isinstance(value, Traced):
        if not value._trace.muted:
            raise ArgumentError(
                f"constraint {e.name} ({e.where}) uses a traced value from outside; give it to the "
                "system as an input"
            )
        value = innermost_value(value)
    refuse_list(value, e)
    array = np.asarray(value)
    if array.dtype.kind in "iub":
        array = array.astype(float)
    if array.dtype.kind != "f":
        raise ArgumentError(
            f"constraint {e.name} ({e.where}) returned {type(value).__name__} of dtype "
            f"{array.dtype}; a variable of a System is a real number or an array of them"
        )
    return np.array(array)[()] if array is value else array[()]


def check_shape(e: Equation, value: Any, z: Any) -> None:
    """Refuse a value of f_i whose shape is not that of z_i; None is no variable yet."""
    if z is not None and value.shape != z.shape:
        raise ArgumentError(
            f"constraint {e.name} ({e.where}) returned shape {value.shape}, and the "
            f"variable has shape {z.shape} from its start; give start= the shape of the "
            "result"
        )


def refuse_list(value: Any, e: Equation) -> None:
    """Refuse a list, tuple or object array of results, which NumPy cannot stack when traced."""
    if isinstance(value, list | tuple) or np.dtype(object) is getattr(value, "dtype", None):
        raise ArgumentError(
            f"constraint {e.name} ({e.where}) returned {type(value).__name__}, and a variable is "
            "one array: return np.stack([...]), or declare a constraint for each"
        )
