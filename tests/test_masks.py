"""Structure decides, values never do: patterns, zeros, and branches that were not taken."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special as sc

import lagrad as lg

X = np.array([0.0, 2.0, -1.0, 0.5])


def pattern(a):
    """Return where a sparse matrix stores entries, zeros included."""
    a = sp.coo_array(a)
    return sorted(zip(a.row.tolist(), a.col.tolist(), strict=True))


# -- structure -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x**2), lambda x: np.prod(x), lambda x: np.sum(np.outer(x, x)),
        lambda x: x @ x, lambda x: np.sum(np.sin(x) * np.tanh(x[::-1])), lambda x: np.sum(x * x),
        lambda x: np.linalg.norm(x), lambda x: np.einsum("i,i,i->", x, x, x),
        lambda x: x[0] * x[1] + x[2] * x[3],
    ],
)  # fmt: skip
def test_accidental_zero_of_a_variable_changes_neither_pattern_nor_order(f):
    systems = [lg.trace(f, x).linearize() for x in (np.zeros(4), X, np.array([1.0, 2.0, 3.0, 4.0]))]
    for system in systems[:2]:
        assert pattern(system.A) == pattern(systems[2].A)
        assert pattern(system.block_pattern) == pattern(systems[2].block_pattern)
        assert system.order == systems[2].order
        assert system.blocks == systems[2].blocks


def test_product_of_sparse_jacobians_keeps_entries_that_cancel():
    for x in (np.zeros(2), np.array([1.0, 2.0])):
        j = lg.jacobian(lambda x: x[0] * x - x[0] * x, sparse=True)(x)
        assert pattern(j) == [(0, 0), (1, 0), (1, 1)]


@pytest.mark.parametrize(
    ("f", "entries"),
    [
        (lambda x: np.array([0.0, 2.0, 0.0, 1.0]) * x, 2),
        (lambda x: np.array([[1.0, 0, 0, 0], [0, 1.0, -1.0, 0]]) @ x, 3),
        (lambda x: x @ np.diag([1.0, 0.0, 2.0, 3.0]), 3),
        (lambda x: sp.csr_array(np.diag([1.0, 0.0, 2.0, 3.0])) @ x, 3),
        (lambda x: np.einsum("i,ij->j", x, np.eye(4)), 4),
        (lambda x: np.outer(x, [0.0, 1.0]), 4),
        (lambda x: x[1] * np.array([0.0, 3.0]), 1),
    ],
)
def test_zero_of_a_constant_is_structure(f, entries):
    for x in (X, np.ones(4)):
        graph = lg.trace(f, x)
        system = graph.linearize()
        below = [(i, j) for i, j in pattern(system.A) if i != j]
        last = system.offsets[-2]
        assert len([1 for _, j in below if j >= last]) == entries


def test_zero_of_a_constant_stays_an_entry_where_both_factors_vary():
    a = lg.trace(lambda x: x[0] * x[1] * 0.0 + x[0] * x[1], np.zeros(2)).linearize().A
    product = [(i, j) for i, j in pattern(a) if i != j]
    b = lg.trace(lambda x: x[0] * x[1] * 0.0 + x[0] * x[1], np.ones(2)).linearize().A
    assert product == [(i, j) for i, j in pattern(b) if i != j]


# -- branches that were not taken ----------------------------------------------------------------


def overwritten(y):
    """Overwrite the entry that is not finite."""
    y[0] = 7.0
    return y


def guarded_loop(x):
    """Take what is defined entry by entry."""
    y = 1 / x
    return sum(y[k] ** 2 for k in range(4) if x[k] != 0)


#: Each has log(0), sqrt(0) or 1/0 at the first entry of X, and does not take it.
SELECTIONS = {
    "where log": lambda x: np.where(x > 0, np.log(abs(x)), 0.0),
    "where sqrt": lambda x: np.where(x > 0, np.sqrt(abs(x)), 0.0),
    "where reciprocal": lambda x: np.where(x != 0, 1 / x, 0.0),
    "where power": lambda x: np.where(x > 0, abs(x) ** -1.5, 0.0),
    "where xlogy": lambda x: np.where(x > 0, sc.xlogy(abs(x), abs(x)), 0.0),
    "where entr": lambda x: np.where(x > 0, sc.entr(abs(x)), 0.0),
    "where arctanh": lambda x: np.where(x > 0, np.arctanh(1 - abs(x) / 3), 0.0),
    "second branch": lambda x: np.where(x == 0, 0.0, 1 / x),
    "where in where": lambda x: np.where(x > 0, np.where(x > 1, np.log(abs(x)), 1 / x), 0.0),
    "mask": lambda x: np.log(abs(x))[x > 0],
    "slice": lambda x: (1 / x)[1:],
    "index array": lambda x: (1 / x)[[1, 1, 2, 3]],
    "index array of the same length": lambda x: np.sqrt(abs(x))[[3, 1, 1, 2]],
    "take": lambda x: np.take(1 / x, [3, 1]),
    "repeat": lambda x: np.repeat(1 / x, [0, 1, 2, 1]),
    "maximum": lambda x: np.maximum(-1 / abs(x), -5.0),
    "minimum": lambda x: np.minimum(1 / abs(x), 5.0),
    "fmax": lambda x: np.fmax(np.log(abs(x)), -5.0),
    "fmin": lambda x: np.fmin(-np.log(abs(x)), 5.0),
    "clip": lambda x: np.clip(np.log(abs(x)), -5.0, None),
    "clip on both sides": lambda x: np.clip(1 / x, -7.0, 7.0),
    "max": lambda x: np.max(np.log(abs(x))),
    "min": lambda x: np.min(1 / abs(x)),
    "norm inf": lambda x: np.linalg.norm(np.sqrt(abs(x)), np.inf),
    "assign": lambda x: overwritten(np.log(abs(x))),
    "diagonal": lambda x: np.diagonal(np.reshape((1 / x)[[1, 0, 0, 3]], (2, 2))),
    "tril": lambda x: np.tril(np.reshape((1 / x)[[1, 0, 2, 3]], (2, 2))),
    "behind moves": lambda x: np.reshape(np.log(abs(x)).T, (2, 2))[:, 1] * [2.0, 3.0],
    "behind a sum": lambda x: (np.log(abs(x)) + 2 * np.sqrt(abs(x)))[1:],
    "behind a product": lambda x: (x * np.log(abs(x)))[1:],
    "behind a chain": lambda x: np.where(x != 0, np.exp(-1 / np.sqrt(abs(x))) ** 2, 0.0),
    "behind a sum over an axis": lambda x: np.sum((1 / x)[:, None] * [1.0, 2.0], axis=1)[1:],
    "behind a cast": lambda x: np.where(x > 0, np.log(abs(x)).astype(complex).real, 0.0),
    "behind broadcasting": lambda x: (1 / x[:, None] + np.ones(2))[1:],
    "behind concatenate": lambda x: np.concatenate([x[1:], np.log(abs(x))])[4:],
    "behind keepdims": lambda x: (np.sqrt(np.sum(abs(x)[:, None], axis=1, keepdims=True)))[1:],
    "two uses": lambda x: np.where(x != 0, np.log(abs(x)), 0.0) + np.where(x != 0, 1 / x, 0.0),
    "written into zeros": lambda x: np.add(overwritten(1 / x), 0.0, out=np.zeros_like(x))[1:],
    "scalars": guarded_loop,
}


@pytest.fixture(params=SELECTIONS)
def selection(request):
    """Give a scalar function of X; NumPy's warnings of its own log(0) are off inside it."""
    f = SELECTIONS[request.param]

    def quiet(x):
        with np.errstate(all="ignore"):
            return np.sum(f(x))

    return quiet


