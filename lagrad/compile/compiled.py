"""compile: a function written down once and run as flat NumPy source."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from lagrad.compile.around import Around
from lagrad.compile.blocks import stretched
from lagrad.compile.captured import captured
from lagrad.compile.emit import Source, source_of
from lagrad.compile.entry import MISS, MISSING, Head, entry, jitted, parameters_of, with_values
from lagrad.compile.listing import Line, Listing, Module
from lagrad.compile.program import ARGUMENT, CAPTURED, Instruction, Program, run
from lagrad.compile.rolling import merged, rolled
from lagrad.compile.simplify import simplified
from lagrad.compile.symbol import Symbol
from lagrad.containers import children, leaves, unflatten
from lagrad.dispatch import all_finite, masked_multiply, still_finite
from lagrad.status import ArgumentError
from lagrad.trace import Traced
from lagrad.trace.tape import CURRENT
from lagrad.trace.tracer import current

#: So many programs of one function are kept; the one that was used longest ago goes.
KEPT = 16
#: After so many programs in a row the user is told why.
MANY = 8


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
    ) -> None:
        self.call, self.module, self.graph, self.stats = call, module, graph, stats
        self.around, self.arrays = around, arrays
        self.attempt = with_values(call, again=lambda *args, **kwargs: MISS)

    def failed(self, compiled: Any, args: Any, kwargs: Any) -> Line | None:
        """Return the guard that does not hold for these arguments, None if it is none."""

        def elsewhere(*args: Any, **kwargs: Any) -> None:
            raise Elsewhere

        try:
            with_values(self.call, again=elsewhere)(compiled, *args, **kwargs)
        except Elsewhere as error:
            frame = error.__traceback__.tb_next  # type: ignore[union-attr]
            at = frame.tb_lineno - self.module.offset  # type: ignore[union-attr]
            return self.graph.at_line(at)
        return None


class Compiled:
    """A function that is written down at its first call and run as flat NumPy source after it.

    Each object has a class of its own, whose ``__call__`` is the program last used.

    Attributes
    ----------
    source : str
        The program last used, as a module that runs by itself.
    graph : Listing
        Its instructions.
    stats : dict
        How many programs there are, how long they took to make, how often a call was run as plain
        Python because a result was not finite.
    """

    def __init__(self, function: Callable[..., Any], jit: str | None = None) -> None:
        self.__wrapped__ = function
        self.__name__ = getattr(function, "__name__", "function")
        self.__doc__ = getattr(function, "__doc__", None)
        self.jit = jit
        self._variants: list[Variant] = []
        self._lock = Lock()
        self._careful_calls = self._written = 0
        self._plain_because = ""
        self._warned = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return again(self, *args, **kwargs)

    def __reduce__(self) -> Any:
        return compile, (self.__wrapped__, self.jit)

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}: {len(self._variants)} programs>"

    def _last(self) -> Variant:
        if not self._variants:
            why = self._plain_because or "it has not been called yet; call it once"
            raise ArgumentError(f"there is no program of {self.__name__}: {why}")
        return self._variants[-1]

    @property
    def source(self) -> str:
        """The program last used."""
        return self._last().module.text()[0]

    def save(self, path: str | Path) -> None:
        """Write the program last used to a file, and its large arrays beside it as .npz."""
        self._last().module.save(path)

    @property
    def graph(self) -> Any:
        """The instructions of the program last used."""
        return self._last().graph

    @property
    def stats(self) -> dict[str, Any]:
        """Counts and times."""
        last = self._variants[-1].stats if self._variants else {}
        return {
            "programs": len(self._variants),
            "written": self._written,
            "careful": self._careful_calls,
            **last,
        }


def compile(function: Callable[..., Any], jit: str | None = None) -> Any:
    """Return ``function``, run as flat NumPy source that is written down at its first call."""
    if not callable(function):
        raise ArgumentError(f"compile takes a function, not {type(function).__name__}")
    if jit not in (None, "numba"):
        raise ArgumentError(f"jit={jit!r}; there are None and 'numba'")
    made = type("Compiled", (Compiled,), {"__slots__": (), "__call__": Compiled.__call__})
    return made(function, jit)


def again(self: Compiled, /, *args: Any, **kwargs: Any) -> Any:
    """Run another program that fits, or make one."""
    args, kwargs = given_ones(self, args, kwargs)
    if self._plain_because or traced((args, kwargs)) or not describable((args, kwargs)):
        return self.__wrapped__(*args, **kwargs)
    variant, result = fitting(self, args, kwargs)
    if variant is None:
        with self._lock:
            variant, result = fitting(self, args, kwargs)  # another thread may have made it
            if variant is None:
                tell_why(self, args, kwargs)
                try:
                    variant = written(self, args, kwargs)
                except Exception as error:
                    # The function itself says best what is wrong with a call; if it says nothing,
                    # the program cannot be written, and the plain function serves.
                    result = self.__wrapped__(*args, **kwargs)
                    self._plain_because = f"{type(error).__name__}: {error}"
                    warnings.warn(
                        f"{self.__name__} runs as plain Python, not compiled: "
                        f"{self._plain_because}",
                        stacklevel=3,
                    )
                    return result
                self._variants = [*self._variants[-KEPT + 1 :], variant]
                self._written += 1
                result = variant.attempt(self, *args, **kwargs)
    use(self, variant)
    return self.__wrapped__(*args, **kwargs) if result is MISS else result


def fitting(self: Compiled, args: Any, kwargs: Any) -> tuple[Variant | None, Any]:
    """Return a program that serves these arguments, and what it gave."""
    for variant in reversed(self._variants):
        result = variant.attempt(self, *args, **kwargs)
        if result is not MISS:
            return variant, result
    for variant in reversed(self._variants):
        if variant.around.refreshed(variant.call, variant.arrays):
            result = variant.attempt(self, *args, **kwargs)
            if result is not MISS:
                return variant, result
    return None, MISS


class Elsewhere(Exception):
    """Raised in the place of the way to another program, to find out where it was taken."""


def tell_why(self: Compiled, args: Any, kwargs: Any) -> None:
    """Say once why a function is written down again and again."""
    if self._warned or self._written < MANY or not self._variants:
        return
    self._warned = True
    last = self._variants[-1]
    changed = next((c for c in last.around.checks if not c.holds()), None)
    if changed is not None:
        why = f"{changed.name} is another one. Hand it over as an argument"
    else:
        why = (
            "the shapes, dtypes or containers of its arguments are others; give all calls the same"
        )
        line = last.failed(self, args, kwargs)
        if line is not None:
            why = (
                f"Python asks for a value that changes, {line.text.split(':')[0]!r} "
                f"({line.where}). Write np.where in the place of an if, keep float(), int(), "
                ".item() and loops over values out, or do without lg.compile here"
            )
    warnings.warn(
        f"{self.__name__} has been written down {self._written} times, and each call that does "
        f"that costs a thousand times as much as another: {why}",
        stacklevel=4,
    )


def use(self: Compiled, variant: Variant) -> None:
    """Let a program be the one that is tried first."""
    if self._variants[-1] is not variant:
        self._variants = [*(v for v in self._variants if v is not variant), variant]
    type(self).__call__ = variant.call  # type: ignore[method-assign]


def careful(self: Compiled, /, *args: Any, **kwargs: Any) -> Any:
    """Run the function itself, since a result is not finite: it says where, or is right."""
    self._careful_calls += 1
    args, kwargs = given_ones(self, args, kwargs)
    return self.__wrapped__(*args, **kwargs)


def given_ones(self: Compiled, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Leave out arguments that were not given; after one of these the rest goes by name."""
    found: list[Any] = []
    names: list[str] = []
    for k, value in enumerate(args):
        if value is MISSING:
            names = names or [p.name for p in parameters_of(self.__wrapped__) or ()]
            rest = {n: v for n, v in zip(names[k:], args[k:], strict=False) if v is not MISSING}
            return tuple(found), {**rest, **{n: v for n, v in kwargs.items() if v is not MISSING}}
        found.append(value)
    return tuple(found), {n: v for n, v in kwargs.items() if v is not MISSING}


