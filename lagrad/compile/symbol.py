"""Symbols: values that write down every NumPy call on them as an instruction of a program.

A symbol stands below the tracers: they carry it as their value, and what they compute is written
down. What Python asks of it (``if``, ``int``, ``float``, an array of numbers) is answered, and the
answer is a guard: the program serves as long as the answer is the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from inspect import currentframe
from typing import Any

import numpy as np

from lagrad.compile.program import ARGUMENT, CAPTURED, Instruction, Program, content, item, replaced
from lagrad.rules import SPELT, stopped
from lagrad.rules.constant import structure
from lagrad.trace.boundary import refuse
from lagrad.trace.operators import COMPARISONS, METHODS, OPERATORS, STEPS, UNARY
from lagrad.trace.record import unmuted
from lagrad.trace.tape import substituted
from lagrad.trace.tracer import Traced, Tracer, as_view, current, rebind, snapshot

#: Functions whose result has a shape that depends on values.
SHAPED_BY_VALUES = frozenset(
    {
        np.nonzero,
        np.flatnonzero,
        np.argwhere,
        np.unique,
        np.compress,
        np.extract,
        np.repeat,
        np.union1d,
        np.intersect1d,
        np.setdiff1d,
        np.setxor1d,
        np.trim_zeros,
        np.bincount,
        np.delete,
        np.insert,
        np.roots,
        np.polymul,
        np.polydiv,
        np.linalg.lstsq,
        np.histogram,
        np.histogram_bin_edges,
        *(getattr(np, name) for name in dir(np) if name.startswith("unique_")),  # NumPy 2
    }
)
#: Functions that give complex numbers for some real arguments, and then numbers off the real axis.
COMPLEX_BY_VALUES = frozenset({np.linalg.eig, np.linalg.eigvals, np.roots})
#: Functions whose dtype depends on values: what they are spelt as asks for what decides it.
TYPED_BY_VALUES = frozenset(
    {np.real_if_close, np.poly, *(getattr(np.emath, name) for name in np.emath.__all__)}
)
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
        np.may_share_memory,
        np.shares_memory,
        np.common_type,
        np.min_scalar_type,
    }
)
NUMBERS = frozenset({float, int, bool, complex, np.float64, str, type(None), np.bool_})


#: The usual results.
VALUES = frozenset({np.ndarray, np.float64, float, np.bool_, bool, int, np.float32, np.complex128})


class Symbol(Tracer):
    """A value of a program: ``_row`` is the instruction that gives it."""

    __slots__ = ()
    _is_symbol = True
    _trace: Any

    @property
    def __class__(self) -> type:
        # To the user's own ``isinstance`` an argument is the array that it is in plain NumPy.
        caller = currentframe().f_back  # type: ignore[union-attr]
        name = caller.f_globals.get("__name__", "") if caller is not None else ""
        return Symbol if name.startswith("lagrad.") else type(self._value)

    # -- what is known without asking ------------------------------------------------------------

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the value."""
        found = getattr(self._value, "dtype", None)
        return np.asarray(self._value).dtype if found is None else found

    @property
    def size(self) -> int:
        """The number of entries of the value."""
        return int(np.size(self._value))

    # -- NumPy's protocols -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if not kwargs and method == "__call__" and self is inputs[0] and len(inputs) == 1:
            return applied(ufunc, inputs, kwargs)
        if any(isinstance(x, Traced) and type(x) is not Symbol for x in inputs):
            return Traced.__array_ufunc__(self, ufunc, method, *inputs, **kwargs)  # type: ignore[attr-defined]
        if method == "at":
            return written_at(ufunc, *inputs)
        out = kwargs.pop("out", None)
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
        out = kwargs.pop("out", None)
        result = called(function, args, kwargs)
        return result if out is None else put_out(out, result)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self._ask(content), dtype=dtype)

    # -- Python's questions ----------------------------------------------------------------------

    def _ask(self, ask: Callable[..., Any]) -> Any:
        if self._trace.muted:
            return ask(unmuted(self))
        answer = ask(current(self)._value)
        self._trace.guard(ask, self._row, answer)
        return answer

    def _frozen(self) -> Any:
        value = current(self)._value
        self._trace.guard(content, self._row, value)
        return value

    def _answer(self, ask: Callable[[Any], Any]) -> Any:
        # Nobody knows what was asked, so the answer holds for this very value.
        return ask(self._ask(content))

    def __bool__(self) -> bool:
        return self._ask(bool)

    def __int__(self) -> int:
        return self._ask(int)

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"a value of dtype {self.dtype} is no index; use int(x)")
        return self._ask(int)

    def __float__(self) -> float:
        return self._ask(float)

    def __complex__(self) -> complex:
        return self._ask(complex)

    def __trunc__(self) -> int:
        return self._ask(int)

    def __floor__(self) -> int:
        return int(np.floor(self))

    def __ceil__(self) -> int:
        return int(np.ceil(self))

    def item(self, *args: Any) -> Any:
        """Return an entry as a plain number."""
        return np.asarray(self._ask(content)).item(*args)

    def tolist(self) -> Any:
        """Return plain numbers."""
        return np.asarray(self._ask(content)).tolist()

    def _found_multiplier(self, w: Any) -> None:
        program = self._trace
        if program.reverse is None:
            program.reverse = len(program.instructions)
            program.forward = set(map(id, program.instructions))
        if type(w) is Symbol and w._row.of is None and id(w._row) not in program.forward:
            w._row.of = self._row

    def _as_variable(self) -> Any:
        """Return it as a variable of a trace: a number of Python's counts as a float64."""
        if type(current(self)._value) in (int, float):
            return applied(np.float64, (self,), {})
        return snapshot(self)

    # -- arrays ----------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        if deeper(index):
            return Traced.__getitem__(self, index)  # type: ignore[attr-defined]
        index = own_index(index)
        result = applied(operator.getitem, (self, index), {})
        if type(index) is Symbol and index.dtype.kind == "b":
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


