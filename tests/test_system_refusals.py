"""Bad declarations of named systems: names, shapes and kinds; each error names the remedy."""

import numpy as np
import pytest
from refusals import line_of, refused

import lagrad as lg
from lagrad.status import (
    ArgumentError,
    StructureError,
)

# -- names -----------------------------------------------------------------------------------------


def test_two_constraints_for_one_name():
    system = lg.System(x=1.0)

    @system.constraint
    def y(x):
        return x

    def other(x):
        return -x

    with refused(StructureError, "two constraints for y", line_of(y), line_of(other), "rename"):
        system.constraint(other, name="y")
    assert system.solve()["y"] == 1.0


def test_a_constraint_for_an_input():
    system = lg.System(x=1.0, n=np.array([1]))

    def f():
        return 2.0

    for name in ("x", "n"):
        with refused(StructureError, f"{name} is an input already", line_of(f), "rename"):
            system.constraint(f, name=name)


def test_a_constraint_for_an_unknown_and_the_reverse():
    system = lg.System(x=1.0)
    system.unknown("u", start=0.0)
    with refused(StructureError, "u is an unknown already"):
        system.constraint(lambda x: x, name="u")
    system.constraint(lambda x: x, name="y")
    with refused(StructureError, "y"):
        system.unknown("y", start=0.0)
    with refused(StructureError, "u"):
        system.unknown("u", start=1.0)
    with refused(StructureError, "y"):
        system.input("y", 1.0)
    with refused(StructureError, "x"):
        system.residual(lambda u: u, name="x")


def test_a_misspelt_parameter_is_named_with_what_was_meant():
    system = lg.System(pressure=1.0)

    @system.constraint
    def flow(presure):
        return 2.0 * presure

    with refused(
        StructureError, "flow", line_of(flow), "presure", "did you mean pressure?", "no input"
    ):
        system.solve()


def test_a_misspelt_parent_of_constrain_and_of_a_residual():
    system = lg.System(x=1.0)
    system.unknown("height", start=1.0)
    system.residual(lambda heigth: heigth, name="g")
    with refused(StructureError, "g", "heigth", "did you mean height?"):
        system.solve()
    system = lg.System(x=1.0)
    system.constrain("y", lambda a: a, ["xx"])
    with refused(StructureError, "y", "xx", "did you mean x?"):
        system.solve()


def test_a_misspelt_input_of_solve():
    system = lg.System(speed=1.0)
    system.constraint(lambda speed: speed, name="y")
    with refused(ArgumentError, "sped is not an input", "did you mean speed?"):
        system.solve(sped=2.0)
    with refused(ArgumentError, "y is a variable, not an input", "start="):
        system.solve(y=2.0)


def test_a_misspelt_start():
    system = lg.System(x=1.0)
    system.constraint(lambda level, x: 0.5 * level + x, name="level", start=0.0)
    with refused(ArgumentError, "levle", "did you mean level?"):
        system.solve(start={"levle": 1.0})
    with refused(ArgumentError, "x"):
        system.solve(start={"x": 1.0})


def test_misspelt_outputs_and_inputs_of_derivatives():
    system = lg.System(x=1.0)
    system.constraint(lambda x: x, name="power")
    solution = system.solve()
    with refused(ArgumentError, "powr"):
        solution.gradient("powr")
    with refused(ArgumentError, "powr"):
        solution.jacobian(of=["powr"], wrt=["x"])
    with refused(ArgumentError, "xx is no input", "did you mean x?"):
        solution.gradient("power", wrt="xx")
    with refused(ArgumentError, "power is no input"):
        solution.jacobian(of="x", wrt="power")


def test_parameters_that_name_nothing_by_kind():
    system = lg.System(x=1.0)

    def star(*args):
        return args[0]

    def double(**kwargs):
        return kwargs["x"]

    def only(x, /):
        return x

    for f in (star, double, only):
        with refused(ArgumentError, f.__name__, line_of(f), "parents=["):
            system.constraint(f)
    system.constrain("y", star, ["x"])
    system.constrain("w", only, ["x"])
    assert system.solve().gradient("y")["x"] == 1.0


def test_the_wrong_number_of_parents():
    def f(a, b):
        return a + b

    system = lg.System(x=1.0)
    with refused(ArgumentError, "y", line_of(f), "['a', 'b']", "('x',)"):
        system.constrain("y", f, ["x"])


def test_what_is_no_function():
    with refused(ArgumentError, "y", "3.0", "no function"):
        lg.System(x=1.0).constrain("y", 3.0)


def test_connections_that_are_no_inputs():
    inner = lg.System(a=1.0)
    inner.constraint(lambda a: a, name="b")
    outer = lg.System(x=1.0)
    for name in ("c", "b"):
        with refused(ArgumentError, name, "a"):
            outer.include("in", inner, **{name: "x"})
    outer.include("in", inner, a="nowhere")
    with refused(StructureError, "in.b", "nowhere"):
        outer.solve()


# -- shapes and kinds ------------------------------------------------------------------------------


