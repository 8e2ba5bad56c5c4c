"""Assembling R = dr/dz at the level of entries, vectorised over constraints.

Scalar constraints of the same primitive are linearized together: their derivatives are evaluated
once, on vectors. All others hand in the entries of their partials.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.graph import Graph
from lagrad.memory import available_memory
from lagrad.partials import Entries, joined
from lagrad.status import SizeError

#: Bytes an entry costs while A is made: coordinates, values, and the sorted copy.
BYTES_PER_ENTRY = 56


def refuse_too_large(
    entries: int,
    what: str,
    remedy: str = "Solve matrix-free (method='sweep'), or look at .block_pattern, which is small",
    each: int = BYTES_PER_ENTRY,
) -> None:
    """Refuse to make a matrix that would not fit in memory, before anything is made.

    Raises
    ------
    SizeError
        With the size in bytes.
    """
    need, have = entries * each, available_memory()
    if need > have:
        raise SizeError(
            f"{what} would have {entries:,} entries and need {need:,} bytes, {have:,} are free. "
            + remedy
        )


def real_entries(
    entries: Entries, conjugates: bool, source: tuple[int, bool], target: tuple[int, bool]
) -> Entries:
    """Return entries between complex variables as entries between their (re, im) parts.

    ``source`` and ``target`` are (size, is complex). A complex variable of n entries takes 2 n
    rows: real parts, then imaginary parts. d acts as [[Re d, -Im d], [Im d, Re d]], after conj the
    second column changes sign; a real variable has the first row or column only.
    """
    (n_in, complex_in), (n_out, complex_out) = source, target
    if not complex_in and not complex_out:
        return entries
    rows, columns, d = entries
    sign = -1.0 if conjugates else 1.0
    parts = [(0, 0, np.real(d))]
    if complex_in and complex_out:
        parts.append((n_out, n_in, sign * np.real(d)))
    if np.iscomplexobj(d):
        if complex_out:
            parts.append((n_out, 0, np.imag(d)))
        if complex_in:
            parts.append((0, n_in, -sign * np.imag(d)))
    return joined((rows + down, columns + right, data) for down, right, data in parts)


def graph_entries(graph: Graph, offsets: np.ndarray, widths: np.ndarray) -> Entries:
    """Return the entries of J[i, j] = df_i/dz_j of a traced graph, without those of its cycles.

    Parameters
    ----------
    graph : Graph
    offsets : int array (rows + 1,), where each variable begins among the entries
    widths : int array (rows,), 2 for complex variables and 1 for real ones
    """
    parts, done = scalar_entries(graph, offsets)
    done[list(graph.cycles)] = True
    rest = np.flatnonzero(~done)
    refuse_too_large(
        sum(len(p[0]) for p in parts)
        + sum(graph.count(i) * int(widths[i]) ** 2 for i in rest.tolist()),
        "A",
    )
    sizes = graph.sizes
    # A partial behind a selection that did not take it may be infinite, and is dropped later.
    with np.errstate(all="ignore"):
        for i in rest.tolist():
            target = int(sizes[i]), bool(widths[i] == 2)
            for j, entries, conjugates in graph.entries(i):
                source = int(sizes[j]), bool(widths[j] == 2)
                rows, columns, data = real_entries(entries, conjugates, source, target)
                parts.append((rows + offsets[i], columns + offsets[j], data))
    return joined(parts)


def scalar_entries(graph: Graph, offsets: np.ndarray) -> tuple[list[Entries], np.ndarray]:
    """Linearize all scalar elementwise constraints at once.

    Returns
    -------
    parts : list of entries, one for each argument of each primitive
    done : bool array (rows,), which constraints are in them (inputs have no partials at all)
    """
    c, n = graph.columns, len(graph)
    scalar = graph.scalar
    if scalar.all():
        values = np.array(c.values, dtype=float)
    else:
        values = np.full(n, np.nan)
        values[scalar] = [v for v, s in zip(c.values, scalar.tolist(), strict=True) if s]
    m = len(c.constants)
    number = np.fromiter((type(v) in NUMBERS for v in c.constants), dtype=bool, count=m)
    constants = np.fromiter(
        (v if s else np.nan for v, s in zip(c.constants, number.tolist(), strict=True)), float, m
    )
    op = np.frombuffer(c.op, dtype=np.intc)
    start = np.frombuffer(c.start, dtype=np.int64)
    refs = np.frombuffer(c.refs, dtype=np.int64) if len(c.refs) else np.zeros(0, np.int64)
    # Constants stand behind the variables in one table, in the order that references count them.
    table = np.concatenate([values, constants[::-1]])
    good = np.concatenate([scalar, number[::-1]])
    plain = scalar.copy()
    plain[list(c.kwargs)] = False
    done = start[1:] == start[:-1]
    parts: list[Entries] = []
    for k, primitive in enumerate(c.primitives):
        if primitive.derivatives is None:
            continue
        arity = len(primitive.derivatives)
        rows = np.flatnonzero((op == k) & plain & (np.diff(start) == arity))
        own = refs[start[rows][:, None] + np.arange(arity)]
        fits = good[own].all(axis=1)
        rows, own = rows[fits], own[fits]
        done[rows] = True
        z, args = values[rows], [table[own[:, a]] for a in range(arity)]
        single = primitive.multilinear & ((own >= 0).sum(axis=1) == 1)
        with np.errstate(all="ignore"):
            for a, derivative in enumerate(primitive.derivatives):
                variable = own[:, a] >= 0
                if not variable.any():
                    continue
                d: Any = derivative(z, *args)
                d, mask = d if type(d) is tuple else (d, True)
                d = np.broadcast_to(d, rows.shape)
                kept = variable & mask & ~(single & (d == 0))
                parts.append((offsets[rows[kept]], offsets[own[kept, a]], d[kept]))
    return parts, done


NUMBERS = (float, int, np.float64)


def to_matrix(entries: Entries, shape: tuple[int, int]) -> sp.csc_array:
    """Return the sparse matrix with these entries; duplicates are summed, zeros stay."""
    rows, columns, data = entries
    index = np.int32 if max(*shape, len(data)) < 2**31 else np.int64
    coordinates = rows.astype(index), columns.astype(index)
    made = sp.coo_array((data, coordinates), shape=shape).tocsc()
    made.sort_indices()
    return made
