"""The objects that a function reaches by names: modules, functions, classes and their objects.

Of what they have, that counts which code names.
"""

from __future__ import annotations

import functools
import os
import sys
from abc import ABCMeta
from collections import OrderedDict, defaultdict, deque
from types import (
    FunctionType,
    MemberDescriptorType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any

from lagrad.compile.parts import Copies, Part, Walk, path
from lagrad.compile.reads import (
    MISSING,
    attributes,
    in_cell,
    in_slot,
    items,
    namespace,
    pairs,
    reads,
)
from lagrad.status import TraceError

#: Code that names one of these may read any attribute.
REFLECTION = frozenset({"getattr", "hasattr", "vars", "dir", "__dict__", "attrgetter"})
#: Special methods that do not run when an object is used.
UNUSED = frozenset(
    {"__init__", "__new__", "__post_init__", "__repr__", "__str__", "__del__", "__init_subclass__"}
    | {"__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__set_name__"}
)
ANNOTATIONS = "__annotate__" if sys.version_info >= (3, 14) else "__annotations__"


class Namespace(Part):
    """What has attributes, of which those count that code names."""

    copied = True

    def __init__(self, value: Any, name: str) -> None:
        super().__init__(value, name)
        self.known: set[str] = set()
        self.attributes: dict[str, Any] = {}

    def expand(self, walk: Walk) -> None:
        """Follow the attributes that code has named since last time."""
        fresh = walk.names - self.known
        if fresh:
            self.known |= fresh
            self.look(walk, fresh)

    def look(self, walk: Walk, names: set[str]) -> None:
        """Check and follow the attributes called ``names``; check that the others are not there."""
        held = namespace(self.value)
        found = {name: held.get(name, MISSING) for name in sorted(names)}
        for name, x in found.items():
            if x is not MISSING:
                self.attributes[name] = x
                walk.check("attribute", self.value, name, x, f"the attribute {name} of {self.name}")
                walk.follow(self, x, path(self.name, f".{name}"), self.copied)
        absent = frozenset(name for name, x in found.items() if x is MISSING)
        if absent:
            walk.check("no attribute", self.value, absent, True, f"a new attribute of {self.name}")

    def fill(self, new: Copies) -> None:
        held = dict(namespace(self.value)) | self.attributes
        self.copy.__dict__.update({key: new.of(x) for key, x in held.items()})
        new.made(attributes, self.copy, f"the attributes of {self.name}")


class Module(Namespace):
    """A module of the user's."""

    alterable = True

    def enter(self, walk: Walk) -> None:
        walk.namespaces.append(self)

    def shell(self, new: Copies) -> Any:
        return ModuleType(self.value.__name__)


class Function(Namespace):
    """A function written in Python."""

    def enter(self, walk: Walk) -> None:
        f = self.value
        code = f.__code__
        whose = walk.owner(code.co_filename)
        held = [in_cell(cell) for cell in f.__closure__ or ()]
        walk.cells.update(zip(map(id, f.__closure__ or ()), held, strict=True))
        if whose == "library":
            # Its own data stay its own; what the user gave to a decorator or factory counts.
            for x in held if "primitive" not in f.__dict__ else ():
                if callable(x):
                    walk.follow(self, x, self.name)
            walk.follow(self, f.__dict__.get("registry"), self.name, copied=False)
            return
        q = f.__qualname__
        walk.check("slot", f, "__code__", code, f"the code of {q}")
        for name, cell, x in zip(code.co_freevars, f.__closure__ or (), held, strict=True):
            if name != "__class__":
                walk.check_once("cell", cell, None, x, f"the closure variable {name} of {q}")
                walk.follow(self, x, name)
        if f.__defaults__:
            walk.check("slot", f, "__defaults__", f.__defaults__, f"the defaults of {q}")
            last = code.co_varnames[: code.co_argcount][-len(f.__defaults__) :]
            for name, x in zip(last, f.__defaults__, strict=False):
                walk.follow(self, x, f"{name}_default")
        if f.__kwdefaults__:
            walk.check("slot", f, "__kwdefaults__", f.__kwdefaults__, f"the defaults of {q}")
            both = pairs(f.__kwdefaults__)
            walk.check("pairs", f.__kwdefaults__, None, both, f"the defaults of {q}")
            for name, x in zip(both, both[len(both) // 2 :], strict=False):
                walk.follow(self, x, f"{name}_default")
        if whose:
            return
        read = reads(code)
        for what, name, line in read.writes:
            raise TraceError(
                f"{q} ({os.path.basename(code.co_filename)}:{line}) changes the {what} {name}, and "
                "a compiled function does not repeat such a side effect. Return the value instead, "
                "and let the caller keep it"
            )
        for name, x in walk.variables(f, read.variables):
            walk.follow(self, x, name)
        for name in read.imports:
            walk.imported(self, name, f.__globals__.get("__package__"))
        walk.names |= read.names
        walk.alters = walk.alters or read.alters
        walk.catches = walk.catches or read.catches
        walk.namespaces.append(self)

    def expand(self, walk: Walk) -> None:
        if namespace(self.value):
            super().expand(walk)

    def shell(self, new: Copies) -> Any:
        f = self.value
        cells = tuple(map(new.cell, f.__closure__ or ()))
        made = FunctionType(f.__code__, new.globals(f), f.__name__, None, cells)
        for name in ("__qualname__", "__module__", "__doc__", ANNOTATIONS):
            setattr(made, name, getattr(f, name))
        return made

    def fill(self, new: Copies) -> None:
        f, made = self.value, self.copy
        made.__defaults__ = f.__defaults__ and tuple(map(new.of, f.__defaults__))
        given = f.__kwdefaults__
        made.__kwdefaults__ = given and {name: new.of(x) for name, x in given.items()}
        super().fill(new)


class Class(Namespace):
    """A class of the user's: as a value, or (``used``) behind an object of it.

    Behind an object, a copy is a subclass whose methods read the stand-ins. A class as a value is
    never copied, since ``isinstance`` asks for that very class.
    """

    def __init__(self, value: Any, name: str, above: list[type], used: bool) -> None:
        super().__init__(value, name)
        self.above, self.used = above, used
        self.winners: dict[str, Any] = {}
        # A hook of the user's would see the subclass.
        hooked = any("__init_subclass__" in namespace(k) for k in above)
        self.copied = used and not hooked and type(value) in (type, ABCMeta)

    def enter(self, walk: Walk) -> None:
        walk.namespaces.append(self)
        bases = in_slot(self.value, "__mro__")
        if len(bases) > 2:
            walk.check_once("slot", self.value, "__mro__", bases, f"the bases of {self.name}")
        for k in self.above:
            walk.names.update(k.__dict__.get("__match_args__", ()))
            for name, x in tuple(k.__dict__.items()):
                special = name[:2] == "__" == name[-2:] and issubclass(type(x), FUNCTIONS)
                if special and not (self.used and name in UNUSED):
                    self.known.add(name)
                    self.found(walk, k, name)

    def look(self, walk: Walk, names: set[str]) -> None:
        for k in self.above:
            absent = frozenset(name for name in sorted(names) if not self.found(walk, k, name))
            if absent:
                what = f"a new attribute of {k.__qualname__}"
                walk.check("no attribute", k, absent, True, what)

    def found(self, walk: Walk, k: type, name: str) -> bool:
        """Check and follow an attribute of one of the classes, if it is there."""
        x = k.__dict__.get(name, MISSING)
        if x is MISSING:
            return False
        walk.check_once("attribute", k, name, x, f"the attribute {name} of {k.__qualname__}")
        first = self.winners.setdefault(name, x) is x
        for inner in insides(x):
            # Behind the first of a name are those that ``super()`` finds, in no copy.
            copied = self.copied and first and not issubclass(type(x), OPAQUE)
            walk.follow(self, inner, path(self.name, f".{name}"), copied)
        return True

    def shell(self, new: Copies) -> Any:
        cls = self.value
        own = {"__slots__": (), "__module__": cls.__module__, "__qualname__": cls.__qualname__}
        return type(cls)(cls.__name__, (cls,), own)

    def fill(self, new: Copies) -> None:
        for name, x in self.winners.items():
            changed = any(new.of(inner) is not inner for inner in insides(x))
            if changed and not issubclass(type(x), OPAQUE):
                setattr(self.copy, name, with_insides(x, new))
                if issubclass(type(x), CACHED):
                    self.copy.__dict__[name].__set_name__(self.copy, name)


class Instance(Namespace):
    """An object of a class of the user's, or a ``SimpleNamespace``."""

    def __init__(self, value: Any, name: str) -> None:
        super().__init__(value, name)
        cls = type(value)
        self.copied = self.alterable = constructible(cls)
        self.fillable = not issubclass(cls, tuple)
        slotted = [k for k in cls.__mro__ if "__slots__" in k.__dict__]
        inside = [item for k in slotted for item in tuple(k.__dict__.items())]
        self.slots = {name for name, x in inside if type(x) is MemberDescriptorType}
        # A cached property puts there what it computed, and that is no side effect.
        inside = [item for k in cls.__mro__[:-1] for item in tuple(k.__dict__.items())]
        self.later = {name for name, x in inside if issubclass(type(x), CACHED)}
        self.later -= namespace(value).keys()
        self.whole = hasattr(cls, "__dataclass_fields__")
        self.entries: tuple[Any, ...] = ()
        self.behind: Part | None = None

    def enter(self, walk: Walk) -> None:
        x, cls = self.value, type(self.value)
        walk.namespaces.append(self)
        if self.whole:
            self.all(walk)
        if walk.above(cls):
            walk.check("type", x, None, cls, f"the class of {self.name}")
            self.behind = walk.behind(self, cls)
        if issubclass(cls, dict):
            self.entries = pairs(x)
            walk.check("pairs", x, None, self.entries, f"the entries of {self.name}")
        elif issubclass(cls, list | tuple | deque):
            self.entries = items(x)
            walk.check("items", x, None, self.entries, f"the entries of {self.name}")
        for item in self.entries:
            walk.follow(self, item, path(self.name, "[...]"), self.copied)

    def all(self, walk: Walk) -> None:
        """Check and follow all attributes."""
        x, later = self.value, frozenset(self.later)
        self.whole = True
        walk.check("attributes", x, later, attributes(x, later), f"the attributes of {self.name}")
        for name, found in dict(namespace(x)).items():
            self.attributes[name] = found
            walk.follow(self, found, path(self.name, f".{name}"), self.copied)
        self.look_into_slots(walk, self.slots)
        self.not_yet(walk, self.later)

    def not_yet(self, walk: Walk, names: set[str]) -> None:
        """Check that cached properties have not been computed."""
        if names:
            what = f"a cached property of {self.name}"
            walk.check("not yet", self.value, frozenset(names), True, what)

    def expand(self, walk: Walk) -> None:
        if self.whole:
            return
        if REFLECTION.isdisjoint(walk.names):
            super().expand(walk)
        else:
            self.all(walk)

    def look(self, walk: Walk, names: set[str]) -> None:
        self.look_into_slots(walk, self.slots & names)
        self.not_yet(walk, self.later & names)
        super().look(walk, names - self.slots - self.later)

    def look_into_slots(self, walk: Walk, names: set[str]) -> None:
        """Check and follow what stands in slots."""
        for name in sorted(names - self.attributes.keys()):
            found = self.attributes[name] = in_slot(self.value, name)
            walk.check("slot", self.value, name, found, f"the attribute {name} of {self.name}")
            walk.follow(self, found, path(self.name, f".{name}"), self.copied)

    def shell(self, new: Copies) -> Any:
        cls = type(self.value)
        if self.behind is not None and self.behind.copy is not MISSING:
            cls = self.behind.copy
        if issubclass(cls, tuple):
            return tuple.__new__(cls, map(new.of, self.entries))
        return made_bare(cls)

    def fill(self, new: Copies) -> None:
        x, made = self.value, self.copy
        if issubclass(type(x), dict):
            half = len(self.entries) // 2
            for key, item in zip(self.entries[:half], self.entries[half:], strict=True):
                dict.__setitem__(made, new.of(key), new.of(item))
            new.made(pairs, made, f"the entries of {self.name}")
        elif issubclass(type(x), list):
            list.extend(made, map(new.of, self.entries))
            new.made(items, made, f"the entries of {self.name}")
        for name in self.slots:
            found = self.attributes.get(name, in_slot(x, name))
            if found is not MISSING:
                object.__setattr__(made, name, new.of(found))
        held = dict(namespace(x))
        held |= {name: found for name, found in self.attributes.items() if name in held}
        namespace(made).update({name: new.of(found) for name, found in held.items()})
        later, slots = frozenset(self.later), sorted(self.slots)

        def state(copy: Any) -> tuple[Any, ...]:
            return *attributes(copy, later), *(in_slot(copy, name) for name in slots)

        new.made(state, made, f"the attributes of {self.name}")


# -- classes -------------------------------------------------------------------------------------

#: What stands in the body of a class for a function.
FUNCTIONS = (FunctionType, staticmethod, classmethod, property)
CACHED = functools.cached_property
#: What holds functions and is never copied.
OPAQUE = (functools.partialmethod, functools.singledispatchmethod)


def insides(x: Any) -> tuple[Any, ...]:
    """Return what is to be followed of an entry in the body of a class."""
    kind = type(x)
    if issubclass(kind, staticmethod | classmethod):
        return (x.__func__,)
    if issubclass(kind, functools.partialmethod):
        return x.func, x.args, x.keywords
    if issubclass(kind, functools.singledispatchmethod):
        return (x.dispatcher,)
    if issubclass(kind, property):
        return tuple(f for f in (x.fget, x.fset) if f is not None)
    return (x.func,) if issubclass(kind, CACHED) else (x,)


def with_insides(x: Any, new: Copies) -> Any:
    """Return an entry of the body of a class, with copies inside."""
    kind = type(x)
    if issubclass(kind, staticmethod | classmethod):
        return kind(new.of(x.__func__))
    if issubclass(kind, property):
        return property(new.of(x.fget), new.of(x.fset), x.fdel, x.__doc__)
    return kind(new.of(x.func)) if issubclass(kind, CACHED) else new.of(x)


def made_bare(cls: type) -> Any:
    """Return an object of a class without running the user's code."""
    bases: tuple[Any, ...] = (OrderedDict, defaultdict, dict, list, tuple, SimpleNamespace, object)
    return next(k for k in bases if issubclass(cls, k)).__new__(cls)


def constructible(cls: type) -> bool:
    """True if a copy of an object of this class can be made attribute by attribute."""
    if hasattr(cls, "__del__"):
        return False  # What is released once must not be released twice.
    try:
        made_bare(cls)
    except TypeError:
        return False
    return True
