"""A bridge rectifier by nodal analysis: four diodes turn a sine into a current that does not turn.

    I(v) = Is(T) (exp(v/(n kT/q)) - 1)                           Shockley's diode
    a: (vs - (va - vb))/R0 = I(va - vp) - I(-va)                 currents at the source's two ends,
    b: (va - vb - vs)/R0 = I(vb - vp) - I(-vb)                   and at the output; the other end of
    p: I(va - vp) + I(vb - vp) = vp/R                            the load is the zero of voltages

Every instant of the sine is solved on its own: va, vb, vp are arrays over one period, J is the mean
of vp. By symmetry one diode voltage is enough, and Lambert's function gives it in closed form.
"""

from collections.abc import Iterator

import numpy as np
from scipy.special import lambertw

import lagrad as lg
from lagrad.gallery.problem import Check, Problem

BOLTZMANN, CHARGE = 1.380649e-23, 1.602176634e-19  # exact in the SI
SATURATION, EMISSION, GAP, EXPONENT, NOMINAL = 2.682e-9, 1.836, 1.11, 3.0, 300.15
INSTANTS = 40
SINE = np.sin(2 * np.pi * (np.arange(INSTANTS) + 0.5) / INSTANTS)


def thermal_voltage(T):
    return EMISSION * BOLTZMANN * T / CHARGE


def saturation_current(T):
    """SPICE's law: the current of the data sheet at 300.15 K, and how it grows with heat."""
    ratio = T / NOMINAL
    growth = (ratio - 1) * GAP / thermal_voltage(T)
    return SATURATION * ratio ** (EXPONENT / EMISSION) * np.exp(growth)


def shockley(v, T):
    return saturation_current(T) * (np.exp(v / thermal_voltage(T)) - 1)


def system() -> lg.System:
    bridge = lg.System(amplitude=10.0, R=1000.0, T=NOMINAL, R0=1.0)
    for node in ("va", "vb", "vp"):
        bridge.unknown(node, start=np.zeros(INSTANTS))

    @bridge.constraint
    def vs(amplitude):
        return amplitude * SINE

    @bridge.residual
    def a(va, vb, vp, vs, T, R0):
        return (vs - (va - vb)) / R0 - shockley(va - vp, T) + shockley(-va, T)

    @bridge.residual
    def b(va, vb, vp, vs, T, R0):
        return (va - vb - vs) / R0 - shockley(vb - vp, T) + shockley(-vb, T)

    @bridge.residual
    def p(va, vb, vp, T, R):
        return shockley(va - vp, T) + shockley(vb - vp, T) - vp / R

    @bridge.constraint
    def J(vp):
        return np.mean(vp)

    return bridge


def closed_form(amplitude: complex, R: complex, T: complex, R0: complex) -> np.ndarray:
    """The output vp at every instant; takes complex inputs for the complex step.

    Two diodes have voltage v > 0 and two -(v + vp), whose current is -Is c with c nearly 1. With
    E = exp(v/w) the loop is 2 w log E + (R + R0) Is E = |vs| + Is ((1 + c) R + (1 - c) R0).
    """
    w, saturation = thermal_voltage(T), saturation_current(T)
    c = np.ones(INSTANTS)
    for _ in range(100):
        right = amplitude * np.abs(SINE) + saturation * ((1 + c) * R + (1 - c) * R0)
        slope = (R + R0) * saturation / (2 * w)
        E = lambertw(slope * np.exp(right / (2 * w))) / slope
        vp = R * saturation * (E - 1 - c)
        c = 1 - np.exp(-vp / w) / E
    return vp


def checks(solution: lg.Solution) -> Iterator[Check]:
    point = {name: float(solution[name]) for name in ("amplitude", "R", "T", "R0")}
    T, va, vb, vp, vs = (solution[name] for name in ("T", "va", "vb", "vp", "vs"))
    gradient, J = solution.gradient("J"), solution["J"]
    exact = closed_form(**point).real
    yield Check("vp, Lambert's function", vp, exact, 1e-10)
    for name, value in point.items():
        slope = np.mean(closed_form(**{**point, name: value + 1e-30j})).imag / 1e-30
        yield Check(f"dJ/d{name}, complex step of the closed form", gradient[name], slope, 1e-9)
    current = (vs - (va - vb)) / point["R0"]
    drops = np.stack([va - vp, -va, vb - vp, -vb])
    yield Check(
        "no current is lost", np.sum(shockley(drops, T), 0) - 2 * vp / point["R"], 0 * vp, 1e-12
    )
    heat = point["R0"] * current**2 + vp**2 / point["R"] + np.sum(drops * shockley(drops, T), 0)
    yield Check("the source's power becomes heat", vs * current, heat, 1e-10)
    half = INSTANTS // 2
    yield Check("both halves of the sine give the same", vp[:half], vp[half:], 1e-12)
    yield Check("mean of vp", J, np.mean(exact), 1e-10)


def problem() -> Problem:
    return Problem(
        name="diode",
        summary="a bridge rectifier by nodal analysis: output by load, temperature and source",
        source="W. Shockley, The theory of p-n junctions in semiconductors (1949); L. W. Nagel,"
        " SPICE2 (1975), and the diode D1N4148 of PSpice's library: Is, n, gap, exponent",
        model=system(),
        of="J",
        wrt=("amplitude", "R", "T", "R0"),
        checks=checks,
        notes=(
            "amplitude of the source in volts, R the load and R0 the source's own resistance in"
            " ohms, T the temperature in kelvins; vs, va, vb, vp the voltages at 40 instants of a"
            " period, J the mean output.",
            "The diodes' own resistance, recombination and high injection are left out.",
        ),
    )
