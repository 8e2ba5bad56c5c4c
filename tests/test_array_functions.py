"""Functions that join, cut and index arrays, choices, samples: masks, kinks, refusals, laws."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.testing import assert_allclose, assert_array_equal
from refusals import refused
from test_rules_random import check, random

import lagrad as lg
from lagrad.status import ArgumentError, LagradError, MissingRuleError, TraceError

X = np.array([0.0, 2.0, -1.0, 0.5])
SOME = settings(max_examples=40)


def traced(f, *args):
    """Run a function once on traced arguments and return its value."""
    return lg.vjp(f, *args)[0]


# -- the branch not taken ------------------------------------------------------------------------


def overwritten(write):
    """Return a function that writes over the entry of 1/x and log|x| at x = 0."""

    def f(x):
        y = 1 / x + np.log(np.abs(x))
        write(y, x)
        return y

    return f


#: Each has log(0), sqrt(-1) or 1/0 at the first entry of X, and does not take it.
SELECTIONS = {
    "select": lambda x: np.select([x > 0, x < 0], [np.log(np.abs(x)), 1 / x], 0.0),
    "select default": lambda x: np.select([x == 0, x > 0], [x, np.log(np.abs(x))], 1 / x),
    "piecewise": lambda x: np.piecewise(x, [x > 0, x < 0], [np.sqrt, lambda v: 1 / v, 0.0]),
    "piecewise of infinities": lambda x: np.piecewise(1 / x, [x != 0], [np.exp, 1.0]),
    "choose": lambda x: np.choose((x != 0).astype(int), [x, 1 / x]),
    "compress": lambda x: np.compress(x > 0, np.log(np.abs(x))),
    "extract": lambda x: np.extract(x != 0, 1 / x),
    "copyto": overwritten(lambda y, x: np.copyto(y, x, where=x == 0)),
    "put": overwritten(lambda y, x: np.put(y, 0, x[1])),
    "place": overwritten(lambda y, x: np.place(y, x == 0, x[1:2])),
    "putmask": overwritten(lambda y, x: np.putmask(y, x == 0, x)),
    "put_along_axis": overwritten(lambda y, x: np.put_along_axis(y, np.array([0]), x[1], 0)),
    "fill_diagonal": lambda x: diagonal_filled(np.stack([1 / x, x])),
    "delete": lambda x: np.delete(1 / x, 0),
    "resize": lambda x: np.resize(np.log(np.abs(x))[::-1], 3),
    "split": lambda x: np.split(1 / x, [1, 3])[1] * np.split(1 / x, [1])[1][:2],
    "insert": lambda x: np.insert(1 / x, 1, x)[5:],
    "trim_zeros": lambda x: np.trim_zeros(np.concatenate([[0.0], np.log(np.abs(x))[1:], [0.0]])),
    "diag": lambda x: np.diag(np.reshape((1 / x)[[1, 0, 2, 3]], (2, 2))),
    "windows": lambda x: sliding_window_view(1 / x, 2)[1:],
    "interp beside a hole": lambda x: np.interp([1.5, 2.5], np.arange(4.0), 1 / x),
    "pad": lambda x: np.pad(1 / x, 1, "reflect")[2:5],
}


def diagonal_filled(y):
    """Write over y[0, 0]."""
    np.fill_diagonal(y, 3.0)
    return y[:, :3] * y[:, :3]


@pytest.mark.parametrize("name", SELECTIONS)
def test_branch_not_taken_leaves_no_entry_and_no_nan(name):
    def f(x):
        with np.errstate(all="ignore"):
            return np.sum(SELECTIONS[name](x) * 2.0)

    def along(g, v, h=1e-4):
        steps = [g(X + k * h * v) for k in (-2, -1, 1, 2)]
        return (steps[0] - 8 * steps[1] + 8 * steps[2] - steps[3]) / (12 * h)

    gradient, hessian = lg.grad(f), lg.hessian(f)(X)
    g, directions = gradient(X), np.eye(4)[1:]
    system = lg.trace(f, X).linearize()
    assert np.isfinite(system.A.data).all()
    assert_allclose(system.solve(method="explicit")["x"], g, rtol=1e-12, atol=1e-14)
    assert_allclose(lg.jvp(f, (X,), (X + 1,))[1], g @ (X + 1), rtol=1e-12)
    for v in directions:
        assert_allclose(g @ v, along(f, v), rtol=1e-7, atol=1e-9)
        assert_allclose(hessian @ v, along(gradient, v), rtol=1e-6, atol=1e-8)
    second = lg.trace(lambda x: np.sum(gradient(x) * (x + 1)), X).linearize()
    assert np.isfinite(second.A.data).all()


def test_piecewise_calls_each_function_on_its_own_entries_only():
    seen = []

    def noted(v):
        seen.append(v.shape)
        return v * v

    def f(x):
        return np.sum(np.piecewise(x, [x > 5, x > 0], [noted, noted, noted]))

    assert_array_equal(lg.grad(f)(X), 2 * X)
    assert seen == [(2,), (2,)]


# -- kinks and ties ------------------------------------------------------------------------------


def test_interp_at_a_knot_goes_by_the_interval_that_begins_there():
    xp, fp = np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 8.0])
    x = np.array([0.0, 1.0, 3.0])
    dx, dxp, dfp = lg.grad(lambda *a: np.interp(*a) @ [1.0, 10.0, 100.0], (0, 1, 2))(x, xp, fp)
    assert_array_equal(dx, [2.0, 30.0, 300.0])
    assert_array_equal(dxp, [-2.0, -30.0, -300.0])
    assert_array_equal(dfp, [1.0, 10.0, 100.0])


def test_interp_outside_of_the_knots_has_no_slope():
    xp, fp = np.array([0.0, 1.0]), np.array([3.0, 5.0])
    x = np.array([-1.0, 2.0])
    dx, dxp, dfp = lg.grad(lambda *a: np.interp(*a) @ [1.0, 10.0], (0, 1, 2))(x, xp, fp)
    assert_array_equal(dx, [0.0, 0.0])
    assert_array_equal(dxp, [0.0, 0.0])
    assert_array_equal(dfp, [1.0, 10.0])
    left = lg.grad(lambda x, a: np.sum(np.interp(x, xp, fp, left=a)), (0, 1))(x, 7.0)
    assert_array_equal(left[0], [0.0, 0.0])
    assert left[1] == 1.0


def test_interp_of_nan_is_nan_only_there():
    x, xp = np.array([0.5, 1.5]), np.array([0.0, 1.0, 2.0])
    fp = np.array([0.0, 1.0, np.nan])
    assert_array_equal(lg.grad(lambda x: np.interp(x, xp, fp)[0])(x), [1.0, 0.0])


def test_interp_refuses_knots_out_of_order():
    with refused(ArgumentError, "xp", "ascending", "argsort"):
        lg.grad(lambda x: np.interp(x, [1.0, 0.0], [1.0, 2.0]))(0.5)


def test_equal_values_of_a_set_come_from_the_first():
    x = np.array([3.0, 1.0, 3.0, 1.0])
    w = np.array([10.0, 1.0])
    assert_array_equal(lg.grad(lambda x: np.unique(x) @ w)(x), [1.0, 10.0, 0.0, 0.0])
    assert_array_equal(lg.grad(lambda x: np.union1d(x, x) @ w)(x), [1.0, 10.0, 0.0, 0.0])
    first, second = lg.grad(lambda x, y: np.sum(np.intersect1d(x, y)), (0, 1))(x, x.copy())
    assert_array_equal(first, [1.0, 1.0, 0.0, 0.0])
    assert_array_equal(second, np.zeros(4))


def test_values_of_a_set_that_are_nan():
    def f(x):
        x = np.append(x, [np.nan, np.nan])
        assert np.unique(x).shape == (3,)
        assert np.unique(x, equal_nan=False).shape == (4,)
        return np.unique(x)[0]

    assert_array_equal(lg.grad(f)(np.array([2.0, 1.0])), [0.0, 1.0])


def test_indices_and_counts_of_a_set_are_structure():
    def f(x):
        values, index, inverse, counts = np.unique(
            x, return_index=True, return_inverse=True, return_counts=True
        )
        return np.sum(values[inverse] * x) + np.sum(counts * values) + index[0]

    x = np.array([2.0, 1.0, 2.0])
    assert_array_equal(lg.grad(f)(x), [2 + 2 + 2 + 2, 2 + 1, 2])


@pytest.mark.skipif(not hasattr(np, "unique_all"), reason="NumPy 1")
def test_sets_of_the_array_interface_are_named_as_numpys():
    x = np.array([2.0, 1.0, 2.0])
    for f in (np.unique_all, np.unique_counts, np.unique_inverse):
        expected = f(x)
        found = []
        lg.grad(lambda t, f=f, found=found: found.append(f(t)) or np.sum(t))(x)
        assert type(found[0]) is type(expected)
        for a, b in zip(found[0], expected, strict=True):
            assert_array_equal(a._value, b)


def test_multiple_root_has_no_derivative():
    with pytest.raises(FloatingPointError), np.errstate(all="ignore"):
        lg.grad(lambda p: np.sum(np.real(np.roots(p))))(np.array([1.0, -2.0, 1.0, 0.0, 0.0]))


def test_gradient_by_even_coordinates_knows_each_of_them():
    x, f = np.arange(5.0), np.array([0.0, 1.0, 4.0, 2.0, 7.0])
    for order in (1, 2):

        def g(x, order=order):
            return np.gradient(f, x, edge_order=order)

        value, tangent = lg.jvp(g, (x,), (f,))
        assert_allclose(value, g(x), rtol=1e-15)
        assert_allclose(tangent, (g(x + 1e-5 * f) - g(x - 1e-5 * f)) / 2e-5, rtol=1e-7)


def test_vander_is_numpys():
    x = np.array([0.5 + 0.3j, -0.2 + 1.0j, 2.0])
    for n in (0, 1, 2, 5):
        for increasing in (False, True):
            value = traced(lambda x, n=n, i=increasing: np.vander(x, n, i), x)
            assert_allclose(value, np.vander(x, n, increasing), rtol=1e-15)
            assert value.dtype == np.vander(x, n).dtype


# -- writing in place ----------------------------------------------------------------------------

WRITES = {
    "copyto": lambda a, t: np.copyto(a, t),
    "copyto by name": lambda a, t: np.copyto(dst=a, src=t),
    "put": lambda a, t: np.put(a, [0], t),
    "place": lambda a, t: np.place(a, [True, False], t),
    "putmask": lambda a, t: np.putmask(a, [True, False], t),
    "fill_diagonal": lambda a, t: np.fill_diagonal(np.ones((2, 2)), t),
    "put_along_axis": lambda a, t: np.put_along_axis(a, np.array([0]), t, 0),
}


@pytest.mark.parametrize("name", WRITES)
def test_plain_target_is_refused_and_a_traced_one_is_not(name):
    def into_plain(t):
        a = np.zeros(2)
        WRITES[name](a, t)
        return np.sum(a)

    def into_traced(t):
        a = lg.zeros(2)
        WRITES[name](a, t)
        return np.sum(a)

    with pytest.raises(LagradError):
        lg.grad(into_plain)(np.ones(1))
    if name != "fill_diagonal":
        assert lg.grad(into_traced)(np.ones(1)) == (2.0 if "copyto" in name else 1.0)


def test_writing_goes_through_views():
    def f(x):
        y = x * 1.0
        np.copyto(y[1:3], x[:1])
        np.put(y[::-1], [0], 7.0)
        return y @ np.array([1.0, 10.0, 100.0, 1000.0])

    assert_array_equal(lg.grad(f)(X), [111.0, 0.0, 0.0, 0.0])


def test_writing_what_does_not_fit_is_refused():
    for f in (
        lambda x: np.copyto(x, x * 1j),
        lambda x: np.copyto(x, x[:3]),
        lambda x: np.place(x, x > 0, x[:0]),
        lambda x: np.putmask(x, [True], x),
        lambda x: np.put(x, [4], 1.0),
        lambda x: np.fill_diagonal(x, 1.0),
    ):
        with pytest.raises((LagradError, TypeError, ValueError, IndexError)):
            lg.grad(lambda x, f=f: f(x) or np.sum(x))(X)


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda x: np.pad(x, 1, "empty"), TraceError, ("np.pad", "empty", "constant")),
        (lambda x: np.pad(x, 1, lambda *a: None), TraceError, ("np.pad", "concatenate")),
        (lambda x: np.pad(x, 1, "reflect", reflect_type="odd"), TraceError, ("odd", "2 * np.pad")),
        (lambda x: np.polyval(np.poly1d([1.0, 2.0]), x), TraceError, ("poly1d", "coeffs")),
        (lambda x: np.polyfit(np.arange(4), x, 1, full=True), TraceError, ("polyfit", "full")),
        (lambda x: np.min_scalar_type(x[0]), TraceError, ("min_scalar_type", "x.dtype")),
        (lambda x: np.select([X > 0], [1.0], default=x), TraceError, ("select(default",)),
        (lambda x: np.reshape(x, 4, order="K"), TraceError, ("order",)),
        (lambda x: np.concatenate([x, x], dtype=int), TraceError, ("concatenate", "int")),
        (lambda x: np.concatenate([x, x], casting="no"), TraceError, ("casting",)),
        (lambda x: lg.convolve(x, np.ones((2, 2))), ArgumentError, ("(4,)", "(2, 2)")),
        (lambda x: lg.correlate(x, x[:0]), ArgumentError, ("(0,)",)),
        (lambda x: lg.convolve(x[0], x[1]), ArgumentError, ("()",)),
        (lambda x: as_strided(x, (2, 2)), LagradError, ()),
        (lambda x: np.frompyfunc(lambda v: v, 1, 1)(x), MissingRuleError, ()),
        (lambda x: np.piecewise(x, [x > 0], [lambda v: v * 1j, 0.0]), TraceError, ("imaginary",)),
    ],
)
def test_refusal_says_what_to_write(f, error, words):
    with refused(error, *words), np.errstate(all="ignore"):
        lg.vjp(f, X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.split(x, 3), lambda x: np.vsplit(x, 2), lambda x: np.dsplit(x, 2),
        lambda x: np.hsplit(x[0], 1), lambda x: np.insert(x, 9, 1.0),
        lambda x: np.insert(x, x, 1.0), lambda x: np.choose(x, [x, x]),
        lambda x: np.select([x], [x]), lambda x: np.select([x > 0], [x, x]),
        lambda x: np.piecewise(x, [x > 0], [np.sin, np.sin, np.sin]),
        lambda x: np.diff(x, -1), lambda x: np.diff(x[0]),
        lambda x: np.meshgrid(x, x, indexing="ab"), lambda x: np.gradient(x, [1.0, 2.0]),
        lambda x: np.gradient(x, 1.0, 2.0), lambda x: np.gradient(x[:1]),
        lambda x: np.gradient(x, edge_order=3), lambda x: np.convolve(x, x, "half"),
        lambda x: np.pad(x, -1, "mean"), lambda x: np.pad(x, 1, stat_length=2),
        lambda x: np.polyder(x, -1), lambda x: np.polyint(x, -1), lambda x: np.polyint(x, 3, x[:2]),
        lambda x: np.vander(x[None]), lambda x: np.apply_along_axis(np.sum, 0, x[None][:, :0]),
        lambda x: np.geomspace(0.0, x, 3), lambda x: sliding_window_view(x, 5),
    ],
)  # fmt: skip
def test_what_numpy_refuses_is_refused(f):
    errors = (LagradError, ValueError, TypeError, IndexError)
    with pytest.raises(errors):
        f(X.copy())
    with pytest.raises(errors):
        lg.vjp(lambda x: f(x), X)


def test_facts_of_structure_are_told():
    def f(x):
        assert np.may_share_memory(x, x[1:])
        assert not np.shares_memory(x, x + 1)
        assert np.array_equiv(x, x[None])
        assert np.isin(x, [2.0, 0.5]).tolist() == [False, True, False, True]
        assert np.lexsort((x, x > 0)).tolist() == [2, 0, 3, 1]
        order = np.argpartition(x, 1)
        rows, columns = np.unravel_index(order, (2, 2))
        assert_array_equal(np.ravel_multi_index((rows, columns), (2, 2)).tolist(), order.tolist())
        return x[order[0]]

    assert_array_equal(lg.grad(f)(X), [0.0, 0.0, 1.0, 0.0])


def test_value_of_an_integer_array_stays_one():
    """What is put into integers is rounded: a step, without gradient."""
    value, pullback = lg.vjp(lambda x: np.insert(np.arange(3), 1, x) * 1.0, np.array(2.7))
    assert_array_equal(value, np.insert(np.arange(3), 1, 2.7))
    assert pullback(np.ones(4))[0] == 0.0


def test_function_of_indices_may_give_traced_values():
    gradient = lg.grad(lambda x: np.sum(np.fromfunction(lambda i, j: i * x + j, (2, 3))))(2.0)
    assert gradient == 3.0


# -- laws ----------------------------------------------------------------------------------------

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)
SEEDS = st.integers(0, 1000)


@SOME
@given(SHAPES, st.data())
def test_padding_with_entries(shape, data):
    widths = [data.draw(st.tuples(st.integers(0, 5), st.integers(0, 5))) for _ in shape]
    mode = data.draw(st.sampled_from(["edge", "reflect", "symmetric", "wrap", "mean", "constant"]))
    check(lambda x: np.pad(x, widths, mode), random(np.random.default_rng(0), shape))


@SOME
@given(SHAPES, st.data())
def test_splitting(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    cuts = data.draw(st.lists(st.integers(-5, 5), max_size=3) | st.integers(1, 4))
    parts = len(np.array_split(np.empty(shape), cuts, axis))
    k = data.draw(st.integers(0, parts - 1))
    check(lambda x: np.array_split(x, cuts, axis)[k], random(np.random.default_rng(0), shape))


@SOME
@given(SHAPES, st.data())
def test_inserting_and_deleting(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = shape[axis]
    at = data.draw(st.lists(st.integers(-n, n - 1), min_size=1, max_size=3) | st.integers(-n, n))
    rng = np.random.default_rng(0)
    x, v = random(rng, shape), random(rng, ())
    inserted = traced(lambda x, v: np.insert(x, at, v, axis), x, v)
    assert_array_equal(inserted, np.insert(x, at, v, axis))
    if at != n:
        check(lambda x: np.delete(x, at, axis), x)


@SOME
@given(SHAPES, st.data())
def test_windows(shape, data):
    windows = tuple(data.draw(st.integers(1, n)) for n in shape)
    check(lambda x: sliding_window_view(x, windows), random(np.random.default_rng(0), shape))


@SOME
@given(SHAPES, st.data())
def test_convolution_is_bilinear_and_scipys(shape, data):
    other = tuple(data.draw(st.integers(1, 4)) for _ in shape)
    mode = data.draw(st.sampled_from(["full", "same"]))
    method = data.draw(st.sampled_from(["direct", "fft", "auto"]))
    rng = np.random.default_rng(0)
    x, y = random(rng, shape), random(rng, other)
    check(lambda x, y: lg.convolve(x, y, mode, method), x, y)
    assert_allclose(lg.convolve(x, y, mode, method), scipy.signal.convolve(x, y, mode), atol=1e-13)
    z = x + 1j * x[::-1], y - 2j * y
    assert_allclose(lg.correlate(*z, mode), scipy.signal.correlate(*z, mode), atol=1e-13)


@SOME
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(["full", "same", "valid"]))
def test_numpys_convolution_and_correlation(m, n, mode):
    rng = np.random.default_rng(0)
    check(lambda x, y: np.convolve(x, y, mode), random(rng, (m,)), random(rng, (n,)))
    check(lambda x, y: np.correlate(x, y, mode), random(rng, (m,)), random(rng, (n,)))


def test_long_convolution_costs_no_more_than_transforms():
    """Its multipliers are transforms too: a direct sum would take minutes."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(200_000), rng.standard_normal(100_000)
    gradient = lg.grad(lambda x: np.sum(lg.convolve(x, y, "same") ** 2))(x)
    v = rng.standard_normal(len(x))
    z, dz = (scipy.signal.fftconvolve(u, y, "same") for u in (x, v))
    assert_allclose(gradient @ v, 2 * (z @ dz), rtol=1e-9)


