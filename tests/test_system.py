"""Named systems: what they can declare, solve and contain."""

import numpy as np
import pytest
import scipy.sparse as sp

import lagrad as lg
from lagrad.status import ArgumentError, Status


def sellar():
    """Return two coupled disciplines."""
    system = lg.System(x=1.0, z1=5.0, z2=2.0)

    @system.constraint(start=1.0)
    def y1(x, z1, z2, y2):
        return z1**2 + z2 + x - 0.2 * y2

    @system.constraint(start=1.0)
    def y2(z1, z2, y1):
        return np.sqrt(y1) + z1 + z2

    @system.constraint
    def f(x, z2, y1, y2):
        return x**2 + z2 + y1 + np.exp(-y2)

    return system


# -- Sellar ----------------------------------------------------------------------------------------


def test_sellar_has_the_published_values_and_derivatives():
    # The tests of OpenMDAO print these digits.
    solution = sellar().solve()
    assert solution["y1"] == pytest.approx(25.58830237, abs=1e-8)
    assert solution["y2"] == pytest.approx(12.05848815, abs=1e-8)
    assert solution["f"] == pytest.approx(28.58830817, abs=1e-8)
    gradient = solution.gradient("f")
    assert gradient["x"] == pytest.approx(2.98061391, abs=1e-8)
    assert gradient["z1"] == pytest.approx(9.61001056, abs=1e-8)
    assert gradient["z2"] == pytest.approx(1.78448534, abs=1e-8)


def test_sellars_cycle_is_found_and_its_matrix_is_six_by_six():
    system = sellar().solve().system
    assert system.A.shape == (6, 6)
    names = [{system.variables[j] for j in block} for block in system.blocks]
    cyclic = [members for members, c in zip(names, system.cyclic, strict=True) if c]
    assert cyclic == [{"y1", "y2"}]
    assert names.index({"y1", "y2"}) < names.index({"f"})
    assert len(names) == 5
    entry = dict(zip(system.variables, range(6), strict=True))
    column = dict(zip(system.equations, range(6), strict=True))
    dense = system.A.toarray()
    assert dense[entry["y2"], column["y1"]] == pytest.approx(0.2)
    assert dense[entry["z1"], column["y1"]] == pytest.approx(-10.0)
    assert dense[entry["y1"], column["y2"]] == pytest.approx(-0.5 / np.sqrt(25.58830237))
    assert dense[entry["f"], column["f"]] == 1.0


def test_a_solution_is_a_mapping_in_solve_order():
    solution = sellar().solve()
    order = list(solution)
    assert set(order) == {"x", "z1", "z2", "y1", "y2", "f"}
    assert order.index("f") == 5
    assert len(solution) == 6
    assert "y1" in solution
    assert "y3" not in solution
    assert dict(solution)["x"] == 1.0
    assert list(solution.values) == order
    with pytest.raises(KeyError, match=r"y11 is no variable.*did you mean y1"):
        solution["y11"]


# -- solving ---------------------------------------------------------------------------------------


def test_inputs_of_solve_override_the_defaults_for_one_solve():
    system = sellar()
    first, second = system.solve(), system.solve(x=2.0)
    assert second["x"] == 2.0
    assert second["y1"] != first["y1"]
    assert system.solve()["y1"] == first["y1"]
    assert first["x"] == 1.0


def test_python_integers_become_floats():
    solution = sellar().solve(x=1, z1=5, z2=2)
    assert solution["f"] == sellar().solve()["f"]
    assert solution["x"].dtype == float
    assert lg.System(x=2).inputs["x"].dtype == float


def test_newton_converges_quadratically():
    exact = sellar().solve(tol=1e-12)["y2"]
    errors = []
    for steps in range(1, 5):
        stopped = sellar().solve(max_steps=steps, tol=1e-300, throw=False, start={"y1": 1.0})
        errors.append(abs(float(stopped["y2"] - exact)))
    assert errors[0] > 1e-3
    useful = [e for e in errors if e > 1e-13]
    assert len(useful) >= 3
    rates = [
        np.log(c / b) / np.log(b / a)
        for a, b, c in zip(useful, useful[1:], useful[2:], strict=False)
    ]
    assert all(1.7 < rate for rate in rates), rates


def test_a_warm_start_takes_fewer_steps():
    system = sellar()
    cold = system.solve()
    warm = system.solve(start=cold, x=1.001)
    again = system.solve(start=cold)
    steps = [solution.stats[0]["steps"] for solution in (cold, warm, again)]
    assert steps[2] == 1
    assert steps[1] < steps[0]
    assert warm["f"] == pytest.approx(system.solve(x=1.001)["f"], rel=1e-13)


