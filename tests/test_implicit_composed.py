"""Cycles among other things: in loops, in each other, in named systems; and many unknowns at once.

Expected are closed forms, and the dense implicit function theorem with R by complex steps.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root as scipy_root

import lagrad as lg

# -- composition -----------------------------------------------------------------------------------


def test_implicit_euler_steps_in_a_loop():
    """y' = a y by ten implicit steps of h is (1 - h a)^-10."""

    def flow(a):
        y = 1.0
        for _ in range(10):
            y = lg.root(lambda new, old, a: new - old - 0.1 * a * new, y, y, a)
        return y

    q = 1 - 0.1 * -2.0
    expected = [q**-10, q**-11, 0.1 * 11 * q**-12, 0.01 * 11 * 12 * q**-13]
    f = flow
    for value in expected:
        assert f(-2.0) == pytest.approx(value, rel=1e-12)
        f = lg.grad(f)


def inner_and_outer(a):
    """y^3 + y = z inside of y z = a: with y = 1, z = 2 at a = 2."""

    def outer(z, a):
        y = lg.root(lambda y, z: y**3 + y - z, 0.5, z)
        return y * z - a

    return lg.root(outer, 1.0, a)


def captured_inner_and_outer(a):
    def outer(z):
        return lg.fixed_point(lambda y: y - (y**3 + y - z) / 10.0, 0.5, method="anderson") * z - a

    return lg.root(outer, 1.0)


@pytest.mark.parametrize("f", [inner_and_outer, captured_inner_and_outer])
def test_a_cycle_within_a_cycle(f):
    """Eliminated by hand: (y^3 + y) y = a and z = y^3 + y, so dz/da = (3 y^2 + 1)/(4 y^3 + 2 y)."""
    y = np.array([1.0, 0.0, 0.0, 0.0])  # the series of y in a - 2, then of z
    y[1] = 1 / 6
    y[2] = -(7 * y[1] ** 2) / 6  # (y^4 + y^2)'' / 2 = 7 at y = 1
    y[3] = -(14 * y[1] * y[2] + 4 * y[1] ** 3) / 6
    z = [
        2.0,
        4 * y[1],
        4 * y[2] + 3 * y[1] ** 2,
        4 * y[3] + 6 * y[1] * y[2] + y[1] ** 3,
    ]
    for order, factorial in enumerate([1, 1, 2, 6]):
        assert f(2.0) == pytest.approx(z[order] * factorial, rel=1e-10)
        f = lg.grad(f)


def test_bilevel():
    """The inner minimum is y / (1 + t); the outer one puts it on 1, at y = 1 + t."""

    def outer(t):
        def loss(y, t):
            x = lg.argmin(lambda x, y, t: (x - y) ** 2 + t * x**2, 0.0, y, t)
            return (x - 1.0) ** 2 + 0.0 * y

        return lg.argmin(loss, 0.0, t)

    assert outer(0.5) == pytest.approx(1.5, rel=1e-13)
    assert lg.grad(outer)(0.5) == pytest.approx(1.0, rel=1e-12)


def heated(x):
    """A named system with a root inside of a constraint, and that constraint in a cycle."""
    system = lg.System(x=1.0, k=0.5)

    @system.constraint(start=1.0)
    def t(x, k, q):
        return lg.root(lambda t, x, k, q: t**3 + k * t - x - q, 1.0, x, k, q)

    @system.constraint(start=0.1)
    def q(t, k):
        return k * np.exp(-t)

    return system.solve(x=x)


def test_a_root_inside_of_a_constraint_of_a_cycle():
    t = float(heated(3.0)["t"])
    assert t**3 + 0.5 * t - 3.0 - 0.5 * np.exp(-t) == pytest.approx(0.0, abs=1e-14)
    slope = 1 / (3 * t**2 + 0.5 + 0.5 * np.exp(-t))
    assert heated(3.0).gradient("t")["x"] == pytest.approx(slope, rel=1e-13)
    f = lambda x: heated(x)["t"]  # noqa: E731
    assert lg.grad(f)(3.0) == pytest.approx(slope, rel=1e-13)
    curvature = -(6 * t - 0.5 * np.exp(-t)) * slope**3
    assert lg.hessian(f)(3.0) == pytest.approx(curvature, rel=1e-12)


