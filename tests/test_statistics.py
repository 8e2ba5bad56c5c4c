"""Reductions, cumulative functions, order statistics and histograms: what their examples leave out.

Ties and zeros, entries that are left out, refusals, and laws that hold for any array.
"""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from refusals import refused
from scipy import special as sc

import lagrad as lg
from lagrad.rules import ACCUMULATE, REDUCE
from lagrad.rules.cumulative import recurrence
from lagrad.rules.selections import ALPHA_BETA, DISCRETE
from lagrad.status import NonFiniteError, TraceError

NAN, INF = np.nan, np.inf
TIED = np.array([2.0, 1.0, 2.0, 0.5, 1.0])
X = np.array([0.3, -0.4, 1.2, 0.7])
METHODS = [*ALPHA_BETA, *DISCRETE, "midpoint", "averaged_inverted_cdf"]


def pulled(f, x, w=None):
    """Return the gradient of the sum of f, weighed by 1, 2, 3, ..."""
    z = f(x)
    w = np.arange(1.0, np.size(z) + 1).reshape(np.shape(z)) if w is None else w
    return lg.grad(lambda x: np.sum(f(x) * w))(x)


# -- options of reductions -------------------------------------------------------------------------


@pytest.mark.parametrize("f", [np.sum, np.prod, np.max, np.min, np.nanmax, np.nanmin])
def test_initial_is_one_more_entry(f):
    x = np.array([[0.5, 2.0, -1.0], [3.0, 1.5, 0.25]])
    for initial, options in itertools.product(
        (0.75, 5.0, -5.0), ({}, {"axis": 0}, {"axis": (0, 1), "keepdims": True}, {"axis": -1})
    ):
        value, back = lg.vjp(lambda x, i, o=options: f(x, initial=i, **o), x, initial)
        assert_allclose(value, f(x, initial=initial, **options), rtol=1e-15)
        gx, gi = back(np.ones(np.shape(value)))
        for g, k in ((gx, 0), (gi, 1)):
            h = 1e-6
            difference = [
                (
                    np.sum(f(x + h * e * (k == 0), initial=initial + h * (k == 1), **options))
                    - np.sum(f(x - h * e * (k == 0), initial=initial - h * (k == 1), **options))
                )
                / (2 * h)
                for e in (np.eye(6).reshape(6, 2, 3) if k == 0 else [1.0])
            ]
            assert_allclose(np.ravel(g), difference, atol=1e-8)


@pytest.mark.parametrize("f", [np.max, np.min, np.nanmax, np.nanmin])
def test_initial_shares_with_the_entries_that_it_equals(f):
    assert_array_equal(
        lg.grad(lambda x, i: f(x, initial=i), (0, 1))(np.ones(3), 1.0)[0], [0.25] * 3
    )
    assert float(lg.grad(lambda i: f(i * np.zeros(0), initial=i))(2.0)) == 1.0


@pytest.mark.parametrize("f", [np.sum, np.mean, np.var, np.std, np.prod])
def test_what_where_leaves_out_has_no_partial(f):
    x = np.array([1.0, 0.0, 4.0, 9.0])
    kept = np.array([True, False, True, True])
    got = lg.grad(lambda x: f(np.sqrt(x), where=kept))(x)
    want = lg.grad(lambda x: f(np.sqrt(x)))(x[kept])
    assert_allclose(got, [want[0], 0.0, *want[1:]], rtol=1e-14)
    value = f(np.sqrt(x), where=kept)
    assert_allclose(lg.vjp(lambda x: f(np.sqrt(x), where=kept), x)[0], value, rtol=1e-15)


