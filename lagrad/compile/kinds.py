"""Which kind of part an object is: what can be seen in it, and how."""

from __future__ import annotations

import ctypes
import functools
import operator
import threading
from argparse import Namespace as ArgumentSpace
from array import array
from collections import (
    ChainMap,
    Counter,
    OrderedDict,
    UserDict,
    UserList,
    UserString,
    defaultdict,
    deque,
)
from contextvars import ContextVar
from types import (
    BuiltinMethodType,
    FunctionType,
    MappingProxyType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.compile.objects import Class, Function, Instance, Module
from lagrad.compile.parts import (
    Array,
    Closed,
    Content,
    Declared,
    Dict,
    Getter,
    List,
    Method,
    Part,
    Partial,
    Set,
    Through,
    Transform,
    Tuple,
    Variable,
    View,
)
from lagrad.compile.reads import (
    namespace,
)
from lagrad.status import TraceError

#: Classes that keep what they are given under names of their own.
CLOSED = (UserDict, UserList, UserString, ChainMap, np.poly1d)
#: What all polynomials of NumPy's are, and all data of ctypes.
POLYNOMIAL, CDATA = np.polynomial.Polynomial.__mro__[1], ctypes.c_double.__mro__[-2]
#: Kinds of objects, by their very type.
PARTS: dict[type, type[Part]] = {
    np.ndarray: Array,
    list: List,
    deque: List,
    tuple: Tuple,
    **dict.fromkeys((dict, OrderedDict, defaultdict, Counter, MappingProxyType), Dict),
    set: Set,
    **dict.fromkeys((bytearray, memoryview, array), Content),
    **dict.fromkeys(CLOSED, Closed),
    **dict.fromkeys(map(type, ({}.keys(), {}.values(), {}.items())), View),
    FunctionType: Function,
    MethodType: Method,
    functools.partial: Partial,
    np.vectorize: Through,
    **dict.fromkeys((operator.attrgetter, operator.methodcaller), Getter),
    ContextVar: Variable,
}
#: Classes of the library whose objects hold what users put into them.
OPEN = (SimpleNamespace, ArgumentSpace, dict, list, tuple)
#: Methods of what is written in C.
BOUND = frozenset({BuiltinMethodType, MethodWrapperType})
#: Values that hold nothing.
ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, np.float64, np.ufunc, range})


def part_of(walk: Any, x: Any, name: str) -> Part | None:
    """Return an object as a part, or None if nothing can be seen in it."""
    cls = type(x)
    if cls in PARTS:
        return PARTS[cls](x, name)
    if cls is ModuleType:
        return Module(x, name) if walk.is_users(x) else None
    if cls in BOUND:
        return None if type(x.__self__) in (ModuleType, type(None)) else Method(x, name)
    if issubclass(cls, np.ndarray | np.void | set | sp.sparray | sp.spmatrix):
        return Content(x, name)
    if issubclass(cls, type):
        above = walk.above(x) + walk.above(cls)
        return Class(x, name, above, used=False) if walk.above(x) else None
    if issubclass(cls, CDATA):
        return Content(x, name)
    if issubclass(cls, POLYNOMIAL):
        return Closed(x, name)
    if walk.above(cls) or issubclass(cls, OPEN):
        if issubclass(cls, CLOSED):
            walk.names.update(namespace(x))
        return Instance(x, name)
    if issubclass(cls, threading.local):
        raise TraceError(f"{name} holds something else for each thread")
    if cls.__module__ == "lagrad.api.arguments":
        return Transform(x, name)
    if cls.__module__ in ("lagrad.declare", "lagrad.local"):
        return Declared(x, name)
    if hasattr(cls, "__next__") and not hasattr(cls, "read"):
        raise TraceError(f"{name} is an iterator, which gives something else at each call")
    wraps = cls.__module__.startswith("lagrad.") and "__wrapped__" in namespace(x)
    return Through(x, name) if wraps else None
