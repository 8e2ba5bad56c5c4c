"""Histograms: the weights of the entries in each bin are added up.

The number of entries in a bin is a step in the entries and in the edges, so it carries no gradient.
A sum of weights is linear in them, and edges that lie between the smallest and the largest entry
move with those two; so a density has a gradient to the entries through its edges alone.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import scatter_add
from lagrad.rules.constant import entries_at, structure
from lagrad.rules.options import as_array


def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """np.bincount: with weights w, the sum of w_k over all k with x_k = i."""
    counts = structure(np.bincount, x, None, minlength)
    if weights is None or np.size(x) == 0:
        return counts
    weights = as_array(weights)
    if weights.dtype.kind == "c":
        raise TypeError("Cannot cast complex weights to real ones; take the parts one by one")
    if np.shape(weights) != np.shape(x):
        raise ValueError("The weights and list don't have the same length.")
    return scatter_add(weights.astype(np.float64), as_array(x), np.shape(counts))


# -- edges ---------------------------------------------------------------------------------------


def outer_edges(a: Any, between: Any) -> tuple[Any, Any]:
    """Return the first and the last edge: those given, or the smallest and the largest entry."""
    if between is not None:
        first, last = between
        if first > last:
            raise ValueError("max must be larger than min in range parameter.")
    elif np.size(a) == 0:
        first, last = 0, 1
    else:
        first, last = np.min(a), np.max(a)
    if not (np.isfinite(first) and np.isfinite(last)):
        raise ValueError(f"range of [{first}, {last}] is not finite")
    return (first - 0.5, last + 0.5) if first == last else (first, last)


def given_edges(bins: Any) -> Any:
    """Return edges that somebody gave."""
    edges = as_array(bins)
    if np.ndim(edges) != 1:
        raise ValueError("`bins` must be 1d, when an array")
    if np.any(np.greater(edges[:-1], edges[1:])):
        raise ValueError("`bins` must increase monotonically, when an array")
    return edges


def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """np.histogram_bin_edges: how many bins a rule such as "auto" takes is structure."""
    a = np.ravel(as_array(a))
    if isinstance(bins, str):
        bins = len(structure(np.histogram_bin_edges, a, bins, range, weights)) - 1
    if np.ndim(bins) != 0:
        return given_edges(bins)
    first, last = outer_edges(a, range)
    dtype = np.result_type(*(getattr(v, "dtype", v) for v in (first, last, a)))
    dtype = dtype if dtype.kind == "f" else np.result_type(dtype, float)
    return np.linspace(first, last, at_least_one(bins) + 1, dtype=dtype)


def at_least_one(bins: Any) -> int:
    """Return the number of bins."""
    try:
        count = operator.index(bins)
    except TypeError as error:
        raise TypeError("`bins` must be an integer, a string, or an array") from error
    if count < 1:
        raise ValueError("`bins` must be positive, when an integer")
    return count


# -- counts --------------------------------------------------------------------------------------


def places(a: Any, edges: Any) -> tuple[Any, Any]:
    """Return in which bin each entry lies, and whether in one at all; the last edge belongs."""
    bin_of = np.searchsorted(edges, a, side="right") - np.where(np.equal(a, edges[-1]), 2, 1)
    return bin_of, np.logical_and(np.greater_equal(bin_of, 0), np.less(bin_of, len(edges) - 1))


def summed(weights: Any, bin_of: Any, inside: Any, count: int, dtype: Any) -> Any:
    """Return the sum of the weights in each bin."""
    wide = np.float64 if weights.dtype.kind != "c" else weights.dtype
    kept = np.flatnonzero(inside)
    part = entries_at(weights.astype(wide), kept)
    return scatter_add(part, entries_at(bin_of, kept), (count,)).astype(dtype)


def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """np.histogram."""
    edges = histogram_bin_edges(a, bins, range, weights)
    weights = None if weights is None else as_array(weights)
    if weights is not None and np.shape(weights) != np.shape(as_array(a)):
        raise ValueError("weights should have the same shape as a.")
    bin_of, inside = places(np.ravel(as_array(a)), edges)
    count = np.shape(edges)[0] - 1
    if weights is None:
        n = structure(np.bincount, bin_of[inside], None, count)
    else:
        n = summed(np.ravel(weights), bin_of, inside, count, weights.dtype)
    if density:
        return n / np.diff(edges).astype(float) / np.sum(n), edges
    return n, edges


def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """np.histogramdd."""
    if isinstance(sample, list | tuple) or np.ndim(sample) != 2:
        sample = np.transpose(np.atleast_2d(as_array(sample)))
    total, dimensions = np.shape(sample)
    if not np.iterable(bins):
        bins = dimensions * [bins]
    if len(bins) != dimensions:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    range = dimensions * [None] if range is None else range
    if len(range) != dimensions:
        raise ValueError("range argument must have one entry per dimension")
    edges, flat, within = [], 0, np.ones(total, bool)
    for k, (wanted, between) in enumerate(zip(bins, range, strict=True)):
        a = sample[:, k]
        if np.ndim(wanted) == 0:
            first, last = outer_edges(a, between)
            edges.append(np.linspace(first, last, at_least_one(wanted) + 1))
        else:
            edges.append(given_edges(wanted))
        bin_of, inside = places(a, edges[k])
        flat, within = flat * (len(edges[k]) - 1) + bin_of, np.logical_and(within, inside)
    shape = tuple(len(e) - 1 for e in edges)
    weights = np.ones_like(sample[:, 0], dtype=float) if weights is None else as_array(weights)
    if weights.dtype.kind == "c":
        raise TypeError("Cannot cast complex weights to real ones; take the parts one by one")
    n = np.reshape(summed(weights, flat, within, math.prod(shape), float), shape)
    if density:
        s = np.sum(n)
        for k, e in enumerate(edges):
            n = n / np.reshape(np.diff(e), [-1 if i == k else 1 for i, _ in enumerate(shape)])
        n = n / s
    return n, edges


def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """np.histogram2d."""
    if len(x) != len(y):
        raise ValueError("x and y must have the same length.")
    if np.iterable(bins) and sum(1 for _ in bins) not in (1, 2):
        bins = [bins, bins]
    n, (of_x, of_y) = histogramdd([x, y], bins, range, density, weights)
    return n, of_x, of_y


HISTOGRAMS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.bincount: bincount,
    np.histogram_bin_edges: histogram_bin_edges,
    np.histogram: histogram,
    np.histogramdd: histogramdd,
    np.histogram2d: histogram2d,
}
