"""What the tables of special functions share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.primitive import Primitive
from lagrad.rules.elementwise import elementwise
from lagrad.rules.special.unsupported import sound
from lagrad.status import MissingRuleError

Derivative = Callable[..., Any]
Rows = Mapping[Any, tuple[Derivative, ...]]


def missing(what: str, instead: str = "") -> Any:
    """Refuse a derivative that has no elementary form."""
    raise MissingRuleError(
        f"{what} has no elementary derivative. "
        + (instead or "Pass a plain number, or say lg.stop_gradient(x) if it is a constant")
        + "; or give the partials yourself with lg.primitive"
    )


def no(name: str) -> Derivative:
    """Return the derivative to an argument that has none: ``name`` says which argument of what."""
    return lambda z, *args: missing(name)


def real_only(x: Any, what: str) -> Any:
    """Return a real x; of complex numbers the derivative ``what`` has no rule."""
    if np.iscomplexobj(x):
        missing(f"{what} of complex numbers", "Take the real part: np.real(x)")
    return x


def newer(*names: str) -> Iterator[Any]:
    """Yield those of the functions that this version of SciPy has."""
    yield from (getattr(sc, name) for name in names if hasattr(sc, name))


def whole(n: Any) -> Any:
    """Return a degree as integers where all are, for which SciPy has the exact recurrences."""
    if isinstance(n, int):
        return n
    n = n if hasattr(n, "dtype") else np.asarray(n)
    if n.dtype.kind == "f" and np.all(np.equal(n, np.floor(n))):
        return n.astype(int)
    return n


def fitted(derivative: Derivative) -> Derivative:
    """Keep a derivative from being wider than z: a parameter given as float64 widens float32."""

    def narrow(z: Any, *args: Any) -> Any:
        d = derivative(z, *args)
        if type(d) is tuple:
            return fit(d[0], z), d[1]
        return fit(d, z)

    return narrow


def fit(d: Any, z: Any) -> Any:
    """Return d in the precision of z."""
    if not hasattr(d, "dtype") or np.result_type(d.dtype, z.dtype) == z.dtype:
        return d
    return d.astype(z.dtype)


def table(rows: Rows) -> dict[Callable[..., Any], Primitive]:
    """Return the primitives of a table of derivatives."""
    right = {f: ds for f, ds in rows.items() if sound(f.__name__)}
    return {f: elementwise(f, tuple(fitted(d) for d in ds)) for f, ds in right.items()}
