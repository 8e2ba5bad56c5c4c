"""Eliminating variables: the accumulation of sparse Jacobians."""

from lagrad.eliminate.accumulate import (
    Prediction,
    Symbolic,
    accumulate,
    as_entries,
    jacobian_rows,
    predict,
)
from lagrad.eliminate.matrices import Sparse, matrix
from lagrad.eliminate.numbers import numbers
from lagrad.eliminate.vertices import eliminated

__all__ = [
    "Prediction",
    "Sparse",
    "Symbolic",
    "accumulate",
    "as_entries",
    "eliminated",
    "jacobian_rows",
    "matrix",
    "numbers",
    "predict",
]
