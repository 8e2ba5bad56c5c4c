"""Cumulative functions along an axis: sums, products, running maxima, and what they stand on.

A running product z_i = x_i z_{i-1} changes by ``dz_i = x_i dz_{i-1} + z_{i-1} dx_i``: a recurrence
of the first order in dz, whose transpose is one from the other end. Nothing is divided, so a zero
among the x is a number like any other, at every order of derivative.

Convention: of equal numbers a running maximum (minimum) takes the one that came first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import get_blas_funcs

from lagrad.dispatch import overridable, settled
from lagrad.partials import Entries, Partial, Scale, Structural, then
from lagrad.primitive import Primitive
from lagrad.rules.options import as_array
from lagrad.rules.shaping import take


@overridable
def recurrence(a: Any, b: Any, axis: int) -> Any:
    """Return u with ``u_0 = b_0`` and ``u_i = a_i u_{i-1} + b_i`` along the axis; a_0 is not used.

    It takes as many steps as there are lines, or entries in a line if those are fewer.
    """
    dtype = np.result_type(a, b)
    a = np.moveaxis(np.asarray(a, dtype), axis, -1)
    u = np.moveaxis(np.array(b, dtype), axis, -1)
    n, lines = u.shape[-1], math.prod(u.shape[:-1])
    if n <= lines or dtype.char not in "fdFD":
        for i in range(1, n):
            u[..., i] += a[..., i] * u[..., i - 1]
        return np.moveaxis(u, -1, axis)
    # (I - L) u = b, where L has the a beside its diagonal: forward substitution.
    (solve,) = get_blas_funcs(("tbsv",), dtype=dtype)
    band = np.zeros((2, n), dtype, order="F")
    for line in np.ndindex(u.shape[:-1]):
        band[1, :-1] = -a[line][1:]
        u[line] = solve(1, band, u[line], lower=1, diag=1)
    return np.moveaxis(u, -1, axis)


class Recurrence(Partial):
    """``v -> u`` with u_i = a_i u_{i-1} + v_i along an axis."""

    def __init__(self, a: Any, axis: int) -> None:
        self.a, self.axis = a, axis % np.ndim(a)
        self.in_shape = self.out_shape = np.shape(a)

    def apply(self, v: Any) -> Any:
        return recurrence(self.a, v, self.axis)

    def adjoint(self, w: Any) -> Any:
        """From the other end, g_i = a_{i+1} g_{i+1} + w_i."""
        behind = np.roll(np.flip(self.a, self.axis), 1, self.axis)
        return np.flip(recurrence(behind, np.flip(w, self.axis), self.axis), self.axis)

    def entries(self) -> Entries:
        """The product of the a between j and i, for every j up to i in the same line."""
        a = np.moveaxis(self.a, self.axis, -1)
        n = a.shape[-1]
        units = np.broadcast_to(np.eye(n, dtype=a.dtype), (*a.shape[:-1], n, n))
        data = recurrence(np.broadcast_to(a[..., None, :], units.shape), units, -1)
        j, i = np.triu_indices(n)
        return *below(self.in_shape, self.axis), data[..., j, i].ravel()

    def count(self) -> int:
        n = self.in_shape[self.axis]
        return math.prod(self.in_shape) * (n + 1) // 2

    def widest(self) -> int:
        return self.in_shape[self.axis]


class RunningSum(Structural):
    """``v -> u`` with u_i = u_{i-1} + v_i along an axis."""

    def __init__(self, axis: int, shape: tuple[int, ...]) -> None:
        self.axis, self.in_shape, self.out_shape = axis % len(shape), shape, shape

    def apply(self, v: Any) -> Any:
        return np.cumsum(v, axis=self.axis)

    def adjoint(self, w: Any) -> Any:
        return np.flip(np.cumsum(np.flip(w, self.axis), axis=self.axis), self.axis)

    def entries(self) -> Entries:
        rows, columns = below(self.in_shape, self.axis)
        return rows, columns, np.ones(len(rows))

    def count(self) -> int:
        return math.prod(self.in_shape) * (self.in_shape[self.axis] + 1) // 2

    def widest(self) -> int:
        return self.in_shape[self.axis]


def below(shape: tuple[int, ...], axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows, columns) of all pairs of places i, j <= i in one line along the axis."""
    places = np.moveaxis(np.arange(math.prod(shape)).reshape(shape), axis, -1)
    j, i = np.triu_indices(shape[axis])
    return places[..., i].ravel(), places[..., j].ravel()


