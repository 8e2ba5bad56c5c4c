"""Examples of the library's own compositions."""

from __future__ import annotations

from typing import Any

import numpy as np

import lagrad as lg
from cases.base import Case, along_axes, calls, unary

# fmt: off
LOSSES: dict[Any, list[Case]] = {
    lg.softmax: along_axes(lg.softmax)[1:3],
    lg.log_softmax: along_axes(lg.log_softmax)[1:3],
    lg.logsumexp: along_axes(lg.logsumexp) + calls(
        (lambda x, b: lg.logsumexp(x, b=b + 2.0), (2, 3), (2, 3)),
        (lambda x, b: lg.logsumexp(x, axis=0, b=b + 2.0, keepdims=True), (2, 3), (3,)),
        (lambda x: lg.logsumexp(x, 1, b=np.array([1.0, 0.0, 2.5])), (2, 3)),
        complexes=False,
    ),
    lg.relu: unary(lg.relu, -1, 1),
    lg.cross_entropy: calls(
        (lambda z: lg.cross_entropy(z, np.array([0, 2])), (2, 3)),
        (lambda z, p: lg.cross_entropy(z, p, axis=0), (2, 3), (2, 3)),
        complexes=False,
    ),
}
# fmt: on
