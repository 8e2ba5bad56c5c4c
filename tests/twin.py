"""The slow reference twin: R by central differences, dense, and A = R^T solved by LAPACK.

It shares no derivative with lagrad. A `Graph` gives it only the functions of its rows and what they
were called with, a `System` only the user's own functions; both become residuals r(z) of named
arrays, which are differenced entry by entry. Every fast path is compared with what comes out.

    r(z) = 0,    R = dr/dz,    A = R^T,    A lam = e_n,    R zdot = xdot
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

STEP = 1e-3
#: What differences of these step and order are good for, relative to the size of the numbers.
RTOL, ATOL = 1e-7, 1e-8

Values = Mapping[str, Any]


def entries(z: Any) -> np.ndarray:
    """Return an array as a vector of real numbers; a complex one as real, then imaginary parts."""
    flat = np.ravel(z)
    return (
        np.concatenate([flat.real, flat.imag]) if np.iscomplexobj(flat) else np.array(flat, float)
    )


def moved(z: Any, k: int, h: float) -> Any:
    """Return ``z`` with its entry ``k`` (of `entries`) changed by ``h``."""
    z = np.array(z)
    size = z.size
    z.flat[k % size] += h if k < size else 1j * h
    return z[()]


def difference(f: Callable[[float], np.ndarray], h: float = STEP) -> np.ndarray:
    """Return df/dh at 0 by the central differences of fourth order."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


@dataclass
class Twin:
    """R in blocks by (equation, variable), and what follows from it.

    ``shapes`` are those of the variables, ``widths`` and ``heights`` count entries.
    """

    blocks: dict[tuple[str, str], np.ndarray]
    variables: tuple[str, ...]
    equations: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]]

    @property
    def widths(self) -> dict[str, int]:
        return {v: self.blocks[self.equations[0], v].shape[1] for v in self.variables}

    @property
    def heights(self) -> dict[str, int]:
        return {e: self.blocks[e, self.variables[0]].shape[0] for e in self.equations}

    def A(
        self, variables: Sequence[str] | None = None, equations: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return A = R^T, its rows the variables and its columns the equations in this order."""
        rows, columns = variables or self.variables, equations or self.equations
        return np.block([[self.blocks[e, v].T for e in columns] for v in rows])

    def split(self, x: np.ndarray, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
        ends = np.cumsum(list(sizes.values()))
        return dict(zip(sizes, np.split(x, ends[:-1]), strict=True))

    def multipliers(self, weights: Values) -> dict[str, np.ndarray]:
        """Return lam of A lam = weights by equation, each a vector of entries."""
        right = [entries(weights.get(v, np.zeros(n))) for v, n in self.widths.items()]
        return self.split(np.linalg.solve(self.A(), np.concatenate(right)), self.heights)

    def tangents(self, changes: Values) -> dict[str, np.ndarray]:
        """Return zdot of R zdot = changes by variable, each a vector of entries."""
        right = [entries(changes.get(e, np.zeros(n))) for e, n in self.heights.items()]
        return self.split(np.linalg.solve(self.A().T, np.concatenate(right)), self.widths)

    def jacobian(self, of: str, wrt: str) -> np.ndarray:
        """Return d of/d wrt of shape (entries of of, entries of wrt); ``wrt`` names an input."""
        inverse = np.linalg.inv(self.A().T)
        rows = [np.full(n, v == of) for v, n in self.widths.items()]
        columns = [np.full(n, e == wrt) for e, n in self.heights.items()]
        return inverse[np.ix_(np.concatenate(rows), np.concatenate(columns))]


def twin(residuals: Callable[[Values], dict[str, Any]], z: Values) -> Twin:
    """Return the twin of ``residuals``, a function from variables to equations, at ``z``."""
    there = residuals(z)
    ends = np.cumsum([len(entries(r)) for r in there.values()])
    blocks = {}
    for v, value in z.items():

        def flat(h: float, k: int, v: str = v, value: Any = value) -> np.ndarray:
            r = residuals({**z, v: moved(value, k, h)})
            return np.concatenate([entries(part) for part in r.values()])

        n = len(entries(value))
        columns = [difference(lambda h, k=k: flat(h, k)) for k in range(n)]
        stripe = np.reshape(columns, (n, ends[-1])).T
        for e, block in zip(there, np.split(stripe, ends[:-1]), strict=True):
            blocks[e, v] = block
    return Twin(blocks, tuple(z), tuple(there), {v: np.shape(value) for v, value in z.items()})


def of_graph(graph: Any) -> Twin:
    """Return the twin of a traced graph: every primitive by itself, called as it was recorded."""
    names = [graph.name(i) for i in range(len(graph))]
    z = {name: graph.columns.values[i] for i, name in enumerate(names)}

    def residuals(at: Values) -> dict[str, Any]:
        return {name: at[name] - row(at, i) for i, name in enumerate(names)}

    def row(at: Values, i: int) -> Any:
        if not graph.parents(i):
            return z[names[i]]
        constants = graph.columns.constants
        args = [at[names[j]] if j >= 0 else constants[-j - 1] for j in graph.references(i)]
        with np.errstate(all="ignore"):
            return graph.primitive(i).function(*args, **graph.arguments(i)[1])

    return twin(residuals, z)


def of_system(system: Any, z: Values) -> Twin:
    """Return the twin of a `System` at ``z``, a value for every variable by name."""

    def residuals(at: Values) -> dict[str, Any]:
        return {**{x: at[x] - z[x] for x in system.inputs}, **constraints(system, at)}

    return twin(residuals, {name: z[name] for name in z if name not in system.data})


def constraints(system: Any, z: Values) -> dict[str, Any]:
    """Return z_i - f_i, or g_i, of everything that a `System` declares but its inputs."""
    known = {**system.data, **z}
    r = {}
    for name, equation in system.equations.items():
        value = equation(*[known[p] for p in equation.parents])
        r[name] = z[name] - value if equation.explicit else value
    return r


def size(z: Values) -> int:
    """Return the number of entries of all variables."""
    return sum(math.prod(np.shape(value)) for value in z.values())


def assert_close(found: Any, expected: Any, rtol: float = RTOL, atol: float = ATOL) -> None:
    """Compare entries with what the twin says, to the accuracy of its differences."""
    np.testing.assert_allclose(entries(found), entries(expected), rtol=rtol, atol=atol)
