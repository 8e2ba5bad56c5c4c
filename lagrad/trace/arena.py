"""Memory for the values of a trace: large blocks, since all of them stay to the end.

An array program that frees its results works in memory that is warm. A trace keeps every value, so
each one would come from memory that the system must first map and clear, page by page: that costs
ten times the product that is put there. Of a large block NumPy asks for huge pages instead.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

#: Bytes of a block; from 4 MiB on NumPy asks for huge pages.
BLOCK = 2**23
#: Bytes of a value that is worth a place in a block, and that still shares one with others.
SMALLEST, LARGEST = 2**13, 2**21
#: Bytes of values after which a trace takes blocks: few arrays are found in warm memory.
PATIENCE = 2**19


class Arena:
    """Hands out float64 arrays, one behind the other in blocks."""

    __slots__ = ("block", "taken", "used")

    def __init__(self) -> None:
        self.block = np.empty(0)
        self.taken = 0
        self.used = 0

    def evaluate(self, function: Callable[..., Any], values: list[Any]) -> Any:
        """Return ``function(*values)``, put into a block if its shape and type are known before."""
        ufunc = UFUNCS.get(function)
        if ufunc is None:
            return function(*values)
        widest: Any = None
        for v in values:
            if type(v) is np.ndarray:
                if v.dtype is not FLOAT or not (widest is None or widest.shape == v.shape):
                    return function(*values)
                widest = v
            elif type(v) not in NUMBERS:
                return function(*values)
        size = widest.nbytes
        if not SMALLEST <= size <= LARGEST or (widest.ndim > 1 and not widest.flags.c_contiguous):
            return function(*values)
        self.taken += size
        if self.taken <= PATIENCE:
            return function(*values)
        begin, step = self.used, (size + 63) // 64 * 8  # from one cache line to the next
        if begin + step > len(self.block):
            self.block, begin = np.empty(BLOCK // 8), 0
        self.used = begin + step
        out = self.block[begin : begin + size // 8]
        return ufunc(*values, out=out if widest.ndim == 1 else out.reshape(widest.shape))

    def released(self, x: Any) -> Any:
        """Return a value that the user gets, apart from the block that it lies in."""
        if type(x) is np.ndarray and x.base is not None and getattr(x.base, "nbytes", 0) == BLOCK:
            return x.copy()
        return x


FLOAT = np.dtype(float)
NUMBERS = frozenset({float, int, np.float64})
#: Elementwise functions of float64 arrays that give float64. Not among them: ``**``, which does
#: more than np.power, and ufuncs with a signature, whose result has another shape (matmul).
UFUNCS: dict[Callable[..., Any], np.ufunc] = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.divide,
    **{
        f: f
        for f in vars(np).values()
        if isinstance(f, np.ufunc)
        and f.signature is None
        and f.nout == 1
        and "d" * f.nin + "->d" in f.types
    },
}
