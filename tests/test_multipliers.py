"""The multiplier system: what it shows, how it solves, what it refuses, what it leaves out."""

import gc
import math
import weakref

import numpy as np
import pytest
import scipy.sparse as sp

import lagrad as lg
import lagrad.solve.dense
from lagrad.solve import back_substitute, factorize, forward_substitute
from lagrad.solve.interface import checked, relative_residual
from lagrad.solve.triangular import solve_triangular
from lagrad.status import ArgumentError, LagradError, SingularError, Status


def graph_system():
    """x, y -> z3 = sin(x), z4 = z3 * y (pairs), z5 = sum(z4)."""
    f = lambda x, y: np.sum(np.sin(x) * y)  # noqa: E731
    return lg.trace(f, 0.5, np.array([2.0, 3.0])).linearize()


def coupled():
    """A cycle of a pair and a number between explicit constraints, with a residual equation."""
    system = lg.System(x=2.0, w=np.array([1.0, 0.5]))
    system.unknown("u", start=0.1)

    @system.constraint
    def first(x, w):
        return x * w

    @system.constraint(start=np.zeros(2))
    def a(first, b):
        return first + 0.3 * np.sin(b) * np.array([1.0, -1.0])

    @system.constraint(start=0.0)
    def b(a, u):
        return 0.5 * np.sum(a) - 0.2 * u

    @system.residual
    def balance(u, a):
        return 4.0 * u - np.cos(a[0])

    @system.constraint
    def last(a, b, x):
        return np.sum(a * a) + b * x

    return system.solve()


# -- what it shows ---------------------------------------------------------------------------------


def test_attributes_of_a_graphs_system():
    system = graph_system()
    assert system.variables == system.equations == ("x", "y", "z3", "z4", "z5")
    assert system.shapes == ((), (2,), (), (2,), ())
    assert system.order == (0, 1, 2, 3, 4)
    assert system.blocks == ((0,), (1,), (2,), (3,), (4,))
    assert system.cyclic == (False,) * 5
    assert isinstance(system.A, sp.sparray)
    assert system.A.shape == (7, 7)
    assert system.rhs.tolist() == [0.0] * 6 + [1.0]
    s, c = np.sin(0.5), np.cos(0.5)
    expected = np.eye(7)
    expected[0, 3] = -c
    expected[1, 4] = expected[2, 5] = -s
    expected[3, 4:6] = [-2.0, -3.0]
    expected[4:6, 6] = -1.0
    np.testing.assert_allclose(system.A.toarray(), expected, rtol=1e-15)
    pattern = system.block_pattern
    assert isinstance(pattern, sp.sparray)
    assert pattern.dtype == bool
    assert pattern.toarray().astype(int).tolist() == [
        [1, 0, 1, 0, 0],
        [0, 1, 0, 1, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 1, 1],
        [0, 0, 0, 0, 1],
    ]


def test_attributes_of_a_cyclic_system():
    system = coupled().system
    assert set(system.variables) == {"x", "w", "u", "first", "a", "b", "last"}
    assert set(system.equations) == {"x", "w", "balance", "first", "a", "b", "last"}
    shapes = dict(zip(system.variables, system.shapes, strict=True))
    assert shapes["a"] == shapes["w"] == shapes["first"] == (2,)
    assert shapes["u"] == shapes["b"] == ()
    assert system.A.shape == (10, 10)
    named = [tuple(sorted(system.variables[j] for j in block)) for block in system.blocks]
    cycle = dict(zip(named, system.cyclic, strict=True))
    assert cycle == {
        ("x",): False, ("w",): False, ("first",): False, ("a", "b", "u"): True, ("last",): False,
    }  # fmt: skip
    assert sorted(system.order) == list(range(7))
    pattern = system.block_pattern.toarray()
    rows, columns = system.variables.index, system.equations.index
    assert pattern[rows("u"), columns("balance")]
    assert not pattern[rows("b"), columns("balance")]
    assert pattern.sum() == 2 + 3 + 3 + 3 + 2 + 4  # what each equation holds


