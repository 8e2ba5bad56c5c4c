"""Stretches over large arrays, run block by block over threads.

What is computed row by row, values and multipliers alike, need not go to memory in between: a
block of rows is small enough for the cache, goes through all of it at once, and blocks are shared
out among threads, since NumPy lets go of Python's lock. Sums over the rows are added up by block,
in the order of the blocks; so they are the same whatever the threads do, and differ from the sums
of whole arrays in the last bits.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lagrad.compile.columns import thin, turned
from lagrad.compile.functions import cast, crossed
from lagrad.compile.lifetimes import last_mentions, last_uses
from lagrad.compile.lines import INFIX, PREFIX
from lagrad.compile.program import ARGUMENT, CAPTURED, GUARDS, Instruction, item, replaced
from lagrad.compile.simplify.passes import needed
from lagrad.compile.simplify.patterns import MATMUL
from lagrad.compile.simplify.shapes import in_c_order
from lagrad.dispatch import all_finite

#: Entries of an array from which on blocks pay, and of a block.
LARGE, BLOCK = 1 << 17, 1 << 14
#: Arrays so many times smaller than the widest cost more in each block than as a whole.
THIN = 8
#: A stretch pays that has so many instructions, one of these functions counting as several.
FEW, DEAR = 8, 4
CHEAP = frozenset(
    {
        np.add,
        np.subtract,
        np.multiply,
        np.divide,
        np.negative,
        np.maximum,
        np.minimum,
        np.sqrt,
        np.square,
        np.absolute,
        np.positive,
        np.reciprocal,
        np.sign,
    }
)
PRODUCTS = frozenset(
    {operator.matmul, np.matmul, np.dot, np.tensordot, np.einsum, np.inner, np.vdot, crossed}
)
#: A matrix of so many entries at most is used, or added up, by each block.
SMALL = 1 << 12
REDUCTIONS = frozenset({np.sum, np.max, np.min, np.amax, np.amin})


@dataclass
class Stretch:
    """The instructions of one stretch.

    ``by_rows`` are taken from around it row by row, ``whole`` as they are; of ``outs`` the rows are
    put together again, ``sums`` are added up over the blocks.
    """

    rows: list[Instruction]
    by_rows: list[Instruction]
    whole: list[Instruction]
    outs: list[Instruction]
    sums: list[Instruction]
    n: int
    width: int


def blocked(*parts: Any, stretch: Stretch) -> Any:
    """Stands for a stretch; its arguments are what it takes from around."""
    raise NotImplementedError("a stretch is printed, and not called")


def shape(part: Any) -> tuple[int, ...]:
    """Return the shape of an argument."""
    return np.shape(part.value if type(part) is Instruction else part)


def axes_of(row: Instruction) -> tuple[int, ...] | None:
    """Return the axes that a reduction is over, None if it is no plain reduction."""
    if row.function not in REDUCTIONS or len(row.args) != 1:
        return None
    if not set(row.kwargs) <= {"axis", "keepdims"}:
        return None
    axis, ndim = row.kwargs.get("axis"), len(shape(row.args[0]))
    axes = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(k % ndim for k in axes) if ndim else None


def edges(row: Instruction, n: int) -> dict[int, bool] | None:
    """Return for each parent whether it is taken row by row; None if the row is not.

    A row that adds up over the rows has them too.
    """
    function, out = row.function, shape(row)
    axes = axes_of(row)
    if axes is not None:
        x = row.args[0]
        if type(x) is not Instruction or shape(x)[0] != n:
            return None
        if 0 in axes and (function is not np.sum or row.kwargs.get("keepdims")):
            return None
        return {id(x): True}
    if function is crossed:
        small = math.prod(out) <= SMALL and shape(row.args[0])[0] == n
        return {id(p): True for p in row.parents()} if small else None
    if not out or out[0] != n or not isinstance(row.value, np.ndarray):
        return None
    if function in MATMUL and not row.kwargs:
        return edges_of_product(row, n)
    if function is np.transpose and len(row.args) == 2:
        x, axes = row.args
        return {id(x): True} if type(x) is Instruction and axes[0] == 0 else None
    if function is operator.getitem:
        x, index = row.args
        index = index if type(index) is tuple else (index,)
        basic = all(p is None or p is Ellipsis or type(p) in (int, slice) for p in index)
        fits = basic and index[:1] == (slice(None),) and Ellipsis not in index
        return {id(x): True} if fits and shape(x)[0] == n else None
    if function is np.reshape and type(row.args[0]) is Instruction:
        x = row.args[0]
        return {id(x): True} if in_c_order(row) and shape(x)[:1] == (n,) else None
    ufunc = isinstance(function, np.ufunc) and function.nout == 1 and function.signature is None
    known = ufunc or function in INFIX or function in PREFIX or function in (np.where, cast)
    if not known or row.kwargs:
        return None
    found: dict[int, bool] = {}
    for part in row.args:
        if type(part) is not Instruction:
            continue
        by_rows = len(shape(part)) == len(out) and shape(part)[0] == n
        if found.setdefault(id(part), by_rows) != by_rows:
            return None
    return found


def edges_of_product(row: Instruction, n: int) -> dict[int, bool] | None:
    """Return the edges of a matrix product: of rows by a small matrix, or one product a row."""
    out, (a, b) = shape(row), row.args
    if len(out) <= 2:
        by_rows = type(a) is Instruction and len(shape(a)) == 2 and a is not b
        if not by_rows or math.prod(shape(b)) > SMALL:
            return None
        return {id(a): True} | ({id(b): False} if type(b) is Instruction else {})
    found: dict[int, bool] = {}
    for part in (a, b):
        if type(part) is Instruction:
            found[id(part)] = len(shape(part)) == len(out) and shape(part)[0] == n
    return found if any(found.values()) else None


def adds_rows(row: Instruction) -> bool:
    """True for an instruction that adds up over the rows."""
    return row.function is crossed or 0 in (axes_of(row) or ())


def with_crossed(rows: Sequence[Instruction], n: int) -> None:
    """Let ``a.T @ b`` be one instruction, where it is a sum over the rows. Exact as such.

    In blocks it differs in the last bits, as other sums do.
    """
    for r in rows:
        if r.function in MATMUL and not r.kwargs:
            a, b = r.args
            if len(shape(a)) == len(shape(b)) == 2 and shape(b)[0] == n and type(a) is Instruction:
                if a.function is np.transpose and len(a.args) == 1 and not a.kwargs:
                    r.function, r.args = crossed, (a.args[0], b)


def with_constants(rows: Sequence[Instruction], n: int) -> list[Instruction]:
    """Return the program with an instruction for each constant array that has the rows."""
    found: dict[int, Instruction] = {}
    kept: list[Instruction] = []

    def told(part: Any) -> Any:
        if not isinstance(part, np.ndarray) or part.shape[:1] != (n,):
            return part
        if id(part) not in found:
            found[id(part)] = Instruction(np.asarray, (part,), {}, part)
            kept.append(found[id(part)])
        return found[id(part)]

    for r in rows:
        if r.function is not np.asarray and edges(r, n) is not None:
            r.args = tuple(told(part) for part in r.args)
        kept.append(r)
    return kept


def stretched(rows: Sequence[Instruction], outputs: Sequence[Any]) -> list[Instruction]:
    """Return the program with its stretches over large arrays as one instruction each."""
    weight: dict[int, int] = {}
    for r in rows:
        if isinstance(r.value, np.ndarray) and r.value.ndim and r.value.size >= LARGE:
            if r.value.dtype.kind == "f" and r.function not in (ARGUMENT, CAPTURED):
                weight[len(r.value)] = weight.get(len(r.value), 0) + r.value.size
    weight.pop(1, None)
    if not weight:
        return list(rows)  # nothing is large
    n = max(weight, key=weight.__getitem__)
    with_crossed(rows, n)
    rows = with_constants(needed(rows, outputs)[0], n)
    level: dict[int, int] = {}
    inside: dict[int, dict[int, bool]] = {}
    adds: set[int] = set()
    widest = max(np.size(r.value) for r in rows if shape(r)[:1] == (n,))
    thick = {id(r) for r in rows if THIN * max(map(np.size, values_at(r))) >= widest}
    for r in rows:
        guard = r.function in (ARGUMENT, CAPTURED, all_finite) or r.function in GUARDS
        found = None if guard else edges(r, n)
        parents = list(r.parents())
        at = 1
        for p in parents if found is not None else ():
            odd = level[id(p)] % 2
            whole = odd and (not found[id(p)] or id(p) in adds)  # type: ignore[index]
            at = max(at, level[id(p)] + (2 if whole else 0 if odd else 1))
        if found is None or not (id(r) in thick or any(level[id(p)] == at for p in parents)):
            level[id(r)] = max((level[id(p)] + level[id(p)] % 2 for p in parents), default=0)
            continue
        level[id(r)], inside[id(r)] = at, found
        if adds_rows(r):
            adds.add(id(r))
    leave(rows, level, inside, thick)
    groups: dict[int, list[Instruction]] = {}
    for r in rows:
        if id(r) in inside:
            groups.setdefault(level[id(r)], []).append(r)
    large = {
        at: group
        for at, group in groups.items()
        if worth(group) and max(np.size(r.value) for r in group) >= LARGE
    }
    if not large:
        return list(rows)
    ordered = sorted(rows, key=lambda r: level[id(r)])
    users: dict[int, list[Instruction]] = {}
    for r in ordered:
        for p in r.parents():
            users.setdefault(id(p), []).append(r)
    given = {id(out) for out in outputs if type(out) is Instruction}
    kept: list[Instruction] = []
    done: set[int] = set()
    for r in ordered:
        at = level[id(r)]
        if id(r) not in inside or at not in large:
            kept.append(r)
        elif at not in done:
            done.add(at)
            kept += as_instructions(large[at], inside, users, given, adds, n)
    return kept


def values_at(row: Instruction) -> list[Any]:
    """Return the value of a row, and those that it is made of."""
    return [row.value, *(p.value for p in row.parents())]


def leave(
    rows: Sequence[Instruction], level: dict[int, int], inside: dict[int, Any], thick: set[int]
) -> None:
    """Let a stretch end where nothing thick comes after: the rest costs less as a whole."""
    needed_at: set[tuple[int, int]] = set()
    for r in reversed(rows):
        if id(r) not in inside:
            continue
        at = level[id(r)]
        if id(r) in thick or (id(r), at) in needed_at:
            needed_at.update((id(p), at) for p in r.parents())
        else:
            del inside[id(r)]
            level[id(r)] = at + 1


def worth(group: list[Instruction]) -> bool:
    """True if a stretch does enough to be taken apart."""
    dear = sum(isinstance(r.function, np.ufunc) and r.function not in CHEAP for r in group)
    return len(group) + (DEAR - 1) * dear >= FEW


def as_instructions(
    group: list[Instruction],
    inside: dict[int, dict[int, bool]],
    users: dict[int, list[Instruction]],
    given: set[int],
    adds: set[int],
    n: int,
) -> list[Instruction]:
    """Return a stretch as an instruction, and one for each of its results."""
    own = set(map(id, group))
    around: dict[int, tuple[Instruction, bool]] = {}
    whole_too: dict[int, Instruction] = {}
    for r in group:
        for p in r.parents():
            if id(p) in own:
                continue
            in_rows = inside[id(r)][id(p)]
            before = around.setdefault(id(p), (p, in_rows))
            if before[1] != in_rows:  # its rows in one place, and all of it in another
                if id(p) not in whole_too:
                    whole_too[id(p)] = Instruction(np.asarray, (p,), {}, p.value)
    for key, alias in whole_too.items():
        around[key] = around[key][0], True
        around[id(alias)] = alias, False
        put_for = {key: alias}
        for r in group:
            if inside[id(r)].get(key) is False:
                r.args = replaced(r.args, partial(put, put_for))
    outs = [
        r
        for r in group
        if id(r) not in adds
        and (id(r) in given or any(id(u) not in own for u in users.get(id(r), ())))
    ]
    sums = [r for r in group if id(r) in adds]
    by_rows = [p for p, rows in around.values() if rows]
    whole = [p for p, rows in around.values() if not rows]
    width = max(int(np.size(r.value)) // n for r in group)
    copies: dict[int, Instruction] = {}
    for r in group:
        made = Instruction(r.function, r.args, r.kwargs, r.value, r.name)
        made.code, made.at, made.of = r.code, r.at, r.of
        made.args = replaced(r.args, partial(put, copies))
        copies[id(r)] = made
    stretch = Stretch(
        list(copies.values()),
        by_rows,
        whole,
        [copies[id(r)] for r in outs],
        [copies[id(r)] for r in sums],
        n,
        max(width, 1),
    )
    results = [*outs, *sums]
    made = Instruction(
        blocked, (tuple(by_rows), tuple(whole)), {"stretch": stretch}, [r.value for r in results]
    )
    for k, r in enumerate(results):  # the very instructions, so that others need no change
        r.function, r.args, r.kwargs = item, (made, k), {}
    return [*whole_too.values(), made, *results]


def put(table: dict[int, Instruction], part: Any) -> Any:
    """Return what stands for a part in a table, or the part itself."""
    return table.get(id(part), part) if type(part) is Instruction else part


# -- the lines -----------------------------------------------------------------------------------


def blocked_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A function of a block of rows, and the call that runs it over all of them."""
    s: Stretch = row.kwargs["stretch"]
    inner = e.inside(s.rows)
    inner.cut = True
    for p in (*s.by_rows, *s.whole):
        inner.names[id(p)] = e.names[id(p)]
        if id(p) in e.plain:
            inner.plain.add(id(p))
    targets = [e.free(f"{inner.names[id(r)]}_all") for r in s.outs]
    for target, r in zip(targets, s.outs, strict=True):
        kind = "" if r.value.dtype == float else f", {e.text(r.value.dtype)}"
        yield f"{target} = np.empty({r.value.shape}{kind})"
    run, rows = e.free("block"), e.free("rows")
    inner.last = last_uses(s.rows, [*s.outs, *s.sums])
    dead = last_mentions(s.rows, [*s.outs, *s.sums])
    own = set(map(id, s.rows))
    columns = turned(s.rows, s.by_rows, s.outs, s.sums)
    places = {id(r): f"{target}[{rows}]" for target, r in zip(targets, s.outs, strict=True)}
    if columns is None:
        inner.targets = dict(places)
    lines = []
    for p in s.by_rows:
        piece = e.free(f"{e.names[id(p)]}_rows")
        text = f"{e.names[id(p)]}[{rows}]"
        turn = columns is not None and id(p) in columns
        lines.append(f"{piece} = np.asfortranarray({text})" if turn else f"{piece} = {text}")
        inner.names[id(p)] = piece
    for r in s.rows:
        before = len(inner.lines)
        if r.function is np.reshape:
            x = inner.text(r.args[0])
            rest = "".join(f", {k}" for k in r.value.shape[1:])
            inner.write(f"{inner.names[id(r)]} = {x}.reshape(len({x}){rest})")
        elif columns is not None and r.function in MATMUL and thin(r):
            a, b = map(inner.text, r.args)
            inner.write(f"{inner.names[id(r)]} = ({b}.T @ {a}.T).T")
            inner.fresh.add(id(r))
        else:
            inner.emit(r)
        lines += inner.lines[before:]
        over = [inner.names[id(p)] for p in dead.get(id(r), ()) if id(p) in own]
        if over:
            lines.append(f"del {', '.join(over)}")
    left = [r for r in s.outs if columns is not None or id(r) in inner.targets]
    lines += [f"{places[id(r)]} = {inner.text(r)}" for r in left]
    sums = [inner.names[id(r)] for r in s.sums]
    lines.append(f"return ({''.join(f'{x}, ' for x in sums)})")
    yield f"def {run}({rows}):"
    yield from (f"    {line}" for line in lines)
    step = max(1, BLOCK // s.width)
    # The threads of a matrix product go on turning for a while, and would be in the way.
    alone = ", 1" * any(r.function in PRODUCTS for r in (*e.rows, *s.rows))
    call = f"by_blocks({run}, {s.n}, {step}{alone})"
    yield f"{', '.join(sums)}, = {call}" if sums else call
    e.raises |= inner.raises
    e.results[id(row)] = [*targets, *sums]
    e.plain_results[id(row)] = set()
    e.called.add("by_blocks")
