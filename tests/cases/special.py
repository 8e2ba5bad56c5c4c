"""Examples of SciPy's special functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special as sc

from cases.base import Case, binary, numbers, unary
from lagrad.rules.special import zeta

# fmt: off
SPECIAL: dict[Any, list[Case]] = {
    sc.expit:       unary(sc.expit, -1, 1),
    sc.logit:       unary(sc.logit),
    sc.log_expit:   unary(sc.log_expit, -1, 1),
    sc.erf:         unary(sc.erf, -1, 1, True),
    sc.erfc:        unary(sc.erfc, -1, 1, True),
    sc.ndtr:        unary(sc.ndtr, -1, 1),
    sc.gamma:       unary(sc.gamma, 0.5, 3),
    sc.gammaln:     unary(sc.gammaln, 0.5, 3),
    sc.digamma:     unary(sc.digamma, 0.5, 3),
    zeta:           [Case(lambda x: zeta(3.0, x), (numbers((2, 3), 0.5, 3),)),
                     Case(lambda x: zeta(np.array([2.0, 4.0]), x), (numbers((2,), 0.5, 3),))],
    sc.xlogy:       binary(sc.xlogy),
    sc.xlog1py:     binary(sc.xlog1py),
    sc.entr:        unary(sc.entr),
}
# fmt: on
