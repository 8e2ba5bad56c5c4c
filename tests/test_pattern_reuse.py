"""What is worked out about structure is worked out once, and noticed when it has changed.

Matrices are compared with those of a search that knows nothing, and with columns from tangents.
"""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

import lagrad as lg
import lagrad.forward.linear
import lagrad.solve.plan
import lagrad.solve.sparse_lu
import lagrad.structure
from lagrad.assemble import compressed, slots, sums
from lagrad.eliminate import Symbolic
from lagrad.residual import Conditions, Structure
from lagrad.solve import factorize
from lagrad.solve.interface import scaled
from lagrad.solve.scaling import scales
from lagrad.solve.sparse_lu import SparseLU

RNG = np.random.default_rng(0)
B = sp.csr_array(sp.random_array((30, 70), density=0.1, random_state=np.random.default_rng(1)))
L = sp.csc_array(
    sp.diags_array([-np.ones(29), 2.5 * np.ones(30), -np.ones(29)], offsets=[-1, 0, 1])
)


def calls_of(monkeypatch, module, name):
    """Count the calls of a function, by the list of their arguments."""
    seen, function = [], getattr(module, name)

    def counted(*args, **kwargs):
        seen.append((args, kwargs))
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, counted)
    return seen


def by_tangents(g, z):
    """Return dg/dz from one tangent a column."""
    columns = [np.ravel(lg.jvp(g, (z,), (e.reshape(z.shape),))[1]) for e in np.eye(z.size)]
    return np.stack(columns, axis=1)


# -- places ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 40, 5000])
@pytest.mark.parametrize("kind", ["duplicates", "in order", "rows in order"])
def test_sums_go_where_scipy_puts_them(count, kind):
    rng = np.random.default_rng(count)
    shape = (37, 53) if count < 1000 else (400, 300)
    rows, columns = rng.integers(0, shape[0], count), rng.integers(0, shape[1], count)
    if kind != "duplicates":
        key = np.unique(rows * shape[1] + columns)
        rows, columns = np.divmod(key, shape[1])
        if kind == "rows in order":
            columns = columns[::-1]
            order = np.argsort(rows, kind="stable")
            rows, columns = rows[order], columns[order]
    found, first = compressed((rows, columns, np.ones(len(rows))), shape)
    slot = slots(rows, columns, shape) if found.slot is None else found.slot
    for data in (np.ones(len(rows)), rng.normal(size=len(rows))):
        expected = sp.coo_array((data, (rows, columns)), shape=shape).tocsr()
        expected.sort_indices()
        assert_array_equal(found.indptr, expected.indptr)
        assert_array_equal(found.indices, expected.indices)
        assert_allclose(sums(slot, data, expected.nnz), expected.data, rtol=1e-14, atol=1e-15)
    assert_array_equal(first, sums(slot, np.ones(len(rows)), expected.nnz))


def test_places_are_taken_only_for_the_same_entries_in_the_same_order():
    rows, columns = np.array([0, 2, 1, 2]), np.array([1, 0, 1, 0])
    symbolic = Symbolic()
    for data in (np.arange(4.0), np.ones(4)):
        for r, c, shape in (
            (rows, columns, (3, 3)),
            (rows.copy(), columns.astype(np.int32), (3, 3)),
            (rows, columns, (3, 4)),
            (rows[::-1], columns[::-1], (3, 4)),
            (columns, rows, (3, 4)),
            (rows[:3], columns[:3], (3, 4)),
        ):
            found = symbolic.matrix((r, c, data[: len(r)]), shape)
            expected = sp.coo_array((data[: len(r)], (r, c)), shape=shape)
            assert_array_equal(found.toarray(), expected.toarray())
    assert symbolic.made == 10


def test_rows_without_entries_and_rows_with_two_are_told_apart():
    M = sp.csr_array(np.array([[1.0, 2.0], [0.0, 0.0]]))
    z = np.array([0.3, 0.4])
    found = lg.jacobian(lambda z: np.exp(M @ z), sparse=True)(z)
    assert_allclose(found.toarray(), np.exp(1.1) * M.toarray(), rtol=1e-14)


# -- one cycle at several points -------------------------------------------------------------------

