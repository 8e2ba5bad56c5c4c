"""The Lorenz system by 1000 explicit steps, on scalars; J = x^2 + y^2 + z^2 at the end.

x' = sigma (y - x),  y' = x (rho - z) - y,  z' = x y - beta z
"""

import dataclasses
from typing import Any

import lagrad as lg
from benchmarks.programs.tools import gradients, with_casadi, with_lagrad
from benchmarks.programs.work import Data, Work

H = 0.005


def data(size: int) -> Data:
    return (1.0, 2.0, 20.0, 10.0, 28.0, 8.0 / 3.0), (size,)


def step(x: Any, y: Any, z: Any, sigma: Any, rho: Any, beta: Any) -> Any:
    return (
        x + H * (sigma * (y - x)),
        y + H * (x * (rho - z) - y),
        z + H * (x * y - beta * z),
    )


def f(np: Any, x: Any, y: Any, z: Any, sigma: Any, rho: Any, beta: Any, steps: int) -> Any:
    for _ in range(steps):
        x, y, z = step(x, y, z, sigma, rho, beta)
    return x * x + y * y + z * z


def by_hand(
    x: float, y: float, z: float, sigma: float, rho: float, beta: float, steps: int
) -> tuple[float, tuple[float, ...]]:
    path = []
    for _ in range(steps):
        path.append((x, y, z))
        x, y, z = (
            x + H * (sigma * (y - x)),
            y + H * (x * (rho - z) - y),
            z + H * (x * y - beta * z),
        )
    value = x * x + y * y + z * z
    a, b, c = 2.0 * x, 2.0 * y, 2.0 * z
    dsigma = drho = dbeta = 0.0
    for x, y, z in reversed(path):
        ha, hb, hc = H * a, H * b, H * c
        dsigma += ha * (y - x)
        drho += hb * x
        dbeta -= hc * z
        a += hb * (rho - z) + hc * y - ha * sigma
        b += ha * sigma - hb + hc * x
        c -= hb * x + hc * beta
    return value, (a, b, c, dsigma, drho, dbeta)


def scanned(np: Any, x: Any, y: Any, z: Any, sigma: Any, rho: Any, beta: Any, steps: int) -> Any:
    """As JAX wants it."""
    import jax

    x, y, z = jax.lax.scan(
        lambda s, _: (step(*s, sigma, rho, beta), None), (x, y, z), None, length=steps
    )[0]
    return x * x + y * y + z * z


def rolled(np: Any, x: Any, y: Any, z: Any, sigma: Any, rho: Any, beta: Any, steps: int) -> Any:
    """With lagrad's loop, which is one constraint."""
    x, y, z = lg.fori_loop(0, steps, lambda i, s: step(*s, sigma, rho, beta), (x, y, z))
    return x * x + y * y + z * z


LORENZ = Work(
    name="lorenz",
    title="Lorenz, {n} steps unrolled",
    data=data,
    f=f,
    by_hand=by_hand,
    tools=gradients(jax=scanned) | {"CasADi": with_casadi()},
    sizes=(1000,),
    tiny=20,
    kind="scalar",
    jax=None,  # JAX rolls the loop: it is held against lorenz_numba
)
ROLLED = dataclasses.replace(
    LORENZ,
    name="lorenz_rolled",
    title="Lorenz, {n} steps, fori_loop",
    traced=rolled,
    tools={"lagrad": with_lagrad(), "JAX": LORENZ.tools["JAX"]},
)
NUMBA = dataclasses.replace(
    ROLLED,
    name="lorenz_numba",
    title="Lorenz, {n} steps, fori_loop, numba",
    tools={"lagrad": with_lagrad(jit="numba"), "JAX": LORENZ.tools["JAX"]},
    jax=1 / 1.5,
    needs="numba",
)
WORKS = (LORENZ, ROLLED, NUMBA)
