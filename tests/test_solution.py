"""Solutions of named systems: their derivatives, what they tell, and that they keep."""

import pickle

import numpy as np
import pytest
from test_system import sellar

import lagrad as lg
from lagrad.status import Status

# -- derivatives -----------------------------------------------------------------------------------


def test_gradient_takes_a_name_or_weights_and_some_inputs():
    solution = sellar().solve()
    full = solution.gradient("f")
    assert set(full) == {"x", "z1", "z2"}
    assert solution.gradient("f", wrt="x") == {"x": full["x"]}
    assert list(solution.gradient("f", wrt=["z2", "x"])) == ["z2", "x"]
    one, two = solution.gradient("y1"), solution.gradient("y2")
    mixed = solution.gradient({"y1": 2.0, "y2": -1.0})
    for name in full:
        assert mixed[name] == pytest.approx(2 * one[name] - two[name], rel=1e-13)
    assert solution.gradient("x") == {"x": 1.0, "z1": 0.0, "z2": 0.0}


def test_jacobian_has_the_shapes_of_output_and_input():
    system = lg.System(m=np.arange(6.0).reshape(2, 3), s=2.0)

    @system.constraint
    def rows(m, s):
        return np.sum(m * m, axis=1) * s

    @system.constraint
    def total(rows):
        return np.sum(rows)

    solution = system.solve()
    tall = solution.jacobian(of=["rows", "total"], wrt=["s"])
    assert tall["rows"]["s"].tolist() == [5.0, 50.0]
    assert tall["total"]["s"] == 55.0
    wide = solution.jacobian(of="rows")
    assert set(wide["rows"]) == {"m", "s"}
    assert wide["rows"]["m"].shape == (2, 2, 3)
    np.testing.assert_array_equal(wide["rows"]["m"][1, 1], [12.0, 16.0, 20.0])
    np.testing.assert_array_equal(wide["rows"]["m"][1, 0], 0.0)
    assert wide["rows"]["s"].tolist() == [5.0, 50.0]


def test_jacobian_uses_one_factorisation_of_each_cycle(monkeypatch):
    import lagrad.model

    solution = sellar().solve()
    made = []
    factorize = lagrad.model.factorize

    def counted(m):
        made.append(m.shape)
        return factorize(m)

    monkeypatch.setattr(lagrad.model, "factorize", counted)
    wide = solution.jacobian(of=["f"], wrt=["x", "z1", "z2"])
    tall = solution.jacobian(of=["f", "y1", "y2"], wrt=["x"])
    solution.gradient("y1")
    assert made == [(2, 2)]
    assert wide["f"]["x"] == pytest.approx(tall["f"]["x"], rel=1e-13)


def test_multipliers_of_constraints_are_derivatives_of_the_output():
    lam = sellar().solve().multipliers("f")
    assert set(lam) == {"x", "z1", "z2", "y1", "y2", "f"}
    assert lam["f"] == 1.0
    # The multiplier of y1 is df/d(shift of y1's equation).
    shifted = []
    for h in (1e-4, -1e-4):
        system = sellar()
        e = system.equations["y1"]
        system.equations["y1"] = e.__class__(
            "y1", lambda x, z1, z2, y2, h=h: z1**2 + z2 + x - 0.2 * y2 + h, e.parents, e.keywords,
            True, "",
        )  # fmt: skip
        shifted.append(system.solve(tol=1e-12)["f"])
    assert lam["y1"] == pytest.approx((shifted[0] - shifted[1]) / 2e-4, rel=1e-8)


def test_an_output_that_does_not_depend_on_an_input_has_gradient_zero():
    system = lg.System(x=1.0, unused=np.ones((2, 2)))

    @system.constraint
    def y(x):
        return 2.0 * x

    @system.constraint
    def fixed():
        return 3.0

    solution = system.solve()
    assert solution.gradient("y")["unused"].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert solution.gradient("fixed")["x"] == 0.0
    assert solution.jacobian("fixed", "unused")["fixed"]["unused"].shape == (2, 2)