def test_options_of_array_methods_and_of_reduce():
    x = np.array([[0.5, 2.0, -1.0], [3.0, 1.5, 0.25]])
    w = x > 0.4
    calls = [
        lambda x: x.sum(axis=0, where=w), lambda x: x.sum(0, np.float64, None, True, 3.0, w),
        lambda x: x.max(1, initial=1.75), lambda x: x.min(initial=0.0, where=w),
        lambda x: x.mean(where=w), lambda x: x.prod(axis=1, where=w),
        lambda x: x.var(where=w), lambda x: x.std(axis=1, where=w, ddof=0.5),
        lambda x: np.add.reduce(x, initial=2.0, where=w),
        lambda x: np.fmax.reduce(x), lambda x: np.fmin.reduce(x, axis=None),
        lambda x: np.logaddexp.reduce(x, axis=1), lambda x: np.any(x > 0.4, where=w) * x,
    ]  # fmt: skip
    for f in calls:
        assert_allclose(lg.vjp(f, x)[0], f(x), rtol=1e-15)
        assert lg.check_grad(f, x).ok


def test_traced_mask_is_structure():
    x = np.array([-1.0, 2.0, 3.0])
    assert_array_equal(lg.grad(lambda x: np.sum(x * x, where=x > 0))(x), [0.0, 4.0, 6.0])
    assert_array_equal(lg.grad(lambda x: np.mean(x, where=x > 0))(x), [0.0, 0.5, 0.5])
    assert_array_equal(lg.grad(lambda x: np.var(x, where=x > 0))(x), [0.0, -0.5, 0.5])


def test_integer_dtype_is_structure():
    assert_array_equal(lg.grad(lambda x: x[0] * np.sum(x, dtype=int))(np.array([1.5, 2.5])), [3, 0])


def test_spread_about_its_own_mean():
    if "mean" not in np.var.__wrapped__.__code__.co_varnames:
        pytest.skip("mean= came with NumPy 2")
    for f in (np.var, np.std):
        got = lg.grad(lambda x, f=f: f(x, mean=np.mean(x, keepdims=True)))(X)
        assert_allclose(got, lg.grad(f)(X), atol=1e-15)
    with pytest.raises(ValueError, match="correction"):
        np.var(X, ddof=1, correction=1)


@pytest.mark.parametrize("f", [np.std, np.nanstd])
def test_spread_of_equal_entries_has_derivative_zero(f):
    x, kept = np.array([0.1, 0.1, 0.1, 7.0]), np.array([True, True, True, False])
    assert_allclose(lg.grad(lambda x: f(x, where=kept))(x), np.zeros(4), atol=1e-15)
    x = np.array([1.0, 1.0, 5.0, 1.0])
    assert_array_equal(lg.grad(lambda x: f(x, where=x < 2))(x), np.zeros(4))
    with refused(NonFiniteError, "partial"):
        lg.hessian(lambda x: f(x, where=x < 2) ** 2)(x)


# -- products and sums along the way ---------------------------------------------------------------

ZEROS = [[0.0, 2.0, 3.0, 4.0], [2.0, 0.0, 3.0, 0.0], [0.0, 0.0, 0.0, 5.0], [2.0, 3.0, 5.0, 7.0]]


@pytest.mark.parametrize("x", ZEROS)
def test_products_with_zeros_at_every_order(x):
    x, n = np.array(x), 4

    def others(*out):
        return np.prod([x[k] for k in range(n) if k not in out])

    assert_allclose(lg.grad(np.prod)(x), [others(i) for i in range(n)])
    want = [[others(i, j) if i != j else 0.0 for j in range(n)] for i in range(n)]
    assert_allclose(lg.hessian(np.prod)(x), want, atol=1e-14)
    assert_allclose(lg.hessian(lambda x: np.cumprod(x)[-1])(x), want, atol=1e-14)
    third = lg.jacobian(lg.hessian(np.prod))(x)
    for i, j, k in itertools.product(range(n), repeat=3):
        assert_allclose(third[i, j, k], others(i, j, k) if len({i, j, k}) == 3 else 0, atol=1e-14)
    assert_allclose(lg.jacobian(lg.hessian(lambda x: np.cumprod(x)[-1]))(x), third, atol=1e-14)


