"""Derivatives of functions: each the same pipeline in a few lines.

trace -> graph -> substitution (multipliers from the last row, tangents from the first).

All of them nest: inside another transform the sweep runs on traced values, and what it computes is
constraints of the outer trace. Each call traces anew, so it is right whatever Python did.
"""

from lagrad.api.custom import primitive
from lagrad.api.gradients import grad, jvp, value_and_grad, vjp
from lagrad.api.matrices import hessian, hvp, jacobian

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "primitive", "value_and_grad", "vjp"]
