"""Linear solves of cycles: every method against dense algebra, and what each refuses."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, spilu, splu

import lagrad.solve.fill
import lagrad.solve.interface
import lagrad.solve.plan
import lagrad.solve.select
import lagrad.solve.sparse_lu
from lagrad.solve import factorize
from lagrad.solve.custom import Custom
from lagrad.solve.dominance import dominance, is_symmetric
from lagrad.solve.fill import expands, predicted_fill
from lagrad.solve.interface import TOLERANCE, certified, checked, condition
from lagrad.solve.krylov import Krylov, predicted_products
from lagrad.solve.plan import plan
from lagrad.solve.reuse import Refined
from lagrad.solve.sparse_lu import SMALL, SparseLU, choose_ordering
from lagrad.solve.two_colour import TwoColour, two_colours
from lagrad.status import ArgumentError, SingularError, SizeError

# ---- matrices ----


def laplacian(*sides):
    """The Laplacian of a grid with zeros around it."""
    total = sp.csc_array((1, 1))
    for n in sides:
        line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n))
        eye, whole = sp.eye_array(n), sp.eye_array(total.shape[0])
        total = sp.kron(total, eye) + sp.kron(whole, line)
    return sp.csc_array(total)


def torus(n, gamma=0.99, seed=0):
    """1 - gamma P for steps to the four neighbours with random probabilities."""
    rng, at = np.random.default_rng(seed), np.arange(n * n).reshape(n, n)
    ways = [np.roll(at, step, axis).ravel() for axis in (0, 1) for step in (1, -1)]
    return discounted(np.stack(ways, axis=1), gamma, rng)


def chain(n, k=4, gamma=0.99, seed=0):
    """1 - gamma P for steps to k random states."""
    rng = np.random.default_rng(seed)
    return discounted(rng.integers(0, n, (n, k)), gamma, rng)


def discounted(successors, gamma, rng):
    n, k = successors.shape
    p = rng.random((n, k))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(n), k)
    P = sp.coo_array((p.ravel(), (rows, successors.ravel())), shape=(n, n))
    return sp.csc_array(sp.eye_array(n) - gamma * P)


def scattered(n, weight, seed=0):
    """Three entries a row at random, and a diagonal of ``weight`` times their sum."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(n), 3)
    off = sp.coo_array((rng.standard_normal(3 * n), (rows, rng.integers(0, n, 3 * n))), (n, n))
    return sp.csc_array(off + sp.diags_array(weight * (abs(off).sum(axis=1) + 0.1)))


def tree(n):
    """Every entry is joined with one before it."""
    rng = np.random.default_rng(0)
    up = (np.arange(1, n) * rng.random(n - 1)).astype(int)
    edges = sp.coo_array((np.full(n - 1, 0.1), (np.arange(1, n), up)), shape=(n, n))
    return sp.csc_array(edges + edges.T + 2 * sp.eye_array(n))


def absorbing():
    """Eight chains that do not meet again, in random order."""
    q = np.random.default_rng(3).permutation(8 * 30)
    blocks = sp.block_diag([chain(30, seed=k) for k in range(8)], format="csr")
    return sp.csc_array(blocks[q][:, q])


def error(x, y):
    """Return the largest relative error of x, by columns."""
    return float((np.abs(x - y).max(axis=0) / np.abs(y).max(axis=0)).max())


def both_ways(m, factor, tol=1e-9, seed=0):
    """Compare solves with the dense matrix: vectors and columns, M and its transpose."""
    dense, b = m.toarray(), np.random.default_rng(seed).standard_normal((m.shape[0], 3))
    for transposed in (False, True):
        expected = np.linalg.solve(dense.T if transposed else dense, b)
        assert error(factor.solve(b, transposed), expected) < tol
        x, residual = certified(m, factor, b, transposed)
        assert error(x, expected) < tol
        x, residual = certified(m, factor, b[:, 0], transposed)
        assert error(x, expected[:, 0]) < tol
        assert residual <= TOLERANCE


def unsymmetric(n=150):
    return sp.csc_array(scattered(n, 0.9) + 0.1 * sp.eye_array(n, k=1) + sp.eye_array(n, k=1 - n))


# ---- every method obeys the law of factors ----

NAMES = ["auto", "dense", "lu", "block", "krylov", "gmres", "gcrot", "bicgstab", splu]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("m", [unsymmetric(), torus(14), absorbing(), chain(200)])
def test_every_method_solves_with_the_matrix_and_its_transpose(name, m):
    factor = factorize(m, name)
    both_ways(m, factor)
    assert factor.plan.why
    assert factor.method


