"""The works on cycles: what is written by hand, against closed forms, dense twins, differences."""

import importlib
from pathlib import Path

import numpy as np
import pytest

import lagrad as lg

ROOT = Path(__file__).parents[1]
TINY = {"bratu": 6, "torus": 5, "implicit_chain": 40, "memory": 6}


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    """Return ``bench(name)``, a module of benchmarks/, which is not installed."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def slope(f, x, way, h=1e-4):
    """Return the derivative of f along a way, by differences of order four."""
    ahead, behind = ([f(x + s * h * k * way) for k in (1, 2)] for s in (1, -1))
    return (8 * (ahead[0] - behind[0]) - (ahead[1] - behind[1])) / (12 * h)


# -- Newton by hand --------------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", ["MMD on A^T + A", "COLAMD"])
def test_newton_by_hand_solves_and_tells_how_often_it_factorised(bench, ordering):
    newton, bratu = bench("newton"), bench("bratu")
    _, L, _ = bratu.grid(7)
    solved = newton.newton(L, lambda u: 6 * np.exp(u), lambda u: 6 * np.exp(u), 1e-8, ordering)
    u = solved.u
    np.testing.assert_allclose(L @ u, 6 * np.exp(u), rtol=1e-11)
    np.testing.assert_array_equal(solved.R.toarray(), (L - np.diag(6 * np.exp(u))))
    # Steps shrink as 0.7, 0.1, 0.008, 3e-5: the fifth is measured by the factors of the fourth.
    assert solved.factorised == 4


def test_newton_by_hand_says_that_there_is_no_solution(bench):
    newton, bratu = bench("newton"), bench("bratu")
    _, L, _ = bratu.grid(7)
    with np.errstate(all="ignore"), pytest.raises(ArithmeticError, match="no solution after 50"):
        newton.newton(L, lambda u: 20 * np.exp(u), lambda u: 20 * np.exp(u), 1e-8, "COLAMD")


def test_multipliers_by_hand_are_right_though_the_factors_are_stale(bench):
    newton, bratu = bench("newton"), bench("bratu")
    _, L, _ = bratu.grid(7)
    solved = newton.newton(L, lambda u: 6 * np.exp(u), lambda u: 6 * np.exp(u), 1e-8, "COLAMD")
    e = np.random.default_rng(0).normal(size=49)
    expected = np.linalg.solve(solved.R.toarray().T, e)
    found = newton.multipliers(solved, e, 1e-8)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert np.abs(solved.lu.solve(e, "T") - expected).max() > 1e-6 * np.abs(expected).max()
    useless = solved._replace(R=-solved.R)
    with np.errstate(all="ignore"), pytest.raises(ArithmeticError, match="50 refinements"):
        newton.multipliers(useless, e, 1e-8)


# -- the adjoints by hand --------------------------------------------------------------------------


def test_the_adjoint_of_bratu_by_hand(bench, monkeypatch):
    bratu = bench("bratu")
    problem = bratu.grid(9)
    _, by_lam, by_s = bratu.by_hand(problem, "COLAMD", 1e-13)[1]()

    def of_lam(lam):
        monkeypatch.setattr(bratu, "LAM", lam)
        return bratu.by_hand(problem, "COLAMD", 1e-13)[0]

    assert by_lam == pytest.approx(slope(of_lam, 6.0, 1.0), rel=1e-8)
    monkeypatch.setattr(bratu, "LAM", 6.0)
    way = np.random.default_rng(1).normal(size=81)
    expected = slope(
        lambda s: bratu.by_hand(problem._replace(s=s), "COLAMD", 1e-13)[0], problem.s, way
    )
    assert by_s @ way == pytest.approx(expected, rel=1e-8)


def test_bratu_has_the_turning_point_of_the_literature(bench):
    newton, bratu = bench("newton"), bench("bratu")

    def solvable(lam):
        try:
            with np.errstate(all="ignore"):
                newton.newton(
                    L, lambda u: lam * np.exp(u), lambda u: lam * np.exp(u), 1e-8, "COLAMD"
                )
        except ArithmeticError:
            return False
        return True

    _, L, _ = bratu.grid(31)
    assert solvable(6.79)  # lam* is 6.808 as n grows
    assert not solvable(6.82)


def test_the_implicit_chain_by_hand_has_the_closed_form(bench):
    chain = bench("implicit_chain")
    n = 2000
    problem = chain.line(n)._replace(k=np.ones(n))
    J, back = chain.by_hand(problem, "COLAMD", 1e-12)
    # -u'' = k exp(u) / 4 has u = 2 log(cosh(a) / cosh(a (2 x - 1))) with a = sqrt(k / 32) cosh(a).
    a = 0.0
    for _ in range(100):
        a = np.sqrt(1 / 32) * np.cosh(a)
    x = np.arange(1, n + 1) / (n + 1)
    u = 2 * np.log(np.cosh(a) / np.cosh(a * (2 * x - 1)))
    assert J == pytest.approx(u.mean(), rel=1e-6)
    way = np.random.default_rng(1).normal(size=n)
    expected = slope(
        lambda k: chain.by_hand(problem._replace(k=k), "COLAMD", 1e-12)[0], problem.k, way, 1e-2
    )
    assert back()[1] @ way == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("name", ["torus", "scattered"])
def test_the_chains_by_hand_are_those_of_a_dense_solve(bench, name):
    torus = bench("torus")
    problem = getattr(torus, name)({"torus": 6, "scattered": 50}[name])
    P, r, w = problem.P.toarray(), problem.r, problem.w
    n = len(r)
    np.testing.assert_allclose(P.sum(axis=1), 1.0)
    R = np.eye(n) - torus.GAMMA * P
    V, lam = np.linalg.solve(R, r), np.linalg.solve(R.T, w)
    expected = w @ V, lam, lam @ P @ V
    torus.check(torus.exactly(problem), expected, "exactly")
    for krylov in torus.KRYLOV.values():
        torus.check(torus.by_hand(problem, krylov), expected, krylov.__name__)
    # dJ/dgamma along the way of gamma itself
    way = slope(lambda g: w @ np.linalg.solve(np.eye(n) - g * P, r), torus.GAMMA, 1.0)
    assert expected[2] == pytest.approx(way, rel=1e-6)


def test_the_torus_steps_to_four_neighbours(bench):
    P = bench("torus").torus(5).P.toarray()
    assert set(np.flatnonzero(P[12])) == {7, 11, 13, 17}
    assert set(np.flatnonzero(P[0])) == {1, 4, 5, 20}


def test_what_jaxopt_is_compared_with_must_be_solved(bench, monkeypatch):
    torus = bench("torus")
    monkeypatch.setattr(torus, "gcrotmk", lambda m, b, **_: (0 * b, 0))
    with pytest.raises(ArithmeticError, match="off by"):
        torus.exactly(torus.torus(5))
    with pytest.raises(ArithmeticError, match="ended with 3"):
        torus.solve(lambda *_, **__: (0, 3), None, None, 1e-8)


# -- memory ----------------------------------------------------------------------------------------


def test_the_gradient_of_the_layer_is_the_same_by_both_ways(bench):
    memory = bench("memory")
    found, steps = zip(*(memory.implicit(5, t) for t in (1.0, 0.1)), strict=True)
    assert steps[1] > 5 * steps[0]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)
    np.testing.assert_allclose(memory.unrolled(5, 1.0, steps[0]), found[0], rtol=1e-9)


# -- the figures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bratu", "torus", "implicit_chain"])
def test_a_wrong_gradient_is_not_timed(bench, name, monkeypatch):
    right = lg.value_and_grad

    def wrong(f, argnums=0):
        def both(*args):
            value, gradient = right(f, argnums)(*args)
            parts = gradient if isinstance(gradient, tuple) else (gradient,)
            parts = tuple(g * (1 + 1e-7) for g in parts)
            return value, parts if isinstance(gradient, tuple) else parts[0]

        return both

    monkeypatch.setattr(lg, "value_and_grad", wrong)
    with pytest.raises(ArithmeticError, match="lagrad, d.*largest difference"):
        list(bench(name).figures(TINY[name], repeats=1))


def test_a_gradient_that_depends_on_the_steps_is_not_told(bench, monkeypatch):
    memory = bench("memory")

    def fresh(module, function, n, t, steps=0):
        return [1.0, 1.0, 10 / t, 1.0 + 1e-6 * (t < 1)]

    monkeypatch.setattr(memory, "in_a_fresh_process", fresh)
    with pytest.raises(ArithmeticError, match="100 steps, dJ/dx"):
        list(memory.figures(6))


@pytest.mark.parametrize(
    ("name", "peers"),
    [("bratu", ["casadi", "optimistix"]), ("torus", ["jaxopt"]), ("implicit_chain", ["openmdao"])],
)
def test_a_peer_that_is_not_installed_is_left_out_in_words(bench, name, peers, monkeypatch):
    for module in (bench(name), bench("measure")):
        monkeypatch.setattr(module, "installed", lambda *_: [])
    figures = list(bench(name).figures(TINY[name], repeats=1))
    absent = [figure for figure in figures if figure.measured == "not installed"]
    assert [figure.what for figure in absent] == [f"{peer}: left out" for peer in peers]
    assert sum(figure.bar != "" for figure in figures) == {"bratu": 2, "torus": 2}.get(name, 1)


# -- measuring -------------------------------------------------------------------------------------


def test_halves_go_forward_anew_for_each_way_back(bench):
    turns = []

    def forward():
        turns.append("forward")
        return 0.0, lambda: turns.append("back")

    times = bench("measure").halves(forward, 3)
    assert turns == ["forward", "back"] * 3
    assert len(times) == 2


def test_the_fastest_is_that_which_takes_least(bench):
    calls = {"slow": lambda: sum(range(300_000)), "fast": lambda: None}
    assert bench("measure").fastest(calls) == "fast"


def test_milliseconds_are_told_with_three_digits(bench):
    assert bench("measure").ms(1.2345, 0.012345, 0.0012345) == "1234, 12.3, 1.23"


def test_each_of_several_results_is_compared(bench):
    agree_all = bench("measure").agree_all
    agree_all((1.0, [2.0]), (1.0, [2.0]), 1e-8, "x", ("J", "dJ"))
    with pytest.raises(ArithmeticError, match="x, dJ: the largest difference"):
        agree_all((1.0, [2.0]), (1.0, [3.0]), 1e-8, "x", ("J", "dJ"))
