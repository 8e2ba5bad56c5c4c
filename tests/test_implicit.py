"""Values that satisfy conditions, as constraints: every way in, every container, any order.

Expected are closed forms and differences of the values themselves.
"""

import dataclasses
from collections import namedtuple

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import brentq
from scipy.optimize import root as scipy_root

import lagrad as lg

# -- one equation through every door: z^3 + z = a --------------------------------------------------


def cubic(z, a):
    return z**3 + z - a


def by_root(a):
    return lg.root(cubic, 1.0, a)


def by_captured_root(a):
    return lg.root(lambda z: z**3 + z - a, 1.0)


def by_fixed_point(a):
    return lg.fixed_point(lambda z, a: a - z**3, 1.0, a)


def by_iteration(a):
    return lg.fixed_point(lambda z, a: z - cubic(z, a) / 20.0, 1.0, a, method="iteration")


def by_anderson(a):
    return lg.fixed_point(lambda z, a: z - cubic(z, a) / 20.0, 1.0, a, method="anderson")


def by_argmin(a):
    return lg.argmin(lambda z, a: z**4 / 4 + z**2 / 2 - a * z, 1.0, a)


def by_bisection(a):
    def bisect(low, a):
        high = 10.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if cubic(middle, a) < 0 else (low, middle)
        return low

    return lg.implicit(bisect, cubic)(0.0, a)


def by_brentq(a):
    solve = lg.implicit(lambda z0, a: brentq(cubic, 0.0, 10.0, (a,), xtol=1e-14), cubic)
    return solve(0.0, a)


def by_scipy_root(a):
    solve = lg.implicit(lambda z0, a: scipy_root(cubic, z0, (a,), tol=1e-13), cubic)
    return solve(np.ones(1), a)[0]


def by_system(a):
    system = lg.System(a=1.0)
    system.constraint(lambda a, z: a - z**3, name="z", start=1.0)
    return system.solve(a=a)["z"]


def by_residual(a):
    system = lg.System(a=1.0)
    system.unknown("z", start=1.0)
    system.residual(lambda z, a: cubic(z, a), name="g")
    return system.solve(a=a)["z"]


WAYS = [
    by_root,
    by_captured_root,
    by_fixed_point,
    by_iteration,
    by_anderson,
    by_argmin,
    by_bisection,
    by_brentq,
    by_scipy_root,
    by_system,
    by_residual,
]

#: At a = 10 the root is 2, and D = 3 z^2 + 1 = 13.
DERIVATIVES = [2.0, 1 / 13, -12 / 13**3, (90 * 4 - 6) / 13**5]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_in_has_derivatives_to_order_three(way):
    f = way
    for order, expected in enumerate(DERIVATIVES):
        assert float(f(10.0)) == pytest.approx(expected, rel=1e-10), order
        f = lg.grad(f)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_transformation_goes_through_every_way_in(way):
    z, first, second, third = DERIVATIVES
    value, tangent = lg.jvp(way, (10.0,), (2.0,))
    assert (value, tangent) == pytest.approx((z, 2 * first), rel=1e-10)
    value, pull = lg.vjp(way, 10.0)
    assert (value, pull(3.0)[0]) == pytest.approx((z, 3 * first), rel=1e-10)
    assert lg.value_and_grad(way)(10.0) == pytest.approx((z, first), rel=1e-10)
    assert lg.jacobian(way)(10.0) == pytest.approx(first, rel=1e-10)
    assert lg.hessian(way)(10.0) == pytest.approx(second, rel=1e-10)
    assert lg.hvp(way, (10.0,), (2.0,)) == pytest.approx(2 * second, rel=1e-10)
    assert lg.hvp(lg.grad(way), (10.0,), (2.0,)) == pytest.approx(2 * third, rel=1e-9)
    assert lg.jvp(lg.grad(way), (10.0,), (1.0,))[1] == pytest.approx(second, rel=1e-10)
    assert lg.jacobian(lambda a: lg.jvp(way, (a,), (1.0,))[1])(10.0) == pytest.approx(second)


def test_the_second_derivative_of_a_bisection_is_not_zero():
    """Differentiated along its steps it is zero or noise: they only compare."""
    assert lg.hessian(by_bisection)(10.0) == pytest.approx(-12 / 13**3, rel=1e-10)
    assert lg.hessian(lambda a: by_bisection(a) * a)(10.0) == pytest.approx(
        2 / 13 - 10 * 12 / 13**3, rel=1e-10
    )


# -- containers ------------------------------------------------------------------------------------

Pair = namedtuple("Pair", "x y")


@dataclasses.dataclass
class State:
    x: float
    y: np.ndarray
    label: str = dataclasses.field(default="steam", metadata={"static": True})


def same(x, y):
    return {"x": x, "y": y}


