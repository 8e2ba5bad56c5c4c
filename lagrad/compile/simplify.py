"""Rewriting a program into a shorter one that gives the same values.

A rule looks at one instruction, whose arguments are simplified already, and returns what may stand
in its place: an instruction, an argument of it, or None. Rules that change the last bits say so.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from lagrad.compile.program import ARGUMENT, CAPTURED, GUARDS, Instruction, item, replaced
from lagrad.dispatch import all_finite, masked_multiply
from lagrad.rules.elementwise import sech_squared

MULTIPLY = (operator.mul, np.multiply)
ADD = (operator.add, np.add)
SUBTRACT = (operator.sub, np.subtract)
NEGATIVE = (operator.neg, np.negative)
POWER = (operator.pow, np.power)
#: Elementwise functions of two arguments, in which a stretched argument may stay as it is.
BROADCASTING = frozenset(
    {
        *MULTIPLY,
        *ADD,
        *SUBTRACT,
        operator.truediv,
        np.divide,
    }
)


def shape_of(part: Any) -> tuple[int, ...]:
    """Return the shape of an argument."""
    return np.shape(part.value if type(part) is Instruction else part)


def dtype_of(part: Any) -> Any:
    """Return the dtype of an argument, None for a number of Python's."""
    return getattr(part.value if type(part) is Instruction else part, "dtype", None)


def like(row: Instruction, part: Any) -> bool:
    """True if a value can stand for that of ``row``: of its shape and dtype."""
    if type(part) is not Instruction or shape_of(part) != shape_of(row):
        return False
    return kind(part.value) == kind(row.value)


def kind(value: Any) -> Any:
    """Return the dtype of a value, a float being a float64."""
    return np.dtype(float) if type(value) is float else getattr(value, "dtype", type(value))


def is_number(part: Any, x: float) -> bool:
    """True for the constant x, of any kind."""
    return type(part) in (int, float, np.float64, np.float32) and part == x


def other(row: Instruction, x: float) -> Any:
    """Return the argument beside the number x, or None."""
    a, b = row.args
    return b if is_number(a, x) else a if is_number(b, x) else None


