"""Repeated blocks: scopes beside each other that are built alike, each fed by the one before.

Of layer1 ... layer12 one is drawn, and "x 12" is said of it. What counts is structure: functions,
shapes, and who reads whom.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lagrad.views.level import Path, inputs_with_readers

#: A chain of fewer copies is drawn as it is.
LEAST = 3


class Repeats(NamedTuple):
    """What is drawn once.

    Attributes
    ----------
    runs : dict
        The scope that is drawn -> all of the chain, itself first.
    paths : list of tuples of str
        The scopes around each element. An input stands in the innermost scope around all who read
        it, but not the one that feeds a chain.
    drawn : int array (elements,)
        The element that stands for each: itself, or its like in the first copy.
    of_equations : int array
        The element of each equation; that of variable j is j.
    """

    runs: dict[Path, tuple[Path, ...]]
    paths: list[Path]
    drawn: np.ndarray
    of_equations: np.ndarray

    def within(self, tail: int, head: int) -> bool:
        """True if an edge leads from a copy that is not drawn to the one that is."""
        path, drawn = self.paths[tail], self.paths[self.drawn[tail]]
        if self.drawn[tail] == tail:
            return False
        scope = drawn[: len(common([path, drawn])) + 1]
        return self.paths[head][: len(scope)] == scope


class Elements(NamedTuple):
    """Variables with the equations that define them, then residual equations.

    Attributes
    ----------
    of_equations : int array
        The element of each equation; that of variable j is j.
    labels : list
        What must be the same in all copies: function, constants and shape.
    reads : list of lists of int
        The elements that each of them reads, in the order of arguments.
    """

    of_equations: np.ndarray
    labels: list[Any]
    reads: list[list[int]]


def elements(system: Any, functions: Sequence[str]) -> Elements:
    """Return the elements of a ``MultiplierSystem``; ``functions`` are names by equation."""
    defines = np.asarray(system.defines, dtype=int)
    own = defines >= 0
    n, shapes = len(system.variables), system.shapes
    of = np.where(own, defines, n - 1 + np.cumsum(~own))
    count = n + int((~own).sum())
    labels: list[Any] = [("", shape) for shape in shapes] + [None] * (count - n)
    for i, e in enumerate(of.tolist()):
        shape = shapes[e] if e < n else system.model.equation_shape(i)
        labels[e] = (functions[i], shape, identity(system.model, i))
    reads: list[list[int]] = [[] for _ in range(count)]
    graph = getattr(system.model, "graph", system.model)
    for i, e in enumerate(of.tolist()):
        reads[e] = [j for j in graph.parents(i) if j != e]
    return Elements(of, labels, reads)


def identity(model: Any, i: int) -> Any:
    """Return what tells f_i from others of its name: code, options, constants that are structure.

    Arrays of floats are data, as weights are, and only their shapes count; nor does it count which
    item is taken, since step k takes the k-th.
    """
    if hasattr(model, "graph"):
        columns = model.graph.columns
        constants = [columns.constants[-k - 1] for k in model.graph.references(i) if k < 0]
        text = repr((columns.kwargs.get(i), *map(told, constants)))
        return re.sub(r"\d+", "#", text) if model.graph.primitive(i).name == "getitem" else text
    function = model.equations[i].function if hasattr(model, "equations") else None
    code = getattr(function, "__code__", None)
    return (code.co_code, code.co_names, repr(code.co_consts)) if code else id(function)


def told(constant: Any) -> str:
    """Return a constant as text: its shape for an array of floats, else its value."""
    if isinstance(constant, np.ndarray):
        content = "" if constant.dtype.kind in "fc" and constant.ndim else constant.tobytes().hex()
        return f"{constant.dtype} {constant.shape} {content}"
    return repr(constant)


def scoped(system: Any, found: Elements) -> list[Path]:
    """Return the scopes around each element, those of inputs by who reads them."""
    scopes, of_equations = system.scopes, found.of_equations.tolist()
    paths: list[Path] = [*scopes, *[()] * (len(found.reads) - len(scopes))]
    for e, path in zip(of_equations, system.equation_scopes, strict=True):
        if e >= len(scopes):
            paths[e] = path
    for j, _, readers in inputs_with_readers(system):
        around = [paths[of_equations[i]] for i in readers.tolist()]
        if not paths[j] and around:
            paths[j] = common(around)
    return paths


def common(paths: Sequence[Path]) -> Path:
    """Return the scopes around all of them."""
    first, last = min(paths), max(paths)
    same = [a == b for a, b in zip(first, last, strict=False)]
    return first[: same.index(False)] if False in same else first[: len(same)]


def repeats(system: Any, functions: Sequence[str], collapse: bool = True) -> Repeats:
    """Find the chains of scopes that are built alike, outer ones first.

    Parameters
    ----------
    system : MultiplierSystem
    functions : sequence of str
        The name of the function of each equation.
    collapse : bool
        False finds none.
    """
    found = elements(system, functions)
    paths = scoped(system, found)
    drawn = np.arange(len(paths))
    runs: dict[Path, tuple[Path, ...]] = {}
    if not collapse or not any(paths):
        return Repeats(runs, paths, drawn, found.of_equations)
    inside: dict[Path, list[int]] = defaultdict(list)  # in the order of solution
    residual = range(len(system.variables), len(paths))
    for e in [*system.order, *residual]:
        for depth in range(1, len(paths[e]) + 1):
            inside[paths[e][:depth]].append(e)
    readers: list[list[int]] = [[] for _ in paths]
    for e, read in enumerate(found.reads):
        for j in read:
            readers[j].append(e)
    siblings: dict[Path, list[Path]] = defaultdict(list)
    for path in inside:
        siblings[path[:-1]].append(path)
    scopes, names = system.scopes, system.variables
    inputs = {j: names[j] for j, _, _ in inputs_with_readers(system) if not scopes[j]}
    for parent in sorted(siblings, key=len):
        if any(drawn[e] != e for e in inside.get(parent, ())):
            continue  # in a copy that is not drawn
        copies = [Copy.of(path, inside[path], inputs, found, paths) for path in siblings[parent]]
        at = 0
        while at < len(copies):
            run = chain_from(copies[at:], readers)
            if len(run) >= LEAST:
                runs[run[0].path] = tuple(copy.path for copy in run)
                feed(run, paths, drawn)
            at += len(run) if len(run) >= LEAST else 1
    while np.any(drawn != drawn[drawn]):  # a copy in a copy
        drawn = drawn[drawn]
    return Repeats(runs, paths, drawn, found.of_equations)


class Copy(NamedTuple):
    """A scope, as it may be like another.

    Attributes
    ----------
    path : tuple of str
    members : dict
        What is in it, by numbers of its own, in the order of solution.
    inputs : dict
        Inputs that stand in it because nobody else reads them, and what tells them apart.
    labels : list
        Function, shape, and inner scopes of each member.
    reads : list of lists of int
    """

    path: Path
    members: dict[int, int]
    inputs: dict[int, Any]
    labels: list[Any]
    reads: list[list[int]]

    @classmethod
    def of(
        cls,
        path: Path,
        inside: list[int],
        inputs: Mapping[int, str],
        found: Elements,
        paths: list[Path],
    ) -> Copy:
        """Number what is in a scope."""
        core = [e for e in inside if e not in inputs]
        members = {e: k for k, e in enumerate(core)}
        readers: dict[int, list[int]] = {e: [] for e in inside if e in inputs}
        for e, k in members.items():
            for j in found.reads[e]:
                if j in readers:
                    readers[j].append(k)
        keys: dict[int, Any] = {}
        counts: dict[Any, int] = defaultdict(int)
        for j in sorted(readers):
            # w[0] and w[1] are alike, w and x are not.
            name = re.sub(r"\d+", "#", inputs[j])
            key = (name, found.labels[j], tuple(readers[j]))
            keys[j] = (*key, counts[key])
            counts[key] += 1
        labels = [(found.labels[e], paths[e][len(path) :]) for e in core]
        return cls(path, members, keys, labels, [found.reads[e] for e in core])

    def seen_after(self, before: Copy | None) -> list[list[tuple[str, Any]]]:
        """Return what each member reads: in here, of its inputs, of the copy before, elsewhere."""

        def tag(j: int) -> tuple[str, Any]:
            if j in self.members:
                return "here", self.members[j]
            if j in self.inputs:
                return "own", self.inputs[j]
            if before is not None and j in before.members:
                return "before", before.members[j]
            return "shared", j

        return [[tag(j) for j in reads] for reads in self.reads]

    def left(self, after: Copy, readers: Sequence[Sequence[int]]) -> set[int]:
        """Return which members are read elsewhere than in here and in the copy after."""
        return {
            k
            for e, k in self.members.items()
            if any(r not in self.members and r not in after.members for r in readers[e])
        }


def chain_from(copies: list[Copy], readers: Sequence[Sequence[int]]) -> list[Copy]:
    """Return the longest chain of copies that begins with the first."""
    if len(copies) < LEAST or copies[0].labels != copies[1].labels:
        return copies[:1]
    first, second = copies[0], copies[1]
    pattern = second.seen_after(first)
    if not any(where == "before" for reads in pattern for where, _ in reads):
        return copies[:1]
    for there, here in zip(first.seen_after(None), pattern, strict=True):
        # The first is fed by something else; otherwise it is the same.
        fed = [
            a == b or (b[0] == "before" and a[0] != "here")
            for a, b in zip(there, here, strict=False)
        ]
        if len(there) != len(here) or not all(fed):
            return copies[:1]
    run, left = [first, second], first.left(second, readers)
    for copy in copies[2:]:
        same = set(copy.inputs.values()) == set(second.inputs.values())
        if not same or copy.labels != first.labels or copy.seen_after(run[-1]) != pattern:
            break
        if run[-1].left(copy, readers) != left:
            break  # what is read of it elsewhere is read of no other
        run.append(copy)
    return run


def feed(run: list[Copy], paths: list[Path], drawn: np.ndarray) -> None:
    """Let the first copy stand for all, and put what feeds it outside."""
    first = run[0]
    member = {k: e for e, k in first.members.items()}
    like = {key: j for j, key in first.inputs.items()}
    shared = set(run[1].inputs.values())
    for j, key in first.inputs.items():
        if key not in shared and len(paths[j]) >= len(first.path):
            paths[j] = first.path[:-1]
    for copy in run[1:]:
        for e, k in copy.members.items():
            drawn[e] = member[k]
        for j, key in copy.inputs.items():
            drawn[j] = like[key]
