"""The way into a program: the checks of a call, and the function that runs.

The function that is called holds it all, checks, lines and guards, so that a call costs no more
than that of a plain function. What does not fit goes to ``again``, what is not finite to
``careful``.
"""

from __future__ import annotations

import builtins
import inspect
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import CellType, FunctionType
from typing import Any

import numpy as np

from lagrad.compile.around import Around
from lagrad.compile.cutting import LINES, cut
from lagrad.compile.lines import CAREFUL, MODULES, OTHER, with_exit
from lagrad.compile.names import is_reserved
from lagrad.compile.reads import alike
from lagrad.compile.source import Source
from lagrad.compile.threads import CALLED
from lagrad.containers import Static, children

#: What ``math`` and Python's division raise where NumPy gives inf or nan.
ERRORS = "(OverflowError, ValueError, ZeroDivisionError)"


class Missing:
    """Stands for an argument that was not given."""

    def __repr__(self) -> str:
        return "missing"


MISSING, MISS = Missing(), object()


class Conditions:
    """The conditions under which arguments fit, and the lines that take them apart."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.values: dict[str, Any] = {"ndarray": np.ndarray, "MISSING": MISSING}
        self.lines: list[str] = []
        #: How a leaf of a container is reached, by its name: for the program's own module.
        self.unpack: list[str] = []

    def held(self, value: Any) -> str:
        """Return a name for a value that something must be."""
        name = f"_k{len(self.values)}"
        self.values[name] = value
        return name

    def fit(self, expression: str, tree: Any, names: dict[int, str], symbols: Any) -> None:
        """Ask that what ``expression`` gives looks as ``tree`` does, without recursion."""
        stack = [(expression, tree)]
        while stack:
            text, node = stack.pop()
            if type(node) is Static:
                self.parts.append(f"{self.held(partial(alike, node.value))}({text})")
                continue
            below = children(node)
            if below is None:
                self.fit_leaf(text, node, next(symbols), names)
                continue
            kind = self.held(type(node))
            self.parts.append(f"type({text}) is {kind}")
            entries = []
            for k, (label, child) in enumerate(below):
                if label.startswith("."):
                    reached = f"{text}{label}"
                elif isinstance(node, dict):
                    key = list(node)[k]
                    plain = isinstance(key, str | int | float)
                    reached = f"{text}[{repr(key) if plain else self.held(key)}]"
                else:
                    reached = f"{text}[{k}]"
                entries.append((reached, child))
            if isinstance(node, dict):
                self.parts.append(f"list({text}) == {self.held(list(node))}")
            elif isinstance(node, list | tuple):
                self.parts.append(f"len({text}) == {len(node)}")
            stack.extend(reversed(entries))

    def fit_leaf(self, text: str, leaf: Any, symbol: Any, names: dict[int, str]) -> None:
        """Ask that a leaf is of the kind that it was."""
        kind = type(leaf)
        if symbol is None:
            if kind in (str, bytes):
                self.parts.append(f"type({text}) is {self.held(kind)}")
                self.parts.append(f"{text} == {self.held(leaf)}")
            else:
                self.parts.append(f"{text} is {self.held(leaf)}")
            return
        name = names[id(symbol)]
        given = text
        if not text.isidentifier():
            self.parts.append(f"type({name} := {text}) is {self.kind(kind)}")
            if name != by_name(text):
                self.unpack.append(f"{name} = {by_name(text)}")
            given = name
        else:
            self.parts.append(f"type({text}) is {self.kind(kind)}")
        if kind is np.ndarray:
            dtype = self.held(leaf.dtype)
            self.parts.append(f"({given}.dtype is {dtype} or {given}.dtype == {dtype})")
            self.parts.append(f"{given}.shape == {leaf.shape}")
        if kind is np.float64:
            self.lines.append(f"{name} = float({given})")
            self.unpack.append(f"{name} = float({given})")
        elif name != given:
            self.lines.append(f"{name} = {given}")
            self.unpack.append(f"{name} = {given}")

    def kind(self, kind: type) -> str:
        """Return the name of a type."""
        if kind is np.ndarray:
            return "ndarray"
        return kind.__name__ if kind in (float, int, bool, complex) else self.held(kind)


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """Return the parameters if each has a name of its own, which the program does not use."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) or is_reserved(p.name) for p in found):
        return None
    return found


