"""How the numbers of a container lie in one vector of real numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lagrad.containers import leaves, unflatten
from lagrad.diagnose import EntryNames
from lagrad.trace import variable
from lagrad.trace.tracer import innermost_value


class Layout:
    """How the leaves of a container lie in one vector: a complex leaf of n entries takes 2 n."""

    def __init__(self, tree: Any, name: str) -> None:
        self.labels, values = [], []
        for label, leaf in leaves(tree, name):
            self.labels.append(label)
            values.append(variable(innermost_value(leaf), label))
        self.tree = unflatten(tree, iter(values))
        self.shapes = [np.shape(z) for z in values]
        self.dtypes = [z.dtype for z in values]
        sizes = [z.size * (1 + (z.dtype.kind == "c")) for z in values]
        self.offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64).tolist()
        self.values = values

    @property
    def size(self) -> int:
        """How many real numbers there are."""
        return self.offsets[-1]

    @property
    def plain(self) -> bool:
        """True for a single real array: it can be seen as it is."""
        return len(self.shapes) == 1 and self.dtypes[0].kind != "c"

    def pack(self, parts: Sequence[Any]) -> Any:
        """Return leaves as one vector."""
        flat = [x for z in parts for x in self.parts(z)]
        return flat[0] if len(flat) == 1 else np.concatenate(flat) if flat else np.zeros(0)

    def parts(self, z: Any) -> Iterator[Any]:
        """Yield the real vectors of a leaf."""
        flat = np.reshape(z, -1)
        if flat.dtype.kind == "c":
            yield np.real(flat)
            yield np.imag(flat)
        else:
            yield flat

    def unpack(self, vector: Any, sign: float = 1.0) -> list[Any]:
        """Return the leaves of a vector; ``sign`` is -1 for multipliers, which pair as Re(w v)."""
        found = []
        pairs = pairwise(self.offsets)
        for (begin, end), shape, dtype in zip(pairs, self.shapes, self.dtypes, strict=True):
            part = vector[begin:end]
            if dtype.kind == "c":
                half = (end - begin) // 2
                part = part[:half] + (sign * 1j) * part[half:]
            if part.dtype != dtype:
                part = part.astype(dtype)
            part = np.reshape(part, shape)
            found.append(part[()] if isinstance(part, np.ndarray) else part)
        return found

    def entry_names(self) -> EntryNames:
        """The names of the entries of the vector."""
        parts: list[tuple[str, int]] = []
        for label, shape, dtype in zip(self.labels, self.shapes, self.dtypes, strict=True):
            sides = [f"Re {label}", f"Im {label}"] if dtype.kind == "c" else [label]
            parts += [(side, int(np.prod(shape))) for side in sides]
        return EntryNames(parts)
