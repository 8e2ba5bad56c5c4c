"""Explicit back-substitution on the assembled A, against SciPy's on the same matrix."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse.linalg import spsolve_triangular

import lagrad as lg
from benchmarks.measure import Figure, agree, at_most, medians
from benchmarks.rotations import THETA, rotations
from lagrad.solve import solve_triangular

SIZE, REPEATS = 1_000_000, 9
BAR = 1.5


def figures(size: int = SIZE, repeats: int = REPEATS) -> Iterator[Figure]:
    program = rotations(size)
    system = lg.trace(program.f, THETA, program.x).linearize()
    a, b = system.A, system.rhs
    calls = {
        "kernel": lambda: solve_triangular(a, b),
        "solve": lambda: system.solve(method="explicit"),
    }
    # SciPy gets the format it is fastest with.
    for matrix in (a.tocsc(), a.tocsr()):
        calls[f"scipy {matrix.format}"] = lambda m=matrix: spsolve_triangular(
            m, b, lower=False, unit_diagonal=True
        )
    expected = spsolve_triangular(a.tocsr(), b, lower=False)
    for name, call in calls.items():
        found = call()
        if name == "solve":
            found = np.array([found[v] for v in system.variables])
        agree(found, expected, 1e-12, name)
    times = medians(calls, repeats)
    peers = {name: time for name, time in times.items() if name.startswith("scipy")}
    best = min(peers, key=peers.__getitem__)
    told = f"spsolve_triangular, {best.removeprefix('scipy ').upper()}, unit diagonal: ms"
    yield Figure("substitution", told, f"{1e3 * peers[best]:.1f}")
    for name, what in {
        "kernel": "the triangular solve of lagrad / that",
        "solve": "system.solve(method='explicit'), residual checked / that",
    }.items():
        yield at_most("substitution", what, times[name] / peers[best], BAR)
