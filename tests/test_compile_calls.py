"""How a compiled function is called: keywords, defaults, callables, containers of arguments."""

import copy
import functools
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
from refusals import refused
from uncompiled import agrees, assert_same, programs

import lagrad as lg
from lagrad.status import ArgumentError

V, W = np.array([0.3, -0.7, 1.1]), np.array([1.5, 0.2, -0.4])
M = np.array([[0.5, 0.1, 0.2], [-0.3, 0.8, 0.4], [0.2, -0.1, 0.9]])


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Layer:
    w: Any
    b: Any


def of_two(x, y):
    return np.sum(np.exp(x * y) - x / (2.0 + y**2))


# -- how it is called ----------------------------------------------------------------------------


def test_defaults_keywords_and_positions_are_one_program():
    def line(x, a=2.0, *, b=3.0):
        return a * x + b

    g = lg.compile(line)
    assert [g(1.0, 5.0, b=1.0), g(1.0, a=5.0, b=1.0), g(b=1.0, a=5.0, x=1.0)] == [6.0] * 3
    assert programs(g) == 1
    assert [g(1.0), g(1.0, 4.0), g(1.0, b=0.0), g(x=2.0)] == [5.0, 7.0, 2.0, 7.0]


def test_any_number_of_arguments():
    g = lg.compile(lambda *args, **options: sum(args) * options.get("by", 1.0))
    assert [g(1.0), g(1.0, 2.0), g(1.0, by=3.0), g(), g(2.0, by=5.0)] == [1.0, 3.0, 3.0, 0.0, 10.0]


@pytest.mark.parametrize("call", [lambda g: g(), lambda g: g(1.0, 2.0, 3.0), lambda g: g(1.0, z=2)])
@pytest.mark.parametrize("warm", [False, True])
def test_calls_that_python_refuses(call, warm):
    g = lg.compile(lambda x, y=1.0: x * y)
    if warm:
        g(1.0)
    with pytest.raises(TypeError, match="argument"):
        call(g)
    assert g(2.0) == 2.0


def test_positional_only_parameters_have_no_name():
    def product(x, /, y):
        return x * y

    g = lg.compile(product)
    assert g(2.0, y=3.0) == g(2.0, 3.0) == 6.0
    with pytest.raises(TypeError):
        g(x=2.0, y=3.0)


NAMES = "self args kwargs np math total len list t1 c1 MISSING again x̂ λ lam_x _k2 _k3 _k4 _a0"


@pytest.mark.parametrize("name", NAMES.split())
def test_parameters_may_have_any_name(name):
    scope = {"ones": np.ones}
    exec(f"def named({name}, w):\n    t1 = {name} * w\n    return t1 + ones(3)", scope)
    g = agrees(scope["named"], (V, W), (W, V))
    assert programs(g) == 1


class Model:
    def __init__(self, w):
        self.w = w

    def __call__(self, x):
        return np.sum(np.tanh(self.w * x))

    def predict(self, x, y=1.0):
        return self.w * x + y


@pytest.mark.parametrize(
    "function",
    [
        np.sin,
        np.linalg.norm,
        functools.partial(np.power, 2.0),
        functools.partial(of_two, y=W),
        Model(W),
        Model(W).predict,
        lg.logsumexp,
    ],
)
def test_anything_that_can_be_called(function):
    assert programs(agrees(function, (V,), (np.abs(W),), rtol=1e-15)) == 1


def test_what_is_no_function_is_refused():
    with refused(ArgumentError, "compile takes a function", "ndarray"):
        lg.compile(V)
    with refused(ArgumentError, "jit='cuda'", "numba"):
        lg.compile(np.sin, jit="cuda")


# -- containers ----------------------------------------------------------------------------------

TREES = [
    Pair(1.5, V),
    Layer(M, V),
    {"a": V, "b": [1.0, (W, M)], 3: 2.5},
    {1.5: 2.0, (1, 2): V},
    [Layer(V, Pair(1.0, [W])), ()],
]


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: type(tree).__name__)
def test_containers_come_and_go(tree):
    def total(tree):
        return sum(np.sum(x**2) for _, x in lg.containers.leaves(tree))

    g = agrees(lg.value_and_grad(total), (tree,), (copy.deepcopy(tree),), rtol=1e-15)
    assert programs(g) == 1


@dataclass
class Scaled:
    w: Any
    by: float = field(metadata={"static": True})


def test_static_fields_are_structure():
    g = agrees(
        lg.grad(lambda layer: np.sum(layer.w**2) * layer.by),
        (Scaled(V, 2.0),),
        (Scaled(W, 2.0),),
        (Scaled(W, 3.0),),
        rtol=1e-15,
    )
    assert programs(g) == 2


def test_constants_stand_in_results():
    def some(x):
        return {"x": x, "none": None, "word": "a", "zeros": np.zeros(2), "one": 1, "flag": True}

    g = agrees(some, (V,), (W,))
    first = g(V)
    first["zeros"][:] = 7.0
    assert_same(g(V), some(V))
