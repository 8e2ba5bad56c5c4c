"""Sparse matrices of variables, held against dense twins, finite differences and closed forms."""

import copy
import functools
import gc
import pickle
import tracemalloc
import weakref
from dataclasses import dataclass, field

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import lagrad as lg
from lagrad import assemble
from lagrad.sparse import SparseValues
from lagrad.sparse import products as sparse_products
from lagrad.sparse import solve as sparse_solve
from lagrad.status import (
    ArgumentError,
    NonFiniteError,
    SingularError,
    SizeError,
    TraceError,
)

RNG = np.random.default_rng(7)
N = 5
ROWS = np.array([3, 0, 0, 2, 3, 0, 2, 4])  # row 1 and column 4 are empty
COLUMNS = np.array([1, 2, 2, 0, 3, 0, 2, 1])  # (0, 2) is there twice
DATA = RNG.standard_normal(len(ROWS))
X = RNG.standard_normal(N)
XX = RNG.standard_normal((N, 3))


def made(w):
    return lg.sparse(w, (ROWS, COLUMNS), (N, N))


def dense(w):
    """The same matrix, made by assignment."""
    m = lg.zeros((N, N), np.asarray(lg.stop_gradient(w)).dtype)
    for i, j, d in zip(ROWS, COLUMNS, w, strict=True):
        m[i, j] = m[i, j] + d
    return m


def random_matrix(m, n, density=0.4, seed=3):
    rng = np.random.default_rng(seed)
    full = rng.standard_normal((m, n)) * (rng.random((m, n)) < density)
    return sp.csr_array(full)


def solvable(n=N, form="csr", seed=5):
    m = random_matrix(n, n, 0.5, seed) + 4.0 * sp.eye_array(n)
    return m.asformat(form)


def solution(m):
    """The solve with a matrix like m, as a function of its entries and the right-hand side."""
    return lambda w, b: lg.spsolve(lg.sparse(w, like=m), b)


def dense_solution(m):
    """The same by NumPy, with the dense matrix."""
    return lambda w, b: np.linalg.solve(lg.sparse(w, like=m).toarray(), b)


def squared(f):
    @functools.wraps(f)
    def total(*args):
        z = f(*args)
        return np.sum(np.real(z * np.conj(z)))

    return total


def sine(f):
    return lambda *args: np.sum(np.sin(f(*args)))


#: Each is written as NumPy writes it, so that it can be run on the sparse and on the dense matrix.
EXPRESSIONS = {
    "P @ x": lambda P, x, X: P @ x,
    "x @ P": lambda P, x, X: x @ P,
    "P @ X": lambda P, x, X: P @ X,
    "X @ P": lambda P, x, X: X.T @ P,
    "P.T @ x": lambda P, x, X: P.T @ x,
    "x @ P.T": lambda P, x, X: x @ P.T,
    "P.T.T @ X": lambda P, x, X: P.T.T @ X,
    "-P": lambda P, x, X: -P @ x,
    "P * c": lambda P, x, X: (P * x[0]) @ x,
    "c * P": lambda P, x, X: (np.exp(x[1]) * P) @ x,
    "P / c": lambda P, x, X: (P / x[0]) @ x,
    "columns scaled": lambda P, x, X: (P * x) @ x,
    "rows scaled": lambda P, x, X: (x[:, None] * P) @ x,
    "rows divided": lambda P, x, X: (P / x[:, None]) @ x,
    "one row of scales": lambda P, x, X: (P * x[None, :]) @ x,
    "every entry scaled": lambda P, x, X: (P * np.outer(x, x)) @ x,
    "P * P": lambda P, x, X: (P * P) @ x,
    "P + P": lambda P, x, X: (P + P) @ x,
    "P - P.T": lambda P, x, X: (P - P.T) @ x,
    "P + 2 P.T": lambda P, x, X: (P + 2 * P.T) @ X,
    "P @ P": lambda P, x, X: (P @ P) @ x,
    "P.T @ P": lambda P, x, X: (P.T @ P) @ x,
    "P @ P.T @ P": lambda P, x, X: (P @ P.T @ P) @ X,
    "sum": lambda P, x, X: P.sum() * x,
    "sum(0)": lambda P, x, X: P.sum(axis=0) * x,
    "sum(1)": lambda P, x, X: P.sum(axis=1) * x,
    "sum(-1)": lambda P, x, X: P.sum(-1) * x,
    "twice": lambda P, x, X: P @ (P @ X) + P @ X,
}


def scalar(expression, matrix):
    """A number that depends on all entries of the result, and not linearly."""

    def f(w, x, X):  # noqa: N803
        z = np.sin(expression(matrix(w), x, X))
        return np.sum(z * np.linspace(0.5, 1.5, z.size).reshape(z.shape))

    return f


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_values_and_derivatives_of_order_two_are_those_of_the_dense_twin(name):
    e = EXPRESSIONS[name]
    assert_allclose(e(made(DATA), X, XX), e(dense(DATA), X, XX), rtol=1e-13, atol=1e-13)
    f, twin = scalar(e, made), scalar(e, dense)
    for k in (0, 1, 2):
        g, h = (lg.grad(q, k)(DATA, X, XX) for q in (f, twin))
        assert_allclose(g, h, rtol=1e-12, atol=1e-12)
    for a, b in zip(*(lg.hessian(q, (0, 1))(DATA, X, XX) for q in (f, twin)), strict=True):
        for p, q in zip(a, b, strict=True):
            assert_allclose(p, q, rtol=1e-11, atol=1e-11)
    assert lg.check_grad(f, DATA, X, XX).ok


