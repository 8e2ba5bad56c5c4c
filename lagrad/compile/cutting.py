"""Long programs, cut into functions: Python compiles a function as one tree in memory.

Each part takes what it needs from a list that all of them share, and puts there what later parts
need. A part says by a number that the program does not serve.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from lagrad.compile.lines import CAREFUL, OTHER, with_exit
from lagrad.compile.source import Source

#: So many lines make a part.
LINES = 20_000
#: What a part returns in the place of what cannot be returned there.
CODES = {OTHER: "return 1", CAREFUL: "return 2"}


@dataclass
class Cut:
    """A program in parts: the text of each, and the source that calls them."""

    parts: list[str]
    source: Source


def cut(source: Source, result: str, limit: int = LINES) -> Cut:
    """Return the program in parts of about ``limit`` lines; ``result`` is what it gives."""
    begins = [0]
    for _, begin, _ in source.shown:
        if begin - begins[-1] >= limit:
            begins.append(begin)
    pieces = [
        source.lines[a:b] for a, b in zip(begins, [*begins[1:], len(source.lines)], strict=True)
    ]
    given = [*source.parameters, *source.captured]
    used = [identifiers(piece) & source.names - set(given) for piece in pieces]
    used.append(identifiers([result]) & source.names - set(given))
    slots: dict[str, int] = {}
    made: dict[str, int] = {}
    for k, names in enumerate(used):
        for name in sorted(names):
            if made.setdefault(name, k) != k:
                slots.setdefault(name, len(slots))
    texts, body = [], [f"_v = [None] * {len(slots)}"]
    passed = ", ".join(["_v", *given])
    for k, piece in enumerate(pieces):
        taken = [f"{n} = _v[{slots[n]}]" for n in sorted(used[k]) if n in slots and made[n] < k]
        put = [f"_v[{slots[n]}] = {n}" for n in sorted(used[k]) if n in slots and made[n] == k]
        lines = [*taken, *(with_exit(line, CODES) for line in piece), *put, "return 0"]
        texts.append("\n".join([f"def part{k}({passed}):", *(f"    {line}" for line in lines)]))
        body.append(f"_code = part{k}({passed})")
        body += [f"if _code == 1: {OTHER}", f"if _code == 2: {CAREFUL}"]
    body += [f"{n} = _v[{slots[n]}]" for n in sorted(used[-1])]
    return Cut(texts, replace(source, lines=body))


def identifiers(lines: Any) -> set[str]:
    """Return all names in some lines."""
    return {name for line in lines for name in re.findall(r"[A-Za-z_]\w*", line)}
