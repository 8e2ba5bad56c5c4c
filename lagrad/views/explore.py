"""The explorer: one HTML file to walk through A, from scopes to single entries.

The page is made of the files in `explorer/`, which a person can read, and of the data of
`explored`. Everything is inside: it opens without a network, and asks for none.
"""

from __future__ import annotations

import html
import json
import re
import warnings
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from lagrad.views.explored import explored
from lagrad.views.level import multiplier_system
from lagrad.views.palette import DARK, LIGHT, Palette

#: The parts of the script, in the order in which they need each other.
SCRIPTS = "levels camera words marks paint play search page controls".split()


def explore(obj: Any, path: str | PathLike[str], *, of: Any = None) -> Path:
    """Write a page that shows A, to zoom from scopes to entries; open it in any browser.

    Pointing at an entry tells its constraint, source line, value, partial and multiplier; a click
    marks alpha(i) and beta(i), parents and children; names are searched; cycles are listed with
    their condition; back-substitution is played step by step.

    Parameters
    ----------
    obj : MultiplierSystem, Graph, Solution or System
        A System is solved first.
    path : str or path
        Of the HTML file; what is there is replaced.
    of : str or dict, optional
        The output whose multipliers are shown, as in `MultiplierSystem.solve`; None is the last
        one, and where it has no multipliers the page says why.

    Returns
    -------
    Path
        Of the file. Of more than 1,000,000 entries it has the variables, of more than 200,000
        variables only the scopes; a warning says so, and the page too.

    Raises
    ------
    ArgumentError
        ``obj`` has no A, or ``of`` is no output.
    SizeError
        There are more than 200,000 variables, and no scopes that group them.
    OSError
        The file cannot be written.
    """
    path = Path(path)
    data = explored(multiplier_system(obj), of)
    for sentence in data["reduced"]:
        warnings.warn(sentence, stacklevel=2)
    text = page(data, path.stem)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        said = f"{error.strerror}: the page cannot be written; name a file in a folder that exists "
        raise OSError(error.errno, said + "and that you may write in", str(path)) from error
    return path


def page(data: dict[str, Any], title: str) -> str:
    """Return the page of what `explored` has found, as HTML."""
    folder = files("lagrad.views") / "explorer"

    def read(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    script = "\n".join(read(f"{name}.js") for name in SCRIPTS)
    parts = {
        "title": html.escape(title),
        "style": colors(LIGHT, DARK) + read("page.css"),
        "script": f'"use strict";\n(() => {{\n{script}\n}})();',
        "data": quoted(data),
    }
    # In one pass, so that nothing that a name brings along is taken for a mark.
    return re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], read("page.html"))


def quoted(data: Any) -> str:
    """Return JSON that can stand inside of a script element: no name ends it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def colors(light: Palette, dark: Palette) -> str:
    """Return the colours of the pictures as variables of the style sheet."""

    def block(palette: Palette) -> str:
        named = {k: v for k, v in palette._asdict().items() if isinstance(v, str)}
        several = {k: v for k, v in palette._asdict().items() if isinstance(v, tuple)}
        lines = [f"--{k}: {v};" for k, v in named.items()]
        lines += [f"--{k}: {', '.join(v)};" for k, v in several.items()]
        return ":root { " + " ".join(lines) + " }\n"

    return block(light) + "@media (prefers-color-scheme: dark) { " + block(dark) + "}\n"
