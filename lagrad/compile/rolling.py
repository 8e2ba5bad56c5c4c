"""Rolled loops in a program: the step is a program of its own, and the loop runs its lines.

    z_t, y_t = f(z_{t-1}, x_t, p)

The step is written down once, on symbols for the carry z, for x and for what it reads from around
it. A step that asks Python questions is another program each time it gets another answer, so such
a loop is run as it is, and holds for the very numbers that it was run with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

import numpy as np

from lagrad.compile.nesting import nested
from lagrad.compile.program import ARGUMENT, GUARDS, Instruction, Program, item, replaced
from lagrad.compile.simplify import key_of, needed, simplified
from lagrad.compile.symbol import Symbol, symbols
from lagrad.dispatch import all_finite, still_finite
from lagrad.loops.rolled import Rolled
from lagrad.residual import floating
from lagrad.trace import Traced
from lagrad.trace.tape import CURRENT
from lagrad.trace.tracer import current


@dataclass
class Body:
    """The program of a step."""

    rows: list[Instruction]
    carry: list[Instruction]
    x: list[Instruction]
    around: list[Instruction]
    after: list[Any]
    y: list[Any]
    n: int


def rolled(*parts: Any, body: Body) -> Any:
    """Stands for a loop; its arguments are the first carry, xs and what is around."""
    raise NotImplementedError("a loop is printed, and not called")


def loop_results(loop: Rolled, args: tuple[Any, ...]) -> list[Any] | None:
    """Write down a loop, and return its results; None if it is no loop of equal steps."""
    if loop.n == 0 or not all(map(floating, (*loop.start, *loop.last, *loop.ys))):
        return None
    program = max((a._trace for a in args if type(a) is Symbol), key=lambda t: t.level)
    held: dict[str, list[Any]] = {
        "carry": list(loop.start),
        "x": list(loop.xs),
        "captured": list(loop.captured),
    }
    for (kind, k), value in zip(loop.places, args, strict=True):
        held[kind][k] = value
    if any(isinstance(a, Traced) and type(a) is not Symbol for a in held["captured"]):
        return None
    body = written_step(loop, program, held)
    if body is None:
        return None
    given = tuple(tuple(row_of(program, a) for a in part) for part in (held["carry"], held["x"]))
    around = tuple(r.args[0] for r in body.around)
    for r in body.around:
        r.args = ()
    value = [*loop.last, *loop.ys]
    made = program.append(rolled, (*given, around), {"body": body}, value)
    return list(symbols(program, made, value))


def row_of(program: Program, a: Any) -> Any:
    """Return an argument as it stands in an instruction."""
    return current(a)._row if type(a) is Symbol else program.held(a)


def written_step(loop: Rolled, program: Program, held: dict[str, list[Any]]) -> Body | None:
    """Run a step on symbols, and return its program; None if Python asked for numbers."""
    step_program = Program(CURRENT.get(), Symbol)
    step_program.level = max(step_program.level, program.level + 1)

    def argument(value: Any, name: str) -> Symbol:
        row = step_program.append(ARGUMENT, (), {}, value, name)
        return Symbol(step_program, row, value)  # type: ignore[arg-type]

    carry = [argument(z, f"z{k or ''}") for k, z in enumerate(loop.start)]
    x = [argument(v[0], f"x{k or ''}") for k, v in enumerate(loop.xs)]
    token = CURRENT.set(step_program)
    before = len(program.instructions)
    try:
        with loop.traced(carry, x, held["captured"]) as step:
            after = [settled(z) for z in step.plain(step.after)]
            y = [settled(z) for z in step.plain(step.y)]
    finally:
        step_program.open = False
        CURRENT.reset(token)
    asked = GUARDS - {still_finite}
    if any(r.function in asked for r in step_program.instructions):
        del program.instructions[before:]
        return None
    around: dict[int, Instruction] = {}
    own = set(map(id, step_program.instructions))

    def inside(part: Any) -> Any:
        if type(part) is not Instruction or id(part) in own:
            return part
        if id(part) not in around:
            around[id(part)] = Instruction(ARGUMENT, (part,), {}, part.value, part.name or "p")
        return around[id(part)]

    for r in step_program.instructions:
        r.args, r.kwargs = replaced(r.args, inside), replaced(r.kwargs, inside)
    outputs = [inside(z) for z in (*after, *y)]
    rows = [*around.values(), *step_program.instructions]
    rows = [r for r in rows if r.function not in (still_finite, all_finite)]
    rows, outputs = simplified(rows, outputs, checked=False)
    return Body(
        rows,
        [s._row for s in carry],
        [s._row for s in x],
        list(around.values()),
        outputs[: len(after)],
        outputs[len(after) :],
        loop.n,
    )


def settled(z: Any) -> Any:
    """Return a result of a step as its instruction, or the constant that it is."""
    while isinstance(z, Traced) and type(z) is not Symbol:
        z = current(z)._value  # what is structure in the step is a value of the program
    return current(z)._row if type(z) is Symbol else z


def merged(rows: list[Instruction]) -> list[Instruction]:
    """Let a loop that only repeats the states of an earlier one be that loop, with its outputs.

    The multipliers of a loop need its states; so the loop that gives values gives them too.
    """
    seen: dict[Any, Instruction] = {}
    results: dict[tuple[int, int], Instruction] = {}
    gone: dict[int, tuple[Instruction, int, int]] = {}
    renamed: dict[int, Instruction] = {}
    kept = []
    for row in rows:
        if (
            row.function is item
            and id(row.args[0]) in renamed
            or id(row.args[0] if row.args else row) in gone
        ):
            first, carries, ahead = gone[id(row.args[0])]
            k = row.args[1]
            k = k if k < carries else k + ahead
            other = results.get((id(first), k))
            if other is not None:
                renamed[id(row)] = other
                continue
            row.args = (first, k)
        row.args = replaced(
            row.args, lambda p: renamed.get(id(p), p) if type(p) is Instruction else p
        )
        if row.function is rolled:
            key = loop_key(row)
            same = seen.get(key)
            if same is not None and carries_only(row):
                first = same
                body, own = first.kwargs["body"], row.kwargs["body"]
                places = {id(r): r2 for r, r2 in zip(own.carry, body.carry, strict=True)}
                gone[id(row)] = first, len(body.carry), len(body.y)
                body.y = body.y + [places[id(y)] for y in own.y]
                first.value = [*first.value, *row.value[len(body.carry) :]]
                continue
            seen.setdefault(key, row)
        if row.function is item:
            results[id(row.args[0]), row.args[1]] = row
        kept.append(row)
    return kept


def pruned(
    rows: Sequence[Instruction], outputs: Sequence[Any]
) -> tuple[list[Instruction], list[Any]]:
    """Leave out of loops the xs that no step reads, and the outputs that nobody reads."""
    loops = [r for r in rows if r.function is rolled]
    for row in loops:
        body: Body = row.kwargs["body"]
        read = {id(p) for r in body.rows for p in r.parents()}
        read |= {id(z) for z in (*body.after, *body.y) if type(z) is Instruction}
        kept = [k for k, r in enumerate(body.x) if id(r) in read]
        starts, xs, around = row.args
        row.args = starts, tuple(xs[k] for k in kept), around
        body.x = [body.x[k] for k in kept]
    kept_rows, kept_outputs = needed(rows, outputs)
    for row in loops:
        body, first = row.kwargs["body"], len(row.kwargs["body"].carry)
        items = [r for r in kept_rows if r.function is item and r.args[0] is row]
        used = sorted({r.args[1] for r in items if r.args[1] >= first})
        body.y = [body.y[k - first] for k in used]
        row.value = [*row.value[:first], *(row.value[k] for k in used)]
        for r in items:
            if r.args[1] >= first:
                r.args = row, first + used.index(r.args[1])
    return kept_rows, kept_outputs


def carries_only(row: Instruction) -> bool:
    """True if the outputs of a loop are the states that it goes through."""
    body = row.kwargs["body"]
    inputs = set(map(id, body.carry))
    return all(id(y) in inputs for y in body.y)


def loop_key(row: Instruction) -> Any:
    """Return what makes two loops go through the same states."""
    body = row.kwargs["body"]
    number = {id(r): k for k, r in enumerate((*body.carry, *body.x, *body.around))}

    def told(part: Any) -> Any:
        """A part by its number in the body, an array by what is in it."""
        if type(part) is Instruction:
            return "row", number.get(id(part), id(part))
        if isinstance(part, np.ndarray):
            return str(part.dtype), part.shape, sha1(part.tobytes()).hexdigest()
        return part

    lines = []
    for r in needed(body.rows, body.after)[0]:
        if id(r) not in number:
            lines.append((r.function, key_of(replaced((r.args, r.kwargs), told))))
            number[id(r)] = len(number)
    given = key_of(replaced(row.args, told))
    return body.n, given, tuple(lines), key_of(replaced(body.after, told))


# -- its lines -----------------------------------------------------------------------------------


def rolled_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """The loop: the carry before it, the lines of a step, and the results behind it."""
    body: Body = row.kwargs["body"]
    starts, xs, around = row.args
    inner = e.inside(body.rows, nested(body.rows, (*body.after, *body.y)))
    numbers = [type(r.value) in (float, np.float64) for r in body.carry]
    for r, value in zip(body.around, around, strict=True):
        inner.names[id(r)] = e.text(value)
        if type(value) is not Instruction or id(value) in e.plain:
            inner.plain.add(id(r))
    for r, start, number in zip(body.carry, starts, numbers, strict=True):
        text = e.text(start)
        plain = type(start) is not Instruction or id(start) in e.plain
        if number and type(start) is not Instruction:
            text = e.text(float(start))
        yield (
            f"{inner.names[id(r)]} = {text}"
            if plain or not number
            else (f"{inner.names[id(r)]} = float({text})")
        )
    lists = []
    for k, y in enumerate(body.y):
        target = e.free(f"{name}_y{k}")
        scalar = np.shape(y.value if type(y) is Instruction else y) == ()
        lists.append((target, scalar and not e.jit))
        shape = np.shape(row.value[len(body.carry) + k])
        dtype = row.value[len(body.carry) + k].dtype.name
        kind = "" if dtype == "float64" else f", np.{dtype}"
        scalar = scalar and not e.jit
        yield f"{target} = []" if scalar else f"{target} = np.empty({shape}{kind})"
    t = e.free("t")
    yield head_of_loop(e, inner, body, xs, t, any(not s for _, s in lists))
    for r in body.rows:
        inner.emit(r)
    lines = inner.lines
    for (target, scalar), y in zip(lists, body.y, strict=True):
        lines.append(
            f"{target}.append({inner.text(y)})" if scalar else f"{target}[{t}] = {inner.text(y)}"
        )
    moved = [
        (inner.names[id(r)], inner.text(z)) for r, z in zip(body.carry, body.after, strict=True)
    ]
    moved = [(a, b) for a, b in moved if a != b]
    if moved:
        lines.append(f"{', '.join(a for a, _ in moved)} = {', '.join(b for _, b in moved)}")
    yield from (f"    {line}" for line in lines or ["pass"])
    e.raises |= inner.raises
    e.finite += inner.finite
    results = [inner.names[id(r)] for r in body.carry]
    e.results[id(row)] = results
    e.plain_results[id(row)] = set()
    for k, z in enumerate(body.after):
        if numbers[k] and (type(z) is not Instruction or id(z) in inner.plain):
            e.plain_results[id(row)].add(k)
    for target, scalar in lists:
        if scalar:
            yield f"{target} = np.array({target})"
        results.append(target)


def head_of_loop(e: Any, inner: Any, body: Body, xs: Any, t: str, counted: bool) -> str:
    """Return the line that runs over the steps."""
    names, texts = [], []
    for r, x in zip(body.x, xs, strict=True):
        names.append(inner.names[id(r)])
        value = x.value if type(x) is Instruction else x
        if type(x) is not Instruction and is_count(value):
            texts.append(f"range({int(value[0])}, {int(value[0]) + len(value)})")
            inner.plain.add(id(r))
            e.raises = True  # Python's own integers are divided
        elif value.ndim == 1 and value.dtype.name == "float64":
            texts.append(e.text(x) if e.jit else f"{e.text(x)}.tolist()")
            inner.plain.add(id(r))
        else:
            texts.append(e.text(x))
    if counted or not texts:
        names.insert(0, t)
        texts.insert(0, f"range({body.n})")
    if len(texts) == 1:
        return f"for {names[0]} in {texts[0]}:"
    return f"for {', '.join(names)} in zip({', '.join(texts)}):"


def is_count(x: Any) -> bool:
    """True for integers that count up by one."""
    return x.ndim == 1 and x.dtype.kind in "iu" and x[0] >= 0 and bool((np.diff(x) == 1).all())
