"""Every row of the rule tables: value, tangent, multiplier, entries and second derivatives.

All tests run over `lagrad.rules` themselves; a row without an example in `cases` is a failure.
"""

import numpy as np
import pytest
from cases import CASES, FACTS, OWN
from cases.base import numbers
from numpy.testing import assert_allclose, assert_array_equal

import lagrad as lg
from lagrad.assemble import real_entries
from lagrad.containers import map_leaves
from lagrad.graph import INPUT
from lagrad.partials import Compose, Scale, resolved
from lagrad.primitive import Primitive
from lagrad.rules import RULES, SPELT
from lagrad.rules.elementwise import jump


def examples(function, complexes):
    """Yield (label, case, arguments) for the examples of a row, also turned off the real axis."""
    for k, case in enumerate({**CASES, **OWN}[function]):
        yield f"example {k}: {case.label}", case, case.args
        if complexes and case.complexes:
            yield f"example {k}, complex", case, tuple(a * (1 + 0.3j) + 0.2j for a in case.args)


def every_row(complexes=True):
    """Turn a check of (case, arguments) into a test of every row; a failure names the example."""

    def over_rows(check):
        @pytest.mark.parametrize("function", {**CASES, **OWN}, ids=lambda f: f.__name__)
        def test(function):
            for label, case, args in examples(function, complexes):
                try:
                    check(case, args)
                except Exception as error:
                    error.add_note(label)
                    raise

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return over_rows


def test_every_row_has_a_case():
    assert set(CASES) | set(FACTS) == set(RULES) | set(SPELT)
    assert not set(CASES) & set(FACTS)


@pytest.mark.parametrize("function", RULES, ids=lambda f: f.__name__)
def test_cases_reach_their_row(function):
    recorded = set()
    for _, case, args in examples(function, complexes=False):
        graph = lg.trace(case.call, *args)
        recorded |= {graph.primitive(i).name for i in range(len(graph)) if graph.parents(i)}
    assert RULES[function].name in recorded


def random_like(rng, a):
    """Return a random array of the shape and kind of ``a``."""
    v = rng.standard_normal(np.shape(a))
    if np.iscomplexobj(a):
        v = v + 1j * rng.standard_normal(np.shape(a))
    return v.astype(np.asarray(a).dtype)[()]


def partials_of(case, args):
    """Yield (graph, row, z_i, z_j, partial) for every partial that the case records."""
    graph = lg.trace(case.call, *args)
    values = graph.columns.values
    for i in range(len(graph)):
        if graph.primitive(i) is not INPUT:
            for j, partial in graph.partials(i):
                yield graph, i, values[i], values[j], partial


def weighed(case, args):
    """Return the case as a real scalar function, with random weights."""
    w = random_like(np.random.default_rng(3), case.call(*args))
    return lambda *args: np.real(np.sum(w * case.call(*args)))


@every_row()
def test_value_is_numpys_and_tangent_is_the_limit_of_differences(case, args):
    rng = np.random.default_rng(1)
    v = tuple(random_like(rng, a) for a in args)
    expected = np.asarray(case.call(*args))
    value, tangent = lg.jvp(case.call, args, v)
    assert value.dtype == expected.dtype
    assert np.shape(value) == expected.shape
    assert_array_equal(value, expected)

    def along(h):
        return np.asarray(case.call(*(a + h * d for a, d in zip(args, v, strict=True))))

    h = 5e-4
    difference = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    assert np.shape(tangent) == expected.shape
    assert_allclose(tangent, difference, rtol=1e-8, atol=1e-9)


@every_row()
def test_multiplier_is_the_transpose_of_the_tangent(case, args):
    """<w, P v> = <P^T w, v>, paired by the real part of the plain product."""
    rng = np.random.default_rng(2)
    for _, _, z, x, partial in partials_of(case, args):
        v, w = random_like(rng, x), random_like(rng, z)
        pushed, pulled = partial.apply(v), partial.adjoint(w)
        assert np.shape(pushed) == np.shape(z) == partial.out_shape
        assert np.shape(pulled) == np.shape(x) == partial.in_shape
        forward, backward = np.real(np.sum(w * pushed)), np.real(np.sum(pulled * v))
        assert abs(forward - backward) <= 1e-12 * (1 + np.sum(np.abs(w * pushed)))


def real_parts(x):
    """Return an array as the vector of its real, then its imaginary parts."""
    flat = np.ravel(x)
    return np.concatenate([flat.real, flat.imag]) if np.iscomplexobj(x) else flat


