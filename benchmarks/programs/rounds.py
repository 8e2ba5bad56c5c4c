"""Measuring a work: results are checked first, then tools take turns, each in its own process.

NumPy, XLA and PyTorch each keep a pool of threads that goes on spinning for a while after a call,
and would slow down the next tool. So there is one process for what runs on NumPy, one for JAX and
one for PyTorch, new ones for each work; between two of them there is a rest, until nothing else
runs, and before each sample calls that are not counted.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import importlib
import multiprocessing
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import scipy.sparse as sp

import lagrad as lg
from benchmarks.measure import agree
from benchmarks.programs import catalogue
from benchmarks.programs.tools import FUNCTION, available, built, numbers_of, program
from benchmarks.programs.work import Work
from lagrad.status import ArgumentError

#: Seconds: a sample, the rest before it where another process had its turn, and what a tool may
#: take of a work in all once it has had the least number of rounds.
SAMPLE, REST, SHARE = 0.002, 0.04, 0.8

#: A turn is so many samples, of which the fastest counts: what other programs add is no tool's.
SAMPLES, ROUNDS, LEAST = 5, 11, 3

#: Seconds of waiting a work for other programs to leave the cores, and the part of the cores
#: that may be busy.
PATIENCE, BUSY = 3.0, 0.15

#: Seconds: what is compiled faster than this is compiled several times.
SHORT = 0.5

#: Bytes, a little less than the largest block that glibc counts in this.
GROWN = 2**25 - 2**13

#: All cores for everyone. A thread of OpenBLAS sleeps after 2^20 ticks instead of 2^26.
CORES = str(os.cpu_count())
THREADS = {
    "OPENBLAS_NUM_THREADS": CORES,
    "OMP_NUM_THREADS": CORES,
    "MKL_NUM_THREADS": CORES,
    "OPENBLAS_THREAD_TIMEOUT": "20",
    "XLA_FLAGS": "",
}

#: ``run(tool, function, *args)`` returns ``function(*args)`` from the process of a tool.
Run = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Result:
    """What was measured of a work at one size; seconds and bytes.

    Parameters
    ----------
    times : by tool, the median of a call
    first : by tool, the first call, building included
    compile : lagrad's first call, less a later one
    peaks : by tool, memory of a call; of array programs only
    """

    name: str
    size: int
    times: dict[str, float]
    first: dict[str, float]
    constraints: int
    instructions: int
    compile: float
    peaks: dict[str, int]


def family(tool: str) -> str:
    """Return the process that runs a tool."""
    return tool if tool in ("JAX", "PyTorch") else "NumPy"


@contextmanager
def processes(families: set[str]) -> Iterator[Run]:
    """Open new processes, in which all cores may be used."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(THREADS)
    spawn = multiprocessing.get_context("spawn")
    try:
        with ExitStack() as stack:
            pools = {
                name: stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn))
                for name in sorted(families)
            }
            # Started together, and what each imports is not counted.
            for begun in [pool.submit(awake, name) for name, pool in pools.items()]:
                begun.result()

            def run(tool: str, function: Callable[..., Any], *args: Any) -> Any:
                return pools[family(tool)].submit(function, *args).result()

            yield run
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def here(tool: str, function: Callable[..., Any], *args: Any) -> Any:
    """Run everything in this process: for checks, not for times."""
    del tool
    return function(*args)


# -- in the process of a tool ----------------------------------------------------------------------


def awake(family: str) -> None:
    """Import what the tools of a process need, and let the process be one that has worked a while.

    glibc gives large blocks back to the system, and takes them anew with a page fault for each
    4 KiB, until a block as large as `GROWN` has been freed once: from then on it keeps them.
    """
    importlib.import_module({"JAX": "jax.numpy", "PyTorch": "torch"}.get(family, "numpy"))
    np.empty(GROWN, np.uint8)  # freed at once; never touched, so that it counts in no peak


