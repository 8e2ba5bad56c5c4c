"""What becomes of a NaN in a program: does a result that is asked to be finite tell of it?

A product behind a mask may be the plain one if the NaN that 0 * inf makes is found in the end, or
is left out by the same selections that leave out the true value. Both are questions about the
functions on the way, and are answered for every instruction in one sweep from the results back.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from lagrad.compile.functions import assigned, cast
from lagrad.compile.program import GUARDS, Instruction
from lagrad.compile.simplify.patterns import (
    ADD,
    DIVIDE,
    FLOAT64,
    MATMUL,
    MULTIPLY,
    NEGATIVE,
    POWER,
    SUBTRACT,
    calls,
    guarded,
    kind_of,
    parents_of,
    reduction,
    value_of,
)
from lagrad.dispatch import all_finite, masked_multiply, scatter_add, sparse_product, still_finite
from lagrad.rules.elementwise import jump, sech_squared
from lagrad.rules.shaping import getitem, pad
from lagrad.rules.writing import write

#: Infinity or NaN in gives infinity or NaN out, somewhere.
LINEAR = (
    ADD
    | SUBTRACT
    | MULTIPLY
    | NEGATIVE
    | MATMUL
    | {np.sum, np.mean, np.dot, np.vdot, np.inner, np.outer, np.tensordot, np.einsum, np.cumsum}
    | {np.reshape, np.transpose, np.ravel, np.broadcast_to, np.expand_dims, np.squeeze}
    | {np.moveaxis, np.swapaxes, np.concatenate, np.stack, np.array, np.copy, np.flip, np.roll}
    | {np.square, np.log, np.sqrt, np.absolute, operator.abs, operator.pos, np.positive}
    | {np.conjugate, np.float64, float}
)
#: NaN in gives NaN out, somewhere.
STRICT = (
    LINEAR
    | DIVIDE
    | {np.exp, np.exp2, np.expm1, np.log2, np.log10, np.log1p, np.sin, np.cos, np.tan, np.tanh}
    | {np.sinh, np.cosh, np.arcsin, np.arccos, np.arctan, np.arctan2, np.arcsinh, np.arccosh}
    | {np.arctanh, np.reciprocal, np.cbrt, np.maximum, np.minimum, np.sign, np.heaviside}
    | {np.max, np.amax, np.min, np.amin, np.prod, np.var, np.std, np.cumprod, np.logaddexp}
    | {sech_squared, jump}
)
#: Each entry of the result has one of the arguments, which may leave others out.
SELECTS = frozenset(
    {operator.getitem, getitem, scatter_add, pad, assigned, write, sparse_product}
    | {np.take, np.diagonal, np.tril, np.triu, np.repeat, np.tile, np.diag, np.split}
)
#: In these the first arguments are numbers, the rest says which.
FIRST = {masked_multiply: 2, scatter_add: 1, operator.getitem: 1, getitem: 1, np.take: 1, cast: 1}
#: Functions that tell -0.0 from 0.0 where neither makes an infinity.
SIGNED = frozenset({np.arctan2, np.copysign, np.signbit, np.angle, np.nextafter, np.spacing})


class Facts:
    """What is known of the NaN of each instruction.

    Attributes
    ----------
    told : set of int
        Ids of rows of which a NaN makes a checked result not finite, for certain.
    loud : set of int
        The same of an infinity.
    unsound : set of int
        Ids of rows of which a NaN might change a result that nobody checks.
    tops : set of int
        Ids of ``where(isfinite(t), t, 0)`` for t = max(x), where a NaN in x - t is told.
    """

    def __init__(self, rows: Sequence[Instruction], outputs: Sequence[Any], checked: bool) -> None:
        self.checked = checked
        self.told: set[int] = set()
        self.loud: set[int] = set()
        self.unsound: set[int] = set()
        self.tops: set[int] = set()
        #: True if a function of the program looks at the sign of a zero.
        self.signed = any(row.function in SIGNED for row in rows)
        self.numbers: dict[int, tuple[np.ndarray, float | None]] = {}
        #: All instructions that there ever were, since they are known by their ids.
        self.alive: list[Instruction] = list(rows)
        functions = {row.function for row in rows}
        if checked and not functions.isdisjoint(SELECTING):
            self.sweep(rows, outputs)
        elif checked and scatter_add in functions and not functions.isdisjoint(MATMUL):
            self.sweep(rows, outputs)

    def sweep(self, rows: Sequence[Instruction], outputs: Sequence[Any]) -> None:
        """Go from the results back."""
        told, loud, unsound = self.told, self.loud, self.unsound
        checked = {id(row.args[0]) for row in rows if row.function is all_finite}
        told |= checked
        loud |= checked
        unsound |= {id(out) for out in outputs if type(out) is Instruction} - checked
        for row in reversed(rows):
            function, i = row.function, id(row)
            if function is all_finite or function is still_finite:
                continue
            parents = [id(part) for part in parents_of(row)]
            if "where" in row.kwargs:
                unsound.update(parents)
                continue
            strict = function in STRICT or (function in POWER and is_raised(row))
            if strict and filled(row):
                if i in told:
                    told.update(parents)
                if i in loud and function in LINEAR:
                    loud.update(parents)
            if function in MASKED and not is_finite(row):
                unsound.add(i)  # It would be run with care each time.
            if function in SUBTRACT and i in told and calls(row.args[1], np.where):
                self.note_top(*row.args)
            if function in GUARDS:
                unsound.update(parents)
            elif strict or function in SELECTS or function is cast:
                numbers = row.args[: FIRST.get(function, len(row.args))]
                own = {id(part) for part in numbers if type(part) is Instruction}
                if i in unsound:
                    unsound.update(parents)
                elif own != set(parents) and function in FIRST:
                    unsound.update(set(parents) - own)
            elif function is np.where and len(row.args) == 3:
                if type(row.args[0]) is Instruction:
                    unsound.add(id(row.args[0]))
                if i in unsound:
                    unsound.update(parents)
            elif function is masked_multiply:
                unsound.update(parents if i in unsound else [id(row.args[2])])
            else:
                unsound.update(parents)

    def note_top(self, x: Any, b: Any) -> None:
        """Note that ``x - b`` is told, if b is the maximum of x where that is finite."""
        top = guarded(b)
        highest = None if top is None else reduction(top, np.max)
        if highest is not None and highest.x is x and is_finite(b):
            self.tops.add(id(b))

    def is_told(self, row: Any) -> bool:
        """True if a NaN in a row is found in the end."""
        return id(row) in self.told

    def is_loud(self, row: Any) -> bool:
        """True if an infinity in a row is found in the end."""
        return id(row) in self.loud

    def is_sound(self, row: Any) -> bool:
        """True if a NaN in a row is found in the end, or left out."""
        return self.checked and id(row) not in self.unsound

    def drops_sign(self, row: Instruction) -> bool:
        """True if a zero in a row may lose its sign: nobody asks, and there is no branch cut."""
        return not self.signed and kind_of(row) != "c"

    def uniform(self, array: np.ndarray) -> float | None:
        """Return the number that a constant array is everywhere, or None."""
        found = self.numbers.get(id(array))
        if found is None:
            found = self.numbers[id(array)] = (array, everywhere(array))
        return found[1]

    def part_of(self, row: Instruction, new: Instruction) -> None:
        """Note that ``new`` was made for ``row`` alone."""
        self.alive.append(new)
        if id(row) in self.unsound:
            self.unsound.add(id(new))

    def same(self, row: Instruction, found: Instruction) -> None:
        """Note that ``found`` stands for ``row``."""
        i, j = id(row), id(found)
        if i in self.told:
            self.told.add(j)
        if i in self.loud:
            self.loud.add(j)
        if i in self.unsound:
            self.unsound.add(j)


def filled(row: Instruction) -> bool:
    """True if the result of a row has entries at all."""
    value = row.value
    return not isinstance(value, np.ndarray) or value.size > 0


def is_finite(row: Instruction) -> bool:
    """True if what stands behind a mask is finite without it, in the run that was written down."""
    values = [value_of(part) for part in row.args]
    with np.errstate(all="ignore"):
        if row.function is masked_multiply:
            return bool(np.isfinite(np.multiply(values[0], values[1])).all())
        numbers = values[1:] if len(values) == 3 else []
        return all(
            getattr(v, "dtype", FLOAT64).kind not in "fc" or bool(np.isfinite(v).all())
            for v in numbers
        )


MASKED = frozenset({masked_multiply, np.where})
#: Without one of these there is no mask, and without a product that is put nobody else asks.
SELECTING = MASKED | {np.maximum, np.minimum, np.fmax, np.fmin}


def is_raised(row: Instruction) -> bool:
    """True for a power with a constant exponent other than zero, which keeps NaN."""
    return type(row.args[1]) in (int, float, np.float64) and row.args[1] != 0


def everywhere(array: np.ndarray) -> float | None:
    """Return the number that a real array is everywhere, down to the sign of zero, or None."""
    if array.dtype.kind != "f" or not array.size:
        return None
    first = array.flat[0]
    if not any(array.strides):
        return float(first)
    if array.flat[-1] != first or not bool((array == first).all()):
        return None
    if first == 0 and not bool((np.signbit(array) == np.signbit(first)).all()):
        return None
    return float(first)
