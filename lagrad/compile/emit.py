"""From instructions to flat NumPy source, one line each."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from lagrad.compile.blocks import blocked, blocked_lines
from lagrad.compile.cycles import LINES as CYCLE_LINES
from lagrad.compile.functions import assigned, cast, crossed, duplicate, mutated, updated
from lagrad.compile.guards import guard
from lagrad.compile.lines import (
    FLOATS,
    FORMS,
    GETITEM,
    HANDS_ON,
    INFIX,
    OTHER,
    PREFIX,
    TRUTHS,
    UFUNCS,
    call,
    index_text,
    number,
    public_name,
)
from lagrad.compile.matrices import LINES as MATRIX_LINES
from lagrad.compile.names import named
from lagrad.compile.nesting import level_of, needed_level
from lagrad.compile.program import ARGUMENT, CAPTURED, GUARDS, Instruction, item
from lagrad.compile.rolling import rolled, rolled_lines
from lagrad.compile.simplify import LINES
from lagrad.compile.special import (
    assigned_lines,
    is_number_of,
    masked_lines,
    mutated_lines,
    scatter_lines,
    sparse_lines,
    updated_lines,
    write_lines,
)
from lagrad.dispatch import (
    all_finite,
    masked_multiply,
    scatter_add,
    sparse_product,
)
from lagrad.rules.writing import write

TRUTH = frozenset({bool, np.bool_})
NUMBERS = FLOATS | TRUTH
WIDE = frozenset({*NUMBERS, int})


#: Reductions that have a method of another name.
EXTREMES: dict[Any, str] = {np.max: "max", np.amax: "max", np.min: "min", np.amin: "min"}
#: Reductions that an array does faster by itself.
AS_METHODS: dict[Any, str] = {np.sum: "sum", **EXTREMES}
#: Axes up to this length are added up by a product with ones.
SHORT = 64
#: So many ones at most are kept for sums over another axis.
MOST = 1 << 12
#: Arrays of fewer entries are not worth an ``out=``.
LARGE = 1 << 13
#: Entries are taken by a method out of so many times as many.
FEW = 4


class Emitter:
    """Writes instructions as lines."""

    def __init__(
        self,
        rows: Sequence[Instruction],
        taken: Iterable[str] = (),
        jit: bool = False,
        nested: Container[int] = (),
    ) -> None:
        self.rows, self.jit, self.nested = rows, jit, nested
        self.constants: dict[str, Any] = {}
        self.by_id: dict[Any, str] = {}
        self.names = named(rows, set(taken), nested)
        self.taken = {*taken, *self.names.values()}
        self.lines: list[str] = []
        self.unpacked: set[int] = set()
        self.finite: list[Instruction] = []
        self.raises = False
        #: Whose lines give Python floats (or bools), and not NumPy's.
        self.plain: set[int] = set()
        #: The names of the results of loops, and which of them are Python floats.
        self.results: dict[int, list[str]] = {}
        self.plain_results: dict[int, set[int]] = {}
        #: Functions of ours that the lines call by name.
        self.called: set[str] = set()
        #: Which instruction is the last to use a result, of those that nothing else refers to.
        self.last: dict[int, int] = {}
        #: Data of a sparse matrix that nothing else refers to.
        self.own: set[int] = set()
        self.fresh: set[int] = set()
        self.short: dict[Any, np.ndarray] = {}
        #: True among lines that run for a part of the rows at a time.
        self.cut = False
        #: Where a result belongs, of those that are made somewhere else first.
        self.targets: dict[int, str] = {}

    def is_short(self, row: Instruction, axis: int = -1) -> bool:
        """True for a reduction, over this axis, of a large array whose last axis is short.

        There NumPy is slow.
        """
        x = row.args[0].value if type(row.args[0]) is Instruction else None
        if not isinstance(x, np.ndarray) or x.ndim < -min(axis, -2) or x.size < LARGE:
            return False
        over = row.kwargs.get("axis") in (axis, x.ndim + axis, (axis,), (x.ndim + axis,))
        return over and x.dtype.name == "float64" and 0 < x.shape[-1] <= SHORT

    def by_ones(self, row: Instruction, x: str) -> str | None:
        """Return a sum as a product with ones, over a short last axis or over the one before it."""
        kept = row.kwargs.get("keepdims") is True
        there = np.shape(row.args[0].value)
        if self.is_short(row):
            return f"({x} @ {self.whole_ones(there[-1:])}){'[..., None]' * kept}"
        # What runs row by row has fewer rows.
        short = not self.jit and there[-2:-1] <= (MOST,) and (len(there) > 2 or not self.cut)
        if short and self.is_short(row, -2):
            return f"({self.whole_ones(there[-2:-1])} @ {x}){'[..., None, :]' * kept}"
        return None

    def whole_ones(self, shape: tuple[int, ...]) -> str:
        """Return the name of an array of ones."""
        if shape not in self.short:
            self.short[shape] = np.ones(shape)
        return self.constant(self.short[shape], "ones")

    def spare(self, row: Instruction) -> str | None:
        """Return the name of an operand that is used for the last time: its memory may be taken."""
        value = row.value
        if not isinstance(value, np.ndarray) or value.size < LARGE:
            return None
        for p in row.parents():
            if self.last.get(id(p)) == id(row) and id(p) in self.fresh:
                if p.value.shape == value.shape and p.value.dtype == value.dtype:
                    return self.names[id(p)]
        return None

    def inside(self, rows: Sequence[Instruction], nested: Container[int] = ()) -> Emitter:
        """Return an emitter of lines that stand among these, with names of their own."""
        inner = Emitter(rows, self.taken, self.jit, nested)
        inner.short = self.short
        inner.constants, inner.by_id, inner.taken = self.constants, self.by_id, self.taken
        self.taken.update(inner.names.values())
        return inner

    def free(self, name: str) -> str:
        """Return a name that is not taken."""
        k = 1
        while (found := name if k == 1 else f"{name}_{k}") in self.taken:
            k += 1
        self.taken.add(found)
        return found

    # -- parts of a line -------------------------------------------------------------------------

    def constant(self, value: Any, name: str = "c") -> str:
        """Return the name of a constant; small arrays of the same numbers are one."""
        key: Any = id(value)
        if type(value) is np.ndarray and value.size <= SHORT and value.dtype.kind in "fiub":
            key = value.dtype, value.shape, value.tobytes()
        found = self.by_id.get(key)
        if found is None:
            k = len(self.constants) + 1
            while f"{name}{k}" in self.taken:
                k += 1
            found = self.by_id[key] = f"{name}{k}"
            self.taken.add(found)
            self.constants[found] = value
        return found

    def text(self, part: Any) -> str:
        """Return an argument as text."""
        kind = type(part)
        if kind is Instruction:
            here = self.names[id(part)]
            return f"({here})" if id(part) in self.nested else here
        if kind in (float, np.float64):
            return number(float(part))
        if kind in (complex, np.complex128):
            return f"complex({number(part.real)}, {number(part.imag)})"
        if kind in (int, bool, str, type(None)) or part is Ellipsis:
            return repr(part)
        if isinstance(part, np.integer | np.bool_):
            return repr(part.item())
        if kind is tuple or isinstance(part, tuple):
            return f"({', '.join(map(self.text, part))}{',' * (len(part) == 1)})"
        if kind is list:
            return f"[{', '.join(map(self.text, part))}]"
        if kind is slice:
            return f"slice({self.text(part.start)}, {self.text(part.stop)}, {self.text(part.step)})"
        if kind is dict:
            return f"{{{', '.join(f'{k!r}: {self.text(v)}' for k, v in part.items())}}}"
        if isinstance(part, np.dtype) and part.isbuiltin == 1:
            return f"np.{part.name}" if part.kind != "b" else "bool"
        name = public_name(part) if callable(part) else None
        return name or self.constant(part)

    def numbers(self, function: Any, args: tuple[Any, ...], kind: type) -> list[str] | None:
        """Return the texts of float64 numbers and truth values, None if there are others.

        An integer beside floats is written as one: ``2.0 * x`` is twice as fast as ``2 * x``.
        """
        texts = []
        for k, part in enumerate(args):
            if type(part) is Instruction:
                if type(part.value) not in WIDE:
                    return None
                bare = id(part) in self.nested and level_of(part) >= needed_level(function, k)
                texts.append(self.names[id(part)] if bare else self.text(part))
            elif type(part) not in WIDE:
                return None
            elif type(part) is int and kind in FLOATS and float(part) == part:
                texts.append(repr(float(part)))
            else:
                texts.append(self.text(part))
        return texts

    def strong(self, row: Instruction, part: Any) -> str:
        """Return an argument; a float64 that meets float32 says so."""
        text = self.text(part)
        kind = type(part)
        beside = [p.value for p in row.parents()] + [p for p in row.args if p is not part]
        narrow = any(map(narrow_float, beside))
        number = (
            id(part) in self.plain and type(part.value) is np.float64
            if (kind is Instruction)
            else kind is np.float64
        )
        if kind is np.complex128 and narrow:
            return f"np.complex128({text})"
        if number and narrow:
            return f"np.float64({text})"
        if isinstance(part, np.integer) and any(map(not_double, row.parents())):
            return f"np.{part.dtype.name}({text})"
        return text

    # -- lines -----------------------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Append a line."""
        self.lines.append(text)

    def emit(self, row: Instruction) -> None:
        """Write the lines of an instruction."""
        function, name = row.function, self.names.get(id(row), "")
        if function in (ARGUMENT, CAPTURED):
            if type(row.value) in FLOATS:
                self.plain.add(id(row))
        elif function in GUARDS:
            self.write(f"if {guard(row, self)}: {OTHER}")
        elif function is all_finite:
            self.finite.append(row.args[0])
        elif function is item and id(row.args[0]) in self.results:
            loop, k = id(row.args[0]), row.args[1]
            self.names[id(row)] = self.results[loop][k]
            if k in self.plain_results[loop]:
                self.plain.add(id(row))
        elif function in SPECIAL:
            for line in SPECIAL[function](self, row, name):
                self.write(line)
        elif id(row) in self.nested:
            self.names[id(row)] = self.expression(row)
        else:
            self.write(f"{name} = {self.expression(row)}")

    def expression(self, row: Instruction) -> str:
        """Return the right-hand side of a line."""
        function, args, kind = row.function, row.args, type(row.value)
        if kind in NUMBERS and not row.kwargs:
            form = FORMS.get(function)
            if kind in TRUTH and function not in TRUTHS:
                form = None
            elif kind in FLOATS and function in HANDS_ON and any(map(is_truth, args[-2:])):
                form = None
            texts = None if form is None else self.numbers(function, args, kind)
            if form is not None and texts is not None:
                self.plain.add(id(row))
                self.raises |= form[1]
                return form[0].format(*texts)
            if function is cast and kind in FLOATS:
                self.plain.add(id(row))
                x = args[0].value if type(args[0]) is Instruction else args[0]
                text = self.text(args[0])
                return text if type(x) in FLOATS else f"float({text})"
        given = [self.strong(row, part) for part in args]
        ufunc = UFUNCS.get(function, function if isinstance(function, np.ufunc) else None)
        if ufunc is not None and isinstance(row.value, np.ndarray) and not row.kwargs:
            out = (
                (self.targets.pop(id(row), None) or self.spare(row)) if elementwise(ufunc) else None
            )
            if ufunc.nout == 1 and not self.jit:
                self.fresh.add(id(row))
            if out is not None:
                return call(public_name(ufunc) or self.constant(ufunc), given, {"out": out})
        if function in INFIX and len(args) == 2 and not row.kwargs and infix_fits(row):
            if kind in TRUTH and function not in TRUTHS:
                named = UFUNCS.get(function) or function
                return call(public_name(named) or self.constant(named), given, {})
            power = INFIX[function] == "**" and given[0].startswith("-")
            left = f"({given[0]})" if power else given[0]
            return f"{left} {INFIX[function]} {given[1]}"
        if function in PREFIX and not row.kwargs:
            return f"{PREFIX[function]}{given[0]}"
        if self.jit and function is np.reshape and type(args[0]) is Instruction:
            there, here = np.shape(args[0].value), np.shape(row.value)
            if there == (1,) and not here:  # numba has no arrays without axes
                self.plain.add(id(row))
                return f"{given[0]}[0]"
            if here == (1,) and not there:
                return f"np.array([{given[0]}])"
        if function in GETITEM:
            return self.taken_from(row)
        if function is crossed:
            return f"{given[0]}.T @ {given[1]}"
        if function is item:
            return f"{given[0]}[{row.args[1]}]"
        if function is duplicate:
            copied = isinstance(row.value, np.ndarray)
            order = "" if args[1] in ("C", "K") else given[1]
            return f"{given[0]}.copy({order})" if copied else given[0]
        if function is cast:
            array = isinstance(row.value, np.ndarray)
            return f"{given[0]}.astype({given[1]})" if array else f"{given[1]}({given[0]})"
        if function is np.transpose and not row.kwargs and len(args) == 1:
            array = type(args[0]) is Instruction and isinstance(args[0].value, np.ndarray)
            return f"{given[0]}.T" if array else f"np.transpose({given[0]})"
        options = {k: self.text(v) for k, v in row.kwargs.items()}
        if function is np.where and is_number_of(args, row):
            return f"{given[0]}.astype(np.float64)"
        if function in EXTREMES and set(options) <= {"axis", "keepdims"} and self.is_short(row):
            kept = "[..., None]" * (options.get("keepdims") == "True")
            lines = f"np.ascontiguousarray(np.moveaxis({given[0]}, -1, 0))"
            return f"{lines}.{EXTREMES[function]}(axis=0){kept}"
        array = bool(args) and type(args[0]) is Instruction and id(args[0]) not in self.plain
        array = array and isinstance(args[0].value, np.ndarray | np.generic)
        if function in AS_METHODS and array and set(options) <= {"axis", "keepdims"}:
            product = self.by_ones(row, given[0]) if function is np.sum else None
            if product is not None:
                return product
            if options.get("keepdims") == "False":
                del options["keepdims"]
            if options.get("axis") == "None":
                del options["axis"]
            return call(f"{given[0]}.{AS_METHODS[function]}", given[1:], options)
        known = public_name(function)
        self.raises |= known is not None and "linalg." in known  # a singular matrix
        return call(known or self.constant(function, called(function)), given, options)

    def taken_from(self, row: Instruction) -> str:
        """Return ``x[index]``; a number comes as Python's own."""
        x, index = row.args
        if type(row.value) is np.float64 and type(x) is Instruction:
            if type(index) is int or type(index) is tuple and all(type(i) is int for i in index):
                self.plain.add(id(row))
                text = index_text(index, self.text)
                if self.jit:
                    return f"{self.text(x)}[{text}]"
                return f"{self.text(x)}.item({text})"
        text = self.text(x)
        if type(x) is not Instruction or id(x) in self.plain:
            text = f"np.asarray({text})"
        at = index.value if type(index) is Instruction else index
        whole = type(at) is np.ndarray and at.dtype.kind == "i" and at.ndim
        if whole and not self.jit:
            shape = np.shape(x.value if type(x) is Instruction else x)
            # NumPy does it faster, but for a copy of what does not lie in one piece.
            if shape[0] <= FEW * at.size:
                return f"{text}.take({self.text(index)}{'' if len(shape) == 1 else ', axis=0'})"
        return f"{text}[{index_text(index, self.text)}]"


