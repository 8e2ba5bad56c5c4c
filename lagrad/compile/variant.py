"""Variants: one program of a function, from the run on symbols to what is called."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from lagrad.compile.around import Around
from lagrad.compile.blocks import stretched
from lagrad.compile.captured import captured
from lagrad.compile.entry import MISS, Head, entry, jitted, parameters_of, with_values
from lagrad.compile.hoisting import hoisted
from lagrad.compile.listing import IMPORTS, Line, Listing, Module
from lagrad.compile.names import is_reserved
from lagrad.compile.operators import Symbol
from lagrad.compile.program import ARGUMENT, CAPTURED, Instruction, Program, run
from lagrad.compile.rolling import merged, pruned, rolled
from lagrad.compile.simplify import asked, simplified
from lagrad.compile.source import Source, source_of
from lagrad.containers import Static, children, leaves, rebuild, unflatten
from lagrad.dispatch import all_finite, masked_multiply, still_finite
from lagrad.eliminate import Sparse
from lagrad.status import ArgumentError, TraceError
from lagrad.trace import Traced
from lagrad.trace.tape import CURRENT
from lagrad.trace.tracer import current


class TakenElsewhereError(BaseException):
    """Raised in the place of the way to another program, to find out where it was taken."""


class Variant:
    """One program of a function: for one structure of the arguments, and one way through it."""

    def __init__(
        self,
        call: Any,
        module: Module,
        graph: Listing,
        stats: dict[str, Any],
        around: Around,
        arrays: dict[str, Any],
        catches: bool,
    ) -> None:
        self.call, self.module, self.graph, self.stats = call, module, graph, stats
        self.around, self.arrays, self.catches = around, arrays, catches
        self.attempt = with_values(call, again=lambda *args, **kwargs: MISS)

    def failed(self, compiled: Any, args: Any, kwargs: Any) -> Line | None:
        """Return the guard that does not hold for these arguments, None if it is none."""

        def elsewhere(*args: Any, **kwargs: Any) -> None:
            raise TakenElsewhereError

        try:
            with_values(self.call, again=elsewhere)(compiled, *args, **kwargs)
        except TakenElsewhereError as error:
            frame = error.__traceback__.tb_next  # type: ignore[union-attr]
            at = frame.tb_lineno - self.module.offset  # type: ignore[union-attr]
            return self.graph.at_line(at)
        return None


SYMBOLIC = (float, int, complex, np.ndarray, np.generic)


def written(self: Any, args: Any, kwargs: Any, again: Any, careful: Any) -> Variant:
    """Run the function once on symbols, and return the program."""
    function = self.__wrapped__
    begin = time.perf_counter()
    program = Program(CURRENT.get(), Symbol)

    def stand_in(array: Any, name: str) -> Any:
        row = program.append(CAPTURED, (), {}, array, name)
        return Symbol(program, row, array)  # type: ignore[arg-type]

    found = captured(function, stand_in)
    parameters = parameters_of(function)
    labels = [p.name for p in parameters] if parameters else [f"x{k}" for k in range(len(args))]
    symbols: list[Instruction | None] = []

    def leaf_symbol(label: str, leaf: Any) -> Any:
        if isinstance(leaf, SYMBOLIC) and not isinstance(leaf, bool | np.bool_):
            # It is a Python float in the program; the parameter stays what was given.
            label = f"{label}_" if type(leaf) is np.float64 else label
            row = program.append(ARGUMENT, (), {}, leaf, label)
            symbols.append(row)
            return Symbol(program, row, leaf)  # type: ignore[arg-type]
        symbols.append(None)
        return leaf

    def lifted(tree: Any, name: str) -> Any:
        return unflatten(tree, iter([leaf_symbol(label, x) for label, x in leaves(tree, name)]))

    given = [lifted(tree, name) for tree, name in zip(args, labels, strict=False)]
    options = {key: lifted(tree, key) for key, tree in kwargs.items()}
    before = [(label, id(x)) for label, x in leaves((given, options))]
    token = CURRENT.set(program)
    try:
        result = run(program, found.function, given, options)
        outputs = [settled(leaf) for _, leaf in leaves(result)]
    finally:
        program.open = False
        CURRENT.reset(token)
    found.verify()
    if program.failed is not None:
        error = program.failed
        raise TraceError(
            f"{type(error).__name__} ({error}) was raised inside and caught, which a program that "
            "is written down for these numbers would not do for others. Ask before the call, with "
            "an if"
        )
    if before != [(label, id(x)) for label, x in leaves((given, options))]:
        raise TraceError(
            "a container among the arguments was written to, and a compiled function has no effect "
            "on what is around it. Write to a copy, and return it"
        )
    traced_at = time.perf_counter()
    rows = asked(program.instructions, outputs)
    count = len(program.instructions)
    checked = is_checked(rows, outputs)
    if checked:
        rows = [r for r in rows if r.function is not still_finite or not r.value]
    rows, outputs = simplified(rows, outputs, checked)
    if any(r.function is rolled for r in rows):
        rows, outputs = pruned(*simplified(merged(rows), outputs, checked))
    rows = hoisted(rows, outputs)
    if not self.jit:
        rows = stretched(rows, outputs)
    reverse = next((k for k, r in enumerate(rows) if has_multiplier(r)), None)
    simplified_at = time.perf_counter()
    source = source_of(rows, outputs, reverse, taken=[identifier(self.__name__)])
    inputs = [r for r in rows if r.function in (ARGUMENT, CAPTURED)]
    source.catches = found.catches
    names = dict(zip(map(id, inputs), named_inputs(rows, source), strict=True))
    held = {names[id(r)]: r.value for r in inputs if r.function is CAPTURED}
    head = Head(function, args, kwargs, symbols, names)
    result_text, extra = container_text(result, iter(source.result))
    call = None
    taken = {*names_in(source), *head.names, *held}
    around = Around(found.checks, taken)
    # numba's whole numbers have an end.
    whole = any(type(r.value) is int for r in inputs)
    if self.jit and not whole:
        call = with_numba(
            self, (rows, outputs, reverse), head, result, held, around, (args, kwargs)
        )
    if call is None:
        call = entry(head, source, result_text, {**held, **extra}, around)
    call = with_values(call, again=again, careful=careful)
    call.__qualname__ = self.__name__
    done = time.perf_counter()
    stats = {
        "instructions": len(rows),
        "traced": count,
        "trace_seconds": traced_at - begin,
        "simplify_seconds": simplified_at - traced_at,
        "emit_seconds": done - simplified_at,
    }
    module = Module(
        identifier(self.__name__),
        f"{self.__name__}, written down by lagrad.",
        head.shown,
        head.conditions.unpack,
        source.lines,
        container_text(result, iter(source.result), alone=True)[0],
        {**held, **source.constants},
        frozenset(source.called),
        3 + len(head.conditions.lines) + source.guarded,
    )
    return Variant(call, module, Listing(rows, source), stats, around, held, found.catches)


def names_in(source: Source) -> set[str]:
    """Return the names that lines of a program give to something."""
    return {name for name, *_ in source.shown} | set(source.constants) | {"total"}


def with_numba(
    self: Any, program: Any, head: Head, result: Any, held: Any, around: Any, given: Any
) -> Any:
    """Return the entry whose lines are compiled by numba; None, with a warning, if it cannot."""
    from numba.core.errors import NumbaError

    rows, outputs, reverse = program
    source, extra = jitted(source_of(rows, outputs, reverse, jit=True), held)
    text, more = container_text(result, iter(source.result))
    call = entry(head, source, text, {**held, **extra, **more}, around)
    try:
        with_values(call, again=again_never, careful=again_never)(self, *given[0], **given[1])
    except NumbaError as error:
        first = str(error).strip().splitlines()
        warnings.warn(
            f"{self.__name__} runs without numba, which does not know all that it calls: "
            f"{' '.join(first[:3])}",
            stacklevel=5,
        )
        return None
    return call


def again_never(self: Any, /, *args: Any, **kwargs: Any) -> None:
    """Stands for whatever else would be run."""


def has_multiplier(row: Instruction) -> bool:
    """True for the instruction that gives a multiplier, or a stretch with one inside."""
    stretch = row.kwargs.get("stretch")
    return row.of is not None or (stretch is not None and any(r.of for r in stretch.rows))


def identifier(name: str) -> str:
    """Return a function's name as one that Python takes, and that hides nothing in the module."""
    name = re.sub(r"\W+", "_", name).strip("_")
    taken = is_reserved(name) or name in IMPORTS or name == "Path"
    return name if name.isidentifier() and not taken else "program"


