"""Values in blocks: those of NumPy, of their own, and not the user's."""

import operator

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special as sc

import lagrad as lg
from lagrad.rules import RULES
from lagrad.trace.arena import BLOCK, LARGEST, PATIENCE, SMALLEST, UFUNCS

N = 4000
RNG = np.random.default_rng(0)
X, Y = RNG.uniform(0.2, 0.8, N), RNG.uniform(0.3, 0.9, N)


def warmed(x):
    """Use up the patience of a trace, so that what follows lies in blocks."""
    for _ in range(PATIENCE // x._value.nbytes + 2):
        x = x * 1.0
    return x


def traced_value(f, *args):
    """Return the value of f on traced arrays that lie in blocks."""
    return lg.vjp(lambda *a: f(*(warmed(x) for x in a)), *args)[0]


def equal(value, expected):
    """The same shape and type, and the same numbers.

    Before NumPy 2 the last bits of a function go by where its result lies in memory.
    """
    assert (np.shape(value), value.dtype) == (np.shape(expected), expected.dtype)
    if hasattr(np, "vecdot"):
        assert_array_equal(value, expected)
    else:
        assert_allclose(value, expected, rtol=2e-15, atol=1e-15)


@pytest.mark.parametrize("ufunc", [f for f in UFUNCS.values() if f in RULES], ids=str)
def test_elementwise_value_is_numpys(ufunc):
    args = (X, Y)[: ufunc.nin]
    with np.errstate(all="ignore"):
        value = lg.vjp(lambda *a: ufunc(*(warmed(x) for x in a)), *args, nonfinite="allow")[0]
        equal(value, ufunc(*args))


@pytest.mark.parametrize(
    "f",
    [
        operator.matmul, np.matmul, np.dot, np.inner, np.vdot, np.outer,
        lambda x, y: np.reshape(x, (40, 100)) @ np.reshape(y, (100, 40)),
        lambda x, y: np.reshape(x, (40, 100)) @ y[:100],
        lambda x, y: np.add.outer(x[:50], y[:50]),
        lambda x, y: x**2 + y**3.0 + x**y,
        lambda x, y: np.reshape(x, (40, 100)).T * np.reshape(y, (100, 40)),
        lambda x, y: x[::2] * y[::2] + 1,
        lambda x, y: sc.expit(x) * sc.erf(y),
        lambda x, y: np.arctan2(x, y) % 0.3,
    ],
)  # fmt: skip
def test_other_values_are_numpys(f):
    equal(traced_value(f, X, Y), f(X, Y))


def test_layout_is_numpys():
    x = np.asfortranarray(X.reshape(40, 100))

    def f(x):
        y = warmed(x) * 2.0
        flat = y.reshape(-1)
        y[0] = 0.0
        return np.sum(flat**2)

    assert lg.value_and_grad(f)(x)[0] == f_plain(x)


def f_plain(x):
    y = x * 2.0
    flat = y.reshape(-1)
    y[0] = 0.0
    return np.sum(flat**2)


def test_every_constraint_has_entries_of_its_own():
    def f(x):
        for _ in range(3 * BLOCK // X.nbytes):
            x = np.sin(x)
        return x

    graph = lg.trace(f, X)
    values = [v for v in graph.columns.values if isinstance(v, np.ndarray)]
    begins = sorted(v.__array_interface__["data"][0] for v in values)
    assert min(np.diff(begins)) >= X.nbytes
    x = X
    for v in values[1:]:
        x = np.sin(x)
        assert_array_equal(v, x)


def test_result_is_the_users_own():
    def f(x):
        return warmed(x) * 2.0

    value, pull = lg.vjp(f, X)
    assert value.base is None or value.base.nbytes < BLOCK
    value[:] = 0.0
    assert_array_equal(pull(np.ones(N))[0], np.full(N, 2.0))
    (_, aux), _ = lg.value_and_grad(lambda x: (np.sum(x), f(x)), has_aux=True)(X)
    assert aux.base is None or aux.base.nbytes < BLOCK


def test_sizes_at_the_edges():
    for n in (SMALLEST // 8 - 1, SMALLEST // 8, SMALLEST // 8 + 3, LARGEST // 8, LARGEST // 8 + 1):
        x = np.linspace(0.1, 1.0, n)
        expected = np.exp(x) * x + 1.0
        equal(traced_value(lambda a: np.exp(a) * a + 1.0, x), expected)
