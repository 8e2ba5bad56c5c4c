"""Krylov methods: the matrix is applied only, and answers are held against their true residual."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, spilu

from lagrad.solve.bicgstab import Product, unshared
from lagrad.solve.dominance import dominance, is_symmetric
from lagrad.solve.interface import SMALLEST_RCOND, TOLERANCE, backward_error, row_norm, scaled
from lagrad.solve.iterations import attempt
from lagrad.solve.precondition import approximate_inverse
from lagrad.solve.scaling import scales
from lagrad.solve.sparse_lu import ORDERINGS, choose_ordering
from lagrad.status import ArgumentError, SingularError, Status

EPS = float(np.finfo(float).eps)

#: The residual |b - M x| / |b| that is asked for, and the error of x that it shall allow where
#: |M^-1| is known to a factor; rounding errors stand above both.
GOAL, ERROR = 1e-12, 1e-10

#: An answer whose relative residual is no larger than this may stand where `GOAL` is out of reach.
GOOD = TOLERANCE / 10

#: A diagonal is divided by if its entries are no smaller than this part of the largest.
STRONG = 0.1

#: Rounds in which a method goes on from the true residual of what it found.
ROUNDS = 4

#: Entries of an incomplete LU: those above `DROP`, and `FILL` times those of the matrix, or what is
#: little anyhow. SciPy's defaults.
DROP, FILL, SMALL_FILL = 1e-4, 10.0, 1e6

METHODS = {"bicgstab": "BiCGSTAB", "gcrot": "GCROT", "gmres": "GMRES", "cg": "CG"}


class Krylov:
    """A `Factor` of M without factors, by BiCGSTAB, GCROT(m, k), GMRES or CG.

    M is scaled by its diagonal where it has a good one. "auto" takes CG for a matrix that is
    symmetric and positive definite by its diagonal dominance, BiCGSTAB for others; if that breaks
    down or makes no progress GCROT follows, then GMRES with an incomplete LU, then ``fallback``.
    A named method is followed only by itself with an incomplete LU.

    Unless M is strictly diagonally dominant, the first solve begins with a random right-hand side:
    only that tells a singular matrix, which solves right-hand sides in its range without a word.

    Parameters
    ----------
    m : sparse (n, n), or LinearOperator with ``matvec`` and ``rmatvec``
    method : {"auto", "bicgstab", "gcrot", "gmres", "cg"}
    preconditioner : None, "none", "ilu", or K close to M^-1
        As a LinearOperator, a matrix, a `Factor` (of a matrix near by), or a function of m that
        returns one of these. None begins without one and makes an incomplete LU if needed.
    tol : float or None
        |b - M x| <= tol |b| in the scaled system. None: 1e-12, and less if it is known that errors
        of x may be more than a hundred times as large.
    probe : bool or None
        Whether to begin with the random right-hand side; None: if M may be singular.
    fallback : function of the scaled matrix that returns its factors, or None
    rho : two floats or None
        `dominance` of m, if it is known.

    Attributes
    ----------
    method : str
        What solved the last right-hand side, and with how many products.
    products : int
        With M or its transpose, so far.

    Raises
    ------
    SingularError
        By ``solve``, if no method reached the tolerance; it says what was tried.
    """

    #: The residual is refined inside.
    accuracy = TOLERANCE
    nnz = bytes = 0

    def __init__(
        self,
        m: Any,
        method: str = "auto",
        preconditioner: Any = None,
        tol: float | None = None,
        probe: bool | None = None,
        fallback: Callable[[sp.csc_array], Any] | None = None,
        rho: tuple[float, float] | None = None,
    ) -> None:
        if method not in ("auto", *METHODS):
            raise ArgumentError(f"{method!r} is no Krylov method; there are {', '.join(METHODS)}")
        self.asked, self.wanted, self.fallback = method, tol, fallback
        self.n, self.products, self.last = int(m.shape[0]), 0, ""
        self.reached = 0
        self.direct: Any = None
        self.matrix: sp.csc_array | None = None
        self.symmetric, self.proven, self.growth = False, False, 1.0
        if sp.issparse(m):
            self.scale(sp.csc_array(m), rho)
        else:
            self.rows, self.columns = np.ones(self.n), np.ones(self.n)
            v = np.random.default_rng(1).standard_normal(self.n)
            self.forward, self.backward = partial(unshared, m.matvec), partial(unshared, m.rmatvec)
            # A lower bound, which makes the tests that use it stricter.
            self.norm = float(np.linalg.norm(self.forward(v)) / max(1.0, float(np.linalg.norm(v))))
        self.given = self.read(preconditioner, m)
        self.brought = self.given is not None and not isinstance(preconditioner, str)
        self.automatic = preconditioner is None and self.matrix is not None
        self.incomplete: Any = None
        self.pending = not self.proven if probe is None else probe

    # -- what is solved --------------------------------------------------------------------------

    def scale(self, m: sp.csc_array, rho: tuple[float, float] | None) -> None:
        """Set D_r M D_c, with ones on the diagonal if there is a good one."""
        diagonal = m.diagonal()
        by_row, by_column = dominance(m, diagonal) if rho is None else rho
        least = min(by_row, by_column)
        self.proven = bool(least < 1.0 - SMALLEST_RCOND)
        self.growth = 1.0 / (1.0 - least) if self.proven else 1.0
        ones = np.ones(self.n)
        if self.asked in ("auto", "cg") and (diagonal > 0).all() and is_symmetric(m):
            self.symmetric = True
            self.rows = self.columns = 1.0 / np.sqrt(diagonal)
        elif self.proven:
            self.rows, self.columns = ones, ones
            if by_row <= by_column:
                self.rows = 1.0 / diagonal
            else:
                self.columns = 1.0 / diagonal
        else:
            self.rows, self.columns = scales(m)
            if self.n and (np.abs(diagonal) * self.rows * self.columns).min() >= STRONG:
                self.columns = 1.0 / (diagonal * self.rows)
        by_columns = scaled(m, self.rows, self.columns)
        self.matrix = by_columns
        turned = by_columns.T  # by rows, without a copy
        by_rows = turned if self.symmetric else sp.csr_array(by_columns)
        self.norms = row_norm(by_rows), row_norm(turned)
        self.norm = float(np.sqrt(self.norms[0] * self.norms[1]))
        self.forward, self.backward = by_rows.__matmul__, turned.__matmul__

    def read(self, preconditioner: Any, m: Any) -> Callable[[np.ndarray, bool], np.ndarray] | None:
        """Return K as a function of a vector, and of whether its transpose is meant."""
        if preconditioner is None or isinstance(preconditioner, str):
            if preconditioner not in (None, "none", "ilu"):
                raise ArgumentError(
                    f"preconditioner={preconditioner!r}; None, 'none', 'ilu', a LinearOperator or "
                    "a function of the matrix that returns one are known"
                )
            if preconditioner == "ilu" and self.matrix is None:
                raise ArgumentError(
                    "preconditioner='ilu' needs a matrix, and this one is an operator only"
                )
            return self.ilu if preconditioner == "ilu" else None
        if callable(preconditioner) and not isinstance(preconditioner, LinearOperator):
            preconditioner = preconditioner(m)
        apply = approximate_inverse(preconditioner)

        def inverse(v: np.ndarray, transposed: bool) -> np.ndarray:
            before, after = (self.columns, self.rows) if transposed else (self.rows, self.columns)
            return apply(v / before, transposed) / after

        return inverse

    def ilu(self, v: np.ndarray, transposed: bool) -> np.ndarray:
        """Apply the incomplete LU, made at its first use."""
        if self.incomplete is None:
            m = self.matrix
            assert m is not None
            ordering = choose_ordering(m)
            # The panels that suit a complete LU are of no use here.
            settings = dict(ORDERINGS[ordering])
            settings.pop("relax", None)
            fill = max(FILL, SMALL_FILL / max(1, m.nnz))
            self.incomplete = spilu(m, drop_tol=DROP, fill_factor=fill, **settings)
            self.nnz = int(self.incomplete.nnz)
        return self.incomplete.solve(v, "T" if transposed else "N")

    @property
    def tol(self) -> float:
        """The residual asked for, as a part of the right-hand side."""
        if self.wanted is not None:
            return self.wanted
        return min(GOAL, max(ERROR / self.growth, EPS))

    def within(self, tol: float) -> Krylov:
        """Return the same method with another tolerance."""
        self.probe()  # once for all copies
        made = copy.copy(self)
        made.wanted = tol
        return made

    def __getstate__(self) -> dict[str, Any]:
        # SuperLU's own object does not pickle; it is made again when it is needed.
        return {**self.__dict__, "incomplete": None}

    # -- solving ---------------------------------------------------------------------------------

    @property
    def method(self) -> str:
        """What solved the last right-hand side."""
        return f"Krylov on {self.n}: {self.last or METHODS.get(self.asked, 'not used yet')}"

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return M^-1 b or M^-T b, for b (n,) or (n, k), one after the other."""
        if not b.size:
            return np.array(b, dtype=float)
        if not np.isfinite(b).all():
            raise SingularError(
                "not finite: a right-hand side holds NaN or inf, for which no Krylov method works"
            )
        self.probe()
        before, after = (self.columns, self.rows) if transposed else (self.rows, self.columns)
        if b.ndim == 1:
            return after * self.solve_scaled(before * b, transposed, self.tol)
        found = [self.solve_scaled(before * column, transposed, self.tol) for column in b.T]
        return after[:, None] * np.stack(found, axis=1)

    def probe(self) -> None:
        """Solve once with a random right-hand side, which no singular matrix has in its range.

        Its part outside of the range is about 1 / sqrt(n) of it, and the size of the answer is a
        lower bound of |M^-1| (Dixon, SIAM J. Numer. Anal. 20 (1983), p. 812).
        """
        if not self.pending:
            return
        b, root = np.random.default_rng(2).standard_normal(self.n), np.sqrt(self.n)
        x = self.solve_scaled(b, False, max(GOAL, 1e-3 / root), strictly=True)
        self.growth = float(np.linalg.norm(x) / np.linalg.norm(b)) * root
        if self.growth * self.norm >= 1.0 / SMALLEST_RCOND:
            raise SingularError(Status.SINGULAR.value)
        self.pending = False

    def solve_scaled(
        self, b: np.ndarray, transposed: bool, tol: float, strictly: bool = False
    ) -> np.ndarray:
        """Return x of the scaled system, by the first method that reaches the tolerance.

        ``strictly`` lets no rounding errors of a large x excuse a residual.
        """
        size = float(np.linalg.norm(b))
        if size == 0.0:
            return np.zeros(self.n)
        x, r, tried = np.zeros(self.n), b / size, []
        scale, b = size, b / size
        if self.direct is not None:
            return scale * self.direct.solve(b, transposed)
        stages = self.stages()
        for k in range(self.reached, len(stages)):
            name, preconditioned = stages[k]
            begin = self.products
            found, left = self.run(name, preconditioned, b, transposed, tol)
            if np.linalg.norm(left) < np.linalg.norm(r):
                x, r = found, left
            label = METHODS.get(name, name) + self.with_what(preconditioned)
            tried.append((label, self.products - begin, float(np.linalg.norm(left))))
            if np.linalg.norm(r) <= tol or (not strictly and self.close(x, r, b, tol)):
                self.last = f"{label}, {self.products - begin} products"
                self.reached = k  # What failed once is not tried again.
                return scale * x
        if not strictly and backward_error(r, x, b, self.norm) <= max(GOOD, tol):
            self.last = f"{tried[-1][0]}, residual {np.linalg.norm(r):.1e} and no smaller"
            return scale * x
        if self.fallback is not None and self.matrix is not None:
            self.direct = self.fallback(self.matrix)
            self.nnz, self.bytes = self.direct.nnz, self.direct.bytes
            self.last = f"{self.direct.method}, since {story(tried)}"
            return scale * self.direct.solve(b, transposed)
        if not np.isfinite(self.product(transposed)(np.ones(self.n))).all():
            raise SingularError("not finite: a product with the matrix gives NaN or inf")
        raise SingularError(
            f"inaccurate: no Krylov method reached a relative residual of {tol:.0e} with "
            f"{self.n:,} unknowns: {story(tried)}. The matrix is singular, nearly so, or needs a "
            "preconditioner (preconditioner=); linear_solver='lu' factorises it if memory allows"
        )

    def stages(self) -> list[tuple[str, bool]]:
        """Return the methods to try, and whether each takes the preconditioner."""
        given = self.given is not None
        if self.asked != "auto":
            first = [(self.asked, given)]
            retry = [(self.asked if self.asked != "cg" else "gmres", True)]
        else:
            first = [("bicgstab", given), ("gcrot", given)]
            if self.symmetric and self.proven and not given:
                first.insert(0, ("cg", False))
            retry = [("gmres", True)]
        return first + retry * (given or self.automatic)

    def with_what(self, preconditioned: bool) -> str:
        """Return the preconditioner in words."""
        if not preconditioned:
            return ""
        return " with the preconditioner" if self.brought else " with ILU"

    def residual(self, x: np.ndarray, b: np.ndarray, transposed: bool) -> np.ndarray:
        """Return b - M x, infinite where x is not finite."""
        with np.errstate(all="ignore"):
            r = b - self.product(transposed)(x)
        return r if np.isfinite(r).all() else np.full(self.n, np.inf)

    def product(self, transposed: bool) -> Product:
        """Return the counted product with M, or with its transpose."""
        by = self.backward if transposed else self.forward

        def counted(v: np.ndarray) -> np.ndarray:
            self.products += 1
            return by(v)

        return counted

    def close(self, x: np.ndarray, r: np.ndarray, b: np.ndarray, tol: float) -> bool:
        """True if |r| <= tol |b|, or no larger than its own rounding errors."""
        rounding = 4 * EPS * (self.norm * np.linalg.norm(x) + np.linalg.norm(b))
        return bool(np.linalg.norm(r) <= max(tol * np.linalg.norm(b), rounding))

    def run(
        self, name: str, preconditioned: bool, b: np.ndarray, transposed: bool, tol: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the x of one method and b - M x, in rounds that go on from the true residual."""
        chosen = (self.given or self.ilu) if preconditioned else None
        precondition = None
        if chosen is not None:
            try:
                chosen(b, transposed)
            except RuntimeError:  # SuperLU's word for a zero pivot
                return np.zeros(self.n), b

            def precondition(v: np.ndarray) -> np.ndarray:
                return chosen(v, transposed)

        x, r = np.zeros(self.n), b
        for k in range(ROUNDS):
            size = float(np.linalg.norm(r))
            # Half of it, since the recurrences of the methods drift from the true residual.
            goal = 0.5 * max(tol, EPS * self.norm * float(np.linalg.norm(x)))
            try:
                dx, sound = attempt(
                    name, self.product(transposed), r / size, goal / size, precondition, k
                )
            except FloatingPointError:
                break
            found = x + size * dx
            left = self.residual(found, b, transposed)
            gain = float(np.linalg.norm(left)) / size
            if gain < 1.0:
                x, r = found, left
            if self.close(x, r, b, tol) or gain > 0.5 or not sound and gain > 1e-3:
                break
        return x, r


def story(tried: list[tuple[str, int, float]]) -> str:
    """Tell what was tried."""
    return ", ".join(
        f"{label} stayed at {left:.1e} after {products} products" for label, products, left in tried
    )


def predicted_products(rho: float) -> float:
    """Return how many products reach `GOAL` in a matrix of this dominance; inf if it has none.

    Jacobi's iteration needs log(GOAL) / log(rho); a Krylov method about the square root of that in
    the worst case, as with Chebyshev's polynomials (1.4 times as many were measured with BiCGSTAB
    on a torus, a fifth on random chains).
    """
    if not rho < 1.0:
        return float("inf")
    if rho <= 0.0:
        return 2.0
    steps = -np.log(GOAL)
    return float(min(steps / -np.log(rho), 1.4 * steps / np.sqrt(2 * (1.0 - rho))) + 2)
