"""The last step of a Jacobian that is written down: stripes become a compressed sparse matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import scipy.sparse as sp

from lagrad.assemble import index_type, pointers
from lagrad.dispatch import overridable
from lagrad.eliminate.stripes import Stripe, Stripes, flat, steps
from lagrad.trace.boundary import refuse


@dataclass(frozen=True)
class Order:
    """Where the parts of a vector go: the slots of each, how many there are, and their dtype."""

    slots: Sequence[Any]
    size: int
    dtype: np.dtype


@overridable
def placed(*parts: Any, order: Any) -> Any:
    """Return the vector whose entries at the slots of each part are that part."""
    out = np.empty(order.size, order.dtype)
    for part, at in zip(parts, order.slots, strict=True):
        out[at] = part
    return out


@overridable
def by_rows(data: Any, indices: Any, indptr: Any, shape: tuple[int, int]) -> Any:
    """Return a sparse matrix that shares its pattern with nothing."""
    return sp.csr_array((data, indices.copy(), indptr.copy()), shape=shape)


class Sparse:
    """A sparse matrix that a program gives; until it does, nobody can ask for more than its data.

    Attributes
    ----------
    made : symbol, or the matrix if its entries are constants
    data : its entries
    """

    __array_ufunc__ = None  # NumPy leaves ``x * J`` to it

    def __init__(self, made: Any, data: Any) -> None:
        self.made, self.data = made, data

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return sp.csr_array

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        used(name)

    def __reduce_ex__(self, protocol: Any) -> Any:
        used("copy")


def used(name: str) -> NoReturn:
    """Refuse to say more of a matrix."""
    refuse(
        f"a sparse Jacobian is used inside of a compiled function (its {name})",
        "Return it, and go on from there; or use lg.jvp and lg.vjp, which never form it",
    )


def refusal(name: str) -> Callable[..., Any]:
    """Return a method that refuses."""
    return lambda self, *args, **kwargs: used(name)


# Python looks for these in the class.
for operator in (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "matmul", "rmatmul"),
    *("pow", "rpow", "neg", "pos", "abs", "round", "eq", "ne", "lt", "le", "gt", "ge", "bool"),
    *("len", "iter", "contains", "getitem", "setitem", "array", "str", "repr", "format"),
):
    setattr(Sparse, f"__{operator}__", refusal(f"__{operator}__"))


def matrix(stripes: Sequence[Stripe], shape: tuple[int, int], dtype: np.dtype) -> Sparse:
    """Return the matrix of all entries, those of one place added up, zeros kept."""
    m, n = shape
    none = np.zeros(0, np.int64)
    places = np.concatenate([none, *(s.rows * n + s.columns for s in stripes)])
    at, slot = np.unique(places, return_inverse=True)
    slot = slot.reshape(-1)
    number = index_type(max(m, n, len(places)))
    rows, columns = np.divmod(at, max(1, n))
    data = in_order(stripes, slot, len(at), dtype)
    if np.result_type(data) != dtype:
        data = data.astype(dtype)
    indptr = pointers(rows.astype(number), m)
    return Sparse(by_rows(data, columns.astype(number), indptr, shape), data)


def in_order(stripes: Sequence[Stripe], slot: np.ndarray, size: int, dtype: np.dtype) -> Any:
    """Return the data of the matrix, whose entries go to these slots."""
    if len(slot) != size:
        return Stripes().summed(stripes, slot, size)
    if len(stripes) == 1 and bool((np.diff(slot) == 1).all()):
        return flat(stripes[0].data, stripes[0].shape)
    ends = np.cumsum([len(s.rows) for s in stripes]).tolist()
    slots = np.split(slot, ends[:-1]) if stripes else []
    parts = [s.data if np.shape(s.data) == () else flat(s.data, s.shape) for s in stripes]
    return placed(*parts, order=Order(list(map(steps, slots)), size, np.dtype(dtype)))
