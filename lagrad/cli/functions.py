"""What happens to each function of NumPy and SciPy: one line, or the whole table as a page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from lagrad.rules.hookless import HOOKLESS, MODULES
from lagrad.rules.partition import Kind, classes, surface

HEAD = """# What traced values can do

Every public function of NumPy, `numpy.linalg`, `numpy.fft`, `numpy.emath` and every ufunc of
`scipy.special` stands here exactly once, as `lagrad functions` prints them; a test holds that none
is missing. What applies to a function applies to the array method of the same name.
"""


def line(name: str, function: object) -> str:
    """Return what happens when a traced value meets a function."""
    kind, remark = next(classes(name, function))
    return f"{kind.value}" + (f": {remark}" if remark else "")


def find(wanted: str) -> list[str]:
    """Return the lines of functions whose name ends in ``wanted``, as np.sort or linalg.svd."""
    wanted = wanted.removeprefix("np.").removeprefix("numpy.").removeprefix("sc.")
    found = [
        f"{name} {line(name, function)}"
        for name, function in surface().items()
        if name == wanted or name.endswith(f".{wanted}")
    ]
    hookless = {**HOOKLESS, **{f"{module}.*": text for module, text in MODULES.items()}}
    found += [
        f"{name} {Kind.HOOKLESS.value}: write {text}"
        for name, text in hookless.items()
        if name not in surface() and (name == wanted or name.endswith(f".{wanted}"))
    ]
    return found


def page() -> str:
    """Return the table of all functions as Markdown."""
    return HEAD + "".join(sections())


def sections() -> Iterator[str]:
    """Yield a section for each class."""
    by_kind: dict[Kind, list[tuple[str, str]]] = {kind: [] for kind in Kind}
    for name, function in sorted(surface().items()):
        kind, remark = next(classes(name, function))
        by_kind[kind].append((name, remark))
    for name, text in {**HOOKLESS, **{f"{m}.*": t for m, t in MODULES.items()}}.items():
        if name not in surface() and "Axis" not in name:
            by_kind[Kind.HOOKLESS].append((name, f"write {text}"))
    for kind, found in by_kind.items():
        yield f"\n## {len(found)} functions: each {kind.value}\n\n"
        plain = [name for name, remark in found if not remark]
        yield from by_module(plain)
        told = [(name, remark) for name, remark in found if remark]
        if told:
            yield "\n| function | |\n|---|---|\n" if plain else "| function | |\n|---|---|\n"
            yield "".join(
                f"| `{name}` | {remark.replace('|', chr(92) + '|')} |\n" for name, remark in told
            )


def by_module(names: list[str]) -> Iterator[str]:
    """Yield a paragraph for each module."""
    for module in dict.fromkeys(name.rpartition(".")[0] for name in names):
        short = [f"`{n.rpartition('.')[2]}`" for n in names if n.rpartition(".")[0] == module]
        text = f"**{module}**: {', '.join(short)}"
        yield textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False) + "\n\n"
