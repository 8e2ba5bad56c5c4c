"""The equations of a system as a person wrote them: text, lines, functions, values, output."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable
from typing import Any


def formula(equation: Any) -> str:
    """Return the equation as its author wrote it, if it is one line; else as a call."""
    if equation.function is None:
        return f"{equation.name} = input"
    left = equation.name if equation.explicit else "0"
    return f"{left} = {expression(equation.function, equation.parents)}"


def expression(function: Callable[..., Any], parents: tuple[str, ...]) -> str:
    """Return what a one-line function returns, or ``layer(w1, x0)`` for a longer one."""
    called = f"{getattr(function, '__name__', 'f')}({', '.join(parents)})"
    try:
        if tuple(inspect.signature(function).parameters) != parents:
            return called
        source = textwrap.dedent(inspect.getsource(function))
        (tree,) = ast.parse(source).body
    except (OSError, TypeError, ValueError, SyntaxError):
        return called
    body = tree.body if isinstance(tree, ast.FunctionDef) else []
    if len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value is not None:
        return " ".join((ast.get_source_segment(source, body[0].value) or called).split())
    return called


def formulas(system: Any) -> list[str]:
    """Return each equation of a ``MultiplierSystem`` in words; empty where nobody wrote it."""
    model = system.model
    if hasattr(model, "graph"):
        return [str(c) for c in model.graph.constraints]
    if hasattr(model, "values"):
        return [formula(e) for e in model.equations]
    return [""] * len(system.equations)


def source_lines(system: Any) -> list[tuple[str, str]]:
    """Return (file:line, the text of that line) of each equation, empty where it has none."""
    model = system.model
    count = len(system.equations)
    if not hasattr(model, "graph"):
        return [(model.where(i), "") for i in range(count)]
    lines = (model.graph.line(i) for i in range(count))
    return [
        (model.where(i), linecache.getline(*line).strip() if line else "")
        for i, line in enumerate(lines)
    ]


def functions(system: Any) -> list[str]:
    """Return the name of the function of each equation, "" where it has none of its own."""
    model = system.model
    if hasattr(model, "graph"):
        return [model.graph.primitive(i).name for i in range(len(model))]
    if not hasattr(model, "equations"):
        return [""] * len(system.equations)
    return [function_name(model, i) for i in range(len(model.equations))]


def function_name(model: Any, i: int) -> str:
    """Return the name of f_i, or what it does if this is a single step."""
    e = model.equations[i]
    if e.function is None:
        return "input"
    name = getattr(e.function, "__name__", "")
    if name and name not in ("<lambda>", e.name, e.name.split(".")[-1]):
        return name
    graph = model.local(i).graph
    steps = [k for k in range(len(graph)) if graph.primitive(k).name not in ("input", "constant")]
    return graph.primitive(steps[0]).name if len(steps) == 1 else f"{len(steps)} operations"


def values(system: Any) -> list[Any] | None:
    """Return the values of the variables; None of a condensed system, which has none."""
    model = system.model
    if hasattr(model, "graph"):
        return list(model.graph.columns.values)
    if hasattr(model, "values"):
        return [model.values[name] for name in system.variables]
    return None


def told_output(system: Any, of: Any) -> str:
    """Return what the multipliers are of: the last output, one that is named, or several."""
    if of is None:
        of = system.variables[system.outputs[-1]]
    return of if isinstance(of, str) else "a weighted sum of " + ", ".join(of)
