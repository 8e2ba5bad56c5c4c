"""Traced values: arrays that write down the constraints they go through.

A `Tracer` is a variable z_i: a row of a trace and the value there. A `Structure` is a value that was
computed from variables but carries no gradient: conditions, indices, steps. Both hold their value,
so Python's own control flow works; what it asks for is noted as a guard.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from threading import get_ident
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.dispatch import is_basic, sparse_product
from lagrad.graph import CONSTANT
from lagrad.primitive import Primitive
from lagrad.rules import NO_GRADIENT, REDUCE, RULES, SPELT, stop_gradient
from lagrad.rules.shaping import assign, astype, getitem
from lagrad.status import TraceError
from lagrad.trace.boundary import Leak, cut, missing_rule, plain_write, refuse
from lagrad.trace.tape import Trace


class View:
    """Says that a tracer shows entries of another: how to read it again, and where it writes."""

    __slots__ = ("again", "base", "index", "seen")

    def __init__(self, base: Tracer, again: Callable[[Tracer], Any], index: Any) -> None:
        self.base, self.again, self.index = base, again, index
        self.seen = base._version


class Traced:
    """What tracers and structure share: NumPy's operators, methods and protocols."""

    __slots__ = ("_trace", "_value", "_version", "_view")
    __hash__ = None  # type: ignore[assignment]
    _trace: Trace
    _value: Any
    _view: View | None
    _version: int

    # -- what NumPy asks of an array -------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if method == "reduce" and ufunc in REDUCE:
            kwargs.setdefault("axis", 0)
            options = {k: v for k, v in kwargs.items() if k in ("axis", "keepdims")}
            check_options(ufunc, set(kwargs) - set(options) - {"dtype", "initial", "where"}, kwargs)
            result = call(REDUCE[ufunc], inputs, options)
        elif method == "at":
            target, index, *rest = inputs
            if not isinstance(target, Traced):
                plain_write(f"np.{ufunc.__name__}.at(a, index, t)")
            return accumulate_at(ufunc, target, index, rest)
        elif method != "__call__":
            missing_rule(getattr(ufunc, method))
        elif kwargs:
            refuse(
                f"np.{ufunc.__name__} was called with {sorted(kwargs)} on a traced value",
                "Leave them out; np.where(mask, ..., ...) and .astype(dtype) do the same",
            )
        else:
            result = call(ufunc, inputs, {})
        if out is None:
            return result
        (target,) = out if isinstance(out, tuple) and len(out) == 1 else (None,)
        if not isinstance(target, Traced):
            plain_write("out= or an augmented assignment (a += t)")
        target[...] = result
        return target

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        out = kwargs.get("out")
        if out is not None:
            if not isinstance(out, Traced):
                plain_write("out=")
            out[...] = call(function, args, {k: v for k, v in kwargs.items() if k != "out"})
            return out
        return call(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if dtype is not None and np.dtype(dtype) != object:
            cut(f"np.array(..., dtype={np.dtype(dtype).name})")
        held = np.empty((), dtype=object)
        held[()] = Leak(self)
        return held

    # -- what is known without asking for a gradient ---------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return np.shape(self._value)

    @property
    def ndim(self) -> int:
        """The number of axes of the value."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries of the value."""
        return self._value.size

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the value."""
        return self._value.dtype

    @property
    def itemsize(self) -> int:
        """Bytes of one entry."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return self.size * self.itemsize

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a traced scalar")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a traced scalar; it has no entries")
        return (self[i] for i in range(self.shape[0]))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._value!r})"

    def __str__(self) -> str:
        return str(self._value)

    def __format__(self, spec: str) -> str:
        return format(self._value, spec)

    # -- Python's own questions: guards, or refusals ---------------------------------------------

    def _answer(self, ask: Callable[[Any], Any]) -> Any:
        """Return a plain answer about the value, noted as a guard of the trace."""
        current(self)
        answer = ask(self._value)
        self._trace.guards.append((snapshot(self), answer))
        return answer

    def __bool__(self) -> bool:
        return self._answer(bool)

    def __int__(self) -> int:
        return self._answer(int)

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"a traced value of dtype {self.dtype} is no index; use int(x)")
        return self._answer(operator.index)

    def __trunc__(self) -> int:
        return self._answer(int)

    def __floor__(self) -> int:
        return self._answer(lambda v: int(np.floor(v)))

    def __ceil__(self) -> int:
        return self._answer(lambda v: int(np.ceil(v)))

    def __round__(self, digits: int | None = None) -> Any:
        return int(np.round(self)) if digits is None else np.round(self, digits)

    def __float__(self) -> float:
        cut("float()")

    def __complex__(self) -> complex:
        cut("complex()")

    def item(self, *args: Any) -> Any:
        """Refused: a plain number has no gradient."""
        cut(".item()")

    def tolist(self) -> Any:
        """Refused: plain numbers have no gradient."""
        cut(".tolist()")

    # -- entries ---------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        index = plain_index(index)
        if type(self) is Structure:
            return Structure(self._trace, self._value[index])
        result = bind(RULES[getitem], (self, index), None)
        return as_view(result, self, lambda base: base[index], index)

    def __setitem__(self, index: Any, value: Any) -> None:
        index = plain_index(index)
        if type(self) is Structure:
            if isinstance(value, Tracer):
                plain_write("x[i] = t on a value without gradient")
            changed = np.array(self._value)
            changed[index] = value._value if isinstance(value, Structure) else value
            self._value = changed
            return
        if not self.shape and index is not Ellipsis and index != ():
            raise TypeError("a traced scalar has no entries to assign to")
        current(self)
        new = bind(RULES[assign], (self, lifted(value), index), None)
        if new.dtype != self.dtype:
            raise TraceError(
                f"x[i] = t would put {np.dtype(new.dtype).name} into an array of {self.dtype.name}; "
                "make the array of that dtype: lg.zeros(shape, dtype)"
            )
        rebind(self, new)

    # -- methods of arrays -----------------------------------------------------------------------

    @property
    def T(self) -> Any:  # noqa: N802
        """The transpose."""
        return np.transpose(self)

    @property
    def real(self) -> Any:
        """The real part."""
        return np.real(self) if self.dtype.kind == "c" else self

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return np.imag(self)

    @property
    def flat(self) -> Any:
        """The entries in C order, to read."""
        return iter(np.ravel(self))

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """Return the same entries in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self, *axes: Any) -> Any:
        """Return the axes in another order."""
        if not axes or axes == (None,):
            return np.transpose(self)
        return np.transpose(self, axes[0] if len(axes) == 1 else axes)

    def flatten(self, order: str = "C") -> Any:
        """Return the entries as a new vector."""
        return np.ravel(self, order=order).copy()

    def copy(self, order: str = "C") -> Any:
        """Return a new array of the same values."""
        return snapshot(self)

    def astype(self, dtype: Any, **kwargs: Any) -> Any:
        """Return the values as ``dtype``; integers and booleans carry no gradient."""
        if np.dtype(dtype).kind not in "fc" or type(self) is Structure:
            return Structure(self._trace, current(self)._value.astype(dtype))
        return bind(RULES[astype], (self, np.dtype(dtype)), None)

    def conj(self) -> Any:
        """Return the complex conjugate."""
        return np.conjugate(self)

    conjugate = conj

    def fill(self, value: Any) -> None:
        """Set every entry."""
        self[...] = value

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"a traced array has no attribute {name!r}; use NumPy's function of that name, "
            f"np.{name}(x), if there is one"
        )


class Tracer(Traced):
    """A variable: row ``_row`` of ``_trace``, with its value."""

    __slots__ = ("_row",)
    _row: int

    def __init__(self, trace: Trace, row: int, value: Any) -> None:
        self._trace = trace
        self._row = row
        self._value = value
        self._view = None
        self._version = 0


class Structure(Traced):
    """A value computed from variables that carries no gradient."""

    __slots__ = ()

    def __init__(self, trace: Trace, value: Any) -> None:
        self._trace = trace
        self._value = value
        self._view = None
        self._version = 0


# -- recording -----------------------------------------------------------------------------------


def bind(primitive: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
    """Evaluate ``primitive`` on ``args`` and record the constraint in the innermost trace."""
    top: Trace | None = None
    for a in args:
        kind = type(a)
        if kind is Tracer or kind is Structure:
            if a._view is not None:
                current(a)
            trace = a._trace
            if trace is not top:
                top = trace if top is None else innermost(top, trace)
        elif (kind is np.ndarray and a.dtype.kind == "O") or kind is list or kind is tuple:
            lift = [lifted(b) for b in args]
            if any(b is not c for b, c in zip(lift, args, strict=True)):
                return bind(primitive, tuple(lift), kwargs)
    assert top is not None
    if not top.open or top.thread != get_ident():
        outlived(top)
    refs, values, variable = [], [], False
    for a in args:
        kind = type(a)
        if kind is Tracer and a._trace is top:
            variable = True
            refs.append(a._row)
            values.append(a._value)
        elif kind is Structure and a._trace is top:
            refs.append(0)
            values.append(a._value)
        else:
            refs.append(0)
            values.append(a)
    z = primitive.function(*values, **kwargs) if kwargs else primitive.function(*values)
    if type(z) is float:
        z = np.float64(z)
    if not variable or z.dtype.kind not in "fc":
        return Structure(top, z)
    for k, a in enumerate(args):
        if type(a) is not Tracer or a._trace is not top:
            refs[k] = top.constant(snapshot(a) if type(a) is Tracer else values[k])
    return Tracer(top, top.record(primitive, refs, kwargs, z), z)


def innermost(a: Trace, b: Trace) -> Trace:
    """Return the inner of two traces."""
    if a.level == b.level:
        outlived(a if not a.open else b)
    return a if a.level > b.level else b


def outlived(trace: Trace) -> None:
    """Refuse a traced value outside its own trace."""
    if not trace.open:
        refuse(
            "a traced value was used after the function that was being traced had returned",
            "Return it from the function instead of storing it outside; with has_aux=True extra "
            "results come back as plain arrays",
        )
    refuse(
        "traced values of two traces met, or one was used in another thread",
        "Differentiate inside each thread; pass values between threads as plain arrays",
    )


def snapshot(a: Any) -> Any:
    """Return a new handle to the present value, which later assignments do not change."""
    current(a)
    return Tracer(a._trace, a._row, a._value) if type(a) is Tracer else Structure(a._trace, a._value)


def current(a: Any) -> Any:
    """Return ``a`` after reading a view again whose base has been written since."""
    view = a._view
    if view is not None and (view.base._view is not None or view.base._version != view.seen):
        current(view.base)
        if view.base._version != view.seen:
            fresh = view.again(view.base)
            a._trace, a._row, a._value = fresh._trace, fresh._row, fresh._value
            a._version += 1
            view.seen = view.base._version
    return a


def as_view(result: Any, base: Any, again: Callable[[Any], Any], index: Any) -> Any:
    """Mark ``result`` as a view of ``base`` where plain NumPy would have made one."""
    z, x = result._value, base._value
    if type(z) is np.ndarray and z.base is not None and np.may_share_memory(z, x):
        if type(result) is Tracer and result._trace is base._trace:
            result._view = View(base, again, index)
    return result


def rebind(a: Tracer, new: Tracer) -> None:
    """Let the name ``a`` stand for ``new``, and write through to what it is a view of."""
    view = a._view
    if view is not None and view.index is None:
        refuse(
            "a reshaped or transposed view of a traced array was written to",
            "Write to the array itself, or take a copy first: y = x.reshape(...).copy()",
        )
    a._trace, a._row, a._value = new._trace, new._row, new._value
    a._version += 1
    if view is not None:
        view.base[view.index] = snapshot(a)
        view.seen = view.base._version


def lifted(a: Any) -> Any:
    """Return a list, tuple or object array that holds traced values as one traced array."""
    if type(a) is np.ndarray and a.dtype.kind == "O":
        if a.ndim == 0 and isinstance(a[()], Leak):
            return a[()].traced
        found = [x.traced if isinstance(x, Leak) else x for x in a.ravel()]
        if any(isinstance(x, Traced) for x in found):
            return np.reshape(np.stack([np.asarray(x) if not isinstance(x, Traced) else x
                                        for x in found]), a.shape)
        return a
    if type(a) in (list, tuple) and any(isinstance(x, Traced | list | tuple) for x in a):
        parts = [lifted(x) for x in a]
        if any(isinstance(x, Traced) for x in parts):
            return np.stack(parts)
    return a


def plain_index(index: Any) -> Any:
    """Return an index without traced parts; what an index depends on is structure, and a guard."""
    if isinstance(index, tuple):
        return tuple(plain_index(part) for part in index)
    if isinstance(index, Traced):
        if index.dtype.kind not in "iub":
            raise TypeError(
                f"an index must be of integers or booleans, not {index.dtype}; use x.astype(int)"
            )
        return index._answer(plain_index) if isinstance(index._value, Traced) else index._answer(
            lambda v: v)
    if isinstance(index, slice):
        return slice(*(
            operator.index(p) if isinstance(p, Traced) else p
            for p in (index.start, index.stop, index.step)
        ))
    if isinstance(index, list):
        return [operator.index(p) if isinstance(p, Traced) else p for p in index]
    return index if is_basic(index) else np.array(index)


# -- calls of functions --------------------------------------------------------------------------


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a function on arguments of which some are traced."""
    primitive = RULES.get(function)
    if primitive is not None:
        if primitive.arguments is not None or kwargs:
            args, kwargs = spelling(function, primitive, args, kwargs)
        if primitive.multilinear and len(args) == 1:
            return shaped(primitive, function, args, kwargs)
        return bind(primitive, args, kwargs)
    spelt = SPELT.get(function)
    if spelt is not None:
        return in_words(function, spelt, args, kwargs)
    if function is stop_gradient:
        return stopped(args[0])
    if function in LIKE:
        return new_like(function, *args, **kwargs)
    if function in NO_GRADIENT or not any(holds(Tracer, a) for a in (*args, *kwargs.values())):
        return without_gradient(function, args, kwargs)
    if isinstance(getattr(function, "primitive", None), Primitive):
        return bind(function.primitive, args, kwargs)  # type: ignore[attr-defined]
    missing_rule(function)


