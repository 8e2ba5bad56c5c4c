"""What checks of derivatives share: random directions, products and central differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lagrad.containers import leaves

#: Steps of the differences: the best one counts, between rounding and curvature.
STEPS = (1e-2, 1e-3, 1e-4)


def random(x: Any, rng: np.random.Generator) -> Any:
    """Return normal numbers shaped like x, complex if x is."""
    w = rng.standard_normal(np.shape(x))
    return w + 1j * rng.standard_normal(np.shape(x)) if np.iscomplexobj(x) else w


def direction(x: Any, rng: np.random.Generator) -> Any:
    """Return steps in the units of each entry of x, so that none leaves its domain.

    Where all complex numbers are real, the steps are: the real axis is often a branch cut.
    """
    size, steps = np.abs(x), random(x, rng)
    steps = steps if np.any(np.imag(x)) else np.asarray(np.real(steps), np.asarray(steps).dtype)
    return np.asarray(steps * np.where(size > 0, np.minimum(size, 1.0), 1e-3))


def dot(a: Any, b: Any) -> float:
    """Return the real part of the plain product of two containers of arrays."""
    return sum(float(np.real(np.sum(x * y))) for x, y in paired(a, b))


def magnitude(a: Any, b: Any) -> float:
    """Return the sum of the sizes of all terms of `dot`."""
    return sum(float(np.sum(np.abs(x * y))) for x, y in paired(a, b))


def paired(a: Any, b: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the leaves of two containers side by side, as arrays."""
    for (_, x), (_, y) in zip(leaves(a), leaves(b), strict=True):
        yield np.asarray(x), np.asarray(y)


def difference(along: Callable[[float], float], slope: float) -> float:
    """Return |central difference of ``along`` at 0 - slope|, of fourth order, at the best step."""
    return min(
        abs((8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h) - slope)
        for h in STEPS
    )
