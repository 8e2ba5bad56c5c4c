"""The constraint graph: z_i = f_i(z_alpha(i)), as plain data in columns.

Rows are appended while a function is traced and never changed after. A row is a few numbers in flat
arrays and not an object, so that a million of them cost a million times what one costs; the row as
an object, `Constraint`, is made when somebody looks at it.
"""

from __future__ import annotations

import linecache
import math
import os
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice, repeat
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lagrad.partials import Cast, Entries, Move, Partial, then
from lagrad.primitive import Primitive
from lagrad.status import StructureError


def no_partial(k: int, z: Any, args: Any, kwargs: Any) -> Partial:
    """An input has no arguments, hence no partials."""
    raise IndexError("an input has no arguments")


INPUT = Primitive("input", lambda: None, no_partial)
CONSTANT = Primitive("constant", lambda: None, no_partial)


@dataclass(slots=True)
class Columns:
    """Append-only storage of the rows.

    A reference ``>= 0`` in ``refs`` is the row of a parent, ``-k`` the constant ``constants[k-1]``;
    row i owns ``refs[start[i]:start[i+1]]``. ``scopes`` are the places where a scope begins, or
    goes on: (row, names of the scopes around it).
    """

    primitives: list[Primitive] = field(default_factory=list)
    op: array[int] = field(default_factory=lambda: array("i"))
    start: array[int] = field(default_factory=lambda: array("q", [0]))
    refs: array[int] = field(default_factory=lambda: array("q"))
    constants: list[Any] = field(default_factory=list)
    kwargs: dict[int, dict[str, Any]] = field(default_factory=dict)
    values: list[Any] = field(default_factory=list)
    code: list[Any] = field(default_factory=list)
    at: array[int] = field(default_factory=lambda: array("i"))
    names: dict[int, str] = field(default_factory=dict)
    scopes: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)


