"""Stretches with matrix products and thin matrices: rows, columns, sums by products, targets."""

import os

import numpy as np
import pytest
from uncompiled import agrees, assert_same

import lagrad as lg
from lagrad.compile import blocks

RNG = np.random.default_rng(11)
N = 30_001  # no multiple of a block
X, C = RNG.normal(size=(N, 6)), RNG.normal(size=(6, 8))
Y = np.eye(8)[RNG.integers(0, 8, N)]
WIDE = RNG.normal(size=(3001, 60))


def likelihood(C, X=X):
    """Multinomial regression: rows meet columns, and nothing thin comes in or goes out."""
    U = X @ C
    top = np.max(U, axis=1, keepdims=True)
    e = np.exp(U - top)
    return np.mean(np.log(np.sum(e, axis=1)) + top[:, 0] - np.sum(U * Y, axis=1))


def nearest(C, X=X):
    squares = np.sum(X * X, axis=1)[:, None] - 2.0 * (X @ C) + np.sum(C * C, axis=0)
    return np.sum(np.min(squares, axis=1))


def several(C, X=X):
    """The same matrix read again after it was written out, given twice, and as a view."""
    U = X @ C
    V = np.exp(U - np.max(U, axis=1, keepdims=True))
    P = V / np.sum(V, axis=1, keepdims=True) + np.sum(C, axis=0)
    return P, V * P - 2.0, P, P[:, 1:], np.argmax(P, axis=1), X.T @ P, np.sum(P, axis=0)


FUNCTIONS = {
    "likelihood": (likelihood, C),
    "nearest": (nearest, C),
    "several": (several, C),
    "crossed": (lambda k: np.exp(k).T @ (np.sin(k) * 2.0), WIDE),
    "with itself": (lambda k: (lambda e: e.T @ e)(np.exp(k) * 2.0 + np.sin(k)), WIDE),
    "crossed with a constant": (lambda k: (np.exp(k) * 2.0 + np.sin(k)).T @ WIDE, WIDE),
    "turned twice": (lambda k: np.transpose(np.exp(k) * 2.0 + np.sin(k), axes=(0, 1)), WIDE),
    "matrix by vector": (lambda k: np.sin((np.exp(k) * 2.0 + k) @ WIDE[0]), WIDE),
    "one product a row": (
        lambda k: np.sin(np.exp(k).reshape(-1, 6, 10) @ np.cos(k).reshape(-1, 10, 6)) * 2.0,
        WIDE,
    ),
    "axes turned in a row": (
        lambda k: np.transpose(np.exp(k).reshape(-1, 6, 10), (0, 2, 1)) * 2.0 + np.sin(k[0, 0]),
        WIDE,
    ),
    "columns first": (lambda k: np.reshape(np.exp(k) * 2.0 + np.sin(k), (3001, 6, 10), "F"), WIDE),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_those_of_whole_arrays(name):
    function, x = FUNCTIONS[name]
    agrees(function, (x,), (x * 0.5,), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_those_of_whole_arrays(name):
    function, x = FUNCTIONS[name]

    def loss(x):
        parts = function(x)
        parts = parts if isinstance(parts, tuple) else (parts,)
        return sum(np.sum(np.tanh(part)) for part in parts if part.dtype.kind == "f")

    h = lg.value_and_grad(loss)
    (_, slope), (_, exact) = lg.compile(h)(x), h(x)
    assert_same(slope, exact, rtol=1e-8, atol=1e-10 * np.abs(exact).max())


def test_thin_matrices_are_held_by_columns():
    for function in (likelihood, nearest):
        g = lg.compile(lg.value_and_grad(function))
        g(C)
        assert ".T).T" in g.source
        assert "by_blocks(" in g.source


@pytest.mark.parametrize("name", ["likelihood", "several", "crossed"])
def test_results_are_the_same_on_any_number_of_threads(name, monkeypatch):
    function, x = FUNCTIONS[name]
    first = lg.compile(function)(x)
    for count in (1, 2, 5, None):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        g = lg.compile(function)
        for got in (g(x), g(x)):
            for a, b in zip(
                got if name == "several" else [got],
                first if name == "several" else [first],
                strict=True,
            ):
                np.testing.assert_array_equal(a, b)


def test_results_have_memory_of_their_own():
    g = lg.compile(several)
    kept = [*g(C), *g(C)]
    for k, a in enumerate(kept):
        assert not any(np.shares_memory(a, b) for b in kept[:k])
        assert not np.shares_memory(a, X)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.complex128])