def test_matrix_of_complex_variables_is_made_of_real_and_imaginary_parts():
    z = np.array(1.0 + 2.0j)[()]
    system = lg.trace(lambda z: np.abs(z * z) ** 2, z).linearize()
    assert system.A.shape == (2 + 2 + 1 + 1, 6)
    assert not np.iscomplexobj(system.A.toarray())
    # d|z|^4/dz = 4 |z|^2 conj(z) for the real pairing of JAX.
    expected = 4 * abs(z) ** 2 * np.conj(z)
    for method in ("sweep", "explicit"):
        np.testing.assert_allclose(system.solve(method=method)["z"], expected, rtol=1e-14)


def test_repr_says_size_blocks_and_cycles():
    text = repr(graph_system())
    assert "7 x 7" in text
    assert "acyclic" in text
    text = repr(coupled().system)
    assert "10 x 10" in text
    assert "1 cyclic" in text
    assert "a, b" in text


def test_a_system_is_made_of_what_is_asked_for_only(monkeypatch):
    def refuse(*args):
        raise AssertionError("A was assembled")

    import lagrad.steps

    monkeypatch.setattr(lagrad.steps, "graph_entries", refuse)
    assert graph_system().solve()["x"] == pytest.approx(5 * np.cos(0.5), rel=1e-15)


# -- Multipliers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "sweep", "explicit"])
def test_multipliers_are_a_mapping_by_name(method):
    lam = graph_system().solve(method=method)
    assert list(lam) == list(lam.names) == ["x", "y", "z3", "z4", "z5"]
    assert len(lam) == 5
    assert "z3" in lam
    assert "z9" not in lam
    with pytest.raises(KeyError):
        lam["z9"]
    assert lam["z4"].tolist() == [1.0, 1.0]
    assert lam["z3"] == 5.0
    assert dict(lam)["x"] == pytest.approx(5 * np.cos(0.5), rel=1e-15)
    np.testing.assert_allclose(lam["y"], np.sin(0.5), rtol=1e-15)
    assert lam.status is Status.SOLVED
    assert "back-substitution" in lam.method
    assert "acyclic" in lam.method
    text = repr(lam)
    assert "lam[z3] = 5" in text
    assert "back-substitution" in text
    if method == "explicit":
        assert "assembled" in lam.method
        assert 0.0 <= lam.residual < 1e-14


@pytest.mark.parametrize("method", ["auto", "sweep", "explicit"])
def test_multipliers_of_a_cycle_tell_the_method_and_the_residual(method):
    lam = coupled().multipliers("last", method=method)
    assert "1 of 5 blocks is cyclic" in lam.method
    assert "dense LU of 4" in lam.method
    assert 0.0 <= lam.residual < 1e-14
    assert "relative residual" in repr(lam)


@pytest.mark.parametrize("method", ["sweep", "explicit"])
def test_the_output_is_a_name_or_weights(method):
    system = graph_system()
    assert system.solve("z3", method)["x"] == pytest.approx(np.cos(0.5))
    assert system.solve("z3", method)["z5"] == 0.0
    assert system.solve("z3", method)["y"].tolist() == [0.0, 0.0]
    weighed = system.solve({"z4": np.array([1.0, 10.0]), "x": 7.0}, method)
    assert weighed["x"] == pytest.approx(7.0 + 32.0 * np.cos(0.5), rel=1e-15)
    np.testing.assert_allclose(weighed["y"], [np.sin(0.5), 10 * np.sin(0.5)], rtol=1e-15)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ("z4", ["z4", r"\(2,\)", "weights"]),
        ("z6", ["z6", "x"]),
        ({"z6": 1.0}, ["z6"]),
        ({"z4": np.ones(3)}, ["z4", r"\(3,\)", r"\(2,\)"]),
        ({"z4": 1.0}, ["z4", r"\(2,\)"]),
        ({"x": np.ones(2)}, ["x", r"\(2,\)"]),
        ({"x": "one"}, ["x"]),
    ],
)
def test_an_output_that_is_none_is_refused(of, words):
    with pytest.raises(ArgumentError) as info:
        graph_system().solve(of)
    for word in words:
        assert info.match(word)


