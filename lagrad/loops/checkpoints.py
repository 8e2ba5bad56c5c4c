"""Which states of a loop to keep, so that all of them can be had again from the last to the first.

With s states kept and each step run at most r times again, n = (s + r)! / (s! r!) steps can be run
backwards. Source: A. Griewank and A. Walther, "Algorithm 799: revolve", ACM TOMS 26 (2000),
sections 1 and 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

State = Any


def stride(steps: int, slots: int) -> int:
    """Return after how many of ``steps`` to keep the next state; the start has one of ``slots``."""
    again = 1
    while math.comb(slots + again, slots) < steps:
        again += 1
    return min(steps, math.comb(slots + again - 1, slots))


class Checkpoints:
    """The states kept of a loop of n steps, at most ``slots``; the first is that at the start."""

    def __init__(self, start: State, n: int, slots: int, step: Callable[[State, int], State]):
        self.n, self.slots, self.step = n, slots, step
        self.kept: list[tuple[int, State]] = [(0, start)]

    def advance(self, kept: list[tuple[int, State]], end: int) -> State:
        """Return the state before step ``end``, and keep states on the way while slots are free."""
        begin, state = kept[-1]
        for t in range(begin, end):
            free = self.slots - len(kept)
            if t > begin and free > 0 and t - kept[-1][0] == stride(end - kept[-1][0], free + 1):
                kept.append((t, state))
            state = self.step(state, t)
        return state

    def run(self) -> State:
        """Return the state at the end."""
        return self.advance(self.kept, self.n)

    def backwards(self) -> Iterator[tuple[int, State]]:
        """Yield (t, the state before step t) for t = n - 1, ..., 0."""
        kept = list(self.kept)
        for t in range(self.n - 1, -1, -1):
            while kept[-1][0] > t:
                kept.pop()
            yield t, self.advance(kept, t)
