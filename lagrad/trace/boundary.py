"""Where traced values meet what cannot follow them: each meeting is refused with its remedy."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from lagrad.status import MissingRuleError, TraceError


def refuse(what: str, remedy: str) -> NoReturn:
    """Raise the refusal: what happened, and what to write instead."""
    raise TraceError(f"{what}. {remedy}")


def cut(how: str) -> NoReturn:
    """Refuse to turn a traced value into a plain number, which would cut its gradient."""
    refuse(
        f"{how} of a traced value would cut the gradient in silence",
        "Use NumPy's function (np.exp, not math.exp); store into lg.zeros(shape) or "
        "np.stack([...]) instead of a plain array; or say lg.stop_gradient(x) to mean a constant",
    )


def plain_write(what: str) -> NoReturn:
    """Refuse to write a traced value into a plain array."""
    refuse(
        f"{what} would write a traced value into a plain array, which cannot hold it",
        "Write a = a + t instead of a += t, or make the array with lg.zeros(shape) or "
        "np.zeros_like(t), which take traced values",
    )


def missing_rule(function: Any) -> NoReturn:
    """Refuse a function that has no rule."""
    module = getattr(function, "__module__", None) or ""
    name = getattr(function, "__name__", repr(function))
    full = f"{module}.{name}".replace("numpy.core.", "numpy.").strip(".")
    raise MissingRuleError(
        f"{full} has no rule for its local partials. Write it with functions that have one, or "
        f"give the partials yourself: f = lg.primitive({name}, partials=(lambda z, x: ...,)), "
        "one function of the value z and the arguments for each argument; or say "
        "lg.stop_gradient(x) if it is a constant"
    )


class Leak:
    """What ``np.array([t])`` and ``np.asarray(t)`` hold: any use of it is refused.

    NumPy has no hook for making arrays. The object array that comes out is still of use: SciPy's
    sparse matrices step back when they meet it, and `lagrad` finds the traced value in it.
    """

    __slots__ = ("traced",)

    def __init__(self, traced: Any) -> None:
        self.traced = traced

    def refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse(
            "np.array or np.asarray made a plain array of a traced value, and it cannot be used",
            "Write np.stack([a, b]) for np.array([a, b]); leave out np.asarray(x), a traced value "
            "is an array already; for scipy.special.logsumexp and softmax use lg.logsumexp and "
            "lg.softmax",
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = refuse
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = refuse
    __neg__ = __pos__ = __abs__ = __float__ = __int__ = __complex__ = __index__ = refuse
    __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __iter__ = __len__ = __call__ = refuse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if isinstance(getattr(np, name, None), np.ufunc):
            return self.refuse  # A ufunc looks its method up first, and hides what is raised then.
        self.refuse()

    def __repr__(self) -> str:
        return "<traced value in a plain array>"
