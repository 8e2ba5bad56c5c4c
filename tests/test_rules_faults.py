"""Wrong numbers that rules gave once, each with the number that is right."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from refusals import refused
from scipy import special as sc

import lagrad as lg
from lagrad.dispatch import sparse_product
from lagrad.status import ArgumentError, NonFiniteError, TraceError

X = np.array([0.5, -1.2, 2.0])


# -- layouts, steps, sparse arrays -----------------------------------------------------------------


@pytest.mark.parametrize("order", ["A", "K"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, order: np.ravel(x, order=order), lambda x, order: x.ravel(order),
        lambda x, order: x.flatten(order), lambda x, order: np.reshape(x, -1, order=order),
        lambda x, order: x.T.reshape(-1, order=order),
    ],
)  # fmt: skip
def test_order_of_the_memory_is_refused(f, order):
    for x in (np.ones((2, 3)), np.asfortranarray(np.ones((2, 3)))):
        with refused(TraceError, f"order={order!r}", "order='C'", "order='F'"):
            lg.jacobian(lambda x: f(x, order))(x)


def test_order_of_the_axes_does_not_see_the_memory():
    x, w = np.arange(6.0).reshape(2, 3), np.arange(6.0)
    for order, want in (("C", [[0, 1, 2], [3, 4, 5]]), ("F", [[0, 2, 4], [1, 3, 5]])):
        for given in (x, np.asfortranarray(x)):
            got = lg.grad(lambda x, o=order: np.sum(np.ravel(x, order=o) * w))(given)
            assert_array_equal(got, want)


def test_sign_of_complex_numbers_is_refused():
    with refused(TraceError, "np.sign", "x / np.abs(x)"):
        lg.grad(lambda x: np.real(np.sign(x + 1j)))(0.5)
    with refused(TraceError, "np.sign"):
        lg.grad(lambda z: np.real(np.sign(z)))(1.0 + 1j)


def test_sign_of_real_numbers_stays_a_step():
    assert_array_equal(lg.grad(lambda x: np.sum(np.sign(x) * x))(X), np.sign(X))
    assert float(lg.grad(lambda x: x * float(np.sign(x)))(-2.0)) == -1.0


def test_heaviside_depends_on_its_value_at_zero():
    where = np.array([0.0, 1.0, -1.0])
    assert_array_equal(lg.jacobian(lambda h: np.heaviside(where, h))(X), np.diag([1.0, 0.0, 0.0]))
    value, gradient = lg.value_and_grad(lambda x: np.sum(np.heaviside(x, 0.5) * x))(X)
    assert value == 2.5
    assert_array_equal(gradient, [1.0, 0.0, 1.0])


def test_angle_in_degrees():
    got = lg.grad(lambda x: np.angle(x + 1j, deg=True))(2.0)
    assert_allclose(got, -np.rad2deg(1 / 5), rtol=1e-15)


@pytest.mark.parametrize(
    ("m", "shape"),
    [
        (sp.coo_array(np.array([1.0, 0.0, 2.0])), (3,)),
        (sp.coo_array(np.array([1.0, 0.0, 2.0])), (3, 3)),
        (sp.coo_array(np.eye(3)), (3, 3, 2)),
    ],
)
def test_sparse_vectors_and_batches_are_refused(m, shape):
    with refused(TraceError, "sparse"):
        lg.jacobian(lambda x: m @ x)(np.ones(shape))
    with refused(ArgumentError, "sparse", str(m.shape), str(shape), "toarray"):
        sparse_product(np.ones(shape), m)
    with refused(ArgumentError, "sparse", str(m.shape), str(shape), "toarray"):
        lg.partials.SparseProduct(m, shape)


# -- digits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-200, 1e-160, 1e-8, 1.0, 1e8, 1e160, 1e200])
def test_arctan2_at_every_size(size):
    x, y = 0.6 * size, 0.8 * size
    got = lg.grad(np.arctan2, (0, 1))(y, x)
    assert_allclose(np.array(got) * size, [0.6, -0.8], rtol=1e-14)


@pytest.mark.parametrize("x", [1e-200, 1e-8, 2.0, 1e8, 1e160, 1e200])
def test_inverse_hyperbolic_functions_at_every_size(x):
    assert_allclose(lg.grad(np.arcsinh)(x), 1 / np.hypot(x, 1), rtol=1e-14)
    assert_allclose(lg.grad(np.arcsinh)(-x), 1 / np.hypot(x, 1), rtol=1e-14)
    if x > 1:
        want = 1 / x if x > 1e7 else 1 / np.sqrt(x * x - 1)
        assert_allclose(lg.grad(np.arccosh)(x), want, rtol=1e-14)


@pytest.mark.parametrize("x", [-700.0, -60.0, -38.0, -18.0, -1.0, 0.0, 0.3, 18.0, 38.0, 300.0])
def test_saturating_functions_keep_their_digits(x):
    e = np.exp(-abs(x))
    assert_allclose(lg.grad(sc.expit)(x), e / (1 + e) ** 2, rtol=1e-14)
    assert_allclose(lg.grad(np.tanh)(x), (2 * e / (1 + e * e)) ** 2, rtol=1e-13)
    assert_allclose(lg.grad(np.expm1)(x), np.exp(x), rtol=1e-15)
    second = lg.grad(lg.grad(np.tanh))(x)
    assert_allclose(second, -2 * np.tanh(x) * (2 * e / (1 + e * e)) ** 2, rtol=1e-13)


def test_saturated_tanh_has_finite_derivatives_of_every_order():
    f = np.tanh
    for _ in range(4):
        f = lg.grad(f)
        assert f(800.0) == f(-800.0) == 0.0


def test_inverse_functions_keep_their_digits_at_the_end_of_their_domain():
    d = 2.0**-40
    want = 1 / np.sqrt(d * (2 - d))
    assert_allclose(lg.grad(np.arcsin)(1 - d), want, rtol=1e-15)
    assert_allclose(lg.grad(np.arccos)(d - 1), -want, rtol=1e-15)
    assert_allclose(lg.grad(np.arctanh)(1 - d), 1 / (d * (2 - d)), rtol=1e-15)
    assert_allclose(lg.grad(np.arccosh)(1 + d), 1 / np.sqrt(d * (2 + d)), rtol=1e-15)


COMPLEX = [
    np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh, np.tan, np.tanh, np.expm1,
]  # fmt: skip


@pytest.mark.parametrize("f", COMPLEX)
@pytest.mark.parametrize("z", [0.4 + 0.3j, -1.7 + 0.6j, -0.3 - 2.1j, 1.8 - 0.2j, -3.0 - 0.1j])
def test_complex_derivatives_on_the_branch_of_the_value(f, z):
    h = 1e-3
    d = (8 * (f(z + h) - f(z - h)) - (f(z + 2 * h) - f(z - 2 * h))) / (12 * h)
    (got,) = lg.vjp(f, z)[1](1.0 + 0j)
    assert_allclose(got, d, rtol=1e-7)


def test_complex_saturation_keeps_its_digits():
    z = 40.0 + 0.5j
    (got,) = lg.vjp(np.tanh, z)[1](1.0 + 0j)
    assert_allclose(got, 4 * np.exp(-2 * z), rtol=1e-13)
    (got,) = lg.vjp(np.tan, 1j * z)[1](1.0 + 0j)
    assert_allclose(got, 4 * np.exp(-2 * z), rtol=1e-13)
    for f in (np.tanh, np.arctan, np.arcsinh, np.arccosh, np.arctanh):
        (got,) = lg.vjp(f, 1e200 + 1e200j)[1](1.0 + 0j)
        assert np.isfinite(got)


# -- second derivatives at 0, and spreads ----------------------------------------------------------


AT_ZERO = {
    "norm": np.linalg.norm, "norm**2": lambda x: np.linalg.norm(x) ** 2,
    "norm 3": lambda x: np.linalg.norm(x, 3), "norm 1.5": lambda x: np.linalg.norm(x, 1.5),
    "hypot": lambda x: np.hypot(x[0], x[1]), "hypot**2": lambda x: np.hypot(x[0], x[1]) ** 2,
    "norm 1": lambda x: np.linalg.norm(x, 1), "abs": lambda x: np.sum(np.abs(x)),
    "abs**2": lambda x: np.sum(np.abs(x) ** 2), "fabs**2": lambda x: np.sum(np.fabs(x) ** 2),
    "modulus**2": lambda x: np.sum(np.abs(x + 0j) ** 2),
    "std": np.std, "std**2": lambda x: np.std(x) ** 2,
}  # fmt: skip


@pytest.mark.parametrize("f", AT_ZERO.values(), ids=AT_ZERO)
def test_second_derivative_that_is_lost_at_zero_is_reported(f):
    assert_array_equal(lg.grad(f)(np.zeros(2)), [0.0, 0.0])
    with refused(NonFiniteError, "partial"):
        lg.hessian(f)(np.zeros(2))


@pytest.mark.parametrize("f", AT_ZERO.values(), ids=AT_ZERO)
def test_second_derivative_beside_zero_is_right(f):
    x = np.array([0.3, -0.4])
    assert lg.check_grad(lg.grad(f), x, rtol=1e-7).ok


def test_smooth_spellings_have_the_second_derivative_at_zero():
    assert_array_equal(lg.hessian(lambda x: x @ x)(np.zeros(2)), 2 * np.eye(2))
    assert_allclose(lg.hessian(np.var)(np.ones(2)), [[0.5, -0.5], [-0.5, 0.5]])


def test_norm_of_order_three_is_smooth_at_a_zero_among_others():
    x = np.array([0.0, 2.0])
    assert_allclose(lg.grad(lambda x: np.linalg.norm(x, 3))(x), [0.0, 1.0])
    assert_allclose(lg.hessian(lambda x: np.linalg.norm(x, 3))(x), np.zeros((2, 2)), atol=1e-15)


def test_kinks_that_are_not_met_report_nothing():
    x = np.array([0.0, 2.0])
    got = lg.hessian(lambda x: np.sum(np.where(x > 0, np.abs(x) ** 3, 0.0)))(x)
    assert_array_equal(got, np.diag([0.0, 12.0]))


def test_norm_that_underflows_is_reported():
    with refused(NonFiniteError, "norm"):
        lg.grad(np.linalg.norm)(np.array([1e-200, 0.0]))


@pytest.mark.parametrize("x", [0.1, 0.7, 1e10 / 3, -1e-5])
@pytest.mark.parametrize("n", [3, 6, 10, 49])
def test_spread_of_equal_numbers_has_derivative_zero(x, n):
    for f in (np.std, np.var, lambda x: np.std(x, ddof=1)):
        assert_array_equal(lg.grad(f)(np.full(n, x)), np.zeros(n))
    f = lg.grad(lambda x: np.sum(np.std(x, axis=(0, 2))))
    assert_array_equal(f(np.full((2, n, 3), x)), np.zeros((2, n, 3)))
    with refused(NonFiniteError, "partial"):
        lg.hessian(np.std)(np.full(n, x))


def test_spread_of_nearly_equal_numbers():
    x = 0.1 + np.array([1.0, 2.0, 4.0]) * 2.0**-50
    d = np.array([-4.0, -1.0, 5.0]) / 3
    assert_allclose(lg.grad(np.std)(x), d / (3 * np.sqrt(np.mean(d * d))), rtol=1e-2)
    assert abs(np.sum(lg.grad(np.std)(x))) < 1e-15


def test_reductions_of_nothing_are_reported():
    with pytest.warns(RuntimeWarning), refused(NonFiniteError, "mean"):
        lg.grad(np.mean)(np.zeros(0))
    with pytest.warns(RuntimeWarning), refused(NonFiniteError, "var"):
        lg.grad(lambda x: np.var(x, ddof=1))(np.ones(1))
    with pytest.warns(RuntimeWarning), refused(NonFiniteError, "std"):
        lg.grad(lambda x: np.std(x, ddof=1))(np.ones(1))


# -- classes, lists, assignments -------------------------------------------------------------------

L = np.array([[0.2, -0.4, 1.1], [0.3, 0.9, -0.5]])


@pytest.mark.parametrize("target", [[3, 0], [-1, 0], [0, 5]])
@pytest.mark.parametrize("traced", [True, False])
def test_class_that_is_none_is_refused(target, traced):
    def f(z):
        return np.sum(lg.cross_entropy(z, np.array(target)))

    with refused(ArgumentError, str(target[0] or target[1]), "from 0 to 2"):
        lg.grad(f)(L) if traced else f(L)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ([[2], [0]], ["(2, 1)", "(2,)", "astype(float)"]),
        ([2, 0, 1], ["(3,)", "(2,)"]),
        ([2.0, 0.0], ["(2,)", "(2, 3)", "astype(int)"]),
        ([0.2, 0.3, 0.5], ["(3,)", "(2, 3)"]),
        (1, ["()", "(2,)"]),
    ],
)
def test_target_of_another_shape_is_refused(target, words):
    def f(z):
        return lg.cross_entropy(z, np.array(target))

    with refused(ArgumentError, *words):
        f(L)
    with refused(ArgumentError, *words):
        lg.jacobian(f)(L)


def test_axis_of_the_classes_must_be_there():
    with refused(ArgumentError, "axis=2"):
        lg.cross_entropy(L, np.array([0, 1]), axis=2)


def test_classes_and_probabilities_agree():
    log_q = L - lg.logsumexp(L, axis=1, keepdims=True)
    classes = np.array([2, 0])
    one_hot = np.eye(3)[classes]
    for target in (classes, classes.tolist(), one_hot, one_hot.tolist(), one_hot.astype(bool)):
        assert_allclose(lg.cross_entropy(L, target), -log_q[[0, 1], classes], rtol=1e-15)
        got = lg.grad(lambda z, t=target: np.sum(lg.cross_entropy(z, t)))(L)
        assert_allclose(got, lg.softmax(L, axis=1) - one_hot, atol=1e-15)
    assert_allclose(lg.cross_entropy(L.T, classes, axis=0), lg.cross_entropy(L, classes))
    assert_allclose(lg.cross_entropy(L[0], 2), -log_q[0, 2])


def test_classes_may_come_from_traced_logits():
    got = lg.grad(lambda z: np.sum(lg.cross_entropy(z, np.argmax(z, axis=1))))(L)
    assert_allclose(got, lg.softmax(L, axis=1) - np.eye(3)[[2, 1]], atol=1e-15)


def test_lists_of_traced_scalars():
    want = lg.grad(lambda t: lg.softmax(np.stack([t, 2 * t]))[0])(1.0)
    assert lg.grad(lambda t: lg.softmax([t, 2 * t])[0])(1.0) == want
    assert lg.grad(lambda t: np.sum(lg.softmax([[t, 2 * t], (1.0, t)])[:, 0]))(1.0) != 0
    assert_allclose(lg.grad(lambda t: lg.logsumexp((t, 2 * t)))(1.0), 1 + sc.expit(1.0))
    assert_array_equal(lg.grad(lambda t: np.sum(lg.relu([t, -t])))(1.0), 1.0)
    got = lg.grad(lambda t: lg.cross_entropy([t, 2 * t], 0))(1.0)
    assert_allclose(got, sc.expit(1.0))


def test_assigned_value_may_have_leading_axes_of_length_one():
    def f(x):
        y = x * 1.0
        y[:] = (x[None, None, :]) ** 2
        return y

    assert_allclose(lg.jvp(f, (X,), (np.ones(3),))[1], 2 * X)
    for sparse in (False, True):
        j = lg.jacobian(f, sparse=sparse)(X)
        assert_allclose(j.toarray() if sparse else j, np.diag(2 * X))
    assert_allclose(lg.hessian(lambda x: np.sum(f(x)))(X), 2 * np.eye(3))

    def g(x):
        y = np.ones((2, 3)) * x
        y[1:] = x[None, None, :1]
        return y

    assert_allclose(lg.jvp(g, (X,), (X,))[1], g(X))
    assert_allclose(lg.vjp(g, X)[1](np.ones((2, 3)))[0], [4.0, 1.0, 1.0])
