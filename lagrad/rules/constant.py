"""Functions without a gradient by nature: steps, whose value is structure.

How to add one: its name in `NO_GRADIENT`. What it returns carries no multiplier, so it must be
constant between its jumps, in every argument and for complex numbers too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special as sc

from lagrad.containers import map_leaves
from lagrad.dispatch import overridable


@overridable
def real_sign(x: Any) -> Any:
    """np.sign of real numbers, a step."""
    return np.sign(x)


@overridable
def unit_step(x: Any) -> Any:
    """np.heaviside(x, 0), a step."""
    return np.heaviside(x, np.zeros_like(x))


@overridable
def structure(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Return ``function(*args)`` as structure: of what has a gradient, an answer without one."""
    return function(*args, **options)


def entries_at(x: Any, index: Any) -> Any:
    """Return ``x[index]`` for a vector and an array of integers, of which either may be traced."""
    return structure(np.take, x, index) if isinstance(x, np.ndarray) else x[index]


# fmt: off
NO_GRADIENT: frozenset[Callable[..., Any]] = frozenset({
    np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert,
    np.isfinite, np.isnan, np.isinf, np.signbit, np.isclose, np.allclose, np.array_equal,
    real_sign, np.floor, np.ceil, np.rint, np.trunc, np.round, np.around, np.fix,
    np.floor_divide, unit_step, np.spacing, np.isposinf, np.isneginf,
    np.argmax, np.argmin, np.argsort, np.argwhere, np.nonzero, np.flatnonzero,
    np.count_nonzero, np.searchsorted, np.digitize, np.any, np.all, np.nanargmax, np.nanargmin,
    np.linalg.matrix_rank, np.array_repr, np.array_str, np.array2string, np.isreal, np.iscomplex,
    np.argpartition, np.lexsort, np.isin, np.array_equiv,
    np.ravel_multi_index, np.unravel_index, np.may_share_memory, np.shares_memory,
    sc.round, sc.gammasgn, np.packbits, np.unpackbits, np.gcd, np.lcm,
    np.left_shift, np.right_shift, structure,
    *(getattr(np, name) for name in ("in1d", "bitwise_count") if hasattr(np, name)),
})
# fmt: on


@overridable
def stopped(x: Any) -> Any:
    """Return one value as a constant; a trace overrides this."""
    return x


def stop_gradient(x: Any) -> Any:
    """Return ``x`` as a constant: no multiplier passes through it.

    Parameters
    ----------
    x : array, scalar or nested container of them

    Examples
    --------
    >>> import lagrad as lg
    >>> float(lg.grad(lambda x: x * lg.stop_gradient(x))(3.0))
    3.0
    """
    return map_leaves(stopped, x)
