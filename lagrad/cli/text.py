"""A report as aligned text, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from lagrad.cli.report import summarise

SHOWN = 60  # rows of a section; of longer ones the first and the last
WIDE = 72  # characters of a list; longer ones are summarised


def as_text(report: dict[str, Any]) -> str:
    """The whole report; the same input gives the same characters."""
    return "\n".join(_lines(report))


def _lines(report: dict[str, Any]) -> Iterator[str]:
    of = report["of"]
    yield f"{report['name']}: {report['summary']}" if report["summary"] else report["name"]
    if report["source"]:
        yield from _wrapped(f"source: {report['source']}")
    if report["sentence"]:
        yield from _wrapped(f"see in A: {report['sentence']}")
    for note in report["notes"]:
        yield from _wrapped(f"note: {note}")
    count = report["count"]
    yield from _section("constraints, in the order of solution", _constraints(report), count)
    yield from _section("values", _named(report["values"]), count)
    yield from _section(f"multipliers of {of}: A lam = e_n", _named(report["multipliers"]), count)
    yield from _section(f"gradient of {of}", _named(report["gradient"]))
    yield from _section("chosen", [line for item in report["chosen"] for line in _wrapped(item)])
    yield from _section("checks", _checks(report["checks"]))
    passed, total = sum(check["ok"] for check in report["checks"]), len(report["checks"])
    yield ""
    yield f"{passed} of {total} {'check' if total == 1 else 'checks'} passed"
    if passed < total:
        yield "a partial is wrong, or this point is on a kink (max, abs, ...): another point tells"
    if report["picture"]:
        yield f"picture: {report['picture']}"


def _section(title: str, rows: list[str], count: int = 0) -> Iterator[str]:
    """A title and its rows; of more than SHOWN the first and the last, out of ``count``."""
    yield ""
    yield title
    half = SHOWN // 2
    if len(rows) > SHOWN:
        left_out = max(len(rows), count) - 2 * half
        rows = [*rows[:half], f"... {left_out:,} more ...", *rows[-half:]]
    for row in rows:
        yield f"  {row}".rstrip()


def _constraints(report: dict[str, Any]) -> list[str]:
    rows = report["constraints"]
    cells = [
        (
            row["formula"],
            row["where"],
            f"cycle {row['cycle']}" if row["cycle"] else "",
        )
        for row in rows
    ]
    return _aligned(cells)


def _named(values: dict[str, Any]) -> list[str]:
    return _aligned([(name, _value(value)) for name, value in values.items()])


def _checks(checks: list[dict[str, Any]]) -> list[str]:
    header = ("", "check", "value", "reference", "error", "tolerance")
    rows = [
        (
            "ok" if check["ok"] else "FAIL",
            check["name"],
            _value(check["value"], brief=True),
            _value(check["reference"], brief=True),
            _number(check["error"], 2),
            _number(check["tolerance"], 2),
        )
        for check in checks
    ]
    return _aligned([header, *rows]) if rows else ["none"]


def _value(value: Any, brief: bool = False) -> str:
    """One line for a number, a nested list, or the summary of a large array."""
    if isinstance(value, list):
        text = _listed(value)
        if len(text) <= WIDE:
            return text
        value = summarise(value, listed=0)
    if isinstance(value, dict):
        shape = "x".join(map(str, value["shape"]))
        rest = [k for k in value if k != "shape" and not (brief and k != "norm")]
        return f"{shape}: " + ", ".join(f"{k} {_number(value[k], 6)}" for k in rest)
    return _number(value, 10)


def _listed(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_listed, value)) + "]"
    return _number(value, 6)


def _number(value: Any, digits: int) -> str:
    return value if isinstance(value, str) else f"{value + 0.0:.{digits}g}"  # no -0


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, width=98, subsequent_indent="  ")
