"""Where partials are not unique or do not exist, and what is taken there.

How to add one: ``function: Kink(where, says)``. ``where`` is a function of the value z and the
arguments and gives booleans shaped like z, or broadcasting to it; ``says`` is the convention, as a
sentence that `lg.undefined_partials` shows. A finite (sub)gradient is taken where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.primitive import Kink
from lagrad.rules.calculus import interpolate
from lagrad.rules.cumulative import (
    running_fmax,
    running_fmin,
    running_maximum,
    running_minimum,
)
from lagrad.rules.elementwise import angle, jump, quotient
from lagrad.rules.linalg import kinks as linalg
from lagrad.rules.options import axes_of
from lagrad.rules.reductions import deviation, entry_norm, root_mean_square
from lagrad.rules.selections import neighbours

ABS = "|x| has a kink at 0, and 0 is taken, between the slopes -1 and 1"
TIE = "equal arguments: each is taken to be picked half, between the one-sided derivatives"
STEEP = "the slope is infinite there; no finite value stands for it"


def at_zero(z: Any, x: Any) -> Any:
    """The argument is 0."""
    return np.equal(x, 0)


def at_tie(z: Any, x: Any, y: Any) -> Any:
    """The arguments are equal."""
    return np.equal(x, y)


def at_bound(z: Any, x: Any, low: Any, high: Any) -> Any:
    """The argument is one of the bounds."""
    at = np.zeros(np.shape(z), bool)
    for bound in (low, high):
        if bound is not None:
            at = np.logical_or(at, np.equal(x, bound))
    return at


def at_root_of_power(z: Any, x: Any, y: Any) -> Any:
    """x**y at x = 0, which is smooth in x for y = 0, 1, 2, ... and flat for other y > 1."""
    smooth = np.logical_or(np.equal(np.mod(np.real(y), 1), 0), np.greater(np.real(y), 1))
    return np.logical_and(np.equal(x, 0), np.logical_not(smooth))


def lines(x: Any, axis: Any) -> Any:
    """Return x with the axes that are reduced flattened into the last one."""
    axes = axes_of(x, axis)
    rest = tuple(k for k in range(np.ndim(x)) if k not in axes)
    return np.reshape(np.transpose(x, rest + axes), [*(np.shape(x)[k] for k in rest), -1])


def at_equal_extremes(z: Any, x: Any, axis: Any = None, **other: Any) -> Any:
    """Several entries are the maximum (minimum)."""
    x = lines(x, axis)
    value = np.reshape(z, [*np.shape(x)[:-1], 1])
    return np.reshape(np.sum(np.equal(x, value), axis=-1) > 1, np.shape(z))


def at_equal_norm(z: Any, x: Any, ord: Any = None, axis: Any = None, **other: Any) -> Any:
    """The norm is 0; an entry is 0 for p <= 1; several entries are the largest for p = inf."""
    if ord in (np.inf, -np.inf):
        return at_equal_extremes(z, np.absolute(x), axis)
    zero = np.equal(lines(x, axis), 0)
    kink = np.any(zero, axis=-1) if ord not in (None, "fro", "f") and ord <= 1 else np.all(zero, -1)
    return np.reshape(kink, np.shape(z))


def at_equal_numbers(z: Any, x: Any, **other: Any) -> Any:
    """The standard deviation is 0."""
    return np.equal(z, 0)


def at_equal_neighbours(z: Any, x: Any, axis: int = -1, **other: Any) -> Any:
    """Two results are equal, so that their order is a matter of convention."""
    return tied(z, axis)


def tied(z: Any, axis: int) -> Any:
    """Return which entries have an equal one along the axis."""
    moved = np.moveaxis(np.asarray(z), axis, -1)
    order = np.argsort(moved, axis=-1, kind="stable")
    ordered = np.take_along_axis(moved, order, -1)
    same = np.equal(ordered[..., 1:], ordered[..., :-1])
    edge = np.zeros((*np.shape(same)[:-1], 1), bool)
    here = np.concatenate([edge, same], -1) | np.concatenate([same, edge], -1)
    back = np.empty_like(here)
    np.put_along_axis(back, order, here, -1)
    return np.moveaxis(back, -1, axis)


def at_equal_picks(without_nan: bool) -> Callable[..., Any]:
    """Return where several entries are an order statistic that counts in a quantile."""

    def where(
        z: Any, x: Any, *q: Any, axis: Any = None, method: str = "linear", **other: Any
    ) -> Any:
        level = q[0] if q else 0.5
        low, high, g, _ = neighbours(z, x, level, axis, method, without_nan)
        rows, entries = lines(x, axis), np.ravel(x)
        shape = [math.prod(np.shape(level)), *np.shape(rows)[:-1], 1]

        def tied_at(place: Any) -> Any:
            same = np.equal(rows, np.reshape(entries[place], shape))
            return np.reshape(np.sum(same, axis=-1) > 1, np.shape(z))

        lower = np.logical_and(tied_at(low), np.not_equal(g, 1))
        return np.logical_or(lower, np.logical_and(tied_at(high), np.not_equal(g, 0)))

    return where


def at_equal_leaders(z: Any, x: Any, axis: int = -1, **other: Any) -> Any:
    """An entry is equal to the running maximum (minimum) before it."""
    x, z = np.moveaxis(x, axis, -1), np.moveaxis(z, axis, -1)
    first = np.zeros((*np.shape(x)[:-1], 1), bool)
    found = np.concatenate([first, np.equal(x[..., 1:], z[..., :-1])], axis=-1)
    return np.moveaxis(found[..., : np.shape(x)[-1]], -1, axis)


KINKS: dict[Callable[..., Any], Kink] = {
    np.absolute: Kink(at_zero, ABS),
    np.fabs: Kink(at_zero, ABS),
    jump: Kink(at_zero, "the sign jumps at 0; its slope is infinite there"),
    **dict.fromkeys((np.maximum, np.minimum, np.fmax, np.fmin), Kink(at_tie, TIE)),
    np.clip: Kink(at_bound, "on a bound of clip the derivative of the interior, 1, is taken"),
    np.sqrt: Kink(at_zero, "sqrt at 0: " + STEEP),
    np.cbrt: Kink(at_zero, "cbrt at 0: " + STEEP),
    np.power: Kink(at_root_of_power, "a power below 1 at 0: " + STEEP),
    np.float_power: Kink(at_root_of_power, "a power below 1 at 0: " + STEEP),
    np.hypot: Kink(lambda z, x, y: np.equal(z, 0), "hypot has a kink at (0, 0), and 0 is taken"),
    quotient: Kink(
        lambda z, x, y: np.equal(y, 0), "x/y at y = 0 stands for a jump; its slope is infinite"
    ),
    np.arcsin: Kink(lambda z, x: np.equal(np.absolute(x), 1), "arcsin at +-1: " + STEEP),
    np.arccos: Kink(lambda z, x: np.equal(np.absolute(x), 1), "arccos at +-1: " + STEEP),
    np.arccosh: Kink(lambda z, x: np.equal(x, 1), "arccosh at 1: " + STEEP),
    **linalg.KINKS,
    interpolate: Kink(
        lambda z, x, xp, fp: np.isin(x, xp),
        "interp has a kink at a knot, and the slope of the interval that begins there is taken",
    ),
    np.roots: Kink(
        lambda z, p: np.equal(np.polyval(np.polyder(p), z), 0),
        "roots moves without bound at a multiple root; no finite value stands for its slope",
    ),
    sc.cbrt: Kink(at_zero, "cbrt at 0: " + STEEP),
    sc.agm: Kink(lambda z, a, b: np.equal(np.multiply(a, b), 0), "agm at 0: " + STEEP),
    angle: Kink(at_zero, "the angle of 0 is any; its slope is infinite there"),
    np.arctan2: Kink(
        lambda z, y, x: np.logical_and(np.less_equal(x, 0), np.equal(y, 0)),
        "arctan2(0, x) jumps for x < 0, and the slope beside is taken; for x = 0 it is infinite",
    ),
    np.remainder: Kink(
        lambda z, x, y: np.equal(z, 0),
        "x mod y jumps where x is a multiple of y; the derivative to its right is taken",
    ),
    np.fmod: Kink(
        lambda z, x, y: np.logical_and(np.equal(z, 0), np.not_equal(x, 0)),
        "fmod jumps where x is a multiple of y; the derivative away from 0 is taken",
    ),
    np.copysign: Kink(
        lambda z, x, y: np.logical_or(np.equal(x, 0), np.equal(y, 0)),
        "copysign(x, y) has a kink at x = 0 and jumps at y = 0; the derivative beside is taken",
    ),
    **dict.fromkeys(
        (np.max, np.min, np.amax, np.amin, np.nanmax, np.nanmin),
        Kink(at_equal_extremes, "equal extremes share evenly, between the one-sided derivatives"),
    ),
    entry_norm: Kink(at_equal_norm, "a norm has a kink there; 0, or an even share, is taken"),
    **dict.fromkeys(
        (deviation, root_mean_square),
        Kink(at_equal_numbers, "a standard deviation has a kink at 0, and 0 is taken"),
    ),
    **dict.fromkeys(
        (np.sort, np.partition),
        Kink(at_equal_neighbours, "equal numbers keep their order, each from one entry"),
    ),
    **{
        f: Kink(at_equal_picks(nan), "of equal numbers the first in their order is taken")
        for f, nan in (
            (np.median, False),
            (np.quantile, False),
            (np.nanmedian, True),
            (np.nanquantile, True),
        )
    },
    **dict.fromkeys(
        (running_maximum, running_minimum, running_fmax, running_fmin),
        Kink(at_equal_leaders, "of equal entries the one that came first is taken"),
    ),
}