def is_truth(part: Any) -> bool:
    """True for a truth value or a whole number, which would stay one."""
    return type(part.value if type(part) is Instruction else part) in (*TRUTH, int)


def narrow_float(value: Any) -> bool:
    """True for what float64 would widen."""
    dtype = getattr(value, "dtype", None)
    return dtype is not None and dtype.kind in "fc" and dtype.name not in ("float64", "complex128")


def not_double(row: Instruction) -> bool:
    """True for what an integer of NumPy's may change the dtype of."""
    return getattr(row.value, "dtype", np.dtype(float)).name not in ("float64", "complex128")


def infix_fits(row: Instruction) -> bool:
    """True if an operator does what the ufunc did: not for two numbers of Python's own."""
    kinds = [type(p.value if type(p) is Instruction else p) for p in row.args]
    return not isinstance(row.function, np.ufunc) or any(
        k is np.ndarray or issubclass(k, np.generic) for k in kinds
    )


def called(function: Any) -> str:
    """Return what a function that is no public one is called in the source."""
    name = getattr(function, "__name__", "function")
    return name if name.isidentifier() else "function"


#: What takes more than an expression.
SPECIAL: dict[Any, Callable[..., Iterator[str]]] = {
    scatter_add: scatter_lines,
    masked_multiply: masked_lines,
    sparse_product: sparse_lines,
    assigned: assigned_lines,
    updated: updated_lines,
    mutated: mutated_lines,
    write: write_lines,
    **MATRIX_LINES,
    rolled: rolled_lines,
    **CYCLE_LINES,
    **LINES,
    blocked: blocked_lines,
}


def elementwise(ufunc: np.ufunc) -> bool:
    """True if each entry of the result depends on the same entries of the arguments alone."""
    return ufunc.signature is None and ufunc.nout == 1
