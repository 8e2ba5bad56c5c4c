"""A ufunc's methods and options on traced values: values of NumPy, gradients by differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from refusals import refused

import lagrad as lg
from lagrad.status import TraceError
from lagrad.trace.ufuncs import turns

X = np.array([0.7, 0.2, 1.1, 0.4])
M = np.array([[0.5, 1.2, 0.3], [0.9, 0.8, 1.4]])
INDEX = np.array([0, 2, 0, 0])
HALF = np.array([[True, False, True], [False, True, True]])


def starting(method, *args):
    """Return a function that applies an in-place ufunc method to a copy of its argument."""

    def f(x, *rest):
        y = x.copy()
        method(y, *args, *rest)
        return y

    return f


def with_out(x):
    y = x.copy()
    np.exp(x, out=y, where=x > 0.5)
    return y * y


def with_outs(x):
    fraction, whole = x.copy(), x.copy()
    np.divmod(x, 0.3, out=(whole, fraction))
    return fraction * x


CALLS = {
    "add.reduce": (lambda x: np.add.reduce(x), M),
    "add.reduce axis": (lambda x: np.add.reduce(x, axis=1, keepdims=True), M),
    "add.reduce axes": (lambda x: np.add.reduce(x, axis=(0, 1)), M),
    "multiply.reduce": (lambda x: np.multiply.reduce(x, axis=-1), M),
    "maximum.reduce": (lambda x: np.maximum.reduce(x, axis=None), M),
    "subtract.reduce": (lambda x: np.subtract.reduce(x, axis=1), M),
    "divide.reduce": (lambda x: np.divide.reduce(x, keepdims=True), M),
    "power.reduce": (lambda x: np.power.reduce(x), M),
    "add.accumulate": (lambda x: np.add.accumulate(x, axis=1), M),
    "multiply.accumulate": (lambda x: np.multiply.accumulate(x), M),
    "subtract.accumulate": (lambda x: np.subtract.accumulate(x, axis=-1), M),
    "divide.accumulate": (lambda x: np.divide.accumulate(x), X),
    "add.reduceat": (lambda x: np.add.reduceat(x, [0, 2, 1]), X),
    "multiply.reduceat": (lambda x: np.multiply.reduceat(x, [0, 1], axis=1), M),
    "multiply.outer": (lambda x: np.multiply.outer(x, x), M),
    "power.outer": (lambda x: np.power.outer(x, np.array([1.0, 2.0])), X),
    "plain outer": (lambda x: np.subtract.outer(np.ones(2), x), M),
    "add.at": (starting(np.add.at, INDEX, np.ones(4)), X),
    "multiply.at": (starting(np.multiply.at, INDEX, np.array([2.0, 3.0, 4.0, 5.0])), X),
    "divide.at scalar": (starting(np.divide.at, [1, 1, 3], 2.0), X),
    "negative.at": (starting(np.negative.at, INDEX), X),
    "square.at": (starting(np.square.at, [1, 1]), X),
    "maximum.at rows": (starting(np.maximum.at, [0, 0], np.array([0.6, 1.0, 0.1])), M),
    "dtype": (lambda x: np.multiply(x, x, dtype=np.float64), M),
    "out and where": (with_out, X),
    "two outs": (with_outs, X),
}


@pytest.mark.parametrize("name", CALLS)
def test_value_is_numpys_and_derivative_is_right(name):
    f, x = CALLS[name]
    value, _ = lg.jvp(f, (x,), (np.ones_like(x),))
    expected = f(x.copy())
    assert value.dtype == expected.dtype
    assert_allclose(value, expected, rtol=1e-15)
    assert lg.check_grad(f, x).ok


def test_values_are_added_at_repeated_indices_of_both():
    def f(x, v):
        y = lg.zeros(4)
        y[...] = x
        np.multiply.at(y, INDEX, v)
        return y

    x, v = X, np.array([2.0, 3.0, 4.0, 5.0])
    assert_allclose(lg.grad(lambda v: f(x, v)[0])(v), x[0] * np.array([20.0, 0.0, 10.0, 8.0]))


def test_turns_take_each_place_once_in_the_order_of_the_index():
    found = turns(np.array([4, 1, 4, 4, 1]))
    assert [sorted(turn.tolist()) for turn in found] == [[0, 1], [2, 4], [3]]
    assert turns(np.zeros(0, int)) == []


def test_comparisons_reduce_to_structure():
    def f(x):
        assert bool(np.logical_and.reduce(x > 0))
        assert_array_equal(np.logical_or.reduce(M > 1, axis=0), [False, True, True])
        return np.sum(x)

    assert_array_equal(lg.grad(f)(X), np.ones(4))


def test_what_where_leaves_undefined_is_refused():
    with refused(TraceError, "np.exp", "where", "out=", "np.where(mask"):
        lg.grad(lambda x: np.sum(np.exp(x, where=x > 0.5)))(X)


def test_where_keeps_the_branch_not_taken_out_of_the_derivative():
    def f(x):
        y = x * 2.0
        np.log(x, out=y, where=x > 0)
        return np.sum(y)

    x = np.array([0.0, 1.0, -2.0])
    with np.errstate(all="ignore"):
        assert_array_equal(lg.grad(f)(x), [2.0, 1.0, 2.0])


def test_plain_target_of_at_is_refused():
    with refused(TraceError, "np.add.at", "lg.zeros"):
        lg.grad(lambda x: np.add.at(np.zeros(4), INDEX, x))(X)


def test_option_that_nobody_follows_is_refused():
    with refused(TraceError, "subtract.reduce", "initial"):
        lg.grad(lambda x: np.subtract.reduce(x, initial=1.0))(X)
    with refused(TraceError, "np.exp", "casting"):
        lg.grad(lambda x: np.exp(x, casting="unsafe"))(X)
    with refused(TraceError, "order"):
        lg.grad(lambda x: np.subtract.reduce(x, axis=(0, 1)))(M)
