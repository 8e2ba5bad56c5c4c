"""Answers that Python gets beside numbers, arguments nobody can watch, names that are taken."""

import contextlib
import importlib.util
import json
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lagrad as lg
from lagrad.status import NonFiniteError


@pytest.mark.parametrize(
    "text",
    [str, repr, "{:.3f}".format, lambda x: f"{x}", lambda x: np.array_str(np.reshape(x, 1))],
    ids=["str", "repr", "format", "f-string", "array_str"],
)
def test_text_of_a_value_is_an_answer(text):
    def f(x):
        return 10.0 * x if text(x).strip("[]").startswith("1") else x

    g = lg.compile(f)
    assert [g(x) for x in (1.0, 2.0, 1.0)] == [f(x) for x in (1.0, 2.0, 1.0)] == [10.0, 2.0, 10.0]


class Model:
    """An object with a number that changes."""

    def __init__(self):
        self.slope = 2.0

    @lg.compile
    def line(self, x):
        """A compiled method."""
        return self.slope * x


def test_an_object_as_an_argument_is_watched_by_nobody():
    model, g = Model(), lg.compile(lambda model, x: model.slope * x)
    with pytest.warns(UserWarning, match="plain Python where an argument is Model"):
        assert g(model, 3.0) == 6.0
    model.slope = 5.0
    assert g(model, 3.0) == 15.0


def test_a_compiled_method_is_bound():
    model = Model()
    with pytest.warns(UserWarning, match="an argument is Model"):
        assert model.line(3.0) == 6.0
    model.slope = 5.0
    assert model.line(3.0) == 15.0
    assert lg.compile(model.line.func.__wrapped__.__get__(model))(3.0) == 15.0


def test_names_of_the_program_hide_none_of_the_users():
    def loop(a, xs):
        t1_y0 = a * 3.0
        last, path = lg.scan(lambda z, x: (z * x, z), a, xs)
        return np.sum(path) + t1_y0 * last

    def ties(x, lam_y_ties):
        y = np.maximum(x, 0.5)
        return np.sum(y * lam_y_ties)

    xs = np.linspace(0.5, 1.5, 4)
    for f, args in ((loop, (1.2, xs)), (ties, (xs, np.arange(4.0)))):
        found = lg.compile(lg.grad(f, (0, 1)))(*args)
        for a, b in zip(found, lg.grad(f, (0, 1))(*args), strict=True):
            assert_allclose(a, b, rtol=1e-13)


def test_large_finite_results_are_finite(recwarn):
    g = lg.compile(lg.value_and_grad(lambda x: np.sum(1e200 * x * x)))
    value, gradient = g(np.ones(3))
    assert value == 3e200
    assert gradient.tolist() == [2e200] * 3
    assert g.stats["careful"] == 0
    assert not recwarn.list


def scaled(x, *, s=2.0):
    """A function with an option by name."""
    return np.sum(x) * s


@pytest.mark.parametrize("options", [{}, {"s": 3.0}], ids=["default", "given"])
def test_saved_options_are_parameters(tmp_path, options):
    g = lg.compile(scaled)
    expected = g(np.ones(2), **options)
    g.save(tmp_path / "saved.py")
    spec = importlib.util.spec_from_file_location("saved", tmp_path / "saved.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.scaled(np.ones(2), **options) == expected


def test_outside_of_the_domain_there_is_no_gradient():
    g = lg.compile(lg.grad(lambda x: np.sum(np.log(x))))
    assert g(np.array([1.0, 2.0])).tolist() == [1.0, 0.5]
    with pytest.warns(RuntimeWarning), pytest.raises(NonFiniteError):
        g(np.array([-1.0, 2.0]))


@pytest.mark.parametrize("positive_first", [True, False])
@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
def test_which_way_a_try_goes_is_asked_at_each_call(positive_first):
    def f(A, x):
        try:
            return np.sum(np.linalg.cholesky(A)) * x
        except np.linalg.LinAlgError:
            return -x * np.sum(A)

    given = [(4.0 * np.eye(2), (8.0, 4.0)), (-np.eye(2), (4.0, 2.0))]
    g = lg.compile(lg.value_and_grad(f, argnums=1))
    for A, expected in given if positive_first else given[::-1]:
        assert g(A, 2.0) == expected


def test_an_error_that_is_caught_is_told():
    def f(x):
        try:
            return np.linalg.cholesky(x)[0, 0]
        except np.linalg.LinAlgError:
            return x[0, 0]

    with pytest.warns(UserWarning, match=r"LinAlgError \(Matrix is not positive definite\) was ra"):
        assert lg.compile(f)(-np.eye(2)) == -1.0


def tried(text):
    """A function that does something on symbols that they cannot do, and catches it."""
    names = {"np": np, "json": json, "pickle": pickle}
    exec(  # noqa: S102
        f"def f(x):\n    try:\n        {text}\n        n = 2\n    except Exception:\n"
        "        n = 7\n    return n * np.sum(x)",
        names,
    )
    return names["f"]


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
@pytest.mark.parametrize(
    "text",
    ["x[0] = 5.0", "x += 1", "x.sort()", "np.add(x, 1.0, out=x)", "x.flags.writeable = False"]
    + ["x.shape = (3, 1)", "np.frombuffer(x)", "x.tobytes()", "memoryview(x)[0]", "pickle.dumps(x)"]
    + ["json.dumps(x[0])", "np.sum(x).nothing"],
)
def test_what_symbols_cannot_do_is_not_taken_for_an_error_of_the_users(text):
    f = tried(text)
    g = lg.compile(f)
    for _ in range(2):
        assert g(np.arange(3.0)) == f(np.arange(3.0))


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
def test_a_suppressed_refusal():
    def f(x):
        with contextlib.suppress(Exception):
            x[0] = 5.0
        return np.sum(x * x)

    assert lg.compile(lg.grad(f))(np.array([1.0, 2.0])).tolist() == [0.0, 4.0]


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
@pytest.mark.parametrize("order", [(1, 7, 2), (7, 1, 7)])
def test_an_index_out_of_bounds_may_be_caught(order):
    def f(x, i):
        try:
            return x[i] ** 2
        except IndexError:
            return np.sum(x)

    g, x = lg.compile(lg.grad(f)), np.arange(3.0)
    for i in order:
        assert g(x, i).tolist() == lg.grad(f)(x, i).tolist()


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
def test_what_errstate_raises_may_be_caught():
    def f(x):
        with np.errstate(all="raise"):
            try:
                return np.sum(np.log(x))
            except FloatingPointError:
                return np.sum(x)

    g = lg.compile(f)
    assert [g(np.ones(2)), g(-np.ones(2))] == [0.0, -2.0]


def test_a_function_that_catches_what_never_comes_is_compiled(recwarn):
    def f(x):
        try:
            return np.sum(np.sin(x))
        except ValueError:
            return 0.0

    g = lg.compile(lg.grad(f))
    assert g(np.ones(2)).tolist() == np.cos(np.ones(2)).tolist() == g(np.ones(2)).tolist()
    assert g.stats["programs"] == 1 and not recwarn.list
