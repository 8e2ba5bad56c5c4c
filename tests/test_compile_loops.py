"""Rolled loops under compile: values and derivatives, and where they are not rolled."""

from functools import partial

import numpy as np
import pytest
from uncompiled import agrees, assert_same, programs

import lagrad as lg

bug = partial(pytest.mark.xfail, strict=True)
ignored = pytest.mark.filterwarnings("ignore::RuntimeWarning")
V, W = np.array([0.3, -0.7, 1.1]), np.array([1.5, 0.2, -0.4])
M = np.array([[0.5, 0.1, 0.2], [-0.3, 0.8, 0.4], [0.2, -0.1, 0.9]])
XS, YS = np.linspace(0.1, 1.0, 6), np.linspace(-0.5, 0.5, 6) ** 2
ROWS = np.outer(XS, W)


def number(a, xs):
    def step(z, x):
        return np.sin(z) * a + x, z * x

    last, path = lg.scan(step, a, xs)
    return last + np.sum(path**2)


def vector(a, xs):
    def step(z, x):
        return np.tanh(M @ z + a * x), z**2

    last, path = lg.scan(step, a * 0.5, xs)
    return np.sum(last) + np.sum(path * XS[:, None])


def rows(a, xs):
    last, path = lg.scan(lambda z, x: (np.cos(z) * x + a, (z, np.sum(z * x))), a, xs)
    return np.sum(last * path[0][-1]) + np.sum(path[0] ** 2) + np.sum(np.sin(path[1]))


def several(a, xs):
    def step(carry, x):
        p, q = carry["p"], carry["q"][0]
        return {"p": q * x + p, "q": [np.sum(p) * a + q, carry["q"][1] * a]}, (p, q)

    last, path = lg.scan(step, {"p": a * V, "q": [a, a + 1.0]}, xs)
    return np.sum(last["p"]) + last["q"][0] * last["q"][1] + np.sum(path[0] ** 2)


def swapped(a, xs):
    last, _ = lg.scan(lambda c, x: ((c[1] * x, c[0] + np.sin(c[1])), None), (a, a * 2), xs)
    return last[0] * last[1]


def counted(a, xs):
    return lg.fori_loop(1, 7, lambda i, z: np.sin(z) * a + xs[i - 1] / i, a)


def powers(a, xs):
    return lg.fori_loop(0, 5, lambda i, z: z * a + i**2 - a ** (i % 3), 1.0 + a) * np.sum(xs)


def captured_from_around(a, xs):
    b = np.exp(a)
    return lg.fori_loop(0, 4, lambda i, z: np.cos(z * b) + np.sum(xs * a), a) * b


def in_place(a, xs):
    def step(z, x):
        z = z.copy()
        z[0] = x * a
        z[1:] += z[:-1] * 0.5
        return z, z[::-1]

    last, path = lg.scan(step, V * a, xs)
    return np.sum(last**2) + np.sum(path)


def two_loops(a, xs):
    first, path = lg.scan(lambda z, x: (np.sin(z + x), z), a, xs)
    last, again = lg.scan(lambda z, x: (z * first + x, z), a, path)
    return last + np.sum(again)


def loop_in_loop(a, xs):
    def outer(z, x):
        inner, _ = lg.scan(lambda w, y: (np.cos(w) + z * 0.1, None), z, YS)
        return inner + x, inner

    last, path = lg.scan(outer, a, xs)
    return last + np.sum(path)


def derivative_in_a_loop(a, xs):
    def step(z, x):
        return z - 0.1 * lg.grad(lambda w: (w - x) ** 2 * np.exp(0.1 * w))(z), z

    return lg.scan(step, a, xs)[0] ** 2


def masked(a, xs):
    def step(z, x):
        return np.where(z > 0.3, np.log(np.abs(z)) + x, z * x + 0.9), np.maximum(z, x)

    last, path = lg.scan(step, a, xs)
    return last + np.sum(path)


