"""Conditions and the traces around them: nothing stays muted, nothing leaks, no thread is mixed up.

A gradient that would be zero because a trace never heard of a value is refused.
"""

import asyncio
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from refusals import refused

import lagrad as lg
from lagrad.status import ConvergenceError, TraceError


def square_root(a, z0=1.0):
    return lg.root(lambda z, a: z * z - a, z0, a)


def system():
    made = lg.System(x=2.0)
    made.constraint(lambda x, u: 0.5 * np.cos(u) * x, name="u", start=1.0)
    return made


WAYS = {
    "root": square_root,
    "captured": lambda a: lg.root(lambda z: z * z - a, 1.0),
    "start": lambda a: lg.root(lambda z: z * z - 4.0, a),
    "fixed point": lambda a: lg.fixed_point(lambda z, a: (z + a / z) / 2, 1.0, a),
    "argmin": lambda a: lg.argmin(lambda z, a: (z - a) ** 2, 1.0, a),
    "implicit": lambda a: lg.implicit(lambda z0, a: a**0.5, lambda z, a: z * z - a)(1.0, a),
    "system": lambda a: system().solve(x=a)["u"],
}


# -- exceptions ------------------------------------------------------------------------------------


def fails_late(n):
    calls = []

    def g(z, a):
        calls.append(z)
        if len(calls) == n:
            raise RuntimeError("late")
        return z * z - a

    return g


def test_an_exception_at_any_evaluation_leaves_the_trace_recording():
    failures = []

    def f(a):
        total = a * a
        for n in range(1, 25):
            try:
                total = total + lg.root(fails_late(n), 1.0, a)
            except RuntimeError:
                failures.append(n)
        return total

    assert lg.grad(f)(4.0) == pytest.approx(8.0 + (24 - len(failures)) / 4, rel=1e-14)
    assert 5 < len(failures) < 24


def interrupt(z, *p):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "call",
    [
        lambda a: lg.root(interrupt, 1.0, a),
        lambda a: lg.fixed_point(interrupt, 1.0, a),
        lambda a: lg.argmin(interrupt, 1.0, a),
        lambda a: lg.implicit(interrupt, lambda z: z)(1.0, a),
        lambda a: lg.implicit(lambda z0, a: 1.0, interrupt)(1.0, a),
        lambda a: lg.root(lambda z, a: z, 1.0, a, domain=interrupt),
    ],
)
def test_an_interrupt_leaves_the_trace_recording(call):
    def f(a):
        with pytest.raises(KeyboardInterrupt):
            call(a)
        return square_root(a) * a

    assert lg.grad(f)(4.0) == pytest.approx(3.0, rel=1e-14)
    assert lg.hessian(f)(4.0) == pytest.approx(0.75 / 2, rel=1e-13)


def test_a_failed_search_leaves_the_trace_recording():
    def f(a):
        try:
            return lg.root(lambda z: z * z + a, 1.0)
        except ConvergenceError:
            return square_root(a)  # another branch, as after any exception

    assert lg.grad(f)(4.0) == pytest.approx(0.25, rel=1e-14)


def test_what_the_search_evaluates_is_not_recorded():
    """The graph around holds one cycle, however many steps its solution took."""

    def f(a, z0):
        return lg.root(lambda z: np.exp(z) - a, z0) * a

    sizes = {len(lg.trace(lambda a, z0=z0: f(a, z0), 2.0)) for z0 in (0.7, 4.0, 12.0)}
    assert sizes == {3}


# -- threads and what outlives its trace -----------------------------------------------------------


def test_gradients_in_many_threads_at_once():
    values = [1.0, 4.0, 9.0, 16.0] * 5
    second = lg.grad(lg.grad(square_root))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(second, values))
    np.testing.assert_allclose(found, [-(a**-1.5) / 4 for a in values], rtol=1e-12)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_traced_value_in_another_thread_is_refused(way):
    def f(a):
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(way, a).result()

    with refused(TraceError, "thread"):
        lg.grad(f)(4.0)
    assert way(4.0) == f(4.0)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_traced_value_after_its_trace_is_refused(way):
    kept = []
    lg.grad(lambda a: (kept.append(a), a * a)[1])(4.0)
    with refused(TraceError, "returned"):
        way(kept[0])
    with refused(TraceError, "returned"):
        lg.grad(lambda b: way(kept[0]) * b)(1.0)


