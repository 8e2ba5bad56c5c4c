"""The values of Markov chains and their gradient, against a pair of Krylov solves by hand.

V = r + gamma P V,  J = w . V;   (I - gamma P)^T lam = w,  dJ/dr = lam,  dJ/dgamma = lam . P V

Two chains at gamma = 0.99: steps to the four neighbours on a torus of 300 x 300 states, and steps
to five random states out of 100,000. Probabilities, rewards r and weights w are random.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import bicgstab, gcrotmk, gmres, lgmres

import lagrad as lg
from benchmarks.measure import (
    Figure,
    absent,
    agree_all,
    at_least,
    at_most,
    fastest,
    installed,
    medians,
    ms,
    seconds,
)

SIDE, REPEATS = 300, 7
GAMMA, TOL = 0.99, 1e-8
BAR, BAR_JAXOPT = 1.3, 3.0

#: None of them gains by an incomplete LU here: that takes longer than the iterations it saves.
KRYLOV: dict[str, Callable[..., Any]] = {
    "BiCGSTAB": bicgstab,
    "GMRES": gmres,
    "GCROT": gcrotmk,
    "LGMRES": lgmres,
}

Result = tuple[Any, Any, Any]  # J, dJ/dr, dJ/dgamma
Call = Callable[[], Result]


class Chain(NamedTuple):
    """States with transition probabilities P, rewards r and weights w."""

    name: str
    P: sp.csr_array
    r: np.ndarray
    w: np.ndarray


def chain(name: str, successors: np.ndarray) -> Chain:
    """Return the chain in which state i steps to one of ``successors[i]``."""
    n, k = successors.shape
    rng = np.random.default_rng(0)
    p = rng.random((n, k))
    p /= p.sum(axis=1, keepdims=True)
    rows, columns = np.repeat(np.arange(n), k), successors.ravel()
    at = rows.astype(np.intc), columns.astype(np.intc)  # products with long integers take longer
    P = sp.coo_array((p.ravel(), at), shape=(n, n)).tocsr()
    return Chain(name, P, 1.0 + rng.normal(size=n), rng.random(n) / n)


def torus(side: int) -> Chain:
    """Steps to the four neighbours on side x side states."""
    at = np.arange(side * side).reshape(side, side)
    ways = [np.roll(at, step, axis).ravel() for axis in (0, 1) for step in (1, -1)]
    return chain(f"torus {side} x {side}", np.stack(ways, axis=1))


def scattered(states: int) -> Chain:
    """Steps to five random states."""
    successors = np.random.default_rng(1).integers(0, states, (states, 5))
    return chain(f"{states:,} random states", successors)


# -- by hand ---------------------------------------------------------------------------------------


def by_hand(problem: Chain, krylov: Callable[..., Any], tol: float = TOL / 10) -> Result:
    """J and its gradient by one solve with A^T = I - gamma P and one with A."""
    _, P, r, w = problem
    R = sp.eye_array(len(r), format="csr") - GAMMA * P
    V = solve(krylov, R, r, tol)
    lam = solve(krylov, R.T.tocsr(), w, tol)
    return w @ V, lam, lam @ (P @ V)


def solve(krylov: Callable[..., Any], m: sp.csr_array, b: np.ndarray, tol: float) -> np.ndarray:
    """Return x with |m x - b| <= tol |b| in the 2-norm, or say that there is none."""
    x, failed = krylov(m, b, rtol=tol, atol=0.0, maxiter=5000)
    if failed:
        raise ArithmeticError(f"{krylov.__name__} ended with {failed}")
    return x


def exactly(problem: Chain) -> Result:
    """J and its gradient, refined until nothing is left.

    |V - V*| <= max|r + gamma P V - V| / (1 - gamma), as rows of P sum to one; so it is for lam, by
    sums of absolute values.
    """
    _, P, r, w = problem
    V, lam = np.zeros(len(r)), np.zeros(len(r))
    R = sp.eye_array(len(r), format="csr") - GAMMA * P
    RT = R.T.tocsr()
    for _ in range(3):
        V += solve(gcrotmk, R, r - R @ V, 1e-6)
        lam += solve(gcrotmk, RT, w - RT @ lam, 1e-6)
    for error, size in (
        (np.abs(r - R @ V).max(), np.abs(V).max()),
        (np.abs(w - RT @ lam).sum(), np.abs(lam).sum()),
    ):
        if not error / (1 - GAMMA) <= 1e-10 * size:
            raise ArithmeticError(f"the values to compare with are off by {error:.1e}")
    return w @ V, lam, lam @ (P @ V)


# -- lagrad ----------------------------------------------------------------------------------------


def by_lagrad(problem: Chain) -> Result:
    """Value and gradient in one call, of what a user writes."""
    _, P, r, w = problem

    def J(r: Any, gamma: Any) -> Any:
        def f(V: Any, r: Any, gamma: Any) -> Any:
            return r + gamma * (P @ V)

        return w @ lg.fixed_point(f, np.zeros(len(w)), r, gamma)

    value, (by_r, by_gamma) = lg.value_and_grad(J, (0, 1))(r, GAMMA)
    return value, by_r, by_gamma


# -- jaxopt ----------------------------------------------------------------------------------------


def with_jaxopt(problem: Chain) -> dict[str, Call]:
    """Jaxopt's solvers of fixed points and the linear solvers of their gradient, compiled.

    A segment sum is the fastest of its sparse products. The first is what a user gets who asks for
    nothing; in the others the linear solve is told the tolerance that it needs, and it is the
    fastest of normal CG, GMRES and BiCGSTAB.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jax
        import jax.numpy as jnp
        import jaxopt
        from jaxopt import linear_solve

    jax.config.update("jax_enable_x64", True)
    P = problem.P.tocoo()
    rows, columns, p, r, w = map(jnp.asarray, (*P.coords, P.data, problem.r, problem.w))
    n = len(problem.r)

    # Traced arguments: constants as long as these take XLA seconds to fold.
    def f(V: Any, r: Any, gamma: Any, rows: Any, columns: Any, p: Any) -> Any:
        product = jax.ops.segment_sum(p * V[columns], rows, n, indices_are_sorted=True)
        return r + gamma * product

    tight = {"tol": 1e-11, "maxiter": 10_000}
    calls = {}
    for name, solver, linear in (
        ("jaxopt, as it comes", jaxopt.FixedPointIteration, None),
        ("jaxopt, BiCGSTAB", jaxopt.FixedPointIteration, linear_solve.solve_bicgstab),
        ("jaxopt, Anderson, BiCGSTAB", jaxopt.AndersonAcceleration, linear_solve.solve_bicgstab),
    ):
        options = {"implicit_diff_solve": partial(linear, **tight)} if linear else {}
        # It is the 2-norm of the last change, and this large it may be for errors below TOL.
        tol = 3e-9 * np.sqrt(n)
        run = solver(f, maxiter=10_000, tol=tol, implicit_diff=True, **options).run

        def J(r: Any, gamma: Any, *P: Any, run: Any = run) -> Any:
            return jnp.vdot(w, run(jnp.zeros(n), r, gamma, *P).params)

        both = jax.jit(jax.value_and_grad(J, (0, 1)))

        def call(both: Any = both) -> Result:
            value, (by_r, by_gamma) = jax.block_until_ready(both(r, GAMMA, rows, columns, p))
            return float(value), np.asarray(by_r), float(by_gamma)

        calls[name] = call
    return calls