NUMBERS = [number, several, swapped, counted, powers, captured_from_around, in_place, two_loops]
NUMBERS += [loop_in_loop, derivative_in_a_loop, masked]
CASES = {f.__name__: (f, (0.7, XS), (0.3, YS)) for f in NUMBERS}
CASES["vector"] = (vector, (V, XS), (W, YS))
CASES["rows"] = (rows, (V, ROWS), (W, ROWS**2))

DERIVATIVES = {
    "value": lambda f: f,
    "gradient": lambda f: lg.value_and_grad(f, argnums=(0, 1)),
    "hessian": lambda f: lg.hessian(f),
    "second argument": lambda f: lg.jacobian(lambda a, xs: lg.grad(f, argnums=1)(a, xs)[..., 0]),
    "jvp": lambda f: lambda a, xs: lg.jvp(f, (a, xs), (a + 0.5, xs * 2)),
    "hvp": lambda f: lambda a, xs: lg.hvp(f, (a, xs), (a + 0.5, xs * 2)),
    "jacobian": lambda f: lg.jacobian(lambda a, xs: lg.grad(f)(a, xs) * 2),
}


@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("name", CASES)
def test_loops_agree_and_need_one_program(name, derivative):
    function, *calls = CASES[name]
    g = agrees(DERIVATIVES[derivative](function), *calls, rtol=1e-11, atol=1e-12)
    assert programs(g) == 1


@pytest.mark.parametrize("name", ["number", "vector", "rows", "swapped", "counted", "masked"])
def test_gradients_are_those_of_the_python_loop(name, monkeypatch):
    function, *calls = CASES[name]
    g = lg.compile(lg.grad(function))
    found = [g(*args) for args in calls]

    def scan(step, carry, xs):
        path = []
        for x in xs:
            carry, y = step(carry, x)
            path.append(y)
        if isinstance(path[0], tuple):
            return carry, tuple(map(np.stack, zip(*path, strict=True)))
        return carry, None if path[0] is None else np.stack(path)

    def fori_loop(begin, end, step, carry):
        for i in range(begin, end):
            carry = step(i, carry)
        return carry

    monkeypatch.setattr(lg, "scan", scan)
    monkeypatch.setattr(lg, "fori_loop", fori_loop)
    assert_same(found, [lg.grad(function)(*args) for args in calls], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["number", "vector", "rows", "swapped", "counted", "several"])
def test_a_loop_is_printed_as_a_loop(name):
    function, args, _ = CASES[name]
    g = lg.compile(lg.value_and_grad(function))
    g(*args)
    assert g.source.count("\n    for ") == 2, "one there and one back"
    assert len(g.source.splitlines()) < 110


def test_one_loop_gives_values_and_states():
    g = lg.compile(lg.value_and_grad(lambda a: lg.fori_loop(0, 50, lambda i, z: np.sin(z) * a, a)))
    g(0.7)
    assert g.source.count("math.sin(") <= 2
    assert g.source.count("\n    for ") == 2


# -- where Python asks ---------------------------------------------------------------------------


def test_branches_on_the_counter():
    def f(a):
        return lg.fori_loop(0, 5, lambda i, z: np.sin(z) * a if i % 2 else z + a, a)

    for h in (f, lg.grad(f), lg.hessian(f)):
        agrees(h, (0.3,), (0.9,), (-2.0,), rtol=1e-13)


def test_branches_on_values():
    def f(a):
        return lg.fori_loop(0, 6, lambda i, z: np.sin(z) * a if z > 0.3 else z + a, a)

    for h in (f, lg.value_and_grad(f), lg.hessian(f)):
        agrees(h, (0.3,), (0.9,), (-2.0,), (0.31,), (0.3,), rtol=1e-13)


