"""Functions of ``scipy.special`` without a derivative that other functions of it give."""

from __future__ import annotations

INVERSE = (
    "an inverse to a parameter, whose derivative has no elementary form; use lg.root on the "
    "distribution function with a rule of your own by lg.primitive"
)
EIGENVALUE = (
    "an eigenvalue as a function of q or c, whose derivative is an integral of its "
    "eigenfunction; use np.linalg.eigvalsh of the truncated matrix"
)
PIECEWISE = (
    "a polynomial in d that changes from piece to piece; use scipy.special.kolmogorov of "
    "np.sqrt(n) * d for large n"
)
SERIES = (
    "its density is a difference of two series that cancel; use lg.primitive with the density "
    "that you need"
)

RADIAL = (
    "SciPy's values of it are not smooth, and do not agree with the derivatives beside them; use "
    "an integrator of the spheroidal equation, or lg.primitive"
)

# fmt: off
UNSUPPORTED: dict[str, str] = {
    **{f"scipy.special.{name}": INVERSE for name in (
        "bdtrik", "bdtrin", "btdtria", "btdtrib", "chdtriv", "chndtridf", "fdtridfd", "gdtrib",
        "nbdtrik", "nbdtrin", "ncfdtridfd", "ncfdtridfn", "nctdtridf", "pdtrik", "stdtridf")},
    **{f"scipy.special.{name}": EIGENVALUE for name in (
        "mathieu_a", "mathieu_b", "pro_cv", "obl_cv")},
    **{f"scipy.special.{name}": RADIAL for name in (
        "pro_rad2", "pro_rad2_cv", "obl_rad2", "obl_rad2_cv")},
    **{f"scipy.special.{name}": PIECEWISE for name in ("smirnov", "smirnovi")},
    **{f"scipy.special.{name}": SERIES for name in ("nctdtr", "nctdtrinc", "nctdtrit")},
    **{f"scipy.special.{name}inc": "found by a search to a few digits only; use lg.root on "
       f"scipy.special.{name}, which has a rule" for name in ("chndtr", "ncfdtr")},
    "scipy.special.elliprj": "its derivatives cancel where two arguments are close; use "
        "lg.primitive with the ones that you need",
    "scipy.special.zetac": "the derivative of Riemann's zeta function has no elementary form; use "
        "lg.stop_gradient for a constant",
    "scipy.special.sph_harm": "newer versions of SciPy have it no more; use scipy.special.lpmv and "
        "np.exp(1j * m * theta)",
}
# fmt: on
