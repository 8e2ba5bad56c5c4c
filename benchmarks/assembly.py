"""Assembling A of a traced graph, all local partials included: time and memory."""

import dataclasses
import gc
import resource
import sys
import tracemalloc
from collections.abc import Iterator

import numpy as np

import lagrad as lg
from benchmarks.measure import Figure, at_most, in_a_fresh_process, medians
from benchmarks.rotations import THETA, check, rotations

SIZE, REPEATS = 1_000_000, 5
BAR_SECONDS, BAR_BYTES = 2.0, 2**30
MIB = 2**20


def figures(size: int = SIZE, repeats: int = REPEATS) -> Iterator[Figure]:
    program = rotations(size)
    graph = lg.trace(program.f, THETA, program.x)
    system = graph.linearize()
    lam = system.solve(method="explicit")
    by_name = [float(lam[system.variables[i]]) for i in graph.inputs]
    check(program, graph.columns.values[graph.outputs[0]], by_name[0], by_name[1:])
    partials = system.A.nnz - len(graph)
    # A new graph of the same rows each time: a graph keeps what it has once found out.
    (time,) = medians({"A": lambda: dataclasses.replace(graph).linearize().A}, repeats).values()
    scale = f"A of {len(graph):,} scalar constraints, {partials:,} partials"
    yield at_most("assembly", f"{scale}: seconds", time, BAR_SECONDS)
    extra, whole = in_a_fresh_process("benchmarks.assembly", "peak", size)
    yield at_most("assembly", "the same: peak extra MiB", extra / MIB, BAR_BYTES / MIB, "{:.0f}")
    yield Figure("assembly", "its whole process with tracing: peak MiB", f"{whole / MIB:.0f}")


def peak(size: int) -> tuple[int, int]:
    """Return the bytes that assembling needs at its peak, and those of the whole process."""
    program = rotations(size)
    graph = lg.trace(program.f, THETA, program.x)
    gc.collect()
    tracemalloc.start()  # NumPy tells it of its arrays; what there was before is not counted
    a = graph.linearize().A
    _, extra = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.isfinite(a.data).all()
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return extra, whole * (1 if sys.platform == "darwin" else 1024)
