"""Factors of a matrix near by, used for this one: iterative refinement on the exact matrix.

With N^-1 from the factors of N, close to M, the iteration x <- x + N^-1 (b - M x) reduces the error
by |I - N^-1 M| a step (N. Higham, Accuracy and Stability of Numerical Algorithms, 2002, ch. 12).
After Newton's method N is R at the iterate before the last one, and one or two steps do. Only the
residual with M itself decides, so that nothing of N is left in the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.solve.interface import ACCURACY, TOLERANCE, Factor, backward_error, largest, norms
from lagrad.solve.krylov import Krylov
from lagrad.solve.select import factorize

#: What rounding leaves: of a residual, and of a correction.
FINE = 4 * float(np.finfo(float).eps)

#: A step that reduces the residual by less than this is slow, and so many steps are too many.
SLOW, MANY = 0.1, 8


class Refined:
    """A `Factor` of M by the factors of a matrix near by, renewed once if they do not serve.

    Parameters
    ----------
    m : sparse (n, n), or LinearOperator with ``matvec`` and ``rmatvec``
    stale : `Factor` of a matrix near by
    renew : function of m that returns its factors, or None
        For a sparse matrix `factorize`, with the plan of the stale factors; for an operator a
        Krylov method with the stale factors as preconditioner.

    Attributes
    ----------
    method : str
        How it went in the last solve.
    steps : int
        Of refinement, in the last solve.
    renewed : bool

    Raises
    ------
    SingularError
        When the factors are renewed, and the matrix turns out to be singular.
    """

    accuracy = TOLERANCE

    def __init__(self, m: Any, stale: Factor, renew: Callable[[Any], Factor] | None = None) -> None:
        self.m, self.factor = m, stale
        self.renew = renew or (self.factors if sp.issparse(m) else self.krylov)
        self.steps, self.renewed = 0, False
        self.norms = norms(m, stale.rows, stale.columns)
        if not sp.issparse(m):
            # Those of the matrix near by, if they are known; zero makes the test stricter.
            self.norms = getattr(stale, "norms", self.norms)

    @property
    def rows(self) -> np.ndarray:
        """The scaling of the factors at hand."""
        return self.factor.rows

    @property
    def columns(self) -> np.ndarray:
        """The scaling of the factors at hand."""
        return self.factor.columns

    @property
    def nnz(self) -> int:
        """The entries of the factors at hand."""
        return getattr(self.factor, "nnz", 0)

    @property
    def bytes(self) -> int:
        """The bytes of the factors at hand."""
        return getattr(self.factor, "bytes", 0)

    @property
    def plan(self) -> Any:
        """The plan of the factors at hand."""
        return getattr(self.factor, "plan", None)

    @property
    def method(self) -> str:
        """How the last solve went."""
        if self.renewed:
            return f"renewed: {self.factor.method}"
        plural = "" if self.steps == 1 else "s"
        return f"the forward factorisation, {self.steps} refinement step{plural}"

    def factors(self, m: Any) -> Factor:
        """Return the factors of m itself, by the plan that the stale ones followed."""
        return factorize(m, self.plan or "auto")

    def krylov(self, m: Any) -> Factor:
        """Return a Krylov method with the stale factors as preconditioner."""
        return Krylov(m, preconditioner=self.factor)

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b, for b (n,) or (n, k)."""
        if not b.size:
            return np.array(b, dtype=float)
        if not self.renewed:
            x = self.refine(b, transposed)
            if x is not None:
                return x
            self.factor, self.renewed = self.renew(self.m), True
            self.norms = norms(self.m, self.rows, self.columns)
        self.steps = 0
        return self.factor.solve(b, transposed)

    def refine(self, b: np.ndarray, transposed: bool) -> np.ndarray | None:
        """Return x with a residual near rounding, or None if the factors do not serve."""
        before, after = (self.columns, self.rows) if transposed else (self.rows, self.columns)
        if b.ndim == 2:
            before, after = before[:, None], after[:, None]
        m, norm = (self.m.T if transposed else self.m), self.norms[int(transposed)]
        self.steps, last = 0, np.inf
        with np.errstate(all="ignore"):
            x = self.factor.solve(b, transposed)
            r = b - m @ x
            size = backward_error(before * r, x / after, before * b, norm)
            # An iterative method takes as long for a correction as for the answer, and an operator
            # does not tell its norm: rounding errors then look larger than they are.
            iterative = hasattr(self.factor, "products")
            limit = TOLERANCE / 10 if iterative or not norm else ACCURACY
            while self.steps < MANY and not (iterative and size <= limit):
                # In an ill-conditioned system the residual is small long before x is right, so the
                # corrections of x tell when to stop: at its rounding, or when they no longer fall.
                d = self.factor.solve(r, transposed)
                change = largest(d / after) / (largest(x / after) or 1.0)
                if not change < SLOW * last:
                    break
                left = b - m @ (x + d)
                smaller = backward_error(before * left, (x + d) / after, before * b, norm)
                self.steps += 1
                if not smaller <= max(SLOW * size, ACCURACY):
                    break
                x, r, size = x + d, left, smaller
                # The next correction shrinks as this one did; the first shrank from x itself.
                if change * change / min(last, 1.0) <= FINE:
                    break
                last = change
        return x if size <= limit else None
