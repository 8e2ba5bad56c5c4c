"""Functions of ``scipy.linalg``, which gives traced values no hook: to be called as they are."""

from __future__ import annotations

from typing import Any

from lagrad.rules.linalg.functions import expm
from lagrad.rules.linalg.operators import adjoint, swapped, triangular_solve
from lagrad.rules.spelt.losses import as_array
from lagrad.status import ArgumentError

__all__ = ["cho_solve", "expm", "solve_triangular"]

#: What T stands for in each kind of equation, T x = b, T^T x = b or T^H x = b.
KINDS = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}


def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """Return the solution x of T x = b for a triangular matrix T.

    dx = T^-1 (db - dT x), where dT is what changes in the triangle that is read.

    Parameters
    ----------
    a : array (..., n, n)
        Holds T in its upper triangle, or lower; the other triangle is never read.
    b : array (n,) or (..., n, k)
        With a stack of matrices write ``b[..., None]`` for vectors.
    trans : 0, 1, 2 or "N", "T", "C"
        Solve T x = b, T^T x = b or T^H x = b.
    lower : bool
        T is the lower triangle of a.
    unit_diagonal : bool
        The diagonal of T is ones, whatever stands in a.

    Returns
    -------
    array like b

    Raises
    ------
    ArgumentError
        If ``trans`` is none of these.
    SingularError
        If there is a zero on the diagonal.

    References
    ----------
    Giles, Oxford NA-08/01, 2008, section 2.2.3. The signature is that of
    ``scipy.linalg.solve_triangular``.

    Examples
    --------
    >>> import numpy as np, lagrad as lg
    >>> L = np.array([[2.0, 0.0], [1.0, 4.0]])
    >>> lg.solve_triangular(L, np.array([2.0, 9.0]), lower=True).tolist()
    [1.0, 2.0]
    >>> lg.grad(lambda b: lg.solve_triangular(L, b, lower=True)[1])(np.array([2.0, 9.0])).tolist()
    [-0.125, 0.25]
    """
    a, b = as_array(a), as_array(b)
    if trans not in KINDS:
        raise ArgumentError(f"trans={trans!r}; write 0 for T x = b, 1 for T^T x, 2 for T^H x")
    kind = KINDS[trans]
    if kind:
        a, lower = (swapped(a) if kind == 1 else adjoint(a)), not lower
    return triangular_solve(a, b, lower=bool(lower), unit_diagonal=bool(unit_diagonal))


def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Any:
    """Return the solution x of A x = b from the Cholesky factor of A.

    x = L^-H L^-1 b for A = L L^H, or U^-1 U^-H b for A = U^H U.

    Parameters
    ----------
    c_and_lower : (array (..., n, n), bool)
        The factor, and whether it is L (as ``np.linalg.cholesky`` makes it) or U. The other
        triangle of the array is never read.
    b : array (n,) or (..., n, k)

    Returns
    -------
    array like b

    Raises
    ------
    SingularError
        If there is a zero on the diagonal of the factor.

    References
    ----------
    Giles, Oxford NA-08/01, 2008, section 2.2.3. The signature is that of
    ``scipy.linalg.cho_solve``.

    Examples
    --------
    >>> import numpy as np, lagrad as lg
    >>> L = np.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    >>> lg.cho_solve((L, True), np.array([8.0, 8.0])).tolist()
    [1.5, 1.0]
    """
    c, lower = c_and_lower
    c = as_array(c)
    if lower:
        return solve_triangular(c, solve_triangular(c, b, lower=True), trans="C", lower=True)
    return solve_triangular(c, solve_triangular(c, b, trans="C"))
