"""The IEEE 300-bus network: what another megawatt of load costs in losses, at every bus.

    V = v exp(i theta),   S = V conj(Y V),   losses = sum over branches of resistance |current|^2
    Re S = generation - P   at every bus but the slack, where theta is known
    Im S = -Q               at the buses without a generator; at the others v is known

Unknown are the angles theta and the magnitudes v: a cycle of two arrays, 530 numbers. Complex
numbers stand as real and imaginary parts, V = e + i f and Y = G + i B.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import scipy.sparse as sp

import lagrad as lg
from lagrad.gallery import datasets
from lagrad.gallery.power_network import Network, network
from lagrad.gallery.problem import Check, Problem, direction_at, slope_check

PUBLISHED = {"case30": 2.444, "case300": 408.3}  # losses in MW, as printed


def system(net: Network) -> lg.System:
    n = len(net.generation)
    identity = sp.eye_array(n, format="csr")
    to_angles, to_magnitudes = identity[:, net.angles], identity[:, net.magnitudes]
    slack = net.slack_angle * ~np.isin(np.arange(n), net.angles)
    G, B, C, D = net.Y.real, net.Y.imag, net.Z.real, net.Z.imag

    def voltages(theta, v):
        magnitude, angle = net.set_points + to_magnitudes @ v, slack + to_angles @ theta
        return magnitude * np.cos(angle), magnitude * np.sin(angle)

    grid = lg.System(P=net.loads[0], Q=net.loads[1])
    grid.unknown("theta", start=np.full(len(net.angles), net.slack_angle))
    grid.unknown("v", start=np.ones(len(net.magnitudes)))

    @grid.residual
    def active(theta, v, P):
        e, f = voltages(theta, v)
        into_network = e * (G @ e - B @ f) + f * (G @ f + B @ e)
        return (into_network - net.generation + P / net.base)[net.angles]

    @grid.residual
    def reactive(theta, v, Q):
        e, f = voltages(theta, v)
        into_network = f * (G @ e - B @ f) - e * (G @ f + B @ e)
        return (into_network + Q / net.base)[net.magnitudes]

    @grid.constraint
    def losses(theta, v):
        e, f = voltages(theta, v)
        return net.base * (net.resistance @ ((C @ e - D @ f) ** 2 + (C @ f + D @ e) ** 2))

    return grid


def in_zones(case: str = "case300") -> lg.System:
    """The same by zones of the network, each of which reads those that it is tied to."""
    net, zone = network(case), datasets.power_network(case)[1][:, 10].astype(int)
    buses = {f"zone{k}": np.flatnonzero(zone == k) for k in np.unique(zone)}
    voltages = {name: partial(voltages_of, net, own) for name, own in buses.items()}
    unknown = {name: (f"{name}.theta", f"{name}.v") for name in buses}
    grid = lg.System()
    for name, own in buses.items():
        near = [b for b in buses if b != name and net.Y[own][:, buses[b]].nnz]
        grid.include(name, one_zone(net, own), tie=f"{name}.tie")

        def tie(*pairs, own=own, near=near):
            theta_v = zip(pairs[::2], pairs[1::2], near, strict=True)
            return sum(times(net.Y[own][:, buses[b]], voltages[b](*z)) for *z, b in theta_v)

        parents = [variable for b in near for variable in unknown[b]]
        grid.constrain(f"{name}.tie", tie, parents, start=np.zeros((2, len(own))))

    def losses(*pairs):
        theta_v = zip(pairs[::2], pairs[1::2], buses.items(), strict=True)
        current = sum(times(net.Z[:, own], voltages[b](*z)) for *z, (b, own) in theta_v)
        return net.base * (net.resistance @ np.sum(current**2, axis=0))

    grid.constrain("losses", losses, [variable for pair in unknown.values() for variable in pair])
    return grid


def one_zone(net: Network, own: np.ndarray) -> lg.System:
    """The buses ``own``, and the currents ``tie`` that voltages elsewhere put into them."""
    angles, magnitudes = (np.isin(own, k) for k in (net.angles, net.magnitudes))
    Y, generation = net.Y[own][:, own], net.generation[own]
    zone = lg.System(P=net.loads[0][own], Q=net.loads[1][own], tie=np.zeros((2, len(own))))
    zone.unknown("theta", start=np.full(np.sum(angles), net.slack_angle))
    zone.unknown("v", start=np.ones(np.sum(magnitudes)))

    @zone.residual
    def active(theta, v, tie, P):
        V = voltages_of(net, own, theta, v)
        into_network = np.sum(V * (times(Y, V) + tie), axis=0)
        return (into_network - generation + P / net.base)[angles]

    @zone.residual
    def reactive(theta, v, tie, Q):
        V = voltages_of(net, own, theta, v)
        (e, f), (re, im) = V, times(Y, V) + tie
        return (f * re - e * im + Q / net.base)[magnitudes]

    return zone


def voltages_of(net: Network, own: np.ndarray, theta: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Real above imaginary parts (2, n) at the buses ``own``, from what is unknown there."""
    identity = sp.eye_array(len(own), format="csr")
    angles, magnitudes = (np.flatnonzero(np.isin(own, k)) for k in (net.angles, net.magnitudes))
    slack = net.slack_angle * ~np.isin(own, net.angles)
    angle = slack + identity[:, angles] @ theta
    magnitude = net.set_points[own] + identity[:, magnitudes] @ v
    return np.stack([magnitude * np.cos(angle), magnitude * np.sin(angle)])


