"""What the command found, as one dict of numbers, strings and lists: what ``--json`` prints.

    name, summary, source,         of a problem of the gallery; of a function its arguments and
    sentence, notes                output; else empty
    of                             the output z_n
    count                          how many constraints there are
    constraints                    in the order of solution: name, formula, where, cycle
    values, multipliers, gradient  by name
    residual                       of the multipliers in cycles, relative; null without any
    chosen                         how it was solved and why, in sentences
    checks                         name, value, reference, error, tolerance, ok
    ok                             all checks passed
    picture                        path of the PNG, or null

Of more than 1,000 constraints the first and the last 500 are listed. Arrays of up to 16 numbers are
nested lists; larger ones are {shape, min, max, norm}, complex ones without min and max. A number
that JSON does not know is a string: "nan", "inf", "1+2j".
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import lagrad as lg
from lagrad.cli.load import BadInputError
from lagrad.containers import leaves
from lagrad.gallery import Check, Problem
from lagrad.gallery.problem import direction_at, slope_check
from lagrad.views.formulas import formula

LISTED, COMPARED = 16, 4  # entries up to which an array is listed, and so in a check
CONSTRAINTS = 1_000  # rows that are listed
ASSEMBLED = 20_000  # entries up to which A is assembled for a check
DIRECTIONS, STEPS = 5, (6e-6, 1e-7)  # inputs that are checked by differences, and with what

Report = dict[str, Any]


# -- the three kinds of models -------------------------------------------------------------------


def report_problem(problem: Problem) -> tuple[Report, Any]:
    """Solve a problem of the gallery and run its checks; return the report, and what is drawn."""
    said: Report = {"summary": problem.summary, "source": problem.source}
    said |= {"sentence": problem.sentence, "notes": list(problem.notes)}
    solution = problem.model.solve()
    report = solved(problem.name, solution, problem.of, problem.wrt)
    drawn = problem.parts().solve() if problem.parts else solution
    return conclude(report | said, problem.checks(solution)), drawn.system


def report_system(
    name: str,
    system: Any,
    settings: dict[str, Any],
    of: str | None,
    wrt: Sequence[str],
    search: dict[str, Any],
) -> tuple[Report, Any]:
    """Solve a System of the user and check it by residuals and by differences.

    ``search`` holds what ``solve`` is to know about the search: ``start`` and ``max_steps``.
    """
    known("--set", settings, [*system.inputs, *system.data])
    known("--wrt", wrt, system.inputs)
    fitting("--set", settings, system.inputs)
    fitting("--start", search.get("start", {}), system.starts)
    solution = system.solve(**settings, **search)
    of = last_number(solution) if of is None else of
    known("--of", [of], solution.values)
    if np.size(solution[of]) != 1:
        raise BadInputError(
            f"{of} has shape {np.shape(solution[of])}, and a gradient belongs to one number: name "
            "another with --of, or add a constraint that makes it one"
        )
    wrt = wrt or tuple(system.inputs)
    report = solved(name, solution, of, wrt)
    again = settings | {k: v for k, v in search.items() if k != "start"}
    return conclude(report, differences(system, again, solution, of, wrt)), solution.system


def report_function(
    name: str,
    function: Callable[..., Any],
    settings: dict[str, Any],
    of: str | None,
    wrt: Sequence[str],
) -> tuple[Report, Any]:
    """Trace a function of the user, differentiate it, and check it as ``lg.check_grad`` does.

    ``of`` may be the name of the function or of the constraint that it returns.
    """
    model, active = bound(name, function, settings, wrt)
    report, system = traced(name, model, active)
    if of not in (None, name, report["of"]):
        raise BadInputError(
            f"--of {of}: the output of a function is what it returns, called {name}"
            + (f" or {report['of']}" if report["of"] != name else "")
        )
    return conclude(report, three_tests(model, tuple(active.values()))), system


# -- a function ----------------------------------------------------------------------------------


def traced(name: str, model: Callable[..., Any], active: dict[str, Any]) -> tuple[Report, Any]:
    """Report on a function: all but the checks. Also its system."""
    given = tuple(active.values())
    _, gradients = lg.value_and_grad(model, argnums=tuple(range(len(given))))(*given)
    graph = lg.trace(model, *given)
    system = graph.linearize()
    lam = system.solve() if graph.outputs else None
    rows = [graph.constraint(i) for i in kept(len(graph))]
    of = graph.name(graph.outputs[-1]) if graph.outputs else name
    report = {
        "name": name,
        "summary": f"{name}({', '.join(active)}) = {of}" if lam else "",
        "of": of,
        "count": len(graph),
        "constraints": [
            {
                "name": c.name,
                "formula": str(c),
                "where": c.where if c.parents else "",
                "cycle": None,
            }
            for c in rows
        ],
        "values": {c.name: summarise(c.value) for c in rows},
        "multipliers": {c.name: summarise(lam[c.name]) for c in rows} if lam else {},
        "gradient": {
            label: summarise(leaf)
            for parameter, gradient in zip(active, gradients, strict=True)
            for label, leaf in leaves(gradient, parameter)
        },
        "residual": None,
        "chosen": [f"multipliers: {lam.method}"]
        if lam
        else ["nothing: the output does not depend on the inputs"],
    }
    return report, system


def bound(
    name: str, function: Callable[..., Any], settings: dict[str, Any], wrt: Sequence[str]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function of its differentiated arguments alone, and their values.

    Differentiated are the parameters of ``wrt``; without it all that hold numbers, except those
    whose default says that they are structure: an integer, a boolean, a string, None.
    """
    signature = inspect.signature(function)
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = {k: p for k, p in signature.parameters.items() if p.kind not in variadic}
    known("--set", settings, parameters)
    known("--wrt", wrt, parameters)
    defaults = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    values = defaults | settings
    missing = [k for k in parameters if k not in values]
    if missing:
        needed = " ".join(f"--set {k}=0.3" for k in missing)
        raise BadInputError(f"{name} needs a value of {', '.join(missing)}: add {needed}, say")
    structure = {k for k, v in defaults.items() if v is None or isinstance(v, bool | int | str)}
    chosen_names = wrt or [k for k in parameters if k not in structure]
    active = {
        k: float(values[k]) if type(values[k]) is int else values[k]
        for k in parameters
        if k in chosen_names
    }
    if not active:
        raise BadInputError(f"{name} has no parameter to differentiate; name one with --wrt")

    def model(*given: Any) -> Any:
        call = signature.bind_partial()
        now = values | dict(zip(active, given, strict=True))
        call.arguments.update((k, now[k]) for k in parameters)
        return function(*call.args, **call.kwargs)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    model.__name__ = name
    vars(model)["__signature__"] = inspect.Signature([inspect.Parameter(k, kind) for k in active])
    return model, active


