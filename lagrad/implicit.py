"""Values that satisfy conditions, as constraints: fixed points, roots, minima, black-box solvers.

    z = f(z, p),    g(z, p) = 0,    grad_x L(x, p) = 0

All of them are one engine: conditions on z are solved on plain values, and z then stands in the
computation around it as one constraint g(z, p) = 0, differentiated by the implicit function theorem
from its conditions, never from the steps of the solver.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import OptimizeResult

from lagrad.api import grad
from lagrad.containers import leaves, map_leaves, unflatten
from lagrad.equations import program_of
from lagrad.forward import (
    Found,
    Search,
    assess,
    constrained,
    culprits,
    find,
    minimum,
    with_estimates,
    worst,
)
from lagrad.forward.anew import Anew
from lagrad.graph import short
from lagrad.residual import Conditions, Structure, location, plain_value
from lagrad.status import (
    ArgumentError,
    ConvergenceError,
    SingularError,
    Status,
    StructureError,
    exception_for,
)
from lagrad.trace import Traced, muted, names_of, recording, recording_program
from lagrad.trace.boundary import refuse


def root(
    g: Callable[..., Any],
    z0: Any,
    *params: Any,
    method: str = "auto",
    tol: float = 1e-8,
    max_steps: int | None = None,
    linear_solver: Any = "auto",
    preconditioner: Any = None,
    bounds: Any = None,
    domain: Callable[[Any], bool] | None = None,
    throw: bool = True,
    progress: bool = False,
    full_output: bool = False,
) -> Any:
    """Return z with ``g(z, *params) = 0``, differentiable with respect to the parameters.

    ``dz/dp = -R_zz^-1 R_zp`` with R = dg/d(z, p): the implicit function theorem. Parameters are
    what is handed over, and whatever traced values g reads from around it.

    Parameters
    ----------
    g : function of the unknowns and the parameters
        Returns as many numbers as there are unknowns, in arrays or containers of them.
    z0 : array or nested container of arrays, real or complex
        Where the search begins; a value that is known from before starts it warm. It has no
        derivative.
    *params : anything; arrays of floats are differentiated, and containers of them
    method : {"auto", "newton", "newton-krylov", "anderson", "iteration"}
        How the values are found. ``auto`` is Newton's method, with R formed from the local partials
        where it is sparse enough, and otherwise applied only (newton-krylov).
    tol : float
        Converged when every residual is no larger than its rounding errors; above 1e-7 when a
        Newton step changes every entry by less than ``tol`` of itself and every residual is below
        ``tol^2`` of the terms it is the sum of.
    max_steps : int
        50 of Newton's method, 1,000 of Anderson's, 10,000 of a plain iteration by default.
    linear_solver : {"auto", "dense", "lu", "block", "krylov", "gmres", "gcrot", "bicgstab", "cg"}
        ``auto`` takes what is predicted to be cheapest; the certificate says why.
    preconditioner : {None, "ilu"} or function
        For the Krylov methods: None leaves the choice open.
    bounds : pair (lower, upper)
        Of numbers, or containers like z; steps are shortened so that z stays between.
    domain : function of z
        False where a step must not go; steps are halved until it is true.
    throw : bool
        Raise on failure; else the last values come back, and a derivative of them is refused.
    progress : bool
        Show the residual of each step (tqdm).
    full_output : bool
        Return (z, `Certificate`).

    Returns
    -------
    like z0

    Raises
    ------
    ArgumentError
        If there are not as many equations as unknowns.
    StructureError
        If the equations cannot determine the unknowns, whatever their values, with names.
    ConvergenceError, SingularError
        If no values were found, or no derivative exists there; with names and what to try.

    Notes
    -----
    Iterations run on plain values: memory does not grow with steps. Source: T. Vieira, "Backprop
    is not just the chain rule" (2017).

    Examples
    --------
    >>> import lagrad as lg
    >>> sqrt = lambda a: lg.root(lambda z, a: z * z - a, 1.0, a)
    >>> float(sqrt(4.0)), float(lg.grad(sqrt)(4.0))
    (2.0, 0.25)
    """
    search = Search(method, tol, max_steps, linear_solver, preconditioner, bounds, domain, progress)
    structure = Structure()

    def run(z0: Any, params: Any) -> Found:
        return find(problem_of("root", g, g, z0, params, structure=structure), search)

    return answer(run, z0, params, throw, full_output)


def fixed_point(
    f: Callable[..., Any],
    z0: Any,
    *params: Any,
    method: str = "auto",
    tol: float = 1e-8,
    max_steps: int | None = None,
    linear_solver: Any = "auto",
    preconditioner: Any = None,
    bounds: Any = None,
    domain: Callable[[Any], bool] | None = None,
    throw: bool = True,
    progress: bool = False,
    full_output: bool = False,
) -> Any:
    """Return z with ``z = f(z, *params)``, differentiable with respect to the parameters.

    As `root` of ``z - f(z, *params)``, with the same options; ``method="iteration"`` is
    z <- f(z), ``"anderson"`` accelerates it. ``f`` returns what z is, in shape and container.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> kepler = lambda M, e: lg.fixed_point(lambda E, M, e: M + e * np.sin(E), M, M, e)
    >>> round(float(kepler(1.0, 0.1)), 6), round(float(lg.grad(kepler)(1.0, 0.1)), 6)
    (1.088598, 1.048628)
    """

    problem: Any = None  # the conditions last searched, for messages

    def g(z: Any, *p: Any) -> Any:
        found = f(z, *p)
        if hasattr(z, "dtype") and isinstance(found, list | tuple):
            found = np.stack(found)  # [a, b] for an array, as NumPy's own functions take it
        here, new = dict(leaves(z)), dict(leaves(found))
        if here.keys() != new.keys():
            raise ArgumentError(
                f"{problem.what} returned the leaves {list(new)} for unknowns with the leaves "
                f"{list(here)}: f must return what z is, in the same containers"
            )
        return unflatten(z, (difference(x, new[label]) for label, x in here.items()))

    def difference(z: Any, new: Any) -> Any:
        if not isinstance(new, Traced | np.ndarray | np.generic | int | float | complex):
            raise ArgumentError(f"{problem.what} returned {type(new).__name__}, and no array")
        if np.shape(z) != np.shape(new):
            raise ArgumentError(
                f"{problem.what} returned shape {np.shape(new)} for an unknown of shape "
                f"{np.shape(z)}: f must return what z is; check the shape of the start"
            )
        return z - new

    search = Search(method, tol, max_steps, linear_solver, preconditioner, bounds, domain, progress)
    structure = Structure()

    def run(z0: Any, params: Any) -> Found:
        nonlocal problem
        problem = problem_of("fixed point", f, g, z0, params, structure=structure)
        return find(problem, search)

    return answer(run, z0, params, throw, full_output)


def argmin(
    L: Callable[..., Any],  # noqa: N803
    x0: Any,
    *params: Any,
    method: str = "auto",
    tol: float = 1e-8,
    max_steps: int | None = None,
    linear_solver: Any = "auto",
    preconditioner: Any = None,
    bounds: Any = None,
    domain: Callable[[Any], bool] | None = None,
    throw: bool = True,
    progress: bool = False,
    full_output: bool = False,
) -> Any:
    """Return the x where ``L(x, *params)`` is smallest near x0, differentiable in the parameters.

    The conditions are grad_x L = 0, so R is the Hessian, and ``dx/dp = -L_xx^-1 L_xp``. The options
    are those of `root`; ``bounds`` keep the search inside, and a minimum on a bound is no solution.

    Raises
    ------
    ConvergenceError
        Also if what was found is a saddle or a maximum.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> ridge = lambda a: lg.argmin(lambda x, a: (x - 3.0) ** 2 + a * x**2, 0.0, a)
    >>> float(ridge(0.5)), round(float(lg.grad(ridge)(0.5)), 6)
    (2.0, -1.333333)
    """
    gradient = grad(L, nonfinite="allow")

    def slope(x: Any, *p: Any) -> Any:
        return map_leaves(conjugate, gradient(x, *p))

    search = Search(method, tol, max_steps, linear_solver, preconditioner, bounds, domain, progress)
    structure = Structure()

    def run(x0: Any, params: Any) -> Found:
        problem = problem_of("argmin", L, slope, x0, params, name_of=L, structure=structure)
        try:
            return minimum(L, problem, search)
        except StructureError as error:
            raise StructureError(
                f"{error}. For a minimum: the function does not bend along these variables, so it "
                "has no smallest value, or many; add a penalty such as alpha * np.sum(x**2)"
            ) from error

    return answer(run, x0, params, throw, full_output, FLAT)


def implicit(
    solver: Callable[..., Any],
    conditions: Callable[..., Any],
    *,
    tol: float = 1e-6,
    linear_solver: Any = "auto",
    throw: bool = True,
    full_output: bool = False,
) -> Callable[..., Any]:
    """Return ``solve(z0, *params)``: the values of any solver, differentiated by their conditions.

    Parameters
    ----------
    solver : function
        ``solver(z0, *params)`` returns z, or SciPy's result object with z as ``.x`` or ``.root``;
        it is run on copies of plain arrays and never traced.
    conditions : function
        ``conditions(z, *params) = 0`` is what the solver solves, as many equations as unknowns.
    tol : float
        The values are accepted if a Newton step on the conditions would change every entry by less
        than this part of itself, and the derivative by less than a hundredth.
    linear_solver, throw, full_output : as for `root`

    Raises
    ------
    ConvergenceError
        If the solver says that it failed, or the values do not satisfy the conditions.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> from scipy.optimize import brentq
    >>> solve = lg.implicit(lambda z0, a: brentq(lambda z: z**3 - a, 0.0, 9.0, xtol=1e-13),
    ...                     lambda z, a: z**3 - a)
    >>> round(float(lg.grad(lambda a: solve(1.0, a))(8.0)), 6)
    0.083333
    """

    for f in (solver, conditions):
        if not callable(f):
            raise ArgumentError(
                f"implicit takes two functions, a solver and its conditions, and not {short(f)}"
            )

    structure = Structure()  # what one call finds out serves the next

    def run(z0: Any, params: Any) -> Found:
        # Copies: the solver may write into what it gets, and it is not its own.
        given = [map_leaves(copied, x) for x in (z0, *params)]
        with muted():
            z = solver(*given)
        if isinstance(z, OptimizeResult):
            # `root_scalar` has words of its own for success, message and x.
            if throw and not z.get("success", z.get("converged", True)):
                why = z.get("message", z.get("flag"))
                raise ConvergenceError(
                    f"the solver {name_of_function(solver)} says that it failed: {why}. Give "
                    "it a better start or more steps, or say throw=False"
                )
            z = z.get("x", z.get("root"))
        problem = problem_of("implicit", conditions, conditions, z, params, structure=structure)
        start = map_leaves(plain_value, z0)
        return drift(assess(problem, Search(tol=tol, linear_solver=linear_solver), start))

    def solve(z0: Any, *params: Any) -> Any:
        return answer(run, z0, params, throw, full_output)

    solve.__name__ = f"implicit({getattr(solver, '__name__', 'solver')})"
    return solve


def drift(found: Found) -> Found:
    """Refuse values if the Newton step that they lack would change the derivative much."""
    certificate = with_estimates(found).certificate
    if certificate.status is Status.ACCEPTED and found.problem.params:
        w = np.random.default_rng(0).standard_normal(found.problem.layout.size)
        weights = found.problem.layout.unpack(w)
        gradient, error = certificate.gradient_error(unflatten(found.problem.z0, iter(weights)))
        for g, e in zip(gradient, error, strict=True):
            if np.max(np.abs(e), initial=0.0) > DRIFT * np.max(np.abs(g), initial=0.0) + TINY:
                certificate.status = Status.NOT_SATISFIED
    return found


#: What the derivative may change by; and nothing, for one that is zero.
DRIFT, TINY = 0.01, 1e-12

#: What a singular Hessian means.
FLAT = (
    "For a minimum: the Hessian is singular there, so the minimum is not unique or the function is "
    "flat; add a penalty such as alpha * np.sum(x**2). "
)


# -- what they share ---------------------------------------------------------------------------


def problem_of(
    kind: str,
    f: Callable[..., Any],
    g: Callable[..., Any],
    z0: Any,
    params: tuple[Any, ...],
    name_of: Callable[..., Any] | None = None,
    structure: Structure | None = None,
) -> Conditions:
    """Return g as conditions on z, named after the user's function f."""
    if not callable(f):
        raise ArgumentError(f"{kind}: the first argument is {type(f).__name__}, and no function")
    name = names_of(name_of or f, 1)[0]
    where = location(f)
    what = f"{kind} of {name_of_function(f)}" + (f" ({where})" if where else "")
    equation = name_of_function(f) if f is g and name_of_function(f) != "lambda" else "equation"
    structure = structure or Structure()
    return Conditions(
        g, z0, params, what, name=name, equation=equation, structure=structure, writer=program_of
    )


