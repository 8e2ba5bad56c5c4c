"""Special functions where examples do not reach: limits, digits, kinks, and what is refused."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from refusals import refused
from scipy import special as sc

import lagrad as lg
from lagrad.rules import NO_GRADIENT, RULES, SPELT
from lagrad.rules.special import UNSUPPORTED, zeta
from lagrad.status import MissingRuleError, NonFiniteError, TraceError

UFUNCS = {
    f"scipy.special.{name}": getattr(sc, name)
    for name in dir(sc)
    if isinstance(getattr(sc, name), np.ufunc)
}


def slopes(f, x):
    """Return the first and the second derivative of a scalar function."""
    first = lg.grad(f)
    return first(x), lg.grad(first)(x)


def test_each_ufunc_of_scipy_is_in_one_table():
    for name, ufunc in UFUNCS.items():
        plain = f"scipy.special.{ufunc.__name__}" in UNSUPPORTED
        tables = [ufunc in RULES, ufunc in SPELT, ufunc in NO_GRADIENT, plain]
        assert sum(tables) == 1, name


@pytest.mark.parametrize("name", [name for name in UNSUPPORTED if name in UFUNCS])
def test_what_is_unsupported_says_so_and_is_refused(name):
    reason, _, remedy = UNSUPPORTED[name].partition("; use ")
    assert reason
    assert remedy
    ufunc = UFUNCS[name]
    with refused(MissingRuleError, name, UNSUPPORTED[name]):
        lg.grad(lambda x: ufunc(*([0.5] * (ufunc.nin - 1)), x))(0.5)


@pytest.mark.parametrize(
    ("function", "word"),
    [
        (lambda p: sc.jv(p, 0.5), "jv with respect to its order"),
        (lambda p: sc.kve(p, 0.5), "kve with respect to its order"),
        (lambda p: sc.betainc(p, 2.0, 0.5), "betainc with respect to a"),
        (lambda p: sc.gammaincinv(p, 0.5), "gammaincinv with respect to a"),
        (lambda p: sc.eval_jacobi(2, p, 1.0, 0.5), "eval_jacobi with respect to a parameter"),
        (lambda p: sc.eval_legendre(p, 0.5), "eval_legendre with respect to its degree"),
        (lambda p: sc.hyp2f1(1.0, p, 2.0, 0.5), "hyp2f1 with respect to a parameter"),
        (lambda p: sc.stdtr(p, 0.5), "stdtr with respect to a parameter"),
        (lambda p: sc.pdtr(p, 0.5), "pdtr with respect to a count"),
        (lambda p: sc.expn(p, 0.5), "expn with respect to n"),
        (lambda p: sc.pbdv(p, 0.5)[0], "pbdv with respect to its order"),
        (lambda p: sc.mathieu_cem(2, p, 0.5)[0], "with respect to q"),
        (lambda p: zeta(p, 1.5), "with respect to s"),
    ],
)
def test_parameter_that_varies_is_refused_by_name(function, word):
    for way in (lg.grad(function), lambda p: lg.jvp(function, (p,), (1.0,))):
        with refused(MissingRuleError, word, "no elementary derivative", "lg.stop_gradient"):
            way(2.0)
    assert lg.grad(lambda p: function(lg.stop_gradient(p)) * p)(2.0) == function(2.0)


def test_orders_and_degrees_may_be_integers_in_every_form():
    x = np.array([0.3, 0.7])
    for n in (2, 2.0, np.int64(2), np.array([2, 2]), [2, 2]):
        for f in (sc.jv, sc.kn, sc.expn, sc.eval_legendre, sc.eval_jacobi):
            rest = (0.5, 1.5) if f is sc.eval_jacobi else ()
            d = lg.grad(lambda x, f=f, n=n, rest=rest: np.sum(f(n, *rest, x)))(x)
            expected = lg.grad(lambda x, f=f, rest=rest: np.sum(f(2, *rest, x)))(x)
            assert_allclose(d, expected, rtol=1e-12)
    system = lg.trace(lambda x: sc.eval_hermite(3, x) + sc.jv(1, x), 0.5).linearize()
    assert_allclose(system.solve(method="explicit")["x"], system.solve(method="sweep")["x"])


@pytest.mark.parametrize("function", [sc.jve, sc.yve, sc.ive], ids=lambda f: f.__name__)
def test_scaling_by_the_absolute_real_part_is_no_complex_derivative(function):
    with refused(MissingRuleError, "scaled by", "np.real(x)"):
        lg.grad(lambda z: np.real(function(1, z)))(1.0 + 1.0j)


def test_second_derivative_of_gamma_is_refused_for_complex_numbers():
    with refused(MissingRuleError, "digamma", "complex"):
        lg.grad(lambda z: np.real(sc.digamma(z)))(1.0 + 1.0j)


# ---- limits: (function, place, first, second derivative) ----

LIMITS = {
    "exprel": (sc.exprel, 0.0, 1 / 2, 1 / 3),
    "sinc": (np.sinc, 0.0, 0.0, -(np.pi**2) / 3),
    "sici": (lambda x: sc.sici(x)[0], 0.0, 1.0, 0.0),
    "shichi": (lambda x: sc.shichi(x)[0], 0.0, 1.0, 0.0),
    "spence": (sc.spence, 1.0, -1.0, 1 / 2),
    "rgamma at 0": (sc.rgamma, 0.0, 1.0, 2 * np.euler_gamma),
    "rgamma at -1": (sc.rgamma, -1.0, -1.0, 2 - 2 * np.euler_gamma),
    "boxcox": (lambda p: sc.boxcox(3.0, p), 0.0, np.log(3) ** 2 / 2, np.log(3) ** 3 / 3),
    "inv_boxcox": (lambda p: sc.inv_boxcox(1.0, p), 0.0, -np.e / 2, np.e * (1 / 4 + 2 / 3)),
    "ellipk": (sc.ellipk, 0.0, np.pi / 8, 9 * np.pi / 64),
    "ellipe": (sc.ellipe, 0.0, -np.pi / 8, -3 * np.pi / 64),
    "elliprf": (lambda x: sc.elliprf(x, x, x), 1.0, -1 / 2, 3 / 4),
    "j1": (sc.j1, 0.0, 1 / 2, 0.0),
    "struve": (lambda x: sc.struve(1, x), 0.0, 0.0, 4 / (3 * np.pi)),
    "bei": (sc.bei, 0.0, 0.0, 1 / 2),
    "beip": (sc.beip, 0.0, 1 / 2, 0.0),
    "it2i0k0": (lambda x: sc.it2i0k0(x)[0], 0.0, 0.0, 1 / 4),
    "besselpoly": (lambda a: sc.besselpoly(a, 0.0, 1), 0.0, 1 / 2, 0.0),
    "lpmv at an end": (lambda x: sc.lpmv(0, 3, x), 1.0, 6.0, 15.0),
    "lpmv, m = 2": (lambda x: sc.lpmv(2, 2, x), -1.0, 6.0, -6.0),
    "eval_legendre": (lambda x: sc.eval_legendre(3, x), -1.0, 6.0, -15.0),
    "eval_legendre 0": (lambda x: sc.eval_legendre(0, x), 0.5, 0.0, 0.0),
    "pseudo_huber": (lambda r: sc.pseudo_huber(1.0, r), 0.0, 0.0, 1.0),
    "kl_div at 0": (lambda y: sc.kl_div(0.0, y), 0.0, 1.0, 0.0),
    "binom at a zero": (lambda n: sc.binom(n, 2.0), 1.0, 1 / 2, 1.0),
    "poch at a zero": (lambda x: sc.poch(x, 3.0), -2.0, 2.0, -6.0),
    "voigt_profile": (lambda s: sc.voigt_profile(1.0, s, 1.0), 0.0, 0.0, 1 / (2 * np.pi)),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limit_at_a_removable_singularity(name):
    f, x, first, second = LIMITS[name]
    assert_allclose(slopes(f, x), (first, second), rtol=1e-13, atol=1e-15)


# ---- digits: derivatives to 17 digits by arithmetic of 50 ----

DIGITS = {
    "erfcx": (sc.erfcx, 30.0, -0.00062583541050748407),
    "dawsn": (sc.dawsn, 30.0, -0.00055648406355054791),
    "i0e": (sc.i0e, 4096.0, -7.6099169353633492e-7),
    "k1e": (sc.k1e, 4096.0, -2.3911634951896686e-6),
    "beta, small b": (lambda a: sc.beta(a, 2.0**-30), 2.5, -0.49035775540552176),
    "gammainc, large a": (lambda x: sc.gammainc(2**14, x), 16256.0, 0.0019002872360364688),
    "betainc, large a, b": (lambda x: sc.betainc(3000, 5000, x), 0.375, 73.70291056496104),
    "ellipk, small m": (sc.ellipk, 2.0**-40, 0.39269908169912596),
    "kl_div, x near y": (lambda x: sc.kl_div(x, 1.0), 1 + 2.0**-40, 9.0949470177251465e-13),
    "airye": (lambda x: sc.airye(x)[0], 1024.0, -1.2174481304366244e-5),
    "log_ndtr": (sc.log_ndtr, -40.0, 40.024968847207264),
    "boxcox, small lambda": (lambda p: sc.boxcox(3.0, p), 2.0**-30, 0.60347448081792593),
}


@pytest.mark.parametrize("name", DIGITS)
def test_no_digits_are_lost_where_terms_would_cancel(name):
    f, x, expected = DIGITS[name]
    assert_allclose(lg.grad(f)(x), expected, rtol=2e-14)


def test_carlson_integrals_keep_their_digits_as_two_arguments_meet():
    """The two forms of the derivative of R_D agree where one takes over from the other."""
    for y in (0.0, 1e-6, 0.5, 1e6):
        f = lg.grad(lambda x, y=y: sc.elliprd(x, y, 1.0))
        left, right = f((1 - 0.1 - 1e-9) / 1.1), f((1 - 0.1 + 1e-9) / 1.1)
        assert_allclose(left, right, rtol=1e-8)
        exact = lg.grad(lambda x, y=y: sc.elliprd(x, y, x))(1.0)
        parts = f(1.0) + lg.grad(lambda z, y=y: sc.elliprd(1.0, y, z))(1.0)
        assert_allclose(parts, exact, rtol=1e-13)


def test_angles_beyond_half_a_turn_count_whole_periods():
    for f, whole in ((sc.ellipkinc, sc.ellipk), (sc.ellipeinc, sc.ellipe)):
        beyond = lg.grad(lambda m, f=f: f(0.4 - 3 * np.pi, m))(0.3)
        inside = lg.grad(lambda m, f=f, w=whole: f(0.4, m) - 6 * w(m))(0.3)
        assert_allclose(beyond, inside, rtol=1e-13)


# ---- kinks and ends ----


def test_conventions_at_kinks():
    assert lg.grad(sc.i0e)(0.0) == 0.0
    assert lg.grad(lambda r: sc.huber(1.0, r))(1.0) == 1.0
    assert lg.grad(lambda d: sc.huber(d, 1.0))(1.0) == 0.0
    assert lg.grad(lambda d: sc.pseudo_huber(d, 2.0))(0.0) == 2.0
    assert lg.grad(lambda r: sc.pseudo_huber(0.0, r))(2.0) == 0.0
    assert lg.grad(lambda x: sc.tklmbda(x, 0.5))(3.0) == 0.0
    assert lg.grad(lambda a: sc.agm(a, 0.0))(1.0) == 0.0


def test_infinite_derivative_is_reported():
    for f, x in ((sc.entr, 0.0), (lambda x: sc.agm(1.0, x), 0.0), (lambda x: sc.jv(0.5, x), 0.0)):
        with pytest.raises(NonFiniteError):
            lg.grad(f)(x)


def test_an_output_that_nobody_uses_may_be_infinite():
    """ci(0) is -inf, and so is its derivative; si alone is fine."""
    assert_array_equal(lg.grad(lambda x: np.sum(sc.sici(x)[0]))(np.zeros(2)), np.ones(2))


def test_several_outputs_keep_shape_dtype_and_count():
    x, n = np.array([[0.5], [0.7]], np.float32), np.array([1.0, 2.0, 3.0], np.float32)
    lg.grad(lambda x: check_outputs(sc.pbdv(n, x), sc.pbdv(n, x._value)))(x)
    lg.grad(lambda x: check_outputs(sc.airy(x), sc.airy(x._value)))(0.5)


def check_outputs(traced, plain):
    assert len(traced) == len(plain)
    for a, b in zip(traced, plain, strict=True):
        assert (a.shape, a.dtype) == (np.shape(b), b.dtype)
        assert_array_equal(a._value, b)
    return np.sum(traced[0])


# ---- NumPy's own ----


def test_numbers_that_were_replaced_have_no_derivative():
    x = np.array([0.0, 2.0, -1.0])
    with np.errstate(divide="ignore"):
        d = lg.grad(lambda x: np.sum(np.nan_to_num(1 / x, posinf=0.0)))(x)
    assert_array_equal(d, [0.0, -0.25, -1.0])
    with refused(TraceError, "copy=False", "x = np.nan_to_num(x)"):
        lg.grad(lambda x: np.sum(np.nan_to_num(x, copy=False)))(x)


def test_parts_of_numbers_are_numpys_to_the_last_bit():
    x = np.array([-np.inf, -2.5, -1.0, -0.0, 0.0, 1e-310, 0.7, 3.0, np.inf])

    def f(t):
        for function in (np.modf, np.frexp):
            for a, b in zip(function(t), function(x), strict=True):
                assert a.dtype == b.dtype
                assert_array_equal(a._value, b)
                assert_array_equal(np.signbit(a._value), np.signbit(b))
        return np.sum(np.modf(t)[0])

    assert_array_equal(lg.grad(f)(x), [0, 1, 1, 1, 1, 1, 1, 1, 0])


def test_exponents_and_quotients_are_steps():
    assert lg.grad(lambda x: np.divmod(x, 2.0)[0] * x)(5.0) == 2.0
    assert lg.grad(lambda x: np.frexp(x)[1] * x)(5.0) == 3.0
    assert lg.grad(lambda x: np.nextafter(x, 2.0))(1.0) == 1.0
    assert lg.grad(lambda x: sc.round(x) * x + sc.gammasgn(x))(-1.3) == -1.0


def test_unwrap_adds_what_numpy_adds():
    phase = np.array([0.0, 3.0, 6.5, -3.0, -np.pi, np.pi, 0.2])
    for options in ({}, {"discont": 4.0}, {"period": 2.0}, {"period": 4.0, "axis": 0}):
        value, pull = lg.vjp(lambda x, o=options: np.unwrap(x, **o), phase)
        assert_array_equal(value, np.unwrap(phase, **options))
        assert_array_equal(pull(np.ones(7))[0], np.ones(7))


def test_emath_becomes_complex_by_value():
    f = lg.grad(lambda x: np.sum(np.abs(np.emath.sqrt(x)) ** 2))
    assert_allclose(f(np.array([-4.0, 9.0])), [-1.0, 1.0])
    assert_allclose(f(np.array([4.0, 9.0])), [1.0, 1.0])
    # Beyond 1 a real number stands on a branch cut, on the side that the sign of its zero says.
    for g, x in ((np.emath.arccos, 2.0), (np.emath.arcsin, 2.0), (np.emath.arccos, -2.0)):
        slope = (g(x + 1e-5) - g(x - 1e-5)) / 2e-5
        assert_allclose(lg.jvp(g, (x,), (1.0,))[1], slope, rtol=1e-8, atol=1e-9)
