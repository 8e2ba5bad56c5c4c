"""Gradients, tangents and cotangents: one sweep each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lagrad.api.arguments import Argnums, Transform, graph_of, of, own, pair, selected
from lagrad.containers import leaves, map_leaves, unflatten
from lagrad.finite import refuse_nonfinite
from lagrad.graph import Graph
from lagrad.solve import back_substitute, forward_substitute
from lagrad.status import ArgumentError
from lagrad.trace import Trace, Traced, plain, record, untraced, variable
from lagrad.undefined import refuse_undefined


def grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    nonfinite: str = "raise",
    undefined: str = "convention",
) -> Callable[..., Any]:
    """Return the function that computes the gradient of a scalar function.

    ``A lam = e_n`` by back-substitution; the multipliers of the inputs are the gradient.

    Parameters
    ----------
    f : function of arrays, scalars and nested containers of them, returning one real number
    argnums : int or sequence of int
        Arguments to differentiate with respect to.
    has_aux : bool
        ``f`` returns (value, extra); the extra comes back as it is.
    nonfinite : {"raise", "allow"}
        What to do when NaN or inf reaches the value or the gradient.
    undefined : {"convention", "raise"}
        What to do where a partial is not unique or does not exist (|x| at 0, a tie of a maximum):
        take the convention of its rule, or raise. `undefined_partials` lists them.

    Returns
    -------
    function of the arguments of ``f``
        Gives the gradient in the container and shape of the argument, a tuple of them for a
        sequence of argnums, and (gradient, extra) with ``has_aux``.

    Raises
    ------
    ArgumentError
        If the output is no real scalar, or an argument is no variable (integer arrays, strings).
    MissingRuleError, TraceError
        If ``f`` does with a traced value what a trace cannot follow.
    NonFiniteError
        Naming the constraint where NaN or inf first appears.
    UndefinedPartialError
        If it is asked for.

    Notes
    -----
    What ``f`` computes from anything but its arguments (random numbers, files) is a constant.
    Complex arguments follow JAX: the transpose is plain, and the gradient of |z|^2 is 2 conj(z).
    Source: T. Vieira, "Backprop is not just the chain rule" (2017), section "The general
    formulation".

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> f = lambda x, y, z: (x + y) * z
    >>> [float(g) for g in lg.grad(f, argnums=(0, 1, 2))(-2.0, 5.0, -4.0)]
    [-4.0, -4.0, 3.0]
    """
    return Transform("grad", _gradient, f, argnums, has_aux, nonfinite, undefined, False)


def value_and_grad(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    has_aux: bool = False,
    nonfinite: str = "raise",
    undefined: str = "convention",
) -> Callable[..., Any]:
    """Return the function that computes the value and the gradient of a scalar function.

    As `grad`; the result is (value, gradient), and ((value, extra), gradient) with ``has_aux``.
    It serves ``scipy.optimize.minimize(..., jac=True)`` as it is.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> from scipy.optimize import minimize
    >>> f = lambda x: np.sum((x - 3.0) ** 4)
    >>> bool(minimize(lg.value_and_grad(f), np.zeros(2), jac=True).success)
    True
    """
    return Transform("value_and_grad", _gradient, f, argnums, has_aux, nonfinite, undefined, True)


def _gradient(
    f: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    nonfinite: str,
    undefined: str,
    with_value: bool,
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    numbers, single = selected(f, argnums, args)
    trace, result, rows = record(f, args, numbers, kwargs)
    output, aux = result, None
    if has_aux:
        if not isinstance(result, tuple) or len(result) != 2:
            raise ArgumentError("has_aux=True: the function must return a pair (value, extra)")
        output, aux = result
    output = scalar(trace, output)
    graph = graph_of(trace, rows, output)
    refuse_undefined(graph, undefined)
    lam = back_substitute(graph, seeds(trace, output), keep=set(graph.inputs))
    value = plain(trace, output)
    refuse_nonfinite(graph, value, lam, nonfinite)
    gradients = [
        gradient_like(graph, args[k], found, lam) for k, found in zip(numbers, rows, strict=True)
    ]
    answer = gradients[0] if single else tuple(gradients)
    if has_aux:
        aux = map_leaves(lambda leaf: untraced(trace, leaf), aux)
        return ((value, aux), answer) if with_value else (answer, aux)
    return (value, answer) if with_value else answer


def scalar(trace: Trace, output: Any) -> Any:
    """Return the output if it is one real number.

    Raises
    ------
    ArgumentError
        Saying what it is, and what to call instead.
    """
    if not isinstance(output, Traced | np.ndarray | np.generic | int | float | complex):
        raise ArgumentError(
            f"the function returned {type(output).__name__}, and a gradient is that of one number; "
            "return a scalar, use has_aux=True for extra results, or lg.jacobian"
        )
    plain(trace, output)
    if np.shape(output):
        raise ArgumentError(
            f"the function returned an array of shape {np.shape(output)}, and a gradient is that "
            "of one number; return np.sum(...) of it, or use lg.jacobian"
        )
    if np.iscomplexobj(output):
        raise ArgumentError(
            "the function returned a complex number, and a gradient is that of a real one; return "
            "np.real(...), np.imag(...) or np.abs(...) of it"
        )
    return output


def seeds(trace: Trace, output: Any) -> dict[int, Any]:
    """Return e_n: one at the output, or nothing if it does not depend on the inputs."""
    return {output._row: output.dtype.type(1)} if of(trace, output) else {}


def gradient_like(graph: Graph, tree: Any, rows: list[int], lam: Mapping[int, Any]) -> Any:
    """Return the multipliers of input ``rows`` in the container of the argument."""
    return unflatten(
        tree,
        (
            own(lam.get(r), graph.columns.values[r], leaf)
            for r, (_, leaf) in zip(rows, leaves(tree), strict=True)
        ),
    )


def jvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    nonfinite: str = "raise",
    undefined: str = "convention",
) -> tuple[Any, Any]:
    """Return the value of ``f`` and its change along tangents: ``A^T zdot = xdot``.

    Parameters
    ----------
    f : function
    primals, tangents : tuples, one entry for each argument, of equal structure and shapes
    nonfinite : {"raise", "allow"}
    undefined : {"convention", "raise"}

    Returns
    -------
    (value, tangent), both in the container that ``f`` returns

    Examples
    --------
    >>> import lagrad as lg
    >>> value, tangent = lg.jvp(lambda x: x**3, (2.0,), (1.0,))
    >>> float(value), float(tangent)
    (8.0, 12.0)
    """
    pair(primals, tangents)
    trace, result, rows = record(f, tuple(primals), tuple(range(len(primals))), {})
    graph = graph_of(trace, rows, result)
    refuse_undefined(graph, undefined)
    xdot = {}
    for k, found in enumerate(rows):
        for r, (label, v) in zip(found, leaves(tangents[k], f"tangents[{k}]"), strict=True):
            v = variable(v, label)
            z = graph.columns.values[r]
            if np.shape(v) != np.shape(z):
                raise ArgumentError(
                    f"{label} has shape {np.shape(v)}, its primal {graph.name(r)} {np.shape(z)}"
                )
            if np.iscomplexobj(v) and z.dtype.kind != "c":
                raise ArgumentError(f"{label} is complex, and its primal {graph.name(r)} is real")
            xdot[r] = v if v.dtype == z.dtype else np.asarray(v).astype(z.dtype)[()]
    zdot = forward_substitute(graph, len(graph), xdot)
    value = map_leaves(lambda leaf: plain(trace, leaf), result)

    def tangent(leaf: Any) -> Any:
        v = zdot.get(leaf._row) if of(trace, leaf) else None
        leaf = plain(trace, leaf)
        return np.zeros(np.shape(leaf))[()] if v is None else v

    moved = map_leaves(tangent, result)
    refuse_nonfinite(graph, value, {}, nonfinite, zdot)
    return value, moved


def vjp(
    f: Callable[..., Any],
    *primals: Any,
    nonfinite: str = "raise",
    undefined: str = "convention",
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return the value of ``f`` and the function that pulls a cotangent back: ``A lam = w``.

    Parameters
    ----------
    f : function
    *primals : its arguments
    nonfinite : {"raise", "allow"}
    undefined : {"convention", "raise"}

    Returns
    -------
    value : what ``f`` returns
    pullback : function
        Of a cotangent structured like the value; gives a tuple, one entry for each argument.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> value, pullback = lg.vjp(lambda x, y: x * y, 2.0, np.array([3.0, 4.0]))
    >>> dx, dy = pullback(np.array([1.0, 10.0]))
    >>> float(dx), dy.tolist()
    (43.0, [2.0, 20.0])
    """
    trace, result, rows = record(f, primals, tuple(range(len(primals))), {})
    graph = graph_of(trace, rows, result)
    refuse_undefined(graph, undefined)
    # A copy, since the pullback needs the values and the user may write into what is returned.
    value = map_leaves(lambda leaf: unshared(plain(trace, leaf)), result)
    refuse_nonfinite(graph, value, {}, nonfinite)
    snapshot = [getattr(leaf, "_row", -1) if of(trace, leaf) else -1 for _, leaf in leaves(result)]

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        weights: dict[int, Any] = {}

        def weigh(z: Any, w: Any) -> Any:
            w = w if isinstance(w, Traced) else np.asarray(w)[()]
            if np.shape(w) != np.shape(z):
                raise ArgumentError(
                    f"the cotangent has shape {np.shape(w)}, the value {np.shape(z)}"
                )
            if np.iscomplexobj(w) and not np.iscomplexobj(z):
                raise ArgumentError("the cotangent is complex, and the value is real")
            return w

        weighed = [w for _, w in leaves(map_leaves(weigh, value, cotangent))]
        for row, w in zip(snapshot, weighed, strict=True):
            if row >= 0:
                dtype = graph.dtype(row)
                w = w if w.dtype == dtype else w.astype(dtype)
                weights[row] = weights[row] + w if row in weights else w
        lam = back_substitute(graph, weights, keep=set(graph.inputs))
        refuse_nonfinite(graph, 0.0, lam, nonfinite)
        return tuple(
            gradient_like(graph, tree, found, lam)
            for tree, found in zip(primals, rows, strict=True)
        )

    return value, pullback


def unshared(value: Any) -> Any:
    """Return a copy of a plain array."""
    return value.copy() if isinstance(value, np.ndarray) else value
