"""Example arguments of every row of the rule tables; `test_rules` runs each of them."""

from typing import Any

from cases.base import Case
from cases.elementwise import ELEMENTWISE
from cases.matrices import LINALG
from cases.products import PRODUCTS
from cases.reductions import REDUCTIONS
from cases.shaping import SHAPING
from cases.special import SPECIAL
from cases.spelt_losses import LOSSES
from cases.spelt_shapes import FACTS, SHAPES

CASES: dict[Any, list[Case]] = {
    **ELEMENTWISE,
    **SPECIAL,
    **REDUCTIONS,
    **SHAPING,
    **PRODUCTS,
    **LINALG,
    **SHAPES,
}

#: Functions of the library's own, spelt by the rows above.
OWN: dict[Any, list[Case]] = {**LOSSES}

__all__ = ["CASES", "FACTS", "OWN", "Case"]
