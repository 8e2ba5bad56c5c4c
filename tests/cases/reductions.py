"""Examples of reductions along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import HALF, VECTOR, Case, along_axes, calls, numbers
from lagrad.rules.exponentials import cross_entropy, log_softmax, logsumexp, softmax
from lagrad.rules.reductions import deviation, entry_norm, root_mean_square, variance


def spread(f: Any) -> Any:
    """Return a variance of our own with its options as NumPy spells them."""
    return lambda x, axis=None, ddof=0, keepdims=False: f(
        x, axis=axis, ddof=ddof, keepdims=keepdims
    )


def with_options(f: Any) -> list[Case]:
    """Return a reduction with where=, initial= and dtype=, each alone and together."""
    return calls(
        (lambda x: f(x, where=HALF, initial=0.7), (2, 3)),
        (lambda x: f(x, axis=1, where=[True, True, False], initial=2.0), (2, 3)),
        (lambda x: f(x, axis=(0, 2), where=HALF[:1, :, None], initial=0.55), (1, 3, 1)),
        (lambda x: f(x, axis=(0, -1), keepdims=True, initial=0.55), (1, 3, 2)),
        (lambda x: f(x, axis=(), initial=0.8), (3,)),
        (lambda x: f(x, initial=0.3), ()),
        (lambda x, y: f(x, axis=-1, initial=y), (2, 3), ()),
        (lambda x: f(x, axis=1, initial=0.3), (2, 0)),
        complexes=False,
    )


def class_entropy(x: Any, axis: int, classes: Any) -> Any:
    """Return the cross-entropy of one class a line."""
    return cross_entropy(x, axis=axis, keepdims=False, classes=classes)


# fmt: off
REDUCTIONS: dict[Any, list[Case]] = {
    np.sum:         along_axes(np.sum, True) + calls((lambda x: x.sum(0), (2, 3)),
                                                     (lambda x: np.sum(x, axis=()), (2, 3)),
                                                     (np.sum, (0, 2)), (np.add.reduce, (2, 3)))
                    + with_options(np.sum)
                    + calls((lambda x: x.sum(0, where=HALF), (2, 3)),
                            (lambda x: np.sum(x, 0, complex), (2, 3)),
                            (lambda x: x.sum(dtype=np.float64), (2, 3)),
                            complexes=False),
    np.mean:        along_axes(np.mean, True) + calls((lambda x: x.mean(-1), (2, 3)),
                              (lambda x: np.mean(x, where=HALF), (2, 3)),
                              (lambda x: x.mean(1, where=HALF, keepdims=True), (2, 3)),
                              (lambda x: np.mean(x, (0, 2), where=HALF[..., None]), (2, 3, 2)))
                    + calls((lambda x: np.mean(x, 0, np.float64), (2, 3)), complexes=False),
    np.prod:        along_axes(np.prod, True) + calls((np.prod, (0, 2)), (lambda x: x.prod(), (3,)))
                    + [Case(lambda x: np.prod(np.concatenate([[0.0], x])), (VECTOR,), True),
                       Case(lambda x: np.prod(np.stack([0 * VECTOR + [0, 0, 1], x, 2 * x]), (0, 1)),
                            (VECTOR,), True)]
                    + with_options(np.prod),
    np.nanmax:      along_axes(np.nanmax) + with_options(np.nanmax)
                    + [Case(lambda x: np.nanmax(np.where(HALF, x, np.nan), axis=1),
                            (numbers((2, 3)),))],
    np.nanmin:      along_axes(np.nanmin) + with_options(np.nanmin)
                    + [Case(lambda x: np.nanmin(np.where(HALF, x, np.nan)), (numbers((2, 3)),))],
    np.max:         along_axes(np.max) + with_options(np.max)
                    + calls((lambda x: x.max(axis=1), (2, 3)), complexes=False),
    np.min:         along_axes(np.min) + with_options(np.min)
                    + calls((lambda x: x.min(), (2, 3)), complexes=False),
    np.amax:        along_axes(np.amax),
    np.amin:        along_axes(np.amin),
    logsumexp:      along_axes(logsumexp),
    **{f: calls((lambda x, f=f: f(x, axis=-1), (3,)), (lambda x, f=f: f(x, axis=0), (2, 3)),
                (lambda x, f=f: f(x, axis=(0, -1)), (2, 3, 2)),
                (lambda x, f=f: f(x, axis=None), (2, 1)))
       for f in (softmax, log_softmax)},
    cross_entropy:  calls((lambda x: class_entropy(x, 0, np.array(2)), (3,)),
                          (lambda x: class_entropy(x, 1, np.array([0, 2])), (2, 3)),
                          (lambda x: class_entropy(x, 1, np.array([[0, 2], [1, 1]])), (2, 3, 2))),
    variance:       along_axes(spread(variance), True),
    deviation:      along_axes(spread(deviation), True)[1:-1],
    root_mean_square: calls((lambda x: root_mean_square(x, axis=0, keepdims=False,
                                                        count=np.full((1, 3), 1.5)),
                             (2, 3)),
                            (lambda x: root_mean_square(x, axis=-1, keepdims=True,
                                                        count=np.array([[2.0], [3.0]])), (2, 3))),
    entry_norm: [
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
# fmt: on
