"""What is known of a cycle once it is solved: how, how well, and at what price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lagrad.status import ArgumentError, Status


@dataclass
class Certificate:
    """How the values and the multipliers of a cycle were found.

    Attributes
    ----------
    variables, sizes : names of the unknowns, and how many numbers each holds
    status : Status
    steps : int
        Steps of the search; ``factorisations`` of them made new factors.
    residual : float
        Largest |r| of the conditions.
    rounding : float
        Largest |r| over its rounding error; below 10 it is none but rounding. NaN if not measured.
    history : list of float
        Largest |r| before each step and after the last.
    method, linear, why : str
        What was chosen for the values, and for the linear systems, and what that was predicted to
        cost.
    entries, bytes : int
        Of the factors.
    seconds : dict
        By what they were spent on: "values", "multipliers".
    detail : str
        What a linear solver said when it failed.
    solves : list of `LinearSolve`
        The solves with A and its transpose so far.
    """

    variables: list[str]
    sizes: list[int]
    where: str = ""
    status: Status = Status.NOT_CONVERGED
    steps: int = 0
    factorisations: int = 0
    residual: float = float("nan")
    rounding: float = float("nan")
    history: list[float] = field(default_factory=list)
    method: str = ""
    linear: str = ""
    why: str = ""
    entries: int = 0
    bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    detail: str = ""
    solves: list[LinearSolve] = field(default_factory=list)
    #: Estimates that cost solves; set by who holds the factors, and not kept when pickled.
    ask: dict[str, Callable[..., Any]] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "ask": {}}

    def condition(self) -> float:
        """Estimate |A|_1 |A^-1|_1 of the scaled A at the solution, by a few solves.

        Higham and Tisseur, SIAM J. Matrix Anal. Appl. 21 (2000), p. 1185.
        """
        return self.asked("condition")()

    def value_error(self) -> Any:
        """Return -R^-1 r: to first order what the values lack, in the container of the unknowns."""
        return self.asked("value_error")()

    def gradient_error(self, w: Any) -> Any:
        """Estimate the error of the gradient of <w, z> with respect to the parameters.

        To first order: what the gradient changes by if the values take the Newton step that they
        lack. For the values of an unconverged cycle, where it is all that is wrong.

        Parameters
        ----------
        w : like the unknowns

        Returns
        -------
        (gradient, error) : lists of arrays, one entry for each parameter that is an array of floats
        """
        return self.asked("gradient_error")(w)

    def asked(self, what: str) -> Callable[..., Any]:
        """Return an estimate that can still be made."""
        if what not in self.ask:
            raise ArgumentError(f"{what} needs the factors, and this certificate has none any more")
        return self.ask[what]

    @property
    def size(self) -> int:
        """How many unknowns there are."""
        return sum(self.sizes)

    def report(self, seconds: bool = True) -> str:
        """Return it all in a few lines; without ``seconds`` they are the same in every run."""

        def taken(what: str) -> str:
            return f", {self.seconds.get(what, 0.0):.3g} s" if seconds else ""

        shown = [
            name if n == 1 else f"{name} ({n:,})"
            for name, n in list(zip(self.variables, self.sizes, strict=True))[:6]
        ]
        names = ", ".join(shown) + (", ..." if len(self.variables) > 6 else "")
        rounding = "" if self.rounding != self.rounding else f", {self.rounding:.1g} of rounding"
        lines = [
            f"cycle of {names}{f' at {self.where}' if self.where else ''}: {self.status.name}",
            f"  values: {self.method}; {self.steps} steps, {self.factorisations} factorisations, "
            f"largest residual {self.residual:.1e}{rounding}{taken('values')}",
            f"  linear: {self.linear or 'not needed'}"
            + (f"; {self.entries:,} entries, {self.bytes:,} bytes" if self.entries else ""),
        ]
        if self.why:
            lines.append(f"    chosen: {self.why}")
        if self.solves:
            worst = max(self.solves, key=lambda s: s.residual)
            lines.append(
                f"  multipliers: {len(self.solves)} solves, worst relative residual "
                f"{worst.residual:.1e} ({worst.method}){taken('multipliers')}"
            )
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.report()


@dataclass(frozen=True)
class LinearSolve:
    """One solve with A or A^T: its relative residual and how it was done."""

    residual: float
    method: str
    transposed: bool