def test_cg_solves_what_is_symmetric_and_positive_definite():
    m = sp.csc_array(laplacian(15, 15) + 0.1 * sp.eye_array(225))
    factor = factorize(m, "krylov")
    both_ways(m, factor)
    assert "CG," in factor.method


@pytest.mark.parametrize("name", ["auto", "krylov", "lu", "dense"])
def test_units_do_not_matter_to_any_method(name):
    m, rng = chain(400), np.random.default_rng(1)
    rows, columns = 10.0 ** rng.integers(-5, 5, 400), 10.0 ** rng.integers(-5, 5, 400)
    big = sp.csc_array(rows[:, None] * m.toarray() * columns)
    y = rng.standard_normal(400)
    factor = factorize(big, name)
    assert error(checked(big, factor, rows * (m @ y)) * columns, y) < 1e-9
    assert error(checked(big, factor, columns * (m.T @ y), transposed=True) * rows, y) < 1e-9


@pytest.mark.parametrize("name", ["auto", "lu", "krylov"])
def test_factors_pickle(name):
    m = torus(50)
    factor, b = factorize(m, name), np.random.default_rng(0).standard_normal(2500)
    x = factor.solve(b)
    again = pickle.loads(pickle.dumps(factor))
    np.testing.assert_allclose(again.solve(b), x, rtol=1e-9)


def test_one_entry_is_divided_by():
    factor = factorize(sp.csc_array([[4.0]]))
    assert factor.method == "division"
    assert factor.solve(np.array([2.0])) == 0.5
    with pytest.raises(SingularError, match="singular"):
        factorize(sp.csc_array([[0.0]]))


# ---- sparse LU ----


def hub(n):
    """A grid of one dimension, whose entries all meet the first one."""
    star = sp.coo_array((np.full(n, 0.01), (np.arange(n), np.zeros(n, int))), shape=(n, n))
    return sp.csc_array(laplacian(n) + sp.eye_array(n) + star + star.T)


ORDERINGS = {
    "grid": (laplacian(20, 20), "MMD on A + A^T"),
    "random, dominant": (chain(400), "MMD on A + A^T"),
    "one dimension": (laplacian(400), "the given order"),
    "no diagonal": (sp.csc_array(sp.eye_array(400, k=1) + sp.eye_array(400, k=-399)), "COLAMD"),
    "hub": (hub(2000), "COLAMD"),
}


@pytest.mark.parametrize(("m", "ordering"), ORDERINGS.values(), ids=ORDERINGS)
def test_the_ordering_fits_the_pattern(m, ordering):
    factor = factorize(m, "lu")
    assert f"({ordering}, {factor.nnz} entries in L and U)" in factor.method
    assert factor.bytes == 12 * factor.nnz
    y = np.random.default_rng(0).standard_normal(m.shape[0])
    assert error(checked(m, factor, m @ y), y) < 1e-9
    assert error(checked(m, factor, m.T @ y, transposed=True), y) < 1e-9


def test_minimum_degree_fills_half_of_what_colamd_fills():
    m = laplacian(64, 64)
    assert SparseLU(m).nnz < 0.6 * SparseLU(m, "COLAMD").nnz


def test_unstable_pivots_give_way_to_partial_pivoting(monkeypatch):
    m = scattered(1000, 0.05)
    stable = SparseLU(m, "COLAMD").solve(np.ones(1000))
    monkeypatch.setattr(lagrad.solve.sparse_lu, "UNSTABLE", 1e-30)
    factor = SparseLU(m, "MMD on A + A^T")
    assert factor.ordering == "COLAMD"
    np.testing.assert_array_equal(factor.solve(np.ones(1000)), stable)