def conjugate(w: Any) -> Any:
    """Return dL/d(re) + i dL/d(im) of a gradient w = dL/d(re) - i dL/d(im)."""
    return np.conjugate(w) if w.dtype.kind == "c" else w


def copied(x: Any) -> Any:
    """Return the plain value of x, an array as a copy."""
    x = plain_value(x)
    return x.copy() if isinstance(x, np.ndarray) or sp.issparse(x) else x


def name_of_function(f: Any) -> str:
    """Return what a function is called."""
    return str(getattr(f, "__name__", "function")).replace("<lambda>", "lambda")


def answer(
    run: Callable[[Any, Any], Found],
    z0: Any,
    params: tuple[Any, ...],
    throw: bool,
    full_output: bool,
    singular: str = "",
) -> Any:
    """Return the values as a constraint of the computation around, or say why there are none."""

    def checked(z0: Any, params: Any) -> Found:
        return accepted(run(z0, params), throw, singular)

    if full_output and recording_program():
        refuse(
            "a certificate (full_output=True) was asked for inside of a compiled function, and a "
            "program gives arrays",
            "Ask for it outside of lg.compile",
        )
    found = checked(z0, params)
    problem = found.problem
    if recording():
        z = constrained(problem, found, Anew(checked, z0))
    else:
        # A copy: the certificate makes its estimates at these values, whatever becomes of them.
        z = problem.container(found.z.copy())
    return (z, found.certificate) if full_output else z


def accepted(found: Found, throw: bool, singular: str) -> Found:
    """Return what was found, or raise if it is nothing."""
    certificate, problem = with_estimates(found).certificate, found.problem
    status = certificate.status
    if throw and not status.success:
        names = problem.layout.labels
        text = (
            f"{problem.what} for {', '.join(names[:6])} ({problem.layout.size} unknowns) ended "
            f"after {certificate.steps} steps with residuals up to {certificate.residual:.2e}"
            f"{worst(found)}. {status.value}"
        )
        if certificate.detail:
            text += f". The linear solver said: {certificate.detail}"
        error = exception_for(status)
        hint = f" {singular}" if singular and issubclass(error, SingularError) else ""
        raise error(text + hint.rstrip() + culprits(found))
    return found
