"""Functions of the user's own as one constraint, with partials of their own."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from lagrad.dispatch import overridable
from lagrad.partials import Broadcast, Function, Matrix, Partial, Scale, then
from lagrad.primitive import Primitive
from lagrad.status import ArgumentError


def primitive(
    f: Callable[..., Any] | None = None,
    partials: Sequence[Callable[..., Any]] = (),
    name: str | None = None,
) -> Any:
    """Return ``f`` as one constraint with partials of your own.

    Parameters
    ----------
    f : function of arrays, returning an array; it is never traced
    partials : functions, one for each argument
        ``p_k(z, *args)`` returns df/dargs[k] at the value z: an array shaped like z (the
        diagonal of an elementwise function), an array or ``scipy.sparse`` array (size of z,
        size of the argument), an array (shape of z) + (shape of the argument), a
        ``LinearOperator``, or one of
        ``lagrad.partials``. ``None`` in the place of a function: the argument is a constant.
    name : str
        For messages and pictures; the function's own by default.

    Returns
    -------
    function, to be used in any traced function; without ``f`` a decorator

    Examples
    --------
    >>> import lagrad as lg, math
    >>> sigmoid = lg.primitive(lambda x: 1 / (1 + math.exp(-x)), (lambda z, x: z * (1 - z),))
    >>> round(float(lg.grad(sigmoid)(1.0)), 3)
    0.197
    """
    if f is None:
        return functools.partial(primitive, partials=partials, name=name)
    label = name or str(getattr(f, "__name__", "primitive"))

    def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
        if k >= len(partials) or partials[k] is None:
            raise ArgumentError(
                f"{label} has no partial for its argument {k}: give partials= one function for "
                "each argument, or pass that argument through lg.stop_gradient"
            )
        given = partials[k](z, *args, **kwargs)
        return as_partial(given, np.shape(args[k]), np.shape(z), f"partial {k} of {label}")

    made = overridable(f)
    made.__name__ = label
    # Evaluated through ``made``, so that values of an outer trace are recorded there in their turn.
    made.primitive = Primitive(label, as_array(made), partial)  # type: ignore[attr-defined]
    return made


def as_array(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``f`` with its result as an array or NumPy scalar."""

    def run(*args: Any, **kwargs: Any) -> Any:
        z = f(*args, **kwargs)
        if hasattr(z, "dtype") and z.dtype.kind not in "iub":
            return z
        # Steps with partials of their own (surrogate gradients) are variables too.
        return z.astype(float) if hasattr(z, "dtype") else np.asarray(z, dtype=float)[()]

    return run


def as_partial(given: Any, in_shape: tuple[int, ...], out_shape: tuple[int, ...], what: str) -> Any:
    """Return what a user gave as a partial, as a `Partial`; its shape says what it is."""
    if isinstance(given, Partial):
        if (given.in_shape, given.out_shape) == (in_shape, out_shape):
            return given
        raise ArgumentError(
            f"{what} maps {given.in_shape} to {given.out_shape}; it must map {in_shape} to "
            f"{out_shape}"
        )
    matrix = (math.prod(out_shape), math.prod(in_shape))
    if isinstance(given, LinearOperator) and given.shape == matrix:
        return Function(
            lambda v: np.reshape(given.matvec(np.reshape(v, -1)), out_shape),
            lambda w: np.reshape(given.rmatvec(np.reshape(w, -1)), in_shape),
            in_shape,
            out_shape,
        )
    shape = np.shape(given) if not sp.issparse(given) else given.shape
    if not sp.issparse(given):
        if shape == out_shape == in_shape or (shape == () and out_shape == in_shape):
            return Scale(given, out_shape)
        if shape == out_shape and in_shape == ():
            return then(Scale(given, out_shape), Broadcast(in_shape, out_shape))
        if shape == out_shape + in_shape:
            return Matrix(np.reshape(given, matrix), in_shape, out_shape)
    if shape == matrix:
        return Matrix(given, in_shape, out_shape)
    raise ArgumentError(
        f"{what} has shape {shape}; it must be {out_shape} (a diagonal, if the argument has that "
        f"shape too), {matrix} (a matrix) or {out_shape + in_shape}"
    )
