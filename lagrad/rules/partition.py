"""Every public function of NumPy and every ufunc of scipy.special in exactly one class.

The classes follow from the tables by which functions are run, and a test holds that none is left
out; so a function of a new release is found the day it is met.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.primitive import Primitive
from lagrad.rules import LIKE, NO_GRADIENT, RULES, SPELT, WRITES
from lagrad.rules.hookless import HOOKLESS
from lagrad.rules.plain import PLAIN
from lagrad.rules.unsupported import UNSUPPORTED
from lagrad.status import MissingRuleError


class Kind(Enum):
    """What happens when a traced value meets a function."""

    RULE = "has a rule for its local partials"
    COMPOSED = "needs no rule: it is composed of functions that have one"
    STEP = "has no gradient by nature: a step, an index, a fact, or nothing that varies"
    UNSUPPORTED = "is refused on purpose"
    HOOKLESS = "is out of reach: NumPy or SciPy offers no hook"


def surface() -> dict[str, Any]:
    """Return all that is partitioned, by public name."""
    modules = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft, "numpy.emath": np.emath}
    found = {
        f"{module}.{name}": getattr(source, name)
        for module, source in modules.items()
        for name in dir(source)
        if not name.startswith("_") and is_function(getattr(source, name))
    }
    special = {n: getattr(sc, n) for n in dir(sc) if isinstance(getattr(sc, n), np.ufunc)}
    return found | {f"scipy.special.{name}": f for name, f in special.items()}


def is_function(x: Any) -> bool:
    """True for functions, classes and objects such as np.r_; not for dtypes, errors, constants."""
    if isinstance(x, types.ModuleType | str | dict | list | tuple | np.generic):
        return False
    if isinstance(x, type):
        return not issubclass(x, np.generic | BaseException)
    return callable(x) or hasattr(x, "__getitem__")


def classes(name: str, function: Any) -> Iterator[tuple[Kind, str]]:
    """Yield the class of a function, with a remark; a function in two classes is a fault."""
    known = isinstance(function, Callable) and is_hashable(function)  # type: ignore[arg-type]
    if known and function in RULES:
        kink, refused = RULES[function].kink, without_derivative(RULES[function])
        remarks = [f"refused with respect to argument {', '.join(refused)}"] if refused else []
        yield Kind.RULE, "; ".join([*remarks, *([kink.says] if kink is not None else [])])
    if known and (function in SPELT or function in WRITES):
        yield Kind.COMPOSED, ""
    if known and function in LIKE:
        yield Kind.COMPOSED, "gives an array that takes traced values"
    if known and function in NO_GRADIENT:
        yield Kind.STEP, ""
    if name in PLAIN:
        yield Kind.STEP, PLAIN[name]
    if name in UNSUPPORTED:
        yield Kind.UNSUPPORTED, UNSUPPORTED[name]
    if name in HOOKLESS:
        yield Kind.HOOKLESS, "write " + HOOKLESS[name]


def without_derivative(rule: Primitive) -> list[str]:
    """Return the numbers, from 1, of arguments that the rule refuses to be differentiated by."""
    found = []
    number, count = np.float64(0.4), len(rule.derivatives or ())
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k, derivative in enumerate(rule.derivatives or ()):
            try:
                derivative(number, *[number] * count)
            except MissingRuleError:
                found.append(str(k + 1))
            except Exception:  # the function wants other arguments; its derivative is there
                continue
    return found


def is_hashable(x: Any) -> bool:
    """True if ``x`` can be looked up in a table."""
    try:
        hash(x)
    except TypeError:
        return False
    return True
