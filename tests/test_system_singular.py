"""Named systems without a solution, by structure or by values: the text names the culprits."""

import numpy as np
import pytest
from refusals import line_of, refused

import lagrad as lg
from lagrad.status import (
    ArgumentError,
    ConvergenceError,
    LagradError,
    NonFiniteError,
    SingularError,
    Status,
    StructureError,
)

# -- structure -------------------------------------------------------------------------------------


def test_a_cycle_without_a_start():
    system = lg.System(x=1.0)

    @system.constraint
    def a(b, x):
        return 0.5 * b + x

    @system.constraint
    def b(a):
        return 0.5 * a

    with refused(
        ArgumentError, "cycle", "a -> b -> a", "no start", "start=", "test_system_singular.py"
    ):
        system.solve()
    assert system.solve(start={"a": 0.0, "b": 0.0})["a"] == pytest.approx(4 / 3)


def test_a_variable_of_itself_without_a_start():
    system = lg.System(x=1.0)

    @system.constraint
    def y(x, y):
        return 0.5 * y + x

    with refused(ArgumentError, "y", line_of(y), "y -> y", "start="):
        system.solve()


def test_an_unknown_that_nobody_constrains():
    system = lg.System(x=1.0)
    system.unknown("u", start=0.0)
    system.constraint(lambda u, x: u + x, name="y")
    with refused(
        StructureError, "2 equations for 3 variables", "under-determined", "u", "residual"
    ):
        system.solve()


def test_a_residual_without_an_unknown():
    system = lg.System(x=1.0)
    system.constraint(lambda x: x, name="y")
    system.residual(lambda y: y - 1.0, name="goal")
    with refused(
        StructureError, "3 equations for 2 variables", "over-determined", "goal", "y", "remove"
    ):
        system.solve()


def test_over_and_under_determined_parts_are_told_apart():
    system = lg.System(a=1.0)
    for name in ("u", "v", "w", "fine"):
        system.unknown(name, start=1.0)
    system.residual(lambda u, a: u - a, name="first")
    system.residual(lambda u, a: u + a, name="second")
    system.residual(lambda v, w, u: v + w - u, name="third")
    system.residual(lambda fine, a: fine - a, name="sound")
    with refused(StructureError, "over-determined", "under-determined") as info:
        system.solve()
    text = str(info.value)
    over, under = text.split("under-determined")
    over = over.split("over-determined")[1]
    assert "first" in over
    assert "second" in over
    assert "third" not in over
    assert "sound" not in text
    assert "fine" not in text
    assert "v" in under
    assert "w" in under
    assert "third" in under
    assert "first" not in under


def test_entries_of_vectors_are_named():
    system = lg.System(a=1.0)
    system.unknown("u", start=np.zeros(3))
    system.residual(lambda u, a: np.stack([u[0] - a, u[0] + a, u[1] * u[2]]), name="g")
    with refused(StructureError, "g[0]", "g[1]", "u[0]", "u[1]", "u[2]", "g[2]"):
        system.solve()


def test_a_zero_constant_is_structure():
    system = lg.System(a=1.0)
    system.unknown("u", start=1.0)
    system.residual(lambda u, a: 0.0 * u - a, name="g")
    with refused(StructureError, "over-determined", "g", "under-determined", "u"):
        system.solve()


# -- values ----------------------------------------------------------------------------------------


def test_numerically_singular_equations_are_named():
    system = lg.System(c=2.0)
    system.unknown("u", start=0.3)
    system.unknown("v", start=0.2)

    @system.residual
    def first(u, v, c):
        return u + c * v - 1.0

    @system.residual
    def second(u, v):
        return 2.0 * u + 4.0 * v - 3.0

    with refused(
        SingularError, "u, v", "singular", "first", "second", "depend", "test_system_singular.py"
    ):
        system.solve()
    stopped = system.solve(throw=False)
    assert stopped.status is Status.SINGULAR_START
    assert system.solve(c=3.0)["v"] == pytest.approx(-0.5)