CONDITIONS = {
    "sparse products": lambda z: L @ z - 0.3 * np.exp(z) + B @ np.tanh(B.T @ z),
    "slices": lambda z: np.concatenate([z[1:] * z[:-1], z[-1:] ** 2 - z[:1]]),
    "dense": lambda z: np.sin(np.arange(900.0).reshape(30, 30) @ z / 900) + z,
    "matrices": lambda z: (np.reshape(z, (5, 6)) @ np.reshape(z, (6, 5))).ravel()[:25].sum() * z,
    "numbers": lambda z: np.stack([z[k] * z[k] + np.sin(z[(k + 1) % 30]) for k in range(30)]),
    "numbers of numbers": lambda z: np.stack(
        [np.exp(z[k] * z[k - 1]) * z[k] - z[k] / (2.0 + z[k - 2] ** 2) for k in range(30)]
    ),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_places_are_worked_out_once_for_all_points(name):
    g = CONDITIONS[name]
    problem = Conditions(g, np.zeros(30), (), "g")
    made = None
    for _ in range(4):
        z = RNG.normal(size=30)
        A = problem.linearize(z).structure
        fresh = Conditions(g, np.zeros(30), (), "g").linearize(z).structure
        assert_array_equal(A.indptr, fresh.indptr)
        assert_array_equal(A.indices, fresh.indices)
        assert_allclose(A.data, fresh.data, rtol=1e-14, atol=1e-15)
        assert_allclose(A.toarray().T, by_tangents(g, z), rtol=1e-12, atol=1e-13)
        made = made or problem.structure.inner.made
        assert problem.structure.inner.made == made > 0


def chosen_by_where(z):
    return np.where(z > 0, z**2, 3.0 * z) - np.roll(z, 1) * (z > 0.3)


def chosen_by_if(z):
    return z**2 + (B[:, :30] @ z if z[0] > 0 else np.roll(z, 2))


def chosen_by_index(z):
    return z**2 + np.sin(z[np.argsort(z)])


def chosen_by_selection(z):
    return np.maximum(z, np.roll(z, 1)) + np.sort(z) * z


def chosen_by_loop(z):
    total = z
    while np.max(np.abs(total)) < 5.0:
        total = total + total * np.roll(total, 1) + 1.0
    return total


def numbers_chosen_by_if(z):
    found = [z[k] * z[k - 1] if z[k] > 0 else np.sin(z[(k + 1) % 30]) + z[k] for k in range(30)]
    return np.stack(found)


def numbers_chosen_by_where(z):
    return np.stack([np.where(z[k] > 0, z[k] * z[k - 1], 2.0 * z[k - 2]) for k in range(30)])


CHOOSING = [
    chosen_by_where,
    chosen_by_if,
    chosen_by_index,
    chosen_by_selection,
    chosen_by_loop,
    numbers_chosen_by_if,
    numbers_chosen_by_where,
]


@pytest.mark.parametrize("g", CHOOSING, ids=lambda g: g.__name__)
def test_structure_that_changes_between_points_is_noticed(g):
    problem = Conditions(g, np.zeros(30), (), "g")
    rng = np.random.default_rng(3)
    points = [rng.normal(size=30) for _ in range(3)]
    made = []
    for z in (*points, points[0], points[0] + 1e-9, *points):
        A = problem.linearize(z).structure
        fresh = Conditions(g, np.zeros(30), (), "g").linearize(z).structure
        assert_array_equal(A.indptr, fresh.indptr)
        assert_array_equal(A.indices, fresh.indices)
        assert_allclose(A.toarray().T, by_tangents(g, z), rtol=1e-12, atol=1e-12)
        made.append(problem.structure.inner.made)
    assert made[3] == made[4] and made[0] < made[-1]


def test_complex_unknowns_keep_their_places_too():
    def g(z):
        return z**2 + np.conj(np.roll(z, 1)) - 0.5 * np.real(z)

    problem = Conditions(g, np.zeros(20, complex), (), "g")
    for k in range(3):
        v = np.random.default_rng(k).normal(size=40)
        linear = problem.linearize(v)
        columns = [linear.along(e) for e in np.eye(40)]
        assert_allclose(linear.structure.toarray().T, np.stack(columns, axis=1), atol=1e-13)
    assert problem.structure.inner.made == steps_of_one_point(g, np.zeros(20, complex))


def steps_of_one_point(g, z0):
    """Return how many steps are worked out for one point."""
    problem = Conditions(g, z0, (), "g")
    assert problem.linearize(problem.start() + 0.1).structure.shape
    return problem.structure.inner.made


# -- one search ------------------------------------------------------------------------------------


def test_a_search_plans_and_orders_once(monkeypatch):
    plans = calls_of(monkeypatch, lagrad.solve.plan, "choose")
    decompositions = calls_of(monkeypatch, lagrad.solve.sparse_lu, "splu")
    n = 40
    line = sp.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])
    grid = sp.csc_array(sp.kronsum(line, line)) * (n + 1) ** 2

    def g(u, a):
        return grid @ u - a * np.exp(u)

    u, certificate = lg.root(g, np.zeros(n * n), 6.0, full_output=True)
    assert certificate.factorisations > 1
    assert len(plans) == 1
    orders = [options["permc_spec"] for _, options in decompositions]
    assert orders == ["MMD_AT_PLUS_A"] + ["NATURAL"] * (certificate.factorisations - 1)
    assert_allclose(g(u, 6.0), 0.0, atol=1e-9)