def test_complex_weights_belong_to_complex_variables():
    system = lg.trace(lambda z: z * z, np.array(1.0 + 2.0j)[()]).linearize()
    for method in ("sweep", "explicit"):
        lam = system.solve({"z2": 1j}, method)
        np.testing.assert_allclose(lam["z"], 1j * 2 * (1 + 2j), rtol=1e-14)
    with pytest.raises(ArgumentError, match="x"):
        graph_system().solve({"x": 1j})


def test_an_unknown_method_is_refused():
    with pytest.raises(ArgumentError, match="sweep"):
        graph_system().solve(method="magic")


def test_a_function_of_nothing_has_no_output():
    system = lg.trace(lambda x: 3.0, 1.0).linearize()
    with pytest.raises(ArgumentError, match="of="):
        system.solve()
    with pytest.raises(ArgumentError):
        _ = system.rhs
    assert system.solve("x")["x"] == 1.0


# -- every solve is certified ----------------------------------------------------------------------


def worse(monkeypatch, factor, times=math.inf):
    """Let every solve of a factorisation, or the first ones, be wrong by a factor."""
    solve, calls = lagrad.solve.dense.DenseLU.solve, []

    def wrong(self, b, transposed=False):
        calls.append(b)
        return solve(self, b, transposed) * (1 + factor if len(calls) <= times else 1.0)

    monkeypatch.setattr(lagrad.solve.dense.DenseLU, "solve", wrong)
    return calls


@pytest.mark.parametrize("method", ["sweep", "explicit"])
def test_an_inaccurate_factor_is_refused(monkeypatch, method):
    solution = coupled()
    worse(monkeypatch, 1e-3)
    with pytest.raises(SingularError, match="inaccurate.*relative residual"):
        solution.multipliers("last", method)
    with pytest.raises(SingularError, match="inaccurate"):
        solution.jacobian(of=["a", "b", "last"], wrt="x")


def test_a_small_error_is_refined_away(monkeypatch):
    solution = coupled()
    right = solution.multipliers("last")
    calls = worse(monkeypatch, 1e-7)
    refined = solution.multipliers("last")
    assert len(calls) == 2
    for name in right:
        np.testing.assert_allclose(refined[name], right[name], rtol=1e-12)


def test_a_wrong_triangular_solve_is_refused(monkeypatch):
    import lagrad.multipliers.system

    monkeypatch.setattr(
        lagrad.multipliers.system,
        "solve_triangular",
        lambda a, b: solve_triangular(a, b) * (1 + 1e-6),
    )
    with pytest.raises(LagradError, match="inaccurate"):
        graph_system().solve(method="explicit")


def test_the_residual_is_the_normwise_backward_error():
    m = sp.csc_array(np.array([[1.0, -3.0], [0.0, 2.0]]))
    x, b = np.array([1.0, 2.0]), np.array([-5.0, 4.5])
    assert relative_residual(m, x, b) == pytest.approx(0.5 / (4 * 2 + 5))
    assert relative_residual(m, np.zeros(2), np.zeros(2)) == 0.0
    assert relative_residual(sp.csc_array((0, 0)), np.zeros(0), np.zeros(0)) == 0.0
    assert not relative_residual(m, np.array([np.nan, 0.0]), b) < 1.0
    assert not relative_residual(m, np.array([np.inf, 0.0]), b) < 1.0


SIZES = [1, 2, 7, 100, 101, 300]


