"""lagrad: derivatives of computations, written as constraints.

A computation is a set of constraints ``z_i = f_i(z_alpha(i))``. Their multipliers solve one sparse
linear system, ``A lam = e_n``, and the multipliers of the inputs are the gradient of z_n. The whole
way in six steps, on five constraints:

>>> import numpy as np
>>> import lagrad as lg

1. Write NumPy, and trace it: the computation becomes a graph of constraints.

>>> def f(x, y):
...     return np.exp(x) * (x + y)
>>> graph = lg.trace(f, 0.0, 2.0)
>>> for c in graph.constraints:
...     print(c)
x = input
y = input
z3 = exp(x)
z4 = add(x, y)
z5 = multiply(z3, z4)

2. Order: without cycles every block is a single constraint.

>>> system = graph.linearize()
>>> system.blocks
((0,), (1,), (2,), (3,), (4,))

3. The values were found on the way.

>>> [float(c.value) for c in graph.constraints]
[0.0, 2.0, 1.0, 2.0, 2.0]

4. The local partials make A = R^T, R = dr/dz: unit upper triangular.

>>> print(system.A.toarray() + 0.0)
[[ 1.  0. -1. -1.  0.]
 [ 0.  1.  0. -1.  0.]
 [ 0.  0.  1.  0. -2.]
 [ 0.  0.  0.  1. -1.]
 [ 0.  0.  0.  0.  1.]]

5. Solve A lam = e_n; here this is back-substitution, which is backprop.

>>> lam = system.solve()
>>> {name: float(w) for name, w in lam.items()}
{'x': 3.0, 'y': 1.0, 'z3': 2.0, 'z4': 1.0, 'z5': 1.0}

6. The multipliers of the inputs are the gradient, as `grad` gives it in one call.

>>> [float(g) for g in lg.grad(f, argnums=(0, 1))(0.0, 2.0)]
[3.0, 1.0]

Where constraints depend on each other in a cycle, A has a block that is not triangular. Only that
block is solved as a linear system, and this is the implicit function theorem; see `System`.
"""

from importlib import import_module
from typing import Any

from lagrad import partials
from lagrad.api import (
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    primitive,
    value_and_grad,
    vjp,
)
from lagrad.certificate import Certificate
from lagrad.check import check_grad, check_partials, undefined_partials
from lagrad.compile import compile
from lagrad.containers import ravel
from lagrad.declare import System
from lagrad.graph import Graph
from lagrad.implicit import argmin, fixed_point, implicit, root
from lagrad.loops import fori_loop, scan
from lagrad.multipliers import Multipliers, MultiplierSystem
from lagrad.rules.constant import stop_gradient
from lagrad.rules.convolution import convolve, correlate
from lagrad.rules.spelt import (
    cho_solve,
    cross_entropy,
    expm,
    log_softmax,
    logsumexp,
    relu,
    softmax,
    solve_triangular,
)
from lagrad.solution import Solution
from lagrad.sparse import sparse, spsolve
from lagrad.trace import scope, trace, zeros

__version__ = "0.1.0"

#: Pictures, handed out when they are asked for.
VIEWS = ("compare", "convergence", "diagram", "explore", "sensitivity", "spy")

__all__ = [
    "Certificate",
    "root",
    "implicit",
    "fixed_point",
    "argmin",
    "Graph",
    "MultiplierSystem",
    "Multipliers",
    "Solution",
    "System",
    "cho_solve",
    "compare",
    "compile",
    "convergence",
    "check_grad",
    "check_partials",
    "convolve",
    "correlate",
    "cross_entropy",
    "diagram",
    "explore",
    "expm",
    "fori_loop",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "log_softmax",
    "logsumexp",
    "partials",
    "primitive",
    "ravel",
    "relu",
    "scan",
    "scope",
    "sensitivity",
    "softmax",
    "solve_triangular",
    "sparse",
    "spsolve",
    "spy",
    "stop_gradient",
    "trace",
    "undefined_partials",
    "value_and_grad",
    "vjp",
    "zeros",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    # matplotlib is imported only by who draws.
    if name in VIEWS:
        from lagrad import views

        return getattr(views, name)
    if name == "views":
        return import_module("lagrad.views")
    raise AttributeError(f"module 'lagrad' has no attribute {name!r}")
