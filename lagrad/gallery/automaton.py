"""A game of tennis as a weighted automaton with loops: the weight of all ways to win it.

    beta_i = final_i + sum over arcs i -> j of w_a beta_j,   Z = beta_start

beta_i is the total weight of the paths from state i to an accepting one, infinitely many, since
deuce and advantage lead back to each other. The gradient of log Z with respect to log w_a is how
often arc a is expected on an accepting path. If loops weigh too much the sum diverges, though the
linear equations still have a solution; where w >= 0 and every state lies on an accepting path, they
have one without a negative entry exactly if the sum converges, and any other is refused.
"""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

import lagrad as lg
from lagrad.gallery.problem import Check, Problem, direction_at, slope_check
from lagrad.status import ArgumentError, ConvergenceError

P = 2 / 3  # the server's chance to win a point
DEUCE, IN, OUT, GAME = "40-40", "advantage in", "advantage out", "game"


def arcs() -> list[tuple[str, str, bool]]:
    """(from, to, the server wins the point) between scores from which the server can win."""
    points = ("0", "15", "30", "40")
    found = []
    for i in range(4):
        for j in range(4):
            score = f"{points[i]}-{points[j]}"
            if score != DEUCE:
                found.append((score, f"{points[i + 1]}-{points[j]}" if i < 3 else GAME, True))
                if j < 3:
                    found.append((score, f"{points[i]}-{points[j + 1]}", False))
    back = [(IN, GAME, True), (IN, DEUCE, False), (OUT, DEUCE, True)]
    return found + [(DEUCE, IN, True), (DEUCE, OUT, False), *back]


def machine() -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Arcs as indices of states (tail, head), who wins the point (bool), number of states."""
    scores = dict.fromkeys(tail for tail, _, _ in arcs())  # the start is first
    index = {name: k for k, name in enumerate([*scores, GAME])}  # the accepting state is last
    numbered = np.array([(index[tail], index[head], server) for tail, head, server in arcs()])
    return numbered[:, 0], numbered[:, 1], numbered[:, 2] == 1, len(index)


def system() -> lg.System:
    tail, head, server, n = machine()
    k = np.arange(len(tail))
    leave = sp.csr_array((np.ones(len(k)), (tail, k)), shape=(n, len(k)))
    enter = sp.csr_array((np.ones(len(k)), (k, head)), shape=(len(k), n))
    tennis = lg.System(w=np.where(server, P, 1 - P), final=(np.arange(n) == n - 1) * 1.0)

    @tennis.constraint(start=np.zeros(n))
    def beta(w, final, beta):
        return final + leave @ (w * (enter @ beta))

    @tennis.constraint
    def Z(w, final, beta):
        if np.min(w) < 0 or np.min(final) < 0:
            raise ArgumentError("a weight of w or final is negative; give weights of at least 0")
        if np.min(beta) < 0:
            raise ConvergenceError(
                "the total weight of the accepting paths is infinite: beta is negative, so loops"
                " weigh more than 1; lower the weights w on the loops"
            )
        return beta[0]

    return tennis


def total_weight(w: np.ndarray, final: np.ndarray) -> float:
    """Z as a sum over the lengths of paths."""
    tail, head, _, n = machine()
    forward, total = (np.arange(n) == 0) * 1.0, 0.0
    while np.sum(forward) > 1e-18:
        total += forward @ final
        forward = np.bincount(head, w * forward[tail], n)
    return total


def refused(solve, **inputs) -> float:
    """1 if there is no solution with a meaning, and it is said so."""
    try:
        solve(**inputs)
    except (ConvergenceError, np.linalg.LinAlgError):
        return 1.0
    return 0.0


def checks(solution: lg.Solution) -> Iterator[Check]:
    tail, head, server, n = machine()
    w, final, Z = solution["w"], solution["final"], solution["Z"]
    gradient = solution.gradient("Z")
    W = sp.csr_array((w, (tail, head)), shape=(n, n)).toarray()
    closure = np.linalg.inv(np.eye(n) - W)
    yield Check("Z, sum over the lengths of paths", Z, total_weight(w, final), 1e-13)
    yield Check("beta = (I - W)^-1 final", solution["beta"], closure @ final, 1e-13)
    yield Check("dZ/d final = row of (I - W)^-1", gradient["final"], closure[0], 1e-12)
    # To the tail in any way, over the arc, on to an accepting state in any way.
    counts = closure[0, tail] * w * (closure @ final)[head] / Z
    yield Check("dlog Z/dlog w = expected counts of arcs", gradient["w"] * w / Z, counts, 1e-12)
    for name in ("w", "final"):
        point, direction = {"w": w, "final": final}, direction_at(solution[name], RNG(0))
        yield slope_check(f"dZ/d{name}", total_weight, point, name, gradient[name], direction)
    if np.array_equal(w, np.where(server, P, 1 - P)):
        p, q = P, 1 - P
        yield Check("Z at p = 2/3, published", Z, 208 / 243, 1e-14)
        last, again = p**2, 2 * p * q
        won = [p**4, 4 * p**4 * q, 10 * p**4 * q**2, 20 * (p * q) ** 3 * last / (1 - again)]
        yield Check("Z, sum over the final scores", Z, np.sum(won), 1e-14)
        points = np.sum(np.array([4, 5, 6, 6 + 2 / (1 - again)]) * won) / Z
        yield Check("points in a game that is won", np.sum(gradient["w"] * w) / Z, points, 1e-12)
        slope = np.sum(gradient["w"] * np.where(server, 1, -1))
        r = 2 * p - 1  # Z = 1/2 + (10 r - 5 r^3 + 4 r^5 - r^7)/(8 + 8 r^2)
        top, by_r = 10 * r - 5 * r**3 + 4 * r**5 - r**7, 10 - 15 * r**2 + 20 * r**4 - 7 * r**6
        closed = 2 * (by_r / (8 + 8 * r**2) - top * 16 * r / (8 + 8 * r**2) ** 2)
        yield Check("dZ/dp, the published rational function", slope, closed, 1e-12)
        solve = system().solve
        for factor, what in ((1.6, "above"), (1 / np.sqrt(again), "equal to")):
            yield Check(f"loops {what} 1: refused", refused(solve, w=w * factor), 1.0, 0.0)


RNG = np.random.default_rng


def problem() -> Problem:
    return Problem(
        name="automaton",
        summary="a tennis game as a weighted automaton with loops: gradient = expected arc counts",
        source="L. N. Trefethen, notes of 13 July 2023 (trefethen.net): the chance to win a game;"
        " the total weight: M. Mohri, Semiring frameworks and algorithms for shortest-distance"
        " problems (2002)",
        model=system(),
        of="Z",
        wrt=("w", "final"),
        checks=checks,
        notes=(
            "w are the weights of the arcs: the chance that the point goes to the server or to the"
            " receiver; final is 1 where the server has won; beta_i is the total weight from score"
            " i, Z that from 0-0: the chance to win the game.",
            "In the checks W is the matrix of w, p the chance to win a point, q = 1 - p.",
        ),
    )
