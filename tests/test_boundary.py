"""Where traced values meet NumPy, SciPy and Python: what goes through, and what is refused.

The sentences are those of the design: plain NumPy in; values are there while tracing.
"""

import copy
import math

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special as sc

import lagrad as lg
from lagrad.status import LagradError, MissingRuleError, TraceError
from lagrad.trace import record

X = np.array([0.3, -0.7, 1.1])
M = np.array([[1.0, 0.0, 2.0], [0.0, -3.0, 0.5]])


def refusal(run):
    """Return the text of the refusal that ``run`` ends in.

    NumPy may put an error of its own around ours, which then stands above it in the traceback.
    """
    with pytest.raises((TypeError, ValueError)) as caught:
        run()
    error = caught.value
    while not isinstance(error, LagradError):
        error = error.__cause__
    return str(error)


def gradient(f, x=X):
    """Return the gradient of sum(f), after it has passed its checks."""
    assert lg.check_grad(f, x).ok
    return lg.grad(lambda x: np.sum(f(x)))(x)


# -- plain NumPy in ------------------------------------------------------------------------------


def test_ufuncs_and_functions_of_plain_numpy():
    assert_allclose(
        gradient(lambda x: np.sin(x) * np.sum(x**2)),
        lg.grad(lambda x: np.sin(x).sum() * (x * x).sum())(X),
    )


