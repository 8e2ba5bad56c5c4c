"""Which variables and equations are named when a block is singular, small or large."""

import re

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp

from lagrad import diagnose
from lagrad.diagnose import (
    DENSE,
    NAMES,
    SOUGHT,
    TOLD,
    EntryNames,
    null_space,
    null_vectors,
    sparse_null_space,
)

# -- helpers ---------------------------------------------------------------------------------------


class Asked:
    """Names made on demand, and how many were asked for."""

    def __init__(self, letter):
        self.letter, self.count = letter, 0

    def __call__(self, p):
        self.count += 1
        return f"{self.letter}[{p}]"


def named(m):
    """Return (number of null vectors, equations, variables) as told; indices by vector."""
    text = null_vectors(sp.csc_array(m), Asked("u"), Asked("r"))
    found = re.fullmatch(
        r"(?:there are (?:at least )?(\d+) independent null vectors; )?"
        r"equations that depend on each other: (.*); variables that are not determined: (.*)",
        text,
    )
    assert found, text

    def indices(part):
        vectors = part.removesuffix("; and others").split("; and ")
        return [[int(p) for p in re.findall(r"\[(\d+)\]", vector)] for vector in vectors]

    return int(found[1] or 1), indices(found[2]), indices(found[3])


def neumann(k):
    """Return the Laplacian of a k x k grid without a boundary value: constants are its null."""
    ends = np.full(k, 2.0)
    ends[[0, -1]] = 1.0
    line = sp.diags_array([np.full(k - 1, -1.0), ends, np.full(k - 1, -1.0)], offsets=[-1, 0, 1])
    one = sp.eye_array(k)
    return sp.csc_array(sp.kron(line, one) + sp.kron(one, line))


def walk(k):
    """Return the transition matrix of a walk on k states with reflecting ends."""
    up, down = np.full(k - 1, 0.5), np.full(k - 1, 0.5)
    up[0] = down[-1] = 1.0
    return sp.diags_array([down, up], offsets=[-1, 1])


def angle(x, y):
    """Return the sine of the largest angle between two spaces of one dimension."""
    assert x.shape == y.shape
    x, y = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    return np.linalg.norm(x - y @ (y.T @ x), 2)


def singular(n, rank, seed=0, density=0.02):
    """Return a sparse matrix without symmetry, whose last n - rank rows depend on the others."""
    rng = np.random.default_rng(seed)

    def sparse(shape, density):
        return sp.csr_array(rng.standard_normal(shape) * (rng.random(shape) < density))

    m = sparse((n, n), density) + sp.diags_array(rng.uniform(1, 2, n))
    mixed = sparse((n - rank, rank), 2 / rank) @ m[:rank]
    p, q = rng.permutation(n), rng.permutation(n)
    return sp.csc_array(sp.vstack([m[:rank], mixed], format="csr")[p][:, q])


# -- small -----------------------------------------------------------------------------------------


def test_names_of_a_small_block():
    # Columns are equations: the third is the sum of the first two; nobody sees variable 0.
    m = np.array([[0, 0, 0, 0], [1, 0, 1, 0], [2, 1, 3, 0], [0, 1, 1, 5.0]])
    text = null_vectors(sp.csc_array(m), ["p", "q", "s", "t"], ["e", "f", "g", "h"])
    assert text == (
        "equations that depend on each other: e, f, g; variables that are not determined: p"
    )


def test_independent_null_vectors_are_counted_and_told_apart():
    count, equations, variables = named(np.diag([1.0, 0, 1, 0, 1, 0]))
    assert count == 3
    assert equations == variables == [[1], [3], [5]]
    count, equations, _ = named(np.diag([0.0] * 5 + [1.0]))
    assert count == 5
    assert equations == [[0], [1], [2]]
    assert "; and others" in null_vectors(sp.csc_array((6, 6)), "abcdef", "abcdef")


def test_many_components_are_counted():
    text = null_vectors(sp.csc_array(np.ones((8, 8)) - 8 * np.eye(8)), "abcdefgh", "ijklmnop")
    assert text == (
        "equations that depend on each other: i, j, k, l, m and 3 more; "
        "variables that are not determined: a, b, c, d, e and 3 more"
    )


# -- large -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [397, 399])
@pytest.mark.parametrize("seed", range(4))
def test_sparse_null_vectors_are_those_of_lapack(rank, seed):
    m = singular(400, rank, seed)
    u, v = null_space(m)
    assert u.shape == v.shape == (400, 400 - rank)
    found_u, found_v = sparse_null_space(m)
    assert angle(found_u, u) < 1e-9
    assert angle(found_v, v) < 1e-9


@pytest.mark.parametrize("k", [20, 316])
def test_a_grid_without_a_boundary_value(k):
    m = neumann(k)
    u, v = sparse_null_space(m)
    for vector in (u, v):
        assert vector.shape == (k * k, 1)
        assert np.ptp(vector) < 1e-8 * np.abs(vector).max()
    names, equations = Asked("u"), Asked("r")
    text = null_vectors(m, names, equations)
    assert text == (
        f"equations that depend on each other: r[0], r[1], r[2], r[3], r[4] and {k * k - 5:,} more"
        "; variables that are not determined: u[0], u[1], u[2], u[3], u[4] and "
        f"{k * k - 5:,} more"
    )
    assert names.count == equations.count == NAMES


def test_a_second_singular_value_of_1e_minus_9_is_not_zero():
    n = 100_000
    ends = np.full(n, 2.0)
    ends[[0, -1]] = 1.0
    m = sp.diags_array([np.full(n - 1, -1.0), ends, np.full(n - 1, -1.0)], offsets=[-1, 0, 1])
    u, v = sparse_null_space(sp.csc_array(m))
    assert u.shape == v.shape == (n, 1)
    assert np.ptp(v) < 1e-5 * np.abs(v).max()