def along(f, x, v, h=1e-4):
    """Return the derivative of f along v by central differences."""
    steps = [f(x + k * h * v) for k in (-2, -1, 1, 2)]
    return (steps[0] - 8 * steps[1] + 8 * steps[2] - steps[3]) / (12 * h)


#: Directions that leave the singular entry where it is: there every function above is smooth.
DIRECTIONS = np.eye(4)[1:]


def test_gradient_is_finite_and_right(selection):
    g = lg.grad(selection)(X)
    assert g[0] == 0
    for v in DIRECTIONS:
        assert_allclose(g @ v, along(selection, X, v), rtol=1e-7, atol=1e-9)


def test_tangent_is_finite_and_right(selection):
    v = np.array([1.0, -0.5, 2.0, 3.0])
    value, tangent = lg.jvp(selection, (X,), (v,))
    assert value == selection(X)
    assert_allclose(tangent, lg.grad(selection)(X) @ v, rtol=1e-12)


def test_explicit_a_has_no_infinite_entry_and_gives_the_same(selection):
    system = lg.trace(selection, X).linearize()
    assert np.isfinite(system.A.data).all()
    assert_allclose(
        system.solve(method="explicit")["x"], lg.grad(selection)(X), rtol=1e-12, atol=1e-14
    )


def test_sparse_jacobian_is_finite_and_right(selection):
    j = lg.jacobian(selection, sparse=True)(X)
    assert_allclose(j.toarray().ravel(), lg.grad(selection)(X), rtol=1e-12, atol=1e-14)


