"""Block triangular solves against dense twins, and what they do with blocks that are singular."""

import itertools
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from lagrad.order import component_order, components
from lagrad.solve.batch_lu import (
    factorize_batch,
    factorize_in_turn,
    factorize_scaled,
    solve_batch,
)
from lagrad.solve.batched import BlockTriangular, block_form
from lagrad.solve.block_triangular import (
    BlockSubstitution,
    natural_form,
    solve_block_triangular,
    spans,
    stretches,
)
from lagrad.solve.form import Form
from lagrad.solve.interface import SMALLEST_RCOND, checked, relative_residual
from lagrad.solve.layout import SMALL
from lagrad.solve.select import factorize
from lagrad.status import SingularError, StructureError

# -- helpers ---------------------------------------------------------------------------------------


class Factors:
    """The caller's factors, and which blocks it was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, k, block):
        self.asked.append(k)
        try:
            return factorize(block)
        except SingularError as error:
            raise SingularError(f"the block called {k} is {error}") from error


class Eye:
    """The factors of a block that is not to be solved with."""

    def __init__(self, k):
        self.k = k


def dense_blocks(sizes, seed=0, density=0.3):
    """Return an upper block triangular matrix: ones where a size is 1, else blocks of no order."""
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    a = np.triu(rng.standard_normal((n, n)) * (rng.random((n, n)) < density), 1)
    for begin, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        here = slice(begin, begin + size)
        a[here, here] = 1.0
        if size > 1:
            a[here, here] = rng.standard_normal((size, size)) + np.roll(2 * np.eye(size), 1, 0)
    return a


def form_of(sizes, rows=None, columns=None):
    """Return the form of `dense_blocks`; explicit entries have no name."""
    n, sizes = sum(sizes), np.array(sizes, dtype=int)
    names = np.where(sizes > 1, 10 * np.arange(len(sizes)), -1)
    rows = np.arange(n) if rows is None else rows
    columns = np.arange(n) if columns is None else columns
    return Form(rows, columns, np.concatenate([[0], np.cumsum(sizes)]), names)


def shuffled(a, sizes, seed=1):
    """Return the matrix with rows and columns in another order, and the form that restores it."""
    rng = np.random.default_rng(seed)
    n = len(a)
    rows, columns = rng.permutation(n), rng.permutation(n)
    made = np.empty_like(a)
    made[np.ix_(rows, columns)] = a
    return made, form_of(sizes, rows, columns)


def near(x, a, b, condition=None):
    """Assert that x solves a x = b as well as LAPACK does."""
    expected = np.linalg.solve(a, b)
    assert x.shape == expected.shape
    if len(a):
        condition = condition or np.linalg.cond(a)
        assert np.abs(x - expected).max() <= 1e-14 * condition * np.abs(expected).max()


STRUCTURES = {
    "nothing": [],
    "one entry": [1],
    "explicit": [1] * 7,
    "one small block": [4],
    "one large block": [SMALL + 1],
    "small blocks of one size": [3] * 6,
    "small blocks among entries": [1, 1, 3, 1, 3, 1, 1, 3, 3, 1],
    "many sizes": [1, 2, 5, 3, 1, 2, 7, 5, 1, 1, 4],
    "a large block among entries": [1] * 5 + [SMALL + 6] + [1] * 4,
    "large blocks beside each other": [SMALL + 1, SMALL + 2, 1, 2, SMALL + 3],
    "large blocks first and last": [SMALL + 1, 2, 1, 2, SMALL + 3],
    "the largest small block": [1, SMALL, 1, SMALL],
}


# -- with the blocks known -------------------------------------------------------------------------


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("sizes", STRUCTURES.values(), ids=STRUCTURES)
def test_solves_like_a_dense_matrix(sizes, few):
    rng = np.random.default_rng(2)
    a = dense_blocks(sizes)
    condition = np.linalg.cond(a) if sizes else 1.0
    for matrix, form in ((a, form_of(sizes)), shuffled(a, sizes)):
        for b in (rng.standard_normal(len(a)), rng.standard_normal((len(a), 3))):
            for m in (sp.csr_array(matrix), sp.csc_array(matrix), sp.coo_array(matrix)):
                found = solve_block_triangular(m, form, b, Factors(), few)
                near(found, matrix, b, condition)
                substitution = BlockSubstitution(m, form, Factors(), few)
                near(substitution.solve(b), matrix, b, condition)
                near(substitution.solve(b, transposed=True), matrix.T, b, condition)


def test_only_large_blocks_are_asked_for():
    sizes = [1] * 5 + [3] * 8 + [SMALL + 6] + [1, 2] * 4
    a = dense_blocks(sizes)
    m, factors = sp.csr_array(a), Factors()
    substitution = BlockSubstitution(m, form_of(sizes), factors, few=0)
    assert factors.asked == [130]
    assert substitution.method == (
        f"block triangular: 1 block of {SMALL + 6} (dense LU of {SMALL + 6}), "
        "4 blocks of 2 in a batch, 8 blocks of 3 in a batch, 9 single"
    )
    substitution.solve(np.ones(len(a)))
    assert factors.asked == [130]


def test_few_small_blocks_keep_the_factors_of_the_caller():
    sizes = [1, 3, 1, 3]
    a, factors = dense_blocks(sizes), Factors()
    solve_block_triangular(sp.csr_array(a), form_of(sizes), np.ones(8), factors)
    assert factors.asked == [10, 30]
    for few in (2, 1):
        factors = Factors()
        solve_block_triangular(sp.csr_array(a), form_of(sizes), np.ones(8), factors, few)
        assert factors.asked == ([10, 30] if few == 2 else [])


def test_the_order_of_rows_and_columns_does_not_matter():
    sizes = [1, 2, 5, 3, 1, 2, SMALL + 1, 5, 1]
    a = dense_blocks(sizes)
    b = np.random.default_rng(3).standard_normal(len(a))
    expected = solve_block_triangular(sp.csr_array(a), form_of(sizes), b, Factors(), few=0)
    made, form = shuffled(a, sizes)
    b_made = np.empty_like(b)
    b_made[form.rows] = b
    x = solve_block_triangular(sp.csr_array(made), form, b_made, Factors(), few=0)
    assert np.allclose(x[form.columns], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("run", "apart"), [(1, [(1, 4), (5, 6), (7, 9)]), (20, [(1, 4), (5, 6)])])
def test_equal_blocks_that_do_not_need_each_other_are_solved_together(monkeypatch, run, apart):
    sizes = [2, 3, 3, 3, 1, SMALL + 1, 2, 3, 3, 4, 4, 1]
    a = dense_blocks(sizes, density=1.0)
    at = form_of(sizes).bounds
    for first, last in [(1, 4), (7, 9)]:  # 9 and 10 are equal and adjacent, but one needs the other
        for k in range(first, last):
            a[at[k] : at[k + 1], at[k + 1] : at[last]] = 0.0
    monkeypatch.setattr("lagrad.solve.layout.RUN", run)
    rng = np.random.default_rng(14)
    for matrix, form in ((a, form_of(sizes)), shuffled(a, sizes)):
        substitution = BlockSubstitution(sp.csc_array(matrix), form, Factors(), few=0)
        assert list(substitution.layout.apart) == apart
        for b in (rng.standard_normal(len(a)), rng.standard_normal((len(a), 3))):
            near(substitution.solve(b), matrix, b)
            near(substitution.solve(b, transposed=True), matrix.T, b)
    assert "2 blocks of 2 in a batch, 5 blocks of 3 in a batch, 2 blocks of 4" in (
        substitution.method
    )
    matrix[form.rows[at[2]], form.columns[at[2] : at[3]]] = 0.0
    lacking = BlockSubstitution(sp.csc_array(matrix), form, lambda k, m: Eye(k), few=0)
    assert [part.factor.k for part in lacking.parts if isinstance(part.factor, Eye)] == [20, 50]


def test_nothing_of_the_caller_is_changed():
    sizes = [1, 2, 3, 1, SMALL + 1, 1]
    a = sp.csc_array(dense_blocks(sizes))
    b = np.ones(a.shape[0])
    before = a.copy()
    solve_block_triangular(a, form_of(sizes), b, Factors(), few=0)
    for name in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(a, name), getattr(before, name))
    assert np.array_equal(b, np.ones(a.shape[0]))


def test_duplicates_are_summed_and_order_in_a_row_does_not_matter():
    sizes = [1, 2, 2, 1]
    a = dense_blocks(sizes, density=1.0)
    rows, columns = np.nonzero(np.tile(a, 1))
    at = np.random.default_rng(4).permutation(2 * len(rows))
    rows, columns = np.tile(rows, 2)[at], np.tile(columns, 2)[at]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows))])
    by_row = np.argsort(rows, kind="stable")
    columns = columns[by_row]
    data = a[rows[by_row], columns] / 2
    m = sp.csr_array((data, columns, indptr), shape=a.shape)
    near(solve_block_triangular(m, form_of(sizes), np.arange(6.0), Factors(), 0), a, np.arange(6.0))
    assert m.nnz == 2 * np.count_nonzero(a)


def test_a_zero_that_is_stored_is_an_entry():
    a = dense_blocks([1, 3, 3])
    a[1, 1] = a[2, 3] = 0.0
    m = sp.coo_array(np.where(np.triu(np.ones((7, 7)), -2) > 0, np.where(a == 0, 1e-300, a), 0))
    m.data[m.data == 1e-300] = 0.0
    kept = (m.row < 1) | ((m.row < 4) & (m.col >= 1)) | (m.col >= 4)
    m = sp.csr_array((m.data[kept], (m.row[kept], m.col[kept])), shape=(7, 7))
    assert np.count_nonzero(m.data == 0) > 2
    near(solve_block_triangular(m, form_of([1, 3, 3]), np.ones(7), Factors(), 0), a, np.ones(7))


def test_an_entry_below_the_blocks_is_refused():
    a = dense_blocks([1, 2, 1, 2])
    for place in ((1, 0), (3, 2), (5, 1)):
        broken = a.copy()
        broken[place] = 1.0
        with pytest.raises(StructureError, match="below the blocks"):
            solve_block_triangular(sp.csr_array(broken), form_of([1, 2, 1, 2]), np.ones(6), None)


@pytest.mark.parametrize("sizes", [[1, 2, 3, 1, 3, SMALL + 1, 1], [1, 2, 3, 1, 3, 5, 1]])
def test_a_new_matrix_of_the_same_pattern_keeps_the_layout(sizes):
    a, form = shuffled(dense_blocks(sizes), sizes)
    first = BlockSubstitution(sp.csc_array(a), form, Factors(), few=0)
    rng = np.random.default_rng(5)
    m = sp.csc_array(a)
    m.data = m.data * rng.uniform(0.1, 2.0, m.nnz)  # single entries are no ones now
    other = BlockSubstitution(m, form, Factors(), few=0)
    assert other.layout is first.layout
    b = rng.standard_normal((len(a), 2))
    near(other.solve(b), m.toarray(), b)
    near(other.solve(b, transposed=True), m.toarray().T, b)
    near(first.solve(b), a, b)
    without = m.toarray()
    without[form.rows[0], form.columns[1:]] = 0.0
    fewer = sp.csc_array(without)
    assert fewer.nnz < m.nnz
    third = BlockSubstitution(fewer, form, Factors(), few=0)
    assert third.layout is not first.layout
    near(third.solve(b), fewer.toarray(), b)
    near(first.solve(b), a, b)
    fewer.indices[:] = fewer.indices[::-1]  # whose pattern the form keeps
    fewer.has_canonical_format = False
    assert BlockSubstitution(sp.csc_array(without), form, Factors(), few=0).layout is third.layout


def reference_stretches(blocks, offsets, equation_offsets):
    """Return rows, columns, sizes and names, entry by entry."""
    rows, columns, sizes, names = [], [], [], []
    for k, block in enumerate(blocks):
        mine = [x for j in block.variables for x in range(offsets[j], offsets[j + 1])]
        rows += mine
        for i in block.equations:
            columns += range(equation_offsets[i], equation_offsets[i + 1])
        sizes += [len(mine)] if block.cyclic else [1] * len(mine)
        names += [k] if block.cyclic else [-1] * len(mine)
    return rows, columns, sizes, names


def test_blocks_of_vectors_fall_into_entries():
    def block(variables, equations, cyclic):
        return SimpleNamespace(variables=variables, equations=equations, cyclic=cyclic)

    offsets, equation_offsets = np.array([0, 2, 3, 6, 6, 7, 9]), np.array([0, 1, 3, 3, 6, 8, 9])
    blocks = [
        block((1,), (0,), False),
        block((2, 0), (4, 3), True),
        block((3,), (2,), False),  # a variable without entries
        block((5,), (1,), False),
        block((4,), (5,), True),
    ]
    form = stretches(blocks, offsets, equation_offsets)
    rows, columns, sizes, names = reference_stretches(blocks, offsets, equation_offsets)
    assert form.rows.tolist() == rows == [2, 3, 4, 5, 0, 1, 7, 8, 6]
    assert form.columns.tolist() == columns
    assert form.sizes.tolist() == sizes == [1, 5, 1, 1, 1]
    assert form.names.tolist() == names == [-1, 1, -1, -1, 4]
    assert spans(offsets, [5, 0]).tolist() == [7, 8, 0, 1]
    assert spans(offsets, []).tolist() == []
    assert len(stretches([], np.array([0]), np.array([0]))) == 0


def test_rows_in_order_need_no_blocks_to_be_listed():
    offsets, cycles = np.array([0, 2, 3, 6, 6, 7, 7, 9]), (2, 4, 5)
    blocks = [SimpleNamespace(variables=(i,), equations=(i,), cyclic=i in cycles) for i in range(7)]
    expected, form = stretches(blocks, offsets, offsets), natural_form(offsets, cycles)
    for name in ("rows", "columns", "bounds", "names"):
        assert np.array_equal(getattr(form, name), getattr(expected, name))
    assert form.rows.tolist() == list(range(9))
    assert form.names.tolist() == [-1, -1, -1, 2, 4, -1, -1]  # row 5 is a cycle without entries
    assert form.sizes.tolist() == [1, 1, 1, 3, 1, 1, 1]


# -- what is singular, badly scaled or badly conditioned -------------------------------------------


@pytest.mark.parametrize("broken", [0.0, np.nan, np.inf])
def test_a_singular_block_of_a_batch_is_named(broken):
    sizes = [1, 3] * 20
    a = dense_blocks(sizes)
    here = slice(29, 32)  # the eighth block of 3, number 15 of all, called 150
    assert sizes[15] == 3
    assert sum(sizes[:15]) == 29
    if broken == 0.0:
        a[31, here] = 2 * a[29, here] - a[30, here]
        a[31, here][np.abs(a[31, here]) < 1e-300] = 1e-300
    else:
        a[30, 30] = broken
    factors = Factors()
    with pytest.raises(SingularError, match="the block called 150 is (singular|not finite)"):
        solve_block_triangular(sp.csr_array(a), form_of(sizes), np.ones(80), factors, few=0)
    assert factors.asked == [150]


def test_an_explicit_entry_without_a_one_is_refused():
    a = dense_blocks([1, 1, 2, 1])
    for wrong in (0.0, np.nan):
        a[1, 1] = wrong
        with pytest.raises(SingularError, match="row 1 of an explicit entry has no pivot"):
            solve_block_triangular(sp.csr_array(a), form_of([1, 1, 2, 1]), np.ones(5), Factors())


@pytest.mark.parametrize("power", [-150, 150])
@pytest.mark.parametrize("side", ["rows", "columns", "both"])
def test_units_do_not_matter(power, side):
    sizes = [1, 4, 1, 4, 1, 1, 4]
    a = dense_blocks(sizes)
    b = np.random.default_rng(6).standard_normal(len(a))
    expected = np.linalg.solve(a, b)
    rng = np.random.default_rng(7)
    inside = np.repeat(np.array(sizes) > 1, sizes)
    units = np.where(inside, 10.0 ** (power * rng.integers(0, 2, len(a))), 1.0)
    rows = units if side != "columns" else np.ones_like(units)
    columns = units[::-1] * inside + ~inside if side != "rows" else np.ones_like(units)
    made = rows[:, None] * a * columns
    x = BlockSubstitution(sp.csr_array(made), form_of(sizes), Factors(), few=0).solve(rows * b)
    error = np.abs(columns * x - expected).max() / np.abs(expected).max()
    assert error <= 1e-14 * np.linalg.cond(a)


def test_an_ill_conditioned_block_leaves_a_small_residual():
    # A product with the inverse leaves cond(D) * 1e-16; LU stays at rounding.
    m, k = 8, 20
    block = scipy.linalg.hilbert(m)
    a = np.kron(np.eye(k), block)
    b = a @ np.random.default_rng(8).standard_normal(m * k)
    by_inverse = np.kron(np.eye(k), np.linalg.inv(block)) @ b
    assert relative_residual(a, by_inverse, b) > 1e-8
    factors = Factors()
    x = solve_block_triangular(sp.csr_array(a), form_of([m] * k), b, factors, few=0)
    assert relative_residual(a, x, b) < 1e-15
    assert not factors.asked


def test_where_pivots_grow_the_caller_factorises():
    m = 30  # Wilkinson's matrix: the last column of U doubles in every step
    wilkinson = np.eye(m) - np.tril(np.ones((m, m)), -1)
    wilkinson[:, -1] = 1.0
    sizes = [m] * 3
    a = scipy.linalg.block_diag(np.eye(m) + 0.1, wilkinson, np.eye(m) + 0.2)
    factors = Factors()
    b = np.random.default_rng(9).standard_normal(3 * m)
    x = solve_block_triangular(sp.csr_array(a), form_of(sizes), b, factors, few=0)
    assert factors.asked == [10]
    assert relative_residual(a, x, b) < 1e-11


# -- batches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("factorize", [factorize_batch, factorize_in_turn])
@pytest.mark.parametrize("m", [1, 2, 5, 20])
def test_batched_lu_is_that_of_lapack(m, factorize):
    rng = np.random.default_rng(m)
    d = rng.standard_normal((m, m, 7))
    lu, order, _ = factorize(d.copy())
    b = rng.standard_normal((m, 2, 7))
    x, w = solve_batch(lu, order, b), solve_batch(lu, order, b, transposed=True)
    for k in range(7):
        expected, pivots = scipy.linalg.lu_factor(d[:, :, k])
        assert np.allclose(lu[:, :, k], expected, rtol=1e-10, atol=1e-13)
        rows = list(range(m))
        for i, j in enumerate(pivots):
            rows[i], rows[j] = rows[j], rows[i]
        assert order[:, k].tolist() == rows
        assert np.allclose(d[:, :, k] @ x[:, :, k], b[:, :, k], rtol=0, atol=1e-10)
        assert np.allclose(d[:, :, k].T @ w[:, :, k], b[:, :, k], rtol=0, atol=1e-10)


@pytest.mark.parametrize("factorize", [factorize_batch, factorize_in_turn])
def test_conditions_of_a_batch(factorize):
    rng = np.random.default_rng(10)
    m, k = 12, 200
    left, right = (np.linalg.qr(rng.standard_normal((k, m, m)))[0] for _ in "lr")
    exponents = rng.uniform(0, 12, k)
    singular_values = 10.0 ** -(exponents[:, None] * np.linspace(0, 1, m))
    d = left @ (singular_values[:, :, None] * right)
    exact = np.array([1 / np.linalg.cond(x, 1) for x in d])
    _, _, found = factorize(np.array(np.moveaxis(d, 0, 2)))
    assert np.all(found >= 0.999 * exact)  # the estimate of |D^-1| is a lower bound
    assert np.all(found <= 10 * exact)
    assert np.median(found / exact) < 1.5


@pytest.mark.parametrize("copies", [1, 20])
def test_what_is_not_to_be_trusted_in_a_batch(copies):
    d = np.stack([np.eye(3)] * 7, axis=2)
    d[2, :, 1] = d[1, :, 1]
    d[:, 2, 2] = d[:, 1, 2]
    d[0, 0, 3] = np.nan
    d[:, :, 4] = 0.0
    d[0, :, 5] *= 1e-20  # bad units alone are no fault
    d = np.tile(d, copies)  # few are taken one by one, many together
    lost = factorize_scaled(d.copy())[3].tolist()
    assert lost == copies * [False, True, True, True, True, False, False]
    assert factorize_scaled(d.copy(), 1e13)[3].tolist() == copies * [False, *[True] * 5, False]


# -- with the form to be found ---------------------------------------------------------------------


def finest(m):
    """Return the rows of each diagonal block of the finest form, from reachability."""
    n = len(m)
    partner = next(p for p in itertools.permutations(range(n)) if all(m[range(n), p] != 0))
    reach = (m[:, list(partner)] != 0).astype(int) + np.eye(n, dtype=int)
    for _ in range(n):
        reach = ((reach @ reach) > 0).astype(int)
    both = (reach > 0) & (reach.T > 0)
    return {frozenset(np.flatnonzero(row).tolist()) for row in both}


def assert_block_triangular(form, m):
    n = len(m)
    assert sorted(form.rows) == sorted(form.columns) == list(range(n))
    ordered = m[form.rows][:, form.columns]
    for begin, end in itertools.pairwise(form.bounds):
        assert not ordered[end:, begin:end].any()
        assert ordered[begin:end, begin:end].any()


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32), st.floats(0.1, 0.6))
def test_the_form_is_the_finest(n, seed, density):
    rng = np.random.default_rng(seed)
    m = (rng.random((n, n)) < density) * 1.0
    perfect = any(all(m[range(n), p]) for p in itertools.permutations(range(n)))
    for matrix in (sp.csc_array(m), sp.csr_array(m)):
        if not perfect:
            with pytest.raises(SingularError, match="singular whatever its values"):
                block_form(matrix)
            continue
        form = block_form(matrix)
        assert_block_triangular(form, m)
        found = {
            frozenset(form.rows[a:b].tolist()) for a, b in itertools.pairwise(form.bounds.tolist())
        }
        assert found == finest(m)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([1, 1, 2, 2, 3, 6, 12]), max_size=12), st.integers(0, 2**32))
def test_block_triangular_factors_solve_like_a_dense_matrix(sizes, seed):
    rng = np.random.default_rng(seed)
    a, _ = shuffled(dense_blocks(sizes, seed % 1000), sizes, seed % 1001)
    a *= rng.uniform(0.5, 2, a.shape)
    if len(a) and np.linalg.cond(a) > 1e8:
        return
    m = sp.csc_array(a)
    factor = BlockTriangular(m, factorize)
    for b in (rng.standard_normal(len(a)), rng.standard_normal((len(a), 2))):
        near(factor.solve(b), a, b)
        near(factor.solve(b, transposed=True), a.T, b)
        near(checked(m, factor, b), a, b)


def test_a_large_block_goes_to_the_factorisation_that_is_given():
    sizes = [1, 1, 90, 2, 1, 2, 150]
    a, _ = shuffled(dense_blocks(sizes), sizes)
    asked = []

    def counted(block):
        asked.append(block.shape[0])
        return factorize(block)

    factor = BlockTriangular(sp.csc_array(a), counted)
    assert sorted(asked) == [90, 150]
    assert "1 block of 90 (dense LU of 90)" in factor.method
    assert "1 block of 150 (" in factor.method
    assert "2 blocks of 2 in a batch, 3 single" in factor.method
    assert factor.method.startswith("block triangular: ")
    b = np.ones(len(a))
    near(factor.solve(b), a, b)


def test_a_batch_of_samples_is_one_batch():
    rng = np.random.default_rng(11)
    blocks = [rng.standard_normal((50, 50)) + 10 * np.eye(50) for _ in range(64)]
    # The samples interleaved, as an array (50, 64) has them.
    at = np.arange(3200).reshape(64, 50).T.ravel()
    m = sp.csc_array(sp.block_diag(blocks, format="csr")[at][:, at])
    factor = BlockTriangular(m, factorize)
    assert factor.method == "block triangular: 64 blocks of 50 in a batch"
    b = rng.standard_normal(3200)
    assert relative_residual(m, factor.solve(b), b) < 1e-15


def test_an_irreducible_matrix_is_told_by_one_search(monkeypatch):
    n = 30
    ring = sp.csc_array(np.eye(n) + np.roll(np.eye(n), 1, 0))
    assert len(block_form(ring)) == 1
    chain = sp.csc_array(np.eye(n) + np.eye(n, k=1))
    assert len(block_form(chain)) == n
    assert block_form(chain).rows.tolist() == list(range(n))  # the order that is there is kept
    whole = BlockTriangular(ring + sp.eye_array(n, format="csc"), factorize)
    assert whole.method == f"block triangular: 1 block of {n} in a batch"


def test_a_chain_with_absorbing_states_falls_apart():
    # A ruin with stakes of one until 20; it is told in advance in which of three halls one plays.
    n = 63
    m = np.eye(n)
    for hall in range(3):
        for k in range(1, 20):
            m[21 * hall + k, 21 * hall + k - 1] = m[21 * hall + k, 21 * hall + k + 1] = -0.5
    factor = BlockTriangular(sp.csc_array(m), factorize)
    assert factor.method == "block triangular: 3 blocks of 19 in a batch, 6 single"
    won = np.zeros(n)
    won[[20, 41, 62]] = 1.0
    assert factor.solve(won) == pytest.approx(np.tile(np.arange(21) / 20, 3), abs=1e-14)


def test_new_values_keep_the_form_and_another_pattern_gets_its_own(monkeypatch):
    sizes = [1, 2, 2, 1, 70]
    a, _ = shuffled(dense_blocks(sizes), sizes)
    m = sp.csc_array(a)
    first = BlockTriangular(m, factorize)
    other = m.copy()
    other.data = other.data * np.random.default_rng(12).uniform(0.5, 2, other.nnz)
    b = np.arange(len(a), dtype=float)
    with monkeypatch.context() as patch:
        patch.setattr("lagrad.solve.batched.block_form", None)
        patch.setattr("lagrad.solve.layout.make_layout", None)
        second = first.refactor(other)
    assert second.form is first.form
    near(second.solve(b), other.toarray(), b)
    near(first.solve(b), a, b)
    shifted = sp.csc_array(m + sp.eye_array(len(a)))
    assert shifted.nnz > m.nnz
    near(first.refactor(shifted).solve(b), shifted.toarray(), b)
    misfit = BlockTriangular(shifted, factorize, first.form)
    assert misfit.form is not first.form
    near(misfit.solve(b), shifted.toarray(), b)


def test_factors_pickle():
    sizes = [1, 2, 2, 1, 70]
    a, _ = shuffled(dense_blocks(sizes), sizes)
    factor = BlockTriangular(sp.csc_array(a), factorize)
    b = np.ones(len(a))
    copy = pickle.loads(pickle.dumps(factor))
    assert factor.form.kept
    assert not copy.form.kept
    assert copy.nnz == factor.nnz > 70**2
    assert copy.bytes == factor.bytes > 8 * factor.nnz
    assert np.array_equal(copy.solve(b), factor.solve(b))


@pytest.mark.parametrize("units", [1.0, 1e150, 1e-150])
def test_a_singular_block_of_a_form_is_told(units):
    sizes = [1, 3, 1, 3, 70]
    a = dense_blocks(sizes)
    a[7, 5:8] = a[5, 5:8] + a[6, 5:8]
    assert sizes[3] == 3
    with pytest.raises(SingularError, match=r"in block 3 of 5 .* 3 rows \[5, 6, 7\] and columns"):
        BlockTriangular(sp.csc_array(units * a), factorize)


@pytest.mark.parametrize("size", [1, 3, 70])
def test_a_block_of_rounding_errors_is_singular(size):
    # By itself the block is sound; beside the entries of its rows and columns it is zero.
    sizes = [2, size, 2]
    a = dense_blocks(sizes, density=1.0)
    here = slice(2, 2 + size)
    a[here, here] *= 1e-17
    with pytest.raises(SingularError, match="in block 1 of 3"):
        BlockTriangular(sp.csc_array(a), factorize)
    a[here, here] *= 1e17 * 1e-6
    assert np.linalg.cond(a) < 1 / SMALLEST_RCOND
    near(BlockTriangular(sp.csc_array(a), factorize).solve(np.ones(len(a))), a, np.ones(len(a)))


@pytest.mark.parametrize(("row_units", "column_units"), [(150, 0), (5, 5)])
def test_units_of_rows_and_columns_do_not_matter_to_a_form(row_units, column_units):
    sizes = [1, 3, 2, 70, 1, 3]
    a, _ = shuffled(dense_blocks(sizes, density=0.05), sizes)
    rng = np.random.default_rng(13)
    rows = 10.0 ** rng.uniform(-row_units, row_units, len(a))
    columns = 10.0 ** rng.uniform(-column_units, column_units, len(a))
    b = rng.standard_normal(len(a))
    m = sp.csc_array(rows[:, None] * a * columns)
    expected = np.linalg.solve(a, b)
    error = np.abs(columns * checked(m, BlockTriangular(m, factorize), rows * b) - expected).max()
    assert error <= 1e-14 * np.linalg.cond(a) * np.abs(expected).max()


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 9), st.integers(0, 2**32), st.integers(0, 20))
def test_component_order_has_the_components_in_topological_order(n, seed, edges):
    rng = np.random.default_rng(seed)
    rows, parents = rng.integers(0, n, (2, edges))
    nodes, bounds = component_order(n, rows, parents)
    groups = [tuple(nodes[a:b].tolist()) for a, b in itertools.pairwise(bounds.tolist())]
    assert sorted(groups) == sorted(components(n, rows, parents))
    number = np.empty(n, dtype=int)
    number[nodes] = np.repeat(np.arange(len(groups)), np.diff(bounds))
    assert np.all(number[parents] <= number[rows])
