"""lg.compile as a user meets it: calls, retracing, containers, transforms, threads, pickles."""

import copy
import pickle
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from refusals import refused
from uncompiled import agrees, assert_same, programs

import lagrad as lg
from lagrad.status import ArgumentError

V, W = np.array([0.3, -0.7, 1.1]), np.array([1.5, 0.2, -0.4])
M = np.array([[0.5, 0.1, 0.2], [-0.3, 0.8, 0.4], [0.2, -0.1, 0.9]])


def f(x):
    """The sum of sines of squares."""
    return np.sum(np.sin(x**2) + M @ x)


def of_two(x, y):
    return np.sum(np.exp(x * y) - x / (2.0 + y**2))


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Layer:
    w: Any
    b: Any


# -- derivatives ---------------------------------------------------------------------------------

DERIVATIVES = {
    "plain": (f, (V,), (W,)),
    "grad": (lg.grad(f), (V,), (W,)),
    "value_and_grad": (lg.value_and_grad(f), (V,), (W,)),
    "argnums": (lg.grad(of_two, argnums=1), (V, W), (W, V)),
    "several argnums": (lg.value_and_grad(of_two, argnums=(0, 1)), (V, W), (W, V)),
    "negative argnum": (lg.grad(of_two, argnums=-1), (V, W), (W, V)),
    "has_aux": (
        lg.value_and_grad(lambda x: (f(x), {"twice": 2 * x, "name": "aux"}), has_aux=True),
        (V,),
        (W,),
    ),
    "jacobian": (lg.jacobian(lambda x: M @ np.tanh(x)), (V,), (W,)),
    "jacobian of a scalar": (lg.jacobian(f), (V,), (W,)),
    "hessian": (lg.hessian(f), (V,), (W,)),
    "jvp": (lambda x, t: lg.jvp(f, (x,), (t,)), (V, W), (W, V)),
    "vjp": (lambda x, w: lg.vjp(lambda x: M @ np.sin(x), x)[1](w), (V, W), (W, V)),
    "vjp with value": (lambda x: (lg.vjp(f, x)[0], lg.vjp(f, x)[1](2.0)), (V,), (W,)),
    "hvp": (lambda x, t: lg.hvp(f, (x,), (t,)), (V, W), (W, V)),
    "grad of grad": (lg.grad(lambda x: np.sum(lg.grad(f)(x) ** 2)), (V,), (W,)),
    "third": (lg.grad(lg.grad(lg.grad(lambda x: np.exp(np.sin(x))))), (0.3,), (1.7,)),
    "jvp of grad": (lambda x, t: lg.jvp(lg.grad(f), (x,), (t,)), (V, W), (W, V)),
    "grad of jvp": (lambda x: lg.grad(lambda x: lg.jvp(f, (x,), (W,))[1])(x), (V,), (W,)),
    "closure over an outer variable": (
        lg.grad(lambda x: x * lg.grad(lambda y: x * y**3)(x)),
        (0.7,),
        (1.9,),
    ),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_transforms_agree_with_themselves_and_need_one_program(name):
    function, *calls = DERIVATIVES[name]
    assert programs(agrees(function, *calls, rtol=1e-13, atol=1e-14)) == 1


@pytest.mark.parametrize(
    "transform",
    [
        lambda g: lg.grad(g)(V),
        lambda g: lg.value_and_grad(g)(V),
        lambda g: lg.jvp(g, (V,), (W,)),
        lambda g: lg.hessian(g)(V),
        lambda g: lg.compile(lg.grad(g))(V),
        lambda g: lg.compile(lambda x: g(x) * 2)(V),
        lambda g: lg.compile(lg.compile(g))(V),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_transforms_of_a_compiled_function(transform, warm):
    g = lg.compile(f)
    if warm:
        g(V)
    assert_same(transform(g), transform(f), 1e-13, 1e-14)


def test_compile_inside_of_a_function_that_is_differentiated():
    def outer(x):
        return np.sum(lg.compile(lambda y: np.sin(y) * y)(x * 2))

    np.testing.assert_allclose(lg.grad(outer)(V), 2 * np.sin(2 * V) + 4 * V * np.cos(2 * V))


def test_compiled_closure_over_a_traced_value():
    def outer(w):
        return lg.compile(lambda x: x * w)(3.0) * w

    with pytest.warns(UserWarning, match="runs as plain Python"):
        assert lg.grad(outer)(2.0) == 12.0


def test_gradients_are_those_of_finite_differences():
    g, step = lg.compile(lg.grad(f)), 1e-6
    differences = [(f(V + step * e) - f(V - step * e)) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(g(V), differences, rtol=1e-8)


def test_scipy_minimizes_with_a_compiled_gradient():
    from scipy.optimize import minimize, rosen

    g = lg.compile(
        lg.value_and_grad(lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))
    )
    found = minimize(g, np.zeros(5), jac=True, method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(found.x, np.ones(5), rtol=1e-6)
    assert rosen(found.x) < 1e-12
    assert programs(g) == 1


# -- what makes another program ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.ones(3), np.ones(4)),
        (np.ones(3), np.ones((3, 1))),
        (np.ones(3), np.ones(3, np.float32)),
        (np.ones(3), np.ones(3, int)),
        (np.ones(3), np.ones(3, complex)),
        (np.array(1.0), 1.0),
        (1.0, 1),
        (1.0, np.float32(1.0)),
        (1.0, 1j),
        (2, np.int64(2)),
    ],
)
def test_shapes_and_dtypes_have_programs_of_their_own(first, second):
    g = agrees(lambda x: x * x + 2, (first,), (second,), (first,), (second,))
    assert programs(g) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([1.0, 2.0], (1.0, 2.0)),
        ([1.0, 2.0], [1.0, 2.0, 3.0]),
        ({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}),
        ({"a": 1.0}, {"a": 1.0, "b": 2.0}),
        (Pair(1.0, 2.0), (1.0, 2.0)),
        (Pair(1.0, V), Pair(V, 1.0)),
        ([[1.0], 2.0], [1.0, [2.0]]),
        (Layer(V, 1.0), Layer(1.0, V)),
        ([], ()),
    ],
)
def test_containers_have_programs_of_their_own(first, second):
    def twice(tree):
        total = 2.0 * sum(np.sum(x) for _, x in lg.containers.leaves(tree))
        return total, tree

    assert programs(agrees(twice, (first,), (second,), (first,))) == 2


