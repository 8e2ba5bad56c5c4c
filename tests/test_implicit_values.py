"""How values are found: methods, bounds, progress, certificates, and estimates of what is missing.

Expected are hand-written iterations, SciPy's solvers, and the values of a converged search.
"""

import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse as sp
from refusals import refused
from scipy.optimize import fsolve

import lagrad as lg
from lagrad.solve import factorize
from lagrad.status import ArgumentError, ConvergenceError, SingularError, Status

RNG = np.random.default_rng(3)
W, B = RNG.normal(size=(8, 8)) / 6, RNG.normal(size=8)


def layer(z, b):
    """A contraction: the spectral radius of W is below one, and tanh does not stretch."""
    return np.tanh(W @ z + b)


def solved(method, start=None, b=B, **options):
    start = np.zeros(8) if start is None else start
    return lg.fixed_point(layer, start, b, method=method, full_output=True, **options)


METHODS = ["auto", "newton", "newton-krylov", "anderson", "iteration"]


@pytest.mark.parametrize("method", METHODS)
def test_all_methods_find_the_same_values_and_gradients(method):
    z, certificate = solved(method)
    np.testing.assert_allclose(z, fsolve(lambda z: z - layer(z, B), np.zeros(8), xtol=1e-14))
    assert certificate.status is Status.SOLVED
    assert len(certificate.history) == certificate.steps + 1
    if method != "auto":
        assert method in certificate.method.lower()
    found = lg.jacobian(lambda b: solved(method, b=b)[0])(B)
    slope = 1 - z**2
    expected = np.linalg.solve(np.eye(8) - slope[:, None] * W, np.diag(slope))
    accuracy = 1e-10 if method == "newton-krylov" else 1e-13  # of the linear solves
    np.testing.assert_allclose(found, expected, rtol=accuracy, atol=accuracy / 100)


def test_iteration_makes_the_steps_of_a_hand_written_loop():
    z, norms = np.zeros(8), []
    for _ in range(14):
        norms.append(np.abs(z - layer(z, B)).max())
        z = layer(z, B)
    _, certificate = solved("iteration")
    np.testing.assert_allclose(certificate.history[:14], norms, rtol=1e-12)


def test_anderson_needs_as_many_steps_as_there_are_unknowns():
    """On a linear f it is GMRES in other words; Walker and Ni (2011), theorem 2.2."""
    m = np.array([[0.5, 0.4, 0.0], [-0.4, 0.5, 0.3], [0.1, 0.0, -0.9]])
    steps = {}
    for method in ("anderson", "iteration"):
        z, certificate = lg.fixed_point(
            lambda z: m @ z + 1.0, np.zeros(3), method=method, full_output=True
        )
        np.testing.assert_allclose(z, np.linalg.solve(np.eye(3) - m, np.ones(3)), rtol=1e-13)
        steps[method] = certificate.steps
    assert steps["anderson"] <= 6 < 100 < steps["iteration"]


def test_anderson_finds_what_plain_iteration_runs_away_from():
    z = lg.fixed_point(lambda z: 2.5 - z**2 / 1.5, 1.0, method="anderson")
    assert z == pytest.approx((-1.5 + np.sqrt(1.5**2 + 15)) / 2, rel=1e-14)


def test_newton_converges_quadratically():
    _, certificate = lg.root(lambda z: np.exp(z) - 2.0, 1.0, full_output=True)
    r = np.array(certificate.history)
    large = (r[:-1] > 1e-7) & (r[1:] > 0)
    assert (r[1:][large] < r[:-1][large] ** 2).all()


def test_a_known_value_starts_the_search_warm():
    cold = solved("newton")
    moved = B + 1e-6
    warm = solved("newton", cold[0], moved)
    again = solved("newton", warm[0], moved)
    assert again[1].steps <= warm[1].steps < solved("newton", b=moved)[1].steps
    np.testing.assert_allclose(warm[0], solved("newton", b=moved)[0], rtol=1e-13)


def test_a_solution_as_start_is_left_where_it_is():
    for method in METHODS:
        z, certificate = lg.fixed_point(
            lambda z, a: (z + a / z) / 2, 3.0, 9.0, method=method, full_output=True
        )
        assert (z, certificate.residual, certificate.status) == (3.0, 0.0, Status.SOLVED)
        assert certificate.steps <= 1


