"""Cycles under compile: one program searches for all arguments, and its factors give the rest."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import fsolve
from uncompiled import agrees, assert_same, programs

import lagrad as lg
from lagrad.status import ConvergenceError, LagradError

P, Q = np.array([0.1, 0.5, 0.3]), np.array([0.2, 0.4, 0.6])
M = np.array([[0.2, 0.1], [-0.3, 0.15]])


def root(p, z0):
    return lg.root(lambda z, p: np.tanh(p * z) + 0.5 - z, z0, p)


def fixed_point(p, z0):
    return lg.fixed_point(lambda z, p: np.cos(p * z), z0, p)


def argmin(p, z0):
    return lg.argmin(lambda z, p: np.sum((z - p) ** 2 + np.exp(z) * 0.1), z0, p)


def implicit(p, z0):
    def solver(z0, p):
        return fsolve(lambda z: z**3 + z - p, z0, xtol=1e-14).reshape(np.shape(z0))

    return lg.implicit(solver, lambda z, p: z**3 + z - p)(z0, p)


SEARCHES = {"root": root, "fixed_point": fixed_point, "argmin": argmin, "implicit": implicit}
ARGUMENTS = {"number": [(0.5, 0.4), (0.7, 0.5)], "vector": [(P, np.full(3, 0.4)), (Q, np.ones(3))]}


def total(search):
    return lambda p, z0: np.sum(np.sin(search(p, z0)) * p)


DERIVATIVES = {
    "value": lambda f: f,
    "gradient": lambda f: lg.value_and_grad(total(f)),
    "jacobian": lambda f: lg.jacobian(f),
    "hessian": lambda f: lg.hessian(total(f)),
    "jvp": lambda f: lambda p, z0: lg.jvp(lambda p: f(p, z0), (p,), (p + 1,)),
    "vjp": lambda f: lambda p, z0: lg.vjp(lambda p: f(p, z0), p)[1](p + 1),
    "hvp": lambda f: lambda p, z0: lg.hvp(lambda p: total(f)(p, z0), (p,), (p + 1,)),
    "start": lambda f: lg.grad(total(f), argnums=1),
}


@pytest.mark.parametrize("kind", ARGUMENTS)
@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("name", SEARCHES)
def test_cycles_agree_and_need_one_program(name, derivative, kind):
    function = DERIVATIVES[derivative](SEARCHES[name])
    g = agrees(function, *ARGUMENTS[kind], rtol=1e-7, atol=1e-9)
    assert programs(g) == 1


def test_values_and_gradients_in_closed_form():
    g = lg.compile(lg.value_and_grad(lambda p: lg.root(lambda z, p: z * z - p, 1.0, p)))
    for p in (2.0, 9.0, 0.25):
        np.testing.assert_allclose(g(p), (np.sqrt(p), 0.5 / np.sqrt(p)), rtol=1e-10)
    assert programs(g) == 1


def test_starts_decide_which_root_is_found():
    h = lg.value_and_grad(lambda p, z0: lg.root(lambda z, p: z * z - p, z0, p))
    g = agrees(h, (2.0, 1.0), (2.0, -1.0), (3.0, 2.0), rtol=1e-10)
    np.testing.assert_allclose(g(4.0, -1.0), (-2.0, -0.25), rtol=1e-10)
    assert programs(g) == 1


TWO = np.zeros(2)
AROUND = {
    "number": lambda p: lg.root(lambda z: z**3 + z * p - np.exp(p), 1.0),
    "vector": lambda p: np.sum(lg.root(lambda z: M @ np.sin(z) + p - z, TWO) ** 2),
    "linear": lambda p: np.sum(lg.root(lambda z: M @ z + p - z, TWO) ** 2),
    "cycle": lambda p: lg.root(
        lambda z, p: z + lg.fixed_point(lambda y: np.cos(y * z) / 2, 0.5) - p, 1.0, p
    ),
}
PROGRAMS = {
    "constant cycle": lambda p: lg.root(
        lambda z, p: z**3 + z - p, 1.0, lg.fixed_point(np.cos, 0.5) * p
    ),
    "two": lambda p: lg.root(lambda z, p: z**3 + z - p, 1.0, p) * fixed_point(p, 0.5),
    "one after another": lambda p: lg.root(lambda z, q: z**3 + z - q, 1.0, fixed_point(p, 0.5) * p),
    "containers": lambda p: lg.root(
        lambda z, q, r: z**3 + z * q["a"] - r, 1.0, {"a": p * p}, p + 1
    ),
    "branches on values": lambda p: lg.root(
        lambda z, p: np.where(z > p, z**3 - 1.0, 2 * z - p - 1), 0.5, p
    ),
    "branches": lambda p: lg.root(lambda z, p: z**3 - p if p > 0.5 else 2 * z - p, 0.5, p),
    "triangular": lambda p: np.prod(
        lg.root(lambda z, p: (z[0] ** 3 - p, z[1] + z[0] - 2 * p), (1.0, 1.0), p)
    ),
    "coupled": lambda p: np.sum(lg.fixed_point(lambda z, q: np.tanh(M @ z + q), TWO, p) ** 2),
    "in a loop": lambda p: lg.fori_loop(
        0, 3, lambda i, q: lg.root(lambda z, q: z**3 + z - q, 1.0, q), p
    ),
}


@pytest.mark.parametrize("name", [*PROGRAMS, "cycle"])
def test_cycles_in_programs(name):
    function = (PROGRAMS | AROUND)[name]
    agrees(function, (0.4,), (0.9,), (0.6,), rtol=1e-9)
    agrees(lg.value_and_grad(function), (0.4,), (0.9,), (0.6,), rtol=1e-8)
    agrees(lg.hessian(function), (0.4,), (0.9,), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["number", "vector", "linear"])
def test_cycles_that_read_from_around_them(name):
    function = AROUND[name]
    agrees(function, (0.4,), (0.9,), (0.6,), rtol=1e-9)
    agrees(lg.value_and_grad(function), (0.4,), (0.9,), (0.6,), rtol=1e-8)
    agrees(lg.hessian(function), (0.4,), (0.9,), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["triangular", "coupled"])
def test_second_derivatives_of_coupled_cycles_are_those_of_differences(name):
    function, step = PROGRAMS[name], 1e-4
    g = lg.compile(lg.hessian(function))
    for p in (0.4, 0.9):
        below, at, above = (function(p + k * step) for k in (-1, 0, 1))
        np.testing.assert_allclose(g(p), (below - 2 * at + above) / step**2, rtol=1e-5)


def test_what_conditions_read_from_around_may_change():
    A = np.array([[0.2, 0.1], [-0.3, 0.15]])

    def f(p):
        return np.sum(lg.fixed_point(lambda z, p: np.tanh(A @ z + p), np.zeros(2), p) ** 2)

    h = lg.value_and_grad(f)
    g = agrees(h, (P[:2],), rtol=1e-8)
    A[0, 0] = 0.6
    agrees(h, (P[:2],), compiled=g, rtol=1e-8)
    A = A.T.copy()
    agrees(h, (Q[:2],), compiled=g, rtol=1e-8)
    assert programs(g) == 1


def test_results_of_cycles_share_no_memory():
    z0 = np.full(3, 0.4)
    g = lg.compile(lambda p, z0: (root(p, z0), z0))
    first, second = g(P, z0), g(P, z0)
    everything = [P, z0, *first, *second]
    for k, a in enumerate(everything):
        assert not any(np.shares_memory(a, b) for b in everything[:k])
    first[0][:] = np.nan
    assert_same(g(P, z0), second)


# -- searches that fail --------------------------------------------------------------------------


def refusals(h, args, g):
    """Return what is raised, uncompiled and compiled."""
    raised = []
    for function in (h, g):
        with pytest.raises(LagradError) as info:
            function(*args)
        raised.append(info.value)
    return raised


@pytest.mark.parametrize("derivative", ["value", "gradient"])
@pytest.mark.parametrize("first_is_good", [True, False])
def test_failing_searches_raise_the_same_error(derivative, first_is_good):
    h = DERIVATIVES[derivative](lambda p, z0: lg.root(lambda z, p: z * z + p, z0, p))
    g = lg.compile(h)
    if first_is_good:
        agrees(h, (-1.0, 1.0), compiled=g, rtol=1e-9)
    want, got = refusals(h, (1.0, 1.0), g)
    assert type(want) is type(got) is ConvergenceError
    assert str(want) == str(got)
    agrees(h, (-4.0, 1.0), compiled=g, rtol=1e-9)


def test_singular_cycles_raise_the_same_error():
    h = lg.grad(lambda p: lg.root(lambda z, p: z**3 - p, 1.0, p))
    g = agrees(h, (1.0,), (8.0,), rtol=1e-8)
    want, got = refusals(h, (0.0,), g)
    assert type(want) is type(got)
    assert str(want) == str(got)


def test_certificates_are_no_part_of_a_program():
    def f(p):
        z, found = lg.root(lambda z, p: z * z + p, 1.0, p, throw=False, full_output=True)
        return z * 1.0 if found.status.name == "SOLVED" else np.nan * z

    g = lg.compile(f)
    with pytest.warns(UserWarning, match="runs as plain Python.*certificate"):
        g(-1.0)
    agrees(f, (-1.0,), (1.0,), (-4.0,), compiled=g)


# -- the way back --------------------------------------------------------------------------------


def laplacian(n):
    ones = np.ones(n)
    return sp.diags_array([-ones[1:], 2 * ones, -ones[1:]], offsets=[-1, 0, 1]).tocsr()


def test_sparse_cycles():
    n = 120
    L = laplacian(n)

    def f(p):
        return np.sum(lg.root(lambda u, p: L @ u - p * np.exp(u) / n**2, np.zeros(n), p))

    g = agrees(lg.value_and_grad(f), (1.0,), (2.5,), (0.5,), rtol=1e-8)
    assert programs(g) == 1


def test_the_way_back_evaluates_no_condition_again():
    asked = []

    @lg.primitive(partials=(lambda z, x: (asked.append(z.size), 3 * x**2)[1],))
    def cube(x):
        return x**3

    f = lambda p: np.sum(lg.root(lambda z, p: cube(z) + z - p, np.ones(40), p))  # noqa: E731
    value, slope = lg.compile(f), lg.compile(lg.value_and_grad(f))
    counts = []
    for g in (value, slope):
        g(np.linspace(1, 2, 40))
        asked.clear()
        g(np.linspace(2, 3, 40))
        counts.append(len(asked))
    assert counts[1] <= counts[0] + 1


def test_the_source_shows_the_search_and_its_factors():
    g = lg.compile(lg.value_and_grad(lambda p: root(p, 0.4) * p))
    g(0.5)
    search = g.source.index("solve_root")
    assert ".value" in g.source[search:]
    assert ".multipliers(" in g.source[search:]
    assert g.source.count("solve_root") <= 2
