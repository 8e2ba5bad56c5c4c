"""Functions that only simplified programs have, and their lines: places filled, steps, slopes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lagrad.compile.lines import index_text
from lagrad.compile.program import Instruction, instructions_in
from lagrad.compile.simplify.patterns import dtype_of, kind_of, shape_of
from lagrad.dispatch import is_basic

#: Vectors of numbers are written as a list up to this length.
LISTED = 64


def filled(
    base: Any, shape: tuple[int, ...], indices: Sequence[Any], signs: Sequence[int], *pieces: Any
) -> Any:
    """Return base (or zeros) to which each piece is added, or subtracted, at its index."""
    if base is None:
        out = np.zeros(shape, np.result_type(*pieces))
    else:
        out = np.array(np.broadcast_to(base, shape))
    for index, sign, w in zip(indices, signs, pieces, strict=True):
        if not is_basic(index):
            (np.add if sign > 0 else np.subtract).at(out, index, w)
        elif sign > 0:
            out[index] += w
        else:
            out[index] -= w
    return out


def is_fixed(index: Any) -> bool:
    """True for a basic index of constants."""
    return is_plain(index) and not any(True for _ in instructions_in(index))


def is_plain(index: Any) -> bool:
    """True for a basic index, in which the integers may be values of the program."""
    parts = index if type(index) is tuple else (index,)
    return all(
        is_basic(p) or (type(p) is Instruction and kind_of(p) in "iu" and not shape_of(p))
        for p in parts
    )


def filled_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """Zeros, or a copy, and a line for each piece; a list of numbers where these are all."""
    base, shape, indices, signs, *pieces = row.args
    listed = None if base is not None else as_list(e, row)
    if listed is not None:
        yield listed
        return
    if base is None and all(map(is_fixed, indices)):
        clear, whole = apart(shape, indices)
    else:
        clear, whole = [False] * len(indices), False
    dtype = row.value.dtype
    options = f"{shape!r}" + ("" if dtype == np.float64 else f", np.{dtype.name}")
    if base is not None:
        stretched = shape_of(base) != tuple(shape)
        yield f"{name} = np.{f'full({shape!r}, ' if stretched else 'array('}{e.text(base)})"
    else:
        yield f"{name} = np.{'empty' if whole else 'zeros'}({options})"
    for index, sign, w, first in zip(indices, signs, pieces, clear, strict=True):
        if not is_plain(index):
            add = "np.add" if sign > 0 else "np.subtract"
            yield f"{add}.at({name}, {e.text(index)}, {e.text(w)})"
            continue
        at = f"{name}[{index_text(index, e.text)}]"
        if first:
            yield f"{at} = {'' if sign > 0 else '-'}{e.text(w)}"
        else:
            yield f"{at} {'+' if sign > 0 else '-'}= {e.text(w)}"


def apart(shape: tuple[int, ...], indices: Sequence[Any]) -> tuple[list[bool], bool]:
    """Return for each index whether it meets none before it, and whether those cover all."""
    taken, assigned = np.zeros(shape, bool), np.zeros(shape, bool)
    clear = []
    for index in indices:
        clear.append(not taken[index].any())
        taken[index] = True
        if clear[-1]:
            assigned[index] = True
    return clear, bool(assigned.all())


def as_list(e: Any, row: Instruction) -> str | None:
    """Return the line of a short vector of numbers, or None."""
    _, shape, indices, signs, *pieces = row.args
    if len(shape) != 1 or shape[0] > LISTED or dtype_of(row) != np.float64:
        return None
    if 2 * len(indices) < shape[0] or any(shape_of(w) for w in pieces):
        return None
    texts = ["0.0"] * shape[0]
    for index, sign, w in zip(indices, signs, pieces, strict=True):
        k = index[0] if type(index) is tuple and len(index) == 1 else index
        if type(k) is not int:
            return None
        before = "" if texts[k] == "0.0" else f"{texts[k]} "
        mark = ("+ " if sign > 0 else "- ") if before else ("" if sign > 0 else "-")
        texts[k] = f"{before}{mark}{e.text(w)}"
    return f"{e.names[id(row)]} = np.array([{', '.join(texts)}])"


# -- steps ---------------------------------------------------------------------------------------


def slope(x: Any, y: Any, dtype: Any, nan: bool) -> Any:
    """Return 1 where x > y (or NaN), 1/2 where x == y and 0 elsewhere: that of maximum(x, y)."""
    strict, weak = np.greater(x, y), np.greater_equal(x, y)
    if nan:
        strict, weak = np.logical_not(np.less_equal(x, y)), np.logical_not(np.less(x, y))
    return np.multiply(np.add(strict, weak, dtype=np.int8), 0.5, dtype=dtype)


def sloped(w: Any, x: Any, y: Any, nan: bool) -> Any:
    """Return ``w * slope(x, y)``."""
    out = w * (np.logical_not(np.less_equal(x, y)) if nan else np.greater(x, y))
    ties = np.broadcast_to(np.equal(x, y), out.shape)
    if np.count_nonzero(ties):
        out[ties] = 0.5 * w[ties]
    return out


def slope_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """The half of two comparisons."""
    x, y = map(e.text, row.args[:2])
    strict, weak = (f"({x} > {y})", f"({x} >= {y})")
    array = bool(shape_of(row))
    if row.args[3]:
        strict, weak = f"~({x} <= {y})", f"~({x} < {y})"
        if not array:
            strict, weak = f"(not {x} <= {y})", f"(not {x} < {y})"
    if array or dtype_of(row) != np.float64:
        dtype = e.text(dtype_of(row))
        yield f"{name} = np.multiply(np.add({strict}, {weak}, dtype=np.int8), 0.5, dtype={dtype})"
    else:
        e.plain.add(id(row))
        yield f"{name} = 0.5 * {strict} + 0.5 * {weak}"


def sloped_lines(e: Any, row: Instruction, name: str) -> Iterator[str]:
    """A product with truth values, and half of it where there is a tie."""
    w, x, y = map(e.text, row.args[:3])
    yield f"{name} = {w} * ~({x} <= {y})" if row.args[3] else f"{name} = {w} * ({x} > {y})"
    ties = e.free(f"{name}_ties")
    yield f"{ties} = {x} == {y}"
    yield f"if np.count_nonzero({ties}): {name}[{ties}] = 0.5 * {w}[{ties}]"


#: How they are written.
LINES = {filled: filled_lines, slope: slope_lines, sloped: sloped_lines}
