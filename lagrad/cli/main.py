"""Arguments in, exit code out."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import lagrad as lg
from lagrad import gallery
from lagrad.cli.functions import find, page
from lagrad.cli.load import BadInputError, errors_of, load_model, parse_settings, split_target
from lagrad.cli.report import report_function, report_problem, report_system
from lagrad.cli.text import as_text
from lagrad.status import LagradError
from lagrad.views import save_picture


def main(argv: list[str] | None = None) -> int:
    """Run one command; return 0 if all checks passed, 1 if one failed, 2 for bad input."""
    options = parser().parse_args(argv)
    try:
        with np.errstate(all="ignore"):  # NaN and inf that matter are an error, with their place
            code = options.run(options)
        sys.stdout.flush()
        return code
    except (LagradError, BadInputError) as error:
        complain(error)
        return 2
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; each command knows the function that runs it."""
    top = argparse.ArgumentParser(
        prog="lagrad",
        description="Derivatives as multipliers of constraints: solve, differentiate, check, draw.",
    )
    top.add_argument("--version", action="version", version=f"lagrad {lg.__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    output = argparse.ArgumentParser(add_help=False)
    output.add_argument("--json", action="store_true", help="print one JSON object")
    output.add_argument("--out", type=Path, metavar="DIR", help="folder for the picture of A")
    output.add_argument("--no-picture", action="store_true", help="do not draw A")

    show = commands.add_parser(
        "gallery", parents=[output], help="list the gallery, or run one problem of it"
    )
    show.add_argument("name", nargs="?", metavar="NAME", help="the problem; without it, the list")
    show.set_defaults(run=run_gallery)

    run = commands.add_parser("run", parents=[output], help="run a System or a function of a file")
    run.add_argument(
        "file",
        metavar="FILE[:NAME]",
        help="a Python file, and which object in it; default: its only System, or without any its "
        "only function",
    )
    run.add_argument(
        "--of",
        metavar="NAME",
        help="the output: a variable of a System (default: the last single number), or the name of "
        "the function",
    )
    run.add_argument(
        "--max-steps", type=int, metavar="N", help="Newton steps for each cycle of a System"
    )
    for flag, metavar, text in (
        ("--set", "x=0.3", "value of an input; may be repeated"),
        ("--start", "y=1", "where the search for a variable begins; may be repeated"),
        ("--wrt", "NAME", "input whose gradient is wanted; may be repeated; default: all"),
    ):
        run.add_argument(flag, action="append", default=[], metavar=metavar, help=text)
    run.set_defaults(run=run_file)

    listed = commands.add_parser(
        "functions", help="what happens to functions of NumPy and SciPy, as a page or one by one"
    )
    listed.add_argument("name", nargs="?", metavar="NAME", help="np.sort; without it, all of them")
    listed.set_defaults(run=run_functions)
    return top


def run_functions(options: argparse.Namespace) -> int:
    """Print the table of functions, or what happens to one of them."""
    if options.name is None:
        print(page(), end="")
        return 0
    found = find(options.name)
    if not found:
        raise BadInputError(
            f"there is no function {options.name} in NumPy or among the ufuncs of scipy.special; "
            "`lagrad functions` lists them"
        )
    print("\n".join(found))
    return 0


def run_gallery(options: argparse.Namespace) -> int:
    """List the gallery, or run one problem of it."""
    if options.name is None:
        problems = [gallery.load(name) for name in gallery.names()]
        if options.json:
            listed = [{"name": p.name, "summary": p.summary, "source": p.source} for p in problems]
            print(json.dumps(listed, indent=2))
        else:
            width = max(len(p.name) for p in problems)
            print("\n".join(f"{p.name:<{width}}  {p.summary}" for p in problems))
        return 0
    return deliver(options, *report_problem(gallery.load(options.name)))


def run_file(options: argparse.Namespace) -> int:
    """Run a System or a function of the user's own file."""
    # What the user's file prints must not get between the reader and the JSON.
    quiet = contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext()
    file, wanted = split_target(options.file)
    settings = parse_settings("--set", options.set)
    search: dict[str, Any] = {}
    if options.start:
        search["start"] = parse_settings("--start", options.start)
    if options.max_steps is not None:
        search["max_steps"] = options.max_steps
    with quiet, errors_of(file):
        name, model = load_model(file, wanted)
        if isinstance(model, lg.System):
            found = report_system(name, model, settings, options.of, options.wrt, search)
        elif search:
            raise BadInputError(
                f"--start and --max-steps are for a System, and {name} is a function"
            )
        else:
            found = report_function(name, model, settings, options.of, options.wrt)
    return deliver(options, *found)


def deliver(options: argparse.Namespace, report: dict[str, Any], system: Any) -> int:
    """Draw, print, and return the exit code."""
    failure, replaced = None, False
    if not options.no_picture:
        path = (options.out or Path()) / f"{report['name']}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replaced = path.exists()
            save_picture(system, path, report["name"])
            report["picture"] = str(path)
        except (OSError, LagradError) as error:
            failure = BadInputError(
                f"the picture {path} was not written ({error}); give a folder that can be written "
                "with --out DIR, or leave it out with --no-picture"
            )
    if options.json:
        print(json.dumps(report, indent=2, allow_nan=False))
    else:
        print(as_text(report) + (" (replaces the one that was there)" if replaced else ""))
    if failure is not None:
        complain(failure)
        return 2
    return 0 if report["ok"] else 1


def complain(error: Exception) -> None:
    """Say what went wrong, on one line."""
    text = "; ".join(line.strip().rstrip(".;") for line in str(error).splitlines())
    print(f"lagrad: {text}", file=sys.stderr)
