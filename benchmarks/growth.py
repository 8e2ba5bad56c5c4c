"""Cost of a constraint as programs grow from 10^4 to 10^6, with the garbage collector on.

Tracing, the gradient of what is traced, and the assembly of A should cost the same for each
constraint whatever their number.
"""

import dataclasses
import gc
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import lagrad as lg
from benchmarks.measure import Figure, at_most, seconds
from benchmarks.rotations import THETA, check, rotations

SIZES, REPEATS = (10_000, 100_000, 1_000_000), 3
BAR = 1.3

#: The steps, and for how many rounds each: what is cheap is measured more often.
ROUNDS = {"tracing": 1, "gradient once traced": 1, "assembly of A": 5}


def figures(size: int = SIZES[-1], repeats: int = REPEATS) -> Iterator[Figure]:
    assert gc.isenabled()
    sizes = [n for n in SIZES if n <= size] or [size, 2 * size]
    calls = {n: steps(n) for n in sizes}
    for what, rounds in ROUNDS.items():
        samples: dict[int, list[float]] = {n: [] for n in sizes}
        for n in sizes:
            calls[n][what]()
        for _ in range(rounds * repeats):
            # The same number of constraints a sample, so that samples last equally long.
            for n in sizes:
                samples[n].append(seconds(calls[n][what], sizes[-1] // n) / n)
        costs = [1e6 * median(samples[n]) for n in sizes]
        told = f"{what}: us a constraint at {', '.join(f'{n:,}' for n in sizes)}"
        yield Figure("growth", told, ", ".join(f"{cost:.2f}" for cost in costs))
        yield at_most("growth", f"{what}: largest / smallest", max(costs) / min(costs), BAR)


def steps(size: int) -> dict[str, Callable[[], Any]]:
    """Return what is timed, on a program of ``size`` constraints whose gradient is right."""
    program = rotations(size)
    graph = lg.trace(program.f, THETA, program.x)
    value, pullback = lg.vjp(program.f, THETA, program.x)
    check(program, value, *pullback(1.0))
    return {
        "tracing": lambda: lg.trace(program.f, THETA, program.x),
        "gradient once traced": lambda: pullback(1.0),
        "assembly of A": lambda: dataclasses.replace(graph).linearize().A,
    }
