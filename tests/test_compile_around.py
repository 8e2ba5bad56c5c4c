"""Whole programs, and what changes around them between calls: closures, globals, arguments."""

import ctypes
import itertools
import threading
import warnings
from array import array
from collections import ChainMap, UserDict, UserList, UserString

import numpy as np
import pytest
from uncompiled import agrees, assert_same, programs

import lagrad as lg

V, W = np.array([0.3, -0.7, 1.1]), np.array([1.5, 0.2, -0.4])
SCALE = 2.0
WEIGHTS = np.array([1.0, 2.0, 3.0])


def loss(x):
    return np.sum(np.tanh(WEIGHTS * x) * SCALE)


def test_globals_change(monkeypatch):
    h = lg.value_and_grad(loss)
    g = agrees(h, (V,), rtol=1e-14)
    for name, value in [("SCALE", 3.0), ("WEIGHTS", W), ("WEIGHTS", M := np.ones(1)), ("SCALE", V)]:
        monkeypatch.setitem(globals(), name, value)
        agrees(h, (V,), (W,), compiled=g, rtol=1e-14)
    assert M.size == 1
    monkeypatch.undo()
    agrees(h, (V,), compiled=g, rtol=1e-14)


def test_closures_change():
    a, w, n = 2.0, WEIGHTS.copy(), 2

    def f(x):
        for _ in range(n):
            x = np.sin(x * w) * a
        return np.sum(x)

    h = lg.value_and_grad(f)
    g = agrees(h, (V,), rtol=1e-13)
    a = -1.5
    agrees(h, (V,), compiled=g, rtol=1e-13)
    w[:] = W
    agrees(h, (V,), compiled=g, rtol=1e-13)
    w = WEIGHTS * 3
    agrees(h, (V,), compiled=g, rtol=1e-13)
    n = 3
    agrees(h, (V,), compiled=g, rtol=1e-13)
    w = w.astype(np.float32)
    agrees(h, (V,), compiled=g, rtol=1e-13)
    a, n = 2.0, 2
    agrees(h, (V,), compiled=g, rtol=1e-13)


def test_arrays_that_change_need_no_other_program():
    w = WEIGHTS.copy()
    g = lg.compile(lg.grad(lambda x: np.sum(np.sin(x * w))))
    for k in range(6):
        if k % 2:
            w = w * 1.5
        else:
            w += 1.0
        assert_same(g(V), w * np.cos(V * w), rtol=1e-14)
    assert programs(g) == 1


def test_a_number_that_became_an_int():
    n = 2.0
    h = lambda x: x * n  # noqa: E731
    g = agrees(h, (np.array([1, 2]),))
    n = 2
    agrees(h, (np.array([1, 2]),), compiled=g)


def test_defaults_and_attributes_change():
    class Model:
        def __init__(self):
            self.w, self.depth = WEIGHTS.copy(), 1

        def __call__(self, x, by=V.copy()):  # noqa: B008
            for _ in range(self.depth):
                x = np.tanh(self.w * x + by)
            return np.sum(x)

    model = Model()
    h = lg.grad(model)
    g = agrees(h, (V,), rtol=1e-13)
    model.w = W
    agrees(h, (V,), compiled=g, rtol=1e-13)
    model.depth = 2
    agrees(h, (V,), compiled=g, rtol=1e-13)
    Model.__call__.__defaults__[0][:] = 1.0
    agrees(h, (V,), compiled=g, rtol=1e-13)
    Model.__call__.__defaults__ = (W,)
    agrees(h, (V,), compiled=g, rtol=1e-13)


def test_helpers_change(monkeypatch):
    def f(x):
        return np.sum(loss(x) * x)

    h = lg.grad(f)
    g = agrees(h, (V,), rtol=1e-13)
    monkeypatch.setitem(globals(), "loss", lambda x: np.sum(x**3))
    agrees(h, (V,), compiled=g, rtol=1e-13)


# -- arguments -----------------------------------------------------------------------------------


def test_arguments_that_the_caller_writes_to():
    g = lg.compile(lambda x: (x, x * 2, x[:2], np.sum(x)))
    x = V.copy()
    first = g(x)
    x[:] = 9.0
    assert_same(first, (V, V * 2, V[:2], np.sum(V)))
    assert_same(g(x), (x, x * 2, x[:2], np.sum(x)))


