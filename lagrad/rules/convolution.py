"""Convolution, of any number of axes: bilinear, and the transpose of one is a correlation.

z_k = sum over i of u_i v_(k-i)        all of it; the modes cut a part out
P u = u * v        P^T w = w * flip(v), the part where flip(v) lies wholly inside
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lagrad.dispatch import overridable, scatter_add
from lagrad.partials import Entries, Partial
from lagrad.primitive import Primitive
from lagrad.rules.options import as_array
from lagrad.status import ArgumentError


@overridable
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Return the convolution of two arrays with the same number of axes.

    ``z_k = sum over i of x_i y_(k-i)``. It is `scipy.signal.convolve`, which gives traced values
    no hook. The derivatives are convolutions again, so they cost as much as the value does:
    O(n log n) by the fast Fourier transform.

    Parameters
    ----------
    in1, in2 : arrays with the same number of axes, at least one, and no axis of length zero
    mode : {"full", "same", "valid"}
        All of it; the centre of it, of the shape of ``in1``; only where one of the arrays lies
        wholly inside the other.
    method : {"auto", "direct", "fft"}
        By sums of products, by fast Fourier transforms, or by whichever SciPy expects to be faster.
        A transform rounds every entry by as much as the largest.

    Returns
    -------
    array

    Raises
    ------
    ArgumentError
        If the arrays are scalars, are empty, or differ in the number of axes.

    Examples
    --------
    >>> import numpy as np
    >>> import lagrad as lg
    >>> lg.convolve([1.0, 2.0, 3.0], [1.0, 10.0]).tolist()
    [1.0, 12.0, 23.0, 30.0]

    An entry of the signal counts as often as the kernel comes over it:

    >>> x = np.array([1.0, 2.0, 3.0])
    >>> lg.grad(lambda x: lg.convolve(x, [1.0, 10.0], mode="valid").sum())(x)
    array([10., 11.,  1.])
    """
    if not np.ndim(in1) == np.ndim(in2) > 0 or 0 in np.shape(in1) + np.shape(in2):
        raise ArgumentError(
            f"convolution of shapes {np.shape(in1)} and {np.shape(in2)}; both need the same number "
            "of axes, at least one, and entries along each"
        )
    return scipy_convolve(in1, in2, mode, method)


@overridable
def scipy_convolve(in1: Any, in2: Any, mode: str, method: str) -> Any:
    """Return ``scipy.signal.convolve(in1, in2, mode, method)``."""
    from scipy import signal  # it takes half a second to import

    return signal.convolve(in1, in2, mode, method)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Return the cross-correlation of two arrays with the same number of axes.

    ``z_k = sum over i of x_i conj(y_(i-k))``, which is the convolution with y turned round, and
    conjugated if it is complex; as in `scipy.signal.correlate`.

    Parameters
    ----------
    in1, in2, mode, method
        As in `convolve`.

    Returns
    -------
    array

    Raises
    ------
    ArgumentError
        As in `convolve`.

    Examples
    --------
    >>> import numpy as np
    >>> import lagrad as lg
    >>> lg.correlate([1.0, 2.0, 3.0], [1.0, 10.0]).tolist()
    [10.0, 21.0, 32.0, 3.0]
    >>> y = np.array([1.0, 10.0])
    >>> lg.grad(lambda y: lg.correlate([1.0, 2.0, 3.0], y, mode="valid")[0])(y)
    array([1., 2.])
    """
    return convolve(in1, turned(in2), mode, method)


def turned(v: Any) -> Any:
    """Return v turned round and conjugated."""
    v = np.flip(as_array(v))
    return np.conjugate(v) if np.iscomplexobj(v) else v


class Convolution(Partial):
    """``u -> u * v`` for a fixed ``v`` with as many axes; ``out_shape`` of it, from ``first``."""

    def __init__(
        self,
        v: Any,
        in_shape: tuple[int, ...],
        out_shape: tuple[int, ...],
        first: Sequence[int],
        method: str = "auto",
    ) -> None:
        self.v, self.in_shape, self.out_shape, self.method = v, in_shape, out_shape, method
        self.first = first
        self.whole = tuple(m + n - 1 for m, n in zip(in_shape, np.shape(v), strict=True))
        self.cut = tuple(slice(i, i + n) for i, n in zip(first, out_shape, strict=True))

    def apply(self, u: Any) -> Any:
        return convolve(u, self.v, "full", self.method)[self.cut]

    def adjoint(self, w: Any) -> Any:
        w = w if self.out_shape == self.whole else scatter_add(w, self.cut, self.whole)
        return convolve(w, np.flip(self.v), "valid", self.method)

    def entries(self) -> Entries:
        n = len(self.in_shape)
        i = np.indices(self.in_shape).reshape(n, -1, 1)
        k = np.indices(np.shape(self.v)).reshape(n, 1, -1)
        axis = (n, 1, 1)
        places, size = i + k - np.reshape(self.first, axis), np.reshape(self.out_shape, axis)
        columns, entry = np.nonzero(((places >= 0) & (places < size)).all(axis=0))
        rows = np.ravel_multi_index(tuple(places[:, columns, entry]), self.out_shape)
        return rows, columns, np.ravel(self.v)[entry]

    def count(self) -> int:
        return math.prod(self.in_shape) * np.size(self.v)

    def widest(self) -> int:
        return min(np.size(self.v), math.prod(self.in_shape))


#: Where the part that a mode takes out begins, along an axis of lengths m and n.
Start = Callable[[int, int], int]
STARTS: dict[str, Start] = {
    "full": lambda m, n: 0,
    "same": lambda m, n: (n - 1) // 2,
    "valid": lambda m, n: min(m, n) - 1,
}
#: NumPy's result is as long as the longer array.
NUMPY_STARTS = {**STARTS, "same": lambda m, n: (min(m, n) - 1) // 2}


def convolution(
    function: Callable[..., Any], starts: dict[str, Start], arguments: Any
) -> Primitive:
    """Return the primitive of a convolution."""

    def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
        start = starts[kwargs["mode"]]
        first = [start(m, n) for m, n in zip(*map(np.shape, args), strict=True)]
        method = kwargs.get("method", "auto")
        return Convolution(args[1 - k], np.shape(args[k]), np.shape(z), first, method)

    return Primitive("convolve", function, partial, multilinear=True, arguments=arguments)


def numpy_arguments(a: Any, v: Any, mode: str = "full") -> Any:
    """np.convolve(a, v, mode), of numbers too."""
    if mode not in NUMPY_STARTS:
        raise ValueError(f"mode={mode!r}; it is 'full', 'same' or 'valid'")
    return (np.atleast_1d(as_array(a)), np.atleast_1d(as_array(v))), {"mode": mode}


def scipy_arguments(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Spell a convolution as convolve(in1, in2, mode=, method=)."""
    return (in1, in2), {"mode": mode, "method": method}


RULES: dict[Callable[..., Any], Primitive] = {
    convolve: convolution(convolve, STARTS, scipy_arguments),
    np.convolve: convolution(np.convolve, NUMPY_STARTS, numpy_arguments),
}
