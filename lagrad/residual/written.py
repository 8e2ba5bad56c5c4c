"""Conditions linearized at a point by a program, as plain numbers."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.residual.linear import Linear, stored
from lagrad.rounding import SAMPLES, Signs


class Written:
    """The conditions linearized by a program: R as numbers; what else is asked for is traced.

    Parameters
    ----------
    r, R : arrays (n,), (n, n)
    S : array (n, entries of all steps of g)
        The rounding error of each step times its derivative.
    sizes : array of int
        How many entries each step has.
    """

    def __init__(
        self,
        problem: Any,
        z: np.ndarray,
        r: np.ndarray,
        R: np.ndarray,  # noqa: N803
        S: np.ndarray,  # noqa: N803
        sizes: np.ndarray,
    ) -> None:
        self.problem, self.z, self.r, self.R, self.S, self.sizes = problem, z, r, R, S, sizes
        self.layout, self.dense = problem.layout, R.T

    @cached_property
    def traced(self) -> Linear:
        """The conditions traced at the same point."""
        return self.problem.traced(self.z)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.traced, name)

    @property
    def swept(self) -> sp.csc_array:
        """A with every entry stored."""
        return stored(self.dense)

    A = swept

    def along(self, dz: Any) -> Any:
        """Return R dz."""
        return self.R @ dz

    @property
    def bound(self) -> np.ndarray:
        """More than the rounding errors of g, whatever their signs are."""
        return np.abs(self.S).sum(axis=1)

    def rounding(self, rng: np.random.Generator) -> np.ndarray:
        """As `lagrad.rounding.rounding_errors`, with the same random numbers."""
        worst = np.zeros(len(self.S))
        if len(worst) == 1:
            return self.bound
        for _ in range(SAMPLES):
            worst = np.maximum(worst, np.abs(self.S @ signs(rng, self.sizes)))
        return worst


def signs(rng: np.random.Generator, sizes: np.ndarray) -> np.ndarray:
    """Return the random signs of arrays of these sizes, as one vector."""
    if (sizes == 1).all():  # the same numbers, drawn at once
        pool = rng.uniform(-1.0, 1.0, 2)
        return (pool + np.copysign(1.0, pool))[rng.integers(2, size=len(sizes))]
    drawn = Signs(rng)
    return np.concatenate([np.ravel(drawn.times(np.ones(n))) for n in sizes.tolist()])
