"""All works, in the order of the table."""

from __future__ import annotations

import importlib

from benchmarks.programs.work import Work

FILES = (
    "post",
    "chain",
    "lorenz",
    "million",
    "logsumexp",
    "elementwise",
    "least_squares",
    "kmeans",
    "ode",
    "mlp",
    "densenet",
    "convnet",
    "lstm",
    "mixture",
    "bundle",
    "minimize",
)


def works() -> dict[str, Work]:
    """Return the works by name."""
    modules = [importlib.import_module(f"benchmarks.programs.{name}") for name in FILES]
    return {work.name: work for module in modules for work in module.WORKS}
