"""Cycles that have no values, no derivative, or none worth having: refused by name, or right.

Nothing wrong comes back. Where a problem only looks bad (units, a start on the solution) the values
are compared with those of the same problem in good shape, or with SciPy's.
"""

import numpy as np
import pytest
from refusals import line_of, refused
from scipy.optimize import root as scipy_root

import lagrad as lg
from lagrad.status import (
    ArgumentError,
    ConvergenceError,
    SingularError,
    Status,
    StructureError,
    TraceError,
)

TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


# -- iterations that do not contract ---------------------------------------------------------------


def test_an_iteration_that_diverges():
    def grows(z, a):
        return a * z + 1.0

    with refused(ConvergenceError, "grows", line_of(grows), "diverged", "contracts", "newton"):
        lg.fixed_point(grows, 1.0, 2.0, method="iteration")
    assert lg.fixed_point(grows, 1.0, 2.0) == -1.0


@pytest.mark.parametrize(
    ("f", "start", "root"),
    [
        (lambda z: 1 / z, 2.0, 1.0),
        (lambda z: TURN @ z + 1.0, np.zeros(2), np.array([0.0, 1.0])),
        (lambda z: 3.9 * z * (1 - z), 0.3, 1 - 1 / 3.9),
    ],
    ids=["there and back", "round and round", "chaos"],
)
def test_an_iteration_that_goes_in_circles(f, start, root):
    with refused(ConvergenceError, "no longer falls", "contract", "method='newton'"):
        lg.fixed_point(f, start, method="iteration")
    np.testing.assert_allclose(lg.fixed_point(f, start, method="anderson"), root, atol=1e-14)


def test_a_slow_iteration_is_not_taken_for_a_converged_one():
    """Each step changes z by 1e-6 of what is missing, so that a small step proves nothing."""
    f = lambda z: (1 - 1e-6) * z + 1e-6  # noqa: E731
    with refused(ConvergenceError, "10000 steps", "max_steps"):
        lg.fixed_point(f, 0.0, method="iteration")
    z, certificate = lg.fixed_point(f, 1 - 1e-8, method="iteration", tol=1e-3, full_output=True)
    assert z == pytest.approx(1.0, abs=1e-10)
    assert certificate.status is Status.SOLVED


# -- singular cycles -------------------------------------------------------------------------------


def test_equations_that_say_the_same():
    def g(z, a):
        return {"first": z["x"] + z["y"] - a, "second": 2 * z["x"] + 2 * z["y"] - 2 * a}

    with refused(
        SingularError, "root of g", line_of(g), "singular", "g['first']", "g['second']", "z['x']",
        "z['y']",
    ):  # fmt: skip
        lg.root(g, {"x": 0.0, "y": 0.0}, 1.0)


@pytest.mark.parametrize("small", [0.0, 1e-15, 1e-14])
def test_nearly_singular_equations(small):
    with refused(SingularError, "singular", "z[0]", "z[1]"):
        lg.root(lambda z: np.array([[1.0, 1.0], [1.0, 1.0 + small]]) @ z - 1.0, np.zeros(2))


def test_nearly_singular_but_regular_equations_are_solved():
    a = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-9]])
    z, certificate = lg.root(lambda z, b: a @ z - b, np.zeros(2), np.ones(2), full_output=True)
    np.testing.assert_allclose(z, [1.0, 0.0], atol=1e-6)
    assert certificate.condition() == pytest.approx(np.linalg.cond(a, 1), rel=0.5)


@pytest.mark.parametrize("reward", [np.array([1.0, 1.0]), np.array([1.0, -1.0])])
def test_a_discount_of_one(reward):
    chain = np.array([[0.5, 0.5], [0.5, 0.5]])

    def value(v, discount):
        return reward + discount * (chain @ v)

    with refused(SingularError, "value", line_of(value), "singular", "v[0]", "v[1]"):
        lg.fixed_point(value, np.zeros(2), 1.0)
    for method in ("iteration", "anderson"):
        with pytest.raises((ConvergenceError, SingularError)):
            lg.fixed_point(value, np.zeros(2), 1.0, method=method)
    expected = np.linalg.solve(np.eye(2) - 0.999 * chain, reward)
    np.testing.assert_allclose(lg.fixed_point(value, np.zeros(2), 0.999), expected, rtol=1e-11)


