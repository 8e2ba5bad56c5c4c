"""A loop z_t, y_t = f(z_{t-1}, x_t) that was run, and its tangents and multipliers.

States are lists of leaves. A step is traced by itself where its partials are needed, with what f
reads from around it as inputs; so one piece of code serves plain numbers and traced ones, and on
traced ones the sweep through the loop is again a rolled loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from lagrad.containers import leaves, unflatten
from lagrad.loops.checkpoints import Checkpoints
from lagrad.residual import Layout, belongs, floating
from lagrad.solve import back_substitute, forward_substitute
from lagrad.status import ArgumentError, TraceError
from lagrad.trace import Trace, Traced, Tracer, muted, recording, substituting, tracing
from lagrad.trace.record import lifted, unmuted
from lagrad.trace.tape import same, substituted
from lagrad.trace.tracer import innermost_value, snapshot

List = list[Any]


@dataclass
class Step:
    """One step, traced: rows of its inputs, and its results as they are in the trace."""

    trace: Any
    carry: list[int]
    x: list[int]
    captured: list[int]
    after: List
    y: List

    def graph(self) -> Any:
        """Return the graph from the inputs to the results."""
        inputs = (*self.carry, *self.x, *self.captured)
        outputs = (z._row for z in (*self.after, *self.y) if belongs(z, self.trace))
        return self.trace.graph(inputs, tuple(outputs))

    def plain(self, results: List) -> List:
        """Return results as values one level down."""
        return [z._value if belongs(z, self.trace) else z for z in results]


class Rolled:
    """The loop: run once on plain values, and run again where its partials are needed.

    Attributes
    ----------
    captured : traced values that f reads from around it
    places : what each argument of the constraint is: ("carry", k), ("x", k) or ("captured", k)
    last, ys : leaves of the last carry, and of the outputs stacked over the steps
    layout : of the floating ones among these in one vector
    """

    def __init__(self, f: Callable[..., Any], carry: Any, xs: Any, n: int, slots: int, what: str):
        self.f, self.n, self.what = f, n, what
        self.carry_tree, self.xs_tree, self.y_tree = carry, xs, None
        self.y_kinds: list[Any] | None = None
        self.start = [z for _, z in leaves(carry)]
        self.xs = [x for _, x in leaves(xs)]
        self.captured: list[Tracer] = []
        self.around: set[Trace] = set()
        self.places: list[tuple[str, int]] = []
        noted: dict[int, Tracer] = {}
        steps: list[List] = []

        def step(state: List, t: int) -> List:
            # What f puts aside, in a list around it say, would be lost to the derivative. So that
            # it is refused where it is used, the steps whose values stay to the end are traced.
            after, y = self.run(state, t, noted, traced=recording() and t in (0, n - 1))
            if y:
                steps.append(y)
            return after

        self.checkpoints = Checkpoints(self.start, n, slots, step)
        self.last = self.checkpoints.run()
        self.checkpoints.step = lambda state, t: self.run(state, t)[0]
        self.ys = [np.stack(column) for column in zip(*steps, strict=True)]
        if recording():
            for a in noted.values():
                snapshot(a)  # What was written to it is settled now: later writes are others.
            self.captured = list(noted.values())
            self.around = {t for a in self.captured for t in levels(a)}
            self.versions = [a._version for a in self.captured]
        self.results = [z for z in (*self.last, *self.ys) if floating(z)]
        self.layout = Layout(self.results, "loop")

    def arguments(self, carry: Any, xs: Any) -> List:
        """Return what the results depend on, and note the place of each."""
        found: List = []
        trees = {"carry": carry, "x": xs, "captured": self.captured}
        for kind, tree in trees.items():
            for k, (_, z) in enumerate(leaves(tree)):
                if isinstance(z, Tracer):
                    self.places.append((kind, k))
                    found.append(z)
        return found

    # -- a step ----------------------------------------------------------------------------------

    def run(
        self, state: List, t: int, noted: dict[int, Any] | None = None, traced: bool = False
    ) -> tuple[List, List]:
        """Return the state after step t and its outputs, as plain values.

        With ``traced`` f meets the state as variables of a trace that is over when the step is.
        """
        with muted(noted, also=self.around), tracing() if traced else nullcontext() as trace:

            def held(z: Any) -> Any:
                z = _copy(z)
                return Tracer(trace, trace.input(z, "z"), z) if trace and floating(z) else z

            results = self.results_of([held(z) for z in state], [held(x[t]) for x in self.xs])
            after, y = ([innermost_value(unmuted(z)) for z in part] for part in results)
        return after, y

    def results_of(self, state: List, x: List) -> tuple[List, List]:
        """Call f, and return the leaves of what it returned, checked."""
        given = unflatten(self.carry_tree, iter(state)), unflatten(self.xs_tree, iter(x))
        result = self.f(*given)
        if not isinstance(result, tuple) or len(result) != 2:
            raise ArgumentError(f"{self.what} must return a pair (carry, y); y may be None")
        after, y = result
        outputs = self.outputs_of(y)
        found = leaves(after, "carry")
        names = [label for label, _ in leaves(self.carry_tree, "carry")]
        pairs = list(found)
        if [label for label, _ in pairs] != names:
            raise ArgumentError(
                f"{self.what} returned a carry with the leaves {[label for label, _ in pairs]} "
                f"after one with {names}; give all of them the same structure"
            )
        checked = [
            self.like(z, new, label) for (label, new), z in zip(pairs, self.start, strict=True)
        ]
        return checked, outputs

    def outputs_of(self, y: Any) -> List:
        """Return the leaves of the outputs, which every step must return alike."""
        pairs = [] if y is None else [(label, _array(z)) for label, z in leaves(y, "y")]
        kinds_of = (getattr(getattr(z, "dtype", None), "kind", "O") for _, z in pairs)
        wrong = [
            label for (label, _), kind in zip(pairs, kinds_of, strict=True) if kind not in "fciub"
        ]
        if wrong:
            raise ArgumentError(f"{self.what} returned an output whose {wrong[0]} is no array")
        kinds = [(label, np.shape(z), z.dtype.kind) for label, z in pairs]
        if self.y_kinds is None:
            self.y_tree, self.y_kinds = y, kinds
        elif kinds != self.y_kinds:
            raise ArgumentError(
                f"{self.what} returned outputs {kinds} (label, shape, kind of dtype) after "
                f"{self.y_kinds} in an earlier step; return the same structure each time"
            )
        return [z for _, z in pairs]

    def agree(self, last: List) -> None:
        """Refuse a state at the end that is not the one that was found first.

        Raises
        ------
        TraceError
            If the function gives other values when it is run again.
        """
        if not all(map(same, self.last, map(innermost_value, last))):
            self.refuse_other_values("")

    def refuse_other_values(self, where: str) -> NoReturn:
        """Refuse a function that depends on more than its arguments."""
        raise TraceError(
            f"{self.what} gave other values when it was run again for derivatives{where}. Draw "
            "random numbers before the loop and hand them over as xs; leave alone what it reads "
            "from around it"
        )

    def like(self, z: Any, new: Any, label: str) -> Any:
        """Return a leaf of the next carry, which must be like the one before."""
        new = _array(new)
        if np.shape(new) != np.shape(z):
            raise ArgumentError(
                f"{self.what}: {label} has shape {np.shape(z)} before a step and "
                f"{np.shape(new)} after it; start with the shape that it keeps"
            )
        if new.dtype == z.dtype:
            return new
        if not np.can_cast(new.dtype, z.dtype, "safe") and not (
            new.dtype.kind in "iu" and z.dtype.kind in "fc"
        ):
            raise ArgumentError(
                f"{self.what}: {label} is {z.dtype} before a step and {new.dtype} after it; start "
                "with the dtype that it keeps"
            )
        return new.astype(z.dtype)

    @contextmanager
    def traced(self, state: List, x: List, captured: List) -> Iterator[Step]:
        """Trace a step from a state, with values for what f reads from around it."""
        for a, version in zip(self.captured, self.versions, strict=True):
            if a._version != version:
                raise TraceError(
                    f"{self.what} read an array from around it that was written to later, and "
                    "must read it again for the multipliers. Write to a copy: y = x.copy()"
                )
        with substituting(zip(self.captured, captured, strict=True)) as (trace, rows):

            def inputs(values: List, name: str) -> tuple[List, list[int]]:
                made: List = []
                for k, v in enumerate(values):
                    v = _copy(v)
                    if floating(innermost_value(v)):
                        v = Tracer(trace, trace.input(v, f"{name}{k}"), v)
                    made.append(v)
                return made, [v._row for v in made if belongs(v, trace)]

            (c, carry_rows), (given, x_rows) = inputs(state, "carry"), inputs(x, "x")
            with np.errstate(all="ignore"):
                after, y = self.results_of(c, given)
            yield Step(trace, carry_rows, x_rows, rows, after, y)

    # -- its partials ----------------------------------------------------------------------------

    def back(self, state: List, x: List, lam: List, w: List, captured: List) -> tuple[Any, ...]:
        """Return the multipliers of a state, of x and of what is captured, and the state after.

        ``lam`` and ``w`` are the multipliers of the floating leaves of the state after and of y.
        """
        with self.traced(state, x, captured) as step:
            results = [z for z in step.after if floating(innermost_value(z))]
            results += [z for z in step.y if floating(innermost_value(z))]
            seeds: dict[int, Any] = {}
            for z, u in zip(results, [*lam, *w], strict=True):
                if belongs(z, step.trace):
                    seeds[z._row] = seeds[z._row] + u if z._row in seeds else u
            graph = step.graph()
            found = back_substitute(graph, seeds, keep=set(graph.inputs))
            values = graph.columns.values
            parts = (
                [
                    found[r] if r in found else np.zeros_like(innermost_value(values[r]))
                    for r in rows
                ]
                for rows in (step.carry, step.x, step.captured)
            )
            return (*parts, step.plain(step.after))

    def along(self, state: List, x: List, captured: List, tangents: Sequence[List]) -> Any:
        """Return the state after and its outputs, and the changes of their floating leaves.

        ``tangents`` are those of the state, of x and of what is captured.
        """
        with self.traced(state, x, captured) as step:
            rows = (*step.carry, *step.x, *step.captured)
            seeds = dict(zip(rows, [v for part in tangents for v in part], strict=True))
            graph = step.graph()
            moved = forward_substitute(graph, len(graph), seeds)

            def changes(results: List) -> List:
                floats = (z for z in results if floating(innermost_value(z)))
                return [
                    moved[z._row]
                    if belongs(z, step.trace) and z._row in moved
                    else np.zeros(np.shape(z), z.dtype)
                    for z in floats
                ]

            return (
                (step.plain(step.after), changes(step.after)),
                (step.plain(step.y), changes(step.y)),
            )


def levels(a: Any) -> Iterator[Trace]:
    """Yield the traces that a traced value belongs to, the innermost first."""
    while isinstance(a, Traced):
        yield a._trace
        a = a._value


def _copy(z: Any) -> Any:
    """Return a leaf that a step may write to."""
    return np.copy(z) if isinstance(z, np.ndarray) else z


def _array(z: Any) -> Any:
    """Return a leaf that f returned as an array or NumPy scalar, traced or not."""
    z = substituted(lifted(z))
    return z if isinstance(z, Traced) else np.asarray(z)[()]
