"""Windows of one array: read through one strided view, and put back as a convolution.

NumPy does not look where a strided view ends. So every view that a program makes is compared with
the memory of the array that it is a view of, for arrays that lie in memory in all sorts of ways.
"""

import itertools
import math
import sys

import numpy as np
import pytest
from uncompiled import agrees, assert_same, programs

import lagrad as lg
from lagrad.compile.simplify import convolutions, windows
from lagrad.compile.simplify.places import cut_at, may_meet, whole_of

as_strided = np.lib.stride_tricks.as_strided


def extent(x):
    """Return the addresses where the memory of an array begins and ends."""
    low = high = x.__array_interface__["data"][0]
    for n, step in zip(x.shape, x.strides, strict=True):
        low, high = low + min(0, (n - 1) * step), high + max(0, (n - 1) * step)
    return low, high + x.itemsize


@pytest.fixture
def views(monkeypatch):
    """All strided views that are made, each inside of the memory of an array."""
    found = []

    def watched(x, shape, strides):
        view = as_strided(x, shape, strides)
        begin, end = extent(x if x.base is None else x.base)
        low, high = extent(view)
        assert begin <= low and high <= end
        found.append(view.shape)
        return view

    monkeypatch.setattr(np.lib.stride_tricks, "as_strided", watched)
    return found


@pytest.fixture
def eager(monkeypatch):
    """Views and convolutions wherever they can be, and not only where they are faster."""
    monkeypatch.setattr(windows, "RUN", 1)
    monkeypatch.setattr(windows, "ENTRIES", 1)
    monkeypatch.setattr(windows, "PIECES", 2)
    monkeypatch.setattr(convolutions, "is_less", lambda row, found: True)


def layouts(a):
    """Yield the numbers of an array, laid out in memory in other ways, with others around."""
    other = np.array(77 if a.dtype.kind == "i" else np.nan, a.dtype)
    yield a
    yield np.asfortranarray(a)
    for steps in ((2,), (-1,), (1, -2, 3), (-3, 1)):
        steps = list(itertools.islice(itertools.cycle(steps), a.ndim))
        wide = np.full([abs(s) * n + 5 for s, n in zip(steps, a.shape, strict=True)], other)
        inner = tuple(slice(2, 2 + abs(s) * n, abs(s)) for s, n in zip(steps, a.shape, strict=True))
        x = wide[inner][tuple(slice(None, None, int(np.sign(s))) for s in steps)]
        x[...] = a
        yield x
    if a.ndim > 1:
        turned = np.full([n + 3 for n in a.shape[::-1]], other)
        x = turned.T[tuple(slice(1, n + 1) for n in a.shape)]
        x[...] = a
        yield x


