"""Derivatives of functions: each the same pipeline in a few lines.

trace -> graph -> substitution (multipliers from the last row, tangents from the first) -> containers.

All of them nest: inside another transform the sweep runs on traced values, and what it computes is
constraints of the outer trace. Each call traces anew, so it is right whatever Python did.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from lagrad.containers import leaves, map_leaves, unflatten
from lagrad.dispatch import overridable
from lagrad.eliminate import accumulate
from lagrad.finite import refuse_nonfinite
from lagrad.graph import Graph
from lagrad.partials import Broadcast, Function, Matrix, Partial, Scale, then
from lagrad.primitive import Primitive
from lagrad.solve import back_substitute, forward_substitute
from lagrad.status import ArgumentError
from lagrad.trace import Trace, Traced, Tracer, names_of, plain, record, variable

Argnums = int | Sequence[int]


# -- first order ---------------------------------------------------------------------------------


def grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, nonfinite: str = "raise"
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
    return functools.partial(_gradient, f, argnums, has_aux, nonfinite, False)


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, nonfinite: str = "raise"
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
    return functools.partial(_gradient, f, argnums, has_aux, nonfinite, True)


def _gradient(
    f: Callable[..., Any],
    argnums: Argnums,
    has_aux: bool,
    nonfinite: str,
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
    graph = trace.graph(tuple(r for found in rows for r in found), (output._row,) if of(
        trace, output) else ())
    lam = back_substitute(graph, seeds(trace, output), keep=set(graph.inputs))
    value = plain(trace, output)
    refuse_nonfinite(graph, value, lam, nonfinite)
    gradients = [gradient_like(graph, args[k], found, lam) for k, found in
                 zip(numbers, rows, strict=True)]
    answer = gradients[0] if single else tuple(gradients)
    if has_aux:
        aux = map_leaves(lambda leaf: plain(trace, leaf), aux)
        return ((value, aux), answer) if with_value else (answer, aux)
    return (value, answer) if with_value else answer


def selected(
    f: Callable[..., Any], argnums: Argnums, args: tuple[Any, ...]
) -> tuple[tuple[int, ...], bool]:
    """Return argnums as a tuple of positions, and whether it was a single number."""
    single = isinstance(argnums, int | np.integer)
    numbers = (argnums,) if single else tuple(argnums)  # type: ignore[arg-type]
    for k in numbers:
        if not -len(args) <= k < len(args):  # type: ignore[operator]
            raise ArgumentError(
                f"argnums={argnums}, but the function was called with {len(args)} positional "
                f"argument{'s' * (len(args) != 1)}: {names_of(f, len(args))}"
            )
    places = tuple(int(k) % len(args) for k in numbers)  # type: ignore[call-overload]
    if len(set(places)) != len(places):
        raise ArgumentError(f"argnums={argnums} names an argument twice")
    return places, single


def of(trace: Trace, leaf: Any) -> bool:
    """True if a result is a variable of the trace, and so depends on its inputs."""
    return type(leaf) is Tracer and leaf._trace is trace


def scalar(trace: Trace, output: Any) -> Any:
    """Return the output if it is one real number.

    Raises
    ------
    ArgumentError
        Saying what it is, and what to call instead.
    """
    plain(trace, output)
    if not isinstance(output, Traced | np.ndarray | np.generic | int | float | complex):
        raise ArgumentError(
            f"the function returned {type(output).__name__}, and a gradient is that of one number; "
            "return a scalar, use has_aux=True for extra results, or lg.jacobian"
        )
    if np.shape(output):
        raise ArgumentError(
            f"the function returned an array of shape {np.shape(output)}, and a gradient is that of "
            "one number; return np.sum(...) of it, or use lg.jacobian"
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
        (own(lam.get(r), graph.columns.values[r], leaf)
         for r, (_, leaf) in zip(rows, leaves(tree), strict=True)),
    )


def own(w: Any, value: Any, given: Any) -> Any:
    """Return a multiplier as an array of its own, shaped like its variable; None is zero."""
    if isinstance(w, Traced):
        return w
    if w is None:
        w = np.zeros(np.shape(value), value.dtype)
    array = np.array(np.broadcast_to(w, np.shape(value)), dtype=value.dtype)
    return array if isinstance(given, np.ndarray) else array[()]


def jvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    nonfinite: str = "raise",
) -> tuple[Any, Any]:
    """Return the value of ``f`` and its change along tangents: ``A^T zdot = xdot``.

    Parameters
    ----------
    f : function
    primals, tangents : tuples, one entry for each argument, of equal structure and shapes
    nonfinite : {"raise", "allow"}

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
    graph = trace.graph(tuple(r for found in rows for r in found), ())
    xdot = {}
    for k, found in enumerate(rows):
        for r, (label, v) in zip(found, leaves(tangents[k], f"tangents[{k}]"), strict=True):
            v = variable(v, label)
            z = graph.columns.values[r]
            if np.shape(v) != np.shape(z):
                raise ArgumentError(
                    f"{label} has shape {np.shape(v)}, its primal {graph.name(r)} {np.shape(z)}"
                )
            xdot[r] = v if v.dtype == z.dtype else np.asarray(v).astype(z.dtype)[()]
    zdot = forward_substitute(graph, len(graph), xdot)
    value = map_leaves(lambda leaf: plain(trace, leaf), result)

    def tangent(leaf: Any) -> Any:
        v = zdot.get(leaf._row) if of(trace, leaf) else None
        leaf = plain(trace, leaf)
        return np.zeros(np.shape(leaf))[()] if v is None else v

    moved = map_leaves(tangent, result)
    refuse_nonfinite(graph, [value, moved], {}, nonfinite)
    return value, moved