def test_a_start_chooses_among_solutions():
    system = lg.System(a=4.0)
    system.unknown("u", start=1.0)

    @system.residual
    def square(u, a):
        return u * u - a

    assert system.solve()["u"] == pytest.approx(2.0)
    lower = system.solve(start={"u": -1})
    assert lower["u"] == pytest.approx(-2.0)
    assert lower.gradient("u")["a"] == pytest.approx(-0.25)


def test_a_start_may_be_given_for_what_turns_out_explicit():
    assert sellar().solve(start={"f": 3.0})["f"] == sellar().solve()["f"]


def test_the_tolerance_decides_how_far_it_goes():
    loose, tight = sellar().solve(tol=0.5), sellar().solve(tol=1e-12)
    assert loose.stats[0]["steps"] < tight.stats[0]["steps"]
    assert tight.stats[0]["residual"] < 1e-13


def test_a_failure_can_be_returned_and_not_raised():
    solution = sellar().solve(throw=False, max_steps=1)
    assert solution.status is Status.NOT_CONVERGED
    assert not solution.status.success
    assert solution["x"] == 1.0
    assert solution.stats[0]["steps"] == 1
    assert "not converged" in solution.report()
    assert "not converged" in repr(solution)
    with pytest.raises(ArithmeticError, match="values were not found"):
        solution.gradient("f")
    with pytest.raises(ArithmeticError, match="not converged"):
        solution.jacobian(of="f", wrt="x")


# -- declaring -------------------------------------------------------------------------------------


def test_constraints_in_a_loop():
    system = lg.System(x=0.5)
    for k in range(50):
        system.constrain(
            f"v{k}", lambda p, k=k: np.sin(p) + 0.01 * k, ["x" if k == 0 else f"v{k - 1}"]
        )
    for k in range(3):  # a ring: a cycle of three
        system.constrain(
            f"r{k}",
            lambda before, last: 0.3 * np.cos(before) + last,
            {"before": f"r{(k + 1) % 3}", "last": "v49"},
            start=0.0,
        )
    solution = system.solve()
    z, dz = 0.5, 1.0
    for k in range(50):
        z, dz = np.sin(z) + 0.01 * k, np.cos(z) * dz
    assert solution["v49"] == pytest.approx(z, rel=1e-15)
    assert solution.gradient("v49")["x"] == pytest.approx(dz, rel=1e-13)
    r = solution["r0"]
    assert r == pytest.approx(0.3 * np.cos(r) + z, rel=1e-14)
    assert solution.gradient("r1")["x"] == pytest.approx(dz / (1 + 0.3 * np.sin(r)), rel=1e-12)


def test_a_name_may_be_given_to_a_constraint_and_a_residual():
    system = lg.System(x=2.0)
    system.constraint(lambda x: x * x, name="square")
    system.unknown("root", start=1.0)
    system.residual(lambda root, x: root**3 - x, name="cubic")
    solution = system.solve()
    assert solution["square"] == 4.0
    assert solution["root"] == pytest.approx(2 ** (1 / 3))
    assert solution.system.equations == ("x", "square", "cubic")
    assert solution.gradient("root")["x"] == pytest.approx(2 ** (-2 / 3) / 3)


def test_decorators_return_the_function():
    system = lg.System(x=2.0)

    @system.constraint
    def y(x):
        return x + 1.0

    @system.constraint(start=1.0)
    def w(y):
        return y + 1.0

    system.unknown("u", start=0.0)

    @system.residual
    def g(u):
        return u

    assert y(1.0) == 2.0
    assert w(1.0) == 2.0
    assert g(3.0) == 3.0


def test_the_order_of_declaration_is_free():
    system = lg.System()

    @system.constraint
    def f(y):
        return y * y

    @system.constraint
    def y(x):
        return 3.0 * x

    system.input("x", 2.0)
    assert system.solve().gradient("f")["x"] == pytest.approx(36.0)


def test_a_parameter_with_a_default_that_names_nothing_keeps_its_default():
    system = lg.System(x=2.0)

    @system.constraint
    def y(x, power=3):
        return x**power

    assert system.solve()["y"] == 8.0
    system.input("power", 2.0)
    assert system.solve()["y"] == 4.0
    assert system.solve().gradient("y")["power"] == pytest.approx(4.0 * np.log(2.0))


def test_a_residual_may_return_a_vector_for_several_unknowns():
    system = lg.System(s=5.0, p=6.0)
    system.unknown("a", start=1.0)
    system.unknown("b", start=4.0)

    @system.residual
    def vieta(a, b, s, p):
        return np.stack([a + b - s, a * b - p])

    solution = system.solve()
    assert solution["a"] == pytest.approx(2.0)
    assert solution["b"] == pytest.approx(3.0)
    # da/ds = a / (a - b), da/dp = -1 / (a - b)
    gradient = solution.gradient("a")
    assert gradient["s"] == pytest.approx(-2.0)
    assert gradient["p"] == pytest.approx(1.0)
    assert solution.system.A.shape == (4, 4)