# -- bounds and domains ----------------------------------------------------------------------------


def watched(f, seen):
    def inner(z, *p):
        if isinstance(z, np.ndarray | np.generic):
            seen.append(np.min(z))
        return f(z, *p)

    return inner


@pytest.mark.parametrize("method", ["newton", "anderson"])
@pytest.mark.parametrize(
    "options", [{"bounds": (0.0, None)}, {"domain": lambda z: z > 0}], ids=["bounds", "domain"]
)
def test_no_step_leaves_the_domain(method, options):
    """log(z) + 3 = 0 from 5: the full Newton step ends at -18."""
    seen = []
    g = watched(lambda z: np.log(z) + 3.0, seen)
    scale = 0.05  # f contracts near the solution
    if method == "newton":
        z = lg.root(g, 5.0, **options)
    else:
        z = lg.fixed_point(lambda z: z - scale * g(z), 5.0, method=method, **options)
    assert z == pytest.approx(np.exp(-3.0), rel=1e-13)
    assert len(seen) > 3
    assert min(seen) > 0


def test_bounds_choose_between_roots():
    g = lambda z: z**3 - z  # noqa: E731
    assert lg.root(g, 0.6, bounds=(0.5, None)) == pytest.approx(1.0, rel=1e-14)
    sides = np.array([0.5, -2.0]), np.array([2.0, -0.5])
    found = lg.root(g, np.array([0.6, -0.6]), bounds=sides)
    np.testing.assert_allclose(found, [1.0, -1.0], rtol=1e-14)


def test_bounds_of_containers_and_of_named_variables():
    z = lg.root(
        lambda z: {"p": np.log(z["p"]) + 3.0, "q": z["q"] - z["p"]},
        {"p": 5.0, "q": np.ones(2)},
        bounds=({"p": 0.0, "q": None}, None),
    )
    assert z["p"] == pytest.approx(np.exp(-3.0), rel=1e-13)
    system = lg.System(a=3.0)
    system.constraint(lambda a, p: p - 0.5 * (np.log(p) + a), name="p", start=5.0)
    system.constraint(lambda p: 2 * p, name="q")
    solution = system.solve(bounds={"p": (0.0, None)})
    assert solution["p"] == pytest.approx(np.exp(-3.0), rel=1e-13)
    inside = system.solve(domain=lambda z: z["p"] > 0)
    assert inside["p"] == pytest.approx(solution["p"], rel=1e-14)


# -- progress --------------------------------------------------------------------------------------


class Bar:
    made = None

    def __init__(self, **kwargs):
        self.kwargs, self.updates, self.closed, self.words = kwargs, 0, False, []
        Bar.made = self

    def update(self):
        self.updates += 1

    def set_postfix_str(self, text):
        self.words.append(text)

    def close(self):
        self.closed = True


def test_progress_shows_the_residual_of_every_step(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Bar))
    _, certificate = solved("newton", progress=True)
    bar = Bar.made
    assert bar.updates == len(certificate.history)
    assert bar.words[0] == f"|r| = {certificate.history[0]:.2e}"
    assert bar.closed
    assert "layer" in bar.kwargs["desc"]

    def broken(z):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lg.root(broken, 1.0, progress=True)
    with pytest.raises(RuntimeError, match="later"):
        lg.root(later(), 1.0, progress=True)
    assert Bar.made is not bar
    assert Bar.made.closed


def later():
    calls = []

    def g(z):
        calls.append(z)
        if len(calls) > 3:
            raise RuntimeError("later")
        return z * z - 2.0

    return g


def test_progress_without_tqdm_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with refused(ArgumentError, "tqdm", "lagrad[progress]"):
        solved("newton", progress=True)


# -- failures that are handed back -----------------------------------------------------------------


def rootless(z, a):
    return z * z + a


def test_throw_false_hands_back_values_and_refuses_their_derivatives():
    z, certificate = lg.root(rootless, 1.0, 2.0, throw=False, full_output=True)
    assert not certificate.status.success
    assert certificate.residual == pytest.approx(z * z + 2.0)
    assert certificate.status.name in certificate.report()
    solve = lambda a: lg.root(rootless, 1.0, a, throw=False)  # noqa: E731
    assert solve(2.0) == z
    for f in (lg.grad(solve), lg.hessian(solve), lambda a: lg.jvp(solve, (a,), (1.0,))):
        with refused(ConvergenceError, "rootless", "not found", "no derivative"):
            f(2.0)
    assert lg.grad(lambda a: a * a + 0.0 * lg.stop_gradient(solve(a)))(2.0) == 4.0