@functools.lru_cache(maxsize=8)
def prepared(name: str, size: int, tool: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return the call of a tool and its arguments, kept while the work lasts."""
    return built(catalogue.works()[name], tool, size)


def first_result(name: str, size: int, tool: str) -> tuple[float, list[Any]]:
    """Return the seconds of the first call, building included, and the results.

    The first call is on other numbers than those that are checked, so that nothing of it can be
    left in what was compiled; free memory is full of nonsense, so that nothing is read from it.
    """
    begin = time.perf_counter()
    call, args = prepared(name, size, tool)
    call(*(other(args) if tool == "lagrad" else args))
    taken = time.perf_counter() - begin
    spoil(args)
    return taken, list(numbers_of(call(*args)))


def spoil(args: Any) -> None:
    """Leave nonsense in memory of the sizes of arguments, to be seen where it is read unwritten.

    Numbers, since lagrad would run again where it finds NaN.
    """
    for x in numbers_of(args):
        if isinstance(x, np.ndarray):
            [np.full(x.shape, 12345.6) for _ in range(8)]


def other(x: Any) -> Any:
    """Return the same structure with other numbers."""
    if isinstance(x, tuple | list):
        return type(x)(map(other, x))
    return 1.001 * x


def sample(name: str, size: int, tool: str, loops: int, times: int) -> float:
    """Return the wall-clock seconds of one call, the fastest of so many means over loops."""
    call, args = prepared(name, size, tool)
    seconds = []
    for _ in range(1 + times):  # the first is not counted: it wakes the threads
        begin = time.perf_counter()
        for _ in range(loops):
            call(*args)
        seconds.append((time.perf_counter() - begin) / loops)
    return min(seconds[1:])


def constraints_of(name: str, size: int) -> int:
    """Return the number of constraints of f."""
    work = catalogue.works()[name]
    params, constants = work.data(size)
    return len(lg.trace(program(work, constants), *params))


def compile_seconds(name: str, size: int) -> float:
    """Return the median seconds to compile: building and the first call, less a later one."""
    work = on_data(name, size)
    seconds: list[float] = []
    while sum(seconds) < SHORT and len(seconds) < 5:
        begin = time.perf_counter()
        call, args = built(work, "lagrad", size)
        call(*args)
        turn = time.perf_counter()
        call(*args)
        seconds.append(max(0.0, 2 * turn - begin - time.perf_counter()))
    return median(seconds)


def on_data(name: str, size: int) -> Work:
    """Return a work whose data of a size are there already."""
    work = catalogue.works()[name]
    given = work.data(size)
    return dataclasses.replace(work, data=lambda size: given)


def instructions(name: str, size: int) -> int:
    """Return how many instructions lagrad has compiled; none if it runs as plain Python."""
    call, _ = prepared(name, size, "lagrad")
    # A run of an optimiser has the compiled gradient as its argument.
    compiled: Any = call.args[0] if isinstance(call, functools.partial) else call
    try:
        return len(compiled.graph)
    except (AttributeError, ArgumentError):
        return 0


def peak(name: str, size: int, tool: str) -> int:
    """Return the peak bytes of one call, with what the tool has kept from compiling."""
    work = on_data(name, size)
    gc.collect()
    tracemalloc.start()  # NumPy tells it of its arrays
    call, args = built(work, tool, size)
    call(*args)
    gc.collect()
    tracemalloc.reset_peak()
    call(*args)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


# -- in turns --------------------------------------------------------------------------------------


def measured(work: Work, size: int, run: Run, rounds: int = ROUNDS) -> Result:
    """Check a work at a size, and measure it."""
    first = checked(work, size, run)
    times = turns(work, size, run, list(first), rounds)
    compiling = first["lagrad"] - times["lagrad"]
    if compiling < SHORT:
        compiling = run("lagrad", compile_seconds, work.name, size)
    tools = ("by hand", "lagrad") if work.kind == "array" else ()
    return Result(
        name=work.name,
        size=size,
        times=times,
        first=first,
        constraints=run("lagrad", constraints_of, work.name, size),
        instructions=run("lagrad", instructions, work.name, size),
        compile=compiling,
        peaks={tool: run(tool, peak, work.name, size, tool) for tool in tools},
    )


def checked(work: Work, size: int, run: Run) -> dict[str, float]:
    """Return the seconds of each tool's first call; raise unless all results are those by hand."""
    first, expected = {}, []
    for tool in available(work, size):
        first[tool], found = run(tool, first_result, work.name, size, tool)
        if tool == "by hand":
            expected = found
        elif tool == FUNCTION:
            compare(found, expected[: len(found)], work.rtol, f"{work.name}, the function itself")
        else:
            compare(found, expected, work.rtol, f"{work.name}, {tool}")
    return first


def compare(found: list[Any], expected: list[Any], rtol: float, what: str) -> None:
    """Raise unless two lists of results agree."""
    if len(found) != len(expected):
        raise ArithmeticError(f"{what}: {len(found)} results, not {len(expected)}")
    for k, (x, y) in enumerate(zip(found, expected, strict=True)):
        if sp.issparse(y):
            # Patterns may differ where an entry is zero: differences, beside the largest entry.
            wrong, largest = sp.csr_array(x - y).data, abs(y).max()
            x, y = np.append(wrong, largest), np.append(np.zeros_like(wrong), largest)
        elif x.size == y.size:
            x = x.reshape(y.shape)  # CasADi's numbers and vectors are matrices
        agree(x, y, rtol, f"{what}, result {k}")


def turns(work: Work, size: int, run: Run, tools: list[str], rounds: int) -> dict[str, float]:
    """Return the median seconds of each tool over rounds in which each has its turn."""
    loops: dict[str, int] = {}
    samples: dict[str, list[float]] = {}
    spent: dict[str, float] = {}
    for tool in tools:
        once = run(tool, sample, work.name, size, tool, 1, 1)
        loops[tool] = max(1, int(SAMPLE / once))
        samples[tool], spent[tool] = [], 0.0
    last, patience = "", PATIENCE
    for _ in range(rounds):
        for tool in tools:
            if spent[tool] > SHARE and len(samples[tool]) >= min(rounds, LEAST):
                continue
            if family(tool) != last:
                patience -= quiet(patience)
            last, begin = family(tool), time.perf_counter()
            taken = run(tool, sample, work.name, size, tool, loops[tool], SAMPLES)
            samples[tool].append(taken)
            spent[tool] += time.perf_counter() - begin
    return {tool: median(found) for tool, found in samples.items()}


def quiet(patience: float) -> float:
    """Rest until other programs leave the cores alone; return the seconds beyond one rest."""
    waited = 0.0
    while True:
        begin = idle()
        time.sleep(REST)
        if waited >= patience or idle() - begin >= (1.0 - BUSY) * REST * (os.cpu_count() or 1):
            return waited
        waited += REST


def idle() -> float:
    """Return the seconds that cores have been idle, where Linux tells; elsewhere rest is quiet."""
    uptime = Path("/proc/uptime")
    if not uptime.exists():
        return time.perf_counter() * (os.cpu_count() or 1)
    return float(uptime.read_text().split()[1])
