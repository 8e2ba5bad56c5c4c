"""NaN and inf that reach a result are reported with the constraint where they first appear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lagrad.containers import leaves
from lagrad.graph import Graph
from lagrad.solve import back_substitute
from lagrad.status import ArgumentError, NonFiniteError


def finite(x: Any) -> bool:
    """True for finite plain numbers, and for whatever is not a plain number."""
    if hasattr(x, "tocoo"):
        x = x.data
    kind = getattr(getattr(x, "dtype", None), "kind", "f" if isinstance(x, float) else "O")
    if kind not in "fc" or not isinstance(x, np.ndarray | np.generic | float):
        return True
    return bool(np.isfinite(x).all())


def refuse_nonfinite(graph: Graph, value: Any, lam: Mapping[int, Any], nonfinite: str) -> None:
    """Raise if NaN or inf has reached the value or the multipliers of the inputs.

    What does not reach them, such as a mask of -inf, is left alone.

    Raises
    ------
    NonFiniteError
        Naming the constraint where it first appears.
    """
    if nonfinite not in ("raise", "allow"):
        raise ArgumentError(f"nonfinite={nonfinite!r}; there are 'raise' and 'allow'")
    if nonfinite == "allow":
        return
    bad_value = not all(finite(leaf) for _, leaf in leaves(value))
    if not bad_value and all(finite(w) for w in lam.values()):
        return
    where = first_value(graph) if bad_value else first_partial(graph)
    what = "the value" if bad_value else "the gradient"
    raise NonFiniteError(
        f"NaN or inf reached {what}. {where}. Keep the argument inside the domain of that "
        "function, select with np.where what is defined, or say nonfinite='allow' to get the "
        "numbers as they are"
    )


def first_value(graph: Graph) -> str:
    """Say which constraint is the first whose value is not finite though its parents' are."""
    values = graph.columns.values
    for i in range(len(graph)):
        if not finite(values[i]):
            return f"It first appears in {graph.describe(i)}"
    return "It comes from a constant that the function returned"


def first_partial(graph: Graph) -> str:
    """Say which constraint has the first partial that is not finite, seen from the output."""
    last = graph.outputs[-1] if graph.outputs else len(graph) - 1
    seed = np.ones(graph.shape(last), graph.dtype(last))[()]
    lam = back_substitute(graph, {last: seed})
    for i in range(len(graph) - 1, -1, -1):
        if i not in lam or not finite(lam[i]):
            continue
        with np.errstate(all="ignore"):
            for j, w, _ in graph.pull(i, lam[i], None):
                if not finite(w):
                    return (
                        f"The partial of {graph.describe(i)} with respect to {graph.name(j)} "
                        "is the first that is not finite"
                    )
    return "No single partial is at fault: a sum of multipliers overflowed"
