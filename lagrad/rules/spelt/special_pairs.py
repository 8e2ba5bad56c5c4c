"""Special functions with several outputs, which are cut out of one vector that has a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.rules.special.several import PACKED, cut


def outputs(function: Any) -> Callable[..., Any]:
    """Return the composition of a function with several outputs."""

    def run(*args: Any) -> tuple[Any, ...]:
        shape = np.broadcast_shapes(*(np.shape(a) for a in args))
        flat = PACKED[function](*args)
        return tuple(cut(flat, shape, function.nout))

    return run


SPECIAL_PAIRS: dict[Callable[..., Any], Callable[..., Any]] = {f: outputs(f) for f in PACKED}