def test_an_unknown_vector_may_be_determined_by_several_residuals():
    system = lg.System(c=np.array([1.0, 2.0, 3.0]))
    system.unknown("u", start=np.zeros(3))
    system.residual(lambda u, c: u[:2] - c[1:], name="upper")
    system.residual(lambda u, c: u[2] * 2.0 - c[0], name="lower")
    solution = system.solve()
    np.testing.assert_allclose(solution["u"], [2.0, 3.0, 0.5])
    expected = [[0, 1, 0], [0, 0, 1], [0.5, 0, 0]]
    np.testing.assert_allclose(solution.jacobian("u", "c")["u"]["c"], expected, atol=1e-15)


def test_data_is_read_and_has_no_derivative():
    network = sp.csr_array(np.array([[0.0, 0.5], [0.25, 0.0]]))
    system = lg.System(b=np.ones(2), network=network, index=np.array([1, 0]), kind="linear")

    @system.constraint(start=np.zeros(2))
    def v(v, b, network, index, kind):
        assert kind == "linear"
        return (network @ v + b)[index][index]

    solution = system.solve()
    expected = np.linalg.solve(np.eye(2) - network.toarray(), np.ones(2))
    np.testing.assert_allclose(solution["v"], expected, rtol=1e-14)
    gradient = solution.gradient({"v": np.array([1.0, 0.0])})
    assert set(gradient) == {"b"}
    with pytest.raises(ArgumentError, match="index is no input .*data"):
        solution.gradient({"v": np.ones(2)}, wrt="index")
    other = system.solve(network=2 * network, index=np.array([0, 1]))
    np.testing.assert_allclose(
        other["v"], np.linalg.solve(np.eye(2) - 2 * network.toarray(), np.ones(2)), rtol=1e-14
    )


def test_one_variable_may_be_several_parents():
    def product(a, b):
        return a * b

    system = lg.System(x=3.0)
    system.constrain("by_position", product, ["x", "x"])
    system.constrain("by_name", product, {"a": "x", "b": "x"})
    solution = system.solve()
    for name in ("by_position", "by_name"):
        assert solution.gradient(name)["x"] == 6.0
        assert solution.jacobian(["by_position", "by_name"], "x")[name]["x"] == 6.0
    assert solution.multipliers("by_name", method="explicit")["x"] == 6.0


# -- systems in systems ----------------------------------------------------------------------------


def test_systems_nest_with_a_prefix_and_connections():
    outer = lg.System(x=1.0, z=5.0)
    outer.include("left", sellar(), x="x", z1="z")
    outer.include("right", sellar(), x="left.f", z1="z")

    @outer.constraint
    def total(x):
        return x

    outer.constrain("sum", lambda a, b: a + b, ["left.f", "right.f"])
    solution = outer.solve()
    plain = sellar()
    left = plain.solve()
    right = plain.solve(x=left["f"])
    assert solution["left.f"] == pytest.approx(left["f"], rel=1e-14)
    assert solution["right.f"] == pytest.approx(right["f"], rel=1e-14)
    assert solution["right.z2"] == 2.0
    expected = left.gradient("f")["x"] * (1.0 + right.gradient("f")["x"])
    assert solution.gradient("sum")["x"] == pytest.approx(expected, rel=1e-13)
    assert set(solution.gradient("sum")) == {"x", "z", "left.z2", "right.z2"}
    assert sum(solution.system.cyclic) == 2


def test_included_systems_may_feed_each_other():
    half = lg.System(u=0.0)

    @half.constraint(start=0.0)
    def v(u):
        return 0.5 * np.cos(u)

    outer = lg.System()
    outer.include("a", half, u="b.v")
    outer.include("b", half, u="a.v")
    solution = outer.solve()
    assert solution["a.v"] == pytest.approx(0.5 * np.cos(solution["a.v"]), rel=1e-14)
    assert sum(solution.system.cyclic) == 1


def test_two_inputs_of_an_included_system_may_be_one_variable():
    inner = lg.System(a=1.0, b=2.0)

    @inner.constraint
    def product(a, b):
        return a * b

    outer = lg.System(x=3.0)
    outer.include("s", inner, a="x", b="x")
    assert outer.solve().gradient("s.product")["x"] == 6.0


def test_an_included_system_brings_unknowns_residuals_data_and_starts():
    inner = lg.System(a=9.0, shift=np.array([1]))
    inner.unknown("u", start=1.0)

    @inner.residual
    def square(u, a, shift):
        return u * u - a + 0.0 * shift[0]

    outer = lg.System()
    outer.include("in", inner)
    solution = outer.solve()
    assert solution["in.u"] == pytest.approx(3.0)
    assert solution.gradient("in.u") == {"in.a": pytest.approx(1 / 6)}
    assert inner.solve()["u"] == pytest.approx(3.0)
