"""What a function reads from outside of its arguments: closure cells, defaults, globals, objects.

A compiled function was written down once, and must know when what it read then has changed. An
*array* becomes an input that is held by reference: in a copy of the function a stand-in takes its
place, so that whatever is computed from it is written down too. Everything else is *checked*: the
same object as before in the same place. The walk starts at the function and follows what code
names. Arrays that are only reached through what is never copied (the body of a class, an import
inside of a function) are checked by content. What objects of other libraries keep inside (random
generators, files) is not seen.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from types import (
    BuiltinMethodType,
    CellType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.compile.reads import (
    MISSING,
    Check,
    cell_contents,
    content,
    grade,
    layout,
    namespace,
    own_package,
    reads,
)
from lagrad.status import TraceError

#: How many parts are entered; what lies beyond is named by `Captured.beyond`.
LIMIT = 10_000

#: Values that hold nothing.
ATOMS = frozenset(
    {type(None), bool, int, float, complex, str, bytes, np.float64, np.ufunc, type(...), range}
)
#: Code that names one of these may read any attribute.
REFLECTION = frozenset(
    {"getattr", "hasattr", "vars", "dir", "__dict__", "attrgetter", "__getattribute__", "copy"}
    | {"replace", "deepcopy"}
)
#: Special methods that are not run by using an object.
UNUSED = frozenset(
    {"__init__", "__new__", "__post_init__", "__repr__", "__str__", "__del__", "__init_subclass__"}
    | {"__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__set_name__"}
)
#: Containers of the standard library that a copy may be made of.
MAPPINGS = (dict, OrderedDict, defaultdict, Counter)


class Captured:
    """What a function reads from outside of its arguments.

    Attributes
    ----------
    function : callable
        A copy that reads the stand-ins, or the function itself if it reads no array.
    arrays : list of (array, name)
        What the stand-ins stand for, in the order in which they were made.
    checks : list of Check
        What must be as it was. All of them hold, or the function may compute something else.
    beyond : str
        What was not entered any more, since there was too much; "" if all was seen.
    """

    def __init__(self, walk: Walk, copies: Copies) -> None:
        self.function = copies.of(walk.root.value)
        self.arrays = [(node.value, node.name) for node in copies.arrays]
        self.checks, self.beyond = walk.checks, walk.beyond
        self._made = copies.made

    def changed(self) -> Check | None:
        """Return the first check that does not hold any more, or None."""
        return next((check for check in self.checks if not check.holds()), None)

    def verify(self) -> None:
        """Refuse what the run of `function` has changed outside of itself.

        Raises
        ------
        TraceError
            Naming the variable: a compiled function does not repeat such a change.
        """
        name = next((check.name for check in self.checks if check.writable and not check.holds()), "")
        if not name:
            name = next((name for read, was, name in self._made if not read.alike(was)), "")
        ...
