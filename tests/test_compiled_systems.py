"""Systems and cycles by programs: the same as without, whatever happens around them."""

import copy
import os
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lagrad as lg
from lagrad.equations import USES
from lagrad.forward.search import SEARCHES
from lagrad.status import ConvergenceError, LagradError, TraceError

OFTEN = max(SEARCHES, USES) + 3


def sellar():
    s = lg.System(x=1.0, z1=5.0, z2=2.0)

    @s.constraint(start=1.0)
    def y1(x, z1, z2, y2):
        return z1**2 + z2 + x - 0.2 * y2

    @s.constraint(start=1.0)
    def y2(z1, z2, y1):
        return np.sqrt(y1) + z1 + z2

    @s.constraint
    def f(x, z2, y1, y2):
        return x**2 + z2 + y1 + np.exp(-y2)

    return s


def branches():
    s = lg.System(a=1.0)

    @s.constraint(start=0.5)
    def y(a, y):
        return 0.3 * np.sin(y) + a if a > 1.0 else 0.2 * y + a**2

    @s.constraint
    def f(a, y):
        return y * a if y > 1.2 else y - a

    return s


def selections():
    s = lg.System(a=1.0)

    @s.constraint(start=0.5)
    def y(a, y):
        return np.where(y > a, 0.3 * np.sin(y) + a, 0.2 * y + a)

    @s.constraint
    def f(a, y):
        return np.where(a > 1.1, np.log(a) * y, y)

    return s


def arrays():
    s = lg.System(a=np.array([1.0, 2.0, 0.5]), b=0.3)

    @s.constraint(start=np.ones(3))
    def u(a, b, v):
        return a + b * np.cos(v)

    @s.constraint(start=np.ones(3))
    def v(b, u):
        return b * np.roll(u, 1) ** 2

    @s.constraint
    def f(u, v):
        return u @ v

    return s


def residuals():
    s = lg.System(a=2.0)
    s.unknown("x", start=1.0)
    s.unknown("y", start=1.0)

    @s.residual
    def first(a, x, y):
        return x**2 + y - a

    @s.residual
    def second(x, y):
        return x - y**3

    @s.constraint
    def f(x, y):
        return x * y

    return s


def plain(system):
    """The same system, which writes no programs."""
    for name in ("writer", "equations"):
        del system.structures[name]
    return system


def programs(system):
    """The programs of the cycles of a system."""
    found = (getattr(known, "program", None) for known in system.structures.values())
    return [p for p in found if p is not None]


def same(a, b):
    """Assert that two solutions are the same, with all that they say of themselves."""
    for name in b:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-14, atol=0)
    for c, d in zip(a.cycles.values(), b.cycles.values(), strict=True):
        told = "variables", "sizes", "status", "steps", "factorisations", "method", "linear", "why"
        assert [getattr(c, t) for t in told] == [getattr(d, t) for t in told]
        assert c.residual == pytest.approx(d.residual, abs=1e-14)


@pytest.mark.parametrize(
    ("make", "name", "wrt"),
    [
        (sellar, "x", np.linspace(0.5, 3.0, OFTEN)),
        (branches, "a", np.tile([0.7, 1.5, 1.1, 0.9], OFTEN)),
        (selections, "a", np.tile([0.7, 1.5, 1.1, 0.9], OFTEN)),
        (arrays, "b", np.linspace(0.1, 0.5, OFTEN)),
        (residuals, "a", np.linspace(1.5, 3.0, OFTEN)),
    ],
)
def test_solutions_and_gradients_are_those_without_programs(make, name, wrt):
    fast, slow = make(), plain(make())
    for x in wrt:
        a, b = fast.solve(**{name: x}), slow.solve(**{name: x})
        same(a, b)
        ga, gb = a.gradient("f"), b.gradient("f")
        for key in gb:
            np.testing.assert_allclose(ga[key], gb[key], rtol=2e-14, atol=1e-300)
        ja, jb = a.jacobian(["f"]), b.jacobian(["f"])
        for key in jb["f"]:
            np.testing.assert_allclose(ja["f"][key], jb["f"][key], rtol=2e-14, atol=1e-300)
    found = programs(fast)
    assert found
    assert not any(p.over for p in found)
    assert not programs(slow)


def test_a_single_solve_writes_nothing():
    s = sellar()
    for _ in range(SEARCHES):
        s.solve().gradient("f")
    assert not programs(s)
    assert all(e.program.compiled._written == 0 for e in s.structures["equations"].known.values())


def test_what_is_around_is_seen_when_it_changes():
    table = np.array([0.5, 0.25])
    factor = 0.2

    def made():
        s = lg.System(x=1.0)
        s.constrain("y", lambda x, y: x + factor * np.cos(y) * table[1], ["x", "y"], start=1.0)
        s.constrain("f", lambda y: factor * y**2 * table[0], ["y"])
        return s

    fast, slow = made(), plain(made())
    for k in range(OFTEN + 6):
        if k == OFTEN:
            factor = 0.4
        if k == OFTEN + 2:
            table[:] = [0.1, 0.7]
        if k == OFTEN + 4:
            table = np.array([1.5, 0.3])
        a, b = fast.solve(x=1.0 + 0.1 * k), slow.solve(x=1.0 + 0.1 * k)
        same(a, b)
        assert a.gradient("f")["x"] == pytest.approx(b.gradient("f")["x"], rel=1e-14)