@every_row()
def test_entries_are_the_matrix_of_apply_and_cover_its_pattern(case, args):
    for _, _, z, x, partial in partials_of(case, args):
        wide = np.iscomplexobj(x), np.iscomplexobj(z)
        m, n = z.size * (1 + wide[1]), x.size * (1 + wide[0])
        dense = np.zeros((m, n))
        for column in range(n):
            e = np.zeros(x.shape, x.dtype)
            e.flat[column % x.size] = 1.0 if column < x.size else 1j
            dense[:, column] = real_parts(np.asarray(partial.apply(e[()]), dtype=z.dtype))
        matrix, pattern, count = np.zeros((m, n)), np.zeros((m, n), bool), 0
        for entries, conjugates in partial.pieces():
            count += len(entries[0])
            rows, columns, data = real_entries(
                entries, conjugates, (x.size, wide[0]), (z.size, wide[1])
            )
            np.add.at(matrix, (rows, columns), data)
            pattern[rows, columns] = True
        assert count <= partial.count()
        assert_allclose(matrix, dense, rtol=1e-12, atol=1e-13)
        assert pattern[dense != 0].all()


@every_row(complexes=False)
def test_second_derivatives(case, args):
    numbers = tuple(range(len(args)))
    assert lg.check_grad(lg.grad(weighed(case, args), numbers), *args, rtol=1e-7).ok


@every_row()
def test_explicit_a_gives_the_multipliers_of_the_sweep(case, args):
    system = lg.trace(weighed(case, args), *args).linearize()
    sweep, explicit = system.solve(method="sweep"), system.solve(method="explicit")
    assert sweep.names == explicit.names
    for name in sweep:
        assert_allclose(explicit[name], sweep[name], rtol=1e-10, atol=1e-11, err_msg=name)


@every_row()
def test_masked_multiplier_is_the_multiplier_of_what_is_present(case, args):
    rng = np.random.default_rng(4)
    for _, _, z, _, partial in partials_of(case, args):
        mask = rng.random(np.shape(z)) < 0.5
        w = np.where(mask, random_like(rng, z), 0)[()]
        pulled, present = partial.pull(w, mask)
        present = resolved(present)
        assert_allclose(pulled, partial.adjoint(w), rtol=1e-13, atol=1e-15)
        if present is not None:
            present = np.broadcast_to(present, np.shape(pulled))
            assert (np.asarray(pulled)[~present] == 0).all()


#: Before NumPy 2 a Python number widens a float32 scalar, in the user's own code as in ours.
WEAK_NUMBERS = (np.float32(1) * 1.0).dtype == np.float32


@every_row(complexes=False)
def test_float32_stays_float32(case, args):
    wide, args = args, tuple(np.asarray(a, np.float32)[()] for a in args)
    rng = np.random.default_rng(5)
    scalars = not all(np.shape(a) for a in args)
    if WEAK_NUMBERS or not scalars:
        assert lg.vjp(case.call, *args)[0].dtype == np.asarray(case.call(*args)).dtype
    for graph, i, z, x, partial in partials_of(case, args):
        v, w = random_like(rng, x), random_like(rng, z)
        if WEAK_NUMBERS or (np.shape(z) and not scalars):
            assert partial.apply(v).dtype == z.dtype, graph.describe(i)
            assert partial.adjoint(w).dtype == x.dtype, graph.describe(i)
    gradient = lg.grad(weighed(case, wide), tuple(range(len(args))))
    for a, b in zip(gradient(*args), gradient(*wide), strict=True):
        assert a.dtype == np.float32
        assert_allclose(a, b, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("function", FACTS, ids=lambda f: f.__name__)
def test_fact_is_plain(function):
    x = numbers((2, 3))
    seen = []

    def f(t):
        seen.append(FACTS[function](t))
        return np.sum(t)

    assert_array_equal(lg.grad(f)(x), np.ones((2, 3)))
    assert seen == [FACTS[function](x)]
    assert map_leaves(type, seen[0]) == map_leaves(type, FACTS[function](x))


def off(rule, factor):
    """Return a rule whose partials are all off by a factor."""

    def partial(k, z, args, kwargs):
        right = rule.partial(k, z, args, kwargs)
        return Compose(Scale(factor, right.out_shape), right)

    return Primitive(rule.name, rule.function, partial, multilinear=rule.multilinear)


# The derivative of a jump is zero or infinite, whatever its factor.
@pytest.mark.parametrize("function", [f for f in RULES if f is not jump], ids=lambda f: f.__name__)
def test_rule_that_is_wrong_by_a_twentieth_of_a_percent_is_found_out(function, monkeypatch):
    """The examples of each row tell a right rule from one that is wrong by 0.05%."""
    wrong = off(RULES[function], 1.0005)

    def outcomes():
        return [
            lg.check_grad(case.call, *args, throw=False).ok
            for _, case, args in examples(function, complexes=True)
        ]

    assert all(outcomes())
    monkeypatch.setattr(
        lg.Graph, "primitive", lambda self, i: replaced(self, i, RULES[function].name, wrong)
    )
    assert not all(outcomes())


def replaced(graph, i, name, wrong):
    """Return f_i of a graph, or the wrong rule in the place of the one of this name."""
    right = graph.columns.primitives[graph.columns.op[i]]
    return wrong if right.name == name else right
