"""Arrays' operators, methods and protocols, given to `Traced` from tables.

They stand apart from the class because recording needs the class, and they need recording.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.dispatch import sparse_product
from lagrad.rules import RULES
from lagrad.rules.shaping import astype, getitem
from lagrad.trace.boundary import plain_write, refuse
from lagrad.trace.record import (
    bind,
    call,
    lifted,
    operand,
    plain_index,
    unmuted,
)
from lagrad.trace.tape import substituted
from lagrad.trace.tracer import (
    Structure,
    Traced,
    Tracer,
    as_view,
    current,
    innermost_value,
    snapshot,
)
from lagrad.trace.ufuncs import apply_ufunc
from lagrad.trace.writes import Pending, put

ELEMENTWISE = {f: rule for f, rule in RULES.items() if rule.derivatives is not None}


class Arrays(Traced):
    """What every traced value can do because arrays can."""

    __slots__ = ()

    # -- what NumPy asks of an array -------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs:  # the usual call, by the shortest way
            primitive = ELEMENTWISE.get(ufunc)
            if primitive is not None:
                return bind(primitive, inputs, None)
        return apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        out = kwargs.get("out")
        if out is not None:
            if not isinstance(out, Traced):
                plain_write("out=")
            out[...] = call(function, args, {k: v for k, v in kwargs.items() if k != "out"})
            return out
        return call(function, args, kwargs)

    # -- methods of arrays -----------------------------------------------------------------------

    @property
    def T(self: Any) -> Any:  # noqa: N802
        """The transpose."""
        return np.transpose(self)

    @property
    def real(self: Any) -> Any:
        """The real part."""
        return np.real(self) if self.dtype.kind == "c" else self

    @real.setter
    def real(self: Any, value: Any) -> None:
        self[...] = value + 1j * np.imag(self) if self.dtype.kind == "c" else value

    @property
    def imag(self: Any) -> Any:
        """The imaginary part."""
        return np.imag(self)

    @imag.setter
    def imag(self: Any, value: Any) -> None:
        if self.dtype.kind != "c":
            raise TypeError("array does not have imaginary part to set")
        self[...] = np.real(self) + 1j * value

    @property
    def flat(self: Any) -> Any:
        """The entries in C order, to read and to write."""
        return Flat(self)

    @flat.setter
    def flat(self: Any, value: Any) -> None:
        Flat(self)[:] = np.resize(value, self.size)

    def sort(self: Any, axis: int = -1, kind: Any = None, order: Any = None) -> None:
        """Sort in place."""
        self[...] = np.sort(self, axis=axis, kind=kind, order=order)

    def partition(self: Any, kth: Any, axis: int = -1, kind: Any = "introselect") -> None:
        """Partition in place."""
        self[...] = np.partition(self, kth, axis=axis, kind=kind)

    def compress(self: Any, condition: Any, axis: Any = None, out: Any = None) -> Any:
        """Return the slices along the axis for which the condition holds."""
        return np.compress(condition, self, axis=axis)

    def resize(self: Any, *shape: Any, refcheck: bool = True) -> None:
        """Refused: a variable keeps its shape."""
        refuse(
            "x.resize(...) would change the shape of a traced array", "Write x = np.resize(x, s)"
        )

    def view(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Return a view of all entries; another dtype has no derivative."""
        if args or kwargs:
            refuse("x.view(dtype) reads the memory of a traced array", "Write x.astype(dtype)")
        return self[...]

    def reshape(self: Any, *shape: Any, order: Any = "C") -> Any:
        """Return the same entries in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self: Any, *axes: Any) -> Any:
        """Return the axes in another order."""
        if not axes or axes == (None,):
            return np.transpose(self)
        return np.transpose(self, axes[0] if len(axes) == 1 else axes)

    def flatten(self: Any, order: Any = "C") -> Any:
        """Return the entries as a new vector."""
        return np.ravel(self, order=order).copy()

    def copy(self: Any, order: str = "C") -> Any:
        """Return a new array of the same values, laid out as NumPy does: that decides on views."""
        self = substituted(self)
        if self._trace.muted:
            return np.array(unmuted(self), order=order)  # type: ignore[call-overload]
        made = snapshot(self)
        made._value = in_order(made._value, order)
        return made

    def astype(self: Any, dtype: Any, copy: bool = True, **other: Any) -> Any:
        """Return the values as ``dtype``; integers and booleans carry no gradient."""
        if not copy and np.dtype(dtype) == self.dtype:
            return self
        if np.dtype(dtype).kind not in "fc" or type(self) is Structure:
            return Structure(self._trace, current(self)._value.astype(dtype))
        return bind(RULES[astype], (self, np.dtype(dtype)), None)

    def conj(self: Any) -> Any:
        """Return the complex conjugate."""
        return np.conjugate(self)

    conjugate = conj

    def fill(self: Any, value: Any) -> None:
        """Set every entry."""
        self[...] = value

    def __copy__(self) -> Any:
        return snapshot(self)

    def __deepcopy__(self, memo: Any) -> Any:
        return snapshot(self)

    def __divmod__(self: Any, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self: Any, other: Any) -> Any:
        return other // self, other % self

    # -- entries ---------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        index = plain_index(index)
        if type(self) is Structure:
            return Structure(self._trace, self._value[index])
        if type(self._view) is Pending:
            return self._view.read(self, index)
        result = bind(RULES[getitem], (self, index), None)
        return as_view(result, self, lambda base: base[index], index)

    def __setitem__(self: Any, index: Any, value: Any) -> None:
        index = plain_index(index)
        if type(self) is Structure:
            if isinstance(value, Tracer):
                plain_write("x[i] = t on a value without gradient")
            # The array is the structure's own, so views of it see the change as in NumPy.
            self._value[index] = value._value if isinstance(value, Structure) else value
            return
        if not self.shape and index is not Ellipsis and index != ():
            raise TypeError("a traced scalar has no entries to assign to")
        put(self, index, lifted(value))


# -- operators -----------------------------------------------------------------------------------


class Flat:
    """The entries of a traced array in C order, as ``x.flat`` gives them."""

    def __init__(self, a: Any) -> None:
        self.a = a

    def __len__(self) -> int:
        return self.a.size

    def __iter__(self) -> Any:
        return iter(np.ravel(self.a))

    def __getitem__(self, index: Any) -> Any:
        return np.ravel(self.a)[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        places = np.arange(self.a.size)[plain_index(index)]
        self.a[np.unravel_index(places, self.a.shape)] = value


def in_order(value: Any, order: str) -> Any:
    """Return a value in another layout in memory, at every level."""
    if isinstance(value, Traced):
        return value.copy(order)
    return np.array(value, order=order) if isinstance(value, np.ndarray) else value  # type: ignore[call-overload]


def binary(
    ufunc: Any, evaluate: Callable[[Any, Any], Any], gradient: bool = True
) -> tuple[Any, Any]:
    """Return the operator and its reflection; they record as the ufunc and evaluate as Python."""
    if not gradient:
        return (
            lambda self, other: call(ufunc, (self, operand(other)), {}),
            lambda self, other: call(ufunc, (operand(other), self), {}),
        )
    rule = RULES[ufunc]
    primitive = replace(rule, function=evaluate)

    def forward(self: Any, other: Any) -> Any:
        if type(other) in SCALARS or isinstance(other, Traced):
            return bind(primitive, (self, other), None)
        if type(other) is not np.ndarray:
            if sp.issparse(other):
                return with_sparse(ufunc, self, other, reflected=False)
            if getattr(other, "__array_ufunc__", True) is None:
                return NotImplemented  # NumPy's protocol: the other has operators of its own
        return bind(rule, (self, operand(other)), None)

    def reflected(self: Any, other: Any) -> Any:
        if type(other) in SCALARS or isinstance(other, Traced):
            return bind(primitive, (other, self), None)
        if sp.issparse(other):
            return with_sparse(ufunc, self, other, reflected=True)
        return bind(rule, (operand(other), self), None)

    return forward, reflected


def unary(ufunc: Any) -> Any:
    """Return a unary operator."""
    rule = RULES.get(ufunc)
    if rule is None:
        return lambda self: call(ufunc, (self,), {})
    return lambda self: bind(rule, (self,), None)


def augmented(ufunc: Any) -> Any:
    """Return ``x op= v``: an array changes under all its names, a scalar is simply a new one."""

    def assign_to(self: Any, other: Any) -> Any:
        result = ufunc(self, other)
        if not isinstance(innermost_value(self), np.ndarray):
            return result
        if type(self) is Structure and isinstance(result, Tracer):
            plain_write("an augmented assignment (a += t) to a value without gradient")
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise TypeError(f"x op= v: {result.dtype} does not fit an array of {self.dtype}")
        if np.shape(result) != self.shape:
            raise ValueError(f"x op= v: shape {np.shape(result)} does not fit {self.shape}")
        self[...] = result
        return self

    return assign_to


def with_sparse(ufunc: Any, x: Any, m: Any, reflected: bool) -> Any:
    """``M @ x``, ``x @ M`` and an old spmatrix's ``M * x`` of a constant sparse matrix M."""
    product = ufunc is np.matmul or (ufunc is np.multiply and isinstance(m, sp.spmatrix))
    if product and m.ndim == 2 and x.ndim in (1, 2):
        return sparse_product(x, m) if reflected else sparse_product(x.T, m.T).T
    refuse(
        f"np.{ufunc.__name__} of a constant sparse matrix and a traced array would be a "
        "sparse matrix of traced entries",
        "Use M @ x with x of one or two axes; M @ (x * v) scales columns, (M @ v) * x scales rows, "
        "M.toarray() is dense",
    )