def made(row: Instruction, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Instruction:
    """Return an instruction with the value of ``row``."""
    new = Instruction(function, args, kwargs, row.value, row.name)
    new.code, new.at, new.of = row.code, row.at, row.of
    return new


# -- the rules: exact unless they say otherwise --------------------------------------------------


def times_one(row: Instruction) -> Any:
    """``x * 1`` is x."""
    if row.function in MULTIPLY:
        x = other(row, 1.0)
        return x if x is not None and like(row, x) else None
    return None


def times_minus_one(row: Instruction) -> Any:
    """``x * -1`` is -x."""
    if row.function in MULTIPLY:
        x = other(row, -1.0)
        return made(row, operator.neg, x) if x is not None and like(row, x) else None
    return None


def plus_zero(row: Instruction) -> Any:
    """``x + 0`` and ``x - 0`` are x; of -0.0 the sign is kept, which the sum would lose."""
    if row.function in ADD:
        x = other(row, 0.0)
        return x if x is not None and like(row, x) else None
    if row.function in SUBTRACT and is_number(row.args[1], 0.0):
        return row.args[0] if like(row, row.args[0]) else None
    return None


def minus_of_minus(row: Instruction) -> Any:
    """``-(-x)`` is x."""
    if row.function in NEGATIVE:
        (x,) = row.args
        if type(x) is Instruction and x.function in NEGATIVE:
            return x.args[0]
    return None


def plus_minus(row: Instruction) -> Any:
    """``x + (-y)`` is x - y, and ``x - (-y)`` is x + y."""
    if row.function not in (*ADD, *SUBTRACT):
        return None
    plus = row.function in ADD
    a, b = row.args
    if type(b) is Instruction and b.function in NEGATIVE:
        return made(row, operator.sub if plus else operator.add, a, b.args[0])
    if plus and type(a) is Instruction and a.function in NEGATIVE:
        return made(row, operator.sub, b, a.args[0])
    return None


def times_minus(row: Instruction) -> Any:
    """``(-x) * y`` is -(x * y), which joins with a sum."""
    if row.function in MULTIPLY:
        a, b = row.args
        for x, y in ((a, b), (b, a)):
            if type(x) is Instruction and x.function in NEGATIVE and like(row, x):
                inner = made(row, operator.mul, x.args[0], y)
                inner.name, inner.of = "", None
                return made(row, operator.neg, inner)
    return None


def small_power(row: Instruction) -> Any:
    """``x ** 1`` is x and ``x ** 2`` is x * x; ``x ** 3`` is x * x * x, within one ulp."""
    if row.function in POWER:
        x, y = row.args
        if is_number(y, 1.0) and like(row, x):
            return x
        if is_number(y, 2.0) and like(row, x):
            return made(row, operator.mul, x, x)
        if is_number(y, 3.0) and like(row, x):
            square = made(row, operator.mul, x, x)
            square.name, square.of = "", None
            return made(row, operator.mul, square, x)
    if row.function is np.square and like(row, row.args[0]):
        return made(row, operator.mul, row.args[0], row.args[0])
    return None


def transpose_of_transpose(row: Instruction) -> Any:
    """The transpose of a transpose is the array."""
    if row.function is np.transpose and not row.kwargs and len(row.args) == 1:
        (x,) = row.args
        if type(x) is Instruction and x.function is np.transpose:
            if not x.kwargs and len(x.args) == 1:
                return x.args[0]
    return None


def same_shape(row: Instruction) -> Any:
    """An array reshaped or stretched to the shape that it has."""
    if row.function in (np.reshape, np.broadcast_to) and like(row, row.args[0]):
        return row.args[0] if row.kwargs.get("order", "C") == "C" else None
    return None


def reshape_of_reshape(row: Instruction) -> Any:
    """Only the last of two shapes counts."""
    if row.function is np.reshape and row.kwargs.get("order", "C") == "C":
        x = row.args[0]
        if type(x) is Instruction and x.function is np.reshape:
            if x.kwargs.get("order", "C") == "C":
                return made(row, np.reshape, x.args[0], *row.args[1:], **row.kwargs)
    return None


def stretched_operand(row: Instruction) -> Any:
    """In ``broadcast_to(x, shape) * y`` the product itself stretches x, if y has the shape."""
    if row.function not in BROADCASTING:
        return None
    for k in (0, 1):
        x, y = row.args[k], row.args[1 - k]
        if type(x) is Instruction and x.function is np.broadcast_to:
            inner = x.args[0]
            if type(inner) is Instruction and kind(inner.value) == kind(x.value):
                if shape_of(y) == shape_of(row):
                    return made(row, row.function, *((inner, y) if k == 0 else (y, inner)))
    return None


def sum_of_stretched(row: Instruction) -> Any:
    """The sum of a number stretched to n entries is n times it, within n ulp of the sum."""
    if row.function is np.sum and row.kwargs.get("axis") is None and not shape_of(row):
        x = row.args[0]
        if type(x) is Instruction and x.function is np.broadcast_to and not shape_of(x.args[0]):
            return made(row, operator.mul, x.args[0], float(np.size(x.value)))
    return None


def same_number(row: Instruction) -> Any:
    """``np.float64(x)`` of what is a float is x."""
    if row.function in (np.float64, float) and kind(row.args[0].value) == np.dtype(float):
        return row.args[0]
    return None


#: By name, in the order in which they are tried.
RULES: dict[str, Callable[[Instruction], Any]] = {
    rule.__name__: rule
    for rule in (
        same_number,
        times_one,
        times_minus_one,
        plus_zero,
        minus_of_minus,
        times_minus,
        plus_minus,
        small_power,
        transpose_of_transpose,
        same_shape,
        reshape_of_reshape,
        stretched_operand,
        sum_of_stretched,
    )
}


def finite_product(row: Instruction) -> Any:
    """A product behind a mask is the plain one, if what is not finite is found at the end.

    Where the mask does not hold one factor is zero; an infinite other one makes NaN, which the
    check of the results finds, and the call is run again with care.
    """
    if row.function is masked_multiply:
        x, y, mask = row.args
        full = np.broadcast_shapes(shape_of(x), shape_of(y))
        if full == shape_of(row):
            return made(row, operator.mul, x, y)
    return None


def finite_selected(row: Instruction) -> Any:
    """``where(isfinite(z), z, 0)`` is z, if what is not finite is found at the end."""
    if row.function is np.where and len(row.args) == 3:
        mask, z, zero = row.args
        if type(mask) is Instruction and mask.function is np.isfinite and mask.args[0] is z:
            return z if is_number(zero, 0.0) and like(row, z) else None
    return None


def tanh_slope(row: Instruction) -> Any:
    """``1 / cosh(x)**2`` is 1 - z*z for z = tanh(x), within 2.3e-16 of it, absolute."""
    return None


#: Those that need the check of the results.
CHECKED = {rule.__name__: rule for rule in (finite_product, finite_selected)}


# -- the passes ----------------------------------------------------------------------------------


def key_of(part: Any) -> Any:
    """Return what makes two arguments the same."""
    kind_of = type(part)
    if kind_of is Instruction or isinstance(part, np.ndarray):
        return id(part)
    if kind_of in (tuple, list):
        return (kind_of, *(key_of(p) for p in part))
    if kind_of is dict:
        return tuple((k, key_of(p)) for k, p in part.items())
    if kind_of is slice:
        return (slice, key_of(part.start), key_of(part.stop), key_of(part.step))
    if kind_of in (float, np.float64):
        return (kind_of, float(part).hex())
    if kind_of in (int, bool, str, type(None), complex):
        return (kind_of, part)
    return id(part)


def simplified(
    rows: Sequence[Instruction],
    outputs: Sequence[Any],
    checked: bool,
    rules: Iterable[Callable[[Instruction], Any]] | None = None,
) -> tuple[list[Instruction], list[Any]]:
    """Return a shorter program for the same outputs.

    Equal instructions are one, what depends on constants alone is a constant, and what nobody
    needs is left out. Guards stay.

    Parameters
    ----------
    checked : bool
        The results are checked to be finite, and a call that is not is run again with care.
    """
    if rules is None:
        rules = [*RULES.values(), *(CHECKED.values() if checked else ())]
    rules = list(rules)
    new: dict[int, Any] = {}
    known: dict[Any, Instruction] = {}
    kept: list[Instruction] = []

    def now(part: Any) -> Any:
        return new.get(id(part), part) if type(part) is Instruction else part

    def add(row: Instruction) -> Any:
        """Return what stands for a row whose arguments are simplified."""
        function = row.function
        if function in (ARGUMENT, CAPTURED):
            kept.append(row)
            return row
        if function in GUARDS or function is all_finite:
            if type(row.args[0]) is Instruction:
                kept.append(row)
            return row
        for rule in rules:
            found = rule(row)
            if found is not None:
                if type(found) is not Instruction or found is not row and id(found) in placed:
                    return found
                parts = replaced(found.args, lambda p: inner(p))
                found.args = parts
                return add(found)
        if not any(row.parents()):
            return row.value
        key = (function, key_of(row.args), key_of(row.kwargs))
        same = known.get(key)
        if same is not None:
            if same.of is None:
                same.of = row.of
            return same
        known[key] = row
        placed.add(id(row))
        kept.append(row)
        return row

    def inner(part: Any) -> Any:
        """Place an instruction that a rule has made for its own."""
        if type(part) is Instruction and id(part) not in placed:
            return add(part)
        return part

    placed: set[int] = {id(r) for r in rows if r.function in (ARGUMENT, CAPTURED)}
    for row in rows:
        row.args = replaced(row.args, now)
        if row.kwargs:
            row.kwargs = replaced(row.kwargs, now)
        found = add(row)
        if found is not row:
            new[id(row)] = found
            if type(found) is Instruction and row.name and not found.name:
                found.name = row.name
    return needed(kept, [replaced(out, now) for out in outputs])


def needed(
    rows: Sequence[Instruction], outputs: Sequence[Any]
) -> tuple[list[Instruction], list[Any]]:
    """Leave out what neither an output nor a guard depends on; arguments stay."""
    wanted = {id(out) for out in outputs if type(out) is Instruction}
    kept = []
    for row in reversed(rows):
        effect = row.function in (ARGUMENT, CAPTURED, all_finite) or row.function in GUARDS
        if effect or id(row) in wanted:
            kept.append(row)
            wanted.update(map(id, row.parents()))
    kept.reverse()
    return kept, list(outputs)


__all__ = ["CHECKED", "RULES", "item", "needed", "sech_squared", "simplified"]