def named_inputs(rows: Any, source: Source) -> list[str]:
    """Return the names of arguments and captured arrays, in the order of the rows."""
    arguments, arrays = iter(source.parameters), iter(source.captured)
    return [
        next(arguments if r.function is ARGUMENT else arrays)
        for r in rows
        if r.function in (ARGUMENT, CAPTURED)
    ]


def settled(leaf: Any) -> Any:
    """Return a result as its instruction, or as the constant that it is."""
    if isinstance(leaf, Symbol):
        return current(leaf)._row
    if type(leaf) is Sparse:
        return settled(leaf.made) if isinstance(leaf.made, Symbol) else leaf.made
    if isinstance(leaf, Traced):
        raise ArgumentError("a traced value was returned")
    if callable(leaf):
        raise ArgumentError(
            f"the function returned {getattr(leaf, '__name__', 'a function')}, and a program gives "
            "arrays; call it inside, as in lambda x, w: lg.vjp(f, x)[1](w)"
        )
    array = type(leaf) is np.ndarray and leaf.dtype.kind in "fciub"
    if not array and not isinstance(leaf, NUMBERS):
        raise ArgumentError(
            f"the function returned {type(leaf).__name__}, and a program gives arrays and numbers, "
            "in nested tuples, lists, dicts and dataclasses"
        )
    return leaf


