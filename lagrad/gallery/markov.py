"""How long a game of Chutes and Ladders is, and which chute makes it longer: an absorbing chain.

    T_i = 1 + sum_d die_d sum over landings of move d from i,   T_100 = 0

From square i a throw of d leads to square i + d, or nowhere if that is beyond 100. Where a chute or
ladder k begins there, the player rides it with probability ride_k (1 in the rules) and stays
otherwise. T_i is the expected number of throws until square 100 is reached. Its gradient tells
which face of the die to load, and which chute to cover.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import scipy.sparse as sp

import lagrad as lg
from lagrad.gallery.problem import Check, Problem, direction_at, slope_check

LADDERS = {1: 38, 4: 14, 9: 31, 21: 42, 28: 84, 36: 44, 51: 67, 71: 91, 80: 100}
CHUTES = {16: 6, 47: 26, 49: 11, 56: 53, 62: 19, 64: 60, 87: 24, 93: 73, 95: 75, 98: 78}
JUMPS = LADDERS | CHUTES
SQUARES = 101  # 0 is beside the board


def system() -> lg.System:
    begin, end = np.array(list(JUMPS)), np.array(list(JUMPS.values()))
    k = np.arange(len(JUMPS))
    # (stay - T) at the square where a jump begins becomes (T at its end - T) by the part that ride.
    change = sp.csr_array(
        (np.repeat([1.0, -1.0], len(k)), (np.tile(k, 2), np.concatenate([end, begin]))),
        shape=(len(k), SQUARES),
    )
    at = sp.csr_array((np.ones(len(k)), (begin, k)), shape=(SQUARES, len(k)))
    i = np.arange(SQUARES - 1)  # at 100 the game is over: its row is empty
    throws = [
        sp.csr_array((np.ones(len(i)), (i, np.where(i + d > 100, i, i + d))), (SQUARES, SQUARES))
        for d in range(1, 7)
    ]
    playing = (np.arange(SQUARES) < SQUARES - 1) * 1.0
    game = lg.System(die=np.full(6, 1 / 6), ride=np.ones(len(JUMPS)))

    @game.constraint(start=np.zeros(SQUARES))
    def T(die, ride, T):
        landed = T + at @ (ride * (change @ T))
        return playing + sum(die[d] * (throws[d] @ landed) for d in range(6))

    @game.constraint
    def J(T):
        return T[0]

    return game


def in_rows() -> lg.System:
    """The same with a part for each row of the board, the last row first."""
    board = {k + 1: np.arange(10 * k + 1, 10 * k + 11) for k in range(10)}
    board[1] = np.append(0, board[1])
    row_of = {i: k for k, squares in board.items() for i in squares.tolist()}
    begin = {k: [i for i in JUMPS if row_of[i] == k] for k in board}
    number = {i: k for k, i in enumerate(JUMPS)}
    game = lg.System(die=np.full(6, 1 / 6), ride=np.ones(len(JUMPS)))

    def rides(k, ends, T, ride, *others):
        """T, where a ride may follow: that of the square where it ends, by the part that ride."""
        every = dict(zip(ends, others, strict=True)) | {k: T}
        landed = lg.zeros(len(T))
        landed[:] = T
        for i in begin[k]:
            there, here = row_of[JUMPS[i]], i - board[k][0]
            change = every[there][JUMPS[i] - board[there][0]] - T[here]
            landed[here] += ride[number[i]] * change
        return landed

    def throws(k, die, *landed):
        ahead = np.concatenate(landed)  # this row and the next
        i = np.arange(len(board[k]))
        final = board[k][-1] == 100
        to = [np.where(final & (i + d > i[-1]), i, i + d) for d in range(1, 7)]
        return (board[k] < 100) * (1 + sum(die[d] * ahead[to[d]] for d in range(6)))

    for k in sorted(board, reverse=True):
        start = np.zeros(len(board[k]))
        ends = [j for j in dict.fromkeys(row_of[JUMPS[i]] for i in begin[k]) if j != k]
        parents = [f"row{k}.T", "ride", *(f"row{j}.T" for j in ends)]
        game.constrain(f"row{k}.landed", partial(rides, k, ends), parents, start)
        ahead = [f"row{j}.landed" for j in (k, k + 1) if j in board]
        game.constrain(f"row{k}.T", partial(throws, k), ["die", *ahead], start)
    game.constrain("J", lambda T: T[0], ["row1.T"])
    return game


def transition_matrix(die: np.ndarray, ride: np.ndarray) -> np.ndarray:
    """The dense Q (100, 100) among the squares where the game goes on, move by move."""
    part = dict(zip(JUMPS, ride, strict=True))
    P = np.zeros((SQUARES, SQUARES))
    for i in range(SQUARES - 1):
        for d in range(1, 7):
            square = i if i + d > 100 else i + d
            P[i, JUMPS.get(square, square)] += die[d - 1] * part.get(square, 0)
            P[i, square] += die[d - 1] * (1 - part.get(square, 0))
    return P[:-1, :-1]


def length(die: np.ndarray, ride: np.ndarray) -> float:
    """Expected throws as the sum over t of the probability that the game still goes on then."""
    Q, p, total = transition_matrix(die, ride), np.zeros(SQUARES - 1), 0.0
    p[0] = 1
    while np.sum(p) > 1e-18:
        total += np.sum(p)
        p = p @ Q
    return total


def checks(solution: lg.Solution) -> Iterator[Check]:
    point = {name: solution[name] for name in ("die", "ride")}
    Q, gradient = transition_matrix(**point), solution.gradient("J")
    N = np.linalg.inv(np.eye(len(Q)) - Q)
    T = solution["T"]
    if np.all(point["die"] == 1 / 6) and np.all(point["ride"] == 1):
        exact = (  # as Althoen, King and Schilling give it
            225837582538403273407117496273279920181931269186581786048583
            / 5757472998140039232950575874628786131130999406013041613400
        )
        yield Check("T_0, the fraction that is published", T[0], exact, 1e-12)
    yield Check("T_0, sum of the chances to go on", T[0], length(**point), 1e-12)
    yield Check("T = N 1, N = (I - Q)^-1, dense", T[:-1], N @ np.ones(len(N)), 1e-12)
    lam = solution.system.solve(of="J")["T"]
    yield Check("lam_T = row 0 of N: visits to the squares", lam[:-1], N[0], 1e-12)
    yield Check("sum of lam_T over the squares = T_0", np.sum(lam[:-1]), T[0], 1e-12)
    # Visits to i, times a throw of d, times what is still to come from where that leads.
    i, begin = np.arange(SQUARES - 1), np.array(list(JUMPS))
    jump = T[list(JUMPS.values())] - T[begin]
    landed, landings, faces = T.copy(), np.zeros(SQUARES), np.zeros(6)
    landed[begin] += point["ride"] * jump
    for d in range(1, 7):
        to = np.where(i + d > 100, i, i + d)
        faces[d - 1] = N[0] @ landed[to]
        landings += np.bincount(to, N[0] * point["die"][d - 1], SQUARES)
    rides = landings[begin] * jump
    yield Check("dT_0/d die, visits times what is to come", gradient["die"], faces, 1e-12)
    yield Check("dT_0/d ride, landings times the jump in T", gradient["ride"], rides, 1e-12)
    for name in ("die", "ride"):
        direction = direction_at(point[name], np.random.default_rng(0))
        yield slope_check(f"dT_0/d{name}", length, point, name, gradient[name], direction)


def problem() -> Problem:
    return Problem(
        name="markov",
        summary="Chutes and Ladders as an absorbing chain: which chute, which face costs most",
        source="S. C. Althoen, L. King, K. Schilling, How long is a game of snakes and ladders?,"
        " Mathematical Gazette 77 (1993), p. 71; N and its meaning: Grinstead and Snell,"
        " Introduction to Probability (1997), section 11.2",
        model=system(),
        of="J",
        wrt=("die", "ride"),
        checks=checks,
        sentence="The rows of the board, the last first: throws and ladders stand above the"
        " diagonal, and the chutes, below it, make a cycle of all.",
        parts=in_rows,
        notes=(
            "T are the expected throws from each square, J = T_0 those of a whole game, die the"
            " probabilities of its six faces, ride those that a chute or ladder is taken: first the"
            " ladders, then the chutes, by the square where they begin.",
            "In the checks Q are the transition probabilities among the squares 0 to 99, and N the"
            " fundamental matrix: expected visits.",
            "The chute from 56 to 53 shortens the game: from 56 a throw of 6 meets the chute at 62,"
            " which goes down to 19; from 53 no throw does.",
        ),
    )
