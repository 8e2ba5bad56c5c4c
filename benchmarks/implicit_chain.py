"""A chain of implicit equations: solution and total derivatives, against Newton with SuperLU.

-u'' = k exp(u) / 4  on (0, 1),  u = 0 at its ends;  J = mean of u

Three-point differences, 100,000 unknowns; k is a number for each. The equations are multiplied by
the square of the step, so that rounding does not hide what is left of them.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

import lagrad as lg
from benchmarks.measure import (
    Figure,
    absent,
    agree_all,
    at_least,
    at_most,
    fastest,
    halves,
    installed,
    medians,
    ms,
)
from benchmarks.newton import ORDERINGS, multipliers, newton

SIZE, REPEATS = 100_000, 7
TOL = 1e-8
BAR, BAR_OPENMDAO = 1.5, 50.0

Result = tuple[Any, Any]  # J, dJ/dk


class Line(NamedTuple):
    """L u = c exp(u) with c = h^2 k / 4, h the step."""

    L: sp.csc_array
    k: np.ndarray
    weight: float


def line(n: int) -> Line:
    """Return n equations; k is random between 1/2 and 3/2."""
    stencil = [-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)]
    L = sp.csc_array(sp.diags_array(stencil, offsets=[-1, 0, 1], format="csc"))
    return Line(L, 0.5 + np.random.default_rng(0).random(n), 1 / (4 * (n + 1) ** 2))


# -- by hand ---------------------------------------------------------------------------------------


def by_hand(problem: Line, ordering: str, tol: float = TOL) -> tuple[float, Callable[[], Result]]:
    """J, and the call that goes back from it to J and its gradient."""
    L, k, weight = problem
    c = weight * k
    solved = newton(L, lambda u: c * np.exp(u), lambda u: c * np.exp(u), tol, ordering)
    J = solved.u.mean()

    def back() -> Result:
        lam = multipliers(solved, np.full(len(k), 1 / len(k)), tol)
        return J, weight * lam * np.exp(solved.u)

    return J, back


# -- lagrad ----------------------------------------------------------------------------------------


def cost(problem: Line) -> Callable[[Any], Any]:
    """J of k, as a user writes it."""
    L, _, weight = problem

    def J(k: Any) -> Any:
        def g(u: Any, k: Any) -> Any:
            return L @ u - weight * k * np.exp(u)

        return np.mean(lg.root(g, np.zeros(len(problem.k)), k, tol=TOL))

    return J


def by_lagrad(problem: Line) -> Result:
    """Value and gradient in one call."""
    return lg.value_and_grad(cost(problem))(problem.k)


def forward_and_back(problem: Line) -> tuple[Any, Callable[[], Any]]:
    """J, and the call that goes back."""
    J, pullback = lg.vjp(cost(problem), problem.k)
    return J, lambda: pullback(1.0)


# -- OpenMDAO --------------------------------------------------------------------------------------


def with_openmdao(problem: Line) -> tuple[Callable[[], float], Callable[[], np.ndarray]]:
    """Solve and total derivatives: one vectorised component with its partials written by hand.

    Newton and DirectSolver stand at the component: at the group, with the mean inside the matrix,
    they take twice as long.
    """
    os.environ.setdefault("OPENMDAO_REPORTS", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import openmdao.api as om

    _, k, weight = problem
    n = len(k)
    at = np.arange(n)

    class Equations(om.ImplicitComponent):
        def setup(self) -> None:
            self.add_input("k", k)
            self.add_output("u", np.zeros(n))
            self.declare_partials("u", "k", rows=at, cols=at)
            rows = np.concatenate([at, at[1:], at[:-1]])
            cols = np.concatenate([at, at[:-1], at[1:]])
            self.declare_partials("u", "u", rows=rows, cols=cols)
            self.nonlinear_solver = om.NewtonSolver(
                solve_subsystems=False, maxiter=20, atol=1e-14, rtol=TOL, iprint=-1
            )
            self.linear_solver = om.DirectSolver()

        def apply_nonlinear(self, inputs: Any, outputs: Any, residuals: Any) -> None:
            u = outputs["u"]
            r = 2 * u - weight * inputs["k"] * np.exp(u)
            r[1:] -= u[:-1]
            r[:-1] -= u[1:]
            residuals["u"] = r

        def linearize(self, inputs: Any, outputs: Any, partials: Any) -> None:
            slope = weight * np.exp(outputs["u"])
            partials["u", "k"] = -slope
            beside = np.full(2 * n - 2, -1.0)
            partials["u", "u"] = np.concatenate([2 - inputs["k"] * slope, beside])

    class Mean(om.ExplicitComponent):
        def setup(self) -> None:
            self.add_input("u", np.zeros(n))
            self.add_output("J", 0.0)
            self.declare_partials("J", "u", val=np.full((1, n), 1 / n))

        def compute(self, inputs: Any, outputs: Any) -> None:
            outputs["J"] = inputs["u"].mean()

    model = om.Problem(reports=False)
    model.model.add_subsystem("equations", Equations(), promotes=["*"])
    model.model.add_subsystem("mean", Mean(), promotes=["*"])
    model.setup(mode="rev")
    model.final_setup()

    def run() -> float:
        model.set_val("u", np.zeros(n))
        model.run_model()
        return float(model.get_val("J")[0])

    def totals() -> np.ndarray:
        return np.ravel(model.compute_totals(of=["J"], wrt=["k"])["J", "k"])

    return run, totals


# -- the figures -----------------------------------------------------------------------------------


def check(found: Result, expected: Result, what: str) -> None:
    """Refuse results that are not equal."""
    agree_all(found, expected, TOL, what, ("J", "dJ/dk"))


def figures(size: int = SIZE, repeats: int = REPEATS) -> Iterator[Figure]:
    problem = line(size)
    hands = {name: lambda o=name: by_hand(problem, o)[1]() for name in ORDERINGS}
    expected = by_hand(problem, "COLAMD", 1e-11)[1]()
    for name, hand in hands.items():
        check(hand(), expected, f"by hand, {name}")
    check(by_lagrad(problem), expected, "lagrad")
    best = fastest(hands)
    told = f"{size:,} unknowns"
    forward, back = halves(lambda: by_hand(problem, best), repeats)
    yield Figure("implicit_chain", f"{told}, by hand, {best}: ms, ms back", ms(forward, back))
    times = medians({"by hand": hands[best], "lagrad": lambda: by_lagrad(problem)}, repeats)
    yield Figure("implicit_chain", f"{told}, lagrad: ms", ms(times["lagrad"]))
    forward, back = halves(lambda: forward_and_back(problem), repeats)
    yield Figure("implicit_chain", f"{told}, lagrad: ms, ms back", ms(forward, back))
    ratio = times["lagrad"] / times["by hand"]
    yield at_most("implicit_chain", f"{told}, lagrad / by hand", ratio, BAR)
    if installed("openmdao"):
        yield from beside_openmdao(problem, expected, times["lagrad"])
    yield from absent("implicit_chain", "openmdao")


def beside_openmdao(problem: Line, expected: Result, lagrad: float) -> Iterator[Figure]:
    """Run OpenMDAO once, after its setup: it takes long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run, totals = with_openmdao(problem)
        begin = time.process_time()
        J = run()
        turn = time.process_time()
        by_k = totals()
        end = time.process_time()
    check((J, by_k), expected, "OpenMDAO")
    told = f"{len(problem.k):,} unknowns"
    yield Figure("implicit_chain", f"{told}, OpenMDAO: ms, ms back", ms(turn - begin, end - turn))
    ratio = (end - begin) / lagrad
    yield at_least("implicit_chain", f"{told}, OpenMDAO / lagrad", ratio, BAR_OPENMDAO, "{:.1f}")
