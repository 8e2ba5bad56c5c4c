"""How the values of cycles were found: the largest residual before each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lagrad.certificate import Certificate
from lagrad.status import ArgumentError
from lagrad.views.level import cycles_told
from lagrad.views.palette import lines, palette
from lagrad.views.sides import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: So many cycles have a line of their own; those with the largest residuals.
MOST = 12
#: A residual of zero is drawn so many times below the smallest other one.
BELOW = 10.0


def convergence(obj: Any, ax: Axes | None = None) -> Axes:
    """Draw the largest residual of each cycle, before each step and after the last.

    Parameters
    ----------
    obj : Solution, Certificate, or a sequence or dict of certificates
        As ``system.solve(throw=False)`` and ``lg.root(..., full_output=True)`` give them.
    ax : matplotlib Axes, optional

    Returns
    -------
    Axes
        A line a cycle, with its names, or its key in a dict; one that failed is dashed and ends in
        a cross. A residual of zero is a triangle at the foot, one that is NaN or infinite a gap.

    Raises
    ------
    ArgumentError
        ``obj`` holds no certificate.
    """
    found = named(obj)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    worst = sorted(found, key=lambda pair: order(pair[1]))
    colors = lines(ax)
    shown = worst[:MOST]
    sizes = [np.asarray(c.history, dtype=float) for _, c in shown]
    positive = np.concatenate([r[np.isfinite(r) & (r > 0)] for r in sizes] or [np.ones(1)])
    foot = (float(positive.min()) if len(positive) else 1.0) / BELOW
    for (name, c), r, color in zip(shown, sizes, colors, strict=False):
        r = np.where(r == 0, foot, r)
        style = "-" if c.status.success else "--"
        steps = np.arange(len(r))
        ax.semilogy(steps, r, style, color=color, marker=".", label=f"{name}: {c.status.name}")
        ax.semilogy(steps[r == foot], r[r == foot], "v", color=color)
        if not c.status.success and len(r):
            there = np.flatnonzero(np.isfinite(r))
            end = (there[-1], r[there[-1]]) if len(there) else (0, foot)
            ax.semilogy(*end, "x", color=palette(ax).cycle, markersize=9, zorder=3)
    more = f"; {len(shown)} of {len(found)} cycles" if len(found) > len(shown) else ""
    ax.set(xlabel=f"step{more}", ylabel=r"largest residual $|r|$")
    ax.set_title(cycles_told(len(found)))
    if found:
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend(frameon=False, fontsize="small")
    ax.grid(color=palette(ax).faint, linewidth=0.5)
    return ax


def named(obj: Any) -> list[tuple[str, Certificate]]:
    """Return the certificates that an object holds, and what each is called."""
    if isinstance(obj, dict) and all(isinstance(c, Certificate) for c in obj.values()):
        return [(shortened(str(key)), c) for key, c in obj.items()]
    if isinstance(obj, Certificate):
        obj = [obj]
    held = getattr(obj, "cycles", None)
    found = list(held.values()) if isinstance(held, dict) else obj
    if (
        isinstance(found, list | tuple)
        and (found or found is not obj)
        and all(isinstance(c, Certificate) for c in found)
    ):
        return [(cycle_of(c), c) for c in found]
    raise ArgumentError(
        f"convergence draws a Solution or certificates, not {type(obj).__name__}; "
        "lg.root(..., full_output=True) gives a certificate beside the value"
    )


def cycle_of(c: Certificate) -> str:
    """Return the names of the unknowns of a cycle."""
    return shortened(", ".join(c.variables[:4]) + ", ..." * (len(c.variables) > 4))


def order(c: Certificate) -> tuple[bool, int, int]:
    """Return what the lines are sorted by: failures first, then the longest searches."""
    return c.status.success, -len(c.history), -c.size
