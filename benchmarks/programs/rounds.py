"""Measuring a work: results are checked first, then tools take turns, each in its own process.

NumPy, XLA and PyTorch each keep a pool of threads that goes on spinning for a while after a call,
and would slow down the next tool. So there is one process for what runs on NumPy, one for JAX and
one for PyTorch; between two of them there is a rest, and before each sample a call that is not
counted.
"""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import scipy.sparse as sp

import lagrad as lg
from benchmarks.measure import agree
from benchmarks.programs import catalogue
from benchmarks.programs.tools import available, built, numbers_of, program

#: Seconds: a sample, the rest before it where another process had its turn, and what a tool may
#: take of a work in all once it has had the least number of rounds.
SAMPLE, REST, SHARE = 0.01, 0.04, 1.2
ROUNDS, LEAST = 15, 3

#: Seconds: what is compiled faster than this is compiled several times.
SHORT = 0.5

#: A thread of OpenBLAS sleeps after 2^20 ticks instead of 2^26.
THREADS = {
    "OPENBLAS_NUM_THREADS": str(os.cpu_count()),
    "OMP_NUM_THREADS": str(os.cpu_count()),
    "MKL_NUM_THREADS": str(os.cpu_count()),
    "OPENBLAS_THREAD_TIMEOUT": "20",
    "XLA_FLAGS": "",
}

#: ``run(tool, function, *args)`` returns ``function(*args)`` from the process of a tool.
Run = Callable[..., Any]


@dataclass(frozen=True)
class Result:
    """What was measured of a work at one size; seconds and bytes."""

    name: str
    size: int
    times: dict[str, float]
    first: dict[str, float]
    constraints: int
    instructions: int
    compile: float
    peaks: dict[str, int] = field(default_factory=dict)


@contextmanager
def processes() -> Iterator[Run]:
    """Open the three processes, in which all cores may be used."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(THREADS)
    spawn = multiprocessing.get_context("spawn")
    try:
        with ExitStack() as stack:
            pools = {
                family: stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn))
                for family in ("NumPy", "JAX", "PyTorch")
            }

            def run(tool: str, function: Callable[..., Any], *args: Any) -> Any:
                return pools.get(tool, pools["NumPy"]).submit(function, *args).result()

            yield run
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def here(tool: str, function: Callable[..., Any], *args: Any) -> Any:
    """Run everything in this process: for checks, not for times."""
    del tool
    return function(*args)


# -- in the process of a tool ----------------------------------------------------------------------


@functools.lru_cache(maxsize=8)
def prepared(name: str, size: int, tool: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return the call of a tool and its arguments, kept while the work lasts."""
    return built(catalogue.works()[name], tool, size)


def first_result(name: str, size: int, tool: str) -> tuple[float, list[Any]]:
    """Return the seconds of the first call, building included, and its results."""
    begin = time.perf_counter()
    call, args = prepared(name, size, tool)
    result = call(*args)
    return time.perf_counter() - begin, list(numbers_of(result))


def sample(name: str, size: int, tool: str, loops: int, warm: bool) -> float:
    """Return the wall-clock seconds of one call, over so many."""
    call, args = prepared(name, size, tool)
    if warm:
        for _ in range(loops):
            call(*args)
    begin = time.perf_counter()
    for _ in range(loops):
        call(*args)
    return (time.perf_counter() - begin) / loops


def compile_cost(name: str, size: int) -> tuple[float, int, int]:
    """Return the seconds to compile, the constraints of f, and the instructions.

    The first call compiles: what a later one takes is taken off.
    """
    work = catalogue.works()[name]
    params, constants = work.data(size)
    constraints = len(lg.trace(program(work, constants), *params))
    seconds: list[float] = []
    while not seconds or (sum(seconds) < SHORT and len(seconds) < 5):
        call, args = built(work, "lagrad", size)
        begin = time.perf_counter()
        call(*args)
        turn = time.perf_counter()
        call(*args)
        seconds.append(max(0.0, 2 * turn - begin - time.perf_counter()))
    return median(seconds), constraints, len(getattr(call, "graph", ()))