def test_a_plan_is_not_followed_for_another_pattern():
    n = 150
    rng = np.random.default_rng(0)
    M, a = 0.02 * rng.normal(size=(n, n)), rng.normal(size=n)

    def g(z, a):  # tridiagonal at the start, full where the search comes by
        r = 4 * z + np.tanh(z) + 0.3 * np.concatenate([z[1:], z[-1:]]) - a
        return r + M @ np.sin(z) if np.max(np.abs(z)) > 0.05 else r

    z, certificate = lg.root(g, np.zeros(n), a, full_output=True)
    assert certificate.factorisations == 2
    assert certificate.linear.startswith("dense")
    assert_allclose(g(z, a), 0.0, atol=1e-13)
    w = rng.normal(size=n)
    gradient = lg.grad(lambda a: w @ lg.root(g, np.zeros(n), a))(a)
    R = by_tangents(lambda z: g(z, a), z)
    assert_allclose(gradient, np.linalg.solve(R.T, w), rtol=1e-10)


# -- orders of sparse LU ---------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", ["MMD on A + A^T", "COLAMD"])
def test_an_order_serves_for_other_values(monkeypatch, ordering):
    rng = np.random.default_rng(0)
    m = sp.csc_array(sp.random_array((60, 60), density=0.08, random_state=rng))
    m = sp.csc_array(m + 3.0 * sp.eye_array(60))
    first = SparseLU(m, ordering)
    assert first.ordering == ordering
    other = m.copy()
    other.data = other.data * rng.uniform(0.8, 1.2, len(other.data))
    seen = calls_of(monkeypatch, lagrad.solve.sparse_lu, "splu")
    again = SparseLU(other, ordering, first.order)
    assert [options["permc_spec"] for _, options in seen] == ["NATURAL"]
    assert again.order is first.order and again.nnz == SparseLU(other, ordering).nnz
    for b in (rng.normal(size=60), rng.normal(size=(60, 3))):
        assert_allclose(other @ again.solve(b), b, atol=1e-13)
        assert_allclose(other.T @ again.solve(b, transposed=True), b, atol=1e-13)
    copied = pickle.loads(pickle.dumps(again))
    assert_allclose(copied.solve(np.ones(60)), again.solve(np.ones(60)), rtol=1e-12)


def test_an_order_is_not_taken_for_another_pattern():
    rng = np.random.default_rng(0)
    m, other = (
        sp.csc_array(
            sp.random_array((60, 60), density=0.08, random_state=rng) + 3 * sp.eye_array(60)
        )
        for _ in range(2)
    )
    first = SparseLU(m, "COLAMD")
    again = SparseLU(other, "COLAMD", first.order)
    assert again.order is not first.order
    assert_allclose(other @ again.solve(np.ones(60)), np.ones(60), atol=1e-13)


