"""Named systems where a wrong number once came out in silence: each is right now, or refused."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp

import lagrad as lg
from lagrad.rounding import ROUNDING
from lagrad.status import (
    ConvergenceError,
    SingularError,
    Status,
    StructureError,
    TraceError,
)


def one_residual(g, x=2.0, start=5.0):
    """Return the system of one unknown u with g(u, x) = 0."""
    system = lg.System(x=x)
    system.unknown("u", start=start)
    system.residual(lambda u, x: g(u, x), name="g")
    return system


# -- a solution is a root --------------------------------------------------------------------------


@pytest.mark.parametrize("start", [5.0, 20.0, -3.0])
@pytest.mark.parametrize("size", [1.0, 1e10])
def test_a_large_variable_does_not_hide_the_small_ones(size, start):
    system = lg.System(x=2.0)

    @system.constraint(start=size)
    def big(u):
        return size * (1 + 1e-12 * u)

    @system.constraint(start=start)
    def u(u, big, x):
        return u - np.exp(u) + x + 1e-30 * big

    solution = system.solve()
    assert solution["u"] == pytest.approx(np.log(2.0), rel=1e-14)
    assert solution.gradient("u")["x"] == pytest.approx(0.5, rel=1e-13)


def test_an_acid_under_a_gas_in_pascals():
    system = lg.System(c=0.1, T=300.0)

    @system.constraint(start=1e5)
    def pressure(h, T):
        return 101325.0 * (T / 300.0) * (1 + 1e-3 * h)

    @system.constraint(start=1e-6)
    def h(h, c, pressure):
        return 1.8e-5 * (pressure / 101325.0) * (c - h) / h

    solution = system.solve()
    k = 1.8e-5 * solution["pressure"] / 101325.0
    assert solution["h"] == pytest.approx((-k + np.sqrt(k * k + 0.4 * k)) / 2, rel=1e-13)


@pytest.mark.parametrize("slope", [1.0, 1e3, 1e10])
def test_a_jump_through_zero_is_no_root(slope):
    def g(u, x):
        return np.where(u > x, 1.0, -1.0) + slope * (u - x)

    system = one_residual(g)
    assert system.solve(throw=False).status is Status.STALLED
    with pytest.raises(ConvergenceError, match="cycle of u"):
        system.solve()


@pytest.mark.parametrize("units", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_units_change_neither_the_steps_nor_the_status(units, scale):
    def steps(units, scale):
        system = one_residual(lambda u, x: units * (np.exp(u / scale) + u / scale - x), 2.0, scale)
        solution = system.solve()
        expected = 0.44285440100238857
        assert solution["u"] / scale == pytest.approx(expected, rel=1e-14)
        return solution.stats[0]["steps"]

    assert abs(steps(units, scale) - steps(1.0, 1.0)) <= 1


@pytest.mark.parametrize(
    ("g", "x", "root"),
    [
        (lambda u, x: u + u * u - x, 0.0, 0.0),
        (lambda u, x: np.exp(u) - 1.0 - x, 0.0, 0.0),
        (lambda u, x: (u + 1e8) - 1e8 - x, 0.0, 0.0),
        (lambda u, x: np.exp(u) - x + 1e8 - 1e8, 1.0, 0.0),
        (lambda u, x: u - np.sin(u) * x + np.tan(u), 3.0, 0.0),
    ],
)
def test_a_root_that_is_truly_zero_is_reached(g, x, root):
    solution = one_residual(g, x, start=0.3).solve()
    assert solution["u"] == pytest.approx(root, abs=1e-7)
    assert solution.stats[0]["steps"] < 15


def test_zero_entries_beside_large_ones():
    system = lg.System(x=1.0)

    @system.constraint(start=np.ones(3))
    def z(z, x):
        return np.stack([1e6 * x + z[1], 1e-7 * z[0] * z[2] + np.sin(z[1]) / 3, 1 - np.cos(z[1])])

    solution = system.solve()
    np.testing.assert_allclose(solution["z"], [1e6, 0.0, 0.0], atol=1e-9)


def test_constraints_that_are_right_to_a_few_digits_need_a_larger_tolerance():
    def noisy(u):
        return np.cos(u) + np.where(np.cos(u) > u, 1e-10, -1e-10)  # never u

    rough = lg.primitive(noisy, (lambda z, u: -np.sin(u),))
    system = one_residual(lambda u, x: u - rough(u) + 0.0 * x, start=0.5)
    assert system.solve(throw=False).status is Status.STALLED
    solution = system.solve(tol=1e-4)
    assert solution["u"] == pytest.approx(0.7390851332151607, rel=1e-9)


# -- rounding errors -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (7,), (3, 2)])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x + 1e8) - 1e8,
        lambda x: np.exp(3.0 * x) - np.exp(x) ** 3,
        lambda x: x * x - 2.0 * x + 1.0,
        lambda x: np.sin(x) / x - np.cos(x),
    ],
)
def test_estimated_rounding_errors_bound_the_true_ones_but_not_by_far(f, shape):
    rng = np.random.default_rng(1)
    for _ in range(20):
        x = rng.uniform(0.5, 1.5, shape)[()]
        system = lg.System(x=x)
        system.constraint(lambda x: f(x), name="y")
        model = system.solve().system.model
        estimate = np.asarray(model.local(1).rounding(rng))
        exact = np.asarray(f(np.asarray(x, np.longdouble)))
        error = np.abs(np.asarray(f(x)) - exact).astype(float)
        assert estimate.shape == shape
        assert (error <= ROUNDING * estimate).all()
        assert (estimate <= 1e3 * np.finfo(float).eps * 1e8).all()


# -- multiple roots --------------------------------------------------------------------------------


def fold(u, x):
    return u**2 - 2.0 * u + x


@pytest.mark.parametrize("start", [3.0, 0.0, 1 + 1e-6, 1 + 1e-9, 1 - 1e-8, 1.0])
def test_a_turning_point_has_no_gradient(start):
    with pytest.raises(SingularError, match=r"\bu\b"):
        one_residual(fold, 1.0, start).solve().gradient("u")


@pytest.mark.parametrize("start", [3.0, 1 + 1e-9])
def test_a_turning_point_says_what_it_is(start):
    system = one_residual(fold, 1.0, start)
    stopped = system.solve(throw=False)
    assert stopped.status is Status.DEGENERATE
    assert stopped["u"] == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(SingularError, match="turning point"):
        stopped.gradient("u")
    with pytest.raises(SingularError, match="degenerate"):
        system.solve()


@pytest.mark.parametrize("units", [1e-10, 1e10])
def test_a_turning_point_inside_a_larger_block_in_any_units(units):
    system = lg.System(x=1.0)
    system.unknown("u", start=3.0 * units)
    system.unknown("v", start=3.0)
    system.residual(lambda u, v: u / units - v + np.sin(v - 1.0), name="link")
    system.residual(lambda v, x, u: 1e5 * fold(v, x) + 0.0 * u, name="fold")
    assert system.solve(throw=False, x=0.9).status is Status.SOLVED
    with pytest.raises(SingularError):
        system.solve(start={"v": 1.5}).gradient("u")


@pytest.mark.parametrize("order", [3, 4])
def test_roots_of_higher_order(order):
    system = one_residual(lambda u, x: (u - x) ** order, 1.0, 3.0)
    with pytest.raises((SingularError, ConvergenceError)):
        system.solve()
    with pytest.raises(SingularError, match="multiple root"):
        system.solve(max_steps=300)


@pytest.mark.parametrize("gap", [1e-2, 1e-6, 1e-9, 1e-11])
def test_next_to_a_turning_point_the_gradient_is_right(gap):
    solution = one_residual(fold, 1.0 - gap, 3.0).solve()
    assert solution.gradient("u")["x"] == pytest.approx(-0.5 / np.sqrt(gap), rel=1e-4)


def test_a_simple_root_at_a_kink_of_what_is_not_there():
    # z = relu(W z + x) with x = 0: the kink is hit, but rounding cannot cross it.
    W = np.array([[0.2, 0.1], [0.3, 0.2]])
    system = lg.System(x=np.zeros(2))
    system.constraint(lambda z, x: np.maximum(W @ z + x, 0.0), name="z", start=np.zeros(2))
    assert system.solve().status is Status.SOLVED


# -- what is solved is not shared ------------------------------------------------------------------


def test_values_are_read_only_and_defaults_stay():
    system = lg.System(x=np.array([1.0, 2.0]))
    system.constraint(lambda x: 2.0 * x, name="y")
    system.constraint(lambda y: np.sum(y * y), name="z")
    solution = system.solve()
    for s in (solution, pickle.loads(pickle.dumps(relaxed(solution))), copy.copy(solution)):
        for name in ("x", "y"):
            with pytest.raises(ValueError, match="read-only"):
                s[name][0] = 99.0
            with pytest.raises(ValueError, match="read-only"):
                s.values[name] += 1.0
    np.testing.assert_array_equal(system.inputs["x"], [1.0, 2.0])
    np.testing.assert_array_equal(solution.gradient("z")["x"], [8.0, 16.0])
    system.inputs["x"][0] = 5.0  # the defaults of the next solve, not of this solution
    assert solution["x"][0] == 1.0


def relaxed(solution):
    """Return a solution of the same kind whose functions pickle."""
    system = lg.System(x=solution["x"].copy())
    system.constrain("y", np.negative, ["x"])
    return system.solve()


def test_a_start_that_was_given_is_not_changed():
    start = np.array([0.3, 0.4])
    system = lg.System(x=1.0)
    system.constraint(lambda z, x: np.cos(z) * x, name="z", start=np.ones(2))
    solution = system.solve(start={"z": start})
    start[:] = 7.0
    np.testing.assert_allclose(solution["z"], 0.7390851332151607)


@pytest.mark.parametrize("kind", ["array", "sparse", "list", "dict"])
def test_data_changed_in_place_after_the_solve(kind):
    n, m, entry, table = np.array([2]), sp.csr_array([[2.0]]), [2], {"k": 2}
    given = {"array": n, "sparse": m, "list": entry, "dict": table}[kind]
    system = lg.System(x=np.array([3.0]))
    if kind == "sparse":
        system.constraint(lambda d, x: np.sum(d @ x), name="y")
    else:
        key = "k" if kind == "dict" else 0
        system.constraint(lambda d, x: np.sum(d[key] * x), name="y")
    system.input("d", given)
    solution = system.solve()
    n[0], m.data[0], entry[0], table["k"] = 50, 50.0, 50, 50
    assert solution["y"] == 6.0
    assert solution.gradient("y")["x"] == [2.0]


def test_a_closure_changed_after_the_solve_is_refused():
    scale = [3.0]
    system = lg.System(x=2.0)

    @system.constraint
    def y(x):
        return x * scale[0]

    solution, untouched = system.solve(), system.solve()
    assert untouched.gradient("y") == {"x": 3.0}
    scale[0] = 100.0
    with pytest.raises(TraceError, match=r"constraint y .*was 6 .*is 200 .*closure"):
        solution.gradient("y")
    with pytest.raises(TraceError, match="solve again"):
        solution.jacobian("y", "x")
    assert untouched.gradient("y") == {"x": 3.0}
    assert system.solve().gradient("y") == {"x": 100.0}


def test_a_closure_inside_a_cycle_keeps_the_partials_that_were_solved_with():
    scale = [1.0]
    system = lg.System(x=1.0)
    system.constraint(lambda y, x: scale[0] * x * np.cos(y), name="y", start=0.5)
    solution = system.solve()
    expected = float(solution.gradient("y")["x"])
    scale[0] = 1.5
    assert solution.gradient("y")["x"] == expected
    solution.system.model.locals.clear()
    with pytest.raises(TraceError, match="constraint y"):
        solution.system.model.local(1)


def test_cancellation_is_no_change():
    system = lg.System(x=np.linspace(0.1, 1.0, 50))
    system.constraint(lambda x: np.exp(3 * x) - np.exp(x) ** 3, name="noise")
    system.constraint(lambda noise: np.sum(noise), name="y")
    assert system.solve().gradient("y")["x"].shape == (50,)


# -- branches, repeated parents, masks -------------------------------------------------------------


BRANCHES = {
    "where": (lambda u, v: np.where(u > 0, v, u), -1.0),
    "if": (lambda u, v: v if u > 0 else u, -1.0),
    "minimum": (np.minimum, -5.0),
    "vector": (lambda u, v: np.stack([np.where(u > 0, v, u), u])[0], -1.0),
}


@pytest.mark.parametrize(("choice", "start"), BRANCHES.values(), ids=BRANCHES)
def test_a_start_on_the_other_branch_does_not_decide_structure(choice, start):
    system = lg.System(x=4.0)
    system.unknown("u", start=start)
    system.unknown("v", start=0.0)
    system.residual(lambda u, v, x: choice(u, v) - x, name="first")
    system.residual(lambda u, x: u - 3.0 * x, name="second")
    solution = system.solve()
    assert solution["u"] == pytest.approx(12.0)
    assert solution["v"] == pytest.approx(4.0)
    assert solution.gradient("v")["x"] == pytest.approx(1.0)
    assert system.solve(start={"u": 1.0}).system.blocks == solution.system.blocks


def test_what_no_branch_could_determine_is_still_refused():
    system = lg.System(x=4.0)
    system.unknown("u", start=-1.0)
    system.unknown("v", start=0.0)
    system.residual(lambda u, x: np.where(u > 0, u, -u) - x, name="first")
    system.residual(lambda u, x: u - x, name="second")
    with pytest.raises(StructureError, match="under-determined: v occur in no equation"):
        system.solve()


@pytest.mark.parametrize("x", [3.0, np.array([3.0, -1.0])])
def test_one_variable_for_two_parameters(x):
    system = lg.System(x=x)
    system.constrain("y", lambda a, b: np.sum(a * a * b), parents=["x", "x"])
    solution = system.solve()
    expected = 3.0 * np.square(x)
    np.testing.assert_allclose(solution.gradient("y")["x"], expected)
    np.testing.assert_allclose(solution.jacobian("y", "x")["y"]["x"], expected)
    np.testing.assert_allclose(solution.multipliers("y", "explicit")["x"], expected)


def test_one_variable_for_two_inputs_of_an_included_system():
    part = lg.System(a=1.0, b=2.0)
    part.constraint(lambda a, b: a * b * b, name="y")
    whole = lg.System(x=3.0)
    whole.include("part", part, a="x", b="x")
    solution = whole.solve()
    assert solution["part.y"] == 27.0
    assert solution.gradient("part.y") == {"x": 27.0}


def test_one_variable_for_two_parameters_in_a_cycle():
    system = lg.System(x=0.5)
    system.constrain("z", lambda a, b, x: x * np.cos(a) * np.sin(b), ["z", "z", "x"], start=0.1)
    system.constraint(lambda z, x: z + 0.4 * x * np.cos(z), name="w")
    solution = system.solve(x=0.7)
    h = 1e-5
    slope = (system.solve(x=0.7 + h)["w"] - system.solve(x=0.7 - h)["w"]) / (2 * h)
    assert solution.gradient("w")["x"] == pytest.approx(slope, rel=1e-8)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("steps", [1, 2])
def test_masks_pass_the_border_of_a_constraint(steps):
    system = lg.System(x=np.array([0.0, 1.0]))
    system.constraint(lambda x: np.log(x), name="w")
    if steps == 2:
        system.constraint(lambda w: 1.0 * w, name="m")
        system.constraint(lambda x, m: np.sum(np.where(x > 0, m, 0.0)), name="y")
    else:
        system.constraint(lambda x, w: np.sum(np.where(x > 0, w, 0.0)), name="y")
    solution = system.solve()
    expected = [0.0, 1.0]
    np.testing.assert_array_equal(solution.gradient("y")["x"], expected)
    np.testing.assert_array_equal(solution.jacobian("y", "x")["y"]["x"], expected)
    np.testing.assert_array_equal(solution.jacobian(["y", "x"], "x")["y"]["x"], expected)
    np.testing.assert_array_equal(solution.multipliers("y", "explicit")["x"], expected)


# -- work is done once -----------------------------------------------------------------------------


def test_a_jacobian_assembles_its_block_once(monkeypatch):
    n = 12
    system = lg.System(x=np.linspace(0.0, 1.0, n))
    system.constraint(lambda z, x: np.cos(z) * x, name="z", start=np.zeros(n))
    solution = system.solve()
    model, made = solution.system.model, []
    entries = type(model).row_entries

    def counted(self, i):
        made.append(i)
        return entries(self, i)

    monkeypatch.setattr(type(model), "row_entries", counted)
    solution.jacobian("z", "x")
    solution.gradient({"z": np.ones(n)})
    assert len(made) <= 1