def test_what_no_program_sees_is_seen_by_the_constraints_themselves(monkeypatch):
    drawn = np.random.default_rng(0)
    monkeypatch.setenv("RATE", "0.2")

    def hidden():
        return float(os.environ["RATE"])

    s = lg.System(x=1.0)
    s.constrain("y", lambda x, y: x + hidden() * np.cos(y), ["x", "y"], start=1.0)
    s.constrain("f", lambda y: y**2 * hidden(), ["y"])
    for _ in range(OFTEN):
        s.solve().gradient("f")
    assert not programs(s)[0].over
    for rate in (0.3, 0.1):
        monkeypatch.setenv("RATE", str(rate))
        found = s.solve()
        assert found["y"] == pytest.approx(1.0 + rate * np.cos(found["y"]), rel=1e-14)
        dy = 1.0 / (1.0 + rate * np.sin(found["y"]))
        assert found.gradient("f")["x"] == pytest.approx(2 * found["y"] * rate * dy, rel=1e-13)
    assert programs(s)[0].over
    noisy = lg.System(x=1.0)
    noisy.constrain("y", lambda x: x * (1.0 + drawn.random()), ["x"])
    for _ in range(OFTEN):
        with pytest.raises(TraceError, match="something else that it reads has changed"):
            noisy.solve().gradient("y")


def test_data_is_part_of_what_a_program_is_called_with():
    def made():
        s = lg.System(x=1.0, n="ab", kind="cos", w=np.array([1, 2, 3]))

        @s.constraint(start=0.5)
        def y(x, y, n, kind, w):
            found = np.cos(y) if kind == "cos" else np.sin(y)
            for k in range(len(n)):
                found = found + x * w[k]
            return 0.1 * found

        return s

    fast, slow = made(), plain(made())
    for k in range(OFTEN):
        given = {
            "n": "abc"[: 1 + k % 3],
            "kind": ["cos", "sin"][k % 2],
            "w": np.array([k, 2, 3 - k]),
        }
        same(fast.solve(**given), slow.solve(**given))
    s = lg.System(x=1.0, table={"a": [1.0, 2.0]}, other=object())
    s.constrain("y", lambda x, y, table, other: x + 0.1 * y * table["a"][1], None, start=1.0)
    for k in range(OFTEN):
        assert s.solve(x=1.0 + k)["y"] == pytest.approx((1.0 + k) / 0.8, rel=1e-14)


def test_failures_are_told_as_without_programs():
    def made():
        s = lg.System(a=1.0)
        s.constrain("y", lambda a, y: y + y**2 + a, ["a", "y"], start=1.0)
        return s

    fast, slow = made(), plain(made())
    for a in np.linspace(-1.0, -2.0, OFTEN):
        same(fast.solve(a=a), slow.solve(a=a))
    texts = []
    for system in (fast, slow):
        with pytest.raises(ConvergenceError) as told:
            system.solve(a=1.0)
        texts.append(str(told.value))
    assert texts[0] == texts[1]
    a, b = (system.solve(a=1.0, throw=False) for system in (fast, slow))
    same(a, b)
    same(fast.solve(a=-1.5), slow.solve(a=-1.5))
    for system in (fast, slow):
        with pytest.raises(LagradError) as undefined:
            system.solve(a=np.nan)
        texts.append(str(undefined.value))
    assert texts[2] == texts[3]


def test_undefined_partials_and_values_outside_of_a_domain():
    def made():
        s = lg.System(a=1.0)
        s.constrain("y", lambda a, y: a + 0.1 * np.sqrt(np.abs(y)), ["a", "y"], start=1.0)
        s.constrain("z", lambda a: np.sqrt(a), ["a"])
        s.constrain("f", lambda y, z, a: np.where(a > 0, z, y), ["y", "z", "a"])
        return s

    fast, slow = made(), plain(made())
    for a in (*np.linspace(0.5, 2.0, OFTEN), 0.0, 0.3, -0.4):
        with np.errstate(all="ignore"):
            found = [s.solve(a=a, throw=False) for s in (fast, slow)]
        same(*found)
        told = []
        for solution in found:
            try:
                told.append(solution.gradient("f")["a"])
            except LagradError as error:
                told.append(str(error))
        assert told[0] == pytest.approx(told[1], rel=1e-14) if a > 0 else told[0] == told[1]