# fmt: off
SCALARS = frozenset({float, int, complex, bool, np.float64, Tracer, Structure})
OPERATORS: dict[str, tuple[Any, Any]] = {
    "add": (np.add, operator.add), "sub": (np.subtract, operator.sub),
    "mul": (np.multiply, operator.mul), "truediv": (np.divide, operator.truediv),
    "pow": (np.power, operator.pow), "matmul": (np.matmul, operator.matmul),
}
STEPS = {"floordiv": np.floor_divide, "mod": np.remainder, "and": np.bitwise_and,
         "or": np.bitwise_or, "xor": np.bitwise_xor}
COMPARISONS = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
               "eq": np.equal, "ne": np.not_equal}
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}
METHODS: dict[str, Any] = {
    "sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min,
    "var": np.var, "std": np.std, "ravel": np.ravel, "squeeze": np.squeeze,
    "swapaxes": np.swapaxes, "dot": np.dot, "clip": np.clip, "trace": np.trace,
    "take": np.take, "repeat": np.repeat, "diagonal": np.diagonal, "round": np.round,
    "argmax": np.argmax, "argmin": np.argmin, "argsort": np.argsort, "any": np.any,
    "all": np.all, "nonzero": np.nonzero, "searchsorted": np.searchsorted,
    "cumsum": np.cumsum, "cumprod": np.cumprod, "ptp": np.ptp, "put": np.put,
    "choose": np.choose, "argpartition": np.argpartition,
}
# fmt: on


