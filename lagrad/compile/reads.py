"""What a place outside of a function holds, what code names, and whose code it is.

A `Check` is plain data: where something was read, and what must be there. `reads` tells which
globals and attributes a code object names, what it imports, and which variables of others it
writes. `owner` tells the user's files from those of libraries.
"""

from __future__ import annotations

import dis
import os
import re
import sysconfig
from collections import OrderedDict, deque
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from lagrad.trace.tape import GALLERY, INTERNAL

# -- places --------------------------------------------------------------------------------------

#: What is in a place where nothing is.
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()


class Check(NamedTuple):
    """A place that is read, and what was found there.

    Attributes
    ----------
    kind : str
        A row of `PLACES`.
    holder : object
        The cell, dict, list, object or array that is looked at.
    key : object
        The name in it, or names; None where all of the holder counts.
    expected : object
        What must be found.
    name : str
        The place in words.
    """

    kind: str
    holder: Any
    key: Any
    expected: Any
    name: str

    def holds(self) -> bool:
        """True if the place holds the same object, or a number or string that equals it."""
        try:
            found = PLACES[self.kind](self.holder, self.key)
            return found is self.expected or alike(found, self.expected)
        except Exception:  # Whatever stands there now, it is not what was expected.
            return False


def alike(a: Any, b: Any) -> bool:
    """True for the same object, equal numbers and strings, and tuples of such."""
    if type(a) is tuple and type(b) is tuple:
        return len(a) == len(b) and all(map(same_value, a, b))
    return same_value(a, b)


def same_value(a: Any, b: Any) -> bool:
    """True for the same object, and for equal numbers and strings: -0.0 is not 0.0, NaN is NaN."""
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return False
    if kind in (float, complex):
        return repr(a) == repr(b)
    if kind in (int, bool, str, bytes, frozenset):
        return bool(a == b)
    return issubclass(kind, np.number | np.bool_) and a.tobytes() == b.tobytes()