STARTS = {
    "dict": (same(1.0, np.ones(2)), lambda z: (z["x"], z["y"]), same),
    "tuple": ((1.0, np.ones(2)), lambda z: z, lambda x, y: (x, y)),
    "list": ([1.0, np.ones(2)], lambda z: z, lambda x, y: [x, y]),
    "named tuple": (Pair(1.0, np.ones(2)), lambda z: z, Pair),
    "dataclass": (State(1.0, np.ones(2)), lambda z: (z.x, z.y), State),
    "nested": (
        {"a": [1.0], "b": ({"c": np.ones(2)},)},
        lambda z: (z["a"][0], z["b"][0]["c"]),
        lambda x, y: {"a": [x], "b": ({"c": y},)},
    ),
}


@pytest.mark.parametrize(("start", "parts", "made"), STARTS.values(), ids=STARTS)
def test_unknowns_may_be_any_container(start, parts, made):
    """x^2 = a, y_i = i x: both ways in return what the start is."""

    def conditions(z, a):
        x, y = parts(z)
        return made(x * x - a, y - np.array([1.0, 2.0]) * x)

    def step(z, a):
        x, y = parts(z)
        return made((x + a / x) / 2, np.array([1.0, 2.0]) * x)

    for solve in (lg.root, lg.fixed_point):
        z = solve(conditions if solve is lg.root else step, start, 9.0)
        assert type(z) is type(start)
        np.testing.assert_allclose(np.hstack(parts(z)), [3.0, 3.0, 6.0], rtol=1e-14)

        def total(a, solve=solve):
            x, y = parts(solve(conditions if solve is lg.root else step, start, a))
            return x + y[0] * y[1]  # sqrt(a) + 2 a

        assert lg.grad(total)(9.0) == pytest.approx(1 / 6 + 2, rel=1e-13)
        assert lg.hessian(total)(9.0) == pytest.approx(-1 / 108, rel=1e-11)


def test_a_minimum_over_a_container():
    def loss(p, a):
        return np.sum((p["w"] - a) ** 2) + (p["b"] - p["w"][0]) ** 2

    p = lg.argmin(loss, {"w": np.zeros(2), "b": 0.0}, np.array([1.0, 2.0]))
    np.testing.assert_allclose([*p["w"], p["b"]], [1.0, 2.0, 1.0], rtol=1e-14)
    slope = lg.grad(lambda a: lg.argmin(loss, {"w": np.zeros(2), "b": 0.0}, a)["b"])
    np.testing.assert_allclose(slope(np.array([1.0, 2.0])), [1.0, 0.0], atol=1e-14)


def test_a_fixed_point_may_return_its_keys_in_another_order():
    z = lg.fixed_point(lambda z: {"b": 1 + z["a"] / 2, "a": z["b"] / 2}, {"a": 0.0, "b": 0.0})
    assert list(z) == ["a", "b"]
    assert (z["a"], z["b"]) == pytest.approx((2 / 3, 4 / 3), rel=1e-14)


def test_shapes_come_back_as_they_went_in():
    for start in (np.ones((2, 3)), np.asfortranarray(np.ones((3, 2))), np.ones((2, 1, 2)), 1.0, 2):
        z = lg.root(lambda z: np.reshape(z**2 - 4.0, -1), start)
        assert np.shape(z) == np.shape(start)
        np.testing.assert_allclose(z, 2.0, rtol=1e-14)
    assert lg.root(lambda z: z * z - 9.0, np.array([1, 2])).tolist() == [3.0, 3.0]


def test_the_caller_keeps_the_start_and_the_parameters():
    start, p = np.ones(2), np.array([4.0, 9.0])
    z = lg.root(lambda z, p: z * z - p, start, p)
    z[0] = 7.0
    assert (start.tolist(), p.tolist()) == ([1.0, 1.0], [4.0, 9.0])


# -- parameters ------------------------------------------------------------------------------------


@dataclasses.dataclass
class Plant:
    gain: float
    table: np.ndarray
    order: int
    curve: object = np.sin


def test_parameters_may_be_containers_with_anything_inside():
    """z gain = table[order] + curve(0): only floats are differentiated."""

    def value(gain, table):
        plant = Plant(gain, table, 1)
        extra = {"plant": plant, "rest": [None, "name", (np.array([0, 1]), 2)]}
        return lg.root(
            lambda z, e: z * e["plant"].gain - e["plant"].table[e["plant"].order]
            - e["plant"].curve(0.0) * len(e["rest"]), 1.0, extra,
        )  # fmt: skip

    by_gain, by_table = lg.grad(value, argnums=(0, 1))(2.0, np.array([3.0, 5.0]))
    assert by_gain == pytest.approx(-5 / 4, rel=1e-14)
    np.testing.assert_allclose(by_table, [0.0, 0.5], rtol=1e-14)


