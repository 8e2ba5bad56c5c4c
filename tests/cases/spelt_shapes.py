"""Examples of compositions that shape arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cases.base import VECTOR, Case, calls, mixed, unary

# fmt: off
SHAPES: dict[Any, list[Case]] = {
    np.angle:        unary(lambda x: np.angle(x) + np.abs(x), complexes=True)
                     + unary(lambda x: np.angle(x + 0.2j, deg=True)),
    np.sign:         unary(lambda x: np.sign(x) * x, -1, 1),
    np.heaviside:    mixed(lambda x, y: np.heaviside(x, y) * x)
                     + [Case(lambda y: np.heaviside([0.0, 1.0, 0.0], y), (VECTOR,))],
    np.stack:        calls((lambda x, y: np.stack([x, y]), (2, 3), (2, 3)),
                           (lambda x, y: np.stack((x, y, VECTOR), axis=-1), (3,), (3,)),
                           (lambda x, y: np.stack([x, y, 1.0]), (), ())),
    np.vstack:       calls((lambda x, y: np.vstack([x, y]), (3,), (2, 3))),
    np.hstack:       calls((lambda x, y: np.hstack([x, y]), (3,), (2,)),
                           (lambda x, y: np.hstack([x, y]), (2, 3), (2, 1)),
                           (lambda x, y: np.hstack([x, y]), (), ())),
    np.dstack:       calls((lambda x, y: np.dstack([x, y]), (2, 3), (2, 3)),
                           (lambda x, y: np.dstack([x, y]), (3,), (3,))),
    np.column_stack: calls((lambda x, y: np.column_stack([x, y]), (3,), (3, 2))),
    np.append:       calls((np.append, (2, 3), (2,)),
                           (lambda x, y: np.append(x, y, axis=0), (2, 3), (1, 3)),
                           (lambda x: np.append(x, 1.0), (3,))),
    np.atleast_1d:   calls((np.atleast_1d, ()), (np.atleast_1d, (2, 3))),
    np.atleast_2d:   calls((np.atleast_2d, ()), (np.atleast_2d, (3,)), (np.atleast_2d, (2, 3, 1))),
    np.atleast_3d:   calls((np.atleast_3d, ()), (np.atleast_3d, (3,)), (np.atleast_3d, (2, 3)),
                           (np.atleast_3d, (1, 2, 3))),
    np.flipud:       calls((np.flipud, (2, 3))),
    np.fliplr:       calls((np.fliplr, (2, 3))),
    np.rollaxis:     calls((lambda x: np.rollaxis(x, 2), (2, 3, 4)),
                           (lambda x: np.rollaxis(x, 0, 3), (2, 3, 4)),
                           (lambda x: np.rollaxis(x, -1, 1), (2, 3, 4)),
                           (lambda x: np.rollaxis(x, 1, 0), (2, 3, 4)),
                           (lambda x: np.rollaxis(x, 0, 1), (2, 3))),
    np.diff:         calls((np.diff, (4,)), (lambda x: np.diff(x, 2, axis=0), (4, 2)),
                           (lambda x: np.diff(x, n=0), (3,))),
    np.diag:         calls((np.diag, (3,)), (np.diag, (3, 3)), (lambda x: np.diag(x, 1), (2,)),
                           (lambda x: np.diag(x, -2), (2,)), (lambda x: np.diag(x, k=-1), (3, 3))),
    np.trace:        calls((np.trace, (3, 3)), (lambda x: np.trace(x, 1), (3, 4)),
                           (lambda x: x.trace(0, 1, 2), (2, 3, 3))),
    np.vdot:         calls((np.vdot, (3,), (3,)), (np.vdot, (2, 3), (2, 3))),
    np.average:      calls((np.average, (2, 3)),
                           (lambda x, w: np.average(x, weights=w + 2.0), (2, 3), (2, 3)),
                           (lambda x, w: np.average(x, axis=1, weights=w + 2.0), (2, 3), (3,)),
                           (lambda x: np.average(x, axis=(0, 1)), (2, 3, 2)),
                           complexes=False),
    np.ptp:          calls((np.ptp, (2, 3)),
                           (lambda x: np.ptp(x, axis=0), (2, 3)), complexes=False),
    np.copy:         calls((np.copy, (2, 3)), (lambda x: x.copy(), ())),
}

#: What is known of an array without its values: the answer is plain, and no constraint.
FACTS: dict[Any, Callable[..., Any]] = {
    np.shape:        np.shape,
    np.ndim:         np.ndim,
    np.size:         lambda x: (np.size(x), np.size(x, 0)),
    np.iscomplexobj: np.iscomplexobj,
    np.isrealobj:    np.isrealobj,
    np.result_type:  lambda x: (np.result_type(x, np.float32), np.result_type(1j, x)),
}

# fmt: on