@pytest.mark.parametrize("name", ["P @ x", "X @ P", "P @ P.T @ P", "rows scaled", "P - P.T"])
def test_order_three_is_that_of_the_dense_twin(name):
    def third(matrix):
        f = scalar(EXPRESSIONS[name], matrix)
        norm = squared(lambda w, x: lg.grad(f)(w, x, XX))
        return lg.grad(sine(lg.grad(norm, 1)), (0, 1))(DATA, X)

    for a, b in zip(third(made), third(dense), strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["P @ x", "P.T @ x", "P @ X", "X @ P", "P + 2 P.T", "P @ P"])
def test_tangents_jacobians_and_the_explicit_matrix_agree_with_the_dense_twin(name):
    e = EXPRESSIONS[name]
    f, twin = (lambda w, x, m=m: e(m(w), x, XX * x[:, None]) for m in (made, dense))
    v = RNG.standard_normal(DATA.shape), RNG.standard_normal(N)
    assert_allclose(lg.jvp(f, (DATA, X), v)[1], lg.jvp(twin, (DATA, X), v)[1], atol=1e-12)
    for k in (0, 1):
        J = lg.jacobian(twin, k)(DATA, X)
        assert_allclose(lg.jacobian(f, k)(DATA, X), J, atol=1e-12)
        flat = lg.jacobian(f, k, sparse=True)(DATA, X).toarray()
        assert_allclose(flat, J.reshape(flat.shape), atol=1e-12)
    w = RNG.standard_normal(np.shape(f(DATA, X)))
    system = lg.trace(lambda w_, x: np.sum(f(w_, x) * w), DATA, X).linearize()
    explicit, swept = system.solve(method="explicit"), system.solve()
    for name in explicit:
        assert_allclose(explicit[name], swept[name], atol=1e-12)
    assert_allclose(explicit["x"], np.tensordot(w, lg.jacobian(twin, 1)(DATA, X), w.ndim))


def test_a_holds_one_entry_for_each_entry_of_the_matrix():
    system = lg.trace(lambda w: made(w) @ X, DATA).linearize()
    A, n = -system.A.toarray(), len(DATA)
    # w, the entries by place (duplicates added), the product
    places = sorted(set(zip(ROWS.tolist(), COLUMNS.tolist(), strict=True)))
    local = A[n : n + len(places), n + len(places) :].T
    expected = np.zeros((N, len(places)))
    for k, (i, j) in enumerate(places):
        expected[i, k] = X[j]
    assert_array_equal(local, expected)


def test_the_gradient_with_respect_to_an_entry_is_w_i_x_j():
    w = np.arange(1.0, 6.0)
    assert_allclose(lg.grad(lambda d: w @ (made(d) @ X))(DATA), w[ROWS] * X[COLUMNS])


# ---- patterns ----


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("kind", [sp.csr_array, sp.csr_matrix])
def test_data_are_in_the_order_of_the_matrix_that_they_are_like(form, kind):
    m = kind(random_matrix(4, 6)).asformat(form)
    P = lg.sparse(2.0 * m.data, like=m)
    assert_array_equal(P.toarray(), 2 * m.toarray())
    assert_array_equal(P.tocsr().toarray(), 2 * m.toarray())
    assert (P.shape, P.nnz, P.ndim, P.dtype) == (m.shape, m.nnz, 2, np.dtype(float))
    assert_array_equal(P.toarray()[P.rows, P.columns], P.data)
    g = lg.grad(lambda d: np.sum(lg.sparse(d, like=m) @ np.arange(6.0)))(m.data)
    assert_array_equal(g, np.arange(6.0)[m.tocoo().col])


def test_matrices_out_of_order_and_with_duplicates_are_read_as_scipy_reads_them():
    for kind in (sp.csr_array, sp.csc_array):
        m = kind(([1.0, 2.0, 3.0, 4.0], [2, 0, 0, 1], [0, 3, 3, 4]), shape=(3, 3))
        assert not m.has_canonical_format
        P = lg.sparse(m.data, like=m)
        assert_array_equal(P.toarray(), m.toarray())
        assert P.nnz == 3
        assert not m.has_canonical_format  # the caller's matrix is as it was


def test_a_matrix_with_room_to_spare_is_read_up_to_its_last_entry():
    m = sp.csr_array(([1.0, 2.0, 9.0, 9.0], [0, 1, 7, 7], [0, 1, 2]), shape=(2, 2))
    assert_array_equal(lg.sparse(m).toarray(), np.diag([1.0, 2.0]))
    assert_array_equal(lg.sparse(np.array([3.0, 4.0]), like=m).toarray(), np.diag([3.0, 4.0]))


def test_duplicates_add_up_and_each_gets_the_gradient_of_its_place():
    P = lg.sparse([1.0, 2.0, 4.0], ([0, 1, 0], [1, 1, 1]), (2, 2))
    assert_array_equal(P.toarray(), [[0.0, 5.0], [0.0, 2.0]])
    f = squared(lambda d: lg.sparse(d, ([0, 1, 0], [1, 1, 1]), (2, 2)).toarray()[0, 1])
    assert lg.grad(f)(np.array([1.0, 2.0, 4.0])).tolist() == [10.0, 0.0, 10.0]


