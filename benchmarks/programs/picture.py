"""The picture of all programs: time over that of the adjoint by hand, a dot a tool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

from benchmarks.programs import catalogue
from benchmarks.programs.rounds import Result

#: Colours of Okabe and Ito, told apart by the colour-blind too; and a shape each.
MARKS = {
    "lagrad": ("#D55E00", "o"),
    "autograd": ("#56B4E9", "s"),
    "JAX": ("#009E73", "^"),
    "PyTorch": ("#CC79A7", "D"),
    "CasADi": ("#E69F00", "v"),
}


def draw(results: Sequence[Result], path: Path) -> None:
    """Draw a row for each program and size."""
    works = catalogue.works()
    height = 1.4 + 0.42 * len(results)
    figure, axes = plt.subplots(figsize=(10.5, height), layout="constrained")
    for k in range(1, len(results), 2):
        axes.axhspan(k - 0.5, k + 0.5, color="0.96", zorder=0)
    for shift, (tool, (colour, marker)) in enumerate(MARKS.items()):
        rows = [(k, r) for k, r in enumerate(results) if tool in r.times]
        axes.scatter(
            [r.times[tool] / r.times["by hand"] for _, r in rows],
            # A little apart, so that equal times do not hide each other.
            [k + 0.19 * (shift - 2) for k, _ in rows],
            s=40 if tool == "lagrad" else 22,
            color=colour,
            marker=marker,
            label=tool,
            zorder=4 if tool == "lagrad" else 3,
        )
    axes.axvline(1.0, color="0.2", linewidth=1.0, zorder=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.grid(axis="x", which="major", color="0.85", linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(results)), [works[r.name].at(r.size) for r in results])
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("time of value and gradient over that of the adjoint written by hand in NumPy")
    figure.legend(loc="outside upper right", ncols=len(MARKS), frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)
