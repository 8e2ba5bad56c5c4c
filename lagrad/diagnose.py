"""Naming what is singular: null vectors read as variables and equations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

#: A dense look at the null vectors of more entries than this would take too long.
LARGEST = 2000


def null_vectors(m: sp.csc_array, variables: Sequence[str], equations: Sequence[str]) -> str:
    """Say which equations depend on each other and which variables are not determined.

    Parameters
    ----------
    m : sparse (variables, equations), a singular block of A
        ``m v = 0`` is a combination of equations that vanishes, ``u^T m = 0`` a change of the
        variables that no equation sees.
    variables, equations : names of the entries
    """
    if m.shape[0] > LARGEST or not np.isfinite(m.data).all():
        return f"The block of {m.shape[0]} entries is not looked at more closely"
    u, _, vt = np.linalg.svd(m.toarray())
    return (
        f"equations that depend on each other: {loudest(vt[-1], equations)}; "
        f"variables that are not determined: {loudest(u[:, -1], variables)}"
    )


def loudest(vector: np.ndarray, labels: Sequence[str]) -> str:
    """Return the labels of the largest components, the largest first."""
    ranked = np.argsort(-np.abs(vector), kind="stable")[:5]
    top = np.abs(vector).max()
    return ", ".join(labels[p] for p in ranked if abs(vector[p]) > 0.05 * top)


def entry_names(name: str, size: int) -> list[str]:
    """Return the names of the entries of a variable or equation."""
    return [name] if size == 1 else [f"{name}[{k}]" for k in range(size)]
