"""The whole of a program as text: its lines, its constants and what it gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.compile.blocks import blocked
from lagrad.compile.emit import SPECIAL, Emitter
from lagrad.compile.lifetimes import OWNING, last_mentions, last_uses
from lagrad.compile.lines import CAREFUL, UFUNCS
from lagrad.compile.nesting import nested
from lagrad.compile.program import ARGUMENT, CAPTURED, PARTIAL, Instruction, item
from lagrad.compile.rolling import rolled
from lagrad.dispatch import all_finite, masked_multiply, still_finite
from lagrad.eliminate.matrices import by_rows


@dataclass
class Source:
    """The lines of a program, and the constants that stand in them by name."""

    parameters: list[str]
    lines: list[str]
    result: list[str]
    constants: dict[str, Any] = field(default_factory=dict)
    #: Names of captured arrays, in the order in which they were found.
    captured: list[str] = field(default_factory=list)
    #: The name of each instruction, and where its lines begin and end.
    shown: list[tuple[str, int, int]] = field(default_factory=list)
    #: True if a line may raise where NumPy gives inf or nan.
    raises: bool = False
    #: True if the function may go on where something was raised.
    catches: bool = False
    called: set[str] = field(default_factory=set)
    #: What the lines give names to.
    names: set[str] = field(default_factory=set)

    @property
    def guarded(self) -> bool:
        """True if the lines stand in a ``try``."""
        return self.raises or self.catches


def source_of(
    rows: Sequence[Instruction],
    outputs: Sequence[Any],
    reverse: int | None,
    jit: bool = False,
    taken: Sequence[str] = (),
) -> Source:
    """Return the source of instructions, and the texts of what they give.

    With ``jit`` the lines are those that numba understands.
    """
    e = Emitter(rows, taken, jit, nested(rows, outputs))
    e.last = last_uses(rows, outputs)
    e.own = own_data(rows, outputs)
    dead = last_mentions(rows, outputs)
    parameters, captured, shown = [], [], []
    quiet: int | None = None
    for k, row in enumerate(rows):
        if k == reverse:
            e.write("# the partials" if row.of is PARTIAL else "# the reverse sweep")
            if not jit and len(rows) <= LINES and any(map(may_warn, rows[k:])):
                e.write('with np.errstate(all="ignore"):  # where nothing was selected')
                quiet = len(e.lines)
        if row.function is ARGUMENT:
            parameters.append(e.names[id(row)])
        elif row.function is CAPTURED:
            captured.append(e.names[id(row)])
        before = len(e.lines)
        e.emit(row)
        shown.append((e.names[id(row)], before, len(e.lines)))
        over = [] if jit else [e.names[id(p)] for p in dead.get(id(row), ())]
        if over:
            e.write(f"del {', '.join(over)}")
    if quiet is not None:
        e.lines[quiet:] = [f"    {line}" for line in e.lines[quiet:]] or ["    pass"]
    result = results(e, outputs)
    finite_check(e)
    return Source(
        parameters,
        e.lines,
        result,
        e.constants,
        captured,
        shown,
        e.raises,
        called=e.called,
        names=e.taken,
    )


def may_warn(row: Instruction) -> bool:
    """True for a function of arrays that NumPy warns of at the edge of its domain."""
    function = UFUNCS.get(row.function, row.function)
    stretch = row.kwargs.get("stretch")
    if stretch is not None:
        return any(map(may_warn, stretch.rows))
    return isinstance(row.value, np.ndarray) and (
        function is masked_multiply or (isinstance(function, np.ufunc) and function not in STEADY)
    )


#: They are finite wherever their arguments are, but for overflow.
STEADY = frozenset(
    {np.add, np.subtract, np.multiply, np.negative, np.matmul, np.maximum, np.minimum, np.absolute}
    | {np.sin, np.cos, np.tanh, np.sign, np.heaviside, np.square, np.exp, np.logical_not}
    | {np.greater, np.less, np.equal, np.greater_equal, np.less_equal, np.not_equal, np.isfinite}
    | {np.logical_and, np.logical_or, np.invert, np.isnan}
)
#: Longer programs are cut, and a block of lines cannot be.
LINES = 20_000


def results(e: Emitter, outputs: Sequence[Any]) -> list[str]:
    """Return the texts of what a program gives: arrays of their own."""
    found, given = [], set()
    roots = [r for r in e.rows if r.function in (ARGUMENT, CAPTURED)]
    for out in outputs:
        text = e.text(out)
        if type(out) is not Instruction:
            if isinstance(out, np.ndarray):
                text = f"np.array({text})"
            elif sp.issparse(out):
                text = f"{text}.copy()"
        elif sp.issparse(out.value):
            text = f"{text}.copy()" if id(out) in given else text
            given.add(id(out))
        elif isinstance(out.value, np.ndarray):
            value = out.value
            # Whether a reshaped array is a copy depends on how its memory is laid out.
            shared = not owns(out) or id(out) in given or not value.flags.writeable
            shared = shared or value.base is not None
            if value.ndim == 0:
                text = f"{text}[()]"
            elif shared or any(np.may_share_memory(value, r.value) for r in roots):
                text = f"np.array({text})"
            given.add(id(out))
        found.append(text)
    return found


def finite_check(e: Emitter) -> None:
    """Write the one line that finds NaN and inf among what was asked to be finite."""
    parts = []
    for x in dict.fromkeys(e.finite):
        text = e.text(x)
        if isinstance(x.value, np.ndarray):
            # A product with ones is the faster sum, until it is shared out among threads.
            small = not e.jit and x.value.size <= 4096 and x.value.dtype == float
            parts.append(
                f"np.vdot({e.whole_ones(x.value.shape)}, {text})" if small else f"{text}.sum()"
            )
        else:
            parts.append(text)
    if parts:
        e.write(f"total = {' + '.join(parts)}")
        if any(np.iscomplexobj(x.value) for x in e.finite):
            e.write(f"if not np.isfinite(total): {CAREFUL}")
        elif all(id(x) in e.plain for x in e.finite):
            e.write(f"if total - total: {CAREFUL}")  # of inf and NaN it is NaN, which is true
        else:
            e.write(f"if not math.isfinite(total): {CAREFUL}")


def own_data(rows: Sequence[Instruction], outputs: Sequence[Any]) -> set[int]:
    """Return the data of sparse matrices that only one matrix, and nothing else, refers to."""
    users = Counter(id(out) for out in outputs)
    for r in rows:
        if r.function not in (all_finite, still_finite):
            users.update(map(id, r.parents()))
    data = [r.args[0] for r in rows if r.function is by_rows]
    return {id(x) for x in data if type(x) is Instruction and owns(x) and users[id(x)] == 1}


def owns(row: Instruction) -> bool:
    """True if the result of an instruction has memory of its own."""
    function = UFUNCS.get(row.function, row.function)
    if function is item:
        of, k = row.args
        # The last carry of a loop may be the first one.
        return of.function is blocked or (
            of.function is rolled and k >= len(of.kwargs["body"].carry)
        )
    return isinstance(function, np.ufunc) or function in OWNING or function in SPECIAL
