"""Eliminating variables: the accumulation of sparse Jacobians."""

from lagrad.eliminate.accumulate import (
    Prediction,
    Symbolic,
    accumulate,
    as_entries,
    jacobian_rows,
    predict,
)
from lagrad.eliminate.numbers import numbers

__all__ = [
    "Prediction",
    "Symbolic",
    "accumulate",
    "as_entries",
    "jacobian_rows",
    "numbers",
    "predict",
]
