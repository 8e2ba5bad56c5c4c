"""Compiled sparse Jacobians: the matrices of the uncompiled form, with memory of their own."""

import importlib.util
import pickle
import threading
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from uncompiled import outcome, programs

import lagrad as lg
from lagrad.containers import leaves
from lagrad.status import NonFiniteError, UndefinedPartialError

rng = np.random.default_rng(5)
X = rng.normal(size=7)
A = np.where(rng.random((5, 7)) < 0.5, 0.0, rng.normal(size=(5, 7)))
S = sp.csr_array(np.where(rng.random((7, 7)) < 0.6, 0.0, rng.normal(size=(7, 7))))
M = np.array([True, False, True, True, False, False, True])
TAKEN = np.array([3, 1, 1, 0, 6, 6, 2, -1])


def sparse(f, **options):
    return lg.jacobian(f, sparse=True, **options)


def assert_same_matrices(got, want, rtol=1e-12):
    """Ask for the same containers of the same matrices: format, dtypes, pattern and numbers."""
    got, want = list(leaves(got)), list(leaves(want))
    assert [label for label, _ in got] == [label for label, _ in want]
    for (_, a), (_, b) in zip(got, want, strict=True):
        assert type(a) is type(b) is sp.csr_array
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        assert (a.indices.dtype, a.indptr.dtype) == (b.indices.dtype, b.indptr.dtype)
        assert a.has_sorted_indices == b.has_sorted_indices
        assert_array_equal(a.indptr, b.indptr)
        assert_array_equal(a.indices, b.indices)
        scale = np.abs(b.data[np.isfinite(b.data)]).max(initial=0.0)
        assert_allclose(a.data, b.data, rtol, rtol * scale)


def agrees(h, *calls, rtol=1e-12):
    """Compare ``h`` compiled with ``h`` on each tuple of arguments; nothing may warn."""
    g = lg.compile(h)
    for args in calls:
        want = h(*args)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert_same_matrices(g(*args), want, rtol)
    assert programs(g) > 0
    return g


FUNCTIONS = {
    "elementwise": lambda v: np.sin(v) * np.exp(v) / (1 + v**2),
    "reversed": lambda v: v * v[::-1],
    "gather": lambda v: np.tanh(v[TAKEN]) * v[TAKEN[::-1]],
    "repeated index": lambda v: v[[0, 0, 0, 0]] ** 2,
    "slices": lambda v: v[1:] * v[:-1] - v[:1],
    "matrix": lambda v: np.exp(A @ v),
    "matrix twice": lambda v: A.T @ (A @ v**2),
    "sparse matrix": lambda v: S @ (v * v),
    "sum": lambda v: np.sum(v**2),
    "mean": lambda v: v - np.mean(v),
    "norm": lambda v: v / np.sqrt(np.sum(v * v)),
    "prod": lambda v: np.prod(v) * v,
    "max": lambda v: np.max(v) * v,
    "sort": lambda v: np.sort(v) ** 2,
    "cumsum": lambda v: np.cumsum(v) * v,
    "cumprod": lambda v: np.cumprod(v),
    "where": lambda v: np.where(M, v**2, 0.0),
    "where value": lambda v: np.where(v > 0, v**2, 0.0),
    "where undefined": lambda v: np.where(v > 0, np.sqrt(np.abs(v)), 1.0),
    "maximum": lambda v: np.maximum(v, 0.1) + np.abs(v) + np.clip(v, -0.5, 0.5),
    "concatenate": lambda v: np.concatenate([v[2:], v[:2] * v[0]]),
    "stack": lambda v: np.stack([v, 3.0 * v, v[::-1] * v], 1),
    "outer": lambda v: np.outer(v, v),
    "three": lambda v: np.einsum("ij,j,k->ik", A, v, v),
    "pad": lambda v: np.pad(v, 1)[:, None] * v[:2],
    "repeat": lambda v: np.repeat(v, 2)[1::2] * np.roll(v, 2),
    "second": lambda v: lg.grad(lambda u: np.sum(np.sin(u[1:] * u[:-1])))(v),
    "tangent": lambda v: lg.jvp(lambda u: u * u[0], (v,), (np.cos(v),))[1],
    "written": lambda v: written(v.copy()),
    "constant factor": lambda v: v * np.array([1.0, 0.0, 2.0, 0.0, 0.0, 1.0, 3.0]),
    "constant zero": lambda v: v * np.zeros(7),
    "linear": lambda v: 2.0 * v[::2] - v[1],
    "scalar chain": lambda v: v[0] * v[1] + np.float32(2) * v[2],
    "nothing": lambda v: v[:0] ** 2,
    "independent": lambda v: np.ones(4),
}


