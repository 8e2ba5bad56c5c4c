"""Programs over large arrays, block by block over threads: the same results and errors."""

import threading
import warnings

import numpy as np
import pytest
from uncompiled import agrees, assert_same, programs

import lagrad as lg
from lagrad.status import NonFiniteError

RNG = np.random.default_rng(3)
X = RNG.normal(size=150_000)
K = RNG.normal(size=(1500, 100))
S = RNG.normal(size=(400, 400))
U, B, R = RNG.normal(size=400), RNG.normal(size=100), RNG.normal(size=(1500, 1))
ONE = np.eye(100)[np.arange(1500) % 100]


def softmax_loss(K, y):
    e = np.exp(K - np.max(K, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return -np.mean(np.sum(y * np.log(p), axis=1))


def standard(axis):
    def loss(K):
        centred = K - np.mean(K, axis=axis, keepdims=True)
        return np.sum((centred / np.sqrt(np.mean(centred**2, axis=axis, keepdims=True))) ** 3)

    return loss


FUNCTIONS = {
    "chain": (lambda x: np.sin(np.exp(-x * x) * 2) + x, X),
    "sum of a chain": (lambda x: np.sum(np.sin(np.exp(-x * x) * 2) + x), X),
    "rows and columns": (lambda k: np.mean(np.tanh(k * B + R) ** 2), K),
    "number": (lambda k: np.sum(k * np.exp(k[0, 0]) + np.sin(k * 2.0)), K),
    "softmax": (lambda k: softmax_loss(k, ONE), K),
    "rows standardised": (standard(1), K),
    "columns standardised": (standard(0), K),
    "sums over rows": (lambda k: np.sum(np.sum(np.exp(k) * 2 + k, axis=0) ** 2), K),
    "sums over columns": (lambda k: np.sum(np.sum(np.exp(k) * 2 + k, axis=1) ** 2), K),
    "sums over negative axes": (lambda k: np.sum(np.sum(np.exp(k) + k * 3, axis=-2) ** 2), K),
    "sums over two axes": (
        lambda k: np.sum(np.sum((np.exp(k) + k * 3).reshape(1500, 10, 10), axis=(0, 2)) ** 2),
        K,
    ),
    "largest of rows": (lambda k: np.sum(np.max(np.exp(k) * 2 + 1, axis=1) ** 2), K),
    "largest of columns": (lambda k: np.sum(np.max(np.exp(k) * 2 + 1, axis=0) ** 2), K),
    "one group after another": (lambda x: np.sum(np.exp(x - np.mean(np.sin(x) * 2)) * 2), X),
    "normalised": (lambda x: np.sum((x * 2 / np.sqrt(np.sum(x * x + 1))) ** 3), X),
    "branches": (lambda x: np.sum(np.where(x > 0, np.log(np.abs(x)), np.exp(x)) * 2), X),
    "clipped": (lambda x: np.sum(np.clip(x * 2, -1, 1) * np.maximum(x, 0) + np.abs(x)), X),
    "neighbours": (lambda x: np.sum((x[1:] * 2 + 1 - x[:-1]) * np.sin(x[1:])), X),
    "columns taken": (lambda k: np.sum(np.exp(k[:, 3:]) * 2 + k[:, :-3] * k[:, 1:2]), K),
    "new axes": (lambda x: np.sum(np.exp(x[:400, None] * U) * x[:400, None] + U), X),
    "matrix products": (lambda k: np.sum(np.tanh(k @ k[:100].T * 0.1) * k * 2), K),
    "complex": (lambda x: np.sum(np.abs(np.exp(1j * x) * (x + 2j) * 2)), X),
    "powers": (lambda x: np.sum((x * x + 1) ** 1.5 * x**3 / (2 + x**2)), X),
    "three axes": (lambda k: np.sum(np.sin(k.reshape(1500, 10, 10)) * k.reshape(1500, 10, 10)), K),
    "transposed": (lambda k: np.sum(np.sin(k.T) * np.exp(k.T) * R[:, 0]), K),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_those_of_whole_arrays(name):
    function, x = FUNCTIONS[name]
    g = agrees(function, (x,), (x * 0.5,), rtol=1e-11, atol=1e-12)
    assert programs(g) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_those_of_whole_arrays(name):
    function, x = FUNCTIONS[name]
    if name == "chain":
        function = lambda x: np.mean((np.sin(np.exp(-x * x) * 2) + x) ** 2)  # noqa: E731
    h = lg.value_and_grad(function)
    g = lg.compile(h)
    for at in (x, x * 0.5):
        (value, slope), (want, exact) = g(at), h(at)
        assert_same(value, want, rtol=1e-12)
        assert_same(slope, exact, rtol=1e-9, atol=1e-12 * np.abs(exact).max())
    assert programs(g) == 1


def test_the_gradient_is_that_of_finite_differences():
    function, x = FUNCTIONS["softmax"]
    direction = RNG.normal(size=x.shape)
    slope = lg.compile(lg.grad(function))(x)
    difference = (function(x + 1e-5 * direction) - function(x - 1e-5 * direction)) / 2e-5
    np.testing.assert_allclose(np.vdot(slope, direction), difference, rtol=1e-8)


def test_these_programs_have_blocks():
    for name in ("chain", "softmax", "branches"):
        function, x = FUNCTIONS[name]
        g = lg.compile(function)
        g(x)
        assert "by_blocks(" in g.source


def test_tangents_and_products_with_the_hessian():
    def f(x):
        return np.sum(np.sin(np.exp(-x * x) * 2) + x)

    agrees(lambda x, t: lg.jvp(f, (x,), (t,)), (X, X[::-1].copy()), rtol=1e-11)
    agrees(lambda x, t: lg.hvp(f, (x,), (t,)), (X, X[::-1].copy()), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        lambda u, s: np.exp(u)[:, None] * s * u + np.sin(u)[:, None] * 2,
        lambda u, s: np.sum(np.exp(u[:, None] - u) * 2 + u, axis=1),
        lambda u, s: np.exp(-((u[:, None] - u[None, :]) ** 2)) @ u + np.exp(u) * 2 - u,
        lambda u, s: np.sum(np.tanh(s * u + u[:, None]) * np.sin(u), axis=0) * np.sin(u),
    ],
)
def test_vectors_that_are_rows_and_columns(function):
    agrees(function, (U, S), (U * 2, S), rtol=1e-11, atol=1e-11)
    h = lg.grad(lambda u, s: np.sum(function(u, s) ** 2), argnums=(0, 1))
    agrees(h, (U, S), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float32, 1e-5), (complex, 1e-11), (np.complex64, 1e-5)]
)
def test_other_dtypes(dtype, tolerance):
    x = X.astype(dtype)
    agrees(lambda x: (np.sin(x) * x + 2, x * x * 2 - x), (x,), (x * 2,), rtol=tolerance)
    slope = lg.grad(lambda x: np.mean(np.abs(np.sin(x) * x + 2)))
    agrees(slope, (x,), (x * 2,), rtol=tolerance, atol=tolerance / len(x))


