"""Random shapes, indices, axes and subscripts: the linear rules agree with NumPy itself.

What is linear needs no differences: the tangent is the function at the tangent, exactly.
"""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import lagrad as lg
from lagrad.graph import INPUT

SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
SOME = settings(max_examples=60)


def random(rng, shape):
    """Return a random array; scalars are NumPy's."""
    return rng.standard_normal(shape)[()]


def check(f, *args, seed=0):
    """Check a function that is linear in each of its arguments.

    The value, the tangents, the multipliers by inner products, the entries of A against both, and
    the gradient of the gradient.
    """
    rng = np.random.default_rng(seed)
    expected = f(*args)
    w = random(rng, np.shape(expected))
    for k in range(len(args)):
        v = random(rng, np.shape(args[k]))
        moved = f(*args[:k], v, *args[k + 1 :])
        zero = [np.zeros_like(a) for a in args]
        value, tangent = lg.jvp(f, args, (*zero[:k], v, *zero[k + 1 :]))
        assert_allclose(value, expected, rtol=1e-13, atol=1e-14)
        assert np.shape(value) == np.shape(expected)
        assert_allclose(tangent, moved, rtol=1e-12, atol=1e-13)
        gradient = lg.grad(lambda *a: np.sum(w * f(*a)), k)(*args)
        assert np.shape(gradient) == np.shape(args[k])
        assert_allclose(np.sum(gradient * v), np.sum(w * moved), rtol=1e-11, atol=1e-12)
    check_entries(f, args)


def check_entries(f, args):
    """The entries of each row are its tangents of unit vectors, and its pattern covers them."""
    graph = lg.trace(f, *args)
    for i in range(len(graph)):
        if graph.primitive(i) is INPUT:
            continue
        for j, partial in graph.partials(i):
            shape, size = graph.shape(j), int(np.prod(graph.shape(j)))
            rows, columns, data = partial.entries()
            assert len(rows) <= partial.count()
            matrix = np.zeros((int(np.prod(graph.shape(i))), size))
            np.add.at(matrix, (rows, columns), data)
            for column in range(size):
                e = np.zeros(size)
                e[column] = 1.0
                pushed = np.ravel(partial.apply(np.reshape(e, shape)[()]))
                assert_allclose(matrix[:, column], pushed, rtol=1e-12, atol=1e-13)