def test_a_branch_not_taken_in_another_constraint_leaves_nothing():
    system = lg.System(x=0.0)
    system.constraint(lambda x: np.sqrt(x), name="root")  # its partial is infinite at 0
    system.constraint(lambda x, root: np.where(x > 0, root, 2.0 * x), name="y")
    solution = system.solve()
    assert solution.gradient("y")["x"] == 2.0
    assert solution.multipliers("y", method="explicit")["x"] == 2.0
    assert solution.jacobian(["y"], ["x"])["y"]["x"] == 2.0


def test_values_that_were_handed_out_do_not_change_the_derivative():
    system = lg.System(x=np.array([1.0, 2.0]))
    system.constraint(lambda x: x * x, name="y")
    system.constraint(lambda y: np.sum(y * y), name="f")
    solution = system.solve()
    try:
        solution["y"][:] = 0.0
        solution["x"][:] = 0.0
    except ValueError:
        pass  # read-only will do as well
    np.testing.assert_array_equal(solution.gradient("f")["x"], [4.0, 32.0])


def test_inputs_of_the_caller_may_change_after_they_were_given():
    x = np.array([1.0, 2.0])
    system = lg.System(x=x)
    system.constraint(lambda x: np.sum(x * x), name="f")
    x[:] = 9.0
    given = np.array([3.0, 4.0])
    solution = system.solve(x=given)
    given[:] = 9.0
    np.testing.assert_array_equal(solution.gradient("f")["x"], [6.0, 8.0])
    assert system.solve()["f"] == 5.0


# -- words and keeping -----------------------------------------------------------------------------


def test_repr_of_a_system_lists_what_depends_on_what():
    system = sellar()
    system.unknown("u", start=0.0)
    system.residual(lambda u, f: u - f, name="same")
    lines = repr(system).splitlines()
    assert lines[0] == "System: inputs x, z1, z2"
    assert [line.strip() for line in lines[1:]] == [
        "y1 = f(x, z1, z2, y2)",
        "y2 = f(z1, z2, y1)",
        "f = f(x, z2, y1, y2)",
        "0 = same(u, f)",
        "unknowns: u",
    ]


def test_repr_and_report_of_a_solution():
    solution = sellar().solve()
    text = repr(solution)
    assert "solved" in text
    assert "y1 = 25.588" in text
    report = solution.report()
    assert "cycle of y1, y2 at" in report
    assert "values: Newton with R formed" in report
    assert "linear: dense LU of 2" in report
    assert f"{solution.stats[0]['steps']} steps" in report
    assert "4 blocks evaluated in order, 1 cyclic" in report
    stats = solution.stats[0]
    assert stats["variables"] == ["y1", "y2"]
    assert stats["status"] is Status.SOLVED
    assert 1 <= stats["steps"] <= 10
    assert stats["residual"] < 1e-12


def ring(x, z):
    return 0.3 * np.sin(np.roll(z, 1)) + x


def length(z):
    return np.sum(z * z)


@pytest.mark.parametrize("n", [3, 200])
def test_systems_and_solutions_pickle(n):
    system = lg.System(x=1.0)
    system.constrain("z", ring, ["x", "z"], start=np.zeros(n))
    system.constraint(length)
    again = pickle.loads(pickle.dumps(system))
    assert repr(again) == repr(system)
    solution = system.solve()
    gradient = solution.gradient("length")
    assert again.solve().gradient("length") == gradient
    kept = pickle.loads(pickle.dumps(solution))
    assert kept.status is Status.SOLVED
    assert kept["length"] == solution["length"]
    # The factors are made anew, so the last digit may be another.
    assert kept.gradient("length")["x"] == pytest.approx(gradient["x"], rel=1e-14)
    found, expected = (s.multipliers("length")["z"] for s in (kept, solution))
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_solution_outlives_changes_of_its_system():
    system = sellar()
    solution = system.solve()
    before = solution.gradient("f")
    system.constraint(lambda f: f * 2.0, name="twice")
    system.solve(x=7.0)
    assert "twice" not in solution
    assert solution.gradient("f") == before