# -- small matrices as arrays ----------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 12])
@pytest.mark.parametrize("units", [1.0, 1e12])
def test_an_array_is_factorised_as_its_sparse_copy_is(n, units):
    rng = np.random.default_rng(n)
    m = rng.normal(size=(n, n)) + n * np.eye(n)
    m[0] *= units
    m[:, -1] /= units
    m[n - 1, 0] = m[n - 1, 0] if n < 3 else 0.0
    dense, sparse = factorize(m), factorize(sp.csc_array(m))
    assert str(dense.plan) == str(sparse.plan) and dense.method == sparse.method
    assert_array_equal(np.array(scales(m)), np.array(scales(sp.csc_array(m))))
    assert_array_equal(scaled(m, *scales(m)), scaled(sp.csc_array(m), *scales(m)).toarray())
    assert_allclose(dense.norms, sparse.norms, rtol=1e-14)
    b = rng.normal(size=n)
    for transposed in (False, True):
        assert_allclose(dense.solve(b, transposed), sparse.solve(b, transposed), rtol=1e-13)


def test_an_array_that_is_not_finite_or_singular_is_refused():
    for m in (np.array([[1.0, np.nan], [0.0, 1.0]]), np.ones((2, 2)), np.zeros((1, 1))):
        with pytest.raises(lg.status.SingularError):
            factorize(m)


# -- between the calls of one system ---------------------------------------------------------------


def ring(n=30):
    """Return a cycle of n named constraints, with a branch that ``far`` opens."""
    system = lg.System(a=0.3, far=0.0)
    for k in range(n):
        parents = [f"y{(k + 1) % n}", f"y{(k + 7) % n}", "a", "far"]

        def y(near, other, a, far):
            return 0.5 * np.cos(near) + a + (0.2 * np.sin(other) if far > 0 else 0.0)

        system.constrain(f"y{k}", y, parents, start=0.1)
    return system


def structure_of(system):
    (found,) = [s for s in system.structures.values() if isinstance(s, Structure)]
    return found


def test_solutions_of_a_system_share_what_they_find_out(monkeypatch):
    system = ring()
    system.solve()
    made = structure_of(system).inner.made
    plans = calls_of(monkeypatch, lagrad.solve.plan, "choose")
    choices = calls_of(monkeypatch, lagrad.forward.linear, "choice")
    orders = calls_of(monkeypatch, lagrad.structure, "components")
    pairs = [(system.solve(a=a), ring().solve(a=a)) for a in (0.1, 0.5, 0.9)]
    # Each new system decides once, and the one that was solved before not at all.
    assert len(choices) == len(orders) == len(plans) == 3
    assert structure_of(system).inner.made == made
    for solution, fresh in pairs:
        assert_array_equal(list(solution.values.values()), list(fresh.values.values()))
        assert solution.gradient("y3") == fresh.gradient("y3")


def test_a_branch_that_opens_between_solutions_is_noticed():
    system = ring()
    for far in (0.0, 1.0, 0.0, 1.0):
        solution, fresh = system.solve(far=far), ring().solve(far=far)
        assert_array_equal(list(solution.values.values()), list(fresh.values.values()))
        assert solution.gradient("y3", wrt="a") == fresh.gradient("y3", wrt="a")
        step = 1e-6
        up, down = (ring().solve(far=far, a=0.3 + h)["y3"] for h in (step, -step))
        assert_allclose(solution.gradient("y3")["a"], (up - down) / (2 * step), rtol=1e-7)


def test_sizes_that_change_between_solutions_are_noticed():
    def made():
        system = lg.System(s=np.ones(4))
        system.unknown("u", np.zeros(4))
        system.residual(lambda u, s: u**3 + u - np.roll(s, 1), name="balance")
        system.constrain("total", lambda u: np.sum(u), ["u"])
        return system

    system = made()
    for n in (4, 150, 4, 30):
        s, start = np.linspace(1.0, 2.0, n), {"u": np.zeros(n)}
        solution, fresh = (known.solve(s=s, start=start) for known in (system, made()))
        assert solution.report(seconds=False) == fresh.report(seconds=False)
        assert_allclose(solution["u"] ** 3 + solution["u"], np.roll(s, 1), rtol=1e-12)
        expected = 1.0 / (3 * np.roll(solution["u"], -1) ** 2 + 1)
        assert_allclose(solution.gradient("total")["s"], expected, rtol=1e-10)