def test_a_zero_among_the_entries_is_an_entry():
    d = np.array([0.0, 2.0, 0.0])
    P = lg.sparse(d, ([0, 1, 2], [1, 0, 2]), (3, 3))
    assert P.nnz == 3 and (P @ P).nnz == 3 and (P + P.T).nnz == 3
    g = lg.grad(lambda d: np.sum(lg.sparse(d, like=P) @ np.array([1.0, 2.0, 3.0])))(d)
    assert g.tolist() == [2.0, 1.0, 3.0]
    stored = sp.csr_array((d, P.pattern.indices, P.pattern.indptr), shape=(3, 3))
    assert lg.sparse(stored).nnz == 3


def test_sums_that_cancel_stay_in_the_pattern():
    P = lg.sparse([1.0, 1.0], ([0, 0], [0, 1]), (2, 2))
    Q = lg.sparse([1.0, -1.0], ([0, 1], [0, 0]), (2, 2))
    assert (P @ Q).nnz == 1 and (P @ Q).toarray()[0, 0] == 0.0
    assert (P - P).nnz == 2


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 5), (5, 2), (1, 1)])
def test_shapes_that_are_not_square_or_empty(shape):
    m = random_matrix(*shape, density=0.7)
    P = lg.sparse(m)
    x, y = RNG.standard_normal(shape[1]), RNG.standard_normal(shape[0])
    full = m.toarray()
    assert_allclose(P @ x, full @ x)
    assert_allclose(y @ P, y @ full)
    assert_allclose((P @ P.T).toarray(), full @ full.T)
    assert_allclose(P @ np.zeros((shape[1], 0)), full @ np.zeros((shape[1], 0)))
    g, h = lg.grad(lambda P, x: np.sum((P @ x) ** 2), (0, 1))(P, x)
    assert_allclose(g.toarray(), np.where(full != 0, 2 * np.outer(full @ x, x), 0.0))
    assert_allclose(h, 2 * full.T @ (full @ x))


def test_empty_places_need_no_dtype():
    P = lg.sparse([], ([], []), (2, 3))
    assert_array_equal(P @ np.ones(3), np.zeros(2))


def test_products_of_many_columns_in_parts_are_those_in_one(monkeypatch):
    P = lg.sparse(random_matrix(6, 7, 0.8))
    u, v = RNG.standard_normal((6, 4)), RNG.standard_normal((7, 4))
    monkeypatch.setattr(sparse_products, "CHUNK", 3)
    for p, a, b in ((P, u, v), (P.T, v, u)):
        found = sparse_products.sampled_outer(a, b, pattern=p.pattern)
        assert_allclose(found, (a @ b.T)[p.rows, p.columns])
        found = sparse_products.sampled_outer(a[:, 0], b[:, 0], pattern=p.pattern)
        assert_allclose(found, np.outer(a[:, 0], b[:, 0])[p.rows, p.columns])


# ---- with SciPy, NumPy and itself ----


def test_constant_matrices_of_scipy_meet_it_on_both_sides():
    S = random_matrix(N, N, seed=9)
    full = S.toarray()
    for m in (S, S.tocsc(), S.tocoo(), sp.csr_matrix(S), S.todia()):
        f = sine(lambda w, m=m: (m @ made(w) - made(w) @ m + m) @ X)
        twin = sine(lambda w: (full @ dense(w) - dense(w) @ full + full) @ X)
        assert_allclose(lg.grad(f)(DATA), lg.grad(twin)(DATA), atol=1e-12)
    assert_allclose((S - made(DATA)).toarray(), full - made(DATA).toarray())
    assert_allclose((S + made(DATA)).toarray(), full + made(DATA).toarray())


def test_numbers_of_every_kind_scale_from_both_sides():
    P, full = made(DATA), made(DATA).toarray()
    for c in (2, 2.0, True, np.float64(2.0), np.float32(2.0), np.array(2.0), np.int64(2)):
        assert_allclose((c * P).toarray(), c * full)
        assert_allclose((P * c).toarray(), full * c)
        assert_allclose((P / c).toarray(), full / c)


def test_an_argument_and_a_result_may_be_sparse():
    P = made(DATA)
    g = lg.grad(lambda P: np.sum((P @ X) ** 2))(P)
    assert isinstance(g, SparseValues) and g.pattern is P.pattern
    assert_allclose(g.data, (2 * (P @ X))[P.rows] * X[P.columns])
    value, tangent = lg.jvp(lambda P: P * 3.0, (P,), (P,))
    assert_allclose(value.toarray(), 3 * P.toarray())
    assert_allclose(tangent.toarray(), 3 * P.toarray())
    assert lg.check_grad(lambda P, x: (P @ P.T) @ x, P, X).ok
    assert_allclose(lg.hvp(lambda P: np.sum((P @ X) ** 2), (P,), (P,)).data, g.data)
    vector, unravel = lg.ravel({"P": P})
    assert_array_equal(unravel(vector)["P"].toarray(), P.toarray())


