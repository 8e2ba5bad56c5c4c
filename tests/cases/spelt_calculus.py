"""Examples of the calculus of samples: rules and compositions."""

from __future__ import annotations

from typing import Any

import numpy as np

import lagrad as lg
from cases.base import ROW, VECTOR, Case, calls, numbers
from lagrad.rules.calculus import geomspace, interpolate, linspace
from lagrad.rules.convolution import convolve

KNOTS = np.array([-2.0, -0.3, 0.1, 1.2, 3.0])
UNEVEN = np.array([0.0, 0.5, 0.7, 1.5])


def knots(n: int, seed: int = 11) -> Any:
    """Return ascending numbers, about one apart."""
    return np.arange(n) + numbers((n,), -0.3, 0.3, seed) - 1.0


# fmt: off
#: Functions with a rule.
SAMPLES: dict[Any, list[Case]] = {
    linspace:    calls((lambda a, b: np.linspace(a, b, 4), (), ()),
                       (lambda a, b: np.linspace(a, b, 3, endpoint=False), (2,), (2,)),
                       (lambda a, b: np.linspace(a, b, num=3, axis=-1), (2, 1), (3,)),
                       (lambda a, b: np.linspace(a, b, 3, axis=1), (2, 3), ()),
                       (lambda a: np.linspace(a, 1.0, 1), ()),
                       (lambda b: np.linspace(0, b, 0), ())),
    geomspace:   [Case(lambda a, b: np.geomspace(a, b, 4), (numbers(()), numbers((), 2, 3)), True),
                  Case(lambda a, b: np.geomspace(a, b, 3, endpoint=False, axis=1),
                       (numbers((2, 3)), numbers((3,), 2, 3)), True),
                  Case(lambda a, b: np.geomspace(-a, -b, 3), (numbers(()), numbers((), 2, 3))),
                  Case(lambda b: np.geomspace(1.0, b, 2), (numbers((2,), 2, 3),), True)],
    interpolate: [Case(np.interp, (numbers((2, 3), -1.9, 2.9), KNOTS, numbers((5,), -1, 1)), False),
                  Case(np.interp, (numbers((9,), -5, 6), KNOTS, numbers((5,), -1, 1))),
                  Case(np.interp, (numbers(()), KNOTS, numbers((5,), -1, 1))),
                  Case(lambda x, f: np.interp(x, KNOTS, f * (1 + 2j)),
                       (numbers((4,), -1.9, 2.9), numbers((5,), -1, 1))),
                  Case(lambda x, f: np.interp(x, [0.5], f), (numbers((4,), -1, 2), np.ones(1)))],
    np.roots:    [Case(np.roots, (np.array([1.0, -3.5, 1.7, 0.9]),), True),
                  Case(np.roots, (np.array([2.0, 1.0, 5.0]),)),
                  Case(lambda p: np.roots(np.stack([0.0, p[0], 1.0, p[1], 0.0])),
                       (np.array([1.0, -3.0]),)),
                  Case(np.roots, (np.array([2.0, 1.0]),), True)],
    convolve:    calls(*((lambda x, y, m=m: lg.convolve(x, y, m), a, b)
                         for m in ("full", "same", "valid")
                         for a, b in (((5,), (2,)), ((3,), (3,)), ((2,), (4,)), ((3, 4), (2, 3)),
                                      ((1,), (1,)))),
                       (lambda x: lg.convolve(x, x), (2, 2, 1)),
                       (lambda x: lg.convolve([1.0, 2.0], x, mode="same"), (3,))),
    np.convolve: calls(*((lambda x, y, m=m: np.convolve(x, y, m), a, b)
                         for m in ("full", "same", "valid")
                         for a, b in (((5,), (2,)), ((4,), (3,)), ((2,), (4,)), ((3,), (5,)),
                                      ((2,), (2,)))),
                       (np.convolve, (3,), ()), (lambda x: np.convolve([1.0, 2.0], x), (3,)),
                       (lambda x: np.convolve(x, x, mode="same"), (3,))),
}