@pytest.mark.parametrize("n", [60, 1000, 50_000])
def test_a_chain_with_two_recurrent_classes(n):
    # States below n belong to one class, up to 2 n to the other; ten are left for either of them.
    rng = np.random.default_rng(n)
    leave = sp.csr_array((np.full(20, 0.4), (np.arange(20) // 2, [0, n] * 10)), shape=(10, 2 * n))
    stay = sp.csr_array(np.roll(0.2 * np.eye(10), 1, axis=1))
    classes = sp.block_diag([walk(n), walk(n)])
    p = sp.block_array([[classes, None], [leave, stay]], format="csr")
    at = rng.permutation(2 * n + 10)
    m = sp.csc_array(sp.eye_array(2 * n + 10) - p[at][:, at])
    count, equations, variables = named(m)
    assert count == 2
    # (I - P) v = 0 where v is the chance to end in a class; u (I - P) = 0 is its distribution.
    parts = [np.unique(at[chosen] // n).tolist() for chosen in equations]
    assert [[part for part in found if part < 2] for found in sorted(parts)] == [[0], [1]]
    assert sorted(np.unique(at[chosen] // n).tolist() for chosen in variables) == [[0], [1]]


def test_more_null_vectors_than_are_sought():
    m = sp.eye_array(500, format="csc") * 1.0
    m.data[::50] = 0.0
    text = null_vectors(m, Asked("u"), Asked("r"))
    assert text.startswith(f"there are at least {SOUGHT} independent null vectors; ")
    count, equations, variables = named(m)
    assert len(equations) == len(variables) == TOLD
    assert {p % 50 for p in sum(equations + variables, [])} == {0}


@pytest.mark.parametrize("pivot", [0.0, 1e-17, 1e-15])
def test_a_pivot_may_be_zero_or_nearly(pivot):
    m = singular(400, 400, 3)
    m = sp.csc_array(sp.block_diag([m, [[1.0, 1.0], [1.0, 1.0 + pivot]]]))
    assert named(m) == (1, [[400, 401]], [[400, 401]])


@pytest.mark.parametrize("n", [40, 1000])
def test_units_do_not_change_the_names(n):
    dependent = [[1.0, 2, 3, 0], [1, 1, 2, 0], [0, 3, 3, 0], [0, 0, 0, 1]]
    m = sp.csc_array(sp.block_diag([singular(n, n, 5, density=3 / n), dependent]))
    rng = np.random.default_rng(6)
    rows = sp.diags_array(2.0 ** rng.integers(-400, 400, n + 4))
    columns = sp.diags_array(2.0 ** rng.integers(-20, 20, n + 4))
    for made in (m, rows @ m, m @ columns, rows @ m @ columns):
        count, equations, variables = named(made)
        assert count == 1
        assert sorted(equations[0]) == [n, n + 1, n + 2]
        assert sorted(variables[0]) == [n, n + 1, n + 2]


def test_no_dense_work_on_a_large_block(monkeypatch):
    svd, toarray = np.linalg.svd, sp.csc_array.toarray
    sizes = []

    def watched(a, **options):
        sizes.append(a.size)
        return svd(a, **options)

    def refused(self, *args, **options):
        assert self.shape[0] <= DENSE
        return toarray(self, *args, **options)

    monkeypatch.setattr(np.linalg, "svd", watched)
    monkeypatch.setattr(sp.csc_array, "toarray", refused)
    named(neumann(15))
    assert max(sizes) == 225 * SOUGHT


# -- where nothing can be said ---------------------------------------------------------------------


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_what_is_not_finite_is_not_looked_at(broken):
    m = neumann(5)
    m.data[3] = broken
    text = null_vectors(m, Asked("u"), Asked("r"))
    assert text == "The block of 25 entries is not looked at more closely"


def test_what_would_take_too_long_is_not_looked_at(monkeypatch):
    unknown = "The block of 256 entries is not looked at more closely"
    assert null_vectors(neumann(16), Asked("u"), Asked("r")) != unknown
    monkeypatch.setattr(diagnose, "FLOPS", 1e3)
    assert null_vectors(neumann(16), Asked("u"), Asked("r")) == unknown
    monkeypatch.undo()
    monkeypatch.setattr(diagnose, "available_memory", lambda: 1e4)
    assert null_vectors(neumann(16), Asked("u"), Asked("r")) == unknown
    assert named(neumann(5))[0] == 1  # what is small needs no factors


def test_nothing_left_to_divide_by_is_told_by_counting():
    # Ones beside the diagonal: inverse iteration overflows, but the pattern tells.
    m = sp.csc_array(sp.diags_array([np.ones(299)], offsets=[1], shape=(300, 300)))
    assert named(m) == (1, [[0]], [[299]])


# -- names -----------------------------------------------------------------------------------------


def test_names_of_entries_are_made_when_asked_for():
    parts = [("a", 1), ("b", 3), ("none", 0), ("c", 2)]
    names = EntryNames(parts)
    expected = ["a", "b[0]", "b[1]", "b[2]", "c[0]", "c[1]"]
    assert list(names) == expected
    assert len(names) == 6
    assert names[-1] == "c[1]"
    assert names[1:4] == expected[1:4]
    with pytest.raises(IndexError):
        names[6]
    m = scipy.linalg.block_diag(np.eye(3), [[1.0, 1.0], [1.0, 1.0]], 1.0)
    assert null_vectors(sp.csc_array(m), names, names) == (
        "equations that depend on each other: b[2], c[0]; "
        "variables that are not determined: b[2], c[0]"
    )