def written(v):
    v[0] = v[1] * 3.0
    v[2:] *= v[:1]
    return v


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_matrices_are_those_of_the_uncompiled_form(f):
    agrees(sparse(f), (X,), (1.001 * X,), (X[::-1].copy()[::-1],))


@pytest.mark.parametrize("name", ["gather", "matrix", "norm", "cumsum", "where value", "outer"])
def test_sparse_hessians(name):
    hessian = sparse(lg.grad(lambda v: np.sum(FUNCTIONS[name](v) ** 3)))
    agrees(hessian, (X,), (1.001 * X,), rtol=1e-10)


@pytest.mark.parametrize("seed", range(24))
def test_random_compositions(seed):
    draw = np.random.default_rng(seed)
    inner = ["elementwise", "reversed", "matrix twice", "sparse matrix", "mean", "cumsum", "where"]
    inner += ["concatenate", "repeat", "maximum", "second", "written", "max", "constant factor"]
    steps = [FUNCTIONS[inner[k]] for k in draw.integers(len(inner), size=4)]
    back = draw.integers(2, size=4)

    def f(v):
        before = w = v
        for step, again in zip(steps, back, strict=True):
            before, w = w, step(0.3 * w) + again * before
        return w, np.sum(w * before)

    agrees(sparse(f), (X,), (1.001 * X,), rtol=1e-9)


@dataclass
class Pair:
    a: Any
    b: Any


def test_containers_of_arguments_and_results():
    def f(d, w):
        return {"p": d["u"] * d["v"][0], "q": (w.a * d["v"][1][:2], w.b), "one": np.ones(2)}

    args = ({"u": X, "v": [2.0, X]}, Pair(X[:2], 1.5))
    again = ({"u": 2 * X, "v": [3.0, X + 1]}, Pair(X[1:3], 2.5))
    g = agrees(sparse(f, argnums=(0, 1)), args, again)
    assert programs(g) == 1


def test_dtypes():
    f = sparse(lambda u, v: (u * v, u[:1] * 2, np.ones(3, np.float32), v[:0]), argnums=(0, 1))
    x32 = X.astype(np.float32)
    agrees(f, (x32, X), (X, x32), (x32, x32), (X, X), rtol=1e-6)
    agrees(sparse(lambda x: x**2), (2.0,), (np.float32(2.0),), (np.array(2.0),))


@pytest.mark.parametrize("x", [np.zeros(0), np.zeros((0, 3)), np.ones(1), np.ones((1, 1))])
def test_small_arguments(x):
    agrees(sparse(lambda v: v**2), (x,))
    agrees(sparse(lambda v: (np.sum(v), v[:0])), (x,))


def test_layouts():
    for f in (np.exp, lambda v: v.T @ v, lambda v: v.ravel() ** 2):
        big = rng.normal(size=(6, 4))
        args = (big[::2, ::2], np.asfortranarray(big[:3, :2]), big[2::-1, :2], big[:3, :2].copy())
        g = agrees(sparse(f), *((x,) for x in args))
        assert programs(g) == 1


def test_indices_that_change_are_other_programs():
    g = agrees(
        sparse(lambda v, i: v[i % 7] ** 2 * v[0]),
        (X, np.array([0, 0, 2])),
        (X, np.array([1, 0, 2])),
        (X, np.array([0, 0, 2])),
        (X, np.array([0, 0, -1])),
    )
    assert programs(g) == 3
    unsigned = sparse(lambda v, i: v[i] ** 2)
    agrees(unsigned, *((X, np.array(i, np.uint64)) for i in ([0, 1], [3, 3], [0, 1])))
    agrees(unsigned, *((X, np.array(i)) for i in (M, ~M, M)))


