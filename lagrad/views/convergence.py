"""How the values of cycles were found: the largest residual before each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lagrad.certificate import Certificate
from lagrad.status import ArgumentError
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
        A line a cycle, with its names; one that failed is dashed and ends in a cross. A residual
        of zero is a triangle at the foot, one that is NaN or infinite a gap.

    Raises
    ------
    ArgumentError
        ``obj`` holds no certificate.
    """
    found = certificates(obj)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    worst = sorted(found, key=lambda c: (c.status.success, -len(c.history), -c.size))
    colors = lines(ax)
    shown = worst[:MOST]
    sizes = [np.asarray(c.history, dtype=float) for c in shown]
    positive = np.concatenate([r[np.isfinite(r) & (r > 0)] for r in sizes] or [np.ones(1)])
    foot = float(positive.min(initial=1.0)) / BELOW
    for c, r, color in zip(shown, sizes, colors, strict=False):
        r = np.where(r == 0, foot, r)
        names = shortened(", ".join(c.variables[:4]) + ", ..." * (len(c.variables) > 4))
        style = "-" if c.status.success else "--"
        steps = np.arange(len(r))
        ax.semilogy(steps, r, style, color=color, marker=".", label=f"{names}: {c.status.name}")
        ax.semilogy(steps[r == foot], r[r == foot], "v", color=color)
        if not c.status.success and len(r):
            ax.semilogy(steps[-1:], r[-1:], "x", color=palette(ax).cycle, markersize=9, zorder=3)
    more = f"; {len(shown)} of {len(found)} cycles" if len(found) > len(shown) else ""
    ax.set(xlabel=f"step{more}", ylabel=r"largest residual $|r|$")
    ax.set_title(
        f"{len(found):,} {'cycle' if len(found) == 1 else 'cycles'}" if found else "acyclic"
    )
    if found:
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend(frameon=False, fontsize="small")
    ax.grid(color=palette(ax).faint, linewidth=0.5)
    return ax


def certificates(obj: Any) -> list[Certificate]:
    """Return the certificates that an object holds."""
    if isinstance(obj, Certificate):
        return [obj]
    if hasattr(obj, "cycles"):
        return list(obj.cycles.values())
    found = list(obj.values()) if isinstance(obj, dict) else obj
    if isinstance(found, list | tuple) and all(isinstance(c, Certificate) for c in found):
        return list(found)
    raise ArgumentError(
        f"convergence draws a Solution or certificates, not {type(obj).__name__}; "
        "lg.root(..., full_output=True) gives a certificate beside the value"
    )
