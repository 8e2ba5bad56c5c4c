"""Functions of ``scipy.special`` without a derivative that other functions of it give."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sc

INVERSE = (
    "an inverse to a parameter, whose derivative has no elementary form; use lg.root on the "
    "distribution function with a rule of your own by lg.primitive"
)
EIGENVALUE = (
    "an eigenvalue as a function of q or c, whose derivative is an integral of its "
    "eigenfunction; use np.linalg.eigvalsh of the truncated matrix"
)
PIECEWISE = "a polynomial that changes from piece to piece; use its limit for large n, "
SERIES = (
    "its density is a difference of two series that cancel; use lg.primitive with the density "
    "that you need"
)

RADIAL = (
    "SciPy's values of it are not smooth, and do not agree with the derivatives beside them; use "
    "an integrator of the spheroidal equation, or lg.primitive"
)

#: (arguments, value of the first output) where older versions of SciPy go wrong.
PROBES: dict[str, tuple[tuple[Any, ...], complex]] = {
    "modfresnelp": ((1.0,), -0.277867169242522 + 0.316388766934369j),
    "chndtrix": ((0.5, 3.0, 1.0), 3.2130085581665865),
    "ncfdtr": ((3.0, 5.0, 1.0, 0.5), 0.21782649392537921),
    "ncfdtri": ((3.0, 5.0, 1.0, 0.21782649392537921), 0.5),
    "pro_rad1": ((1.0, 2.0, 0.7, 1.5), 0.051642597720716145),
    "pro_rad1_cv": ((1.0, 2.0, 0.7, 6.2090683961734605, 1.5), 0.051642597720716145),
    "obl_rad1": ((1.0, 2.0, 0.7, 1.5), 0.07994851067524082),
    "obl_rad1_cv": ((1.0, 2.0, 0.7, 5.7890650026648975, 1.5), 0.07994851067524082),
}


def sound(name: str) -> bool:
    """True if this version of SciPy computes the function right."""
    args, expected = PROBES.get(name, ((), 0.0))
    if not args:
        return True
    return bool(np.isclose(np.ravel(getattr(sc, name)(*args))[0], expected, rtol=1e-12, atol=0))


# fmt: off
UNSUPPORTED: dict[str, str] = {
    **{f"scipy.special.{name}": INVERSE for name in (
        "bdtrik", "bdtrin", "btdtria", "btdtrib", "chdtriv", "chndtridf", "fdtridfd", "gdtrib",
        "nbdtrik", "nbdtrin", "ncfdtridfd", "ncfdtridfn", "nctdtridf", "pdtrik", "stdtridf")},
    **{f"scipy.special.{name}": EIGENVALUE for name in (
        "mathieu_a", "mathieu_b", "pro_cv", "obl_cv")},
    **{f"scipy.special.{name}": RADIAL for name in (
        "pro_rad2", "pro_rad2_cv", "obl_rad2", "obl_rad2_cv")},
    "scipy.special.smirnov": PIECEWISE + "np.exp(-2 * n * d**2)",
    "scipy.special.smirnovi": PIECEWISE + "np.sqrt(-np.log(p) / (2 * n))",
    **{f"scipy.special.{name}": SERIES for name in ("nctdtr", "nctdtrinc", "nctdtrit")},
    **{f"scipy.special.{name}inc": "found by a search to a few digits only; use lg.root on "
       f"scipy.special.{name}, which has a rule" for name in ("chndtr", "ncfdtr")},
    **{f"scipy.special.{name}": "this version of SciPy computes it wrong, or not to all digits; "
       "use a newer one" for name in PROBES if not sound(name)},
    "scipy.special.btdtr": "newer versions of SciPy have it no more; use scipy.special.betainc",
    "scipy.special.btdtri": "newer versions of SciPy have it no more; use scipy.special.betaincinv",
    "scipy.special.elliprj": "its derivatives cancel where two arguments are close; use "
        "lg.primitive with the ones that you need",
    "scipy.special.zetac": "the derivative of Riemann's zeta function has no elementary form; use "
        "lg.stop_gradient for a constant",
    "scipy.special.sph_harm": "newer versions of SciPy have it no more; use scipy.special.lpmv and "
        "np.exp(1j * m * theta)",
}
# fmt: on