def test_a_tangent_of_another_pattern_is_refused():
    other = lg.sparse(np.ones(made(DATA).nnz), (np.arange(7) % N, np.arange(7) // N), (N, N))
    with pytest.raises(ArgumentError, match="pattern"):
        lg.jvp(lambda P: P @ X, (made(DATA),), (other,))
    with pytest.raises(ArgumentError, match="structure"):
        lg.jvp(lambda P: P @ X, (made(DATA),), (X,))


@dataclass
class Edges:
    weights: np.ndarray
    places: tuple = field(metadata={"static": True})


def test_a_static_field_of_a_dataclass_is_carried_along():
    e = Edges(np.array([1.0, 2.0]), ([0, 1], [1, 0]))
    g = lg.grad(lambda e: np.sum(lg.sparse(e.weights, e.places, (2, 2)) @ [3.0, 4.0]))(e)
    assert g.weights.tolist() == [4.0, 3.0] and g.places is e.places
    assert lg.ravel(e)[0].tolist() == [1.0, 2.0]
    same, other = Edges(e.weights, ([0, 1], [1, 0])), Edges(e.weights, ([0, 0], [1, 0]))
    f = lambda e: np.sum(e.weights**2)  # noqa: E731
    assert lg.jvp(f, (e,), (same,))[1] == 10.0
    with pytest.raises(ArgumentError, match="places"):
        lg.jvp(f, (e,), (other,))


def test_in_a_system_the_entries_are_variables():
    """(2 I - P) z = b as a residual, against the dense solve."""
    places = np.array([0, 1, 2, 2]), np.array([1, 2, 0, 2])
    w0, b0 = np.array([0.3, 0.4, 0.5, 0.1]), np.array([1.0, 2.0, 3.0])

    model = lg.System(w=w0, b=b0)
    model.unknown("z", start=np.zeros(3))
    model.residual(lambda w, z, b: 2 * z - lg.sparse(w, places, (3, 3)) @ z - b, name="flow")
    model.constraint(lambda z: np.sum(z**2), name="f")
    sol = model.solve()

    def twin(w, b):
        m = lg.zeros((3, 3))
        m[places] = w
        return np.sum(np.linalg.solve(2 * np.eye(3) - m, b) ** 2)

    gradient, expected = sol.gradient("f"), lg.grad(twin, (0, 1))(w0, b0)
    assert_allclose(sol["f"], twin(w0, b0))
    assert_allclose(gradient["w"], expected[0], rtol=1e-10)
    assert_allclose(gradient["b"], expected[1], rtol=1e-10)


def test_a_solve_is_a_constraint_of_a_system():
    m = solvable()
    model = lg.System(w=m.data, b=X)
    model.constraint(lambda w, b: lg.spsolve(lg.sparse(w, like=m), b), name="z")
    model.constraint(lambda z: np.sum(z**2), name="f")
    sol = model.solve()
    expected = lg.grad(squared(dense_solution(m)))(m.data, X)
    assert_allclose(sol.gradient("f")["w"], expected, rtol=1e-10)


def test_pickled_and_copied_it_is_the_same():
    P = made(DATA)
    assert lg.spsolve(solvable(), X).shape == X.shape
    P @ P  # what was worked out stays behind
    for again in (pickle.loads(pickle.dumps(P)), copy.deepcopy(P), copy.copy(P)):
        assert again.pattern == P.pattern
        assert_array_equal(again.toarray(), P.toarray())
        assert_array_equal((again + P).data, 2 * P.data)
    Q = lg.sparse(solvable())
    z = lg.spsolve(Q, X)
    assert_array_equal(lg.spsolve(pickle.loads(pickle.dumps(Q)), X), z)


def test_it_says_what_it_is():
    assert repr(made(DATA)) == "SparseValues: shape (5, 5), 7 entries of float64"
    seen = []
    lg.grad(lambda w: seen.append(repr(made(w))) or np.sum(w))(DATA)
    assert seen == ["SparseValues: shape (5, 5), 7 traced entries of float64"]
    assert "sparse_matmul(" in str(lg.trace(lambda w: made(w) @ X, DATA))


# ---- types ----


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, bool])
def test_integers_become_floats(dtype):
    d = np.array([1, 0, 1], dtype)
    P = lg.sparse(d, ([0, 1, 1], [0, 0, 1]), (2, 2))
    assert P.dtype == float
    assert (P @ np.array([3, 4])).tolist() == [3.0, 4.0]
    assert lg.grad(lambda x: np.sum(P @ x))(np.array([1.0, 2.0])).tolist() == [1.0, 1.0]
    g = lg.grad(lambda w: np.sum(lg.sparse(w, like=P) @ np.array([3, 4])))(np.ones(3))
    assert g.tolist() == [3.0, 3.0, 4.0]


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_float32_stays_float32(name):
    e = EXPRESSIONS[name]
    single = [a.astype(np.float32) for a in (DATA, X, XX)]
    z = e(made(single[0]), *single[1:])
    assert z.dtype == np.float32
    assert_allclose(z, e(dense(DATA), X, XX), rtol=1e-4, atol=1e-4)
    for g in lg.grad(lambda w, x, X: np.sum(e(made(w), x, X)), (0, 1))(*single):  # noqa: N803
        assert g.dtype == np.float32


def test_float32_beside_float64_is_cast_back():
    w = DATA.astype(np.float32)
    for f in (lambda w, x: made(w) @ x, lambda w, x: lg.spsolve(made(w) + 9 * sp.eye_array(N), x)):
        z, pull = lg.vjp(f, w, X)
        g, h = pull(np.ones(N))
        assert (z.dtype, g.dtype, h.dtype) == (np.float64, np.float32, np.float64)
        g64, h64 = lg.vjp(f, w.astype(float), X)[1](np.ones(N))
        assert_allclose(g, g64, rtol=1e-6)
        assert_allclose(h, h64, rtol=1e-6)


