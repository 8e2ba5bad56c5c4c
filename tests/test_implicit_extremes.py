"""Conditions at the edge of what floating-point numbers can do, and with nothing in them at all.

Values and gradients are those of the same problem in good units, or closed forms.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused
from scipy.optimize import root as scipy_root

import lagrad as lg
from lagrad.status import ConvergenceError, SingularError, Status

# -- units -----------------------------------------------------------------------------------------

START = np.array([1e-3, 30.0, 0.05, 0.8, 0.03])


def combustion(x, r5=0.193):
    """Propane in air: K. Meintjes and A. P. Morgan, ACM Trans. Math. Softw. 16 (1990), p. 143."""
    p, r = 40.0, 10.0
    r6, r7, r9 = (k / np.sqrt(p) for k in (0.002597, 0.003448, 0.0002155))
    r8, r10 = 0.00001799 / p, 0.00003846 / p
    x1, x2, x3, x4, x5 = x
    return np.stack([
        x1 * x2 + x1 - 3 * x5,
        2 * x1 * x2 + x1 + 3 * r10 * x2**2 + x2 * x3**2 + r7 * x2 * x3 + r9 * x2 * x4 + r8 * x2
        - r * x5,
        2 * x2 * x3**2 + r7 * x2 * x3 + 2 * r5 * x3**2 + r6 * x3 - 8 * x5,
        r9 * x2 * x4 + 2 * x4**2 - 4 * r * x5,
        x1 * x2 + x1 + r10 * x2**2 + x2 * x3**2 + r7 * x2 * x3 + r9 * x2 * x4 + r8 * x2
        + r5 * x3**2 + r6 * x3 + x4**2 - 1,
    ])  # fmt: skip


def burnt(r5, equations=1.0, unknowns=1.0, **options):
    def g(z, r5):
        return equations * combustion(z / unknowns, r5)

    return lg.root(g, START * unknowns, r5, **options) / unknowns


def test_combustion():
    found = burnt(0.193)
    np.testing.assert_allclose(found, [0.00343, 31.3265, 0.06835, 0.85953, 0.03696], rtol=1e-3)
    np.testing.assert_allclose(found, scipy_root(combustion, START, tol=1e-14).x, rtol=1e-11)
    h = 1e-4
    moved = (burnt(0.193 + h) - burnt(0.193 - h)) / (2 * h)
    np.testing.assert_allclose(lg.jacobian(burnt)(0.193), moved, rtol=1e-6)


@given(
    st.lists(st.floats(-5, 5), min_size=5, max_size=5),
    st.lists(st.floats(-5, 5), min_size=5, max_size=5),
)
@settings(max_examples=10)
def test_units_change_neither_values_nor_gradients(equations, unknowns):
    """Ten orders of magnitude between equations, and as many between unknowns."""
    units = 10.0 ** np.array(equations), 10.0 ** np.array(unknowns)
    np.testing.assert_allclose(burnt(0.193, *units), burnt(0.193), rtol=1e-11)
    scaled = lg.jacobian(lambda r5: burnt(r5, *units))(0.193)
    np.testing.assert_allclose(scaled, lg.jacobian(burnt)(0.193), rtol=1e-9)


def test_powell_badly_scaled():
    """M. J. D. Powell (1970): x y = 1e-4, e^-x + e^-y = 1.0001."""

    def g(z, a):
        return np.stack([1e4 * z[0] * z[1] - 1, np.exp(-z[0]) + np.exp(-z[1]) - a])

    z = lg.root(g, np.array([0.0, 1.0]), 1.0001)
    np.testing.assert_allclose(z, [1.098159329699759e-5, 9.106146739867332], rtol=1e-10)
    x, y = z
    r = np.array([[1e4 * y, 1e4 * x], [-np.exp(-x), -np.exp(-y)]])
    expected = np.linalg.solve(r, [0.0, 1.0])
    found = lg.jacobian(lambda a: lg.root(g, np.array([0.0, 1.0]), a))(1.0001)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("factor", [1e-300, 1e-150, 1e150, 1e300])
def test_equations_in_extreme_units(factor):
    solve = lambda a: lg.root(lambda z, a: factor * (z * z - a), 1.0, a)  # noqa: E731
    assert solve(4.0) == pytest.approx(2.0, rel=1e-15)
    assert lg.grad(solve)(4.0) == pytest.approx(0.25, rel=1e-14)
    assert lg.hessian(solve)(4.0) == pytest.approx(-1 / 32, rel=1e-13)


def test_values_next_to_overflow_and_underflow():
    solve = lambda a: lg.root(lambda z, a: z * z - a, np.sqrt(a) * 1.5, a)  # noqa: E731
    for a in (1e300, 1e-300):
        assert solve(a) == pytest.approx(np.sqrt(a), rel=1e-15)
        assert lg.grad(solve)(a) == pytest.approx(0.5 / np.sqrt(a), rel=1e-14)
    assert lg.root(lambda z, a: z - a, 1.0, 5e-324) == 5e-324
    with pytest.raises(ConvergenceError):
        lg.root(lambda z, a: np.exp(1000 * z) - a, 1.0, 3.0)


def test_ill_conditioned_cycles_keep_the_digits_that_are_there():
    """A Hilbert matrix of condition 2e10 leaves six digits, and the certificate says so."""
    n = 8
    hilbert = 1.0 / (np.arange(n)[:, None] + np.arange(n) + 1.0)
    exact = np.ones(n)
    z, certificate = lg.root(
        lambda z, b: hilbert @ z - b, np.zeros(n), hilbert @ exact, full_output=True
    )
    np.testing.assert_allclose(z, exact, rtol=1e-5)
    assert certificate.condition() > 1e9


# -- nothing to do ---------------------------------------------------------------------------------


@pytest.mark.parametrize("empty", [np.zeros(0), {}, (), [[], {}], {"x": np.zeros((0, 3))}], ids=str)
@pytest.mark.parametrize("method", ["auto", "iteration", "anderson", "newton-krylov"])
def test_an_empty_cycle(empty, method):
    z, certificate = lg.fixed_point(lambda z, a: z, empty, 4.0, method=method, full_output=True)
    assert type(z) is type(empty)
    assert (certificate.status, certificate.steps, certificate.size) == (Status.SOLVED, 0, 0)
    assert "nothing to solve" in certificate.report()
    leaf = lambda a: lg.root(lambda z, a: z * a, np.zeros(0), a, method=method)  # noqa: E731
    assert lg.grad(lambda a: np.sum(leaf(a)) + a)(3.0) == 1.0
    assert lg.jacobian(leaf)(3.0).shape == (0,)
    assert lg.argmin(lambda z: np.sum(z), np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("method", ["auto", "anderson", "iteration", "newton-krylov"])
def test_a_start_that_is_a_solution(method):
    solve = lambda a: lg.fixed_point(lambda z, a: np.sqrt(a * z), 4.0, a, method=method)  # noqa: E731
    assert solve(4.0) == 4.0
    assert lg.grad(solve)(4.0) == pytest.approx(1.0, rel=1e-14)
    assert lg.hessian(solve)(4.0) == pytest.approx(0.0, abs=1e-14)


def test_a_start_that_is_a_solution_without_a_derivative():
    assert lg.root(lambda z: z * z, 0.0) == 0.0
    assert lg.root(lambda z: np.sqrt(z), 0.0) == 0.0
    with refused(SingularError, "no derivative"):
        lg.grad(lambda a: lg.root(lambda z, a: z * z - a, 0.0, a))(0.0)


# -- not a number ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "newton-krylov", "anderson", "iteration"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_start_or_a_parameter_that_is_no_number(method, bad):
    def halves(z, a):
        return 0.5 * z + a

    for start, a in ((bad, 1.0), (1.0, bad), (np.array([1.0, bad]), 1.0)):
        with refused(ConvergenceError, "halves", "not finite at the start", "domain"):
            lg.fixed_point(halves, start, a, method=method)
    z, certificate = lg.fixed_point(halves, bad, 1.0, method=method, throw=False, full_output=True)
    assert certificate.status is Status.NOT_FINITE_START
    with refused(ConvergenceError, "estimate", "NaN or inf"):
        certificate.value_error()


def test_leaving_the_domain_on_the_way():
    for method in ("iteration", "anderson"):
        with refused(ConvergenceError, "NaN or inf", "domain"):
            lg.fixed_point(lambda z: np.log(z), 2.0, method=method)
    assert lg.root(lambda z: np.log(z) + 3.0, 5.0) == pytest.approx(np.exp(-3.0), rel=1e-13)
    with pytest.raises(ConvergenceError):
        lg.argmin(lambda x: x - np.log(x), -1.0)


# -- single precision ------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [np.float32(2), np.array([2, 3, 5], np.float32)], ids=np.shape)
def test_single_precision_stays_single_and_converges_to_it(a):
    start = np.ones(np.shape(a), np.float32)[()]

    def solve(a):
        return lg.root(lambda z, a: z * z - a, start, a, full_output=True)

    z, certificate = solve(a)
    assert z.dtype == np.float32
    assert certificate.steps < 10
    np.testing.assert_allclose(z, np.sqrt(np.float64(a)), rtol=3e-7)
    slope = lg.grad(lambda a: np.sum(solve(a)[0]))(a)
    assert slope.dtype == np.float32
    np.testing.assert_allclose(slope, 0.5 / np.sqrt(np.float64(a)), rtol=1e-6)


def test_mixed_precision():
    """Doubles whose conditions are right to single precision only, and both side by side."""
    low = lambda z: (np.ones(2, np.float32) * np.float32(0.1)) @ z - np.float32(0.3)  # noqa: E731
    z = lg.root(lambda z: z - np.stack([low(z), 0.5 * z[0]]), np.ones(2))
    x = 0.3 / (0.1 * 1.5 - 1)
    np.testing.assert_allclose(z, [x, x / 2], rtol=1e-6)
    z = lg.root(
        lambda z: {"x": z["x"] ** 2 - 2, "y": z["y"] - z["x"]}, {"x": np.float32(1), "y": 1.0}
    )
    assert (z["x"].dtype, z["y"].dtype) == (np.float32, np.float64)
    assert z["y"] == pytest.approx(np.sqrt(2.0), rel=3e-7)
    z = lg.root(lambda z: z * z + np.float32(4), np.complex64(1j + 1))
    assert z.dtype == np.complex64
    assert z == pytest.approx(2j, rel=1e-6)