def test_product_that_underflows_keeps_its_derivatives():
    x = np.array([1e-200, 1e-200, 1e200])
    assert np.prod(x) == 0
    assert_allclose(lg.grad(np.prod)(x), [1.0, 1.0, 0.0])


@pytest.mark.parametrize("shape", [(5,), (700,), (3, 400), (400, 3)])
@pytest.mark.parametrize("kind", ["f", "d", "F", "D"])
def test_recurrence_is_the_same_by_both_ways(shape, kind):
    rng = np.random.default_rng(7)
    a, b = (rng.uniform(-1, 1, (2, *shape)) * (1 + 0.5j if kind in "FD" else 1)).astype(kind)
    u = recurrence(a, b, -1)
    assert u.dtype == np.dtype(kind)
    want = b.copy()
    for i in range(1, shape[-1]):
        want[..., i] = a[..., i] * want[..., i - 1] + b[..., i]
    assert_allclose(u, want, rtol=1e-4 if kind in "fF" else 1e-12, atol=1e-6)


def test_recurrence_of_one_line_does_not_touch_another():
    a, b = np.ones((2, 3)), np.array([[INF, NAN, 1.0], [1.0, 2.0, 3.0]])
    for axis, x, y in ((1, a, b), (0, a.T, b.T)):
        u = recurrence(x, y, axis)
        assert_array_equal(u[1] if axis else u[:, 1], [1.0, 3.0, 6.0])


@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_running_maximum_takes_the_first_of_equals(ufunc):
    x = np.array([1.0, 1.0, 3.0, 3.0, 0.0])
    x = x if ufunc in (np.maximum, np.fmax) else -x
    assert_array_equal(pulled(ufunc.accumulate, x), [3.0, 0.0, 12.0, 0.0, 0.0])
    x = np.array([NAN, 1.0, NAN, 2.0])
    value, back = lg.vjp(ufunc.accumulate, x, nonfinite="allow")
    assert_array_equal(value, ufunc.accumulate(x))
    ignored = ufunc in (np.fmax, np.fmin)
    first = [1.0, 2.0, 0.0, 1.0] if ufunc is np.fmax else [1.0, 3.0, 0.0, 0.0]
    assert_array_equal(back(np.ones(4))[0], first if ignored else [4.0, 0.0, 0.0, 0.0])


# -- ties ------------------------------------------------------------------------------------------


def test_sort_keeps_the_order_of_equals():
    for kind in (None, "stable", "heapsort"):
        got = lg.jacobian(lambda x, k=kind: np.sort(x, kind=k))(TIED)
        assert_array_equal(got, np.eye(5)[[3, 1, 4, 0, 2]])
    assert_array_equal(lg.jacobian(np.sort)(TIED).sum(0), np.ones(5))


