"""Rolled loops: the same numbers as a Python loop, to any order, in memory of sqrt(n)."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from refusals import refused

import lagrad as lg
from lagrad.loops.checkpoints import Checkpoints, stride
from lagrad.status import ArgumentError, TraceError

RNG = np.random.default_rng(0)
W, XS, C0 = RNG.normal(size=(3, 3)) / 2, RNG.normal(size=(7, 3)), RNG.normal(size=3)


def unrolled(f, carry, xs):
    """The Python loop that lg.scan stands for."""
    ys = []
    for x in xs:
        carry, y = f(carry, x)
        ys.append(y)
    return carry, np.stack(ys)


def network(loop):
    """Return a loss of a recurrent network that reads its weights from around the loop."""

    def loss(weights, start, xs):
        def f(c, x):
            after = np.tanh(weights @ c + x)
            return after, np.sum(after * c)

        last, ys = loop(f, start, xs)
        return np.sum(last**3) + np.sum(ys**2)

    return loss


ROLLED, PLAIN = network(lg.scan), network(unrolled)


def test_gradient_is_that_of_the_python_loop():
    for a, b in zip(
        lg.grad(ROLLED, (0, 1, 2))(W, C0, XS), lg.grad(PLAIN, (0, 1, 2))(W, C0, XS), strict=True
    ):
        assert_allclose(a, b, rtol=1e-13, atol=1e-15)


def test_first_and_second_derivatives():
    assert lg.check_grad(ROLLED, W, C0, XS).ok
    assert lg.check_grad(lg.grad(ROLLED, (0, 1, 2)), W, C0, XS).ok
    second = [lg.hessian(lambda w, f=f: f(w, C0, XS))(W) for f in (ROLLED, PLAIN)]
    assert_allclose(*second, rtol=1e-11, atol=1e-12)


def test_third_derivative():
    def third(f):
        first = lg.grad(lambda c: f(W, c, XS[:4]))
        second = lg.grad(lambda c: np.sum(first(c) ** 2))
        return lg.grad(lambda c: np.sum(second(c) ** 2))(C0)

    assert_allclose(third(ROLLED), third(PLAIN), rtol=1e-9)


def test_tangent_of_the_tangent():
    def along(f):
        return lambda c: lg.jvp(lambda c: f(W, c, XS), (c,), (C0[::-1].copy(),))[1]

    tangents = [lg.jvp(along(f), (C0,), (np.ones(3),)) for f in (ROLLED, PLAIN)]
    assert_allclose(*tangents, rtol=1e-12)


def test_loop_is_one_constraint_and_stands_in_a():
    graph = lg.trace(ROLLED, W, C0, XS)
    assert sum(c.function == "scan" for c in graph.constraints) == 1
    system = graph.linearize()
    sweep, explicit = system.solve(method="sweep"), system.solve(method="explicit")
    for name in ("weights", "start", "xs"):
        assert_allclose(explicit[name], sweep[name], rtol=1e-11)


def test_containers_integers_and_complex_carries():
    def f(carry, x):
        z, k = carry["z"], carry["k"]
        return {"z": z * x["a"] + 1j * x["b"], "k": k + 1}, (z * z, k)

    def total(z0, a, b):
        start = {"z": z0, "k": np.array([0, 5])}
        last, (squares, counts) = lg.scan(f, start, {"a": a, "b": b})
        assert_array_equal(last["k"], [4, 9])
        assert_array_equal(counts[:, 0], [0, 1, 2, 3])
        return np.real(last["z"]) + np.imag(np.sum(squares))

    a, b = RNG.normal(size=4), RNG.normal(size=4)
    assert lg.check_grad(total, 0.3 + 0.4j, a, b).ok
    assert lg.check_grad(lg.grad(total, (0, 1, 2)), 0.3 + 0.4j, a, b).ok


def test_float32_stays_float32():
    start, xs = C0.astype(np.float32), XS.astype(np.float32)
    last, ys = lg.scan(lambda c, x: (c * x, c + x), start, xs)
    assert last.dtype == ys.dtype == np.float32
    gradient = lg.grad(lambda c: np.sum(lg.scan(lambda c, x: (c * x, c), c, xs)[0]))(start)
    assert gradient.dtype == np.float32
    assert_allclose(gradient, np.prod(xs, axis=0), rtol=1e-5)


def test_branches_differ_from_step_to_step():
    def f(c, x):
        return (c * x if c < 2 else c / x), None

    def plain(c, xs):
        for x in xs:
            c, _ = f(c, x)
        return c

    xs = np.array([1.5, 1.7, 1.2, 3.0, 1.1])
    rolled = lg.grad(lambda c, xs: lg.scan(f, c, xs)[0], (0, 1))(1.1, xs)
    for a, b in zip(rolled, lg.grad(plain, (0, 1))(1.1, xs), strict=True):
        assert_allclose(a, b, rtol=1e-14)


def test_outside_of_a_trace_it_is_a_loop():
    last, ys = lg.scan(lambda c, x: (c + x, c), 0, np.arange(4.0))
    assert last == 6.0
    assert_array_equal(ys, [0.0, 0.0, 1.0, 3.0])
    assert lg.scan(lambda c, x: (c + 1, None), 0.0, length=3) == (3.0, None)
    assert lg.fori_loop(2, 5, lambda i, c: c * i, 1.0) == 24.0
    assert lg.fori_loop(3, 3, lambda i, c: c * i, 1.0) == 1.0


def test_carry_that_is_written_to_in_place():
    def f(c, x):
        c[0] = c[1] * x
        return c, c[0]

    def loss(c, xs):
        last, ys = lg.scan(f, c, xs)
        return np.sum(last) + np.sum(ys**2)

    c, xs = np.array([1.0, 2.0]), np.array([0.5, 0.7, 0.2])
    assert lg.check_grad(loss, c, xs).ok
    assert_array_equal(c, [1.0, 2.0])


def test_scan_in_scan_and_gradient_in_scan():
    def inner(c, x):
        return np.sin(c) * x, None

    def outer(c, x):
        c = lg.scan(inner, c, x)[0]
        return c - 0.1 * lg.grad(lambda z: z**3)(c), c

    def loss(c, xs):
        return np.sum(lg.scan(outer, c, xs)[1] ** 2)

    xs = RNG.normal(size=(3, 4))
    assert lg.check_grad(loss, 0.8, xs).ok
    assert lg.check_grad(lg.grad(loss, (0, 1)), 0.8, xs).ok


V = np.array([0.5, 1.2, 2.0, 3.0])

#: Loops whose step reads traced values from around it: alone, sliced, returned as they are.
CAPTURED = {
    "entry": lambda x: lg.scan(lambda z, t: (z * x[0], None), 1.0, np.ones(3))[0],
    "entry of each step": lambda x: lg.fori_loop(0, 4, lambda i, z: z * x[i] + 1, 1.0),
    "functions of it": lambda x: lg.scan(
        lambda z, t: (z * np.sin(x)[t] + x.T[::-1][t] * (-x)[0], None), 1.0, np.arange(4)
    )[0],
    "copy": lambda x: lg.scan(lambda z, t: (z * x.copy()[t], None), 1.0, np.arange(4))[0],
    "returned as carry": lambda x: lg.scan(lambda c, _: (x, None), 0.0 * x, length=3)[0][1],
    "returned as output": lambda x: np.sum(
        lg.scan(lambda c, _: (c * 2, x), 1.0, np.ones(2))[1] ** 2
    ),
    "reset": lambda x: lg.scan(
        lambda c, t: (x if t == 1 else c * 2, None), np.ones(4), np.array([0.0, 1, 0])
    )[0].sum(),
    "xs of an inner scan": lambda x: lg.scan(
        lambda c, u: (lg.scan(lambda d, y: (d * y * u, None), c, x)[0], None), x[0], x
    )[0],
    "fixed point inside": lambda x: lg.scan(
        lambda c, u: (lg.fixed_point(lambda z: 0.1 * z * x[0] + c * x[1], 1.0) * u, None), x[0], x
    )[0],
    "gradient inside": lambda x: lg.scan(
        lambda c, u: (lg.grad(lambda q: q**2 * x[1])(c) * u, None), x[0], x
    )[0],
    "gradient around": lambda x: lg.grad(
        lambda z: lg.scan(lambda c, _: (c * c * x[0], None), z, length=3)[0]
    )(x[1]),
    "inside a fixed point": lambda x: lg.fixed_point(
        lambda z: lg.scan(lambda c, u: (c * 0.5 + x[0] * u, None), z, np.array([0.3, 0.4]))[0], 1.0
    ),
    "inside a minimum": lambda x: np.sum(
        lg.argmin(
            lambda z: (
                np.sum((lg.scan(lambda c, u: (c * 0.2 + u * x, None), z, x)[0] - x) ** 2)
                + np.sum(z**2)
            ),
            np.zeros(4),
        )
    ),
    "empty": lambda x: lg.scan(lambda c, u: (c * u, c), x[0], x[:0])[0],
}


@pytest.mark.parametrize("name", CAPTURED)
def test_what_a_step_reads_from_around_it_is_differentiated(name):
    f, x = CAPTURED[name], V * 0.6
    assert lg.check_grad(f, x).ok
    if name != "inside a minimum":  # its differences are those of a search
        assert lg.check_grad(lg.grad(f), x).ok


@pytest.mark.parametrize("memory", [1, 2, 5, None])
def test_any_memory_gives_the_same_gradient(memory):
    def rolled(r):
        return lg.scan(lambda c, _: (np.sin(c * r), None), 0.5, length=23, memory=memory)[0]

    def plain(r):
        c = 0.5
        for _ in range(23):
            c = np.sin(c * r)
        return c

    assert_allclose(lg.grad(rolled)(1.3), lg.grad(plain)(1.3), rtol=1e-14)


@given(st.integers(1, 60), st.integers(1, 8))
def test_checkpoints_give_every_state_and_keep_no_more_than_asked(n, slots):
    class State:
        """A number of which those alive are counted."""

        alive = 0

        def __init__(self, number):
            self.number = number
            State.alive += 1

        def __del__(self):
            State.alive -= 1

    runs, most = [], []

    def step(state, t):
        runs.append(t)
        most.append(State.alive)
        return State(state.number + 1)

    made = Checkpoints(State(0), n, slots, step)
    assert made.run().number == n
    assert max(most) <= slots + 2  # the one before a step and the one after it
    for expected, (t, state) in zip(range(n - 1, -1, -1), made.backwards(), strict=True):
        assert t == state.number == expected
    assert max(most) <= 2 * slots + 2
    again = 1
    while math.comb(slots + again, slots) < n:
        again += 1
    assert max(runs.count(t) for t in range(n)) <= again + 1


def test_stride_keeps_all_states_where_there_is_room():
    assert [stride(n, 9) for n in (1, 5, 10)] == [1, 1, 1]
    assert stride(100, 1) > 1


def test_memory_grows_as_the_root_of_the_length():
    def peak(n):
        def f(r):
            return np.sum(lg.scan(lambda c, _: (c * r, None), np.ones(10_000), length=n)[0])

        tracemalloc.start()
        gradient = lg.grad(f)(0.999)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert_allclose(gradient, n * 0.999 ** (n - 1) * 10_000, rtol=1e-10)
        return found

    assert peak(400) < 3 * peak(100)  # all states would be four times as many
    assert peak(400) < 400 / 3 * 80_000


def test_steps_without_outputs_keep_nothing_of_each():
    def peak(n):
        gradient = lg.grad(lambda a: lg.fori_loop(0, n, lambda k, z: z * a + 1.0, 1.0))
        gradient(0.9)
        tracemalloc.start()
        gradient(0.9)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(8000) < 5 * peak(500)


# -- refusals ------------------------------------------------------------------------------------


def test_random_numbers_in_a_step_are_refused():
    rng = np.random.default_rng(1)
    with refused(TraceError, "lg.scan of <lambda>", "other values", "as xs"):
        lg.grad(lambda c: lg.scan(lambda c, _: (c * rng.normal(), None), c, length=3)[0])(1.0)


def test_function_that_gives_other_values_when_it_is_run_again_is_refused():
    def f(w):
        a = np.ones(2)
        last = lg.scan(lambda c, x: (c * x * a[0], None), w[0], w)[0]
        a[0] = 7.0  # a buffer that is used again
        return last

    for derivative in (lg.grad(f), lg.hessian(f), lg.jacobian(lg.grad(f))):
        with refused(TraceError, "other values", "lg.scan of <lambda>"):
            derivative(V)
    with refused(TraceError, "other values", "lg.scan of <lambda>"):
        lg.jvp(f, (V,), (V,))
    with refused(TraceError, "other values", "lg.scan of <lambda>"):
        lg.hvp(f, (V,), (V,))


@pytest.mark.parametrize("keep", ["append", "last"])
def test_values_put_aside_are_refused(keep):
    def f(r):
        seen, last = [], {}

        def step(z, _):
            seen.append(z * r)
            last["value"] = z * r
            return z * r, None

        lg.scan(step, 1.0, np.zeros(4))
        return sum(seen) if keep == "append" else last["value"]

    with refused(TraceError, "used after", "has_aux=True"):
        lg.grad(f)(0.5)


def test_outputs_that_differ_from_step_to_step_are_refused():
    with refused(ArgumentError, "outputs", "earlier step"):
        lg.scan(lambda c, x: (c, {"a": c, "b": x} if x < 1 else {"b": c, "a": x}), 0.5, V)
    with refused(ArgumentError, "outputs", "same structure"):
        lg.scan(lambda c, x: (c, None if x < 1 else c), 0.5, V)
    with refused(ArgumentError, "no array"):
        lg.scan(lambda c, x: (c, "text"), 0.5, V)


def test_array_read_by_a_step_and_written_later_is_refused():
    def f(x):
        y = x * 2.0
        last, _ = lg.scan(lambda c, _: (c * y[0], None), 1.0, length=3)
        y[0] = 1.0
        return last + np.sum(y)

    with refused(TraceError, "lg.scan", "written to later", "x.copy()"):
        lg.grad(f)(np.array([1.0, 2.0]))


def test_carries_that_change_are_refused():
    with refused(ArgumentError, "lg.scan of", "shape () before", "(2,) after"):
        lg.scan(lambda c, x: (c + np.ones(2), None), 0.0, np.ones(3))
    with refused(ArgumentError, "float32 before", "float64 after"):
        lg.scan(lambda c, x: (c + np.ones(2), None), np.ones(2, np.float32), np.ones(3))
    with refused(ArgumentError, "leaves", "same structure"):
        lg.scan(lambda c, x: ((c, c), None), 0.0, np.ones(3))
    with refused(ArgumentError, "pair (carry, y)"):
        lg.scan(lambda c, x: c, 0.0, np.ones(3))


def test_lengths_that_differ_are_refused():
    with refused(ArgumentError, "numbers of steps", "xs[0]", "xs[1]"):
        lg.scan(lambda c, x: (c, None), 0.0, (np.ones(3), np.ones(4)))
    with refused(ArgumentError, "not given"):
        lg.scan(lambda c, x: (c, None), 0.0)
    with refused(ArgumentError, "memory=0"):
        lg.scan(lambda c, x: (c, None), 0.0, np.ones(3), memory=0)
    with refused(ArgumentError, "length=-1"):
        lg.scan(lambda c, x: (c, None), 0.0, length=-1)
    with refused(ArgumentError, "the carry holds str"):
        lg.scan(lambda c, x: (c, None), "a", np.ones(3))