def test_guards_on_values_have_programs_of_their_own():
    def branch(x):
        return np.sin(x) if x > 0 else x**2

    g = agrees(lg.grad(branch), (1.0,), (-1.0,), (2.0,), (-2.0,), rtol=1e-15)
    assert programs(g) == 2


def test_guards_inside_of_loops_over_values():
    def power(x, n):
        for _ in range(n):
            x = np.sin(x) * x
        return x

    assert programs(agrees(lg.grad(power), (0.5, 2), (0.7, 2), (0.5, 3), rtol=1e-14)) == 2


def test_guards_hold_for_arrays_that_are_asked_for():
    def chosen(x, i):
        return x[int(i)] * 2 if x.any() else x[0]

    g = agrees(chosen, (V, 1.2), (V, 1.9), (V, 2.0), (np.zeros(3), 1.0))
    assert programs(g) == 3


def test_as_many_programs_as_are_kept_and_no_more():
    g = lg.compile(lambda x: np.sum(x * 2))
    with pytest.warns(UserWarning, match="shapes, dtypes or containers"):
        for n in range(40):
            assert g(np.ones(n)) == g(np.ones(n)) == 2.0 * n
    assert g.stats["programs"] == 16
    assert g(np.ones(39)) == 78.0
    assert g.stats["written"] == 40
    assert g(np.ones(0)) == 0.0
    assert g.stats["written"] == 41


