"""The objects that a function reaches: arrays, containers and callables.

A part is *entered* once: it says what it holds, and what must be checked. It is copied only if it
leads to a stand-in: its ``shell`` is made first, empty if it can be filled later, so that parts
may hold each other.
"""

from __future__ import annotations

import functools
from collections import defaultdict, deque
from types import MethodType
from typing import Any, TypeAlias

from lagrad.compile.reads import MISSING, content, items, namespace, pairs

#: Who asks: `lagrad.compile.captured.Walk` and `Copies`, which stand above this file.
Walk: TypeAlias = Any
Copies: TypeAlias = Any


class Part:
    """An object that is reached; by itself one that is checked by identity alone.

    Attributes
    ----------
    name : str
        The path to it, as the user would write it.
    held : list of (Part, bool)
        The parts that it holds, and whether a copy of it can hold copies of them.
    copy : object
    fillable : bool
        It can be made before what it holds.
    alterable : bool
        Code may write to it, and is to write to a copy.
    """

    fillable = True
    alterable = False

    def __init__(self, value: Any, name: str) -> None:
        self.value, self.name = value, name
        self.held: list[tuple[Part, bool]] = []
        self.copy: Any = MISSING

    def enter(self, walk: Walk) -> None:
        """Follow what the object holds."""

    def shell(self, new: Copies) -> Any:
        """Return the copy, empty if it can be filled later."""

    def fill(self, new: Copies) -> None:
        """Put what it holds into the copy."""


class Array(Part):
    """An array, for which there may be a stand-in."""

    @property
    def numeric(self) -> bool:
        """True for floats, complex numbers, integers and truth values."""
        return self.value.dtype.kind in "fciub"

    def enter(self, walk: Walk) -> None:
        if self.value.dtype.kind == "O":
            walk.check("items", self.value, None, items(self.value), f"the entries of {self.name}")
            for k, x in enumerate(items(self.value)):
                walk.follow(self, x, path(self.name, f"[{k}]"), copied=False)
        elif not self.numeric:
            walk.by_content(self)


class Content(Part):
    """What is compared with what it was: sparse arrays, subclasses of arrays, bytes."""

    def enter(self, walk: Walk) -> None:
        walk.by_content(self)


class Closed(Part):
    """What a class of a library keeps inside: its own code reads it, under names of its own."""

    def enter(self, walk: Walk) -> None:
        for key, x in namespace(self.value).items():
            walk.check("attribute", self.value, key, x, path(self.name, f".{key}"))
            walk.follow(self, x, path(self.name, f".{key}"), copied=False)


class View(Part):
    """The keys, values or items of a dict."""

    def enter(self, walk: Walk) -> None:
        walk.follow(self, self.value.mapping, self.name, copied=False)


class Through(Part):
    """A wrapper of a library that is never copied, but holds a function of the user's."""

    def enter(self, walk: Walk) -> None:
        f = namespace(self.value)
        walk.follow(self, f.get("__wrapped__", f.get("pyfunc")), self.name, copied=False)


class Getter(Part):
    """An ``operator.attrgetter`` or ``methodcaller``: it names attributes, as code does."""

    def enter(self, walk: Walk) -> None:
        for x in self.value.__reduce__()[1]:
            if type(x) is str:
                walk.names.update(x.split("."))
            walk.follow(self, x, self.name, copied=False)


class Variable(Part):
    """A context variable, whose value may be another in each context."""

    def enter(self, walk: Walk) -> None:
        x = self.value.get(MISSING)
        walk.check("context", self.value, None, x, f"the context variable {self.value.name}")
        walk.follow(self, x, self.value.name, copied=False)


class Declared(Part):
    """A system of lagrad's, or one of its equations: what was declared in it, which is not copied.

    What it remembers of earlier solutions is no part of what it says.
    """

    def enter(self, walk: Walk) -> None:
        held = namespace(self.value)
        for name in ("inputs", "data", "equations", "starts", "unknowns", "function"):
            walk.follow(self, held.get(name), path(self.name, f".{name}"), copied=False)


# -- containers ----------------------------------------------------------------------------------


