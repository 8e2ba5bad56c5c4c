"""One line of source for each instruction: tables of how a call is written.

Numbers go through Python's own arithmetic and ``math``, arrays through NumPy. What ``math`` raises
where NumPy gives inf or nan is caught by whoever calls the program.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.special

from lagrad.rules.shaping import getitem

# fmt: off
INFIX: dict[Any, str] = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/",
    operator.floordiv: "//", operator.mod: "%", operator.matmul: "@", operator.pow: "**",
    operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=",
    operator.eq: "==", operator.ne: "!=", operator.and_: "&", operator.or_: "|",
    operator.xor: "^",
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.matmul: "@",
    np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">=",
    np.equal: "==", np.not_equal: "!=", np.power: "**",
}
PREFIX: dict[Any, str] = {
    operator.neg: "-", operator.pos: "+", operator.invert: "~", np.negative: "-",
}
#: Of float64 numbers alone; {0} and {1} are names or literals.
SCALAR: dict[Any, str] = {
    **{f: f"math.{name}({{0}})" for f, name in (
        (np.exp, "exp"), (np.log, "log"), (np.sin, "sin"), (np.cos, "cos"), (np.tan, "tan"),
        (np.sqrt, "sqrt"), (np.sinh, "sinh"), (np.cosh, "cosh"), (np.tanh, "tanh"),
        (np.arcsin, "asin"), (np.arccos, "acos"), (np.arctan, "atan"), (np.arcsinh, "asinh"),
        (np.arccosh, "acosh"), (np.arctanh, "atanh"), (np.expm1, "expm1"), (np.log1p, "log1p"),
        (np.log2, "log2"), (np.log10, "log10"), (np.isfinite, "isfinite"), (np.isnan, "isnan"),
        (np.isinf, "isinf"),
    )},
    np.arctan2: "math.atan2({0}, {1})", np.hypot: "math.hypot({0}, {1})",
    np.copysign: "math.copysign({0}, {1})",
    np.power: "math.pow({0}, {1})", operator.pow: "math.pow({0}, {1})",
    np.square: "{0} * {0}", np.reciprocal: "1.0 / {0}",
    np.absolute: "abs({0})", operator.abs: "abs({0})", np.fabs: "abs({0})",
    np.maximum: "({0} if {0} >= {1} else {1} if {1} > {0} else {0} + {1})",
    np.minimum: "({0} if {0} <= {1} else {1} if {1} < {0} else {0} + {1})",
    np.where: "({1} if {0} else {2})",
    np.logical_and: "bool({0} and {1})", np.logical_or: "bool({0} or {1})",
    np.logical_not: "not {0}",
    np.sign: "(0.0 if {0} == 0.0 else {0} if {0} != {0} else math.copysign(1.0, {0}))",
}
# fmt: on
FLOATS = frozenset({float, np.float64})
#: Of numbers: what is written, and whether it may raise where NumPy gives inf or nan.
FORMS: dict[Any, tuple[str, bool]] = {
    **{f: (f"{{0}} {sign} {{1}}", sign in ("/", "//", "%")) for f, sign in INFIX.items()},
    **{f: (f"{sign}{{0}}", False) for f, sign in PREFIX.items() if sign != "~"},
    **{f: (text, True) for f, text in SCALAR.items()},
    **dict.fromkeys((operator.invert, np.invert), ("not {0}", False)),
    np.float64: ("float({0})", False),
    float: ("float({0})", False),
}
#: Those that give truth values of numbers or of truth values; of a sum of these NumPy makes one
#: again, and Python an integer.
TRUTHS = frozenset(
    {f for f, sign in INFIX.items() if sign in ("<", "<=", ">", ">=", "==", "!=", "&", "|", "^")}
    | {np.logical_and, np.logical_or, np.logical_not, np.isfinite, np.isnan, np.isinf, np.where}
    | {operator.invert, np.invert}
)
#: Those that may hand a truth value on as it is.
HANDS_ON = frozenset({np.maximum, np.minimum, operator.pos, np.where, operator.abs, np.absolute})
#: The modules that a program may name.
MODULES = {
    "np": np,
    "np.linalg": np.linalg,
    "np.fft": np.fft,
    "math": math,
    "special": scipy.special,
    "linalg": scipy.linalg,
    "sp": scipy.sparse,
}


@cache
def public_names() -> dict[int, str]:
    """Return the public name of every function of NumPy and SciPy, by its id."""
    found: dict[int, str] = {}
    for prefix, space in reversed(MODULES.items()):
        for name in dir(space):
            thing = getattr(space, name, None)
            own = getattr(thing, "__name__", name) == name or id(thing) not in found
            if callable(thing) and own and not name.startswith("_"):
                found[id(thing)] = f"{prefix}.{name}"
    return found


def public_name(function: Any) -> str | None:
    """Return how a function of NumPy or SciPy is written, None if it is neither's."""
    found = public_names().get(id(function))
    if found is not None:
        return found
    of = getattr(function, "__self__", None)
    if isinstance(of, np.ufunc) and id(of) in public_names():
        return f"{public_names()[id(of)]}.{function.__name__}"
    return None


def number(x: float) -> str:
    """Return a float as a literal."""
    if math.isfinite(x):
        return repr(x)
    return "math.nan" if math.isnan(x) else "math.inf" if x > 0 else "-math.inf"


def call(name: str, args: list[str], kwargs: dict[str, str]) -> str:
    """Return a call as text."""
    return f"{name}({', '.join([*args, *(f'{k}={v}' for k, v in kwargs.items())])})"


def index_text(index: Any, text: Callable[[Any], str]) -> str:
    """Return what stands between the brackets of ``x[...]``."""
    if type(index) is tuple:
        if not index:
            return "()"
        inner = ", ".join(index_text(part, text) for part in index)
        return inner + "," * (len(index) == 1)
    if type(index) is slice:
        begin, end, step = (
            "" if p is None else text(p) for p in (index.start, index.stop, index.step)
        )
        return f"{begin}:{end}" + (f":{step}" if step else "")
    if index is Ellipsis:
        return "..."
    return text(index)


#: What stands where a program does not serve.
OTHER, CAREFUL = "<other>", "<careful>"


def with_exit(line: str, exits: Mapping[str, str]) -> str:
    """Put in what is done where a program does not serve."""
    mark = next((m for m in exits if line.endswith(m)), None)
    return line if mark is None else line[: -len(mark)] + exits[mark]


GETITEM = frozenset({operator.getitem, getitem})
#: The ufuncs of operators.
UFUNCS: dict[Any, np.ufunc] = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.divide,
    operator.neg: np.negative,
    operator.pow: np.power,
    operator.abs: np.absolute,
    operator.matmul: np.matmul,
}
