"""A power network as constant matrices: admittances, set points, and which buses are of which kind.

A branch is a pi-section behind an ideal transformer; MATPOWER User's Manual, section 3.2.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from lagrad.gallery import datasets

PQ, SLACK = 1, 3  # types of buses


@dataclass(frozen=True, eq=False)
class Network:
    """Constants of a network of n buses and m branches, in units of ``base`` MVA.

    Attributes
    ----------
    Y : complex sparse (n, n), the currents that buses put into the network, by voltages
    Z : complex sparse (m, n), the currents through the branches, by voltages
    resistance : (m,) of the branches
    generation : (n,) active power, which the slack bus does not keep to
    set_points, slack_angle : (n,) magnitudes at the buses that hold theirs; angle of the slack bus
    angles, magnitudes : indices of the buses where these are unknown
    loads : MW (n,) and MVAr (n,)
    given : (n,) complex, the voltages that the data come with
    """

    base: float
    Y: sp.csr_array
    Z: sp.csr_array
    resistance: np.ndarray
    generation: np.ndarray
    set_points: np.ndarray
    slack_angle: float
    angles: np.ndarray
    magnitudes: np.ndarray
    loads: tuple[np.ndarray, np.ndarray]
    given: np.ndarray

    def voltages(self, theta: np.ndarray, v: np.ndarray) -> np.ndarray:
        """All voltages (n,), complex, from the unknown angles and magnitudes."""
        magnitude, angle = self.set_points.copy(), np.full(len(self.set_points), self.slack_angle)
        magnitude[self.magnitudes], angle[self.angles] = v, theta
        return magnitude * np.exp(1j * angle)


def network(case: str, shift: float = 0.0) -> Network:
    """Read case30 or case300; ``shift`` turns the transformer from bus 196 to 2040, in degrees."""
    base, bus, gen, branch = datasets.power_network(case)
    gen, branch = gen[gen[:, 7] > 0], branch[branch[:, 10] > 0]  # those in service
    branch[(branch[:, 0] == 196) & (branch[:, 1] == 2040), 9] += shift
    n, m = len(bus), len(branch)
    position = {number: k for k, number in enumerate(bus[:, 0])}
    begin, end, at = (
        np.array([position[number] for number in column])
        for column in (branch[:, 0], branch[:, 1], gen[:, 0])
    )
    y = 1 / (branch[:, 2] + 1j * branch[:, 3])
    tap = np.where(branch[:, 8] == 0, 1, branch[:, 8]) * np.exp(1j * np.radians(branch[:, 9]))
    own = y + 0.5j * branch[:, 4]  # with half of the line's charging
    shunt = (bus[:, 4] + 1j * bus[:, 5]) / base
    entries = np.concatenate([own / np.abs(tap) ** 2, -y / tap.conj(), -y / tap, own, shunt])
    k = np.arange(n)
    rows = np.concatenate([begin, begin, end, end, k])
    columns = np.concatenate([begin, end, begin, end, k])
    ends = np.tile(np.arange(m), 2), np.concatenate([begin, end])
    held = bus[:, 1] != PQ
    set_points = np.zeros(n)
    set_points[at] = gen[:, 5]
    return Network(
        base=base,
        Y=sp.csr_array((entries, (rows, columns)), shape=(n, n)),
        Z=sp.csr_array((np.concatenate([y / tap, -y]), ends), shape=(m, n)),
        resistance=branch[:, 2],
        generation=np.bincount(at, gen[:, 1], n) / base,
        set_points=set_points * held,
        slack_angle=np.radians(bus[bus[:, 1] == SLACK, 8].item()),
        angles=np.flatnonzero(bus[:, 1] != SLACK),
        magnitudes=np.flatnonzero(~held),
        loads=(bus[:, 2], bus[:, 3]),
        given=bus[:, 7] * np.exp(1j * np.radians(bus[:, 8])),
    )