@st.composite
def arrays_and_indices(draw):
    """Return an array and an index of any kind that NumPy takes."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    x = random(np.random.default_rng(1), shape)
    basic = hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
    integers = hnp.integer_array_indices(
        shape, result_shape=hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)
    )
    masks = hnp.arrays(bool, st.sampled_from([shape[:k] for k in range(1, len(shape) + 1)]))

    @st.composite
    def mixtures(draw):
        parts = []
        for n in shape[: draw(st.integers(1, len(shape)))]:
            parts.append(draw(st.one_of(
                st.integers(-n, n - 1), st.slices(n), st.just(None),
                st.lists(st.integers(-n, n - 1), min_size=2, max_size=2),
                hnp.arrays(np.intp, st.sampled_from([(2,), (1,), (3, 2)]),
                           elements=st.integers(-n, n - 1)),
            )))  # fmt: skip
        return tuple(parts)

    index = draw(st.one_of(basic, integers, masks, mixtures()))
    try:
        x[index]
    except IndexError:
        assume(False)
    return x, index


@SOME
@given(arrays_and_indices())
def test_indexing(drawn):
    x, index = drawn
    check(lambda x: x[index], x)


@SOME
@given(arrays_and_indices(), st.data())
def test_assignment(drawn, data):
    x, index = drawn
    target = np.shape(x[index])
    shape = data.draw(st.one_of(st.just(target), st.just(()), st.just(target[1:])))
    v = random(np.random.default_rng(2), shape)

    def f(x, v):
        y = x * 1.0
        y[index] = v
        return y

    value, _ = lg.jvp(f, (x, v), (x, v))
    assert_array_equal(value, f(x, v))
    dx, dv = random(np.random.default_rng(3), x.shape), random(np.random.default_rng(4), shape)
    value, tangent = lg.jvp(f, (x, v), (dx, dv))
    assert_array_equal(tangent, f(dx, dv))
    w = random(np.random.default_rng(5), x.shape)
    gx, gv = lg.grad(lambda x, v: np.sum(w * f(x, v)), (0, 1))(x, v)
    assert_allclose(
        np.sum(gx * dx) + np.sum(gv * dv), np.sum(w * f(dx, dv)), rtol=1e-11, atol=1e-12
    )
    check_entries(f, (x, v))


@SOME
@given(hnp.array_shapes(min_dims=1, max_dims=3, min_side=2, max_side=4), st.data())
def test_views_written_through_are_those_of_numpy(shape, data):
    x = random(np.random.default_rng(1), shape)
    index = data.draw(hnp.basic_indices(shape, min_dims=1, allow_newaxis=True))
    again = data.draw(hnp.basic_indices(x[index].shape, allow_newaxis=True))

    def f(x):
        y = x * 1.0
        before = y[..., :1] * 2.0
        part = y[index]
        deep = part[again]
        y[...] = y * 3.0
        part *= 2.0
        part[again] = deep + np.sum(part)
        return np.sum(y**2) + np.sum(part**2) + np.sum(before) + np.sum(deep**2)

    value, gradient = lg.value_and_grad(f)(x)
    assert_allclose(value, f(x), rtol=1e-12)
    v = random(np.random.default_rng(6), x.shape)
    h = 1e-4
    difference = (
        (8 * (f(x + h * v) - f(x - h * v)) - (f(x + 2 * h * v) - f(x - 2 * h * v))) / 12 / h
    )
    assert_allclose(np.sum(gradient * v), difference, rtol=1e-6, atol=1e-5 * abs(value))


@SOME
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3, min_side=0))
def test_broadcasting(shapes):
    rng = np.random.default_rng(7)
    a, b = (random(rng, shape) for shape in shapes.input_shapes)
    check(lambda a, b: a * b, a, b)
    check(lambda a: np.broadcast_to(a, shapes.result_shape), a)


@SOME
@given(SHAPES, st.data())
def test_sums_along_axes(shape, data):
    n = len(shape)
    axis = data.draw(st.one_of(st.none(), hnp.valid_tuple_axes(n) if n else st.just(())))
    keepdims = data.draw(st.booleans())
    x = random(np.random.default_rng(8), shape)
    check(lambda x: np.sum(x, axis=axis, keepdims=keepdims), x)
    if 0 not in shape:
        check(lambda x: np.mean(x, axis=axis, keepdims=keepdims), x)
        f = lambda x: np.sum(np.sin(np.prod(x, axis=axis, keepdims=keepdims)))  # noqa: E731
        h, g = 1e-5, lg.grad(f)(x)
        v = random(np.random.default_rng(9), shape)
        assert_allclose(
            np.sum(g * v), (f(x + h * v) - f(x - h * v)) / (2 * h), rtol=1e-5, atol=1e-6
        )


@SOME
@given(SHAPES, st.data())
def test_moves(shape, data):
    n = len(shape)
    x = random(np.random.default_rng(10), shape)
    order = data.draw(st.permutations(range(n)))
    shift = data.draw(st.integers(-5, 5))
    check(lambda x: np.transpose(x, order), x)
    check(lambda x: np.roll(x, shift), x)
    check(np.flip, x)
    check(lambda x: x.reshape(x.shape[::-1], order="F"), x)
    check(lambda x: np.repeat(x, abs(shift)), x)
    if n:
        axis = data.draw(st.integers(-n, n - 1))
        to = data.draw(st.integers(-n, n - 1))
        check(lambda x: np.roll(x, shift, axis), x)
        check(lambda x: np.moveaxis(x, axis, to), x)
        check(lambda x: np.swapaxes(x, axis, to), x)
        check(lambda x: np.concatenate([x, x[..., ::-1], x], axis=axis), x)
        check(lambda x: np.stack([x, x * 2.0], axis=axis), x)
        check(lambda x: np.pad(x, (abs(shift), 1)), x)
        check(lambda x: np.diff(x, axis=axis) if x.shape[axis] else x, x)


@st.composite
def contractions(draw):
    """Return subscripts of einsum and operands; lengths of one are stretched, labels repeat."""
    sizes = {c: draw(st.integers(1, 3)) for c in "abcd"}
    terms, operands = [], []
    rng = np.random.default_rng(11)
    for _ in range(draw(st.integers(1, 3))):
        labels = draw(st.lists(st.sampled_from("abcd"), max_size=3))
        stretched = set(draw(st.lists(st.sampled_from("abcd"), max_size=1)))
        repeated = {c for c in labels if labels.count(c) > 1}
        shape = [1 if c in stretched - repeated else sizes[c] for c in labels]
        terms.append("".join(labels))
        operands.append(random(rng, shape))
    used = sorted(set("".join(terms)))
    out = draw(st.permutations(used))
    out = "".join(out[: draw(st.integers(0, len(out)))])
    explicit = draw(st.booleans())
    return ",".join(terms) + ("->" + out if explicit else ""), operands


@SOME
@given(contractions())
def test_einsum(drawn):
    subscripts, operands = drawn
    try:
        np.einsum(subscripts, *operands)
    except ValueError:
        assume(False)
    check(lambda *x: np.einsum(subscripts, *x), *operands)


@SOME
@given(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3))
def test_matmul(shapes):
    rng = np.random.default_rng(12)
    a, b = (random(rng, shape) for shape in shapes.input_shapes)
    check(np.matmul, a, b)
    if max(a.ndim, b.ndim) <= 2:
        check(np.dot, a, b)
    check(np.inner, a, np.ones((2, a.shape[-1])))


@SOME
@given(SHAPES, SHAPES, st.integers(0, 2))
def test_tensordot(first, second, count):
    shape = first[len(first) - count :] if count <= len(first) else ()
    count = len(shape)
    rng = np.random.default_rng(13)
    a, b = random(rng, first), random(rng, shape + second[:2])
    check(lambda a, b: np.tensordot(a, b, axes=count), a, b)
    check(lambda a, b: np.tensordot(a, b, axes=0), random(rng, first[:2]), random(rng, second[:2]))