class List(Part):
    """A list or deque."""

    alterable = True

    def enter(self, walk: Walk) -> None:
        self.entries = items(self.value)
        walk.check("items", self.value, None, self.entries, f"the entries of {self.name}")
        for k, x in enumerate(self.entries):
            walk.follow(self, x, path(self.name, f"[{k}]"))

    def shell(self, new: Copies) -> Any:
        return [] if type(self.value) is list else deque(maxlen=self.value.maxlen)

    def fill(self, new: Copies) -> None:
        self.copy.extend(map(new.of, self.entries))
        new.made(items, self.copy, f"the entries of {self.name}")


class Set(Part):
    """A set."""

    alterable = True

    def enter(self, walk: Walk) -> None:
        walk.by_content(self)
        self.entries = tuple(self.value)
        for x in self.entries:
            walk.follow(self, x, path(self.name, "{...}"))

    def shell(self, new: Copies) -> Any:
        return set()

    def fill(self, new: Copies) -> None:
        self.copy.update(map(new.of, self.entries))
        new.made(content, self.copy, f"the entries of {self.name}")


class Dict(Part):
    """A dict, or one of the standard library's; a read-only view of one is not copied."""

    def enter(self, walk: Walk) -> None:
        both = pairs(self.value)
        half = len(both) // 2
        self.entries = tuple(zip(both[:half], both[half:], strict=True))
        walk.check("pairs", self.value, None, both, f"the entries of {self.name}")
        copied = self.alterable = isinstance(self.value, dict)
        for key, x in self.entries:
            walk.follow(self, key, path(self.name, ".keys()"), copied)
            walk.follow(self, x, path(self.name, f"[{brief(key)}]"), copied)

    def shell(self, new: Copies) -> Any:
        if type(self.value) is defaultdict:
            return defaultdict(self.value.default_factory)
        return type(self.value)()

    def fill(self, new: Copies) -> None:
        for key, x in self.entries:
            self.copy[new.of(key)] = new.of(x)
        new.made(pairs, self.copy, f"the entries of {self.name}")


class Tuple(Part):
    """A tuple."""

    fillable = False

    def enter(self, walk: Walk) -> None:
        for k, x in enumerate(self.value):
            walk.follow(self, x, path(self.name, f"[{k}]"))

    def shell(self, new: Copies) -> Any:
        return tuple(map(new.of, self.value))


# -- callables -----------------------------------------------------------------------------------


class Method(Part):
    """A bound method, also of an array or container."""

    fillable = False

    def enter(self, walk: Walk) -> None:
        method = self.value
        if type(method) is MethodType:
            owner = self.name.rpartition(".")[0]
            walk.follow(self, method.__self__, owner or "self")
            walk.follow(self, method.__func__, self.name)
        else:
            walk.alters = True
            walk.follow(self, method.__self__, f"{self.name}.__self__")

    def shell(self, new: Copies) -> Any:
        of = new.of(self.value.__self__)
        if type(self.value) is MethodType:
            return MethodType(new.of(self.value.__func__), of)
        return getattr(of, self.value.__name__)


class Partial(Part):
    """A ``functools.partial``."""

    fillable = False

    def enter(self, walk: Walk) -> None:
        f = self.value
        if f.keywords:
            walk.check("pairs", f.keywords, None, pairs(f.keywords), f"keywords of {self.name}")
        walk.follow(self, f.func, path(self.name, ".func"))
        for k, x in enumerate(f.args):
            walk.follow(self, x, path(self.name, f".args[{k}]"))
        for key, x in f.keywords.items():
            walk.follow(self, x, f"{key}_default")

    def shell(self, new: Copies) -> Any:
        f = self.value
        keywords = {key: new.of(x) for key, x in f.keywords.items()}
        made = functools.partial(new.of(f.func), *map(new.of, f.args), **keywords)
        made.__dict__.update(f.__dict__)
        return made


class Transform(Part):
    """One of lagrad's transforms of a function of the user's."""

    def enter(self, walk: Walk) -> None:
        for key in ("__wrapped__", "options"):
            walk.follow(self, namespace(self.value).get(key), self.name)

    def shell(self, new: Copies) -> Any:
        return object.__new__(type(self.value))

    def fill(self, new: Copies) -> None:
        held = namespace(self.value)
        self.copy.__dict__.update({key: new.of(x) for key, x in held.items()})


# -- words ---------------------------------------------------------------------------------------


def path(name: str, step: str) -> str:
    """Return the way to a part; nested without bound, it has an end."""
    return name + step if len(name) < 80 else name


def brief(key: Any) -> str:
    """Return a key of a dict in words."""
    return repr(key) if type(key) in (str, int, float, bool) else "..."