def test_indices_that_are_carried():
    def f(a):
        def step(i, carry):
            k, z = carry
            return (k + 2) % 3, z * a[k] + i

        return lg.fori_loop(0, 5, step, (0, a[0]))

    agrees(f, (V,), (W,), rtol=1e-14)
    agrees(lg.grad(lambda a: f(a)[1]), (V,), (W,), rtol=1e-13)


def test_whole_numbers_that_are_carried():
    def f(a):
        return lg.fori_loop(
            0, 4, lambda i, c: (c[0] + i, c[1] * a + c[0], c[2] or i > 2), (0, a, False)
        )

    agrees(f, (0.3,), (0.9,))
    agrees(lg.grad(lambda a: f(a)[1]), (0.3,), (0.9,), rtol=1e-14)


def test_no_steps_at_all():
    def f(a, xs):
        last, path = lg.scan(lambda z, x: (np.sin(z) * x, z), a * 2, xs)
        return last + np.sum(path), lg.fori_loop(3, 3, lambda i, z: z * a, a)

    none = np.zeros(0)
    agrees(f, (0.3, none), (0.9, none))
    agrees(lg.grad(lambda a, xs: f(a, xs)[0] * f(a, xs)[1]), (0.3, none), (0.9, none), rtol=1e-14)


def test_one_step():
    agrees(lg.grad(number), (0.3, XS[:1]), (0.9, YS[:1]), rtol=1e-13)


def test_lengths_have_programs_of_their_own():
    g = agrees(lg.grad(number), (0.3, XS), (0.9, XS[:4]), (0.5, XS), (0.5, YS[:4]), rtol=1e-12)
    assert programs(g) == 2


# -- numbers -------------------------------------------------------------------------------------


@ignored
@pytest.mark.parametrize(
    "step",
    [
        lambda z, n: (z + 1.0 / n, z),
        lambda z, n: (z * 0.5 + z / n, z),
        lambda z, n: (z + n**0.5, z * n),
        lambda z, n: (z + n**-1.0, z),
        lambda z, n: (z + n * n * n * 1.0, n * 2),
        lambda z, n: (z // n, z % n),
        lambda z, n: (z ** (n % 3), n),
        lambda z, n: (z + np.log(n), np.sqrt(n)),
        lambda z, n: (z + np.sign(n) * abs(n), -n),
        lambda z, n: (z * np.exp(n), np.where(n > 1, z, n)),
    ],
)
def test_steps_over_whole_numbers(step):
    def f(z, ns):
        return lg.scan(step, z, ns)

    calls = [np.arange(1, 4), np.arange(4), np.array([-1, 0, 3]), np.arange(3) + 2**40]
    agrees(f, *((1.5, ns) for ns in calls), (0.0, np.array([3, 0, 1])), rtol=1e-13)


@ignored
@pytest.mark.parametrize(
    "step",
    [
        lambda z, x: (1.0 / (z - x), z),
        lambda z, x: (z + np.log(x), x),
        lambda z, x: (np.exp(z * z), z),
        lambda z, x: (z + np.sign(x), x**0.5),
        lambda z, x: (np.maximum(z, x), np.minimum(z, x)),
    ],
)
def test_steps_that_are_not_finite(step):
    def f(z, xs):
        return lg.scan(step, z, xs)

    calls = [(1.5, np.array([3.0, 4.0])), (1.5, np.array([1.5, 2.0])), (9.0, np.array([-1.0, 2.0]))]
    agrees(f, *calls, (1.5, np.array([np.inf, np.nan])), (np.nan, np.ones(3)), rtol=1e-13)
    total = lg.value_and_grad(lambda z, xs: f(z, xs)[0] + np.sum(f(z, xs)[1]))
    g = lg.compile(total)
    g(*calls[0])
    for args in calls[1:]:
        agrees(total, args, compiled=g, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, complex, np.complex64])