def random(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def convolved(x, w, inside=False):
    """The correlation of images (n, height, width, c) with a kernel, by its patches."""
    h, v, c, _ = w.shape
    if not inside:
        x = np.pad(x, ((0, 0), (h // 2, (h - 1) // 2), (v // 2, (v - 1) // 2), (0, 0)))
    n, height, width, _ = x.shape
    height, width = height - h + 1, width - v + 1
    patches = [x[:, i : i + height, j : j + width] for i in range(h) for j in range(v)]
    return np.concatenate(patches, axis=3) @ np.reshape(w, (h * v * c, -1))


# -- places ----------------------------------------------------------------------------------------


def drawn(rng, shape):
    """Return a basic index of an array."""
    found = []
    for n in shape:
        begin, end = (None if rng.random() < 0.3 else int(rng.integers(-7, 8)) for _ in range(2))
        cut = slice(begin, end, int(rng.choice([1, 1, 2, 3, -1, -2])))
        found += [[cut], [cut], [int(rng.integers(-n, n))], [None, cut]][rng.integers(4)]
    return (*found, Ellipsis) if rng.random() < 0.2 else tuple(found)


@pytest.mark.parametrize("seed", range(10))
def test_places_of_pieces_are_those_of_numpy(seed):
    rng = np.random.default_rng(seed)
    for _ in range(100):
        shape = tuple(map(int, rng.integers(1, 7, rng.integers(1, 4))))
        numbers = np.arange(np.prod(shape)).reshape(shape)
        indices = [drawn(rng, shape) for _ in range(2)]
        a, b = (cut_at(whole_of(None, shape), index) for index in indices)
        for view, index in zip((a, b), indices, strict=True):
            counts = np.indices(view.shape).reshape(len(view.shape), math.prod(view.shape))
            steps = np.reshape(view.steps, (len(view.shape), len(shape))).astype(int)
            places = np.reshape(view.start, (-1, 1)) + steps.T @ counts
            assert view.shape == numbers[index].shape
            if places.size:
                assert (np.ravel_multi_index(places, shape) == numbers[index].ravel()).all()
        common = np.intersect1d(numbers[indices[0]], numbers[indices[1]])
        assert may_meet(a, b) or not common.size


# -- windows that are read -------------------------------------------------------------------------


READ = {
    "a table of delays": (lambda x: np.stack([x[k : k + 30] for k in range(20)]), (60,)),
    "backwards": (lambda x: np.stack([x[40 - k : 10 - k : -1] for k in range(9)], 1), (60,)),
    "every other": (lambda x: np.concatenate([x[k : k + 41 : 4] for k in range(8)]), (60,)),
    "in steps": (lambda x: np.stack([x[3 * k : 3 * k + 9] for k in range(17)]), (60,)),
    "the last first": (lambda x: np.stack([x[k : k + 9] for k in range(16, -1, -1)]), (60,)),
    "the same": (lambda x: np.concatenate([x[4:20]] * 16), (60,)),
    "planes": (
        lambda x: np.concatenate(
            [x[i : i + 4, j : j + 6] for i in (0, 2, 4) for j in range(3)], axis=-1
        ),
        (9, 8, 5),
    ),
    "planes turned": (
        lambda x: np.stack(
            [x[::-1, i : i + 4, j, None].T for i in (4, 2, 0) for j in range(7)], axis=1
        ),
        (9, 8, 7),
    ),
    "pieces of pieces": (
        lambda x: np.concatenate([x[1:][k : k + 4, ..., ::-2][:, 1:3] for k in range(4)]),
        (9, 8, 7),
    ),
    "padded": (
        lambda x: np.concatenate(
            [p[i : i + 5, j : j + 6] for p in [np.pad(x, 1)] for i in range(3) for j in range(3)]
        ),
        (5, 6),
    ),
    "padded behind": (
        lambda x: np.stack(
            [p[k : k + 12] for p in [np.pad(x, (0, 4), constant_values=0.0)] for k in range(5)]
        ),
        (12,),
    ),
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("dtype", [float, np.float32, complex, int])
def test_windows_of_an_array_are_one_view_of_it(name, dtype, eager, views):
    f, shape = READ[name]
    x = (100 * random(*shape)).astype(dtype)
    g = agrees(f, *((y,) for y in layouts(x)))
    assert programs(g) == 1
    assert len(views) == len(list(layouts(x)))


def test_a_convolution_is_read_through_one_view(views):
    images, kernel = random(8, 9, 10, 4), random(3, 3, 4, 5)
    g = agrees(convolved, (images, kernel), (images[::-1], kernel), rtol=1e-12, atol=1e-12)
    assert views == [(8, 9, 10, 3, 3, 4)] * 2
    arrays = ((y,) for y in layouts(images))
    inside = agrees(lambda x: convolved(x, kernel, True), *arrays, rtol=1e-12, atol=1e-12)
    assert g.source.count("as_strided") == inside.source.count("as_strided") == 1


APART = {
    "of two arrays": lambda x, y: np.stack([x[:30], x[1:31], y[2:32], x[3:33]]),
    "on no lattice": lambda x, y: np.stack([x[:30], x[1:31], x[3:33], y[4:34]]),
    "of two lengths": lambda x, y: np.concatenate([x[:30], x[1:31], x[2:33]]),
    "of two steps": lambda x, y: np.stack([x[:30], x[30:0:-1], x[20:50]]),
    "one of a function": lambda x, y: np.stack([x[:30], np.sin(x)[1:31], x[2:32]]),
    "by lists": lambda x, y: np.stack([x[[1, 2, 3]], x[[2, 3, 4]], x[[3, 4, 5]]]),
    "with nothing in them": lambda x, y: np.stack([x[k:k] for k in range(20)]),
    "of another dtype": lambda x, y: np.concatenate([x[:9], x[1:10]], dtype=complex),
}


@pytest.mark.parametrize("name", APART)
def test_other_pieces_are_joined_one_by_one(name, eager, views):
    agrees(APART[name], (random(60), np.arange(60.0)), (random(61)[1:], np.arange(60.0)))
    assert not views


def test_another_shape_is_another_program(views):
    def f(x):
        return np.sum(np.stack([x[k : k + 40] for k in range(20)]) ** 2, axis=0)

    x = random(90)
    g = agrees(f, (x,), (x[:70],), (x[::-1],), (x[:59],), rtol=1e-14)
    assert programs(g) == 3
    with pytest.raises(ValueError):
        g(x[:50])  # the last ones are shorter


def test_a_saved_program_refuses_another_shape(tmp_path, monkeypatch):
    x = random(8, 9, 10, 4)
    g = lg.compile(lambda x: 2.0 * np.concatenate([x[:, :, j : j + 8] for j in range(3)], 3))
    want = g(x)
    g.save(tmp_path / "windows_saved.py")
    monkeypatch.syspath_prepend(tmp_path)
    import windows_saved

    assert "lagrad" not in vars(windows_saved)
    (alone,) = (f for f in vars(windows_saved).values() if getattr(f, "__code__", None))
    for y in layouts(x):
        np.testing.assert_allclose(alone(y), want, rtol=1e-13)
    for smaller in (x[:, :8], x[1:], x[0], x[..., :3], np.zeros(3)):
        with pytest.raises(ValueError, match="another way"):
            alone(smaller)
    del sys.modules["windows_saved"]


def test_a_piece_of_a_piece_of_a_piece():
    def f(x):
        parts = []
        for _ in range(300):
            x = x[1:]
            parts.append(x[:20])
        return np.stack(parts)

    agrees(f, (random(400),))


def test_windows_with_numba(eager):
    pytest.importorskip("numba")
    x = random(8, 9, 10, 4)

    def f(x):
        return np.sin(np.stack([x[::-1, i : i + 4, j] for i in (4, 2, 0) for j in range(7)], 1))

    g = agrees(f, *((y,) for y in layouts(x)), jit="numba", rtol=1e-13)
    assert "as_strided" in g.source


# -- windows that are put back ---------------------------------------------------------------------


def pullback(f, **options):
    """Return the multipliers of the arguments of f, as a function of these and those of f."""
    return lambda lam, *args: lg.vjp(f, *args, **options)[1](lam)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("shape", "kernel"),
    [
        ((4, 8, 8, 17), (3, 3, 17, 8)),
        ((2, 5, 7, 9), (5, 2, 9, 1)),
        ((1, 3, 4, 6), (3, 4, 6, 2)),
        ((3, 8, 2, 20), (1, 2, 20, 3)),
    ],
)
def test_the_adjoint_of_a_convolution_is_one(shape, kernel, inside, eager, views):
    x, w = random(*shape), random(*kernel)
    f = pullback(lambda x, w: convolved(x, w, inside))
    lam = random(*convolved(x, w, inside).shape)
    calls = zip(layouts(lam), layouts(x), layouts(w), strict=True)
    g = agrees(f, *calls, rtol=1e-12, atol=1e-12)
    if kernel[0] * kernel[1] >= convolutions.FEW:
        assert not any(" += " in line for line in g.source.splitlines())
        assert views


def test_the_adjoint_of_a_long_filter(eager, views):
    def f(x, w):
        padded = np.pad(x, ((3, 2), (0, 0)))
        return np.concatenate([padded[k : k + 40] for k in range(6)], axis=1) @ w

    def turned(x, w):  # the axes in another order, and shifts on no lattice
        padded = np.pad(x.T, ((0, 0), (3, 2)))
        rows = [padded[:, k : k + 40] for k in (0, 1, 3, 4, 5)]
        return np.concatenate(rows).T @ w

    x = random(40, 7)
    for function, w in ((f, random(42, 3)), (turned, random(35, 3))):
        agrees(pullback(function), (random(40, 3), x, w), rtol=1e-12, atol=1e-12)
    assert views


def test_windows_in_steps_are_put_back_one_by_one(eager):
    def f(x, w):
        padded = np.pad(x, ((3, 2), (0, 0)))
        return np.concatenate([padded[k : k + 40 : 2] for k in range(6)], axis=1) @ w

    def partly(x, w):  # of the first product nothing is put at the end
        return np.concatenate([x[k : k + 30] for k in range(5)], axis=1)[:29] @ w[:35]

    w = random(42, 3)
    g = agrees(pullback(f), (random(20, 3), random(40, 7), w), rtol=1e-12, atol=1e-12)
    assert " += " in g.source
    agrees(pullback(partly), (random(29, 3), random(40, 7), w), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"nonfinite": "allow"}])
@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize("where", range(3))
def test_an_infinite_kernel_makes_no_nan_at_the_edge(where, bad, options):
    x, w = random(4, 8, 8, 17), random(3, 3, 17, 8)
    args = [random(4, 8, 8, 8), x, w]
    other = [a.copy() for a in args]
    other[where].flat[-1] = bad

    def signs(lam, x, w):
        grad = lg.grad(lambda x: np.sum(lam * convolved(x, w)), **options)
        return (grad(x) > 0) * 1.0

    with np.errstate(all="ignore"):
        agrees(pullback(convolved, **options), args, other, rtol=1e-11, atol=1e-11)
        agrees(signs, args, other)


@pytest.mark.parametrize("shape", [(0, 8, 8, 17), (4, 8, 8, 0)])
def test_nothing_is_put_back(shape, eager):
    x, w = np.zeros(shape), random(3, 3, shape[-1], 8)
    agrees(pullback(convolved), (random(*shape[:3], 8), x, w))
    agrees(pullback(convolved), (np.zeros((*shape[:3], 0)), x, np.zeros((3, 3, shape[-1], 0))))


def test_second_order_through_windows():
    x, w = random(4, 8, 8, 6), random(3, 3, 6, 8)

    def loss(x, w):
        return np.sum(np.tanh(convolved(x, w)) ** 2)

    def f(x, w, v):
        return lg.hvp(loss, (x, w), v)

    got = lg.compile(f)(x, w, (random(*x.shape), random(*w.shape)))
    assert_same(got, f(x, w, (random(*x.shape), random(*w.shape))), rtol=1e-10, atol=1e-10)
