"""The accumulation of a graph of plain numbers with few inputs: one pass, a small array a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lagrad.graph import Graph
from lagrad.partials import ONE, Scale


def numbers(graph: Graph, outputs: Sequence[int | None], inputs: Sequence[int]) -> Any:
    """Return dz_i/dx for the outputs (rows; None for one that does not vary) and inputs (columns).

    ``J_i = sum over j in alpha(i) of (df_i/dz_j) J_j``; what stands behind a selection that did
    not take it has no part in it. None for a graph of anything but numbers, and if a derivative is
    not finite: whose it is, 0 * inf would not tell.
    """
    if not graph.scalar.all() or graph.cycles:
        return None
    nothing = np.zeros(len(inputs))
    J: dict[int, Any] = dict(zip(inputs, np.eye(len(inputs)), strict=True))  # noqa: N806
    with np.errstate(all="ignore"):
        for i in range(1 + max((r for r in outputs if r is not None), default=-1)):
            total = J.get(i)
            for j, p in graph.partials(i):
                if j in J:
                    if type(p) is not Scale:
                        return None
                    if p.mask is None or p.mask:
                        part = J[j] if p.d is ONE else p.d * J[j]
                        total = part if total is None else total + part
            if total is not None:
                J[i] = total
    found = np.stack([nothing if r is None else J.get(r, nothing) for r in outputs])
    return found if np.isfinite(found).all() else None
