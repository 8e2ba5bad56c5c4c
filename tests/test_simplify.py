"""Each rule of the simplification by itself: it fits where it should, and keeps values."""

from __future__ import annotations

import operator
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lagrad as lg
from lagrad.compile.operators import applied
from lagrad.compile.program import ARGUMENT, GUARDS, Program, replaced
from lagrad.compile.simplify import RULES, simplified
from lagrad.compile.symbol import Symbol
from lagrad.dispatch import all_finite, masked_multiply, scatter_add
from lagrad.rules.elementwise import sech_squared
from lagrad.trace.tape import CURRENT

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 3.0, -7.25, 1e-300, 1e300, np.inf, -np.inf, np.nan])


class Written(NamedTuple):
    """A function as a program."""

    rows: list[Any]
    outputs: list[Any]
    inputs: list[Any]


def written(f: Callable[..., Any], args: tuple[Any, ...], checked: bool = False) -> Written:
    """Run a function on symbols, and return what it wrote down."""
    program = Program(CURRENT.get())
    inputs = [program.append(ARGUMENT, (), {}, a, f"x{k}") for k, a in enumerate(args)]
    token = CURRENT.set(program)
    try:
        with np.errstate(all="ignore"):
            result = f(*(Symbol(program, r, r.value) for r in inputs))  # type: ignore[arg-type]
            results = list(result) if isinstance(result, tuple) else [result]
            if checked:
                for z in results:
                    z._ask(all_finite)
    finally:
        program.open = False
        CURRENT.reset(token)
    return Written(program.instructions, [z._row for z in results], inputs)


def values(program: Written, args: tuple[Any, ...]) -> list[Any]:
    """Run a program."""
    found = {id(r): a for r, a in zip(program.inputs, args, strict=True)}

    def value(part: Any) -> Any:
        return found[id(part)] if hasattr(part, "parents") else part

    with np.errstate(all="ignore"):
        for row in program.rows:
            if row.function is ARGUMENT or row.function in GUARDS or row.function is all_finite:
                continue
            found[id(row)] = row.function(*replaced(row.args, value), **replaced(row.kwargs, value))
    return [value(z) for z in program.outputs]


def shorter(
    f: Callable[..., Any], args: tuple[Any, ...], only: set[str] | None, checked: bool = False
) -> tuple[Written, Counter[str]]:
    """Return the simplified program of a function, and which rules fitted."""
    fired: Counter[str] = Counter()
    program = written(f, args, checked)
    rows, outputs = simplified(program.rows, program.outputs, checked, only, fired)
    return Written(rows, outputs, program.inputs), fired


def same_bits(a: Any, b: Any) -> None:
    """Compare to the last bit, with the sign of zeros, dtypes and shapes."""
    assert np.shape(a) == np.shape(b)
    assert np.asarray(a).dtype == np.asarray(b).dtype
    np.testing.assert_array_equal(a, b)
    kept = ~np.isnan(a) if np.asarray(a).dtype.kind in "fc" else np.ones(np.shape(a), bool)
    for part in (np.real, np.imag):
        np.testing.assert_array_equal(np.signbit(part(a))[kept], np.signbit(part(b))[kept])


def close(a: Any, b: Any, ulps: float) -> None:
    """Compare within units of the last place of the largest entry or of the entry itself."""
    assert np.shape(a) == np.shape(b)
    assert np.asarray(a).dtype == np.asarray(b).dtype
    eps = np.finfo(np.asarray(a).dtype).eps
    np.testing.assert_allclose(a, b, rtol=ulps * eps, atol=0, equal_nan=True)


class Case(NamedTuple):
    """Where a rule fits; ``ulps`` 0 is to the last bit, -1 that up to the sign of zeros."""

    f: Callable[..., Any]
    args: tuple[Any, ...]
    ulps: float = 0
    checked: bool = False
    others: frozenset[str] = frozenset()


rng = np.random.default_rng(0)
x, y, z = rng.normal(size=(3, 12))
x.flags.writeable = y.flags.writeable = z.flags.writeable = False
A, B = rng.normal(size=(2, 4, 5))
C = rng.normal(size=(5, 3))
S = SPECIAL
T = SPECIAL[::-1].copy()
GRID = np.add.outer(np.zeros(4), SPECIAL)
MASK = np.array([True, False] * 6)
DELAYED = np.tile(SPECIAL, 3)
FACTORS = np.abs(rng.normal(size=(30, 2))), np.abs(rng.normal(size=(2, 24)))
f4 = x.astype(np.float32)
c16 = x + 1j * y


def slope_of(function: Callable[..., Any], x: Any, y: Any) -> Any:
    """The slope of a maximum to x, as its partial says it."""
    z = function(x, y)
    here = np.logical_or(np.equal(x, z), np.logical_and(np.isnan(x), np.isnan(z)))
    share = np.where(np.equal(x, y), 0.5, np.where(here, 1.0, 0.0))
    return z, share.astype(z.dtype)


def bound_of(function: Callable[..., Any], x: Any, y: float) -> Any:
    """The slope of a maximum with a number to x, by two comparisons."""
    compared: dict[Any, Callable[[], tuple[Any, Any]]] = {
        np.maximum: lambda: (np.logical_not(np.less_equal(x, y)), np.logical_not(np.less(x, y))),
        np.minimum: lambda: (
            np.logical_not(np.greater_equal(x, y)),
            np.logical_not(np.greater(x, y)),
        ),
        np.fmax: lambda: (np.greater(x, y), np.greater_equal(x, y)),
        np.fmin: lambda: (np.less(x, y), np.less_equal(x, y)),
    }
    alone, here = compared[function]()
    return np.multiply(np.add(alone, here, dtype=np.int8), 0.5, dtype=x.dtype)


def top_of(x: Any) -> Any:
    """The exponentials of logsumexp."""
    t = np.max(x, axis=1, keepdims=True)
    return np.exp(x - np.where(np.isfinite(t), t, 0.0))


