"""Where factors of matrices have no partials, or none that is the only one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.primitive import Kink
from lagrad.rules.linalg.eigenvalues import eigen, eigenvalues, symmetric_eigen
from lagrad.rules.linalg.operators import cut, flat
from lagrad.rules.linalg.repeated import repeats
from lagrad.rules.linalg.singular_values import condition, singular, singular_values


def at_repeated_values(z: Any, *args: Any, **kwargs: Any) -> Any:
    """Two eigenvalues are equal."""
    return repeats(z)


def at_repeated_eigenvalues(z: Any, a: Any, *args: Any, **kwargs: Any) -> Any:
    """Two eigenvalues are equal, and their vectors any of a space."""
    s = np.shape(a)
    w, _ = cut(z, s[:-1], s)
    tied = repeats(w)
    return flat(tied, np.broadcast_to(tied[..., None, :], s))


def at_repeated_singular_values(z: Any, *args: Any, **kwargs: Any) -> Any:
    """Two singular values are equal, or one is zero."""
    return repeats(z, vanishing=True)


def at_repeated_singular_vectors(z: Any, a: Any, *args: Any, **kwargs: Any) -> Any:
    """The same, with the vectors that belong to them."""
    *heads, m, n = np.shape(a)
    few = min(m, n)
    _, s, _ = cut(z, (*heads, m, few), (*heads, few), (*heads, few, n))
    tied = repeats(np.real(s), vanishing=True)
    columns = np.broadcast_to(tied[..., None, :], (*heads, m, few))
    return flat(columns, tied, np.broadcast_to(tied[..., :, None], (*heads, few, n)))


VALUES = "of equal eigenvalues each moves with its own vector, which is one of many"
VECTORS = VALUES + "; the partials of the vectors are infinite"
KINKS: dict[Callable[..., Any], Kink] = {
    np.linalg.eigvalsh: Kink(at_repeated_values, VALUES),
    eigenvalues: Kink(at_repeated_values, VALUES),
    symmetric_eigen: Kink(at_repeated_eigenvalues, VECTORS),
    eigen: Kink(at_repeated_eigenvalues, VECTORS),
    singular_values: Kink(
        at_repeated_singular_values,
        "of equal singular values each moves with its own vectors, one at 0 does not move",
    ),
    singular: Kink(
        at_repeated_singular_vectors,
        "of equal singular values each moves with its own vectors, one at 0 does not move; the "
        "partials of the vectors are infinite",
    ),
    condition: Kink(
        lambda z, a, p: np.any(repeats(np.linalg.svd(a, compute_uv=False), True), axis=-1),
        "of equal extreme singular values the first is taken; infinite for a singular matrix",
    ),
}
