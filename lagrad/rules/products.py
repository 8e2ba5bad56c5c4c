"""Products: one line each, the labels of the operands and of the result.

``Z = X @ W`` is ``ij, jk -> ik``. The partials follow from the labels alone (see
`lagrad.contraction`), whatever the shapes.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.contraction import Labels, contraction
from lagrad.dispatch import sparse_product
from lagrad.partials import Partial, SparseProduct
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
    """Spell einsum with its subscripts first; operands with lists of axes are refused."""
    if not operands or not isinstance(operands[0], str):
        raise TypeError("einsum with lists of axes; write the subscripts as a string")
    if other:
        raise TypeError(f"einsum with {sorted(other)}")
    options = {} if optimize is False else {"optimize": optimize}
    return operands[1:], {"subscripts": operands[0], **options}


def einsum(*operands: Any, subscripts: str, optimize: Any = False) -> Any:
    """np.einsum with the subscripts as a keyword."""
    return np.einsum(subscripts, *operands, optimize=optimize)


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
    sparse_product: Primitive("sparse_product", sparse_product, sparse_partial, multilinear=True),
}
# fmt: on
