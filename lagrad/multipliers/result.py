"""The solution of A lam = e_n, by the names of the equations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from lagrad.graph import short
from lagrad.status import Status


class Multipliers(Mapping[str, Any]):
    """The solution of A lam = e_n, by the name of the equation; arrays are cut out when asked for.

    Attributes
    ----------
    residual : float
        max|A lam - e_n| relative to the sizes of A, lam and e_n; for a sweep, of its cyclic blocks,
        and NaN without any: substitution takes every multiplier from its own equation.
    status : Status
    method : str
        What was chosen, and why.
    """

    def __init__(
        self, system: Any, lam: Callable[[int], Any], residual: float, method: str
    ) -> None:
        self.system, self.lam = system, lam
        self.residual, self.status, self.method = residual, Status.SOLVED, method

    def __getitem__(self, name: str) -> Any:
        i = self.system.equation_index[name]
        w, shape = self.lam(i), self.system.equation_shape(i)
        return np.zeros(shape)[()] if w is None else np.reshape(w, shape)[()]

    def __iter__(self) -> Iterator[str]:
        return iter(self.system.equations)

    def __len__(self) -> int:
        return len(self.system.equations)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the equations."""
        return self.system.equations

    def __repr__(self) -> str:
        lines = [f"lam[{name}] = {short(self[name])}" for name in self.names[:40]]
        if len(self) > 40:
            lines.append(f"... and {len(self) - 40} more")
        measured = "" if math.isnan(self.residual) else f"; relative residual {self.residual:.1e}"
        return "\n".join([*lines, self.method + measured])