def test_one_array_as_two_arguments():
    h = lg.grad(lambda x, y: np.sum(x * x * y), argnums=(0, 1))
    g = agrees(h, (V, W), rtol=1e-14)
    assert_same(g(V, V), h(V, V), rtol=1e-14)
    assert_same(g(V[::-1], V), h(V[::-1], V), rtol=1e-14)


WRITERS = {}


def writer(f):
    WRITERS[f.__name__] = f
    return f


@writer
def entry(x):
    x[0] = 5.0
    return np.sum(x**2)


@writer
def augmented(x):
    x += 1
    return np.sum(x**2)


@writer
def view(x):
    v = x[1:]
    v *= 2
    return x * 2


@writer
def out(x):
    np.multiply(x, 2, out=x)
    return x + 0


@writer
def sorted_in_place(x):
    x.sort()
    return x * 2


@writer
def at(x):
    np.add.at(x, [0, 0], 1.0)
    return np.sum(x)


@pytest.mark.parametrize("name", WRITERS)
def test_arguments_that_the_function_writes_to(name):
    g = lg.compile(WRITERS[name])
    x, y = V.copy(), V.copy()
    with pytest.warns(UserWarning, match="runs as plain Python.*is written to"):
        assert_same(g(x), WRITERS[name](y))
    for _ in range(3):
        assert_same(g(x), WRITERS[name](y))
        assert_same(x, y)


def test_an_argument_without_derivative_that_is_written_to():
    def f(x, y):
        y += x * 0 + 1
        return np.sum(x**2 * y)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agrees(lambda x, y: f(x, y), (V, W.copy()), (W, V.copy()))


def test_containers_that_the_function_writes_to():
    def append(list_, x):
        list_.append(1.0)
        return list_[0] * x

    def put(dict_, x):
        dict_["y"] = dict_["x"] * x
        return dict_["y"]

    for f, container in ((append, [2.0]), (put, {"x": 2.0})):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            agrees(f, (container, 3.0), (container, 4.0))


def masked(x):
    y = x + 1
    y[x > 0.5] = 0
    y[[0, 1]] += x[:2]
    return y


def own_arrays(x):
    y = x.copy()
    z = y
    y[0] = 2.0
    y[1:] += x[:-1] * 2
    v = y[1:]
    v *= 3
    z -= 1
    return y, v, z


def old_views(x):
    y = x * 2
    v = y[1:]
    y[1] = 9.0
    w = v * 1
    v[-1] = 7.0
    return v, y, w


def added_at(x):
    y = x * 1.0
    np.add.at(y, [0, 0, 1], x)
    y.fill(0.5) if x.size == 9 else y.sort()
    return y


def steps(x):
    y = x + 0
    y *= 3
    y **= 2
    y -= 1
    y /= 2
    y //= 0.7
    y %= 2
    return y + x


@pytest.mark.parametrize("function", [masked, own_arrays, old_views, added_at, steps])
def test_arrays_made_inside_may_be_written_to(function):
    g = agrees(function, (V,), (W,), (V * 2,), rtol=1e-14)
    assert programs(g) >= 1
    if function is not steps:
        first = lambda x: np.sum(np.concatenate([np.ravel(function(x))]) ** 2)  # noqa: E731
        if function in (own_arrays, old_views):
            first = lambda x: sum(np.sum(y**2) for y in function(x))  # noqa: E731
        agrees(lg.grad(first), (V,), (W,), (V * 2,), rtol=1e-13)


# -- side effects --------------------------------------------------------------------------------


def test_lists_that_the_function_appends_to():
    seen = []

    def f(x):
        seen.append(1)
        return x * len(seen)

    g = lg.compile(f)
    with pytest.warns(UserWarning, match="runs as plain Python.*side effect"):
        assert g(2.0) == 2.0 * len(seen)
    before = len(seen)
    assert g(2.0) == 2.0 * (before + 1)
    assert len(seen) == before + 1


def test_globals_and_cells_that_the_function_counts():
    n = 0

    def f(x):
        nonlocal n
        n += 1
        return x * n

    g = lg.compile(f)
    with pytest.warns(UserWarning, match="runs as plain Python.*closure variable n"):
        assert [g(2.0), g(2.0), g(2.0)] == [2.0, 4.0, 6.0]


def test_printing_happens_while_the_program_is_written(capsys):
    def f(x):
        print("here")
        return x * 2

    g = lg.compile(f)
    g(2.0)
    assert "here" in capsys.readouterr().out
    assert g(3.0) == 6.0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("seed", [None, 0])
