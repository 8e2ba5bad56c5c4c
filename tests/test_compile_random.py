"""Random programs of views, writes, reductions and masks: compiled as uncompiled."""

import functools
import itertools

import numpy as np
import pytest
from uncompiled import assert_same

import lagrad as lg
from lagrad.containers import leaves

# Each step takes two arrays of shape (m, m) and a number below m, and gives an array of that shape.
STEPS = {}


def step(f):
    STEPS[f.__name__.strip("_")] = f
    return f


def elementwise():
    """Add the steps that work on each entry."""
    formulas = {
        "sin": lambda p, q, r: np.sin(p),
        "bell": lambda p, q, r: np.exp(-np.abs(p)),
        "minus": lambda p, q, r: -p,
        "add": lambda p, q, r: p + q,
        "subtract": lambda p, q, r: p - q * 2,
        "multiply": lambda p, q, r: p * q,
        "divide": lambda p, q, r: p / (q * q + 1.5),
        "power": lambda p, q, r: (p * p + 0.5) ** 1.5,
        "square": lambda p, q, r: np.tanh(p) ** 2,
        "clip": lambda p, q, r: np.clip(p, -0.5, 0.7),
        "where": lambda p, q, r: np.where(p > 0.1, q, p * 2),
        "masked": lambda p, q, r: np.where(p > 0.1, np.log(np.abs(p) + 1e-9), q),
        "maximum": lambda p, q, r: np.maximum(p, q),
        "same": lambda p, q, r: p + 0 * 1,
        "copy": lambda p, q, r: p.copy(),
        "entry": lambda p, q, r: p * q[r, 0] - q[0, r],
        "row": lambda p, q, r: p * q[r] + q[:, r : r + 1],
        "outer": lambda p, q, r: np.sin(p[r])[:, None] * q[0] + p[:, 0],
        "mean": lambda p, q, r: p - np.mean(q),
        "rows": lambda p, q, r: p - np.sum(q, axis=1, keepdims=True) / (r + 3),
        "columns": lambda p, q, r: p * np.sum(q * 3.0, axis=0) / len(q),
        "largest": lambda p, q, r: p - np.max(q, axis=1, keepdims=True),
        "softmax": lambda p, q, r: lg.softmax(p, axis=r % 2),
        "product": lambda p, q, r: np.tanh(p @ q.T * 0.1),
        "vector": lambda p, q, r: p + p @ q[r] * 0.1,
        "rolled": lambda p, q, r: np.concatenate([p[r:], q[:r]]),
        "reversed": lambda p, q, r: p[::-1, ::-1],
        "transposed": lambda p, q, r: p.T,
        "reshaped": lambda p, q, r: np.ravel(p.T).reshape(p.shape),
        "gathered": lambda p, q, r: p[(np.arange(len(p)) * 3 + r) % len(p)],
        "stacked": lambda p, q, r: np.stack([p, q])[r % 2] * np.stack([q, p], axis=-1)[..., 0],
        "padded": lambda p, q, r: np.pad(p[1:, 1:], ((1, 0), (0, 1))) + q,
        "summed up": lambda p, q, r: np.cumsum(p, axis=r % 2) * 0.2,
    }
    STEPS.update(formulas)


elementwise()


@step
def put(p, q, r):
    y = p.copy()
    y[r : r + 3, :2] = 0.5
    y[0] = q[-1]
    return y


@step
def put_through_a_view(p, q, r):
    y = p * 1.0
    v = y[:, r:]
    v[:1] = q[:1, r:]
    return y


@step
def put_by_mask(p, q, r):
    y = p + q
    y[p > 0.3] = 0.25
    return y


@step
def augment(p, q, r):
    y = p.copy()
    y += q
    y[r] *= 2.0
    y -= p
    return y


@step
def add_twice(p, q, r):
    y = q * 1.0
    np.add.at(y, [r, 0, r], p[:3])
    return y


@step
def by_a_branch(p, q, r):
    return p * 2 if np.sum(q) > 0 else q - p


def drawn(seed, names):
    """Return a random program: the step and its operands, and which results are given."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(names, rng.integers(4, 14))
    steps = [
        (s, *map(int, rng.integers(0, k + 1, 2)), int(rng.integers(64)))
        for k, s in enumerate(chosen)
    ]
    return steps, [int(k) for k in rng.integers(0, len(chosen) + 1, rng.integers(1, 4))]


def run(program, x):
    steps, outs = program
    z = [x]
    for name, a, b, r in steps:
        z.append(STEPS[name](z[a], z[b], r % len(x)))
    return [z[k] for k in outs]


def loss(program, x):
    return sum((k + 1) * np.mean(np.sin(y)) for k, y in enumerate(run(program, x)))


def check(seed, m, names, second=False, tol=1e-12):
    program = drawn(seed, names)
    x = np.random.default_rng(seed).normal(size=(m, m))
    functions = [
        functools.partial(run, program),
        lg.value_and_grad(functools.partial(loss, program)),
    ]
    if second:
        slope = functools.partial(loss, program)
        functions.append(lambda x: lg.hvp(slope, (x,), (np.cos(x),)))
    for f in functions:
        g = lg.compile(f)
        for at in (x, x * 0.5, -x):
            before = at.copy()
            want, got = f(at), g(at)
            scale = max(float(np.max(np.abs(y))) for _, y in leaves(want))
            assert_same(got, want, rtol=100 * tol, atol=tol * scale)
            assert_same(at, before)
            arrays = [y for _, y in leaves(got) if np.ndim(y)]
            assert not any(np.shares_memory(y, at) for y in arrays)
            assert not any(np.shares_memory(y, z) for y, z in itertools.combinations(arrays, 2))


@pytest.mark.parametrize("seed", range(120))
def test_random_programs(seed):
    check(seed, 6, list(STEPS), second=seed < 40)


@pytest.mark.parametrize("seed", range(1000, 1040))
def test_random_programs_that_take_over_memory(seed):
    check(seed, 96, list(STEPS))


@pytest.mark.parametrize("seed", range(2000, 2016))
def test_random_programs_in_blocks(seed):
    check(seed, 384, [name for name in STEPS if name not in ("product", "summed up")], tol=1e-11)