def install() -> None:
    """Give all of it to `Traced`."""
    given = members(Arrays)
    for name, (ufunc, evaluate) in OPERATORS.items():
        forward, reflected = binary(ufunc, evaluate)
        given |= {f"__{name}__": forward, f"__r{name}__": reflected}
        given[f"__i{name}__"] = augmented(evaluate)
    for name, ufunc in STEPS.items():
        forward, reflected = binary(ufunc, ufunc, gradient=False)
        given |= {f"__{name}__": forward, f"__r{name}__": reflected}
        given[f"__i{name}__"] = augmented(ufunc)
    for name, ufunc in COMPARISONS.items():
        given[f"__{name}__"] = binary(ufunc, ufunc, gradient=False)[0]
    for name, ufunc in UNARY.items():
        given[f"__{name}__"] = unary(ufunc)
    given |= {name: method(function) for name, function in METHODS.items()}
    for name, value in given.items():
        setattr(Traced, name, value)


def members(source: type) -> dict[str, Any]:
    """Return the methods and properties that a class defines itself."""
    return {k: v for k, v in vars(source).items() if callable(v) or isinstance(v, property)}


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an array method that calls NumPy's function of the same name."""

    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call(function, (self, *args), kwargs)

    run.__name__ = function.__name__
    return run
