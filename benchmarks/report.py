"""The table in Markdown, and what it was measured with."""

import datetime
import os
import platform
from collections.abc import Iterable
from importlib.metadata import version

from benchmarks.measure import Figure, installed

PEERS = (
    "autograd",
    "casadi",
    "jax",
    "jaxopt",
    "lineax",
    "numba",
    "openmdao",
    "optimistix",
    "torch",
)
MET = {True: "yes", False: "**no**", None: ""}


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as a Markdown table, a work's name at its first row only."""
    lines = ["| work | what | measured | bar | met |", "|---|---|---:|---:|---|"]
    last = ""
    for work, what, measured, bar, met in figures:
        name = "" if work == last else work
        lines.append(f"| {name} | {what} | {measured} | {bar} | {MET[met]} |")
        last = work
    return "\n".join(lines) + "\n"


def versions(threads: str = "") -> str:
    """Return one line on the software and the machine."""
    threads = threads or os.environ.get("OPENBLAS_NUM_THREADS", "all")
    packages = ["lagrad", "numpy", "scipy", *installed(*PEERS)]
    named = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{datetime.date.today()}; {named}; Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, BLAS threads: {threads}"
    )


def page(figures: Iterable[Figure]) -> str:
    """Return the table under a heading, with versions."""
    return (
        "# Benchmarks, the latest run\n\n"
        "Written by `python -m benchmarks`; [README.md](../README.md) tells what is measured.\n\n"
        f"{versions()}\n\n{table(figures)}"
    )
