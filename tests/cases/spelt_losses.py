"""Examples of the library's own compositions."""

from __future__ import annotations

from typing import Any

import numpy as np

import lagrad as lg
from cases.base import Case, along_axes, calls, unary

# fmt: off
LOSSES: dict[Any, list[Case]] = {
    lg.softmax: along_axes(lg.softmax)[1:3],
    lg.relu: unary(lg.relu, -1, 1),
    lg.cross_entropy: calls(
        (lambda z: lg.cross_entropy(z, np.array([0, 2])), (2, 3)),
        (lambda z, p: lg.cross_entropy(z, p, axis=0), (2, 3), (2, 3)),
        complexes=False,
    ),
}
# fmt: on
