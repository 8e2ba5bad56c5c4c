"""Jacobians and Hessians: a sweep for each entry of the smaller side, or sparse products."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.api.arguments import Argnums, Transform, graph_of, of, own, pair, selected
from lagrad.api.gradients import grad, jvp
from lagrad.assemble import refuse_too_large
from lagrad.containers import leaves, map_leaves, unflatten
from lagrad.eliminate import accumulate, eliminated, matrix
from lagrad.finite import refuse_nonfinite
from lagrad.graph import Graph
from lagrad.solve import back_substitute, forward_substitute
from lagrad.status import ArgumentError
from lagrad.trace import Trace, plain, record, recording_program
from lagrad.trace.boundary import refuse
from lagrad.undefined import refuse_undefined


def jacobian(
    f: Callable[..., Any],
    argnums: Argnums = 0,
    sparse: bool = False,
    holomorphic: bool = False,
    nonfinite: str = "raise",
    undefined: str = "convention",
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
        partials, in which every structural entry is stored. Under ``lg.compile`` the pattern is
        found once; a call with other indices or conditions (``np.where``) writes another program.
    holomorphic : bool
        Say that a complex function of complex arguments is holomorphic; else it is refused.
    nonfinite : {"raise", "allow"}
    undefined : {"convention", "raise"}

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
    return Transform("jacobian", _jacobian, f, argnums, sparse, holomorphic, nonfinite, undefined)


def _jacobian(
    f: Callable[..., Any],
    argnums: Argnums,
    sparse: bool,
    holomorphic: bool,
    nonfinite: str,
    undefined: str,
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    numbers, single = selected(f, argnums, args)
    trace, result, rows = record(f, args, numbers, kwargs)
    graph = graph_of(trace, rows, result)
    refuse_undefined(graph, undefined)
    value = map_leaves(lambda leaf: plain(trace, leaf), result)
    refuse_nonfinite(graph, value, {}, nonfinite)
    outputs = [leaf for _, leaf in leaves(result)]
    inputs, values = graph.inputs, graph.columns.values
    complex_in = any(graph.dtype(r).kind == "c" for r in inputs)
    if complex_in and any(np.iscomplexobj(y) for y in outputs) and not holomorphic:
        raise ArgumentError(
            "the Jacobian of a complex function of complex arguments exists only if the function "
            "is holomorphic: say holomorphic=True, or differentiate its real and imaginary parts"
        )
    program = recording_program()
    if sparse and program is not None:
        with program.partials():
            table = list(written_blocks(graph, trace, outputs))
    elif sparse:
        table = list(sparse_blocks(graph, trace, outputs))
    else:
        m = sum(np.size(y) for y in outputs)
        n = sum(values[r].size for r in inputs)
        # Twice: the rows that are found, and the array that they are put into.
        refuse_too_large(
            m * n,
            "the Jacobian",
            "Say sparse=True, or apply it to vectors: lg.jvp and lg.vjp never form it",
            each=16,
        )
        # A multiplier of a real variable is real, so complex results need tangents.
        complex_out = any(np.iscomplexobj(y) for y in outputs)
        by_rows = (m <= n or complex_in) and not (complex_out and not complex_in)
        table = list((rows_of if by_rows else columns_of)(graph, trace, outputs))
    for blocks in table:
        found = {r: block.data if sparse else block for r, block in blocks.items()}
        refuse_nonfinite(graph, 0.0, found, nonfinite)

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
            r: found[y._row][r].astype(np.result_type(y.dtype, graph.dtype(r)))
            if of(trace, y) and r in found[y._row]
            else sp.csr_array((size, graph.columns.values[r].size))
            for r in graph.inputs
        }


#: What can be written where there is no program of a sparse Jacobian.
INSTEAD = "Leave out lg.compile, or compile lg.jvp and lg.vjp, which never form it"


def written_blocks(graph: Graph, trace: Trace, outputs: list[Any]) -> Iterator[dict[int, Any]]:
    """Yield dy/dx by input as sparse matrices of a program, whose pattern is constant.

    What the pattern depends on, such as indices and conditions, is guarded.
    """
    values, inputs = graph.columns.values, graph.inputs
    if (graph.widths == 2).any():
        refuse("a sparse Jacobian of complex numbers cannot be compiled", INSTEAD)
    if any(graph.primitive(i).joint is not None for i in range(len(graph))):
        refuse("a sparse Jacobian of a cycle or a loop cannot be compiled", INSTEAD)
    found = iter(eliminated(graph, [y._row for y in outputs if of(trace, y)]))
    for y in outputs:
        stripes = next(found) if of(trace, y) else {}
        yield {
            r: matrix(
                stripes.get(r, ()),
                (math.prod(np.shape(y)), values[r].size),
                np.result_type(y.dtype, graph.dtype(r)) if stripes.get(r) else np.dtype(float),
            )
            for r in inputs
        }


def units(shape: tuple[int, ...], dtype: Any) -> Iterator[Any]:
    """Yield the unit arrays of ``shape``, in C order."""
    for k in range(math.prod(shape)):
        e = np.zeros(shape, dtype)
        e.flat[k] = 1
        yield e[()]


def hvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    undefined: str = "convention",
) -> Any:
    """Return the product of the Hessian of a scalar function with tangents, never forming it.

    ``H v``, the change of the gradient along v (forward over reverse).

    Parameters
    ----------
    f : function returning one real number
    primals, tangents : tuples, one entry for each argument
    undefined : {"convention", "raise"}

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
    return jvp(grad(f, numbers, undefined=undefined), primals, tangents)[1]


def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, undefined: str = "convention"
) -> Callable[..., Any]:
    """Return the function that computes the Hessian of a scalar function.

    Parameters
    ----------
    f : function returning one real number
    argnums : int or sequence of int
    undefined : {"convention", "raise"}

    Examples
    --------
    >>> import lagrad as lg, numpy as np
    >>> lg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0])).tolist()
    [[4.0, 2.0], [2.0, 0.0]]
    """
    return jacobian(grad(f, argnums, undefined=undefined), argnums)