def test_throw_false_of_a_system():
    system = lg.System(a=2.0)
    system.unknown("z", start=1.0)
    system.residual(lambda z, a: rootless(z, a), name="g")
    solution = system.solve(throw=False)
    assert not solution.status.success
    (cycle,) = solution.cycles.values()
    assert (cycle.variables, cycle.status) == (["z"], solution.status)
    with pytest.raises((ConvergenceError, SingularError)):
        solution.gradient("z")


def test_too_few_steps():
    for method in ("newton", "iteration", "anderson"):
        z, certificate = solved(method, max_steps=3, throw=False)
        assert certificate.status is Status.NOT_CONVERGED
        assert certificate.steps == 3
        assert certificate.residual == pytest.approx(np.abs(z - layer(z, B)).max(), rel=1e-12)
        with refused(ConvergenceError, "layer", "z", "8 unknowns", "3 steps", "max_steps"):
            solved(method, max_steps=3)


# -- the certificate -------------------------------------------------------------------------------


def test_the_certificate_tells_how_it_was_found():
    start = {"x": np.zeros(8), "y": 1.0}

    def g(z, b):
        return {"x": z["x"] - layer(z["x"], b), "y": z["y"] ** 2 - b[0] ** 2}

    kept = []

    def total(b):
        z, certificate = lg.root(g, start, b, full_output=True)
        kept.append(certificate)
        return np.sum(z["x"]) + z["y"]

    lg.grad(total)(B)
    (c,) = kept
    assert c.variables == ["z['x']", "z['y']"]
    assert (c.sizes, c.size, c.status) == ([8, 1], 9, Status.SOLVED)
    assert len(c.history) == c.steps + 1
    assert c.history[-1] >= c.residual
    assert c.residual < 1e-14
    assert 1 <= c.factorisations <= c.steps
    assert c.entries > 0
    assert c.bytes >= 8 * 9
    assert {"values", "multipliers"} <= set(c.seconds)
    assert min(c.seconds.values()) > 0
    (solve,) = c.solves
    assert 0 <= solve.residual < 1e-14
    assert not solve.transposed
    text = c.report()
    for word in ("z['x'] (8)", "z['y']", "SOLVED", "root of g (test_implicit_values.py", "Newton"):
        assert word in text
    assert f"{c.steps} steps" in text
    assert f"{c.residual:.1e}" in text
    assert "1 solves" in text
    assert str(c) == text


def test_certificates_pickle_without_their_factors():
    _, certificate = solved("newton")
    copy = pickle.loads(pickle.dumps(certificate))
    assert copy.report() == certificate.report()
    assert copy.history == certificate.history
    assert certificate.condition() >= 1.0
    with refused(ArgumentError, "condition", "factors"):
        copy.condition()


def test_the_report_of_a_solution_puts_the_failed_cycle_first():
    system = lg.System(a=2.0)
    system.constraint(lambda a, fine: np.cos(fine) * a / 4, name="fine", start=0.0)
    system.unknown("bad", start=1.0)
    system.residual(lambda bad, fine: rootless(bad, fine + 2.0), name="g")
    text = system.solve(throw=False).report()
    assert text.index("cycle of bad") < text.index("cycle of fine")
    assert "2 cyclic" in text


# -- estimates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 5, 30])
def test_the_condition_of_the_scaled_matrix(n):
    """The estimate is a lower bound, and rarely below a third."""
    rng = np.random.default_rng(n)
    units = 10.0 ** rng.uniform(-6, 6, n)
    a = rng.normal(size=(n, n)) * units * 10.0 ** rng.uniform(-6, 6, n)[:, None]
    _, certificate = lg.root(lambda z: a @ z - a @ (1 / units), np.zeros(n), full_output=True)
    factor = factorize(sp.csc_array(a.T))
    exact = np.linalg.cond(factor.rows[:, None] * a.T * factor.columns, 1)
    assert exact / 3 <= certificate.condition() <= exact * (1 + 1e-6)
    assert np.linalg.cond(a, 1) > 10 * exact