def test_plain_values_may_be_solved_in_another_thread():
    def f(a):
        with ThreadPoolExecutor(1) as thread:
            return a * thread.submit(square_root, 4.0).result()

    assert lg.grad(f)(3.0) == 2.0


def test_coroutines_and_generators_hand_over_between_solves():
    async def one(a):
        first = square_root(a)
        await asyncio.sleep(0)
        return first * square_root(a)

    async def all_of(values):
        return await asyncio.gather(*(one(a) for a in values))

    def f(a):
        return sum(asyncio.run(all_of([a, 2.0 * a])))  # a + 2 a

    assert lg.grad(f)(4.0) == pytest.approx(3.0, rel=1e-14)

    def roots(a):
        z = 1.0
        while True:
            z = square_root(a, z)
            yield z

    def g(a):
        found = roots(a)
        return next(found) * next(found) * a

    assert lg.grad(g)(4.0) == pytest.approx(8.0, rel=1e-14)


def test_a_solver_that_is_a_generator_inside():
    def heron(z, a):
        def steps():
            x = z
            for _ in range(60):
                x = (x + a / x) / 2
                yield x

        *_, last = steps()
        return last

    solve = lg.implicit(heron, lambda z, a: z * z - a)
    assert lg.grad(lambda a: solve(1.0, a))(4.0) == pytest.approx(0.25, rel=1e-14)


# -- views, branches, and what is stopped ----------------------------------------------------------


@pytest.mark.parametrize("way", ["parameter", "captured", "solver"])
def test_views_of_what_was_written_are_read_as_they_are_now(way):
    """p^2 of a view whose base was written after it was taken: 26 a_1^2."""

    def f(a):
        b = a * 1.0
        p = b[0:2]
        b[0] = 5.0 * a[1]
        if way == "parameter":
            return lg.root(lambda z, p: z - p**2, np.ones(2), p).sum()
        if way == "captured":
            return lg.root(lambda z: z - p**2, np.ones(2)).sum()
        return lg.implicit(lambda z0, p: p**2, lambda z, p: z - p**2)(np.ones(2), p).sum()

    assert f(np.array([1.0, 2.0, 3.0])) == 104.0
    np.testing.assert_allclose(lg.grad(f)(np.array([1.0, 2.0, 3.0])), [0.0, 104.0, 0.0])


def test_values_may_be_written_after_they_were_found():
    def f(a):
        b = a * 1.0
        z = lg.root(lambda z, p: z - p**2, np.ones(3), b)
        b[0] = 100.0
        z[1] = 7.0
        return np.sum(z) + np.sum(b)

    np.testing.assert_allclose(lg.grad(f)(np.array([1.0, 2.0, 3.0])), [2.0, 1.0, 7.0])


def test_conditions_may_branch_on_the_unknown():
    """z |z| = a by an if: the branch at the solution counts, not those on the way."""

    def g(z, a):
        if z > 0:
            return z * z - a
        return -(z * z) - a

    solve = lambda a: lg.root(g, -3.0, a)  # noqa: E731
    assert (solve(4.0), lg.grad(solve)(4.0)) == pytest.approx((2.0, 0.25), rel=1e-14)
    assert (solve(-4.0), lg.grad(solve)(-4.0)) == pytest.approx((-2.0, 0.25), rel=1e-14)
    assert lg.hessian(solve)(-4.0) == pytest.approx(1 / 32, rel=1e-13)


def test_stop_gradient_inside_of_conditions():
    solve = lambda a: lg.root(lambda z, a: z - lg.stop_gradient(a) * a, 1.0, a)  # noqa: E731
    assert lg.grad(solve)(3.0) == 3.0


def test_solutions_that_were_traced_pickle_with_their_certificates():
    kept = []

    def f(a):
        z, certificate = lg.root(lambda z: z * z - a, 1.0, full_output=True)
        kept.append(certificate)
        return z

    lg.grad(f)(4.0)
    copy = pickle.loads(pickle.dumps(kept[0]))
    assert copy.report() == kept[0].report()
    assert len(copy.solves) == 1
