"""A program to look at: its instructions one by one, and a module that runs without lagrad."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from lagrad.compile.lines import CAREFUL, OTHER, number, with_exit
from lagrad.compile.program import Instruction
from lagrad.compile.source import Source
from lagrad.compile.threads import CALLED

#: Arrays of more entries are kept beside the source, in a file of arrays.
LITERAL = 64
IMPORTS = {
    "math": "import math",
    "np": "import numpy as np",
    "sp": "import scipy.sparse as sp",
    "linalg": "from scipy import linalg",
    "special": "from scipy import special",
    "os": "import os",
    "Thread": "from threading import Thread",
}
FAILS = {
    OTHER: 'raise ValueError("these arguments take another way through the function")',
    CAREFUL: 'raise FloatingPointError("NaN or inf has reached a result")',
}


class Line(NamedTuple):
    """One instruction: what it is called, what is done, and the user's line that asked for it."""

    name: str
    text: str
    where: str


class Listing:
    """The instructions of a program, to look at: values and then multipliers."""

    def __init__(self, rows: Sequence[Instruction], source: Source) -> None:
        self._shown, self._lines = source.shown, source.lines
        self._places = [(row.function, row.code, row.at) for row in rows]

    def __len__(self) -> int:
        return len(self._shown)

    def __getitem__(self, k: int) -> Line:
        name, begin, end = self._shown[k]
        function, code, at = self._places[k]
        text = "; ".join(self._lines[begin:end])
        if not text:  # it is nested in another line, or has none
            text = f"{name} = {function.__name__.lower()}" if name.isidentifier() else name
        return Line(name, text, where(code, at))

    def at_line(self, at: int) -> Line | None:
        """Return the instruction that a line of the body belongs to."""
        for k, (_, begin, end) in enumerate(self._shown):
            if begin < at <= end:
                return self[k]
        return None

    def __iter__(self) -> Iterator[Line]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        shown = [self[k] for k in range(min(len(self), 60))]
        width = max((len(line.text) for line in shown), default=0)
        text = [f"Listing: {len(self)} instructions"]
        text += [f"  {line.text:<{width}}  {line.where}".rstrip() for line in shown]
        if len(self) > len(shown):
            text.append(f"  ... and {len(self) - len(shown)} more")
        return "\n".join(text)


def where(code: Any, at: int) -> str:
    """Return ``file:line`` of a place in the user's code, "" for None."""
    if code is None:
        return ""
    lines = next((p[0] for k, p in enumerate(code.co_positions()) if k == at // 2), None)
    return f"{Path(code.co_filename).name}:{lines or code.co_firstlineno}"


@dataclass
class Module:
    """The parts of a program's own module."""

    name: str
    what: str
    parameters: list[str]
    unpack: list[str]
    body: list[str]
    result: str
    constants: Mapping[str, Any]
    called: frozenset[str] = frozenset()
    #: How many lines of the entry stand above the body.
    offset: int = 0

    def text(self) -> tuple[str, dict[str, np.ndarray]]:
        """Return the source, and the arrays that are too large to stand in it."""
        stored: dict[str, np.ndarray] = {}
        constants = [definition(name, value, stored) for name, value in self.constants.items()]
        body = [
            *self.unpack,
            *(with_exit(line, FAILS) for line in self.body),
            f"return {self.result}",
        ]
        function = f"def {self.name}({', '.join(self.parameters)}):\n"
        function += textwrap.indent("\n".join(body), "    ")
        parts = []
        if stored:
            constants.insert(0, 'stored = np.load(Path(__file__).with_suffix(".npz"))')
        if constants:
            parts.append("\n".join(constants))
        parts += [inspect.getsource(CALLED[name]).rstrip() for name in sorted(self.called)]
        parts.append(function)
        whole = "\n\n\n".join(parts)
        needed = [line for name, line in IMPORTS.items() if re.search(rf"\b{name}[.(]", whole)]
        if stored:
            needed.insert(0, "from pathlib import Path")
        head = f'"""{self.what}"""\n\n'
        return head + "\n".join(needed) + "\n\n" * bool(needed) + whole + "\n", stored

    def save(self, path: str | Path) -> None:
        """Write the source to ``path``, and its large arrays beside it with the ending .npz."""
        text, stored = self.text()
        path = Path(path)
        path.write_text(text, encoding="utf-8")
        if stored:
            np.savez(path.with_suffix(".npz"), **stored)  # type: ignore[arg-type]


def definition(name: str, value: Any, stored: dict[str, np.ndarray]) -> str:
    """Return the line that defines a constant."""
    return (
        f"{name} = {literal(name, value, stored)}" if not callable(value) else imported(name, value)
    )


def literal(name: str, value: Any, stored: dict[str, np.ndarray]) -> str:
    """Return a constant as text."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fciub":
        if value.size > LITERAL:
            stored[name] = value
            return f"stored[{name!r}]"
        dtype = (
            "" if value.dtype in (float, int, bool) and value.size else f", np.{value.dtype.name}"
        )
        if not value.size:
            return f"np.zeros({value.shape}{dtype})"
        return f"np.array({entries(value.tolist())}{dtype})"
    if sp.issparse(value):
        m = value.tocsr()
        parts = (
            literal(f"{name}_{part}", getattr(m, part), stored)
            for part in ("data", "indices", "indptr")
        )
        return f"sp.csr_array(({', '.join(parts)}), shape={m.shape})"
    if isinstance(value, np.generic):
        return f"np.{value.dtype.name}({entries(value.item())})"
    if isinstance(value, np.dtype):
        return f"np.dtype({value.str!r})"
    return repr(value)


def entries(tree: Any) -> str:
    """Return nested lists of numbers as text that gives the very numbers back."""
    if isinstance(tree, list):
        return f"[{', '.join(map(entries, tree))}]"
    if isinstance(tree, float):
        return number(tree).replace("math.", "np.")
    return repr(tree)


def stub(name: str) -> str:
    """Return a function in the place of a search, which a module cannot do by itself."""
    why = f"{name} searches for the values of a cycle, which only lagrad can"
    return f"def {name}(*args):\n    raise NotImplementedError({why!r})\n"


def imported(name: str, function: Any) -> str:
    """Return the import of a function that is neither NumPy's nor SciPy's."""
    module = getattr(function, "__module__", None) or "__main__"
    own = getattr(function, "__name__", name)
    if inspect.isfunction(function) and own.isidentifier() and own != "<lambda>":
        return f"from {module} import {own}" + (f" as {name}" if own != name else "")
    return f"{name} = None  # {function!r} of {module}: put it in"
