"""Examples of special functions with several outputs, and of the vectors that they come from."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sc

from cases.base import Case, binary, unary
from lagrad.rules.special.several import PACKED


def of_x(low: float, high: float, *parameters: Any, complexes: bool = False) -> Any:
    """Return what calls a function on its parameters and x between the bounds."""
    return lambda f: unary(lambda x: f(*parameters, x), low, high, complexes)


#: Of float64: SciPy's spheroidal functions hang, and Mathieu's are NaN, in single precision.
C = np.float64(0.7)

# fmt: off
DOMAINS: dict[Any, Any] = {
    sc.airy:    of_x(-3, 3, complexes=True),
    sc.airye:   of_x(0.5, 3),
    sc.itairy:  of_x(0.05, 0.3),
    sc.ellipj:  lambda f: binary(f, (-3, 3), (0.2, 0.8)),
    sc.fresnel: of_x(-2, 2, complexes=True),
    sc.modfresnelp: of_x(0.5, 2),
    sc.modfresnelm: of_x(0.5, 2),
    sc.sici:    of_x(0.5, 3, complexes=True),
    sc.shichi:  of_x(0.5, 3, complexes=True),
    **dict.fromkeys((sc.kelvin, sc.itj0y0, sc.iti0k0, sc.it2j0y0, sc.it2i0k0), of_x(0.5, 3)),
    **dict.fromkeys((sc.pbdv, sc.pbvv, sc.pbwa), of_x(0.5, 2, 1.5)),
    **dict.fromkeys((sc.mathieu_cem, sc.mathieu_sem), of_x(10, 80, 2, C)),
    **dict.fromkeys((sc.mathieu_modcem1, sc.mathieu_modcem2, sc.mathieu_modsem1,
                     sc.mathieu_modsem2), of_x(0.3, 1, 2, C)),
    sc.pro_ang1: of_x(-0.8, 0.8, 1, 2, C),
    sc.pro_rad1: of_x(1.3, 2, 1, 2, C),
    sc.obl_ang1: of_x(-0.8, 0.8, 1, 2, C),
    sc.obl_rad1: of_x(0.3, 2, 1, 2, C),
    sc.pro_ang1_cv: of_x(-0.8, 0.8, 1, 2, C, sc.pro_cv(1, 2, C)),
    sc.pro_rad1_cv: of_x(1.3, 2, 1, 2, C, sc.pro_cv(1, 2, C)),
    sc.obl_ang1_cv: of_x(-0.8, 0.8, 1, 2, C, sc.obl_cv(1, 2, C)),
    sc.obl_rad1_cv: of_x(0.3, 2, 1, 2, C, sc.obl_cv(1, 2, C)),
}
# fmt: on


def stacked(function: Any) -> Any:
    """Return all outputs of a function as one array."""
    return lambda *args: np.stack(function(*args))


SPECIAL_PAIRS: dict[Any, list[Case]] = {f: DOMAINS[f](stacked(f)) for f in PACKED}
PACKED_PAIRS: dict[Any, list[Case]] = {own: DOMAINS[f](own) for f, own in PACKED.items()}
