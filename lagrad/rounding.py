"""How large the rounding errors of a traced computation may be.

A residual that is no larger than these is zero, whatever the units of its equation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lagrad.graph import Graph
from lagrad.solve import back_substitute, forward_substitute

#: Rounding errors are estimated; what is larger by this factor is none.
ROUNDING = 10.0

#: How many random perturbations a rounding error is estimated from.
SAMPLES = 3


def rounding_errors(graph: Graph, outputs: Sequence[int], rng: np.random.Generator) -> list[Any]:
    """Return how large the rounding errors of the rows ``outputs`` may be, entry by entry.

    Every step, and every input as it is given, is wrong by a relative eps, and the result by the
    sum of |dz_n/dz_i| eps |z_i|. One sweep of multipliers gives it for a single number; for more,
    tangents of random signs from all rows at once add up to errors such as rounding makes, and
    magnitudes between 1 and 2 keep two large terms from cancelling in all samples.
    """
    z = graph.columns.values
    last = max(outputs, default=-1)
    eps = {i: np.finfo(z[i].dtype).eps * magnitude(z[i]) for i in range(last + 1)}
    if len(outputs) == 1 and graph.sizes[outputs[0]] == 1:
        (i,) = outputs
        lam = back_substitute(graph, {i: np.ones(graph.shape(i), graph.dtype(i))[()]})
        errors = [np.sum(known(np.abs(w) * np.abs(eps[j]))) for j, w in lam.items()]
        return [np.reshape(sum(errors), graph.shape(i))[()]]
    totals = [np.zeros(graph.shape(i)) for i in outputs]
    for _ in range(SAMPLES):
        signs = Signs(rng)
        moved = forward_substitute(graph, last + 1, {i: signs.times(e) for i, e in eps.items()})
        totals = [
            np.maximum(total, known(np.abs(moved[i])))
            for i, total in zip(outputs, totals, strict=True)
        ]
    return totals


def magnitude(z: Any) -> Any:
    """Return |z|; of complex numbers in both directions."""
    return np.abs(z) if z.dtype.kind == "f" else np.abs(z) * z.dtype.type(1 + 1j)


class Signs:
    """Random numbers between 1 and 2 with random signs, drawn once for all arrays of a size."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.drawn: dict[int, np.ndarray] = {}

    def times(self, e: Any) -> Any:
        """Return ``e`` with random magnitudes and signs, other ones at every call."""
        size = np.size(e)
        if size not in self.drawn:
            pool = self.rng.uniform(-1.0, 1.0, 2 * size)
            self.drawn[size] = pool + np.copysign(1.0, pool)
        at = int(self.rng.integers(size + 1))
        return e * np.reshape(self.drawn[size][at : at + size], np.shape(e))


def known(errors: Any) -> Any:
    """Return errors, with zero where a value or a partial is not finite: reported elsewhere."""
    return np.where(np.isfinite(errors), errors, 0.0)
