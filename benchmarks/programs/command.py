"""Running programs by name, and keeping the page once all of them are run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure, installed
from benchmarks.programs import catalogue, page, verdicts
from benchmarks.programs.rounds import Result, family, measured, processes
from benchmarks.programs.tools import available
from benchmarks.programs.work import Work

RESULTS = Path(__file__).parents[1] / "results"
ALL = "programs"


def names() -> list[str]:
    """Return "programs", and "programs.post" and so on."""
    return [ALL, *(f"{ALL}.{name}" for name in catalogue.works())]


def figures(name: str) -> Iterator[Figure]:
    """Run the programs of a name; keep the page if these are all."""
    works = catalogue.works()
    chosen = list(works.values()) if name == ALL else [works[name.removeprefix(f"{ALL}.")]]
    results: list[Result] = []
    for work in chosen:
        if work.needs and not installed(work.needs):
            yield verdicts.left_out(work)
            continue
        found = list(sizes_of(work))
        yield from verdicts.figures(found)
        yield from verdicts.too_long(work, found)
        results += found
    if name == ALL:
        page.write(results, RESULTS)


def sizes_of(work: Work) -> Iterator[Result]:
    """Yield the results of a work, size after size, in processes of its own.

    Sizes that would be compiling for long are left out.
    """
    with processes({family(tool) for tool in available(work, min(work.sizes))}) as run:
        each = 0.0
        for size in work.sizes:
            if each * size > verdicts.PATIENCE:
                return
            begin = time.perf_counter()
            result = measured(work, size, run)
            told = f"  {work.at(size)}: {time.perf_counter() - begin:.1f} s"
            print(told, file=sys.stderr, flush=True)
            each = result.compile / size
            yield result
