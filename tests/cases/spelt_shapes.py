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
                           (lambda x, y: np.stack([x, y, 1.0]), (), ()),
                           (lambda x, y: np.stack([x, y], dtype=x.dtype, casting="no"),
                            (2,), (2,))),
    np.vstack:       calls((lambda x, y: np.vstack([x, y]), (3,), (2, 3)),
                           (lambda x, y: np.vstack([x, y], dtype=x.dtype), (), (1, 1))),
    np.hstack:       calls((lambda x, y: np.hstack([x, y]), (3,), (2,)),
                           (lambda x, y: np.hstack([x, y]), (2, 3), (2, 1)),
                           (lambda x, y: np.hstack([x, y]), (), ()),
                           (np.hstack, (2, 3)),
                           (lambda x, y: np.hstack([x, [1, 2], y], dtype=x.dtype), (3,), (2,))),
    np.dstack:       calls((lambda x, y: np.dstack([x, y]), (2, 3), (2, 3)),
                           (lambda x, y: np.dstack([x, y]), (3,), (3,))),
    np.column_stack: calls((lambda x, y: np.column_stack([x, y]), (3,), (3, 2)),
                           (lambda x, y: np.column_stack([x, y]), (), ())),
    np.append:       calls((np.append, (2, 3), (2,)),
                           (lambda x, y: np.append(x, y, axis=0), (2, 3), (1, 3)),
                           (lambda x: np.append(x, 1.0), (3,)),
                           (lambda x, y: np.append(x, [y, 1.0]), (3,), ())),
    np.block:        calls((lambda x, y: np.block([[x, y], [y.T, x.T]]), (2, 2), (2, 2)),
                           (lambda x, y: np.block([x, 1.0, y]), (2,), ()),
                           (lambda x, y: np.block([[x, np.ones((2, 1))], [y, 0.0]]), (2, 2), (2,)),
                           (lambda x, y: np.block([[[x], [y]], [[y], [x]]]), (2, 2), (2, 2)),
                           (np.block, (2, 3))),
    np.insert:       calls((lambda x, v: np.insert(x, 1, v), (3,), ()),
                           (lambda x, v: np.insert(x, [0, 2, 2], v), (3,), (3,)),
                           (lambda x, v: np.insert(x, 1, v, axis=1), (2, 3), (2,)),
                           (lambda x, v: np.insert(x, [0, -1], v, axis=0), (2, 3), (2, 3)),
                           (lambda x, v: np.insert(x, slice(0, 2), v, axis=1), (2, 3), (2, 2)),
                           (lambda x: np.insert(x, 0, 5.0), (2, 2)),
                           (lambda v: np.insert(np.array([1.0, 2.0], v.dtype), 1, v), (2,))),
    np.broadcast_arrays: calls(
        (lambda x, y: np.concatenate(np.broadcast_arrays(x, y)), (2, 3), (3,)),
        (lambda x, y: np.stack(np.broadcast_arrays(x, y, [1.0, 2.0])), (), (2, 1))),
    np.meshgrid:     calls(
        (lambda x, y: np.stack(np.meshgrid(x, y)), (2,), (3,)),
        (lambda x, y: np.stack(np.meshgrid(x, y, x, indexing="ij")), (2,), (3,)),
        (lambda x, y: np.prod(np.stack(np.meshgrid(x, y, [1.0, 2.0])), axis=0), (2,), ()),
        (lambda x, y: np.multiply(*np.meshgrid(x, y, sparse=True, copy=False)), (2,), (3,)),
        (lambda x: np.meshgrid(x)[0], (2,))),
    np.kron:         calls((np.kron, (2, 3), (2, 2)), (np.kron, (2,), (3,)), (np.kron, (), (2, 2)),
                           (np.kron, (2, 1, 2), (2, 3)), (lambda y: np.kron(np.eye(2), y), (2,)),
                           (np.kron, (0,), (2,))),
    np.pad:          calls((lambda x: np.pad(x, 2, "linear_ramp"), (3,)),
                           (lambda x: np.pad(x, ((1, 2), (0, 3)), "linear_ramp",
                                             end_values=((1.0, 2.0), (3.0, 4.0))), (2, 3)),
                           (lambda x, v: np.pad(x, ((1, 2), (2, 0)), "linear_ramp",
                                                end_values=v), (2, 2), (2,)),
                           (lambda x: np.pad(x, ((2, 1), (1, 0)), "mean"), (2, 3)),
                           (lambda x: np.pad(x, (2, 1), "mean", stat_length=(2, 1)), (3,)),
                           (lambda x, v: np.pad(x, ((1, 0), (2, 1)), constant_values=v),
                            (2, 2), ()),
                           (lambda x, v: np.pad(x, 1, constant_values=((v[0], 1), (0, v[1]))),
                            (2, 2), (2,))) + calls(
                           (lambda x: np.pad(x, 1, "maximum"), (2, 3)),
                           (lambda x: np.pad(x, (1, 2), "minimum", stat_length=2), (4,)),
                           complexes=False),
    np.atleast_1d:   calls((np.atleast_1d, ()), (np.atleast_1d, (2, 3)),
                           (lambda x, y: np.concatenate(np.atleast_1d(x, y)), (), (2,))),
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
    np.array_split:  calls((lambda x: np.concatenate(np.array_split(x, 3)[::-1]), (5,)),
                           (lambda x: np.array_split(x, [1], axis=-1)[1], (2, 3))),
    np.split:        calls((lambda x: np.multiply(*np.split(x, 2)), (4,)),
                           (lambda x: np.split(x, [3, 1], axis=1)[2], (2, 4)),
                           (lambda x: np.split(x, (1, 2))[1], (3, 2))),
    np.hsplit:       calls((lambda x: np.hsplit(x, 2)[1], (4,)),
                           (lambda x: np.hsplit(x, [1])[1], (2, 3))),
    np.vsplit:       calls((lambda x: np.vsplit(x, 2)[0], (2, 3))),
    np.dsplit:       calls((lambda x: np.subtract(*np.dsplit(x, 2)), (1, 2, 4))),
    np.trim_zeros:   calls((lambda x: np.trim_zeros(np.concatenate([[0, 0], x, [0, 1, 0]])), (3,)),
                           (lambda x: np.trim_zeros(np.concatenate([[0, 0], x, [0]]), "f"), (2,)),
                           (lambda x: np.trim_zeros(np.concatenate([[0, 0], x, [0]]), trim="b"),
                            (2,))),
    np.diff:         calls((np.diff, (4,)), (lambda x: np.diff(x, 2, axis=0), (4, 2)),
                           (lambda x: np.diff(x, n=0), (3,)),
                           (lambda x, y: np.diff(x, prepend=y, append=0.0), (3,), ()),
                           (lambda x, y: np.diff(x, 2, -1, y), (2, 3), (2, 1)),
                           (lambda x, y: np.diff(x, axis=0, append=y), (2, 3), ())),
    np.ediff1d:      calls((np.ediff1d, (2, 2)),
                           (lambda x, y: np.ediff1d(x, y, to_begin=[1.0, 2.0]), (3,), (2,)),
                           (lambda x, y: np.ediff1d(x, to_begin=y), (3,), ()), (np.ediff1d, (1,))),
    np.apply_along_axis: calls(
        (lambda x: np.apply_along_axis(np.sum, 0, x), (2, 3)),
        (lambda x: np.apply_along_axis(lambda r: r[0] * r[1:], -1, x), (2, 3)),
        (lambda x: np.apply_along_axis(lambda r, p, q: np.outer(r, p * r) + q, 1, x, 2.0, q=1.0),
         (2, 3, 2)),
        (lambda x: np.apply_along_axis(lambda r: r * r, 0, x), (3,))),
    np.apply_over_axes: calls((lambda x: np.apply_over_axes(np.sum, x, (0, -1)), (2, 3, 2)),
                              (lambda x: np.apply_over_axes(np.mean, x, 1), (2, 3))),
    np.trace:        calls((np.trace, (3, 3)), (lambda x: np.trace(x, 1), (3, 4)),
                           (lambda x: x.trace(0, 1, 2), (2, 3, 3))),
    np.vdot:         calls((np.vdot, (3,), (3,)), (np.vdot, (2, 3), (2, 3))),
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
    np.common_type:  lambda x: np.common_type(x, np.ones(2, np.complex64)),
    np.can_cast:     lambda x: (np.can_cast(x, complex), np.can_cast(x, "f4", casting="safe")),
    np.min_scalar_type: np.min_scalar_type,
    np.tril_indices_from: lambda x: [i.tolist() for i in np.tril_indices_from(x, 1)],
    np.triu_indices_from: lambda x: [i.tolist() for i in np.triu_indices_from(x)],
    np.diag_indices_from: lambda x: [i.tolist() for i in np.diag_indices_from(x[:, :2])],
}

#: What not every version of NumPy has.
NEWER: dict[str, list[Case]] = {
    "astype": calls((lambda x: np.astype(x, complex), (2, 3)),
                    (lambda x: np.astype(x, x.dtype, copy=False) * x, (2, 3))),
    "matrix_transpose": calls((lambda x: np.matrix_transpose(x), (2, 3)),
                              (lambda x: np.matrix_transpose(x), (4, 2, 3))),
    "unstack": calls((lambda x: np.multiply(*np.unstack(x)), (2, 3)),
                     (lambda x: np.unstack(x, axis=-1)[2], (2, 3))),
    "row_stack": SHAPES[np.vstack],  # deprecated; it calls np.vstack
}
SHAPES |= {getattr(np, name): cases for name, cases in NEWER.items() if hasattr(np, name)}
# fmt: on