def takes_words(function: Callable[..., Any]) -> bool:
    """True if a function may take arguments by name."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.kind not in (p.VAR_POSITIONAL, p.POSITIONAL_ONLY) for p in found)


def by_name(text: str) -> str:
    """Return how something is reached in a module, where options are parameters."""
    return re.sub(r"options\['(\w+)'\]", r"\1", text)


class Head:
    """How a program is called: the parameters, and what they have to be."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        symbols: Sequence[Any],
        names: dict[int, str],
    ) -> None:
        self.conditions = conditions = Conditions()
        each = iter(symbols)
        found = parameters_of(function)
        if found is None:
            first = [f"x{k}" for k in range(len(args))]
            options = ["**options"] if takes_words(function) else []
            slash = ["/"] if first else []
            self.parameters = ", ".join(
                ["self", *(f"{n}=MISSING" for n in first), *slash, "*rest", *options]
            )
            self.passed = ", ".join([*first, "*rest", *options])
            self.shown = [*first, *(["*"] if kwargs else []), *kwargs]
            self.names = ["self", *first, "rest", "options"]
            conditions.parts.append("not rest")
            if options:
                conditions.parts.append(f"list(options) == {conditions.held(list(kwargs))}")
            trees = dict(zip(first, args, strict=True))
            trees |= {f"options[{key!r}]": tree for key, tree in kwargs.items()}
        else:
            first = [p.name for p in found if p.kind != p.KEYWORD_ONLY]
            bare = sum(p.kind == p.POSITIONAL_ONLY for p in found)
            only = [p.name for p in found if p.kind == p.KEYWORD_ONLY]
            star = ["*"] if only else []
            trees = dict(zip(first, args, strict=False)) | kwargs
            spelled = [f"{n}=MISSING" for n in first]
            spelled[bare:bare] = ["/"] if bare else []
            self.parameters = ", ".join(["self", *spelled, *star, *(f"{n}=MISSING" for n in only)])
            self.passed = ", ".join([*first, *(f"{n}={n}" for n in only)])
            self.names = ["self", *first, *only]
            named = [n for n in only if n in trees]
            self.shown = [n for n in first if n in trees] + star * bool(named) + named
            conditions.parts += [f"{n} is MISSING" for n in (*first, *only) if n not in trees]
        for text, tree in trees.items():
            conditions.fit(text, tree, names, each)


#: What the core of a program raises in the place of what cannot be returned there.
RAISES = {OTHER: "raise IndexError", CAREFUL: "raise FloatingPointError"}


def jitted(source: Source, given: dict[str, Any]) -> tuple[Source, dict[str, Any]]:
    """Return a source whose lines call a core that numba compiles, and what it calls by name.

    Arrays are arguments of the core: numba would keep a copy of what it finds around it.
    """
    import numba

    arrays = {k: v for k, v in {**given, **source.constants}.items() if type(v) is np.ndarray}
    rest = {k: v for k, v in {**given, **source.constants}.items() if k not in arrays}
    inner = [k for k in source.captured if k not in arrays]
    parameters = ", ".join([*source.parameters, *arrays, *inner])
    lines = [with_exit(line, RAISES) for line in source.lines]
    outs = [f"out{k}" for k in range(len(source.result))]
    texts = "".join(f"{text}, " for text in source.result)
    text = "\n".join(
        [f"def core({parameters}):", *(f"    {x}" for x in lines), f"    return ({texts})"]
    )
    core = numba.njit(boundscheck=True)(closed(text, "core", {**rest, "np": np, "math": math}))
    body = [
        "try:",
        f"    {', '.join(outs)}, = _core({parameters})",
        f"except IndexError: {OTHER}",
        f"except (FloatingPointError, *{ERRORS}): {CAREFUL}",
    ]
    return replace(source, lines=body, result=outs, raises=False, constants=arrays), {"_core": core}


