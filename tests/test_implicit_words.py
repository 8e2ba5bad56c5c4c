"""What a search says when it does not find what was asked for, and what it takes as it comes."""

import numpy as np
import pytest
from refusals import refused
from scipy.optimize import brentq

import lagrad as lg
from lagrad.status import (
    ArgumentError,
    ConvergenceError,
    LagradError,
    SingularError,
    Status,
    StructureError,
)


def test_the_equation_with_the_largest_residual_is_named():
    def g(z):
        out = {f"eq{i}": z[f"u{i}"] - i for i in range(7)}
        out["culprit"] = z["bad"] ** 2 + 1
        return out

    with refused(ConvergenceError, "the largest: g['culprit'] = 1.00e+00", "stalled"):
        lg.root(g, {**{f"u{i}": 0.0 for i in range(7)}, "bad": 1.0})


def test_values_that_run_away():
    with refused(ConvergenceError, "running away", "bounds="):
        lg.root(lambda z: np.exp(z), 1.0)


@pytest.mark.parametrize("power", [3, 5])
def test_a_multiple_root_that_is_never_reached(power):
    with refused(ConvergenceError, "several roots meet"):
        lg.root(lambda z: z**power, 1.0, max_steps=30)


def test_minima_that_are_none():
    with refused(StructureError, "does not bend", "penalty"):
        lg.argmin(lambda z: np.sum(z), np.array([-1.2, 1.0]))
    A = np.random.default_rng(0).normal(size=(3, 5))
    with refused(SingularError, "not unique", "penalty"):
        lg.argmin(lambda w: np.sum((A @ w - 1) ** 2), np.zeros(5))


def test_bounds_go_by_names_and_not_by_order():
    low, high = {"b": 0.0, "a": 1.0}, {"b": 1.2, "a": 2.0}
    start = {"a": 1.1, "b": 0.5}
    z = lg.root(lambda z: {"x": z["a"] - 1.5, "y": z["b"] - 1.0}, start, bounds=(low, high))
    assert z == {"a": 1.5, "b": 1.0}
    with refused(ArgumentError, "z['c']", "z['a']"):
        lg.root(lambda z: z["a"] - 1.5, {"a": 1.0}, bounds=({"c": 0.0}, None))
    with refused(ArgumentError, "lower bound 1", "above the upper one, 0"):
        lg.root(lambda z: z - 5, 1.0, bounds=(1.0, 0.0))


def test_a_domain_may_answer_for_each_unknown():
    start = {"a": 1.0, "b": 2.0}
    g = lambda z: {"x": np.log(z["a"]) + 2.0, "y": np.log(z["b"]) + 3.0}  # noqa: E731
    z = lg.root(g, start, domain=lambda z: {name: x > 0 for name, x in z.items()})
    assert z["a"] == pytest.approx(np.exp(-2.0)) and z["b"] == pytest.approx(np.exp(-3.0))


def test_values_of_a_solver_are_accepted_and_not_called_exact():
    solve = lg.implicit(
        lambda z0, a: brentq(lambda z: z**3 - a, 0, 9, xtol=1e-9),
        lambda z, a: z**3 - a,
        full_output=True,
    )
    assert solve(1.0, 8.0)[1].status is Status.ACCEPTED
    zero = lg.implicit(lambda z0, a: 1e-22, lambda z, a: z + z**3 - a)
    assert zero(1.0, 0.0) == 1e-22


def test_values_whose_derivative_is_another_are_not_accepted():
    # dz/da = -cos(1e7 a): right values to 1e-7 say nothing of it.
    solve = lg.implicit(
        lambda z0, a: 1.0 + 5e-7, lambda z, a: z - 1.0 - 1e-7 * np.sin(1e7 * (a + z - 1.0))
    )
    with pytest.raises(LagradError):
        lg.grad(lambda a: solve(None, a))(0.0)


def test_multipliers_of_values_that_were_not_found():
    def f(a):
        return lg.root(lambda z, a: z**3 + z - a, 1.0, a, throw=False, max_steps=1)

    for method in ("sweep", "explicit"):
        with refused(ConvergenceError, "not found"):
            lg.trace(f, 30.0).linearize().solve(method=method)
    system = lg.System(a=30.0)
    system.constraint(lambda a, z: z - (z**3 + z - a), name="z", start=1.0)
    unfinished = system.solve(throw=False, max_steps=1)
    with refused(ConvergenceError, "not found"):
        unfinished.system.solve("z")


def test_lists_of_traced_numbers_are_arrays():
    def both(a):
        return lg.root(lambda z: np.array([z[0] ** 2 - a, z[1] - z[0]]), np.ones(2))

    np.testing.assert_allclose(lg.jacobian(both)(2.0), np.full(2, 0.5 / np.sqrt(2.0)))
    z = lg.fixed_point(lambda z: [np.cos(z[0]), 0.5 * z[0]], np.ones(2))
    np.testing.assert_allclose(z, [0.7390851332151607, 0.36954256660758036])


def test_a_large_dense_contraction_is_solved_without_its_matrix():
    rng = np.random.default_rng(0)
    W = rng.normal(size=(300, 300)) * 0.4 / np.sqrt(300)
    X = rng.normal(size=(64, 300))

    def layer(X):
        z, layer.certificate = lg.fixed_point(
            lambda Z: np.tanh(Z @ W + X), np.zeros_like(X), full_output=True
        )
        return np.sum(z**2)

    gradient = lg.grad(layer)(X)
    assert "products were seen to solve" in layer.certificate.method
    Z = np.zeros_like(X)
    for _ in range(200):
        Z = np.tanh(Z @ W + X)
    lam = np.zeros_like(X)
    for _ in range(200):  # lam = 2 Z + (D lam) W^T
        lam = 2 * Z + ((1 - Z**2) * lam) @ W.T
    np.testing.assert_allclose(gradient, (1 - Z**2) * lam, rtol=1e-8, atol=1e-10)


def test_a_sparse_jacobian_is_that_of_the_function():
    M = np.array([[1.0, 2.0], [3.0, 4.0]])

    def f(x):
        return M @ np.stack([x[0] + x[1], 0.0 * x[0] + 3.0])

    x = np.ones(2)
    np.testing.assert_array_equal(lg.jacobian(f, sparse=True)(x).toarray(), lg.jacobian(f)(x))