def test_an_automaton_whose_loops_weigh_too_much():
    """The linear equations have a negative solution, which is no sum of positive weights."""

    def weight(beta, loop):
        return np.stack([0.5 * beta[1] + 0.1, loop * beta[0] + loop * beta[1]])

    assert lg.fixed_point(weight, np.zeros(2), 0.9).min() < 0
    with refused(ConvergenceError, "weight", "beta", "diverged"):
        lg.fixed_point(weight, np.zeros(2), 0.9, method="iteration")
    with refused(ConvergenceError, "weight", "beta", "bounds"):
        lg.fixed_point(weight, np.zeros(2), 0.9, bounds=(0.0, None))
    z = [lg.fixed_point(weight, np.zeros(2), 0.5, method=m) for m in ("iteration", "newton")]
    np.testing.assert_allclose(z[0], z[1], rtol=1e-14)


# -- no derivative at the solution -----------------------------------------------------------------


def test_multiple_roots():
    with refused(SingularError, "degenerate", "Several roots", "z"):
        lg.root(lambda z: (z - 1.0) ** 2, 3.0)
    for g, start in ((lambda z: z**3, 1.0), (lambda z: (z - 1.0) ** 3, 3.0)):
        with refused(ConvergenceError, "several roots", "multiple"):
            lg.root(g, start)
    with refused(SingularError, "no derivative", "z"):
        lg.grad(lambda a: lg.root(lambda z, a: (z - 1.0) ** 2 - a, 1.0, a))(0.0)


def test_turning_points():
    """(z - 1)^2 = a: two roots with their derivatives before a = 0, and none behind it."""
    branch = lambda a, z0: lg.root(lambda z, a: (z - 1.0) ** 2 - a, z0, a)  # noqa: E731
    for a in (1e-4, 1e-8, 1e-12):
        for side in (-1.0, 1.0):
            slope = lg.grad(branch)(a, 1.0 + 2 * side)
            assert slope == pytest.approx(side * 0.5 / np.sqrt(a), rel=4e-16 / np.sqrt(a))
    with pytest.raises(SingularError):
        branch(0.0, 3.0)
    with pytest.raises((ConvergenceError, SingularError)):
        branch(-1e-8, 3.0)


@pytest.mark.parametrize("seed", range(20))
def test_double_roots_of_systems_have_no_derivative(seed):
    """y_0^2 = a at a = 0, behind random changes of unknowns and of equations."""
    rng = np.random.default_rng(seed)
    n = rng.integers(2, 6)
    q, p = rng.normal(size=(2, n, n))
    z0, away = rng.normal(size=(2, n))

    def g(z, a):
        y = p @ (z - z0)
        return q @ np.concatenate([[y[0] ** 2 - a], y[1:] + 0.3 * y[:-1] * y[1:]])

    with pytest.raises((ConvergenceError, SingularError)):
        lg.jacobian(lambda a: lg.root(g, z0 + 0.3 * away, a))(0.0)


def test_roots_at_infinity():
    for g in (
        lambda z, a: np.tanh(z) - a,
        lambda z, a: 1 - np.exp(-z) - a,
        lambda z, a: np.exp(-z) + 1 - a,
    ):
        with pytest.raises((ConvergenceError, SingularError)):
            lg.grad(lambda a, g=g: lg.root(g, 1.0, a))(1.0)
    for g in (lambda z: np.exp(z), lambda z: np.arctan(z) - np.pi / 2, lambda z: 1 / z):
        with pytest.raises((ConvergenceError, SingularError)):
            lg.root(g, 1.0)


def test_kinks():
    """Between the slopes of both sides, or refused; and right beside the kink."""
    solve = lambda a: lg.root(lambda z, a: np.maximum(z - 1, 2 * (z - 1)) - a, 3.0, a)  # noqa: E731
    assert lg.grad(solve)(1e-12) == 0.5
    assert lg.grad(solve)(-1e-12) == 1.0
    try:
        assert 0.5 <= lg.grad(solve)(0.0) <= 1.0
    except SingularError:
        pass
    with refused(SingularError, "no derivative", "z"):
        lg.grad(lambda a: lg.root(lambda z, a: np.abs(z - a), 1.0, a))(0.5)
    with pytest.raises((ConvergenceError, SingularError)):
        lg.root(lambda z: np.abs(z) + 1.0, 1.0)


