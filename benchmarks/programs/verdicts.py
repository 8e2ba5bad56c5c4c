"""The figures of a result beside their bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.measure import Figure, absent, at_least, at_most, installed
from benchmarks.programs import catalogue
from benchmarks.programs.rounds import Result
from benchmarks.programs.tools import DIFFERENCES, FUNCTION, PACKAGES
from benchmarks.programs.work import Work

BY_HAND = {"array": 1.15, "scalar": 1.7}
AUTOGRAD, PYTORCH, DIFFERENCES_BAR = 1.5, 1.0, 1.0
COMPILE, MEMORY, FUNCTIONS, GROWTH = 10.0, 1.2, 3.0, 1.3

#: Programs below this many constraints are compiled in no time: nothing is said of each of them.
MANY = 1000

#: Seconds: sizes that would be compiling for longer are left out.
PATIENCE = 12.0

#: Calls by hand below this many bytes say nothing of memory.
LARGE = 2**20


def figures(results: Sequence[Result]) -> Iterator[Figure]:
    """Yield the figures of all results, work after work."""
    works = catalogue.works()
    for name in dict.fromkeys(result.name for result in results):
        own = [result for result in results if result.name == name]
        for result in own:
            yield from of_one(works[name], result)
        yield from growth(works[name], own)
        peers = [PACKAGES[tool] for tool in works[name].tools if tool in PACKAGES]
        yield from absent(label(works[name]), *peers)


def left_out(work: Work) -> Figure:
    """Say of a work that it was left out."""
    return Figure(label(work), f"{work.needs}: left out", "not installed")


def too_long(work: Work, results: Sequence[Result]) -> Iterator[Figure]:
    """Say of sizes that were left out how long compiling would have taken."""
    for size in work.sizes[len(results) :]:
        last = results[-1]
        seconds = last.compile / last.size * size
        yield Figure(label(work), f"{work.at(size)}: left out", f"compiles in {seconds:.0f} s")


def label(work: Work) -> str:
    return f"programs.{work.name}"


def of_one(work: Work, result: Result) -> Iterator[Figure]:
    """Yield the figures of a work at a size."""
    name, title, times = label(work), work.at(result.size), result.times
    lagrad = times["lagrad"]
    told = ", ".join(duration(times[tool]) for tool in ("by hand", "lagrad"))
    yield Figure(name, f"{title}: by hand, lagrad", told)
    yield at_most(name, f"{title}: lagrad / by hand", *against_hand(work, result))
    for tool, bar in bars(work).items():
        if tool in times:
            ratio = times[tool] / lagrad
            yield at_least(name, f"{title}: {tool} / lagrad", ratio, bar, "{:.2f}")
    if FUNCTION in times:
        ratio, what = lagrad / times[FUNCTION], f"{title}: value and gradient / the function"
        if work.kind == "array":
            yield at_most(name, what, ratio, FUNCTIONS)
        else:
            yield Figure(name, what, f"{ratio:.2f}")
    each = 1e6 * result.compile / result.constraints
    what = f"{title}: us a constraint to compile"
    if result.constraints >= MANY:
        yield at_most(name, what, each, COMPILE)
    else:
        yield Figure(name, what, f"{each:.0f}")
    if result.peaks.get("by hand", 0) >= LARGE:
        ratio = result.peaks["lagrad"] / result.peaks["by hand"]
        yield at_most(name, f"{title}: memory, lagrad / by hand", ratio, MEMORY)


def against_hand(work: Work, result: Result) -> tuple[float, float]:
    """Return lagrad's time over that by hand, and the bar."""
    return result.times["lagrad"] / result.times["by hand"], BY_HAND[work.kind]


def bars(work: Work) -> dict[str, float]:
    """Return for each peer that has a bar how many times lagrad's time it should take."""
    jax = {} if work.jax is None else {"JAX": work.jax}
    return {"autograd": AUTOGRAD, "PyTorch": PYTORCH, **jax, DIFFERENCES: DIFFERENCES_BAR}


def growth(work: Work, results: Sequence[Result]) -> Iterator[Figure]:
    """Yield how the cost of compiling a constraint grows with the program."""
    many = [result for result in results if result.constraints >= MANY]
    if len(many) > 1:
        each = [result.compile / result.constraints for result in many]
        what = "compiling, a constraint of {} / of {}".format(
            *(f"{result.constraints:,}" for result in (many[-1], many[0]))
        )
        yield at_most(label(work), what, each[-1] / each[0], GROWTH)


def duration(seconds: float) -> str:
    """Return seconds in a unit that fits, three digits of them."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1.0 or unit == "us":
            return f"{digits(seconds * scale)} {unit}"
    raise AssertionError


def digits(x: float) -> str:
    """Return three digits of a number."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def missing(tool: str) -> bool:
    """Tell whether the package of a tool is not installed."""
    return not installed(PACKAGES[tool])