def test_a_double_root_has_no_derivative():
    system = lg.System(a=0.0)
    system.unknown("u", start=2.0)
    system.residual(lambda u, a: (u - 1.0) ** 2 - a, name="fold")
    with refused(LagradError, "u"):
        system.solve().gradient("u")


def test_nan_in_an_explicit_constraint():
    system = lg.System(x=1.0)

    @system.constraint
    def risky(x):
        return np.where(x > 0, x, np.nan)

    @system.constraint
    def after(risky):
        return 2.0 * risky

    assert system.solve()["after"] == 2.0
    with refused(NonFiniteError, "risky", line_of(risky), "x = -1", "domain"):
        system.solve(x=-1.0)
    unfinished = system.solve(x=-1.0, throw=False)
    assert np.isnan(unfinished["after"])
    assert unfinished.status is Status.NOT_FINITE
    with refused(LagradError, "not finite"):
        unfinished.gradient("after")


def test_nan_that_does_not_reach_a_result_passes():
    system = lg.System(x=-1.0)
    system.constraint(lambda x: np.where(x > 0, x, np.inf), name="mask")
    system.constraint(lambda mask, x: np.where(np.isfinite(mask), mask, x * x), name="y")
    solution = system.solve()
    assert solution["y"] == 1.0
    assert solution.gradient("y")["x"] == -2.0


def test_nan_in_a_cycle():
    system = lg.System(x=1.0)

    @system.constraint(start=-4.0)
    def y(x, y):
        return np.log(y) + x

    with refused(ConvergenceError, "cycle of y", "not finite", "start"):
        system.solve()
    assert system.solve(throw=False).status is Status.NOT_FINITE_START
    with refused(ConvergenceError, "not finite"):
        system.solve(x=np.nan, start={"y": 1.0})


def test_nan_in_a_residual():
    system = lg.System(x=1.0)
    system.unknown("u", start=-1.0)
    system.residual(lambda u, x: np.log(u) - x, name="g")
    with refused(ConvergenceError, "cycle of u", "not finite"):
        system.solve()
    assert system.solve(start={"u": 1.0})["u"] == pytest.approx(np.e)


def test_an_infinite_partial_is_reported():
    system = lg.System(x=0.0)
    system.constraint(lambda x: np.sqrt(x), name="root")
    solution = system.solve()
    assert solution["root"] == 0.0
    with refused(NonFiniteError, "NaN or inf", "x"):
        solution.gradient("root")
    with refused(NonFiniteError, "root", "x"):
        solution.jacobian("root", "x")


def test_divergence():
    system = lg.System(x=1.0)

    @system.constraint(start=0.3)
    def y(x, y):
        return y + y**2 + x  # y^2 + x = 0 has no solution for x > 0

    with refused((ConvergenceError, SingularError), "cycle of y", "steps", "residual"):
        system.solve()
    stopped = system.solve(throw=False)
    assert stopped.status in (Status.STALLED, Status.SINGULAR)
    with refused((ConvergenceError, SingularError), "values were not found"):
        stopped.gradient("y")
    assert system.solve(x=-4.0)["y"] == pytest.approx(2.0)


def test_too_few_steps():
    system = lg.System(x=1.0)
    system.constraint(lambda x, y: np.cos(y) + x, name="y", start=0.0)
    with refused(ConvergenceError, "cycle of y", "1 steps", "not converged", "max_steps"):
        system.solve(max_steps=1)


def test_an_error_of_the_users_own_comes_through():
    system = lg.System(x=1.0)

    @system.constraint
    def y(x):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        system.solve()


def test_a_failed_solve_leaves_the_system_as_it_was():
    system = lg.System(x=1.0)
    system.constraint(lambda x, y: np.log(y) + x, name="y", start=0.5)
    before = repr(system), dict(system.starts), dict(system.inputs)
    with pytest.raises(LagradError):
        system.solve(x=-5.0, start={"y": -1.0})
    assert (repr(system), system.starts, system.inputs) == before