def well_conditioned(n, seed=0):
    rng = np.random.default_rng(seed)
    off = rng.standard_normal((n, n)) * (rng.random((n, n)) < 3 / n)
    return 4 * np.eye(n) + off


@pytest.mark.parametrize("n", SIZES)
def test_the_law_of_factors(n):
    m = well_conditioned(n)
    rng = np.random.default_rng(1)
    factor, other = factorize(sp.csc_array(m)), factorize(sp.csc_array(m.T))
    for b in (rng.standard_normal(n), rng.standard_normal((n, 3))):
        np.testing.assert_allclose(factor.solve(b), np.linalg.solve(m, b), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(
            factor.solve(b, transposed=True), other.solve(b), rtol=1e-10, atol=1e-12
        )
        x = checked(sp.csc_array(m), factor, b, transposed=True)
        np.testing.assert_allclose(m.T @ x, b, rtol=1e-10, atol=1e-10)


def test_the_method_says_what_was_chosen():
    assert factorize(sp.csc_array(well_conditioned(7))).method.startswith("dense LU of 7")
    assert factorize(sp.csc_array(well_conditioned(300))).method.startswith("sparse LU of 300")
    assert factorize(sp.csc_array(np.eye(200) + 1.0)).method.startswith("dense LU of 200")


@pytest.mark.parametrize("n", [5, 150])
def test_units_of_equations_and_variables_do_not_make_a_block_singular(n):
    m = well_conditioned(n)
    rng = np.random.default_rng(2)
    rows, columns = 10.0 ** rng.integers(-6, 6, n), 10.0 ** rng.integers(-6, 6, n)
    big = sp.csc_array(rows[:, None] * m * columns)
    factor, y = factorize(big), rng.standard_normal(n)
    x = checked(big, factor, rows * (m @ y))
    np.testing.assert_allclose(x * columns, y, rtol=1e-9, atol=1e-9)
    x = checked(big, factor, columns * (m.T @ y), transposed=True)
    np.testing.assert_allclose(x * rows, y, rtol=1e-9, atol=1e-9)


SINGULAR = {
    "exactly": np.array([[1.0, 2.0], [2.0, 4.0]]),
    "zero": np.zeros((2, 2)),
    "empty row": np.array([[1.0, 1.0], [0.0, 0.0]]),
    "nearly": np.array([[1.0, 1.0], [1.0, 1.0 + 4e-15]]),
    "to rounding": np.arange(9.0).reshape(3, 3) / 7,
}


@pytest.mark.parametrize("n", [0, 50, 150])
@pytest.mark.parametrize("m", SINGULAR.values(), ids=SINGULAR)
def test_a_singular_matrix_is_refused_dense_and_sparse(m, n):
    whole = sp.block_diag([m, sp.eye_array(n)], format="csc") if n else sp.csc_array(m)
    with pytest.raises(SingularError, match="singular"):
        factorize(sp.csc_array(whole))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("n", [2, 150])
def test_a_block_with_nan_or_inf_is_not_called_dependent(bad, n):
    m = np.eye(n)
    m[0, 0] = bad
    with pytest.raises(SingularError, match="not finite"):
        factorize(sp.csc_array(m))


def pair(c):
    """Return the solution of u + v = 2, u + c v = 1 + c, at u = v = 1."""
    system = lg.System(c=c, x=1.0)
    system.unknown("u", start=1.0)
    system.unknown("v", start=1.0)

    @system.residual
    def total(u, v, x):
        return u + v - 2.0 * x

    @system.residual
    def weighed(u, v, c):
        return u + c * v - (1.0 + c)

    return system.solve(throw=False)


@pytest.mark.parametrize("c", [1.0, 1.0 + 4e-15])
@pytest.mark.parametrize("method", ["sweep", "explicit"])
def test_a_singular_block_is_refused_with_the_names_of_its_variables(c, method):
    solution = pair(c)
    if not solution.status.success:
        pytest.fail("the start is the solution")
    with pytest.raises(SingularError) as info:
        solution.multipliers("u", method)
    for word in ("u", "v", "total", "weighed", "test_multipliers.py", "depend", "singular"):
        assert info.match(rf"\b{word}\b")
    assert isinstance(info.value, np.linalg.LinAlgError)


# -- pruning ---------------------------------------------------------------------------------------


class Counting:
    """A graph that writes down which rows were visited, and how many multipliers were alive."""

    def __init__(self, graph):
        self.graph, self.visited, self.alive, self.most = graph, [], weakref.WeakSet(), 0
        self.made = []

    def pull(self, i, w, mask):
        self.visited.append(i)
        if isinstance(w, np.ndarray):
            self.made.append(weakref.ref(w))
        self.most = max(self.most, sum(ref() is not None for ref in self.made))
        yield from self.graph.pull(i, w, mask)

    def push(self, i, tangents):
        self.visited.append(i)
        return self.graph.push(i, tangents)


def test_rows_the_output_does_not_need_are_not_visited():
    def f(x, y):
        used = np.sin(x)
        for _ in range(50):
            np.exp(used * y)  # leads nowhere
        return used * 2.0

    graph = lg.trace(f, 1.0, 1.0)
    rows = Counting(graph)
    lam = back_substitute(rows, {graph.outputs[0]: 1.0}, keep=graph.inputs)
    assert set(lam) == {0}
    assert len(graph) == 2 + 1 + 100 + 1
    assert sorted(rows.visited) == [0, 2, len(graph) - 1]


def test_multipliers_are_freed_once_they_have_been_used():
    def f(x):
        for _ in range(100):
            x = np.tanh(x)
        return np.sum(x)

    graph = lg.trace(f, np.linspace(-1.0, 1.0, 1000))
    gc.disable()  # reference counts alone must do it
    try:
        rows = Counting(graph)
        lam = back_substitute(rows, {graph.outputs[0]: 1.0}, keep=graph.inputs)
        assert list(lam) == [0]
        assert len(rows.made) == 101
        assert rows.most <= 3
        assert sum(ref() is not None for ref in rows.made) == 1
        kept = Counting(graph)
        everything = back_substitute(kept, {graph.outputs[0]: 1.0})
        assert len(everything) == len(graph)
        assert sum(ref() is not None for ref in kept.made) == 101
    finally:
        gc.enable()


def test_tangents_start_where_something_changes():
    def f(x, y):
        for _ in range(50):
            x = np.sin(x)
        return x * y

    graph = lg.trace(f, 1.0, 3.0)
    rows = Counting(graph)
    zdot = forward_substitute(rows, len(graph), {graph.inputs[1]: 1.0})
    assert set(zdot) == {1, len(graph) - 1}
    np.testing.assert_allclose(zdot[len(graph) - 1], graph.columns.values[51], rtol=1e-15)


def test_a_gradient_visits_what_lies_between_the_output_and_the_wanted_inputs(monkeypatch):
    system = lg.System(x=1.0, y=2.0)
    system.constrain("a", lambda x: np.sin(x), ["x"])
    for k in range(20):
        system.constrain(f"b{k}", lambda y: np.cos(y), ["y" if k == 0 else f"b{k - 1}"])
    system.constrain("c", lambda a, b: a * b, ["a", "b19"])
    system.constrain("beyond", lambda c: c * c, ["c"])
    solution = system.solve()
    model, visited = solution.system.model, []
    pull = type(model).pull

    def counted(self, i, *rest):
        visited.append(self.names[i])
        return pull(self, i, *rest)

    monkeypatch.setattr(type(model), "pull", counted)
    full = solution.gradient("c")
    assert set(visited) == set(model.names) - {"beyond"}
    visited.clear()
    assert solution.gradient("c", wrt="x") == {"x": full["x"]}
    assert set(visited) <= {"c", "a", "x"}