def test_other_dtypes(dtype):
    c, x = (10 * C).astype(dtype), (10 * X).astype(dtype)
    tolerance = 1e-4 if dtype is np.float32 else 1e-11

    def function(c, x):
        u = x @ c
        return x.T @ (u * 2 - u[:, :1] + c[0]), u * u[:, 1:2] - 1, np.sum(u + c[1], axis=0)

    agrees(function, (c, x), (c, x[::-1]), rtol=tolerance, atol=tolerance * 1e4)


def test_truth_values_and_what_they_add_up_to():
    def function(x):
        near = (np.exp(x) * 2.0 > 1.0) & (np.sin(x) > 0.5)
        return near.T @ near, near.T @ (x < 0), np.sum(near, axis=0), near

    agrees(function, (X,), (-X,))


def test_layouts():
    wide = np.repeat(X, 2, axis=1)[:, ::2]
    agrees(
        lambda X: (likelihood(C, X), *several(C, X)),
        (X,),
        (np.asfortranarray(X),),
        (X[::-1, ::-1],),
        (wide,),
        rtol=1e-10,
        atol=1e-10,
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_where_it_was(bad):
    x = X.copy()
    x[[0, 17_000, -1], [0, 3, 5]] = bad
    g = lg.compile(several)
    for got, want in zip(lg.compile(lambda x: several(C, x))(x), several(C, x), strict=True):
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    assert_same(g(C), several(C), rtol=1e-10, atol=1e-10)


# -- sums by products with ones ----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(25, 500, 10), (1000, 10), (4096, 3), (4097, 3), (3, 1, 9000)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_over_the_axis_before_the_last(shape, keepdims):
    x = RNG.normal(size=shape)

    def function(x):
        y = np.exp(x)
        return np.sum(y, axis=-2, keepdims=keepdims), np.sum(y, axis=(len(shape) - 2,))

    agrees(function, (x,), (x[::-1],), (np.asfortranarray(x),), rtol=1e-13)
    x.flat[3] = np.inf
    agrees(function, (x,), rtol=1e-13)


def test_no_ones_for_what_numpy_adds_up_fast():
    x = RNG.normal(size=(20, 1000))
    g = lg.compile(lambda x: np.sum(np.exp(x), axis=0))
    g(x)
    assert "@" not in g.source


# -- thin ends of a stretch --------------------------------------------------------------------


def test_what_is_thin_stays_outside():
    g = lg.compile(lambda k: np.sin(np.cos(np.sum(np.exp(k) * 2.0 + np.sin(k), axis=1)) + 1.0))
    g(WIDE)
    inside = g.source.split("by_blocks(block")[0].split("def block")[1]
    assert "np.exp" in inside
    assert "np.cos" not in inside


def test_a_stretch_of_small_blocks_is_the_same(monkeypatch):
    wanted = several(C), lg.value_and_grad(likelihood)(C)
    for block in (50, 8 * 30_000, 8 * N, 8 * (N + 1)):
        monkeypatch.setattr(blocks, "BLOCK", block)
        got = lg.compile(several)(C), lg.compile(lg.value_and_grad(likelihood))(C)
        assert_same(got, wanted, rtol=1e-9, atol=1e-9)


# -- derivatives that nobody uses --------------------------------------------------------------


def test_a_derivative_that_nobody_uses_need_not_be_finite():
    def first(x, y):
        return lg.grad(lambda x, y: np.sum(x * x) + np.sum(np.sqrt(y)), argnums=(0, 1))(x, y)[0]

    g = lg.compile(first)
    y = np.ones(3)
    assert_same(g(y, y), 2.0 * y)
    assert_same(g(y, 0.0 * y), 2.0 * y)
    assert "np.sqrt" in g.source  # of the value it is asked
    with pytest.raises(lg.status.NonFiniteError), np.errstate(all="ignore"):
        g(y, -y)


def test_a_derivative_that_somebody_uses_has_to_be_finite():
    g = lg.compile(lg.grad(lambda x: np.sum(np.sqrt(x))))
    g(np.ones(3))
    with pytest.raises(lg.status.NonFiniteError), np.errstate(all="ignore"):
        g(np.zeros(3))
