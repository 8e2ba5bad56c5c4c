"""Gradients and Jacobians by name: as bars, and as a heat map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lagrad.containers import leaves
from lagrad.multipliers.keep import names_of
from lagrad.status import ArgumentError
from lagrad.views.palette import bright, palette, signed, signed_bar
from lagrad.views.sides import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: So many bars, rows and columns at most: the largest.
MOST = 30
#: Up to so many cells their numbers are written into them.
WRITTEN = 120


def sensitivity(
    obj: Any,
    ax: Axes | None = None,
    *,
    of: Any = None,
    wrt: Iterable[str] | str | None = None,
    top: int = MOST,
) -> Axes:
    """Draw a gradient as bars, the largest first, or a Jacobian as a heat map.

    Parameters
    ----------
    obj : Solution, container of arrays, or matrix
        Of a Solution the gradient of the number ``of``, or the Jacobian where ``of`` are several
        names or an array. A container (a dict of arrays, `Multipliers`) is a gradient by name,
        a matrix, sparse or not, is a Jacobian.
    ax : matplotlib Axes, optional
    of, wrt : names, for a Solution
    top : int
        So many bars, or rows and columns, are drawn: those of the largest magnitude.

    Returns
    -------
    Axes
        Colours say the sign, blue up and orange down. What is not finite is a cross, and counted in
        the title.

    Raises
    ------
    ArgumentError
        There is no number in ``obj``, or numbers are complex.
    """
    if type(top) is not int or top < 1:
        raise ArgumentError(f"top={top!r}: a number from 1 on")
    if hasattr(obj, "block_pattern"):
        raise ArgumentError("a system has many sensitivities: draw those of system.solve(of)")
    if hasattr(obj, "jacobian"):
        if isinstance(of, Mapping) or (isinstance(of, str) and not np.shape(obj[of])):
            said = of if isinstance(of, str) else "weighted sum"
            return bars(*flattened(obj.gradient(of, wrt)), ax, top, f"d {said} / d input")
        if of is None:
            raise ArgumentError("say what of: sensitivity(solution, of='f')")
        return heat_map(*tabulated(obj, of, wrt), ax, top)
    if getattr(obj, "ndim", 0) == 2:
        table = real(np.asarray(obj.toarray() if hasattr(obj, "tocoo") else obj), "the matrix")
        rows, columns = ([f"{k}" for k in range(n)] for n in table.shape)
        return heat_map(rows, columns, table, ax, top)
    return bars(*flattened(obj), ax, top, "derivative")


def bars(names: list[str], numbers: np.ndarray, ax: Axes | None, top: int, label: str) -> Axes:
    """Draw numbers with their names, the largest first."""
    chosen = largest(numbers, top)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(6.4, 1.4 + 0.24 * len(chosen)), layout="constrained")
    shown, lost = numbers[chosen], ~np.isfinite(numbers[chosen])
    colors, at = palette(ax), np.arange(len(chosen))
    signs = [colors.partial if v >= 0 else colors.cycle for v in shown]
    ax.barh(at, np.where(lost, 0.0, shown), color=signs)
    ax.plot(np.zeros(lost.sum()), at[lost], "x", color=colors.cycle, markersize=9)
    ax.set_yticks(at, [shortened(names[k]) for k in chosen])
    ax.set_ylim(len(chosen) - 0.4, -0.6)
    ax.axvline(0.0, color=colors.diagonal, linewidth=0.8)
    for k, v in zip(at, shown, strict=True):
        if np.isfinite(v):
            side = "left" if v >= 0 else "right"
            ax.text(v, float(k), f" {v:.3g} ", ha=side, va="center", fontsize=7)
    ax.margins(x=0.12)
    ax.set_xlabel(label)
    ax.set_title(counted(len(chosen), numbers))
    return ax


def heat_map(
    rows: list[str], columns: list[str], table: np.ndarray, ax: Axes | None, top: int
) -> Axes:
    """Draw a matrix of derivatives: a row an entry of what is asked, a column one of the inputs."""
    if not table.size:
        raise ArgumentError("there is no number in this Jacobian")
    size = np.nan_to_num(np.abs(table), nan=np.inf)
    down, across = np.sort(largest(size.max(axis=1), top)), np.sort(largest(size.max(axis=0), top))
    shown = table[np.ix_(down, across)]
    if ax is None:
        import matplotlib.pyplot as plt

        figsize = (2.6 + 0.42 * max(len(across), 6), 1.8 + 0.3 * max(len(down), 4))
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    colors = palette(ax)
    image = ax.imshow(np.ma.masked_invalid(shown), aspect="auto", **signed(ax, shown))
    lost = np.argwhere(~np.isfinite(shown))
    ax.plot(lost[:, 1], lost[:, 0], "x", color=colors.cycle, markersize=9)
    if shown.size <= WRITTEN:
        for (i, j), v in np.ndenumerate(shown):
            if np.isfinite(v):
                ink = "white" if bright(*image.cmap(image.norm(v))[:3]) < 0.5 else "black"
                ax.text(j, i, f"{v:.2g}", ha="center", va="center", color=ink, fontsize=7)
    ax.set_xticks(range(len(across)), [shortened(columns[k]) for k in across], rotation=90)
    ax.set_yticks(range(len(down)), [shortened(rows[k]) for k in down])
    signed_bar(ax, image, "derivative")
    ax.set_title(counted(shown.size, table))
    return ax


def flattened(obj: Any) -> tuple[list[str], np.ndarray]:
    """Return the name of each number of a container, and the numbers."""
    parts = obj.items() if isinstance(obj, Mapping) else [("", obj)]
    found = [
        pair
        for name, tree in parts
        for label, x in leaves(tree, str(name))
        for pair in entries(label, x)
    ]
    if not found:
        raise ArgumentError("there is no number in this gradient")
    names, numbers = zip(*found, strict=True)
    return list(names), np.array(numbers)


def entries(label: str, leaf: Any) -> Iterator[tuple[str, float]]:
    """Yield each number of an array with its name."""
    array = real(np.asarray(leaf.toarray() if hasattr(leaf, "tocoo") else leaf), label)
    yield from zip(names_of(label, array.shape), array.ravel().tolist(), strict=True)


def real(array: np.ndarray, label: str) -> np.ndarray:
    """Return an array of real numbers as floats."""
    if array.dtype.kind not in "fiu":
        raise ArgumentError(f"{label or 'it'} is {array.dtype}; sensitivities are real numbers")
    return array.astype(float)


def tabulated(
    solution: Any, of: Any, wrt: Iterable[str] | str | None
) -> tuple[list[str], list[str], np.ndarray]:
    """Return the names of rows and columns, and the Jacobian as one matrix."""
    jacobian = solution.jacobian(of, wrt)
    inputs = list(next(iter(jacobian.values()), {}))
    rows = [name for y in jacobian for name in names_of(y, np.shape(solution[y]))]
    columns = [name for x in inputs for name in names_of(x, np.shape(solution[x]))]
    blocks = [
        [np.reshape(by[x], (np.size(solution[y]), np.size(solution[x]))) for x in inputs]
        for y, by in jacobian.items()
    ]
    return rows, columns, np.block(blocks) if rows and columns else np.zeros((0, 0))


def largest(numbers: np.ndarray, top: int) -> np.ndarray:
    """Return the places of the largest numbers by magnitude, NaN first."""
    size = np.nan_to_num(np.abs(numbers), nan=np.inf, posinf=np.inf)
    return np.argsort(-size, kind="stable")[:top]


def counted(shown: int, numbers: np.ndarray) -> str:
    """Say how many there are, and how many of them are not finite."""
    there, lost = numbers.size, int((~np.isfinite(numbers)).sum())
    what = "derivative" if there == 1 else "derivatives"
    text = f"{there:,} {what}" if shown == there else f"{shown:,} of {there:,} {what}"
    return text + (f", {lost:,} NaN or infinite" if lost else "")