# -- the figures -----------------------------------------------------------------------------------


def errors(found: Result, expected: Result) -> tuple[float, float]:
    """Return the relative error of J, and the largest of its gradient."""
    value, *gradient = (
        float(np.abs(np.asarray(x) - y).max() / np.abs(y).max())
        for x, y in zip(found, expected, strict=True)
    )
    return value, max(gradient)


def check(found: Result, expected: Result, what: str) -> None:
    """Refuse results that are not equal."""
    agree_all(found, expected, TOL, what, ("J", "dJ/dr", "dJ/dgamma"))


def figures(size: int = SIDE, repeats: int = REPEATS) -> Iterator[Figure]:
    states = 100_000 if size == SIDE else size * size
    for problem in (torus(size), scattered(states)):
        expected = exactly(problem)
        hands = {k: lambda s=s, p=problem: by_hand(p, s) for k, s in KRYLOV.items()}
        for name, hand in hands.items():
            check(hand(), expected, f"by hand, {name}")
        check(by_lagrad(problem), expected, "lagrad")
        best = fastest(hands)
        calls = {"by hand": hands[best], "lagrad": lambda p=problem: by_lagrad(p)}
        times = medians(calls, repeats)
        yield Figure("torus", f"{problem.name}, by hand, {best}: ms", ms(times["by hand"]))
        yield Figure("torus", f"{problem.name}, lagrad: ms", ms(times["lagrad"]))
        ratio = times["lagrad"] / times["by hand"]
        yield at_most("torus", f"{problem.name}, lagrad / by hand", ratio, BAR)
        if installed("jaxopt"):
            yield from beside_jaxopt(problem, expected, calls["lagrad"])
    yield from absent("torus", "jaxopt")


def beside_jaxopt(problem: Chain, expected: Result, lagrad: Call) -> Iterator[Figure]:
    """Time the fastest way of jaxopt's that is right to TOL; tell how far off the others are."""
    right: dict[str, Call] = {}
    taken: dict[str, float] = {}
    for name, call in with_jaxopt(problem).items():
        begin = time.perf_counter()
        value, gradient = errors(call(), expected)
        told = f"first {ms(time.perf_counter() - begin)}, off by {value:.0e}, {gradient:.0e}"
        if max(value, gradient) <= TOL:
            right[name], taken[name] = call, seconds(call)
            told = f"{ms(taken[name])}, {told}"
        yield Figure("torus", f"{problem.name}, {name}: ms, errors of J and gradient", told)
    best = min(taken, key=taken.__getitem__)
    times = medians({"lagrad": lagrad, best: right[best]}, 1)
    ratio = times[best] / times["lagrad"]
    yield at_least("torus", f"{problem.name}, {best} / lagrad", ratio, BAR_JAXOPT, "{:.1f}")
