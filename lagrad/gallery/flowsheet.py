"""The Williams-Otto process, a chemical plant whose units feed each other in a circle.

    A + B -> C,   C + B -> P + E,   P + C -> G      r_k = a_k exp(-b_k / T) x_i x_j rho V
    mixer:     in = feeds + recycle
    reactor:   out = in + S r,   x = out / sum out
    decanter:  takes off the tar G
    column:    takes off the product, P - 0.1 E: the rest of P stays with E
    purge:     the part eta of what is left; the other part is the recycle

Streams are flows of (A, B, C, E, P, G) in 1000 lb/h. Each unit is a System of its own; the plant
includes them, so that a unit is a scope. Its return on investment is in percent a year.
"""

from collections.abc import Iterator

import numpy as np
from scipy.optimize import brentq, minimize

import lagrad as lg
from lagrad.gallery.problem import Check, Problem

A, B, C, E, P, G = range(6)
FACTORS, BARRIERS = np.array([5.9755e9, 2.5962e12, 9.6283e15]), np.array([12e3, 15e3, 20e3])
DENSITY = 50.0  # lb/ft^3
TINY = 1e-30j  # a complex step
STOICHIOMETRY = np.array(  # by weight: 1 A + 1 B = 2 C, 2 C + 1 B = 1 P + 2 E, 1/2 P + 1 C = 3/2 G
    [[-1, 0, 0], [-1, -1, 0], [2, -2, -1], [0, 2, 0], [0, 1, -0.5], [0, 0, 1.5]]
)
GUESS = np.array([20.0, 60, 3, 60, 10, 1])  # where the search for the outflow begins
#: Feeds, degrees Rankine, volume in 1000 ft^3, and the part that is purged.
POINT = {"feed_a": 13.0, "feed_b": 30.0, "T": 670.0, "V": 0.03, "eta": 0.1}
BEST, BEST_T = 121.1, 674.4  # the published optimum for this volume: its return and temperature
#: At feeds of 10 and 20, 580 degrees, a part of 0.2 and an outflow of 129.5: masses in the reactor.
STEADY = np.array([3.27, 7.47, 1.12, 9.81, 1.69, 0.22])


def mixer() -> lg.System:
    unit = lg.System(feed_a=0.0, feed_b=0.0, recycle=np.zeros(6))

    @unit.constraint(start=GUESS)
    def stream(feed_a, feed_b, recycle):
        return feed_a * np.eye(6)[A] + feed_b * np.eye(6)[B] + recycle

    return unit


def reactor() -> lg.System:
    unit = lg.System(inflow=np.zeros(6), T=600.0, V=0.03)

    @unit.constraint(start=np.ones(3))
    def r(out, T, V):
        x = out / np.sum(out)
        speed = FACTORS * np.exp(-BARRIERS / T) * DENSITY * V
        return speed * x[[A, B, C]] * x[[B, C, P]]

    @unit.constraint(start=GUESS)
    def out(inflow, r):
        return inflow + STOICHIOMETRY @ r

    return unit


def decanter() -> lg.System:
    unit = lg.System(inflow=np.zeros(6))

    @unit.constraint
    def tar(inflow):
        return inflow[G]

    @unit.constraint(start=GUESS)
    def rest(inflow):
        return inflow * (np.arange(6) != G)

    return unit


def column() -> lg.System:
    unit = lg.System(inflow=np.zeros(6))

    @unit.constraint(start=4.0)
    def product(inflow):
        return inflow[P] - 0.1 * inflow[E]

    @unit.constraint(start=GUESS)
    def bottoms(inflow, product):
        return inflow - product * np.eye(6)[P]

    return unit


def purge() -> lg.System:
    unit = lg.System(inflow=np.zeros(6), eta=0.1)

    @unit.constraint
    def fuel(inflow, eta):
        return eta * inflow

    @unit.constraint(start=GUESS)
    def recycle(inflow, eta):
        return (1 - eta) * inflow

    return unit


def yearly_return(feed_a, feed_b, V, out, tar, product, fuel):
    """In percent of what the plant costs, which goes with the volume of the reactor."""
    income = 2207 * product + 50 * np.sum(fuel)
    costs = 168 * feed_a + 252 * feed_b + 2.22 * np.sum(out) + 84 * tar
    return 100 * (income - costs - 60 * V * DENSITY) / (600 * V * DENSITY)


def system() -> lg.System:
    plant = lg.System(**POINT)
    feeds = {"feed_a": "feed_a", "feed_b": "feed_b"}
    plant.include("mixer", mixer(), **feeds, recycle="purge.recycle")
    plant.include("reactor", reactor(), inflow="mixer.stream", T="T", V="V")
    plant.include("decanter", decanter(), inflow="reactor.out")
    plant.include("column", column(), inflow="decanter.rest")
    plant.include("purge", purge(), inflow="column.bottoms", eta="eta")
    streams = ("reactor.out", "decanter.tar", "column.product", "purge.fuel")
    plant.constrain("roi", yearly_return, ("feed_a", "feed_b", "V", *streams))
    return plant


