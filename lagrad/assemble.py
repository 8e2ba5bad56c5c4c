"""Assembling R = dr/dz at the level of entries, vectorised over constraints.

Scalar constraints of the same primitive are linearized together: their derivatives are evaluated
once, on vectors. All others hand in the entries of their partials. Where entries stand is worked
out once for a structure (`compressed`); values are then only added up there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from lagrad.graph import Graph
from lagrad.memory import available_memory
from lagrad.partials import Entries, joined
from lagrad.status import SizeError

#: Bytes an entry costs while A is made: coordinates, values, and the sorted copy.
BYTES_PER_ENTRY = 56

#: From so many entries on SciPy's compiled sorting is faster, in spite of what it costs to call.
LARGE = 3000


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


class Compressed(NamedTuple):
    """Where entries in any order, with duplicates, stand in a matrix that is compressed by rows.

    ``slot`` says where each entry goes: `IN_ORDER` where they are, None where it is not known yet.
    The arrays are not to be changed.
    """

    indptr: np.ndarray
    indices: np.ndarray
    slot: np.ndarray | None


IN_ORDER = np.zeros(0, dtype=np.int32)


def compressed(entries: Entries, shape: tuple[int, int]) -> tuple[Compressed, np.ndarray]:
    """Return the places of entries, and the data of their matrix."""
    rows, columns, data = entries
    number = index_type(max(*shape, len(rows)))
    rows, columns = (index.astype(number, copy=False) for index in (rows, columns))
    if in_order(rows, columns):
        return Compressed(pointers(rows, shape[0]), columns, IN_ORDER), data
    if len(rows) > LARGE:
        made = sp.coo_array((data, (rows, columns)), shape=shape).tocsr()
        made.sort_indices()
        return Compressed(made.indptr, made.indices, None), made.data
    order = np.argsort(rows.astype(np.int64) * shape[1] + columns, kind="stable")
    down, right = rows[order], columns[order]
    new, slot = starts_of(down, right), np.empty_like(rows)
    slot[order] = np.cumsum(new) - 1
    found = Compressed(pointers(down[new], shape[0]), right[new], slot)
    return found, sums(slot, data, len(found.indices))


def in_order(rows: np.ndarray, columns: np.ndarray) -> bool:
    """True if entries go by rows and then by columns, each once."""
    if not (rows[1:] >= rows[:-1]).all():
        return False
    return bool(((rows[1:] > rows[:-1]) | (columns[1:] > columns[:-1])).all())


def slots(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return where each entry goes in the compressed matrix."""
    number = np.arange(len(rows), dtype=index_type(max(*shape, len(rows))))
    made = sp.coo_array((number, (rows, columns)), shape=shape)
    made.has_canonical_format = True  # else SciPy would add up what is of one place
    by_rows = made.tocsr()
    by_rows.sort_indices()
    order = by_rows.data
    at = np.repeat(np.arange(shape[0], dtype=number.dtype), np.diff(by_rows.indptr))
    slot = np.empty_like(order)
    slot[order] = np.cumsum(starts_of(at, by_rows.indices), dtype=order.dtype) - 1
    return slot


def sums(slot: np.ndarray, data: np.ndarray, count: int) -> np.ndarray:
    """Return the data of the compressed matrix: entries of one place added up, zeros kept."""
    if slot is IN_ORDER:
        return data
    return np.bincount(slot, weights=data, minlength=count).astype(data.dtype, copy=False)


def pointers(rows: np.ndarray, count: int) -> np.ndarray:
    """Return where each row begins among sorted entries."""
    counts = np.bincount(rows, minlength=count)
    return np.concatenate([[0], np.cumsum(counts)]).astype(rows.dtype)


def starts_of(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return which of sorted entries are the first of their place."""
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
    return new


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """True if two arrays of places are the same one, or equal."""
    return a is b or np.array_equal(a, b)


def index_type(largest: int) -> Any:
    """Return the smaller of SciPy's integer types if it can count so far."""
    return np.int32 if largest <= np.iinfo(np.int32).max else np.int64


def to_matrix(entries: Entries, shape: tuple[int, int]) -> sp.csc_array:
    """Return the sparse matrix with these entries; duplicates are summed, zeros stay."""
    rows, columns, data = entries
    index = index_type(max(*shape, len(data)))
    coordinates = rows.astype(index), columns.astype(index)
    made = sp.coo_array((data, coordinates), shape=shape).tocsc()
    made.sort_indices()
    return made
