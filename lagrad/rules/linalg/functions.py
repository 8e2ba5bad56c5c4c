"""Functions of matrices in the sense of power series: the exponential.

    Z = f(A)      dZ = L(A, dA),      f([[A, E], [0, A]]) = [[f(A), L(A, E)], [0, f(A)]]

and the transpose of L(A, .) is L(A^T, .). Since L is a block of f itself, its derivatives are made
in the same way. Higham, "Functions of Matrices", SIAM 2008, theorem 3.6 (Mathias) and section 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from lagrad.contraction import Contraction
from lagrad.dispatch import overridable
from lagrad.partials import Entries, Partial
from lagrad.primitive import Primitive
from lagrad.rules.linalg.operators import batch, length, swapped


@overridable
def expm(A: Any) -> Any:
    """Return the exponential of a matrix, the sum of A^k / k!, by SciPy.

    ``scipy.linalg.expm`` gives traced values no hook; this one is SciPy's underneath. The
    derivative is that of Frechet, from the exponential of [[A, E], [0, A]].

    Parameters
    ----------
    A : array (..., n, n)

    Returns
    -------
    array (..., n, n)

    Raises
    ------
    ValueError
        If the matrices are not square.

    References
    ----------
    Higham, "Functions of Matrices", SIAM 2008, theorem 3.6.

    Examples
    --------
    >>> import numpy as np, lagrad as lg
    >>> lg.expm(np.zeros((2, 2))).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    >>> lg.grad(lambda t: lg.expm(t * np.array([[0.0, 1.0], [-1.0, 0.0]]))[0, 1])(0.0).item()
    1.0
    """
    return scipy.linalg.expm(A)


class Frechet(Partial):
    """``v -> L(A, v)``, the derivative of f at A (..., n, n)."""

    def __init__(self, f: Callable[[Any], Any], A: Any) -> None:
        self.f, self.A = f, A
        self.in_shape = self.out_shape = np.shape(A)

    def apply(self, v: Any) -> Any:
        n, A = np.shape(self.A)[-1], self.A
        # L is linear in v, so v can be made of the size of A: f scales by the larger of the two.
        size = length(v, (-2, -1)) / np.maximum(length(A, (-2, -1)), 1.0)
        size = np.where(size > 0, size, 1.0).astype(np.finfo(v.dtype).dtype)[..., None, None]
        zero = np.zeros(np.shape(v), A.dtype)
        block = np.concatenate(
            [
                np.concatenate([np.broadcast_to(A, np.shape(v)), v / size], axis=-1),
                np.concatenate([zero, np.broadcast_to(A, np.shape(v))], axis=-1),
            ],
            axis=-2,
        )
        return size * self.f(block)[..., :n, n:]

    def adjoint(self, w: Any) -> Any:
        return Frechet(self.f, swapped(self.A)).apply(w)

    def entries(self) -> Entries:
        n, lead = self.in_shape[-1], self.in_shape[:-2]
        units = np.broadcast_to(
            np.eye(n * n).reshape(n * n, *(1,) * len(lead), n, n), (n * n, *self.in_shape)
        )
        found = np.reshape(np.moveaxis(self.apply(units), 0, -1), (*lead, n, n, n, n))
        names = batch(len(self.in_shape))
        labels = [(*names, "I", "J", "K", "L"), (*names, "K", "L")]
        v = np.broadcast_to(0.0, self.in_shape)
        return Contraction(1, [found, v], labels, (*names, "I", "J")).entries()

    def count(self) -> int:
        return math.prod(self.in_shape) * self.widest()

    def widest(self) -> int:
        return math.prod(self.in_shape[-2:])


def expm_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """Return dZ = L(A, dA)."""
    return Frechet(expm, args[0])


RULES: dict[Callable[..., Any], Primitive] = {
    expm: Primitive("expm", expm, expm_partial, arguments=lambda A: ((A,), {})),
}
