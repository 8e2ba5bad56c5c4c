"""Lines of instructions that are more than an expression: assignments, and sums at an index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lagrad.compile.lines import call, index_text
from lagrad.compile.program import Instruction
from lagrad.dispatch import is_basic


def scatter_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """Zeros to which w is added at an index."""
    w, index, shape = row.args
    dtype = row.value.dtype
    kind = "" if dtype.name == "float64" else f", np.{dtype.name}"
    yield f"{name} = np.zeros({e.text(shape)}{kind})"
    if is_basic(index):
        yield f"{name}[{index_text(index, e.text)}] = {e.text(w)}"
    else:
        yield f"np.add.at({name}, {e.text(index)}, {e.text(w)})"


def masked_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A product where a mask holds."""
    x, y, mask = map(e.text, row.args)
    zeros = f"np.zeros({np.shape(row.value)}, np.{row.value.dtype.name})"
    yield f"{name} = np.multiply({x}, {y}, where={mask}, out={zeros})"


def sparse_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A constant sparse matrix and an array."""
    v, matrix = map(e.text, row.args)
    yield f"{name} = {matrix} @ {v}"


def assigned_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A copy in which entries are other ones."""
    x, index, value = row.args
    yield copy_of(e, row, x, name)
    yield f"{name}[{index_text(index, e.text)}] = {e.text(value)}"


def copy_of(e: Any, row: Instruction, x: Any, name: str) -> str:
    """Return the line that makes a copy of x to be written to, or takes x if nobody else has it."""
    own = type(x) is Instruction and id(x) in e.fresh and e.last.get(id(x)) == id(row)
    e.fresh.add(id(row))
    return f"{name} = {e.text(x)}" if own else f"{name} = np.array({e.text(x)})"


def updated_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A copy after ``ufunc.at``."""
    x, ufunc, *rest = row.args
    yield copy_of(e, row, x, name)
    yield call(f"{e.text(ufunc)}.at", [name, *map(e.text, rest)], {})


def mutated_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A copy after a function that writes to it."""
    x, function, *rest = row.args
    yield copy_of(e, row, x, name)
    options = {k: e.text(v) for k, v in row.kwargs.items()}
    yield call(e.text(function), [name, *map(e.text, rest)], options)


def write_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A copy of the base with values at their places."""
    base, *values = row.args
    yield f"{name} = np.array({e.text(base)}, order='C')"
    shape = np.shape(row.value)
    for v, (dst, src) in zip(values, row.kwargs["places"].parts, strict=True):
        value = e.text(v)
        if src is not None:
            whole = len(src) == np.size(v.value if type(v) is Instruction else v)
            whole = whole and bool((np.diff(src) == 1).all())
            value = f"np.ravel({value})" + ("" if whole else f"[{places(e, src)}]")
        elif np.shape(v.value if type(v) is Instruction else v):
            value = f"np.ravel({value})[0]"
        if len(shape) == 1:
            yield f"{name}[{places(e, dst)}] = {value}"
        elif len(dst) == 1:
            at = ", ".join(str(int(k)) for k in np.unravel_index(dst[0], shape))
            yield f"{name}[{at or '()'}] = {value}"
        else:
            yield f"{name}.reshape(-1)[{places(e, dst)}] = {value}"


def places(e: Any, flat: np.ndarray) -> str:
    """Return flat indices, as a range if they are one."""
    if len(flat) == 1:
        return str(int(flat[0]))
    step = int(flat[1] - flat[0])
    if step > 0 and (np.diff(flat) == step).all():
        return f"{int(flat[0])}:{int(flat[-1]) + 1}" + (f":{step}" if step > 1 else "")
    return e.constant(flat)


def is_number_of(args: tuple[Any, ...], row: Instruction) -> bool:
    """True for ``where(mask, 1.0, 0.0)``, the mask as numbers."""
    if len(args) != 3 or type(args[0]) is not Instruction:
        return False
    numbers = [
        type(x) in (float, np.float64) and x == y for x, y in zip(args[1:], (1.0, 0.0), strict=True)
    ]
    mask = args[0].value
    array = isinstance(mask, np.ndarray) and mask.dtype == bool and mask.shape == row.value.shape
    return all(numbers) and array and row.value.dtype.name == "float64"