@pytest.mark.parametrize(
    ("operator", "derivative"),
    [
        (lambda x: x + 2, 1), (lambda x: 2 + x, 1), (lambda x: x - 2, 1), (lambda x: 2 - x, -1),
        (lambda x: x * 3, 3), (lambda x: 3 * x, 3), (lambda x: x / 4, 0.25),
        (lambda x: 4 / x, -4 / X**2), (lambda x: x**3, 3 * X**2),
        (lambda x: 2**x, 2**X * np.log(2)), (lambda x: -x, -1), (lambda x: +x, 1),
        (lambda x: abs(x), np.sign(X)), (lambda x: x % 0.5, 1), (lambda x: 5.3 % x, -(5.3 // X)),
        (lambda x: x // 0.4 + x, 1), (lambda x: divmod(x, 0.5)[1], 1),
        (lambda x: M @ x, M.sum(0)), (lambda x: x @ M.T, M.sum(0)),
        (lambda x: [1.0, 2.0, 3.0] * x, [1, 2, 3]), (lambda x: x - (1.0, 2.0, 3.0), 1),
    ],
)  # fmt: skip
def test_operators(operator, derivative):
    assert_allclose(gradient(operator), np.broadcast_to(derivative, 3), rtol=1e-12)


def test_comparisons_and_logic_carry_no_gradient():
    def f(x):
        mask = (x > 0) & ~(x >= 1) | (x == 5) ^ (x != x)
        assert mask.dtype == bool
        return np.where(mask, x, 0.0) + (x <= 0) * x * 2 + (x < -9)

    assert_allclose(gradient(f), [1.0, 2.0, 0.0])


def test_indices_of_a_condition():
    for find in (np.where, np.nonzero, lambda c: c.nonzero(), np.flatnonzero):
        assert_allclose(gradient(lambda x, find=find: x[find(x > 0)] ** 2), [0.6, 0.0, 2.2])


@pytest.mark.parametrize(
    "name",
    ["sum", "mean", "prod", "max", "min", "var", "std", "ravel", "squeeze", "copy", "flatten",
     "conj", "conjugate", "transpose"],
)  # fmt: skip
def test_methods_are_those_of_arrays(name):
    x = X.reshape(1, 3)
    assert_array_equal(lg.jvp(lambda x: getattr(x, name)(), (x,), (x,))[0], getattr(x, name)())
    gradient(lambda x: getattr(x, name)(), x)


def test_methods_with_arguments():
    y = np.arange(6.0).reshape(2, 3)
    for f in (
        lambda x: x.reshape(3, 2), lambda x: x.reshape((3, -1)), lambda x: x.transpose(1, 0),
        lambda x: x.swapaxes(0, 1), lambda x: x.dot(X), lambda x: x.clip(0.5, 3.5),
        lambda x: x.take([0, 5, 5]), lambda x: x.repeat(2, axis=0), lambda x: x.diagonal(1),
        lambda x: x.trace(), lambda x: x.T, lambda x: x.real, lambda x: np.stack(list(x.flat)),
        lambda x: x.astype(float), lambda x: x.sum(axis=0, keepdims=True),
    ):  # fmt: skip
        value, _ = lg.jvp(f, (y,), (y,))
        assert_array_equal(value, f(y))
        gradient(f, y + 0.25)


def test_attributes_of_arrays_are_plain():
    def f(x):
        assert (x.shape, x.ndim, x.size, len(x)) == ((2, 3), 2, 6, 2)
        assert (x.itemsize, x.nbytes, x.dtype) == (8, 48, np.dtype(float))
        return sum(row.sum() for row in x)

    assert_array_equal(gradient(f, np.ones((2, 3))), np.ones((2, 3)))


def test_scipys_ufuncs():
    assert_allclose(gradient(sc.expit), sc.expit(X) * sc.expit(-X))


SPARSE = (sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix, sp.csc_matrix, sp.coo_matrix)


@pytest.mark.parametrize("kind", SPARSE, ids=lambda k: k.__name__)
def test_constant_sparse_matrices(kind):
    m = kind(M)
    for f, dense in (
        (lambda x: m @ x, lambda x: M @ x),
        (lambda x: x @ m.T, lambda x: x @ M.T),
        (lambda x: m @ np.outer(x, x), lambda x: M @ np.outer(x, x)),
    ):
        value, tangent = lg.jvp(f, (X,), (X[::-1],))
        assert_allclose(value, dense(X), rtol=1e-15)
        assert_allclose(tangent, lg.jvp(dense, (X,), (X[::-1],))[1], rtol=1e-14)
        assert lg.check_grad(f, X).ok


@pytest.mark.parametrize("kind", SPARSE, ids=lambda k: k.__name__)
def test_dot_of_a_sparse_matrix(kind):
    m = kind(M)
    try:
        m.dot(Unknown())
    except TypeError:
        # The dot of this SciPy's coo takes arrays alone, and says so.
        with pytest.raises(TypeError, match="Tracer"):
            lg.grad(lambda x: np.sum(m.dot(x)))(X)
    else:
        assert_allclose(gradient(lambda x: m.dot(x)), M.sum(0))


class Unknown:
    """What steps in for a sparse matrix in NumPy's way."""

    def __rmatmul__(self, other):
        return other


@pytest.mark.parametrize("kind", SPARSE, ids=lambda k: k.__name__)
def test_times_is_the_matrix_product_of_old_sparse_matrices_only(kind):
    m = kind(M)
    if isinstance(m, sp.spmatrix):
        assert_allclose(gradient(lambda x: m * x), M.sum(0))
        assert_allclose(gradient(lambda x: x * m.T), M.sum(0))
    else:
        with pytest.raises(TraceError, match="M @"):
            lg.grad(lambda x: np.sum(x * m))(X)
        # SciPy 1.13 looks for more of an array before it steps back.
        with pytest.raises(
            (TraceError, AttributeError), match="M @|traced array has no attribute|x.astype"
        ):
            lg.grad(lambda x: np.sum(m * x))(X)


@pytest.mark.parametrize("kind", SPARSE, ids=lambda k: k.__name__)
def test_sum_with_a_sparse_matrix_is_refused(kind):
    m = kind(np.eye(3))
    for f in (lambda x: m + x, lambda x: x + m, lambda x: x - m, lambda x: m - x, lambda x: x / m):
        with pytest.raises(LagradError):
            lg.grad(lambda x, f=f: np.sum(f(x)))(X)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [(lambda x: sc.logsumexp(x), lg.logsumexp), (lambda x: sc.softmax(x)[0], lg.softmax)],
)
def test_what_gives_no_hook_is_refused_or_has_a_function_of_ours(theirs, ours):
    with pytest.raises(LagradError):
        lg.grad(theirs)(X)
    assert_allclose(np.asarray(ours(X)).ravel()[0], np.ravel(theirs(X))[0])
    assert lg.check_grad(ours, X).ok


@pytest.mark.parametrize(
    "f",
    [
        lambda x: scipy.linalg.expm(np.outer(x, x)),
        lambda x: scipy.linalg.solve(np.eye(3), x),
        lambda x: np.asarray(x)[0] * 1.0,
        lambda x: np.asarray(x[0]) * 1.0,
        lambda x: np.asarray(x) + np.asarray(x),
        lambda x: np.r_[x, 1.0],
        lambda x: np.c_[x, x],
        lambda x: np.vectorize(math.sin)(x),
        lambda x: np.fromiter((v for v in x), float),
        lambda x: np.array(x, dtype=float),
        lambda x: math.fsum(x),
        lambda x: np.random.default_rng(0).normal(x),
        lambda x: sum(map(math.exp, x)),
    ],
)
def test_what_gives_no_hook_is_refused(f):
    text = refusal(lambda: lg.grad(lambda x: np.sum(f(x)))(X))
    assert "Write" in text or "lg." in text


# -- __array__ -----------------------------------------------------------------------------------


def leaked(use):
    """Trace a function that uses np.asarray(x) of a number x."""
    return lg.grad(lambda x: x + 0.0 * np.sum(use(np.asarray(x))))(2.0)


def test_array_of_a_traced_value_is_a_sentinel():
    def f(x):
        held = np.asarray(x[0])
        assert held.shape == ()
        assert held.dtype == object
        return np.sum(x)

    assert_array_equal(lg.grad(f)(X), np.ones(3))


@pytest.mark.parametrize(
    "use",
    [
        lambda a: a + 1, lambda a: 1 - a, lambda a: a * a, lambda a: a / 2, lambda a: a**2,
        lambda a: -a, lambda a: abs(a), lambda a: a < 1, lambda a: np.sin(a), lambda a: float(a),
        lambda a: a.item() + 1, lambda a: bool(a[()]), lambda a: a.astype(float),
        lambda a: np.sort(a.ravel()), lambda a: np.sum(a) * 2, lambda a: [*a[()]],
        lambda a: a[()].shape, lambda a: a[()](),
    ],
)  # fmt: skip
def test_any_use_of_the_sentinel_raises(use):
    with pytest.raises(TraceError, match=r"np\.stack|cut the gradient"):
        leaked(use)


@pytest.mark.parametrize("dtype", [float, np.float32, complex, int, "f8"])
def test_number_dtype_raises_at_once(dtype):
    with pytest.raises(TraceError, match="cut the gradient"):
        lg.grad(lambda x: np.asarray(x, dtype=dtype).sum())(X)


# -- object arrays of traced values --------------------------------------------------------------


def test_object_array_is_lifted_when_it_meets_a_traced_value():
    def f(x):
        return np.array([x[0], x[1] * x[2]]) * x[:2]

    assert_allclose(gradient(f), [2 * X[0], 2 * X[1] * X[2], X[1] ** 2])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * np.array([x[2], 1.0, x[0]]),
        lambda x: np.array([x[2], 1.0, x[0]]) @ x,
        lambda x: x @ np.array([x[2], 1.0, x[0]]),
        lambda x: np.array([[x[0], 2.0], [x[1], x[2]]]) @ x[:2],
        lambda x: np.where(x > 0, np.array([x[2], 1.0, x[0]]), x),
        lambda x: np.concatenate([np.array([x[0], 3.0]), x]),
        lambda x: np.sum(x * np.array([x[0], x[1], 4.0])),
        lambda x: x * [x[2], 1.0, x[0]],
        lambda x: np.maximum([x[2], 1.0, x[0]], x),
        lambda x: np.dot([x[2], 1.0, x[0]], x),
    ],
)
def test_object_arrays_and_lists_are_lifted_by_stacking(f):
    expected = f(X)
    value, _ = lg.jvp(f, (X,), (X,))
    assert_array_equal(value, np.asarray(expected, float))
    gradient(f)