def in_cell(cell: Any, _: Any = None) -> Any:
    """Return what a closure cell holds."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def namespace(x: Any) -> Any:
    """Return ``x.__dict__``, whatever the class makes of its attributes; {} if there is none."""
    try:
        return object.__getattribute__(x, "__dict__")
    except AttributeError:
        return {}


def in_slot(x: Any, name: str) -> Any:
    """Return what a slot of an object holds."""
    try:
        return object.__getattribute__(x, name)
    except AttributeError:
        return MISSING


def items(x: Any, _: Any = None) -> tuple[Any, ...]:
    """Return the entries of a list, tuple, deque or array of objects."""
    if type(x) is np.ndarray:
        return tuple(x.ravel().tolist())
    kind: Any = next(k for k in (list, tuple, deque) if issubclass(type(x), k))
    return tuple(kind.__iter__(x))


def pairs(x: Any, _: Any = None) -> tuple[Any, ...]:
    """Return the keys of a dict and then its values."""
    kind: Any = next(k for k in (OrderedDict, dict, type(x)) if issubclass(type(x), k))
    held = dict(kind.items(x))  # at once, since other threads may write to it
    return *held, *held.values()


def attributes(x: Any, skipped: frozenset[str] = frozenset()) -> tuple[Any, ...]:
    """Return the names of attributes of an object and then their values, all but some."""
    held = dict(namespace(x))
    return pairs({name: value for name, value in held.items() if name not in skipped})


def layout(array: Any, _: Any = None) -> tuple[Any, ...]:
    """Return the shape and dtype of an array: both can be set in place."""
    return *array.shape, array.dtype


def content(x: Any, _: Any = None) -> Any:
    """Return all that an array, sparse array, set or bytearray holds, to be compared."""
    if isinstance(x, np.ndarray):
        return str(x.dtype), str(x.shape), x.tobytes()
    if sp.issparse(x):
        x = x if x.format in FORMATS else x.tocoo()
        parts = [np.asarray(getattr(x, name)) for name in FORMATS[x.format]]
        return x.format, str(x.shape), *(found for part in parts for found in content(part))
    return frozenset(x) if isinstance(x, set) else bytes(x)


#: The arrays of the sparse formats; any other format is turned into coo.
FORMATS: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("csr", "csc", "bsr"), ("data", "indices", "indptr")
)
FORMATS |= {"coo": ("data", "coords"), "dia": ("data", "offsets")}

#: How each kind of place is read, from its holder and key.
PLACES = {
    "cell": in_cell,
    "global": lambda holder, key: holder.get(key, MISSING),
    "no global": lambda holder, keys: holder.keys().isdisjoint(keys),
    "attribute": lambda holder, key: namespace(holder).get(key, MISSING),
    "no attribute": lambda holder, keys: namespace(holder).keys().isdisjoint(keys),
    "not yet": lambda holder, keys: namespace(holder).keys().isdisjoint(keys),
    "attributes": attributes,
    "slot": in_slot,
    "context": lambda holder, _: holder.get(MISSING),
    "type": lambda holder, _: type(holder),
    "items": items,
    "pairs": pairs,
    "layout": layout,
    "content": content,
}
#: Places that a function may write to by running, besides cells and globals.
WRITABLE = frozenset({"attribute", "no attribute", "attributes", "slot", "items", "pairs"})

# -- code ----------------------------------------------------------------------------------------


class Reads(NamedTuple):
    """What a code object, with all code inside of it, reads and writes.

    Attributes
    ----------
    variables : tuple of str
        The globals, in order.
    names : frozenset of str
        Everything that may be an attribute.
    imports : tuple of str
    writes : tuple of (what, name, line)
        Globals and closure variables that it sets or deletes.
    alters : bool
        It may write to objects and containers.
    catches : bool
        It may go on where something was raised.
    """

    variables: tuple[str, ...]
    names: frozenset[str]
    imports: tuple[str, ...]
    writes: tuple[tuple[str, str, int], ...]
    alters: bool
    catches: bool


LOAD_GLOBAL, EXTENDED_ARG = dis.opmap["LOAD_GLOBAL"], dis.opmap["EXTENDED_ARG"]
#: Rare instructions, for which the slower reading by `dis` is worth while.
RARE = frozenset({"IMPORT_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"})
RARE_CODES = frozenset(dis.opmap[name] for name in RARE)
#: What writes to an object or a container: instructions, methods, and ``x += y``.
STORES = frozenset(
    dis.opmap.get(name, -1)
    for name in ("STORE_ATTR", "DELETE_ATTR", "STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE")
)
MUTATORS = frozenset(
    {"append", "extend", "insert", "pop", "remove", "clear", "update", "setdefault", "popitem"}
    | {"sort", "reverse", "add", "discard", "move_to_end", "setattr", "delattr", "__setattr__"}
    | {"__setitem__", "__dict__", "vars"}
)
#: A handler begins with the first; that of a ``with`` asks its object by the second.
HANDLER, WITH = dis.opmap["PUSH_EXC_INFO"], dis.opmap["WITH_EXCEPT_START"]
BINARY_OP, INPLACE = dis.opmap["BINARY_OP"], 13
#: Code that names one of these may read globals that only its strings name.
BY_STRING = frozenset({"globals", "eval", "exec", "vars"})
OPTIMIZED = 0x1  # inspect.CO_OPTIMIZED: a function's body, not that of a class


@lru_cache(maxsize=512)
def reads(code: CodeType) -> Reads:
    """Return what a code object reads and writes."""
    variables: dict[str, None] = {}
    names: set[str] = set()
    strings: list[str] = []
    imports: list[str] = []
    writes: list[tuple[str, str, int]] = []
    alters = catches = False
    # A variable of a function inside counts if it comes from outside of all of them.
    stack = [(code, frozenset(code.co_freevars))]
    while stack:
        inner, outside = stack.pop()
        names.update(inner.co_names)
        for constant in inner.co_consts:
            if type(constant) is CodeType:
                stack.append((constant, outside.intersection(constant.co_freevars)))
            elif type(constant) is str:
                strings.append(constant)
            elif type(constant) is tuple:  # the attributes of ``case Point(x=..., y=...)``
                names.update(name for name in constant if type(name) is str)
        if not inner.co_flags & OPTIMIZED:
            variables.update(dict.fromkeys(inner.co_names))
        raw = inner.co_code
        high = 0
        for op, arg in zip(raw[::2], raw[1::2], strict=True):
            if op == LOAD_GLOBAL:  # Its lowest bit asks for a place on the stack.
                variables[inner.co_names[(high | arg) >> 1]] = None
            high = (high | arg) << 8 if op == EXTENDED_ARG else 0
            alters = alters or (op == BINARY_OP and arg >= INPLACE)
        alters = alters or not STORES.isdisjoint(raw[::2])
        catches = catches or raw[::2].count(HANDLER) > raw[::2].count(WITH)
        if RARE_CODES.isdisjoint(raw[::2]):
            continue
        line = inner.co_firstlineno
        for step in dis.get_instructions(inner):
            line = (step.positions and step.positions.lineno) or line
            if step.opname == "IMPORT_NAME":
                imports.append(step.argval)
            elif step.opname.endswith("_GLOBAL") and step.opname in RARE:
                writes.append(("global", step.argval, line))
            elif step.opname in RARE and step.argval in outside:
                writes.append(("closure variable", step.argval, line))
    if not names.isdisjoint(BY_STRING):
        variables.update(dict.fromkeys(re.findall(r"[^\W\d]\w*", " ".join(strings))))
    alters = alters or not MUTATORS.isdisjoint(names)
    catches = catches or "suppress" in names
    return Reads(tuple(variables), frozenset(names), tuple(imports), tuple(writes), alters, catches)


# -- whose code ----------------------------------------------------------------------------------

STDLIB = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))
INSTALLED = re.compile(r".*[\\/](?:site|dist)-packages[\\/][^\\/]+")


@lru_cache(maxsize=1024)
def owner(filename: str) -> str:
    """Return "" for the user's file, the folder of an installed package, or "library".

    NumPy, SciPy, the standard library and lagrad without its gallery are "library": their state is
    their own. An installed package may be the user's own.
    """
    if filename.startswith(INTERNAL):
        return "" if filename.startswith(GALLERY) else "library"
    installed = INSTALLED.match(filename)
    if installed:
        return installed.group()
    return "library" if filename.startswith((*STDLIB, "<frozen ")) else ""