def test_the_matching_is_found_again_only_if_places_change(monkeypatch):
    system = lg.System(a=2.0, coupled=0.0)
    for name in "xy":
        system.unknown(name, 1.0)
    system.residual(lambda x, y, a, coupled: x**2 - a + (y if coupled > 0 else 0.0), name="first")
    system.residual(lambda x, y: y**2 - x, name="second")
    found = calls_of(monkeypatch, lagrad.structure, "match")
    blocks = []
    for coupled in (0.0, 0.0, 0.5, 0.5, 0.0):
        solution = system.solve(coupled=coupled)
        x, y = solution["x"], solution["y"]
        assert_allclose(x**2 - 2.0 + (y if coupled > 0 else 0.0), 0.0, atol=1e-12)
        assert_allclose(y**2 - x, 0.0, atol=1e-12)
        blocks.append((len(found), len(solution.system.blocks)))
    assert [count for count, _ in blocks] == [1, 1, 2, 2, 3]


def test_what_is_known_stays_out_of_copies_and_pickles():
    system = lg.System(a=4.0)
    system.constrain("y", root_step, ["a", "y"], start=1.0)
    solution = system.solve()
    assert structure_of(system)
    for other in (copy.deepcopy(system), pickle.loads(pickle.dumps(system))):
        assert structure_of(other).inner.made == 0
        assert other.solve(a=9.0)["y"] == system.solve(a=9.0)["y"]
    again = pickle.loads(pickle.dumps(solution))
    assert again.gradient("y") == solution.gradient("y")


def root_step(a, y):
    return 0.5 * (y + a / y)


def test_threads_share_a_system_whose_structure_differs_between_them():
    system = ring()
    asked = [(float(far), 0.1 * k) for k in range(8) for far in (0, 1)]

    def solved(pair):
        far, a = pair
        solution = system.solve(far=far, a=a)
        return solution["y3"], solution.gradient("y3")["a"]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(solved, asked))
    for (far, a), pair in zip(asked, found, strict=True):
        fresh = ring().solve(far=far, a=a)
        assert pair == (fresh["y3"], fresh.gradient("y3")["a"])


# -- between the calls of one implicit function ----------------------------------------------------


def test_an_implicit_function_factorises_once_a_call(monkeypatch):
    n = 120
    a = np.linspace(1.0, 2.0, n)

    def conditions(z, a):
        return z**3 + 0.1 * np.roll(z, 1) - a

    solve = lg.implicit(lambda z0, a: by_newton(conditions, a), conditions)
    loss = lg.value_and_grad(lambda a: np.sum(solve(np.ones(n), a) ** 2))
    factors = calls_of(monkeypatch, lagrad.forward.linear, "factorize")
    plans = calls_of(monkeypatch, lagrad.solve.plan, "choose")
    for k, scale in enumerate((1.0, 1.3, 0.8), start=1):
        value, gradient = loss(scale * a)
        z = by_newton(conditions, scale * a)
        R = by_tangents(lambda z, p=scale * a: conditions(z, p), z)
        assert_allclose(value, np.sum(z**2), rtol=1e-12)
        assert_allclose(gradient, np.linalg.solve(R.T, 2 * z), rtol=1e-9)
        assert len(factors) == k
        assert len(plans) == 1


def by_newton(conditions, a):
    """Return the solution by Newton's method on dense matrices."""
    z = np.ones(len(a))
    for _ in range(8):
        z = z - np.linalg.solve(by_tangents(lambda z: conditions(z, a), z), conditions(z, a))
    return z


def test_an_implicit_function_notices_another_structure():
    def conditions(z, a):
        r = z**3 + z - a
        return r + 0.5 * np.roll(z, 1) if len(z) == 5 or np.sum(a) > 20 else r

    solve = lg.implicit(lambda z0, a: by_newton(conditions, a), conditions)
    for a in (np.ones(5), np.ones(15), 2.0 * np.ones(15), np.ones(15), np.ones(5)):
        gradient = lg.grad(lambda a: np.sum(solve(np.ones(len(a)), a) ** 2))(a)
        z = by_newton(conditions, a)
        R = by_tangents(lambda z, a=a: conditions(z, a), z)
        assert_allclose(gradient, np.linalg.solve(R.T, 2 * z), rtol=1e-9)
