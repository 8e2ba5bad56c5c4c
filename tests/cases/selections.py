"""Examples of sorting and of order statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import HALF, Case, along_axes, calls, numbers
from lagrad.rules.selections import ALPHA_BETA, DISCRETE

NAN = np.array([[False, True, False, False], [True, False, True, False]])
SOME_NAN = np.where(NAN, np.nan, [0.0, 1.0, 2.0, 4.0])


def every_method(f: Any) -> list[Case]:
    """Return a quantile by every method, and between the same entries when moved a little."""
    between = [*ALPHA_BETA, "midpoint", "averaged_inverted_cdf"]
    return [
        Case(lambda x, m=m, q=q: f(x, q, axis=-1, method=m), (numbers((2, 5), -1, 1),), label=m)
        for m in (*between, *DISCRETE)
        for q in (0.4, [0.05, 0.5, 0.97])
    ] + [
        Case(lambda x, q, m=m: f(x, q, method=m), (numbers((7,), -1, 1), q), label=f"to q, {m}")
        for m in between
        for q in (numbers((), 0.4, 0.41), numbers((2, 2), 0.44, 0.55))
    ]


def quantiles(f: Any, q: Any) -> list[Case]:
    """Return a quantile along every kind of axis."""
    return [
        *along_axes(lambda x, **o: f(x, 0.3, **o)),
        *along_axes(lambda x, **o: f(x, q, **o)),
        *every_method(f),
        Case(lambda q: f(np.array([0.1, 3.0, -1.0]), q, keepdims=True), (numbers((3,), 0.1, 0.4),)),
        Case(lambda x, q: f(x, q, axis=1, keepdims=True), (numbers((2, 3)), numbers((2,), 0.1))),
    ]


def without_nan(f: Any) -> list[Case]:
    """Return a function of arrays of which some entries are NaN."""
    return [
        Case(
            lambda x, o=o: f(np.where(NAN, np.nan, x), **o), (numbers((2, 4), -1, 1),), label=str(o)
        )
        for o in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)})
    ]


# fmt: off
SELECTIONS: dict[Any, list[Case]] = {
    np.sort:        calls((np.sort, (4,)), (lambda x: np.sort(x, axis=0), (3, 2)),
                          (lambda x: np.sort(x, axis=None), (2, 3)),
                          (lambda x: np.sort(x, 1, "stable"), (2, 3, 2)),
                          (np.sort, (0,)), (np.sort, (2, 1))),
    np.partition:   calls((lambda x: np.partition(x, 2), (6,)),
                          (lambda x: np.partition(x, (1, -2), axis=0), (5, 2)),
                          (lambda x: np.partition(x, 3, axis=None), (2, 4))),
    np.median:      along_axes(np.median) + calls((np.median, (5,)), (np.median, (4,)),
                                                  complexes=False),
    np.quantile:    quantiles(np.quantile, np.array([[0.1, 0.6, 0.85], [1.0, 0.0, 0.33]])),
    np.nanmedian:   along_axes(np.nanmedian) + without_nan(np.nanmedian),
    np.nanquantile: quantiles(np.nanquantile, [0.1, 0.0, 0.85])
                    + without_nan(lambda x, **o: np.nanquantile(x, [0.2, 0.8], **o))
                    + without_nan(lambda x, **o: np.nanquantile(x, 0.3, method="hazen", **o))
                    + [Case(lambda q: np.nanquantile(SOME_NAN, q, axis=1),
                            (numbers((2,), 0.1, 0.4),)),
                       Case(lambda x: np.nanquantile(np.where(HALF, x, np.nan), 0.9, axis=1,
                                                     method="lower"), (numbers((2, 3)),))],
}
# fmt: on
