"""Examples of elementwise compositions."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import ROW, Case, binary, calls, numbers, unary

#: Numbers of which some are replaced.
HOLES, ROWS = np.array([0.0, np.nan, np.inf, -np.inf]), np.array([True, False, False, False])
#: On both sides of the ends of domains.
ACROSS, BEYOND = np.array([[-1.2, -0.4], [0.6, 1.7]]), np.array([[-1.9, -1.3], [1.6, 0.4]])


def both_sides(f: Any, x: Any = ACROSS) -> list[Case]:
    """Return a function of arguments that leave its real domain."""
    return [Case(f, (x,)), Case(f, (x[0, 0],)), Case(f, (x[1],))]


# fmt: off
SPELT_ELEMENTWISE: dict[Any, list[Case]] = {
    np.modf:         unary(lambda x: np.modf(x)[0] * x + np.modf(x)[1], -0.9, 0.9)
                     + unary(lambda x: np.modf(x)[0], 2.1, 2.9),
    np.frexp:        unary(lambda x: np.frexp(x)[0] * x + np.frexp(x)[1], 0.55, 0.9)
                     + unary(lambda x: np.frexp(x)[0], -3.9, -2.1),
    np.divmod:       binary(lambda x, y: np.divmod(x, y)[0] + np.divmod(x, y)[1], (-3.1, -2.9),
                            (1.95, 2.05)) + unary(lambda x: divmod(x, 0.7)[1], 0.8, 1.3),
    np.nan_to_num:   [
        *unary(lambda x: np.nan_to_num(x), -1, 1, True),
        Case(lambda x: np.nan_to_num(np.where(ROWS, x, HOLES)), (numbers(()),)),
        Case(lambda x: np.nan_to_num(np.where(ROWS, x, HOLES), nan=2.0, posinf=3.0, neginf=-1.0),
             (numbers((4,)),)),
    ],
    np.real_if_close: [*unary(np.real_if_close, -1, 1, True),
                       *unary(lambda x: np.real_if_close(x + 1e-14j)),
                       *unary(lambda x: np.real_if_close(x + 1e-9j, tol=1e-8))],
    np.unwrap:       [
        Case(np.unwrap, (numbers((5,), -9, 9),)),
        Case(lambda x: np.unwrap(x, axis=0), (numbers((4, 2), -9, 9),)),
        Case(lambda x: np.unwrap(x, 3.0, period=2.0), (numbers((2, 5), -9, 9),)),
        *calls((np.unwrap, (0,)), complexes=False),
    ],
    np.emath.sqrt:    unary(np.emath.sqrt, 0.3, 2, True) + both_sides(np.emath.sqrt),
    np.emath.log:     unary(np.emath.log, 0.3, 2, True) + both_sides(np.emath.log),
    np.emath.log2:    unary(np.emath.log2, 0.3, 2, True) + both_sides(np.emath.log2),
    np.emath.log10:   unary(np.emath.log10, 0.3, 2, True) + both_sides(np.emath.log10),
    np.emath.logn:    binary(np.emath.logn, (2, 3), (0.3, 2), True)
                      + both_sides(lambda x: np.emath.logn(2, x)),
    np.emath.power:   binary(np.emath.power, complexes=True)
                      + both_sides(lambda x: np.emath.power(x, 0.5))
                      + unary(lambda x: np.emath.power(x, -2), 0.3, 0.9)
                      + [Case(lambda x: np.emath.power(x, np.array([-1, 2, -3])), (ROW,))],
    np.emath.arccos:  unary(np.emath.arccos, -0.8, 0.8, True) + both_sides(np.emath.arccos, BEYOND),
    np.emath.arcsin:  unary(np.emath.arcsin, -0.8, 0.8, True) + both_sides(np.emath.arcsin, BEYOND),
    np.emath.arctanh: unary(np.emath.arctanh, -0.8, 0.8, True)
                      + both_sides(np.emath.arctanh, BEYOND),
}
# fmt: on
