"""A long chain of scalars, x <- sin(p x) + 1/2: how compiling grows with the program."""

import dataclasses
from math import cos, sin
from typing import Any

from benchmarks.programs.tools import gradients, with_casadi, with_lagrad
from benchmarks.programs.work import Data, Work


def data(size: int) -> Data:
    return (0.3, 1.7), (size,)


def f(np: Any, x: Any, p: Any, steps: int) -> Any:
    for _ in range(steps):
        x = np.sin(p * x) + 0.5
    return x


def by_hand(x: float, p: float, steps: int) -> tuple[float, tuple[float, float]]:
    xs = []
    for _ in range(steps):
        xs.append(x)
        x = sin(p * x) + 0.5
    lam, dp = 1.0, 0.0
    for z in reversed(xs):
        lam *= cos(p * z)
        dp += lam * z
        lam *= p
    return x, (lam, dp)


def rolled(np: Any, x: Any, p: Any, steps: int) -> Any:
    """As JAX wants it: unrolled, 10,000 steps do not compile in reasonable time."""
    import jax

    return jax.lax.scan(lambda z, _: (np.sin(p * z) + 0.5, None), x, None, length=steps)[0]


CHAIN = Work(
    name="chain",
    note="without a loop 10,000 steps are 45,000 lines, whose code leaves the cache; a step takes "
    "190 ns in 1,000 of them and 290 in 10,000",
    title="scalar chain, {n} steps",
    data=data,
    f=f,
    by_hand=by_hand,
    tools=gradients(jax=rolled) | {"CasADi": with_casadi()},
    sizes=(1_000, 10_000, 100_000),
    tiny=30,
    kind="scalar",
    jax=None,  # JAX rolls the loop: it is held against chain_numba
    peers_up_to=1_000,
)
NUMBA = dataclasses.replace(
    CHAIN,
    name="chain_numba",
    note="",
    title="scalar chain, {n} steps, numba",
    tools={"lagrad": with_lagrad(jit="numba"), "JAX": CHAIN.tools["JAX"]},
    sizes=(1_000,),
    jax=1 / 1.5,
    needs="numba",
)
WORKS = (CHAIN, NUMBA)