def test_indices_out_of_range_are_refused_as_uncompiled():
    h = sparse(lambda v, i: v[i] ** 2)
    g = lg.compile(h)
    g(X, np.array([1, 2]))
    for f in (h, g):
        with pytest.raises(IndexError, match="index 7 is out of bounds"):
            f(X, np.array([1, 7]))


@pytest.mark.parametrize(
    "f",
    [
        lambda v: v[np.flatnonzero(v > 0)] ** 2,
        lambda v: v[np.flatnonzero(v)] ** 2,
        lambda v: v[np.argsort(v)] * v,
        lambda v: v[np.round(v).astype(int)] * v,
        lambda v: np.where(v > 0, v**2, 0.0),
    ],
)
def test_structure_that_depends_on_values(f):
    other = np.array([1.0, 0.0, -2.0, 3.0, 0.4, 1.0, -1.0])
    agrees(sparse(f), (X,), (other,), (np.zeros(7),), (np.ones(7),), (X,))


def test_zeros_of_constants_are_structure_and_may_come_and_go():
    c = np.array([1.0, 0.0, 2.0, 1.0, 0.0, 1.0, 1.0])
    for h in (
        sparse(lambda v: v * c),
        sparse(lambda v: v * v * c),
        sparse(lambda v: c[:, None] * v),
    ):
        g = agrees(h, (X,))
        for value in (5.0, 0.0, -1.0):
            c[1:3] = value
            assert_same_matrices(g(X), h(X))
    h = sparse(lambda v, w: v * w)
    agrees(h, (X, c), (X, 0.0 * c), (X, np.ones(7)))


def test_conditions_that_change_at_each_call_are_told():
    g = lg.compile(sparse(lambda v: np.where(v > 0, v**2, 0.0)))
    with pytest.warns(UserWarning, match="pattern of a sparse Jacobian.*conditions that change"):
        for bits in range(12):
            x = np.where(bits >> np.arange(7) & 1, X**2, -1.0)
            assert_allclose(g(x).toarray(), np.diag(np.where(x > 0, 2 * x, 0.0)))


# -- values that are not finite --------------------------------------------------------------------


@pytest.mark.parametrize("f", [np.sqrt, lambda v: v / v[0], lambda v: np.log(v[TAKEN])])
def test_what_is_not_finite_is_refused_in_the_same_words(f):
    good = np.abs(X) + 0.1
    bad = good.copy()
    bad[0] = 0.0
    h = sparse(f)
    g = lg.compile(h)
    for x in (good, bad, good, np.nan * good):
        with np.errstate(all="ignore"):
            (want, error, _), (got, raised, _) = (outcome(call, (x,), {}) for call in (h, g))
        assert type(raised) is type(error)
        assert str(raised) == str(error)
        if x is good:
            assert_same_matrices(got, want)
        else:
            assert type(error) is NonFiniteError
    assert g.stats["careful"] == 2


def test_what_is_not_finite_is_allowed():
    h = sparse(lambda v: np.sqrt(v) * v[0], nonfinite="allow")
    agrees(h, (np.array([0.0, 1.0, 2.0]),), (np.array([1.0, 0.0, 2.0]),))
    with np.errstate(invalid="ignore"):
        agrees(h, (np.array([np.inf, 1.0, -1.0]),), (np.array([np.nan, 1.0, 0.0]),))


def test_partials_behind_a_selection_do_not_warn():
    f = sparse(lambda v: np.where(v > 0, np.sqrt(v), 0.0))
    agrees(f, (np.array([0.0, 1.0, 2.0]),), (np.array([1.0, 0.0, 2.0]),))


def test_undefined_partials_are_refused():
    g = lg.compile(sparse(np.abs, undefined="raise"))
    g(X)
    with pytest.raises(UndefinedPartialError):
        g(np.zeros(7))


# -- costly functions of gathered values -----------------------------------------------------------


OFTEN = np.tile(np.arange(3), 4)


def gathered(v, i):
    w = v[i]
    return np.sin(np.log(w)) * w / np.sqrt(w)


def test_costly_functions_are_found_once_for_each_entry():
    h = sparse(gathered)
    g = agrees(h, *((v, OFTEN) for v in (np.array([1.0, 2.0, 3.0]), np.array([0.5, 2.0, 7.0]))))
    assert "np.log(v)" in g.source
    assert programs(g) == 1
    constant = lg.compile(lambda v: gathered(v, OFTEN % 3))
    for v in (np.array([1.0, 2.0, 3.0]), np.array([0.5, 2.0, 7.0])):
        assert_allclose(constant(v), gathered(v, OFTEN), 1e-14)


