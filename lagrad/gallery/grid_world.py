"""What a policy is worth on a grid of any size, and how to make it better: evaluation of a policy.

    pi = softmax(logits),   V_s = r_s + gamma sum_a pi_as V_(where a leads from s),   J = mean V

The two opposite corners end the walk: V = 0. A move against the border leads nowhere. With
gamma = 1, r = -1 and all moves equally likely, 4 x 4 is the example of Sutton and Barto.
"""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

import lagrad as lg
from lagrad.gallery.problem import Check, Problem, direction_at, slope_check

SIZE, GAMMA = 24, 0.98
MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))


def corners(n: int) -> np.ndarray:
    """0 at the two corners where the walk ends, 1 elsewhere, (n^2,)."""
    going = np.ones(n * n)
    going[[0, -1]] = 0
    return going


def leads(n: int) -> np.ndarray:
    """The square that each move leads to, (4, n^2)."""
    row, column = np.divmod(np.arange(n * n), n)
    return np.stack(
        [
            n * np.clip(row + down, 0, n - 1) + np.clip(column + right, 0, n - 1)
            for down, right in MOVES
        ]
    )


def system(n: int = SIZE, gamma: float = GAMMA, logits: np.ndarray | None = None) -> lg.System:
    going, states = corners(n), np.arange(n * n)
    walks = states[going > 0]  # the rows of squares where the walk ends are empty
    follow = [
        sp.csr_array((np.ones(len(walks)), (walks, to[walks])), shape=(n * n, n * n))
        for to in leads(n)
    ]
    if logits is None:
        logits = np.random.default_rng(0).normal(size=(4, n * n))
    world = lg.System(r=-going, gamma=gamma, logits=logits)

    @world.constraint
    def pi(logits):
        return lg.softmax(logits, axis=0)

    @world.constraint(start=np.zeros(n * n))
    def V(r, gamma, pi, V):
        return r + gamma * sum(pi[a] * (follow[a] @ V) for a in range(4))

    @world.constraint
    def J(V):
        return np.mean(V)

    return world


def dense(r: np.ndarray, gamma: float, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Policy (4, n^2) and the matrix of its moves (n^2, n^2), square by square."""
    n = round(np.sqrt(len(r)))
    pi = np.exp(logits) / np.sum(np.exp(logits), axis=0)
    P = np.zeros((n * n, n * n))
    for a, to in enumerate(leads(n)):
        for s in range(1, n * n - 1):
            P[s, to[s]] += pi[a, s]
    return pi, P


def value(r: np.ndarray, gamma: float, logits: np.ndarray) -> np.floating:
    _, P = dense(r, gamma, logits)
    return np.mean(np.linalg.solve(np.eye(len(r)) - gamma * P, r))


def checks(solution: lg.Solution) -> Iterator[Check]:
    point = {name: solution[name] for name in ("r", "gamma", "logits")}
    r, gamma = solution["r"], float(solution["gamma"])
    gradient, states = solution.gradient("J"), len(r)
    pi, P = dense(**point)
    resolvent = np.linalg.inv(np.eye(states) - gamma * P)
    V, visits = resolvent @ r, np.mean(resolvent, axis=0)  # discounted visits from anywhere
    yield Check("V, dense", solution["V"], V, 1e-10)
    yield Check("dJ/dr = discounted visits", gradient["r"], visits, 1e-10)
    yield Check("dJ/dgamma = visits^T P V", gradient["gamma"], visits @ P @ V, 1e-10)
    # The policy gradient theorem: visits, times the chance of a move, times what it gains.
    worth = gamma * V[leads(round(np.sqrt(states)))] * (np.arange(states) % (states - 1) > 0)
    gain = worth - np.sum(pi * worth, axis=0)
    theorem = visits * pi * gain
    yield Check("dJ/dlogits, policy gradient theorem", gradient["logits"], theorem, 1e-10)
    for name in point:
        direction = direction_at(point[name], np.random.default_rng(0))
        yield slope_check(f"dJ/d{name}", value, point, name, gradient[name], direction)
    book = system(4, gamma=1.0, logits=np.zeros((4, 16))).solve()["V"].reshape(4, 4)
    published = [[0, -14, -20, -22], [-14, -18, -20, -20], [-20, -20, -18, -14], [-22, -20, -14, 0]]
    yield Check("V on 4 x 4, as the book prints it", book, published, 1e-12)


def problem() -> Problem:
    return Problem(
        name="grid-world",
        summary=f"the value of a policy on {SIZE} x {SIZE} squares, and its policy gradient",
        source="R. S. Sutton and A. G. Barto, Reinforcement Learning, 2nd edition (2018), example"
        " 4.1 and figure 4.1; Sutton, McAllester, Singh, Mansour, Policy gradient methods (2000)",
        model=system(),
        of="J",
        wrt=("r", "gamma", "logits"),
        checks=checks,
        notes=(
            "r is the reward in a square, gamma the discount, pi_as the chance of move a (up, down,"
            " left, right) in square s, V the expected discounted reward from each square, J its"
            " mean.",
            "lagrad.gallery.grid_world.system(n) makes a grid of any size.",
        ),
    )
