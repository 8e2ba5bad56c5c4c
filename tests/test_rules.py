"""Every row of the rule tables: value, tangent, multiplier, entries and second derivatives.

All tests run over `lagrad.rules` themselves; a row without an example in `rule_cases` is a failure.
"""

import numpy as np
import pytest
import rule_cases
from numpy.testing import assert_allclose, assert_array_equal
from rule_cases import CASES, FACTS, OWN

import lagrad as lg
from lagrad.assemble import real_entries
from lagrad.containers import map_leaves
from lagrad.graph import INPUT
from lagrad.rules import RULES, SPELT


def listed(kind):
    """Return the cases of a kind as parameters."""
    return [
        pytest.param(case, id=f"{function.__name__}-{k}{case.label and ' ' + case.label}")
        for function, cases in {**CASES, **OWN}.items()
        for k, case in enumerate(cases)
        if kind == "real" or case.complexes
    ]


every_case = pytest.mark.parametrize("case", listed("real"))
complex_case = pytest.mark.parametrize("case", listed("complex"))


def test_every_row_has_a_case():
    assert set(CASES) | set(FACTS) == set(RULES) | set(SPELT)
    assert not set(CASES) & set(FACTS)


@pytest.mark.parametrize("function", RULES, ids=lambda f: f.__name__)
def test_cases_reach_their_row(function):
    recorded = set()
    for case in CASES[function]:
        graph = lg.trace(case.call, *case.args)
        recorded |= {graph.primitive(i).name for i in range(len(graph)) if graph.parents(i)}
    assert RULES[function].name in recorded


def made_complex(args):
    """Return the arguments turned a little off the real axis."""
    return tuple(a * (1 + 0.3j) + 0.2j for a in args)


def random_like(rng, a):
    """Return a random array of the shape and kind of ``a``."""
    v = rng.standard_normal(np.shape(a))
    if np.iscomplexobj(a):
        v = v + 1j * rng.standard_normal(np.shape(a))
    return v.astype(np.asarray(a).dtype)[()]


def rows_of(case, args):
    """Yield (graph, row, parent, partial) for every partial that the case records."""
    graph = lg.trace(case.call, *args)
    for i in range(len(graph)):
        if graph.primitive(i) is not INPUT:
            for j, partial in graph.partials(i):
                yield graph, i, j, partial


def check_tangent(case, args):
    """The value is NumPy's own, and the tangent is the limit of differences."""
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


@every_case
def test_value_is_numpys_and_tangent_is_the_limit_of_differences(case):
    check_tangent(case, case.args)


@complex_case
def test_value_and_tangent_of_complex_arguments(case):
    check_tangent(case, made_complex(case.args))


def check_adjoint(case, args):
    """<w, P v> = <P^T w, v>, paired by the real part of the plain product."""
    rng = np.random.default_rng(2)
    for graph, i, j, partial in rows_of(case, args):
        z, x = graph.columns.values[i], graph.columns.values[j]
        v, w = random_like(rng, x), random_like(rng, z)
        pushed, pulled = partial.apply(v), partial.adjoint(w)
        assert np.shape(pushed) == np.shape(z) == partial.out_shape
        assert np.shape(pulled) == np.shape(x) == partial.in_shape
        forward, backward = np.real(np.sum(w * pushed)), np.real(np.sum(pulled * v))
        assert abs(forward - backward) <= 1e-12 * (1 + np.sum(np.abs(w * pushed)))


@every_case
def test_multipliers_are_the_transpose_of_tangents(case):
    check_adjoint(case, case.args)


@complex_case
def test_multipliers_of_complex_arguments(case):
    check_adjoint(case, made_complex(case.args))


def real_parts(x):
    """Return an array as the vector of its real, then its imaginary parts."""
    flat = np.ravel(x)
    return np.concatenate([flat.real, flat.imag]) if np.iscomplexobj(x) else flat


