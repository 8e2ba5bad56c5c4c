"""The rules of functions of matrices."""

from collections.abc import Callable
from typing import Any

from lagrad.primitive import Primitive
from lagrad.rules.linalg import decompositions, functions, solves

RULES: dict[Callable[..., Any], Primitive] = {
    **solves.RULES,
    **decompositions.RULES,
    **functions.RULES,
}