@pytest.mark.parametrize(
    "f",
    [lambda x: np.array([x[0], x[1]]), lambda x: np.asarray(x), lambda x: (x[0], np.array([x[1]]))],
)
def test_object_array_is_refused_as_an_output(f):
    for transform in (
        lambda: lg.jvp(f, (X,), (X,)), lambda: lg.vjp(f, X), lambda: lg.jacobian(f)(X),
        lambda: lg.trace(f, X),
    ):  # fmt: skip
        with pytest.raises(TraceError, match="np.stack"):
            transform()


# -- values are there while tracing --------------------------------------------------------------


def test_if_and_while_follow_the_values():
    def f(x):
        while x < 100:
            x = x * x if x > 3 else x + 1
        return x

    assert lg.grad(f)(5.0) == 4 * 5.0**3
    assert lg.grad(f)(2.5) == 4 * 3.5**3


def test_printing_shows_the_value(capsys):
    def f(x):
        print(x, f"{x[0]:.3f}", repr(x[1]))
        return np.sum(x)

    trace, _, _ = record(f, (X,), (0,), {})
    assert capsys.readouterr().out == f"{X} 0.300 Tracer({X[1]!r})\n"
    assert trace.guards == []


def test_each_call_traces_anew():
    calls = []
    g = lg.grad(lambda x: calls.append(1) or (x * x if len(calls) < 2 else x))
    assert (g(3.0), g(3.0), len(calls)) == (6.0, 1.0, 2)