def random_complex(*shape):
    return RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)


@pytest.mark.parametrize("name", ["P @ x", "X @ P", "P @ P", "rows scaled", "P - P.T", "sum(0)"])
@pytest.mark.parametrize("which", ["entries", "vector", "both"])
def test_complex_numbers_follow_the_plain_transpose(name, which):
    w = random_complex(len(ROWS)) if which != "vector" else DATA
    x = random_complex(N) if which != "entries" else X
    f, twin = (
        lambda w, x, m=m: np.sum(np.abs(EXPRESSIONS[name](m(w + 0j), x + 0j, XX + 0j)) ** 2)
        for m in (made, dense)
    )
    for a, b in zip(*(lg.grad(q, (0, 1))(w, x) for q in (f, twin)), strict=True):
        assert_allclose(a, b, rtol=1e-11)
    assert lg.check_grad(lambda w, x: EXPRESSIONS[name](made(w), x, XX), w, x).ok


# ---- solves ----


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("b", [X, XX], ids=["vector", "matrix"])
def test_a_solve_and_its_derivatives_up_to_order_three_are_those_of_the_dense_twin(form, b):
    m = solvable(form=form)
    f, twin = sine(solution(m)), sine(dense_solution(m))
    args = m.data, b
    assert_allclose(lg.spsolve(m, b), np.linalg.solve(m.toarray(), b), rtol=1e-12)
    for a, e in zip(*(lg.grad(q, (0, 1))(*args) for q in (f, twin)), strict=True):
        assert_allclose(a, e, rtol=1e-11, atol=1e-13)
    for a, e in zip(*(lg.hessian(q, (0, 1))(*args) for q in (f, twin)), strict=True):
        for p, q in zip(a, e, strict=True):
            assert_allclose(p, q, rtol=1e-10, atol=1e-12)

    def third(q):
        return lg.grad(squared(lg.grad(squared(lg.grad(q)), 1)), (0, 1))(*args)

    for a, e in zip(third(f), third(twin), strict=True):
        assert_allclose(a, e, rtol=1e-9, atol=1e-12)
    assert lg.check_grad(solution(m), *args).ok