def three_tests(model: Callable[..., Any], given: tuple[Any, ...]) -> Iterator[Check]:
    """The tests of ``lg.check_grad`` in one random direction."""
    found = lg.check_grad(model, *given, throw=False)
    yield Check("tangents and multipliers agree (inner product)", found.adjoint, 0.0, 1e-10)
    yield Check("central difference, relative error", found.difference, 0.0, 1e-6)
    yield Check("Taylor remainder falls as h^2: rate", min(found.rate, 2.0), 2.0, 0.1)


# -- a System ------------------------------------------------------------------------------------


def solved(name: str, solution: Any, of: str, wrt: Sequence[str]) -> Report:
    """Report on a solved System: all but the checks."""
    lam, gradient = solution.multipliers(of), solution.gradient(of, wrt)
    model = solution.system.model
    cyclic = [block for block in model.blocks if block.cyclic]
    cycles = {i: k for k, block in enumerate(cyclic, start=1) for i in block.equations}
    order = [i for block in model.blocks for i in block.equations]
    equations = [(i, model.equations[i]) for i in (order[k] for k in kept(len(order)))]
    variables = list(solution.values)
    return {
        "name": name,
        "of": of,
        "count": len(order),
        "constraints": [
            {"name": e.name, "formula": formula(e), "where": e.where, "cycle": cycles.get(i)}
            for i, e in equations
        ],
        "values": {n: summarise(solution[n]) for n in (variables[k] for k in kept(len(variables)))},
        "multipliers": {e.name: summarise(lam[e.name]) for _, e in equations},
        "gradient": {n: summarise(g) for n, g in gradient.items()},
        "residual": None if math.isnan(lam.residual) else lam.residual,
        "chosen": [chosen(of, solution.system, lam), *solution.report(seconds=False).splitlines()],
    }


def last_number(solution: Any) -> str:
    """The output when none is named: the last single number in the order of solution."""
    model = solution.system.model
    inputs = {e.name for e in model.equations if e.function is None}
    numbers = [n for n, z in solution.values.items() if np.size(z) == 1 and n not in inputs]
    if not numbers:
        raise BadInputError("no constraint gives a single number; add one that does, say a sum")
    return numbers[-1]