class Constraint(NamedTuple):
    """One row, to look at: ``name = function(parents)``."""

    row: int
    name: str
    function: str
    parents: tuple[str, ...]
    value: Any
    where: str

    def __str__(self) -> str:
        if self.function in ("input", "constant"):
            return f"{self.name} = {self.function}"
        return f"{self.name} = {self.function}({', '.join(self.parents)})"


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A traced computation as constraints; its rows are in topological order.

    Attributes
    ----------
    columns : Columns
        The rows; not to be changed.
    inputs, outputs : tuple of int
        Rows that hold the differentiated arguments, and the results.
    """

    columns: Columns
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    #: Returns the `MultiplierSystem`; `lagrad.multipliers`, which stands above, puts it here.
    linearize: ClassVar[Callable[[Any], Any]]

    def __len__(self) -> int:
        return len(self.columns.op)

    # -- rows ------------------------------------------------------------------------------------

    def name(self, i: int) -> str:
        """Return the name of z_i: the argument's own for an input, else ``z`` and its number."""
        given = self.columns.names.get(i)
        if given:
            return given
        name = f"z{i + 1}"
        while name in self.taken:
            name += "'"
        return name

    @cached_property
    def taken(self) -> frozenset[str]:
        """The names that arguments brought along; names index results, so each is there once."""
        return frozenset(self.columns.names.values())

    @cached_property
    def scopes(self) -> tuple[tuple[str, ...], ...]:
        """The names of the scopes around each row, outermost first."""
        starts = [row for row, _ in self.columns.scopes]
        lengths = np.diff([*starts, len(self)]).tolist()
        paths = zip(self.columns.scopes, lengths, strict=True)
        return tuple(chain.from_iterable(repeat(path, n) for (_, path), n in paths))

    def primitive(self, i: int) -> Primitive:
        """Return f_i."""
        return self.columns.primitives[self.columns.op[i]]

    def references(self, i: int) -> array[int]:
        """Return the references of row i: parents >= 0, constants < 0."""
        c = self.columns
        return c.refs[c.start[i] : c.start[i + 1]]

    def parents(self, i: int) -> list[int]:
        """Return alpha(i), in the order of the arguments."""
        return [j for j in self.references(i) if j >= 0]

    def arguments(self, i: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of f_i, with values in the place of variables."""
        c = self.columns
        args = tuple(c.values[j] if j >= 0 else c.constants[-j - 1] for j in self.references(i))
        return args, c.kwargs.get(i, NOTHING)

    def partials(self, i: int) -> Iterator[tuple[int, Partial]]:
        """Yield (j, df_i/dz_j) for each argument of f_i that is a variable."""
        primitive, (args, kwargs) = self.primitive(i), self.arguments(i)
        z = self.columns.values[i]
        for k, j in enumerate(self.references(i)):
            if j >= 0:
                yield j, with_dtype(primitive.partial(k, z, args, kwargs), args[k].dtype, z.dtype)

    def joint(self, i: int) -> Any:
        """Return the partials of a cycle, which share a linear solve."""
        primitive = self.primitive(i)
        assert primitive.joint is not None
        return primitive.joint(self.columns.values[i], *self.arguments(i))

    def pull(self, i: int, w: Any, mask: Any) -> Iterator[tuple[int, Any, Any]]:
        """Yield (j, (df_i/dz_j)^T w, mask of what is present), one for each variable argument.

        What an index took comes as `Scattered`, with the mask of ``w``: to be added to the sum.
        """
        z = self.columns.values[i]
        if type(z) not in PLAIN and hasattr(z, "_found_multiplier"):
            z._found_multiplier(w)
        if self.primitive(i).joint is not None:
            for j, v in zip(self.references(i), self.joint(i).pull(w), strict=True):
                if j >= 0 and v is not None:
                    yield j, v, None
            return
        for j, partial in self.partials(i):
            if type(partial) is Move and partial.place is not None and type(w) in PLAIN:
                yield j, partial.scattered(w), mask
            elif mask is None and not partial.selects:
                yield j, partial.adjoint(w), None
            else:
                yield j, *partial.pull(w, mask)

    def push(self, i: int, tangents: Mapping[int, Any]) -> Any:
        """Return the change of z_i for changes of its parents, or None if none of them changes."""
        if self.primitive(i).joint is not None:
            moved = {k: tangents[j] for k, j in enumerate(self.references(i)) if j in tangents}
            return self.joint(i).push(moved) if moved else None
        if self.primitive(i).linear:
            return self.push_linear(i, tangents)
        total = None
        for j, partial in self.partials(i):
            if j in tangents:
                change = partial.apply(tangents[j])
                total = change if total is None else total + change
        return total

    def push_linear(self, i: int, tangents: Mapping[int, Any]) -> Any:
        """Return f_i of the changes of its arguments: at once, however many there are."""
        refs = self.references(i)
        if not any(j in tangents for j in refs):
            return None
        args, kwargs = self.arguments(i)
        moved = [
            tangents[j] if j in tangents else np.zeros(np.shape(x), getattr(x, "dtype", float))
            for j, x in zip(refs, args, strict=True)
        ]
        change = self.primitive(i).function(*moved, **kwargs)
        return change if change.dtype == self.dtype(i) else change.astype(self.dtype(i))

    def entries(self, i: int) -> Iterator[tuple[int, Entries, bool]]:
        """Yield (j, entries of df_i/dz_j, whether it conjugates).

        If every other argument is a constant, a multilinear f_i has constant partials, and a zero
        in them is structure: it is no entry.
        """
        constant = self.primitive(i).multilinear and len(self.parents(i)) == 1
        with np.errstate(all="ignore"):
            found = [(j, *piece) for j, p in self.partials(i) for piece in p.pieces()]
        for j, (rows, columns, data), conjugates in found:
            if constant:
                kept = data != 0
                rows, columns, data = rows[kept], columns[kept], data[kept]
            yield j, (rows, columns, data), conjugates

    def count(self, i: int) -> int:
        """Return an upper bound on the entries of row i, without making them."""
        with np.errstate(all="ignore"):
            return sum(partial.count() for _, partial in self.partials(i))

    def dtype(self, i: int) -> np.dtype:
        """Return the dtype of z_i."""
        return self.columns.values[i].dtype

    def shape(self, i: int) -> tuple[int, ...]:
        """Return the shape of z_i."""
        return np.shape(self.columns.values[i])

    def where(self, i: int) -> str:
        """Return ``file:line`` of the user's code that made row i."""
        line = self.line(i)
        return f"{os.path.basename(line[0])}:{line[1]}" if line else ""

    def line(self, i: int) -> tuple[str, int] | None:
        """Return (file, line number) of the user's code that made row i."""
        code = self.columns.code[i]
        if code is None:
            return None
        key = id(code), self.columns.at[i] // 2
        if key not in self.known_lines:
            positions = islice(code.co_positions(), key[1], None)
            line = next(positions, (code.co_firstlineno,))[0]
            self.known_lines[key] = line or code.co_firstlineno
        return code.co_filename, self.known_lines[key]

    @cached_property
    def known_lines(self) -> dict[tuple[int, int], int]:
        """Line numbers by code and place in it: a loop makes many rows at one place."""
        return {}

    def describe(self, i: int) -> str:
        """Return one sentence that finds row i: its equation and its source line."""
        text = str(self.constraint(i))
        line = self.line(i)
        if not line:
            return text
        source = linecache.getline(*line).strip()
        return f"{text}, {line[0]}:{line[1]}" + (f": {source}" if source else "")

    def constraint(self, i: int) -> Constraint:
        """Return row i as an object."""
        c = self.columns
        parents = tuple(
            self.name(j) if j >= 0 else short(c.constants[-j - 1]) for j in self.references(i)
        )
        options = tuple(
            f"{key}={short(v)}"
            for key, v in c.kwargs.get(i, NOTHING).items()
            if v is not None and not key.startswith("_")
        )
        function = self.primitive(i).name
        return Constraint(i, self.name(i), function, parents + options, c.values[i], self.where(i))

    @property
    def constraints(self) -> Iterator[Constraint]:
        """The rows as objects, in order, made one at a time."""
        return (self.constraint(i) for i in range(len(self)))

    # -- the whole -------------------------------------------------------------------------------

    @cached_property
    def scalar(self) -> np.ndarray:
        """Which variables are plain float64 numbers, as booleans."""
        return np.array([t is np.float64 for t in map(type, self.columns.values)], dtype=bool)

    @cached_property
    def sizes(self) -> np.ndarray:
        """The number of entries of each z_i."""
        sizes = np.ones(len(self), dtype=np.int64)
        for i in np.flatnonzero(~self.scalar).tolist():
            sizes[i] = self.columns.values[i].size
        return sizes

    @cached_property
    def cycles(self) -> tuple[int, ...]:
        """The rows that are solved for as cycles: g(z_i, z_alpha(i)) = 0 stands in their place."""
        c = self.columns
        numbers = [k for k, p in enumerate(c.primitives) if p.cyclic]
        if not numbers:
            return ()
        return tuple(np.flatnonzero(np.isin(np.frombuffer(c.op, dtype=np.intc), numbers)).tolist())

    @cached_property
    def widths(self) -> np.ndarray:
        """2 for complex variables, which enter A as (re, im), and 1 for real ones."""
        widths = np.ones(len(self), dtype=np.int64)
        for i in np.flatnonzero(~self.scalar).tolist():
            widths[i] += self.columns.values[i].dtype.kind == "c"
        return widths

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (i, j) of every edge: row i has z_j among its arguments."""
        refs = np.frombuffer(self.columns.refs, dtype=np.int64)
        counts = np.diff(np.frombuffer(self.columns.start, dtype=np.int64)).astype(np.int64)
        rows = np.repeat(np.arange(len(self)), counts)
        kept = refs >= 0
        return rows[kept], refs[kept]

    def validate(self) -> None:
        """Check that the columns fit together and that every parent comes before its row.

        Raises
        ------
        StructureError
            Naming the first row that breaks the law.
        """
        c, n = self.columns, len(self)
        if not len(c.values) == len(c.code) == len(c.at) == len(c.start) - 1 == n:
            raise StructureError("the columns of the graph differ in length")
        start = np.frombuffer(c.start, dtype=np.int64)
        if start[0] != 0 or (np.diff(start) < 0).any() or start[-1] != len(c.refs):
            raise StructureError("the rows of the graph do not cover its references")
        if any(not 0 <= k < len(c.primitives) for k in c.op):
            raise StructureError("a row of the graph has no primitive")
        if any(ref < -len(c.constants) for ref in c.refs):
            raise StructureError("a row of the graph refers to a constant that is not there")
        if len(set(c.names.values())) != len(c.names):
            raise StructureError("two rows of the graph have one name")
        for i, value in enumerate(c.values):
            if getattr(getattr(value, "dtype", None), "kind", "") not in ("f", "c"):
                raise StructureError(f"the value of {self.name(i)} is no array of floats")
        rows, parents = self.edges()
        wrong = np.flatnonzero(parents >= rows)
        if len(wrong):
            i, j = int(rows[wrong[0]]), int(parents[wrong[0]])
            raise StructureError(f"{self.describe(i)} uses {self.name(j)}, which comes after it")
        for i in (*self.inputs, *self.outputs):
            if not 0 <= i < n:
                raise StructureError(f"input or output {i} is not a row of the graph")
        for i in self.inputs:
            if self.primitive(i) is not INPUT:
                raise StructureError(f"{self.describe(i)} is listed as an input")

    def __repr__(self) -> str:
        n, shown = len(self), 40
        lines = [f"Graph: {n} constraints, {len(self.inputs)} inputs"]
        rows = [self.constraint(i) for i in range(min(n, shown))]
        width = max((len(str(c)) for c in rows), default=0)
        lines += [f"  {c!s:<{width}}  {short(c.value):>22}  {c.where}".rstrip() for c in rows]
        if n > shown:
            lines.append(f"  ... and {n - shown} more")
        lines.append("outputs: " + ", ".join(self.name(i) for i in self.outputs))
        return "\n".join(lines)


NOTHING: dict[str, Any] = {}
PLAIN = (np.ndarray, np.float64, np.float32, np.complex128, np.complex64)


def with_dtype(partial: Partial, source: np.dtype, target: np.dtype) -> Partial:
    """Return ``partial`` between variables of these dtypes: widen before it, narrow after it."""
    if source == target:
        return partial
    if np.can_cast(source, target, "safe"):
        return then(partial, Cast(partial.in_shape, source, target))
    return then(Cast(partial.out_shape, source, target), partial)


def short(value: Any) -> str:
    """Return a value as a few characters: a number, or a shape."""
    shape = np.shape(value) if hasattr(value, "shape") else ()
    if shape:
        return f"array{shape}".replace(",)", ")") if math.prod(shape) > 3 else compact(value)
    if isinstance(value, float | np.floating | complex | np.complexfloating):
        return f"{value:.6g}"
    text = repr(value)
    return text if len(text) <= 24 else text[:21] + "..."


def compact(value: Any) -> str:
    """Return a short array as its numbers."""
    plain = np.asarray(value)
    if plain.dtype.kind not in "fciub":
        return f"array{plain.shape}"
    return np.array2string(plain, precision=4, separator=", ").replace("\n", "")
