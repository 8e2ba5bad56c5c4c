"""The page of all programs: one wide table and its picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.programs import catalogue, verdicts
from benchmarks.programs.picture import draw
from benchmarks.programs.rounds import CORES, Result
from benchmarks.programs.tools import DIFFERENCES, FUNCTION, PACKAGES
from benchmarks.programs.verdicts import digits, duration
from benchmarks.programs.work import Work
from benchmarks.report import versions

MIB = 2**20
COLUMNS = (
    "program",
    *PACKAGES,
    "gradient / function",
    "lagrad compiles in",
    "us a constraint",
    "us an instruction",
    "JAX compiles in",
    "MiB by hand, lagrad",
    "bars missed",
)


def write(results: Sequence[Result], folder: Path) -> None:
    """Write programs.md and programs.png."""
    folder.mkdir(exist_ok=True)
    draw(results, folder / "programs.png")
    (folder / "programs.md").write_text(page(results), encoding="utf-8")


def page(results: Sequence[Result]) -> str:
    """Return the page in Markdown."""
    lines = [
        "# Programs and their gradients, the latest run",
        "",
        "Written by `python -m benchmarks programs`; [README.md](../README.md) tells what is",
        "measured. A time is the wall-clock time of one call for value and gradient, on all cores;",
        "beside it stands its ratio to the adjoint written by hand.",
        "",
        bars(),
        "",
        versions(CORES),
        "",
        "![Time over that of the adjoint by hand](programs.png)",
        "",
        *table(results),
        "",
        *notes(results),
    ]
    return "\n".join(lines).rstrip() + "\n"


def bars() -> str:
    """Return the bars in a sentence."""
    v = verdicts
    return (
        f"Bars: lagrad within {v.BY_HAND['array']} times by hand on arrays and "
        f"{v.BY_HAND['scalar']} on scalars, {v.AUTOGRAD} times ahead of autograd, ahead of PyTorch "
        "and JAX (within 1.5 times of JAX where XLA fuses the mixture's broadcasts or rolls a "
        f"loop), gradient / function at most {v.FUNCTIONS:.0f} on arrays, memory within "
        f"{v.MEMORY} times by hand, compiling below {v.COMPILE:.0f} us a constraint."
    )


def table(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of the table, a row for each program and size."""
    works = catalogue.works()
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---|" + "---:|" * (len(COLUMNS) - 2) + "---|"
    for result in results:
        yield f"| {' | '.join(row(works[result.name], result))} |"


def row(work: Work, result: Result) -> Iterator[str]:
    """Yield the cells of a row."""
    times = result.times
    yield work.at(result.size)
    for tool in PACKAGES:
        yield time_cell(work, result, tool)
    yield digits(times["lagrad"] / times[FUNCTION]) if FUNCTION in times else ""
    yield duration(result.compile) if result.instructions else "not compiled"
    many = result.constraints >= verdicts.MANY
    yield digits(1e6 * result.compile / result.constraints) if many else ""
    yield digits(1e6 * result.compile / result.instructions) if many and result.instructions else ""
    yield duration(result.first["JAX"]) if "JAX" in times else ""
    mib = [result.peaks[tool] / MIB for tool in ("by hand", "lagrad") if tool in result.peaks]
    yield ", ".join(digits(x) for x in mib) if max(mib, default=0.0) >= 0.1 else ""
    yield ", ".join(missed(work, result))


def time_cell(work: Work, result: Result, tool: str) -> str:
    """Return the time of a tool, and its ratio to that by hand."""
    if tool not in result.times:
        return "not installed" if tool in work.tools and verdicts.missing(tool) else ""
    taken, by_hand = result.times[tool], result.times["by hand"]
    return duration(taken) + f" ({digits(taken / by_hand)})" * (tool != "by hand")


#: Why compiling misses its bar.
COMPILING = (
    "- Compiling: a constraint of numbers becomes two to three instructions, each an object of "
    "Python that is traced, simplified and printed in 30 to 45 us; Python's own compiler alone "
    "takes 13 us a constraint."
)


def missed(work: Work, result: Result) -> Iterator[str]:
    """Yield what each figure that misses its bar is about."""
    for figure in verdicts.of_one(work, result):
        if figure.met is False:
            what = figure.what.removeprefix(work.at(result.size)).removeprefix(": ")
            yield f"{what}: {figure.measured}, not {figure.bar}"


def notes(results: Sequence[Result]) -> Iterator[str]:
    """Yield what is to be said of single programs."""
    works = catalogue.works()
    for result in results:
        work = works[result.name]
        if DIFFERENCES in result.times:
            taken = result.times[DIFFERENCES]
            ratio = digits(taken / result.times["lagrad"])
            yield (
                f"- {work.at(result.size)}: with finite differences {duration(taken)}, "
                f"{ratio} times lagrad."
            )
    yield COMPILING
    for name in dict.fromkeys(result.name for result in results):
        if works[name].note:
            title = works[name].title.split(",")[0].removesuffix(" of {n}")
            yield f"- {title}: {works[name].note}"
