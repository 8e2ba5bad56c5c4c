"""Functions with several outputs, packed one behind the other in one vector.

How to add one: ``function: (d/dx, d/dy, ...)``, where each takes the outputs and the arguments, and
returns the derivatives of all outputs. `PACKED` gives the function whose value is the vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.dispatch import overridable
from lagrad.partials import Broadcast, Partial, Scale, Stack, then
from lagrad.primitive import Primitive
from lagrad.rules.special.base import Rows, fit, no, real_only
from lagrad.rules.special.bessel import bei_series, ber_series, logarithmic_slope, over
from lagrad.rules.special.elliptic import ellipkinc_to_m
from lagrad.rules.special.kernels import faddeeva, sin_ratio, sinh_ratio
from lagrad.rules.special.unsupported import sound

DEGREE = math.pi / 180
TURN = np.exp(0.25j * math.pi).item()


def packed(function: Any) -> Callable[..., Any]:
    """Return the function whose value is all outputs of ``function`` in one vector."""

    def outputs(*args: Any) -> Any:
        return np.concatenate([np.ravel(z) for z in function(*args)])

    outputs.__name__ = f"{function.__name__}_outputs"
    outputs.__doc__ = f"Return the outputs of {function.__name__}, one behind the other."
    return overridable(outputs)


def cut(flat: Any, shape: tuple[int, ...], count: int) -> list[Any]:
    """Return the outputs that a vector consists of, each of ``shape``."""
    n = math.prod(shape)
    if not shape:
        return [flat[k] for k in range(count)]
    return [np.reshape(flat[k * n : (k + 1) * n], shape) for k in range(count)]


def several(
    own: Callable[..., Any], count: int, derivatives: tuple[Callable[..., Any], ...]
) -> Primitive:
    """Return the primitive of a packed function: a diagonal for each output."""

    def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
        shape, given = np.broadcast_shapes(*(np.shape(a) for a in args)), np.shape(args[k])
        outputs = cut(z, shape, count)
        ds = derivatives[k](outputs, *args)
        parts: list[Partial] = [Scale(fit(d, z), shape) for d in ds]
        if given != shape:
            parts = [then(part, Broadcast(given, shape)) for part in parts]
        return Stack(*parts)

    return Primitive(own.__name__, own, partial)


def scaled_airy(o: Any, x: Any) -> tuple[Any, ...]:
    """Ai and Ai' are scaled by exp(xi), Bi and Bi' by exp(-xi) for x > 0, xi = 2/3 x^(3/2)."""
    real_only(x, "scipy.special.airye, which is scaled by exp(-|Re xi|),")
    positive = np.greater_equal(x, 0)
    root = np.sqrt(np.where(positive, x, 0.0))
    near = (
        o[1] + np.sqrt(x) * o[0],
        x * o[0] + np.sqrt(x) * o[1],
        o[3] - root * o[2],
        x * o[2] - root * o[3],
    )
    far = np.greater(x, 30.0)
    if not np.any(far):
        return near
    # They are K and I of order 1/3 and 2/3 at xi, times sqrt(x) and x.
    at = np.where(far, x, 1e4)
    xi, root = 2 / 3 * at * np.sqrt(at), np.sqrt(at)
    slopes = [
        power / at + root * logarithmic_slope(v, xi, c)
        for c in (1, -1)
        for power, v in ((0.5, 1 / 3), (1.0, 2 / 3))
    ]
    return tuple(np.where(far, z * s, d) for z, s, d in zip(o, slopes, near, strict=True))


def jacobi_to_m(o: Any, u: Any, m: Any) -> tuple[Any, ...]:
    """The amplitude solves F(ph, m) = u, so that dph/dm is -dn dF/dm."""
    sn, cn, dn, ph = o
    turned = -dn * ellipkinc_to_m(ph, m)
    return cn * turned, -sn * turned, -(sn * sn + 2 * m * sn * cn * turned) / (2 * dn), turned


def kelvin(o: Any, x: Any) -> tuple[Any, ...]:
    """Be'' = i Be - Be'/x, and so for Ke; Be' is i x/2 near 0."""
    return (
        o[2],
        o[3],
        1j * o[0] - over(o[2], x, ber_series(x) + 1j * bei_series(x)),
        1j * o[1] - o[3] / x,
    )


def fresnel_integral(turn: complex, sign: int) -> Callable[..., Any]:
    """F is the integral of exp(+-i t^2) from x on, and K is w(turn x) / 2."""
    return lambda o, x: (-np.exp(sign * 1j * x * x), 0.5 * turn * faddeeva(1, turn * x))


def bessel_rest(x: Any, sign: int) -> Any:
    """Return (I_0(x) - 1) / x for sign 1 and (1 - J_0(x)) / x for sign -1; near 0 a series."""
    near = np.less(np.absolute(x), 1.0)
    a, b = np.where(near, x, 0.0), np.where(near, 1.0, x)
    q: Any = sign * a * a / 4
    series: Any = 0.0
    for k in range(10, 0, -1):
        series = (series * q + 1) / (k * k) if k > 1 else series * q + 1
    whole = sc.i0(b) if sign == 1 else sc.j0(b)
    return np.where(near, a / 4 * series, sign * (whole - 1) / b)


def mathieu(characteristic: Any, modified: bool) -> tuple[Callable[..., Any], ...]:
    """Solve y'' = -(a - 2 q cos 2x) y, x in degrees; modified: y'' = (a - 2 q cosh 2x) y."""

    def to_x(o: Any, m: Any, q: Any, x: Any) -> tuple[Any, ...]:
        a = characteristic(m, q)
        if modified:
            return o[1], (a - 2 * q * np.cosh(2 * x)) * o[0]
        bend = -(a - 2 * q * np.cos(2 * DEGREE * x)) * o[0]
        return DEGREE * o[1], DEGREE * bend

    return (
        no("A Mathieu function with respect to its order"),
        no("A Mathieu function with respect to q"),
        to_x,
    )


def spheroidal(characteristic: Any, sign: int, radial: bool) -> tuple[Callable[..., Any], ...]:
    """((1 - x^2) y')' + (cv - c^2 x^2 - m^2 / (1 - x^2)) y = 0; oblate: c^2 changes its sign.

    A radial oblate function has i x in the place of x. ``characteristic`` gives cv; where it is
    None, cv is an argument.
    """

    def to_x(o: Any, m: Any, n: Any, c: Any, *rest: Any) -> tuple[Any, ...]:
        (x, cv) = (rest[0], characteristic(m, n, c)) if characteristic else (rest[1], rest[0])
        if radial and sign < 0:
            p, energy = 1 + x * x, cv - c * c * x * x
            return o[1], (-2 * x * o[1] + (energy - m * m / p) * o[0]) / p
        p = (1 - x) * (1 + x)
        energy = cv - sign * c * c * x * x
        return o[1], (2 * x * o[1] - (energy - m * m / p) * o[0]) / p

    refused = [no("A spheroidal function with respect to m, n, c or cv")]
    return (*(refused * (3 if characteristic else 4)), to_x)


# fmt: off
SEVERAL: Rows = {
    sc.airy:    (lambda o, x: (o[1], x * o[0], o[3], x * o[2]),),
    sc.airye:   (scaled_airy,),
    sc.itairy:  (lambda o, x: (*sc.airy(x)[0:3:2], *sc.airy(-x)[0:3:2]),),
    sc.ellipj:  (lambda o, u, m: (o[1] * o[2], -o[0] * o[2], -m * o[0] * o[1], o[2]),
                 jacobi_to_m),
    sc.fresnel: (lambda o, x: (np.sin(np.pi / 2 * x * x), np.cos(np.pi / 2 * x * x)),),
    sc.modfresnelp: (fresnel_integral(TURN, 1),),
    sc.modfresnelm: (fresnel_integral(TURN**3, -1),),
    sc.sici:    (lambda o, x: (sin_ratio(x), np.cos(x) / x),),
    sc.shichi:  (lambda o, x: (sinh_ratio(x), np.cosh(x) / x),),
    sc.kelvin:  (kelvin,),
    sc.itj0y0:  (lambda o, x: (sc.j0(x), sc.y0(x)),),
    sc.iti0k0:  (lambda o, x: (sc.i0(x), sc.k0(x)),),
    sc.it2j0y0: (lambda o, x: (bessel_rest(x, -1), -sc.y0(x) / x),),
    sc.it2i0k0: (lambda o, x: (bessel_rest(x, 1), -sc.k0(x) / x),),

    # parabolic cylinder functions and their derivatives: y'' = (x^2/4 + b) y
    sc.pbdv:    (no("scipy.special.pbdv with respect to its order"),
                 lambda o, v, x: (o[1], (x * x / 4 - v - 0.5) * o[0])),
    sc.pbvv:    (no("scipy.special.pbvv with respect to its order"),
                 lambda o, v, x: (o[1], (x * x / 4 - v - 0.5) * o[0])),
    sc.pbwa:    (no("scipy.special.pbwa with respect to a"),
                 lambda o, a, x: (o[1], (a - x * x / 4) * o[0])),

    sc.mathieu_cem:     mathieu(sc.mathieu_a, False),
    sc.mathieu_sem:     mathieu(sc.mathieu_b, False),
    sc.mathieu_modcem1: mathieu(sc.mathieu_a, True),
    sc.mathieu_modcem2: mathieu(sc.mathieu_a, True),
    sc.mathieu_modsem1: mathieu(sc.mathieu_b, True),
    sc.mathieu_modsem2: mathieu(sc.mathieu_b, True),
    sc.pro_ang1:        spheroidal(sc.pro_cv, 1, False),
    sc.pro_rad1:        spheroidal(sc.pro_cv, 1, True),
    sc.obl_ang1:        spheroidal(sc.obl_cv, -1, False),
    sc.obl_rad1:        spheroidal(sc.obl_cv, -1, True),
    sc.pro_ang1_cv:     spheroidal(None, 1, False),
    sc.pro_rad1_cv:     spheroidal(None, 1, True),
    sc.obl_ang1_cv:     spheroidal(None, -1, False),
    sc.obl_rad1_cv:     spheroidal(None, -1, True),
}
# fmt: on

PACKED: dict[Any, Callable[..., Any]] = {f: packed(f) for f in SEVERAL if sound(f.__name__)}
RULES: dict[Callable[..., Any], Primitive] = {
    own: several(own, f.nout, SEVERAL[f]) for f, own in PACKED.items()
}
