"""The life of a trace: leaks, threads, errors, nesting and closures."""

import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lagrad as lg
from lagrad.status import TraceError
from lagrad.trace import tracing
from lagrad.trace.tape import CURRENT

X = np.array([0.5, -2.0, 3.0])


# -- leaks ---------------------------------------------------------------------------------------


def leak(value=X):
    """Return a traced value that outlived its trace."""
    kept = []
    lg.grad(lambda x: np.sum(kept.append(x * 2.0) or x))(value)
    return kept[0]


@pytest.mark.parametrize(
    "use",
    [
        lambda t: t + 1, lambda t: 1.0 * t, lambda t: np.sin(t), lambda t: np.sum(t),
        lambda t: t[0],
        lambda t: np.stack([t, t]), lambda t: t @ X, lambda t: t.__setitem__(0, 1.0),
        lambda t: np.concatenate([X, t]), lambda t: t.reshape(3, 1), lambda t: t.__iadd__(1.0),
        lambda t: lg.logsumexp(t), lambda t: np.where(X > 0, t, 0.0), lambda t: t.astype(float) + 1,
    ],
)  # fmt: skip
def test_leaked_value_is_refused(use):
    with pytest.raises(TraceError, match="after the function that was being traced had returned"):
        use(leak())


def test_leaked_value_is_refused_inside_another_trace():
    t = leak()
    with pytest.raises(TraceError, match="had returned|two traces"):
        lg.grad(lambda x: np.sum(x * t))(X)


def test_leaked_value_as_an_argument_is_refused():
    t = leak()
    for run in (
        lambda: lg.grad(lambda x: np.sum(x * x))(t),
        lambda: lg.jvp(np.sin, (X,), (t,)),
        lambda: lg.vjp(np.sin, X)[1](t),
    ):
        with pytest.raises(TraceError, match="had returned"):
            run()


def test_leaked_value_can_still_be_looked_at():
    assert repr(2 * X) in repr(leak())
    assert leak().shape == (3,)


def test_leaked_condition_is_refused():
    kept = []
    lg.grad(lambda x: np.sum(kept.append(x > 0) or x))(X)
    with pytest.raises(TraceError, match="had returned"):
        np.where(kept[0], X, 0.0)


# -- errors --------------------------------------------------------------------------------------


def test_error_inside_the_function_comes_out_as_it_is_and_the_next_call_works():
    def f(x, fail):
        y = lg.grad(lambda y: np.sum(y**2))(x)
        if fail:
            raise KeyError("mine")
        return np.sum(y * x)

    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            lg.grad(f)(X, True)
        assert CURRENT.get() is None
        assert_allclose(lg.grad(f)(X, False), 4 * X)


def test_error_inside_an_inner_trace_leaves_the_outer_one_working():
    def broken(y):
        raise ValueError("inside")

    def f(x):
        with pytest.raises(ValueError, match="inside"):
            lg.grad(broken)(x)
        return np.sum(x * x)

    assert_allclose(lg.grad(f)(X), 2 * X)
    assert CURRENT.get() is None


def test_trace_is_closed_when_its_function_has_returned():
    with tracing() as outer:
        with tracing() as inner:
            assert (outer.level, inner.level) == (0, 1)
        assert (outer.open, inner.open) == (True, False)
    assert not outer.open
    assert CURRENT.get() is None


# -- threads -------------------------------------------------------------------------------------


def test_each_thread_differentiates_on_its_own():
    barrier = threading.Barrier(4, timeout=60)

    def f(x, k):
        y = x
        for _ in range(50):
            y = y * 1.01 + k
        barrier.wait()  # all four traces are open now
        z = lg.zeros(3)
        z[0] = np.sum(y**2)
        return np.sum(z) + lg.grad(lambda u: np.sum(u**2 * x))(y)[0]

    def work(k):
        return [lg.grad(f)(X * k, float(k)) for _ in range(5)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    barrier = threading.Barrier(1)
    for k in range(4):
        for g in found[k]:
            assert_array_equal(g, lg.grad(f)(X * k, float(k)))


def test_traced_value_in_another_thread_is_refused():
    def f(x):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: np.sum(x * x)).result()

    with pytest.raises(TraceError, match="another thread"):
        lg.grad(f)(X)


def test_traced_value_in_another_thread_that_traces_is_refused():
    def f(x):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: np.sum(lg.grad(lambda y: np.sum(x * y))(X))).result()

    with pytest.raises(TraceError, match="another thread"):
        lg.grad(f)(X)


def test_context_that_is_carried_into_another_thread_is_refused():
    def f(x):
        context = contextvars.copy_context()

        def inside():
            y = lg.zeros(3)
            y[0] = 1.0
            return y

        with ThreadPoolExecutor(1) as pool:
            return np.sum(pool.submit(context.run, inside).result() * x)

    with pytest.raises(TraceError, match="another thread"):
        lg.grad(f)(X)


def test_plain_values_may_cross_threads():
    def f(x):
        with ThreadPoolExecutor(1) as pool:
            g = pool.submit(lambda: lg.grad(lambda y: np.sum(y**2))(X)).result()
        return np.sum(x * g)

    assert_allclose(lg.grad(f)(X), 2 * X)


# -- nesting -------------------------------------------------------------------------------------


def test_no_perturbation_confusion():
    """d/dx (x d/dy (x y)) = d/dx x^2, where confused tangents give 3x or 1."""
    assert lg.grad(lambda x: x * lg.grad(lambda y: x * y)(1.0))(2.0) == 4.0
    assert lg.grad(lambda x: x * lg.grad(lambda y: x + y)(x))(1.0) == 1.0
    assert lg.grad(lambda x: lg.jvp(lambda y: x * y, (1.0,), (x,))[1])(3.0) == 6.0
    assert lg.jvp(lambda x: lg.grad(lambda y: x * y * y)(x), (3.0,), (1.0,))[1] == 12.0


