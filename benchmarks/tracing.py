"""Tracing: scalar constraints that are written down in a second, and what it costs on arrays.

A program on arrays of 10^4 numbers is traced beside itself in plain NumPy, in three mixtures: the
usual one, with exponentials and quotients; a layer of a network; and bare products and sums, which
cost the least and so show the most of what is added. A trace keeps every value where the plain
program writes into memory that is warm.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

import lagrad as lg
from benchmarks.measure import Figure, agree, at_least, at_most, medians
from benchmarks.rotations import THETA, by_operators, by_ufuncs, check, rotations

SIZE, REPEATS = 300_000, 5
BAR = 300_000
ENTRIES, STEPS, ARRAY_BAR = 10_000, 20, 3.0
SPELLINGS = {"Python operators": by_operators, "np ufuncs": by_ufuncs}


def usual(x: Any, w: Any) -> Any:
    """Exponentials, sines and quotients."""
    for _ in range(STEPS):
        x = np.exp(-x) * w + np.sin(x) / (1.0 + x * x)
    return np.sum(x)


def layers(x: Any, w: Any) -> Any:
    """Products with a matrix, and a hyperbolic tangent."""
    x, w = np.reshape(x, (100, -1)), np.reshape(w, (100, -1)) / 100
    for _ in range(STEPS):
        x = np.tanh(x @ w[:, :100] + x)
    return np.sum(x)


def bare(x: Any, w: Any) -> Any:
    """Products, sums and differences alone."""
    for _ in range(STEPS):
        x = x * w + w
        x = x - w * x
    return np.sum(x)


MIXTURES = {"usual mixture": usual, "layers": layers, "bare products": bare}


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
    x = np.linspace(0.1, 1.0, ENTRIES)
    w = 0.1 + x
    for name, program in MIXTURES.items():
        value, _ = lg.value_and_grad(program)(x, w)
        agree(value, program(x, w), 1e-15, name)
        both = {"plain": lambda p=program: p(x, w), "traced": lambda p=program: lg.trace(p, x, w)}
        times = medians(both, 3 * repeats)
        ratio = times["traced"] / times["plain"]
        what = f"{ENTRIES:,} entries, {name}: traced / plain NumPy"
        yield at_most("tracing", what, ratio, ARRAY_BAR)
