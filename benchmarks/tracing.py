"""Tracing: scalar constraints that are written down in a second, with values and source lines."""

from collections.abc import Iterator

import lagrad as lg
from benchmarks.measure import Figure, at_least, medians
from benchmarks.rotations import THETA, by_operators, by_ufuncs, check, rotations

SIZE, REPEATS = 300_000, 5
BAR = 200_000
SPELLINGS = {"Python operators": by_operators, "np ufuncs": by_ufuncs}


def figures(size: int = SIZE, repeats: int = REPEATS) -> Iterator[Figure]:
    calls, count = {}, {}
    for spelling, rotate in SPELLINGS.items():
        program = rotations(size, rotate=rotate)
        value, (dtheta, dx) = lg.value_and_grad(program.f, argnums=(0, 1))(THETA, program.x)
        check(program, value, dtheta, dx)
        calls[spelling] = lambda p=program: lg.trace(p.f, THETA, p.x)
        count[spelling] = len(calls[spelling]())
    for spelling, time in medians(calls, repeats).items():
        rate = count[spelling] / time
        yield at_least("tracing", f"scalar constraints a second, {spelling}", rate, BAR)
