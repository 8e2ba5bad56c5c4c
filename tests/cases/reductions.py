"""Examples of reductions along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import VECTOR, Case, along_axes, calls
from lagrad.rules.reductions import logsumexp

# fmt: off
REDUCTIONS: dict[Any, list[Case]] = {
    np.sum:         along_axes(np.sum, True) + calls((lambda x: x.sum(0), (2, 3)),
                                                     (lambda x: np.sum(x, axis=()), (2, 3)),
                                                     (np.sum, (0, 2)), (np.add.reduce, (2, 3))),
    np.mean:        along_axes(np.mean, True) + calls((lambda x: x.mean(-1), (2, 3))),
    np.prod:        along_axes(np.prod, True) + calls((np.prod, (0, 2)), (lambda x: x.prod(), (3,)))
                    + [Case(lambda x: np.prod(np.concatenate([[0.0], x])), (VECTOR,), True)],
    np.max:         along_axes(np.max) + calls((lambda x: x.max(axis=1), (2, 3)), complexes=False),
    np.min:         along_axes(np.min) + calls((lambda x: x.min(), (2, 3)), complexes=False),
    np.amax:        along_axes(np.amax),
    np.amin:        along_axes(np.amin),
    logsumexp:      along_axes(logsumexp),
    np.var:         along_axes(np.var, True) + calls((lambda x: np.var(x, axis=0, ddof=1), (3, 2))),
    np.std:         along_axes(np.std, True)[1:-1] + calls((lambda x: x.std(ddof=1), (3, 2))),
    np.linalg.norm: [
        *calls((np.linalg.norm, (3,)), (np.linalg.norm, (2, 3)), (np.linalg.norm, ()),
               (lambda x: np.linalg.norm(x, axis=0), (2, 3)),
               (lambda x: np.linalg.norm(x, axis=-1, keepdims=True), (2, 3)),
               (lambda x: np.linalg.norm(x, "fro"), (2, 3)),
               (lambda x: np.linalg.norm(x, axis=(0, 2)), (2, 3, 2)),
               (lambda x: np.linalg.norm(x, 1), (3,)), (lambda x: np.linalg.norm(x, 3), (3,)),
               (lambda x: np.linalg.norm(x, 1.5, axis=0), (3, 2)),
               (lambda x: np.linalg.norm(x, np.inf, axis=1), (2, 3)),
               (lambda x: np.linalg.norm(x, -np.inf), (3,))),
        Case(lambda x: np.linalg.norm(x, -2), (VECTOR,)),
    ],
}
# fmt: on
