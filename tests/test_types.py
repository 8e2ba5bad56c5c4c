"""What is a variable, what is structure, and that every dtype stays what it is."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lagrad as lg
from lagrad.status import ArgumentError, TraceError

X = np.array([0.5, -2.0, 3.0])
Z = np.array([0.5 + 1.0j, -2.0 - 0.3j, 1.0j])


# -- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [3, 3.0, np.float64(3), np.array(3.0)])
def test_python_numbers_become_floats(x):
    def f(x):
        assert x.dtype == np.float64
        return x**2 / 2

    gradient = lg.grad(f)(x)
    assert gradient == 3.0
    assert gradient.dtype == np.float64
    assert lg.value_and_grad(f)(x)[0] == 4.5


def test_scalars_come_back_as_scalars_and_arrays_as_arrays():
    assert isinstance(lg.grad(lambda x: x**2)(3.0), np.float64)
    assert type(lg.grad(lambda x: x**2)(np.array(3.0))) is np.ndarray
    assert lg.grad(lambda x: np.sum(x**2))(np.array([3.0])).shape == (1,)
    assert type(lg.grad(lambda x: np.sum(x))(np.zeros(0))) is np.ndarray


@pytest.mark.parametrize(
    "x", [np.arange(3), np.array([True, False]), np.int64(3), np.bool_(True), np.array(3)]
)
def test_integer_and_boolean_arrays_are_refused(x):
    for transform in (lg.grad(np.sum), lg.jacobian(np.sum), lambda x: lg.vjp(np.sum, x)):
        with pytest.raises(ArgumentError, match=r"astype\(float\)"):
            transform(x)
    with pytest.raises(ArgumentError, match=r"a is an array of dtype"):
        lg.grad(lambda a: np.sum(a))(x)


@pytest.mark.parametrize(
    "x",
    [True, None, "text", Fraction(1, 3), np.array(["a"]), np.array([None]), np.array([1.0, "b"]),
     np.array([1, 2], dtype="M8[s]"), b"bytes", {1.0, 2.0}, object(), np.ma.array([1.0])],
)  # fmt: skip
def test_what_is_no_number_is_refused(x):
    with pytest.raises(ArgumentError, match="a"):
        lg.grad(lambda a: 1.0)(x)


def test_other_arguments_are_passed_as_they_are():
    def f(x, n, name, k=None):
        assert (type(n), name, k) == (int, "text", [1, 2])
        return np.sum(x**n)

    assert_allclose(lg.grad(f)(X, 3, "text", k=[1, 2]), 3 * X**2)


# -- structure -----------------------------------------------------------------------------------


def test_integers_and_booleans_inside_a_trace_get_no_row():
    def f(x):
        n = x.astype(int)
        m = (n + 1) * 2 - n // 2
        mask = (x > 0) & ~(m == 5)
        order = np.argsort(x)
        return np.sum(x[order] * m + np.where(mask, x, 0.0)) + np.sum(np.sign(x) * np.floor(x))

    functions = [c.function for c in lg.trace(f, X + 0.25).constraints]
    assert set(functions) == {"input", "getitem", "multiply", "where", "add", "sum"}
    assert lg.check_grad(f, X + 0.25).ok


def test_stop_gradient_gets_no_row():
    graph = lg.trace(lambda x: np.sum(x * lg.stop_gradient(np.exp(x))), X)
    assert [c.function for c in graph.constraints] == ["input", "exp", "multiply", "sum"]
    assert_allclose(lg.grad(lambda x: np.sum(x * lg.stop_gradient(np.exp(x))))(X), np.exp(X))


def test_stop_gradient_outside_of_a_trace_is_the_value():
    assert lg.stop_gradient(3.0) == 3.0
    assert_array_equal(lg.stop_gradient(X), X)


def test_stop_gradient_stops_every_level():
    def f(x):
        return lg.grad(lambda y: y**2 * lg.stop_gradient(x) * lg.stop_gradient(y))(x)

    assert f(3.0) == 2 * 3.0 * 3.0 * 3.0
    assert lg.grad(f)(3.0) == 2 * 3.0 * 3.0


def test_value_of_a_step_is_a_plain_constant_of_the_trace():
    def f(x):
        k = int(np.argmax(x))
        return x[k] * len(x) + float(x.shape[0]) * x[0] + np.count_nonzero(x > 0) * x[1]

    assert_array_equal(lg.grad(f)(X), [3.0, 2.0, 3.0])


def test_output_that_is_structure_has_gradient_zero():
    assert_array_equal(lg.grad(lambda x: np.sum(np.floor(x)))(X), np.zeros(3))
    assert lg.value_and_grad(lambda x: np.argmax(x) * 2.0)(X)[0] == 4.0


# -- an output that does not depend on an input --------------------------------------------------


def test_gradient_without_dependence_is_zero():
    assert_array_equal(lg.grad(lambda x: 3.0)(X), np.zeros(3))
    assert lg.grad(lambda x, y: y**2, (0, 1))(2.0, 3.0) == (0.0, 6.0)
    assert_array_equal(lg.jacobian(lambda x: np.ones(2))(X), np.zeros((2, 3)))
    assert lg.jacobian(lambda x: np.ones(2), sparse=True)(X).nnz == 0
    assert_array_equal(lg.hessian(lambda x: np.sum(2 * x))(X), np.zeros((3, 3)))
    value, tangent = lg.jvp(lambda x: np.ones(2), (X,), (X,))
    assert_array_equal(value, np.ones(2))
    assert_array_equal(tangent, np.zeros(2))
    assert_array_equal(lg.vjp(lambda x: np.ones(2), X)[1](np.ones(2))[0], np.zeros(3))
    assert_array_equal(lg.hvp(lambda x: np.sum(x), (X,), (X,)), np.zeros(3))


def test_gradient_without_dependence_keeps_the_dtype():
    for dtype in (np.float32, np.complex64, np.complex128):
        assert lg.grad(lambda x: 3.0)(X.astype(dtype)).dtype == dtype


# -- float32 -------------------------------------------------------------------------------------

#: Before NumPy 2 a Python number widens a float32 scalar, in the user's own code as in ours.
WEAK_NUMBERS = (np.float32(1) * 1.0).dtype == np.float32

W = np.linspace(-1, 1, 12).reshape(3, 4).astype(np.float32)


def network(x, w):
    """A little of everything that floats meet."""
    h = np.maximum(x @ w, 0.0) + 0.1
    y = np.where(h > 0.5, np.sqrt(h), h**2) / (1 + np.exp(-h)) - np.mean(h, axis=0)
    y = y.reshape(2, 2).T[::-1, [0, 1, 1]] * 2
    return np.sum(np.log(1 + y**2)) * 3 - lg.logsumexp(y) + np.linalg.norm(w) + np.max(x)


def test_float32_stays_float32():
    x = X.astype(np.float32)
    value, gradients = lg.value_and_grad(network, (0, 1))(x, W)
    assert value.dtype == network(x, W).dtype
    wide = lg.grad(network, (0, 1))(X, W.astype(float))
    for narrow, right in zip(gradients, wide, strict=True):
        assert narrow.dtype == np.float32
        assert_allclose(narrow, right, rtol=1e-4, atol=1e-5)
    if WEAK_NUMBERS:
        assert {c.value.dtype for c in lg.trace(network, x, W).constraints} == {np.dtype("f4")}


@pytest.mark.skipif(not WEAK_NUMBERS, reason="this NumPy widens float32 scalars by itself")
def test_float32_stays_float32_in_every_transform():
    x = X.astype(np.float32)
    f = lambda x: network(x, W)  # noqa: E731
    assert lg.jvp(f, (x,), (x,))[1].dtype == np.float32
    assert lg.jvp(f, (x,), (X,))[1].dtype == np.float32
    assert lg.vjp(f, x)[1](np.float32(1.0))[0].dtype == np.float32
    assert lg.vjp(f, x)[1](1.0)[0].dtype == np.float32
    assert lg.jacobian(lambda x: x * x[0])(x).dtype == np.float32
    assert lg.hvp(f, (x,), (x,)).dtype == np.float32
    assert lg.hessian(f)(x).dtype == np.float32
    assert lg.jacobian(lambda x: x * x[0], sparse=True)(x).dtype == np.float32


def test_float32_and_float64_meet_and_each_gradient_has_its_own():
    def f(x, y):
        return np.sum(np.sin(x * y) + np.concatenate([x, y])[:3])

    x, y = X.astype(np.float32), X[::-1].copy()
    gx, gy = lg.grad(f, (0, 1))(x, y)
    assert (gx.dtype, gy.dtype) == (np.float32, np.float64)
    assert_allclose(gx, lg.grad(f)(X, y), rtol=1e-6)
    assert_allclose(gy, lg.grad(f, 1)(x.astype(float), y), rtol=1e-14)
    assert lg.trace(f, x, y).linearize().solve(method="explicit")["x"].shape == (3,)


def test_float32_by_astype_and_back():
    def f(x):
        return np.sum(np.exp(x.astype(np.float32)).astype(np.float64) ** 2)

    gradient = lg.grad(f)(X)
    assert gradient.dtype == np.float64
    assert_allclose(gradient, 2 * np.exp(2 * X), rtol=1e-6)
    assert lg.jvp(f, (X,), (X,))[1].dtype == np.float64


# -- complex numbers -----------------------------------------------------------------------------


def test_gradient_of_the_square_of_the_absolute_value():
    for f in (
        lambda z: np.sum(np.abs(z) ** 2),
        lambda z: np.sum(np.real(z * np.conj(z))),
        lambda z: np.sum(z.real**2 + z.imag**2),
        lambda z: np.vdot(z, z).real,
        lambda z: np.linalg.norm(z) ** 2,
        lambda z: np.sum(np.square(np.absolute(z))),
    ):
        assert_allclose(lg.grad(f)(Z), 2 * np.conj(Z), rtol=1e-14)


def test_gradient_of_the_real_part_of_a_holomorphic_function_is_its_derivative():
    assert_allclose(lg.grad(lambda z: np.sum(np.real(np.exp(z))))(Z), np.exp(Z), rtol=1e-14)
    assert_allclose(lg.grad(lambda z: np.sum(np.imag(np.exp(z))))(Z), -1j * np.exp(Z), rtol=1e-14)


def test_jacobian_of_a_holomorphic_function():
    assert_allclose(lg.jacobian(np.sin, holomorphic=True)(Z), np.diag(np.cos(Z)), rtol=1e-14)
    with pytest.raises(ArgumentError, match="holomorphic=True"):
        lg.jacobian(np.sin)(Z)


def test_complex_results_of_real_arguments():
    def f(x):
        return np.sum(np.abs(np.exp(1j * x) * x + (2 - 1j)) ** 2)

    gradient = lg.grad(f)(X)
    assert gradient.dtype == np.float64
    assert lg.check_grad(f, X).ok
    assert lg.check_grad(lg.grad(f), X).ok


@pytest.mark.parametrize(
    "f",
    [lambda x: 1j * x, lambda x: x * 1j, lambda x: 1j + x, lambda x: 1j - x, lambda x: 1j / x,
     lambda x: x**1j, lambda x: 1j**x, lambda x: (2 - 1j) * x / (1j + x)],
)  # fmt: skip
@pytest.mark.parametrize("x", [0.7, np.float32(0.7), 0.3 + 0.4j])
def test_python_s_complex_numbers_beside_scalars(f, x):
    value, tangent = lg.jvp(f, (x,), (x,))
    expected = np.asarray(f(np.asarray(x)))
    assert value.dtype == expected.dtype
    assert_allclose(value, expected, rtol=4 * np.finfo(expected.dtype).eps)
    h = 1e-3 * complex(x).real
    assert_allclose(tangent, (f(x + h * x) - f(x - h * x)) / (2 * h), rtol=1e-3)


def mixed(z, x):
    """Complex and real variables, with conj, real, imag, abs and casts between them."""
    y = np.conj(z) * x + 1j * np.exp(z) / np.abs(z)
    u = np.real(y) * np.imag(z[::-1]) + x**2
    m = np.outer(y, u + 0j) @ (z * np.sqrt(1j + u))
    return np.sum(np.abs(m) * np.angle(z)) + np.real(np.sum(y**2)) + np.linalg.norm(np.dot(y, z))


def test_every_kind_of_complex_entry():
    assert lg.check_grad(mixed, Z, X).ok
    assert lg.check_grad(lg.grad(mixed, (0, 1)), Z, X).ok


def test_complex_entries_of_a_are_pairs_of_real_and_imaginary_parts():
    graph = lg.trace(mixed, Z, X)
    system = graph.linearize()
    sizes = [c.value.size * (1 + np.iscomplexobj(c.value)) for c in graph.constraints]
    assert system.A.shape == (sum(sizes), sum(sizes))
    assert system.A.dtype == np.float64
    sweep, explicit = system.solve(method="sweep"), system.solve(method="explicit")
    for name in sweep:
        assert_allclose(explicit[name], sweep[name], rtol=1e-11, atol=1e-12)
    gz, gx = lg.grad(mixed, (0, 1))(Z, X)
    assert_allclose(explicit["z"], gz, rtol=1e-11)
    assert_allclose(explicit["x"], gx, rtol=1e-11)


@pytest.mark.parametrize(
    ("f", "block"),
    [
        (np.conj, [[1, 0], [0, -1]]),
        (np.real, [[1, 0]]),
        (np.imag, [[0, 1]]),
        (np.abs, [[0.6, 0.8]]),
        (np.angle, [[-0.8 / 5, 0.6 / 5]]),
        (np.square, [[6, -8], [8, 6]]),
        (lambda z: 1j * z, [[0, -1], [1, 0]]),
    ],
)
def test_block_of_a_is_the_derivative_by_real_and_imaginary_part(f, block):
    a = lg.trace(f, 3.0 + 4.0j).linearize().A.toarray()
    assert_allclose(-a[:2, 2:].T, block, rtol=1e-15, atol=1e-15)


def test_complex_results_are_those_of_real_and_imaginary_parts():
    def split(re, im):
        return mixed(re + 1j * im, X)

    re, im = lg.grad(split, (0, 1))(Z.real.copy(), Z.imag.copy())
    assert_allclose(lg.grad(mixed)(Z, X), re - 1j * im, rtol=1e-12)


def test_complex64_stays_complex64():
    z = Z.astype(np.complex64)
    f = lambda z: np.sum(np.abs(np.exp(z) * z) + z.real)  # noqa: E731
    value, gradient = lg.value_and_grad(f)(z)
    assert (value.dtype, gradient.dtype) == (np.float32, np.complex64)
    assert_allclose(gradient, lg.grad(f)(Z), rtol=1e-5)


def test_complex_output_is_refused_by_grad():
    with pytest.raises(ArgumentError, match=r"np\.real"):
        lg.grad(lambda z: np.sum(z**2))(Z)
    with pytest.raises(ArgumentError, match=r"np\.real"):
        lg.grad(lambda x: x * 1j)(2.0)


def test_tangents_and_cotangents_of_complex_functions():
    _, tangent = lg.jvp(lambda z: z**2 * np.conj(z), (Z,), (np.ones(3),))
    assert_allclose(tangent, 2 * Z * np.conj(Z) + Z**2, rtol=1e-14)
    _, pullback = lg.vjp(np.conj, Z)
    assert_array_equal(pullback(1j * Z)[0], np.conj(1j * Z))
    _, pullback = lg.vjp(lambda x: x * 1j, X)
    assert_array_equal(pullback(Z)[0], np.real(1j * Z))
    with pytest.raises(ArgumentError, match="complex"):
        lg.jvp(np.sin, (X,), (Z,))
    with pytest.raises(ArgumentError, match="complex"):
        lg.vjp(np.sin, X)[1](Z)


def test_complex_numbers_in_a_real_array_are_refused():
    def f(z):
        y = lg.zeros(3)
        y[0] = z[0]
        return np.sum(y)

    with pytest.raises(TraceError, match="complex"):
        lg.grad(f)(Z)
    assert_allclose(lg.grad(lambda z: f_complex(z))(Z), [2 * np.conj(Z[0]), 0, 0])


def f_complex(z):
    """Use an array that takes complex numbers."""
    y = lg.zeros(3, complex)
    y[1] = z[0]
    return np.sum(np.abs(y) ** 2)
