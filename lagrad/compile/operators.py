"""Arrays' operators, methods and protocols, given to `Symbol` from the tables that tracers have."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.compile.functions import assigned, cast, duplicate
from lagrad.compile.program import ARGUMENT, CAPTURED
from lagrad.compile.recording import (
    NUMBERS,
    applied,
    called,
    is_shaped_by,
    own_index,
    put_out,
    selected_into,
    written_at,
    written_by,
)
from lagrad.compile.symbol import Symbol, deeper, innermost
from lagrad.rules import WRITES, stopped
from lagrad.trace.boundary import refuse
from lagrad.trace.operators import COMPARISONS, METHODS, OPERATORS, STEPS, UNARY, members
from lagrad.trace.tracer import Traced, as_view, current, rebind, snapshot

#: Functions of shapes and dtypes, which are the same whenever the program serves.
KNOWN = frozenset(
    {
        np.shape,
        np.ndim,
        np.size,
        np.iscomplexobj,
        np.isrealobj,
        np.result_type,
        np.can_cast,
        np.common_type,
    }
)


class Arrays(Symbol):
    """What every symbol can do because arrays can."""

    __slots__ = ()

    # -- NumPy's protocols -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if not kwargs and method == "__call__" and self is inputs[0] and len(inputs) == 1:
            return applied(ufunc, inputs, kwargs)
        if any(isinstance(x, Traced) and type(x) is not Symbol for x in inputs):
            return Traced.__array_ufunc__(self, ufunc, method, *inputs, **kwargs)  # type: ignore[attr-defined]
        if method == "at":
            return written_at(ufunc, *inputs)
        out = kwargs.pop("out", None)
        if method == "__call__" and kwargs.get("where", True) is not True:
            return selected_into(out, ufunc, inputs, kwargs)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        result = applied(function, inputs, kwargs)
        return result if out is None else put_out(out, result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in KNOWN and len(args) == 1 and args[0] is self and not kwargs:
            return function(current(self)._value)
        if deeper(args) or deeper(kwargs):
            return Traced.__array_function__(self, function, types, args, kwargs)  # type: ignore[attr-defined]
        if function is stopped:
            return args[0]
        if function in KNOWN:
            return function(*innermost(args), **innermost(kwargs))
        if function in WRITES:
            return written_by(function, *args, **kwargs)
        if kwargs.get("copy", True) is False:
            refuse(
                f"np.{function.__name__}(..., copy=False) writes to its argument", "Leave it out"
            )
        out = kwargs.pop("out", None)
        result = called(function, args, kwargs)
        return result if out is None else put_out(out, result)

    def __floor__(self) -> int:
        return int(np.floor(self))

    def __ceil__(self) -> int:
        return int(np.ceil(self))

    def _as_variable(self) -> Any:
        """Return it as a variable of a trace: a number of Python's counts as a float64."""
        if type(current(self)._value) in (int, float):
            return applied(np.float64, (self,), {})
        return snapshot(self)

    # -- arrays ----------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        if deeper(index):
            return Traced.__dict__["__getitem__"](self, index)
        index = own_index(index)
        result = applied(operator.getitem, (self, index), {})
        if is_shaped_by(index):
            result._ask(np.shape)
        return as_view(result, self, lambda base: base[index], index)

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, Traced) and type(value) is not Symbol:
            refuse(
                "a traced value was put into an array that is an argument, or that was made of one "
                "which is not differentiated",
                "Make the array that takes it by lg.zeros(shape)",
            )
        root: Any = self
        while root._view is not None:
            current(root)
            root = root._view.base
        if root._row.function in (ARGUMENT, CAPTURED):
            refuse(
                f"the array {root._row.name} of the caller is written to, and a compiled function "
                "has no effect on what is around it",
                "Take a copy first: y = x.copy()",
            )
        value = value if isinstance(value, Traced) else np.asarray(value)[()]
        new = applied(assigned, (self, own_index(index), value), {})
        rebind(self, new)

    def copy(self, order: str = "C") -> Any:
        """Return a new array of the same values."""
        return applied(duplicate, (self, order), {})

    def astype(self, dtype: Any, copy: bool = True, **other: Any) -> Any:
        """Return the values as ``dtype``."""
        dtype = np.dtype(dtype)
        return self if not copy and dtype == self.dtype else applied(cast, (self, dtype), {})

    def view(self, *args: Any, **kwargs: Any) -> Any:
        """Return a view of all entries."""
        return Traced.view(self, *args, **kwargs)  # type: ignore[attr-defined]

    def conj(self) -> Any:
        """Return the complex conjugate."""
        return np.conjugate(self)

    conjugate = conj


# -- operators and methods, from the tables that tracers have ------------------------------------


def operators(evaluate: Callable[..., Any], inherited: str) -> tuple[Any, Any]:
    """Return a binary operator and its reflection."""
    general, turned = getattr(Traced, inherited), None
    mirrored = inherited.replace("__", "__r", 1)
    if hasattr(Traced, mirrored):
        turned = getattr(Traced, mirrored)

    def forward(self: Any, other: Any) -> Any:
        kind = type(other)
        if kind is Symbol or not issubclass(kind, Traced):
            if kind is not Symbol and kind not in NUMBERS and not isinstance(other, np.ndarray):
                return general(self, other)
            return applied(evaluate, (self, other), {})
        return general(self, other)

    def reflected(self: Any, other: Any) -> Any:
        kind = type(other)
        if kind not in NUMBERS and not isinstance(other, np.ndarray):
            return turned(self, other)  # type: ignore[misc]
        return applied(evaluate, (other, self), {})

    return forward, reflected


def augmented(evaluate: Callable[..., Any]) -> Any:
    """Return ``x op= v``: an array changes under all its names."""

    def assign_to(self: Any, other: Any) -> Any:
        result = evaluate(self, other)
        if not isinstance(current(self)._value, np.ndarray) or type(result) is not Symbol:
            return result
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise TypeError(f"x op= v: {result.dtype} does not fit an array of {self.dtype}")
        if result.shape != self.shape:
            raise ValueError(f"x op= v: shape {result.shape} does not fit {self.shape}")
        self[...] = result
        return self

    return assign_to


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an array method that calls NumPy's function of the same name."""

    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self.__array_function__(function, (), (self, *args), kwargs)

    return run


def install() -> None:
    """Give all of it to `Symbol`."""
    for name, value in members(Arrays).items():
        setattr(Symbol, name, value)
    binary: dict[str, Callable[..., Any]] = {k: evaluate for k, (_, evaluate) in OPERATORS.items()}
    binary |= {"floordiv": operator.floordiv, "mod": operator.mod}
    binary |= {"and": operator.and_, "or": operator.or_, "xor": operator.xor}
    assert binary.keys() >= STEPS.keys()
    for name, evaluate in binary.items():
        forward, reflected = operators(evaluate, f"__{name}__")
        setattr(Symbol, f"__{name}__", forward)
        setattr(Symbol, f"__r{name}__", reflected)
        setattr(Symbol, f"__i{name}__", augmented(evaluate))
    for name in COMPARISONS:
        setattr(Symbol, f"__{name}__", operators(getattr(operator, name), f"__{name}__")[0])
    for name in UNARY:
        evaluate = getattr(operator, {"neg": "neg", "pos": "pos", "abs": "abs"}.get(name, "invert"))
        setattr(Symbol, f"__{name}__", lambda self, f=evaluate: applied(f, (self,), {}))
    for name, function in METHODS.items():
        setattr(Symbol, name, method(function))


install()
