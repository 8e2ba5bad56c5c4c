"""Random computations without cycles: every fast path equals the dense, slow twin of A."""

import numpy as np
import pytest
import scipy.sparse as sp
import twin
from hypothesis import given, settings
from hypothesis import strategies as st

import lagrad as lg

SHAPES = [(), (2,), (3,), (2, 3)]
MATRIX = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, -1.0]])


# -- random programs: each step takes two earlier values and a number that picks a detail ---------


def matched(x, y):
    """Return y, or its mean where it does not broadcast with x."""
    try:
        np.broadcast_shapes(np.shape(x), np.shape(y))
    except ValueError:
        return np.mean(y)
    return y


def pattern(x, k):
    """Return a constant array shaped like x with zeros in it; ``k`` moves them."""
    size = int(np.prod(np.shape(x)))
    return np.reshape(np.roll(np.resize([0.0, 1.5, -0.5], size), k), np.shape(x))[()]


def shared(x, y, k):
    t = np.tanh(x)
    return t * t


def dotted(x, y, k):
    if np.ndim(x) == 2 and np.shape(x)[1:] == np.shape(y):
        return x @ y
    n = min(np.size(x), np.size(y))
    return np.dot(np.ravel(x)[:n], np.ravel(y)[:n]) / 4


def gathered(x, y, k):
    flat = np.ravel(x)
    return flat[np.arange(k, k + 3) % np.size(x)]


def chosen(x, y, k):
    return np.where(pattern(x, k) > 0, x, matched(x, np.mean(y)))


def filled(x, y, k):
    out = lg.zeros(3)
    out[k % 3] = np.mean(x)
    return out


STEPS = {
    "sin": lambda x, y, k: np.sin(x),
    "exp": lambda x, y, k: np.exp(-x * x),
    "sqrt": lambda x, y, k: np.sqrt(1.0 + x**2),
    "log1p": lambda x, y, k: np.log1p(x * x),
    "arctan": lambda x, y, k: np.arctan(-x),
    "shared": shared,
    "mean of two": lambda x, y, k: 0.5 * (x + matched(x, y)),
    "difference": lambda x, y, k: x - matched(x, y),
    "product": lambda x, y, k: np.tanh(x) * matched(x, y),
    "quotient": lambda x, y, k: x / (2.0 + np.cos(matched(x, y))),
    "add a constant": lambda x, y, k: pattern(x, k) + x,
    "times a constant": lambda x, y, k: pattern(x, k) * x,
    "constant matrix": lambda x, y, k: (
        np.array([[0.0, 1.0, 2.0], [3.0, 0.0, k]]) @ gathered(x, y, k)
    ),
    "sum": lambda x, y, k: np.sum(x, axis=k % np.ndim(x)) if np.ndim(x) else x.sum(),
    "mean": lambda x, y, k: np.mean(x),
    "flat": lambda x, y, k: np.reshape(x, -1),
    "transposed": lambda x, y, k: x.T,
    "item": lambda x, y, k: np.ravel(x)[k % np.size(x)],
    "gathered": gathered,
    "joined": lambda x, y, k: np.concatenate([np.ravel(x), np.ravel(y)]),
    "stacked": lambda x, y, k: np.stack([np.mean(x), np.mean(y)]),
    "outer": lambda x, y, k: np.outer(x, np.mean(y)),
    "dotted": dotted,
    "chosen": chosen,
    "filled": filled,
}


def run(program, *inputs):
    """Return the last value of a program; what would grow large is summed."""
    z = list(inputs)
    for step, i, j, k in program:
        made = STEPS[step](z[i % len(z)], z[j % len(z)], k)
        z.append(np.sum(made, axis=0) if np.size(made) > 6 else made)
    return z[-1]


def function_of(program):
    """Return the program as a function of its inputs, with a scalar result."""
    return lambda *inputs: np.sum(run(program, *inputs))


numbers = st.integers(0, 7)
steps = st.tuples(st.sampled_from(list(STEPS)), numbers, numbers, numbers)
programs = st.lists(steps, max_size=9)


@st.composite
def points(draw, count=1):
    """Draw the inputs of a program, ``count`` times with the same shapes."""
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3))
    coordinate = st.sampled_from([0.0, 1.0, -1.0]) | st.floats(-2, 2, allow_subnormal=False)

    def one(shape):
        size = int(np.prod(shape))
        flat = draw(st.lists(coordinate, min_size=size, max_size=size))
        return np.reshape(np.array(flat), shape)[()]

    drawn = tuple(tuple(one(shape) for shape in shapes) for _ in range(count))
    return drawn if count > 1 else drawn[0]