def test_partials_that_are_not_finite():
    with refused(SingularError, "NaN or inf", "derivative"):
        lg.grad(lambda a: lg.root(lambda z, a: np.sqrt(z) - a, 0.0, a))(0.0)
    with refused(FloatingPointError, "NaN or inf", "gradient"):
        lg.grad(lambda a: lg.root(lambda z, a: z - np.sqrt(a), 1.0, a))(0.0)
    # The branch that is not taken has no partial at all.
    picked = lambda a: lg.root(lambda z, a: np.where(z > 0, z - a, np.log(z)), 1.0, a)  # noqa: E731
    assert lg.grad(picked)(2.0) == 1.0


# -- g and its arguments ---------------------------------------------------------------------------


def test_an_unknown_of_the_wrong_shape():
    def f(z):
        return 0.5 * np.sum(z) * np.ones(3)

    with refused(ArgumentError, "f", line_of(f), "(3,)", "(2,)", "start"):
        lg.fixed_point(f, np.ones(2))
    with refused(ArgumentError, "root of f", "3 numbers", "2 unknowns", "as many equations"):
        lg.root(f, np.ones(2))
    with refused(ArgumentError, "()", "(2,)"):
        lg.fixed_point(lambda z: 0.5 * z.sum(), np.ones(2))
    with refused(ArgumentError, "['y']", "['x']", "containers"):
        lg.fixed_point(lambda z: {"y": z["x"]}, {"x": 1.0})


def test_an_unknown_or_an_equation_that_does_not_matter():
    with refused(StructureError, "over-determined", "under-determined", "z[1]"):
        lg.root(lambda z, a: np.stack([z[0] - a, z[0] + a]), np.ones(2), 4.0)
    with refused(StructureError, "under-determined", "z"):
        lg.root(lambda z, a: 0.0 * a, 1.0, 4.0)
    with refused(StructureError, "x[1]"):
        lg.argmin(lambda x: x[0] ** 2, np.ones(2))


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda z: None, ["NoneType"]),
        (lambda z: "z", ["str"]),
        (lambda z: (x for x in [z]), ["generator"]),
        (lambda z: z > 0, ["dtype bool"]),
        (lambda z: np.array([z, z], dtype=object), ["dtype object"]),
    ],
)
def test_what_g_returns(returned, words):
    with refused(ArgumentError, "test_implicit_refusals.py", *words):
        lg.root(returned, 1.0)


@pytest.mark.parametrize(
    "start",
    [None, True, "x", object(), iter([1.0])],
    ids=["None", "True", "text", "object", "iterator"],
)
def test_starts_that_are_no_numbers(start):
    with refused(ArgumentError, "z is", "no number"):
        lg.root(lambda z: z, start)
    with refused(ArgumentError, "z[1] is", "no number"):
        lg.root(lambda z: z, [1.0, start])


def test_what_is_no_function():
    for call in (
        lambda: lg.root(3, 1.0),
        lambda: lg.argmin(None, 1.0),
        lambda: lg.implicit(3, lambda z: z),
        lambda: lg.implicit(lambda z: z, 3),
    ):
        with refused(ArgumentError, "function"):
            call()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"method": "bisection"}, "newton-krylov"),
        ({"tol": -1.0}, "tol=-1.0"),
        ({"tol": "small"}, "tol='small'"),
        ({"max_steps": 2.5}, "max_steps=2.5"),
        ({"bounds": 3}, "pair (lower, upper)"),
        ({"bounds": (np.zeros(3), None)}, "(2,)"),
        ({"bounds": (np.nan, None)}, "NaN"),
        ({"bounds": (2.0, None)}, "outside of"),
        ({"domain": lambda z: z > 2.0}, "outside of"),
        ({"linear_solver": "magic"}, "magic"),
        ({"preconditioner": "magic", "method": "newton-krylov"}, "magic"),
    ],
    ids=lambda x: "" if isinstance(x, str) else next(iter(x)),
)
def test_options(options, word):
    with refused(ArgumentError, word):
        lg.root(lambda z: z * z - 4.0, np.ones(2), **options)


def test_a_g_that_writes_into_its_arguments():
    def squares(z, p):
        z[0] = z[0] ** 2
        return z - p

    np.testing.assert_allclose(lg.root(squares, 3 * np.ones(2), 4 * np.ones(2)), [2.0, 4.0])
    found = lg.jacobian(lambda p: lg.root(squares, 3 * np.ones(2), p))(4 * np.ones(2))
    np.testing.assert_allclose(found, np.diag([0.25, 1.0]), rtol=1e-14)

    def overwrites(z, p):
        p[0] = 5.0
        return z - p

    with pytest.raises(ValueError, match="read-only"):
        lg.root(overwrites, np.ones(2), np.ones(2))

    def captured(a):
        b = a * 1.0

        def g(z):
            b[0] = 5.0
            return z - b

        return lg.root(g, np.ones(2))

    with refused(TraceError, "written to", "copy"):
        lg.jacobian(captured)(np.ones(2))