def by_hand(**point: complex) -> np.ndarray:
    """Outflow (6,) of the reactor by Newton's method, all other units eliminated.

    An input may be complex: with a tiny imaginary part h, that of the outflow is h times its slope.
    """

    def mismatch(F, feed_a, feed_b, T, V, eta):
        k1, k2, k3 = FACTORS * np.exp(-BARRIERS / T) * DENSITY * V
        a, b, c, e, p, g = F / np.sum(F)
        r1, r2, r3 = k1 * a * b, k2 * b * c, k3 * c * p
        made = np.stack([-r1, -r1 - r2, 2 * r1 - 2 * r2 - r3, 2 * r2, r2 - r3 / 2, 1.5 * r3])
        back = (1 - eta) * np.stack([F[A], F[B], F[C], F[E], 0.1 * F[E], 0 * g])
        return made + back - F + np.stack([feed_a, feed_b, 0, 0, 0, 0])

    real, F = {name: np.real(x) for name, x in point.items()}, GUESS
    for _ in range(30):
        columns = [mismatch(F.real + TINY * e, **real).imag / TINY.imag for e in np.eye(6)]
        F = F - np.linalg.solve(np.stack(columns, axis=1), mismatch(F, **point))
    return F


def roi_by_hand(**point: complex) -> complex:
    F = by_hand(**point)
    fuel = point["eta"] * (F[A] + F[B] + F[C] + 1.1 * F[E])
    feed_a, feed_b, V = (point[name] for name in ("feed_a", "feed_b", "V"))
    return yearly_return(feed_a, feed_b, V, F, F[G], F[P] - 0.1 * F[E], fuel)


def optimum() -> tuple[float, float]:
    """The best return with this volume, and its temperature: SLSQP on gradients of the System."""
    plant, names = system(), ("feed_a", "feed_b", "T", "eta")
    size = np.array([POINT[name] for name in names])

    def loss_and_slope(u):
        solution = plant.solve(**dict(zip(names, u * size, strict=True)))
        gradient = solution.gradient("roi")
        return -solution["roi"], -size * np.array([gradient[name] for name in names])

    near = [(0.9, 1.1), (0.9, 1.1), (0.99, 1.01), (0.8, 1.2)]  # a plant that is starved goes out
    found = minimize(loss_and_slope, np.ones(4), jac=True, bounds=near, options={"ftol": 1e-10})
    return -found.fun, found.x[2] * size[2]


def steady_masses() -> np.ndarray:
    """Masses (6,) in the reactor whose outflow is 129.5, by the volume that gives it."""
    plant = system()

    def outflow(V):
        return plant.solve(feed_a=10.0, feed_b=20.0, T=580.0, V=V, eta=0.2)["reactor.out"]

    V = brentq(lambda V: np.sum(outflow(V)) - 129.5, 0.4, 0.6, xtol=1e-9)
    return DENSITY * V * outflow(V) / 129.5


def checks(solution: lg.Solution) -> Iterator[Check]:
    point = {name: float(solution[name]) for name in POINT}
    F, gradient = by_hand(**point), solution.gradient("roi")
    yield Check("outflow of the reactor, units eliminated", solution["reactor.out"], F, 1e-10)
    yield Check("return, units eliminated", solution["roi"], roi_by_hand(**point), 1e-10)
    leaving = solution["decanter.tar"] + solution["column.product"] + sum(solution["purge.fuel"])
    yield Check("what leaves = what is fed", leaving, point["feed_a"] + point["feed_b"], 1e-12)
    for name in POINT:
        slope = roi_by_hand(**point | {name: point[name] + TINY}).imag / TINY.imag
        yield Check(f"droi/d{name}, units eliminated", gradient[name], slope, 1e-9)
    off = np.max(np.abs(steady_masses() - STEADY))
    yield Check("masses in the reactor, published with two digits", off, 0.0, 0.006)
    best, temperature = optimum()
    yield Check("best return, published", best, BEST, 5e-4)
    yield Check("best temperature, published", temperature, BEST_T, 2e-4)


def problem() -> Problem:
    return Problem(
        name="flowsheet",
        summary="the Williams-Otto process: mixer, reactor, decanter, column, purge and recycle",
        source="T. J. Williams and R. E. Otto, A generalized chemical processing model for the"
        " investigation of computer control, AIEE Trans. 79 (1960), p. 458; optimum: L. T. Biegler,"
        " Nonlinear Programming (2010); steady state: J. Schmid et al., arXiv:2004.07614 (2020),"
        " equation 4.8",
        model=system(),
        of="roi",
        wrt=tuple(POINT),
        checks=checks,
        sentence="One cell below the diagonal, where the mixer reads the purge, is the recycle: it"
        " makes one cycle of five units.",
        notes=(
            "Streams are flows of A, B, C, E, P and G in 1000 lb/h, feed_a and feed_b those of A"
            " and B into the plant; T is the temperature of the reactor in degrees Rankine, V its"
            " volume in 1000 ft^3, r its reactions, eta the part that is purged and sold as fuel,"
            " roi the return on investment in percent a year.",
        ),
    )