def test_random_numbers_are_frozen(seed):
    g = lg.compile(lambda x: x * np.random.default_rng(seed).normal())
    first = g(1.0)
    assert [g(1.0), g(2.0)] == [first, 2 * first]
    assert "random" in lg.compile.__doc__


# -- whole programs ------------------------------------------------------------------------------


def test_gradient_descent_on_a_network():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(40, 3)), rng.normal(size=40)
    start = {"W": rng.normal(size=(3, 5)), "b": np.zeros(5), "w": rng.normal(size=5)}

    def f(p, X, Y):
        return np.mean((np.tanh(X @ p["W"] + p["b"]) @ p["w"] - Y) ** 2)

    def descend(h):
        p = start
        for _ in range(30):
            slope = h(p, X, Y)
            p = {k: p[k] - 0.1 * slope[k] for k in p}
        return p

    g = lg.compile(lg.grad(f))
    assert_same(descend(g), descend(lg.grad(f)), rtol=1e-11)
    assert programs(g) == 1
    assert f(descend(g), X, Y) < f(start, X, Y) / 2


def test_runge_kutta():
    def field(y, k):
        return np.stack(
            [k[0] * (y[1] - y[0]), y[0] * (k[1] - y[2]) - y[1], y[0] * y[1] - k[2] * y[2]]
        )

    def end(y, k, h=0.01):
        for _ in range(20):
            a = field(y, k)
            b = field(y + h / 2 * a, k)
            c = field(y + h / 2 * b, k)
            d = field(y + h * c, k)
            y = y + h / 6 * (a + 2 * b + 2 * c + d)
        return np.sum(y**2)

    k = np.array([10.0, 28.0, 8 / 3])
    g = agrees(lg.value_and_grad(end, argnums=(0, 1)), (V, k), (W, k * 1.1), rtol=1e-11)
    assert programs(g) == 1


def test_a_long_program():
    def f(x):
        for k in range(8000):
            x = np.sin(x) * 1.01 + x / (k + 1.0)
        return x

    h = lg.value_and_grad(f)
    g = agrees(h, (0.3,), (0.7,), rtol=1e-9)
    assert programs(g) == 1
    assert g.stats["instructions"] > 20_000


class WithMissing(UserDict):
    def __missing__(self, key):
        return 1.0


def changed_views():
    held = {0: 1.0}
    return held.values(), lambda: held.update({0: 5.0}), lambda v: next(iter(v))


def first(held):
    return held[0]


def set_first(held):
    return held, lambda: held.__setitem__(0, 5.0), first


HELD = {
    "UserDict": set_first(UserDict({0: 1.0})),
    "UserDict with missing keys": set_first(WithMissing()),
    "UserList": set_first(UserList([1.0])),
    "ChainMap": set_first(ChainMap({}, {0: 1.0})),
    "array": set_first(array("d", [1.0])),
    "memoryview": set_first(memoryview(bytearray(np.ones(2).tobytes())).cast("d")),
    "ctypes": set_first((ctypes.c_double * 2)(1.0, 2.0)),
    "poly1d": set_first(np.poly1d([2.0, 1.0])),
    "dict values": changed_views(),
}
POLYNOMIAL = np.polynomial.Polynomial([1.0, 2.0])
HELD["Polynomial"] = POLYNOMIAL, lambda: POLYNOMIAL.coef.__setitem__(0, 5.0), lambda p: p.coef[0]
TEXT = UserString("a")
HELD["UserString"] = TEXT, lambda: setattr(TEXT, "data", "abcde"), len


@pytest.mark.parametrize("kind", HELD)
def test_what_a_library_keeps_inside_is_watched(kind):
    held, change, read = HELD[kind]
    g = lg.compile(lambda x: read(held) * x)
    assert g(2.0) == 2.0
    change()
    assert g(2.0) == 10.0


def test_what_each_thread_has_for_itself_is_not_compiled():
    held = threading.local()
    held.k = 1.0
    g = lg.compile(lambda x: held.k * x)
    with pytest.warns(UserWarning, match="something else for each thread"):
        assert g(2.0) == 2.0
    held.k = 5.0
    assert g(2.0) == 10.0


def test_an_iterator_gives_something_else_at_each_call():
    numbers = itertools.count(1.0)
    g = lg.compile(lambda x: next(numbers) * x)
    with pytest.warns(UserWarning, match="numbers is an iterator"):
        assert [g(2.0), g(2.0)] == [2.0, 4.0]