def test_same_function_inside_itself():
    def twice(f):
        return lambda x: lg.grad(f)(x) * x

    f = np.sin
    for _ in range(3):
        f = twice(f)
    x = 0.7
    assert_allclose(f(x), x * (np.cos(x) - 3 * x * np.sin(x) - x**2 * np.cos(x)), rtol=1e-14)


def test_derivatives_of_every_order():
    f = np.exp
    for _ in range(6):
        f = lg.grad(f)
    assert_allclose(f(0.3), np.exp(0.3), rtol=1e-14)
    g = lambda x: x**5  # noqa: E731
    for k, expected in enumerate((5, 20, 60, 120, 120, 0)):
        g = lg.grad(g)
        assert g(1.0) == expected, k


def test_mixed_nesting_of_every_transform():
    def f(x):
        return np.sum(np.sin(x) * x[::-1] ** 2)

    h = lg.hessian(f)(X)
    v = np.array([1.0, -0.5, 2.0])
    for product in (
        lg.hvp(f, (X,), (v,)),
        lg.jvp(lg.grad(f), (X,), (v,))[1],
        lg.grad(lambda x: lg.grad(f)(x) @ v)(X),
        lg.grad(lambda x: lg.jvp(f, (x,), (v,))[1])(X),
        lg.vjp(lg.grad(f), X)[1](v)[0],
        lg.grad(lambda x: lg.vjp(f, x)[1](1.0)[0] @ v)(X),
        lg.jvp(lambda x: lg.vjp(f, x)[1](1.0)[0], (X,), (v,))[1],
        lg.jacobian(lg.jacobian(f))(X) @ v,
        lg.jacobian(lg.grad(f), sparse=True)(X) @ v,
    ):
        assert_allclose(product, h @ v, rtol=1e-13)


def test_cotangent_and_tangent_that_are_traced():
    def f(w):
        return np.sum(lg.vjp(np.sin, X)[1](w)[0] ** 2)

    assert_allclose(lg.grad(f)(X), 2 * X * np.cos(X) ** 2, rtol=1e-14)

    def g(v):
        return np.sum(lg.jvp(np.sin, (X,), (v,))[1] ** 2)

    assert_allclose(lg.grad(g)(X), 2 * X * np.cos(X) ** 2, rtol=1e-14)


def test_pullback_used_after_the_outer_trace_moved_on():
    def f(x):
        _, pullback = lg.vjp(lambda y: y**3, x)
        x = x * 2.0
        (once,), (again,) = pullback(np.ones(3)), pullback(x)
        return np.sum(once) + np.sum(again)

    assert_allclose(lg.grad(f)(X), 6 * X + 18 * X**2, rtol=1e-14)


def test_gradient_descent_inside_a_gradient():
    def inner(w, x):
        return np.sum((w - np.sin(x)) ** 2)

    def outer(x):
        w = np.zeros(3)
        for _ in range(4):
            w = w - 0.3 * lg.grad(inner)(w, x)
        return np.sum(w**2)

    assert lg.check_grad(outer, X).ok
    assert lg.check_grad(lg.grad(outer), X).ok


# -- closures ------------------------------------------------------------------------------------


def test_closure_over_a_traced_value_becomes_a_parent():
    def f(x):
        a = np.exp(x)

        def inner(y):
            a_y = a * y
            return np.sum(a_y**2)

        return np.sum(lg.grad(inner)(np.ones(3)))

    assert_allclose(lg.grad(f)(X), 4 * np.exp(2 * X), rtol=1e-14)


def test_closure_that_is_rebound_inside_the_inner_trace():
    def f(x):
        total = lg.zeros(3)

        def inner(y):
            nonlocal total
            total = total + 2 * x
            return np.sum(y**2 * x)

        g = lg.grad(inner)(x) + lg.grad(inner)(x)
        return np.sum(g) + np.sum(total)

    assert_allclose(lg.grad(f)(X), 8 * X + 4, rtol=1e-14)


def test_outer_array_written_inside_the_inner_trace():
    def f(x):
        y = x * 1.0

        def inner(t):
            z = y.copy()
            z[0] = t * x[1]
            return np.sum(z**2)

        return lg.grad(inner)(2.0) + np.sum(y)

    assert_allclose(lg.grad(f)(X), [1.0, 4 * 2 * X[1] + 1.0, 1.0], rtol=1e-14)


def test_inner_value_written_into_an_outer_array_does_not_leak():
    def f(x):
        kept = lg.zeros(3)

        def inner(t):
            kept[0] = t
            return t * x[1]

        lg.grad(inner)(2.0)
        return np.sum(kept * x)

    with pytest.raises(TraceError, match="had returned"):
        lg.grad(f)(X)


def test_condition_of_the_outer_trace_selects_in_the_inner_one():
    def f(x):
        mask = x > 0
        with np.errstate(invalid="ignore"):
            return np.sum(lg.grad(lambda y: np.sum(np.where(mask, np.sqrt(y * x), y)))(x) * x)

    assert_allclose(lg.grad(f)(X), np.where(X > 0, 0.5, 1.0), rtol=1e-14)


def test_long_chain_does_not_recurse():
    def f(x):
        y = x
        for _ in range(20_000):
            y = y * 0.9999 + 1e-4
        return y

    assert_allclose(lg.grad(f)(1.0), 0.9999**20_000, rtol=1e-9)
    system = lg.trace(f, 1.0).linearize()
    assert_allclose(system.solve(method="explicit")["x"], 0.9999**20_000, rtol=1e-9)
    assert len(system.blocks) == 40_001