def test_second_derivatives_are_finite_and_right(selection):
    h = lg.hessian(selection)(X)
    assert_array_equal(h[0], np.zeros(4))
    assert_allclose(h, h.T, rtol=1e-12, atol=1e-13)
    g = lg.grad(selection)
    for v in DIRECTIONS:
        assert_allclose(h @ v, along(g, X, v), rtol=1e-6, atol=1e-8)
        assert_allclose(lg.hvp(selection, (X,), (v,)), h @ v, rtol=1e-12, atol=1e-13)


def test_explicit_a_of_the_gradient_is_finite_and_right(selection):
    w = np.array([1.0, -0.5, 2.0, 3.0])
    system = lg.trace(lambda x: w @ lg.grad(selection)(x), X).linearize()
    assert np.isfinite(system.A.data).all()
    assert_allclose(
        system.solve(method="explicit")["x"], lg.hessian(selection)(X) @ w, rtol=1e-10, atol=1e-12
    )


def test_third_derivative_of_a_branch_not_taken():
    def f(x):
        with np.errstate(all="ignore"):
            return np.where(x > 0, np.log(abs(x)), x)

    third = lg.grad(lg.grad(lg.grad(f)))
    assert third(0.0) == 0.0
    assert_allclose(third(0.5), 2 / 0.5**3, rtol=1e-14)


def test_infinite_partial_on_the_way_is_reported():
    for f in (
        lambda x: np.sum(np.sqrt(abs(x))),
        lambda x: np.sum(np.where(x < 1, abs(x) ** 0.5, x)),
    ):
        with pytest.raises(FloatingPointError):
            lg.grad(f)(X)
        assert not np.isfinite(lg.grad(f, nonfinite="allow")(X)[0])


W = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 1.0]])
WELL = np.array([[[2.0, 0.3], [0.1, 1.0]]] * 2)

#: A selection behind a map that mixes entries, and infinite slopes or values in front of it.
MIXED = {
    "outer": lambda x: np.sum(np.outer(1 / x, x + 2.0)[1:]),
    "matmul": lambda x: np.sum(np.where((x > 0)[:, None], (np.sqrt(x)[:, None] * W.T) @ W, 0.0)),
    "row of a matmul": lambda x: np.sum(((np.sqrt(x)[:, None] * W.T) @ W)[1] ** 2),
    "einsum": lambda x: np.einsum("ij,jk->ki", np.sqrt(x)[:, None] * W.T, W)[:, 1].sum(),
    "matrix with inf": lambda x: (np.array([[np.inf, 1.0], [2.0, 3.0]]) @ x)[1],
    "product with inf": lambda x: ((np.array([[np.inf, 1.0], [2.0, 3.0]]) * x[1]) @ x)[1],
    "solve": lambda x: np.sum(np.linalg.solve(WELL, np.sqrt(x)[:, None, None] * W[:2, :1])[1]),
    "rfft": lambda x: np.abs(np.fft.rfft(np.sqrt(x)[:, None] * W.T)[1, 1]),
    "cumprod": lambda x: np.cumprod(np.sqrt(x)[:, None] * W.T, axis=1)[1].sum(),
    "two layers": lambda x: np.sum(
        np.where((x > 0)[:, None], np.tanh((np.sqrt(x)[:, None] * W.T) @ W) @ W[:2], 0.0)
    ),
    "convolve": lambda x: np.stack(
        [np.convolve(v * W[:, 0], [1.0, 2.0]) for v in np.sqrt(x)]
    ).ravel()[6],
}


