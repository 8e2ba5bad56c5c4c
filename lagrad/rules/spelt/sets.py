"""Sets of values: the entries of arrays, each of them once.

An entry of the result is an entry of the arguments: the first of those that are equal, and what two
arrays have in common is taken from the first array. How entries compare is structure. So the
multiplier of a value that is there twice goes to where it stands first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import settled
from lagrad.rules.constant import structure
from lagrad.rules.options import as_array
from lagrad.rules.spelt.entries import cast


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    **options: Any,
) -> Any:
    """np.unique."""
    ar, also = as_array(ar), (return_inverse, return_counts, axis)
    found = structure(np.unique, ar, True, *also, **options)
    first = settled(found[1])
    values = np.ravel(ar)[first] if axis is None else np.take(ar, first, axis=axis)
    if axis is None and not options.get("sorted", True):
        unsorted = structure(np.unique, ar, return_index, *also, **options)
        values = values[ranks(unsorted[0] if isinstance(unsorted, tuple) else unsorted)]
    rest = found[1:] if return_index else found[2:]
    return (values, *rest) if rest else values


def ranks(values: Any) -> np.ndarray:
    """Return for each of the values at which place it comes if they are sorted."""
    return np.argsort(np.argsort(settled(values), kind="stable"), kind="stable")


def intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """np.intersect1d."""
    common, i, j = structure(np.intersect1d, ar1, ar2, assume_unique, True)
    values = cast(np.ravel(as_array(ar1))[settled(i)], common.dtype)
    return (values, i, j) if return_indices else values


def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """np.setdiff1d."""
    ar1 = np.ravel(as_array(ar1)) if assume_unique else np.unique(as_array(ar1))
    return ar1[settled(structure(np.isin, ar1, ar2, invert=True))]


def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """np.setxor1d."""
    if not assume_unique:
        ar1, ar2 = np.unique(as_array(ar1)), np.unique(as_array(ar2))
    both = np.concatenate([as_array(ar1), as_array(ar2)], axis=None)
    both = both[settled(structure(np.argsort, both))]
    new = np.concatenate([[True], settled(np.not_equal(both[1:], both[:-1])), [True]])
    return both[new[1:] & new[:-1]] if both.size else both


def named(function: Any, *flags: bool, **options: Any) -> Callable[..., Any]:
    """Return np.unique_all and its kin, which name their results."""

    def call(x: Any, /) -> Any:
        result = unique(x, *flags, equal_nan=False, **options)
        return type(function(np.zeros(1)))(*result) if isinstance(result, tuple) else result

    return call


SETS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.unique: unique,
    np.union1d: lambda ar1, ar2: np.unique(np.concatenate([ar1, ar2], axis=None)),
    np.intersect1d: intersect1d,
    np.setdiff1d: setdiff1d,
    np.setxor1d: setxor1d,
}
if hasattr(np, "unique_all"):  # NumPy 2
    SETS |= {
        np.unique_all: named(np.unique_all, True, True, True),
        np.unique_counts: named(np.unique_counts, False, False, True),
        np.unique_inverse: named(np.unique_inverse, False, True, False),
        np.unique_values: lambda x, /: unique_values(x),
    }


def unique_values(x: Any) -> Any:
    """np.unique_values, in whatever order this version of NumPy has them."""
    found = structure(np.unique_values, x)
    return unique(x, equal_nan=False)[ranks(found)]