def test_what_unconverged_values_lack():
    exact = solved("auto")[0]
    for method in ("newton", "iteration", "anderson"):
        for steps in (2, 4):
            z, certificate = solved(method, max_steps=steps, throw=False)
            lack = exact - z
            error = np.abs(certificate.value_error() - lack).max()
            assert error <= np.abs(lack).max() ** 2 + 1e-15, method


def test_what_unconverged_values_do_to_a_gradient():
    w = np.arange(8.0)
    exact = lg.grad(lambda b: w @ solved("auto", b=b)[0])(B)
    for method in ("newton", "iteration", "anderson"):
        for steps in (2, 4):
            z, certificate = solved(method, max_steps=steps, throw=False)
            (gradient,), (error,) = certificate.gradient_error(w)
            lack = exact - gradient
            size = np.abs(solved("auto")[0] - z).max()
            assert np.abs(error - lack).max() <= 60 * size**2, method
            if size > 1e-9:
                assert np.abs(lack).max() > 1e-2 * size


def test_estimates_take_and_give_containers():
    z, certificate = lg.root(
        lambda z, p: {"x": z["x"] * p["a"] - 1.0, "y": z["y"] - p["b"] * z["x"]},
        {"x": 0.5, "y": np.zeros(2)},
        {"a": 2.0, "b": np.ones(2), "n": np.arange(2), "s": "x"},
        full_output=True,
    )
    assert set(certificate.value_error()) == {"x", "y"}
    gradient, error = certificate.gradient_error({"x": 1.0, "y": np.array([2.0, 0.0])})
    assert gradient[0] == pytest.approx(-(1 + 2) / 4)
    np.testing.assert_allclose(gradient[1], [1.0, 0.0])
    assert max(np.abs(np.hstack(error))) < 1e-15
    with refused(ArgumentError, "z['x']", "(2,)"):
        certificate.gradient_error({"x": 1.0})


def test_estimates_do_not_see_what_becomes_of_the_values_outside():
    z, certificate = lg.root(lambda z, a: z * z - a, np.ones(2), 4 * np.ones(2), full_output=True)
    z[:] = 0.0
    np.testing.assert_allclose(certificate.gradient_error(np.ones(2))[0][0], 0.25)


def test_estimates_of_complex_values():
    """Weights pair as Re(w z), and gradients are those of `lagrad.grad`."""
    w, a = 1.0 + 2.0j, -4.0 + 1.0j
    value = lambda a: np.real(w * lg.root(lambda z, a: z * z - a, 1 + 1j, a))  # noqa: E731
    _, certificate = lg.root(lambda z, a: z * z - a, 1 + 1j, a, full_output=True)
    (gradient,), (error,) = certificate.gradient_error(w)
    assert gradient == pytest.approx(lg.grad(value)(a), rel=1e-13)
    assert abs(error) < 1e-15


def test_gradient_error_of_a_system():
    system = lg.System(b=B)
    system.constraint(lambda z, b: layer(z, b), name="z", start=np.zeros(8))
    system.constraint(lambda z: np.sum(z * np.arange(8.0)), name="f")
    exact = system.solve().gradient("f")["b"]
    rough = system.solve(max_steps=3, throw=False)
    gradient, error = rough.gradient_error("f")
    size = np.abs(system.solve()["z"] - rough["z"]).max()
    assert 1e-12 < size < 0.1
    assert np.abs(exact - gradient["b"]).max() > 1e-2 * size
    assert np.abs(exact - gradient["b"] - error["b"]).max() <= 60 * size**2


# -- reuse -----------------------------------------------------------------------------------------


def test_many_right_hand_sides_share_the_factors(monkeypatch):
    calls = []
    real = lg.forward.linear.factorize

    def counted(*args, **kwargs):
        calls.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(lg.forward.linear, "factorize", counted)
    kept = []

    def f(b):
        z, certificate = solved("newton", b=b)
        kept.append(certificate)
        return z

    lg.jacobian(f)(B)
    (c,) = kept
    assert len(calls) <= c.factorisations + 1
    assert len(c.solves) == 8
    calls.clear()
    kept.clear()
    lg.hessian(lambda b: np.sum(f(b) ** 2))(B)
    assert len(calls) <= kept[0].factorisations + 1  # those of the adjoint cycle are its own too
