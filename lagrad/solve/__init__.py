"""Solving A lam = e_n: by substitution where the constraints are acyclic, by factors on cycles."""

from lagrad.solve.back_substitution import (
    SolveBlock,
    back_substitute,
    back_substitute_masked,
    block_back_substitute,
    block_forward_substitute,
    forward_substitute,
)
from lagrad.solve.block_triangular import (
    BlockSubstitution,
    natural_form,
    solve_block_triangular,
    stretches,
)
from lagrad.solve.form import Form
from lagrad.solve.select import factorize
from lagrad.solve.triangular import solve_triangular

__all__ = [
    "BlockSubstitution",
    "Form",
    "SolveBlock",
    "back_substitute",
    "back_substitute_masked",
    "block_back_substitute",
    "block_forward_substitute",
    "factorize",
    "forward_substitute",
    "natural_form",
    "solve_block_triangular",
    "solve_triangular",
    "stretches",
]