def test_programs_that_are_hardly_used_again_are_given_up():
    g = lg.compile(lambda x: x * float(x))
    with pytest.warns(UserWarning, match="it will run as plain Python"):
        for x in np.linspace(1.0, 2.0, 100).tolist():
            assert g(x) == x * x
    assert g.stats["written"] < 30


def test_a_guard_that_fails_each_time_is_told_once():
    g = lg.compile(lambda x: x * float(x))
    with pytest.warns(UserWarning, match=r"float\(\).*np\.where|np\.where.*float\(\)") as told:
        for x in np.linspace(1.0, 2.0, 30).tolist():
            assert g(x) == x * x
    assert len(told) == 1
    assert "test_compile.py" in str(told[0].message)


def test_an_argument_that_was_none_may_be_an_array():
    def weighted(x, w=None):
        return x * 2 if w is None else x * w

    agrees(weighted, (V, None), (V, W), (V, None), (V,))


def test_an_argument_that_was_a_word_may_be_an_array():
    def weighted(x, w):
        return x * 2 if isinstance(w, str) else x * w

    agrees(weighted, (V, "twice"), (V, W), (V, "twice"))


def test_true_is_not_one():
    agrees(lambda x, flag: x * 2 if flag is True else x, (2.0, True), (2.0, 1), (2.0, False))


@pytest.mark.parametrize("option", ["sum", None, True, np.True_, b"x", slice(0, 2), np.sin, ...])
def test_options_are_part_of_the_structure(option):
    def chosen(x, how):
        return x * 2.0 if how is option or how == option else x * 3.0

    agrees(chosen, (V, option), (W, option), (V, "another"))


# -- what it says about itself -------------------------------------------------------------------


def test_before_the_first_call_there_is_no_program():
    g = lg.compile(f)
    assert g.stats["programs"] == 0
    with refused(ArgumentError, "has not been called yet"):
        _ = g.source
    with refused(ArgumentError, "has not been called yet"):
        _ = g.graph


def test_name_and_docstring_are_the_functions():
    g = lg.compile(f)
    assert (g.__name__, g.__doc__, g.__wrapped__) == ("f", f.__doc__, f)
    assert "f" in repr(g)


def test_graph_lists_the_instructions_with_the_users_lines():
    g = lg.compile(lg.grad(f))
    g(V)
    lines = list(g.graph)
    assert len(lines) == len(g.graph) == g.stats["instructions"]
    assert any(line.where.startswith("test_compile.py:") for line in lines)
    assert "Listing" in repr(g.graph)


def test_source_is_that_of_the_program_last_used():
    g = lg.compile(lambda x: np.sin(x) if x > 0 else np.cos(x))
    g(1.0)
    g(-1.0)
    assert "cos" in g.source
    g(1.0)
    assert "sin" in g.source


# -- threads and pickles -------------------------------------------------------------------------


def test_threads_share_one_program():
    g, results = lg.compile(lg.grad(f)), {}
    barrier = threading.Barrier(4)

    def work(k):
        barrier.wait()
        results[k] = [g(V * (k + j)) for j in range(20)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert programs(g) == 1
    assert_same(results, {k: [lg.grad(f)(V * (k + j)) for j in range(20)] for k in results}, 1e-13)


def test_a_function_that_calls_itself_with_numbers():
    text = """
import lagrad as lg, numpy as np
def f(x):
    return x * np.sum(g(np.array([2.0, 3.0]))) if np.ndim(x) == 0 else 2 * x
g = lg.compile(f)
print(g(3.0))
"""
    found = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=5, check=True
    )
    assert found.stdout.strip() == "30.0"


@pytest.mark.parametrize("warm", [False, True])
def test_pickles_and_copies(warm):
    g = lg.compile(lg.grad(f))
    if warm:
        g(V)
    for again in (pickle.loads(pickle.dumps(g)), copy.copy(g), copy.deepcopy(g)):
        assert_same(again(V), lg.grad(f)(V), 1e-14)