CASES: dict[str, list[Case]] = {
    "same_number": [Case(lambda a: np.exp(applied(np.float64, (a,), {})), (0.3,))],
    "times_one": [
        Case(lambda a: a * 1.0, (S,)),
        Case(lambda a: 1 * a, (f4,)),
        Case(lambda a: a / 1, (S,)),
        Case(lambda a: a * 1.0, (2.5,)),
    ],
    "times_minus_one": [Case(lambda a: a * -1.0, (S,)), Case(lambda a: a / -1, (f4,))],
    "plus_zero": [
        Case(lambda a: a + 0.0, (S,), -1),
        Case(lambda a: 0 + a, (f4,), -1),
        Case(lambda a: a - 0.0, (S,)),
        Case(lambda a: 0.0 - a, (S,), -1),
    ],
    "uniform_operand": [
        Case(lambda a: a * np.full(12, 2.5), (S,)),
        Case(lambda a: np.full(12, 2.5) / a, (S,)),
        Case(lambda a: np.full(12, np.float32(0.1)) - a, (f4,)),
        Case(lambda a: a + np.full(12, -0.0), (S,)),
    ],
    "minus_of_minus": [
        Case(lambda a: -operator.neg(a), (S,)),
        Case(lambda a: np.negative(-a), (c16,)),
    ],
    "minus_of_difference": [Case(lambda a, b: -(a - b), (S, T), -1)],
    "plus_minus": [
        Case(lambda a, b: a + (-b), (S, T)),
        Case(lambda a, b: a - (-b), (S, T)),
        Case(lambda a, b: (-a) + b, (S, T)),
        Case(lambda a, b: (-a) - b, (S, T), -1),
        Case(lambda a, b: a + (-b), (f4, x)),
    ],
    "plus_minus_product": [
        Case(lambda a, b, c: a + (-c) * b, (S, T, 0.7)),
        Case(lambda a, b, c: a - b * (-c), (S, T, 0.7)),
    ],
    "times_minus": [
        Case(lambda a, b: (-a) * b, (S, T)),
        Case(lambda a, b: a * (-b), (f4, x)),
        Case(lambda a, b: (-a) / b, (S, T)),
        Case(lambda a, b: a / (-b), (S, T)),
    ],
    "constant_of_constant": [
        Case(lambda a: 3.0 * (0.7 * a), (S[S != 1e300],), 2),
        Case(lambda a: 0.3 * (a / 7.0), (x,), 2),
        Case(lambda a: 3.0 * (-a), (S,)),
        Case(lambda a: -(3.0 * a), (S,)),
        Case(lambda a: (a * 3.0) / 7.0, (f4,), 2),
    ],
    "constant_inside": [
        Case(lambda a, b: 3.0 * ((0.7 * a) * b), (x, y), 4),
        Case(lambda a, b: -((0.7 * a) * b), (S, T)),
        Case(lambda a, b: 0.3 * (a * b / 7.0 * a), (x, y), 4),
        Case(lambda a, b: -(3.0 / a * b), (S, T)),
    ],
    "two_constants": [
        Case(lambda a, b: (3.0 * a) * (0.7 * b), (x, y), 4),
        Case(lambda a, b: (-a) * (0.7 * b), (x, A[0, 0]), 4),
        Case(lambda a, b: (3.0 * a) * (0.7 * b), (GRID[:, :6], S[:6]), 4),
    ],
    "constant_to_small": [
        Case(lambda a, b: 3.0 * (a * b), (A, B[0]), 2),
        Case(lambda a, b: -(a * b), (S, 0.3)),
    ],
    "twice": [Case(lambda a: a + a, (S,)), Case(lambda a: a + a, (f4,))],
    "over_reciprocal": [
        Case(lambda a, b: a * (1 / b), (x, y), 1.5),
        Case(lambda a, b: (1.0 / b) * a, (0.3, 0.7), 1.5),
    ],
    "quotient_again": [
        Case(lambda a, b, c: (c / b, (a / b) * c), (x, y, z), 3),
        Case(lambda a, b, c: (c * (1 / b), (a / b) * c), (x, y, z), 3),
        Case(lambda a, b, c: (c * b, (a * b) * c), (x, y, z), 3),
    ],
    "reciprocal_again": [
        Case(lambda a: (1 / a) / a, (x,), 2),
        Case(lambda a, b: (1 / b, a / b), (A, np.float64(0.3)), 2),
    ],
    "small_power": [
        Case(lambda a: a**2, (S,)),
        Case(lambda a: a**1, (S,)),
        Case(lambda a: a**3, (x,), 2),
        Case(lambda a: a**4, (x,), 2),
        Case(lambda a: a**-1, (S,)),
        Case(lambda a: a**-2, (x,), 2),
        Case(lambda a: a**2, (c16,)),
        Case(lambda a: a**2, (np.arange(5),)),
    ],
    "root_power": [
        Case(lambda a: a**0.5, (np.abs(x),), 2),
        Case(lambda a: a**-0.5, (np.abs(x),), 2),
        Case(lambda a: a**1.5, (np.abs(x),), 2),
        Case(lambda a: a**0.5, (np.abs(f4),), 2),
    ],
    "square": [Case(lambda a: np.square(a), (S,)), Case(lambda a: np.square(a), (c16,))],
    "reciprocal": [Case(lambda a: np.reciprocal(a), (S,))],
    "plain_transpose": [
        Case(lambda a: a.T.T, (A,)),
        Case(lambda a: np.swapaxes(a, 0, 1), (A,)),
        Case(lambda a: np.moveaxis(a, 0, 0), (A,)),
        Case(lambda a: np.transpose(a, (1, 0)), (A,)),
        Case(lambda a: np.moveaxis(a, (0, 2), (1, 0)), (A.reshape(2, 2, 5),)),
        Case(lambda a: np.transpose(np.moveaxis(a, 0, -1), (2, 0, 1)), (A.reshape(2, 2, 5),)),
        Case(lambda a: np.transpose(np.transpose(a, (1, 2, 0)), (0, 2, 1)), (A.reshape(2, 2, 5),)),
    ],
    "transpose_of_product": [
        Case(lambda a, b: (a.T @ b).T, (A, B), 8),
        Case(lambda a, b: (a @ b.T).T, (A, B), 8),
    ],
    "same_shape": [
        Case(lambda a: np.reshape(a, (4, 5)), (A,)),
        Case(lambda a: np.broadcast_to(a, (4, 5)) + 1, (A,)),
        Case(lambda a: np.ravel(a), (S,)),
        Case(lambda a: np.squeeze(a), (A,)),
    ],
    "plain_shape": [
        Case(lambda a: np.reshape(a, [2, -1]), (S,)),
        Case(lambda a: np.reshape(a, (3, 4), order="C"), (S,)),
    ],
    "turned_matrix": [
        Case(lambda a: np.reshape(np.transpose(a, (2, 0, 1)), (5, 4)), (A.reshape(2, 2, 5),)),
        Case(lambda a: np.reshape(np.transpose(a, (1, 2, 0)), (10, 2)), (A.reshape(2, 2, 5),)),
    ],
    "opened_tensordot": [
        Case(lambda a, b: np.tensordot(a, b, axes=((1,), (0,))), (A, C)),
        Case(lambda a, b: np.tensordot(a, b, 1), (A, C)),
        Case(
            lambda a, b: np.tensordot(a, b, axes=((0, 2), (1, 0))),
            (A.reshape(2, 2, 5), np.arange(30.0).reshape(5, 2, 3)),
        ),
        Case(lambda a, b: np.tensordot(a, b), (A, np.arange(60.0).reshape(4, 5, 3))),
    ],
    "whole": [Case(lambda a: a[...], (A,)), Case(lambda a: a[:, :], (A,))],
    "reshape_of_reshape": [
        Case(lambda a: np.reshape(np.reshape(a, (2, 10)), (20,)), (A,)),
        Case(lambda a: np.ravel(a[None]), (A,)),
        Case(lambda a: np.squeeze(np.expand_dims(a, 1), 1), (A,)),
    ],
    "reshape_of_sum": [
        Case(lambda a: np.reshape(np.sum(a, axis=1), (4, 1)), (A,)),
        Case(lambda a: np.reshape(np.max(a, axis=0, keepdims=True), (5,)), (A,)),
        Case(lambda a: np.sum(a, axis=0)[None], (A,)),
    ],
    "leading_axes": [
        Case(lambda a, b: a * np.reshape(b, (1, 5)), (A, B[0])),
        Case(lambda a, b: b[None] - a, (A, B[0])),
        Case(lambda a: np.broadcast_to(a[None], (3, 4, 5)) + 0.1, (A,)),
        Case(lambda a, b: a / np.reshape(b, (1,)), (S, 0.3)),
    ],
    "of_leading": [
        Case(lambda a: 2.0 / np.reshape(a, (1, 12)), (S,)),
        Case(lambda a: -a[None], (S,)),
    ],
    "of_one_number": [
        Case(lambda a: a * np.array([[3.0]]), (0.3,)),
        Case(lambda a: np.array([3.0]) / a, (0.3,)),
    ],
    "moved_multiple": [
        Case(lambda a: np.reshape(-a, (3, 4)), (S,)),
        Case(lambda a: (3.0 * a)[None], (S,)),
        Case(lambda a: (-a).T, (A,)),
    ],
    "scatter_to_reshape": [Case(lambda a: scatter_add(a, (None,), (5,)), (B[:1],))],
    "same_dtype": [Case(lambda a: a.astype(float), (S,))],
    "copied": [Case(lambda a: np.exp(a.copy()), (S,)), Case(lambda a: np.copy(a) * 2, (S,))],
    "stretch_of_stretch": [
        Case(lambda a: np.broadcast_to(np.broadcast_to(a, (4, 12)), (3, 4, 12)) * 2, (S,))
    ],
    "stretched_operand": [
        Case(lambda a, b: np.broadcast_to(a, (4, 12)) * b, (S, GRID)),
        Case(lambda a, b: b / np.broadcast_to(a, (4, 12)), (2.5, GRID)),
    ],
    "of_stretched": [
        Case(lambda a: 0.3 * np.broadcast_to(a, (4, 12)), (S,)),
        Case(lambda a: -np.broadcast_to(a, (4, 12)), (S,)),
        Case(lambda a, b: np.broadcast_to(a, (4, 12)) / np.broadcast_to(b, (4, 12)), (S, T)),
    ],
    "sum_of_stretched": [
        Case(lambda a: np.sum(np.broadcast_to(a, (40,))), (0.3,), 40),
        Case(lambda a: np.sum(np.broadcast_to(a, (4, 12)), axis=0), (S,), 4),
        Case(
            lambda a: np.sum(np.broadcast_to(a[:, None], (12, 3)), axis=1, keepdims=True), (S,), 4
        ),
        Case(lambda a: np.sum(np.broadcast_to(np.abs(a), (4, 12))), (x,), 48),
    ],
    "sum_of_one": [
        Case(lambda a: np.sum(a, axis=1), (S[:, None],), -1),
        Case(lambda a: np.sum(a, axis=(0, 2)), (A[None, :, :1],)),
    ],
    "plain_axes": [
        Case(lambda a: np.sum(a, axis=(-1,), keepdims=False), (A,)),
        Case(lambda a: np.max(a, axis=None), (A,)),
    ],
    "kept_number": [
        Case(lambda a: np.sum(a, keepdims=True), (A,)),
        Case(lambda a: np.max(a, axis=(0, 1), keepdims=True), (A,)),
    ],
    "mean_as_sum": [
        Case(lambda a: np.mean(a), (x,)),
        Case(lambda a: np.mean(a, axis=0), (GRID,)),
        Case(lambda a: np.mean(a, axis=-1, keepdims=True), (f4.reshape(3, 4),)),
        Case(lambda a: np.mean(a), (c16,)),
    ],
    "piece_of_joined": [
        Case(lambda a, b: np.concatenate([a, b])[12:24], (S, T)),
        Case(lambda a, b: np.stack([a, b])[1], (S, T)),
        Case(lambda a, b: np.concatenate([a, b], axis=1)[:, 5:], (A, B)),
    ],
    "piece_of_filled": [
        Case(
            lambda a, b: two_places(a, b)[:12] * 2.0, (S, T), -1, others=frozenset({"sum_of_terms"})
        )
    ],
    "cut_of_filled": [
        Case(f, (S, T), -1, others=frozenset({"sum_of_terms"}))
        for f in (
            lambda a, b: two_places(a, b)[3:22] * 2.0,
            lambda a, b: two_places(a, b)[2:9] * 2.0,
            lambda a, b: two_places(a, b)[12:] * 2.0,
        )
    ],
    "zeros_around": [
        Case(lambda a: np.pad(a, 2), (S,), -1),
        Case(lambda a: np.pad(a, ((1, 0), (0, 3)), constant_values=0.0), (GRID,), -1),
        Case(lambda a: np.pad(a, (2, 1), "constant"), (f4,), -1),
    ],
    "windows_of_one": [
        Case(lambda a: np.stack([a[k : k + 9] for k in range(16)]), (DELAYED,)),
        Case(lambda a: np.concatenate([a[k : k + 9] for k in range(20, 4, -1)]), (DELAYED,)),
    ],
    "turned_kernel": [
        Case(lambda a, b: put_back(a, b) * 2.0, FACTORS, 20, True, frozenset({"sum_of_terms"}))
    ],
    "number_selected": [Case(lambda a: np.where(a > 0, a, 2.0) * 2.0, (0.3,))],
    "selected_by_constant": [
        Case(lambda a: np.where(np.ones(12, bool), a, 0.0), (S,)),
        Case(lambda a: np.where(np.zeros(12, bool), 1.0, a), (S,)),
    ],
    "equal_branches": [Case(lambda a, b: np.where(b > 0, a, a), (S, T))],
    "selected_twice": [
        Case(lambda a, b: np.where(b > 0, np.where(b > 0, a, 1.0), 2.0), (S, T)),
        Case(lambda a, b: np.where(b > 0, 2.0, np.where(b > 0, 1.0, a)), (S, T)),
    ],
    "selected_by_not": [Case(lambda a, b: np.where(np.logical_not(b > 0), a, 1.0), (S, T))],
    "selected_product": [
        Case(lambda a, b: np.where(m := b > 0, masked_multiply(a, b, m), 0.0), (S, T)),
        Case(lambda a, b: np.where(m := b > 0, -np.where(m, a, 0.0) * b, 0.0), (x, y), 0, True),
    ],
    "masked_by_product": [Case(lambda a, b: np.where(b > 0, a, 0.0), (x, y), -1, True)],
    "finite_product": [
        Case(lambda a, b: masked_multiply(a, np.where(m := b > 0, b, 0.0), m), (x, y), -1, True),
    ],
    "constant_masked": [Case(lambda a, b: masked_multiply(a, b, np.ones(12, bool)), (S, T))],
    "finite_selected": [
        Case(lambda a: a - np.where(np.isfinite(a), a, 0.0), (x,), 0, True, frozenset())
    ],
    "slope_of_maximum": [
        Case(lambda a, b: slope_of(np.maximum, a, b), (x, y), 0, True),
        Case(lambda a, b: slope_of(np.minimum, a, b), (x, y), 0, True),
        Case(lambda a: slope_of(np.maximum, a, 0.0), (x,), 0, True),
        Case(lambda a: slope_of(np.maximum, a, 0.0), (f4,), 0, True),
        Case(lambda a: tuple(b * 1.5 for b in slope_of(np.minimum, a, 0.25)), (0.25,), 0, True),
    ],
    "slope_of_bound": [
        Case(lambda a: bound_of(np.maximum, a, 0.5), (S,)),
        Case(lambda a: bound_of(np.minimum, a, 0.5), (S,)),
        Case(lambda a: bound_of(np.fmax, a, 0.5), (S,)),
        Case(lambda a: bound_of(np.fmin, a, 0.5), (f4,)),
    ],
    "slope_times": [
        Case(
            lambda a, b: bound_of(np.maximum, a, 0.5) * b,
            (S, y),
            0,
            False,
            frozenset({"slope_of_bound"}),
        ),
        Case(
            lambda a, b: bound_of(np.minimum, a, 0.5) * b,
            (f4, f4),
            0,
            False,
            frozenset({"slope_of_bound"}),
        ),
        Case(
            lambda a, b: (p := slope_of(np.maximum, a, b), p[0], p[1] * (a + b))[1:],
            (np.round(x), np.round(y)),
            0,
            True,
            frozenset({"slope_of_maximum", "same_dtype"}),
        ),
        Case(
            lambda a, b: (p := slope_of(np.minimum, a, 0.0), p[0], b * p[1])[1:],
            (np.round(x), y),
            -1,
            True,
            frozenset({"slope_of_maximum", "same_dtype"}),
        ),
    ],
    "share_of_ties": [Case(lambda a: np.where(m := a == 1.0, 1.0, 0.0) / np.sum(m), (S,))],
    "raised_above": [
        Case(lambda a: np.maximum(a, 0.0) > 1.0, (S,)),
        Case(lambda a: np.greater(np.maximum(a, 1.0), 1.0), (S,)),
    ],
    "truth": [
        Case(lambda a: np.not_equal(a > 0, 0), (S,)),
        Case(lambda a: np.equal(a > 0, 0), (S,)),
    ],
    "not_not": [Case(lambda a: np.logical_not(np.logical_not(a > 0)), (S,))],
    "neither": [Case(lambda a: np.logical_and(np.logical_not(a > 1), np.logical_not(a < 0)), (S,))],
    "constant_truth": [
        Case(lambda a: np.logical_and(a > 0, np.ones(12, bool)), (S,)),
        Case(lambda a: np.logical_or(False, a > 0), (S,)),
    ],
    "same_truth": [Case(lambda a: np.logical_and(m := a > 0, m), (S,))],
    "opened_slope": [
        Case(lambda a: sech_squared(a), (S,)),
        Case(lambda a: sech_squared(a), (c16,)),
        Case(lambda a: sech_squared(a), (f4,)),
    ],
    "finite_top": [Case(top_of, (A,), 0, True)],
    "sum_of_exponentials": [
        Case(lambda a: np.where(np.equal(s := np.sum(np.exp(a - np.max(a))), 0), 1.0, s) * 2, (x,)),
    ],
    "sum_of_minus": [
        Case(lambda a: np.sum(-a), (x,)),
        Case(lambda a: np.sum(-a, axis=0), (GRID,), -1),
    ],
    "sum_of_multiple": [
        Case(lambda a: np.sum(3.0 * a), (np.abs(x),), 24),
        Case(lambda a: np.sum(0.3 * a, axis=0), (np.abs(A),), 8),
    ],
    "sum_of_steady": [
        Case(lambda a, b: np.sum(a * b, axis=0), (np.abs(A), B[0]), 8),
        Case(lambda a, b: np.sum(a * b[:, None], axis=1), (np.abs(A), B[:, 0]), 8),
        Case(lambda a, b: np.sum(a * b[:, None], axis=1, keepdims=True), (np.abs(A), B[:, 0]), 8),
    ],
    "sum_of_product": [
        Case(lambda a, b: np.sum(a * b), (np.abs(x), np.abs(y)), 24),
        Case(lambda a, b: np.sum(a * b), (np.abs(A), np.abs(B)), 40),
        Case(lambda a: np.sum(a * a), (f4,), 24),
    ],
    "product_of_minus": [Case(lambda a, b: (-a) @ b, (A, C)), Case(lambda a, b: a @ (-b), (A, C))],
    "product_of_multiple": [Case(lambda a, b: (3.0 * a) @ b, (np.abs(A), np.abs(B[0])), 10)],
    "sum_of_terms": [
        Case(lambda a, b, c: a * b + a * c, (np.abs(x), np.abs(y), np.abs(z)), 3),
        Case(lambda a, b, c: a / b - c / b, (1 + np.abs(x), y, -np.abs(z)), 3),
        Case(lambda a, b: 0.3 * a + b + 0.4 * a, (np.abs(x), np.abs(y)), 3),
        Case(lambda a, b, c: a @ c + b @ c, (np.abs(A), np.abs(B), np.abs(C)), 16),
        Case(lambda a, b, c: a.T @ c + a.T @ b, (np.abs(A), np.abs(B), np.abs(A)), 16),
        Case(lambda a, b: (a + b, np.sum(a) + np.sum(b)), (np.abs(x), np.abs(y)), 24),
        Case(
            lambda a, b: (
                scatter_add(a[1:], slice(1, None), (12,))
                + scatter_add(b[:-1], slice(None, -1), (12,))
            ),
            (x, y),
            2,
        ),
        Case(lambda a, b: b + scatter_add(a[:3], slice(2, 5), (12,)) + b, (x, 9 + y), 2),
        Case(
            lambda a, b: b - scatter_add(a[:3], slice(2, 5), (12,)) + scatter_add(a[0], 3, (12,)),
            (x, 9 + y),
            2,
        ),
        Case(
            lambda a, b: b + scatter_add(a[:3], np.array([2, 5, 2]), (12,)),
            (np.abs(x), np.abs(y)),
            2,
        ),
        Case(lambda a, b: (a + b, np.exp(a) + a + b), (np.abs(x), np.abs(y)), 3),
        Case(lambda a, b: np.reshape(a, (3, 4)) + np.reshape(b, (3, 4)), (x, y)),
    ],
    "column_of_gather": [
        Case(lambda a: a[[3, 0, 0, -1]][..., 2] + a[[3, 0, 0, -1]][..., -1], (GRID,)),
        Case(lambda a: a[np.array([[1, 1], [0, 2]])][..., 0], (A,)),
        Case(lambda a: np.reshape(a, (2, 3, 2))[[1, 1, 0]][..., 1], (x,)),
    ],
}
#: Within an absolute tolerance, and tested below.
ABSOLUTE = {"tanh_slope"}