def delayed(u: Any, axis: int, first: float) -> Any:
    """Return u_{i-1} in the place of u_i, and ``first`` in the first place."""
    cut = (slice(None),) * axis
    front = np.full_like(u[(*cut, slice(0, 1))], first)
    return np.concatenate([front, u[(*cut, slice(0, -1))]], axis=axis)


# -- the rules -----------------------------------------------------------------------------------


def cumsum_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Every entry counts in all that follow."""
    return RunningSum(kwargs["axis"], np.shape(z))


def cumprod_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """dz_i = x_i dz_{i-1} + z_{i-1} dx_i."""
    axis = kwargs["axis"] % np.ndim(z)
    return then(Recurrence(args[0], axis), Scale(delayed(z, axis, 1.0), np.shape(z)))


def recurrence_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """du_i = a_i du_{i-1} + db_i + u_{i-1} da_i."""
    a, _, axis = args
    solve = Recurrence(a, axis)
    axis = axis % np.ndim(z)
    return solve if k == 1 else then(solve, Scale(delayed(z, axis, 0.0), np.shape(z)))


def cumulative_arguments(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Spell a cumulative function as function(a, axis=) of an array that has this axis."""
    if out is not None:
        raise TypeError("out= writes into a plain array")
    a = a if dtype is None else as_array(a).astype(dtype)
    flat = axis is None or np.ndim(a) == 0
    return (np.ravel(a) if flat else a,), {"axis": 0 if flat else axis}


def running(name: str, ufunc: Any) -> Callable[..., Any]:
    """Return ``ufunc.accumulate`` as a function of our own."""

    def accumulate(x: Any, axis: int = 0) -> Any:
        return ufunc.accumulate(x, axis=axis)

    accumulate.__name__ = accumulate.__qualname__ = name
    accumulate.__doc__ = f"np.{ufunc.__name__}.accumulate: of equal numbers the first is taken."
    return overridable(accumulate)


running_maximum = running("running_maximum", np.maximum)
running_minimum = running("running_minimum", np.minimum)
running_fmax = running("running_fmax", np.fmax)
running_fmin = running("running_fmin", np.fmin)


def running_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Each value is the entry at which the running maximum last changed."""
    shape, axis = np.shape(z), kwargs["axis"] % np.ndim(z)
    lines = np.moveaxis(z, axis, -1)
    before, here = lines[..., :-1], lines[..., 1:]
    both_nan = np.logical_and(np.not_equal(before, before), np.not_equal(here, here))
    changed = np.logical_and(np.not_equal(here, before), np.logical_not(both_nan))
    first = np.zeros((*np.shape(lines)[:-1], 1), int)
    last = np.where(settled(changed), np.arange(1, shape[axis]), 0)
    last = np.concatenate([first, last], axis=-1)[..., : shape[axis]]
    last = np.moveaxis(np.maximum.accumulate(last, axis=-1), -1, axis)
    return take(along(last, shape, axis), shape, shape)


def along(index: Any, shape: tuple[int, ...], axis: int) -> tuple[Any, ...]:
    """Return the index that takes, in every line of ``shape`` along the axis, the given places."""
    grid: list[Any] = list(np.ogrid[tuple(slice(n) for n in shape)])
    grid[axis] = index
    return tuple(grid)


# fmt: off
RULES: dict[Callable[..., Any], Primitive] = {
    np.cumsum:  Primitive("cumsum", np.cumsum, cumsum_partial, multilinear=True,
                          arguments=cumulative_arguments),
    np.cumprod: Primitive("cumprod", np.cumprod, cumprod_partial, arguments=cumulative_arguments),
    recurrence: Primitive("recurrence", recurrence, recurrence_partial),
    **{f: Primitive(f.__name__, f, running_partial,
                    arguments=lambda x, axis=0: ((x,), {"axis": axis}))
       for f in (running_maximum, running_minimum, running_fmax, running_fmin)},
}
# fmt: on
