"""Eliminating variables: the accumulation of sparse Jacobians."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.assemble import joined, real_entries, refuse_too_large, to_matrix
from lagrad.graph import Graph
from lagrad.partials import product_entries


def accumulate(graph: Graph, outputs: Iterable[int]) -> dict[int, dict[int, sp.csr_array]]:
    """Return dz_i/dx for each output row i and each input row x, as sparse matrices.

    Forward accumulation, ``dz_i/dx = sum over j in alpha(i) of (df_i/dz_j) (dz_j/dx)``, by products
    that keep every structural entry; a Jacobian is freed after its last use. Complex variables
    count as (re, im).
    """
    wanted = set(outputs)
    rows, parents = graph.edges()
    last_use = np.zeros(len(graph), dtype=np.int64)
    np.maximum.at(last_use, parents, rows)
    wide = [graph.dtype(i).kind == "c" for i in range(len(graph))]
    sizes = graph.sizes.tolist()
    found: dict[int, dict[int, Any]] = {}
    for i in range(max(wanted, default=-1) + 1):
        size = sizes[i] * (1 + wide[i])
        if i in graph.inputs:
            found[i] = {i: sp.csr_array(sp.eye_array(size, format="csr"))}
            continue
        parts: dict[int, list[Any]] = {}
        for j, entries, conjugates in graph.entries(i):
            if j not in found:
                continue
            local = real_entries(entries, conjugates, (sizes[j], wide[j]), (sizes[i], wide[i]))
            p = sp.coo_array((local[2], local[:2]), shape=(size, sizes[j] * (1 + wide[j])))
            for x, jacobian in found[j].items():
                refuse_too_large(
                    int(p.nnz * max(1, jacobian.nnz) // max(1, jacobian.shape[0])), "a Jacobian"
                )
                parts.setdefault(x, []).append(product_entries(p, jacobian))
        if parts:
            found[i] = {
                x: sp.csr_array(
                    to_matrix(
                        joined(lists),
                        (size, sizes[x] * (1 + wide[x])),
                    )
                )
                for x, lists in parts.items()
            }
        for j in set(graph.parents(i)):
            if last_use[j] == i and j not in wanted:
                found.pop(j, None)
    return {i: found.get(i, {}) for i in wanted}
