"""A random walk with discount on the co-appearance graph of Les Miserables.

    V = r + gamma P V,   P_ij = w_ij / sum_k w_ik,   J = mu^T V

77 characters, so V is a cycle of 77. The reward is 1 at Valjean: V counts discounted visits to him.
J is differentiated with respect to rewards r, discount gamma and the weights w of the 254 edges.
P is never formed: constant sparse matrices of zeros and ones carry w to the directed edges.
"""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

import lagrad as lg
from lagrad.gallery import datasets
from lagrad.gallery.problem import Check, Problem, direction_at, slope_check


def _selection(columns: np.ndarray, width: int) -> sp.csr_array:
    """Rows of the identity: (S x)_k = x[columns[k]]."""
    k = np.arange(len(columns))
    return sp.csr_array((np.ones(len(k)), (k, columns)), shape=(len(k), width))


def system() -> lg.System:
    names, edges, weights = datasets.les_miserables()
    n, m = len(names), len(weights)
    tail = _selection(np.concatenate([edges[:, 0], edges[:, 1]]), n)  # each edge goes both ways
    head = _selection(np.concatenate([edges[:, 1], edges[:, 0]]), n)
    both = _selection(np.concatenate([np.arange(m), np.arange(m)]), m)
    walk = lg.System(w=weights, r=np.array([name == "Valjean" for name in names]) * 1.0, gamma=0.9)

    @walk.constraint
    def strength(w):  # of a character: the weights of its edges
        return tail.T @ (both @ w)

    @walk.constraint
    def p(w, strength):  # of a directed edge: the probability to take it
        return (both @ w) / (tail @ strength)

    @walk.constraint(start=np.zeros(n))
    def V(r, gamma, p, V):
        return r + gamma * (tail.T @ (p * (head @ V)))

    @walk.constraint
    def J(V):  # the walk starts anywhere, mu = 1/n
        return np.mean(V)

    return walk


def transition_matrix(w: np.ndarray) -> np.ndarray:
    """The dense P (77, 77) by rows: weight over the row's sum."""
    names, edges, _ = datasets.les_miserables()
    weights = np.zeros((len(names), len(names)))
    weights[edges[:, 0], edges[:, 1]] = w
    weights[edges[:, 1], edges[:, 0]] = w
    return weights / np.sum(weights, axis=1, keepdims=True)


def dense_value(w: np.ndarray, r: np.ndarray, gamma: float) -> np.floating:
    """J by a dense solve."""
    n = len(r)
    return np.mean(np.linalg.solve(np.eye(n) - gamma * transition_matrix(w), r))


def checks(solution: lg.Solution) -> Iterator[Check]:
    _, edges, _ = datasets.les_miserables()
    point = {name: solution[name] for name in ("w", "r", "gamma")}
    w, r, gamma = point["w"], point["r"], float(point["gamma"])
    n, P = len(r), transition_matrix(w)
    resolvent = np.linalg.inv(np.eye(n) - gamma * P)
    V = resolvent @ r
    occupancy = resolvent.T @ np.full(n, 1 / n)  # discounted visits from mu: the multipliers of V
    gradient = solution.gradient("J")
    yield Check("V, dense solve", solution["V"], np.linalg.solve(np.eye(n) - gamma * P, r), 1e-10)
    yield Check("lam_V = occupancy", solution.system.solve(of="J")["V"], occupancy, 1e-10)
    yield Check("dJ/dr = occupancy", gradient["r"], occupancy, 1e-10)
    yield Check("sum of dJ/dr = 1/(1 - gamma)", np.sum(gradient["r"]), 1 / (1 - gamma), 1e-10)
    jacobian = solution.jacobian(of=["V"], wrt=["r"])["V"]["r"]
    yield Check("dV/dr = (I - gamma P)^-1", jacobian, resolvent, 1e-10)
    yield Check("dJ/dgamma = occupancy^T P V", gradient["gamma"], occupancy @ P @ V, 1e-10)
    # dJ/dP_ij = gamma occupancy_i V_j; P_ij = w_ij / d_i moves the whole row i, hence V_j - (PV)_i.
    i, j = edges.T
    d = np.bincount(i, w, n) + np.bincount(j, w, n)
    row_i = occupancy[i] * (V[j] - (P @ V)[i]) / d[i]
    row_j = occupancy[j] * (V[i] - (P @ V)[j]) / d[j]
    yield Check("dJ/dw, perturbed rows of P", gradient["w"], gamma * (row_i + row_j), 1e-9)
    # P does not change when all weights are scaled alike (Euler's relation for degree 0).
    scaling = np.sum(w * gradient["w"])
    size = np.sum(np.abs(w * gradient["w"]))
    yield Check("sum of w dJ/dw = 0", scaling, 0.0, 1e-10, floor=size)
    rng = np.random.default_rng(0)
    for name in ("w", "r", "gamma"):
        direction = direction_at(point[name], rng)
        yield slope_check(f"dJ/d{name}", dense_value, point, name, gradient[name], direction)


def problem() -> Problem:
    return Problem(
        name="les-miserables",
        summary="random walk with discount: a cycle of 77, gradients of rewards and edge weights",
        source="D. E. Knuth, The Stanford GraphBase (1993); value of a Markov chain: Vieira (2017)",
        model=system(),
        of="J",
        wrt=("r", "gamma", "w"),
        checks=checks,
        notes=(
            "w are the weights of the edges, p the probabilities of a step along them, r the"
            " rewards (1 at Valjean), V the expected discounted reward of a walk from each"
            " character, J the mean of V.",
            "In the checks the occupancy counts, discounted, the visits to each character of a walk"
            " that starts anywhere; P is the matrix of p.",
        ),
    )
