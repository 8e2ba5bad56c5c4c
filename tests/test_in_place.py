"""Writing into arrays: a traced one's name stands for a new variable, plain ones are refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from refusals import refused

import lagrad as lg
from lagrad.status import LagradError, TraceError

X = np.array([0.5, -2.0, 3.0])
Y = np.arange(1.0, 7.0).reshape(2, 3)


def same_as_numpy(f, x=X):
    """Return the gradient of a function that writes in place, and check it all.

    The value is NumPy's own on a copy, the derivatives pass their checks, and the argument is left
    as it was.
    """
    before = x.copy()
    value, gradient = lg.value_and_grad(f)(x)
    assert_array_equal(x, before)
    assert_array_equal(value, f(x.copy()))
    assert lg.check_grad(lambda x: f(x * 1.0), x).ok
    assert lg.check_grad(lg.grad(f), x).ok
    assert_array_equal(x, before)
    return gradient


# -- x[i] = v, x += v ----------------------------------------------------------------------------


@pytest.mark.parametrize("copy", [lambda x: x.copy(), np.copy, lambda x: x.copy("F")])
def test_copy_has_the_layout_of_numpys(copy):
    """By the layout NumPy tells whether a reshaped array is a view."""

    def f(x):
        y = copy(x)
        flat = y.reshape(-1)
        y[0] *= 10.0
        return np.sum(flat**2)

    for x in (np.asfortranarray(np.arange(1.0, 7.0).reshape(2, 3)), np.ones((2, 3))):
        value, gradient = lg.value_and_grad(f)(x)
        assert value == f(x)
        assert np.sum(gradient * x) == 2 * value  # f is a sum of squares, whatever is a view


def test_entry_is_assigned():
    def f(x):
        x[1] = x[0] * x[2]
        return np.sum(x**2)

    assert_allclose(same_as_numpy(f), [2 * 0.5 + 2 * 0.5 * 9, 0, 6 + 2 * 3 * 0.25])


@pytest.mark.parametrize(
    "write",
    [
        lambda y: y.__setitem__((0, slice(None)), y[1] * 2),
        lambda y: y.__setitem__(slice(None), y[:, ::-1]),
        lambda y: y.__setitem__(y > 3.5, 0.5),
        lambda y: y.__setitem__(y > 3.5, y[y > 3.5] ** 2),
        lambda y: y.__setitem__(([0, 1], [2, 2]), y[:, 0]),
        lambda y: y.__setitem__((..., None), y[..., None] * 3),
        lambda y: y.__setitem__((0, [1, 1, 2]), y[1]),
        lambda y: y.__setitem__(-1, [1.0, 2.0, 3.0]),
        lambda y: y.__setitem__(0, y[0, 0]),
        lambda y: y.__setitem__(..., 2.0),
        lambda y: y.fill(3.0),
        lambda y: y.__setitem__(0, [y[0, 1], 1.0, y[1, 1]]),
    ],
)
def test_assignment_by_every_kind_of_index(write):
    def f(y):
        write(y)
        return np.sum(y**2 * (1 + y))

    same_as_numpy(f, Y)


@pytest.mark.parametrize(
    "change",
    [
        lambda x, v: x.__iadd__(v), lambda x, v: x.__isub__(v), lambda x, v: x.__imul__(v),
        lambda x, v: x.__itruediv__(v), lambda x, v: x.__ipow__(v),
    ],
)  # fmt: skip
def test_augmented_assignment(change):
    def f(x):
        y = abs(x)
        old = y
        y = change(y, x[0])
        assert y is old
        change(y, 2.0)
        change(y, abs(x))
        return np.sum(y)

    same_as_numpy(f)


def test_augmented_assignment_to_an_entry():
    def f(x):
        x[1:] *= x[0]
        x[0] -= x[2]
        return np.sum(x**2)

    same_as_numpy(f)


def test_augmented_assignment_to_a_scalar_makes_a_new_one():
    def f(x):
        total = x[0]
        first = total
        for v in x[1:]:
            total *= v
            total += 1.0
        return total + first

    same_as_numpy(f)


def test_operators_of_integers_in_place():
    def f(x):
        n = np.zeros_like(x, dtype=int)
        n += 2
        n[0] = 5
        return np.sum(n * x)

    assert_array_equal(same_as_numpy(f), [5.0, 2.0, 2.0])


def test_matrix_product_in_place():
    m = np.array([[1.0, 2.0], [3.0, 4.0]])

    def f(x):
        x @= m
        return np.sum(x**2)

    same_as_numpy(f, m + 1)


def test_name_bound_before_keeps_pointing_at_the_array():
    def f(x):
        y = x
        y[0] = 7.0
        return np.sum(x * x)

    assert_array_equal(same_as_numpy(f), [0.0, -4.0, 6.0])


def test_value_computed_before_a_write_stays():
    def f(x):
        y = x * 2
        z = x.copy()
        x[0] = 100.0
        return np.sum(y) + np.sum(z) + 0 * np.sum(x)

    assert_array_equal(same_as_numpy(f), [3.0, 3.0, 3.0])


def test_dtype_stays_that_of_the_array():
    def f(x):
        y = np.zeros_like(x)
        y[0] = np.float64(2.0) * x[1].astype(float)
        assert y.dtype == np.float32
        return np.sum(y)

    gradient = lg.grad(f)(X.astype(np.float32))
    assert gradient.dtype == np.float32
    assert_array_equal(gradient, [0.0, 2.0, 0.0])

    def g(x):
        y = np.zeros_like(x)
        y[0] = 1j * x[0]
        return np.sum(np.abs(y))

    with pytest.raises(TraceError, match=r"lg\.zeros\(shape, dtype\)"):
        lg.grad(g)(X)


def test_shape_that_does_not_fit_is_an_error_as_in_numpy():
    with pytest.raises(ValueError, match="shape"):
        lg.grad(lambda x: x.__setitem__(slice(0, 2), x))(X)
    with pytest.raises(ValueError, match="shape"):
        lg.grad(lambda x: x[:1].__iadd__(x))(X)
    with pytest.raises(IndexError):
        lg.grad(lambda x: x.__setitem__(5, 0.0))(X)


# -- arrays that take traced values --------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda x: lg.zeros(3), lambda x: lg.zeros((3,)), lambda x: np.zeros_like(x),
        lambda x: np.ones_like(x), lambda x: np.empty_like(x), lambda x: np.full_like(x, 2.0),
        lambda x: np.full_like(x, x[0]), lambda x: x.copy(), lambda x: 0.0 * x,
    ],
)  # fmt: skip
def test_arrays_that_take_traced_values(make):
    def f(x):
        y = make(x)
        for i in range(3):
            y[i] = x[2 - i] ** 2 if i != 1 else y[0]
        return np.sum(y * [1.0, 10.0, 100.0])

    same_as_numpy(f)


def test_zeros_outside_of_a_trace_are_plain():
    assert type(lg.zeros((2, 3))) is np.ndarray
    assert lg.zeros(2, complex).dtype == complex


def test_out_and_ufunc_at_on_traced_arrays():
    def f(x):
        y = lg.zeros(3)
        np.add(x, 1.0, out=y)
        np.multiply(y, x, out=y)
        np.add.at(y, [0, 0, 2], x)
        np.sum(np.outer(y, x), axis=0, out=y)
        return np.sum(y)

    same_as_numpy(f)


# -- views ---------------------------------------------------------------------------------------


def test_view_is_written_through():
    def f(y):
        row = y[1]
        row[0] = 10.0 * y[0, 0]
        row *= 2.0
        return np.sum(y**2)

    same_as_numpy(f, Y)


def test_view_of_a_view_is_written_through():
    def f(y):
        part = y[:, 1:][0]
        part[1] = y[1, 0] ** 2
        return np.sum(y**2)

    same_as_numpy(f, Y)


def test_view_that_is_read_after_its_base_was_written():
    def f(y):
        row, last = y[0], y[:, -1]
        flat, turned = y.ravel(), y.T
        y[0, 2] = y[1, 1] * 3
        total = np.sum(row**2) + np.sum(last**3) + flat[2] * 2 + turned[2, 0] ** 2
        y += 1.0
        return total + row[2] + flat[5] * turned[0, 1]

    same_as_numpy(f, Y)


def test_two_views_of_one_array_see_each_other():
    def f(x):
        head, tail = x[:2], x[1:]
        head[1] = x[0] * x[2]
        tail *= 2.0
        return np.sum(head**2) + np.sum(tail**3)

    same_as_numpy(f)


def test_copies_are_no_views():
    def f(y):
        taken, fancy, flat = y.copy(), y[[0, 1]], y.flatten()
        y[0] = 0.0
        return np.sum(taken) + np.sum(fancy**2) + np.sum(flat**3) + np.sum(y)

    same_as_numpy(f, Y)


def test_write_into_a_reshaped_view_is_right_or_refused():
    for view in (lambda y: y.T, lambda y: y.reshape(-1), lambda y: y.ravel(), lambda y: y[0].T):

        def f(y, view=view):
            view(y)[0] = y[1, 1]
            return np.sum(y**2)

        try:
            same_as_numpy(f, Y)
        except TraceError as error:
            assert "copy" in str(error)


# -- plain arrays --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda a, t: a.__iadd__(t),
        lambda a, t: a.__imul__(t),
        lambda a, t: np.add(a, t, out=a),
        lambda a, t: np.sum(np.outer(t, t), axis=0, out=a),
        lambda a, t: np.exp(t, out=a),
        lambda a, t: np.add.at(a, [0], t[0]),
        lambda a, t: a.__setitem__(0, t[0]),
        lambda a, t: a.__setitem__(slice(None), t),
        lambda a, t: a.fill(t[0]),
        lambda a, t: np.copyto(a, t),
        lambda a, t: np.put(a, [0], t[0]),
        lambda a, t: a[:2].__iadd__(t[:2]),
    ],
)
def test_write_into_a_plain_array_is_refused_and_names_the_remedy(write):
    a = np.ones(3)
    with pytest.raises((TypeError, ValueError, NotImplementedError)) as caught:
        lg.grad(lambda t: (write(a, t), np.sum(t))[1])(X)
    error = caught.value
    while not isinstance(error, LagradError):
        error = error.__cause__
    assert "lg.zeros" in str(error)
    assert_array_equal(a, np.ones(3))


def test_object_array_can_hold_traced_values():
    def f(t):
        a = np.zeros(3, dtype=object)
        a[0] = t[0] * t[1]
        a[1] = t[2]
        return np.sum(a) * 2.0

    assert_array_equal(lg.grad(f)(X), [2 * X[1], 2 * X[0], 2.0])


# -- what belongs to the caller ------------------------------------------------------------------


def test_caller_s_arguments_are_never_written():
    def f(p, x):
        p["w"] *= 2.0
        p["b"][0][...] = 0.0
        x += 1.0
        return np.sum(p["w"] * x) + np.sum(p["b"][0])

    p, x = {"w": X.copy(), "b": [X.copy()]}, X.copy()
    w, b = p["w"], p["b"][0]
    lg.grad(f, (0, 1))(p, x)
    lg.vjp(f, p, x)
    lg.jvp(f, (p, x), (p, x))
    lg.jacobian(f, (0, 1))(p, x)
    assert p["w"] is w
    assert p["b"][0] is b
    for array in (w, b, x):
        assert_array_equal(array, X)


def test_gradient_is_an_array_of_its_own():
    x = X.copy()
    c = np.ones(3)
    g = lg.grad(lambda x: np.sum(x * c))(x)
    g[...] = 5.0
    assert_array_equal(c, np.ones(3))
    first, second = lg.grad(lambda x, y: np.sum(x + y), (0, 1))(x, x)
    first[0] = 9.0
    assert_array_equal(second, np.ones(3))


def test_value_and_aux_are_no_views_of_what_lagrad_needs():
    value, pullback = lg.vjp(lambda x: np.exp(x), X)
    expected = np.exp(X)
    value[...] = 0.0
    assert_array_equal(pullback(np.ones(3))[0], expected)


def test_change_of_the_argument_after_tracing_changes_nothing():
    x = X.copy()
    _, pullback = lg.vjp(lambda x: x**2, x)
    x[...] = 100.0
    assert_array_equal(pullback(np.ones(3))[0], 2 * X)
    graph = lg.trace(lambda x: np.sum(x**2), x)
    x[...] = 0.0
    assert_array_equal(graph.linearize().solve()["x"], 200.0 * np.ones(3))


def test_change_of_a_captured_array_after_tracing_changes_nothing():
    c = X.copy()
    _, pullback = lg.vjp(lambda x: x * c, X)
    c[...] = 100.0
    assert_array_equal(pullback(np.ones(3))[0], X)


def test_buffer_that_is_used_again_inside_the_function():
    buffer = np.empty(3)

    def f(x):
        total = 0.0
        for k in range(3):
            buffer[...] = k + 1.0
            total = total + np.sum(buffer * x**k)
        buffer[...] = np.nan
        return total

    assert_allclose(lg.grad(f)(X), 2.0 + 6.0 * X)


def test_buffer_behind_a_view_that_is_used_again():
    buffer = np.ones((2, 3))
    view = buffer[0]
    view.flags.writeable = False

    def f(x):
        y = view * x
        buffer[...] = 5.0
        return np.sum(y) + np.sum(view * x)

    assert_allclose(lg.grad(f)(X), 6.0 * np.ones(3))


def test_index_and_sparse_matrix_that_are_changed_afterwards():
    import scipy.sparse as sp

    index, matrix, mask = np.array([0, 0]), sp.csr_array(np.eye(3)), np.array([True, False, True])

    def f(x):
        y = np.sum(x[index]) + np.sum(matrix @ x) + np.sum(np.where(mask, x, 0.0))
        index[...] = 2
        matrix.data[...] = 9.0
        mask[...] = False
        return y

    assert_array_equal(lg.grad(f)(X), [4.0, 1.0, 2.0])


# -- methods and attributes that write -----------------------------------------------------------


def flat_entry(x):
    y = x * 2.0
    y.flat[1] = x[0, 0] ** 2
    y.flat[[3, 5]] = 0.5
    return y.flat[1] * np.sum(y) + sum(y.flat)


def sorted_in_place(x):
    y = x * 1.0
    y.sort(axis=0)
    z = np.ravel(x) * 1.0
    z.partition(2)
    return np.sum(y * x) + z[2] * z[0]


def put_and_compressed(x):
    y = x * 1.0
    y.put([0, 4], x[0, 1] ** 2)
    return np.sum(y.compress([True, False, True], axis=1) ** 2) + y.view()[1, 1]


def real_and_imaginary_parts(x):
    y = x.astype(complex)
    y.imag = x[::-1] ** 2
    y.real = y.imag * x
    x2 = x * 1.0
    x2.real = x
    x2.flat = x[0]
    return np.sum(np.abs(y) ** 2) + np.sum(x2**2)


@pytest.mark.parametrize(
    "f", [flat_entry, sorted_in_place, put_and_compressed, real_and_imaginary_parts]
)
def test_methods_that_write(f):
    x = np.array([[0.3, 1.4, 0.7], [0.9, 0.2, 1.1]])
    assert_allclose(lg.value_and_grad(f)(x)[0], f(x.copy()), rtol=1e-14)
    assert lg.check_grad(f, x).ok


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: x.resize((2, 2)), ["x.resize", "np.resize"]),
        (lambda x: x.view(int), ["x.view", "x.astype"]),
    ],
)
def test_methods_that_are_refused(f, words):
    with refused(TraceError, *words, "test_in_place.py"):
        lg.grad(lambda x: np.sum(f(x * 1.0)))(np.ones((2, 3)))