@pytest.mark.parametrize("name", MIXED)
def test_nothing_leaks_through_maps_that_mix_entries(name):
    """0 * inf is 0 where a selection left out all that the infinite factor reaches."""
    f, x = MIXED[name], np.array([0.0, 4.0])
    with np.errstate(all="ignore"):
        gradient = lg.grad(f)(x)
        explicit = lg.trace(f, x).linearize().solve(method="explicit")["x"]
        beside = lg.grad(f)(np.array([1e-14, 4.0]))
    assert np.isfinite(gradient).all()
    assert_allclose(explicit, gradient, rtol=1e-12)
    assert_allclose(gradient[1], beside[1], rtol=1e-6)


def test_indices_are_added_to_a_sum_whose_mask_is_found_late():
    """An entry, a product behind a selection, an entry: in this order the sweep meets them."""

    def f(x):
        first = x[0]
        selected = np.where([True, False], W[:2] @ x, 0.0)
        last = x[1]
        return first**2 + np.sum(selected) + last**3

    assert lg.check_grad(f, np.array([1.0, 2.0])).ok


@pytest.mark.parametrize("name", ["matmul", "row of a matmul", "einsum", "two layers"])
def test_nothing_leaks_at_second_order(name):
    f, x = MIXED[name], np.array([0.0, 4.0])
    with np.errstate(all="ignore"):
        second = lg.hessian(f)(x)
        beside = lg.hessian(f)(np.array([1e-14, 4.0]))
    assert np.isfinite(second).all()
    assert_allclose(second[1, 1], beside[1, 1], rtol=1e-6)


def test_masked_multiplier_meets_a_plain_one():
    """What one use leaves out another takes: only the sum of both counts."""

    def f(x):
        y = np.sqrt(abs(x))
        return np.sum(y[1:]) + np.sum(np.where(x == 0, y * 0.0, y))

    with pytest.raises(FloatingPointError):
        lg.grad(f)(X)
    assert lg.check_grad(f, X[1:]).ok


