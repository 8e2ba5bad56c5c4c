"""Every example of every rule, compiled: one program serves for all arguments of its shapes.

Each example is compared with the function itself, at arguments for which the program was written
down and at others. Where a formula branches on values all the same, the answer is a guard, and
another answer is another program: `ASKED` has such functions, with arguments on both sides.
"""

import warnings

import numpy as np
import pytest
from cases import CASES, OWN
from numpy.testing import assert_allclose
from scipy import special as sc

import lagrad as lg
from lagrad.containers import leaves, map_leaves
from lagrad.dispatch import masked_multiply
from lagrad.rules import special
from lagrad.rules.spelt.special_pairs import SPECIAL_PAIRS
from lagrad.status import ArgumentError

ROWS = {**CASES, **OWN}
#: All but the product that leaves the entries outside of its mask as they are.
TOLD = [function for function in ROWS if function is not masked_multiply]
#: Functions of SciPy whose orders and degrees are arguments: some never end on rounded ones.
DOUBLE = {*special.RULES, *SPECIAL_PAIRS}
#: Examples that are not run as one program, and why.
OTHERWISE = {
    ("det", 4): "it is singular at the first arguments and regular at the others",
    ("nan_to_num", 3): "1.8e308 in its result overflows in the check that all is finite",
}


def variants(function, cases):
    """Yield (label, case, arguments): as they stand, off the real axis, in single precision."""
    for k, case in enumerate(cases):
        if (function.__name__, k) in OTHERWISE:
            continue
        yield f"example {k}: {case.label}", case, case.args
        if case.complexes:
            yield f"example {k}, complex", case, tuple(a * (1 + 0.3j) + 0.2j for a in case.args)
        if k < 2 and function not in DOUBLE:
            narrow = tuple(np.asarray(a).astype(np.float32)[()] for a in case.args)
            yield f"example {k}, float32", case, narrow


def weights(z):
    """Return a multiplier for each entry of a result, no two the same."""
    start = iter(range(100))

    def weight(x):
        v = np.cos(np.arange(np.size(x)) + next(start)).reshape(np.shape(x))
        return v[()].astype(x.dtype)

    return map_leaves(weight, z)


def moved(args):
    """Return arguments close to these, of the same kind."""
    return tuple((np.asarray(a) * 0.9995 + 0.0001).astype(np.asarray(a).dtype)[()] for a in args)


def assert_same(got, expected, single):
    rtol, atol = (2e-5, 1e-6) if single else (1e-10, 1e-12)
    for (label, x), (_, y) in zip(leaves(got), leaves(expected), strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert (x.shape, x.dtype) == (y.shape, y.dtype), label
        assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=label)


@pytest.mark.parametrize("function", TOLD, ids=lambda f: f.__name__)
@np.errstate(all="ignore")
def test_one_program_serves_for_all_values(function):
    for label, case, args in variants(function, ROWS[function]):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)  # it would be run as plain Python
                check(case, args, "float32" in label)
        except Exception as error:
            error.add_note(label)
            raise


def check(case, args, single):
    """Compare the compiled value, multipliers and tangent with those of the function itself."""
    w = weights(lg.vjp(case.call, *args)[0])

    def pulled(*args):
        z, pull = lg.vjp(case.call, *args)
        return z, pull(w)

    def pushed(*args):
        return lg.jvp(case.call, args, v)

    compiled = lg.compile(pulled)
    for at in (args, moved(args)):
        assert_same(compiled(*at), pulled(*at), single)
    assert (compiled.stats["programs"], compiled.stats["careful"]) == (1, 0)
    v = weights(args)
    if "integer" not in case.label:
        forward = lg.compile(pushed)
        assert_same(forward(*args), pushed(*args), single)
        assert (forward.stats["programs"], forward.stats["careful"]) == (1, 0)


MATRIX = np.array([[2.0, 1.0], [1.0, 3.0]])
TURNED = np.array([[0.0, 1.0], [-1.0, 0.5]])
X = np.array([1.0, 2.0, 3.0])


def placed(x):
    """Return x after np.place, squared."""
    y = x.copy()
    np.place(y, x > 1.5, [4.0, 5.0])
    return y * x


#: Functions whose formula branches on values: by what, and arguments on both sides.
ASKED = {
    "prod, a zero among the factors": (np.prod, X, np.array([1.0, 0.0, 3.0])),
    "det, a singular matrix": (np.linalg.det, MATRIX, np.ones((2, 2))),
    "eig, numbers off the real axis": (lambda a: np.abs(np.linalg.eig(a)[0]) ** 2, MATRIX, TURNED),
    "roots, numbers off the real axis": (
        lambda p: np.abs(np.roots(p)) ** 2,
        np.array([1.0, 3.0, 1.0]),
        X,
    ),
    "emath, numbers outside of the domain": (lambda x: np.abs(np.emath.sqrt(x)), X, X - 2.5),
    "trim_zeros, how many there are": (np.trim_zeros, X, np.array([0.0, 2.0, 3.0])),
    "a mask, how many entries it has": (lambda x: x[x > 1.5], X, X + 1.0),
    "unique, how many there are": (np.unique, X, np.array([1.0, 1.0, 3.0])),
    "piecewise, how many entries each function has": (
        lambda x: np.piecewise(x, [x > 1.5], [np.sin, np.cos]),
        X,
        X + 1.0,
    ),
    "k0e, a series for large numbers": (sc.k0e, X, X + 200.0),
    "np.place, where": (placed, X, X + 1.0),
}


@pytest.mark.parametrize(("f", "here", "there"), ASKED.values(), ids=ASKED)
def test_another_answer_is_another_program(f, here, there):
    def pulled(x):
        z, pull = lg.vjp(f, x)
        return z, pull(np.ones(np.shape(z)))

    compiled = lg.compile(pulled)
    for x in (here, there, here, there):
        assert_same(compiled(x), pulled(x), single=False)
    assert compiled.stats["programs"] == 2


def test_labels_are_arguments_like_others():
    def cost(logits, labels):
        return np.mean(lg.cross_entropy(logits, labels))

    compiled = lg.compile(lg.value_and_grad(cost))
    rng = np.random.default_rng(0)
    for _ in range(3):
        logits, labels = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
        value, gradient = compiled(logits, labels)
        q = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        assert_allclose(value, -np.mean(np.log(q[np.arange(6), labels])), rtol=1e-14)
        assert_allclose(gradient, (q - np.eye(4)[labels]) / 6, rtol=1e-13, atol=1e-16)
    assert compiled.stats["programs"] == 1
    with pytest.raises(ArgumentError, match="class 4 of 4 classes"):
        compiled(logits, np.array([0, 1, 2, 3, 4, 0]))


def test_exponentials_are_computed_once():
    for f in (lg.logsumexp, lg.log_softmax, lg.softmax):
        compiled = lg.compile(lambda x, f=f: lg.vjp(f, x)[1](np.ones(np.shape(f(x)))))
        compiled(X)
        assert compiled.source.count("np.exp(") == 1


def test_an_index_that_changes_later_is_taken_as_it_was():
    def f(x, i):
        y = x[i, i]
        i += 1
        return np.sum(y * x[i, i])

    def called(x, i):
        return lg.grad(lambda x: f(x, i.copy()))(x)

    compiled = lg.compile(called)
    x = np.arange(9.0).reshape(3, 3)
    for i in (np.array([0, 1]), np.array([1, 0])):
        assert_allclose(compiled(x, i), called(x, i))
    assert compiled.stats["programs"] == 1
