"""A solved cycle as one constraint of the graph around it: g(z, p) = 0 in the place of z = f(p).

    R_zz dz + R_zp dp = 0        the implicit function theorem
    A_zz lam = w,  A = R^T       lam is the multiplier of g, for the multiplier w that reaches z
    -R_zp^T lam                  what is handed on to p

The multipliers solve a cycle again, a linear one in z*, p and w, and so derivatives of derivatives
are the same rule: nothing is written down for them. Source: T. Vieira, "Backprop is not just the
chain rule" (2017), section "What about cyclic constraints?".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.dispatch import overridable
from lagrad.graph import Graph
from lagrad.partials import Function, Partial
from lagrad.primitive import Primitive
from lagrad.replay import replay
from lagrad.residual import Layout, Linear
from lagrad.status import ArgumentError, TraceError
from lagrad.trace import Traced, Tracer, tracing
from lagrad.trace.record import bind
from lagrad.trace.tracer import innermost_value


class Cycle:
    """Conditions g(z, *p) = 0 at values that satisfy them.

    Parameters
    ----------
    name : str
        For listings and messages.
    value : array
        z: of its own shape if it is one real array, else a vector.
    args : plain values of the parameters, in the order of the inputs of the graph
    linear : function
        Returns g traced at (z, p), all values plain.
    solver
        ``solver.solve(linear, b, transposed)`` solves A x = b, or A^T x = b;
        ``solver.factor(linear)`` returns the factors of A.
    anew
        Solves the same conditions for other parameters, if it is known how.
    """

    def __init__(
        self,
        name: str,
        value: Any,
        args: Sequence[Any],
        linear: Callable[[], Linear],
        solver: Any,
        anew: Any = None,
    ) -> None:
        self.name, self.value, self.args = name, value, tuple(args)
        self.make, self.solver, self.anew = linear, solver, anew

    def __repr__(self) -> str:
        return f"{np.size(self.value)} unknowns"

    @property
    def status(self) -> Any:
        """How the search for the values ended, None for a linear cycle."""
        return getattr(self.solver, "status", None)

    @cached_property
    def linear(self) -> Linear:
        """The conditions traced at the solution."""
        return self.make()

    def solve(self, b: Any, transposed: bool = False) -> Any:
        """Solve A x = b, or A^T x = R x = b, for b shaped like the value."""
        x = self.solver.solve(self.linear, np.reshape(b, -1), transposed)
        return np.reshape(x, np.shape(b)).astype(self.value.dtype)[()]

    def factor(self) -> Any:
        """Return the factors of A."""
        return self.solver.factor(self.linear)

    # -- as the joint partials of all parameters -------------------------------------------------

    def multiplier(self, w: Any) -> Any:
        """Return lam of A lam = w."""
        return self.solve(w)

    def hand_on(self, lam: Any) -> list[Any]:
        """Return -R_zp^T lam for each parameter, None for what g does not depend on."""
        found = self.linear.pull(np.reshape(lam, -1))
        return [-found[r] if r in found else None for r in self.linear.parameters]

    def pull(self, w: Any) -> list[Any]:
        """Return what z hands to each parameter for the multiplier w."""
        return self.hand_on(self.multiplier(w))

    def change(self, tangents: Mapping[int, Any]) -> Any:
        """Return -R_zp dp for changes of parameters, by their place."""
        rows = self.linear.parameters
        change = self.linear.push({rows[k]: v for k, v in tangents.items()})
        return np.reshape(-change, np.shape(self.value))

    def push(self, tangents: Mapping[int, Any]) -> Any:
        """Return dz for changes of parameters, by their place."""
        return self.solve(self.change(tangents), transposed=True)

    # -- as entries of A -------------------------------------------------------------------------

    def matrix(self) -> sp.csc_array:
        """Return A_zz."""
        return self.linear.A

    def parameter_matrices(self) -> list[sp.csr_array]:
        """Return R_zp for each parameter."""
        found = self.linear.parameter_matrices()
        return [found[r] for r in self.linear.parameters]


class Nested:
    """A cycle seen by a trace: its values are traced, and so is all that is done with them."""

    def __init__(self, cycle: Cycle, z: Any, args: tuple[Any, ...]) -> None:
        self.cycle, self.z, self.args = cycle, z, args

    @cached_property
    def linear(self) -> Linear:
        """The conditions, evaluated again on the traced values."""
        if self.cycle.anew is not None and any(map(in_program, (self.z, *self.args))):
            return self.cycle.anew.linear(self.z, self.args)
        return again(self.cycle.linear, self.z, self.args)

    def multiplier(self, w: Any) -> Any:
        """Return lam of A lam = w."""
        return linear_cycle(self.cycle, self.z, self.args, w, adjoint=True)

    def pull(self, w: Any) -> list[Any]:
        """As `Cycle.pull`."""
        found = self.linear.pull(np.reshape(self.multiplier(w), -1))
        return [-found[r] if r in found else None for r in self.linear.parameters]

    def push(self, tangents: Mapping[int, Any]) -> Any:
        """As `Cycle.push`."""
        rows = self.linear.parameters
        change = -self.linear.push({rows[k]: v for k, v in tangents.items()})
        b = np.reshape(change, np.shape(self.z))
        return linear_cycle(self.cycle, self.z, self.args, b, adjoint=False)


def in_program(x: Any) -> bool:
    """True for a traced value that stands in a program, and is another one in its next call."""
    while isinstance(x, Traced) and not x._is_symbol:
        x = x._value
    return isinstance(x, Traced)


def again(linear: Linear, z: Any, args: Sequence[Any]) -> Linear:
    """Return the same conditions traced on other objects that stand for the same values."""
    with tracing() as made, np.errstate(all="ignore"):
        given: dict[int, Any] = {}
        for r, x in [
            *zip(linear.unknowns, linear.layout.unpack(np.reshape(z, -1)), strict=True),
            *zip(linear.parameters, args, strict=True),
        ]:
            given[r] = Tracer(made, made.input(x, linear.graph.name(r)), x)
        values = replay(linear.graph, given)
        outputs = [
            y if row is None else values[row]
            for y, row in zip(linear.outputs, linear.rows, strict=True)
        ]
    unknowns = [given[r]._row for r in linear.unknowns]
    parameters = [given[r]._row for r in linear.parameters]
    rows = tuple(y._row for y in outputs if isinstance(y, Tracer))
    graph = made.graph((*unknowns, *parameters), rows)
    return Linear(graph, unknowns, parameters, outputs, linear.layout, linear.equations)


def linear_cycle(cycle: Cycle, z: Any, args: Sequence[Any], b: Any, adjoint: bool) -> Any:
    """Return x of A x = b, or of A^T x = R x = b, as a constraint between x, z, args and b.

    Its conditions ``A(z, p) x - b = 0`` are linear in x, with the factors of the cycle itself.
    """
    plain = innermost_value(b)
    x = cycle.solve(plain, transposed=not adjoint)
    everything = (z, *args, b)
    if not any(isinstance(a, Traced) for a in everything):
        return x
    values = [number(innermost_value(a)) for a in everything]

    def conditions() -> Linear:
        with tracing() as made, np.errstate(all="ignore"):
            rows = [made.input(v, name) for v, name in zip((x, *values), names, strict=True)]
            lam, *rest = (Tracer(made, r, v) for r, v in zip(rows, (x, *values), strict=True))
            local = again(cycle.linear, rest[0], rest[1:-1])
            product = local.back if adjoint else local.along
            r = np.reshape(product(np.reshape(lam, -1)), np.shape(x)) - rest[-1]
        shape = Layout(x, "lam")
        graph = made.graph(tuple(rows), (r._row,) if isinstance(r, Tracer) else ())
        return Linear(graph, rows[:1], rows[1:], [r], shape, shape)

    names = ["lam", "z", *(f"p{k}" for k in range(len(args))), "w"]
    made = Cycle(
        f"{'adjoint' if adjoint else 'tangent'} of {cycle.name}",
        x,
        values,
        conditions,
        Turned(cycle, adjoint),
    )
    return constraint(made, everything)


def number(x: Any) -> Any:
    """Return a number of Python's, which a program may hand over, as a NumPy one."""
    return np.float64(x) if type(x) is float else x


