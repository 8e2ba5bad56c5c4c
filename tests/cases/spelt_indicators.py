"""Examples of choices, and of writing to some of the entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cases.base import HALF, TAKEN, Case, calls

#: Which of three.
WHICH = np.array([[0, 2, 1], [2, 1, 0]])


def written(write: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that writes to a copy of its first argument and returns that."""

    def function(x: Any, *values: Any) -> Any:
        x = x.copy()
        assert write(x, *values) is None
        return x * x

    return function


# fmt: off
INDICATORS: dict[Any, list[Case]] = {
    np.select:    calls((lambda x, y: np.select([HALF, ~HALF], [x, y]), (2, 3), (3,)),
                        (lambda x, y: np.select([x.real > 0.7, x.real > -2], [x, y * x]),
                         (2, 3), ()),
                        (lambda x, y: np.select([HALF, HALF], [x, 2.0 * x], y), (2, 3), (2, 1)),
                        (lambda x: np.select([HALF], [x], default=1.0), (3,)),
                        (lambda x, y: np.select([[True, False]], [x], y), (2,), (2,))),
    np.piecewise: calls((lambda x: np.piecewise(x, [HALF, ~HALF], [np.sin, np.exp]), (2, 3)),
                        (lambda x: np.piecewise(x, [x.real > 0.2], [lambda v: v * v, 3.0]), (4,)),
                        (lambda x, c: np.piecewise(x, [HALF], [lambda v: c * v, np.cos]),
                         (2, 3), ()),
                        (lambda x, c: np.piecewise(x, HALF[0], [lambda v, a, b: a * v + b, 1.0],
                                                   c, b=2.0), (3,), ()),
                        (lambda x: np.piecewise(x, [x.real > -9, x.real > 0], [np.sin, np.cos]),
                         (3,)),
                        (lambda x: np.piecewise(x, [x.real > 0, x.real <= 0], [np.sin, np.cos]),
                         ())),
    np.choose:    calls((lambda x, y: np.choose(WHICH, [x, y, 1.0]), (2, 3), (3,)),
                        (lambda x: np.choose(WHICH, x), (3, 2, 1)),
                        (lambda x, y: np.choose([3, -1], [x, y], mode="wrap"), (2,), ()),
                        (lambda x, y: np.choose([3, -1], (x, y), mode="clip"), (2,), (2,)),
                        (lambda x: np.choose((x.real > 0.2).astype(int), [x, 2.0 * x]), (3,))),
    np.copyto:    calls((written(lambda x, v: np.copyto(x, v)), (2, 3), (3,)),
                        (written(lambda x, v: np.copyto(x, v, where=HALF)), (2, 3), ()),
                        (written(lambda x, v: np.copyto(x, v, where=[True, False, True])),
                         (2, 3), (2, 1)),
                        (written(lambda x: np.copyto(x, 1.0, "safe", x.real > 0.2)), (2, 3))),
    np.put:       calls((written(lambda x, v: np.put(x, [1, 4, -1], v)), (2, 3), (3,)),
                        (written(lambda x, v: np.put(x, TAKEN, v)), (2, 3), (2,)),
                        (written(lambda x, v: np.put(x, 7, v, mode="wrap")), (2, 3), ()),
                        (written(lambda x, v: np.put(x, [1, 1, 0], v, "clip")), (3,), (3,)),
                        (written(lambda x: np.put(x, [0], 2.0)), (3,))),
    np.place:     calls((written(lambda x, v: np.place(x, HALF, v)), (2, 3), (5,)),
                        (written(lambda x, v: np.place(x, HALF, v)), (2, 3), (2,)),
                        (written(lambda x: np.place(x, x.real > 0.2, 1.5)), (4,))),
    np.putmask:   calls((written(lambda x, v: np.putmask(x, HALF, v)), (2, 3), (2, 3)),
                        (written(lambda x, v: np.putmask(x, HALF, v)), (2, 3), (2,)),
                        (written(lambda x: np.putmask(x, x.real > 0.2, x * x)), (4,))),
    np.fill_diagonal: calls((written(lambda x, v: np.fill_diagonal(x, v)), (3, 3), ()),
                            (written(lambda x, v: np.fill_diagonal(x, v)), (4, 2), (3,)),
                            (written(lambda x, v: np.fill_diagonal(x, v, wrap=True)), (5, 2), (2,)),
                            (written(lambda x: np.fill_diagonal(x, 0.0)), (2, 2, 2))),
    np.put_along_axis: calls(
        (written(lambda x, v: np.put_along_axis(x, TAKEN, v, axis=1)), (2, 3), (2, 2)),
        (written(lambda x, v: np.put_along_axis(x, TAKEN[:1], v, 0)), (3, 2), ()),
        (written(lambda x, v: np.put_along_axis(x, np.array([3, 0, 3]), v, None)), (2, 2), (3,))),
}
# fmt: on
