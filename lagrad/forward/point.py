"""The conditions of a cycle at one point: what a step of Newton's method needs to know there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.residual import Conditions, Linear
from lagrad.rounding import ROUNDING
from lagrad.solve.interface import Factor, certified, largest

EPS = float(np.finfo(float).eps)


@dataclass(eq=False)
class Point:
    """``g`` at z, and its linearization where it is asked for."""

    problem: Conditions
    z: np.ndarray
    r: np.ndarray
    rng: np.random.Generator
    known: Linear | None = field(default=None)

    @cached_property
    def linear(self) -> Linear:
        """The conditions traced at z."""
        return self.known or self.problem.linearize(self.z)

    @cached_property
    def rounding(self) -> np.ndarray:
        """What r may be by rounding errors alone."""
        return ROUNDING * self.linear.rounding(self.rng)

    @property
    def finite(self) -> bool:
        """True if no residual is NaN or inf."""
        return bool(np.isfinite(self.r).all())

    @cached_property
    def eps(self) -> float:
        """The rounding of the coarsest dtype among unknowns and equations."""
        equations = self.problem.equations
        dtypes = [*self.problem.layout.dtypes, *(equations.dtypes if equations else [])]
        return max((float(np.finfo(d).eps) for d in dtypes), default=EPS)

    def met(self, slope: Slope, dz: np.ndarray) -> np.ndarray:
        """Return what rounding of R dz may leave in r."""
        return ROUNDING * self.eps * slope.terms(dz)

    def allowed(self, tol: float) -> np.ndarray:
        """Return tol^2 of the terms of r, and no less than their rounding errors."""
        return self.rounding * max(1.0, tol**2 / (ROUNDING * EPS))

    def moved(self, dz: np.ndarray) -> Point:
        """Return the point z + dz."""
        z = self.z + dz
        return Point(self.problem, z, self.problem.evaluate(z), self.rng)


@dataclass(eq=False)
class Slope:
    """R of some point, factorised; it serves for steps from points near by as well.

    ``A`` is a matrix, or an operator where R is not formed.
    """

    A: Any
    factor: Factor

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return x of A x = b, or of A^T x = b, checked.

        Raises
        ------
        SingularError
            If it is inaccurate.
        """
        return certified(self.A, self.factor, b, transposed)[0]

    @property
    def iterative(self) -> bool:
        """True if a solve costs many products with A, and none can be had for less."""
        return hasattr(self.factor, "within")

    def step(self, change: np.ndarray, roughly: float = 0.0) -> np.ndarray:
        """Return the dz that changes r by ``change``: R dz = change.

        An iterative method may leave the part ``roughly`` of it.
        """
        if roughly and self.iterative:
            return self.factor.within(roughly).solve(change, True)  # type: ignore[attr-defined]
        return self.solve(change, transposed=True)

    def weight(self, r: np.ndarray, bound: np.ndarray | float = 0.0) -> float:
        """Return the largest |r| above a bound, equations weighed by the scales of their columns.

        So it does not depend on their units.
        """
        left = np.abs(r) if isinstance(bound, float) else np.maximum(np.abs(r) - bound, 0.0)
        return largest(self.factor.columns * left)

    def terms(self, dz: np.ndarray) -> np.ndarray:
        """Return |R| |dz|, the size of what R dz is the sum of; zero where R is not formed."""
        return np.zeros(len(dz)) if self.sizes is None else self.sizes @ np.abs(dz)

    @cached_property
    def sizes(self) -> Any:
        """|R|, None where R is not formed."""
        return abs(self.A.T) if sp.issparse(self.A) or isinstance(self.A, np.ndarray) else None


def below(r: np.ndarray, bound: np.ndarray) -> bool:
    """True if no entry of r is above its bound."""
    return bool((np.abs(r) <= bound).all())