def test_a_system_inside_of_a_root():
    """u = cos(u) x / 2 = a: the inverse function."""
    system = lg.System(x=1.0)
    system.constraint(lambda u, x: np.cos(u) * x / 2, name="u", start=0.5)
    inverse = lambda a: lg.root(lambda x, a: system.solve(x=x)["u"] - a, 1.0, a)  # noqa: E731
    assert inverse(0.7) == pytest.approx(1.4 / np.cos(0.7), rel=1e-13)
    slope = 2 * (np.cos(0.7) + 0.7 * np.sin(0.7)) / np.cos(0.7) ** 2
    assert lg.grad(inverse)(0.7) == pytest.approx(slope, rel=1e-12)


def test_generators_may_solve_as_they_go():
    def squares(a):
        for k in (1.0, 4.0, 9.0):
            yield lg.root(lambda z: z * z - a * k, 1.0)  # noqa: B023

    assert lg.grad(lambda a: sum(squares(a)))(4.0) == pytest.approx(6 / 4, rel=1e-14)


# -- many unknowns against the dense theorem -------------------------------------------------------


def complex_step(f, x):
    """Return df/dx by complex steps, exact to rounding; f takes complex numbers."""
    h = 1e-30
    return np.stack([np.imag(f(x + 1j * h * e)) / h for e in np.eye(len(x))], axis=1)


def dense_jacobian(g, z, p):
    return -np.linalg.solve(complex_step(lambda z: g(z, p), z), complex_step(lambda p: g(z, p), p))


def network(seed, n=6, m=3):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(n, n)) / np.sqrt(n) * (rng.random((n, n)) < 0.6)
    v, b = rng.normal(size=(n, m)), rng.normal(size=n)
    return lambda z, p: z**3 + z + np.sin(w @ z) - v @ p**2 - b


@pytest.mark.parametrize("seed", range(3))
def test_jacobians_and_hessians_against_the_dense_theorem(seed):
    g, p = network(seed), np.array([0.5, -1.0, 1.5])
    solve = lambda p: lg.root(g, np.zeros(6), p)  # noqa: E731
    z = solve(p)
    np.testing.assert_allclose(z, scipy_root(g, np.zeros(6), (p,), tol=1e-13).x, rtol=1e-10)
    jacobian = lg.jacobian(solve)(p)
    np.testing.assert_allclose(jacobian, dense_jacobian(g, z, p), rtol=1e-11, atol=1e-13)
    total = lambda p: np.sum(solve(p) ** 2)  # noqa: E731
    slope = lambda p: 2 * solve(p) @ dense_jacobian(g, solve(p), p)  # noqa: E731
    h = 1e-4
    moved = [
        (8 * (slope(p + h * e) - slope(p - h * e)) - slope(p + 2 * h * e) + slope(p - 2 * h * e))
        / (12 * h)
        for e in np.eye(3)
    ]
    np.testing.assert_allclose(lg.hessian(total)(p), moved, rtol=1e-8, atol=1e-9)


@given(st.permutations(range(6)), st.permutations(range(6)), st.integers(0, 3))
@settings(max_examples=12)
def test_the_order_of_equations_and_unknowns_does_not_change_a_gradient(rows, columns, seed):
    g, p = network(seed), np.array([0.5, -1.0, 1.5])
    back = np.argsort(columns)

    def shuffled(p):
        found = lg.root(lambda z, p: g(z[back], p)[rows], np.zeros(6), p)
        return np.sum(found[back] * np.arange(6.0))

    straight = lg.grad(lambda p: np.sum(lg.root(g, np.zeros(6), p) * np.arange(6.0)))(p)
    np.testing.assert_allclose(lg.grad(shuffled)(p), straight, rtol=1e-12, atol=1e-14)