def pair(primals: Any, tangents: Any) -> None:
    """Check that primals and tangents are tuples of equal structure."""
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            raise ArgumentError(
                f"{name} is {type(given).__name__}; give a tuple with one entry for each argument, "
                f"{name}=(x,)"
            )
    map_leaves(lambda a, b: None, tuple(primals), tuple(tangents))


def vjp(
    f: Callable[..., Any], *primals: Any, nonfinite: str = "raise"
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return the value of ``f`` and the function that pulls a cotangent back: ``A lam = w``.

    Parameters
    ----------
    f : function
    *primals : its arguments
    nonfinite : {"raise", "allow"}

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
    graph = trace.graph(tuple(r for found in rows for r in found), ())
    value = map_leaves(lambda leaf: plain(trace, leaf), result)
    refuse_nonfinite(graph, value, {}, nonfinite)
    snapshot = [(of(trace, leaf), getattr(leaf, "_row", None)) for _, leaf in leaves(result)]

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        weights: dict[int, Any] = {}

        def weigh(z: Any, w: Any) -> Any:
            w = w if isinstance(w, Traced) else np.asarray(w)[()]
            if np.shape(w) != np.shape(z):
                raise ArgumentError(f"the cotangent has shape {np.shape(w)}, the value {np.shape(z)}")
            return w

        weighed = [w for _, w in leaves(map_leaves(weigh, value, cotangent))]
        for (varies, row), w in zip(snapshot, weighed, strict=True):
            if varies:
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


# -- matrices of derivatives ---------------------------------------------------------------------


def jacobian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    sparse: bool = False,
    holomorphic: bool = False,
    nonfinite: str = "raise",
) -> Callable[..., Any]:
    """Return the function that computes dy/dx of shape (shape of y) + (shape of x).

    One sweep for each entry of the smaller side: multipliers from the outputs, or tangents from the
    inputs.

    Parameters
    ----------
    f : function returning an array, or a container of arrays
    argnums : int or sequence of int
    sparse : bool
        Return ``scipy.sparse`` arrays (size of y, size of x) made by products of the sparse
        partials, in which every structural entry is stored.
    holomorphic : bool
        Say that a complex function of complex arguments is holomorphic; else it is refused.
    nonfinite : {"raise", "allow"}

    Returns
    -------
    function
        Its result has the container of the outputs, and in each place that of the argument.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> lg.jacobian(lambda x: x**2)(np.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    return functools.partial(_jacobian, f, argnums, sparse, holomorphic, nonfinite)


def _jacobian(
    f: Callable[..., Any],
    argnums: Argnums,
    sparse: bool,
    holomorphic: bool,
    nonfinite: str,
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    numbers, single = selected(f, argnums, args)
    trace, result, rows = record(f, args, numbers, kwargs)
    inputs = tuple(r for found in rows for r in found)
    graph = trace.graph(inputs, ())
    value = map_leaves(lambda leaf: plain(trace, leaf), result)
    refuse_nonfinite(graph, value, {}, nonfinite)
    outputs = [leaf for _, leaf in leaves(result)]
    values = graph.columns.values
    complex_in = any(graph.dtype(r).kind == "c" for r in inputs)
    if complex_in and any(np.iscomplexobj(y) for y in outputs) and not holomorphic:
        raise ArgumentError(
            "the Jacobian of a complex function of complex arguments exists only if the function "
            "is holomorphic: say holomorphic=True, or differentiate its real and imaginary parts"
        )
    if sparse:
        table = list(sparse_blocks(graph, trace, outputs))
    else:
        m = sum(np.size(y) for y in outputs)
        n = sum(values[r].size for r in inputs)
        by_rows = m <= n or (complex_in and not holomorphic)
        table = list((rows_of if by_rows else columns_of)(graph, trace, outputs))
    for blocks in table:
        refuse_nonfinite(graph, 0.0, dict(enumerate(blocks.values())), nonfinite)

    def place(blocks: Mapping[int, Any]) -> Any:
        answers = [
            unflatten(args[k], iter([blocks[r] for r in found]))
            for k, found in zip(numbers, rows, strict=True)
        ]
        return answers[0] if single else tuple(answers)

    return unflatten(result, iter([place(blocks) for blocks in table]))


def rows_of(graph: Graph, trace: Trace, outputs: list[Any]) -> Iterator[dict[int, Any]]:
    """Yield dy/dx by input for each output y, one sweep of multipliers an entry of y."""
    keep = set(graph.inputs)
    for y in outputs:
        shape, sweeps = np.shape(y), []
        for e in units(shape, y.dtype) if of(trace, y) else ():
            sweeps.append(back_substitute(graph, {y._row: e}, keep))
        blocks = {}
        for r in graph.inputs:
            z = graph.columns.values[r]
            rows = [own(lam.get(r), z, np.zeros(0)) for lam in sweeps]
            full = shape + np.shape(z)
            blocks[r] = np.reshape(np.stack(rows), full) if rows else np.zeros(full)
        yield blocks


def columns_of(graph: Graph, trace: Trace, outputs: list[Any]) -> Iterator[dict[int, Any]]:
    """Yield dy/dx by input for each output y, one sweep of tangents an entry of x."""
    sweeps: dict[int, list[dict[int, Any]]] = {}
    wanted = {y._row for y in outputs if of(trace, y)}
    for r in graph.inputs:
        z = graph.columns.values[r]
        sweeps[r] = []
        for e in units(np.shape(z), z.dtype):
            zdot = forward_substitute(graph, len(graph), {r: e})
            sweeps[r].append({k: v for k, v in zdot.items() if k in wanted})
    for y in outputs:
        blocks, shape = {}, np.shape(y)
        for r, tangents in sweeps.items():
            full = shape + np.shape(graph.columns.values[r])
            if of(trace, y) and tangents:
                columns = [own(t.get(y._row), y, np.zeros(0)) for t in tangents]
                blocks[r] = np.reshape(np.stack(columns, axis=-1), full)
            else:
                blocks[r] = np.zeros(full)
        yield blocks


def sparse_blocks(graph: Graph, trace: Trace, outputs: list[Any]) -> Iterator[dict[int, Any]]:
    """Yield dy/dx by input as sparse arrays for each output y."""
    wanted = [y._row for y in outputs if of(trace, y)]
    found = accumulate(graph, wanted)
    for y in outputs:
        size = math.prod(np.shape(y))
        yield {
            r: found[y._row][r]
            if of(trace, y) and r in found[y._row]
            else sp.csr_array((size, graph.columns.values[r].size))
            for r in graph.inputs
        }


def units(shape: tuple[int, ...], dtype: Any) -> Iterator[Any]:
    """Yield the unit arrays of ``shape``, in C order."""
    for k in range(math.prod(shape)):
        e = np.zeros(shape, dtype)
        e.flat[k] = 1
        yield e[()]


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the product of the Hessian of a scalar function with tangents, never forming it.

    ``H v``, the change of the gradient along v (forward over reverse).

    Parameters
    ----------
    f : function returning one real number
    primals, tangents : tuples, one entry for each argument

    Returns
    -------
    like the gradient: the container of the argument, a tuple of them for several arguments

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> lg.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),)).tolist()
    [6.0, 12.0]
    """
    pair(primals, tangents)
    numbers: Argnums = 0 if len(primals) == 1 else tuple(range(len(primals)))
    return jvp(grad(f, numbers), primals, tangents)[1]


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Return the function that computes the Hessian of a scalar function.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> lg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0])).tolist()
    [[4.0, 2.0], [2.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


# -- tools ---------------------------------------------------------------------------------------


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return the leaves of a container as one vector, and the function that puts it back.

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> vector, unravel = lg.ravel({"a": 1.0, "b": np.array([2.0, 3.0])})
    >>> vector.tolist(), unravel(2 * vector)["b"].tolist()
    ([1.0, 2.0, 3.0], [4.0, 6.0])
    """
    parts = [leaf for _, leaf in leaves(tree)]
    shapes = [np.shape(x) for x in parts]
    vector = np.concatenate([np.reshape(x, -1) for x in parts]) if parts else np.zeros(0)

    def unravel(v: Any) -> Any:
        if np.shape(v) != (sum(math.prod(s) for s in shapes),):
            raise ArgumentError(f"unravel takes a vector of shape {np.shape(vector)}, not {np.shape(v)}")
        ends = np.cumsum([math.prod(s) for s in shapes]).tolist()
        return unflatten(
            tree,
            (np.reshape(v[e - math.prod(s) : e], s) if s else v[e - 1]
             for e, s in zip(ends, shapes, strict=True)),
        )

    return vector, unravel


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
        ``p_k(z, *args)`` returns df/dargs[k] at the value z: an array shaped like z (the diagonal of
        an elementwise function), an array or ``scipy.sparse`` array (size of z, size of the
        argument), an array (shape of z) + (shape of the argument), a ``LinearOperator``, or one of
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
    label = name or getattr(f, "__name__", "primitive")

    def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
        if k >= len(partials) or partials[k] is None:
            raise ArgumentError(
                f"{label} has no partial for its argument {k}: give partials= one function for each "
                "argument, or pass that argument through lg.stop_gradient"
            )
        given = partials[k](z, *args, **kwargs)
        return as_partial(given, np.shape(args[k]), np.shape(z), f"partial {k} of {label}")

    made = overridable(f)
    made.primitive = Primitive(label, as_array(f), partial)  # type: ignore[attr-defined]
    return made


def as_array(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``f`` with its result as an array or NumPy scalar."""

    def run(*args: Any, **kwargs: Any) -> Any:
        z = f(*args, **kwargs)
        return z if hasattr(z, "dtype") else np.asarray(z, dtype=np.result_type(z, np.float64))[()]

    return run


def as_partial(given: Any, in_shape: tuple[int, ...], out_shape: tuple[int, ...], what: str) -> Any:
    """Return what a user gave as a partial, as a `Partial`; its shape says what it is."""
    if isinstance(given, Partial):
        return given
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
