"""Numbers inside the line that uses them: the same numbers, and lines that a person would write."""

import math
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lagrad as lg

SHAPES = {
    "x - (y - z)": lambda x, y, z: x - (y - z),
    "x - (y + z)": lambda x, y, z: x - (y + z),
    "x - y - z": lambda x, y, z: x - y - z,
    "x / (y / z)": lambda x, y, z: x / (y / z),
    "x / (y * z)": lambda x, y, z: x / (y * z),
    "x / y / z": lambda x, y, z: x / y / z,
    "x * (y + z)": lambda x, y, z: x * (y + z),
    "(x + y) * z": lambda x, y, z: (x + y) * z,
    "x + y * z": lambda x, y, z: x + y * z,
    "math.exp(x - y) * z": lambda x, y, z: np.exp(x - y) * z,
    "math.sin(x * y) + z": lambda x, y, z: np.sin(x * y) + z,
    "x * math.cos(y - z)": lambda x, y, z: x * np.cos(y - z),
}


@pytest.mark.parametrize("text, f", SHAPES.items(), ids=SHAPES)
def test_lines_have_the_parentheses_that_they_need_and_no_others(text, f):
    g = lg.compile(f)
    args = 0.3, 0.7, 1e-3
    assert g(*args) == f(*map(np.float64, args))
    assert f" = {text}\n" in g.source


@pytest.mark.parametrize("f", [lambda x, y: -(x * y), lambda x, y: (-x) * y, lambda x, y: x - -y])
def test_signs_bind_as_they_did(f):
    assert lg.compile(f)(0.1, 0.7) == f(np.float64(0.1), np.float64(0.7))


def test_the_users_names_keep_their_lines():
    def f(x, y):
        slope = y - x
        change = 0.5 * slope
        return x + change

    g = lg.compile(f)
    assert g(1.0, 2.0) == 1.5
    lines = [line.strip() for line in g.source.splitlines()]
    assert "slope = y - x" in lines and "change = 0.5 * slope" in lines


def test_multipliers_are_called_by_what_they_belong_to():
    def f(x, y):
        a = np.exp(x)
        return a * a + y * a

    g = lg.compile(lg.value_and_grad(f, argnums=(0, 1)))
    value, (dx, dy) = g(0.5, 2.0)
    assert np.isclose(value, math.exp(1.0) + 2.0 * math.exp(0.5), rtol=1e-15)
    assert np.isclose(dx, 2.0 * math.exp(1.0) + 2.0 * math.exp(0.5), rtol=1e-15)
    assert dy == math.exp(0.5)
    assert "lam_a = " in g.source and "lam_x = a * lam_a\n" in g.source


def test_lines_stay_short():
    def f(x):
        for _ in range(200):
            x = np.sin(x) * 1.5 + x * x - np.exp(-x) / 3.0
        return x

    g = lg.compile(lg.value_and_grad(f))
    value, slope = g(0.3)
    assert np.isclose(slope, lg.grad(f)(0.3), rtol=1e-9)
    assert max(map(len, g.source.splitlines())) < 100


def test_what_is_used_twice_is_computed_once():
    g = lg.compile(lambda x: (x + 1.0) * np.exp(x + 1.0))
    assert g(0.5) == 1.5 * math.exp(1.5)
    assert g.source.count("x + 1.0") == 1


def test_the_listing_shows_what_is_nested_with_the_users_line():
    g = lg.compile(lambda x, y: x + 0.5 * (y - x))
    g(1.0, 2.0)
    texts = [line.text for line in g.graph]
    assert any(text.endswith("= x + 0.5 * (y - x)") for text in texts) and "y - x" in texts


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv]
STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 9)), max_size=12)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_random_programs_of_numbers(steps):
    """A pair of parentheses too few changes the first digits, rounding the last ones."""

    def known(x, y):
        found = [x, y, np.float64(1.25)]
        for kind, i, j in steps:
            a, b = found[-1 - i % len(found)], found[-1 - j % len(found)]
            if kind < len(BINARY):
                found.append(BINARY[kind](a, 2.0 + np.tanh(b)))  # away from poles
            else:
                found.append(-a if kind == 4 else np.sin(a))
        return found

    want = known(np.float64(0.7), np.float64(-0.4))
    got = lg.compile(lambda x, y: known(x, y)[-1])(0.7, -0.4)
    assert abs(got - want[-1]) <= 1e-9 * np.max(np.abs(want))