def traced(tree: Any) -> bool:
    """True if a leaf is traced: then the function runs inside that trace."""
    return any(isinstance(leaf, Traced) for _, leaf in leaves(tree))


def describable(tree: Any) -> bool:
    """True if all leaves are numbers, plain arrays of them, or what is told by identity."""
    for _, leaf in leaves(tree):
        if isinstance(leaf, np.ndarray) and (type(leaf) is not np.ndarray or leaf.dtype.kind not in "fciub"):
            return False
        if hasattr(leaf, "tocoo"):
            return False
    return True


SYMBOLIC = (float, int, complex, np.ndarray, np.generic)


def written(self: Compiled, args: Any, kwargs: Any) -> Variant:
    """Run the function once on symbols, and return the program."""
    function = self.__wrapped__
    begin = time.perf_counter()
    program = Program(CURRENT.get())

    def stand_in(array: Any, name: str) -> Any:
        row = program.append(CAPTURED, (), {}, array, name)
        return Symbol(program, row, array)  # type: ignore[arg-type]

    found = captured(function, stand_in)
    parameters = parameters_of(function)
    labels = [p.name for p in parameters] if parameters else [f"x{k}" for k in range(len(args))]
    symbols: list[Instruction | None] = []
    given = []

    def leaf_symbol(label: str, leaf: Any) -> Any:
        if isinstance(leaf, SYMBOLIC) and not isinstance(leaf, bool | np.bool_):
            row = program.append(ARGUMENT, (), {}, leaf, label)
            symbols.append(row)
            return Symbol(program, row, leaf)  # type: ignore[arg-type]
        symbols.append(None)
        return leaf

    def lifted(tree: Any, name: str) -> Any:
        return unflatten(tree, iter([leaf_symbol(label, x) for label, x in leaves(tree, name)]))

    given = [lifted(tree, name) for tree, name in zip(args, labels, strict=False)]
    options = {key: lifted(tree, key) for key, tree in kwargs.items()}
    token = CURRENT.set(program)
    try:
        result = run(program, found.function, given, options)
        outputs = [settled(leaf) for _, leaf in leaves(result)]
    finally:
        program.open = False
        CURRENT.reset(token)
    found.verify()
    traced_at = time.perf_counter()
    rows, outputs = program.instructions, outputs
    count = len(rows)
    checked = is_checked(rows, outputs)
    if checked:
        rows = [r for r in rows if r.function is not still_finite or not r.value]
    rows, outputs = simplified(rows, outputs, checked)
    if any(r.function is rolled for r in rows):
        rows, outputs = simplified(merged(rows), outputs, checked)
    reverse = next((k for k, r in enumerate(rows) if r.of is not None), None)
    if not self.jit:
        rows = stretched(rows, outputs)
    simplified_at = time.perf_counter()
    source = source_of(rows, outputs, reverse)
    inputs = [r for r in rows if r.function in (ARGUMENT, CAPTURED)]
    names = dict(zip(map(id, inputs), named_inputs(rows, source), strict=True))
    held = {names[id(r)]: r.value for r in inputs if r.function is CAPTURED}
    head = Head(function, args, kwargs, symbols, names)
    result_text, extra = container_text(result, iter(source.result))
    call = None
    taken = {*names_in(source), *head.names, *held}
    around = Around(found.checks, taken)
    if self.jit:
        call = with_numba(self, (rows, outputs, reverse), head, result, held, around, (args, kwargs))
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
        result_text,
        {**held, **source.constants},
        frozenset(source.called),
        3 + len(head.conditions.lines) + source.raises,
    )
    return Variant(call, module, Listing(rows, source), stats, around, held)