# -- conventions where a derivative is not unique ------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (abs, 0.0, 0.0),
        (np.fabs, 0.0, 0.0),
        (lambda x: np.maximum(x, 0.0), 0.0, 0.5),
        (lambda x: np.minimum(x, 0.0), 0.0, 0.5),
        (lambda x: np.maximum(x, x), 2.0, 1.0),
        (lg.relu, 0.0, 0.5),
        (lambda x: np.clip(x, 0.0, 1.0), 0.0, 1.0),
        (lambda x: np.clip(x, 0.0, 1.0), 1.0, 1.0),
        (lambda x: np.hypot(x, 0.0), 0.0, 0.0),
        (lambda x: x**2, 0.0, 0.0),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**1, 0.0, 1.0),
        (lambda x: 0.0**x, 2.0, 0.0),
        (lambda x: np.power(x, 2.0 + 0 * x), 0.0, 0.0),
        (np.sign, 3.0, 0.0),
        (np.floor, 3.5, 0.0),
        (lambda x: x - np.round(x), 3.2, 1.0),
        (lambda x: sc.xlogy(x, 2.0), 0.0, np.log(2.0)),
        (lambda x: sc.xlogy(0.0, x), 0.0, 0.0),
        (lambda x: np.copysign(3.0, x), 2.0, 0.0),
        (lambda x: np.heaviside(x, 0.5), 0.0, 0.0),
    ],
)
def test_derivative_of_a_scalar_at_its_kink(f, x, expected):
    assert lg.grad(f)(x) == expected
    assert lg.jvp(f, (x,), (1.0,))[1] == expected


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (np.max, [2.0, 1.0, 2.0, 0.0], [0.5, 0.0, 0.5, 0.0]),
        (np.min, [1.0, 1.0, 1.0, 1.0], [0.25, 0.25, 0.25, 0.25]),
        (np.prod, [2.0, 0.0, 3.0, 4.0], [0.0, 24.0, 0.0, 0.0]),
        (np.prod, [0.0, 0.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0]),
        (np.linalg.norm, [0.0] * 4, [0.0] * 4),
        (lambda x: np.linalg.norm(x, 1), [1.0, 0.0, -2.0, 0.0], [1.0, 0.0, -1.0, 0.0]),
        (lambda x: np.linalg.norm(x, 3), [0.0] * 4, [0.0] * 4),
        (lambda x: np.linalg.norm(x, np.inf), [2.0, -2.0, 1.0, 0.0], [0.5, -0.5, 0.0, 0.0]),
        (np.std, [3.0] * 4, [0.0] * 4),
        (np.ptp, [3.0, 1.0, 3.0, 2.0], [0.5, -1.0, 0.5, 0.0]),
        (lg.logsumexp, [-np.inf, 0.0, -np.inf, 0.0], [0.0, 0.5, 0.0, 0.5]),
        (lambda x: np.sum(np.logaddexp(x[:2], x[2:])), [-np.inf, 0, 0.0, 0.0], [0, 0.5, 1, 0.5]),
        (lambda x: np.linalg.det(np.reshape(x, (2, 2))), [1.0, 2.0, 2.0, 4.0], [4.0, -2, -2, 1.0]),
        (lambda x: np.linalg.det(np.reshape(x, (2, 2))), [0.0] * 4, [0.0] * 4),
        (lambda x: np.sum(np.abs(x)), [0.0, -0.0, 2.0, -2.0], [0.0, 0.0, 1.0, -1.0]),
        (lambda x: np.sum(lg.softmax(x)[1:2]), [-np.inf, 0.0, 0.0, -np.inf], [0, 0.25, -0.25, 0]),
    ],
)
def test_derivative_of_an_array_at_its_kink(f, x, expected):
    assert_allclose(lg.grad(f)(np.array(x)), expected, rtol=1e-14, atol=1e-15)


def test_second_derivatives_at_kinks_are_symmetric():
    for f, x, expected in (
        (lambda x: sc.xlogy(x[0], x[1]), [0.0, 2.0], [[0.0, 0.5], [0.5, 0.0]]),
        (lambda x: sc.xlog1py(x[0], x[1]), [0.0, 1.0], [[0.0, 0.5], [0.5, 0.0]]),
        (lambda x: np.prod(x), [0.0, 2.0], [[0.0, 1.0], [1.0, 0.0]]),
        (lambda x: np.linalg.det(np.diag(x)), [0.0, 2.0], [[0.0, 1.0], [1.0, 0.0]]),
        (lambda x: x[0] ** 2 * x[1], [0.0, 0.0], [[0.0, 0.0], [0.0, 0.0]]),
        (lambda x: np.sum(x**3.0), [0.0, 2.0], [[0.0, 0.0], [0.0, 12.0]]),
        (lambda x: np.sum(np.power(x, [1.0, 2.0])), [0.0, 0.0], [[0.0, 0.0], [0.0, 2.0]]),
    ):
        assert_allclose(lg.hessian(f)(np.array(x)), expected, rtol=1e-14, atol=1e-15)


def test_nan_takes_the_way_that_numpy_gives_it():
    x = np.array([np.nan, 1.0])
    grad = lg.grad(lambda x, f: np.sum(f(x, [2.0, np.nan])), nonfinite="allow")
    assert_array_equal(grad(x, np.maximum), [1.0, 0.0])
    assert_array_equal(grad(x, np.fmax), [0.0, 1.0])
