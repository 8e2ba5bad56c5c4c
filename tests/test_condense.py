"""The Schur complement of A onto variables and scopes: multipliers, values, structure."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lagrad as lg
from lagrad import gallery
from lagrad.status import ArgumentError, ConvergenceError, NonFiniteError, SingularError


def dense_block(layers=4):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(4 + 3 * k, 3)) for k in range(layers)]

    def net(x, w):
        found = [x]
        for k in range(layers):
            with lg.scope(f"layer{k + 1}"):
                found.append(np.tanh(np.concatenate(found) @ w[k]))
        with lg.scope("head"):
            return np.sum(np.concatenate(found) ** 2)

    return lg.trace(net, rng.normal(size=4), weights).linearize()


def by_hand(system, kept):
    """The Schur complement of the dense A, and the same of a pattern of positive numbers."""
    A = system.A.toarray()
    rows = np.concatenate(
        [np.arange(system.offsets[j], system.offsets[j + 1]) for j in sorted(kept)]
    )
    rest = np.setdiff1d(np.arange(len(A)), rows)
    pattern = np.eye(len(A)) - 0.1 * ((system.A.toarray() != 0) & ~np.eye(len(A), dtype=bool))

    def complement(A):
        inner = np.linalg.solve(A[np.ix_(rest, rest)], A[np.ix_(rest, rows)])
        return A[np.ix_(rows, rows)] - A[np.ix_(rows, rest)] @ inner

    return complement(A), np.abs(complement(pattern)) > 1e-14


KEPT = [["x", "f"], ["y1", "f"], ["x", "y2"], ["y1", "y2"], ["x", "z1", "z2", "y1", "y2", "f"]]


@pytest.mark.parametrize("keep", KEPT, ids="-".join)
def test_sellar(keep):
    system = gallery.load("sellar").model.solve().system
    small = system.condense(keep)
    assert list(small.variables) == sorted(keep, key=system.index.get)
    A, pattern = by_hand(system, [system.index[name] for name in keep])
    assert_allclose(small.A.toarray(), A, rtol=1e-12, atol=1e-13)
    assert ((small.A.toarray() != 0) == pattern).all()
    if "f" in keep:
        whole = system.solve()
        for method in ("sweep", "explicit"):
            for name, lam in small.solve(of="f", method=method).items():
                assert lam == pytest.approx(whole[name], rel=1e-12)


def test_layers_of_a_dense_block_are_a_full_upper_triangle():
    system = dense_block()
    last = ["x"]
    for k in range(1, 5):
        inside = [j for j, path in enumerate(system.scopes) if path == (f"layer{k}",)]
        last.append(system.variables[inside[-1]])
    small = system.condense([*last, "head"])
    few = small.block_pattern.toarray()[:5, :5]
    assert (few == np.triu(np.ones((5, 5), dtype=bool))).all()
    A, pattern = by_hand(system, [system.index[name] for name in small.variables])
    assert_allclose(small.A.toarray(), A, rtol=1e-12, atol=1e-13)
    whole, found = system.solve(), small.solve()
    for name in small.variables:
        assert_allclose(found[name], whole[name], rtol=1e-12)


def test_scopes_are_kept_whole_and_nested_ones_by_dots():
    def f(x):
        with lg.scope("a"):
            y = np.sin(x)
            with lg.scope("b"):
                z = np.exp(y)
        return z * x

    system = lg.trace(f, 0.3).linearize()
    assert system.condense(["a"]).variables == ("z2", "z3")
    assert system.condense(["a.b", "x"]).variables == ("x", "z3")
    assert system.condense("z4").variables == ("z4",)
    assert system.condense(["a.b"]).scopes == (("a", "b"),)


def test_an_entry_that_happens_to_be_zero_is_structure():
    def f(x):
        a = 2.0 * x
        return 3.0 * a - 6.0 * x  # 0 everywhere, whatever x

    small = lg.trace(f, 1.0).linearize().condense(["x", "z5"])
    assert small.A.nnz == 3 and small.A.toarray()[0, 1] == 0.0


def test_a_cycle_of_vectors_is_eliminated_entry_by_entry():
    def f(b):
        return np.sum(lg.fixed_point(lambda z: np.tanh(0.5 * z) + b, np.zeros(3)) * b)

    graph = lg.trace(f, np.array([0.1, 0.2, 0.3]))
    system = graph.linearize()
    (cycle,) = [j for j, c in enumerate(system.cyclic) if c]
    keep = [name for j, name in enumerate(system.variables) if j != cycle]
    small = system.condense(keep)
    assert small.cyclic == (False,) * len(keep)
    A, pattern = by_hand(system, [system.index[name] for name in keep])
    assert_allclose(small.A.toarray(), A, rtol=1e-12, atol=1e-13)
    assert ((small.A.toarray() != 0) == pattern).all()  # three cycles of one entry each
    assert_allclose(small.solve()["b"], lg.grad(f)(np.array([0.1, 0.2, 0.3])), rtol=1e-12)


def circle():
    system = lg.System(radius=2.0, slope=0.5)
    system.unknown("u", start=1.0)
    system.unknown("v", start=1.0)
    system.residual(lambda u, v, radius: u**2 + v**2 - radius**2, name="on_the_circle")
    system.residual(lambda u, v, slope: v - slope * u, name="on_the_line")
    system.constrain("area", lambda u, v: u * v, ["u", "v"])
    return system.solve()


def test_residual_equations_go_and_stay_together():
    solution = circle()
    system = solution.system
    small = system.condense(["radius", "slope", "area"])
    expected = solution.gradient("area")
    for name in ("radius", "slope"):
        assert small.solve(of="area")[name] == pytest.approx(expected[name], rel=1e-12)
    whole = system.condense(["radius", "u", "v", "area"])
    assert whole.equations == ("radius", "area", "on_the_circle", "on_the_line")
    assert whole.solve(of="area")["radius"] == pytest.approx(expected["radius"], rel=1e-12)
    with pytest.raises(ArgumentError, match="takes u out of the cycle of u, v"):
        system.condense(["radius", "u", "area"])


@pytest.mark.parametrize(
    ("keep", "sentence"),
    [
        (["radious"], "did you mean radius"),
        ([], "nothing would be left"),
    ],
)
def test_what_cannot_be_kept(keep, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        circle().system.condense(keep)


def test_what_the_kept_variables_do_not_determine():
    s = lg.System(x=0.0)
    s.constrain("a", lambda x, b: x + b, ["x", "b"], start=0.0)
    s.constrain("b", lambda a, c: a + c, ["a", "c"], start=0.0)
    s.constrain("c", lambda b: -b, ["b"], start=0.0)
    system = s.solve().system  # a = x + b, b = a + c: given c, x + c = 0 is left
    with pytest.raises(SingularError, match="a, b cannot be eliminated"):
        system.condense(["x", "c"])


def test_complex_variables_are_refused():
    system = lg.trace(lambda z: np.abs(1j * z), 1.0 + 2.0j).linearize()
    with pytest.raises(ArgumentError, match="complex"):
        system.condense(["z"])


def test_tangents_of_what_is_left():
    system = gallery.load("sellar").model.solve().system
    small = system.condense(["x", "y1", "f"])
    x = small.index["x"]
    whole = system.tangents({system.index["x"]: np.float64(1.0)})
    found = small.tangents({x: np.float64(1.0)})
    for name in ("y1", "f"):
        assert found[small.index[name]] == pytest.approx(whole[system.index[name]], rel=1e-12)


def test_only_what_is_wanted_is_visited():
    system = gallery.load("sellar").model.solve().system
    small = system.condense(["x", "z1", "y1", "f"])
    by_whole = system.solve(of="y1")["x"]
    for each in (system, small):
        found = each.solve(of="y1", wrt=["x"])
        assert found["z1"] == 0.0 and found["x"] == pytest.approx(by_whole, rel=1e-12)


def test_an_output_that_was_eliminated_is_named():
    system = gallery.load("sellar").model.solve().system
    with pytest.raises(ArgumentError, match="the output f was eliminated"):
        system.condense(["x", "y1"]).solve()


def test_a_cycle_that_failed_is_not_eliminated():
    system = lg.System(p=1.0)
    system.constrain("u", lambda u, p: u**2 + 2 + p, ["u", "p"], start=1.0)
    system.constrain("w", lambda u: u * 2, ["u"])
    failed = system.solve(throw=False).system
    with pytest.raises(ConvergenceError, match=r"values of \[u\] were not found"):
        failed.condense(["p", "w"])
    vector = lg.System(p=np.ones(2))
    vector.constrain("u", lambda u, p: u**2 + 2 + p, ["u", "p"], start=np.ones(2))
    vector.constrain("w", lambda u: np.sum(u), ["u"])
    with pytest.raises(ConvergenceError, match=r"values of \[u\] were not found"):
        vector.solve(throw=False).system.condense(["p[0]", "w"])


def test_an_infinite_partial_of_what_is_kept_stays():
    def f(x):
        return np.sum(np.where(x > 0, np.log(x), 0.0))

    with np.errstate(all="ignore"):
        system = lg.trace(f, np.array([0.0, 1.0])).linearize()
        log = next(
            c.name for c in lg.trace(f, np.array([0.0, 1.0])).constraints if c.function == "log"
        )
    small = system.condense(["x", log])
    with pytest.raises(NonFiniteError):
        small.solve({log: np.ones(2)})
    kept = system.condense(["x", system.variables[-1]])
    assert kept.solve()["x"].tolist() == [0.0, 1.0]  # behind the selection nothing is lost


def test_another_output_does_not_take_the_place_of_the_last():
    system = lg.trace(lambda x: (x**2, x**3), 2.0).linearize()
    small = system.condense(["x", "z2"])
    with pytest.raises(ArgumentError, match="the output z3 was eliminated"):
        small.solve()
    assert small.solve("z2")["x"] == 4.0


def test_a_name_of_two_is_refused():
    def f(x):
        with lg.scope("z3"):
            y = np.sin(x)
        return np.cos(y)

    with pytest.raises(ArgumentError, match="is a variable, and a scope of others"):
        lg.trace(f, 1.0).linearize().condense("z3")


@pytest.mark.parametrize("keep", [[3], None, 4])
def test_names_are_text(keep):
    with pytest.raises(ArgumentError, match="keep"):
        gallery.load("sellar").model.solve().system.condense(keep)


# -- entries ---------------------------------------------------------------------------------------


def test_entries_of_arrays_can_be_kept():
    system = dense_block(2)
    keep = ["x[1]", "w[1][2, 0]"]
    last = system.variables[system.outputs[-1]]
    small = system.condense([*keep, last])
    assert small.variables == (*keep, last)
    whole = system.solve()
    assert small.solve()["x[1]"] == pytest.approx(whole["x"][1], rel=1e-12)
    assert small.solve()["w[1][2, 0]"] == pytest.approx(whole["w[1]"][2, 0], rel=1e-12)


def test_variables_and_scopes_beside_entries_are_opened():
    system = lg.trace(lambda x, w: np.sum(np.tanh(x) * w), np.ones(2), np.arange(2.0)).linearize()
    small = system.condense(["x", "w[1]", "z5"])
    assert small.variables == ("x[0]", "x[1]", "w[1]", "z5")
    A = by_hand_of_entries(system, [0, 1, 3, 8])
    assert_allclose(small.A.toarray(), A, rtol=1e-12, atol=1e-13)


def by_hand_of_entries(system, rows):
    A = system.A.toarray()
    rest = np.setdiff1d(np.arange(len(A)), rows)
    inner = np.linalg.solve(A[np.ix_(rest, rest)], A[np.ix_(rest, rows)])
    return A[np.ix_(rows, rows)] - A[np.ix_(rows, rest)] @ inner


def test_an_entry_of_a_cycle():
    def f(b):
        z = lg.fixed_point(lambda z: np.tanh(0.5 * z + 0.1 * z[::-1]) + b, np.zeros(3))
        return np.sum(z * b)

    b = np.array([0.1, 0.2, 0.3])
    system = lg.trace(f, b).linearize()
    last = system.variables[system.outputs[-1]]
    small = system.condense(["b[2]", last])
    assert small.solve()["b[2]"] == pytest.approx(lg.grad(f)(b)[2], rel=1e-12)


@pytest.mark.parametrize("name", ["x[7]", "x[0, 0]", "y[0]"])
def test_an_entry_that_is_not_there(name):
    system = lg.trace(lambda x: np.sum(x), np.ones(2)).linearize()
    with pytest.raises(ArgumentError, match="there is no variable and no scope"):
        system.condense([name])