def test_a_solver_that_writes_into_its_arguments():
    """z = a from a solver that overwrites both; the gradient of z.sum() + (a^2).sum()."""

    def solver(z0, a):
        z = a.copy()
        a[:] = z0[:] = 0.0
        return z

    def f(a):
        z = lg.implicit(solver, lambda z, a: z - a)(start, a)
        return np.sum(z) + np.sum(a**2)

    start, a = np.ones(2), np.array([1.0, 2.0])
    np.testing.assert_allclose(lg.grad(f)(a), [3.0, 5.0])
    assert f(a) == 8.0
    assert (start.tolist(), a.tolist()) == ([1.0, 1.0], [1.0, 2.0])


def test_iterators_as_parameters():
    with refused(ArgumentError, "parameter 0", "generator", "list"):
        lg.root(lambda z, it: z - sum(it), 1.0, (x for x in [1.0, 2.0]))


def test_an_iteration_that_draws_random_numbers():
    rng = np.random.default_rng(0)
    with pytest.raises((ConvergenceError, SingularError)):
        lg.root(lambda z: z * z - 2.0 + 1e-3 * rng.normal(), 1.0)


# -- black boxes -----------------------------------------------------------------------------------


def test_values_that_do_not_satisfy_the_conditions():
    solve = lambda z: lg.implicit(lambda z0, a: z, lambda z, a: z * z - a)  # noqa: E731
    for z in (1.0, 2.001, np.nan):
        with pytest.raises(ConvergenceError):
            solve(z)(None, 4.0)
    with refused(ConvergenceError, "implicit of lambda", "do not satisfy", "Newton step"):
        solve(1.0)(None, 4.0)
    assert solve(2)(None, 4.0) == 2.0
    for double in (1.0, 1.0 + 1e-8):
        with pytest.raises(SingularError):
            lg.grad(
                lambda a, z=double: lg.implicit(lambda z0, a: z, lambda z, a: (z - 1) ** 2 - a)(
                    0, a
                )
            )(0.0)


def test_values_are_judged_entry_by_entry():
    wrong = lg.implicit(
        lambda z0, a: np.array([1e6 * a, 0.5]), lambda z, a: np.stack([z[0] - 1e6 * a, z[1] - 0.1])
    )
    with refused(ConvergenceError, "do not satisfy"):
        wrong(None, 1.0)


def test_a_solver_that_says_it_failed():
    def solver(z0, a):
        return scipy_root(lambda z: z * z + a, z0)

    with refused(ConvergenceError, "solver", "failed", "not making good progress", "throw=False"):
        lg.implicit(solver, lambda z, a: z * z + a)(np.ones(1), 4.0)
    with refused(ArgumentError, "z is None"):
        lg.implicit(lambda z0, a: None, lambda z, a: z - a)(1.0, 4.0)


def test_minima_that_are_none():
    for loss, start in (
        (lambda x: x[0] ** 2 - x[1] ** 2, np.array([1.0, 0.0])),
        (lambda x: -(x**2), 0.0),
    ):
        with refused(ConvergenceError, "no minimum", "saddle", "x"):
            lg.argmin(loss, start)
    with refused(SingularError, "x[0]", "x[1]"):
        lg.argmin(lambda x: (x[0] - x[1]) ** 2, 1.1 * np.ones(2))
    for seed in range(8):  # flat but for rounding errors, of either sign
        a = np.random.default_rng(seed).normal(size=3)
        with refused(SingularError, "degenerate", "x[0]", "x[1]", "x[2]"):
            lg.argmin(lambda x, a=a: (a @ x) ** 2, np.zeros(3))
    with refused(ConvergenceError, "bounds", "x"):
        lg.argmin(lambda x: (x - 5.0) ** 2, 1.0, bounds=(0.0, 2.0))
    for loss in (np.exp, lambda x: 1.0 * x, lambda x: -(x**4) - x):
        with pytest.raises((ConvergenceError, SingularError, StructureError)):
            lg.argmin(loss, 0.5)
    huber = lambda x: np.where(np.abs(x - 5) < 1, (x - 5) ** 2, 2 * np.abs(x - 5) - 1)  # noqa: E731
    assert lg.argmin(huber, 1.0) == pytest.approx(5.0)  # linear at the start
