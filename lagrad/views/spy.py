"""The picture of A: rows are variables z_j, columns are equations r_i with multipliers lam_i.

Orientation and letters are those of A lam = e_n: the square at row j and column i is the partial of
equation i with respect to variable j, and the diagonal runs from top left. In the order of solution
everything below the diagonal lies inside the boxes: the cycles.

matplotlib is imported inside the functions, so that ``import lagrad`` does not need it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from lagrad.status import ArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

NAMED = 60  # up to so many variables, rows and columns carry their names
LONGEST = 24  # characters of a name; of a longer one its beginning and its end
FONT = (5.5, 7.0, 10.0)  # points of a name: with 60 of them, where sizes are uneven, with room
LINE, WIDTH = 1.2, 0.6  # height of a line and width of a character, in sizes of the font
COUNTED = 120  # up to so many rows a hairline sets entries apart
MARGIN = 0.006  # of the rows, around A, so that a box in its corner is seen
EXACT_ROWS, EXACT_ENTRIES = 2_000, 200_000  # up to here every entry is drawn, above the density
BINS = 400  # cells a side of the density

# Okabe and Ito's colours, told apart by colour-blind readers too.
DIAGONAL, PARTIAL, CYCLE = "#777777", "#0072B2", "#D55E00"


def spy(
    obj: Any, ax: Axes | None = None, *, level: str | None = None, order: str = "solve"
) -> Axes:
    """Draw the sparsity pattern of A, the cyclic blocks boxed.

    Parameters
    ----------
    obj : MultiplierSystem, Graph, Solution or System
        A System is solved first.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if None.
    level : {"blocks", "entries"}, optional
        "blocks" has one row a named variable, "entries" one row a number; None takes "blocks" up
        to 60 variables and "entries" above.
    order : {"solve", "declared"}
        From top left to bottom right: as it is solved, or as it was written down.

    Returns
    -------
    Axes
        Above 2,000 rows (or 200,000 entries) with the share of entries filled in each of 400 x 400
        cells, so that millions of rows are drawn in seconds.

    Raises
    ------
    ArgumentError
        ``obj`` has no A, or ``level`` or ``order`` is unknown.
    """
    system = multiplier_system(obj)
    if level is None:
        level = "blocks" if len(system.variables) <= NAMED else "entries"
    if level not in ("blocks", "entries"):
        raise ArgumentError(f"level={level!r}; there are 'blocks', 'entries' and None")
    if order not in ("solve", "declared"):
        raise ArgumentError(f"order={order!r}; there are 'solve' and 'declared'")
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(6.4, 7.0), layout="compressed")

    if level == "blocks":
        pattern = system.block_pattern
        row_offsets, column_offsets = (np.arange(n + 1) for n in pattern.shape)
    else:
        pattern, row_offsets, column_offsets = system.A, system.offsets, system.equation_offsets
    equations = system.equation_blocks
    rows = Side.of(system.variables, row_offsets, system.blocks if order == "solve" else None)
    columns = Side.of(system.equations, column_offsets, equations if order == "solve" else None)

    entries = pattern.tocoo()  # with the stored zeros: structure decides, values do not
    places = rows.position[entries.row], columns.position[entries.col]
    if max(pattern.shape) <= EXACT_ROWS and entries.nnz <= EXACT_ENTRIES:
        own = own_rows(system, row_offsets, column_offsets)[entries.col] == entries.row
        draw_entries(ax, *places, own, apart=max(pattern.shape) <= COUNTED)
    else:
        draw_density(ax, *places, pattern.shape)
    cycles = [k for k, cyclic in enumerate(system.cyclic) if cyclic]
    draw_boxes(ax, [(rows.span(system.blocks[k]), columns.span(equations[k])) for k in cycles])
    draw_labels(ax, rows, columns)
    ax.set_title(title(level, pattern.shape, entries.nnz, len(cycles)))
    return ax


def title(level: str, shape: tuple[int, int], filled: int, cycles: int) -> str:
    """Say what is drawn, and count it."""
    size = f"{shape[0]:,} x {shape[1]:,}"
    loops = {0: "acyclic", 1: "1 cycle"}.get(cycles, f"{cycles:,} cycles")
    if level == "blocks":
        return f"A by variable: {size} blocks, {filled:,} filled, {loops}"
    return f"A by entry: {size}, {filled:,} {'entry' if filled == 1 else 'entries'}, {loops}"


def multiplier_system(obj: Any) -> Any:
    """Return what has an A, from whatever leads to it."""
    if hasattr(obj, "block_pattern"):
        return obj
    if hasattr(obj, "linearize"):  # Graph
        return obj.linearize()
    if hasattr(obj, "system"):  # Solution
        return obj.system
    if hasattr(obj, "constraint"):  # System
        return obj.solve().system
    raise ArgumentError(
        f"spy draws a MultiplierSystem, Graph, Solution or System, not {type(obj).__name__}; "
        "for a function f take lg.trace(f, *args)"
    )


def own_rows(system: Any, offsets: np.ndarray, equation_offsets: np.ndarray) -> np.ndarray:
    """Return for each column the row of the variable that its equation defines, -1 for none."""
    sizes = np.diff(equation_offsets)
    defines = np.asarray(system.defines, dtype=int)
    shift = np.where(defines >= 0, offsets[defines] - equation_offsets[:-1], -(offsets[-1] + 1))
    return np.maximum(np.arange(equation_offsets[-1]) + np.repeat(shift, sizes), -1)


@dataclass(frozen=True)
class Side:
    """Where the rows (or columns) stand: each member is a variable (or equation).

    Attributes
    ----------
    names : str of each member
    starts, sizes : int arrays, first row and number of rows of each member
    position : int array, where the row k of the matrix as stored is drawn
    """

    names: tuple[str, ...]
    starts: np.ndarray
    sizes: np.ndarray
    position: np.ndarray

    @classmethod
    def of(
        cls, names: tuple[str, ...], offsets: np.ndarray, blocks: Sequence[tuple[int, ...]] | None
    ) -> Side:
        """Place the members one after another, block by block; None leaves them as stored."""
        sizes = np.diff(offsets)
        starts = offsets[:-1].copy()
        if blocks is not None:
            order = np.fromiter(chain.from_iterable(blocks), dtype=int, count=len(names))
            starts[order] = np.cumsum(sizes[order]) - sizes[order]
        position = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)
        return cls(names, starts, sizes, position)

    @property
    def total(self) -> int:
        """The number of rows."""
        return len(self.position)

    def span(self, members: Sequence[int]) -> tuple[int, int] | None:
        """Return first row and number of rows of members that stand together, else None."""
        chosen = np.asarray(members)
        first, size = int(self.starts[chosen].min()), int(self.sizes[chosen].sum())
        last = int((self.starts[chosen] + self.sizes[chosen]).max())
        return (first, size) if last - first == size else None


def draw_entries(
    ax: Axes, rows: np.ndarray, columns: np.ndarray, own: np.ndarray, apart: bool
) -> None:
    """Draw one square an entry.

    The outline is white where entries are to be told ``apart``; else it has their colour, which
    keeps those visible that are smaller than a pixel. ``own`` says where an equation z_i = f_i
    meets the variable that it defines.
    """
    from matplotlib.collections import PolyCollection

    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    for chosen, color, text in (
        (~own, PARTIAL, r"$A_{ji} = \partial r_i / \partial z_j$"),
        (own, DIAGONAL, r"$A_{ii}$"),
    ):
        squares = np.column_stack([columns[chosen], rows[chosen]])[:, None, :] + corners
        ax.add_collection(
            PolyCollection(
                squares,
                facecolor=color,
                edgecolor="white" if apart else color,
                linewidth=0.8 if apart else 0.5,
                label=text,
            )
        )


def draw_density(ax: Axes, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> None:
    """Draw the share of entries filled in each cell, on a logarithmic scale: dark is full."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    n, m = shape
    down, across = min(BINS, n), min(BINS, m)
    cells = (rows * down // n) * across + columns * across // m
    counts = np.bincount(cells, minlength=down * across).reshape(down, across)
    share = counts / (n / down * m / across)
    image = ax.imshow(
        np.ma.masked_equal(share, 0),
        extent=(0, m, n, 0),
        cmap=LinearSegmentedColormap.from_list("density", ["#a9d3f0", PARTIAL, "#001d33"]),
        norm=LogNorm(share[share > 0].min() / 2, share.max()),
        interpolation="nearest",
    )
    ax.figure.colorbar(image, ax=ax, shrink=0.6, label="share of entries filled")


def draw_boxes(ax: Axes, boxes: list[tuple[tuple[int, int] | None, ...]]) -> None:
    """Frame each cycle; one whose rows or columns are scattered in this order has no frame."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    frames = [
        Rectangle((across[0], down[0]), across[1], down[1])
        for down, across in boxes
        if down is not None and across is not None
    ]
    if frames:
        collection = PatchCollection(
            frames, facecolor="none", edgecolor=CYCLE, linewidth=2, zorder=3, label="cycle"
        )
        ax.add_collection(collection)


def draw_labels(ax: Axes, rows: Side, columns: Side) -> None:
    """Write the letters on the axes, the names where there is room, and the legend."""
    margin = MARGIN * max(rows.total, columns.total)
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
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, frameon=False)


def label_axis(ax: Axes, axis: Axis, side: Side) -> str:
    """Name the members, if they are few; return what the axis label has to say about it."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    if len(side.names) > NAMED:
        axis.set_major_locator(MaxNLocator(5, integer=True))
        axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        return ""
    points = 72 / ax.figure.dpi * min(ax.bbox.width, ax.bbox.height) / side.total
    smallest, small, large = FONT
    shown = with_room(side, min(small * LINE / points, side.total / len(side.names)))
    names = [shortened(side.names[k]) for k in shown]
    at = side.starts[shown] + side.sizes[shown] / 2
    gaps = np.diff(at) * points
    font = float(np.clip(min(gaps, default=np.inf) / LINE, smallest, large))
    axis.set_ticks(at, names)
    axis.set_tick_params(length=0, labelsize=font)
    if axis is ax.xaxis:
        widths = WIDTH * font * np.fromiter(map(len, names), float) + font / 2
        touching = bool(np.any((widths[1:] + widths[:-1]) / 2 > gaps))
        axis.set_tick_params(labelrotation=90 if touching else 0)
    axis.set_ticks(np.sort(side.starts)[1:], minor=True)
    axis.set_tick_params(which="minor", length=0)
    axis.grid(which="minor", color="#dddddd", linewidth=0.5)
    few = len(names) == len(side.names)
    return "" if few else f"; {len(names)} of {len(side.names)} have room for a name"


def with_room(side: Side, pitch: float) -> np.ndarray:
    """Return the members, top to bottom, whose centres are ``pitch`` apart; the larger go first."""
    centres = side.starts + side.sizes / 2
    taken: list[int] = []
    for k in np.argsort(-side.sizes, kind="stable"):
        if all(abs(centres[k] - centres[other]) >= pitch for other in taken):
            taken.append(int(k))
    return np.array(sorted(taken, key=lambda k: centres[k]), dtype=int)


def shortened(name: str) -> str:
    """Return the beginning and the end of a long name."""
    half = (LONGEST - 3) // 2
    return name if len(name) <= LONGEST else f"{name[:half]}...{name[-half:]}"
