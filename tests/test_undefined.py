"""Partials that are undefined: listed with constraint and line, raised when asked for."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from refusals import line_of, refused
from scipy import special as sc

import lagrad as lg
from lagrad.rules import RULES
from lagrad.rules.kinks import KINKS
from lagrad.status import ArgumentError, UndefinedPartialError

X = np.array([0.0, -1.0, 2.0])
TIES = np.array([[3.0, 1.0, 3.0], [1.0, 2.0, 0.5]])

#: A call at a point where it is undefined, and at how many entries.
AT_KINKS = {
    "absolute": (lambda x: np.abs(x), X, 1),
    "fabs": (lambda x: np.fabs(x), X, 1),
    "abs of complex": (lambda x: np.abs(x), X + 0j, 1),
    "maximum": (lambda x: np.maximum(x, X), X, 3),
    "relu": (lambda x: lg.relu(x), X, 1),
    "minimum": (lambda x: np.minimum(x, [0.0, 0.0, 2.0]), X, 2),
    "clip": (lambda x: np.clip(x, -1.0, 2.0), X, 2),
    "clip below": (lambda x: np.clip(x, -1.0, None), X, 1),
    "sqrt": (lambda x: np.sqrt(x), np.array([0.0, 1.0]), 1),
    "power": (lambda x: x**0.5, np.array([0.0, 1.0]), 1),
    "cbrt": (lambda x: np.cbrt(x), X, 1),
    "hypot": (lambda x: np.hypot(x, x), X, 1),
    "arcsin": (lambda x: np.arcsin(x), np.array([1.0, 0.5, -1.0]), 2),
    "arccos": (lambda x: np.arccos(x), 1.0, 1),
    "arccosh": (lambda x: np.arccosh(x), 1.0, 1),
    "arctan2": (lambda x: np.arctan2(x, x), X, 1),
    "angle": (lambda x: np.angle(x), X + 0j, 1),
    "remainder": (lambda x: x % 2.0, X, 2),
    "fmod": (lambda x: np.fmod(x, 2.0), X, 1),
    "max": (lambda x: np.max(x, axis=1), TIES, 1),
    "min": (lambda x: np.min(x, axis=1), -TIES, 1),
    "nanmax": (lambda x: np.nanmax(x, axis=1, keepdims=True), TIES, 1),
    "norm": (lambda x: np.linalg.norm(x, axis=0), X[None, :], 1),
    "norm 1": (lambda x: np.linalg.norm(x, 1), X, 1),
    "norm inf": (lambda x: np.linalg.norm(x, np.inf), np.array([2.0, -2.0, 1.0]), 1),
    "std": (lambda x: np.std(x, axis=1), np.array([[1.0, 1.0], [1.0, 2.0]]), 1),
    "sort": (lambda x: np.sort(x, axis=1), TIES, 2),
    "sort flat": (lambda x: np.sort(x, axis=None), TIES, 4),
    "partition": (lambda x: np.partition(x, 1), TIES, 2),
    "median": (lambda x: np.median(x, axis=1), TIES, 1),
    "even median": (lambda x: np.median(x), np.array([1.0, 1.0, 2.0, 3.0]), 1),
    "upper of two": (lambda x: np.quantile(x, 0.5), np.array([1.0, 0.0, 2.0, 2.0]), 1),
    "nanmedian": (lambda x: np.nanmedian(x), np.array([1.0, 1.0, 2.0, np.nan, 3.0]), 1),
    "nanquantile": (lambda x: np.nanquantile(x, 0.5), np.array([1.0, 1.0, 2.0, np.nan, 3.0]), 1),
    "percentile": (lambda x: np.percentile(x, 40), np.array([1.0, 1.0, 2.0, 3.0]), 1),
    "running maximum": (lambda x: np.maximum.accumulate(x), np.array([1.0, 1.0, 0.5, 2.0]), 1),
    "running minimum": (lambda x: np.minimum.accumulate(x), np.array([1.0, 1.0, 0.5, 2.0]), 1),
    "running fmax": (lambda x: np.fmax.accumulate(x), np.array([1.0, 1.0, 0.5, 2.0]), 1),
    "running fmin": (lambda x: np.fmin.accumulate(x), np.array([1.0, 1.0, 0.5, 2.0]), 1),
    "interp": (lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 0.0]), np.array([1.0, 0.4]), 1),
    "roots": (lambda p: np.abs(np.roots(p)), np.array([1.0, -2.0, 1.0]), 2),
    "angle of -1": (lambda x: np.arctan2(x, -1.0), 0.0, 1),
    "amax": (lambda x: np.amax(x, axis=1), TIES, 1),
    "amin": (lambda x: np.amin(x, axis=1), -TIES, 1),
    "nanmin": (lambda x: np.nanmin(x, axis=1), -TIES, 1),
    "fmax": (lambda x: np.fmax(x, X), X, 3),
    "fmin": (lambda x: np.fmin(x, X), X, 3),
    "float_power": (lambda x: np.float_power(x, 0.5), np.array([0.0, 1.0]), 1),
    "sc.cbrt": (lambda x: sc.cbrt(x), X, 1),
    "agm": (lambda x: sc.agm(x, 1.0), np.array([0.0, 1.0]), 1),
    "eig": (lambda a: np.abs(np.linalg.eig(a)[1]), np.diag([1.0, 2.0, 1.0]), 6),
    "std where": (lambda x: np.std(x, where=[True, True, False]), np.array([1.0, 1.0, 3.0]), 1),
    "quantile": (lambda x: np.quantile(x, [0.0, 0.5, 1.0], axis=1), TIES, 2),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(a), np.diag([1.0, 2.0, 1.0]), 2),
    "eigh": (lambda a: np.linalg.eigh(a)[0], np.diag([1.0, 2.0, 1.0]), 2),
    "eigh vectors": (lambda a: np.linalg.eigh(a)[1], np.diag([1.0, 2.0, 1.0]), 6),
    "eigvals": (lambda a: np.linalg.eigvals(a), np.diag([1.0, 2.0, 1.0]), 2),
    "svdvals": (lambda a: np.linalg.svd(a, compute_uv=False), np.diag([1.0, 2.0, 0.0]), 1),
    "svd": (lambda a: np.linalg.svd(a)[1], np.diag([1.0, 2.0, 1.0]), 2),
    "norm nuc": (lambda a: np.linalg.norm(a, "nuc"), np.diag([1.0, 0.0]), 1),
    "cond": (lambda a: np.linalg.cond(a), np.eye(2), 1),
    "copysign": (lambda x: np.copysign(x, 1.0), X, 1),
}


#: What is composed of several functions that have a kink there.
TWICE = {"roots", "eig"}


@pytest.mark.parametrize("name", AT_KINKS)
def test_kink_is_found_with_its_line(name):
    f, x, count = AT_KINKS[name]
    with np.errstate(all="ignore"):
        found = lg.undefined_partials(f, x)
    assert [one.entries for one in found if one.where] == [count] or name in TWICE
    assert found[0].convention
    if name != "relu":
        assert line_of(f).partition(":")[0] in found[0].where


@pytest.mark.parametrize("name", AT_KINKS)
def test_kink_is_raised_when_asked_for(name):
    f, x, _ = AT_KINKS[name]
    with np.errstate(all="ignore"):
        with refused(UndefinedPartialError, "undefined", "undefined='raise'"):
            lg.vjp(f, x, undefined="raise")
        with refused(UndefinedPartialError, "undefined"):
            lg.jvp(f, (x,), (np.ones_like(x),), undefined="raise")


@pytest.mark.parametrize("name", AT_KINKS)
def test_beside_a_kink_nothing_is_found(name):
    f, x, _ = AT_KINKS[name]
    beside = np.asarray(x) * (1.07 if name == "arccosh" else 0.93) + 0.011
    beside = beside - 1e-3 * np.arange(beside.size).reshape(beside.shape)
    assert lg.undefined_partials(f, beside[()]) == []
    lg.vjp(f, beside[()], undefined="raise")


def test_smooth_powers_have_no_kink():
    for p in (0, 1, 2, 2.5, 3):
        assert lg.undefined_partials(lambda x, p=p: x**p, X[:1]) == []


def test_branch_not_taken_is_not_listed():
    def f(x):
        return np.sum(np.where(x > 0, np.sqrt(x), 0.0))

    assert lg.undefined_partials(f, X * X * (X > 0)) == []
    assert_array_equal(lg.grad(f, undefined="raise")(np.array([0.0, 4.0])), [0.0, 0.25])


def test_what_the_output_does_not_depend_on_is_not_listed():
    def f(x):
        np.abs(x)
        return np.sum(x)

    assert lg.undefined_partials(f, X) == []


def test_every_transform_raises():
    def f(x):
        return np.sum(np.abs(x) * x)

    smooth = np.array([1.0, 2.0])
    for transform in (lg.grad, lg.value_and_grad, lg.jacobian, lg.hessian):
        with refused(UndefinedPartialError, "absolute(x)", "at (0,)"):
            transform(f, undefined="raise")(X)
        transform(f, undefined="raise")(smooth)
    with refused(UndefinedPartialError, "absolute(x)"):
        lg.hvp(f, (X,), (X,), undefined="raise")


def test_several_are_counted_and_listed_in_order():
    def f(x):
        return np.sum(np.abs(x)) + np.sum(np.maximum(x, 0.0))

    graph = lg.trace(f, X)
    found = lg.undefined_partials(graph)
    assert [one.constraint.partition(" = ")[2] for one in found] == [
        "absolute(x)", "maximum(x, 0)",
    ]  # fmt: skip
    assert "one entry at (0,)" in str(found[0])
    with refused(UndefinedPartialError, "1 more constraint"):
        lg.grad(f, undefined="raise")(X)


def test_conditions_of_a_cycle_are_looked_at():
    found = lg.undefined_partials(
        lambda a: lg.fixed_point(lambda z: np.maximum(z, a) / 2 + 1, 2.0), 2.0
    )
    assert [one.constraint.partition("(")[0] for one in found] == ["z3 = maximum"]
    assert lg.undefined_partials(lambda a: lg.fixed_point(lambda z: np.cos(z) * a, 0.5), 0.9) == []


def test_steps_of_a_loop_are_looked_at():
    def f(x):
        return lg.scan(lambda c, v: (c + np.abs(v), None), 0.0, x)[0]

    (found,) = lg.undefined_partials(f, np.array([0.0, 1.0, 0.0]))
    assert found.entries == 2
    assert "absolute" in found.constraint


def test_every_kink_is_tried():
    """A kink that nobody meets above may be lost by the tables without anybody noticing."""
    met = set()
    with np.errstate(all="ignore"):
        for f, x, _ in AT_KINKS.values():
            met |= {
                found.constraint.split(" = ")[1].split("(")[0]
                for found in lg.undefined_partials(f, x)
            }
    declared = {rule.name for rule in RULES.values() if rule.kink is not None}
    assert declared - met <= {"jump", "quotient"}  # they are in the derivatives of others


def test_kinks_are_of_functions_that_have_rules():
    assert set(KINKS) <= set(RULES)
    assert all(RULES[f].kink is kink for f, kink in KINKS.items())


def test_option_that_is_not_there_is_refused():
    with refused(ArgumentError, "undefined='maybe'", "'raise'"):
        lg.grad(np.sum, undefined="maybe")(X)
