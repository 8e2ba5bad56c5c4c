"""Conditions on unknowns: ``g(z, *p) = 0``, evaluated and traced.

z may be any container of arrays. The solvers see it as one vector of real numbers, in which a
complex entry is (re, im); the conditions see the container.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lagrad.containers import leaves, map_leaves, unflatten
from lagrad.eliminate import Symbolic
from lagrad.graph import short
from lagrad.residual.layout import Layout
from lagrad.residual.linear import Linear
from lagrad.status import ArgumentError
from lagrad.trace import Traced, Tracer, lift, muted, tracing, variable
from lagrad.trace.record import lifted, refuse_outlived, unmuted
from lagrad.trace.tracer import current, innermost_value

NUMBERS = np.ndarray | np.generic | float | complex


class Structure:
    """What is known of the structure of a cycle, and serves every point and every search.

    Nothing in it depends on values, and nothing is assumed: who uses it compares first.

    Attributes
    ----------
    inner, outer : Symbolic
        Of A, traced with the unknowns alone and with the parameters as inputs.
    decided : dict
        How its linear systems are set up and solved, by what was asked for.
    searches : int
        How often it was solved.
    program : object
        The conditions written down as a program, None before.
    """

    def __init__(self) -> None:
        self.inner, self.outer = Symbolic(), Symbolic()
        self.decided: dict[Any, Any] = {}
        self.searches = 0
        self.program: Any = None

    def __reduce__(self) -> Any:
        return Structure, ()  # it is found again where it is asked for


@dataclass
class Conditions:
    """``g(z, *params) = 0`` for the container z.

    Parameters
    ----------
    g : function of the container z and of the parameters, returning a container of arrays with as
        many numbers as z
    z0 : container of floats or complex numbers
    params : tuple of containers
    what : str
        For messages: ``root of g (file.py:3)``.
    name : str
        What to call z.
    equation : str
        What to call the equations.
    names : pair of lists of str, or None
        What to call each leaf of z, and each leaf of g.
    structure : Structure
        What is known of it from earlier searches.
    key : object
        What makes these conditions the same ones as others; None for g itself.
    writer : function or None
        ``writer(conditions)`` returns their program if it can be had: ``program(z)`` gives
        `Written`, or None where it does not serve.
    """

    g: Callable[..., Any]
    z0: Any
    params: tuple[Any, ...]
    what: str
    name: str = "z"
    equation: str = "g"
    names: tuple[list[str], list[str]] | None = None
    layout: Layout = field(init=False)
    equations: Layout | None = field(init=False, default=None)
    structure: Structure = field(default_factory=Structure, repr=False)
    key: Any = None
    writer: Callable[[Any], Any] | None = field(default=None, repr=False)
    program: Callable[[np.ndarray], Any] | None = field(init=False, default=None, repr=False)
    last: Any = field(init=False, default=None, repr=False)
    #: What g has read from around it while it was searched for values.
    noted: dict[int, Any] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.params = tuple(map_leaves(unmuted, p) for p in self.params)
        starts = (self.begin(x, label) for label, x in leaves(self.z0, self.name))
        self.layout = Layout(unflatten(self.z0, starts), self.name)
        if self.names is not None:
            self.layout.labels = self.names[0]
        self.plain = tuple(
            unflatten(p, (self.known(x, label) for label, x in leaves(p, f"parameter {k}")))
            for k, p in enumerate(self.params)
        )

    def begin(self, x: Any, label: str) -> Any:
        """Return where the search for an unknown begins, a plain number or array."""
        x = plain_value(x)
        array = isinstance(x, np.ndarray | np.generic)
        if isinstance(x, bool) or not (array or isinstance(x, int | float | complex)):
            raise ArgumentError(
                f"{self.what}: {label} is {short(x)}, and no number; unknowns are floats or arrays "
                "of them, in nested tuples, lists, dicts and dataclasses"
            )
        return x.astype(float) if array and x.dtype.kind in "iu" else x

    def known(self, x: Any, label: str) -> Any:
        """Return a parameter as its plain value, which the conditions cannot change."""
        x = plain_value(x)
        if isinstance(x, np.ndarray):
            x = x.view()
            x.flags.writeable = False
        elif isinstance(x, Iterator):
            raise ArgumentError(
                f"{self.what}: {label} is {type(x).__name__}, which can be read once, and the "
                "conditions are evaluated many times; give a list"
            )
        return x

    def container(self, vector: Any) -> Any:
        """Return a vector in the container of z."""
        return unflatten(self.z0, iter(self.layout.unpack(vector)))

    def start(self) -> np.ndarray:
        """Return z0 as a vector."""
        return np.array(self.layout.pack(self.layout.values), dtype=float)

    def evaluate(self, z: np.ndarray) -> np.ndarray:
        """Return g as a vector; nothing is recorded anywhere."""
        written = self.written(z)
        return self.evaluated(z) if written is None else written.r

    def written(self, z: np.ndarray) -> Any:
        """Return what the program of g gives at z, None without one; the last is kept."""
        if self.program is None:
            return None
        if self.last is None or not np.array_equal(self.last.z, z):
            self.last = self.program(z)
        return self.last

    def evaluated(self, z: np.ndarray) -> np.ndarray:
        """Return g as a vector, by g itself."""
        with muted(self.noted), np.errstate(all="ignore"):
            result = self.g(self.container(z.copy()), *self.plain)
            found = [innermost_value(y) for y in self.results(result)]
        return np.asarray(self.equations.pack(found), dtype=float)  # type: ignore[union-attr]

    def results(self, result: Any) -> list[Any]:
        """Return the leaves of what g returned, checked."""
        found = [y for _, y in leaves(result)]
        for k, y in enumerate(found):
            y = found[k] = lifted(y)  # np.array([...]) of traced values
            if not isinstance(y, Traced | np.ndarray | np.generic | int | float | complex):
                raise ArgumentError(f"{self.what} returned {type(y).__name__}, and no array")
            if not isinstance(y, Traced):
                y = np.asarray(y)
                found[k] = y = y.astype(float)[()] if y.dtype.kind in "iub" else y[()]
            if y.dtype.kind not in "fc":
                raise ArgumentError(f"{self.what} returned an array of dtype {y.dtype}")
        shapes = [y.shape for y in found]  # np.shape would be a call through every tracer
        if self.equations is None or shapes != self.equations.shapes:
            kinds = [np.empty(y.shape, y.dtype)[()] for y in found]
            labels = [label for label, _ in leaves(result, self.equation)]
            made = Layout(kinds, self.equation)
            made.labels = self.names[1] if self.names is not None else labels
            if made.size != self.layout.size:
                raise ArgumentError(
                    f"{self.what} returned {made.size} numbers (shapes {shapes}) for "
                    f"{self.layout.size} unknowns (shapes {self.layout.shapes}): as many equations "
                    "as unknowns are needed; check the shape of the start"
                )
            self.equations = made
        return found

    def linearize(self, z: np.ndarray) -> Any:
        """Return g linearized at z: by its program, or traced."""
        written = self.written(z)
        return self.traced(z) if written is None else written

    def traced(self, z: np.ndarray) -> Linear:
        """Trace g at z with the parameters as constants; nothing is recorded around it."""
        with muted(self.noted):
            return self.trace(z, self.plain)

    def trace(
        self, z: np.ndarray, given: tuple[Any, ...] | None = None, every: bool = False
    ) -> Linear:
        """Trace g at z; parameters that are traced become inputs unless values are ``given``.

        So does every traced value that g reads from around it; with ``every`` all parameters of
        floats do.
        """
        parameters: list[int] = []
        with tracing(lifting=given is None) as made, np.errstate(all="ignore"):

            def lifted(x: Any, plain: Any, label: str) -> Any:
                if not isinstance(x, Tracer) and not (every and floating(plain)):
                    return plain
                value = variable(plain, label) if isinstance(plain, float | complex) else plain
                parameters.append(made.input(value, label))
                return Tracer(made, parameters[-1], value)

            unknown, rows = lift(made, self.container(z.copy()), self.name)
            if given is None:
                given = tuple(
                    map_leaves(partial(lifted, label=f"p{k}"), p, q)
                    for k, (p, q) in enumerate(zip(self.params, self.plain, strict=True))
                )
            outputs = self.results(self.g(unknown, *given))
        outer = list((made.lifted or {}).values())
        parameters += [row for _, row in outer]
        kept = [y if belongs(y, made) else innermost_value(y) for y in outputs]
        graph = made.graph((*rows, *parameters), tuple(y._row for y in kept if belongs(y, made)))
        assert self.equations is not None
        around = [a for a, _ in outer]
        symbolic = self.structure.outer if parameters else self.structure.inner
        return Linear(graph, rows, parameters, kept, self.layout, self.equations, around, symbolic)


def floating(x: Any) -> bool:
    """True for an array of floats or complex numbers, and for such a number."""
    return np.asarray(x).dtype.kind in "fc" if isinstance(x, NUMBERS) else False


def belongs(y: Any, trace: Any) -> bool:
    """True for a variable of this trace."""
    return isinstance(y, Tracer) and y._trace is trace


def plain_value(x: Any) -> Any:
    """Return the plain value that ``x`` stands for now.

    Raises
    ------
    TraceError
        If it was traced in another thread, or by a trace that is over: nothing here could tell that
        trace of what is made of the value, and its derivative would be lost.
    """
    x, variable = unmuted(x), isinstance(x, Tracer)
    while isinstance(x, Traced):
        refuse_outlived(x._trace)
        # Of a variable the value is an argument of what is done with it, of structure it is fixed.
        x = x._frozen() if x._is_symbol and not variable else current(x)._value
    return x


def location(function: Any) -> str:
    """Return file:line of a function."""
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}" if code else ""
