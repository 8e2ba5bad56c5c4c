"""Example arguments of every row of the rule tables; `test_rules` runs each of them.

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
from scipy import special as sc

import lagrad as lg
from lagrad.dispatch import masked_multiply, scatter_add, sparse_product
from lagrad.rules.elementwise import angle, jump, quotient, sech_squared
from lagrad.rules.reductions import logsumexp
from lagrad.rules.shaping import assign, astype, getitem
from lagrad.rules.special import zeta


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

# fmt: off
ELEMENTWISE: dict[Any, list[Case]] = {
    np.add:         mixed(np.add, True) + mixed(lambda x, y: x + y),
    np.subtract:    mixed(np.subtract, True),
    np.multiply:    mixed(np.multiply, True),
    np.divide:      binary(np.divide, complexes=True),
    np.negative:    unary(np.negative, -1, 1, True),
    np.positive:    unary(np.positive, -1, 1, True),
    np.deg2rad:     unary(np.deg2rad),
    np.radians:     unary(np.radians),
    np.rad2deg:     unary(np.rad2deg),
    np.degrees:     unary(np.degrees),
    np.real:        unary(np.real, -1, 1, True),
    np.imag:        unary(lambda x: np.imag(x) + x, -1, 1, True),
    np.conjugate:   unary(np.conjugate, -1, 1, True),
    np.power:       [
        *binary(np.power, complexes=True),
        *calls((lambda x: x**2, (3,)), (lambda x: x**3.0, ()), (lambda x: x**-1, (2, 2)),
               (lambda x: x**0, (3,)), (lambda x: x**1, (3,)), (lambda x: 2.0**x, (3,)),
               (lambda x: x ** np.array([0, 1, 2]), (3,)), (lambda x: np.power(2, x), ())),
    ],
    np.float_power: binary(np.float_power, complexes=True),
    np.reciprocal:  unary(np.reciprocal, complexes=True),
    np.square:      unary(np.square, -1, 1, True),
    np.sqrt:        unary(np.sqrt, complexes=True),
    np.cbrt:        unary(np.cbrt) + unary(np.cbrt, -1, -0.2),
    np.absolute:    unary(np.absolute, complexes=True) + unary(abs, -1, -0.2),
    np.fabs:        unary(np.fabs) + unary(np.fabs, -1, -0.2),
    np.exp:         unary(np.exp, -1, 1, True),
    np.exp2:        unary(np.exp2, -1, 1, True),
    np.expm1:       unary(np.expm1, -1, 1, True),
    np.log:         unary(np.log, complexes=True),
    np.log2:        unary(np.log2, complexes=True),
    np.log10:       unary(np.log10, complexes=True),
    np.log1p:       unary(np.log1p, complexes=True),
    np.logaddexp:   mixed(np.logaddexp),
    np.sin:         unary(np.sin, -1, 1, True),
    np.cos:         unary(np.cos, -1, 1, True),
    np.tan:         unary(np.tan, -1, 1, True),
    np.arcsin:      unary(np.arcsin, -0.8, 0.8, True),
    np.arccos:      unary(np.arccos, -0.8, 0.8, True),
    np.arctan:      unary(np.arctan, -1, 1, True),
    np.arctan2:     mixed(np.arctan2),
    np.hypot:       mixed(np.hypot),
    np.sinh:        unary(np.sinh, -1, 1, True),
    np.cosh:        unary(np.cosh, -1, 1, True),
    np.tanh:        unary(np.tanh, -1, 1, True),
    np.arcsinh:     unary(np.arcsinh, -1, 1, True),
    np.arccosh:     unary(np.arccosh, 1.3, 3, True),
    np.arctanh:     unary(np.arctanh, -0.8, 0.8, True),
    np.maximum:     mixed(np.maximum),
    np.minimum:     mixed(np.minimum),
    np.fmax:        mixed(np.fmax),
    np.fmin:        mixed(np.fmin),
    np.remainder:   binary(np.remainder, (-3.1, -2.9), (1.95, 2.05)) + binary(lambda x, y: x % y),
    np.fmod:        binary(np.fmod, (-3.1, -2.9), (1.95, 2.05)),
    np.copysign:    mixed(np.copysign),
    np.where:       mixed(lambda x, y: np.where([True, False, True], x, y), True)[1:2] + [
        Case(lambda x, y: np.where(x > y, x, y), (numbers((2, 3), -1, 1), numbers((3,), -1, 1, 5))),
        Case(lambda x: np.where(HALF, x, 0.0), (numbers((2, 3)),), True),
        Case(lambda x, y: np.where([1.0, 0.0], x, y), (numbers((2,)), numbers(()))),
    ],
    np.clip:        [
        Case(lambda x: np.clip(x, -0.31, 0.42), (numbers((2, 3), -1, 1),)),
        Case(lambda x, a, b: np.clip(x, a, b),
             (numbers((2, 3), -1, 1), numbers((3,), -0.4, -0.2), numbers((), 0.1, 0.2))),
        Case(lambda x, a: np.clip(x, a, None), (numbers((2, 3), -1, 1), numbers((2, 1), -0.4, 0))),
        Case(lambda x, b: x.clip(max=b), (numbers((3,), -1, 1), numbers((), -0.1, 0.1))),
        Case(lambda x, a, b: np.clip(x, a, b),  # bounds that cross: the upper one wins
             (numbers((5,), -1, 1), numbers((), 0.4, 0.5), numbers((), -0.5, -0.4))),
    ],
    angle:          unary(lambda x: angle(x) + np.abs(x), complexes=True),
    jump:           mixed(lambda x, y: jump(x) * y),
    quotient:       binary(quotient, complexes=True),
    sech_squared:   unary(sech_squared, -1, 1, True),
    masked_multiply: [
        Case(lambda x, y: masked_multiply(x, y, HALF), (numbers((2, 3)), numbers((2, 3), 1, 2)),
             True),
        Case(lambda x, y: masked_multiply(x, y, HALF), (numbers((3,)), numbers((), 1, 2)), True),
        Case(lambda x: masked_multiply(-1.0, x, HALF), (numbers((2, 3)),), True),
    ],
    sc.expit:       unary(sc.expit, -1, 1),
    sc.logit:       unary(sc.logit),
    sc.log_expit:   unary(sc.log_expit, -1, 1),
    sc.erf:         unary(sc.erf, -1, 1, True),
    sc.erfc:        unary(sc.erfc, -1, 1, True),
    sc.ndtr:        unary(sc.ndtr, -1, 1),
    sc.gamma:       unary(sc.gamma, 0.5, 3),
    sc.gammaln:     unary(sc.gammaln, 0.5, 3),
    sc.digamma:     unary(sc.digamma, 0.5, 3),
    zeta:           [Case(lambda x: zeta(3.0, x), (numbers((2, 3), 0.5, 3),)),
                     Case(lambda x: zeta(np.array([2.0, 4.0]), x), (numbers((2,), 0.5, 3),))],
    sc.xlogy:       binary(sc.xlogy),
    sc.xlog1py:     binary(sc.xlog1py),
    sc.entr:        unary(sc.entr),
}

REDUCTIONS: dict[Any, list[Case]] = {
    np.sum:         along_axes(np.sum, True) + calls((lambda x: x.sum(0), (2, 3)),
                                                     (lambda x: np.sum(x, axis=()), (2, 3)),
                                                     (np.sum, (0, 2)), (np.add.reduce, (2, 3))),
    np.mean:        along_axes(np.mean, True) + calls((lambda x: x.mean(-1), (2, 3))),
    np.prod:        along_axes(np.prod, True) + calls((np.prod, (0, 2)), (lambda x: x.prod(), (3,)))
                    + [Case(lambda x: np.prod(np.concatenate([[0.0], x])), (VECTOR,), True)],
    np.max:         along_axes(np.max) + calls((lambda x: x.max(axis=1), (2, 3)), complexes=False),
    np.min:         along_axes(np.min) + calls((lambda x: x.min(), (2, 3)), complexes=False),
    np.amax:        along_axes(np.amax),
    np.amin:        along_axes(np.amin),
    logsumexp:      along_axes(logsumexp),
    np.var:         along_axes(np.var, True) + calls((lambda x: np.var(x, axis=0, ddof=1), (3, 2))),
    np.std:         along_axes(np.std, True)[1:-1] + calls((lambda x: x.std(ddof=1), (3, 2))),
    np.linalg.norm: [
        *calls((np.linalg.norm, (3,)), (np.linalg.norm, (2, 3)), (np.linalg.norm, ()),
               (lambda x: np.linalg.norm(x, axis=0), (2, 3)),
               (lambda x: np.linalg.norm(x, axis=-1, keepdims=True), (2, 3)),
               (lambda x: np.linalg.norm(x, "fro"), (2, 3)),
               (lambda x: np.linalg.norm(x, axis=(0, 2)), (2, 3, 2)),
               (lambda x: np.linalg.norm(x, 1), (3,)), (lambda x: np.linalg.norm(x, 3), (3,)),
               (lambda x: np.linalg.norm(x, 1.5, axis=0), (3, 2)),
               (lambda x: np.linalg.norm(x, np.inf, axis=1), (2, 3)),
               (lambda x: np.linalg.norm(x, -np.inf), (3,))),
        Case(lambda x: np.linalg.norm(x, -2), (VECTOR,)),
    ],
}

SHAPING: dict[Any, list[Case]] = {
    np.reshape:      calls((lambda x: np.reshape(x, (3, 2)), (2, 3)),
                           (lambda x: x.reshape(-1), (2, 3)),
                           (lambda x: x.reshape(3, 2, order="F"), (2, 3)),
                           (lambda x: np.reshape(x, (1, 1)), ())),
    np.ravel:        calls((np.ravel, (2, 3)), (lambda x: x.ravel(order="F"), (2, 3)),
                           (np.ravel, ()),
                           (lambda x: x.flatten("F"), (2, 3))),
    np.squeeze:      calls((np.squeeze, (1, 3, 1)), (lambda x: np.squeeze(x, -1), (1, 3, 1))),
    np.expand_dims:  calls((lambda x: np.expand_dims(x, 0), (3,)),
                           (lambda x: np.expand_dims(x, (0, -1)), (3,))),
    np.transpose:    calls((np.transpose, (2, 3)), (lambda x: x.T, (2, 3, 4)),
                           (lambda x: np.transpose(x, (2, 0, 1)), (2, 3, 4)),
                           (lambda x: x.transpose(1, -1, 0), (2, 3, 4)), (np.transpose, (3,))),
    np.swapaxes:     calls((lambda x: np.swapaxes(x, 0, -1), (2, 3, 4))),
    np.moveaxis:     calls((lambda x: np.moveaxis(x, 0, -1), (2, 3, 4)),
                           (lambda x: np.moveaxis(x, (0, 1), (-1, 0)), (2, 3, 4))),
    np.flip:         calls((np.flip, (2, 3)), (lambda x: np.flip(x, (0, -1)), (2, 3, 2)),
                           (lambda x: np.flip(x, 1), (2, 3))),
    np.roll:         calls((lambda x: np.roll(x, 2), (2, 3)),
                           (lambda x: np.roll(x, -1, axis=1), (2, 3)),
                           (lambda x: np.roll(x, (1, -2), axis=(0, 1)), (2, 3))),
    np.broadcast_to: calls((lambda x: np.broadcast_to(x, (2, 3)), (3,)),
                           (lambda x: np.broadcast_to(x, (2, 3)), ()),
                           (lambda x: np.broadcast_to(x, (4, 2, 3)), (2, 1))),
    np.repeat:       calls((lambda x: np.repeat(x, 2), (2, 3)),
                           (lambda x: np.repeat(x, 3, axis=0), (2, 3)),
                           (lambda x: x.repeat([2, 0, 1], axis=1), (2, 3))),
    np.tile:         calls((lambda x: np.tile(x, 2), (3,)), (lambda x: np.tile(x, (2, 1, 2)),
                           (2, 3))),
    np.take:         calls((lambda x: np.take(x, TAKEN), (5,)),
                           (lambda x: np.take(x, 2, axis=1), (2, 3)),
                           (lambda x: x.take([0, 0, -1], axis=0), (2, 3))),
    np.diagonal:     calls((np.diagonal, (3, 3)), (lambda x: np.diagonal(x, 1, 0, 2), (3, 2, 4)),
                           (lambda x: x.diagonal(-1), (3, 3))),
    np.tril:         calls((np.tril, (3, 3)), (lambda x: np.tril(x, -1), (2, 3, 3))),
    np.triu:         calls((np.triu, (3, 3)), (lambda x: np.triu(x, k=1), (2, 3))),
    np.rot90:        calls((np.rot90, (2, 3)), (lambda x: np.rot90(x, 3, axes=(1, 2)), (2, 3, 2))),
    getitem:         calls(
        (lambda x: x[1], (3,)), (lambda x: x[-1, ::2], (2, 3)),
        (lambda x: x[..., None, 1:], (2, 3)),
        (lambda x: x[TAKEN], (3, 2)), (lambda x: x[HALF], (2, 3)),
        (lambda x: x[[0, 0, 1], 1:], (2, 3)),
        (lambda x: x[TAKEN, [1, 0]], (3, 2)), (lambda x: x[::-1, [2, 2]], (2, 3)),
        (lambda x: x[:0], (3,)),
        (lambda x: x[x > 0.1], (4,)), (lambda x: x[np.array([True, False]), 1], (2, 3)),
        (lambda x: x[[0, 0, 1]], (3,)),
        complexes=False) + calls((lambda x: getitem(x, [1, 1, 0]), (2, 3))),
    scatter_add:     calls(
        (lambda w: scatter_add(w, np.array([0, 2, 2]), (4,)), (3,)),
        (lambda w: scatter_add(w, (slice(None), 1), (2, 3)), (2,)),
        (lambda w: scatter_add(w, (np.array([0, 0]), slice(1, 3)), (2, 3)), (2, 2))),
    assign:          calls(
        (lambda x, v: assign(x, v, 1), (3,), ()), (lambda x, v: assign(x, v, slice(0, 2)),
        (3,), ()),
        (lambda x, v: assign(x, v, (slice(None), 1)), (2, 3), (2,)),
        (lambda x, v: assign(x, v, np.array([0, 2, 0])), (4,), (3,)),
        (lambda x, v: assign(x, v, HALF), (2, 3), (4,)),
        (lambda x, v: assign(x, v, ...), (2, 3), (3,)),
        (lambda x: assign(x, 0.5, 0), (2, 3))),
    np.concatenate:  calls(
        (lambda x, y: np.concatenate([x, y]), (2, 3), (1, 3)),
        (lambda x, y: np.concatenate((x, y, x), axis=-1), (2, 3), (2, 1)),
        (lambda x, y: np.concatenate([x, y], axis=None), (2, 3), (2, 2)),
        (lambda x: np.concatenate([np.ones(2), x, [3.0]]), (3,)),
        (lambda x, y: np.concatenate([x, y]), (0,), (2,))),
    np.pad:          calls((lambda x: np.pad(x, 1), (3,)), (lambda x: np.pad(x, ((1, 0), (2, 1))),
                           (2, 3)),
                           (lambda x: np.pad(x, (1, 2), constant_values=7.0), (2,))),
    astype:          calls((lambda x: x.astype(complex), (3,)),
                           (lambda x: x.astype(complex).real, ()))
                     + calls((lambda x: np.sum(x.astype(x.dtype)), (2, 3)), complexes=True),
}

PRODUCTS: dict[Any, list[Case]] = {
    np.matmul:    calls(*((np.matmul, a, b) for a, b in (
        ((3,), (3,)), ((2, 3), (3,)), ((2,), (2, 3)), ((2, 3), (3, 4)), ((5, 2, 3), (5, 3, 2)),
        ((5, 2, 3), (3, 2)), ((2, 3), (5, 3, 2)), ((3,), (5, 3, 2)), ((5, 2, 3), (3,)),
        ((4, 1, 2, 3), (5, 3, 2)), ((1, 2, 3), (5, 3, 2)), ((2, 1), (1, 3)), ((2, 0), (0, 3)))),
        (lambda x, y: x @ y, (2, 3), (3, 2)), (lambda x: np.ones((2, 3)) @ x, (3,)),
        (lambda x: x @ x, (2, 2))),
    np.dot:       calls(*((np.dot, a, b) for a, b in (
        ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((2, 3), (4, 3, 2)), ((), (2, 3)),
        ((3,), ()),
        ((), ()))), (lambda x, y: x.dot(y), (3,), (3, 2))),
    np.inner:     calls((np.inner, (3,), (3,)), (np.inner, (2, 3), (4, 3)), (np.inner, (), (3,))),
    np.outer:     calls((np.outer, (3,), (2,)), (np.outer, (2, 2), (3,)), (np.outer, (), (3,))),
    np.tensordot: calls((np.tensordot, (2, 3, 4), (3, 4, 2)),
                        (lambda x, y: np.tensordot(x, y, axes=1), (2, 3), (3, 2)),
                        (lambda x, y: np.tensordot(x, y, 0), (2,), (3,)),
                        (lambda x, y: np.tensordot(x, y, axes=([0, -1], [1, 0])),
                        (2, 3, 4), (4, 2)),
                        (lambda x, y: np.tensordot(x, y, axes=(1, 0)), (2, 3), (3, 2))),
    np.einsum:    calls(*((lambda *x, s=s: np.einsum(s, *x), *shapes) for s, *shapes in (
        ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij->j", (2, 3)),
        ("ij->", (2, 3)),
        ("ij->ji", (2, 3)), ("ii->i", (3, 3)), ("ii", (3, 3)), ("iij,j->i", (2, 2, 3), (3,)),
        ("i,i,i->", (3,), (3,), (3,)), ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)),
        ("i,j->ij", (2,), (3,)),
        ("...ij,...jk->...ik", (5, 2, 3), (3, 2)), ("...i->...", (2, 3)),
        ("i...,i...", (3, 2), (3, 1)),
        ("ij,ij->ij", (2, 3), (2, 3)), ("ij,k->ik", (2, 3), (4,)),
        ("bij,bj->bi", (2, 3, 4), (2, 4)),
        ("ji,jk", (3, 2), (3, 4)), ("i,->i", (3,), ()), ("ij , j -> i", (1, 3), (3,)),
        ("ij,jk->ik", (2, 1), (3, 4))))),
    sparse_product: calls((lambda x: sparse_product(x, SPARSE), (3,)),
                          (lambda x: sparse_product(x, SPARSE), (3, 2)),
                          (lambda x: SPARSE @ x, (3,)), (lambda x: x @ SPARSE, (4, 2)),
                          (lambda x: SPARSE.tocoo() @ x, (3, 2))),
}

LINALG: dict[Any, list[Case]] = {
    np.linalg.solve: [
        Case(np.linalg.solve, (positive_definite(*a), numbers(b, seed=6)), True, f"{a},{b}")
        for a, b in (((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 2)),
        ((1, 3, 3), (2, 3, 1)),
                     ((2, 3, 3), (1, 3, 1)), ((3, 3), (2, 3, 2)), ((1, 1), (1,)))
    ] + [Case(lambda a: np.linalg.solve(a, VECTOR), (positive_definite(3, 3),), True),
         Case(lambda b: np.linalg.solve(positive_definite(3, 3), b), (VECTOR,), True)],
    np.linalg.inv:   [Case(np.linalg.inv, (positive_definite(*s),), True, f"{s}")
                      for s in ((3, 3), (2, 3, 3), (1, 1))],
    np.linalg.det:   [Case(np.linalg.det, (positive_definite(*s),), True, f"{s}")
                      for s in ((3, 3), (2, 3, 3), (1, 1))]
                     + [Case(lambda x: np.linalg.det(np.stack([x, 2 * ROW, VECTOR])), (ROW,))],
}

SPELT: dict[Any, list[Case]] = {
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

CASES: dict[Any, list[Case]] = {
    **ELEMENTWISE,
    **REDUCTIONS,
    **SHAPING,
    **PRODUCTS,
    **LINALG,
    **SPELT,
}

#: Functions of the library's own, spelt by the rows above.
OWN: dict[Any, list[Case]] = {
    lg.softmax: along_axes(lg.softmax)[1:3],
    lg.relu: unary(lg.relu, -1, 1),
    lg.cross_entropy: calls(
        (lambda z: lg.cross_entropy(z, np.array([0, 2])), (2, 3)),
        (lambda z, p: lg.cross_entropy(z, p, axis=0), (2, 3), (2, 3)),
        complexes=False,
    ),
}