class Turned:
    """Solves the linear cycle A x = b (``adjoint``) or R x = b with the factors of the cycle."""

    def __init__(self, cycle: Cycle, adjoint: bool) -> None:
        self.cycle, self.adjoint = cycle, adjoint

    def solve(self, linear: Linear, b: Any, transposed: bool) -> Any:
        """Solve with what is A in this cycle: R = A^T of the other one if that was turned."""
        return self.cycle.solver.solve(self.cycle.linear, b, transposed != self.adjoint)

    def factor(self, linear: Linear) -> Any:
        """Return the factors of A^T, or of A."""
        factor = self.cycle.factor()
        return Transposed(factor) if self.adjoint else factor


class Transposed:
    """The factors of M, as those of M^T."""

    def __init__(self, factor: Any) -> None:
        self.of, self.method = factor, f"transposed {factor.method}"
        self.rows, self.columns = factor.columns, factor.rows

    def solve(self, b: Any, transposed: bool = False) -> Any:
        """Return M^-T b, or M^-1 b."""
        return self.of.solve(b, not transposed)


def joint(z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Cycle | Nested:
    """Return the partials of all parameters together, which share one linear solve."""
    cycle = kwargs["cycle"]
    if any(isinstance(a, Traced) for a in (z, *args)):
        return Nested(cycle, z, args)
    return cycle


def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dz/dp_k = -R_zz^-1 R_zp, matrix-free."""
    if args[k].dtype.kind == "c":
        raise ArgumentError(
            f"the sparse Jacobian through {kwargs['cycle'].name} with respect to complex numbers; "
            "leave out sparse=True"
        )
    rows, shape = joint(z, args, kwargs), np.shape(args[k])

    def adjoint(w: Any) -> Any:
        found = rows.pull(w)[k]
        return np.zeros(shape) if found is None else found

    return Function(lambda v: rows.push({k: v}), adjoint, shape, np.shape(z))


def conditions(z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Graph]:
    """Yield the graph of the conditions at the solution."""
    yield kwargs["cycle"].linear.graph


def solved(kind: str) -> Primitive:
    """Return the primitive of values that are found by solving, under the name of how."""

    @overridable
    def value(*args: Any, cycle: Cycle) -> Any:
        for a, b in zip(args, cycle.args, strict=True):
            if a is not b and not np.array_equal(a, b, equal_nan=True):
                raise TraceError(
                    f"{cycle.name} was solved for other values of its parameters; call it again"
                )
        return cycle.value

    made = Primitive(kind, value, partial, joint=joint, cyclic=True, inside=conditions)
    value.primitive = made  # type: ignore[attr-defined]
    return made


KINDS = {
    kind: solved(kind)
    for kind in ("root", "fixed_point", "argmin", "implicit", "cycle", "adjoint", "tangent")
}


def constraint(cycle: Cycle, args: Sequence[Any]) -> Any:
    """Return the value of the cycle as a variable that depends on ``args``."""
    if not any(isinstance(a, Traced) for a in args):
        return cycle.value
    kind = cycle.name.split(" of ")[0].replace(" ", "_")
    return bind(KINDS.get(kind, KINDS["cycle"]), tuple(args), {"cycle": cycle})
