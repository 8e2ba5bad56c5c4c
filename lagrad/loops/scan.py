"""``scan`` and ``fori_loop``: the values of a loop, and its place in the graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from lagrad.containers import leaves, map_leaves, unflatten
from lagrad.dispatch import overridable
from lagrad.graph import Graph
from lagrad.loops.rolled import Rolled
from lagrad.partials import Function, Partial
from lagrad.primitive import Primitive
from lagrad.residual import floating, location, plain_value
from lagrad.status import ArgumentError
from lagrad.trace import Traced
from lagrad.trace.record import bind, unmuted
from lagrad.trace.tape import same


def scan(
    f: Callable[..., Any],
    carry: Any,
    xs: Any = None,
    length: int | None = None,
    memory: int | None = None,
) -> tuple[Any, Any]:
    """Run ``carry, y = f(carry, x)`` over the entries x of ``xs``, as one constraint.

    A Python loop does the same, and is written down step by step. This one takes memory for some
    sqrt(n) carries instead, and runs each step about once more for the multipliers. It can be
    differentiated to any order.

    Parameters
    ----------
    f : function of (carry, x), returning the next carry and an output y, which may be None
        Traced values that it reads from around it are differentiated too. It is run again for the
        multipliers and must then do the same. What it branches on may differ from step to step.
        Values that it puts aside, in a list around it say, are refused where they are used.
    carry : container of arrays and numbers
        Floats and complex numbers are variables, arrays of integers are carried along. Every next
        one has the same structure, shapes and dtypes.
    xs : container of arrays with a leading axis of length n, or None
    length : int
        n, where there are no xs; f then gets None for x.
    memory : int
        How many carries to keep, 2 sqrt(n) by default, and as many again while the multipliers are
        found. Fewer cost more steps.

    Returns
    -------
    carry : the last one
    ys : the outputs, stacked along a new leading axis; None if f gives none

    Raises
    ------
    ArgumentError
        If lengths differ, or a carry is not like the one before.
    TraceError
        At the multipliers, if f does not give the same values again.

    Notes
    -----
    The multipliers run the loop backwards, ``lam_{t-1} = (dz_t/dz_{t-1})^T lam_t +
    (dy_t/dz_{t-1})^T w_t``; the states are found again from a few that are kept.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> def decay(rate):
    ...     last, path = lg.scan(lambda z, x: (z * rate + x, z), 1.0, np.zeros(10))
    ...     return last
    >>> round(float(lg.grad(decay)(0.5)), 6)  # 10 * 0.5**9
    0.019531
    """
    what = f"lg.scan of {getattr(f, '__name__', 'f')} ({location(f)})"
    step = f if xs is not None else lambda z, _: f(z, None)
    carry, xs = map_leaves(unmuted, carry), map_leaves(unmuted, () if xs is None else xs)
    inputs = map_leaves(lambda x: np.array(plain_value(x)), xs)
    n = length_of(inputs, length, what)
    slots = 2 * math.isqrt(n) + 1 if memory is None else int(memory)
    if slots < 1:
        raise ArgumentError(f"memory={memory}: one carry at least must be kept, memory=1")
    start = map_leaves(lambda z: begin(z, what), carry)
    loop = Rolled(step, start, inputs, n, slots, what)
    args = loop.arguments(carry, xs)
    if args:
        found = iter(loop.layout.unpack(bind(SCAN, tuple(args), {"loop": loop})))
    else:
        found = iter(loop.results)
    last, ys = ([next(found) if floating(z) else z for z in part] for part in (loop.last, loop.ys))
    outputs = None if loop.y_tree is None else unflatten(loop.y_tree, iter(ys))
    return unflatten(carry, iter(last)), outputs


def fori_loop(
    lower: int, upper: int, body: Callable[..., Any], carry: Any, memory: int | None = None
) -> Any:
    """Return the carry after ``carry = body(i, carry)`` for i = lower, ..., upper - 1.

    As `scan`, without xs and outputs.

    Parameters
    ----------
    lower, upper : int
        The first i, and the one that is no longer run.
    body : function of (i, carry), returning the next carry; i is a plain int
    carry : container of arrays and numbers
    memory : int
        How many carries to keep.

    Returns
    -------
    carry : the last one; the first if upper <= lower

    Examples
    --------
    >>> import lagrad as lg
    >>> power = lambda x: lg.fori_loop(0, 5, lambda i, z: z * x, 1.0)
    >>> float(lg.grad(power)(2.0))
    80.0
    """
    steps = np.arange(int(lower), max(int(lower), int(upper)))

    def step(z: Any, i: Any) -> Any:
        # A program counts by a value of its own; else the body gets Python's integer.
        return body(i if hasattr(i, "_ask") else int(i), z), None

    return scan(step, carry, steps, memory=memory)[0]


def length_of(inputs: Any, length: int | None, what: str) -> int:
    """Return the number of steps."""
    found = {label: len(x) if np.ndim(x) else None for label, x in leaves(inputs, "xs")}
    if length is not None:
        found["length"] = int(length)
    counts = set(found.values())
    if len(counts) != 1 or None in counts:
        raise ArgumentError(
            f"{what}: the numbers of steps are {found or 'not given'}; give xs whose leading axes "
            "are equally long, or length="
        )
    n = counts.pop() or 0
    if n < 0:
        raise ArgumentError(f"{what}: length={n}; a loop has 0 steps or more")
    return n


def begin(z: Any, what: str) -> Any:
    """Return a leaf of the first carry as a plain value of its own: numbers as floats."""
    z = plain_value(z)
    if type(z) in (int, bool):
        return np.bool_(z) if type(z) is bool else np.float64(z)
    if not isinstance(z, np.ndarray | np.generic | float | complex) or np.asarray(z).dtype == "O":
        raise ArgumentError(
            f"{what}: the carry holds {type(z).__name__}; it may hold arrays and numbers, in "
            "nested tuples, lists, dicts and dataclasses"
        )
    return np.array(z)[()]


# -- the constraint ------------------------------------------------------------------------------


class Sweeps:
    """The partials of a loop with respect to all its arguments, which share one sweep."""

    def __init__(self, loop: Rolled, args: Sequence[Any]) -> None:
        self.loop = loop
        self.nested = any(isinstance(a, Traced) for a in args)
        held = {"carry": list(loop.start), "x": list(loop.xs), "captured": list(loop.captured)}
        for (kind, k), value in zip(loop.places, args, strict=True):
            held[kind][k] = value
        self.start, self.xs, self.captured = held["carry"], held["x"], held["captured"]

    def pull(self, w: Any) -> list[Any]:
        """Return what each argument gets."""
        loop = self.loop
        parts = loop.layout.unpack(w, -1.0)
        count = sum(floating(z) for z in loop.last)
        lam, ws = parts[:count], parts[count:]
        nested = self.nested or isinstance(w, Traced)
        carry, xs, captured = (self.rolled if nested else self.unrolled)(lam, ws)
        found = {"captured": dict(enumerate(captured))}
        for kind, held, given in (("carry", loop.start, carry), ("x", loop.xs, xs)):
            floats = (k for k, z in enumerate(held) if floating(z))
            found[kind] = dict(zip(floats, given, strict=True))
        return [found[kind][k] for kind, k in loop.places]

    def unrolled(self, lam: list[Any], ws: list[Any]) -> tuple[Any, ...]:
        """Run plain multipliers backwards, from checkpoint to checkpoint."""
        loop, after = self.loop, self.loop.last
        xs = [np.zeros_like(x) for x in loop.xs if floating(x)]
        captured = [np.zeros_like(v) for v in self.captured]
        for t, state in loop.checkpoints.backwards():
            lam, moved, read, again = loop.back(
                state, [x[t] for x in loop.xs], lam, [w[t] for w in ws], self.captured
            )
            if not all(map(same, after, again)):
                loop.refuse_other_values(f", in step {t}")
            for x, v in zip(xs, moved, strict=True):
                x[t] = v
            captured = [a + b for a, b in zip(captured, read, strict=True)]
            after = state
        return lam, xs, captured

    def rolled(self, lam: list[Any], ws: list[Any]) -> tuple[Any, ...]:
        """Run traced multipliers backwards, as a loop over all states."""
        loop = self.loop
        if loop.n == 0:
            return (
                lam,
                [np.zeros_like(x) for x in loop.xs if floating(x)],
                [np.zeros(np.shape(v), v.dtype) for v in self.captured],
            )

        def forward(state: Any, x: Any) -> Any:
            with loop.traced(state, x, self.captured) as step:
                return step.plain(step.after), state

        def backward(sums: Any, given: Any) -> Any:
            state, x, w = given
            lam, moved, read, _ = loop.back(state, x, sums[0], w, self.captured)
            return (lam, [a + b for a, b in zip(sums[1], read, strict=True)]), moved

        last, states = scan(forward, self.start, self.xs, length=loop.n)
        loop.agree(last)
        turned = [[a[::-1] for a in part] for part in (states, self.xs, ws)]
        zeros = [np.zeros(np.shape(v), v.dtype) for v in self.captured]
        (lam, captured), xs = scan(backward, (lam, zeros), tuple(turned), length=loop.n)
        return lam, [x[::-1] for x in xs], captured

    def push(self, moved: dict[int, Any]) -> Any:
        """Return the change of z for changes of arguments, by place."""
        loop = self.loop
        given = {place: moved[k] for k, place in enumerate(loop.places) if k in moved}

        def changes(kind: str, held: list[Any]) -> list[Any]:
            return [
                given[kind, k] if (kind, k) in given else np.zeros(np.shape(z), z.dtype)
                for k, z in enumerate(held)
                if kind == "captured" or floating(z)
            ]

        dz, dx = changes("carry", loop.start), changes("x", loop.xs)
        dp = changes("captured", self.captured)

        def along(state: Any, x: Any) -> Any:
            return loop.along(state[0], x[0], self.captured, (state[1], x[1], dp))

        (last, dz), ys = scan(along, (self.start, dz), (self.xs, dx), length=loop.n)
        loop.agree(last)
        dy = ys[1] if loop.n else []
        return loop.layout.pack([*dz, *dy])


@overridable
def value(*args: Any, loop: Rolled) -> Any:
    """The results of a loop that was run, in one vector."""
    return loop.layout.pack(loop.results)


def joint(z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sweeps:
    """Return the partials of all arguments together."""
    return Sweeps(kwargs["loop"], args)


def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return the partial of one argument, matrix-free."""
    sweeps, shape = joint(z, args, kwargs), np.shape(args[k])
    return Function(lambda v: sweeps.push({k: v}), lambda w: sweeps.pull(w)[k], shape, np.shape(z))


def steps(z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Graph]:
    """Yield the graph of each step, the last first."""
    loop, sweeps = kwargs["loop"], joint(z, args, kwargs)
    for t, state in loop.checkpoints.backwards():
        with loop.traced(state, [x[t] for x in loop.xs], sweeps.captured) as step:
            yield step.graph()


SCAN = Primitive("scan", value, partial, joint=joint, inside=steps)
value.primitive = SCAN  # type: ignore[attr-defined]