def shaped(primitive: Primitive, function: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    """Bind a function of one array, and keep track of views."""
    result = bind(primitive, args, kwargs)
    base = args[0]
    if type(base) is Tracer:
        return as_view(result, base, lambda b: call(function, (b,), kwargs), None)
    return result


def spelling(function: Any, primitive: Primitive, args: Any, kwargs: Any) -> Any:
    """Bring a call into the form of its rule; what the rule does not know is refused by name."""
    try:
        if primitive.arguments is not None:
            return primitive.arguments(*args, **kwargs)
        bound = inspect.signature(function).bind(*args, **kwargs)
        if not bound.kwargs:
            return bound.args, {}
        raise TypeError(f"unexpected {sorted(bound.kwargs)}")
    except (TypeError, ValueError) as error:
        if isinstance(error, TraceError):
            raise
        refuse(
            f"this spelling of {primitive.name} has no rule: {error}",
            "Write it with the plain arguments, and compose the rest from other functions",
        )


def in_words(function: Any, spelt: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Run the composition that stands for a function."""
    try:
        inspect.signature(spelt).bind(*args, **kwargs)
    except TypeError as error:
        refuse(f"this spelling of {function.__name__} has no rule: {error}", "Leave it out")
    return spelt(*args, **kwargs)


def check_options(ufunc: Any, unknown: set[str], kwargs: dict[str, Any]) -> None:
    """Refuse options of ``ufunc.reduce`` that change the result."""
    for name, harmless in (("dtype", None), ("initial", None), ("where", True)):
        value = kwargs.get(name, harmless)
        if not (value is harmless or value is np._NoValue):
            unknown.add(name)
    if unknown:
        refuse(f"np.{ufunc.__name__}.reduce with {sorted(unknown)} has no rule", "Leave it out")


def holds(kind: type, a: Any) -> bool:
    """True if ``a`` is of ``kind`` or a list or tuple with one in it."""
    if isinstance(a, list | tuple):
        return any(holds(kind, b) for b in a)
    return isinstance(a, kind)


def without_gradient(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a function whose result carries no gradient; the result is structure."""
    top: Trace | None = None

    def scan(a: Any) -> None:
        nonlocal top
        if isinstance(a, Traced):
            current(a)
            top = a._trace if top is None or top is a._trace else innermost(top, a._trace)
        elif isinstance(a, list | tuple):
            for b in a:
                scan(b)

    def plain(a: Any) -> Any:
        if isinstance(a, Traced) and a._trace is top:
            return a._value
        return type(a)(plain(b) for b in a) if type(a) in (list, tuple) else a

    scan((*args, *kwargs.values()))
    result = function(*plain(args), **{k: plain(v) for k, v in kwargs.items()})
    assert top is not None
    return in_structure(top, result)


def in_structure(top: Trace, result: Any) -> Any:
    """Return a result as structure; several results stay a tuple."""
    if isinstance(result, tuple):
        return tuple(in_structure(top, r) for r in result)
    if isinstance(result, str | bool | type(None)):
        return Structure(top, np.bool_(result)) if isinstance(result, bool) else result
    return Structure(top, result if hasattr(result, "dtype") else np.asarray(result)[()])


def stopped(a: Any) -> Any:
    """Return a traced value as structure, at every level."""
    if isinstance(a, Traced):
        current(a)
        return Structure(a._trace, stopped(a._value))
    return a


def accumulate_at(ufunc: Any, target: Any, index: Any, rest: list[Any]) -> None:
    """``np.add.at``: repeated indices add up."""
    if ufunc is not np.add and ufunc is not np.subtract:
        missing_rule(ufunc.at)
    from lagrad.dispatch import scatter_add

    index = plain_index(index)
    shape = np.shape(np.empty(target.shape)[index])
    v = np.broadcast_to(rest[0], shape)
    target[...] = ufunc(target, scatter_add(v, index, target.shape))


# -- arrays that take traced values --------------------------------------------------------------


def constant_array(trace: Trace, value: np.ndarray) -> Tracer:
    """Return a plain array as a variable of ``trace``, so that traced values can be put in."""
    return Tracer(trace, trace.record(CONSTANT, [], None, value), value)


def new_like(function: Any, a: Any, *args: Any, **kwargs: Any) -> Any:
    """np.zeros_like and its kin of a traced array: an array that takes traced values."""
    traced = a if isinstance(a, Traced) else next(x for x in args if isinstance(x, Traced))
    plain = np.empty(np.shape(a), getattr(a, "dtype", None))
    if any(isinstance(x, Traced) for x in (*args, *kwargs.values())):
        out = constant_array(traced._trace, np.zeros_like(plain, dtype=kwargs.get("dtype")))
        out[...] = args[0] if args else kwargs["fill_value"]
        return out
    value = function(plain, *args, **kwargs)
    if value.dtype.kind not in "fc":
        return Structure(traced._trace, value)
    return constant_array(traced._trace, value)


LIKE = frozenset({np.zeros_like, np.ones_like, np.empty_like, np.full_like})


# -- operators -----------------------------------------------------------------------------------


def binary(ufunc: Any, evaluate: Callable[[Any, Any], Any], gradient: bool = True) -> tuple[Any, Any]:
    """Return the operator and its reflection; they record as the ufunc and evaluate as Python."""
    if not gradient:
        return (
            lambda self, other: call(ufunc, (self, other), {}),
            lambda self, other: call(ufunc, (other, self), {}),
        )
    rule = RULES[ufunc]
    primitive = Primitive(
        rule.name, evaluate, rule.partial, rule.derivatives, rule.multilinear, rule.arguments
    )

    def forward(self: Any, other: Any) -> Any:
        if isinstance(other, SCALAR):
            return bind(primitive, (self, other), None)
        return NotImplemented if sp.issparse(other) else bind(rule, (self, other), None)

    def reflected(self: Any, other: Any) -> Any:
        if isinstance(other, SCALAR):
            return bind(primitive, (other, self), None)
        return NotImplemented if sp.issparse(other) else bind(rule, (other, self), None)

    return forward, reflected


def unary(ufunc: Any) -> Any:
    """Return a unary operator."""
    return lambda self: call(ufunc, (self,), {})


def augmented(ufunc: Any) -> Any:
    """Return ``x op= v``: for arrays the name's variable changes, scalars are simply new."""

    def assign_to(self: Any, other: Any) -> Any:
        result = ufunc(self, other)
        if not self.shape or type(self) is Structure:
            return result
        if np.shape(result) != self.shape:
            raise ValueError(f"x op= v: shape {np.shape(result)} does not fit {self.shape}")
        self[...] = result
        return self

    return assign_to


def times_sparse(self: Any, other: Any) -> Any:
    """``M @ x`` and ``M * x`` (a spmatrix's product) of a constant sparse matrix."""
    if sp.issparse(other):
        return sparse_product(self, constant_sparse(other))
    return bind(RULES[np.matmul], (other, self), None)


def sparse_times(self: Any, other: Any) -> Any:
    """``x @ M`` of a constant sparse matrix."""
    if sp.issparse(other):
        return sparse_product(self.T, constant_sparse(other).T).T
    return bind(RULES[np.matmul], (self, other), None)


def constant_sparse(m: Any) -> Any:
    """Return a copy of the sparse matrix that later changes of it do not touch."""
    return m.copy()


def scaled_sparse(self: Any, other: Any) -> Any:
    """``M * x``: the matrix product of an old spmatrix; of a sparse array it is refused."""
    if isinstance(other, sp.spmatrix):
        return times_sparse(self, other)
    refuse(
        "a constant sparse array times a traced array would be a sparse array of traced entries",
        "Use M @ x for the matrix product; M @ (x * v) scales the columns",
    )


# fmt: off
SCALAR = (float, int, complex, np.float64, Traced)
OPERATORS: dict[str, tuple[Any, Any]] = {
    "add": (np.add, operator.add), "sub": (np.subtract, operator.sub),
    "mul": (np.multiply, operator.mul), "truediv": (np.divide, operator.truediv),
    "pow": (np.power, operator.pow),
}
STEPS = {"floordiv": np.floor_divide, "and": np.bitwise_and, "or": np.bitwise_or,
         "xor": np.bitwise_xor}
COMPARISONS = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
               "eq": np.equal, "ne": np.not_equal}
METHODS = ("sum", "mean", "prod", "max", "min", "var", "std", "ravel", "squeeze", "swapaxes",
           "dot", "clip", "trace", "take", "repeat", "diagonal", "round", "argmax", "argmin",
           "argsort", "any", "all", "nonzero", "searchsorted", "cumsum", "cumprod", "sort",
           "ptp")
# fmt: on


def install() -> None:
    """Give `Traced` its operators and methods, from the tables above."""
    for name, (ufunc, evaluate) in OPERATORS.items():
        forward, reflected = binary(ufunc, evaluate)
        setattr(Traced, f"__{name}__", forward)
        setattr(Traced, f"__r{name}__", reflected)
        setattr(Traced, f"__i{name}__", augmented(evaluate))
    rest = {**STEPS, "mod": np.remainder}
    for name, ufunc in rest.items():
        forward, reflected = binary(ufunc, ufunc, gradient=False)
        setattr(Traced, f"__{name}__", forward)
        setattr(Traced, f"__r{name}__", reflected)
    for name, ufunc in COMPARISONS.items():
        setattr(Traced, f"__{name}__", binary(ufunc, ufunc, gradient=False)[0])
    for name, ufunc in {"neg": np.negative, "pos": np.positive, "abs": np.absolute,
                        "invert": np.invert}.items():
        setattr(Traced, f"__{name}__", unary(ufunc))
    for name in METHODS:
        setattr(Traced, name, method(getattr(np, name)))
    mul, rmul = Traced.__mul__, Traced.__rmul__  # type: ignore[attr-defined]
    Traced.__mul__ = lambda s, o: scaled_sparse(s, o) if sp.issparse(o) else mul(s, o)
    Traced.__rmul__ = lambda s, o: scaled_sparse(s, o) if sp.issparse(o) else rmul(s, o)
    Traced.__matmul__ = sparse_times  # type: ignore[attr-defined]
    Traced.__rmatmul__ = times_sparse  # type: ignore[attr-defined]


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an array method that calls NumPy's function of the same name."""

    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call(function, (self, *args), kwargs)

    run.__name__ = function.__name__
    return run


install()