def two_places(a, b):
    """Two vectors behind each other, as the multipliers of two pieces come together."""
    return scatter_add(a, slice(0, 12), (24,)) + scatter_add(b, slice(12, 24), (24,))


def put_back(left, right):
    """Four windows of a product, put back one after the other."""
    product = left @ right
    parts = [product[:, 6 * k : 6 * k + 6] for k in range(4)]
    back = [scatter_add(part, slice(k, k + 30), (33, 6)) for k, part in enumerate(parts)]
    return back[0] + back[1] + back[2] + back[3]


def test_every_rule_is_tested() -> None:
    inside = {"constant_masked"}  # a branch of finite_product
    assert CASES.keys() - inside == RULES.keys() - ABSOLUTE


@pytest.mark.parametrize(
    ("rule", "case"),
    [pytest.param(r, c, id=f"{r}-{k}") for r, cs in CASES.items() for k, c in enumerate(cs)],
)
def test_a_rule_fits_and_keeps_values(rule: str, case: Case) -> None:
    fired_as = "finite_product" if rule == "constant_masked" else rule
    program, fired = shorter(case.f, case.args, {fired_as, *case.others}, case.checked)
    assert fired[fired_as] > 0
    wanted = values(written(case.f, case.args, case.checked), case.args)
    for a, b in zip(values(program, case.args), wanted, strict=True):
        if case.ulps == 0:
            same_bits(a, b)
        else:
            close(a, b, max(case.ulps, 0))


