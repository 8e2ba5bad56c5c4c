"""The user's side of the command: a model out of a file, values out of ``--set``."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import lagrad as lg
from lagrad.status import LagradError


class BadInputError(Exception):
    """What was asked cannot be done; the message is one line and says what to do instead."""


def split_target(target: str) -> tuple[Path, str | None]:
    """Return file and name of ``FILE[:NAME]``.

    Raises
    ------
    BadInputError
        There is no such file, or it is a directory.
    """
    path, colon, name = target.rpartition(":")
    if not colon or Path(target).exists() or not name.isidentifier():
        path, name = target, ""
    if Path(path).is_dir():
        raise BadInputError(f"{path} is a directory; give the path of a Python file")
    if not Path(path).is_file():
        raise BadInputError(f"there is no file {path}; give the path of a Python file")
    return Path(path), name or None


def load_model(file: Path, name: str | None) -> tuple[str, Any]:
    """Import a file and return name and object of its model: a System, or a function.

    Without a name it is the only System of the file; if there is none, the only function.
    """
    module = _import(file)
    if name is not None:
        model = getattr(module, name, None)
        if isinstance(model, lg.System) or inspect.isfunction(model):
            return name, model
        found = "is not in it" if model is None else f"is of type {type(model).__name__}"
        raise BadInputError(f"{name} {found}; {file.name} has {_candidates(module)}")
    models = _systems(module) or _functions(module)
    if len(models) == 1:
        return next(iter(models.items()))
    raise BadInputError(
        f"{file.name} has {_candidates(module)}; taken is the only System, or without any the only "
        f"function; name one, as in {file.name}:NAME"
    )


def _import(file: Path) -> ModuleType:
    """Import a file by its path, its own folder first on the path as for a script."""
    name = f"lagrad_run_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise BadInputError(f"{file.name} is not a Python file; its name has to end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.parent.resolve()))
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def errors_of(file: Path) -> Iterator[None]:
    """Turn whatever is raised on the way into one line that names the place in ``file``.

    Raises
    ------
    BadInputError
    """
    try:
        yield
    except BadInputError:
        raise
    except SystemExit as error:
        raise BadInputError(
            f'{file.name} called sys.exit({error.code}); put that under if __name__ == "__main__":'
        ) from error
    except Exception as error:
        place = _place(error, file)
        if not isinstance(error, LagradError):
            where = place or "lagrad"
            raise BadInputError(
                f"{where} raised {type(error).__name__}: {getattr(error, 'msg', error)}; "
                "correct it there"
            ) from error
        text = str(error)
        raise BadInputError(text if place in text else f"{place}: {text}") from error


def _place(error: Exception, file: Path) -> str:
    """The last line of the user's file that had to do with the error, as ``file.py:12``."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if Path(f.filename).resolve() == file.resolve()]
    return f"{file.name}:{lines[-1]}" if lines else ""


def _systems(module: ModuleType) -> dict[str, Any]:
    return {k: v for k, v in vars(module).items() if isinstance(v, lg.System)}


def _functions(module: ModuleType) -> dict[str, Any]:
    """The module's own public functions: neither imported nor the constraints of a System."""
    taken = {e.function for s in _systems(module).values() for e in s.equations.values()}
    return {
        k: v
        for k, v in vars(module).items()
        if inspect.isfunction(v)
        and v.__module__ == module.__name__
        and not k.startswith("_")
        and v not in taken
    }


def _candidates(module: ModuleType) -> str:
    systems, functions = _systems(module), _functions(module)
    kinds = [("System", systems), ("function", functions)]
    parts = [f"{kind} {name}" for kind, models in kinds for name in models]
    return ", ".join(parts) or "neither a System nor a function"


def parse_settings(flag: str, settings: list[str]) -> dict[str, Any]:
    """``["x=0.3", "v=[1, 2]"]`` as a dict of Python numbers and arrays of floats."""
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not equals or not all(part.isidentifier() for part in name.split(".")):
            raise BadInputError(f"{flag} {setting} is not NAME=VALUE; write {flag} x=0.3")
        values[name] = _number(flag, name, text.strip())
    return values


def _number(flag: str, name: str, text: str) -> Any:
    try:
        value = ast.literal_eval(text)
        array = np.asarray(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = array = np.asarray(text)
    if array.dtype.kind not in "iufc":
        raise BadInputError(
            f"{flag} {name}={text}: the value is not a number or a list of numbers;"
            f" write {flag} {name}=0.3 or {flag} {name}='[1, 2]'"
        )
    if array.ndim == 0:
        return value
    return array.astype(complex if array.dtype.kind == "c" else float)
