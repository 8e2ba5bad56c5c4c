"""What every work measures with: medians over rounds, peak memory in a process of its own.

The garbage collector stays on, as it is for a user.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parents[1]

#: A sample shorter than this is made of several calls, in seconds.
SAMPLE = 0.005


class Figure(NamedTuple):
    """One measured number beside its bar; ``met`` is None where there is no bar."""

    work: str
    what: str
    measured: str
    bar: str = ""
    met: bool | None = None


def at_most(work: str, what: str, value: float, bar: float, show: str = "{:.2f}") -> Figure:
    """Return a figure that should stay below its bar."""
    return Figure(work, what, show.format(value), "<= " + show.format(bar), value <= bar)


def at_least(work: str, what: str, value: float, bar: float, show: str = "{:,.0f}") -> Figure:
    """Return a figure that should stay above its bar."""
    return Figure(work, what, show.format(value), ">= " + show.format(bar), value >= bar)


def seconds(call: Callable[[], Any], loops: int = 1) -> float:
    """Return the CPU seconds of one call, freeing its result included."""
    begin = time.process_time()
    for _ in range(loops):
        call()
    return (time.process_time() - begin) / loops


def medians(calls: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Return the median CPU seconds of each call over rounds in which each has its turn."""
    loops = {name: max(1, int(SAMPLE / seconds(call))) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            samples[name].append(seconds(call, loops[name]))
    return {name: median(times) for name, times in samples.items()}


def halves(forward: Callable[[], tuple[Any, Callable[[], Any]]], repeats: int) -> list[float]:
    """Return the median CPU seconds of going forward, and of the one way back from each.

    ``forward()`` returns a value and the call that goes back: anew each time, so that no way back
    finds what an earlier one has left.
    """
    samples: list[tuple[float, float]] = []
    for _ in range(repeats):
        begin = time.process_time()
        _, back = forward()
        turn = time.process_time()
        back()
        samples.append((turn - begin, time.process_time() - turn))
    return [median(times) for times in zip(*samples, strict=True)]


def fastest(calls: Mapping[str, Callable[[], Any]]) -> str:
    """Return the name of the call that takes the least time, tried once."""
    times = {name: seconds(call) for name, call in calls.items()}
    return min(times, key=times.__getitem__)


def absent(work: str, *peers: str) -> Iterator[Figure]:
    """Say of each peer that cannot be imported that it was left out."""
    for name in peers:
        if not installed(name):
            yield Figure(work, f"{name}: left out", "not installed")


def beside_by_hand(
    work: str, calls: Mapping[str, Callable[[], Any]], repeats: int, unit: str
) -> Iterator[Figure]:
    """Time calls beside the one named "by hand"; yield each time in ``unit``, and their ratios."""
    times = medians(calls, repeats)
    scale = {"us": 1e6, "ms": 1e3}[unit]
    for name, taken in times.items():
        ratio = f" ({taken / times['by hand']:.1f} times by hand)" * (name != "by hand")
        yield Figure(work, name, f"{scale * taken:.2f} {unit}{ratio}")


def agree(found: Any, expected: Any, rtol: float, what: str) -> None:
    """Refuse to time what computes something else: raise unless found = expected.

    ``rtol`` is relative to the largest entry.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    wrong = f"{what}: shape {found.shape}, not {expected.shape}"
    if found.shape == expected.shape:
        error = float(np.max(np.abs(found - expected), initial=0.0))
        if error <= rtol * float(np.max(np.abs(expected), initial=0.0)):
            return
        wrong = f"{what}: the largest difference is {error:.1e}"
    raise ArithmeticError(wrong)


def agree_all(found: Any, expected: Any, rtol: float, what: str, names: Sequence[str]) -> None:
    """Refuse to time what differs in one of several named results."""
    for name, x, y in zip(names, found, expected, strict=True):
        agree(x, y, rtol, f"{what}, {name}")


def ms(*times: float) -> str:
    """Return seconds as milliseconds, three digits of them."""
    shown = [1e3 * t for t in times]
    return ", ".join(
        f"{t:.0f}" if t >= 100 else f"{t:.1f}" if t >= 10 else f"{t:.2f}" for t in shown
    )


def in_a_fresh_process(module: str, function: str, *args: Any) -> list[float]:
    """Return the numbers that ``module.function(*args)`` gives in a new interpreter."""
    code = f"from {module} import {function}; print(*{function}(*{args!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return [float(word) for word in done.stdout.split()]


def installed(*names: str) -> list[str]:
    """Return those peers that can be imported."""
    return [name for name in names if find_spec(name) is not None]