def duplicate(x: Any, order: str) -> Any:
    """Return ``x.copy(order)``, of numbers too."""
    return x.copy(order) if hasattr(x, "copy") else x


def cast(x: Any, dtype: Any) -> Any:
    """Return ``x.astype(dtype)``, of numbers too."""
    return x.astype(dtype) if hasattr(x, "astype") else dtype.type(x)


def assigned(x: Any, index: Any, value: Any) -> Any:
    """Return a copy of x in which ``x[index] = value``."""
    out = np.array(x)
    out[index] = value
    return out


def own_index(index: Any) -> Any:
    """Return an index whose arrays are its own."""
    if isinstance(index, list):
        return np.array(index) if not deeper(index) and not holds_symbol(index) else index
    return index


def holds_symbol(tree: Any) -> bool:
    """True if a nested list, tuple, dict or slice has a symbol in it."""
    return found_in(tree, lambda kind: kind is Symbol)


def deeper(tree: Any) -> bool:
    """True if a traced value of an inner trace is among the arguments."""
    return found_in(tree, lambda kind: kind is not Symbol and issubclass(kind, Traced))


def found_in(tree: Any, wanted: Callable[[type], bool]) -> bool:
    """True if a part of a nested list, tuple, dict or slice is of a wanted kind."""
    return found_part(tree, lambda part: wanted(type(part)))


def found_part(tree: Any, wanted: Callable[[Any], bool]) -> bool:
    """True if a part of a nested list, tuple, dict or slice is wanted."""
    stack = [tree]
    while stack:
        part = stack.pop()
        kind = type(part)
        if kind is tuple or kind is list:
            stack.extend(part)
        elif kind is dict:
            stack.extend(part.values())
        elif kind is slice:
            stack.extend((part.start, part.stop, part.step))
        elif wanted(part):
            return True
    return False


def answered(tree: Any) -> Any:
    """Return arguments as plain numbers, which are guards."""
    return replaced(tree, lambda part: part._ask(content) if type(part) is Symbol else part)


def innermost(tree: Any) -> Any:
    """Return arguments with the plain values of symbols in their place."""
    return replaced(tree, lambda part: current(part)._value if type(part) is Symbol else part)


# -- writing down --------------------------------------------------------------------------------


