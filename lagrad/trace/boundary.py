"""Where traced values meet what cannot follow them: each meeting is refused with its remedy."""

from __future__ import annotations

import inspect
import linecache
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from scipy import special

from lagrad.rules import RULES, SPELT
from lagrad.rules.hookless import remedy
from lagrad.rules.unsupported import UNSUPPORTED
from lagrad.status import MissingRuleError, TraceError
from lagrad.trace.tape import CURRENT, asked, is_users


def refuse(what: str, remedy: str) -> NoReturn:
    """Raise the refusal: what happened, in which line of the user's code, and what to write."""
    error = TraceError(f"{what}{here()}. {remedy}")
    trace = CURRENT.get()
    while trace is not None:
        trace.failed = error  # even if somebody catches it
        trace = trace.outer
    raise error


def here() -> str:
    """Return `` (file.py:12: the line)`` of the user's code that is running, or nothing."""
    frame = asked(sys._getframe(2))
    if frame is None:
        return ""
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number).strip()
    text = text if len(text) <= 80 else text[:77] + "..."
    return f" ({Path(file).name}:{number}" + (f": {text})" if text else ")")


def cut(how: str) -> NoReturn:
    """Refuse to turn a traced value into a plain number, which would cut its gradient."""
    refuse(
        f"{how} of a traced value would cut the gradient in silence{within()}",
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


def missing_rule(function: Any, args: Any = (), kwargs: Any = None) -> NoReturn:
    """Refuse a function that has no rule: by name, with the arguments that are traced."""
    name = public_name(function)
    short = getattr(function, "__name__", repr(function))
    given = ", ".join(traced_arguments(function, args, kwargs or {}))
    if name in UNSUPPORTED:
        raise MissingRuleError(
            f"{name}({given}) is not differentiated on purpose{here()}: {UNSUPPORTED[name]}"
        )
    raise MissingRuleError(
        f"{name}({given}) has no rule for its local partials{here()}. Write it with functions that "
        f"have one, or give the partials yourself: f = lg.primitive({short}, partials=(lambda z, "
        "x: ...,)), one function of the value z and the arguments for each argument; or say "
        "lg.stop_gradient(x) if it is a constant"
    )


def public_name(function: Any) -> str:
    """Return the dotted name by which users know a function."""
    module = getattr(function, "__module__", None) or ""
    name = getattr(function, "__name__", repr(function))
    if isinstance(function, np.ufunc):
        homes = {"numpy": np, "scipy.special": special}
        module = next((m for m, home in homes.items() if getattr(home, name, None) is function), "")
    parts = [p for p in module.split(".") if not p.startswith("_") and p not in ("core", "lib")]
    return ".".join([*filter(None, parts), name])


def traced_arguments(function: Any, args: Any, kwargs: Any) -> list[str]:
    """Return the names of the arguments that hold traced values, as ``a=traced (3,)``."""
    try:
        given = dict(inspect.signature(function).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):
        given = {f"argument {k}": a for k, a in enumerate(args)} | dict(kwargs)
    return [f"{name}=traced {x.shape}" for name, x in given.items() if hasattr(x, "_trace")]


def without_hook(traced: Any) -> NoReturn:
    """Refuse to become a plain array, naming the function that asks for it if there is one."""
    frame: Any = sys._getframe(2)
    name = argument = ""
    while frame is not None and not is_users(frame):
        found = called_name(frame)
        if found:
            name = found
            held = [k for k, v in frame.f_locals.items() if v is traced]
            argument = held[0] if held else ""
        frame = frame.f_back
    if not name:
        Leak(traced).refuse()
    refuse_list(name)
    instead = remedy(name) or "functions that have a rule"
    raise TraceError(
        f"{name}({argument or '...'}=traced {traced.shape}) makes a plain array of its argument"
        f"{here()}, and offers no hook for traced values. Write {instead}; or give it "
        "partials of its own by lg.primitive; or say lg.stop_gradient(x) to mean a constant"
    )


def within() -> str:
    """Say in which function of SciPy the user's function is running, and what does its work."""
    frame: Any = sys._getframe(2)
    name = ""
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == "scipy":
            name = called_name(frame) or name
        frame = frame.f_back
    instead = remedy(name) if name else ""
    return f", inside of {name}, for which there is {instead}" if instead else ""


def refuse_list_of(traced: Any) -> None:
    """Refuse a list of traced numbers as an argument of a function of NumPy that has a rule."""
    frame: Any = sys._getframe(2)
    while frame is not None and not is_users(frame):
        refuse_list(called_name(frame))
        frame = frame.f_back


def refuse_list(name: str) -> None:
    """Refuse a list of traced values, if the function of this name has a rule for arrays."""
    function = getattr(np, name.removeprefix("numpy."), None) if name.count(".") == 1 else None
    if function is not None and (function in RULES or function in SPELT):
        short = name.replace("numpy", "np")
        raise TraceError(
            f"{short} of a list of traced values{here()}: NumPy looks for them in arrays alone, "
            f"and makes a plain array of a list. Write {short}(np.stack([...]))"
        )


def called_name(frame: Any) -> str:
    """Return the public name of the function of NumPy or SciPy that a frame runs, or nothing."""
    module = frame.f_globals.get("__name__", "")
    top, called = module.partition(".")[0], frame.f_code.co_qualname
    if top not in ("numpy", "scipy"):
        return ""
    if "<locals>" in called:  # a decorator, which holds the function that it stands for
        held = (frame.f_locals.get(k) for k in frame.f_code.co_freevars)
        inner = [f for f in held if getattr(f, "__module__", "").startswith(("numpy", "scipy"))]
        return public_name(inner[0]) if inner and callable(inner[0]) else ""
    called = called.removesuffix(".__init__").removesuffix(".__call__")
    if called.startswith(("_", "<")):
        return ""
    if module.startswith(("numpy.lib", "numpy._core", "numpy.core")) and hasattr(np, called):
        return f"numpy.{called}"
    return ".".join([*(p for p in module.split(".") if p[0] != "_" and p != "lib"), called])


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
            "a function without a hook (np.array, np.asarray, np.r_, np.vectorize) made a plain "
            f"array of a traced value, and it cannot be used{within()}",
            "Write np.stack([a, b]) for np.array([a, b]), np.concatenate for np.r_; leave out "
            "np.asarray(x), a traced value is an array already; call a vectorized function on "
            "the array itself; for scipy.special.logsumexp and softmax use lg.logsumexp and "
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
