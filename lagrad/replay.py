"""A traced graph as a function again: its constraints evaluated at other values of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lagrad.graph import CONSTANT, INPUT, NOTHING, Graph
from lagrad.order import reachable


def replay(
    graph: Graph, inputs: Mapping[int, Any], constants: Mapping[int, Any] | None = None
) -> dict[int, Any]:
    """Return the values of the rows that the outputs need, by row.

    The branches taken are those of the trace, so the values must be the same ones, perhaps traced.

    Parameters
    ----------
    graph : Graph
    inputs : values by row
    constants : values by place, instead of those constants of the graph
    """
    c, other = graph.columns, constants or {}
    values = dict(inputs)
    needed = reachable(len(graph), *graph.edges(), np.array(graph.outputs, dtype=int))
    for i in np.flatnonzero(needed).tolist():
        if i in values:
            continue
        primitive = graph.primitive(i)
        if primitive is CONSTANT or primitive is INPUT:
            values[i] = c.values[i]
            continue
        args = [
            values[j] if j >= 0 else other.get(-j - 1, c.constants[-j - 1])
            for j in graph.references(i)
        ]
        values[i] = primitive.function(*args, **c.kwargs.get(i, NOTHING))
    return values
