"""How each tool gets from a program to the call that is timed: value and gradients of f.

What a tool builds or compiles once stands outside of the call, and so does the way of data into its
own arrays; nothing is copied back within it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

import lagrad as lg
from benchmarks.measure import installed
from benchmarks.programs.namespaces import (
    numpy_autograd,
    numpy_jax,
    numpy_lagrad,
    numpy_plain,
    numpy_torch,
)
from benchmarks.programs.work import Builder, Work

#: The columns of the table, by hand and lagrad first, and the package that each needs.
PACKAGES = {
    "by hand": "numpy",
    "lagrad": "lagrad",
    "autograd": "autograd",
    "JAX": "jax",
    "PyTorch": "torch",
    "CasADi": "casadi",
}

#: Timed beside them where they say something: f without a gradient, and finite differences.
FUNCTION, DIFFERENCES = "function", "differences"

Call = tuple[Callable[..., Any], tuple[Any, ...]]


def built(work: Work, tool: str, size: int) -> Call:
    """Return the call of a tool, and its arguments."""
    params, constants = work.data(size)
    if tool == "by hand":
        return work.by_hand, params + constants
    if tool == FUNCTION:
        return work.f, (numpy_plain() if work.more else np, *params, *constants)
    return work.tools[tool](work, params, constants)


def available(work: Work, size: int) -> list[str]:
    """Return the tools that are installed and take part."""
    tools = [t for t in work.tools if work.runs(t, size) and installed(PACKAGES.get(t, "numpy"))]
    return ["by hand", *([FUNCTION] if work.gradient else []), *tools]


def argnums(params: tuple[Any, ...]) -> Any:
    """Return the places of what is differentiated: a number if there is one."""
    return 0 if len(params) == 1 else tuple(range(len(params)))


def program(work: Work, constants: tuple[Any, ...]) -> Callable[..., Any]:
    """Return f as lagrad gets it: a function of what is differentiated."""
    namespace, f = numpy_lagrad() if work.more else np, work.traced or work.f
    return lambda *params: f(namespace, *params, *constants)


def with_lagrad(**options: Any) -> Builder:
    def build(work: Work, params: tuple[Any, ...], constants: tuple[Any, ...]) -> Call:
        both = lg.value_and_grad(program(work, constants), argnums=argnums(params))
        return lg.compile(both, **options), params

    return build


def with_autograd(f: Callable[..., Any] | None = None) -> Builder:
    def build(work: Work, params: tuple[Any, ...], constants: tuple[Any, ...]) -> Call:
        import autograd

        np, g = numpy_autograd(), f or work.f
        both = autograd.value_and_grad(
            lambda *given: g(np, *given, *constants), argnum=argnums(params)
        )
        return both, params

    return build


def with_jax(f: Callable[..., Any] | None = None) -> Builder:
    def build(work: Work, params: tuple[Any, ...], constants: tuple[Any, ...]) -> Call:
        import jax

        np, g = numpy_jax(), f or work.f
        # Arrays are arguments, so that XLA does not fold them; numbers decide the structure.
        arrays = [c for c in constants if hasattr(c, "shape")]
        numbers = [c for c in constants if not hasattr(c, "shape")]
        both = jax.jit(
            jax.value_and_grad(lambda *given: g(np, *given, *numbers), argnums=argnums(params))
        )
        return ready(both), jax.tree.map(np.asarray, (*params, *arrays))  # onto the device

    return build


def ready(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call of JAX that waits for its result."""
    import jax

    return lambda *args: jax.block_until_ready(call(*args))


def with_torch(f: Callable[..., Any] | None = None) -> Builder:
    def build(work: Work, params: tuple[Any, ...], constants: tuple[Any, ...]) -> Call:
        import torch

        np, g = numpy_torch(), f or work.f
        given = [torch.tensor(p, requires_grad=True) for p in params]
        fixed = [torch.tensor(c) if hasattr(c, "shape") else c for c in constants]

        def both() -> Any:
            value = g(np, *given, *fixed)
            return value, torch.autograd.grad(value, given)

        return both, ()

    return build


def with_casadi(f: Callable[..., Any] | None = None) -> Builder:
    def build(work: Work, params: tuple[Any, ...], constants: tuple[Any, ...]) -> Call:
        import casadi

        g = f or work.f
        symbols = [casadi.SX.sym(f"x{k}", np.size(p)) for k, p in enumerate(params)]
        value = g(casadi, *symbols, *constants)
        slopes = [casadi.gradient(value, x) for x in symbols]
        return casadi.Function("both", symbols, [value, *slopes]), params

    return build


def gradients(**own: Any) -> dict[str, Builder]:
    """Return the builders for a gradient; ``jax=g`` gives one tool another form of f."""
    makers = {
        "lagrad": lambda f: with_lagrad(),
        "autograd": with_autograd,
        "JAX": with_jax,
        "PyTorch": with_torch,
    }
    return {name: make(own.get(name.lower())) for name, make in makers.items()}


def numbers_of(result: Any) -> Iterator[Any]:
    """Yield the arrays of a result, whatever tool and container it comes in."""
    if isinstance(result, tuple | list):
        for part in result:
            yield from numbers_of(part)
    elif sp.issparse(result):
        yield sp.csr_array(result)
    elif hasattr(result, "detach"):
        yield result.detach().numpy()
    elif type(result).__module__.startswith("casadi"):
        yield np.squeeze(result.full())
    else:
        yield np.asarray(result)
