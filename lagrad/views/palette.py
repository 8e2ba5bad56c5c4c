"""The colours of the pictures: Okabe and Ito's, told apart by colour-blind readers too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Of a range of values so many decades are told apart.
DECADES = 6


class Palette(NamedTuple):
    """Colours on light, or on dark paper.

    Attributes
    ----------
    paper, ink, faint : of the ground, of text, of hairlines
    partial, diagonal : of entries of A
    cycle, scope : of frames
    share : from few to many entries
    values : from the most negative to the most positive
    """

    paper: str
    ink: str
    faint: str
    partial: str
    diagonal: str
    cycle: str
    scope: str
    share: tuple[str, ...]
    values: tuple[str, ...]


LIGHT = Palette(
    paper="#ffffff",
    ink="#222222",
    faint="#dddddd",
    partial="#0072b2",
    diagonal="#777777",
    cycle="#d55e00",
    scope="#009e73",
    share=("#a9d3f0", "#0072b2", "#001d33"),
    values=("#8a3b00", "#e69f00", "#c9c9c9", "#56b4e9", "#00456b"),
)
DARK = Palette(
    paper="#15181c",
    ink="#e8e8e8",
    faint="#3a3f46",
    partial="#56b4e9",
    diagonal="#9a9a9a",
    cycle="#e69f00",
    scope="#2fc79a",
    share=("#1d4d6e", "#56b4e9", "#e2f3ff"),
    values=("#ffd08a", "#d55e00", "#5c5c5c", "#0072b2", "#a9dcff"),
)


def palette(ax: Axes) -> Palette:
    """Return the colours for the ground that is there: of the axes, or of what is below them."""
    from matplotlib.colors import to_rgba

    for ground in (ax.get_facecolor(), ax.figure.get_facecolor()):
        *color, opaque = to_rgba(ground)
        if opaque > 0.5:
            return LIGHT if bright(*color) > 0.5 else DARK
    return LIGHT


def bright(red: float, green: float, blue: float) -> float:
    """Return how bright a colour is, between 0 and 1 as its parts are (ITU-R BT.601)."""
    return 0.299 * red + 0.587 * green + 0.114 * blue


def signed(ax: Axes, data: np.ndarray) -> dict[str, Any]:
    """Return the colours of numbers of both signs, on a logarithmic scale of six decades."""
    return signed_scale(palette(ax), data)


def signed_scale(colors: Palette, data: np.ndarray) -> dict[str, Any]:
    """Return the same for a palette."""
    from matplotlib.colors import SymLogNorm

    size = np.abs(data[np.isfinite(data)])
    most = float(size.max(initial=0.0)) or 1.0
    least = max(float(size[size > 0].min(initial=most)), most * 10.0**-DECADES)
    norm = SymLogNorm(least, vmin=-most, vmax=most)
    return {"cmap": shades(colors.values), "norm": norm}


def signed_bar(ax: Axes, image: Any, label: str, shrink: float = 1.0) -> None:
    """Draw the scale of `signed` beside an image, with ticks that do not touch."""
    most, least = float(image.norm.vmax), float(image.norm.linthresh)
    middle = math.sqrt(most * least) if least < most / 10 else most / 2
    ticks = [-most, -middle, 0.0, middle, most]
    bar = ax.figure.colorbar(image, ax=ax, shrink=shrink, ticks=ticks)
    bar.set_label(f"{label}{', logarithmic' * (least < most / 10)}")
    bar.ax.set_yticklabels([f"{v:.2g}" for v in ticks])
    bar.ax.minorticks_off()


def lines(ax: Axes) -> list[str]:
    """Return colours of twelve lines, for the ground that is there."""
    dark = palette(ax) is DARK
    first = ["#56b4e9", "#e69f00", "#2fc79a", "#cc79a7", "#f0e442", "#e8e8e8"]
    plain = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#222222"]
    return 2 * (first if dark else plain)


def shades(colors: tuple[str, ...]) -> Any:
    """Return the colours in between."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("lagrad", colors)