def peak(name: str, size: int, tool: str) -> int:
    """Return the peak of what one call allocates, and what the tool has kept for it."""
    work = catalogue.works()[name]
    data = work.data(size)
    gc.collect()
    tracemalloc.start()  # NumPy tells it of its arrays
    before = tracemalloc.get_traced_memory()[0]
    call, args = built_on(work, tool, data)
    result = call(*args)
    del result
    gc.collect()
    tracemalloc.reset_peak()
    result = call(*args)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most - before


def built_on(work: Any, tool: str, data: Any) -> Any:
    """Return the call of a tool on data that are there already."""
    import dataclasses

    return built(dataclasses.replace(work, data=lambda size: data), tool, 0)


def forget() -> None:
    """Let go of what was kept for a work."""
    prepared.cache_clear()
    gc.collect()


# -- in turns --------------------------------------------------------------------------------------


def checked(work: Any, size: int, run: Run) -> dict[str, float]:
    """Return the seconds of each tool's first call; raise unless all results are those by hand."""
    tools = available(work, size)
    first, expected = {}, None
    for tool in tools:
        first[tool], found = run(tool, first_result, work.name, size, tool)
        if tool == "by hand":
            expected = found
        elif tool != "function":
            compare(found, expected, work.rtol, f"{work.name}, {tool}")
        else:
            compare(found[:1], expected[:1], work.rtol, f"{work.name}, the function itself")
    return first


def compare(found: list[Any], expected: list[Any], rtol: float, what: str) -> None:
    """Raise unless two lists of results agree."""
    if len(found) != len(expected):
        raise ArithmeticError(f"{what}: {len(found)} results, not {len(expected)}")
    for k, (x, y) in enumerate(zip(found, expected, strict=True)):
        if sp.issparse(y):
            if x.shape != y.shape:
                raise ArithmeticError(f"{what}: shape {x.shape}, not {y.shape}")
            agree(1.0 + abs(x - y).max() / abs(y).max(), 1.0, rtol, f"{what}, result {k}")
        else:
            agree(np.reshape(x, np.shape(y)), y, rtol, f"{what}, result {k}")


def measured(work: Any, size: int, run: Run, rounds: int = ROUNDS) -> Result:
    """Check a work at a size, and measure it."""
    first = checked(work, size, run)
    times = turns(work, size, run, list(first), rounds)
    seconds, constraints, instructions = run("lagrad", compile_cost, work.name, size)
    peaks = {}
    if work.kind == "array":
        peaks = {tool: run(tool, peak, work.name, size, tool) for tool in ("by hand", "lagrad")}
    for tool in first:
        run(tool, forget)
    return Result(work.name, size, times, first, constraints, instructions, seconds, peaks)


def turns(work: Any, size: int, run: Run, tools: list[str], rounds: int) -> dict[str, float]:
    """Return the median seconds of each tool over rounds in which each has its turn."""
    loops, samples, spent = {}, {}, {}
    for tool in tools:
        once = run(tool, sample, work.name, size, tool, 1, True)
        loops[tool] = max(1, int(SAMPLE / once))
        samples[tool], spent[tool] = [], 0.0
    last = ""
    for _ in range(rounds):
        for tool in tools:
            if spent[tool] > SHARE and len(samples[tool]) >= min(rounds, LEAST):
                continue
            family = tool if tool in ("JAX", "PyTorch") else "NumPy"
            if family != last:
                time.sleep(REST)
            last, begin = family, time.perf_counter()
            short = loops[tool] > 1
            samples[tool].append(run(tool, sample, work.name, size, tool, loops[tool], short))
            spent[tool] += time.perf_counter() - begin
    return {tool: median(found) for tool, found in samples.items()}
