"""What an example of a rule is, and arguments to make them of.

A case is a call of the function as a user spells it and the float arguments that it is
differentiated by. They lie inside the function's domain and away from its kinks, since they are
compared with differences. What happens at kinks is told by `test_masks`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True)
class Case:
    """``call(*args)``; ``complexes`` says that it is also right for complex arguments."""

    call: Callable[..., Any]
    args: tuple[Any, ...]
    complexes: bool = False
    label: str = ""


def numbers(shape: tuple[int, ...], low: float = 0.3, high: float = 0.8, seed: int = 0) -> Any:
    """Return floats between the bounds, no two of them close together, in mixed order."""
    count = int(np.prod(shape))
    rng = np.random.default_rng([seed, count])
    even = low + (high - low) * (np.arange(count) + rng.uniform(0.25, 0.75, count)) / max(count, 1)
    return np.reshape(rng.permutation(even), shape)[()]


def unary(f: Any, low: float = 0.3, high: float = 0.8, complexes: bool = False) -> list[Case]:
    """Return a scalar, a matrix and an empty array."""
    return [Case(f, (numbers(s, low, high),), complexes, str(s)) for s in ((), (2, 3), (0,))]


#: Broadcasting both ways, up and across, and scalars on both sides.
PAIRS = (
    ((), ()),
    ((2, 3), (2, 3)),
    ((2, 3), ()),
    ((), (2, 3)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((0, 2), (2,)),
)


def binary(
    f: Any,
    first: tuple[float, float] = (0.3, 0.8),
    second: tuple[float, float] = (0.9, 1.7),
    complexes: bool = False,
) -> list[Case]:
    """Return all of `PAIRS`."""
    return [
        Case(f, (numbers(a, *first, seed=1), numbers(b, *second, seed=2)), complexes, f"{a},{b}")
        for a, b in PAIRS
    ]


def mixed(f: Any, complexes: bool = False) -> list[Case]:
    """Return a binary function of arguments of which each is sometimes the larger."""
    return binary(f, (-1.0, 1.0), (-0.93, 1.13), complexes)


def calls(*each: tuple[Any, ...], complexes: bool = True) -> list[Case]:
    """Return cases from (call, shape, shape, ...)."""
    return [
        Case(call, tuple(numbers(s, -1.0, 1.5, seed=k) for k, s in enumerate(shapes)), complexes)
        for call, *shapes in each
    ]


def along_axes(f: Any, complexes: bool = False, low: float = -1.0) -> list[Case]:
    """Return a reduction over every kind of axis."""
    options: list[tuple[tuple[int, ...], dict[str, Any]]] = [
        ((), {}),
        ((3,), {}),
        ((2, 3), {}),
        ((2, 3), {"axis": 0}),
        ((2, 3), {"axis": -1, "keepdims": True}),
        ((2, 3), {"keepdims": True}),
        ((2, 3, 2), {"axis": (0, -1)}),
        ((2, 3, 2), {"axis": (-1, 0), "keepdims": True}),
        ((2, 1), {"axis": 1}),
    ]
    return [
        Case(lambda x, o=o: f(x, **o), (numbers(s, low, 1.4),), complexes, f"{s} {o}")
        for s, o in options
    ]


def positive_definite(*shape: int) -> Any:
    """Return well conditioned square matrices, stacked."""
    return numbers(shape, -0.5, 0.5, seed=3) + 2.0 * np.eye(shape[-1])


SPARSE = sp.csr_array(np.array([[1.0, 0.0, 2.0], [0.0, -3.0, 0.0]]))
HALF = np.array([[True, False, True], [False, True, True]])
TAKEN = np.array([[0, 2], [1, 0]])
VECTOR = numbers((3,), seed=9)
ROW = numbers((3,), seed=10)