def differences(
    system: Any, settings: dict[str, Any], solution: Any, of: str, wrt: Sequence[str]
) -> Iterator[Check]:
    """Residuals of cycles and multipliers, and slopes along one direction of each input."""
    for k, cycle in enumerate(solution.stats, start=1):
        size = 1 + max(float(np.max(np.abs(solution[n]), initial=0.0)) for n in cycle["variables"])
        residual = cycle["residual"] / size
        yield Check(f"cycle {k}: largest |r| of its constraints", residual, 0.0, 1e-9)
    if sum(map(np.size, solution.values.values())) <= ASSEMBLED:
        swept, assembled = (
            np.hstack([np.ravel(w) for w in solution.multipliers(of, method).values()])
            for method in ("sweep", "explicit")
        )
        yield Check("multipliers: sweep against assembled A", swept, assembled, 1e-9)
    gradient, rng = solution.gradient(of, wrt), np.random.default_rng(0)

    def output(**moved: Any) -> float:
        return np.asarray(system.solve(start=solution, **(settings | moved))[of]).item()

    for name in wrt[:DIRECTIONS]:
        point = {name: solution[name]}
        direction = direction_at(solution[name], rng)
        # Both steps estimate the same slope; next to a kink only the smaller one is on one side.
        slopes = [
            slope_check(f"d{of}/d{name}", output, point, name, gradient[name], direction, step)
            for step in STEPS
        ]
        yield min(slopes, key=lambda check: check.error)


# -- for all of them -----------------------------------------------------------------------------


def conclude(report: Report, checks: Iterable[Check]) -> Report:
    """Add the outcome of the checks, and put the entries in their order."""
    found = [
        {
            "name": check.name,
            "value": summarise(check.value, COMPARED),
            "reference": summarise(check.reference, COMPARED),
            "error": plain(check.error),
            "tolerance": check.tolerance,
            "ok": check.ok,
        }
        for check in checks
    ]
    first = {"name": "", "summary": "", "source": "", "sentence": "", "notes": []}
    last = {"checks": found, "ok": all(check["ok"] for check in found), "picture": None}
    return first | report | last


def chosen(of: str, system: Any, lam: Any) -> str:
    """How the multipliers were found, and how well: what is substituted has no residual."""
    if not math.isnan(lam.residual):
        return f"multipliers: {lam.method}, relative residual {lam.residual:.1e}"
    if any(system.cyclic):
        return f"multipliers: back-substitution, since {of} does not depend on a cycle"
    return f"multipliers: {lam.method}"


def known(flag: str, given: Iterable[str], names: Iterable[str]) -> None:
    """Refuse names that the model does not have."""
    for name in given:
        if name not in names:
            listed = list(names)
            there = f"there {'is' if len(listed) == 1 else 'are'} {', '.join(listed) or 'none'}"
            raise BadInputError(f"{flag} {name}: there is no such name; {there}")


def fitting(flag: str, given: dict[str, Any], declared: Mapping[str, Any]) -> None:
    """Refuse a number for an array, and an array with another number of axes."""
    for name, value in given.items():
        shape = np.shape(declared.get(name, value))
        if np.ndim(value) != len(shape):
            example = "0.3" if not shape else f"'{np.full(shape, 0.3).tolist()}'"
            raise BadInputError(
                f"{flag} {name}: {name} was declared with shape {shape} and is given with shape "
                f"{np.shape(value)}"
                + (f"; write {flag} {name}={example}" if math.prod(shape) <= LISTED else "")
            )


def kept(count: int) -> list[int]:
    """The rows that are listed: all of them, or the first and the last."""
    half = CONSTRAINTS // 2
    if count <= CONSTRAINTS:
        return list(range(count))
    return [*range(half), *range(count - half, count)]


def summarise(value: Any, listed: int = LISTED) -> Any:
    """A number, a nested list, or {shape, min, max, norm} of a larger array."""
    array = np.asarray(value)
    if array.size <= listed:
        return plain(array.tolist())
    summary: dict[str, Any] = {"shape": list(array.shape)}
    if array.dtype.kind != "c":
        summary |= {"min": plain(array.min().item()), "max": plain(array.max().item())}
    return summary | {"norm": plain(float(np.linalg.norm(array)))}


def plain(value: Any) -> Any:
    """A number or nested list with strings for what JSON does not know."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, complex):
        return str(value).strip("()")
    return value if np.isfinite(value) else str(value)
