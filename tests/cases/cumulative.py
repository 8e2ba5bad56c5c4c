"""Examples of cumulative functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import VECTOR, Case, calls
from lagrad.rules.cumulative import (
    recurrence,
    running_fmax,
    running_fmin,
    running_maximum,
    running_minimum,
)


def along_one(f: Any, complexes: bool = True) -> list[Case]:
    """Return a cumulative function along every kind of axis."""
    return calls(
        (f, (4,)),
        (lambda x: f(x, axis=0), (2, 3)),
        (lambda x: f(x, axis=-1), (2, 3)),
        (lambda x: f(x, axis=1), (2, 3, 2)),
        (lambda x: f(x, axis=1), (2, 0)),
        (lambda x: f(x, axis=0), (1,)),
        complexes=complexes,
    )


def flattened(f: Any) -> list[Case]:
    """Return a cumulative function of all entries, and with a dtype."""
    return calls((f, (2, 3)), (f, ())) + calls(
        (lambda x: f(x, 0, np.float64), (2, 3)),
        (lambda x: f(x, dtype=complex), (3,)),
        complexes=False,
    )


def with_zeros(f: Any) -> list[Case]:
    """Return a running product with zeros in it."""
    return [
        Case(lambda x, z=z: f(x * np.array([1.0, 0.0, 2.0]) * z), (VECTOR,), True)
        for z in ([1, 1, 1], [1, 1, 0], [0, 1, 0])
    ]


# fmt: off
CUMULATIVE: dict[Any, list[Case]] = {
    np.cumsum:       along_one(np.cumsum) + flattened(np.cumsum)
                     + calls((lambda x: x.cumsum(1), (2, 3))),
    np.cumprod:      along_one(np.cumprod) + flattened(np.cumprod) + with_zeros(np.cumprod)
                     + calls((lambda x: x.cumprod(), (2, 3))),
    recurrence:      calls((lambda a, b: recurrence(a, b, 0), (4,), (4,)),
                           (lambda a, b: recurrence(a, b, -1), (2, 3), (2, 3)),
                           (lambda a, b: recurrence(a, b, 1), (3, 2, 2), (3, 2, 2)),
                           (lambda b: recurrence(np.array([9.0, 0.0, 2.0]), b, 0), (3,)),
                           (lambda a, b: recurrence(a, b, 0), (1,), (1,)),
                           (lambda a, b: recurrence(a, b, 0), (0, 2), (0, 2))),
    running_maximum: along_one(running_maximum, False)
                     + calls((np.maximum.accumulate, (2, 3)), complexes=False),
    running_minimum: along_one(running_minimum, False),
    running_fmax:    along_one(running_fmax, False),
    running_fmin:    along_one(running_fmin, False),
}
# fmt: on