def times(Y: sp.csr_array, V: np.ndarray) -> np.ndarray:
    """Y V, complex numbers as real above imaginary parts."""
    return np.stack([Y.real @ V[0] - Y.imag @ V[1], Y.imag @ V[0] + Y.real @ V[1]])


def dense_newton(net: Network, P: np.ndarray, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voltages and the Jacobian there, dense and complex: MATPOWER's way to write it."""
    Y, a, m = net.Y.toarray(), net.angles, net.magnitudes
    theta, v, J = np.full(len(a), net.slack_angle), np.ones(len(m)), np.zeros(0)
    for _ in range(12):
        V = net.voltages(theta, v)
        current, unit = Y @ V, V / np.abs(V)
        mismatch = V * current.conj() - net.generation + (P + 1j * Q) / net.base
        by_angle = 1j * V[:, None] * (np.diag(current) - Y * V).conj()
        by_magnitude = V[:, None] * (Y * unit).conj() + np.diag(current.conj() * unit)
        S = np.hstack([by_angle[:, a], by_magnitude[:, m]])
        J = np.vstack([S.real[a], S.imag[m]])
        r = np.concatenate([mismatch.real[a], mismatch.imag[m]])
        step = np.linalg.solve(J, r)
        theta, v = theta - step[: len(a)], v - step[len(a) :]
    return net.voltages(theta, v), J


def losses_by_branch(net: Network, V: np.ndarray) -> np.ndarray:
    return net.base * net.resistance * np.abs(net.Z @ V) ** 2


def dense_adjoint(net: Network, V: np.ndarray, J: np.ndarray) -> dict[str, np.ndarray]:
    """Gradient of the losses: the transposed Jacobian against their slope by the unknowns."""
    weighted = 2 * net.base * (net.resistance * (net.Z @ V).conj()) @ net.Z
    slope = np.concatenate(
        [(1j * V * weighted).real[net.angles], (V / np.abs(V) * weighted).real[net.magnitudes]]
    )
    lam = np.linalg.solve(J.T, -slope) / net.base
    gradient = {"P": np.zeros(len(V)), "Q": np.zeros(len(V))}
    gradient["P"][net.angles] = lam[: len(net.angles)]
    gradient["Q"][net.magnitudes] = lam[len(net.angles) :]
    return gradient


def checks(solution: lg.Solution) -> Iterator[Check]:
    cases = {"case300": solution, "case30": system(network("case30")).solve()}
    for case, solved in cases.items():
        net, point = network(case), {name: solved[name] for name in ("P", "Q")}
        V, J = dense_newton(net, **point)
        found = net.voltages(solved["theta"], solved["v"])
        of, gradient = solved["losses"], solved.gradient("losses")
        if all(np.array_equal(point[name], net.loads[k]) for k, name in enumerate(point)):
            yield Check(f"{case}: losses, MATPOWER", of, PUBLISHED[case], 2e-4)
        yield Check(f"{case}: voltages, dense complex Newton", found, V, 1e-10)
        for name, by_hand in dense_adjoint(net, V, J).items():
            yield Check(f"{case}: dlosses/d{name}, dense adjoint", gradient[name], by_hand, 1e-9)

            def losses(net=net, **loads):
                return np.sum(losses_by_branch(net, dense_newton(net, **loads)[0]))

            direction = direction_at(point[name], np.random.default_rng(0))
            what = f"{case}: dlosses/d{name}"
            yield slope_check(what, losses, point, name, gradient[name], direction)
    net = network("case300", shift=-11.4)
    given = system(net).solve()
    V = net.voltages(given["theta"], given["v"])
    yield Check("case300 with its phase shift: voltages of the data", V, net.given, 1e-3)


def problem() -> Problem:
    return Problem(
        name="power-flow",
        summary="IEEE 300-bus network: how losses change with the load of every bus",
        source="R. D. Zimmerman, C. E. Murillo-Sanchez, R. J. Thomas, MATPOWER (2011): case300 and"
        " case30, and the losses that runpf prints for them",
        model=system(network("case300")),
        of="losses",
        wrt=("P", "Q"),
        checks=checks,
        sentence="A full row and column of one zone: the others are tied to it and not to each"
        " other; power that flows both ways makes one cycle.",
        parts=in_zones,
        notes=(
            "P and Q are active and reactive load by bus in MW and MVAr, theta the angles and v"
            " the magnitudes of the voltages, losses the heat in all branches in MW.",
            "The voltages that come with case300 solve the network with a phase shift of -11.4"
            " degrees from bus 196 to 2040, which the case itself leaves out.",
        ),
    )
