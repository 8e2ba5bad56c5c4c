"""Products: one line each, the labels of the operands and of the result.

``Z = X @ W`` is ``ij, jk -> ik``. The partials follow from the labels alone (see
`lagrad.contraction`), whatever the shapes.
"""

from __future__ import annotations

import operator
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.contraction import Labels, contraction
from lagrad.dispatch import sparse_product
from lagrad.partials import Conjugate, Partial, SparseProduct, then
from lagrad.primitive import Primitive

Spec = tuple[list[Labels], Labels]


def letters(count: int, start: int = 0) -> Labels:
    """Return ``count`` labels, from the one numbered ``start``."""
    return tuple(string.ascii_letters[start : start + count])


def matmul_labels(x: Any, y: Any) -> Spec:
    """``...ij, ...jk -> ...ik``; a vector lacks its i or k."""
    nx, ny = np.ndim(x), np.ndim(y)
    batch = letters(max(nx, ny, 2) - 2, start=3)
    left = batch[len(batch) - max(nx - 2, 0) :] + (("i", "j") if nx > 1 else ("j",))
    right = batch[len(batch) - max(ny - 2, 0) :] + (("j", "k") if ny > 1 else ("j",))
    out = batch + (("i",) if nx > 1 else ()) + (("k",) if ny > 1 else ())
    left, right, out = (tuple(rename.get(c, c) for c in names) for names in (left, right, out))
    return [left, right], out


#: The letters of matrices are kept apart from those of the batch axes.
rename = {"i": "X", "j": "Y", "k": "Z"}


def dot_labels(x: Any, y: Any) -> Spec:
    """The last axis of x with the last but one of y; a scalar multiplies."""
    nx, ny = np.ndim(x), np.ndim(y)
    if nx == 0 or ny == 0:
        left, right = letters(nx), letters(ny, start=nx)
        return [left, right], left + right
    return tensordot_labels(x, y, ((nx - 1,), (max(ny - 2, 0),)))


def inner_labels(x: Any, y: Any) -> Spec:
    """The last axis of both."""
    if np.ndim(x) == 0 or np.ndim(y) == 0:
        return dot_labels(x, y)
    return tensordot_labels(x, y, ((np.ndim(x) - 1,), (np.ndim(y) - 1,)))


def tensordot_labels(x: Any, y: Any, axes: Any) -> Spec:
    """The named axes of x with those of y."""
    nx, ny = np.ndim(x), np.ndim(y)
    if isinstance(axes, int | np.integer):
        axes = (range(nx - axes, nx), range(axes))
    ours, theirs = (
        [int(k) % n for k in (side if np.iterable(side) else (side,))]
        for side, n in zip(axes, (nx, ny), strict=True)
    )
    left, right = letters(nx), list(letters(ny, start=nx))
    for i, j in zip(ours, theirs, strict=True):
        right[j] = left[i]
    free = tuple(c for c in (*left, *right) if (c in left) != (c in right))
    return [left, tuple(right)], free


def outer_labels(x: Any, y: Any) -> Spec:
    """Both flattened: their shapes are vectors by the time a partial is asked for."""
    return [("i",), ("j",)], ("i", "j")


def einsum_labels(*operands: Any, subscripts: str, optimize: Any = False) -> Spec:
    """Read einsum's subscripts; ``...`` becomes labels of its own, aligned at the right."""
    given, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = given.split(",")
    unused = [c for c in string.ascii_letters if c not in subscripts]
    hidden = [
        np.ndim(x) - len(t.replace("...", "")) if "..." in t else 0
        for x, t in zip(operands, terms, strict=True)
    ]
    shared = "".join(unused[: max(hidden, default=0)])
    labels = [
        tuple(t.replace("...", shared[len(shared) - n :]))
        for t, n in zip(terms, hidden, strict=True)
    ]
    if not arrow:
        plain = "".join(terms).replace("...", "")
        result = shared + "".join(sorted(c for c in set(plain) if plain.count(c) == 1))
    return labels, tuple(result.replace("...", shared))


def einsum_arguments(*operands: Any, optimize: Any = False, **other: Any) -> Any:
    """Spell einsum with its subscripts first, also where lists of axes stand in their place.

    ``order=`` is about memory, and no part of a constraint.
    """
    if set(other) - {"order"}:
        raise TypeError(f"einsum with {sorted(other)}")
    if not isinstance(operands[0], str):
        operands = in_letters(*operands)
    options = {} if optimize is False else {"optimize": optimize}
    return operands[1:], {"subscripts": operands[0], **options}


