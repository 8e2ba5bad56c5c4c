"""Peak memory of a gradient through a fixed point, as the solver takes more and more steps.

z = (1 - t) z + t tanh(W z + x),  J = mean of z^2, gradient by x and t

The damping t changes the number of plain iterations, and nothing else: neither the solution nor
dJ/dx. Beside it the same gradient by tracing every step.
"""

import gc
import resource
import sys
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np

import lagrad as lg
from benchmarks.measure import Figure, agree, at_most, in_a_fresh_process

SIZE = 400
DAMPING = (1.0, 0.1, 0.01)
TOL, RTOL = 1e-12, 1e-8
BAR = 1.1
MIB = 2**20


def layer(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return W, of norm near 0.8, and x."""
    rng = np.random.default_rng(0)
    return 0.4 * rng.normal(size=(n, n)) / np.sqrt(n), rng.normal(size=n)


def implicit(n: int, t: float) -> tuple[np.ndarray, int]:
    """Return dJ/dx by the implicit function theorem, and the number of steps."""
    W, x = layer(n)
    steps = []

    def J(x: Any) -> Any:
        def f(z: Any, x: Any) -> Any:
            return (1 - t) * z + t * np.tanh(W @ z + x)

        z, certificate = lg.fixed_point(
            f, np.zeros(n), x, method="iteration", tol=TOL, max_steps=100_000, full_output=True
        )
        steps.append(certificate.steps)
        return np.mean(z * z)

    return lg.grad(J)(x), steps[-1]


def unrolled(n: int, t: float, steps: int) -> np.ndarray:
    """Return dJ/dx by back-substitution through all steps."""
    W, x = layer(n)

    def J(x: Any) -> Any:
        z = np.zeros(n)
        for _ in range(steps):
            z = (1 - t) * z + t * np.tanh(W @ z + x)
        return np.mean(z * z)

    return lg.grad(J)(x)


def peak(n: int, t: float, steps: int = 0) -> tuple[float, float, float, float]:
    """Return the peak of what is allocated, that of the process, the steps, and a digest of dJ/dx.

    ``steps`` > 0 traces so many of them.
    """
    layer(n), lg.grad(np.tanh)(1.0)  # what is imported late is none of the gradient's
    gc.collect()
    tracemalloc.start()  # NumPy tells it of its arrays
    gradient, steps = (unrolled(n, t, steps), steps) if steps else implicit(n, t)
    _, extra = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    digest = float(gradient @ np.cos(np.arange(n)))
    return extra, whole * (1 if sys.platform == "darwin" else 1024), steps, digest


def figures(size: int = SIZE, repeats: int = 1) -> Iterator[Figure]:
    del repeats
    damping = DAMPING if size == SIZE else DAMPING[:2]
    found = [in_a_fresh_process("benchmarks.memory", "peak", size, t) for t in damping]
    steps = [int(row[2]) for row in found]
    # The last one would take longer than all the rest, and tell nothing new.
    unroll = [
        in_a_fresh_process("benchmarks.memory", "peak", size, t, n)
        for t, n in zip(damping[:2], steps[:2], strict=True)
    ]
    for row in (*found, *unroll):
        agree(row[3], found[0][3], RTOL, f"{int(row[2])} steps, dJ/dx")
    for name, rows in {"implicit": found, "every step traced": unroll}.items():
        told = ", ".join(f"{int(row[2]):,}" for row in rows)
        peaks = ", ".join(f"{row[0] / MIB:.1f}" for row in rows)
        yield Figure("memory", f"{name}, {told} steps: peak extra MiB", peaks)
    for k, what in {0: "extra", 1: "whole process"}.items():
        ratio = max(row[k] for row in found) / min(row[k] for row in found)
        yield at_most("memory", f"implicit, peak {what}: largest / smallest", ratio, BAR)