def test_the_shape_of_f_is_not_the_shape_of_z():
    system = lg.System(x=np.ones(3))

    @system.constraint(start=0.0)
    def y(x, y):
        return x + 0.5 * y

    with refused(ArgumentError, "y", line_of(y), "shape (3,)", "shape ()", "start="):
        system.solve()
    assert system.solve(start={"y": np.zeros(3)})["y"].tolist() == [2.0, 2.0, 2.0]


def test_the_shape_of_f_is_not_the_shape_of_z_beside_residuals():
    system = lg.System(a=1.0)
    system.unknown("u", start=np.zeros(2))

    @system.constraint(start=0.0)
    def v(u, v):
        return u + 0.1 * v

    system.residual(lambda v, a: v - a, name="g")
    with refused(ArgumentError, "v", line_of(v), "shape (2,)", "shape ()", "start="):
        system.solve()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.0 + 2.0j, ["complex", "real number"]),
        ("text", ["str", "real number"]),
        (None, ["NoneType", "real number"]),
        (np.array(["a"]), ["ndarray", "real number"]),
        ([1.0, "a"], ["list", "one array"]),
        ({"a": 1.0}, ["dict", "real number"]),
    ],
)
def test_a_constraint_that_returns_no_real_numbers(value, words):
    system = lg.System(x=1.0)

    @system.constraint
    def y(x):
        return value

    with refused(ArgumentError, "constraint y", line_of(y), *words):
        system.solve()


def test_a_list_of_results_is_told_to_be_stacked():
    system = lg.System(x=1.0)

    @system.constraint
    def y(x):
        return [x, 2.0 * x]

    with refused(ArgumentError, "constraint y", line_of(y), "list", "np.stack"):
        system.solve().gradient({"y": np.ones(2)})


@pytest.mark.parametrize("value", [1j, np.array([1.0 + 1j]), np.complex64(1)])
def test_complex_inputs(value):
    with refused(ArgumentError, "input x is complex", "real and imaginary parts"):
        lg.System(x=value)


def test_object_arrays_as_inputs():
    with refused(ArgumentError, "input x is an object array", "floats"):
        lg.System(x=np.array([1.0, None]))


def test_integer_arrays_are_data_and_stay_data():
    system = lg.System(n=np.array([1, 2]), x=np.array([1.0, 2.0]))
    system.constraint(lambda n, x: np.sum(n * x), name="y")
    solution = system.solve()
    assert set(solution.gradient("y")) == {"x"}
    with refused(ArgumentError, "n was declared as data", "floats are variables"):
        system.solve(n=np.array([1.0, 2.0]))
    with refused(ArgumentError, "x was declared as floats", "everything else is data"):
        system.solve(x=np.array([1, 2]))
    with refused(ArgumentError, "n is no input (it is data"):
        solution.gradient("y", wrt=["n"])


@pytest.mark.parametrize("start", [1j, "far", np.array(["a"]), np.array([1j])])
def test_a_start_that_is_no_real_number(start):
    with refused(ArgumentError, "start of u"):
        lg.System().unknown("u", start=start)
    with refused(ArgumentError, "start of y"):
        lg.System().constraint(lambda y: y, start=start, name="y")


@pytest.mark.parametrize("name", ["start", "tol", "max_steps", "throw"])
def test_a_name_that_solve_takes_for_itself(name):
    with refused(ArgumentError, name, "solve"):
        lg.System(**{name: 1.0})


# -- traced values ---------------------------------------------------------------------------------


def test_a_traced_value_as_an_input_is_differentiated_by_the_trace_around():
    def given(x):
        system = lg.System(x=1.0)
        system.constraint(lambda x: x * x, name="y")
        return system.solve(x=x)["y"]

    def declared(x):
        system = lg.System(x=x)
        system.constraint(lambda x: x * x, name="y")
        return system.solve(x=x)["y"]

    for f in (given, declared):
        assert lg.grad(f)(3.0) == 6.0
        with refused(ArgumentError, "inside of a trace", "sol.plain.gradient"):
            lg.grad(lambda x: lg.System(x=x).solve(x=x).gradient("x"))(3.0)


def test_an_input_declared_traced_keeps_its_gradient():
    def f(x):
        system = lg.System(x=x)
        system.constraint(lambda x, y: 0.5 * (y + x / y), name="y", start=1.0)
        return system.solve()["y"]

    assert lg.grad(f)(4.0) == pytest.approx(0.25, rel=1e-14)


def test_a_traced_value_inside_a_constraint_is_a_parent_of_it():
    def f(outside):
        system = lg.System(a=3.0)

        @system.constraint
        def y(a):
            return a * outside

        @system.constraint(start=1.0)
        def z(y, z):
            return 0.5 * (z + y * outside / z)

        return system.solve()["z"]  # sqrt(3) |outside|

    assert f(2.0) == pytest.approx(2.0 * np.sqrt(3.0), rel=1e-14)
    assert lg.grad(f)(2.0) == pytest.approx(np.sqrt(3.0), rel=1e-14)


def test_a_traced_value_as_a_start():
    def f(x):
        system = lg.System(a=1.0)
        system.constraint(lambda y, a: 0.5 * y + a, name="y", start=x)
        return system.solve()["y"]

    with refused(ArgumentError, "start of y", "Tracer", "real numbers"):
        lg.grad(f)(2.0)
