"""The command: run all works or those that are named, print the table."""

import argparse
import sys
from pathlib import Path

from benchmarks import (
    assembly,
    blocks,
    bratu,
    growth,
    implicit_chain,
    memory,
    substitution,
    torus,
    tracing,
)
from benchmarks.programs import command as programs
from benchmarks.report import page

WORKS = {
    "tracing": tracing,
    "assembly": assembly,
    "substitution": substitution,
    "growth": growth,
    "blocks": blocks,
    "bratu": bratu,
    "torus": torus,
    "implicit_chain": implicit_chain,
    "memory": memory,
}
LATEST = Path(__file__).parent / "results" / "latest.md"


def main(argv: list[str]) -> str:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = [*WORKS, *programs.names()]
    parser.add_argument("work", nargs="*", help=f"of {', '.join(known)}; all of them by default")
    names = parser.parse_args(argv).work
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"there is no work {unknown[0]!r}; there are {', '.join(known)}")
    figures = []
    for name in names or [*WORKS, programs.ALL]:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures += WORKS[name].figures() if name in WORKS else programs.figures(name)
    text = page(figures)
    if not names:
        LATEST.parent.mkdir(exist_ok=True)
        LATEST.write_text(text, encoding="utf-8")
    return text


if __name__ == "__main__":
    print(main(sys.argv[1:]), end="")