def test_forward_over_forward_and_reverse_over_forward_agree():
    m = solvable()
    u, v = RNG.standard_normal((2, m.nnz))

    def f(d):
        return lg.spsolve(lg.sparse(d, like=m), X)

    def along(d):
        return lg.jvp(f, (d,), (u,))[1]

    forward = lg.jvp(along, (m.data,), (v,))[1]
    swapped = lg.jvp(lambda d: lg.jvp(f, (d,), (v,))[1], (m.data,), (u,))[1]
    assert_allclose(forward, swapped, rtol=1e-11)
    backward = lg.grad(lambda d: along(d) @ X)(m.data)
    assert_allclose(backward @ v, X @ forward, rtol=1e-11)
    h = 1e-5
    difference = (along(m.data + h * v) - along(m.data - h * v)) / (2 * h)
    assert_allclose(forward, difference, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("b", [X, XX], ids=["vector", "matrix"])
def test_the_explicit_matrix_holds_the_partials_of_a_solve(b):
    m = solvable()
    f, twin = solution(m), dense_solution(m)
    for k in (0, 1):
        J = lg.jacobian(f, k, sparse=True)(m.data, b).toarray()
        assert_allclose(J, lg.jacobian(twin, k)(m.data, b).reshape(J.shape), atol=1e-12)


@pytest.mark.parametrize("b", [X, XX], ids=["vector", "matrix"])
@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("order", [1, 2])
def test_in_a_stands_the_matrix_itself_and_not_its_inverse(monkeypatch, form, b, order):
    made = counted(monkeypatch)
    m = solvable(form=form)
    f = squared(solution(m))
    g = f if order == 1 else lambda w, b: np.sum(lg.grad(f)(w, b) * w)
    system = lg.trace(g, m.data, b).linearize()
    assert sum(system.cyclic) == order
    k = system.cyclic.index(True)
    width = b.size // N
    assert_array_equal(system.block_matrix(k).toarray(), np.kron(m.toarray().T, np.eye(width)))
    lo, hi = system.offsets[k : k + 2]
    assert_array_equal(system.A[lo:hi, lo:hi].toarray(), system.block_matrix(k).toarray())
    explicit, swept = system.solve(method="explicit"), system.solve()
    expected = dict(zip("wb", lg.grad(g, (0, 1))(m.data, b), strict=True))
    for name in ("w", "b"):
        assert_allclose(np.ravel(explicit[name]), np.ravel(expected[name]), rtol=1e-9, atol=1e-12)
        assert_allclose(np.ravel(swept[name]), np.ravel(expected[name]), rtol=1e-9, atol=1e-12)
    tangents = system.tangents({0: np.ones(m.nnz)})
    moved = lg.jvp(g, (m.data, b), (np.ones(m.nnz), np.zeros(b.shape)))[1]
    assert_allclose(tangents[system.outputs[-1]], moved, rtol=1e-9)
    assert len(made) == 3  # one for the trace, and for each of the two derivatives beside it


def test_a_of_a_complex_solve_holds_its_partials():
    m = solvable()
    system = lg.trace(squared(solution(m)), m.data, X + 1j * XX[:, 0]).linearize()
    explicit, swept = system.solve(method="explicit"), system.solve()
    expected = lg.grad(squared(dense_solution(m)))(m.data, X + 1j * XX[:, 0])
    assert_allclose(explicit["w"], expected, rtol=1e-10)
    assert_allclose(swept["w"], expected, rtol=1e-10)


def test_a_of_a_large_solve_is_sparse():
    n = 20_000
    m = sp.diags_array([-1.0, 2.5, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    system = lg.trace(squared(solution(m)), m.data, np.ones(n)).linearize()
    assert system.A.nnz < 20 * n
    lam = system.solve(method="explicit")
    assert_allclose(lam["w"], lg.grad(squared(solution(m)))(m.data, np.ones(n)), rtol=1e-10)


@pytest.mark.parametrize("b", [X, XX], ids=["vector", "matrix"])
@pytest.mark.parametrize("k", [0, 1])
def test_the_three_uses_of_each_partial_agree(k, b):
    """Tangent, multiplier and entries of one argument alone, as whoever composes partials has."""
    P = lg.sparse(solvable())
    outer = XX if b.ndim == 2 else X
    cases = [
        (sparse_solve.solve, (P.data, b), {"pattern": P.pattern, "factors": P.factors}),
        (sparse_products.matmul, (P.data, b), {"pattern": P.pattern}),
        (sparse_products.sampled_outer, (b, outer), {"pattern": P.T.pattern}),
    ]
    for function, args, kwargs in cases:
        p = function.primitive.partial(k, function(*args, **kwargs), args, kwargs)
        v, w = RNG.standard_normal(p.in_shape), RNG.standard_normal(p.out_shape)
        m = p.matrix().toarray()
        assert p.count() == len(p.entries()[0])
        assert_allclose(np.ravel(p.apply(v)), m @ np.ravel(v), atol=1e-12)
        assert_allclose(np.ravel(p.adjoint(w)), m.T @ np.ravel(w), atol=1e-12)


@pytest.mark.parametrize("which", ["entries", "right-hand side", "both"])
@pytest.mark.parametrize("form", ["csr", "csc"])
def test_complex_solves_are_those_of_the_dense_twin(which, form):
    m = solvable(form=form)
    w = m.data + (1j * RNG.standard_normal(m.nnz) if which != "right-hand side" else 0.0)
    for b in (X, XX):
        b = b + (1j * RNG.standard_normal(b.shape) if which != "entries" else 0.0)
        f, twin = solution(m), dense_solution(m)
        z = f(w, b)
        assert z.dtype == complex
        assert_allclose(z, twin(w, b), rtol=1e-12)
        found, expected = (lg.grad(squared(q), (0, 1))(w, b) for q in (f, twin))
        for a, e in zip(found, expected, strict=True):
            assert a.dtype == e.dtype
            assert_allclose(a, e, rtol=1e-11)
        assert lg.check_grad(f, w, b).ok


def test_float32_solves_stay_float32():
    m = solvable()
    w, b = m.data.astype(np.float32), X.astype(np.float32)
    z, pull = lg.vjp(solution(m), w, b)
    assert z.dtype == np.float32
    assert_allclose(z, np.linalg.solve(m.toarray(), X), rtol=1e-5)
    assert [g.dtype for g in pull(b)] == [np.float32, np.float32]
    assert lg.spsolve(m, np.arange(N)).dtype == float


def counted(monkeypatch):
    """Return a list that grows with every factorisation."""
    made = []

    def count(m):
        made.append(m.shape)
        return factorize(m)

    factorize = sparse_solve.factorize
    monkeypatch.setattr(sparse_solve, "factorize", count)
    return made


@pytest.mark.parametrize("n", [N, 300])  # a dense LU, a sparse one
def test_value_tangents_and_multipliers_of_all_orders_share_one_factorisation(monkeypatch, n):
    made = counted(monkeypatch)
    m = random_matrix(n, n, 3 / n) + 4.0 * sp.eye_array(n)
    b = np.ones(n)
    f = squared(solution(m))
    lg.grad(f, (0, 1))(m.data, b)
    assert len(made) == 1
    lg.hvp(f, (m.data, b), (m.data, b))
    assert len(made) == 2
    lg.jvp(lambda w: lg.grad(lambda w: lg.jvp(f, (w, b), (w, b))[1])(w), (m.data,), (m.data,))
    assert len(made) == 3


def test_a_matrix_keeps_its_factors_until_its_entries_change(monkeypatch):
    made = counted(monkeypatch)
    P = lg.sparse(solvable())
    z = lg.spsolve(P, X)
    assert_allclose(lg.spsolve(P.T, X), np.linalg.solve(P.toarray().T, X), rtol=1e-12)
    assert_allclose(lg.spsolve(P, XX), np.linalg.solve(P.toarray(), XX), rtol=1e-12)
    lg.grad(lambda P: np.sum(lg.spsolve(P, X)))(P)
    assert len(made) == 1
    P.data[:] *= 2.0  # behind its back
    assert_allclose(lg.spsolve(P, X), z / 2, rtol=1e-12)
    assert len(made) == 2


def test_one_sweep_solves_once(monkeypatch):
    """The multipliers of entries and right-hand side come from one transposed solve."""
    m = solvable()
    _, pull = lg.vjp(solution(m), m.data, X)
    solves = []
    checked = sparse_solve.checked
    monkeypatch.setattr(sparse_solve, "checked", lambda *a: solves.append(1) or checked(*a))
    pull(X)
    assert len(solves) == 1


def test_factors_are_freed_with_the_matrix():
    P = lg.sparse(solvable(300))
    lg.spsolve(P, np.ones(300))
    factor = weakref.ref(P.factors.known[2])
    del P
    gc.collect()
    assert factor() is None


def test_nan_on_the_right_stays_in_its_column():
    m = solvable()
    b = np.stack([X, X], axis=1)
    b[2, 0] = np.nan
    z = lg.spsolve(m, b)
    assert np.isnan(z[:, 0]).all()
    assert_allclose(z[:, 1], np.linalg.solve(m.toarray(), X), rtol=1e-12)
    assert np.isnan(lg.spsolve(m, b[:, 0])).all()
    with pytest.raises(NonFiniteError, match="log"), np.errstate(all="ignore"):
        lg.grad(lambda x: np.sum(lg.spsolve(m, np.log(x))))(np.full(N, -1.0))


def test_an_empty_system_has_an_empty_solution():
    P = lg.sparse([], ([], []), (0, 0))
    assert lg.spsolve(P, np.zeros(0)).shape == (0,)
    assert lg.spsolve(solvable(), np.zeros((N, 0))).shape == (N, 0)


# ---- refusals ----

I2 = sp.eye_array(2).tocsr()
SINGULAR = {
    "row 1 has no entries": ([1.0, 1.0], ([0, 0], [0, 1])),
    "column 0 has no entries": ([1.0, 1.0], ([0, 1], [1, 1])),
    "all entries of row 1 are zero": ([1.0, 1.0, 0.0], ([0, 0, 1], [0, 1, 1])),
    "linearly dependent": ([1.0, -1.0, -1.0, 1.0], ([0, 0, 1, 1], [0, 1, 0, 1])),
}


@pytest.mark.parametrize("words", SINGULAR)
@pytest.mark.parametrize("scale", [1.0, 1j])
def test_a_singular_matrix_is_refused_in_words(words, scale):
    d, places = SINGULAR[words]
    P = lg.sparse(scale * np.array(d), places, (2, 2))
    with pytest.raises(SingularError, match=words):
        lg.spsolve(P, np.ones(2))


def test_a_structurally_singular_matrix_is_told_from_a_numerically_singular_one():
    rows, columns = [0, 1, 2, 2, 2], [0, 0, 0, 1, 2]  # rows 0 and 1 have one column between them
    P = lg.sparse(np.arange(1.0, 6.0), (rows, columns), (3, 3))
    with pytest.raises(SingularError, match="at most 2 of its 3 rows"):
        lg.spsolve(P, np.ones(3))


def test_a_large_singular_matrix_is_refused_too():
    n = 400  # the Laplacian of a ring has the constant vector in its null space
    i = np.arange(n)
    ring = sp.coo_array((-np.ones(2 * n), (np.r_[i, i], np.r_[i - 1, i + 1] % n)), shape=(n, n))
    with pytest.raises(SingularError, match="Laplacian without a grounded node"):
        lg.spsolve(ring + 2 * sp.eye_array(n), np.ones(n))


def test_entries_that_are_not_finite_are_named():
    P = lg.sparse([1.0, np.nan], ([0, 1], [0, 1]), (2, 2))
    with pytest.raises(NonFiniteError, match=r"entry \(1, 1\) of the matrix is nan"):
        lg.spsolve(P, np.ones(2))
    with pytest.raises(NonFiniteError, match=r"entry \(0, 0\) of the matrix is inf"):
        lg.spsolve(lg.sparse([np.inf, 1.0], ([0, 1], [0, 1]), (2, 2)), np.ones(2))


def test_the_dense_partials_of_a_solve_are_refused_when_they_do_not_fit(monkeypatch):
    m = solvable()
    monkeypatch.setattr(assemble, "available_memory", lambda: 1000)
    for k in (0, 1):
        with pytest.raises(SizeError):
            lg.jacobian(solution(m), k, sparse=True)(m.data, X)
    lg.grad(squared(solution(m)))(m.data, X)  # never forms it


BEYOND = sp.csr_array(([1.0], [7], [0, 1, 1]), shape=(2, 2))
REFUSED = {
    "beyond": (lambda: lg.sparse(BEYOND), "not sound"),
    "no places": (lambda: lg.sparse(DATA), "with their places"),
    "both": (lambda: lg.sparse(DATA, (ROWS, COLUMNS), like=I2), "not both"),
    "no shape": (lambda: lg.sparse(DATA, (ROWS, COLUMNS)), "shape is None"),
    "one index": (lambda: lg.sparse(DATA, ROWS, (N, N)), "two arrays"),
    "float index": (lambda: lg.sparse(DATA, (ROWS * 1.0, COLUMNS), (N, N)), "float64"),
    "matrix of indices": (lambda: lg.sparse([1.0], ([[0]], [0]), (N, N)), r"shape \(1, 1\)"),
    "too large": (lambda: lg.sparse(DATA, (ROWS, COLUMNS), (N, 3)), "from 0 to 2"),
    "negative": (lambda: lg.sparse([1.0], ([-1], [0]), (N, N)), r"rows\[0\] of lg.sparse is -1"),
    "unequal": (lambda: lg.sparse([1.0], ([0, 1], [0]), (N, N)), "2 rows and 1 columns"),
    "too few data": (lambda: lg.sparse(DATA[:-1], (ROWS, COLUMNS), (N, N)), "8 places"),
    "a number": (lambda: lg.sparse(1.0, like=I2), "2 places"),
    "a matrix of data": (lambda: lg.sparse(np.ones((2, 2)), like=I2), r"vector of shape \(2,\)"),
    "strings": (lambda: lg.sparse(["a", "b"], like=I2), "numbers"),
    "none": (lambda: lg.sparse(None, like=I2), "numbers"),
    "dense like": (lambda: lg.sparse(DATA, like=np.eye(N)), "no sparse matrix"),
    "diagonals": (lambda: lg.sparse(np.ones(2), like=I2.todia()), "like=P.tocsr()"),
    "P @ short": (lambda: made(DATA) @ np.ones(4), r"shape \(4,\)"),
    "P @ tensor": (lambda: made(DATA) @ np.ones((5, 2, 2)), r"shape \(5, 2, 2\)"),
    "P @ number": (lambda: made(DATA) @ 2.0, r"shape \(\)"),
    "x @ P short": (lambda: np.ones(4) @ made(DATA), r"shape \(4,\)"),
    "P @ Q": (lambda: made(DATA) @ I2, r"\(5, 5\) and \(2, 2\)"),
    "P + Q": (lambda: made(DATA) + I2, r"\(5, 5\) and \(2, 2\)"),
    "P + dense": (lambda: made(DATA) + np.eye(N), "dense"),
    "dense - P": (lambda: np.eye(N) - made(DATA), "dense"),
    "1 + P": (lambda: 1 + made(DATA), "dense"),
    "P * Q": (lambda: made(DATA) * made(DATA).T, "different patterns"),
    "P * short": (lambda: made(DATA) * np.ones(4), r"c \(4,\)"),
    "axis": (lambda: made(DATA).sum(2), "axis=2"),
    "np.sum": (lambda: np.linalg.norm(made(DATA)), "P.data"),
    "lg.softmax": (lambda: lg.softmax(made(DATA)), "P.data"),
    "spsolve dense": (lambda: lg.spsolve(np.eye(N), X), "np.linalg.solve"),
    "spsolve b": (lambda: lg.spsolve(I2, X), r"shape \(5,\)"),
    "spsolve flat": (lambda: lg.spsolve(lg.sparse(random_matrix(2, 3)), X), "square"),
    "sparse b": (lambda: lg.spsolve(I2, I2), "numbers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_words(case):
    run, words = REFUSED[case]
    with pytest.raises(ArgumentError, match=words):
        run()


def test_traced_vectors_are_refused_alike():
    with pytest.raises(ArgumentError, match=r"shape \(4,\)"):
        lg.grad(lambda x: np.sum(made(DATA) @ x))(np.ones(4))
    with pytest.raises(ArgumentError, match="dense"):
        lg.grad(lambda x: np.sum((x + made(DATA)) @ X))(X)
    with pytest.raises(TypeError):
        np.exp(made(DATA))


def test_a_traced_matrix_is_no_scipy_matrix():
    with pytest.raises(TraceError, match="cut the gradient"):
        lg.grad(lambda w: made(w).tocsr().sum())(DATA)


def test_constants_stopped_on_the_way_carry_no_gradient():
    g = lg.grad(lambda w: np.sum(made(lg.stop_gradient(w)) @ X) + np.sum(w))(DATA)
    assert_array_equal(g, np.ones(len(DATA)))
    m = solvable()

    def f(b):
        P = lg.sparse(m.data * lg.stop_gradient(b[0]), like=m)
        return np.sum(lg.spsolve(P, b))

    expected = np.linalg.solve(m.toarray().T * X[0], np.ones(N))
    assert_allclose(lg.grad(f)(X), expected, rtol=1e-10)


def test_entries_may_be_a_list_of_traced_numbers():
    places, shape = ([0, 1], [1, 0]), (2, 2)
    g = lg.grad(lambda t: np.sum(lg.sparse([t, t**2], places, shape) @ [1.0, t]))(3.0)
    assert g == 2 * 3.0 + 2 * 3.0  # of t t + t^2
    g = lg.grad(lambda t: np.sum(lg.sparse([1.0, 2.0], places, shape) @ [t, 1.0]))(3.0)
    assert g == 2.0


def test_nothing_dense_is_made():
    """A matrix of 10^5 rows would need 80 GB; its gradient needs a few vectors of its entries."""
    n = 100_000
    i = np.arange(n)
    P = lg.sparse(np.ones(2 * n), (np.r_[i, i], np.r_[i, (i + 1) % n]), (n, n))
    f = squared(lambda P, x: (P @ P.T + P) @ x)
    x = np.ones(n)
    tracemalloc.start()
    g = lg.grad(f)(P, x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6
    # y = 4 + 2 everywhere; dy = dP P^T x + P dP^T x + dP x, each entry of P^T x is 2
    assert_allclose(g.data, 2 * 6.0 * (2.0 + 2.0 + 1.0))


def test_what_two_patterns_make_is_worked_out_once():
    P, Q = made(DATA), made(DATA).T
    first = (P @ Q).pattern, (P + Q).pattern
    assert (P * 2 @ Q).pattern is first[0] and (P * 2 + Q).pattern is first[1]
