"""The whole surface of NumPy and SciPy's special functions: right, or an error, never in silence.

Every public function is called with plain arrays and with traced ones. What NumPy answers, a traced
call must answer too, with a traced value where the answer is a number that varies, or it must
raise. A new release of NumPy cannot slip a function past this.
"""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import special as sc

import lagrad as lg
from lagrad.containers import leaves
from lagrad.rules import NO_GRADIENT, RULES, SPELT
from lagrad.trace import Structure, Traced, record
from lagrad.trace.boundary import Leak
from lagrad.trace.record import LIKE

X = np.array([0.5, 0.25, 0.75])
M = np.array([[1.1, 0.3, 0.2], [0.1, 0.9, 0.4], [0.2, 0.5, 1.3]])

#: They change the state of the process or read and write files.
APART = {
    "fromfile", "genfromtxt", "get_include", "info", "load", "loadtxt", "memmap", "save", "savetxt",
    "savez", "savez_compressed", "set_printoptions", "setbufsize", "seterr", "seterrcall",
    "show_config", "show_runtime", "test", "seed", "get_state", "set_state", "bmat",
    "maximum_sctype",
}  # fmt: skip

#: An argument is taken as a dtype, a size or a tolerance, or is ignored: the answer does not vary
#: with its value.
WITHOUT_VALUE = {
    "array", "asanyarray", "asarray", "asarray_chkfinite", "ascontiguousarray", "asfortranarray",
    "asmatrix", "empty", "empty_like", "fromiter", "full", "full_like", "identity", "ones",
    "ones_like", "require", "zeros", "zeros_like", "legendre_p", "real_if_close",
}  # fmt: skip

#: Steps of real numbers, which are more than steps of others.
STEPS_OF_REALS = {np.sign, np.heaviside, np.linalg.slogdet, np.modf, np.divmod}

#: The third argument is ``out``, and NumPy reads what it has written there already.
OVERWRITTEN = {(f"{f}", "x, x, x") for f in ("numpy.vecdot", "numpy.modf", "scipy.special.fresnel")}

SPELLINGS = {
    "x": lambda x, m: (x,),
    "m": lambda x, m: (m,),
    "x, x": lambda x, m: (x, x),
    "m, m": lambda x, m: (m, m),
    "m, x": lambda x, m: (m, x),
    "x, x, x": lambda x, m: (x, x, x),
    "[x, x]": lambda x, m: ([x, x],),
    "(x, x)": lambda x, m: ((x, x),),
    "x, 1": lambda x, m: (x, 1),
    "x, 1, 0": lambda x, m: (x, 1, 0),
    "2, x": lambda x, m: (2, x),
    "0.5, x": lambda x, m: (0.5, x),
    "subscripts, x": lambda x, m: ("i->i", x),
}  # fmt: skip


def public(module):
    """Return the functions of a module by name."""
    return {
        f"{module.__name__}.{name}": getattr(module, name)
        for name in dir(module)
        if not name.startswith("_")
        and callable(getattr(module, name))
        and not isinstance(getattr(module, name), type)
        and name not in APART
    }


SURFACE = {
    **public(np), **public(np.linalg), **public(np.fft), **public(np.emath), **public(sc),
}  # fmt: skip


def numeric(leaf):
    """True for floating and complex numbers and arrays of them."""
    return np.asarray(leaf).dtype.kind in "fc" and not isinstance(leaf, str)


def lost(name, expected, moved, answer):
    """Return what is wrong with the answer of a traced call, or nothing.

    ``moved`` is what NumPy answers to arguments that are a little different: what is the same for
    them does not vary, and may be plain. So may what has another shape then: that is a jump.
    """
    wanted, given, beside = ([x for _, x in leaves(t)] for t in (expected, answer, moved))
    if len(wanted) != len(given):
        return f"{len(given)} results in the place of {len(wanted)}"
    for a, b, c in zip(wanted, given, beside, strict=True):
        if isinstance(b, np.ndarray) and b.dtype == object and b.size:
            # It holds the traced values themselves, or sentinels.
            if not any(isinstance(v, Traced | Leak) for v in b.flat):
                return "an object array without a traced value"
            if b.shape != np.shape(a) and not isinstance(b.flat[0], Leak):
                return f"shape {b.shape} for {np.shape(a)}"
            continue
        known = numeric(a) and name.rpartition(".")[2] not in WITHOUT_VALUE
        varies = known and np.shape(a) == np.shape(c) and not np.array_equal(a, c, equal_nan=True)
        if varies and not isinstance(b, Traced):
            return f"a plain {type(b).__name__}"
        value = b._value if isinstance(b, Traced) else b
        if numeric(a) or np.asarray(a).dtype.kind in "iub":
            if np.shape(a) != np.shape(value):
                return f"shape {np.shape(value)} for {np.shape(a)}"
            if known or not numeric(a):
                if not np.allclose(a, value, rtol=1e-13, atol=1e-15, equal_nan=True):
                    return "another value"
        steps = NO_GRADIENT | STEPS_OF_REALS
        if varies and isinstance(b, Structure) and SURFACE[name] not in steps:
            return "structure without being declared to have no gradient"
    return ""


def tried(name, spelling):
    """Return what is wrong with a call, "" if nothing is, None if NumPy or lagrad raises."""
    function, outcome = SURFACE[name], []
    if (name, spelling) in OVERWRITTEN:
        return None
    try:
        expected = function(*SPELLINGS[spelling](X.copy(), M.copy()))
        moved = function(*SPELLINGS[spelling](X * 1.01, M * 1.01))
    except Exception:
        return None

    def call(x, m):
        values = x._value, m._value
        try:
            answer = function(*SPELLINGS[spelling](x, m))
        except Exception:
            outcome.append(None)
        else:
            untouched = np.array_equal(values[0], X) and np.array_equal(values[1], M)
            outcome.append(
                lost(name, expected, moved, answer) if untouched else "values written into"
            )
        return np.sum(x)

    record(call, (X, M), (0, 1), {})
    return outcome[0]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_function_loses_a_gradient_in_silence(spelling):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        outcomes = {name: tried(name, spelling) for name in SURFACE}
    assert {name: wrong for name, wrong in outcomes.items() if wrong} == {}
    assert sum(wrong == "" for wrong in outcomes.values()) >= 5


def test_tables_do_not_overlap():
    tables = [set(RULES), set(SPELT), set(NO_GRADIENT), set(LIKE)]
    for i, a in enumerate(tables):
        for b in tables[i + 1 :]:
            assert not a & b


@pytest.mark.parametrize(
    ("alias", "function"),
    [(np.amax, np.max), (np.amin, np.min), (np.abs, np.absolute), (np.around, np.round)],
)
def test_aliases_of_one_function(alias, function):
    gradients = [lg.grad(lambda x, f=f: np.sum(f(x) * x))(M) for f in (alias, function)]
    assert_array_equal(*gradients)
    assert gradients[0].any()