def test_dtypes_of_carries(dtype):
    def f(a, xs):
        last, path = lg.scan(lambda z, x: (np.cos(z) * x, (z, z * 2)), a, xs)
        return last, path

    tolerance = 1e-5 if dtype in (np.float32, np.complex64) else 1e-13
    agrees(f, (dtype(0.5), XS.astype(dtype)), (dtype(0.9), YS.astype(dtype)), rtol=tolerance)
    agrees(f, (V.astype(dtype), ROWS.astype(dtype)), rtol=tolerance)
    total = lg.grad(lambda a, xs: np.real(f(a, xs)[0]) ** 2, argnums=(0, 1))
    agrees(total, (dtype(0.5), XS.astype(dtype)), rtol=10 * tolerance, atol=tolerance)


def test_results_of_loops_share_no_memory():
    def f(a, xs):
        return lg.scan(lambda z, x: (z * 1, (z, x, a)), a, xs)

    g = lg.compile(f)
    a, xs = V.copy(), ROWS.copy()
    for _ in range(2):
        found = [leaf for _, leaf in lg.containers.leaves(g(a, xs))]
        for k, leaf in enumerate(found):
            assert not any(np.shares_memory(leaf, other) for other in (a, xs, *found[:k]))
            leaf[...] = np.nan
    assert_same((a, xs), (V, ROWS))


def test_captured_arrays_may_change_between_calls():
    table = XS.copy()

    def f(a):
        return lg.scan(lambda z, x: (np.sin(z) * x + table[0], None), a, table)[0]

    h = lg.value_and_grad(f)
    g = agrees(h, (0.7,), rtol=1e-13)
    table[:] = YS
    agrees(h, (0.7,), compiled=g, rtol=1e-13)
    table = XS * 2
    agrees(h, (0.7,), compiled=g, rtol=1e-13)
    assert programs(g) == 1


@bug(reason="bug 16: a step that reads what an outer step reads is refused, uncompiled too")
def test_loop_in_loop_that_reads_the_outermost_argument():
    def f(a):
        def outer(i, z):
            return lg.fori_loop(0, 4, lambda j, w: np.cos(w) * a, z)

        return lg.fori_loop(0, 3, outer, a)

    assert_same(lg.compile(lg.grad(f))(0.3), (f(0.3 + 1e-6) - f(0.3 - 1e-6)) / 2e-6, rtol=1e-8)


# -- numba ---------------------------------------------------------------------------------------


KNOWN = [("number", "value"), ("swapped", "jvp"), ("masked", "value")]
UNKNOWN = [("number", "gradient"), ("counted", "gradient"), ("masked", "gradient")]
MARK = bug(reason="bugs 39 and 40: numba does not know these lines, or warns")


@pytest.mark.parametrize(
    ("name", "derivative"), [*KNOWN, *(pytest.param(*case, marks=MARK) for case in UNKNOWN)]
)
def test_loops_by_numba(name, derivative):
    pytest.importorskip("numba")
    function, *calls = CASES[name]
    agrees(DERIVATIVES[derivative](function), *calls, rtol=1e-11, atol=1e-12, jit="numba")


def test_numba_runs_again_what_does_not_fit():
    pytest.importorskip("numba")

    def f(x):
        return np.exp(x) * 2 if x > 0 else np.log(x + 1.0) / x

    h = lg.value_and_grad(f)
    g = agrees(h, (1.0,), (-0.5,), (2.0,), (1000.0,), (-0.25,), rtol=1e-13, jit="numba")
    assert programs(g) == 2


def test_what_numba_does_not_know_runs_without_it():
    pytest.importorskip("numba")
    from scipy.special import gammaln

    g = lg.compile(lg.grad(lambda x: np.sum(gammaln(x) * x)), jit="numba")
    with pytest.warns(UserWarning, match="runs without numba"):
        found = g(W + 2)
    assert_same(found, lg.grad(lambda x: np.sum(gammaln(x) * x))(W + 2), rtol=1e-14)