@SOME
@given(st.integers(2, 6), st.integers(0, 8), SEEDS)
def test_interpolation_is_numpys(n, m, seed):
    rng = np.random.default_rng(seed)
    xp, fp = np.sort(rng.standard_normal(n)), rng.standard_normal(n)
    x = np.concatenate([rng.standard_normal(m) * 2, xp[:2], xp[-1:]])
    for options in ({}, {"left": 3.0}, {"left": -1.0, "right": 2.0}, {"period": 1.7}):

        def f(x, xp, fp, options=options):
            return np.interp(x, xp, fp, **options)

        assert_array_equal(traced(f, x, xp, fp), f(x, xp, fp))
    check(lambda fp: np.interp(x, xp, fp), fp)


@SOME
@given(st.integers(1, 6), st.integers(1, 4), SEEDS)
def test_quotient_and_remainder_give_the_polynomial_again(n, m, seed):
    rng = np.random.default_rng(seed)
    u, v = rng.standard_normal(n) + 3.0, rng.standard_normal(m) + 3.0

    def again(u, v):
        quotient, rest = np.polydiv(u, v)
        return np.polyadd(np.polymul(quotient, v), rest)

    value, pullback = lg.vjp(again, u, v)
    assert_allclose(value[-n:], u, rtol=1e-9, atol=1e-9)
    w = rng.standard_normal(len(value))
    du, dv = pullback(w)
    assert_allclose(du, w[-n:], rtol=1e-7, atol=1e-8)
    assert_allclose(dv, 0, atol=1e-7)


@SOME
@given(SHAPES, st.integers(1, 3), SEEDS)
def test_unique_values_are_entries(shape, kinds, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, kinds + 1, shape).astype(float)
    value, pullback = lg.vjp(np.unique, x)
    assert_array_equal(value, np.unique(x))
    (taken,) = pullback(np.ones(len(value)))
    assert set(np.unique(taken)) <= {0.0, 1.0}
    assert_array_equal(np.sort(x[taken == 1]), value)
    if hasattr(np, "unique_values"):
        assert_array_equal(traced(np.unique_values, x), np.unique_values(x))


@SOME
@given(SHAPES, SHAPES)
def test_kronecker_product(a, b):
    rng = np.random.default_rng(0)
    check(np.kron, random(rng, a), random(rng, b))


@SOME
@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.booleans(), st.booleans())
def test_grids(lengths, sparse, matrix):
    options = {"sparse": sparse, "indexing": "ij" if matrix else "xy"}
    rng = np.random.default_rng(0)
    xs = [random(rng, (n,)) for n in lengths]
    for k in range(len(xs)):
        expected = np.meshgrid(*xs, **options)
        found = traced(lambda *xs, k=k: np.meshgrid(*xs, **options)[k], *xs)
        assert_array_equal(found, expected[k])