def test_untraced_state_is_frozen():
    rng = np.random.default_rng(0)
    drawn = []

    def f(x):
        drawn.append(rng.standard_normal(3))
        return np.sum(drawn[-1] * x)

    assert_array_equal(lg.grad(f)(X), drawn[0])
    assert_array_equal(lg.grad(f)(X), drawn[1])
    assert "random numbers" in lg.grad.__doc__
    assert "constant" in lg.grad.__doc__


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (bool, True), (int, 2), (math.floor, 2), (math.ceil, 3), (math.trunc, 2), (round, 3),
        (lambda x: range(10)[x.astype(int)], 2), (lambda x: [10, 20, 30][x.astype(int)], 30),
        (lambda x: bool(x > 1), True), (lambda x: x in (1.0, 2.7), True),
    ],
)  # fmt: skip
def test_guards_are_recorded(ask, answer):
    seen = []

    def f(x):
        seen.append(ask(x))
        return x

    trace, _, _ = record(f, (2.7,), (0,), {})
    assert seen == [answer]
    assert type(seen[0]) is type(answer)
    assert len(trace.guards) >= 1


def test_guard_holds_the_value_and_the_answer():
    def f(x):
        y = x > 1
        return x if y else -x

    trace, _, _ = record(f, (2.0,), (0,), {})
    ((asked, answer),) = trace.guards
    assert answer is True
    assert bool(asked._value) is True


def test_index_by_traced_integers_is_a_guard():
    trace, result, _ = record(lambda x: x[np.argmax(x)], (X,), (0,), {})
    assert result._value == X[2]
    assert len(trace.guards) == 1


@pytest.mark.parametrize(
    "use",
    [float, complex, lambda x: x.item(), lambda x: x.tolist(), math.exp, math.sqrt,
     lambda x: math.hypot(x, 1.0), lambda x: np.array([1.0]).__setitem__(0, x)],
)  # fmt: skip
def test_plain_numbers_that_would_cut_the_gradient_are_refused(use):
    text = refusal(lambda: lg.grad(lambda x: use(x) + x)(2.0))
    for remedy in ("np.exp", "lg.zeros", "lg.stop_gradient"):
        assert remedy in text


def test_stop_gradient_gives_plain_numbers():
    assert lg.grad(lambda x: x * math.exp(lg.stop_gradient(x)))(2.0) == math.exp(2.0)


def test_copying_an_array_is_no_alias():
    def f(x):
        y, z = copy.copy(x), copy.deepcopy(x)
        y[0] = 0.0
        z[1] = 0.0
        return np.sum(x * x) + np.sum(y) + np.sum(z)

    assert_allclose(lg.grad(f)(X), 2 * X + [1.0, 1.0, 2.0])


def test_unknown_attribute_is_an_attribute_error_that_names_numpys_function():
    with pytest.raises(AttributeError, match=r"np\.sinn\(x\)"):
        lg.grad(lambda x: x.sinn())(2.0)
    assert lg.grad(lambda x: x * (2.0 if hasattr(x, "sinn") else 3.0))(2.0) == 3.0


def test_function_without_a_rule_is_never_a_silent_zero():
    unknown = np.frompyfunc(abs, 1, 1)
    with pytest.raises(MissingRuleError, match=r"abs.*lg\.primitive"):
        lg.grad(lambda x: np.sum(unknown(x)))(X)
