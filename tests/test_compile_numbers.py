"""Compiled numbers: as NumPy's to 2 ulp, of its dtypes, with its inf and nan, and nobody else's."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
from refusals import refused
from uncompiled import agrees, assert_same, programs

import lagrad as lg
from lagrad.status import NonFiniteError, UndefinedPartialError

bug = partial(pytest.mark.xfail, strict=True)
ignored = pytest.mark.filterwarnings("ignore::RuntimeWarning")
F32 = np.array([0.5, -1.25, 3.0], np.float32)
F64 = F32.astype(float)

ARGUMENTS = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -3.0, 0.1, math.pi, -2.5, 1e-8, 1e16]
ARGUMENTS += [5e-324, 1e-300, -1e-300, 1e300, -1e300, 1.7e308, -1.7e308, 710.0, -746.0]
ARGUMENTS += [math.inf, -math.inf, math.nan]


def ulps(a, b):
    """Return by how many units in the last place two numbers differ."""
    if a == b or (np.isnan(a) and np.isnan(b)):
        return 0.0
    if not (np.isfinite(a) and np.isfinite(b)):
        return math.inf
    return abs(a - b) / np.spacing(max(abs(a), abs(b)))


def assert_close(got, want):
    assert np.asarray(got).dtype == np.asarray(want).dtype
    assert ulps(float(got), float(want)) <= 2


UNARY = """exp log sin cos tan sqrt sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh
    expm1 log1p log2 log10 exp2 cbrt isfinite isnan isinf square reciprocal absolute fabs negative
    positive floor ceil rint trunc logical_not signbit deg2rad sinc nan_to_num real conj""".split()
BINARY = """add subtract multiply divide power arctan2 hypot copysign maximum minimum fmax fmin mod
    floor_divide fmod less less_equal greater greater_equal equal not_equal logical_and logical_or
    logical_xor logaddexp float_power heaviside""".split()


@ignored
@pytest.mark.parametrize("name", [*UNARY, "sign"])
def test_functions_of_a_number_are_numpys(name):
    function = getattr(np, name)
    g = lg.compile(lambda x: function(x))
    for x in ARGUMENTS:
        for kind in (float, np.float64):
            assert_close(g(kind(x)), function(x))
    assert programs(g) == 2


@ignored
@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_numbers_are_numpys(name):
    function = getattr(np, name)
    g = lg.compile(lambda x, y: function(x, y))
    for x, y in itertools.product(ARGUMENTS, ARGUMENTS):
        if name == "power" and y == 0.5 and x == -math.inf:
            continue  # NumPy takes a root of the number alone, and gives nan
        assert_close(g(x, y), function(x, y))
    assert programs(g) == 1


OPERATORS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
    "**": lambda x, y: x**y,
    "<": lambda x, y: x < y,
    "==": lambda x, y: x == y,
}


@ignored
@pytest.mark.parametrize("sign", OPERATORS)
def test_operators_on_python_numbers_are_pythons(sign):
    if sign == "**":
        pairs = [(x, y) for x, y in itertools.product(ARGUMENTS, ARGUMENTS) if x >= 0]
    else:
        pairs = itertools.product(ARGUMENTS, ARGUMENTS)
    agrees(OPERATORS[sign], *pairs)


@ignored
@pytest.mark.parametrize("sign", OPERATORS)
def test_operators_on_numpy_numbers_are_numpys(sign):
    function = OPERATORS[sign]
    g = lg.compile(function)
    for x, y in itertools.product(map(np.float64, ARGUMENTS), map(np.float64, ARGUMENTS)):
        if sign == "**" and (x, y) == (-math.inf, 0.5):
            continue
        assert_close(g(x, y), function(x, y))


@pytest.mark.parametrize(
    ("function", "good", "bad"),
    [
        (lambda x: np.log(x) * x, 2.0, -1.0),
        (lambda x: np.exp(x) * 2, 1.0, 1000.0),
        (lambda x: 1.0 / (x - 1.0), 2.0, 1.0),
        (lambda x: np.sqrt(x), 4.0, -4.0),
        (lambda x: (x - 2.0) ** 0.5, 4.0, 1.0),
    ],
)
def test_gradients_where_a_value_is_not_finite_are_refused_as_uncompiled(function, good, bad):
    agrees(lg.value_and_grad(function), (good,), (bad,), (good,), rtol=1e-15)


@ignored
@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.log(x) * 2 + x,
        lambda x: np.sum(np.sqrt(x) * np.array([1.0, 2.0])),
        lambda x: np.exp(1000 * x) * 0.5,
    ],
)
def test_nonfinite_values_are_allowed_on_demand(function):
    g = agrees(lg.value_and_grad(function, nonfinite="allow"), (1.0,), (-1.0,), (0.0,), (math.inf,))
    assert programs(g) == 1


def test_undefined_partials_are_refused_on_demand():
    g = lg.compile(lg.grad(lambda x: np.sum(np.abs(x) * 2), undefined="raise"))
    assert_same(g(F64), 2 * np.sign(F64))
    for x in (np.array([1.0, 0.0, 2.0]), np.zeros(3)):
        with refused(UndefinedPartialError, "abs"):
            g(x)
    assert_same(g(-F64), -2 * np.sign(F64))


# -- ints, truth values, dtypes ------------------------------------------------------------------

KINDS = [True, 3, 2.5, 1.5 - 2j]
KINDS += [np.float64(2.5), np.float32(1.25), np.int64(3), np.int8(7), np.complex64(1 + 2j)]
KINDS += [F64, F32, np.arange(1, 4), np.array([1, 2, 100], np.int8), F64 + 1j, np.array(2.5)]
KINDS += [np.array([True, False, True]), np.array([1.0, 2.0, 3.0], np.float16)]
KIND_IDS = [f"{type(k).__name__}{getattr(k, 'dtype', '')}{np.shape(k)}" for k in KINDS]


@ignored
@pytest.mark.parametrize("x", KINDS, ids=KIND_IDS)
@pytest.mark.parametrize("y", KINDS, ids=KIND_IDS)
def test_arguments_of_any_two_kinds_mix_as_uncompiled(x, y):
    agrees(lambda x, y: (x * y, x + np.exp(y * 0.125), 2 * x + y), (x, y), rtol=1e-6)


CONSTANTS = [
    2,
    0.5,
    1.5j,
    np.pi,
    np.sqrt(2.0),
    np.int64(200),
    np.float32(0.5),
    np.complex128(1 + 2j),
    np.array(2.0),
    np.bool_(True),
    True,
]


@pytest.mark.skipif(np.__version__ < "2", reason="NumPy 1 goes by values")
@pytest.mark.parametrize("constant", CONSTANTS, ids=repr)
def test_constants_keep_their_dtype(constant):
    def mixed(x):
        return x * constant, constant + x, np.maximum(x.real, np.abs(constant))

    for x in (F32, np.float32(1.5), np.array([1, 2, 100], np.int8), F64, F32 + np.complex64(1j)):
        agrees(mixed, (x,), (x + x.dtype.type(1),))


def test_float32_stays_float32_through_derivatives():
    def f(x):
        return np.sum(np.tanh(x) ** 2 * 0.5 + x / 3) * np.float32(2.0)

    for h in (lg.value_and_grad(f), lg.hessian(f), lambda x: lg.jvp(f, (x,), (x,))):
        agrees(h, (F32,), (2 * F32,), rtol=1e-6, atol=1e-6)


def test_a_float32_number_is_cast():
    def f(x):
        return x.sum().astype(np.float64) / 3.0

    agrees(f, (F32 / 3,))


def test_a_truth_value_is_cast():
    agrees(lambda x: np.greater(x, 0.0).astype(float), (1.0,), (-1.0,))


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: (a + b) * 1.5,
        lambda a, b: a * b,
        lambda a, b: np.add(a, b) * 1.5,
    ],
)
def test_sums_and_products_of_truth_values_are_truth_values(function):
    def f(x, y):
        return function(np.greater(x, 0.0), np.greater(y, 0.0))

    agrees(f, (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0))


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a & b,
        lambda a, b: a | ~b,
        lambda a, b: a ^ b,
        lambda a, b: np.logical_not(a),
        lambda a, b: np.where(~a, 1.5, 2.5),
        lambda a, b: np.where(a, b, True),
        lambda a, b: a == b,
        lambda a, b: a < b,
        lambda a, b: a * 2.5 - b * 1.5,
        lambda a, b: np.maximum(a, b),
        lambda a, b: np.maximum(a, 0.5),
    ],
)
def test_truth_values(function):
    def f(x, y):
        return function(np.greater(x, 0.0), np.greater(y, 0.0))

    agrees(f, *itertools.product((1.0, -1.0), (1.0, -1.0)))


def test_whole_numbers_of_python_have_no_end():
    def f(n, m):
        return n * m, n - m, n // m, n % m, n**2

    g = agrees(f, (7, 3), (7, 0), (-7, 3))
    assert g(2**70, 3) == f(2**70, 3)


def test_whole_numbers_of_numpy_wrap_around():
    n = np.array([100, -100, 7], np.int8)
    agrees(lambda n: (n * n, n + n, n // 3, n % 3, -n, n**2), (n,), (n // 2,))
    agrees(lambda n: n - 1, (np.zeros(2, np.uint8),), (np.ones(2, np.uint8),))


@ignored
@pytest.mark.parametrize(
    "constant", [complex(math.inf, 1), complex(math.nan, 0), complex(-0.0, 1), 1j, -2.5 + 0j]
)
def test_complex_constants(constant):
    agrees(lambda z: z * constant + 1, (1 + 2j,), (F64 + 1j,), (2.0,))


@pytest.mark.parametrize("function", [np.transpose, lambda x: np.float64(x).T])
def test_a_number_transposed(function):
    agrees(lambda x: function(x * 2) * 2, (1.5,), (np.float64(2.5),))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum() + np.sum(x) + np.mean(x),
        lambda x: x.reshape(-1) * 2,
        lambda x: np.atleast_1d(x)[0] + x.ravel()[0],
        lambda x: x[...] * 2 + x[()],
        lambda x: np.squeeze(x) + x.copy() + x.astype(float),
        lambda x: np.stack([x, 2 * x]) * np.hstack([x, x, x])[:2],
        lambda x: (x.shape, x.ndim, x.size, x.real, x.conj())[0:2],
        lambda x: np.clip(x, -1.0, 1.0) + np.round(x, 1),
        lambda x: np.dot(x, x) + np.outer(x, x)[0, 0] + np.vdot(x, x),
    ],
)
def test_array_methods_of_a_number(function):
    agrees(function, (np.float64(1.5),), (np.float64(-2.5),))


# -- memory --------------------------------------------------------------------------------------

C = np.array([4.0, 5.0, 6.0])


def shares(x, *others):
    return any(np.shares_memory(x, y) for y in others if isinstance(y, np.ndarray))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x, x),
        lambda x: (x + 0, x * 1, x.T, x.T.T),
        lambda x: (x[:2], x[1:], x.reshape(3, 1), x.real),
        lambda x: (C, C[:2], C.T, C * 1),
        lambda x: ([C] * 3, x.view(), np.asarray(x)),
        lambda x: (np.zeros(3),) * 2,
        lambda x: (np.broadcast_to(x, (2, 3)), np.broadcast_to(x, (2, 3))),
        lambda x: (y := x * 2, y, y[::-1], y.copy(), np.ravel(y)),
        lambda x: (np.atleast_2d(x), np.ravel(x), np.squeeze(x), np.diag(np.outer(x, x))),
        lambda x: lg.value_and_grad(lambda x: np.sum(x), argnums=0)(x),
        lambda x: lg.grad(lambda x, y: np.sum(x + y), argnums=(0, 1))(x, x),
    ],
)
def test_results_share_no_memory(function):
    g = lg.compile(function)
    for x in (F64.copy(), F64 + 1):
        before = x.copy(), C.copy()
        for _ in range(2):
            found = [leaf for _, leaf in lg.containers.leaves(g(x)) if np.ndim(leaf)]
            assert not any(shares(a, b) for a, b in itertools.combinations(found, 2))
            for leaf in found:
                assert not shares(leaf, x, C)
                assert leaf.flags.writeable
                leaf[...] = math.nan
        assert_same((x, C), before)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (np.ravel(x),),
        lambda x: (np.reshape(x, -1),),
        lambda x: (y := x * 2, np.ravel(y)),
        lambda x: (np.ascontiguousarray(x),),
    ],
)
def test_results_share_no_memory_whatever_the_layout(function):
    columns, rows = np.asfortranarray(np.ones((2, 3))), np.ones((2, 3))
    for first, second in ((columns, rows), (rows, columns)):
        g = lg.compile(function)
        g(first)
        found = g(second)
        assert not any(shares(leaf, second) for leaf in found)
        assert not any(shares(a, b) for a, b in itertools.combinations(found, 2))


# -- masks ---------------------------------------------------------------------------------------


@ignored
@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(np.where(x > 0, np.log(x), x**2)),
        lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)),
        lambda x: np.sum(np.where(x == 0, 1.0, np.sin(x) / x)),
        lambda x: np.sum(np.maximum(np.exp(800 * x), 1.0) * np.where(x > 0, 0.0, 1.0)),
        lambda x: np.sum(np.maximum(x, -np.inf) + np.minimum(x, np.inf)),
        lambda x: np.sum(np.where(np.isfinite(x), x, 0.0) ** 2),
        lambda x: lg.logsumexp(np.where(x > 0, x, -np.inf)),
        lambda x: np.max(np.where(x > 0, x, -np.inf)),
        lambda x: np.sum(np.clip(1 / x, -2.0, 2.0)),
        lambda x: np.sum(np.where(x > 0, x**0.5, (-x) ** 0.5)),
    ],
)
@pytest.mark.parametrize("first", [0, 1])
def test_the_branch_not_taken_leaves_no_nan(function, first):
    calls = [(np.array([0.5, -1.0, 2.0]),), (np.array([1.5, 0.0, -0.7]),)]
    calls = calls[first:] + calls[:first]
    g = agrees(lg.value_and_grad(function), *calls, rtol=1e-14)
    assert programs(g) <= 2
    agrees(
        lg.hessian(function),
        (calls[0][0] + 0.25,),
        (calls[0][0] * 2 + 0.125,),
        rtol=1e-13,
        atol=1e-14,
    )


@ignored
@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.where(x > 0, np.log(np.abs(x)), x**2),
        lambda x: np.where(x > 0, np.log(x), x**2),
        lambda x: np.maximum(x, 0.0) ** 0.5 + x,
        lambda x: np.minimum(np.exp(800 * x), 2.0),
        lambda x: np.abs(x) * x,
    ],
)
def test_the_branch_not_taken_of_a_number(function):
    agrees(lg.value_and_grad(function), (0.5,), (-1.0,), (2.0,), (0.0,), (-0.0,), rtol=1e-14)


@ignored
def test_what_is_refused_is_told_with_the_users_line():
    def roots(x):
        return np.sum(np.where(x > 0, x**0.5, (-x) ** 0.5))

    g = lg.compile(lg.hessian(roots))
    g(np.array([0.5, -1.0]))
    with refused(NonFiniteError, "test_compile_numbers.py"):
        g(np.array([0.5, 0.0]))


@ignored
def test_where_a_nonfinite_value_reaches_the_result_it_is_refused():
    g = lg.compile(lg.grad(lambda x: np.sum(np.where(x > 0, np.log(x), x))))
    assert_same(g(np.array([1.0, -1.0])), np.array([1.0, 1.0]))
    with refused(NonFiniteError, "NaN or inf"):
        g(np.array([1.0, np.nan]))


@pytest.mark.parametrize("root", [np.sqrt, np.cbrt, lambda x: np.arcsin(1 - x)])
def test_partials_behind_a_selection_do_not_warn(root):
    def f(x):
        return np.sum(np.where(x > 0, root(np.abs(x)), x))

    agrees(lg.grad(f), (np.array([0.5, 0.25, -1.0]),), (np.array([0.5, 0.0, -1.0]),), rtol=1e-14)


@bug(reason="bug 28: np.array of numbers asks for their values", raises=AssertionError)
def test_arrays_made_of_numbers_need_one_program():
    def field(x):
        return np.array([x[0] * x[1], 2 * x[1] - x[2]]) * 2.0

    assert programs(agrees(field, (F64,), (2 * F64,), (-F64,))) == 1
