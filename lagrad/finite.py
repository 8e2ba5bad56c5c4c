"""NaN and inf that reach a result are reported with the constraint where they first appear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lagrad.containers import leaves
from lagrad.dispatch import all_finite, derivative_finite
from lagrad.graph import Graph
from lagrad.partials import Scattered
from lagrad.solve.back_substitution import Sums
from lagrad.status import ArgumentError, NonFiniteError


def finite(x: Any, ask: Callable[[Any], bool] = all_finite) -> bool:
    """True for finite plain numbers, and for whatever is not a plain number."""
    if getattr(x, "_is_symbol", False):
        return bool(x._ask(ask))
    if hasattr(x, "tocoo"):
        x = x.data
    kind = getattr(getattr(x, "dtype", None), "kind", "f" if isinstance(x, float) else "O")
    if kind not in "fc" or not isinstance(x, np.ndarray | np.generic | float):
        return True
    return bool(np.isfinite(x).all())


def refuse_nonfinite(
    graph: Graph,
    value: Any,
    lam: Mapping[int, Any],
    nonfinite: str,
    tangents: Mapping[int, Any] | None = None,
) -> None:
    """Raise if NaN or inf has reached the value, the multipliers of the inputs or the tangents.

    What does not reach them, such as a mask of -inf, is left alone.

    Parameters
    ----------
    graph : Graph
    value : container of what the function returned
    lam : multipliers by row
    nonfinite : {"raise", "allow"}
    tangents : zdot by row; looked at where graph.outputs say that they come out

    Raises
    ------
    NonFiniteError
        Naming the constraint where it first appears.
    """
    if nonfinite not in ("raise", "allow"):
        raise ArgumentError(f"nonfinite={nonfinite!r}; there are 'raise' and 'allow'")
    if nonfinite == "allow":
        return
    moved = tangents or {}
    if not all(finite(leaf) for _, leaf in leaves(value)):
        what, where = "value", first_value(graph)
    elif not all(finite(w, derivative_finite) for w in lam.values()):
        what, where = "gradient", first_partial(graph)
    elif not all(finite(moved[i], derivative_finite) for i in graph.outputs if i in moved):
        what, where = "tangent", first_tangent(graph, moved)
    else:
        return
    raise NonFiniteError(
        f"NaN or inf reached the {what}. {where}. Keep the argument inside the domain of that "
        "function, select with np.where what is defined, or say nonfinite='allow' to get the "
        "numbers as they are"
    )


def first_value(graph: Graph) -> str:
    """Say where the value that is not finite comes from.

    From the result back through parents that are not finite, to the first row whose parents all
    are. So an infinity that went another way, or came to nothing, is not blamed.
    """
    values = graph.columns.values
    bad = [i for i in graph.outputs if not finite(values[i])]
    if not graph.outputs:
        bad = [i for i in range(len(graph)) if not finite(values[i])][-1:]
    seen, sources = set(bad), []
    while bad:
        i = bad.pop()
        parents = [j for j in graph.parents(i) if not finite(values[j])]
        if not parents:
            sources.append(i)
        bad += [j for j in parents if j not in seen]
        seen.update(parents)
    if not sources:
        return "It comes from a constant that the function returned"
    return f"It first appears in {graph.describe(min(sources))}"


def first_partial(graph: Graph) -> str:
    """Say which constraint has the first partial that is not finite, seen from the output."""
    sums = Sums()
    for i in graph.outputs or (len(graph) - 1,):
        sums.add(i, np.ones(graph.shape(i), graph.dtype(i))[()])
    with np.errstate(all="ignore"):
        for i in range(len(graph) - 1, -1, -1):
            if i not in sums:
                continue
            for j, w, mask in graph.pull(i, *sums.pop(i)):
                if not finite(w.w if isinstance(w, Scattered) else w):
                    return partial_of(graph, i, j)
                sums.add(j, w, mask)
    return "No single partial is at fault: a sum of multipliers overflowed"


def first_tangent(graph: Graph, tangents: Mapping[int, Any]) -> str:
    """Say which constraint is the first whose tangent is not finite though its parents' are."""
    for i in sorted(tangents):
        moving = [j for j in graph.parents(i) if j in tangents]
        if not finite(tangents[i]) and all(finite(tangents[j]) for j in moving) and moving:
            with np.errstate(all="ignore"):
                for j in moving:
                    if not finite(graph.push(i, {j: tangents[j]})):
                        return partial_of(graph, i, j)
    return "A tangent that was given is not finite, or a sum of them overflowed"


def partial_of(graph: Graph, i: int, j: int) -> str:
    """Say that df_i/dz_j is where it begins."""
    text = (
        f"The partial of {graph.describe(i)} with respect to {graph.name(j)} is the first that is "
        "not finite"
    )
    kink = graph.primitive(i).kink
    if kink is not None:
        args, kwargs = graph.arguments(i)
        with np.errstate(all="ignore"):
            if np.any(kink.where(graph.columns.values[i], *args, **kwargs)):
                text += f": {kink.says}"
    return text


def refuse_nonfinite_multipliers(
    equations: Sequence[str], where: Callable[[int], str], lam: Mapping[int, Any]
) -> None:
    """Raise if the multiplier of an equation is NaN or inf, with its name and line."""
    for i, w in lam.items():
        if not finite(w):
            raise NonFiniteError(
                f"NaN or inf reached the multiplier of {equations[i]} "
                f"({where(i) or 'an input'}): a local partial between it and the output is not "
                "finite"
            )
