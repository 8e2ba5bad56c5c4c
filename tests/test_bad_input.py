"""Bad input to functions: each is an error that names the function or line, and the remedy."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.signal
from scipy import special as sc
from scipy.integrate import quad
from scipy.optimize import minimize

import lagrad as lg
from lagrad.status import ArgumentError, LagradError, MissingRuleError, NonFiniteError, TraceError

X = np.array([0.5, -2.0, 3.0])
M = np.array([[2.0, 1.0], [0.5, 3.0]])


def refusal(run, kind=LagradError):
    """Return the text of the refusal that ``run`` ends in, also where NumPy put its own around."""
    with pytest.raises((TypeError, ValueError, NotImplementedError, FloatingPointError)) as caught:
        run()
    error = caught.value
    while not isinstance(error, LagradError) and error.__cause__ is not None:
        error = error.__cause__
    assert isinstance(error, kind)
    return str(error)


# -- results -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: x * 2, r"shape \(3,\).*np\.sum.*lg\.jacobian"),
        (lambda x: x[:1], r"shape \(1,\).*np\.sum"),
        (lambda x: np.ones(2), r"shape \(2,\)"),
        (lambda x: (np.sum(x), x), r"tuple.*has_aux=True.*lg\.jacobian"),
        (lambda x: {"loss": np.sum(x)}, r"dict.*has_aux=True"),
        (lambda x: [np.sum(x)], r"list"),
        (lambda x: None, r"NoneType"),
        (lambda x: print, r"builtin"),
        (lambda x: "text", r"str"),
        (lambda x: np.sum(x) * 1j, r"complex.*np\.real"),
        (lambda x: np.array([x[0]]), r"object array|shape|np\.stack"),
    ],
)
@pytest.mark.parametrize("transform", [lg.grad, lg.value_and_grad, lg.hessian])
def test_result_that_is_no_real_scalar(f, says, transform):
    text = refusal(lambda: transform(f)(X))
    assert re.search(says, text, re.DOTALL), text


@pytest.mark.parametrize("result", [lambda x: np.sum(x), lambda x: (x, x, x), lambda x: [x, x]])
def test_has_aux_without_a_pair(result):
    text = refusal(lambda: lg.grad(result, has_aux=True)(X), ArgumentError)
    assert "pair (value, extra)" in text


def test_aux_with_an_array_of_traced_values():
    f = lambda x: (np.sum(x), np.array([x[0], x[1]]))  # noqa: E731
    assert "np.stack" in refusal(lambda: lg.grad(f, has_aux=True)(X), TraceError)


# -- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("argnums", [1, -2, (0, 1), 5])
def test_argnums_that_is_not_there(argnums):
    def area(width):
        return width**2

    text = refusal(lambda: lg.grad(area, argnums)(2.0), ArgumentError)
    assert "1 positional argument" in text
    assert "width" in text


@pytest.mark.parametrize("argnums", ["x", 0.5, None, (0, "y")])
def test_argnums_that_is_no_number(argnums):
    text = refusal(lambda: lg.grad(lambda x, y: x, argnums)(1.0, 2.0), ArgumentError)
    assert "argnums" in text


def test_argnums_twice():
    text = refusal(lambda: lg.grad(lambda x, y: x * y, (0, -2))(1.0, 2.0), ArgumentError)
    assert "twice" in text


def test_integer_array_deep_in_a_container_is_named():
    text = refusal(lambda: lg.grad(lambda p: 1.0)({"w": [1.0, np.arange(3)]}), ArgumentError)
    assert "p['w'][1]" in text
    assert "astype(float)" in text


def test_object_array_is_refused():
    text = refusal(lambda: lg.grad(lambda a: 1.0)(np.array([1.0, None])), ArgumentError)
    assert "a is ndarray of dtype object" in text


def test_tangents_that_do_not_fit():
    f = lambda x, y: x * y  # noqa: E731
    assert "primals=(x,)" in refusal(lambda: lg.jvp(f, X, X), ArgumentError)
    assert "tangents=(x,)" in refusal(lambda: lg.jvp(np.sum, (X,), X), ArgumentError)
    assert "structure" in refusal(lambda: lg.jvp(f, (X, X), (X,)), ArgumentError)
    text = refusal(lambda: lg.jvp(np.sum, (X,), (X[:2],)), ArgumentError)
    assert "(2,)" in text and "(3,)" in text
    assert "astype" in refusal(lambda: lg.jvp(np.sum, (X,), (np.arange(3),)), ArgumentError)


def test_cotangents_that_do_not_fit():
    _, pullback = lg.vjp(lambda x: {"a": x, "b": np.sum(x)}, X)
    assert "structure" in refusal(lambda: pullback(X), ArgumentError)
    assert "structure" in refusal(lambda: pullback({"a": X}), ArgumentError)
    text = refusal(lambda: pullback({"a": X[:2], "b": 1.0}), ArgumentError)
    assert "(2,)" in text and "(3,)" in text


def test_unravel_with_another_length():
    _, unravel = lg.ravel({"a": X, "b": 1.0})
    assert "(4,)" in refusal(lambda: unravel(X), ArgumentError)


def test_option_that_is_not_there():
    text = refusal(lambda: lg.grad(np.sum, nonfinite="ignore")(X), ArgumentError)
    assert "'raise' and 'allow'" in text
    with pytest.raises(TypeError):
        lg.grad(np.sum, argnum=0)


# -- plain numbers and plain arrays --------------------------------------------------------------


def test_float_of_an_array():
    for use in (float, complex, math.exp, lambda x: x.item(), lambda x: x.tolist()):
        text = refusal(lambda use=use: lg.grad(lambda x: use(x) * x)(2.0), TraceError)
        assert "np.exp" in text and "lg.stop_gradient" in text
        with pytest.raises((TypeError, ValueError)):
            lg.grad(lambda x, use=use: np.sum(use(x) * x))(X)


def test_array_of_traced_values():
    text = refusal(lambda: lg.jvp(lambda x: np.array([x[0], x[1]]), (X,), (X,)), TraceError)
    assert "np.stack" in text
    text = refusal(lambda: lg.grad(lambda x: np.sum(np.asarray(x)) * 2.0)(X), TraceError)
    assert "np.stack" in text
    text = refusal(lambda: lg.grad(lambda x: np.array([x[0]], float)[0])(X), TraceError)
    assert "lg.zeros" in text


def test_writing_a_traced_value_into_a_plain_array():
    def f(x):
        a = np.zeros(3)
        a[0] = x[0]
        return np.sum(a)

    def g(x):
        a = np.zeros(3)
        a += x
        return np.sum(a)

    for function in (f, g):
        text = refusal(lambda function=function: lg.grad(function)(X), TraceError)
        assert "lg.zeros" in text


def test_leak_names_the_remedy():
    kept = []
    lg.grad(lambda x: np.sum(kept.append(x) or x))(X)
    text = refusal(lambda: kept[0] + 1, TraceError)
    assert "had returned" in text and "has_aux=True" in text


# -- functions without a rule --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (np.frompyfunc(abs, 1, 1), "abs (vectorized)"),
        (np.spacing, None),
    ],
)
def test_function_without_a_rule(f, name):
    if name is None:  # a step by nature
        assert not lg.grad(lambda x: np.sum(f(x)))(X).any()
        return
    text = refusal(lambda: lg.grad(lambda x: np.sum(f(x)))(X), MissingRuleError)
    assert text.startswith(name)
    assert "traced (3,)" in text and "test_bad_input.py" in text
    assert "lg.primitive" in text and "lg.stop_gradient" in text


def test_remedy_of_a_missing_rule_works():
    cumsum = lg.primitive(np.cumsum, partials=(lambda z, x: np.tri(len(x)),))
    assert lg.check_grad(cumsum, X).ok


HOOKLESS = {
    "scipy.special.logsumexp": (sc.logsumexp, "a=traced (2, 2)", "lg.logsumexp"),
    "scipy.special.softmax": (sc.softmax, "x=traced (2, 2)", "lg.softmax"),
    "scipy.linalg.expm": (scipy.linalg.expm, "A=traced (2, 2)", "lg.expm"),
    "scipy.linalg.norm": (scipy.linalg.norm, "a=traced (2, 2)", "np.linalg.norm"),
    "scipy.linalg.schur": (scipy.linalg.schur, "=traced (2, 2)", "lg.solve_triangular"),
    "scipy.signal.lfilter": (
        lambda a: scipy.signal.lfilter([1.0], [1.0, 0.5], a), "x=traced (2, 2)", "lg.scan"),
    "scipy.ndimage.gaussian_filter": (
        lambda a: scipy.ndimage.gaussian_filter(a, 1.0), "input=traced (2, 2)", "lg.convolve"),
    "scipy.fft.fft": (scipy.fft.fft, "x=traced (2, 2)", "numpy.fft"),
    "scipy.interpolate.CubicSpline": (
        lambda a: scipy.interpolate.CubicSpline([0.0, 1.0], a), "traced (2, 2)", "np.interp"),
    "np.r_": (lambda a: np.r_[a, a], "traced (2, 2)", "np.concatenate"),
    "np.asarray": (np.asarray, "traced value", "np.stack"),
    "numpy.vectorize": (np.vectorize(math.sin), "traced (2, 2)", "np.stack"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOOKLESS)
def test_functions_that_give_no_hook(name):
    if name in ("scipy.signal.lfilter", "scipy.fft.fft") and not hasattr(np, "vecdot"):
        pytest.skip("before NumPy 2 they look at the array's memory first")
    f, argument, instead = HOOKLESS[name]
    text = refusal(lambda: lg.grad(lambda x: np.sum(f(x)))(M), TraceError)
    assert argument in text and instead in text and "test_bad_input.py" in text
    if "." in name.removeprefix("np."):
        assert name in text


def test_lists_of_traced_values_are_told_to_be_stacked():
    for f in (lambda x: np.mean([x[0], x[1]]), lambda x: np.mean([x, x], axis=0).sum()):
        text = refusal(lambda f=f: lg.grad(f)(X), TraceError)
        assert "np.mean(np.stack([...]))" in text
    text = refusal(lambda: lg.grad(lambda x: np.std([x[0], 1.0]))(X), TraceError)
    assert "np.std" in text and "np.stack" in text


def test_ufuncs_of_an_array_of_traced_numbers_work():
    f = lambda x: np.sum(np.exp(np.array([x[0], x[1] * x[2]])))  # noqa: E731
    assert lg.check_grad(f, X).ok


def test_functions_of_scipy_that_call_back_say_what_does_their_work():
    text = refusal(lambda: lg.grad(lambda x: quad(lambda s: s * x[0], 0, 1)[0])(X), TraceError)
    assert "scipy.integrate.quad" in text and "leggauss" in text
    text = refusal(
        lambda: lg.grad(lambda x: minimize(lambda s: np.sum((s - x[0]) ** 2), [1.0]).x[0])(X),
        TraceError,
    )
    assert "scipy.optimize.minimize" in text and "lg.argmin" in text


def test_infinite_partials_say_what_the_rule_says():
    with np.errstate(all="ignore"):
        text = refusal(lambda: lg.grad(np.sqrt)(0.0), NonFiniteError)
    assert "sqrt at 0" in text
    text = refusal(lambda: lg.grad(lambda a: np.sum(np.linalg.eigh(a)[1][0]))(np.eye(2)))
    assert "partials of the vectors are infinite" in text


@pytest.mark.parametrize("f", [math.exp, math.sqrt, float])
def test_functions_of_plain_numbers(f):
    text = refusal(lambda: lg.grad(lambda x: f(x[0]))(X), TraceError)
    assert "np.exp" in text and "lg.stop_gradient" in text and "test_bad_input.py" in text


# -- spellings of functions that a rule does not know --------------------------------------------


@pytest.mark.parametrize(
    ("f", "names"),
    [
        (lambda x: np.exp(x, where=X > 0), ["exp", "where"]),
        (lambda x: np.add(x, x, casting="unsafe"), ["add", "casting"]),
        (lambda x: np.clip(x, 0, 1, dtype=float), ["clip", "dtype"]),
        (lambda x: np.where(x > 0, x), ["where"]),
        (lambda x: np.reshape(x, (3, 1), order="A"), ["order='A'", "order='C'"]),
        (lambda x: np.ravel(x, order="K"), ["order='K'", "order='C'"]),
        (lambda x: np.pad(x, 1, mode="empty"), ["pad", "empty"]),
        (lambda x: np.quantile(x, 0.5, weights=X, method="inverted_cdf"), ["quantile", "weights"]),
        (lambda x: np.einsum("i->", x, dtype=float), ["einsum", "dtype"]),
        (lambda x: np.linalg.solve(np.stack([M, M]), x[:2]), ["solve", "[..., None]"]),
        (lambda x: np.matmul(x, x, axes=[(0,), (0,), ()]), ["matmul", "axes"]),
        (lambda x: np.trace(np.outer(x, x), dtype=float), ["trace", "dtype"]),
        (lambda x: np.broadcast_to(x, (2, 3), unknown=1), ["broadcast_to"]),
        (lambda x: x.sum(axis=0, keepdim=True), ["keepdim"]),
    ],
)
def test_spelling_without_a_rule_names_the_function_and_the_option(f, names):
    with pytest.raises(TypeError) as caught:
        lg.grad(lambda x: np.sum(f(x)))(X)
    for name in names:
        assert name in str(caught.value)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x, axis=2), lambda x: np.reshape(x, (2, 2)), lambda x: x + np.ones(4),
        lambda x: x @ np.ones(4), lambda x: np.concatenate([x, np.ones((2, 2))]),
        lambda x: np.einsum("ij->i", x), lambda x: np.linalg.inv(x), lambda x: x[7],
        lambda x: x["a"], lambda x: np.transpose(x, (1, 0)), lambda x: np.expand_dims(x, 5),
        lambda x: np.linalg.solve(np.eye(2), x), lambda x: x[1.5], lambda x: x[x],
    ],
)  # fmt: skip
def test_what_numpy_refuses_stays_refused(f):
    with pytest.raises((ValueError, IndexError, TypeError, np.linalg.LinAlgError)):
        f(X)
    with pytest.raises((ValueError, IndexError, TypeError, np.linalg.LinAlgError)):
        lg.grad(lambda x: np.sum(f(x)))(X)


def test_singular_matrix_is_numpys_own_error():
    with pytest.raises(np.linalg.LinAlgError):
        lg.grad(lambda x: np.sum(np.linalg.inv(np.outer(x, x) * 0.0)))(X)


# -- NaN and inf ---------------------------------------------------------------------------------


def here(text):
    """Return the source line that an error names, which must be one of this file."""
    (line,) = re.findall(rf"{re.escape(Path(__file__).name)}:(\d+)", text)
    return Path(__file__).read_text(encoding="utf-8").splitlines()[int(line) - 1]


def nan_value(x):
    """Take the logarithm of a negative number on the way."""
    y = x * 2.0
    with np.errstate(invalid="ignore"):
        y = np.log(y)  # here it appears
    y = y + 1.0
    return np.sum(y)


def inf_gradient(x):
    """Take a square root at zero."""
    y = abs(x - x[0])
    y = np.sqrt(y)  # its partial is infinite
    return np.sum(y * 3.0)


def test_nan_in_the_value_is_reported_where_it_first_appears():
    for run in (
        lambda: lg.grad(nan_value)(X),
        lambda: lg.value_and_grad(nan_value)(X),
        lambda: lg.jvp(nan_value, (X,), (X,)),
        lambda: lg.vjp(nan_value, X),
        lambda: lg.jacobian(nan_value)(X),
    ):
        text = refusal(run, NonFiniteError)
        assert "value" in text and "= log(" in text
        assert "np.where" in text and "nonfinite='allow'" in text
        assert "here it appears" in here(text)


def test_inf_in_the_gradient_is_reported_with_the_partial_at_fault():
    for run in (
        lambda: lg.grad(inf_gradient)(X),
        lambda: lg.vjp(inf_gradient, X)[1](1.0),
        lambda: lg.jacobian(inf_gradient)(X),
    ):
        text = refusal(run, NonFiniteError)
        assert "reached the gradient" in text
        assert "its partial is infinite" in here(text)
    refusal(lambda: lg.hessian(inf_gradient)(X), NonFiniteError)


def test_infinity_that_went_another_way_is_not_blamed():
    def f(x):
        with np.errstate(all="ignore"):
            masked = np.where(x > 0, np.log(abs(x - x[0])), 0.0)[2:]  # not finite, and left out
            harmless = np.exp(-1 / abs(x - x[0]))  # inf on the way, finite in the end
            return np.sum(masked) + np.sum(harmless) + np.sum(np.sqrt(x[0] - x[:1]))  # culprit

    assert "culprit" in here(refusal(lambda: lg.grad(f)(X), NonFiniteError))

    def g(x):
        with np.errstate(all="ignore"):
            masked = np.where(x > 0, np.log(-x), 0.0)[1:2]  # not finite, and left out
            return np.sum(masked) + np.sum(np.log(x))  # culprit

    assert "culprit" in here(refusal(lambda: lg.grad(g)(X), NonFiniteError))


def test_inf_in_the_tangent_is_reported_with_the_partial_at_fault():
    text = refusal(lambda: lg.jvp(inf_gradient, (X,), (np.ones(3) + X,)), NonFiniteError)
    assert "reached the tangent" in text
    assert "its partial is infinite" in here(text)


def test_nan_argument_is_named():
    text = refusal(lambda: lg.grad(lambda width: np.sum(width**2))(X * np.nan), NonFiniteError)
    assert "width = input" in text


def test_nan_constant_is_reported_with_its_line():
    nan = np.full(3, np.nan)

    def f(x):
        return np.sum(x * nan)  # the culprit

    assert "the culprit" in here(refusal(lambda: lg.grad(f)(X), NonFiniteError))
    assert "constant" in refusal(lambda: lg.grad(lambda x: np.nan)(X), NonFiniteError)


def test_allow_gives_the_numbers_as_they_are():
    gradient = lg.grad(inf_gradient, nonfinite="allow")(X)
    assert not np.isfinite(gradient[0])
    value, gradient = lg.value_and_grad(nan_value, nonfinite="allow")(X)
    assert np.isnan(value)
    assert np.isfinite(gradient[[0, 2]]).all()


def test_infinity_that_does_not_reach_the_output_passes():
    mask = np.where(np.tri(3) > 0, 0.0, -np.inf)

    def attention(q):
        return np.sum(lg.softmax(np.outer(q, q) + mask) @ q)

    assert lg.check_grad(attention, X).ok
    assert lg.check_grad(lg.grad(attention), X).ok
    assert np.isfinite(lg.hessian(attention)(X)).all()
    assert lg.grad(lambda x: np.sum(np.maximum(x, -np.inf)))(X).tolist() == [1.0, 1.0, 1.0]
    with np.errstate(divide="ignore"):
        assert lg.grad(lambda x: np.sum(1 / (1 / (x - x[0] + 0.0))[1:]))(X).sum() == 0


def test_overflow_on_the_way_that_is_caught_passes():
    def f(x):
        with np.errstate(over="ignore"):
            return np.sum(1 / (1 + np.exp(x * 1000.0)))

    assert np.isfinite(lg.grad(f)(np.array([0.5, -0.5]))).all()


def test_user_s_own_warning_comes_through():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        lg.grad(lambda x: np.sum(np.where(x > 0, 1 / x, x)))(np.array([0.0, 1.0]))