#: What a program may give besides arrays.
NUMBERS = (bool, int, float, complex, np.number, np.bool_, str, bytes, type(None))


def is_checked(rows: Any, outputs: Any) -> bool:
    """True if every result that depends on a masked multiplier is asked to be finite."""
    told = {id(r.args[0]) for r in rows if r.function is all_finite}
    masked = {id(r.args[0]) for r in rows if r.function is still_finite}
    for r in rows:
        if r.function is masked_multiply or any(id(p) in masked for p in r.parents()):
            masked.add(id(r))
    return all(id(out) in told or id(out) not in masked for out in outputs)


def container_text(
    tree: Any, texts: Iterator[str], alone: bool = False
) -> tuple[str, dict[str, Any]]:
    """Return the text that builds the result, and what it calls.

    ``alone`` it calls nothing: what has no literal is written as a tuple or dict.
    """
    extra: dict[str, Any] = {}

    def build(node: Any) -> str:
        if type(node) is Static:
            if alone:
                return repr(node.value)
            extra[f"_tree{len(extra)}"] = node.value
            return f"_tree{len(extra) - 1}"
        below = children(node)
        if below is None:
            return next(texts)
        parts = [build(child) for _, child in below]
        if type(node) is list:
            return f"[{', '.join(parts)}]"
        if isinstance(node, dict) and (alone or literal_keys(node)):
            return "{" + ", ".join(f"{k!r}: {v}" for k, v in zip(node, parts, strict=True)) + "}"
        if type(node) is tuple or alone:
            return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
        name = f"_tree{len(extra)}"
        extra[name] = lambda *values, like=node: rebuild(like, list(values))
        return f"{name}({', '.join(parts)})"

    return build(tree), extra


def literal_keys(node: Any) -> bool:
    """True for a plain dict whose keys are words and whole numbers."""
    return type(node) is dict and all(type(k) in (str, int) for k in node)