def check_entries(case, args):
    """The entries are the matrix of ``apply``, and its pattern is covered by theirs."""
    for graph, i, j, partial in rows_of(case, args):
        z, x = graph.columns.values[i], graph.columns.values[j]
        wide = np.iscomplexobj(x), np.iscomplexobj(z)
        columns = []
        for unit in (1.0, 1j) if wide[0] else (1.0,):
            for k in range(x.size):
                e = np.zeros(x.shape, x.dtype)
                e.flat[k] = unit
                columns.append(real_parts(np.asarray(partial.apply(e[()]), dtype=z.dtype)))
        m, n = z.size * (1 + wide[1]), x.size * (1 + wide[0])
        dense = np.stack(columns, axis=1) if columns else np.zeros((m, n))
        found = partial.entries()
        assert len(found[0]) <= partial.count()
        rows, cols, data = real_entries(
            found, partial.conjugates, (x.size, wide[0]), (z.size, wide[1])
        )
        matrix, pattern = np.zeros((m, n)), np.zeros((m, n), bool)
        np.add.at(matrix, (rows, cols), data)
        pattern[rows, cols] = True
        assert_allclose(matrix, dense, rtol=1e-12, atol=1e-13)
        assert pattern[dense != 0].all()


@every_case
def test_entries_are_the_matrix_of_apply(case):
    check_entries(case, case.args)


@complex_case
def test_entries_of_complex_arguments(case):
    check_entries(case, made_complex(case.args))


def weighed(case, args):
    """Return the case as a real scalar function, with random weights."""
    rng = np.random.default_rng(3)
    w = random_like(rng, case.call(*args))

    def f(*args):
        return np.real(np.sum(w * case.call(*args)))

    return f


@every_case
def test_second_derivatives(case):
    f = weighed(case, case.args)
    numbers = tuple(range(len(case.args)))
    assert lg.check_grad(lg.grad(f, numbers), *case.args, rtol=1e-7).ok


@every_case
def test_explicit_a_gives_the_multipliers_of_the_sweep(case):
    check_explicit(case, case.args)


@complex_case
def test_explicit_a_of_complex_arguments(case):
    check_explicit(case, made_complex(case.args))


def check_explicit(case, args):
    """A, assembled as (re, im), is solved to the same multipliers."""
    graph = lg.trace(weighed(case, args), *args)
    system = graph.linearize()
    sweep, explicit = system.solve(method="sweep"), system.solve(method="explicit")
    assert sweep.names == explicit.names
    for name in sweep:
        assert_allclose(explicit[name], sweep[name], rtol=1e-10, atol=1e-11, err_msg=name)


@every_case
def test_selection_leaves_nothing_where_the_multiplier_is_absent(case):
    rng = np.random.default_rng(4)
    for graph, i, _, partial in rows_of(case, case.args):
        z = graph.columns.values[i]
        mask = rng.random(np.shape(z)) < 0.5
        w = np.where(mask, random_like(rng, z), 0)[()]
        expected = partial.adjoint(w)
        pulled, present = partial.pull(w, mask)
        assert_allclose(pulled, expected, rtol=1e-13, atol=1e-15)
        if present is not None:
            present = np.broadcast_to(present, np.shape(pulled))
            assert (np.asarray(pulled)[~present] == 0).all()


#: Before NumPy 2 a Python number widens a float32 scalar, in the user's own code as in ours.
WEAK_NUMBERS = (np.float32(1) * 1.0).dtype == np.float32


@every_case
def test_float32_stays_float32(case):
    args = tuple(np.asarray(a, np.float32)[()] for a in case.args)
    expected = np.asarray(case.call(*args))
    graph = lg.trace(case.call, *args)
    value = graph.columns.values[graph.outputs[0]]
    assert value.dtype == expected.dtype
    rng = np.random.default_rng(5)
    for graph, i, j, partial in rows_of(case, args):
        z, x = graph.columns.values[i], graph.columns.values[j]
        v, w = random_like(rng, x), random_like(rng, z)
        if WEAK_NUMBERS or (all(np.shape(a) for a in args) and np.shape(z)):
            assert partial.apply(v).dtype == z.dtype, graph.describe(i)
            assert partial.adjoint(w).dtype == x.dtype, graph.describe(i)
    f = weighed(case, args)
    numbers = tuple(range(len(args)))
    narrow, wide = lg.grad(f, numbers)(*args), lg.grad(f, numbers)(*case.args)
    for a, b in zip(narrow, wide, strict=True):
        assert a.dtype == np.float32
        assert_allclose(a, b, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("function", FACTS, ids=lambda f: f.__name__)
def test_fact_is_plain(function):
    x = rule_cases.numbers((2, 3))
    seen = []

    def f(t):
        seen.append(FACTS[function](t))
        return np.sum(t)

    assert_array_equal(lg.grad(f)(x), np.ones((2, 3)))
    assert seen == [FACTS[function](x)]
    assert map_leaves(type, seen[0]) == map_leaves(type, FACTS[function](x))
