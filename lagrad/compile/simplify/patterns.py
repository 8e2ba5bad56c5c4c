"""What rules ask of instructions: families of functions, shapes, dtypes, constants."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

import numpy as np

from lagrad.compile.program import Instruction, instructions_in

ADD = frozenset({operator.add, np.add})
SUBTRACT = frozenset({operator.sub, np.subtract})
MULTIPLY = frozenset({operator.mul, np.multiply})
DIVIDE = frozenset({operator.truediv, np.divide})
NEGATIVE = frozenset({operator.neg, np.negative})
POWER = frozenset({operator.pow, np.power})
MATMUL = frozenset({operator.matmul, np.matmul})
SUMS = ADD | SUBTRACT
#: Where a constant factor may stand.
FACTORS = MULTIPLY | DIVIDE | NEGATIVE
ARITHMETIC = ADD | SUBTRACT | MULTIPLY | DIVIDE
#: One spelling of functions that are the same, to find what is computed twice.
SPELT: dict[Any, Callable[..., Any]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
    np.negative: operator.neg,
    np.power: operator.pow,
    np.matmul: operator.matmul,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
}
COMPARISONS = frozenset(
    {operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne}
    | {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}
)
#: Their arguments may change places, to the last bit.
COMMUTATIVE = frozenset({operator.add, operator.mul, operator.eq, operator.ne})
#: Reductions that are spelt (x, axis=, keepdims=).
REDUCTIONS = frozenset({np.sum, np.mean, np.prod, np.max, np.amax, np.min, np.amin, np.any, np.all})


def is_row(part: Any, family: Collection[Any] | None = None) -> bool:
    """True for an instruction, of a family of functions, called without options."""
    if type(part) is not Instruction:
        return False
    return family is None or (part.function in family and not part.kwargs)


def calls(part: Any, function: Callable[..., Any]) -> bool:
    """True for an instruction that calls a function, without options."""
    return type(part) is Instruction and part.function is function and not part.kwargs


def parents_of(row: Instruction) -> Iterable[Instruction]:
    """Return the instructions whose results a row uses."""
    return parents_in(row.args, row.kwargs)


def parents_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterable[Instruction]:
    """Return the instructions among arguments, one for each place where it stands."""
    if kwargs:
        return instructions_in((args, kwargs))
    found = []
    for part in args:
        kind = type(part)
        if kind is Instruction:
            found.append(part)
        elif kind is tuple or kind is list or kind is slice or kind is dict:
            return instructions_in(args)
    return found


def value_of(part: Any) -> Any:
    """Return the value of an argument in the run that was written down."""
    return part.value if type(part) is Instruction else part


def shape_of(part: Any) -> tuple[int, ...]:
    """Return the shape of an argument."""
    value = part.value if type(part) is Instruction else part
    kind = type(value)
    if kind is np.ndarray:
        shape: tuple[int, ...] = value.shape
        return shape
    if kind in NUMBERS:
        return ()
    if isinstance(value, tuple | list):
        return SEVERAL if kind is not list or any_row(value) else np.shape(value)
    return np.shape(value)


#: The shape of several results, or of a list of values: that of no array.
SEVERAL = (-1,)


def any_row(parts: Any) -> bool:
    """True if there is an instruction in a list or tuple."""
    return any(True for _ in instructions_in(parts))


NUMBERS = frozenset({float, int, bool, complex, np.float64, np.float32, np.bool_, np.int64})


def size_of(part: Any) -> int:
    """Return the number of entries of an argument."""
    return math.prod(shape_of(part))


def dtype_of(part: Any) -> Any:
    """Return the dtype of an argument; a float is a float64, other numbers of Python's a type."""
    value = part.value if type(part) is Instruction else part
    kind = type(value)
    if kind is float or kind is np.float64:
        return FLOAT64
    return getattr(value, "dtype", kind)


FLOAT64 = np.dtype(float)


