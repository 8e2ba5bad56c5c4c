"""What is around a function, as conditions that cost next to nothing.

A global of the function's own module is read as the function reads it, a closure cell is the cell
itself; both cost a few nanoseconds. When one of them holds another array of the same shape and
dtype, the program takes that one; when it holds an equal number, nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from lagrad.compile.lines import MODULES
from lagrad.compile.names import RESERVED
from lagrad.compile.reads import PLACES, Check, namespace


class Around:
    """Checks as conditions of the entry.

    Attributes
    ----------
    conditions : list of str
    values : what they call by name: ``_a3`` is what the check 3 expects, ``_a3_of`` its holder
    cells : names of closure variables that are the user's own cells
    space : dict
        The globals that the entry is to have.
    """

    def __init__(self, checks: Sequence[Check], taken: Iterable[str]) -> None:
        self.checks = list(checks)
        self.conditions: list[str] = []
        self.values: dict[str, Any] = {}
        self.cells: dict[str, Any] = {}
        spaces = [c.holder for c in checks if c.kind == "global"]
        self.space: dict[str, Any] = max(
            spaces, key=lambda s: sum(t is s for t in spaces), default={}
        )
        modules = {name for name, module in MODULES.items() if self.space.get(name) is module}
        taken = (set(taken) | RESERVED) - modules
        for k, check in enumerate(checks):
            self.add(check, f"_a{k}", taken)

    def add(self, check: Check, name: str, taken: set[str]) -> None:
        """Write one check as a condition."""
        kind, holder, key, expected, _ = check
        if kind == "no attribute" and isinstance(holder, FunctionType | ModuleType):
            return  # the run that was written down would have missed it
        if kind == "cell":
            self.cells[f"{name}_cell"] = holder
            text = f"{name}_cell is {name}"
        elif kind == "global" and holder is self.space and key not in taken and key.isidentifier():
            text = f"{key} is {name}"
        elif kind == "slot" and key == "__code__":
            self.values[f"{name}_of"] = holder
            text = f"{name}_of.__code__ is {name}"
        elif kind == "global" or (kind == "attribute" and isinstance(holder, ModuleType)):
            # Of other objects all attributes at once may be replaced.
            self.values[f"{name}_of"] = place_of(check)
            text = f"{name}_of.get({key!r}) is {name}"
        elif kind == "layout":
            self.values[f"{name}_of"] = holder
            self.conditions.append(f"{name}_of.shape == {holder.shape}")
            self.conditions.append(f"{name}_of.dtype == {name}")
            self.values[name] = holder.dtype
            return
        else:
            self.values[f"{name}_holds"] = check.holds
            self.conditions.append(f"{name}_holds()")
            return
        self.values[name] = expected
        self.conditions.append(text)

    def refreshed(self, call: FunctionType, arrays: dict[str, Any]) -> bool:
        """Take over what is new around the function but as good as what was there.

        Parameters
        ----------
        call : the entry, whose closure holds what is expected
        arrays : captured arrays by name; brought up to date

        Returns
        -------
        bool : whether the program serves now, and did not before
        """
        found = [read(check) for check in self.checks]
        names = {id(array): name for name, array in arrays.items()}
        new: dict[int, Any] = {}
        for check, value in zip(self.checks, found, strict=True):
            old = id(check.expected)
            if value is check.expected or check.kind == "layout":
                continue
            if old in names and interchangeable(check.expected, value):
                new[old] = value
            elif not check.holds():
                return False
        now = []
        for check, value in zip(self.checks, found, strict=True):
            if check.kind == "layout":
                check = check._replace(holder=new.get(id(check.holder), check.holder))
                if not check.holds():
                    return False
            elif new.get(id(check.expected), value) is not value:
                return False  # an array that was one in two places is two now
            elif check.kind in ("cell", "global", "attribute"):
                check = check._replace(expected=value)
            now.append(check)
        cells = dict(zip(call.__code__.co_freevars, call.__closure__ or (), strict=True))
        for name, array in [*arrays.items()]:
            if id(array) in new:
                arrays[name] = cells[name].cell_contents = new[id(array)]
        changed = False
        for k, (last, check) in enumerate(zip(self.checks, now, strict=True)):
            if check.holder is not last.holder or check.expected is not last.expected:
                changed = True
                for name, value in (
                    (f"_a{k}_of", place_of(check)),
                    (f"_a{k}_holds", check.holds),
                    (f"_a{k}", check.expected),
                ):
                    if name in cells and not (check.kind == "layout" and name == f"_a{k}"):
                        cells[name].cell_contents = value
        self.checks = now
        return changed


def place_of(check: Check) -> Any:
    """Return what is looked into: of an object its attributes."""
    return namespace(check.holder) if check.kind == "attribute" else check.holder


def read(check: Check) -> Any:
    """Return what stands in a place now, None if it cannot be read."""
    try:
        return PLACES[check.kind](check.holder, check.key)
    except Exception:
        return None


def interchangeable(a: Any, b: Any) -> bool:
    """True for plain arrays of one shape and dtype."""
    return type(a) is type(b) is np.ndarray and (a.shape, a.dtype) == (b.shape, b.dtype)
