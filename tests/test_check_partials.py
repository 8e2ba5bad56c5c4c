"""Each local partial on its own: right ones pass, a wrong one is named first."""

import numpy as np
import pytest
from cases import CASES
from refusals import line_of, refused

import lagrad as lg
from lagrad.check import GradientError
from lagrad.status import ArgumentError


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_partials_of_every_rule(function):
    for case in CASES[function]:
        lg.check_partials(case.call, *case.args)
        if case.complexes:
            lg.check_partials(case.call, *(a * (1 + 0.3j) + 0.2j for a in case.args))


def sloppy(x):
    return np.tanh(x)


WRONG = lg.primitive(sloppy, (lambda z, x: (1 - z * z) * 1.0005,))


def program(x):
    y = np.exp(-x) * x
    y = WRONG(y)
    return np.sum(y @ y)


def test_wrong_partial_is_named_first():
    x = np.linspace(0.1, 1.0, 5)
    found = lg.check_partials(program, x, throw=False)
    assert "sloppy" in found[0].constraint
    assert [check.ok for check in found] == [False] + [True] * (len(found) - 1)
    assert found[0].difference > 1e-4
    with refused_check("1 of", "sloppy(", line_of(program).partition(":")[0]):
        lg.check_partials(lg.trace(program, x))


def refused_check(*words):
    return refused(GradientError, *words)


def test_outcomes_are_sorted_worst_first():
    bad = lg.primitive(sloppy, (lambda z, x: (1 - z * z) * 1.3,), name="bad")
    found = lg.check_partials(lambda x: bad(WRONG(x)), 0.4, throw=False)
    assert ["bad" in found[0].constraint, "sloppy" in found[1].constraint] == [True, True]
    assert found[0].worst > found[1].worst > 1


def test_wrong_adjoint_and_wrong_entries_are_found():
    class Lame(lg.partials.Scale):
        def adjoint(self, w):
            return 2 * super().adjoint(w)

    f = lg.primitive(np.sin, (lambda z, x: Lame(np.cos(x), np.shape(x)),), name="lame")
    found = lg.check_partials(f, np.ones(3), throw=False)
    assert found[0].adjoint > 0.1
    assert found[0].difference < 1e-6

    class Odd(lg.partials.Scale):
        def entries(self):
            rows, columns, data = super().entries()
            return rows, columns[::-1], data

    f = lg.primitive(np.sin, (lambda z, x: Odd(np.cos(x), np.shape(x)),), name="odd")
    found = lg.check_partials(f, np.array([0.1, 1.0, 0.5]), throw=False)
    assert found[0].entries > 0.1
    assert not found[0].ok


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_partial_that_is_not_finite_is_wrong(bad):
    f = lg.primitive(np.tanh, (lambda z, x: bad * x,), name="bad")
    found = lg.check_partials(lambda x: np.sin(f(x)), 0.4, throw=False)
    assert not found[0].ok
    assert "bad" in found[0].constraint
    with refused_check("1 of", "bad(x"):
        lg.check_partials(f, np.ones(3))


def test_kinks_are_left_out():
    found = lg.check_partials(lambda x: np.sum(np.abs(x)), np.array([0.0, 1.0]))
    assert all(check.ok for check in found)


def test_cycles_and_loops_are_checked_by_their_adjoint():
    def f(a):
        z = lg.fixed_point(lambda z: np.cos(a * z), 0.5)
        return lg.fori_loop(0, 3, lambda i, c: c * a, z)

    found = lg.check_partials(f, 0.7)
    solved = [check for check in found if check.difference is None]
    assert len(solved) >= 2
    assert all(check.adjoint < 1e-10 for check in solved)


@pytest.mark.parametrize(
    "f",
    [
        lambda r: lg.scan(lambda z, x: (WRONG(z * r) + x, None), 1.0, np.ones(4))[0],
        lambda r: lg.fixed_point(lambda z: WRONG(z * r) + 0.1, 0.5),
    ],
    ids=["loop", "fixed point"],
)
def test_wrong_partial_inside_of_a_loop_or_a_cycle_is_named(f):
    found = lg.check_partials(f, 0.5, throw=False)
    assert "sloppy" in found[0].constraint
    assert not found[0].ok


def test_single_precision_is_checked_in_double():
    lg.check_partials(lambda x: np.sum(np.exp(x) * x), np.linspace(0, 1, 4, dtype=np.float32))


def test_what_is_no_graph_is_refused():
    with refused(ArgumentError, "graph", "float"):
        lg.check_partials(3.0)
