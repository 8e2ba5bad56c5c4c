"""Conditions linearized at a point: R = dg/dz, applied by sweeps or formed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.eliminate import Symbolic, accumulate, as_entries, jacobian_rows, numbers
from lagrad.graph import Graph
from lagrad.partials import joined
from lagrad.residual.layout import Layout
from lagrad.rounding import rounding_errors
from lagrad.solve import back_substitute, forward_substitute
from lagrad.trace import Tracer

#: The columns of so small a matrix are found by sweeps at a fraction of the cost of products.
FEW = 12


@dataclass(frozen=True)
class Linear:
    """The conditions linearized at a point.

    ``outputs`` are the leaves of g there: tracers, or plain where nothing in them varies;
    ``unknowns`` and ``parameters`` are input rows of the graph; ``outer`` are the values of traces
    around that the last of the parameters stand for; ``symbolic`` is what is known of the pattern
    of A from other points.
    """

    graph: Graph
    unknowns: list[int]
    parameters: list[int]
    outputs: list[Any]
    layout: Layout
    equations: Layout
    outer: list[Any] = field(default_factory=list)
    symbolic: Symbolic | None = None

    @cached_property
    def rows(self) -> list[int | None]:
        """The row of each output, None for one that does not vary."""
        return [y._row if isinstance(y, Tracer) else None for y in self.outputs]

    @property
    def varying(self) -> list[int]:
        """The rows of the outputs that vary."""
        return [row for row in self.rows if row is not None]

    def push(self, tangents: dict[int, Any]) -> Any:
        """Return dg for changes of input rows, as a vector."""
        zdot = forward_substitute(self.graph, len(self.graph), tangents)
        return self.equations.pack(
            [
                zdot[row] if row in zdot else np.zeros(shape)
                for row, shape in zip(self.rows, self.equations.shapes, strict=True)
            ]
        )

    def pull(self, lam: Any) -> dict[int, Any]:
        """Return (dg/dx)^T lam by input row; what g does not depend on is left out."""
        seeds: dict[int, Any] = {}
        for row, w in zip(self.rows, self.equations.unpack(lam, -1.0), strict=True):
            if row is not None:
                seeds[row] = seeds[row] + w if row in seeds else w
        return back_substitute(self.graph, seeds, keep={*self.unknowns, *self.parameters})

    def along(self, dz: Any) -> Any:
        """Return R dz."""
        return self.push(dict(zip(self.unknowns, self.layout.unpack(dz), strict=True)))

    def back(self, lam: Any) -> Any:
        """Return A lam = R^T lam."""
        return self.layout.pack(self.multipliers(self.pull(lam), self.unknowns))

    def multipliers(self, found: dict[int, Any], rows: list[int]) -> list[Any]:
        """Return what `pull` found for these rows, zero where nothing came, in (re, im) order."""
        z = self.graph.columns.values
        parts = (found.get(r, np.zeros(np.shape(z[r]), z[r].dtype)) for r in rows)
        return [np.conjugate(w) if w.dtype.kind == "c" else w for w in parts]

    @cached_property
    def A(self) -> sp.csc_array:  # noqa: N802
        """A = R^T at the level of entries: columns by sweeps if there are few, else `structure`."""
        return self.structure if self.layout.size > FEW else self.swept

    @cached_property
    def dense(self) -> np.ndarray:
        """A as an array: in one pass through plain numbers, else one sweep a column."""
        if self.layout.size <= FEW:
            found = numbers(self.graph, self.rows, self.unknowns)
            if found is not None:
                return found.T
        return np.stack([self.back(e) for e in np.eye(self.layout.size)], axis=1)

    @property
    def swept(self) -> sp.csc_array:
        """A with every entry stored, by as many sweeps as it has columns."""
        return stored(self.dense)

    @cached_property
    def structure(self) -> sp.csc_array:
        """A by sparse products that eliminate the steps of g and keep every structural entry."""
        symbolic = self.symbolic or Symbolic()
        found = jacobian_rows(self.graph, self.varying, tuple(self.unknowns), symbolic)
        size = self.layout.size
        if len(self.rows) == 1 and self.rows[0] in found:
            m = found[self.rows[0]]
            return sp.csc_array((m.data, m.indices, m.indptr), shape=(size, self.equations.size))
        parts = [
            (rows + down, columns, data)
            for row, down in zip(self.rows, self.equations.offsets, strict=False)
            if row in found
            for rows, columns, data in [as_entries(found[row])]
        ]
        return symbolic.matrix(joined(parts), (self.equations.size, size)).T

    def parameter_matrices(self) -> dict[int, sp.csr_array]:
        """Return dg/dp by parameter row, as sparse matrices with all equations as rows."""
        found = accumulate(self.graph, self.varying, self.parameters)
        widths, sizes = self.graph.widths, self.graph.sizes
        made = {}
        for r in self.parameters:
            blocks = [found[row].get(r) if row is not None else None for row in self.rows]
            width = int(sizes[r] * widths[r])
            parts = [
                sp.csr_array((end - begin, width)) if b is None else b
                for b, (begin, end) in zip(blocks, pairwise(self.equations.offsets), strict=True)
            ]
            made[r] = sp.csr_array(sp.vstack(parts))
        return made

    def rounding(self, rng: np.random.Generator) -> np.ndarray:
        """Return how large the rounding errors of g may be."""
        with np.errstate(all="ignore"):  # A partial that is not finite is told elsewhere.
            errors = iter(rounding_errors(self.graph, self.varying, rng))
        parts = []
        for row, shape, dtype in zip(
            self.rows, self.equations.shapes, self.equations.dtypes, strict=True
        ):
            error = np.zeros(shape) if row is None else next(errors)
            parts += [np.ravel(error)] * (1 + (dtype.kind == "c"))
        return np.concatenate(parts) if parts else np.zeros(0)


def stored(dense: np.ndarray) -> sp.csc_array:
    """Return a square array as a sparse one by columns, zeros too."""
    n = len(dense)
    rows, begins = np.tile(np.arange(n), n), np.arange(0, n * n + 1, n)
    return sp.csc_array((dense.T.ravel(), rows, begins), shape=(n, n))
