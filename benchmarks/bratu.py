"""The Bratu problem on a square: solution and gradient, against Newton with SuperLU by hand.

-div grad u = lam exp(u) + s  inside (0, 1)^2,  u = 0 on its boundary;  J = mean of u

Five-point differences on n x n points. At lam = 6 the solution is near the turning point of the
lower branch, 6.808. The gradient is that by lam and by the source s, one number a point.
"""

import atexit
import os
import sys
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

SIZES, REPEATS = (256, 64), 7
LAM = 6.0
TOL = 1e-8  # of the values; multipliers and all results are compared at this, too
BAR, BAR_BACK, BAR_CASADI, BAR_OPTIMISTIX = 1.3, 0.05, 1.0, 3.0

#: Linear solvers of CasADi; ldl takes R for symmetric, on the user's word.
CASADI = ("qr", "csparse", "mumps", "ldl")

Result = tuple[Any, Any, Any]  # J, dJ/dlam, dJ/ds
Call = Callable[[], Result]


class Grid(NamedTuple):
    """The problem on n x n points: L u = lam exp(u) + s."""

    n: int
    L: sp.csc_array
    s: np.ndarray


def grid(n: int) -> Grid:
    """Return the problem with a source of random numbers."""
    line = [-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)]
    line = sp.diags_array(line, offsets=[-1, 0, 1]) * (n + 1) ** 2
    L = sp.csc_array(sp.kronsum(line, line))
    L.indices, L.indptr = L.indices.astype(np.intc), L.indptr.astype(np.intc)  # SuperLU's
    return Grid(n, L, 0.1 * np.random.default_rng(0).normal(size=n * n))


# -- by hand ---------------------------------------------------------------------------------------


def by_hand(problem: Grid, ordering: str, tol: float = TOL) -> tuple[float, Callable[[], Result]]:
    """J, and the call that goes back from it to J and its gradient."""
    _, L, s = problem
    solved = newton(L, lambda u: LAM * np.exp(u) + s, lambda u: LAM * np.exp(u), tol, ordering)
    J = solved.u.mean()

    def back() -> Result:
        lam = multipliers(solved, np.full(len(s), 1 / len(s)), tol)
        return J, lam @ np.exp(solved.u), lam

    return J, back


# -- lagrad ----------------------------------------------------------------------------------------


def cost(problem: Grid) -> Callable[[Any, Any], Any]:
    """J of lam and s, as a user writes it."""
    _, L, _ = problem

    def J(lam: Any, s: Any) -> Any:
        def g(u: Any, lam: Any, s: Any) -> Any:
            return L @ u - lam * np.exp(u) - s

        return np.mean(lg.root(g, np.zeros(len(problem.s)), lam, s, tol=TOL))

    return J


def by_lagrad(problem: Grid) -> Result:
    """Value and gradient in one call."""
    J, (by_lam, by_s) = lg.value_and_grad(cost(problem), (0, 1))(LAM, problem.s)
    return J, by_lam, by_s


def forward_and_back(problem: Grid) -> tuple[Any, Callable[[], Any]]:
    """J, and the call that goes back."""
    J, pullback = lg.vjp(cost(problem), LAM, problem.s)
    return J, lambda: pullback(1.0)


# -- peers -----------------------------------------------------------------------------------------


def with_casadi(problem: Grid, linear_solver: str) -> Call:
    """CasADi's Newton; its function is built once."""
    import casadi as ca

    n, L, s = problem
    u, lam, source = ca.MX.sym("u", n * n), ca.MX.sym("lam"), ca.MX.sym("s", n * n)
    g = ca.mtimes(ca.DM(sp.csc_matrix(L)), u) - lam * ca.exp(u) - source
    p = ca.vertcat(lam, source)
    options = {"linear_solver": linear_solver, "abstol": TOL}
    solve = ca.rootfinder("solve", "newton", {"x": u, "p": p, "g": g}, options)
    J = ca.sum1(solve(x0=np.zeros(n * n), p=p)["x"]) / n**2
    both = ca.Function("both", [lam, source], [J, ca.jacobian(J, lam), ca.gradient(J, source)])
    if linear_solver == "mumps":
        atexit.register(silence, both)

    def call() -> Result:
        J, by_lam, by_s = both(LAM, s)
        return float(J), float(by_lam), by_s.full().ravel()

    return call


