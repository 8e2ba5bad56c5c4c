"""Examples of histograms; entries lie between the edges, except the smallest and the largest."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import Case, numbers

PLACES = np.array([0, 2, 2, 1, 5])
DATA, ALSO = numbers((7,), -1, 1, seed=21), numbers((7,), -1, 1, seed=22)
ENTRIES, WEIGHTS = numbers((7,), -1, 1, seed=23), numbers((7,), seed=24)
EDGES = np.array([-0.9, -0.2, 0.1, 1.3])
BINS: Any = [3, EDGES]

# fmt: off
HISTOGRAMS: dict[Any, list[Case]] = {
    np.bincount:  [Case(lambda w: np.bincount(PLACES, weights=w), (numbers((5,)),)),
                   Case(lambda w: np.bincount(PLACES, w, minlength=8), (numbers((5,)),)),
                   Case(lambda w: np.bincount(np.argsort(w), w), (numbers((5,)),))],
    np.histogram_bin_edges: [
        Case(np.histogram_bin_edges, (ENTRIES,)),
        Case(lambda x: np.histogram_bin_edges(x, 4), (numbers((2, 3)),)),
        Case(lambda x: np.histogram_bin_edges(x, "sqrt"), (ENTRIES,)),
        Case(lambda x: np.histogram_bin_edges(np.stack([x, x]), 2), (numbers(()),))],
    np.histogram: [
        Case(lambda x: np.histogram(x, 3, density=True)[0], (ENTRIES,)),
        Case(lambda x: np.histogram(x, 3)[1], (ENTRIES,)),
        Case(lambda x: np.histogram(x, 3)[0] * x[0], (ENTRIES,)),
        Case(lambda w: np.histogram(DATA, 4, (-0.5, 0.7), weights=w)[0], (WEIGHTS,), True),
        Case(lambda w: np.histogram(DATA, 4, density=True, weights=w)[0], (WEIGHTS,)),
        Case(lambda x, w: np.histogram(x, 3, weights=w)[0] + x[0], (ENTRIES, WEIGHTS)),
        Case(lambda e: np.histogram(DATA, e, density=True)[0], (EDGES,))],
    np.histogramdd: [
        Case(lambda x: np.histogramdd(x, 2, density=True)[0], (numbers((7, 2), -1, 1),)),
        Case(lambda x: np.histogramdd(x, BINS, [(-1, 1), None])[1][1] + x[:4, 0],
             (numbers((7, 2), -1, 1),)),
        Case(lambda w: np.histogramdd([DATA, ALSO], 3, weights=w)[0], (WEIGHTS,))],
    np.histogram2d: [
        Case(lambda x, y: np.histogram2d(x, y, 3, density=True)[0], (DATA, ALSO)),
        Case(lambda x, y: np.histogram2d(x, y, 2)[2], (DATA, ALSO)),
        Case(lambda x: np.histogram2d(x, ALSO, BINS)[0] * x[0], (DATA,)),
        Case(lambda w: np.histogram2d(DATA, ALSO, EDGES, weights=w)[0], (WEIGHTS,))],
}
# fmt: on