def kind_of(part: Any) -> str:
    """Return the kind of the dtype of an argument: "f", "c", "i", "u", "b", or ""."""
    dtype = dtype_of(part)
    if isinstance(dtype, np.dtype):
        return dtype.kind
    return {int: "i", bool: "b", complex: "c"}.get(dtype, "")


def is_real(row: Any) -> bool:
    """True for float64 and float32, whose arithmetic the rules know."""
    return dtype_of(row) in REAL


def is_inexact(row: Any) -> bool:
    """True for real and complex floats of single and double precision."""
    return dtype_of(row) in INEXACT


REAL = frozenset(map(np.dtype, (np.float64, np.float32)))
INEXACT = REAL | frozenset(map(np.dtype, (np.complex128, np.complex64)))


def like(row: Instruction, part: Any) -> bool:
    """True if a value can stand for that of ``row``: of its shape and dtype."""
    if type(part) is not Instruction or dtype_of(part) != dtype_of(row):
        return False
    return shape_of(part) == shape_of(row)


def number(part: Any) -> Any:
    """Return a constant number as Python's own, None for all else.

    An array of a constant that is the same everywhere counts too, where it is stretched.
    """
    kind = type(part)
    if kind is float or kind is int:
        return part
    if kind is np.float64 or kind is np.float32:
        return float(part)
    if kind is np.ndarray and part.size and not any(part.strides) and part.dtype.kind == "f":
        return float(part.flat[0])
    return None


def is_number(part: Any, x: float) -> bool:
    """True for the constant x."""
    kind = type(part)
    return (kind is float or kind is int or kind is np.float64 or kind is np.float32) and part == x


def is_safe(c: Any, row: Instruction) -> bool:
    """True for a constant that neither overflows nor vanishes in the dtype of ``row``."""
    most = 1e30 if dtype_of(row) in (np.float32, np.complex64) else 1e280
    return isinstance(c, int | float) and (1 / most < abs(c) < most)


def guarded(row: Any) -> Any:
    """Return the z of ``where(isfinite(z), z, 0)``, or None."""
    if not calls(row, np.where) or len(row.args) != 3 or not is_number(row.args[2], 0.0):
        return None
    mask, z, _ = row.args
    return z if calls(mask, np.isfinite) and mask.args[0] is z and is_row(z) else None


class Reduction(NamedTuple):
    """A reduction of x along axes; ``axes`` are sorted and not negative."""

    x: Any
    axes: tuple[int, ...]
    keepdims: bool


def reduction(row: Any, function: Callable[..., Any] = np.sum) -> Reduction | None:
    """Return what is reduced, if the row calls ``function`` with axis and keepdims alone."""
    if type(row) is not Instruction or row.function is not function or not row.args:
        return None
    args, options = row.args, row.kwargs
    if len(args) > 2 or not options.keys() <= {"axis", "keepdims"}:
        return None
    axis = args[1] if len(args) == 2 else options.get("axis")
    n = len(shape_of(args[0]))
    if axis is None:
        axes = tuple(range(n))
    elif type(axis) is int:
        axes = (axis % n,) if n else ()
    elif type(axis) is tuple and all(type(k) is int for k in axis):
        axes = tuple(sorted(k % n for k in axis)) if n else ()
    else:
        return None
    keepdims = options.get("keepdims", False)
    return Reduction(args[0], axes, keepdims) if type(keepdims) is bool else None


def axis_options(x: Any, axes: tuple[int, ...], keepdims: bool) -> dict[str, Any]:
    """Return the options of a reduction, in the shortest spelling."""
    options: dict[str, Any] = {}
    if len(axes) < len(shape_of(x)):
        options["axis"] = axes[0] if len(axes) == 1 else axes
    if keepdims:
        options["keepdims"] = True
    return options


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape with 1 at the axes."""
    return tuple(1 if k in axes else n for k, n in enumerate(shape))


def without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without the ones in front, which broadcasting adds by itself."""
    k = 0
    while k < len(shape) and shape[k] == 1:
        k += 1
    return shape[k:]
