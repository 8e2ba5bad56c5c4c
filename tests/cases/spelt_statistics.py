"""Examples of compositions of statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import HALF, TAKEN, Case, along_axes, calls, numbers

NAN = np.array([[False, True, False, False], [True, False, False, False]])
COUNTS = np.array([1, 2, 0, 3])


def spread(f: Any, complexes: bool = True) -> list[Case]:
    """Return a variance with each of its options."""
    return calls(
        (lambda x: f(x, axis=0, ddof=1), (3, 2)),
        (lambda x: f(x, 0, None, None, 1), (3, 2)),
        (lambda x: f(x, where=HALF), (2, 3)),
        (lambda x: f(x, axis=1, where=HALF, keepdims=True, ddof=0.5), (2, 3)),
        (lambda x: f(x, axis=(0, 2), where=HALF[:, :, None]), (2, 3, 2)),
        complexes=complexes,
    )


def spread_about(f: Any) -> list[Case]:
    """Return a variance about a given mean, with a dtype, and with NumPy 2's ``correction``."""
    return calls((lambda x: f(x, axis=0, dtype=np.float64), (3, 2)), complexes=False) + NEW * calls(
        (lambda x: f(x, correction=1), (3, 2)),
        (lambda x, m: f(x, axis=1, mean=m), (3, 2), (3, 1)),
        (lambda x: f(x, axis=1, mean=np.mean(x, axis=1, keepdims=True), keepdims=True), (3, 2)),
        (lambda x, m: f(x, mean=m, where=HALF), (2, 3), (1, 1)),
        complexes=False,
    )


#: These options came with NumPy 2.
NEW = "mean" in np.var.__wrapped__.__code__.co_varnames


def with_nan(x: Any) -> Any:
    """Return x with NaN in the place of some entries."""
    return np.where(NAN, np.nan, x)


def nan(f: Any, complexes: bool = False) -> list[Case]:
    """Return a function that leaves NaN out, with and without NaN in the array."""
    return along_axes(f, complexes)[1:-1] + [
        Case(lambda x, o=o: f(with_nan(x), **o), (numbers((2, 4), -1, 1),), complexes, str(o))
        for o in ({}, {"axis": 0}, {"axis": -1}, {"axis": 1, "keepdims": True})
    ]


def nan_cumulative(f: Any) -> list[Case]:
    """Return a cumulative function that leaves NaN out."""
    return calls((f, (3,)), (lambda x: f(with_nan(x), axis=1), (2, 4)),
                 (lambda x: f(with_nan(x)), (2, 4)))  # fmt: skip


