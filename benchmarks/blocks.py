"""Multipliers where some of the constraints are cyclic, with the assembled A given.

Among 1,000,000 constraints there are 10,000 cycles of ten, dense in themselves; each constraint has
two partials to others. Two matrices differ in how far these reach: to any constraint ("far"), or
over thirty at most ("near"), which is as kind as can be to a general sparse LU: of far ones it
cannot keep up with the fill. By hand the cycles are inverted in one batch, A is multiplied by these
inverses, and what is left is one triangular solve. A third matrix has one cycle of 1,000, dense:
by hand one triangular solve behind it, its own LU (that of lagrad, singularity and residual
checked), and another triangular solve before it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu, spsolve_triangular

from benchmarks.measure import Figure, agree, at_least, at_most, medians
from lagrad.solve import factorize, solve_block_triangular
from lagrad.solve.batched import BlockTriangular
from lagrad.solve.block_triangular import natural_form
from lagrad.solve.form import Form
from lagrad.solve.interface import checked

SIZE, REPEATS = 1_000_000, 7
CYCLE, LARGE, NEAR = 10, 1000, 30
SAMPLES, SAMPLE = 64, 50
BAR, BAR_LU = 1.5, 5.0


class Grouped(NamedTuple):
    """A in block order, by rows; the blocks begin at ``bounds``, and cycles have ``size``."""

    A: sp.csr_array
    bounds: np.ndarray
    size: int
    b: np.ndarray

    @property
    def form(self) -> Form:
        return natural_form(self.bounds, np.flatnonzero(np.diff(self.bounds) > 1))


def grouped(n: int, cycles: int, size: int, reach: int | None) -> Grouped:
    """Return n constraints, ``cycles`` cycles of ``size`` among them, at random places."""
    rng = np.random.default_rng(0)
    sizes = np.ones(n - cycles * size + cycles, dtype=np.int64)
    sizes[rng.choice(len(sizes), cycles, replace=False)] = size
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    end = np.repeat(bounds[1:], sizes)
    rows = np.repeat(np.arange(n), 2)
    room = n - end[rows]
    columns = end[rows] + (rng.random(2 * n) * (room if reach is None else reach)).astype(np.int64)
    kept = columns < n
    off = sp.coo_array((-rng.random(2 * n)[kept] / 2, (rows[kept], columns[kept])), shape=(n, n))
    at = bounds[:-1][sizes > 1][:, None, None] + np.zeros((size, size), dtype=np.int64)
    i, j = at + np.arange(size)[:, None], at + np.arange(size)
    values = np.eye(size) + 0.3 / np.sqrt(size) * rng.standard_normal(i.shape)
    inside = sp.coo_array((values.ravel(), (i.ravel(), j.ravel())), shape=(n, n))
    ones = np.repeat(sizes == 1, sizes).astype(float)
    A = sp.csr_array(off) + sp.csr_array(inside) + sp.diags_array(ones, format="csr")
    A.sort_indices()
    return Grouped(A, bounds, size, rng.standard_normal(n))


def by_hand(made: Grouped) -> np.ndarray:
    """Invert the cycles in a batch, multiply A by the inverses, and go through what is left."""
    A, bounds, size, b = made
    n, sizes = A.shape[0], np.diff(bounds)
    cyclic = sizes == size
    first, count = np.repeat(bounds[:-1], sizes), np.repeat(sizes, sizes)
    owner = np.repeat(np.arange(n), np.diff(A.indptr))
    inside = A.indices < (first + count)[owner]
    entries = np.flatnonzero(inside & (count == size)[owner])
    number = np.repeat(np.cumsum(cyclic) - 1, sizes)
    r, c = owner[entries], A.indices[entries]
    dense = np.zeros((np.count_nonzero(cyclic), size, size))
    dense[number[r], r - first[r], c - first[r]] = A.data[entries]
    indptr = np.concatenate([[0], np.cumsum(count)])
    values = np.ones(indptr[-1])
    values[np.repeat(count == size, count)] = np.linalg.inv(dense).ravel()
    columns = np.repeat(first - indptr[:-1], count) + np.arange(indptr[-1])
    inverse = sp.csr_array((values, columns, indptr), shape=(n, n))
    kept = np.concatenate([[0], np.cumsum(~inside)])[A.indptr]
    beyond = sp.csr_array((A.data[~inside], A.indices[~inside], kept), shape=(n, n))
    u = inverse @ beyond + sp.eye_array(n, format="csr")
    return spsolve_triangular(u, inverse @ b, lower=False, unit_diagonal=True)


def own_factors(k: int, block: sp.csc_array) -> Any:
    return factorize(block)


def blockwise(made: Grouped) -> np.ndarray:
    return solve_block_triangular(made.A, made.form, made.b, own_factors)


def by_superlu(made: Grouped) -> np.ndarray:
    return splu(sp.csc_array(made.A)).solve(made.b)


def figures(size: int = SIZE, repeats: int = REPEATS) -> Iterator[Figure]:
    cycles = max(2, size // 100)
    for name, reach in (("far", None), ("near", NEAR)):
        made = grouped(size, cycles, CYCLE, reach)
        expected = by_hand(made)
        agree(made.A @ expected, made.b, 1e-10, f"{name}: by hand")
        agree(blockwise(made), expected, 1e-10, name)
        calls = {"by hand": lambda m=made: by_hand(m), "lagrad": lambda m=made: blockwise(m)}
        times = medians(calls, repeats)
        told = f"{cycles:,} cycles of {CYCLE} among {size:,}, {name}"
        yield Figure("blocks", f"{told}, by hand: ms", f"{1e3 * times['by hand']:.0f}")
        yield at_most("blocks", "lagrad / that", times["lagrad"] / times["by hand"], BAR)
    yield from beside_superlu(made, f"{size:,} constraints, near", repeats)
    few = max(300, size // 100)
    part = grouped(few, few // 100, CYCLE, None)
    yield from beside_superlu(part, f"{few:,} constraints, far; more do not end", repeats)
    yield from one_large(size, max(80, size * LARGE // SIZE), repeats)
    yield from samples(repeats)


def beside_superlu(made: Grouped, told: str, repeats: int) -> Iterator[Figure]:
    agree(by_superlu(made), blockwise(made), 1e-9, "SuperLU")
    calls = {"superlu": lambda: by_superlu(made), "lagrad": lambda: blockwise(made)}
    times = medians(calls, min(3, repeats))
    what = f"SuperLU with COLAMD on the whole A / lagrad: {told}"
    yield at_least("blocks", what, times["superlu"] / times["lagrad"], BAR_LU, "{:.1f}")


def one_large(size: int, large: int, repeats: int) -> Iterator[Figure]:
    """Time one large cycle beside its own LU and one triangular solve on either side, by hand."""
    made = grouped(size, 1, large, None)
    begin = int(made.bounds[np.argmax(np.diff(made.bounds))])
    agree(blockwise(made), around(made, begin), 1e-9, "one large cycle")
    calls = {"lagrad": lambda: blockwise(made), "by hand": lambda: around(made, begin)}
    times = medians(calls, repeats)
    told = f"one cycle of {large:,} among {size:,}, by hand: ms"
    yield Figure("blocks", told, f"{1e3 * times['by hand']:.0f}")
    yield at_most("blocks", "lagrad / that", times["lagrad"] / times["by hand"], BAR)


def around(made: Grouped, begin: int) -> np.ndarray:
    """Solve behind the cycle, then the cycle, then before it."""
    A, b, end = made.A, made.b, begin + made.size
    x = np.empty(len(b))
    x[end:] = spsolve_triangular(A[end:, end:], b[end:], lower=False, unit_diagonal=True)
    rows = A[begin:end]
    rest = b[begin:end] - rows[:, end:] @ x[end:]
    block = sp.csc_array(rows[:, begin:end])
    x[begin:end] = checked(block, factorize(block), rest)
    rows = A[:begin]
    rest = b[:begin] - rows[:, begin:] @ x[begin:]
    x[:begin] = spsolve_triangular(rows[:, :begin], rest, lower=False, unit_diagonal=True)
    return x


def samples(repeats: int) -> Iterator[Figure]:
    """Time the factors of a cycle that is a batch of samples, interleaved."""
    rng = np.random.default_rng(1)
    dense = rng.standard_normal((SAMPLES, SAMPLE, SAMPLE)) + 10 * np.eye(SAMPLE)
    at = np.arange(SAMPLES * SAMPLE).reshape(SAMPLES, SAMPLE).T.ravel()
    m = sp.csc_array(sp.block_diag(list(dense), format="csr")[at][:, at])
    b = rng.standard_normal(m.shape[0])
    factor = BlockTriangular(m, factorize)
    agree(checked(m, factor, b), splu(m).solve(b), 1e-10, "samples")
    calls = {
        "superlu": lambda: splu(m).solve(b),
        "first": lambda: BlockTriangular(m, factorize).solve(b),
        "again": lambda: factor.refactor(m).solve(b),
    }
    times = medians(calls, repeats)
    told = f"{SAMPLES} samples of a dense {SAMPLE} x {SAMPLE} block, SuperLU"
    yield Figure("blocks", f"{told}: ms", f"{1e3 * times['superlu']:.1f}")
    yield Figure(
        "blocks", "block triangular form / that", f"{times['first'] / times['superlu']:.2f}"
    )
    what = "the same with new values, pattern known"
    yield Figure("blocks", what, f"{times['again'] / times['superlu']:.2f}")
