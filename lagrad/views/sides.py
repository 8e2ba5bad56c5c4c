"""The sides of the picture of A: where members stand, and their names along the axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from lagrad.views.level import NAMED, Blocks, Path
from lagrad.views.palette import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

LONGEST = 24  # characters of a name; of a longer one its beginning and its end
FONT = (5.5, 7.0, 10.0)  # points of a name: with 60 of them, where sizes are uneven, with room
LINE, WIDTH = 1.2, 0.6  # height of a line and width of a character, in sizes of the font
MARGIN = 0.006  # of the rows, around A, so that a box in its corner is seen


@dataclass(frozen=True)
class Side:
    """Where the rows (or columns) stand: each member is a variable, an equation or a scope.

    Attributes
    ----------
    names : str of each member
    starts, sizes : int arrays, first row and number of rows of each member
    position : int array, where the row k of the matrix as stored is drawn
    paths : the scopes around each member
    """

    names: tuple[str, ...]
    starts: np.ndarray
    sizes: np.ndarray
    position: np.ndarray
    paths: tuple[Path, ...]

    @classmethod
    def of(
        cls, names: tuple[str, ...], offsets: np.ndarray, paths: Any, blocks: Blocks | None
    ) -> Side:
        """Place the members one after another, block by block; None leaves them as stored."""
        sizes = np.diff(offsets)
        starts = offsets[:-1].copy()
        if blocks is not None:
            order = np.fromiter(chain.from_iterable(blocks), dtype=int, count=len(names))
            starts[order] = np.cumsum(sizes[order]) - sizes[order]
        position = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)
        return cls(names, starts, sizes, position, paths)

    @property
    def total(self) -> int:
        """The number of rows."""
        return len(self.position)

    def span(self, members: Sequence[int]) -> tuple[int, int] | None:
        """Return first row and number of rows of members that stand together, else None."""
        chosen = np.asarray(members, dtype=int)
        if not len(chosen):
            return None
        first, size = int(self.starts[chosen].min()), int(self.sizes[chosen].sum())
        last = int((self.starts[chosen] + self.sizes[chosen]).max())
        return (first, size) if last - first == size else None

    def scopes(self) -> dict[Path, tuple[int, int]]:
        """Return first row and number of rows of each scope whose members stand together."""
        if not any(self.paths):
            return {}
        members: dict[Path, list[int]] = {}
        for k, path in enumerate(self.paths):
            for depth in range(1, len(path) + 1):
                members.setdefault(path[:depth], []).append(k)
        found = {path: self.span(inside) for path, inside in members.items()}
        return {path: span for path, span in found.items() if span is not None}


def draw_labels(ax: Axes, rows: Side, columns: Side) -> None:
    """Write the letters on the axes, the names where there is room, and the legend."""
    margin = MARGIN * max(rows.total, columns.total, 1)
    ax.set(
        xlim=(-margin, columns.total + margin),
        ylim=(rows.total + margin, -margin),
        aspect="equal",
        axisbelow=True,
    )
    ax.xaxis.set_label_position("top")
    ax.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
    across = label_axis(ax, ax.xaxis, columns)
    down = label_axis(ax, ax.yaxis, rows)
    ax.set_xlabel(rf"equations $r_i$ (multipliers $\lambda_i$){across}", labelpad=9)
    ax.set_ylabel(rf"variables $z_j${down}", labelpad=9)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=4, frameon=False)


def label_axis(ax: Axes, axis: Axis, side: Side) -> str:
    """Name the members, or their scopes, if they are few; return what the label says about it."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    names, starts, sizes = side.names, side.starts, side.sizes
    what = ""
    if len(names) > NAMED:
        scopes = {path[-1]: span for path, span in side.scopes().items() if len(path) == 1}
        if not 0 < len(scopes) <= NAMED:
            axis.set_major_locator(MaxNLocator(5, integer=True))
            axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            return ""
        names, what = tuple(scopes), "; by scope"
        starts, sizes = np.array(list(scopes.values())).T
    if not len(names):
        axis.set_ticks([])
        return ""
    points = 72 / ax.figure.dpi * min(ax.bbox.width, ax.bbox.height) / max(side.total, 1)
    smallest, small, large = FONT
    shown = with_room(starts, sizes, min(small * LINE / points, side.total / len(names)))
    texts = [shortened(names[k]) for k in shown]
    at = starts[shown] + sizes[shown] / 2
    gaps = np.diff(at) * points
    font = float(np.clip(min(gaps, default=np.inf) / LINE, smallest, large))
    axis.set_ticks(at, texts)
    axis.set_tick_params(length=0, labelsize=font)
    if axis is ax.xaxis:
        widths = WIDTH * font * np.fromiter(map(len, texts), float) + font / 2
        touching = bool(np.any((widths[1:] + widths[:-1]) / 2 > gaps))
        axis.set_tick_params(labelrotation=90 if touching else 0)
    axis.set_ticks(np.sort(starts)[1:], minor=True)
    axis.set_tick_params(which="minor", length=0)
    axis.grid(which="minor", color=palette(ax).faint, linewidth=0.5)
    few = len(texts) == len(names)
    return what if few else f"{what}; {len(texts)} of {len(names)} have room for a name"


def with_room(starts: np.ndarray, sizes: np.ndarray, pitch: float) -> np.ndarray:
    """Return the members, top to bottom, whose centres are ``pitch`` apart; the larger go first."""
    centres = starts + sizes / 2
    taken: list[int] = []
    for k in np.argsort(-sizes, kind="stable"):
        if all(abs(centres[k] - centres[other]) >= pitch for other in taken):
            taken.append(int(k))
    return np.array(sorted(taken, key=lambda k: centres[k]), dtype=int)


def shortened(name: str) -> str:
    """Return the beginning and the end of a long name, as text that is no formula."""
    half = (LONGEST - 3) // 2
    name = name if len(name) <= LONGEST else f"{name[:half]}...{name[-half:]}"
    return name.encode("utf-8", "replace").decode().replace("$", r"\$")