# fmt: off
STATISTICS: dict[Any, list[Case]] = {
    np.var:          along_axes(np.var, True) + spread(np.var) + spread_about(np.var)
                     + calls((lambda x: x.var(0, where=HALF), (2, 3))),
    np.std:          along_axes(np.std, True)[1:-1] + spread(np.std) + spread_about(np.std)
                     + calls((lambda x: x.std(ddof=1), (3, 2))),
    np.ptp:          calls((np.ptp, (2, 3)), (lambda x: np.ptp(x, axis=0), (2, 3)),
                           (lambda x: np.ptp(x, 1, keepdims=True), (2, 3)), complexes=False),
    np.average:      calls((np.average, (2, 3)),
                           (lambda x, w: np.average(x, weights=w + 2.0), (2, 3), (2, 3)),
                           (lambda x, w: np.average(x, axis=1, weights=w + 2.0), (2, 3), (3,)),
                           (lambda w: np.average([[1.0, 2.0], [3.0, 5.0]], 0, w + 2.0), (2,)),
                           (lambda x: np.average(x, axis=(0, 1)), (2, 3, 2)),
                           (lambda x: np.average(x, 1, returned=True)[1] * x[:, 0], (2, 3)),
                           (lambda x, w: np.average(x, 1, w + 2.0, True, keepdims=True)[0],
                            (2, 3), (3,)),
                           (lambda x, w: np.average(x, 1, w + 2.0, True)[1], (2, 3), (3,)),
                           complexes=False),
    np.cov:          calls((np.cov, (2, 4)), (np.cov, (4,)), (np.cov, (4,), (4,)),
                           (lambda x: np.cov(x, rowvar=False), (4, 2)),
                           (lambda x, y: np.cov(x, y, rowvar=False), (4, 2), (4, 1)),
                           (lambda x: np.cov(x, bias=True), (2, 4)),
                           (lambda x: np.cov(x, ddof=2), (2, 4)),
                           (lambda x: np.cov(x, fweights=COUNTS), (2, 4)),
                           (lambda x: np.cov(x, fweights=COUNTS, aweights=COUNTS + 0.5), (2, 4)))
                     + calls((lambda x, w: np.cov(x, aweights=w + 2), (2, 4), (4,)),
                             (lambda x, w: np.cov(x, aweights=w + 2, ddof=0), (2, 4), (4,)),
                             (lambda x: np.cov(x, dtype=complex), (2, 3)), complexes=False),
    np.corrcoef:     calls((np.corrcoef, (3, 4)), (lambda x, y: np.corrcoef(x, y), (4,), (4,)),
                           (lambda x: np.corrcoef(x, rowvar=False), (4, 2)))
                     + calls((lambda x: np.corrcoef(x) + x[0], (4,)), complexes=False),
    np.percentile:   calls((lambda x: np.percentile(x, 30), (5,)),
                           (lambda x: np.percentile(x, [20.0, 55], axis=0, keepdims=True), (4, 2)),
                           (lambda x: np.percentile(x, 70, method="weibull"), (5,)),
                           complexes=False)
                     + [Case(lambda x, q: np.percentile(x, q, 0),
                             (numbers((4, 2)), numbers((2,), 40.0, 60.0)))],

    np.nansum:       nan(np.nansum, True) + calls((lambda x: np.nansum(x, where=HALF), (2, 3))),
    np.nanprod:      nan(np.nanprod, True)
                     + calls((lambda x: np.nanprod(x, 0, initial=2.0), (2, 3))),
    np.nancumsum:    nan_cumulative(np.nancumsum),
    np.nancumprod:   nan_cumulative(np.nancumprod),
    np.nanmean:      nan(np.nanmean, True)
                     + calls((lambda x: np.nanmean(x, 0, where=HALF), (2, 3))),
    np.nanvar:       nan(np.nanvar)
                     + calls((lambda x: np.nanvar(x, 1, ddof=1, where=HALF), (2, 3))),
    np.nanstd:       nan(np.nanstd)[:-4] + calls(
                         (lambda x: np.nanstd(with_nan(x), axis=1, ddof=1), (2, 4)),
                         (lambda x: np.nanstd(with_nan(x)), (2, 4))),
    np.nanpercentile: calls((lambda x: np.nanpercentile(with_nan(x), [20, 70], axis=1), (2, 4)),
                            complexes=False),

    np.take_along_axis: calls(
        (lambda x: np.take_along_axis(x, TAKEN, axis=1), (2, 3)),
        (lambda x: np.take_along_axis(x, TAKEN, axis=0), (3, 2)),
        (lambda x: np.take_along_axis(x, np.array([[2, 0]]), axis=-1), (4, 3)),
        (lambda x: np.take_along_axis(x, np.array([2, 2]), axis=None), (2, 3)),
        (lambda x: np.take_along_axis(x, np.argsort(x, axis=0), axis=0), (3, 2)),
        complexes=False),
    np.compress:     calls((lambda x: np.compress([True, False, True], x, axis=1), (2, 3)),
                           (lambda x: np.compress([False, True], x), (2, 3)),
                           (lambda x: np.compress(x > 0.2, x), (4,)), complexes=False),
    np.extract:      calls((lambda x: np.extract(HALF, x), (2, 3)),
                           (lambda x: np.extract(x > 0.2, x), (2, 3)), complexes=False),
    np.sort_complex: calls((np.sort_complex, (4,)), (np.sort_complex, (2, 3))),
}
# fmt: on


def cumulative(f: Any) -> list[Case]:
    """Return a cumulative function of the array API."""
    return calls(
        (f, (4,)),
        (lambda x: f(x, axis=0), (2, 3)),
        (lambda x: f(x, axis=-1, include_initial=True), (2, 3)),
    ) + calls((lambda x: f(x, dtype=complex, include_initial=True), (3,)), complexes=False)


for name in ("cumulative_sum", "cumulative_prod"):
    if hasattr(np, name):  # NumPy 2.1
        STATISTICS[getattr(np, name)] = cumulative(getattr(np, name))
