"""Functions that write, lengths that are computed, results that are no arrays: as uncompiled."""

import argparse
import warnings
from collections import deque

import numpy as np
import pytest
from uncompiled import agrees, programs

import lagrad as lg

V, W = np.array([1.0, 2.0, 3.0]), np.array([4.0, 0.5, 2.5])


def writing(write):
    """Return a function that makes an array, lets it be written to, and doubles it."""

    def f(x):
        y = x * 1.0
        write(y, x)
        return y * 2.0

    return f


WRITES = {
    "put": lambda y, x: np.put(y, [0], 7.0),
    "method": lambda y, x: y.put([1], 7.0),
    "place": lambda y, x: np.place(y, y > 1.5, 0.0),
    "putmask": lambda y, x: np.putmask(y, y > 1.5, -x),
    "copyto": lambda y, x: np.copyto(y, x[::-1]),
    "copyto where": lambda y, x: np.copyto(y, 9.0, where=x > 1.5),
    "put_along_axis": lambda y, x: np.put_along_axis(y, np.argmax(x)[None], 0.0, 0),
    "where": lambda y, x: np.add(x, 1.0, where=x > 1.5, out=y),
    "division": lambda y, x: np.divide(1.0, x, where=x > 1.5, out=y),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_written_to_is_written_to(write):
    agrees(writing(write), (V,), (W,), (-V,), (V,))


PLAIN = {
    "argument": lambda x: (np.put(x, [0], 7.0), x * 2.0)[1],
    "asarray": lambda x: writing(lambda y, x: np.asarray(y).__setitem__(0, 7.0))(x),
    "pieces": lambda x: writing(lambda y, x: np.split(y, 3)[0].__setitem__(0, 7.0))(x),
    "nan_to_num": lambda x: writing(lambda y, x: np.nan_to_num(y, copy=False, nan=0.0))(x),
}


@pytest.mark.parametrize("f", PLAIN.values(), ids=PLAIN)
@pytest.mark.filterwarnings("ignore:.*plain Python")
def test_what_cannot_be_followed_runs_as_plain_python(f):
    agrees(f, (V,), (W,), (V,))


LENGTHS = {
    "from": (lambda x, i: x[i:], (V, 0), (V, 2)),
    "to": (lambda x, i: np.sum(x[:i]), (V, 3), (V, 1)),
    "mean": (lambda x, i: x[:i].mean(), (V, 3), (V, 2)),
    "window": (lambda x, i: np.mean(x[i : i + 2]), (V, 0), (V, 2)),
    "step": (lambda x, k: x[::k].mean(), (V, 1), (V, 2)),
    "computed": (lambda x: np.sum(x[: np.argmax(x) + 1]), (V,), (V[::-1].copy(),)),
    "mask": (lambda x: np.stack([x, x])[:, x > 1.5].mean(), (V,), (W,)),
    "reshape": (lambda x, k: np.reshape(np.tile(x, 2), (k, -1)), (V, 2), (V, 3)),
    "shares memory": (lambda x, y: np.shares_memory(x, y) * 1.0, (V, V), (V, W)),
}


@pytest.mark.parametrize("f, first, second", LENGTHS.values(), ids=LENGTHS)
def test_lengths_that_are_values_are_answers(f, first, second):
    agrees(f, first, second, first)


def test_captured_arrays_are_cut_at_values():
    agrees(lambda k: np.sum(W[k:]), (0,), (2,))


@pytest.mark.parametrize(
    "kind", [lambda v: deque([v]), lambda v: {v.shape}, iter], ids=["deque", "set", "iterator"]
)
def test_results_that_are_no_arrays_run_as_plain_python(kind):
    g = lg.compile(lambda x: kind(x * 2.0))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        first, second = g(V), g(W)
    assert any("plain Python" in str(w.message) for w in told)
    assert type(first) is type(second) is type(kind(V))


def test_a_namespace_of_arguments_is_watched():
    options = argparse.Namespace(scale=2.0)
    g = lg.compile(lambda x: x * options.scale)
    assert g(3.0) == 6.0
    options.scale = 5.0
    assert g(3.0) == 15.0


def test_numba_keeps_inside_of_arrays():
    pytest.importorskip("numba")
    g = lg.compile(lambda v, w: v[np.argmax(w)] * 2.0, jit="numba")
    assert g(V, W) == 2.0
    with pytest.raises(IndexError):
        g(V, np.arange(7.0))


def test_whole_numbers_of_a_loop_are_values_where_they_are_no_lengths():
    def f(a, x):
        return lg.fori_loop(1, 5, lambda i, z: np.where(i > 2, z * i, np.clip(z, 0, i)) + x[i], a)

    x = np.arange(5.0)
    g = agrees(lg.value_and_grad(f), (0.5, x), (0.25, x + 1.0))
    assert programs(g) == 1
