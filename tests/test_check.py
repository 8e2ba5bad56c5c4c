"""The checker is checked: a rule that is wrong by 0.05% fails, and each criterion fails alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lagrad as lg
from lagrad.check import GradientError
from lagrad.status import ArgumentError

X = np.array([0.3, -0.7, 1.1])


def exponential(factor):
    """Return exp with a partial that is off by a factor."""

    def exponential(x):
        return np.exp(x)

    return lg.primitive(exponential, (lambda z, x: factor * z,))


def times(forward, backward, f=lambda x: 2.0 * x):
    """Return 2x with a tangent and a multiplier of our own."""
    partial = lg.partials.Function(lambda v: forward * v, lambda w: backward * w, (3,), (3,))
    return lg.primitive(f, (lambda z, x: partial,))


def test_right_rule_passes():
    check = lg.check_grad(exponential(1.0), X)
    assert check.ok
    assert check.adjoint < 1e-14
    assert check.difference < 1e-10
    assert_allclose(check.rate, 2.0, atol=0.05)


@pytest.mark.parametrize("factor", [1.0005, 0.9995, -1.0])
def test_rule_that_is_wrong_by_a_twentieth_of_a_percent_fails(factor):
    f = exponential(factor)
    with pytest.raises(GradientError, match="the derivative of exponential is wrong"):
        lg.check_grad(f, X)
    check = lg.check_grad(f, X, throw=False)
    assert not check.ok
    assert check.difference > 1e-4
    assert abs(check.rate - 1.0) < 0.1


def test_gradient_of_a_rule_that_is_wrong_fails():
    g = lg.grad(lambda x: np.sum(np.tanh(exponential(1.0005)(x))))
    assert not lg.check_grad(g, X, throw=False).ok


def test_only_the_adjoint_is_wrong():
    check = lg.check_grad(times(2.0, 2.0 * (1 + 1e-9)), X, throw=False)
    assert not check.ok
    assert check.adjoint > 1e-10
    assert check.difference < 1e-10
    assert check.rate >= 1.8


def test_only_the_difference_is_wrong():
    # So much curvature that h^2 hides the wrong slope from the Taylor remainder.
    slope = 1 + 1e-5
    f = lg.primitive(
        lambda x: x + 1e3 * (x - X) ** 2, (lambda z, x: slope * np.ones_like(x),), name="parabola"
    )
    check = lg.check_grad(f, X, throw=False)
    assert not check.ok
    assert check.adjoint < 1e-14
    assert check.difference > 1e-6
    assert check.rate >= 1.8


def test_only_the_rate_is_wrong():
    check = lg.check_grad(times(2.0 + 1e-7, 2.0 + 1e-7), X, throw=False)
    assert not check.ok
    assert check.adjoint < 1e-14
    assert check.difference < 1e-6
    assert abs(check.rate - 1.0) < 0.1


def test_kink_fails_and_its_neighbourhood_passes():
    assert not lg.check_grad(np.abs, np.zeros(3), throw=False).ok
    assert lg.check_grad(np.abs, np.full(3, 0.01)).ok


def test_derivative_that_vanishes_by_cancellation_passes():
    assert lg.check_grad(lambda x: np.sin(x) ** 2 + np.cos(x) ** 2, X).ok


def test_function_with_noise_passes():
    """An inner iteration that stops at 1e-9 is accurate to no more than that."""
    noisy = lg.primitive(lambda x: np.round(np.sin(x), 9), (lambda z, x: np.cos(x),), name="solved")
    assert lg.check_grad(noisy, X).ok


def test_containers_and_complex_numbers():
    def f(p, z):
        return {"a": p["x"] * p["y"], "b": np.abs(z) ** 2, "c": z * z}

    z = np.array([0.3 + 0.4j, 1.0 - 2.0j])
    assert lg.check_grad(f, {"x": 2.0, "y": X}, z).ok
    wrong = lg.primitive(np.conjugate, (lambda z, x: np.ones_like(x),), name="conj")
    assert not lg.check_grad(wrong, z, throw=False).ok


def test_seed_chooses_the_direction():
    f = exponential(1.0005)
    a, b = (lg.check_grad(f, X, seed=s, throw=False).difference for s in (0, 1))
    assert a != b
    assert lg.check_grad(f, X, seed=0, throw=False).difference == a


def test_integer_array_is_refused():
    with pytest.raises(ArgumentError, match="astype"):
        lg.check_grad(np.exp, np.arange(3))
