"""What a function reads from outside of its arguments: closure cells, defaults, globals, objects.

A compiled function was written down once, and must know when what it read then has changed. An
*array* becomes an input that is held by reference: in a copy of the function a stand-in takes its
place, so that whatever is computed from it is written down too. Everything else is *checked*: the
same object as before in the same place. The walk starts at the function and follows what code
names. Arrays that are only reached through what is never copied (a class as a value, an import
inside of a function) are checked by content. What objects of other libraries keep inside (random
generators, files) is not seen.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from types import (
    CellType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

from lagrad.compile.kinds import ATOMS, part_of
from lagrad.compile.objects import Class, Namespace
from lagrad.compile.parts import (
    Array,
    Dict,
    Part,
    Set,
)
from lagrad.compile.reads import (
    MISSING,
    WRITABLE,
    Check,
    alike,
    content,
    layout,
    namespace,
    owner,
)
from lagrad.status import TraceError

#: How many objects are entered. Each costs a check at every call, so more are refused.
LIMIT = 10_000


#: Who names these catches what NumPy raises about numbers, if it is told to.
ASKED = frozenset({"FloatingPointError", "RuntimeWarning"})


class Captured:
    """What a function reads from outside of its arguments.

    Attributes
    ----------
    function : callable
        A copy that reads the stand-ins, and writes to copies; the function itself if it does
        neither.
    arrays : list of (array, name)
        What the stand-ins stand for, in the order in which they were made.
    checks : list of Check
        What must be as it was; otherwise the function may compute something else.
    catches : bool
        Code may go on where something was raised.
    """

    def __init__(self, f: Callable[..., Any], walk: Walk, copies: Copies) -> None:
        self.function = copies.of(f)
        self.arrays = [(part.value, part.name) for part in copies.arrays]
        self.checks, self.catches = walk.checks, walk.catches
        self._f, self._filled = f, copies.filled

    def changed(self) -> Check | None:
        """Return the first check that does not hold any more, or None."""
        return next((check for check in self.checks if not check.holds()), None)

    def verify(self) -> None:
        """Refuse what a run of `function` has changed outside of itself.

        Raises
        ------
        TraceError
            Naming what was changed: a compiled function does not repeat a side effect.
        """
        own = (c.name for c in self.checks if c.kind in WRITABLE and not c.holds())
        copies = (name for read, copy, was, name in self._filled if not alike(read(copy), was))
        what = next(own, None) or next(copies, None)
        if what is not None:
            raise TraceError(
                f"{name_of(self._f)} changes {what} while it runs, and "
                "a compiled function does not repeat such a side effect. Return the value instead, "
                "and let the caller keep it; if it is a memory of earlier results, call the "
                "function once before it is compiled"
            )


def captured(f: Callable[..., Any], stand_in: Callable[[Any, str], Any]) -> Captured:
    """Return what ``f`` reads from outside of its arguments, and a copy that reads stand-ins.

    Parameters
    ----------
    f : callable
        Neither it nor anything that it reads is changed.
    stand_in : function
        ``stand_in(array, name)`` returns what is to be read in the place of an array; it is asked
        once for each array of floats, complex numbers, integers or truth values.

    Raises
    ------
    TraceError
        If code that is reached sets a global or a variable of a closure around it, or if there
        are too many objects to be checked.

    Examples
    --------
    >>> import numpy as np
    >>> def scaled(a):
    ...     W = np.array([a, 1.0])
    ...     return lambda x: W * x
    >>> found = captured(scaled(3.0), lambda array, name: 10 * array)
    >>> found.function(2.0).tolist()
    [60.0, 20.0]
    >>> [name for array, name in found.arrays], found.changed()
    (['W'], None)
    """
    walk = Walk(f)
    return Captured(f, walk, Copies(walk, stand_in))


class Walk:
    """All objects that a function reaches, each once, and what has to be checked."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.checks: list[Check] = []
        self.order: list[Part] = []
        #: Whether code may write to what it reads.
        self.alters = False
        #: Whether code may go on where something was raised.
        self.catches = False
        #: What code names, and the parts whose attributes may be meant by it.
        self.names: set[str] = set()
        self.namespaces: list[Namespace] = []
        #: What was found in each dict of globals and in each cell: it is what a copy reads.
        self.globals: dict[int, dict[str, Any]] = {}
        self.cells: dict[int, Any] = {}
        self._parts: dict[int, Part] = {}
        self._behind: dict[type, Class] = {}
        self._above: dict[type, list[type]] = {}
        self._seen: set[tuple[int, Any]] = set()
        self._package = package_of(f)
        self.root = Part(None, "")
        self.follow(self.root, f, name_of(f))
        entered, known = 0, -1
        while known < len(self.names):
            known = len(self.names)
            for space in self.namespaces:
                space.expand(self)
            while entered < len(self.order):
                part = self.order[entered]
                part.enter(self)
                if isinstance(part, Namespace):
                    part.expand(self)
                entered += 1
        if self.catches and not self.names.isdisjoint(ASKED):
            raise TraceError(
                "it catches what np.errstate raises, and a program asks no number. Ask np.isfinite"
            )

    def part(self, x: Any) -> Part | None:
        """Return what was made of an object."""
        return self._parts.get(id(x))

    # -- what parts call -------------------------------------------------------------------------

    def check(self, kind: str, holder: Any, key: Any, expected: Any, name: str) -> None:
        """Demand that a place holds what it holds now."""
        self.checks.append(Check(kind, holder, key, expected, name))

    def by_content(self, part: Part) -> None:
        """Demand that an object holds equal values."""
        what = f"the entries of {part.name}"
        self.check("content", part.value, None, content(part.value), what)

    def check_once(self, kind: str, holder: Any, key: Any, expected: Any, name: str) -> None:
        """Demand it of a place that several parts may read."""
        if (id(holder), key) not in self._seen:
            self._seen.add((id(holder), key))
            self.check(kind, holder, key, expected, name)

    def follow(self, holder: Part, x: Any, name: str, copied: bool = True) -> None:
        """Note that a part holds an object; ``copied`` if a copy of the part can hold another."""
        if type(x) in ATOMS:
            return
        part = self._parts.get(id(x))
        if part is None:
            part = part_of(self, x, name)
            if part is None:
                return
            if len(self.order) >= LIMIT:
                raise TraceError(
                    f"more than {LIMIT} objects around the function may be read by it, the last of "
                    f"them {name}; all would be checked at every call. Hand them over as an "
                    "argument, or as one array"
                )
            self._parts[id(x)] = part
            self.order.append(part)
        holder.held.append((part, copied))

    def behind(self, holder: Namespace, cls: type) -> Class:
        """Return the class behind an object, of which a copy of the object may have another."""
        part = self._behind.get(cls)
        if part is None:
            part = self._behind[cls] = Class(cls, cls.__name__, self.above(cls), used=True)
            self.order.append(part)
        holder.held.append((part, holder.copied))
        return part

    def variables(self, f: Any, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
        """Yield the globals of a function that there are, each checked once."""
        held, absent = f.__globals__, []
        known = self.globals.setdefault(id(held), {})
        for name in names:
            if name not in known:
                x = known[name] = held.get(name, MISSING)
                if x is MISSING:
                    absent.append(name)
                else:
                    where = os.path.basename(f.__code__.co_filename)
                    self.check("global", held, name, x, f"the global {name} of {where}")
            if known[name] is not MISSING:
                yield name, known[name]
        if absent:
            self.check("no global", held, frozenset(absent), True, "a new global")

    def imported(self, holder: Part, name: str, package: str | None) -> None:
        """Follow a module that is imported where the function runs."""
        head = name.partition(".")[0]
        for full in dict.fromkeys((head, name, f"{package}.{name}")):
            module = sys.modules.get(full)
            if module is not None and self.is_users(module):
                self.check_once("global", sys.modules, full, module, f"the module {full}")
                self.follow(holder, module, full, copied=False)
        if head not in sys.modules:
            self.check("no global", sys.modules, frozenset({head}), True, f"the module {head}")

    # -- whose is it -----------------------------------------------------------------------------

    def owner(self, filename: str) -> str:
        """Return "" for the user's code, the folder of an installed package, or "library"."""
        whose = owner(filename)
        return "" if whose == self._package else whose

    def is_users(self, module: ModuleType) -> bool:
        """True for a module that the user wrote."""
        file = namespace(module).get("__file__")
        if isinstance(file, str):
            return not self.owner(file)
        name = str(namespace(module).get("__name__"))
        return name.partition(".")[0] not in sys.stdlib_module_names

    def above(self, cls: type) -> list[type]:
        """Return the classes that an object of ``cls`` inherits from, if the user wrote ``cls``."""
        if cls not in self._above:
            module = {k: sys.modules.get(k.__module__) for k in cls.__mro__}
            own = [k for k, m in module.items() if m is None or self.is_users(m)]
            self._above[cls] = own if cls in own else []
        return self._above[cls]


class Copies:
    """Copies of what lies between a function and the arrays that it reaches."""

    def __init__(self, walk: Walk, stand_in: Callable[[Any, str], Any]) -> None:
        self._walk = walk
        self._cells: dict[int, CellType] = {}
        self._globals: dict[int, dict[str, Any]] = {}
        #: How a copy is read, the copy, what it was filled with, and its name.
        self.filled: list[tuple[Callable[[Any], Any], Any, Any, str]] = []
        parts = (walk.root, *walk.order)
        reached = reachable([walk.root], lambda part: [x for x, copied in part.held if copied])
        kept = [x for part in parts for x, copied in part.held if not copied]
        exposed = reachable(kept, lambda part: [x for x, _ in part.held])
        found: list[Part] = [p for p in walk.order if isinstance(p, Array) and p.numeric]
        for part in found:
            if part in exposed:
                walk.by_content(part)
        self.arrays: list[Part] = [part for part in found if part in reached]
        for part in self.arrays:
            part.copy = stand_in(part.value, part.name)
            walk.check("layout", part.value, None, layout(part.value), f"the shape of {part.name}")
        holders: dict[Part, list[Part]] = {}
        for part in reached:
            for x, copied in part.held:
                if copied:
                    holders.setdefault(x, []).append(part)
        # A side effect shall meet a copy, so that it can be refused and leaves nothing behind.
        altered = [part for part in reached if part.alterable and part in holders]
        start = self.arrays + (altered if walk.alters else [])
        wanted = reachable(start, lambda part: holders.get(part, []))
        made = [part for part in walk.order if part in wanted and part in reached]
        self._make([part for part in made if part.copy is MISSING])

    def _make(self, parts: list[Part]) -> None:
        """Make the copies: first what can be filled later, then the rest, its contents first."""
        for part in sorted(parts, key=lambda part: not isinstance(part, Class)):
            if part.fillable:
                part.copy = part.shell(self)
        stack = [part for part in parts if not part.fillable]
        wanted, opened = set(stack), set[Part]()
        while stack:
            part = stack[-1]
            if part not in opened:
                opened.add(part)
                stack += [x for x, _ in part.held if x in wanted and x not in opened]
                continue
            stack.pop()
            if part.copy is MISSING:
                part.copy = part.shell(self)
        # Keys and members are filled before they are hashed.
        for part in sorted(parts, key=lambda part: isinstance(part, Dict | Set)):
            part.fill(self)
        for number, cell in self._cells.items():
            if self._walk.cells[number] is not MISSING:
                cell.cell_contents = self.of(self._walk.cells[number])
        for number, made in self._globals.items():
            known = self._walk.globals[number].items()
            made.update({name: self.of(x) for name, x in known if x is not MISSING})

    # -- what parts call -------------------------------------------------------------------------

    def of(self, x: Any) -> Any:
        """Return the copy of an object, or the object if there is none."""
        part = self._walk.part(x)
        return x if part is None or part.copy is MISSING else part.copy

    def cell(self, cell: CellType) -> CellType:
        """Return the cell of the copies in the place of a cell; it is filled at the end."""
        return self._cells.setdefault(id(cell), CellType())

    def globals(self, f: Any) -> dict[str, Any]:
        """Return the globals of the copy of a function, one dict for each module."""
        held = f.__globals__
        if id(held) not in self._walk.globals:
            return held  # Those of a library are not looked at.
        if id(held) not in self._globals:
            self._globals[id(held)] = dict(held)
        return self._globals[id(held)]

    def made(self, read: Callable[[Any], Any], copy: Any, name: str) -> None:
        """Remember what a copy was filled with."""
        self.filled.append((read, copy, read(copy), name))


def reachable(start: list[Part], step: Callable[[Part], list[Part]]) -> dict[Part, None]:
    """Return the parts that can be reached by steps, in order."""
    found = dict.fromkeys(start)
    queue = list(found)
    for part in queue:
        for x in step(part):
            if x not in found:
                found[x] = None
                queue.append(x)
    return found


def package_of(f: Any) -> str:
    """Return the folder of the installed package that a function is from: it counts as the user's.

    A function may be wrapped in others; a circle of wrappers ends somewhere.
    """
    for _ in range(100):
        if type(f) is FunctionType:
            return owner(f.__code__.co_filename).replace("library", "")
        if type(f) is MethodType:
            f = f.__func__
        elif type(f) is functools.partial:
            f = f.func
        else:
            f = namespace(f).get("__wrapped__", namespace(type(f)).get("__call__"))
    return ""


def name_of(f: Any) -> str:
    """Return what a callable is called."""
    if type(f) in (FunctionType, MethodType):
        return str(f.__name__)
    return str(namespace(f).get("__name__", "f"))
