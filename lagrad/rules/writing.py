"""Assignment: an array in which some entries are those of other values.

    z = base, but z[dst_k] = v_k[src_k] for each k

What was overwritten no longer counts, and of a value only the entries that stand in the end. Many
assignments are one constraint: that of a table filled cell by cell has a parent for each cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.dispatch import overridable
from lagrad.partials import ONE, Partial, Scale, Transpose, then
from lagrad.primitive import Primitive
from lagrad.rules.shaping import reshaped, take


class Places:
    """Where values are put: for each (dst, src), flat indices; src None is the one entry of v."""

    def __init__(self, parts: list[tuple[np.ndarray, np.ndarray | None]]) -> None:
        self.parts = parts

    def __repr__(self) -> str:
        count = sum(len(dst) for dst, _ in self.parts)
        return f"{count} entries" if count != 1 else f"entry {self.parts[0][0][0]}"


@overridable
def write(base: Any, *values: Any, places: Places) -> Any:
    """Return a copy of ``base`` with values at their places."""
    out = np.array(base)
    for v, (dst, src) in zip(values, places.parts, strict=True):
        out.flat[dst] = np.ravel(v)[0] if src is None else np.ravel(v)[src]
    return out


def write_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """The base counts where nothing was written, a value where it stands."""
    parts, shape = kwargs["places"].parts, np.shape(z)
    if k == 0:
        kept = np.ones(math.prod(shape), bool)
        for dst, _ in parts:
            kept[dst] = False
        return Scale(ONE, shape, np.reshape(kept, shape))
    dst, src = parts[k - 1]
    given, size = np.shape(args[k]), np.size(args[k])
    src = np.zeros(len(dst), np.intp) if src is None else src
    put = Transpose(take((dst,), (math.prod(shape),), (len(dst),)))
    return then(
        reshaped((math.prod(shape),), shape),
        put,
        take((src,), (size,), (len(dst),)),
        reshaped(given, (size,)),
    )


def write_arguments(base: Any, *values: Any, places: Places) -> Any:
    """All values are arguments."""
    return (base, *values), {"places": places}


RULES: dict[Callable[..., Any], Primitive] = {
    write: Primitive(
        "assign", write, write_partial, multilinear=True, arguments=write_arguments, linear=True
    ),
}

#: Functions that write into their first argument.
WRITES = frozenset({np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis})
#: Functions that make an array like another one.
LIKE = frozenset({np.zeros_like, np.ones_like, np.empty_like, np.full_like})
