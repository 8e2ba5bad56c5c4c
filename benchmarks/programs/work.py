"""A work: one program, its adjoint written by hand, and the tools that can differentiate it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: What is differentiated, and what is not.
Data = tuple[tuple[Any, ...], tuple[Any, ...]]

#: ``builder(work, params, constants)`` returns a call and its arguments, ready to be timed.
Builder = Callable[["Work", tuple[Any, ...], tuple[Any, ...]], tuple[Callable[..., Any], tuple]]


@dataclass(frozen=True)
class Work:
    """A program beside its adjoint by hand.

    Parameters
    ----------
    name : str
        ``python -m benchmarks programs.name`` runs it.
    title : str
        In the table; ``{n}`` stands for the size.
    data : function of the size, returning (what is differentiated, what is not)
    f : ``f(np, *params, *constants)``, in the NumPy that is given (`namespaces`)
    by_hand : ``by_hand(*params, *constants)``
        What an expert writes: a value and its gradients, or what else the work is about.
    tools : builders by name, "lagrad" among them
    sizes, tiny : int
        The sizes that are measured, and the one for the tests.
    kind : {"array", "scalar"}
        Which bars hold.
    jax : float or None
        How many times lagrad's time JAX should take at least.
    peers_up_to : int
        Larger sizes are run by hand and with lagrad only.
    gradient : bool
        Whether it is the gradient of f, whose time is told beside that of f.
    rtol : float
        How far results may differ, relative to the largest entry.
    absent : reasons by tool, where one could be expected
    note : str
        What profiling says where a bar is missed.
    more : bool
        Whether f calls what NumPy lacks, and lagrad gets it along with NumPy.
    traced : like f
        What lagrad gets in its place, a rolled loop say.
    needs : str
        A package without which the work is left out.
    """

    name: str
    title: str
    data: Callable[[int], Data]
    f: Callable[..., Any]
    by_hand: Callable[..., Any]
    tools: Mapping[str, Builder]
    sizes: tuple[int, ...] = (1,)
    tiny: int = 1
    kind: str = "array"
    jax: float | None = 1.0
    peers_up_to: int | None = None
    gradient: bool = True
    rtol: float = 1e-10
    absent: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    more: bool = False
    traced: Callable[..., Any] | None = None
    needs: str = ""

    def at(self, size: int) -> str:
        """Return the title at a size."""
        return self.title.format(n=f"{size:,}")

    def runs(self, tool: str, size: int) -> bool:
        """Tell whether a tool takes part at a size."""
        if tool not in self.tools:
            return False
        return tool == "lagrad" or self.peers_up_to is None or size <= self.peers_up_to
