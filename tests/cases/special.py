"""Examples of SciPy's special functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sc

from cases.base import Case, binary, numbers, unary
from lagrad.rules.special import zeta
from lagrad.rules.special.kernels import (
    digamma_step,
    faddeeva,
    log_ratio,
    rgamma_slope,
    sin_ratio,
    sinh_ratio,
)
from lagrad.rules.special.unsupported import sound

#: Degrees, and counts above them.
N, COUNTS = np.array([0, 1, 4]), np.array([5, 6, 7])
#: Older versions of SciPy return 1.
COMPLEX_HYP1F1 = bool(sc.hyp1f1(1.5, 2.5, 0.3 + 0.2j) != 1)


def given(f: Any, *parameters: Any, low: float = 0.3, high: float = 0.8, **options: Any) -> Any:
    """Return ``f(*parameters, x)`` of a scalar, a matrix and an empty array."""
    return unary(lambda x: f(*parameters, x), low, high, **options)


def degrees(f: Any, *parameters: Any, **options: Any) -> Any:
    """Return a family of polynomials, for one degree and for several."""
    return [
        *given(f, 3, *parameters, **options)[1:],
        Case(lambda x: f(N, *parameters, x), (numbers((2, 3)),)),
        Case(lambda x: f(N[:, None], *parameters, x), (numbers((2,)),)),
        *(given(f, 2.5, *parameters) if "hermite" not in f.__name__ else []),
    ]


def threes(f: Any, *bounds: tuple[float, float]) -> list[Case]:
    """Return a function of three arguments that all have a derivative."""
    shapes: list[Any] = [((), (), ()), ((2, 3), (3,), ()), ((3,), (2, 1), (2, 3)), ((0,), (), (1,))]
    return [
        Case(
            f,
            tuple(numbers(s, *b, seed=k) for k, (s, b) in enumerate(zip(ss, bounds, strict=True))),
        )
        for ss in shapes
    ]


# fmt: off
ELEMENTARY: dict[Any, list[Case]] = {
    sc.exp2:        unary(sc.exp2, -1, 1),
    sc.exp10:       unary(sc.exp10, -1, 1),
    sc.expm1:       unary(sc.expm1, -1, 1, True),
    sc.log1p:       unary(sc.log1p, complexes=True),
    sc.cbrt:        unary(sc.cbrt) + unary(sc.cbrt, -1, -0.2),
    sc.exprel:      unary(sc.exprel, -1, 1) + unary(sc.exprel, -30, 30),
    sc.powm1:       binary(sc.powm1) + unary(lambda x: sc.powm1(x, 3), -1, 1),
    sc.expit:       unary(sc.expit, -1, 1),
    sc.logit:       unary(sc.logit),
    sc.log_expit:   unary(sc.log_expit, -1, 1),
    sc.xlogy:       binary(sc.xlogy),
    sc.xlog1py:     binary(sc.xlog1py),
    sc.wrightomega: unary(sc.wrightomega, -3, 3, True),
    sc.boxcox:       binary(sc.boxcox, (0.3, 3), (-1, 1)),
    sc.boxcox1p:     binary(sc.boxcox1p, (0.3, 3), (-1, 1)),
    sc.inv_boxcox:   binary(sc.inv_boxcox, (0.3, 0.9), (-0.9, 0.9)),
    sc.inv_boxcox1p: binary(sc.inv_boxcox1p, (0.3, 0.9), (-0.9, 0.9)),
    sc.exp1:        unary(sc.exp1, complexes=True),
    sc.expi:        unary(sc.expi, complexes=True) + unary(sc.expi, -0.9, -0.3),
    sc.expn:        given(sc.expn, 3) + [Case(lambda x: sc.expn(N, x), (numbers((2, 3)),))],
    sc.spence:      unary(sc.spence, 0.3, 3, True),
    sc.sindg:       unary(sc.sindg, -90, 90),
    sc.cosdg:       unary(sc.cosdg, -90, 90),
    sc.tandg:       unary(sc.tandg, -60, 60),
    sc.cotdg:       unary(sc.cotdg, 30, 90),
    sc.cosm1:       unary(sc.cosm1, -1, 1),
    sc.radian:      threes(sc.radian, (1, 2), (3, 40), (3, 40)),
    np.sinc:        unary(np.sinc, -3, 3, True) + unary(np.sinc, -0.2, 0.2),
    sc.entr:        unary(sc.entr),
    sc.rel_entr:    binary(sc.rel_entr),
    sc.kl_div:      binary(sc.kl_div),
    sc.huber:       binary(sc.huber, (0.5, 0.6), (-2, 2)),
    sc.pseudo_huber: binary(sc.pseudo_huber, (0.5, 0.6), (-2, 2)),
    sin_ratio:      unary(sin_ratio, -3, 3, True),
    sinh_ratio:     unary(sinh_ratio, -3, 3, True),
    log_ratio:      unary(log_ratio, -0.8, 2, True),
}

GAMMAS: dict[Any, list[Case]] = {
    sc.gamma:       unary(sc.gamma, 0.5, 3, True) + unary(sc.gamma, -1.7, -1.3),
    sc.gammaln:     unary(sc.gammaln, 0.5, 3),
    sc.loggamma:    unary(sc.loggamma, 0.5, 3, True),
    sc.rgamma:      unary(sc.rgamma, -2.5, 3, True),
    sc.digamma:     unary(sc.digamma, 0.5, 3),
    zeta:           [Case(lambda x: zeta(3.0, x), (numbers((2, 3), 0.5, 3),)),
                     Case(lambda x: zeta(np.array([2.0, 4.0]), x), (numbers((2,), 0.5, 3),))],
    digamma_step:   [case for n in (0, 1) for case in
                     binary(lambda x, h, n=n: digamma_step(n, x, h), (0.5, 3), (-0.1, 1))],
    rgamma_slope:   unary(rgamma_slope, -2.5, 3),
    sc.poch:        binary(sc.poch, (0.5, 3), (-0.4, 2)) + unary(lambda x: sc.poch(x, 3), -2, 2),
    sc.binom:       binary(sc.binom, (3, 6), (0.5, 7)) + unary(lambda x: sc.binom(x, 2), 1, 3),
    sc.beta:        binary(sc.beta, (0.5, 3), (0.1, 2)),
    sc.betaln:      binary(sc.betaln, (0.5, 3), (0.1, 2)),
    sc.gammainc:    given(sc.gammainc, 1.7) + given(sc.gammainc, np.array([2.0, 50.0, 4.0]),
                                                    low=2, high=60)[1:2],
    sc.gammaincc:   given(sc.gammaincc, 1.7),
    sc.gammaincinv: given(sc.gammaincinv, 1.7),
    sc.gammainccinv: given(sc.gammainccinv, 1.7),
    sc.betainc:     given(sc.betainc, 1.7, 2.5) + given(sc.betainc, 40.0, 30.0)
                    + given(sc.betainc, 2.0, np.array([3.0, 40.0, 1.0]))[1:2],
    sc.betaincc:    given(sc.betaincc, 1.7, 2.5),
    sc.betaincinv:  given(sc.betaincinv, 1.7, 2.5),
    sc.betainccinv: given(sc.betainccinv, 1.7, 2.5),
}

ERRORS: dict[Any, list[Case]] = {
    sc.erf:         unary(sc.erf, -1, 1, True),
    sc.erfc:        unary(sc.erfc, -1, 1, True),
    sc.erfi:        unary(sc.erfi, -1, 1, True),
    sc.erfcx:       unary(sc.erfcx, -1, 10, True),
    sc.erfinv:      unary(sc.erfinv, -0.8, 0.8),
    sc.erfcinv:     unary(sc.erfcinv, 0.3, 1.7),
    sc.wofz:        unary(lambda x: sc.wofz(x + 0j), -9, 9, True),
    faddeeva:       unary(lambda x: faddeeva(1, x + 0j), -9, 9, True),
    sc.dawsn:       unary(sc.dawsn, -9, 9, True),
    sc.ndtr:        unary(sc.ndtr, -1, 1, True),
    sc.log_ndtr:    unary(sc.log_ndtr, -5, 2, True),
    sc.ndtri:       unary(sc.ndtri),
    sc.ndtri_exp:   unary(sc.ndtri_exp, -5, -0.3),
    sc.owens_t:     binary(sc.owens_t),
    sc.voigt_profile: threes(sc.voigt_profile, (-3, 3), (0.5, 1), (0.4, 1)),
}

BESSEL: dict[Any, list[Case]] = {
    **{f: unary(f, -3, 3) for f in (sc.j0, sc.j1, sc.i0, sc.i1, np.i0)},
    **{f: unary(f, 0.5, 3) for f in (sc.y0, sc.y1, sc.k0, sc.k1, sc.k0e, sc.k1e, sc.i0e, sc.i1e,
                                     sc.itstruve0, sc.it2struve0, sc.itmodstruve0)},
    **{f: unary(f, 0.5, 3) for f in (sc.ber, sc.bei, sc.ker, sc.kei, sc.berp, sc.beip, sc.kerp,
                                     sc.keip)},
    **{f: given(f, 2, low=0.5, high=3) + given(f, 1.3, low=0.5, high=3, complexes=True)
       + given(f, np.array([0.0, 1.0, 2.5]), low=0.5, high=3)[1:2]
       for f in (sc.jv, sc.yv, sc.iv, sc.kv, sc.hankel1, sc.hankel2, sc.kve, sc.hankel1e,
                 sc.hankel2e)},
    **{f: given(f, 2, low=0.5, high=3) + given(f, 1.3, low=0.5, high=3)
       for f in (sc.jve, sc.yve, sc.ive, sc.struve, sc.modstruve)},
    **{f: given(f, 2, low=0.5, high=3) + given(f, N, low=0.5, high=3)[1:2]
       for f in (sc.yn, sc.kn)},
    sc.besselpoly:  [case for nu in (0, 1, 2.5) for case in
                     unary(lambda a, nu=nu: sc.besselpoly(a, 0.5, nu))],
    sc.lpmv:        given(sc.lpmv, 0, 3) + given(sc.lpmv, 1, 2.5)
                    + given(sc.lpmv, np.array([0, 1, 2]), 3, low=-0.8)[1:2],
}

ELLIPTIC: dict[Any, list[Case]] = {
    sc.elliprc:     binary(sc.elliprc, complexes=False)
                    + unary(lambda y: sc.elliprc(0.7, y), -0.9, -0.3),
    sc.elliprf:     threes(sc.elliprf, (0.3, 1), (0.4, 0.9), (0.5, 2)),
    sc.elliprd:     threes(sc.elliprd, (0.3, 1), (0.4, 0.9), (0.5, 2)),
    sc.elliprg:     threes(sc.elliprg, (0.3, 1), (0.4, 0.9), (0.5, 2)),
    sc.ellipk:      unary(sc.ellipk, -2, 0.9),
    sc.ellipkm1:    unary(sc.ellipkm1, 0.2, 2),
    sc.ellipe:      unary(sc.ellipe, -2, 0.9),
    sc.ellipkinc:   binary(sc.ellipkinc, (-1.4, 1.3), (-0.5, 0.8))
                    + binary(sc.ellipkinc, (4, 9), (-0.5, 0.8)),
    sc.ellipeinc:   binary(sc.ellipeinc, (-1.4, 1.3), (-0.5, 0.8))
                    + binary(sc.ellipeinc, (4, 9), (-0.5, 0.8)),
    sc.agm:         binary(sc.agm),
}

POLYNOMIALS: dict[Any, list[Case]] = {
    **{f: degrees(f, complexes=True) for f in (
        sc.eval_legendre, sc.eval_chebyt, sc.eval_chebyu, sc.eval_chebyc, sc.eval_chebys,
        sc.eval_laguerre, sc.eval_sh_legendre, sc.eval_sh_chebyt, sc.eval_sh_chebyu)},
    **{f: degrees(f) for f in (sc.eval_hermite, sc.eval_hermitenorm)},
    sc.eval_jacobi:      degrees(sc.eval_jacobi, 0.5, 1.5, complexes=True),
    sc.eval_gegenbauer:  degrees(sc.eval_gegenbauer, 0.75, complexes=True),
    sc.eval_genlaguerre: degrees(sc.eval_genlaguerre, 0.75, complexes=True),
    sc.eval_sh_jacobi:   degrees(sc.eval_sh_jacobi, 2.5, 1.5, complexes=True),
    sc.hyp0f1:      given(sc.hyp0f1, 1.5, complexes=True),
    sc.hyp1f1:      given(sc.hyp1f1, 1.5, 2.5, complexes=COMPLEX_HYP1F1),
    sc.hyp2f1:      given(sc.hyp2f1, 1.5, 0.5, 2.5, complexes=True),
    sc.hyperu:      given(sc.hyperu, 1.5, 0.5),
    sc.wright_bessel: given(sc.wright_bessel, 0.5, 1.5),
}
if hasattr(sc, "log_wright_bessel"):
    POLYNOMIALS[sc.log_wright_bessel] = given(sc.log_wright_bessel, 0.5, 1.5)

DISTRIBUTIONS: dict[Any, list[Case]] = {
    **{f: given(f, N, COUNTS)[:2] + given(f, 2, COUNTS[:1])[::2]
       for f in (sc.bdtr, sc.bdtrc, sc.bdtri, sc.nbdtr, sc.nbdtrc, sc.nbdtri)},
    sc.pdtr:        given(sc.pdtr, 2, low=1, high=4),
    sc.pdtrc:       given(sc.pdtrc, 2, low=1, high=4),
    sc.pdtri:       given(sc.pdtri, 2),
    sc.chdtr:       given(sc.chdtr, 3, low=1, high=4),
    sc.chdtrc:      given(sc.chdtrc, 3, low=1, high=4),
    sc.chdtri:      given(sc.chdtri, 3),
    sc.fdtr:        given(sc.fdtr, 3, 5.5),
    sc.fdtrc:       given(sc.fdtrc, 3, 5.5),
    sc.fdtri:       given(sc.fdtri, 3, 5.5),
    sc.stdtr:       given(sc.stdtr, 3, low=-2, high=2),
    sc.stdtrit:     given(sc.stdtrit, 3),
    sc.gdtr:        binary(lambda a, x: sc.gdtr(a, 1.5, x)),
    sc.gdtrc:       binary(lambda a, x: sc.gdtrc(a, 1.5, x)),
    sc.gdtria:      binary(lambda p, x: sc.gdtria(p, 1.5, x)),
    sc.gdtrix:      binary(lambda p, a: sc.gdtrix(a, 1.5, p)),
    sc.chndtr:      binary(lambda x, nc: sc.chndtr(x, 3, nc), (1, 5)),
    sc.chndtrix:    binary(lambda p, nc: sc.chndtrix(p, 3, nc), (0.4, 0.5), (0.3, 0.6)),
    sc.ncfdtr:      binary(lambda f, nc: sc.ncfdtr(3, 5, nc, f)),
    sc.ncfdtri:     binary(lambda p, nc: sc.ncfdtri(3, 5, nc, p)),
    sc.nrdtrimn:    threes(sc.nrdtrimn, (0.2, 0.8), (0.5, 1), (-1, 1)),
    sc.nrdtrisd:    threes(sc.nrdtrisd, (0.2, 0.4), (0.6, 0.8), (1, 2)),
    sc.kolmogorov:  unary(sc.kolmogorov, 0.3, 1.5),
    sc.kolmogi:     unary(sc.kolmogi),
    sc.tklmbda:     binary(sc.tklmbda, (-0.9, 0.9), (-0.5, 0.8)),
}

SPECIAL: dict[Any, list[Case]] = {
    **ELEMENTARY, **GAMMAS, **ERRORS, **BESSEL, **ELLIPTIC, **POLYNOMIALS, **DISTRIBUTIONS,
}
SPECIAL = {f: cases for f, cases in SPECIAL.items() if sound(f.__name__)}
# fmt: on
