"""What eigenvalues and singular values share: values that repeat, vectors known up to a phase."""

from __future__ import annotations

from typing import Any

import numpy as np

from lagrad.partials import Partial, Scale, Stack
from lagrad.rules.constant import stopped
from lagrad.status import TraceError

#: Values closer than this, in units of rounding errors, are equal.
ROUNDING = 10


def gaps(w: Any) -> Any:
    """Return w_j - w_i."""
    return w[..., None, :] - w[..., :, None]


def epsilon(x: Any) -> float:
    """Return the rounding error of numbers of this kind."""
    return float(np.finfo(x.dtype).eps)


def close(w: Any, size: Any, condition: Any = 1.0) -> Any:
    """Return which of w are equal within rounding errors, each known up to ``condition``."""
    condition = condition * np.ones(np.shape(w))
    bound = condition[..., None, :] + condition[..., :, None]
    return np.abs(gaps(stopped(w))) <= ROUNDING * epsilon(w) * size[..., None, None] * bound


def reciprocal(gap: Any, same: Any) -> Partial:
    """``v -> F * v`` for F = 1/gap, infinite where values are the same, without the diagonal."""
    eye = np.broadcast_to(np.eye(np.shape(gap)[-1], dtype=bool), np.shape(gap))
    with np.errstate(divide="ignore", invalid="ignore"):
        F = 1 / np.where(eye, 1.0, np.where(same, 0.0, gap))
    return Scale(np.where(eye, 0.0, F), np.shape(gap), np.logical_not(eye))


def repeats(w: Any, vanishing: bool = False) -> Any:
    """Return which of w are equal to another one, or zero, to within rounding errors."""
    size = np.sqrt(np.sum(np.abs(w) ** 2, axis=-1))
    off = np.logical_not(np.eye(np.shape(w)[-1], dtype=bool))
    found = np.any(np.logical_and(close(w, size), off), axis=-2)
    if vanishing:
        found = np.logical_or(found, np.abs(w) <= ROUNDING * epsilon(w) * size[..., None])
    return found


class UpToPhase(Stack):
    """Outputs that are known up to phases: a multiplier that depends on those is refused.

    ``turns`` holds for each output (X, axis): turned by t_j, it changes by i X diag(t), where j
    counts along the axis that is left when ``axis`` is summed.
    """

    def __init__(self, name: str, turns: list[tuple[Any, int]], *parts: Partial) -> None:
        super().__init__(*parts)
        self.name, self.turns = name, turns

    def pull(self, w: Any, mask: Any) -> tuple[Any, Any]:
        slope = size = 0.0
        for here, p, (x, axis) in zip(self.slices, self.parts, self.turns, strict=True):
            if x is not None:
                terms = stopped(np.reshape(w[here], p.out_shape) * x)
                slope = slope + np.imag(np.sum(terms, axis=axis))
                size = size + np.sum(np.abs(terms), axis=axis)
        if np.any(np.abs(slope) > epsilon(w) ** (1 / 3) * size):
            raise TraceError(
                f"the result depends on the phase of the complex vectors of {self.name}, which is "
                "arbitrary: each may be turned by any exp(i t). Use what does not depend on it, "
                "such as np.abs(V) or V @ V.conj().T, or fix it yourself: "
                "V * np.exp(-1j * np.angle(V[..., :1, :]))"
            )
        return super().pull(w, mask)


def up_to_phase(name: str, turns: list[tuple[Any, int]], *parts: Partial) -> Partial:
    """Return the outputs in one vector; real vectors have no phase, only a sign."""
    if any(x is not None and np.iscomplexobj(x) for x, _ in turns):
        return UpToPhase(name, turns, *parts)
    return Stack(*parts)