def test_numbers_of_two_kinds_beside_float32():
    def f(x, a):
        return (x * a + np.exp(a)) * np.sin(x * a)

    x = X.astype(np.float32)
    agrees(f, (x, 2.0), (x, 3.0), (x, np.float64(3.0)), (x, np.float32(2.0)), rtol=1e-4, atol=1e-5)


def test_whole_numbers_and_truth_values():
    n = np.arange(160_000).reshape(1600, 100)
    agrees(lambda n: np.sum((n * 2 + 1) % 7 * 3, axis=0), (n,), (n * 3,))
    agrees(lambda x: np.sum((x * 2 + 1 > 0) & (x < 3), axis=0), (K,), (-K,))
    agrees(lambda x: ((x * 2 + 1 > 0) & (x < 3), np.sin(x) * 2 > x), (K,), (-K,))


def test_layouts():
    def f(k):
        return np.sum(np.exp(k) * 2 + k * k, axis=0), np.sin(k) * k + 2

    agrees(
        f,
        (np.asfortranarray(K),),
        (K,),
        (K[::-1, ::-1],),
        (np.repeat(K, 2, 1)[:, ::2],),
        rtol=1e-11,
    )


@pytest.mark.parametrize(
    "shape", [(0, 200_000), (200_000, 0), (1, 200_000), (2, 80_000), (200_000, 1)]
)
def test_odd_shapes(shape):
    x = RNG.normal(size=shape)
    agrees(lambda x: np.sum(np.exp(x) * 2 + x * x, axis=0), (x,), rtol=1e-11)
    agrees(lg.grad(lambda x: np.sum(np.exp(x) * x * 2)), (x,), (x * 2,), rtol=1e-11)


def test_results_are_the_same_each_time():
    g = lg.compile(lg.value_and_grad(FUNCTIONS["softmax"][0]))
    first = g(K)
    for _ in range(5):
        assert_same(g(K), first)


def test_results_share_no_memory():
    g = lg.compile(lambda x: (np.sin(x) * 2 + x, x, np.exp(x) * x - 1))
    first, second = g(X), g(X)
    for a in (*first, *second):
        assert not np.shares_memory(a, X)
    assert not any(np.shares_memory(a, b) for a in first for b in second)


def test_callers_in_several_threads():
    h, results = lg.value_and_grad(FUNCTIONS["powers"][0]), {}
    g = lg.compile(h)

    def work(k):
        results[k] = g(X * k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_same(
        results, {k: lg.value_and_grad(FUNCTIONS["powers"][0])(X * k) for k in results}, 1e-9
    )


# -- what goes wrong in a block ------------------------------------------------------------------

POSITIVE = np.abs(X) + 1.0


def with_one(value, at):
    x = POSITIVE.copy()
    x[at] = value
    return x


def roots(x):
    return np.sqrt(x) * 2 + np.log(x) * 3


@pytest.mark.parametrize("at", [0, 75_000, -1])
def test_warnings_of_a_block_are_the_callers(at):
    g = lg.compile(roots)
    g(POSITIVE)
    bad = with_one(-1.0, at)
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(g(bad)).sum() == 1
    with pytest.raises(RuntimeWarning, match="invalid value"):
        g(bad)
    assert_same(g(POSITIVE), roots(POSITIVE))


@pytest.mark.parametrize("at", [0, 75_000, -1])
def test_error_handling_of_the_caller_holds_in_blocks(at):
    g = lg.compile(roots)
    g(POSITIVE)
    bad = with_one(-1.0, at)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="invalid value"):
        g(bad)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(g(bad)).sum() == 1
    assert np.geterr()["invalid"] == "warn"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("at", [0, 75_000, -1])
def test_gradients_that_are_not_finite_are_refused(at):
    h = lg.value_and_grad(lambda x: np.sum(roots(x)))
    g = lg.compile(h)
    g(POSITIVE)
    for bad in (-1.0, 0.0, np.nan, np.inf):
        with pytest.raises(NonFiniteError, match="NaN or inf"):
            g(with_one(bad, at))
    assert_same(g(POSITIVE), h(POSITIVE), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_branch_not_taken_leaves_no_nan():
    x = X.copy()
    x[::1000] = 0.0
    function = lambda x: np.sum(np.where(x > 0, np.log(x), x * x * 2))  # noqa: E731
    for first, second in ((X, x), (x, X)):
        agrees(lg.value_and_grad(function), (first,), (second,), rtol=1e-9, atol=1e-12)
