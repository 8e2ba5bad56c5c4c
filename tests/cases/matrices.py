"""Examples of functions of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import ROW, VECTOR, Case, numbers, positive_definite

# fmt: off
LINALG: dict[Any, list[Case]] = {
    np.linalg.solve: [
        Case(np.linalg.solve, (positive_definite(*a), numbers(b, seed=6)), True, f"{a},{b}")
        for a, b in (((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 2)),
        ((1, 3, 3), (2, 3, 1)),
                     ((2, 3, 3), (1, 3, 1)), ((3, 3), (2, 3, 2)), ((1, 1), (1,)))
    ] + [Case(lambda a: np.linalg.solve(a, VECTOR), (positive_definite(3, 3),), True),
         Case(lambda b: np.linalg.solve(positive_definite(3, 3), b), (VECTOR,), True)],
    np.linalg.inv:   [Case(np.linalg.inv, (positive_definite(*s),), True, f"{s}")
                      for s in ((3, 3), (2, 3, 3), (1, 1))],
    np.linalg.det:   [Case(np.linalg.det, (positive_definite(*s),), True, f"{s}")
                      for s in ((3, 3), (2, 3, 3), (1, 1))]
                     + [Case(lambda x: np.linalg.det(np.stack([x, 2 * ROW, VECTOR])), (ROW,))],
}
# fmt: on
