"""The picture of A: rows are variables z_j, columns are equations r_i with multipliers lam_i.

Orientation and letters are those of A lam = e_n: the square at row j and column i is the partial of
equation i with respect to variable j, and the diagonal runs from top left. In the order of solution
everything below the diagonal lies inside the boxes of the cycles.

matplotlib is imported inside the functions, so that ``import lagrad`` does not need it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lagrad.status import ArgumentError
from lagrad.views.formulas import functions
from lagrad.views.level import (
    NAMED,
    Level,
    cycles_told,
    largest_in,
    multiplier_system,
    seen,
    strengths,
)
from lagrad.views.palette import palette, shades, signed, signed_bar
from lagrad.views.sides import Side, draw_labels, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COUNTED = 120  # up to so many rows a hairline sets entries apart
EXACT_ROWS, EXACT_ENTRIES = 2_000, 200_000  # up to here every entry is drawn, above the density
BINS = 400  # cells a side of the density
ORDERS = ("solve", "declared", "both")
FRAMES = 400  # more scopes than that are not framed
SMALL = 7.5  # points of the name of a scope in its frame


def spy(
    obj: Any,
    ax: Any = None,
    *,
    level: str | None = None,
    depth: int | None = None,
    order: str = "solve",
    values: bool = False,
) -> Any:
    """Draw the sparsity pattern of A; cycles and scopes are framed.

    Parameters
    ----------
    obj : MultiplierSystem, Graph, Solution or System
        A System is solved first.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if None. Colours are those for its ground, light or dark.
    level : {"entries", "variables", "scopes"}, optional
        What a row is: a number, a named variable, or a scope (see `lagrad.scope`). None takes
        scopes where there are any and more than 60 variables; else variables, up to 60 of them.
    depth : int, optional
        At the level of scopes: so many nested ones are told apart.
    order : {"solve", "declared", "both"}
        From top left to bottom right: as it is solved, in block triangular form, or as it was
        written down; "both" draws the second beside the first.
    values : bool
        Colours by the entries of A: one on the diagonal, -df_i/dz_j beside it. A square that holds
        several has the one of the largest magnitude. NaN and infinity are crosses.

    Returns
    -------
    Axes, or an array of two with ``order="both"``
        Above 2,000 rows (or 200,000 entries) with the share of entries filled in each of 400 x 400
        cells, so that millions of rows are drawn in seconds.

    Raises
    ------
    ArgumentError
        ``obj`` has no A, or an option is unknown.
    """
    system = multiplier_system(obj)
    if order not in ORDERS:
        raise ArgumentError(f"order={order!r}; there are {', '.join(map(repr, ORDERS))}")
    drawn = labelled(system, seen(system, level, depth))
    panels = ("declared", "solve") if order == "both" else (order,)
    if ax is None:
        import matplotlib.pyplot as plt

        size = (6.4 * len(panels), 7.0)
        _, ax = plt.subplots(1, len(panels), figsize=size, layout="compressed")
    axes = np.ravel(np.asarray(ax, dtype=object))
    if len(axes) != len(panels):
        raise ArgumentError(f"order={order!r} is drawn on {len(panels)} axes, not on {len(axes)}")
    weights = strengths(system, drawn) if values else None
    for panel, one in zip(panels, axes, strict=True):
        draw(one, drawn, panel == "solve", weights)
        if order == "both":
            said = "as it is solved" if panel == "solve" else "as it was written down"
            one.set_title(f"{one.get_title()}\n{said}")
    return axes if order == "both" else axes[0]


def labelled(system: Any, level: Level) -> Level:
    """Return a level where the steps of a trace, which nobody named, also say their function."""
    graph = getattr(system.model, "graph", None)
    if graph is None or level.name == "scopes" or len(level.rows) > NAMED:
        return level
    given = graph.columns.names
    steps = enumerate(zip(level.rows, functions(system), strict=True))
    names = tuple(name if i in given else f"{name} {f}" for i, (name, f) in steps)
    return replace(level, rows=names, columns=names)


def draw(ax: Axes, level: Level, solved: bool, weights: np.ndarray | None = None) -> None:
    """Draw A at a level, in the order of solution or as it was written down."""
    rows = Side.of(level.rows, level.row_offsets, level.row_paths, level.blocks if solved else None)
    columns = Side.of(
        level.columns,
        level.column_offsets,
        level.column_paths,
        level.equation_blocks if solved else None,
    )
    places = rows.position[level.places[0]], columns.position[level.places[1]]
    exact = max(level.shape) <= EXACT_ROWS and len(level.own) <= EXACT_ENTRIES
    if weights is not None:
        draw_values(ax, *places, weights, level.shape, exact)
    elif exact:
        draw_entries(ax, *places, level.own, apart=max(level.shape) <= COUNTED)
    else:
        draw_density(ax, *places, level.shape)
    colors = palette(ax)
    if level.name != "scopes":
        inside, across = rows.scopes(), columns.scopes()
        paths = [path for path in inside if path in across]
        frames = [(inside[path], across[path]) for path in paths if inside[path][1] > 1]
        draw_frames(ax, frames[: FRAMES * (len(frames) <= FRAMES)], colors.scope, 1.0, "scope")
        if max(len(rows.names), len(columns.names)) <= NAMED:
            name_frames(ax, [(path[-1], inside[path], across[path]) for path in paths], level.shape)
    spans = [(rows.span(a), columns.span(b)) for a, b in level.cycles]
    draw_frames(ax, spans, colors.cycle, 2.0, "cycle")
    draw_labels(ax, rows, columns)
    ax.set_title(title(level))


def title(level: Level) -> str:
    """Say what is drawn, and count it."""
    what = "entry" if level.name == "entries" else level.name[:-1]
    return f"A by {what}: {counts(level)}"


def counts(level: Level) -> str:
    """Return rows, columns, what is filled, and cycles, in words."""
    size, filled = "{:,} x {:,}".format(*level.shape), len(level.own)
    loops = cycles_told(len(level.cycles))
    if level.name != "entries":
        return f"{size} blocks, {filled:,} filled, {loops}"
    return f"{size}, {filled:,} {'entry' if filled == 1 else 'entries'}, {loops}"


def draw_entries(
    ax: Axes, rows: np.ndarray, columns: np.ndarray, own: np.ndarray, apart: bool
) -> None:
    """Draw one square an entry.

    The outline is that of the paper where entries are to be told ``apart``; else it has their
    colour, which keeps those visible that are smaller than a pixel. ``own`` says where an equation
    z_i = f_i meets the variable that it defines.
    """
    colors = palette(ax)
    for chosen, color, text in (
        (~own, colors.partial, r"$A_{ji} = \partial r_i / \partial z_j$"),
        (own, colors.diagonal, r"$A_{ii}$"),
    ):
        ax.add_collection(
            squares(
                rows[chosen],
                columns[chosen],
                facecolor=color,
                edgecolor=ax.get_facecolor() if apart else color,
                linewidth=0.8 if apart else 0.5,
                label=text,
            )
        )


def squares(rows: np.ndarray, columns: np.ndarray, **options: Any) -> Any:
    """Return a square for each place."""
    from matplotlib.collections import PolyCollection

    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    return PolyCollection(np.column_stack([columns, rows])[:, None, :] + corners, **options)


def cells_of(shape: tuple[int, int]) -> tuple[int, int]:
    """Return how many cells there are down and across."""
    return min(BINS, shape[0]), min(BINS, shape[1])


def draw_density(ax: Axes, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> None:
    """Draw the share of entries filled in each cell, on a logarithmic scale."""
    from matplotlib.colors import LogNorm

    n, m = shape
    down, across = cells_of(shape)
    cells = (rows * down // n) * across + columns * across // m
    counts = np.bincount(cells, minlength=down * across).reshape(down, across)
    share = counts / (n / down * m / across)
    image = ax.imshow(
        np.ma.masked_equal(share, 0),
        extent=(0, m, n, 0),
        cmap=shades(palette(ax).share),
        norm=LogNorm(share[share > 0].min() / 2, share.max()),
        interpolation="nearest",
    )
    ax.figure.colorbar(image, ax=ax, shrink=0.6, label="share of entries filled")


def draw_values(
    ax: Axes,
    rows: np.ndarray,
    columns: np.ndarray,
    data: np.ndarray,
    shape: tuple[int, int],
    exact: bool,
) -> None:
    """Draw entries in the colours of their values, those that are not finite as crosses."""
    options = signed(ax, data)
    lost = ~np.isfinite(data)
    if exact:
        image: Any = squares(rows[~lost], columns[~lost], linewidth=0.5, **options)
        image.set_array(data[~lost])
        image.set_edgecolor(ax.get_facecolor() if max(shape) <= COUNTED else "face")
        ax.add_collection(image)
    else:
        down, across = cells_of(shape)
        cells = (rows * down // shape[0]) * across + columns * across // shape[1]
        held, largest = largest_in(cells[~lost], data[~lost])
        grid = np.ma.masked_all(down * across)
        grid[held] = largest
        extent = (0, shape[1], shape[0], 0)
        image = ax.imshow(
            grid.reshape(down, across), extent=extent, interpolation="nearest", **options
        )
    signed_bar(ax, image, r"$A_{ji}$", shrink=0.6)
    if lost.any():
        label = f"NaN or infinite: {int(lost.sum()):,}"
        at = columns[lost] + 0.5, rows[lost] + 0.5
        ax.plot(*at, "x", color=palette(ax).cycle, markersize=6, zorder=4, label=label)


def name_frames(ax: Axes, frames: Any, shape: tuple[int, int]) -> None:
    """Write the name of each scope into the lower left corner of its frame, where there is room.

    Below the diagonal a frame is empty, but for cycles.
    """
    points = 72 / ax.figure.dpi * min(ax.bbox.width, ax.bbox.height) / max(*shape, 1)
    for name, (first, height), (left, width) in frames:
        if height * points >= 2 * SMALL and 0.6 * width * points >= 0.6 * SMALL * len(name):
            ax.annotate(
                shortened(name),
                (left, first + height),
                xytext=(3, 3),
                textcoords="offset points",
                color=palette(ax).scope,
                fontsize=SMALL,
                zorder=4,
            )


def draw_frames(ax: Axes, spans: Any, color: str, width: float, label: str) -> None:
    """Frame blocks; one whose rows or columns are scattered in this order has no frame."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    frames = [
        Rectangle((across[0], down[0]), across[1], down[1])
        for down, across in spans
        if down is not None and across is not None
    ]
    if frames:
        collection = PatchCollection(
            frames, facecolor="none", edgecolor=color, linewidth=width, zorder=3, label=label
        )
        ax.add_collection(collection)