CALCULUS: dict[Any, list[Case]] = {
    np.gradient:  calls(
        (np.gradient, (4,)), (lambda f: np.stack(np.gradient(f)), (3, 4)),
        (lambda f, h: np.gradient(f, h + 2.0), (4,), ()),
        (lambda f, h: np.gradient(f, h + 2.0, edge_order=2), (4,), ()),
        (lambda f: np.gradient(f, UNEVEN, edge_order=2, axis=1), (3, 4)),
        (lambda f: np.gradient(f, UNEVEN), (4,)),
        (lambda f: np.gradient(f, [1, 2, 3, 4], axis=-1), (2, 4)),
        (lambda f: np.gradient(f, 0.5, axis=0), (2, 2)),
        (lambda f: np.stack(np.gradient(f, 0.5, [1.0, 2.0, 4.0, 4.5], edge_order=2)), (3, 4)),
        (lambda f: np.stack(np.gradient(f, 2.0, axis=(2, 0))), (2, 3, 2))) + [
        Case(lambda f, x: np.gradient(f, x), (numbers((5,)), knots(5))),
        Case(lambda f, x: np.gradient(f, x, edge_order=2, axis=0), (numbers((4, 2)), knots(4))),
        Case(lambda x: np.gradient(np.arange(3.0), x, edge_order=2), (knots(3),)),
        Case(lambda x: np.gradient(np.array([1.0, 3.0]), x), (knots(2),))],
    np.interp:    [Case(lambda x, f: np.interp(x, KNOTS, f, left=1.0, right=2.0),
                        (numbers((6,), -5, 6), numbers((5,), -1, 1))),
                   Case(lambda x, a, b: np.interp(x, KNOTS, KNOTS**2, left=a, right=b),
                        (numbers((2, 3), -5, 6), numbers(()), numbers(()))),
                   Case(lambda x, xp, f: np.interp(x, xp, f, period=2.5),
                        (numbers((6,), -5, 6), np.array([0.3, 2.0, 1.1, -0.7]),
                         numbers((4,), -1, 1))),
                   Case(lambda x: np.interp(x, [0.0, 1.0], [3, 5], period=np.float64(-1.75)),
                        (numbers((3,), -5, 6),)),
                   Case(lambda x, f: np.interp(x, [0, 1, 2], [f, 1.0, f * f], right=0.5),
                        (numbers((3,), 0.1, 2.6), numbers(()))),
                   Case(lambda x: np.interp(x, KNOTS, KNOTS * 1j), (numbers((3,), -1, 2),))],
    np.linspace:  calls((lambda a, b: np.linspace(a, b, 4, retstep=True)[0], (), ()),
                        (lambda a, b: np.linspace(a, b, 4, retstep=True)[1], (2,), ()),
                        (lambda a: np.linspace(a, [1.0, 2.0], 3, False, True)[1], ()),
                        (lambda a: np.linspace(0, a, 3, dtype=complex), ())),
    np.logspace:  calls((lambda a, b: np.logspace(a, b, 4), (), ()),
                        (lambda a, b: np.logspace(a, b, 3, endpoint=False, axis=-1), (2,), ()),
                        (lambda a, b: np.logspace(a, 2.0, 3, base=b + 3.0), (), ()),
                        (lambda a: np.logspace(a, 2.0, 3, base=2, dtype=complex), (2,))) + [
                   Case(lambda a, b: np.logspace(a, 2.0, 3, base=b), (VECTOR, 2 + ROW))],
    np.geomspace: [Case(lambda a, b: np.geomspace(a, b, 3), (numbers(()), numbers((2,), 2, 3)))],
    np.correlate: calls(*((lambda x, y, m=m: np.correlate(x, y, m), a, b)
                          for m in ("full", "same", "valid")
                          for a, b in (((5,), (2,)), ((4,), (3,)), ((2,), (4,)), ((3,), (5,)))),
                        (np.correlate, (3,), (2,)), (lambda x: np.correlate(x, x), (3,))),
    np.polyval:   calls((np.polyval, (4,), ()), (np.polyval, (3,), (2, 3)),
                        (lambda p: np.polyval(p, 2.0), (3,)),
                        (lambda x: np.polyval([3, 0, 1], x), (3,)),
                        (lambda p, x: np.polyval([p, 1.0], x), (), (2,))),
    np.polyadd:   calls((np.polyadd, (3,), (2,)), (np.polyadd, (), (2,)),
                        (lambda p: np.polyadd([1, 2, 3], p), (2,))),
    np.polysub:   calls((np.polysub, (3,), (2,)), (lambda p: np.polysub([1, 2, 3], p), (2,))),
    np.polymul:   calls((np.polymul, (3,), (2,)), (lambda p: np.polymul([0, 0, 1, 2], p), (2,)),
                        (np.polymul, (), (2,))),
    np.polydiv:   calls((lambda u, v: np.polydiv(u, v + 2.0)[0], (4,), (2,)),
                        (lambda u, v: np.polydiv(u, v + 2.0)[1][-1], (4,), (2,)),
                        (lambda u, v: np.concatenate(np.polydiv(u, v)), (2,), (3,)),
                        (lambda u: np.polydiv(u, [2.0, 1.0, 3.0])[1][-2:], (4,)),
                        (lambda v: np.polydiv([2.0, 1.0, 3.0], v + 2.0)[1][-1:], (2,))),
    np.polyder:   calls((np.polyder, (4,)), (lambda p: np.polyder(p, 2), (4,)),
                        (lambda p: np.polyder(p, m=0), (2,)), (lambda p: np.polyder(p, 3), (2,))),
    np.polyint:   calls((np.polyint, (3,)), (lambda p: np.polyint(p, 2, k=[1.0, 2.0]), (3,)),
                        (lambda p, k: np.polyint(p, 2, k), (2,), ()),
                        (lambda p: np.polyint(p, m=0), (2,))),
    np.polyfit:   [Case(lambda x, y: np.polyfit(x, y, 2), (knots(5), numbers((5,), -1, 1))),
                   Case(lambda y: np.polyfit(KNOTS, y, 1), (numbers((5, 2), -1, 1),), True),
                   Case(lambda x, y, w: np.polyfit(x, y, 1, w=w),
                        (knots(4), numbers((4,), -1, 1), numbers((4,), 1, 2)))],
    np.poly:      calls((np.poly, (3,)), (lambda x: np.poly(np.stack([x, np.conj(x)])), ()))
                  + [Case(np.poly, (np.array([[1.0, 2.0], [3.0, -1.0]]),))],
    np.vander:    calls((np.vander, (3,)), (lambda x: np.vander(x, 4, increasing=True), (2,)),
                        complexes=False),
}
#: Its name before NumPy 2 was trapz.
area = getattr(np, "trapezoid" if hasattr(np, "trapezoid") else "trapz")
CALCULUS[area] = calls(
    (lambda y: area(y), (4,)), (lambda y, x: area(y, x), (4,), (4,)),
    (lambda y, x: area(y, x, axis=0), (3, 2), (3,)),
    (lambda y, x: area(y, x, axis=-1), (2, 3), (2, 3)),
    (lambda y, h: area(y, dx=h), (2, 3), ()), (lambda x: area([1.0, 2.0, 4.0], x), (3,)))

#: The library's own.
CORRELATION: dict[Any, list[Case]] = {
    lg.correlate: calls(*((lambda x, y, m=m: lg.correlate(x, y, m), a, b)
                          for m in ("full", "same", "valid")
                          for a, b in (((5,), (2,)), ((2,), (4,)), ((3, 4), (2, 3)))),
                        (lambda x: lg.correlate([1.0, 2.0], x, method="direct"), (3,))),
}
# fmt: on
