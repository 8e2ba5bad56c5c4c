"""Values and multipliers on the constraint graph: where the gradient comes from."""

from __future__ import annotations

from typing import Any

import numpy as np

from lagrad.views.diagram import Diagram, caption, drawn, label
from lagrad.views.formulas import told_output, values
from lagrad.views.level import multiplier_system
from lagrad.views.network import Node, network
from lagrad.views.palette import DARK, LIGHT, Palette, signed_scale
from lagrad.views.svg import Swatch


def solution(
    obj: Any,
    of: Any = None,
    level: str | None = None,
    depth: int | None = None,
    *,
    dark: bool = False,
) -> Diagram:
    """Draw the graph of `lagrad.diagram` with value and multiplier in each node.

    The colour is that of the multiplier: blue above zero, orange below, grey at zero, strong where
    it is large, on a logarithmic scale. Of an array it is that of the entry of largest magnitude.
    Of an explicit constraint the multiplier is dz_n/dz_i, so that one sees where the gradient comes
    from; that of a residual equation belongs to the equation. What is not finite has a cross.

    Parameters
    ----------
    obj : MultiplierSystem, Graph, Solution or System
        A System is solved first.
    of : str or dict, optional
        The output z_n: a name, or weights by name; None is the last output.
    level, depth, dark : as for `lagrad.diagram`
        Every copy of a repeated block has values of its own, and is drawn.

    Returns
    -------
    Diagram

    Raises
    ------
    ArgumentError
        There are too many nodes, or ``of`` is no output of one number.
    SingularError
        A cyclic block is singular.
    """
    system = multiplier_system(obj)
    shown = network(system, level, depth, collapse=False)
    with np.errstate(all="ignore"):
        lam, _ = system.sweep(system.seeds(of))
    held = values(system)
    here = [numbers(held, node.variables, node.entry) for node in shown.nodes]
    there = [multipliers(system, lam, node) for node in shown.nodes]
    colors = DARK if dark else LIGHT
    strongest = np.array([largest(w) for w in there])
    fills, scale = fills_of(strongest, colors)
    labels, lost = [], 0
    for k, node in enumerate(shown.nodes):
        array = node.shape is None or node.shape != ()
        said = [*told("", here[k], array), *told("\u03bb ", there[k], array)]
        bad = int((~np.isfinite(here[k])).sum() + (~np.isfinite(there[k])).sum())
        lost += bad
        fill = fills[k] if node.equations else None
        labels.append(label(node, shown, said)._replace(fill=fill, crossed=bad > 0))
    name = told_output(system, of)
    text = f"{caption(shown, len(system.variables))}; multipliers \u03bb of {name}"
    if lost:
        text += f"; {lost:,} number{'s' * (lost != 1)} NaN or infinite"
    return drawn(shown, labels, text, dark, scale)


def numbers(values: list[Any] | None, variables: tuple[int, ...], entry: int | None) -> np.ndarray:
    """Return the values of variables as one vector, or one entry of it."""
    if values is None or not variables:
        return np.zeros(0)
    found = np.concatenate([np.ravel(values[j]) for j in variables])
    return found if entry is None else found[[entry % len(found)]]


def multipliers(system: Any, lam: dict[int, Any], node: Node) -> np.ndarray:
    """Return the multipliers of a node's equations as one vector."""
    parts = []
    for i in node.equations:
        w = lam.get(i)
        parts.append(np.zeros(system.equation_shape(i)).ravel() if w is None else np.ravel(w))
    found = np.concatenate(parts) if parts else np.zeros(0)
    return found if node.entry is None or not len(found) else found[[node.entry % len(found)]]


def largest(w: np.ndarray) -> float:
    """Return the number of largest magnitude, 0 of none; of a complex number its real part."""
    finite = np.real(w[np.isfinite(w)])
    return float(finite[np.argmax(np.abs(finite))]) if len(finite) else 0.0


def told(name: str, x: np.ndarray, array: bool) -> list[str]:
    """Return a line on some numbers: themselves, or their range; nothing of none."""
    lost = int((~np.isfinite(x)).sum())
    if not len(x):
        return []
    x = x + 0.0  # without -0
    if len(x) == 1:
        return [f"{name}{'[' if array else ''}{x[0]:.3g}{']' if array else ''}"]
    finite = x[np.isfinite(x)]
    text = f"{lost:,} of {len(x):,} NaN or infinite" if lost else ""
    if len(finite):
        if x.dtype.kind == "c":
            extent = f"|.| up to {np.abs(finite).max():.3g}"
        else:
            low, high = finite.min(), finite.max()
            extent = f"all {low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        text = f"{extent}, {lost:,} not finite" if lost else extent
    return [name + text]


def fills_of(strongest: np.ndarray, colors: Palette) -> tuple[list[str], list[Swatch]]:
    """Return the colour of each number, and the scale."""
    from matplotlib.colors import to_hex

    scale = signed_scale(colors, strongest)
    norm, shades = scale["norm"], scale["cmap"]

    def color(v: float) -> str:
        return to_hex(shades(float(norm(v))))

    most, least = float(norm.vmax), float(norm.linthresh)
    middle = float(np.sqrt(most * least)) if least < most else most / 2
    ticks = [-most, -middle, 0.0, middle, most]
    said = "\u03bb, logarithmic" if least < most / 10 else "\u03bb"
    bar = [Swatch("", said), *(Swatch(color(v), f"{v:.2g}") for v in ticks)]
    return [color(v) for v in strongest], bar
