"""Tables filled cell by cell: right, of the size of their cells, and views of them as in NumPy."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from refusals import refused

import lagrad as lg
from lagrad.status import TraceError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=6), RNG.normal(size=5)


def soft_dtw(x, y, gamma=0.5):
    """Soft dynamic time warping: Cuturi and Blondel, ICML 2017, algorithm 1."""
    n, m = len(x), len(y)
    table = lg.zeros((n + 1, m + 1))
    table[0, 1:] = table[1:, 0] = 1e3
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            before = np.stack([table[i - 1, j - 1], table[i - 1, j], table[i, j - 1]])
            table[i, j] = (x[i - 1] - y[j - 1]) ** 2 - gamma * lg.logsumexp(-before / gamma)
    return table[n, m]


def soft_dtw_gradient(x, y, gamma=0.5):
    """The same paper's algorithm 2, by hand."""
    n, m = len(x), len(y)
    cost = (x[:, None] - y) ** 2
    r = np.full((n + 2, m + 2), 1e3)
    r[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            before = np.array([r[i - 1, j - 1], r[i - 1, j], r[i, j - 1]])
            r[i, j] = cost[i - 1, j - 1] - gamma * np.log(np.sum(np.exp(-before / gamma)))
    e, d = np.zeros((n + 2, m + 2)), np.zeros((n + 2, m + 2))
    d[1:-1, 1:-1] = cost
    r[:, -1] = r[-1, :] = -np.inf
    r[-1, -1] = r[n, m]
    e[-1, -1] = 1.0
    for i in range(n, 0, -1):
        for j in range(m, 0, -1):
            for a, b in ((i + 1, j), (i, j + 1), (i + 1, j + 1)):
                e[i, j] += e[a, b] * np.exp((r[a, b] - r[i, j] - d[a, b]) / gamma)
    return np.sum(e[1:-1, 1:-1] * 2 * (x[:, None] - y), axis=1)


def test_dynamic_programming_table():
    assert lg.check_grad(soft_dtw, X, Y).ok
    assert_allclose(lg.grad(soft_dtw)(X, Y), soft_dtw_gradient(X, Y), rtol=1e-10)
    assert lg.check_grad(lg.grad(soft_dtw, (0, 1)), X, Y).ok


def test_entries_are_read_without_a_constraint():
    def f(x):
        table = lg.zeros(4)
        table[0] = x
        for i in range(1, 4):
            table[i] = table[i - 1] * x
        return table[3]

    graph = lg.trace(f, 2.0)
    assert [c.function for c in graph.constraints if c.parents] == ["multiply"] * 3
    assert lg.grad(f)(2.0) == 32.0


def test_many_writes_are_one_constraint():
    def f(x):
        table = lg.zeros((3, 4))
        for i in range(3):
            for j in range(4):
                table[i, j] = x[j] * i
        return np.sum(table**2)

    graph = lg.trace(f, np.ones(4))
    assert sum(c.function == "assign" for c in graph.constraints) == 1
    assert_array_equal(lg.grad(f)(np.arange(4.0)), 10.0 * np.arange(4.0))


@pytest.mark.parametrize("mode", ["grad", "hvp"])
def test_memory_is_that_of_the_cells(mode):
    def f(x):
        table = lg.zeros(3000)
        table[0] = x
        for i in range(1, 3000):
            table[i] = np.cos(table[i - 1])
        return np.sum(table)

    tracemalloc.start()
    if mode == "grad":
        lg.grad(f)(0.3)
    else:
        lg.hvp(f, (0.3,), (1.0,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3000 * 6000  # a copy of the table for each cell would take 24,000 bytes a cell


def test_rows_written_and_read_in_parts():
    def f(x):
        table = lg.zeros((len(x), len(x)))
        table[0] = x
        for i in range(1, len(x)):
            table[i, 1:] = np.sin(table[i - 1, :-1] + table[i - 1, 1:])
            table[i, 0] += table[i - 1, 0] * 0.9
        return np.sum(table[:, 1] * table[1:3].sum()) + table[-1, -1]

    assert lg.check_grad(f, X).ok
    assert lg.check_grad(lg.grad(f), X).ok


def test_inside_of_an_inner_trace():
    def f(x):
        table = lg.zeros(3)
        table[0] = x

        def g(y):
            inner = lg.zeros(2)
            inner[0] = table[0] * y
            inner[1] = inner[0] ** 2
            return inner[1] * table[0]

        table[1] = lg.grad(g)(x * 2.0)
        table[2] = table[1] * x
        return np.sum(table)

    assert lg.check_grad(f, 0.7).ok
    assert lg.check_grad(lg.grad(f), 0.7).ok


def test_value_of_an_inner_trace_is_written_to_an_outer_array():
    def written(y, v):
        z = y.copy()
        z[0] = v
        return z

    def f(put):
        def outer(x):
            y = x * 2.0
            inner = lg.grad(lambda t: np.sum(put(y, t * x[1]) ** 2) * t)
            return inner(x[0]) + np.sum(y)

        return outer

    x = np.array([0.5, 0.8])
    expected = lg.grad(f(lambda y, v: np.stack([v, y[1]])))(x)
    assert_allclose(lg.grad(f(written))(x), expected, rtol=1e-14)


def test_written_value_keeps_what_it_was():
    def f(x):
        y = x * 1.0
        table = lg.zeros((2, 3))
        table[0] = y
        y[0] = 100.0
        given = np.ones(3)
        table[1] = given
        given[:] = 7.0
        return np.sum(table * np.arange(6.0).reshape(2, 3))

    assert f(X[:3]) == np.sum(X[1:3] * [1, 2]) + 12.0
    assert_array_equal(lg.grad(f)(X[:3]), [0.0, 1.0, 2.0])


@pytest.mark.parametrize("order", ["C", "F"])
def test_layout_decides_on_views_as_in_numpy(order):
    """What is a view of an array that was written to is a view here, and a copy a copy."""

    def nothing(x):
        y = 1.0 * x
        y[0:0] = 5.0
        flat = y.reshape(-1)
        y[0] *= 10.0
        return np.sum(flat**2)

    def entry(x):
        y = 1.0 * x
        y[1, 2] = 5.0
        flat = y[0].reshape(-1)
        y[0] *= 10.0
        return np.sum(flat**2)

    def part(x):
        y = 1.0 * x
        y[1, 2] = 5.0
        flat = y[...].reshape(-1)
        y[:, 1] *= 10.0
        return np.sum(flat**2)

    def strided(x):
        y = lg.zeros((2, 3))
        for i in range(2):
            for j in range(3):
                y[i, j] = x[i, j]
        right, turned, rows = y[:, 1:].ravel(), y[:, ::-1].reshape(-1), y[:, :].reshape(-1)
        y[0] = 3.0
        return np.sum(right**2) + turned @ np.arange(6.0) + np.sum(rows**3)

    x = np.array(np.arange(1.0, 7.0).reshape(2, 3), order=order)
    for f in (nothing, entry, part, strided):
        assert lg.value_and_grad(f)(x)[0] == f(x)


@pytest.mark.parametrize("like", [np.zeros_like, np.ones_like, np.empty_like])
@pytest.mark.parametrize("order", ["C", "F"])
def test_array_made_like_another_has_its_layout(like, order):
    def f(x):
        z = like(x)
        z[...] = x
        flat = z.reshape(-1)
        z[0] *= 10.0
        return np.sum(flat**2)

    x = np.array(np.arange(1.0, 7.0).reshape(2, 3), order=order)
    assert lg.value_and_grad(f)(x)[0] == f(x)


def test_whole_array_replaced_is_no_constraint():
    graph = lg.trace(lambda x: (lambda y: (y.__iadd__(x), y)[1])(x * 2.0), X)
    assert [c.function for c in graph.constraints if c.parents] == ["multiply", "add"]


def test_float32_table_stays_float32():
    def f(x):
        table = lg.zeros(2, np.float32)
        table[0] = x * 2.0
        table[1] = table[0] * 3
        assert table.dtype == table[0].dtype == np.float32
        return np.sum(table)

    assert lg.grad(f)(1.5) == 8.0


def test_complex_value_into_a_real_table_is_refused():
    with refused(TraceError, "complex128", "float64", "lg.zeros(shape, dtype)"):
        lg.grad(lambda x: lg.zeros(2).__setitem__(0, x * 1j))(1.0)


def test_index_and_shape_errors_are_numpys():
    def write(index, value):
        def f(x):
            table = lg.zeros((2, 3))
            table[0, 0] = x[0]
            table[index] = value(x)
            return np.sum(table)

        return lambda: lg.grad(f)(X)

    with pytest.raises(IndexError, match="out of bounds"):
        write((2, 0), lambda x: x[0])()
    with pytest.raises(ValueError, match="could not broadcast"):
        write(0, lambda x: x)()


INDICES = st.sampled_from([
    0, -1, (0, 1), (slice(None), 0), slice(1, None), (slice(None), slice(None, None, 2)),
    np.array([0, 1, 0]), np.array([[True, False, True], [False, True, False]]), Ellipsis,
    (1, slice(1, 1)), (np.array([1, 1]), np.array([0, 0])), (Ellipsis, None, 2),
])  # fmt: skip


@given(st.lists(st.tuples(INDICES, st.sampled_from("wars")), min_size=1, max_size=8))
def test_any_writes_and_reads_are_those_of_numpy(steps):
    def program(zeros):
        def f(x):
            table, total = zeros((2, 3)), 0.0
            table[...] = x
            for k, (index, what) in enumerate(steps):
                if what == "w":
                    shape = np.shape(np.empty((2, 3))[index])
                    table[index] = np.sin(np.sum(x) + np.arange(np.prod(shape)).reshape(shape))
                elif what == "a":
                    table[index] += x[0, k % 3]
                elif what == "r":
                    total = total + np.sum(np.square(table[index])) * (k + 1)
                else:
                    total = total + np.sum(table) * table[0, 0]
            return total + np.sum(table**3)

        return f

    x = np.linspace(0.1, 0.6, 6).reshape(2, 3)
    traced = program(lg.zeros)
    assert_allclose(lg.value_and_grad(traced)(x)[0], program(np.zeros)(x), rtol=1e-13)
    assert lg.check_grad(traced, x).ok
