"""The picture that the command writes: A by scopes or variables, and by entries if that helps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lagrad.views.level import NAMED
from lagrad.views.spy import spy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_picture(system: Any, path: Path, title: str) -> None:
    """Write A of a ``MultiplierSystem`` as a PNG; needs no display.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scalar = system.A.shape == system.block_pattern.shape
    few = len(system.variables) <= NAMED
    named = "scopes" if any(system.scopes) else "variables"
    levels = ["entries"] if scalar or not few else [named, "entries"]
    figure = Figure(figsize=(6.8 * len(levels), 7.7), layout="compressed")
    FigureCanvasAgg(figure)
    for ax, level in zip(figure.subplots(1, len(levels), squeeze=False).flat, levels, strict=True):
        spy(system, ax, level=level)
    figure.suptitle(title, fontweight="bold")
    level_titles(figure)
    figure.savefig(path, dpi=120)


def level_titles(figure: Figure) -> None:
    """Put the titles at one height, whatever the length of the names below them."""
    figure.draw_without_rendering()  # lays out
    figure.set_layout_engine("none")
    tops = [ax.transAxes.transform(ax.title.get_position())[1] for ax in figure.axes]
    for ax in figure.axes:
        if ax.get_title():
            _, y = ax.transAxes.inverted().transform((0, max(tops)))
            ax.set_title(ax.get_title(), y=y)
