"""What programs call that NumPy has no function for: each gives a value and changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np


def duplicate(x: Any, order: str) -> Any:
    """Return ``x.copy(order)``, of numbers too."""
    return x.copy(order) if hasattr(x, "copy") else x


def cast(x: Any, dtype: Any) -> Any:
    """Return ``x.astype(dtype)``, of numbers too."""
    return x.astype(dtype) if hasattr(x, "astype") else dtype.type(x)


def assigned(x: Any, index: Any, value: Any) -> Any:
    """Return a copy of x in which ``x[index] = value``."""
    out = np.array(x)
    out[index] = value
    return out


def updated(x: Any, ufunc: Any, index: Any, *rest: Any) -> Any:
    """Return a copy of x after ``ufunc.at``."""
    out = np.array(x)
    ufunc.at(out, index, *rest)
    return out


def mutated(x: Any, function: Any, *rest: Any, **options: Any) -> Any:
    """Return a copy of x after a function that writes to it."""
    out = np.array(x)
    function(out, *rest, **options)
    return out


def crossed(a: Any, b: Any) -> Any:
    """Return ``a.T @ b`` of matrices: a sum over their rows."""
    return a.T @ b
