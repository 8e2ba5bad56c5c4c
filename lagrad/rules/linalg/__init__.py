"""The rules of functions of matrices."""

from collections.abc import Callable
from typing import Any

from lagrad.primitive import Primitive
from lagrad.rules.linalg import eigenvalues, factors, functions, singular_values, solves

RULES: dict[Callable[..., Any], Primitive] = {
    **solves.RULES,
    **factors.RULES,
    **eigenvalues.RULES,
    **singular_values.RULES,
    **functions.RULES,
}
