"""Where Halley's comet was when it was found again in 1982: Kepler's equation, a cycle of one.

    M = k t/a^1.5,  E = M + e sin E,  x = a (cos E - e),  y = a sqrt(1 - e^2) sin E,  r = |(x, y)|

With e = 0.968 the iteration E <- M + e sin E creeps, and Newton's method needs a few steps. The
derivatives have closed forms, dE/dM = 1/(1 - e cos E), and mechanics knows them by other names:
the derivatives by time are a velocity, which keeps energy and angular momentum.
"""

from collections.abc import Iterator

import numpy as np
from scipy.optimize import brentq

import lagrad as lg
from lagrad.gallery.problem import Check, Problem, slope_check

GAUSS = 0.01720209895  # k: the root of the Sun's gravitational parameter, au^1.5/day
PERIHELION = 2446469.6983372075  # Julian date
EPOCH, RECOVERY, VLT = 2439907.5, 2445258.97569, 2452705.5  # 1968, 1982 October 16, 2003 March 7
A, ECCENTRICITY = 17.93003431157555, 0.9679221169240834


def system() -> lg.System:
    comet = lg.System(t=RECOVERY - PERIHELION, a=A, e=ECCENTRICITY)

    @comet.constraint
    def M(t, a):
        return GAUSS * t / a**1.5

    @comet.constraint(start=-1.0)
    def E(M, e, E):
        return M + e * np.sin(E)

    @comet.constraint
    def x(a, e, E):
        return a * (np.cos(E) - e)

    @comet.constraint
    def y(a, e, E):
        return a * np.sqrt(1 - e**2) * np.sin(E)

    @comet.constraint
    def r(x, y):
        return np.hypot(x, y)

    return comet


def distance(t: float, a: float, e: float) -> float:
    """The distance r = a (1 - e cos E), with E by Brent's method, which needs no derivative."""
    M = GAUSS * float(t) / float(a) ** 1.5
    E = brentq(lambda E: E - e * np.sin(E) - M, M - 1, M + 1, xtol=1e-15, rtol=1e-15)
    return a * (1 - e * np.cos(E))


def checks(solution: lg.Solution) -> Iterator[Check]:
    point = {name: float(solution[name]) for name in ("t", "a", "e")}
    t, a, e, E, M = (float(solution[name]) for name in ("t", "a", "e", "E", "M"))
    gradient = solution.gradient("r")
    jacobian = solution.jacobian(of=["x", "y", "M", "E"], wrt=["t"])
    vx, vy, motion, dE = (jacobian[name]["t"] for name in ("x", "y", "M", "E"))
    yield Check("r = a (1 - e cos E), bisection", solution["r"], distance(**point), 1e-12)
    yield Check("dE/dM = 1/(1 - e cos E)", dE / motion, 1 / (1 - e * np.cos(E)), 1e-12)
    # From r = a (1 - e cos E), M = E - e sin E, M ~ a^-1.5.
    slope = a * e * np.sin(E) / (1 - e * np.cos(E))
    by_hand = {
        "t": slope * M / t,
        "a": 1 - e * np.cos(E) - 1.5 * slope * M / a,
        "e": -a * np.cos(E) + slope * np.sin(E),
    }
    for name, value in by_hand.items():
        yield Check(f"dr/d{name}, closed form", gradient[name], value, 1e-11)
        yield slope_check(f"dr/d{name}", distance, point, name, gradient[name], 1.0)
    energy = (vx**2 + vy**2) / 2 - GAUSS**2 / solution["r"]
    yield Check("energy v^2/2 - k^2/r = -k^2/2a", energy, -(GAUSS**2) / (2 * a), 1e-9)
    momentum = solution["x"] * vy - solution["y"] * vx
    closed = GAUSS * np.sqrt(a * (1 - e**2))
    yield Check("angular momentum = k sqrt(a (1 - e^2))", momentum, closed, 1e-11)
    if point == {"t": RECOVERY - PERIHELION, "a": A, "e": ECCENTRICITY}:
        yield Check("angular momentum, as JPL prints it", momentum, 0.018301168, 1e-7)
        yield Check("degrees a day, as JPL prints them", np.degrees(motion), 0.012981725, 1e-7)
        epoch = system().solve(t=EPOCH - PERIHELION)
        anomaly = np.degrees(epoch["M"]) + 360
        yield Check("M at the epoch, as JPL prints it", anomaly, 274.8113481508292, 1e-9)
        later = system().solve(t=VLT - PERIHELION, start={"E": 2.0})
        yield Check("r in 2003, as published: 28.06", later["r"], 28.06, 2e-3)


def problem() -> Problem:
    return Problem(
        name="kepler",
        summary="Halley's comet on the night it was found again: a cycle of one",
        source="elements: JPL Horizons, 1P/Halley, solution 74, epoch 1968-Feb-21; recovery: D. C."
        " Jewitt et al., IAU Circular 3737 (1982); 2003: O. R. Hainaut et al., A&A 417 (2004),"
        " p. 1159, and ESO Press Photos 27a-c/03",
        model=system(),
        of="r",
        wrt=("t", "a", "e"),
        checks=checks,
        notes=(
            "t are days since the perihelion of 1986, a the semi-major axis in astronomical units,"
            " e the eccentricity, M and E the mean and the eccentric anomaly, x and y the place in"
            " the plane of the orbit with the Sun at 0, r the distance from the Sun.",
            "The planets pull on the comet: the elements hold for 1968, and after the flight past"
            " the Sun they give the distance of 2003 to two thousandths only.",
        ),
    )