def names_in(source: Source) -> set[str]:
    """Return the names that lines of a program give to something."""
    return {name for name, *_ in source.shown} | set(source.constants) | {"total"}


def with_numba(
    self: Compiled, program: Any, head: Head, result: Any, held: Any, around: Any, given: Any
) -> Any:
    """Return the entry whose lines are compiled by numba; None, with a warning, if it cannot."""
    from numba.core.errors import NumbaError

    source, extra = jitted(source_of(*program, jit=True), held)
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


def again_never(self: Compiled, /, *args: Any, **kwargs: Any) -> None:
    """Stands for whatever else would be run."""


def identifier(name: str) -> str:
    """Return a function's name as one that Python takes."""
    return re.sub(r"\W+", "_", name).strip("_") or "program"


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
    if isinstance(leaf, Traced):
        raise ArgumentError("a traced value was returned")
    if callable(leaf):
        raise ArgumentError(
            f"the function returned {getattr(leaf, '__name__', 'a function')}, and a program gives "
            "arrays; call it inside, as in lambda x, w: lg.vjp(f, x)[1](w)"
        )
    return leaf


def is_checked(rows: Any, outputs: Any) -> bool:
    """True if every result that depends on a masked multiplier is asked to be finite."""
    asked = {id(r.args[0]) for r in rows if r.function is all_finite}
    masked = {id(r.args[0]) for r in rows if r.function is still_finite}
    for r in rows:
        if r.function is masked_multiply or any(id(p) in masked for p in r.parents()):
            masked.add(id(r))
    return all(id(out) in asked or id(out) not in masked for out in outputs)


def container_text(tree: Any, texts: Any) -> tuple[str, dict[str, Any]]:
    """Return the text that builds the result, and what it calls."""
    kind = type(tree)
    extra: dict[str, Any] = {}

    def build(node: Any) -> str:
        below = children(node)
        if below is None:
            return next(texts)
        parts = [build(child) for _, child in below]
        if type(node) is tuple:
            return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
        if type(node) is list:
            return f"[{', '.join(parts)}]"
        if type(node) is dict and all(isinstance(k, str | int) for k in node):
            return "{" + ", ".join(f"{k!r}: {v}" for k, v in zip(node, parts, strict=True)) + "}"
        name = f"_tree{len(extra)}"
        shape = unflatten(node, iter([None] * len(parts)))
        extra[name] = lambda *values: unflatten(shape, iter(values))
        return f"{name}({', '.join(parts)})"

    del kind
    return build(tree), extra