def test_gradients_come_back_in_the_container_of_the_parameters():
    def value(p):
        return lg.root(lambda z, p: p["a"] * z - p["b"]["c"], np.ones(2), p).sum()

    found = lg.grad(value)({"a": 2.0, "b": {"c": np.array([3.0, 4.0])}})
    assert found["a"] == pytest.approx(-7 / 4)
    np.testing.assert_allclose(found["b"]["c"], [0.5, 0.5])


def test_sparse_matrices_are_parameters_too():
    matrix = sp.csr_array(np.array([[3.0, 1.0], [1.0, 2.0]]))
    found = lg.grad(lambda b: lg.root(lambda z, m, b: m @ z - b, np.ones(2), matrix, b)[0])
    np.testing.assert_allclose(found(np.ones(2)), [0.4, -0.2], rtol=1e-14)

    def entries(d):
        m = lg.sparse(d, ([0, 0, 1, 1], [0, 1, 0, 1]), (2, 2))
        return lg.root(lambda z: m @ z - 1.0, np.ones(2))[0]

    dense = np.linalg.inv(matrix.toarray())
    expected = -np.outer(dense[0], dense @ np.ones(2)).ravel()  # -R^-1 dM z
    np.testing.assert_allclose(lg.grad(entries)(np.array([3.0, 1.0, 1.0, 2.0])), expected)


def test_what_the_conditions_do_not_depend_on_has_gradient_zero():
    assert lg.grad(lambda a: lg.root(lambda z, a: z * z - 2.0, 1.0, a))(3.0) == 0.0
    assert lg.grad(lambda a: lg.root(lambda z: z * z - 2.0, a))(3.0) == 0.0  # nor on the start
    assert lg.jvp(lambda a: lg.root(lambda z, a: z - 2.0, 1.0, a), (3.0,), (1.0,))[1] == 0.0


def test_written_views_are_read_as_they_are_now():
    def value(a):
        b = a * 1.0
        view = b[0:2]
        b[0] = 5.0 * a[1]
        return lg.root(lambda z, p: z - p**2, np.ones(2), view).sum()  # 25 a1^2 + a1^2

    np.testing.assert_allclose(lg.grad(value)(np.array([1.0, 2.0, 3.0])), [0.0, 104.0, 0.0])


# -- complex and single precision ------------------------------------------------------------------


def complex_difference(f, a, h=1e-6):
    """Return df/d(re) - i df/d(im) of a real function: the gradient as lagrad defines it."""
    return (f(a + h) - f(a - h)) / (2 * h) - 1j * (f(a + 1j * h) - f(a - 1j * h)) / (2 * h)


COMPLEX = {
    "holomorphic": lambda z, a: z * z - a,
    "conjugates": lambda z, a: z + 0.3 * np.conj(z) * z - a,
    "a modulus": lambda z, a: z * np.abs(z) + z - a * np.conj(a),
}


@pytest.mark.parametrize("g", COMPLEX.values(), ids=COMPLEX)
def test_complex_unknowns(g):
    a = 1.0 + 2.0j

    def value(a):
        z = lg.root(g, 1.0 + 0.5j, a)
        return np.real(z) ** 2 + 3.0 * np.imag(z)

    z = lg.root(g, 1.0 + 0.5j, a)
    assert abs(g(z, a)) < 1e-14
    assert isinstance(z, np.complexfloating)
    assert lg.grad(value)(a) == pytest.approx(complex_difference(value, a), rel=1e-8)


def test_complex_entries_of_containers():
    """z0 = i sqrt(a) twice, and a real unknown that is its imaginary part."""

    def conditions(z, a):
        return z[0] ** 2 + a, z[1] - np.imag(z[0][0])

    def value(a):
        z = lg.root(conditions, (1j * np.ones(2), 1.0), a)
        return z[1] ** 2 * np.imag(z[0][1])  # a^(3/2)

    assert value(4.0) == pytest.approx(8.0, rel=1e-14)
    assert lg.grad(value)(4.0) == pytest.approx(3.0, rel=1e-13)
    assert lg.grad(lg.grad(value))(4.0) == pytest.approx(3 / 8, rel=1e-12)


def test_the_minimum_of_a_real_function_of_complex_numbers():
    """|z - a|^2 + Re(z)^2 is smallest at Re a / 2 + i Im a: downhill in both directions."""

    def loss(z, a):
        return np.real((z - a) * np.conj(z - a)) + np.real(z) ** 2

    z = lg.argmin(loss, 1.0 + 1.0j, 2.0 + 0.5j)
    assert z == pytest.approx(1.0 + 0.5j, rel=1e-14)

    def value(a):
        z = lg.argmin(loss, 1.0 + 1.0j, a)
        return np.real(z) + 3.0 * np.imag(z)

    assert lg.grad(value)(2.0 + 0.5j) == pytest.approx(0.5 - 3.0j, rel=1e-13)