def applied(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function on the values of symbols, and write the call down."""
    program: Any = None
    values, parts, plain = [], [], True
    for a in args:
        kind = type(a)
        if kind is Symbol:
            if a._view is not None:
                current(a)
            trace = a._trace
            if trace is not program and (program is None or trace.level > program.level):
                program = trace
            values.append(a._value)
            parts.append(a._row)
        elif kind in NUMBERS:
            values.append(a)
            parts.append(a)
        else:
            plain = False
            break
    if not plain or kwargs or program is None:
        return applied_to_trees(function, args, kwargs)
    if program.muted:
        return function(*map(unmuted, args))
    if not program.direct and any(substituted(a) is not a for a in args):
        return function(*map(substituted, args))
    value = function(*values)
    return symbols(program, program.append(function, tuple(parts), kwargs, value), value)


def applied_to_trees(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The same where arguments are nested, arrays, or options."""
    program: Any = None

    def settle(part: Any) -> Any:
        nonlocal program
        if type(part) is Symbol:
            found = current(part)._trace
            program = found if program is None or found.level > program.level else program
        return part

    args, kwargs = replaced(args, settle), replaced(kwargs, settle)

    def value_of(part: Any) -> Any:
        return part._value if type(part) is Symbol else part

    if program is None or program.muted:
        return function(*replaced(args, unmuted), **replaced(kwargs, unmuted))
    if not program.direct and found_part(args, lambda a: substituted(a) is not a):
        return function(*replaced(args, substituted), **kwargs)
    value = function(*replaced(args, value_of), **replaced(kwargs, value_of))

    def written(part: Any) -> Any:
        return part._row if type(part) is Symbol else program.held(part)

    made = program.append(function, replaced(args, written), replaced(kwargs, written), value)
    return symbols(program, made, value)


def symbols(program: Program, made: Instruction, value: Any) -> Any:
    """Return what an instruction gave as a symbol, or several as a tuple of them."""
    if type(value) in VALUES:
        return Symbol(program, made, value)  # type: ignore[arg-type]
    if isinstance(value, tuple | list):
        parts = []
        for k, part in enumerate(value):
            parts.append(symbols(program, program.append(item, (made, k), {}, part), part))
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*parts)
        return type(value)(parts)
    if isinstance(value, str | type(None) | np.dtype | type):
        return value
    return Symbol(program, made, value)  # type: ignore[arg-type]


def called(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a function of NumPy's or ours: of ours what it is made of is written down."""
    from lagrad.compile.native import NATIVE

    if function is structure and str(getattr(args[0], "__module__", "")).startswith("numpy"):
        return called(args[0], args[1:], kwargs)
    primitive = getattr(function, "primitive", None)
    if primitive is not None and primitive.joint is not None:
        from lagrad.compile.cycles import cycle_value
        from lagrad.compile.rolling import loop_results

        if "cycle" in kwargs:
            found = cycle_value(kwargs["cycle"], args)
            if found is not None:
                return found

        loop = kwargs.get("loop")
        results = None if loop is None else loop_results(loop, args)
        if results is not None:
            return loop.layout.pack(results)
        # A solve or a loop: what it gave holds for these very numbers.
        return function(*answered(args), **answered(kwargs))
    inside = getattr(function, "__wrapped__", None)
    if inside is not None and str(inside.__module__).startswith("lagrad."):
        if function not in NATIVE:
            return inside(*args, **kwargs)
    if function in TYPED_BY_VALUES:
        return SPELT[function](*args, **kwargs)
    result = applied(NATIVE.get(function, function), args, kwargs)
    if function in COMPLEX_BY_VALUES and np.isrealobj(args[0]):
        np.any(np.imag(result[0] if isinstance(result, tuple) else result))._ask(bool)
    if function in SHAPED_BY_VALUES or (function is np.where and len(args) == 1):
        for part in result if isinstance(result, tuple) else (result,):
            part._ask(np.shape)
    first = args[0] if args else None
    if type(first) is Symbol and type(result) is Symbol and result._trace is first._trace:
        return as_view(
            result, first, lambda base: called(function, (base, *args[1:]), kwargs), None
        )
    return result


def put_out(out: Any, result: Any) -> Any:
    """Write results into the arrays of ``out=``."""
    targets = out if isinstance(out, tuple) else (out,)
    results = result if isinstance(result, tuple) else (result,)
    for target, value in zip(targets, results, strict=True):
        if type(target) is not Symbol:
            refuse(
                "a result was written to a plain array by out= or by an augmented assignment",
                "Write a = a + t instead of a += t, or make the array by lg.zeros(shape)",
            )
        target[...] = value
    return targets[0] if len(targets) == 1 else targets


def written_at(ufunc: Any, target: Any, index: Any, *rest: Any) -> None:
    """``ufunc.at`` of a symbol."""
    if type(target) is not Symbol:
        refuse(f"np.{ufunc.__name__}.at(a, index, t) writes to a plain array", "Use lg.zeros")
    target[...] = applied(updated, (target, ufunc, own_index(index), *rest), {})


def updated(x: Any, ufunc: Any, index: Any, *rest: Any) -> Any:
    """Return a copy of x after ``ufunc.at``."""
    out = np.array(x)
    ufunc.at(out, index, *rest)
    return out


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
    """Give operators and methods to `Symbol`."""
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
