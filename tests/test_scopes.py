"""Scopes: names for groups of constraints, in traces and in systems."""

import numpy as np
import pytest

import lagrad as lg


@lg.scope("layer")
def layer(x):
    return np.tanh(2 * x)


def nested(x):
    with lg.scope("a"):
        for k in range(2):
            with lg.scope(f"b{k}"):
                x = layer(x)
            x = x + 1
    return x**2


def by_function(graph):
    return [
        (c.function, ".".join(path))
        for c, path in zip(graph.constraints, graph.scopes, strict=True)
    ]


def test_rows_know_the_scopes_around_them():
    assert by_function(lg.trace(nested, 1.0)) == [
        ("input", ""),
        ("multiply", "a.b0.layer"),
        ("tanh", "a.b0.layer"),
        ("add", "a"),
        ("multiply", "a.b1.layer"),
        ("tanh", "a.b1.layer"),
        ("add", "a"),
        ("power", ""),
    ]


def test_a_scope_changes_no_number():
    def plain(x):
        for _ in range(2):
            x = np.tanh(2 * x) + 1
        return x**2

    for form in (lg.value_and_grad, lg.hessian, lambda f: lg.compile(lg.value_and_grad(f))):
        assert form(nested)(0.3) == form(plain)(0.3)


def test_a_scope_ends_where_an_error_leaves_it():
    def f(x):
        try:
            with lg.scope("a"):
                raise KeyError
        except KeyError:
            return 2 * x

    assert by_function(lg.trace(f, 1.0)) == [("input", ""), ("multiply", "")]


def test_a_trace_inside_a_scope_is_in_it():
    with lg.scope("around"):
        graph = lg.trace(lambda x: 2 * x, 1.0)
    assert graph.scopes == (("around",), ("around",))


def test_each_of_nested_traces_notes_its_scopes():
    found = {}

    def inner(x):
        with lg.scope("in"):
            return x**3

    def outer(x):
        with lg.scope("out"):
            found["slope"] = lg.grad(inner)(x)
        return found["slope"] + x

    graph = lg.trace(outer, 2.0)
    scopes = [
        path
        for c, path in zip(graph.constraints, graph.scopes, strict=True)
        if c.function != "input"
    ]
    assert scopes[-1] == () and set(scopes[:-1]) <= {("out",), ("out", "in")}
    assert ("out", "in") in scopes
    assert lg.grad(outer)(2.0) == 13.0


def test_prefixes_of_a_system_are_scopes():
    part = lg.System(x=1.0)
    with lg.scope("inside"):
        part.constrain("y", lambda x: x + 1, ["x"])
    whole = lg.System(x=2.0)
    whole.include("left", part, x="x")
    with lg.scope("group"):
        whole.include("right.deep", part, x="left.y")
    whole.constrain("end.z", lambda y: y**2, ["right.deep.y"])
    system = whole.solve().system
    assert dict(zip(system.variables, system.scopes, strict=True)) == {
        "x": (),
        "left.y": ("left", "inside"),
        "right.deep.y": ("group", "right", "deep", "inside"),
        "end.z": ("end",),
    }
    assert system.equation_scopes == system.scopes


def test_a_residual_has_a_scope_of_its_own():
    s = lg.System(a=4.0)
    s.unknown("w", start=1.0)

    with lg.scope("eq"):

        @s.residual
        def square(w, a):
            return w * w - a

        s.constrain("v.z", lambda w: w, ["w"])

    system = s.solve().system
    assert dict(zip(system.variables, system.scopes, strict=True)) == {
        "a": (),
        "v.z": ("eq", "v"),
        "w": (),
    }
    assert dict(zip(system.equations, system.equation_scopes, strict=True)) == {
        "a": (),
        "v.z": ("eq", "v"),
        "square": ("eq",),
    }


@pytest.mark.parametrize("name", ["", "a..b", 3, None])
def test_a_scope_has_a_name(name):
    with pytest.raises(lg.status.ArgumentError, match="give a name"), lg.scope(name):
        pass


@pytest.mark.parametrize("name", ["a..b", ".b", "b."])
def test_names_of_a_system_are_scopes_with_names(name):
    system = lg.System(x=1.0)
    with pytest.raises(lg.status.ArgumentError, match="give a name"):
        system.constrain(name, lambda x: x, ["x"])
    with pytest.raises(lg.status.ArgumentError, match="give a name"):
        system.include("", lg.System(z=1.0))


def test_generators_that_are_left_behind_take_their_scopes_along():
    def parts(x, name):
        with lg.scope(name):
            yield np.sin(x)
            yield np.cos(x)

    lg.trace(lambda x: sum(a * b for a, b in zip(parts(x, "A"), parts(x, "B"), strict=True)), 1.0)
    left = parts(1.0, "C")
    lg.trace(lambda x: next(left) * x, 1.0)
    assert lg.trace(np.sin, 1.0).scopes == ((), ())


def test_a_scope_can_be_entered_again():
    layer = lg.scope("layer")

    def f(x):
        for _ in range(2):
            with layer:
                x = np.sin(x)
        with layer, layer:
            return np.cos(x)

    assert lg.trace(f, 1.0).scopes[1:] == (("layer",), ("layer",), ("layer", "layer"))


def test_what_goes_on_after_its_call_is_not_decorated():
    with pytest.raises(lg.status.ArgumentError, match="goes on after its call"):

        @lg.scope("a")
        def parts(x):
            yield x