def test_an_entry_that_is_not_taken_is_not_computed_with():
    v = np.array([1.0, 2.0, -3.0])
    h = sparse(gathered)
    g = lg.compile(h)
    g(np.abs(v), OFTEN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in (OFTEN % 2, OFTEN % 1, np.repeat(OFTEN % 2, 2)):  # never the last one
            for _ in range(2):
                assert_same_matrices(g(v, i), h(v, i))
    with np.errstate(all="ignore"):
        (_, error, _), (_, raised, _) = (outcome(call, (v, OFTEN), {}) for call in (h, g))
    assert str(raised) == str(error)
    assert type(error) is NonFiniteError


def test_what_is_gathered_before_a_write_is_as_it_was():
    def f(v):
        w = v * 1.0
        before = w[OFTEN]
        w[0] = 5.0
        return np.exp(before) + np.exp(w[OFTEN])

    v = np.array([1.0, 2.0, 3.0])
    assert_allclose(lg.compile(f)(v), f(v), 1e-15)
    assert_same_matrices(lg.compile(sparse(f))(v), sparse(f)(v))


def test_a_narrow_constant_beside_a_number_narrows_nothing():
    f = lambda v: np.float32(2) * v[0] * v[1]  # noqa: E731
    got, want = lg.compile(f)(X), f(X)
    assert type(got) is type(want) is np.float64
    assert_allclose(got, want, 1e-15)


# -- memory ----------------------------------------------------------------------------------------


C = np.arange(1.0, 8.0)
ALIASING = {
    "argument": lambda v, w: sparse(lambda u: u * w)(v),
    "square": lambda v, w: sparse(lambda u: 0.5 * u**2)(v),
    "around": lambda v, w: sparse(lambda u: u * C)(v),
    "constant": lambda v, w: sparse(lambda u: 2.0 * u)(v),
    "two alike": lambda v, w: sparse(lambda u: (u * w, u * w - 3.0))(v),
    "the same twice": lambda v, w: [sparse(np.sin)(v)] * 2,
    "beside its data": lambda v, w: (sparse(np.exp)(v), np.exp(v), np.exp(v)[1:]),
    "its data": lambda v, w: (lambda j: (j, j.data))(sparse(np.exp)(v)),
    "placed": lambda v, w: sparse(lambda u: (u[1:] * u[:-1], u[1:] * u[:-1]))(v),
}


def memory(tree):
    for _, leaf in leaves(tree):
        yield from (leaf.data, leaf.indices, leaf.indptr) if sp.issparse(leaf) else (leaf,)


@pytest.mark.parametrize("f", ALIASING.values(), ids=ALIASING)
def test_writing_into_a_matrix_disturbs_nothing(f):
    args = X.copy(), 2.0 * X
    g, around = lg.compile(f), C.copy()
    want = [x.copy() for x in memory(f(*args))]
    for _ in range(3):
        found = list(memory(g(*args)))
        for x, y in zip(found, want, strict=True):
            assert_array_equal(x, y)
        for k, x in enumerate(found):
            assert x.flags.writeable
            others = [y for j, y in enumerate(found) if j != k and y is not x]
            assert not any(np.shares_memory(x, y) for y in (*others, *args, C))
        for x in found:
            x[...] = -1
    assert_array_equal(args, (X, 2.0 * X))
    assert_array_equal(C, around)
    assert programs(g) == 1


def test_threads():
    h = sparse(lambda v: np.cumsum(np.sin(v)) * v[TAKEN][:7])
    g, wrong = lg.compile(h), []

    def work(seed):
        x = np.random.default_rng(seed).normal(size=7)
        want = h(x)
        for _ in range(50):
            got = g(x)
            if not np.allclose(got.data, want.data) or (got.indices != want.indices).any():
                wrong.append(seed)
            got.data[:], got.indices[:] = 0.0, 0

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert programs(g) == 1


# -- what is no program ----------------------------------------------------------------------------


REFUSED = {
    "complex": lambda v: np.abs(v * (1 + 2j)),
    "root": lambda v: lg.root(lambda z, p: z**3 - p, np.ones(7), v),
    "fixed point": lambda v: lg.fixed_point(lambda z, p: 0.2 * np.cos(z) * p, np.ones(7), v),
    "loop": lambda v: lg.fori_loop(0, 5, lambda k, c: np.sin(c) * v, v),
    "scan": lambda v: lg.scan(lambda c, a: (c * a, c + a), 1.0, v)[1],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compiled_runs_as_plain_python(name):
    h = sparse(REFUSED[name])
    g = lg.compile(h)
    what = "complex numbers" if name == "complex" else "a cycle or a loop"
    with pytest.warns(UserWarning, match=f"a sparse Jacobian of {what} cannot be compiled.*lg.jvp"):
        found = g(np.abs(X))
    assert_same_matrices(found, h(np.abs(X)))


USES = {
    "product": lambda j, v: j @ v,
    "product from the left": lambda j, v: v @ j,
    "multiple": lambda j, v: (2.0 * j).data,
    "sum": lambda j, v: np.sum(j),
    "shape": lambda j, v: j.shape[0] * v,
    "negative": lambda j, v: (-j).data,
    "entry": lambda j, v: j[0, 0],
    "equal": lambda j, v: (j == 1.0).nnz,
    "dense": lambda j, v: j.toarray(),
    "transpose": lambda j, v: j.T.data,
    "format": lambda j, v: sp.csc_array(j).data,
    "stacked": lambda j, v: sp.vstack([j, j]).data,
    "copied": lambda j, v: j.copy().data,
    "text": lambda j, v: len(str(j)) * v,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_matrix_is_not_used_inside(use):
    def h(v):
        return use(sparse(np.sin)(v), v)

    g = lg.compile(h)
    with pytest.warns(UserWarning, match="a sparse Jacobian is used inside of a compiled function"):
        found = g(X)
    assert_allclose(found, h(X))


def test_matrices_beside_other_results():
    def h(v):
        return sparse(np.sin)(v), lg.value_and_grad(lambda u: np.sum(np.sin(u)))(v)

    g = lg.compile(h)
    for x in (X, 2 * X):
        (j, (value, gradient)), (want, rest) = g(x), h(x)
        assert_same_matrices(j, want)
        assert_allclose(value, rest[0], 1e-15)
        assert_allclose(gradient, rest[1], 1e-15)


# -- the program -----------------------------------------------------------------------------------


def cell(v):
    return np.cumsum(v**2) * v[TAKEN][:7]


def test_the_module_runs_alone(tmp_path):
    g = lg.compile(sparse(cell))
    want = g(X)
    g.save(tmp_path / "saved.py")
    spec = importlib.util.spec_from_file_location("saved", tmp_path / "saved.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert_same_matrices(getattr(module, g.source.split("def ")[1].split("(")[0])(X), want)
    assert "import lagrad" not in g.source


def test_it_pickles():
    g = pickle.loads(pickle.dumps(lg.compile(sparse(cell))))
    assert_same_matrices(g(X), sparse(cell)(X))


def test_numba_leaves_matrices_to_numpy():
    pytest.importorskip("numba")
    g = lg.compile(sparse(cell), jit="numba")
    with pytest.warns(UserWarning, match="without numba"):
        found = g(X)
    assert_same_matrices(found, sparse(cell)(X))


def chain(n):
    def f(v):
        z = v
        for _ in range(n):
            z = np.sin(z) * v[::-1] + z
        return z

    return f


def many(n):
    return lambda v: np.stack([np.sin(v[k]) * v[(k + 1) % n] for k in range(n)])


@pytest.mark.parametrize("of", [chain, many])
def test_programs_grow_as_the_function_does(of):
    """Four times the length is four times the program, and is not written in 16 times the time."""
    length, seconds = {}, {}
    for n in (100, 400):
        h = sparse(of(n))
        x = np.linspace(0.1, 0.2, n)
        times = []
        for _ in range(3):
            g = lg.compile(h)
            g(x)
            times.append(g.stats["trace_seconds"])
        length[n], seconds[n] = g.stats["instructions"], min(times)
    assert length[400] < 4.2 * length[100]
    assert seconds[400] < 9 * seconds[100]