def test_tanh_has_the_slope_of_its_value() -> None:
    def f(x: Any) -> Any:
        return np.tanh(x), sech_squared(x)

    points = np.concatenate([np.linspace(-30, 30, 1001), [0.0, -0.0, np.inf, -np.inf, np.nan]])
    program, fired = shorter(f, (points,), {"tanh_slope"})
    assert fired["tanh_slope"]
    z, slope = values(program, (points,))
    np.testing.assert_allclose(slope, sech_squared(points), rtol=0, atol=4e-16)


KEPT: dict[str, list[Case]] = {
    "times_minus": [
        Case(lambda a, b: (-a) * b, (0.3, x)),  # the sign of the smaller one
        Case(lambda a, b: np.sqrt((-a) * b), (c16.real + 0j, c16)),
    ],
    "times_one": [
        Case(lambda a: a * 1.0, (c16,)),  # infinity and the sign of zero
        Case(lambda a: a * np.ones(3), (np.float64(2.0),)),  # stretches
        Case(lambda a: a * 1.0, (np.arange(3),)),  # becomes a float
        Case(lambda a: a * np.float64(1.0), (f4,)),  # widens, or not, by version
    ],
    "plus_zero": [
        Case(lambda a: np.sqrt(0.0 - a), (c16.real + 0j,)),
        Case(lambda a: a + 0.0, (np.arange(3),)),
        Case(lambda a: a + np.zeros(3), (np.float64(2.0),)),
    ],
    "minus_of_difference": [
        Case(lambda a, b: -(a - b), (c16, c16)),
        Case(lambda a, b: np.arctan2(-(a - b), b), (S, S)),
    ],
    "minus_of_minus": [Case(lambda a: -np.exp(-a), (x,))],
    "constant_of_constant": [
        Case(lambda a: 1e200 * (1e200 * a), (1e-300 * x,)),
        Case(lambda a: 2 * (3 * a), (np.arange(4),)),
        Case(lambda a: -(3.0 * a), (c16,)),
    ],
    "over_reciprocal": [Case(lambda a, b: (1 / b, a * (1 / b)), (x, y))],
    "small_power": [
        Case(lambda a: a**2.0, (np.arange(4),)),
        Case(lambda a: a ** np.array([2.0, 2.0]), (1.5,)),
        Case(lambda a: a**5, (x,)),
    ],
    "root_power": [Case(lambda a: a**0.5, (np.arange(4),)), Case(lambda a: a**0.5, (c16,))],
    "transpose_of_product": [
        Case(lambda a, b: (q := a.T @ b, q.T), (A, B)),
        Case(lambda a, b: (a @ b).T, (A, C)),
    ],
    "opened_tensordot": [
        Case(lambda a, b: np.tensordot(a, b, 0), (A, C)),
        Case(lambda a, b: np.tensordot(a, b, 1), (A, C.astype(np.float32))),
    ],
    "turned_matrix": [
        Case(lambda a: np.reshape(np.transpose(a, (1, 0, 2)), (10, 2)), (A.reshape(2, 2, 5),)),
    ],
    "plain_shape": [Case(lambda a: np.reshape(a, [5, 4], order="F"), (A,))],
    "same_shape": [Case(lambda a: np.reshape(a, (5, 4)), (A,))],
    "reshape_of_reshape": [
        Case(lambda a: np.reshape(np.reshape(a, (2, 10), order="F"), (20,)), (A,))
    ],
    "zeros_around": [
        Case(lambda a: np.pad(a, 2, constant_values=-0.0), (S,)),
        Case(lambda a: np.pad(a, 2, constant_values=1.0), (S,)),
        Case(lambda a: np.pad(a, 2, "edge"), (S,)),
        Case(lambda a: np.pad(a, 2), (MASK,)),
    ],
    "windows_of_one": [
        Case(lambda a: np.stack([a[k * k % 20 : k * k % 20 + 9] for k in range(16)]), (DELAYED,)),
        Case(lambda a: np.stack([a[k : k + 4] for k in range(16)]), (DELAYED,)),
    ],
    "stretched_operand": [Case(lambda a, b: np.broadcast_to(a, (4, 12)) * b, (S, 2.0))],
    "sum_of_stretched": [Case(lambda a: np.sum(np.broadcast_to(a, (4, 12)), axis=1), (S,))],
    "sum_of_one": [Case(lambda a: np.sum(a, axis=0), (np.ones((1, 3), bool),))],
    "mean_as_sum": [
        Case(lambda a: np.mean(a), (np.arange(4),)),
        Case(lambda a: np.mean(a, dtype=float), (f4,)),
        Case(lambda a: np.mean(a), (x.astype(np.float16),)),
    ],
    "sum_of_product": [
        Case(lambda a, b: np.sum(a * b), (x, c16)),
        Case(lambda a, b: np.sum(a * b), (A, B[0])),
        Case(lambda a, b: (q := a * b, np.sum(q)), (x, y)),
    ],
    "selected_by_constant": [
        Case(lambda a: np.where(np.ones((4, 12), bool), a, 0.0), (S,)),
        Case(lambda a: np.where(MASK, a, 0.0), (S,)),
    ],
    "selected_twice": [Case(lambda a, b: np.where(b > 0, np.where(b > 1, a, 1.0), 2.0), (S, T))],
    "finite_product": [Case(lambda a, b: masked_multiply(a, b, b > 0), (S, T))],
    "finite_selected": [Case(lambda a: np.where(np.isfinite(a), a, 0.0), (S,))],
    "masked_by_product": [Case(lambda a, b: np.where(b > 0, a, 0.0), (S, T))],
    "slope_of_maximum": [Case(lambda a, b: slope_of(np.maximum, a, b)[1], (S, T))],
    "raised_above": [Case(lambda a: np.maximum(a, 2.0) > 1.0, (S,))],
    "truth": [Case(lambda a: np.not_equal(a, 0), (np.arange(4),))],
    "finite_top": [Case(top_of, (GRID,))],
    "sum_of_exponentials": [
        Case(lambda a: np.where(np.equal(s := np.sum(np.exp(a)), 0), 1.0, s), (x,))
    ],
    "tanh_slope": [
        Case(lambda a: sech_squared(a), (x,)),
        Case(lambda a: (np.tanh(a), sech_squared(a)), (c16,)),
    ],
    "sum_of_terms": [
        Case(lambda a, b: (q := a * b, a * x + q), (x, y)),
        Case(lambda a, b: a * b + b * 2, (np.arange(4), np.arange(4))),
        Case(lambda a, b: np.sum(a) + np.sum(b), (x, y)),
    ],
}


