"""The right-hand side of A lam = e_n: one output, or weights of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lagrad.status import ArgumentError


def seeds(system: Any, of: Any) -> dict[int, Any]:
    """Return the right-hand side as arrays by variable.

    ``of`` is the name of a scalar variable, or a dict of arrays by name; None is the last
    output.
    """
    if isinstance(of, Mapping):
        weights = {system.variable(name): np.asarray(w) for name, w in of.items()}
        for j, w in weights.items():
            if w.shape != system.model.shape(j) or w.dtype.kind not in "fciub":
                raise ArgumentError(
                    f"the weights of {system.variables[j]} are {w.dtype} of shape {w.shape}, and "
                    f"it is {system.model.dtype(j)} of shape {system.model.shape(j)}"
                )
            if w.dtype.kind == "c" and system.model.dtype(j).kind != "c":
                raise ArgumentError(f"complex weights for the real variable {system.variables[j]}")
            weights[j] = w.astype(system.model.dtype(j))[()]
        return weights
    lost = getattr(system.model, "lost", "")
    if of is None and lost:
        raise ArgumentError(
            f"the output {lost} was eliminated, and nothing else is to be differentiated: keep "
            "it too, or give of= a name or weights"
        )
    if of is None and not system.outputs:
        raise ArgumentError("there is no output to differentiate; name one with of=")
    i = system.outputs[-1] if of is None else system.variable(of)
    if system.model.shape(i) and np.prod(system.model.shape(i)) != 1:
        raise ArgumentError(
            f"{system.variables[i]} has shape {system.model.shape(i)}, and multipliers belong to "
            f"one number: give of={{{system.variables[i]!r}: weights}} of that shape"
        )
    return {i: np.ones(system.model.shape(i), system.model.dtype(i))[()]}
