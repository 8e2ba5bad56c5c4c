"""Guards: the condition under which a program does not serve, as text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lagrad.compile.program import Instruction, content
from lagrad.dispatch import still_finite


def guard(row: Instruction, emitter: Any) -> str:
    """Return the condition under which a guard does not hold."""
    ask, answer = row.function, row.value
    x = emitter.text(row.args[0])
    if ask is bool:
        return f"not {x}" if answer else x
    if ask is np.shape:
        return f"np.shape({x}) != {answer}"
    if ask is still_finite:
        return f"{'not ' * answer}np.isfinite({x}).all()"
    if ask is content and isinstance(answer, np.ndarray) and answer.dtype.kind in "iub":
        return f"not np.array_equal({x}, {emitter.constant(answer)})"
    if ask is content and isinstance(answer, np.ndarray):
        return f"{x}.tobytes() != {emitter.constant(answer.tobytes())}"
    if isinstance(answer, float):
        asked = x if ask is content else f"float({x})"
        if answer != answer:
            return f"{asked} == {asked}"
        zero = f" or math.copysign(1.0, {x}) != {math.copysign(1.0, answer)}"
        sign = zero if answer == 0 else ""
        return f"not {asked} == {emitter.text(answer)}{sign}"
    if ask is content:
        return f"not {x} == {emitter.text(answer)}"
    return f"not {ask.__name__}({x}) == {emitter.text(answer)}"