@pytest.mark.parametrize(
    ("rule", "case"),
    [pytest.param(r, c, id=f"{r}-{k}") for r, cs in KEPT.items() for k, c in enumerate(cs)],
)
def test_a_rule_does_not_fit_where_it_would_change_something(rule: str, case: Case) -> None:
    program, fired = shorter(case.f, case.args, {rule})
    assert not fired
    wanted = values(written(case.f, case.args), case.args)
    for a, b in zip(values(program, case.args), wanted, strict=True):
        same_bits(a, b)


# -- whole programs ------------------------------------------------------------------------------

UNARY: list[Callable[[Any], Any]] = [
    np.exp,
    np.tanh,
    np.sin,
    np.sqrt,
    np.abs,
    np.square,
    np.negative,
    np.cos,
    np.log1p,
    lambda a: -a,
    lambda a: 2 * a,
    lambda a: a * 0.5,
    lambda a: a / 3.0,
    lambda a: a**2,
    lambda a: a**3,
    lambda a: a + 0.0,
    lambda a: 1.0 * a,
    lambda a: 1 / a,
    lambda a: 0.0 - a,
    lambda a: a**0.5,
    lambda a: np.where(a > 0, a, 0.0),
    lambda a: np.maximum(a, 0.25),
    sech_squared,
    lambda a: a.copy(),
]
BINARY: list[Callable[[Any, Any], Any]] = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    np.add,
    np.multiply,
    np.maximum,
    lambda a, b: np.where(a > b, a, b),
    lambda a, b: a * b + a * (b - 1),
    lambda a, b: a - (-b),
    lambda a, b: masked_multiply(a, b, a > b),
    lambda a, b: (-a) * b,
    lambda a, b: a + b + a,
]
MOVES: list[Callable[[Any], Any]] = [
    lambda a: a.T,
    lambda a: np.transpose(a, (1, 0)),
    lambda a: np.reshape(a, a.shape[::-1]),
    lambda a: np.reshape(np.reshape(a, (-1,)), a.shape),
    lambda a: a[::-1],
    lambda a: a[:1] + a,
    lambda a: np.sum(a, axis=0) + a,
    lambda a: np.mean(a, axis=1, keepdims=True) * a,
    lambda a: a - np.max(a),
    lambda a: np.broadcast_to(np.sum(a, axis=1, keepdims=True), a.shape),
    lambda a: (a @ a.T) @ a,
    lambda a: (a.T @ a).T[: a.shape[0], :1] * np.ones(a.shape) if a.shape[0] <= a.shape[1] else a,
    lambda a: np.concatenate([a, -a], axis=1)[:, : a.shape[1]],
    lambda a: np.swapaxes(a[None], 0, 1)[:, 0],
    lambda a: np.sum(a * a) + a,
    lambda a: np.sum(-a, axis=(0, 1), keepdims=True) - a,
    lambda a: scatter_add(a[1:], slice(1, None), a.shape) + scatter_add(a[0], 0, a.shape),
    lambda a: np.sum(np.broadcast_to(a, (3, *a.shape)), axis=0),
]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["unary", "binary", "move"]), st.integers(0, 1000), st.integers(0, 1000)
    ),
    min_size=1,
    max_size=12,
)


