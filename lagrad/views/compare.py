"""Several systems in one figure, each with its A."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lagrad.status import ArgumentError
from lagrad.views.level import multiplier_system, seen
from lagrad.views.spy import counts, draw, labelled

#: Inches of a panel.
SIZE = 3.4


def compare(
    systems: Mapping[str, Any],
    *,
    level: str | None = None,
    depth: int | None = None,
    order: str = "solve",
    columns: int = 3,
) -> np.ndarray:
    """Draw A of several systems side by side.

    Parameters
    ----------
    systems : dict {title: MultiplierSystem, Graph, Solution or System}
        In the order in which they are drawn.
    level, depth : as for `spy`
    order : {"solve", "declared"}
    columns : int

    Returns
    -------
    array of Axes
        One for each system, in their order.

    Raises
    ------
    ArgumentError
        There is nothing to draw, or an option is unknown.
    """
    import matplotlib.pyplot as plt

    if not isinstance(systems, Mapping) or not systems:
        raise ArgumentError("compare takes a dict {title: system} with at least one system")
    if order not in ("solve", "declared"):
        raise ArgumentError(f"order={order!r}; there are 'solve' and 'declared'")
    across = min(max(int(columns), 1), len(systems))
    down = math.ceil(len(systems) / across)
    figure, axes = plt.subplots(
        down, across, figsize=(SIZE * across, SIZE * down), layout="constrained", squeeze=False
    )
    for ax in axes.flat[len(systems) :]:
        ax.set_axis_off()
    handles: dict[str, Any] = {}
    for ax, (name, obj) in zip(axes.flat, systems.items(), strict=False):
        system = multiplier_system(obj)
        drawn = labelled(system, seen(system, level, depth))
        draw(ax, drawn, order == "solve")
        ax.set_title(f"{name}\n{counts(drawn)}", fontsize="medium")
        ax.set(xlabel="", ylabel="")
        if ax.get_legend():
            handles.update(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
            ax.get_legend().remove()
        ax.set_xticks([])  # the names of the rows are those of the columns, mostly
    if handles:
        figure.legend(handles.values(), handles, loc="outside lower center", ncols=4, frameon=False)
    return axes.flat[: len(systems)]
