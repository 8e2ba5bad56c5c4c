"""Which method a linear system gets: by predicted cost and memory, with the reason in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from lagrad.memory import available_memory
from lagrad.solve.batched import block_form
from lagrad.solve.dominance import dominance
from lagrad.solve.fill import expands, predicted_fill
from lagrad.solve.krylov import METHODS, predicted_products
from lagrad.solve.layout import Form, same_pattern
from lagrad.solve.sparse_lu import ENTRY, SMALL, Order
from lagrad.solve.tridiagonal import is_tridiagonal
from lagrad.solve.two_colour import two_colours
from lagrad.status import ArgumentError, SizeError, suggestion

#: Up to here a dense LU of n^3 / 3 products is faster than the bookkeeping of a sparse one.
DENSE = 100

#: From here on a matrix is dense: this part of its entries is there.
FILLED = 0.2

#: Arithmetic a second, as measured on one core: it decides between methods, and promises nothing.
RATE = {"dense": 5e9, "lu": 2.5e9, "krylov": 4e9}

#: Seconds an entry of L and U costs beside arithmetic.
PER_ENTRY = 12e-9

#: Work of an entry of each vector in one product of a Krylov method.
VECTORS = 24

#: Two solves are expected, one for values and one for multipliers, and factors that serve for more
#: are worth twice the time.
SOLVES, FACTORS_WORTH = 2, 2.0

#: Half the steps of half the work, where a graph has two colours; a third of the time was measured.
COLOURED = 3.0

#: Where nothing is known of their convergence, Krylov methods may try with so many products, if
#: that costs this part of the factors.
TRIAL, CHEAP = 1000, 0.05

DIRECT = ("division", "dense", "block", "lu")


@dataclass(frozen=True)
class Plan:
    """The method for a linear system.

    Attributes
    ----------
    method : {"division", "dense", "tridiagonal", "block", "lu", "krylov", "gmres", "gcrot",
              "bicgstab", "cg", "custom"}
    why : str
        With the predicted cost of this method and of what it was compared with.
    flops, bytes : float
        Predicted, NaN where nothing can be said.
    preconditioner : as given to `plan`
    asked : as given to `plan`
    pattern : pair of int arrays, or None
        (indices, indptr) of the matrix, if the method is for this pattern alone.
    order : `Order` of a sparse LU that was made by this plan, or None
    """

    method: str
    why: str
    flops: float = float("nan")
    bytes: float = float("nan")
    preconditioner: Any = None
    solver: Callable[[Any], Any] | None = field(default=None, repr=False)
    form: Form | None = field(default=None, repr=False, compare=False)
    rho: tuple[float, float] | None = field(default=None, repr=False)
    red: np.ndarray | None = field(default=None, repr=False, compare=False)
    #: What follows where a Krylov method fails: "", "lu", or "trial" if that is found out at once.
    fallback: str = ""
    asked: Any = field(default="auto", repr=False, compare=False)
    pattern: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False, compare=False)
    order: Order | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.why

    def serves(self, m: Any) -> bool:
        """True if the plan may be followed for this matrix: its entries are where they were."""
        if self.pattern is None:
            return True
        return sp.issparse(m) and same_pattern(m, *self.pattern)


def plan(
    m: Any,
    linear_solver: Any = "auto",
    preconditioner: Any = None,
    available: float | None = None,
    irreducible: bool = False,
) -> Plan:
    """Choose the method for a square matrix.

    A plan depends on the pattern of the matrix, and on its diagonal dominance. It can be passed in
    the place of ``linear_solver`` for the next matrix: with the same pattern it saves the
    prediction, and for another one a new plan is made.

    Parameters
    ----------
    m : sparse (n, n), or LinearOperator with ``matvec`` and ``rmatvec``
    linear_solver : {"auto", "dense", "lu", "block", "krylov", "gmres", "gcrot", "bicgstab", "cg"}
        Or a function of m, see `Custom`.
    preconditioner : as for `Krylov`; only Krylov methods take one
    available : float or None
        Bytes that may be used; None asks the system.
    irreducible : bool
        True if it is known that the matrix has no block triangular form.

    Raises
    ------
    SizeError
        If the method asked for does not fit in memory, with its size.
    SingularError
        If the pattern alone makes the matrix singular.
    ArgumentError
        For a method that is not known, or does not go with the matrix or the preconditioner.
    """
    if isinstance(linear_solver, Plan):
        if linear_solver.serves(m):
            return linear_solver
        linear_solver = linear_solver.asked
    m = sp.csc_array(m) if sp.issparse(m) else m
    made = choose(m, linear_solver, preconditioner, available, irreducible)
    bound = made.method in ("tridiagonal", "block") or made.red is not None
    known = (m.indices, m.indptr) if bound else None
    return replace(made, asked=linear_solver, pattern=known)


def choose(
    m: Any, linear_solver: Any, preconditioner: Any, available: float | None, irreducible: bool
) -> Plan:
    """Return the plan of `plan`, for any matrix."""
    n = m.shape[0]
    if callable(linear_solver):
        return Plan("custom", "the solver that was given", solver=linear_solver)
    if linear_solver != "krylov" and linear_solver not in ("auto", *DIRECT[1:], *METHODS):
        known = ["auto", *DIRECT[1:], "krylov", *METHODS]
        raise ArgumentError(
            f"linear_solver={linear_solver!r}{suggestion(str(linear_solver), known)}, and any "
            "function of the matrix"
        )
    if not sp.issparse(m):
        if linear_solver in DIRECT:
            raise ArgumentError(
                f"linear_solver={linear_solver!r} needs a matrix, and this one is applied only; "
                "take 'auto' or a Krylov method"
            )
        method = "krylov" if linear_solver == "auto" else linear_solver
        return Plan(method, "Krylov: the matrix is applied only", preconditioner=preconditioner)
    if linear_solver == "krylov" or linear_solver in METHODS:
        return Plan(linear_solver, "Krylov, as asked", preconditioner=preconditioner)
    if preconditioner is not None:
        if linear_solver in DIRECT:
            raise ArgumentError(
                f"linear_solver={linear_solver!r} takes no preconditioner; Krylov methods do"
            )
        return Plan("krylov", "Krylov, for the preconditioner", preconditioner=preconditioner)
    have = available_memory() if available is None else available
    if linear_solver == "dense":
        return dense_plan(n, have, "as asked")
    if linear_solver == "block":
        return block_plan(block_form(m), "as asked")
    if linear_solver == "lu":
        return lu_plan(m, have)
    if n <= DENSE:
        return small_plan(n)
    if is_tridiagonal(m):
        return Plan("tridiagonal", "tridiagonal LU, which has no fill", 10.0 * n, 36.0 * n)
    rho = (np.inf, np.inf) if n <= SMALL else dominance(m, m.diagonal())
    random = min(rho) < 1.0 and expands(m)
    if not irreducible and not random:
        form = block_form(m)
        if len(form) > 1 and form.sizes.max() <= n / 2:
            return block_plan(form, "")
    if n > SMALL:
        return cheapest(m, have, rho, random)
    filled = m.nnz / n**2
    if filled > FILLED:
        return dense_plan(n, have, f"{filled:.0%} of it is filled")
    return Plan("lu", "sparse LU: it is small")


def cheapest(m: sp.csc_array, have: float, rho: tuple[float, float], random: bool) -> Plan:
    """Return the plan for a large irreducible matrix.

    Parameters
    ----------
    have : bytes that may be used
    rho : `dominance` of m
    random : bool
        Whether its graph `expands`.
    """
    n = m.shape[0]
    entries, flops = (n**2 / 4, n**3 / 8) if random else predicted_fill(m)
    need = ENTRY * entries
    told = f"sparse LU about {flops:.1e} flops and {size(need)}"
    seconds = flops / RATE["lu"] + PER_ENTRY * entries
    dense = 2 / 3 * n**3
    if entries > n**2 / 2 and 16.0 * n**2 <= have and dense / RATE["dense"] < seconds:
        seconds, need = dense / RATE["dense"], 16.0 * n**2
        told, direct = f"dense LU {dense:.1e} flops and {size(need)}", "dense"
    else:
        direct = "lu"
    step = 2.0 * m.nnz + VECTORS * n
    krylov, vectors = SOLVES * predicted_products(min(rho)) * step, 12.0 * m.nnz + 80.0 * n
    red = two_colours(m) if np.isfinite(krylov) and not random else None
    if red is not None:
        krylov /= COLOURED
    fits = need <= have
    if np.isfinite(krylov):
        other = f"Krylov {krylov:.1e} flops"
        if not fits or FACTORS_WORTH * krylov / RATE["krylov"] < seconds:
            why = (
                f"Krylov{'' if red is None else ' on one colour of two'}: about {krylov:.1e} flops "
                "predicted for two solves, since the diagonal outweighs its row or column by a "
                f"factor of {1 / min(rho):.4g}; {told}"
            )
            last = direct if fits else ""
            return Plan("krylov", why, krylov, vectors, rho=rho, red=red, fallback=last)
    else:
        other = "nothing is known of Krylov methods"
        if not fits:
            why = f"Krylov: {told} would not fit in the {size(have)} that are free"
            return Plan("krylov", why, krylov, vectors, rho=rho)
        if TRIAL * step / RATE["krylov"] < CHEAP * seconds:
            why = f"Krylov, as a trial that costs little; {told}"
            return Plan("krylov", why, TRIAL * step, vectors, "none", rho=rho, fallback="trial")
    name = f"{told} predicted; {other}"
    return Plan(direct, name, flops if direct == "lu" else dense, need, rho=rho)


def small_plan(n: int) -> Plan:
    """Return the plan of so few rows that nothing is to be compared."""
    if n == 1:
        return Plan("division", "division by the one entry", 1, 8)
    return Plan("dense", "dense LU: it is small", 2 / 3 * n**3, 16.0 * n**2)


def dense_plan(n: int, have: float, reason: str) -> Plan:
    """Return the plan of a dense LU, if it fits."""
    need = 16.0 * n**2
    refuse(need, have, f"a dense LU of {n:,} rows")
    return Plan("dense", f"dense LU: {reason}", 2 / 3 * n**3, need)


def lu_plan(m: sp.csc_array, have: float) -> Plan:
    """Return the plan of a sparse LU, if it is predicted to fit."""
    if m.shape[0] <= SMALL:
        return Plan("lu", "sparse LU, as asked")
    entries, flops = predicted_fill(m)
    refuse(ENTRY * entries, have, f"the factors of {m.shape[0]:,} rows, by their pattern,")
    why = f"sparse LU, as asked: about {flops:.1e} flops and {size(ENTRY * entries)} predicted"
    return Plan("lu", why, flops, ENTRY * entries)


def block_plan(form: Form, reason: str) -> Plan:
    """Return the plan of a block triangular form."""
    sizes = form.sizes.astype(float)
    # A large block is taken for a grid: 20 n^(3/2) operations, 50 entries a row.
    flops = float(np.minimum(2 / 3 * sizes**3, 20 * DENSE**1.5 + 20 * sizes**1.5).sum())
    entries = float(np.minimum(sizes**2, 50 * sizes).sum())
    why = (
        f"block triangular form{', ' + reason if reason else ''}: {len(form):,} blocks, the "
        f"largest of {int(sizes.max(initial=0)):,} rows"
    )
    return Plan("block", why, flops, ENTRY * entries, form=form)


def refuse(need: float, have: float, what: str) -> None:
    """Refuse what does not fit in memory.

    Raises
    ------
    SizeError
        With both sizes.
    """
    if need > have:
        raise SizeError(
            f"{what} would need {need:,.0f} bytes, {have:,.0f} are free. Take "
            "linear_solver='krylov', with a preconditioner if need be"
        )


def size(count: float) -> str:
    """Return a number of bytes in words."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:,.0f} {unit}"
        count /= 1000
    raise AssertionError
