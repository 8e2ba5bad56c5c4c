"""The Bratu problem on an n x n grid: heat made by a reaction that heat speeds up, up to the fold.

    -Laplace u = lam k exp(u) in the unit square, u = 0 on its border,   J = mean u

Up to lam = 6.808124423 there are two solutions, beyond none; where they meet, R is singular. With
the peak of u given and lam unknown the same equations are regular there, which gives the turning
point: the place where dlam/dpeak = 0.
"""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

import lagrad as lg
from lagrad.gallery.problem import Check, Problem, direction_at, slope_check
from lagrad.status import ArgumentError

N, LAM = 63, 6.0
FOLD, PEAK = 6.80812442259, 1.3916612


def laplacian(n: int) -> sp.csr_array:
    """The five-point stencil of -Laplace on n x n inner points, (n^2, n^2)."""
    line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)) * (n + 1) ** 2
    one = sp.eye_array(n)
    return (sp.kron(line, one) + sp.kron(one, line)).tocsr()


def bump(n: int) -> np.ndarray:
    wave = np.sin(np.pi * np.arange(1, n + 1) / (n + 1))
    return np.outer(wave, wave).ravel()


def system(n: int = N) -> lg.System:
    minus_laplace = laplacian(n)
    heat = lg.System(lam=LAM, k=np.ones(n * n))
    heat.unknown("u", start=np.zeros(n * n))

    @heat.residual
    def balance(u, lam, k):
        return minus_laplace @ u - lam * k * np.exp(u)

    @heat.constraint
    def J(u):
        return np.mean(u)

    return heat


def in_strips(n: int = N, strips: int = 7) -> lg.System:
    """The same in ``strips`` strips of n/strips rows, each of which reads its neighbours.

    Raises
    ------
    ArgumentError
        The rows cannot be divided so, two or more for each strip.
    """
    if strips < 1 or n % strips or n // strips < 2:
        raise ArgumentError(f"{strips} strips of {n} rows: give a number that divides them")
    rows, scale = n // strips, (n + 1) ** 2
    lines = [
        sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(m, m)) * scale
        for m in (rows, n)
    ]
    inside = (sp.kron(lines[0], sp.eye_array(n)) + sp.kron(sp.eye_array(rows), lines[1])).tocsr()
    border, between = np.zeros(n), np.zeros((rows - 2) * n)

    strip = lg.System(lam=LAM, k=np.ones(rows * n), above=border, below=border)
    strip.unknown("u", start=np.zeros(rows * n))

    @strip.residual
    def balance(u, lam, k, above, below):
        outside = np.concatenate([above[-n:], between, below[:n]])
        return inside @ u - scale * outside - lam * k * np.exp(u)

    heat = lg.System(lam=LAM)
    for i in range(strips):
        near = {"above": i - 1, "below": i + 1}
        joined = {side: f"strip{j + 1}.u" for side, j in near.items() if 0 <= j < strips}
        heat.include(f"strip{i + 1}", strip, lam="lam", **joined)
    whole = [f"strip{i + 1}.u" for i in range(strips)]
    heat.constrain("J", lambda *u: np.mean(np.concatenate(u)), whole)
    return heat


def fold(n: int) -> tuple[float, float]:
    """Where the middle of u is ``PEAK``: lam, and dlam/dpeak."""
    minus_laplace = laplacian(n)
    heat = lg.System(peak=PEAK)
    heat.unknown("u", start=PEAK * bump(n))
    heat.unknown("lam", start=LAM)

    @heat.residual
    def balance(u, lam):
        return minus_laplace @ u - lam * np.exp(u)

    @heat.residual
    def at_peak(u, peak):
        return u[n * n // 2] - peak

    solution = heat.solve()
    return float(solution["lam"]), float(solution.gradient("lam")["peak"])


def extrapolated(rough: np.ndarray, middle: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """From grids of width 4h, 2h, h, without the errors in h^2 and h^4."""
    better, best = middle + (middle - rough) / 3, fine + (fine - middle) / 3
    return best + (best - better) / 15


def by_hand(lam: float, k: np.ndarray) -> tuple[np.ndarray, sp.csc_array]:
    """Values of u and the matrix R there: Newton's method, the stencil as shifts of an array."""
    n = round(np.sqrt(len(k)))
    u, matrix = np.zeros((n, n)), laplacian(n)
    for _ in range(12):
        rim = np.pad(u, 1)
        neighbours = rim[:-2, 1:-1] + rim[2:, 1:-1] + rim[1:-1, :-2] + rim[1:-1, 2:]
        reaction = lam * k * np.exp(u.ravel())
        r = (4 * u - neighbours).ravel() * (n + 1) ** 2 - reaction
        R = (matrix - sp.diags_array(reaction)).tocsc()
        u -= spsolve(R, r).reshape(n, n)
    return u.ravel(), R


def mean(lam: float, k: np.ndarray) -> float:
    return np.mean(by_hand(lam, k)[0])


def checks(solution: lg.Solution) -> Iterator[Check]:
    point = {name: solution[name] for name in ("lam", "k")}
    gradient = solution.gradient("J")
    u, R = by_hand(**point)
    yield Check("u, Newton by hand with shifted arrays", solution["u"], u, 1e-10)
    adjoint = spsolve(R, np.full(len(u), 1 / len(u)))  # R is symmetric
    yield Check("dJ/dlam, adjoint by hand", gradient["lam"], adjoint @ np.exp(u), 1e-9)
    by_k = point["lam"] * adjoint * np.exp(u)
    yield Check("dJ/dk, adjoint by hand", gradient["k"], by_k, 1e-9)
    for name in ("lam", "k"):
        direction = direction_at(point[name], np.random.default_rng(0))
        yield slope_check(f"dJ/d{name}", mean, point, name, gradient[name], direction)
    lam, slope = extrapolated(*(np.array(fold(n)) for n in (15, 31, 63)))
    yield Check("lam at the turning point, published", lam, FOLD, 1e-8)
    yield Check("dlam/dpeak = 0 there", slope, 0.0, 1e-6)
    beyond = system(15).solve(lam=7.0, throw=False)
    yield Check("beyond the turning point: no solution", float(beyond.status.success), 0.0, 0.0)


def problem() -> Problem:
    return Problem(
        name="bratu",
        summary=f"the Bratu problem on a {N} x {N} grid, and its turning point",
        source="J. H. Bolstad and H. B. Keller, A multigrid continuation method for elliptic"
        " problems with folds, SIAM J. Sci. Stat. Comput. 7 (1986), p. 1081: lam and the peak at"
        " the turning point",
        model=system(),
        of="J",
        wrt=("lam", "k"),
        checks=checks,
        sentence="A band on both sides of the diagonal: each strip of the grid reads the two beside"
        " it, and heat that flows both ways makes one cycle.",
        parts=in_strips,
        notes=(
            "u is the temperature, lam the speed of the reaction, k what part of it each place has"
            " (1 everywhere), J the mean temperature.",
            "The turning point is extrapolated from grids of 15, 31 and 63 points a side.",
        ),
    )