def test_partition_moves_every_entry_once():
    rng = np.random.default_rng(3)
    for x in (rng.permutation(40.0 // np.arange(1, 41)), rng.standard_normal(100)):
        j = lg.jacobian(lambda x: np.partition(x, (3, 20)))(x)
        assert_array_equal(np.sort(j, axis=None)[-len(x) :], np.ones(len(x)))
        assert_array_equal(j @ x, np.partition(x, (3, 20)))
        assert_array_equal(j.sum(0), np.ones(len(x)))


def test_order_statistics_at_ties_come_from_single_entries():
    assert_array_equal(lg.grad(np.median)(TIED), [0.0, 0.0, 0.0, 0.0, 1.0])
    assert_array_equal(lg.grad(np.median)(np.ones(4)), [0.0, 0.5, 0.5, 0.0])
    for method in METHODS:
        g = lg.grad(lambda x, m=method: np.quantile(x, 0.6, method=m))(np.ones(6))
        assert_allclose(np.sum(g), 1.0)


@pytest.mark.parametrize("f", [np.max, np.nanmax, np.ptp])
def test_equal_maxima_share(f):
    low = -1.0 if f is np.ptp else 0.0
    assert_array_equal(lg.grad(f)(TIED), [0.5, 0.0, 0.5, low, 0.0])


def test_weight_of_a_neighbour_that_does_not_count_is_no_entry():
    """The median of an odd number is one entry; the next has no partial, not one of zero."""
    x = np.array([4.0, 1.0, 0.0])
    assert_array_equal(lg.grad(lambda x: np.median(np.sqrt(x)))(x), [0.0, 0.5, 0.0])
    x = np.array([0.0, 1.0, 4.0])
    assert_array_equal(lg.grad(lambda x: np.quantile(-np.sqrt(x), 0.5))(x), [0.0, -0.5, 0.0])
    assert_array_equal(lg.grad(lambda x: np.quantile(np.sqrt(x), 1.0))(x), [0.0, 0.0, 0.25])


# -- quantiles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", sorted(METHODS))
def test_quantiles_pick_what_numpy_picks(method):
    rng = np.random.default_rng(5)
    x, q = rng.permutation(np.arange(11.0)), np.array([0.0, 0.05, 0.31, 0.5, 0.77, 0.98, 1.0])
    for n in (1, 2, 5, 11):
        j = lg.jacobian(lambda x: np.quantile(x, q, method=method))(x[:n])
        assert_allclose(j @ x[:n], np.quantile(x[:n], q, method=method), atol=1e-14)
        assert_allclose(j.sum(1), np.ones(len(q)))
        with_nan = np.append(x[:n], [NAN, NAN])
        j = lg.jacobian(lambda x: np.nanquantile(x, q, method=method))(with_nan)
        assert_array_equal(j[:, n:], np.zeros((len(q), 2)))
        assert_allclose(j[:, :n] @ x[:n], np.quantile(x[:n], q, method=method), atol=1e-14)


def test_derivative_to_q_is_from_the_right_at_an_entry():
    x = np.array([0.0, 1.0, 5.0])
    assert lg.grad(lambda q: np.quantile(x, q))(0.25) == 2.0
    assert lg.grad(lambda q: np.quantile(x, q))(0.5) == 8.0
    assert lg.grad(lambda q: np.quantile(x, q))(1.0) == 0.0
    assert_allclose(lg.grad(lambda q: np.percentile(x, q))(50.0), 0.08)
    for method in DISCRETE:
        assert lg.grad(lambda q, m=method: q * np.quantile(x, q, method=m))(0.99) in (1.0, 5.0)


def test_mixed_second_derivative_of_a_quantile():
    x, q = np.array([3.0, 0.0, 1.0]), 0.6
    cross = lg.jacobian(lambda q: lg.grad(lambda x: np.quantile(x, q))(x))(q)
    assert_array_equal(cross, [2.0, 0.0, -2.0])
    cross = lg.jacobian(lambda x: lg.grad(lambda q: np.quantile(x, q))(q))(x)
    assert_array_equal(cross, [2.0, 0.0, -2.0])
    # At an entry too, where the share of the next one is zero.
    cross = lg.jacobian(lambda q: lg.grad(lambda x: np.quantile(x, q))(x))(0.5)
    assert_array_equal(cross, [2.0, 0.0, -2.0])


# -- NaN -------------------------------------------------------------------------------------------

REDUCTIONS = [
    np.nansum, np.nanmean, np.nanmax, np.nanmin, np.nanprod, np.nanvar, np.nanstd, np.nanmedian,
    lambda x: np.nanquantile(x, 0.3), np.nancumsum, np.nancumprod,
]  # fmt: skip


@pytest.mark.parametrize("f", REDUCTIONS)
def test_nan_is_no_entry(f):
    def g(x):
        return np.sum(f(x / x * (x + 1) ** 2) * 1.5)  # 0 / 0 is NaN, and its partials are infinite

    with np.errstate(invalid="ignore", divide="ignore"):
        x, kept = np.array([0.0, 3.0, -2.0, 0.0, 0.5]), [1, 2, 4]
        value, got = lg.value_and_grad(g)(x)
        assert_allclose(value, g(x), rtol=1e-15)
        assert_array_equal(got[[0, 3]], [0.0, 0.0])
        if f not in (np.nancumsum, np.nancumprod):
            assert_allclose(got[kept], lg.grad(g)(x[kept]), rtol=1e-13)


@pytest.mark.parametrize("f", [np.nanvar, np.nanstd])
def test_complex_spread_without_nan(f):
    x = np.array([1 + 2j, 0.5j, NAN, -1.5 - 1j])
    value, back = lg.vjp(f, x)
    assert_allclose(value, f(x), rtol=1e-15)
    assert_allclose(back(1.0)[0][[0, 1, 3]], lg.grad(f)(x[[0, 1, 3]]), rtol=1e-14)
    assert back(1.0)[0][2] == 0


def test_only_nan_is_reported():
    for f in (np.nanmean, np.nanmedian, np.nanmax, np.nanstd):
        with pytest.warns(RuntimeWarning), refused(NonFiniteError):
            lg.grad(f)(np.full(3, NAN))
    assert_array_equal(lg.grad(np.nansum)(np.full(3, NAN)), np.zeros(3))


def test_nan_in_a_median_is_reported():
    with refused(NonFiniteError):
        lg.grad(np.median)(np.array([1.0, NAN, 2.0]))


# -- correlations and histograms -------------------------------------------------------------------


def test_perfect_correlation_is_smooth():
    x = np.array([1.0, 2.0, 4.0, 3.0])

    def f(y):
        return np.corrcoef(x, y)[0, 1]

    assert_allclose(lg.grad(f)(0.3 * x + 1), np.zeros(4), atol=1e-14)
    got, y = lg.hessian(f)(0.3 * x + 1), 0.3 * x + 1
    c = (y - y.mean()) / np.sqrt(np.sum((y - y.mean()) ** 2))
    project = np.eye(4) - 0.25 - np.outer(c, c)
    assert_allclose(got, -project / np.sum((y - y.mean()) ** 2), atol=1e-12)


def test_refusals_of_cov_are_numpys():
    m = np.ones((2, 3))
    for options in (
        {"ddof": 0.5}, {"fweights": [0.5, 1, 1]}, {"fweights": [1, 1]}, {"aweights": [[1.0, 1, 1]]},
        {"aweights": [-1.0, 1, 1]},
    ):  # fmt: skip
        with pytest.raises(Exception) as plain:
            np.cov(m, **options)
        with pytest.raises(type(plain.value), match=str(plain.value)):
            lg.jacobian(lambda m, o=options: np.cov(m, **o))(m)
    with pytest.raises(ZeroDivisionError):
        lg.grad(lambda w: np.average([1.0, 2.0], weights=w))(np.array([1.0, -1.0]))


def test_counts_are_structure_and_edges_move():
    x = np.array([0.0, 0.3, 1.0, 0.9, 0.1])
    counts, edges = np.histogram(x, 2)

    def f(x):
        n, e = np.histogram(x, 2)
        assert_array_equal(np.asarray(n), counts)
        assert n.dtype == counts.dtype
        return np.sum(n * e[1:])

    # e = min + (max - min) / 2, max
    want = counts @ np.array([[0.5, 0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0]])
    assert_allclose(lg.grad(f)(x), want)
    with pytest.raises(ValueError, match="monoton"):
        lg.grad(lambda x: np.histogram(x, [1.0, 0.0])[1][0] * x[0])(x)


def test_entries_on_edges_and_outside():
    data, edges = np.array([0.0, 1.0, 2.0, 3.0, 4.0, -1.0, NAN]), [0.0, 1.0, 3.0]
    got = lg.jacobian(lambda w: np.histogram(data, edges, weights=w)[0])(np.ones(7))
    assert_array_equal(got, [[1, 0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0, 0]])
    got = lg.jacobian(lambda w: np.histogram2d(data[:4], data[:4], [edges, 1], weights=w)[0])
    assert_array_equal(got(np.ones(4))[:, 0], [[1, 0, 0, 0], [0, 1, 1, 1]])


def test_bincount_of_structure():
    x = np.array([0.2, 1.7, 0.4])
    got = lg.grad(lambda x: np.sum(np.bincount(x.astype(int), x * x) ** 2))(x)
    assert_allclose(got, 4 * x * np.array([0.2, 1.7**2, 0.2]) ** [1, 1, 1] * [1, 1, 1])


# -- logsumexp -------------------------------------------------------------------------------------


def test_weighed_logsumexp_is_scipys():
    x, b = np.array([[0.5, -1000.0, 1000.0], [3.0, -INF, 2.0]]), np.array([2.0, 3.0, 0.0])
    assert_allclose(lg.logsumexp(x, axis=1, b=b), sc.logsumexp(x, axis=1, b=b), rtol=1e-15)
    got = lg.grad(lambda x: lg.logsumexp(x, b=b))(x[0])
    assert_allclose(got, [1.0, 0.0, 0.0], atol=1e-15)
    b = np.array([2.0, 0.0, -1.0])
    x = np.array([0.2, 0.4, 0.1])
    gx, gb = lg.grad(lambda x, b: lg.logsumexp(x, b=b), (0, 1))(x, b)
    assert_allclose(gb, np.exp(x - sc.logsumexp(x, b=b)))
    assert_allclose(gx, b * gb)


def test_log_softmax():
    x = np.array([[0.3, -800.0, 1.0], [0.0, 0.0, 900.0]])
    assert_allclose(lg.log_softmax(x), sc.log_softmax(x, axis=-1), rtol=1e-14)
    j = lg.jacobian(lambda x: lg.log_softmax(x))(x[0])
    assert_allclose(j, np.eye(3) - sc.softmax(x[0]), atol=1e-15)


#: NumPy has it since version 2.
WEIGHTED = (
    {
        "weights of a quantile": (
            lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=[1, 1, 1, 1]),
            ["weights", "np.cumsum"],
        ),
    }
    if "weights" in inspect.signature(np.quantile).parameters
    else {}
)


# -- refusals --------------------------------------------------------------------------------------

REFUSED = {
    "out": (lambda x: np.sum(x, 0, None, np.zeros(())), ["out="]),
    "out of var": (lambda x: np.var(x, 0, None, np.zeros(())), ["out="]),
    **WEIGHTED,
    "where without initial": (lambda x: np.max(x, where=x > 0), ["max", "initial="]),
    "mask of floats": (lambda x: np.sum(x, where=np.ones(4)), ["sum", "where", "booleans"]),
    "mask of another shape": (lambda x: np.sum(x, where=np.ones((2, 4), bool)), ["sum"]),
    "axis": (lambda x: np.max(x, axis=1, initial=0.0), ["max", "axis 1"]),
    "fields": (lambda x: np.sort(x, order="a"), ["order"]),
    "q with axes": (lambda x: np.nanquantile(x, [[0.5, 0.1]], axis=0), ["np.ravel(q)"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    f, words = REFUSED[name]
    with refused(TraceError, *words):
        lg.jacobian(f)(X)


def test_methods_of_ufuncs_agree_with_functions():
    for table, method in ((REDUCE, "reduce"), (ACCUMULATE, "accumulate")):
        for ufunc, function in table.items():
            x = np.array([[0.5, 2.0, -1.0], [3.0, 1.5, 0.25]])
            f = getattr(ufunc, method)
            assert_allclose(f(x, axis=1), function(x, axis=1), rtol=1e-15)
            assert_allclose(
                pulled(lambda x, f=f: f(x, axis=1), x),
                pulled(lambda x, f=function: f(x, axis=1), x),
            )


# -- laws ------------------------------------------------------------------------------------------

SYMMETRIC = {
    "sum": np.sum, "prod": np.prod, "max": np.max, "var": np.var, "std": np.std,
    "median": np.median, "quantile": lambda x: np.quantile(x, 0.35), "ptp": np.ptp,
    "nanmean": np.nanmean, "nanvar": np.nanvar, "logsumexp": lg.logsumexp,
    "sort": lambda x: np.sum(np.sort(x) * np.arange(np.size(x))),
    "cumprod": lambda x: np.cumprod(x)[-1], "cov": lambda x: np.cov(x),
    "histogram": lambda x: np.sum(np.histogram(x, 3, density=True)[0][0]),
}  # fmt: skip

distinct = hnp.arrays(
    float, st.integers(2, 9), elements=st.integers(-40, 40).map(lambda k: k / 8), unique=True
)
grids = hnp.arrays(float, (2, 3, 4), elements=st.integers(-20, 20).map(lambda k: k / 4))


@settings(deadline=None, max_examples=25)
@given(x=distinct, data=st.data())
@pytest.mark.parametrize("name", SYMMETRIC)
def test_gradient_of_a_symmetric_function_permutes_with_its_entries(name, x, data):
    f = SYMMETRIC[name]
    p = np.array(data.draw(st.permutations(range(len(x)))))
    assert_allclose(lg.grad(f)(x[p]), lg.grad(f)(x)[p], rtol=1e-9, atol=1e-9)


ALONG = {
    "sum": np.sum, "prod": np.prod, "mean": np.mean, "var": np.var, "median": np.median,
    "cumsum": np.cumsum, "cumprod": np.cumprod, "sort": np.sort, "nanprod": np.nanprod,
    "partition": lambda x, axis: np.partition(x, 1, axis=axis),
    "quantile": lambda x, axis: np.quantile(x, 0.3, axis=axis),
    "running": lambda x, axis: np.maximum.accumulate(x, axis=axis),
}  # fmt: skip


@settings(deadline=None, max_examples=15)
@given(x=grids, order=st.permutations(range(3)), axis=st.integers(0, 2))
@pytest.mark.parametrize("name", ALONG)
def test_gradient_follows_the_axes(name, x, order, axis):
    f, moved = ALONG[name], order.index(axis)
    want = lg.grad(lambda x: np.sum(f(x, axis=axis) ** 2))(x)
    got = lg.grad(lambda x: np.sum(f(x, axis=moved - 3) ** 2))(np.transpose(x, order))
    assert_allclose(got, np.transpose(want, order), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(x=hnp.arrays(float, (3, 5), elements=st.integers(-6, 6).map(float)))
def test_sorting_and_sorting_back_is_the_identity(x):
    def f(x):
        back = np.argsort(np.argsort(x, axis=1, kind="stable"), axis=1, kind="stable")
        return np.take_along_axis(np.sort(x, axis=1), back, axis=1)

    assert_array_equal(f(x), x)
    w = np.arange(15.0).reshape(3, 5)
    assert_array_equal(pulled(f, x, w), w)
    assert_array_equal(lg.jvp(f, (x,), (w,))[1], w)


@settings(deadline=None, max_examples=25)
@given(x=hnp.arrays(float, st.integers(1, 8), elements=st.integers(-3, 3).map(float)))
def test_running_products_at_any_zeros(x):
    """Against the definition, entry by entry, at first and second order."""

    def slowly(x):
        parts = [x[0]]
        for k in range(1, len(x)):
            parts.append(parts[-1] * x[k])
        return np.stack(parts)

    w = np.arange(1.0, len(x) + 1)
    for f in (np.cumprod, np.nancumprod):
        assert_allclose(lg.jacobian(f)(x), lg.jacobian(slowly)(x), atol=1e-12)
        got = lg.hessian(lambda x, f=f: np.sum(w * f(x)))(x)
        assert_allclose(got, lg.hessian(lambda x: np.sum(w * slowly(x)))(x), atol=1e-12)
