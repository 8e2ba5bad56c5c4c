"""Local partials df_i/dz_j as small structured linear operators; `algebra` says what they do."""

from lagrad.partials.algebra import (
    Compose,
    Entries,
    Flipped,
    Partial,
    Plus,
    Stack,
    product_entries,
    then,
)
from lagrad.partials.diagonal import (
    ONE,
    Cast,
    Conjugate,
    Diagonal,
    Scale,
    as_dtype,
    weight_and_mask,
)
from lagrad.partials.matrices import Function, Matrix, SparseProduct
from lagrad.partials.structural import (
    Broadcast,
    Move,
    Scattered,
    Structural,
    Sum,
    Transpose,
    origins,
)

__all__ = [
    "ONE",
    "Broadcast",
    "Cast",
    "Compose",
    "Conjugate",
    "Diagonal",
    "Entries",
    "Flipped",
    "Function",
    "Matrix",
    "Move",
    "Partial",
    "Plus",
    "Stack",
    "Scale",
    "Scattered",
    "SparseProduct",
    "Structural",
    "Sum",
    "Transpose",
    "as_dtype",
    "origins",
    "product_entries",
    "then",
    "weight_and_mask",
]
