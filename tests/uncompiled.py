"""A compiled function must do what the function itself does: results, dtypes, arguments, errors."""

import copy

import numpy as np

import lagrad as lg
from lagrad.containers import leaves

NUMBERS = (int, float, complex, np.generic, np.ndarray)


def outcome(f, args, kwargs):
    """Return what a call gives or raises, and its arguments after it."""
    args, kwargs = copy.deepcopy((args, kwargs))
    try:
        return f(*args, **kwargs), None, (args, kwargs)
    except Exception as error:
        return None, error, (args, kwargs)


def assert_same(got, want, rtol=0.0, atol=0.0):
    """Ask for the same containers of the same shapes, dtypes and numbers, NaN and inf included."""
    got, want = list(leaves(got)), list(leaves(want))
    assert [label for label, _ in got] == [label for label, _ in want]
    for (label, x), (_, y) in zip(got, want, strict=True):
        if not isinstance(y, NUMBERS):
            assert x is y or x == y, label
            continue
        assert np.shape(x) == np.shape(y), label
        assert np.asarray(x).dtype == np.asarray(y).dtype, label
        np.testing.assert_allclose(x, y, rtol, atol, err_msg=label)


def agrees(f, *calls, rtol=0.0, atol=0.0, jit=None, compiled=None):
    """Compare ``f`` compiled with ``f`` on each tuple of arguments, and return it compiled."""
    g = lg.compile(f, jit=jit) if compiled is None else compiled
    for args in calls:
        want, error, changed = outcome(f, args, {})
        got, raised, given = outcome(g, args, {})
        if error is None and raised is not None:
            raise raised
        assert type(raised) is type(error)
        assert str(raised) == str(error)
        assert_same(got, want, rtol, atol)
        assert_same(given, changed)
    return g


def programs(g):
    """Return how many programs a compiled function has written."""
    return g.stats["written"]
