"""Checks of derivatives by what they must satisfy: adjoint identity, differences, Taylor rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from lagrad.api import jvp, vjp
from lagrad.check.directions import difference, direction, dot, magnitude, random
from lagrad.containers import map_leaves
from lagrad.status import GradientError


@dataclass(frozen=True)
class GradientCheck:
    """The outcome of `check_grad`.

    Attributes
    ----------
    ok : bool
    adjoint : float
        |<w, J v> - <J^T w, v>| relative to their size: tangents and multipliers disagree.
    difference : float
        |<w, J v> - central difference| relative to its size: both disagree with the function.
    rate : float
        By how many powers of h the first-order Taylor remainder falls; 2 for a right derivative,
        inf where it is zero to rounding.
    """

    ok: bool
    adjoint: float
    difference: float
    rate: float


def check_grad(
    f: Callable[..., Any], *args: Any, seed: int = 0, rtol: float = 1e-6, throw: bool = True
) -> GradientCheck:
    """Check the derivatives of ``f`` at ``args`` in a random direction.

    1. <w, J v> = <J^T w, v> to rounding, for random w and v.
    2. <w, J v> agrees with central differences of ``f`` to ``rtol``.
    3. The Taylor remainder <w, f(x + h v) - f(x) - h J v> falls as h^2.

    Parameters
    ----------
    f : function of arrays (nested containers), returning arrays; complex numbers count by the real
        part of their plain product
    *args : where to check
    seed : int
        Of the random direction.
    rtol : float
    throw : bool
        Raise on failure; else look at ``ok``.

    Raises
    ------
    GradientError
        Saying which check failed and by how much.

    Notes
    -----
    The rate needs no tuned step: P. Farrell et al., "Automated derivation of the adjoint of
    high-level transient finite element programs", SIAM J. Sci. Comput. 35 (2013), section 6.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> lg.check_grad(lambda x: np.sum(np.sin(x) * x), np.linspace(0.1, 1.0, 5)).ok
    True
    """
    rng = np.random.default_rng(seed)

    v = map_leaves(lambda x: direction(x, rng), args)
    value, tangent = jvp(f, args, v)
    _, pullback = vjp(f, *args)
    w = map_leaves(lambda x: random(x, rng), value)
    forward = dot(w, tangent)
    backward = dot(pullback(w), v)
    # A derivative that is zero by cancellation is zero to rounding of the value, not of itself.
    size = magnitude(w, tangent) + 1e-6 * magnitude(w, value) or 1.0
    adjoint = abs(forward - backward) / size

    def along(h: float) -> float:
        return dot(w, f(*map_leaves(lambda x, d: x + h * d, args, v)))

    apart = difference(along, forward) / size
    rate = taylor_rate(along, forward, size)
    ok = bool(adjoint <= 1e-10 and apart <= rtol and rate >= 1.8)
    outcome = GradientCheck(ok, adjoint, apart, rate)
    if throw and not np.isfinite(apart):
        raise GradientError(
            f"the derivative of {getattr(f, '__name__', f)} could not be checked: the function is "
            "NaN or inf next to these arguments. Check it further inside of its domain"
        )
    if throw and not ok:
        raise GradientError(
            f"the derivative of {getattr(f, '__name__', f)} is wrong here: multipliers and "
            f"tangents differ by {adjoint:.1e} (to be below 1e-10), from central differences by "
            f"{apart:.1e} (below {rtol:.0e}), and the Taylor remainder falls with rate "
            f"{rate:.2f} (to be 2). A rate of 1 is a wrong partial; all of it fails at a kink"
        )
    return outcome


def taylor_rate(along: Callable[[float], float], slope: float, size: float) -> float:
    """Return by how many powers of h the remainder |f(h) - f(0) - h slope| falls.

    Looked at where the smallest steps still stand above rounding: there a wrong slope shows, since
    h^2 has gone, and a kink further off does not. The noise of ``f`` is measured at steps so small
    that nothing else is left.
    """
    start = along(0.0)

    def remainder(h: float) -> float:
        return abs(along(h) - start - h * slope)

    noise = 1e3 * np.finfo(float).eps * max(abs(start), size * 1e-3)
    noise += 10 * max(remainder(2.0**-k) for k in (24, 25, 26))
    falling = [remainder(2.0**-k) for k in range(3, 15)]
    above = [k for k, r in enumerate(falling) if r > noise]
    if not above:
        return float("inf")
    # The last step above the noise, against the one before it and, if that has sunk, the next.
    near = falling[max(above[-1] - 1, 0) : above[-1] + 2]
    return max(float(np.log2(a / b)) if b else float("inf") for a, b in pairwise(near))