some = settings(max_examples=60)


# -- A ---------------------------------------------------------------------------------------------


@some
@given(programs, points())
def test_matrix_equals_the_twin(program, inputs):
    graph = lg.trace(function_of(program), *inputs)
    graph.validate()
    system = graph.linearize()
    expected = twin.of_graph(graph).A(system.variables, system.equations)
    twin.assert_close(system.A.toarray(), expected)


@some
@given(programs, points())
def test_matrix_is_unit_upper_triangular_in_order(program, inputs):
    system = lg.trace(function_of(program), *inputs).linearize()
    dense = system.A.toarray()
    assert (np.tril(dense, -1) == 0.0).all()
    assert (np.diag(dense) == 1.0).all()
    assert system.order == tuple(range(len(system.variables)))
    assert system.cyclic == (False,) * len(system.blocks)
    assert (sp.tril(system.block_pattern, -1)).nnz == 0


@some
@given(programs, points(count=2))
def test_the_pattern_does_not_depend_on_values(program, pair):
    patterns = []
    for inputs in (*pair, tuple(0.0 * x for x in pair[0])):
        system = lg.trace(function_of(program), *inputs).linearize()
        patterns.append((system.A.indptr.tolist(), system.A.indices.tolist()))
        blocks = system.block_pattern.toarray()
        sizes = [int(np.prod(shape)) for shape in system.shapes]
        allowed = np.repeat(np.repeat(blocks, sizes, axis=0), sizes, axis=1)
        stored = system.A.tocoo()
        assert allowed[stored.row, stored.col].all()
    assert patterns[0] == patterns[1] == patterns[2]


@pytest.mark.parametrize(
    ("f", "entries"),
    [
        (lambda x: x * np.array([0.0, 2.0]), 1),
        (lambda x: 0.0 * x, 0),
        (lambda x: np.array([[0.0, 1.0], [2.0, 0.0]]) @ x, 2),
        (lambda x: x @ np.eye(2), 2),
        (lambda x: np.einsum("ij,j->i", np.eye(2), x), 2),
        (lambda x: np.outer(x, np.array([0.0, 1.0])), 2 + 2),  # x is flattened first
        (lambda x: sp.csr_array(np.eye(2)) @ x, 2),
        (lambda x: np.dot(np.triu(np.ones((2, 2))), x), 3),
    ],
)
def test_zeros_of_constants_are_no_entries(f, entries):
    for x in (np.zeros(2), np.array([1.0, -3.0])):
        A = lg.trace(f, x).linearize().A
        assert A.nnz - A.shape[0] == entries
        assert np.count_nonzero(A.toarray()) == A.nnz


def test_zero_constants_of_scalars_are_no_entries_and_accidental_zeros_are():
    for x in (0.0, 2.0):
        for f, entries in [
            (lambda x: 0.0 * x, 0),
            (lambda x: x * 3.0, 1),
            (lambda x: x * x, 1),
            (lambda x: x - x, 1),
            (lambda x: np.sin(x) * x, 3),
        ]:
            A = lg.trace(f, x).linearize().A
            assert A.nnz - A.shape[0] == entries


@pytest.mark.parametrize(
    ("f", "entries"),
    [
        (lambda x: x * x, 2),
        (lambda x: x - x, 2),
        (lambda x: np.sin(x) * x[::-1], 2 + 2 + 4),
        (lambda x: np.array([[1.0, -1.0]]) @ np.outer(x, x), (2 + 2) + 8 + 4),
    ],
)
def test_accidental_zeros_of_variables_stay(f, entries):
    counts = {lg.trace(f, x).linearize().A.nnz - f_rows(f, x) for x in (np.zeros(2), np.ones(2))}
    assert counts == {entries}


def f_rows(f, x):
    """Return how many diagonal entries A has."""
    return twin.size(dict(enumerate(lg.trace(f, x).columns.values)))


# -- multipliers, tangents and Jacobians ----------------------------------------------------------


@some
@given(programs, points())
def test_multipliers_equal_the_twin(program, inputs):
    graph = lg.trace(function_of(program), *inputs)
    system = graph.linearize()
    expected = twin.of_graph(graph).multipliers({graph.name(graph.outputs[-1]): 1.0})
    for method in ("sweep", "explicit", "auto"):
        lam = system.solve(method=method)
        assert lam.names == system.equations
        for name, shape in zip(system.variables, system.shapes, strict=True):
            assert np.shape(lam[name]) == shape
            twin.assert_close(lam[name], expected[name])