def in_letters(*given: Any) -> tuple[Any, ...]:
    """Return (subscripts, *operands) for (operand, axes, operand, axes, ..., axes of the result).

    Numbers become letters in NumPy's order, in which an unnamed result is sorted.
    """
    names = string.ascii_uppercase + string.ascii_lowercase

    def term(axes: Any) -> str:
        return "".join("..." if k is Ellipsis else names[operator.index(k)] for k in axes)

    pairs = len(given) // 2
    result = "->" + term(given[-1]) if len(given) % 2 else ""
    return (",".join(map(term, given[1 : 2 * pairs : 2])) + result, *given[0 : 2 * pairs : 2])


def einsum(*operands: Any, subscripts: str, optimize: Any = False) -> Any:
    """np.einsum with the subscripts as a keyword."""
    return np.einsum(subscripts, *operands, optimize=optimize)


def chain_labels(*arrays: Any) -> Spec:
    """``ij, jk, kl -> il``; the first and the last may be vectors."""
    ends = letters(len(arrays) + 1)
    labels = [ends[i : i + 2] for i in range(len(arrays))]
    labels[0] = labels[0][2 - np.ndim(arrays[0]) :]
    labels[-1] = labels[-1][: np.ndim(arrays[-1])]
    return labels, labels[0][:-1] + labels[-1][1:]


def multi_dot(*arrays: Any) -> Any:
    """np.linalg.multi_dot with each array an argument of its own."""
    return np.linalg.multi_dot(arrays)


def vecdot_labels(x: Any, y: Any) -> Spec:
    """``...j, ...j -> ...``."""
    names = letters(max(np.ndim(x), np.ndim(y)))
    return [names[-np.ndim(x) :], names[-np.ndim(y) :]], names[:-1]


def matvec_labels(x: Any, y: Any) -> Spec:
    """``...ij, ...j -> ...i``."""
    names = letters(max(np.ndim(x) - 2, np.ndim(y) - 1))
    return [
        (*names[len(names) - np.ndim(x) + 2 :], "X", "Y"),
        (*names[len(names) - np.ndim(y) + 1 :], "Y"),
    ], (*names, "X")


def vecmat_labels(x: Any, y: Any) -> Spec:
    """``...i, ...ij -> ...j``."""
    names = letters(max(np.ndim(x) - 1, np.ndim(y) - 2))
    return [
        (*names[len(names) - np.ndim(x) + 1 :], "X"),
        (*names[len(names) - np.ndim(y) + 2 :], "X", "Y"),
    ], (*names, "Y")


def product(
    function: Callable[..., Any],
    labels: Callable[..., Spec],
    name: str,
    arguments: Callable[..., Any] | None = None,
) -> Primitive:
    """Return the primitive of a product whose operands and result have these labels."""

    def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
        names, out = labels(*args, **kwargs)
        return contraction(k, args, names, out)

    return Primitive(name, function, partial, multilinear=True, arguments=arguments)


def conjugated_product(function: Any, labels: Callable[..., Spec], name: str) -> Primitive:
    """Return the primitive of a product of conj(x) and y."""

    def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
        x, y = args
        if not np.iscomplexobj(x):
            return contraction(k, args, *labels(x, y))
        found = contraction(k, (np.conjugate(x), y), *labels(x, y))
        return then(found, Conjugate(np.shape(x))) if k == 0 else found

    return Primitive(name, function, partial, multilinear=True)


def sparse_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """The partial of M v with respect to v is M."""
    return SparseProduct(args[1], np.shape(args[0]))


def tensordot_arguments(a: Any, b: Any, axes: Any = 2) -> Any:
    """Spell tensordot as function(a, b, axes=)."""
    return (a, b), {"axes": axes}


# fmt: off
RULES: dict[Callable[..., Any], Primitive] = {
    np.matmul:      product(np.matmul, matmul_labels, "matmul"),
    np.dot:         product(np.dot, dot_labels, "dot", lambda a, b: ((a, b), {})),
    np.inner:       product(np.inner, inner_labels, "inner", lambda a, b: ((a, b), {})),
    np.outer:       product(np.outer, outer_labels, "outer",
                            lambda a, b: ((np.ravel(a), np.ravel(b)), {})),
    np.tensordot:   product(np.tensordot, tensordot_labels, "tensordot", tensordot_arguments),
    np.einsum:      product(einsum, einsum_labels, "einsum", einsum_arguments),
    np.linalg.multi_dot: product(multi_dot, chain_labels, "multi_dot",
                                 lambda arrays: (tuple(arrays), {})),
    sparse_product: Primitive("sparse_product", sparse_product, sparse_partial, multilinear=True),
}
# fmt: on

# The ufuncs that NumPy 2 has.
if hasattr(np, "vecdot"):
    RULES[np.vecdot] = conjugated_product(np.vecdot, vecdot_labels, "vecdot")
if hasattr(np, "matvec"):
    RULES[np.matvec] = product(np.matvec, matvec_labels, "matvec")
    RULES[np.vecmat] = conjugated_product(np.vecmat, vecmat_labels, "vecmat")