def composed(steps: list[tuple[str, int, int]]) -> Callable[..., Any]:
    """Return the function that takes these steps, each on results of earlier ones."""

    def f(a: Any, b: Any) -> tuple[Any, ...]:
        known = [a, b]
        for kind, which, where in steps:
            first = known[where % len(known)]
            if kind == "unary":
                known.append(UNARY[which % len(UNARY)](first))
            elif kind == "move":
                known.append(MOVES[which % len(MOVES)](first))
            else:
                same = [k for k in known if k.shape == first.shape]
                known.append(BINARY[which % len(BINARY)](first, same[(which // 7) % len(same)]))
        return tuple(known[-3:])

    return f


@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(0, 3), st.sampled_from([np.float64, np.float32, np.complex128]))
def test_random_programs_keep_their_values(
    steps: list[tuple[str, int, int]], seed: int, dtype: Any
) -> None:
    """Values agree within the rounding that errors of one ulp in every step would make."""
    draw = np.random.default_rng(seed)
    a, b = (draw.uniform(0.5, 1.5, size=(3, 4)).astype(dtype) for _ in range(2))
    f = composed([s for s in steps if dtype is not np.complex128 or ordered(s)])
    wanted = values(written(f, (a, b)), (a, b))
    program, _ = shorter(f, (a, b), None)
    found = values(program, (a, b))
    # What one ulp in the arguments does: the conditioning of the program itself.
    eps = np.finfo(dtype).eps
    moved = []
    for _ in range(4):
        da, db = (v * (1 + 4 * eps * draw.choice([-1.0, 1.0], size=v.shape)) for v in (a, b))
        moved.append(values(written(f, (a, b)), (da.astype(dtype), db.astype(dtype))))
    for k, (p, q) in enumerate(zip(found, wanted, strict=True)):
        assert np.shape(p) == np.shape(q)
        assert np.asarray(p).dtype == np.asarray(q).dtype
        with np.errstate(all="ignore"):
            change = np.max([np.abs(m[k] - q) for m in moved], axis=0)
        finite = np.isfinite(q) & np.isfinite(np.asarray([m[k] for m in moved])).all(axis=0)
        with np.errstate(all="ignore"):
            largest = np.max(np.abs(q), where=finite, initial=0.0)
            close_enough = np.abs(p - q) <= 30 * change + 300 * eps * largest
        assert (close_enough | ~finite).all()


def ordered(step: tuple[str, int, int]) -> bool:
    """True for steps that complex numbers take too."""
    kind, which, _ = step
    if kind == "unary":
        return UNARY[which % len(UNARY)] not in (np.cbrt,) and which % len(UNARY) not in (4, 20, 21)
    if kind == "binary":
        return which % len(BINARY) not in (6, 7, 10)
    return which % len(MOVES) != 8


def test_a_program_is_simplified_in_linear_time() -> None:
    """Four times the length takes no more than seven times as long."""

    def chain(n: int) -> Callable[..., Any]:
        def f(a: Any) -> Any:
            for _ in range(n):
                a = np.sin(a) * 0.5 + a * a - (-a)
            return a

        return f

    def seconds(n: int) -> float:
        best = []
        for _ in range(3):
            program = written(chain(n), (0.3,))
            begin = time.process_time()
            simplified(program.rows, program.outputs, False)
            best.append(time.process_time() - begin)
        return min(best)

    assert seconds(20000) < 7 * seconds(5000)


def test_nan_behind_a_mask_is_found_or_left_out() -> None:
    """Where a branch that is not taken is infinite, the compiled gradient is the plain one."""

    def f(a: Any) -> Any:
        return np.sum(np.where(a > 0, np.sqrt(np.where(a > 0, a, 0.0)) * a, a * a))

    def g(a: Any) -> Any:
        return np.sum(np.maximum(np.log(a), -1.0)) + np.sum(np.where(a > 1, 1 / (a - 1), a))

    for function, points in ((f, [1.0, 0.0, -2.0, 4.0]), (g, [0.1, 1.0, np.e, 0.5])):
        a = np.array(points)
        compiled = lg.compile(lg.value_and_grad(function))
        with np.errstate(all="ignore"):
            wanted_value, wanted = lg.value_and_grad(function)(a)
            for _ in range(2):
                value, slope = compiled(a)
                np.testing.assert_allclose(value, wanted_value, rtol=1e-14)
                np.testing.assert_allclose(slope, wanted, rtol=1e-13)


def test_a_comparison_of_a_masked_multiplier_keeps_the_mask() -> None:
    """What is lost in a truth value is not found in the end."""

    def f(a: Any, b: Any) -> Any:
        masked = masked_multiply(a, b, b > 0)
        return np.where(masked > 0, 1.0, 2.0) * a

    _, fired = shorter(f, (x, y), {"finite_product"}, True)
    assert not fired


@pytest.mark.parametrize("function", [np.maximum, np.minimum])
def test_ties_and_nan_have_their_slopes(function: Any) -> None:
    def f(a: Any, b: Any) -> Any:
        return np.sum(function(a, 0.5) * b) + np.sum(function(a, b) * a)

    a, b = np.round(2 * x) / 2, np.round(2 * y) / 2
    got = lg.compile(lg.grad(f, argnums=(0, 1)))
    for _ in range(2):
        for p, q in zip(got(a, b), lg.grad(f, argnums=(0, 1))(a, b), strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-14)


def test_places_that_overlap_begin_at_zero() -> None:
    def f(a: Any) -> Any:
        return np.sum(np.diff(a) ** 2)

    compiled = lg.compile(lg.grad(f))
    for _ in range(20):
        used = [np.full(n, np.nan) for n in range(1, 40)]  # memory that is free again, not zero
        del used
        np.testing.assert_allclose(compiled(x), lg.grad(f)(x), rtol=1e-14)
    assert "np.zeros" in compiled.source


def test_a_number_is_stretched_before_places_are_filled() -> None:
    def f(a: Any, b: Any) -> Any:
        return b[0] + scatter_add(a[:3], np.array([2, 5, 2]), (12,))

    compiled = lg.compile(f)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(x, y), f(x, y))


def test_a_result_is_never_a_view_of_an_argument() -> None:
    def f(a: Any) -> Any:
        return np.sum(np.reshape(scatter_add(a, (None,), a.shape[1:]), (-1,))), a * 1.0, a + 0.0

    for g in (f, lg.grad(lambda a: np.sum(a * a) / 2)):
        compiled = lg.compile(g)
        a = np.ones((1, 5))
        for _ in range(2):
            results = compiled(a)
            for r in results if isinstance(results, tuple) else (results,):
                assert not np.may_share_memory(r, a)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.integers(0, 3))
def test_random_gradients_are_those_of_the_plain_form(
    steps: list[tuple[str, int, int]], seed: int
) -> None:
    draw = np.random.default_rng(seed)
    a, b = draw.uniform(0.5, 1.5, size=(2, 3, 4))
    # The slope of tanh has an absolute tolerance.
    f = composed([s for s in steps if s[0] != "unary" or UNARY[s[1] % len(UNARY)] is not np.tanh])

    def total(a: Any, b: Any) -> Any:
        return sum(np.sum(np.sin(0.1 * z)) for z in f(a, b))

    slope = lg.value_and_grad(total, argnums=(0, 1), nonfinite="allow")
    compiled = lg.compile(slope)
    eps = np.finfo(float).eps
    with np.errstate(all="ignore"):
        wanted, got = slope(a, b), compiled(a, b)
        moved = [
            slope(*(v * (1 + 4 * eps * draw.choice([-1.0, 1.0], size=v.shape)) for v in (a, b)))
            for _ in range(3)
        ]
        for p, q, *others in zip(flat(got), flat(wanted), *map(flat, moved), strict=True):
            change = np.max([np.abs(m - q) for m in others], axis=0)
            finite = np.isfinite(q) & np.isfinite(change)
            largest = np.max(np.abs(q), where=finite, initial=0.0)
            assert (np.isfinite(p) | ~finite).all()
            assert ((np.abs(p - q) <= 30 * change + 3000 * eps * largest) | ~finite).all()


def flat(result: Any) -> list[Any]:
    """Return a value and its gradient as three arrays."""
    value, (a, b) = result
    return [np.asarray(value), a, b]


def test_each_rule_says_how_exact_it_is() -> None:
    words = "xact|ithin|hecked|sign of|last bit"
    assert [r.__name__ for r in RULES.values() if not re.search(words, r.__doc__ or "")] == []