@some
@given(programs, points(count=3), st.integers(0, 5))
def test_first_derivatives_equal_the_twin(program, drawn, seed):
    inputs, xdot, _ = drawn

    def f(*x):
        return run(program, *x)

    graph = lg.trace(f, *inputs)
    slow, y = twin.of_graph(graph), graph.name(graph.outputs[-1])
    names = [graph.name(i) for i in graph.inputs]
    value, tangent = lg.jvp(f, inputs, xdot)
    np.testing.assert_array_equal(value, f(*inputs))
    expected = slow.tangents(dict(zip(names, xdot, strict=True)))[y]
    twin.assert_close(tangent, expected)

    w = np.random.default_rng(seed).standard_normal(np.shape(value))[()]
    value, pullback = lg.vjp(f, *inputs)
    lam = slow.multipliers({y: w})
    for x, found, name in zip(inputs, pullback(w), names, strict=True):
        assert np.shape(found) == np.shape(x)
        twin.assert_close(found, lam[name])
    dot_y = np.sum(w * tangent)
    dot_x = sum(np.sum(g * v) for g, v in zip(pullback(w), xdot, strict=True))
    np.testing.assert_allclose(dot_y, dot_x, rtol=1e-11, atol=1e-11)


@some
@given(programs, points())
def test_gradient_equals_the_twin_and_differences(program, inputs):
    f = function_of(program)
    graph = lg.trace(f, *inputs)
    lam = twin.of_graph(graph).multipliers({graph.name(graph.outputs[-1]): 1.0})
    everything = lg.grad(f, argnums=tuple(range(len(inputs))))(*inputs)
    value, first = lg.value_and_grad(f)(*inputs)
    assert value == f(*inputs)
    np.testing.assert_array_equal(first, everything[0])
    for k, (x, g) in enumerate(zip(inputs, everything, strict=True)):
        assert np.shape(g) == np.shape(x)
        twin.assert_close(g, lam[graph.name(graph.inputs[k])])
        np.testing.assert_allclose(lg.grad(f, argnums=k)(*inputs), g, rtol=1e-12, atol=1e-12)
        slopes = [
            twin.difference(
                lambda h, k=k, e=e: f(*inputs[:k], twin.moved(inputs[k], e, h), *inputs[k + 1 :])
            )
            for e in range(np.size(x))
        ]
        twin.assert_close(g, slopes, rtol=1e-6, atol=1e-7)


@some
@given(programs, points())
def test_jacobians_equal_the_twin_on_both_sides(program, inputs):
    def f(*x):
        return run(program, *x)

    def tall(*x):  # more entries out than in: tangents instead of multipliers
        y = np.ravel(f(*x))
        return np.concatenate([y, 2.0 * y] + [y] * (1 + sum(map(np.size, x))))

    graph = lg.trace(f, *inputs)
    slow, y = twin.of_graph(graph), graph.name(graph.outputs[-1])
    argnums = tuple(range(len(inputs)))
    shape, m = np.shape(f(*inputs)), np.size(f(*inputs))
    dense = lg.jacobian(f, argnums)(*inputs)
    sparse = lg.jacobian(f, argnums, sparse=True)(*inputs)
    columns = lg.jacobian(tall, argnums)(*inputs)
    for k, x in enumerate(inputs):
        name = graph.name(graph.inputs[k])
        expected = slow.jacobian(y, name)
        assert dense[k].shape == shape + np.shape(x)
        assert sp.issparse(sparse[k])
        assert sparse[k].shape == (m, np.size(x))
        twin.assert_close(dense[k], expected)
        twin.assert_close(sparse[k].toarray(), expected)
        twin.assert_close(np.reshape(columns[k], (-1, np.size(x)))[:m], expected)


@settings(max_examples=25)
@given(programs, points(count=2))
def test_second_derivatives_are_differences_of_gradients(program, drawn):
    inputs, v = drawn
    f = function_of(program)
    argnums = tuple(range(len(inputs)))

    def along(h):
        g = lg.grad(f, argnums)(*[x + h * d for x, d in zip(inputs, v, strict=True)])
        return np.concatenate([np.ravel(part) for part in g])

    product = lg.hvp(f, inputs, v)
    product = product if len(inputs) > 1 else (product,)
    found = np.concatenate([np.ravel(part) for part in product])
    twin.assert_close(found, twin.difference(along), rtol=1e-6, atol=1e-6)
