"""How the linear systems of a cycle are set up: condensed, extended, or applied only.

condensed   R = dg/dz, the steps of g eliminated by products of their partials (or found from
            few tangents, once the pattern is known)
extended    the steps of g stay as unknowns; a step that everything goes through, such as a sum,
            fills R but not the extended matrix
applied     R is never formed: products with it are sweeps through g
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, gmres

from lagrad.assemble import BYTES_PER_ENTRY, available_memory, graph_entries, to_matrix
from lagrad.colour import colour, from_tangents
from lagrad.eliminate import predict
from lagrad.forward.point import Slope
from lagrad.order import Deficiency, match
from lagrad.partials import joined
from lagrad.residual import Conditions, Linear
from lagrad.solve.krylov import Krylov
from lagrad.solve.reuse import Refined
from lagrad.solve.select import factorize
from lagrad.status import SingularError, StructureError

#: Up to so many unknowns nothing is worth predicting.
TINY = 12

#: Products with a matrix of so many entries are as cheap as anything else in a step.
FEW = 200_000

#: An extended matrix is taken where it has so many times fewer entries than the condensed one.
SPARSER = 4.0

#: So many steps that hold so few entries each are assembled faster together than one by one.
MANY, SMALL = 1000, 20.0

#: R counts as dense with this part of all entries, and a step costs a sweep as much as so many
#: numbers.
DENSE, STEP = 0.1, 20_000.0

#: Seconds, roughly: of a multiplication in a sparse product, of an entry in a factorisation of
#: dense blocks, of an entry of a partial in a sweep, and of a step in it. What takes longer than
#: `LONG` may be worth a trial of so many products without R, which must reach the relative residual
#: `SEEN`.
PER_PRODUCT, PER_FACTOR, PER_NUMBER, PER_STEP = 4e-8, 1e-7, 5e-10, 3e-5
LONG, TRIAL, SEEN = 0.2, 60, 1e-8

#: The part of the free memory that a matrix may take before its factors.
SHARE = 0.25

#: Methods that serve for other values too, if the pattern is the same.
DIRECT = ("division", "dense", "tridiagonal", "block", "lu")

#: Work of an entry in a sparse product, in units of that of a number in a sweep of tangents; and
#: how much must be saved, since colouring costs as much as a few products.
PRODUCT, WORTH = 20.0, 4.0


@dataclass
class Decided:
    """How the linear systems of a cycle are set up and solved, decided at the first of them.

    Attributes
    ----------
    sizes : the number of unknowns and of steps of g that ``way`` was chosen for
    way, method : from `choice`
    pattern, colours : of R, where it is found from tangents; ``looked`` says that this was decided
    plan : as for `lagrad.solve.factorize`
    """

    sizes: tuple[int, int] = (-1, -1)
    way: str = ""
    method: str = "Newton"
    pattern: sp.csr_array | None = None
    colours: np.ndarray | None = None
    looked: bool = False
    plan: Any = None


class Linearizer:
    """Returns the factorised R at a point; what it decides at the first one holds for the next.

    And for the next search of the same structure: it begins with what was decided then.

    Parameters
    ----------
    problem : Conditions
    method : {"auto", "newton", "newton-krylov", "anderson", "iteration"}
    linear_solver, preconditioner : as for `lagrad.solve.factorize`
    """

    def __init__(
        self, problem: Conditions, method: str, linear_solver: Any, preconditioner: Any
    ) -> None:
        self.problem, self.asked = problem, method
        self.linear_solver, self.preconditioner = linear_solver, preconditioner
        self.decided: Decided | None = None

    @property
    def method(self) -> str:
        """The method, with its reason in words."""
        return self.decided.method if self.decided else "Newton"

    def decide(self, linear: Linear) -> Decided:
        """Return what this or an earlier search decided for the same sizes, else choose.

        What was found by trying how an iterative method does, at other values, is not taken over.
        """
        if self.decided is not None:
            return self.decided
        known, n = self.problem.structure.decided, linear.layout.size
        sizes = n, len(linear.graph) if n > TINY else -1  # of a few unknowns the steps do not count
        key = self.asked, self.linear_solver, self.preconditioner
        told = isinstance(self.linear_solver, str) and self.preconditioner is None
        found = known.get(key) if told else None
        if found is not None and found.sizes == sizes:
            direct = getattr(found.plan, "method", "") in DIRECT
            self.decided = replace(found, plan=found.plan if direct else None)
            return self.decided
        self.decided = Decided(sizes, *choice(linear, self.asked))
        if told and self.decided.way != "applied":
            known[key] = self.decided
        return self.decided

    def __call__(self, linear: Linear) -> Slope:
        decided = self.decide(linear)
        with np.errstate(all="ignore"):
            if decided.way == "applied":
                return applied(linear, self.linear_solver, self.preconditioner)
            if decided.way == "extended":
                try:
                    return extended(linear, self.linear_solver)
                except SingularError:
                    # Its steps may be out of all scale where R itself is not.
                    if predict(linear.graph, linear.varying).condensed > FEW:
                        raise
                    decided.way, decided.method = "condensed", "Newton with R formed"
            A = self.matrix(linear)  # noqa: N806
            return self.named(linear, lambda: Slope(A, self.factors(A)))

    def factors(self, A: Any) -> Any:  # noqa: N803
        """Return the factors of A, by the plan that was made for the first one."""
        assert self.decided is not None
        factor = factorize(A, self.decided.plan or self.linear_solver, self.preconditioner)
        self.decided.plan = getattr(factor, "plan", None)
        return factor

    def reuse(self, linear: Linear, slope: Slope) -> Slope:
        """Return A of another linearization near by, with the factors of ``slope`` for it.

        They only precondition a refinement on the exact A, whose products are sweeps through g; if
        they do not serve, it is factorised after all.
        """
        A = operator(linear)  # noqa: N806
        return Slope(A, Refined(A, slope.factor, lambda _: self(linear).factor))

    def named(self, linear: Linear, made: Any) -> Slope:
        """Return what ``made`` gives; of a structurally singular R say which part is too much."""
        try:
            return made()
        except SingularError:
            assert self.decided is not None
            if self.decided.way in ("condensed", "swept"):
                refuse_deficient(self.problem, linear)
            raise

    def matrix(self, linear: Linear) -> Any:
        """Return A = R^T, from few tangents where that is cheaper and the pattern is known."""
        decided = self.decide(linear)
        if linear.layout.size <= TINY and self.linear_solver == "auto" and not self.preconditioner:
            return linear.dense
        if decided.way == "swept":
            return linear.swept
        if decided.pattern is None:
            decided.pattern = linear.A.T
            return linear.A
        if not decided.looked:  # only now, since many searches need R no second time
            decided.looked = True
            if decided.pattern.nnz > FEW and cheaper(linear, decided.pattern):
                decided.colours = colour(decided.pattern)
        if decided.colours is not None:
            R = from_tangents(linear.along, decided.pattern, decided.colours)  # noqa: N806
            if R is not None:
                return R.T
            decided.colours = None
        return linear.A


def cheaper(linear: Linear, pattern: sp.csr_array) -> bool:
    """True if the sweeps of all colours cost less than the products of all partials."""
    graph, entries = linear.graph, pattern.nnz
    widest = int(np.diff(pattern.indptr).max(initial=0))
    sweeps = widest * (2.0 * float(graph.sizes.sum()) + 3.0 * entries)
    steps = len(graph) - len(graph.inputs)
    return WORTH * sweeps < PRODUCT * entries * steps


def choice(linear: Linear, method: str) -> tuple[str, str]:
    """Return how the linear systems are set up, and the method with its reason in words."""
    if method == "newton-krylov":
        return "applied", "Newton-Krylov, as asked: R is applied and not formed"
    if linear.layout.size <= TINY:
        return "condensed", "Newton with R formed, since it is small"
    condensed, whole, products = predict(linear.graph, linear.varying)
    room = SHARE * available_memory() / BYTES_PER_ENTRY
    sizes = f"R has {condensed:,.0f} entries at most"
    steps = len(linear.graph) - len(linear.graph.inputs)
    if steps > MANY and whole < SMALL * steps and not linear.graph.cycles:
        return (
            "extended",
            f"Newton with the {steps:,} small steps of g assembled at once as unknowns",
        )
    n = float(linear.layout.size)
    sweeps = n * (whole + STEP * steps)
    if n * n <= room and condensed > DENSE * n * n and sweeps < PRODUCT * products:
        return "swept", f"Newton with R formed by {n:,.0f} sweeps, since it is dense"
    forming = PER_PRODUCT * products + PER_FACTOR * condensed
    sweep = PER_NUMBER * whole + PER_STEP * steps
    # Only what is dear beside sixty products is worth the trial.
    if method != "newton" and forming > LONG and forming > 2 * TRIAL * sweep and easy(linear):
        return (
            "applied",
            f"Newton-Krylov, since {sizes}, and {TRIAL} products were seen to solve with it",
        )
    if condensed <= FEW or (condensed <= SPARSER * whole and condensed <= room):
        return "condensed", f"Newton with R formed, since {sizes}"
    if whole <= room and not linear.graph.cycles and condensed > SPARSER * whole:
        return (
            "extended",
            f"Newton with the steps of g kept as unknowns: {whole:,.0f} entries, {sizes}",
        )
    if condensed <= room:
        return "condensed", f"Newton with R formed, since {sizes}"
    return "applied", f"Newton-Krylov, since {sizes}, which would not fit: R is applied, not formed"


def easy(linear: Linear) -> bool:
    """True if GMRES solves with A at a random right-hand side in few products.

    So it is for a contraction, however large and dense R is.
    """
    b = np.random.default_rng(0).standard_normal(linear.layout.size)
    _, info = gmres(operator(linear), b, rtol=SEEN, atol=0.0, restart=TRIAL, maxiter=1)
    return info == 0


def operator(linear: Linear) -> LinearOperator:
    """Return A as an operator: its products are sweeps of multipliers, those of A^T of tangents."""
    n = linear.layout.size
    return LinearOperator((n, n), matvec=linear.back, rmatvec=linear.along, dtype=float)


def applied(linear: Linear, linear_solver: Any, preconditioner: Any) -> Slope:
    """Return A as an operator, with a Krylov method in the place of factors."""
    method = "auto" if linear_solver in ("auto", "krylov") else linear_solver
    A = operator(linear)  # noqa: N806
    return Slope(A, Krylov(A, method, preconditioner))


def extended(linear: Linear, linear_solver: Any) -> Slope:
    """Return A as an operator, with factors of the matrix in which the steps are unknowns."""
    return Slope(operator(linear), Extended(linear, linear_solver))


class Extended:
    """Factors of ``A`` from those of the extended matrix.

    dz_i - sum of J_ij dz_j = 0   for every step,    dz_o = b   for every output
    """

    def __init__(self, linear: Linear, linear_solver: Any) -> None:
        graph = linear.graph
        offsets = np.concatenate([[0], np.cumsum(graph.sizes * graph.widths)])
        total = int(offsets[-1])
        rows, columns, data = graph_entries(graph, offsets, graph.widths)
        steps = np.ones(total, dtype=bool)
        for r in (*linear.unknowns, *linear.parameters):
            steps[offsets[r] : offsets[r + 1]] = False
        kept = np.ones(total, dtype=bool)
        for r in linear.parameters:
            kept[offsets[r] : offsets[r + 1]] = False
        # Equations: one a step, then one an entry of the outputs. Variables: all but parameters.
        equation, variable = np.cumsum(steps) - 1, np.cumsum(kept) - 1
        own = np.flatnonzero(steps)
        inside = kept[columns]
        rows, columns, data = rows[inside], columns[inside], data[inside]
        outputs = [np.arange(offsets[r], offsets[r + 1]) for r in linear.rows if r is not None]
        out = np.concatenate(outputs) if outputs else np.zeros(0, dtype=int)
        first = len(own)
        equations, variables, partials = joined(
            [
                (equation[own], variable[own], np.ones(len(own))),
                (equation[rows], variable[columns], -data),
                (first + np.arange(len(out)), variable[out], np.ones(len(out))),
            ]
        )
        size = int(kept.sum())
        unknown = [np.arange(offsets[r], offsets[r + 1]) for r in linear.unknowns]
        self.z = variable[np.concatenate(unknown)]
        self.lam = first + np.arange(len(out))
        self.size = size
        self.factor = factorize(
            to_matrix((variables, equations, partials), (size, first + len(out))),
            linear_solver,
        )
        self.rows, self.columns = self.factor.rows[self.z], self.factor.columns[self.lam]
        self.method = f"extended by {first:,} steps: {self.factor.method}"
        self.nnz = getattr(self.factor, "nnz", 0)
        self.bytes = getattr(self.factor, "bytes", 0)

    def solve(self, b: np.ndarray, transposed: bool = False) -> np.ndarray:
        """Return A^-1 b or A^-T b."""
        given, wanted = (self.lam, self.z) if transposed else (self.z, self.lam)
        whole = np.zeros((self.size, *b.shape[1:]))
        whole[given] = b
        return self.factor.solve(whole, transposed)[wanted]


def refuse_deficient(problem: Conditions, linear: Linear) -> None:
    """Refuse conditions that cannot determine the unknowns, whatever their values.

    Raises
    ------
    StructureError
        With the names of the over- and the under-determined part.
    """
    found = match(sp.csr_array(linear.structure.T))
    if isinstance(found, Deficiency):
        told = found.told(linear.equations.entry_names(), problem.layout.entry_names())
        raise StructureError(
            f"{problem.what}: {told}. Every unknown needs an equation of its own: look for one "
            "that is missing, or written twice"
        )
