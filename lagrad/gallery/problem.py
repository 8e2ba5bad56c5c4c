"""What a problem of the gallery is, and what a check is: plain data."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lagrad import Solution, System


@dataclass(frozen=True)
class Check:
    """One comparison of what was computed with what it has to be.

    ``floor`` is the size below which the reference is only noise (a finite difference of a
    large value, say); differences are then measured against ``floor``.
    """

    name: str
    value: Any
    reference: Any
    tolerance: float
    floor: float = 0.0

    @property
    def error(self) -> float:
        """Largest |value - reference|, relative to the largest |reference|; absolute if that is 0.

        Values of another shape than the reference are infinitely wrong: broadcasting would hide it.
        """
        value, reference = np.asarray(self.value), np.asarray(self.reference)
        if value.shape != reference.shape:
            return float("inf")
        if value.size == 0:
            return 0.0
        scale = max(float(np.max(np.abs(reference))), float(self.floor))
        difference = float(np.max(np.abs(value - reference)))
        return difference / scale if scale > 0 else difference

    @property
    def ok(self) -> bool:
        return bool(self.error <= self.tolerance)  # a nan compares false


@dataclass(frozen=True)
class Problem:
    """A model, the derivative asked of it, and the checks that the derivative has to pass.

    Attributes
    ----------
    name, summary, source : str
        As on the command line; one line; where it is from.
    model : System
    of : str
        The output z_n.
    wrt : tuple of str
        The inputs whose gradient is shown.
    checks : function
        Of the solved system; yields `Check`s.
    notes : tuple of str
        What the letters mean, and what a reader of the source should know, slips included.
    sentence : str
        What to see in A, where there is something to see at the level of scopes or variables.
    parts : function, optional
        Gives the same model in parts, each of them a scope: the System whose A ``sentence`` is
        about, where ``model`` has arrays that do not show it.
    """

    name: str
    summary: str
    source: str
    model: System
    of: str
    wrt: tuple[str, ...]
    checks: Callable[[Solution], Iterable[Check]]
    notes: tuple[str, ...] = ()
    sentence: str = ""
    parts: Callable[[], System] | None = None


def central_difference(output: Callable[[Any], Any], x: Any, direction: Any, h: float) -> float:
    """(f(x + h d) - f(x - h d)) / 2h, the slope of ``output`` at ``x`` along ``direction``."""
    ahead, behind = (np.asarray(output(x + k * direction)) for k in (h, -h))
    return ((ahead - behind) / (2 * h)).item()


def direction_at(x: Any, rng: np.random.Generator) -> Any:
    """Return 1 for a number, so that the slope is the gradient, and random numbers for an array."""
    return 1.0 if np.ndim(x) == 0 else rng.normal(size=np.shape(x))


def slope_check(
    name: str,
    output: Callable[..., Any],
    point: dict[str, Any],
    wrt: str,
    gradient: Any,
    direction: Any,
    step: float = 6e-6,
    tolerance: float = 1e-6,
) -> Check:
    """Compare the gradient along a direction with a central difference of ``output(**point)``.

    The step is relative to the largest entry of the input. The error of the formula is O(h^2), that
    of rounding O(eps/h), and h near the cube root of eps balances them; take a smaller one where
    there are kinks (ReLU). Errors are relative to the terms of the inner product, which may cancel,
    and to what the rounding of the output amounts to.
    """
    x = np.asarray(point[wrt])
    h = step * max(1.0, float(np.max(np.abs(x), initial=0.0)))
    slope = central_difference(lambda moved: output(**{**point, wrt: moved}), x, direction, h)
    terms = np.real(gradient * direction)
    rounding = 4 * np.finfo(float).eps * abs(np.asarray(output(**point)).item()) / h
    floor = max(float(np.sum(np.abs(terms))), rounding / tolerance)
    how = "central difference" + (" in a random direction" if x.ndim else "")
    return Check(f"{name}, {how}", float(np.sum(terms)), slope, tolerance, floor)
