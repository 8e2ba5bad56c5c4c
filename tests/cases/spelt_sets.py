"""Examples of sets of values."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import Case, calls

#: Each of them is there more than once.
TWICE = np.array([2, 0, 1, 0, 2])


def again(x: Any) -> Any:
    """Return a vector that has each entry of x more than once."""
    return np.stack([x[i] for i in TWICE])


# fmt: off
SETS: dict[Any, list[Case]] = {
    np.unique:      calls((np.unique, (2, 3)), (lambda x: np.unique(again(x)), (3,)),
                          (lambda x: np.unique(np.stack([x[1], x[0], x[1]]), axis=0), (2, 3)),
                          (lambda x: np.unique(x[:, TWICE], axis=-1), (2, 3)),
                          (lambda x: np.multiply(*np.unique(again(x), return_counts=True)), (3,)),
                          (lambda x: np.unique(again(x), return_inverse=True)[0], (3,)),
                          (lambda x: np.unique(again(x), True, True, True)[0], (3,)),
                          (np.unique, ()), complexes=False),
    np.union1d:     calls((np.union1d, (3,), (2, 2)),
                          (lambda x: np.union1d(x, x[::-1]), (3,)), complexes=False),
    np.intersect1d: calls((lambda x: np.intersect1d(again(x), x[1:]), (3,)),
                          (lambda x: np.intersect1d(x[:2], x, assume_unique=True), (3,)),
                          (lambda x: np.intersect1d(x[:2], x, return_indices=True)[0], (3,)),
                          complexes=False),
    np.setdiff1d:   calls((lambda x: np.setdiff1d(again(x), x[1:2]), (3,)),
                          (lambda x, y: np.setdiff1d(x, y, assume_unique=True), (2, 2), (3,)),
                          complexes=False),
    np.setxor1d:    calls((lambda x, y: np.setxor1d(np.append(x, y[0]), y), (3,), (3,)),
                          (lambda x: np.setxor1d(x, x[1:], assume_unique=True), (3,)),
                          complexes=False),
}
if hasattr(np, "unique_all"):  # NumPy 2
    SETS |= {
        np.unique_all: calls((lambda x: np.unique_all(again(x)).values, (3,)), complexes=False),
        np.unique_counts: calls((lambda x: np.multiply(*np.unique_counts(again(x))), (3,)),
                                complexes=False),
        np.unique_inverse: calls((lambda x: np.unique_inverse(again(x)).values, (3,)),
                                 complexes=False),
        np.unique_values: calls((lambda x: np.unique_values(again(x)), (3,)), complexes=False),
    }
# fmt: on
