"""The conditions of a cycle: ``g(z, *p) = 0``, as many numbers as there are in z.

z may be any container of arrays. The solvers see it as one vector of real numbers, in which a
complex entry is (re, im); the conditions see the container.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.containers import leaves, map_leaves, unflatten
from lagrad.diagnose import EntryNames
from lagrad.eliminate import Symbolic, accumulate, as_entries, jacobian_rows, numbers
from lagrad.graph import Graph, short
from lagrad.partials import joined
from lagrad.rounding import rounding_errors
from lagrad.solve import back_substitute, forward_substitute
from lagrad.status import ArgumentError
from lagrad.trace import Traced, Tracer, lift, muted, tracing, variable
from lagrad.trace.record import lifted, refuse_outlived, unmuted
from lagrad.trace.tracer import current, innermost_value

NUMBERS = np.ndarray | np.generic | float | complex

#: The columns of so small a matrix are found by sweeps at a fraction of the cost of products.
FEW = 12


class Layout:
    """How the leaves of a container lie in one vector: a complex leaf of n entries takes 2 n."""

    def __init__(self, tree: Any, name: str) -> None:
        self.labels, values = [], []
        for label, leaf in leaves(tree, name):
            self.labels.append(label)
            values.append(variable(innermost_value(leaf), label))
        self.tree = unflatten(tree, iter(values))
        self.shapes = [np.shape(z) for z in values]
        self.dtypes = [z.dtype for z in values]
        sizes = [z.size * (1 + (z.dtype.kind == "c")) for z in values]
        self.offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64).tolist()
        self.values = values

    @property
    def size(self) -> int:
        """How many real numbers there are."""
        return self.offsets[-1]

    @property
    def plain(self) -> bool:
        """True for a single real array: it can be seen as it is."""
        return len(self.shapes) == 1 and self.dtypes[0].kind != "c"

    def pack(self, parts: Sequence[Any]) -> Any:
        """Return leaves as one vector."""
        flat = [x for z in parts for x in self.parts(z)]
        return flat[0] if len(flat) == 1 else np.concatenate(flat) if flat else np.zeros(0)

    def parts(self, z: Any) -> Iterator[Any]:
        """Yield the real vectors of a leaf."""
        flat = np.reshape(z, -1)
        if flat.dtype.kind == "c":
            yield np.real(flat)
            yield np.imag(flat)
        else:
            yield flat

    def unpack(self, vector: Any, sign: float = 1.0) -> list[Any]:
        """Return the leaves of a vector; ``sign`` is -1 for multipliers, which pair as Re(w v)."""
        found = []
        pairs = pairwise(self.offsets)
        for (begin, end), shape, dtype in zip(pairs, self.shapes, self.dtypes, strict=True):
            part = vector[begin:end]
            if dtype.kind == "c":
                half = (end - begin) // 2
                part = part[:half] + (sign * 1j) * part[half:]
            if part.dtype != dtype:
                part = part.astype(dtype)
            part = np.reshape(part, shape)
            found.append(part[()] if isinstance(part, np.ndarray) else part)
        return found

    def entry_names(self) -> EntryNames:
        """The names of the entries of the vector."""
        parts: list[tuple[str, int]] = []
        for label, shape, dtype in zip(self.labels, self.shapes, self.dtypes, strict=True):
            sides = [f"Re {label}", f"Im {label}"] if dtype.kind == "c" else [label]
            parts += [(side, int(np.prod(shape))) for side in sides]
        return EntryNames(parts)


@dataclass(frozen=True)
class Linear:
    """The conditions linearized at a point.

    ``outputs`` are the leaves of g there: tracers, or plain where nothing in them varies;
    ``unknowns`` and ``parameters`` are input rows of the graph; ``outer`` are the values of traces
    around that the last of the parameters stand for; ``symbolic`` is what is known of the pattern
    of A from other points.
    """

    graph: Graph
    unknowns: list[int]
    parameters: list[int]
    outputs: list[Any]
    layout: Layout
    equations: Layout
    outer: list[Any] = field(default_factory=list)
    symbolic: Symbolic | None = None

    @cached_property
    def rows(self) -> list[int | None]:
        """The row of each output, None for one that does not vary."""
        return [y._row if isinstance(y, Tracer) else None for y in self.outputs]

    @property
    def varying(self) -> list[int]:
        """The rows of the outputs that vary."""
        return [row for row in self.rows if row is not None]

    def push(self, tangents: dict[int, Any]) -> Any:
        """Return dg for changes of input rows, as a vector."""
        zdot = forward_substitute(self.graph, len(self.graph), tangents)
        return self.equations.pack(
            [
                zdot[row] if row in zdot else np.zeros(shape)
                for row, shape in zip(self.rows, self.equations.shapes, strict=True)
            ]
        )

    def pull(self, lam: Any) -> dict[int, Any]:
        """Return (dg/dx)^T lam by input row; what g does not depend on is left out."""
        seeds: dict[int, Any] = {}
        for row, w in zip(self.rows, self.equations.unpack(lam, -1.0), strict=True):
            if row is not None:
                seeds[row] = seeds[row] + w if row in seeds else w
        return back_substitute(self.graph, seeds, keep={*self.unknowns, *self.parameters})

    def along(self, dz: Any) -> Any:
        """Return R dz."""
        return self.push(dict(zip(self.unknowns, self.layout.unpack(dz), strict=True)))

    def back(self, lam: Any) -> Any:
        """Return A lam = R^T lam."""
        return self.layout.pack(self.multipliers(self.pull(lam), self.unknowns))

    def multipliers(self, found: dict[int, Any], rows: list[int]) -> list[Any]:
        """Return what `pull` found for these rows, zero where nothing came, in (re, im) order."""
        z = self.graph.columns.values
        parts = (found.get(r, np.zeros(np.shape(z[r]), z[r].dtype)) for r in rows)
        return [np.conjugate(w) if w.dtype.kind == "c" else w for w in parts]

    @cached_property
    def A(self) -> sp.csc_array:  # noqa: N802
        """A = R^T at the level of entries: columns by sweeps if there are few, else `structure`."""
        return self.structure if self.layout.size > FEW else self.swept

    @cached_property
    def dense(self) -> np.ndarray:
        """A as an array: in one pass through plain numbers, else one sweep a column."""
        if self.layout.size <= FEW:
            found = numbers(self.graph, self.rows, self.unknowns)
            if found is not None:
                return found.T
        return np.stack([self.back(e) for e in np.eye(self.layout.size)], axis=1)

    @property
    def swept(self) -> sp.csc_array:
        """A with every entry stored, by as many sweeps as it has columns."""
        n = self.layout.size
        rows, begins = np.tile(np.arange(n), n), np.arange(0, n * n + 1, n)
        return sp.csc_array((self.dense.T.ravel(), rows, begins), shape=(n, n))

    @cached_property
    def structure(self) -> sp.csc_array:
        """A by sparse products that eliminate the steps of g and keep every structural entry."""
        symbolic = self.symbolic or Symbolic()
        found = jacobian_rows(self.graph, self.varying, tuple(self.unknowns), symbolic)
        size = self.layout.size
        if len(self.rows) == 1 and self.rows[0] in found:
            m = found[self.rows[0]]
            return sp.csc_array((m.data, m.indices, m.indptr), shape=(size, self.equations.size))
        parts = [
            (rows + down, columns, data)
            for row, down in zip(self.rows, self.equations.offsets, strict=False)
            if row in found
            for rows, columns, data in [as_entries(found[row])]
        ]
        return symbolic.matrix(joined(parts), (self.equations.size, size)).T

    def parameter_matrices(self) -> dict[int, sp.csr_array]:
        """Return dg/dp by parameter row, as sparse matrices with all equations as rows."""
        found = accumulate(self.graph, self.varying, self.parameters)
        widths, sizes = self.graph.widths, self.graph.sizes
        made = {}
        for r in self.parameters:
            blocks = [found[row].get(r) if row is not None else None for row in self.rows]
            width = int(sizes[r] * widths[r])
            parts = [
                sp.csr_array((end - begin, width)) if b is None else b
                for b, (begin, end) in zip(blocks, pairwise(self.equations.offsets), strict=True)
            ]
            made[r] = sp.csr_array(sp.vstack(parts))
        return made

    def rounding(self, rng: np.random.Generator) -> np.ndarray:
        """Return how large the rounding errors of g may be."""
        with np.errstate(all="ignore"):  # A partial that is not finite is told elsewhere.
            errors = iter(rounding_errors(self.graph, self.varying, rng))
        parts = []
        for row, shape, dtype in zip(
            self.rows, self.equations.shapes, self.equations.dtypes, strict=True
        ):
            error = np.zeros(shape) if row is None else next(errors)
            parts += [np.ravel(error)] * (1 + (dtype.kind == "c"))
        return np.concatenate(parts) if parts else np.zeros(0)


class Structure:
    """What is known of the structure of a cycle, and serves every point and every search.

    Nothing in it depends on values, and nothing is assumed: who uses it compares first.

    Attributes
    ----------
    inner, outer : Symbolic
        Of A, traced with the unknowns alone and with the parameters as inputs.
    decided : dict
        How its linear systems are set up and solved, by what was asked for.
    """

    def __init__(self) -> None:
        self.inner, self.outer = Symbolic(), Symbolic()
        self.decided: dict[Any, Any] = {}

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

    def linearize(self, z: np.ndarray) -> Linear:
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