def entry(
    head: Head, source: Source, result: str, given: dict[str, Any], around: Around
) -> FunctionType:
    """Return the function of a class that runs the program.

    Parameters
    ----------
    given : what the source calls by name besides its constants
    around : what has to be as it was around the function
    """
    conditions, passed = head.conditions, head.passed
    pieces: list[str] = []
    if len(source.lines) > LINES:
        found = cut(source, result)
        pieces, source = found.parts, found.source
    parts = [*conditions.parts, *around.conditions]
    body = [*conditions.lines, *source.lines, f"return {result}"]
    fails = {OTHER: f"return again(self, {passed})", CAREFUL: f"return careful(self, {passed})"}
    body = [with_exit(line, fails) for line in body]
    if source.guarded:
        body = ["try:", *(f"    {line}" for line in body)]
        errors = "Exception" if source.catches else ERRORS
        body += [f"except {errors}:", f"    return careful(self, {passed})"]
    text = "\n".join(
        [
            f"def call({head.parameters}):",
            f"    if {' and '.join(parts) or 'True'}:",
            *(f"        {line}" for line in body),
            f"    return again(self, {passed})",
        ]
    )
    values = {**given, **source.constants, **conditions.values, **around.values}
    for name, module in MODULES.items():
        if "." not in name and around.space.get(name) is not module:
            values[name] = module
    for name in set(re.findall(r"[A-Za-z]\w*", text)) & BUILTINS.keys():
        values[name] = BUILTINS[name]
    values |= {name: CALLED[name] for name in source.called}
    values |= {
        f"part{k}": closed(piece, f"part{k}", around_part(values, piece))
        for k, piece in enumerate(pieces)
    }
    values |= {"again": None, "careful": None}
    return closed(text, "call", values, around.cells, around.space)


def around_part(values: dict[str, Any], text: str) -> dict[str, Any]:
    """Return what a part of a program calls by name."""
    names = set(re.findall(r"[A-Za-z_]\w*", text))
    found = {k: v for k, v in values.items() if k in names}
    found |= {k: v for k, v in MODULES.items() if k in names}
    return found | {k: v for k, v in BUILTINS.items() if k in names}


BUILTINS = {k: v for k, v in vars(builtins).items() if not k.startswith("_") and callable(v)}


def closed(
    text: str,
    name: str,
    values: dict[str, Any],
    cells: dict[str, Any] | None = None,
    space: dict[str, Any] | None = None,
) -> FunctionType:
    """Return the function in ``text``, for which ``values`` are closure variables.

    ``cells`` are closure variables whose cells are given, ``space`` its globals.
    """
    inner = "\n".join(f"    {line}" for line in text.splitlines())
    scope: dict[str, Any] = {}
    cells = cells or {}
    code = f"def make({', '.join([*values, *cells])}):\n{inner}\n    return {name}"
    names = {"__builtins__": builtins} if space is None else space
    exec(compile(code, f"<lagrad {name}>", "exec"), names, scope)
    made: FunctionType = scope["make"](**values, **dict.fromkeys(cells))
    return with_cells(made, cells) if cells else made


def with_values(function: FunctionType, **values: Any) -> FunctionType:
    """Return the function with other values of some closure variables."""
    return with_cells(function, {name: CellType(value) for name, value in values.items()})


def with_cells(function: FunctionType, cells: dict[str, Any]) -> FunctionType:
    """Return the function with other cells of some closure variables."""
    names = function.__code__.co_freevars
    closure = tuple(
        cells.get(name, cell) for name, cell in zip(names, function.__closure__ or (), strict=True)
    )
    made = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, closure
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made