def with_optimistix(problem: Grid) -> Call:
    """Optimistix's Newton with GMRES of lineax, compiled; shifted arrays are its fastest L u."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jax
        import jax.numpy as jnp
        import lineax
        import optimistix

    jax.config.update("jax_enable_x64", True)
    n, _, s = problem

    def g(u: Any, p: Any) -> Any:
        lam, source = p
        U = jnp.pad(u.reshape(n, n), 1)
        around = U[:-2, 1:-1] + U[2:, 1:-1] + U[1:-1, :-2] + U[1:-1, 2:]
        return (4 * U[1:-1, 1:-1] - around).ravel() * (n + 1) ** 2 - lam * jnp.exp(u) - source

    # Of the tolerances and restarts that reach TOL, these are the fastest.
    def gmres(tol: float) -> Any:
        return lineax.GMRES(rtol=tol, atol=tol, restart=50, stagnation_iters=50, max_steps=10_000)

    newton = optimistix.Newton(rtol=TOL, atol=TOL, linear_solver=gmres(1e-6))
    adjoint = optimistix.ImplicitAdjoint(linear_solver=gmres(1e-13))

    def J(lam: Any, source: Any) -> Any:
        start, p = jnp.zeros(n * n), (lam, source)
        return optimistix.root_find(g, newton, start, args=p, adjoint=adjoint).value.mean()

    both = jax.jit(jax.value_and_grad(J, (0, 1)))

    def call() -> Result:
        J, (by_lam, by_s) = jax.block_until_ready(both(LAM, s))
        return float(J), float(by_lam), np.asarray(by_s)

    return call


def silence(*kept: Any) -> None:
    """Let go of the output when all else has ended: freed, MUMPS says goodbye from Fortran.

    What is ``kept`` lives until then.
    """
    del kept
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


# -- the figures -----------------------------------------------------------------------------------


def check(found: Result, expected: Result, what: str) -> None:
    """Refuse results that are not equal."""
    agree_all(found, expected, TOL, what, ("J", "dJ/dlam", "dJ/ds"))


def figures(size: int = SIZES[0], repeats: int = REPEATS) -> Iterator[Figure]:
    yield from beside_by_hand(grid(size), repeats)
    yield from beside_peers(grid(min(size, SIZES[1])), repeats)


def beside_by_hand(problem: Grid, repeats: int) -> Iterator[Figure]:
    hands = {name: lambda o=name: by_hand(problem, o)[1]() for name in ORDERINGS}
    expected = by_hand(problem, "COLAMD", 1e-12)[1]()
    for name, hand in hands.items():
        check(hand(), expected, f"by hand, {name}")
    check(by_lagrad(problem), expected, "lagrad")
    best = fastest(hands)
    forward, back = halves(lambda: by_hand(problem, best), repeats)
    told = f"{problem.n} x {problem.n}"
    yield Figure("bratu", f"{told}, by hand, {best}: ms, ms back", ms(forward, back))
    times = medians({"by hand": hands[best], "lagrad": lambda: by_lagrad(problem)}, repeats)
    yield Figure("bratu", f"{told}, lagrad: ms", ms(times["lagrad"]))
    ratio = times["lagrad"] / times["by hand"]
    yield at_most("bratu", f"{told}, lagrad / by hand", ratio, BAR)
    forward, back = halves(lambda: forward_and_back(problem), repeats)
    yield at_most("bratu", f"{told}, lagrad back / forward", back / forward, BAR_BACK, "{:.3f}")


def beside_peers(problem: Grid, repeats: int) -> Iterator[Figure]:
    expected = by_hand(problem, "COLAMD", 1e-12)[1]()
    hands = {name: lambda o=name: by_hand(problem, o)[1]() for name in ORDERINGS}
    calls: dict[str, Call] = {
        "by hand": hands[fastest(hands)],
        "lagrad": lambda: by_lagrad(problem),
    }
    build: dict[str, float] = {}
    if installed("casadi"):
        for solver in CASADI:
            begin = time.perf_counter()
            calls[f"CasADi, {solver}"] = with_casadi(problem, solver)
            build[f"CasADi, {solver}"] = time.perf_counter() - begin
    if installed("optimistix"):
        name = "optimistix, GMRES"
        calls[name] = with_optimistix(problem)
        begin = time.perf_counter()
        calls[name]()
        build[name] = time.perf_counter() - begin
    for name, call in calls.items():
        check(call(), expected, name)
    times = medians(calls, repeats)
    told = f"{problem.n} x {problem.n}"
    for name, taken in times.items():
        built = f", built in {ms(build[name])}" if name in build else ""
        yield Figure("bratu", f"{told}, {name}: ms", ms(taken) + built)
    lagrad = times["lagrad"]
    free = {k: t for k, t in times.items() if k.startswith("CasADi") and not k.endswith("ldl")}
    if free:
        best = min(free, key=free.__getitem__)
        ratio = free[best] / lagrad
        yield at_least("bratu", f"{told}, {best} / lagrad", ratio, BAR_CASADI, "{:.1f}")
    if "optimistix, GMRES" in times:
        ratio = times["optimistix, GMRES"] / lagrad
        yield at_least("bratu", f"{told}, optimistix / lagrad", ratio, BAR_OPTIMISTIX, "{:.1f}")
    yield from absent("bratu", "casadi", "optimistix")