@pytest.mark.parametrize("weight", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_weak_diagonals_cost_no_digits(weight, seed):
    m = scattered(400, weight, seed)
    y = np.random.default_rng(1).standard_normal(400)
    factor = factorize(m, "lu")
    bound = 1e-14 * np.linalg.cond(m.toarray())
    assert error(checked(m, factor, m @ y), y) < bound
    assert error(checked(m, factor, m.T @ y, transposed=True), y) < bound


def neumann(n):
    """The Laplacian of a grid with no flow over its border: constants are in its null space."""
    m = laplacian(n, n)
    return sp.csc_array(m - sp.diags_array(m.sum(axis=1)))


def redundant(n):
    """A regular matrix, but for one equation that is the sum of two others."""
    m = scattered(n, 0.9).toarray()
    m[n // 2] = m[3] + m[n - 7]
    return sp.csc_array(m)


LARGE = {
    "no flow": neumann(60),
    "no flow but for rounding": sp.csc_array(neumann(60) + 1e-15 * sp.eye_array(3600)),
    "a redundant equation": redundant(2500),
    "discount 1": torus(50, gamma=1.0),
}


@pytest.mark.parametrize("name", ["auto", "lu", "krylov"])
@pytest.mark.parametrize("m", LARGE.values(), ids=LARGE)
def test_a_large_singular_matrix_is_refused(m, name):
    assert m.shape[0] > SMALL
    with pytest.raises(SingularError, match="singular"):
        factorize(m, name).solve(np.ones(m.shape[0]))


def test_ill_conditioned_is_not_singular():
    m = laplacian(100_000)  # a condition of 4e9
    factor = factorize(m)
    y = np.sin(np.arange(100_000) / 1e4)
    assert error(checked(m, factor, m @ y), y) < 1e-6


# ---- the check ----


class Wrong:
    """Factors that are off by a part of the answer in one column."""

    rows = columns = np.ones(3)
    method = "wrong"

    def __init__(self, by):
        self.by = by

    def solve(self, b, transposed=False):
        return b * (1 + self.by)


def test_an_inaccurate_solve_is_refined_once_and_then_refused():
    m, b = sp.eye_array(3, format="csc"), np.arange(3.0)
    x, residual = certified(m, Wrong(1e-8), b)
    assert residual < 1e-15
    np.testing.assert_allclose(x, b, rtol=1e-15)
    with pytest.raises(SingularError, match="inaccurate"):
        certified(m, Wrong(1e-4), b)


def test_a_small_column_counts_as_much_as_a_large_one():
    class OneColumn(Wrong):
        def solve(self, b, transposed=False):
            return b * (1 + np.array([0.0, self.by]))

    b = np.ones((3, 2)) * [1.0, 1e-20]
    with pytest.raises(SingularError, match="inaccurate"):
        certified(sp.eye_array(3, format="csc"), OneColumn(1e-3), b)


def test_the_norm_is_computed_once(monkeypatch):
    m, calls, norms = chain(300), [], lagrad.solve.interface.norms
    factor = factorize(m, "block")
    counted = lambda *args: calls.append(1) or norms(*args)  # noqa: E731
    monkeypatch.setattr(lagrad.solve.interface, "norms", counted)
    for _ in range(3):
        checked(m, factor, np.ones(300))
        checked(m, factor, np.ones(300), transposed=True)
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["dense", "lu", "krylov"])
@pytest.mark.parametrize("m", [scattered(120, 0.3), chain(120), laplacian(12, 12)])
def test_the_condition_is_that_of_the_scaled_matrix(m, name):
    rng = np.random.default_rng(0)
    units = sp.diags_array(10.0 ** rng.integers(-5, 5, m.shape[0]))
    big = sp.csc_array(units @ m @ units)
    factor = factorize(big, name)
    dense = factor.rows[:, None] * big.toarray() * factor.columns
    exact = np.linalg.cond(dense, 1)
    assert exact / 3 <= condition(big, factor) <= exact * (1 + 1e-6)


# ---- Krylov methods ----


@pytest.mark.parametrize("m", [chain(1200), torus(40)])
def test_unit_right_hand_sides_do_not_break_bicgstab(m):
    factor, lu = Krylov(m), splu(m)
    for k in (0, 7, 1000):
        e = np.zeros(m.shape[0])
        e[k] = 1.0
        for transposed, way in ((False, "N"), (True, "T")):
            x = checked(m, factor, e, transposed)
            assert "BiCGSTAB," in factor.method
            assert error(x, lu.solve(e, way)) < 1e-9


def test_a_breakdown_is_followed_by_a_stronger_method():
    turn = sp.csc_array([[0.0, 1.0], [-1.0, 0.0]])  # <M r, r> = 0
    m = sp.block_diag([turn * k for k in range(1, 60)], format="csc")
    factor = Krylov(m, preconditioner="none")
    y = np.random.default_rng(0).standard_normal(118)
    assert error(checked(m, factor, m @ y), y) < 1e-9
    assert "GCROT" in factor.method


def test_what_no_method_solves_is_refused_with_what_was_tried():
    n = 800
    shift = sp.csc_array(sp.eye_array(n, k=1) + sp.eye_array(n, k=1 - n))
    b = np.random.default_rng(0).standard_normal(n)
    with pytest.raises(SingularError, match="inaccurate: .* BiCGSTAB stayed at .* GCROT stayed"):
        Krylov(shift, preconditioner="none", probe=False).solve(b)
    factor = Krylov(shift)  # an incomplete LU of a permutation is complete
    np.testing.assert_allclose(factor.solve(shift @ b), b)
    assert "GMRES with ILU" in factor.method
    factor = Krylov(shift, preconditioner="none", probe=False, fallback=SparseLU)
    np.testing.assert_allclose(factor.solve(shift @ b), b)
    assert "sparse LU" in factor.method
    assert "since BiCGSTAB stayed" in factor.method
    before = factor.products
    np.testing.assert_allclose(factor.solve(shift.T @ b, transposed=True), b)
    assert factor.products == before  # what failed once is not tried again


def test_a_right_hand_side_in_the_range_does_not_hide_a_singular_matrix():
    m = torus(30, gamma=1.0)
    b = m @ np.random.default_rng(0).standard_normal(900)
    x = Krylov(m, probe=False).solve(b)
    assert np.abs(m @ x - b).max() < 1e-9  # one of many
    with pytest.raises(SingularError):
        Krylov(m).solve(b)
    with pytest.raises(SingularError):
        Krylov(operator(m)).solve(b)


def test_no_nan_is_returned():
    m = torus(10)
    with pytest.raises(SingularError, match="right-hand side holds NaN"):
        Krylov(m).solve(np.full(100, np.nan))
    lost = LinearOperator((9, 9), matvec=lambda v: v * np.nan, rmatvec=lambda v: v * np.nan)
    with pytest.raises(SingularError, match="product with the matrix gives NaN"):
        Krylov(lost).solve(np.ones(9))
    assert not Krylov(m).solve(np.zeros(100)).any()


def operator(m):
    """The matrix as something that is applied only, with one buffer for all results."""
    n = m.shape[0]
    out = np.zeros(n), np.zeros(n)

    def product(a, into):
        def apply(v):
            into[:] = a @ v.ravel()
            return into

        return apply

    return LinearOperator((n, n), product(m, out[0]), product(m.T.tocsc(), out[1]), dtype=float)


@pytest.mark.parametrize("name", ["auto", "gmres", "gcrot", "bicgstab"])
def test_an_operator_is_solved_without_its_matrix(name):
    m = chain(500)
    a = operator(m)
    factor, lu = factorize(a, name), splu(m)
    b = np.random.default_rng(0).standard_normal((500, 2))
    assert error(factor.solve(b), lu.solve(b)) < 1e-9
    assert error(factor.solve(b, transposed=True), lu.solve(b, "T")) < 1e-9
    x, residual = certified(a, factor, b[:, 0], transposed=True)
    assert residual < TOLERANCE
    assert error(x, lu.solve(b[:, 0], "T")) < 1e-9


def inverse(m):
    lu = spilu(m, drop_tol=1e-2)
    return LinearOperator(m.shape, matvec=lu.solve, rmatvec=lambda v: lu.solve(v, "T"), dtype=float)


HARD = sp.csc_array(laplacian(30, 30) - 0.05 * sp.eye_array(900))  # indefinite
PRECONDITIONERS = {
    "ilu": "ilu",
    "operator": inverse(HARD),
    "function": inverse,
    "factors": factorize(sp.csc_array(HARD + 1e-3 * sp.eye_array(900)), "lu"),
}


@pytest.mark.parametrize("given", PRECONDITIONERS.values(), ids=PRECONDITIONERS)
@pytest.mark.parametrize("name", ["auto", "gmres", "gcrot", "bicgstab"])
def test_a_preconditioner_saves_products(name, given):
    b = np.random.default_rng(0).standard_normal(900)
    helped = factorize(HARD, name, given)
    exact = splu(HARD)
    assert error(checked(HARD, helped, b), exact.solve(b)) < 1e-9
    assert error(checked(HARD, helped, b, transposed=True), exact.solve(b, "T")) < 1e-9
    assert "ILU" in helped.method or "preconditioner" in helped.method
    assert helped.products < 150


def test_without_a_preconditioner_it_takes_more():
    plain = Krylov(HARD, "gmres", "none")
    checked(HARD, plain, np.random.default_rng(0).standard_normal(900))
    assert plain.products > 300


def test_preconditioners_that_cannot_be_are_refused():
    one_way = LinearOperator((100, 100), matvec=lambda v: v, dtype=float)
    with pytest.raises(ArgumentError, match="no rmatvec"):
        Krylov(torus(10), preconditioner=one_way).solve(np.ones(100), transposed=True)
    with pytest.raises(ArgumentError, match="preconditioner='jacobi'; None, 'none', 'ilu'"):
        Krylov(torus(10), preconditioner="jacobi")
    with pytest.raises(ArgumentError, match="preconditioner of type float"):
        Krylov(torus(10), preconditioner=2.0)
    with pytest.raises(ArgumentError, match="'ilu' needs a matrix"):
        Krylov(operator(torus(10)), preconditioner="ilu")
    with pytest.raises(ArgumentError, match="is no Krylov method"):
        Krylov(torus(10), "jacobi")


@pytest.mark.parametrize("gamma", [0.5, 0.99, 0.9999])
def test_errors_stay_small_when_the_discount_nears_one(gamma):
    m = torus(40, gamma)
    y = 1.0 + np.random.default_rng(0).random(1600)
    for factor in (Krylov(m), factorize(m, "krylov")):
        assert error(checked(m, factor, m @ y), y) < 1e-9
        assert error(checked(m, factor, m.T @ y, transposed=True), y) < 1e-9


@pytest.mark.parametrize("m", [torus(60), chain(3600)])
def test_the_predicted_products_are_enough(m):
    factor = Krylov(m, probe=False)
    factor.solve(np.random.default_rng(0).random(3600))
    assert factor.products <= 1.3 * predicted_products(min(dominance(m, m.diagonal())))


def test_dominance_is_that_of_rows_and_columns():
    m = np.array([[4.0, -1.0, 0.0], [2.0, 5.0, 1.0], [0.0, 0.5, -2.0]])
    found = dominance(sp.csc_array(m), m.diagonal())
    assert found == pytest.approx((3 / 5, 2 / 4))
    m[1, 1] = 0.0
    assert dominance(sp.csc_array(m), m.diagonal()) == (np.inf, np.inf)
    assert predicted_products(np.inf) == np.inf


def test_symmetry_is_that_of_values():
    m = laplacian(5, 5)
    assert is_symmetric(m)
    m.data[1] *= 1 + 1e-15
    assert not is_symmetric(m)
    assert not is_symmetric(chain(20))


# ---- two colours ----


def test_two_colours_are_found_where_there_are_two():
    m = torus(8)
    red = two_colours(m)
    rows, columns = m.nonzero()
    apart = rows != columns
    assert (red[rows[apart]] != red[columns[apart]]).all()
    assert two_colours(torus(7)) is None  # odd circles
    assert two_colours(sp.csc_array(sp.eye_array(5))) is None  # not connected
    line = two_colours(laplacian(1000))
    np.testing.assert_array_equal(line[::2], line[0])
    np.testing.assert_array_equal(line[1::2], ~line[0])


@pytest.mark.parametrize("turned", [False, True])
def test_one_colour_is_eliminated_exactly(turned):
    m = torus(16).T.tocsc() if turned else torus(16)
    rho = dominance(m, m.diagonal())
    factor = TwoColour(m, two_colours(m), rho)
    both_ways(m, factor)
    assert "128 eliminated by colour" in factor.method
    whole = Krylov(m)
    b = np.random.default_rng(0).standard_normal(256)
    before = factor.products
    factor.solve(b), whole.solve(b)
    assert factor.products - before < 0.7 * whole.products


def test_what_one_colour_does_not_solve_goes_to_the_whole(monkeypatch):
    m = torus(16)
    lu = lambda m: factorize(m, "lu")  # noqa: E731
    factor = TwoColour(m, two_colours(m), dominance(m, m.diagonal()), lu)

    def fails(*args, **kwargs):
        raise SingularError("not today")

    monkeypatch.setattr(factor.inner, "solve", fails)
    both_ways(m, factor)
    assert factor.method.startswith("sparse LU")


# ---- plans ----

FAMILIES = {
    "line": laplacian(5000),
    "grid": laplacian(64, 64),
    "strip": laplacian(500, 10),
    "torus": torus(60),
    "cube": laplacian(12, 12, 12),
    "random": chain(1000),
    "pieces": sp.csc_array(sp.block_diag([laplacian(16, 16)] * 20)),
    "tree": tree(5000),
    "hub": hub(5000),
}


@pytest.mark.parametrize("m", FAMILIES.values(), ids=FAMILIES)
def test_the_fill_is_predicted_to_a_factor_of_two(m):
    ordering = choose_ordering(sp.csc_array(m / abs(m).max()))
    found = SparseLU(m, ordering).nnz
    predicted, flops = predicted_fill(m)
    assert 0.5 < predicted / found < 2.0
    assert flops > predicted


def test_random_graphs_expand_and_grids_do_not():
    assert expands(chain(5000))
    assert not expands(torus(70))
    assert not expands(laplacian(5000))


CHOICES = {
    "one": (sp.csc_array([[2.0]]), "division"),
    "small": (chain(50), "dense"),
    "filled": (sp.csc_array(np.eye(200) + 1.0), "dense"),
    "falls apart": (absorbing(), "block"),
    "grid": (laplacian(60, 60), "lu"),
    "weakly dominant": (laplacian(300, 300), "lu"),
    "random, dominant": (chain(20_000), "krylov"),
}


@pytest.mark.parametrize(("m", "method"), CHOICES.values(), ids=CHOICES)
def test_the_cheapest_method_is_chosen_and_told(m, method):
    chosen = plan(m)
    assert chosen.method == method
    assert str(chosen) == chosen.why
    if method in ("lu", "krylov"):
        assert "flops" in chosen.why
        assert chosen.flops > 0
        assert chosen.bytes > 0


def test_what_does_not_fit_is_refused_or_solved_by_krylov():
    grid = laplacian(100, 100)
    assert plan(grid, available=1e9).method == "lu"
    small = plan(grid, available=1e6)
    assert small.method == "krylov"
    assert "would not fit in the 1 MB" in small.why
    with pytest.raises(SizeError, match="10,000 rows.* would need .* bytes, 1,000,000 are free"):
        plan(grid, "lu", available=1e6)
    with pytest.raises(SizeError, match="dense LU of 10,000 rows would need 1,600,000,000 bytes"):
        plan(grid, "dense", available=1e6)
    torus_plan = plan(torus(60), available=1e5)
    assert torus_plan.method == "krylov"
    assert torus_plan.fallback == ""


def test_a_trial_that_fails_is_followed_by_factors(monkeypatch):
    m = scattered(2500, 0.3)
    monkeypatch.setattr(lagrad.solve.plan, "predicted_fill", lambda m: (1e8, 1e15))
    chosen = plan(m)
    assert chosen.fallback == "trial"
    factor = factorize(m)
    assert "sparse LU" in factor.method
    assert "Krylov methods did not converge" in factor.method
    y = np.random.default_rng(0).standard_normal(2500)
    assert error(checked(m, factor, m @ y), y) < 1e-8
    easy = scattered(2500, 1.02)
    assert plan(easy).method == "krylov"
    assert factorize(easy).method.startswith("Krylov")


def test_a_plan_serves_for_other_values_of_the_pattern(monkeypatch):
    for m in (laplacian(60, 60), torus(60), absorbing()):
        first = factorize(m)

        def never(*args):
            raise AssertionError("predicted again")

        with monkeypatch.context() as patched:
            for name in ("predicted_fill", "block_form", "dominance"):
                patched.setattr(lagrad.solve.plan, name, never)
            other = m.copy()
            other.data = other.data * 1.5
            again = factorize(other, first.plan)
        assert again.plan is first.plan
        y = np.random.default_rng(0).standard_normal(m.shape[0])
        assert error(checked(other, again, other @ y), y) < 1e-9


def test_a_plan_for_dominance_that_is_lost_still_gives_the_right_answer():
    m = torus(60)
    lost = m.copy()
    lost.data = np.where(lost.data < 0, 1.3 * lost.data, lost.data)
    chosen = plan(m, available=1e5)
    assert chosen.method == "krylov"
    y = np.random.default_rng(0).standard_normal(3600)
    factor = factorize(lost, chosen)
    assert error(checked(lost, factor, lost @ y), y) < 1e-7
    with pytest.raises(SingularError):
        alone = torus(60, gamma=1.0)
        factorize(alone, chosen).solve(alone @ y)


def test_what_does_not_go_together_is_refused():
    m = chain(200)
    with pytest.raises(ArgumentError, match=r"'gmre'.*did you mean gmres\?"):
        factorize(m, "gmre")
    with pytest.raises(ArgumentError, match="'lu' takes no preconditioner"):
        factorize(m, "lu", "ilu")
    with pytest.raises(ArgumentError, match="'dense' needs a matrix"):
        factorize(operator(m), "dense")


# ---- a solver of the user's ----


def one_way(m):
    lu = splu(m)
    return LinearOperator(m.shape, matvec=lu.solve, dtype=float)


def exact(m):
    lu = splu(m)
    return LinearOperator(m.shape, lu.solve, lambda v: lu.solve(v, "T"), dtype=float)


def function_of_b(m):
    return lambda b: np.linalg.solve(m.toarray(), b)


@pytest.mark.parametrize("function", [splu, one_way, exact, function_of_b])
def test_a_solver_of_the_users_own(function):
    m = scattered(300, 0.9)
    factor = factorize(m, function)
    both_ways(m, factor)
    assert function.__name__ in factor.method


def test_a_wrong_solver_of_the_users_own_is_found_out():
    m = scattered(300, 0.9)
    wrong = lambda m: lambda b: 1.1 * splu(m).solve(b)  # noqa: E731
    with pytest.raises(SingularError, match="inaccurate"):
        checked(m, factorize(m, wrong), np.ones(300))
    with pytest.raises(ArgumentError, match="linear_solver returned a float"):
        Custom(m, lambda m: 2.0).solve(np.ones(300))


# ---- factors of a matrix near by ----


def near(m, by, seed=0):
    made = m.copy()
    made.data = made.data * (1 + by * np.random.default_rng(seed).uniform(-1, 1, made.nnz))
    return made


@pytest.mark.parametrize("name", ["dense", "lu", "block"])
@pytest.mark.parametrize("by", [0.0, 1e-9, 1e-4])
def test_factors_near_by_give_the_exact_answer(name, by):
    m = scattered(300, 0.9)
    factor = Refined(m, factorize(near(m, by), name))
    both_ways(m, factor, tol=1e-12)
    assert not factor.renewed
    assert factor.steps <= 4
    assert factor.method.startswith(f"the forward factorisation, {factor.steps} refinement step")


def test_factors_too_far_away_are_renewed_once(monkeypatch):
    import lagrad.solve.reuse

    m, made = scattered(300, 0.9), []
    stale = factorize(near(m, 0.5), "lu")
    counted = lambda *args: made.append(1) or factorize(*args)  # noqa: E731
    monkeypatch.setattr(lagrad.solve.reuse, "factorize", counted)
    factor = Refined(m, stale)
    both_ways(m, factor, tol=1e-12)
    assert factor.renewed
    assert made == [1]
    assert factor.method.startswith("renewed: sparse LU of 300")


@pytest.mark.parametrize(("by", "renewed"), [(1e-6, False), (0.5, True)])
def test_factors_near_by_serve_an_operator(by, renewed):
    m = scattered(300, 0.9)
    factor, lu = Refined(operator(m), factorize(near(m, by), "lu")), splu(m)
    b = np.random.default_rng(0).standard_normal(300)
    x, _ = certified(operator(m), factor, b)
    assert error(x, lu.solve(b)) < 1e-10
    x, _ = certified(operator(m), factor, b, transposed=True)
    assert error(x, lu.solve(b, "T")) < 1e-10
    assert factor.renewed == renewed
    assert ("preconditioner" in factor.method) == renewed


def test_ill_conditioned_systems_keep_the_digits_of_fresh_factors():
    n = 12
    hilbert = 1.0 / (np.arange(n)[:, None] + np.arange(n) + 1.0) + 1e-9 * np.eye(n)
    m, y = sp.csc_array(hilbert), np.ones(n)
    b = m @ y
    fresh = error(checked(m, factorize(m), b), y)
    for by in (1e-12, 1e-10):
        refined = error(checked(m, Refined(m, factorize(near(m, by))), b), y)
        assert refined < 10 * fresh + 1e-12


def test_a_singular_matrix_is_not_solved_by_regular_factors():
    m = neumann(20)
    stale = factorize(sp.csc_array(m + 0.01 * sp.eye_array(400)), "lu")
    with pytest.raises(SingularError):
        checked(m, Refined(m, stale), np.random.default_rng(0).standard_normal(400))