def test_one_that_is_another_at_each_call_is_left_alone_without_a_word():
    count = 0

    def made():
        s = lg.System(x=1.0)
        s.constrain("y", lambda x, y: x + 0.1 * np.cos(y) + 0.0 * count, ["x", "y"], start=1.0)
        s.constrain("z", lambda x, y: y if len(f"{x}") > 3 else x, ["x", "y"])
        return s

    fast, slow = made(), plain(made())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(4 * OFTEN):
            count = k
            a, b = fast.solve(x=1.0 + 0.01 * k), slow.solve(x=1.0 + 0.01 * k)
            same(a, b)
            assert a.gradient("z") == b.gradient("z")
    assert all(p.over for p in programs(fast))


def test_systems_pickle_and_copy():
    def root(x, y):
        return 0.5 * (y + x / y)

    s = lg.System(x=2.0)
    s.constrain("y", np.hypot, ["x", "z"], start=1.0)
    s.constrain("z", np.arctan, ["y"], start=1.0)
    for k in range(OFTEN):
        s.solve(x=2.0 + k).gradient("y")
    assert programs(s)
    expected = s.solve(x=3.0)
    for other in (pickle.loads(pickle.dumps(s)), copy.deepcopy(s), copy.copy(s)):
        for _ in range(OFTEN):
            found = other.solve(x=3.0)
            assert found.gradient("y") == expected.gradient("y")
        same(found, expected)
    again = pickle.loads(pickle.dumps(expected))
    assert again.gradient("y")["x"] == pytest.approx(expected.gradient("y")["x"], rel=1e-14)
    # A shallow copy shares what was found out, and may hold other constraints of the same names.
    one, two = lg.System(x=2.0), lg.System(x=2.0)
    two.structures = one.structures
    one.constrain("y", root, ["x", "y"], start=1.0)
    two.constrain("y", lambda x, y: root(x + 1.0, y), ["x", "y"], start=1.0)
    for _ in range(OFTEN):
        assert one.solve()["y"] == pytest.approx(np.sqrt(2.0), rel=1e-14)
        assert two.solve()["y"] == pytest.approx(np.sqrt(3.0), rel=1e-14)


def test_threads_share_a_system():
    s, slow = sellar(), plain(sellar())
    points = np.linspace(0.5, 4.0, 60)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: s.solve(x=x).gradient("f")["x"], points))
    expected = [slow.solve(x=x).gradient("f")["x"] for x in points]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def kepler(E, M, e):  # noqa: N803
    return E - e * np.sin(E) - M


def test_kepler_in_a_compiled_gradient():
    g = lg.compile(lg.grad(lambda M, e: lg.root(kepler, M, M, e)))  # noqa: N803
    for M in np.linspace(0.3, 2.5, OFTEN):  # noqa: N806
        E = lg.root(kepler, M, M, 0.3)  # noqa: N806
        assert g(M, 0.3) == pytest.approx(1.0 / (1.0 - 0.3 * np.cos(E)), rel=1e-13)
    assert g.stats["programs"] == 1


@pytest.mark.parametrize("solve", [lg.fixed_point, lg.argmin])
def test_fixed_points_and_minima_in_a_compiled_gradient(solve):
    def f(z, a):
        return a + 0.3 * np.cos(z) if solve is lg.fixed_point else (z - a) ** 2 + 0.1 * z**4

    inner = lg.grad(lambda a: solve(f, 0.5, a))
    g = lg.compile(inner)
    for a in np.linspace(0.3, 2.5, OFTEN):
        assert g(a) == pytest.approx(inner(a), rel=1e-12)


def test_an_implicit_function_called_many_times():
    solve = lg.implicit(lambda z0, a, b: np.sqrt(a * b), lambda z, a, b: z * z - a * b)
    for a in np.linspace(0.5, 3.0, OFTEN):
        z = solve(np.ones(2), np.array([a, 2.0]), 3.0)
        np.testing.assert_allclose(z, np.sqrt(3.0 * np.array([a, 2.0])), rtol=1e-15)
        slope = lg.grad(lambda a: solve(1.0, a, 3.0))(a)
        assert slope == pytest.approx(0.5 * np.sqrt(3.0 / a), rel=1e-13)
    wrong = lg.implicit(lambda z0, a: z0, lambda z, a: z * z - a)
    for _ in range(OFTEN):
        assert wrong(2.0, 4.0) == 2.0
        with pytest.raises(ConvergenceError):
            wrong(2.0, 5.0)


def test_values_around_that_are_traced_keep_their_derivative():
    solve = None

    def conditions(z, a):
        return z * z - a * scale

    solve = lg.implicit(lambda z0, a: np.sqrt(a * float(np.asarray(plain_scale))), conditions)
    scale = plain_scale = 3.0
    for _ in range(OFTEN):
        assert solve(1.0, 2.0) == pytest.approx(np.sqrt(6.0))

    def through(s):
        nonlocal scale
        scale = s
        return solve(1.0, 2.0)

    for _ in range(OFTEN):
        assert lg.grad(through)(3.0) == pytest.approx(0.5 * np.sqrt(2.0 / 3.0), rel=1e-13)
    scale = 3.0
    assert solve(1.0, 2.0) == pytest.approx(np.sqrt(6.0))
