"""Discrete Fourier transforms: products with the matrix F_jk = exp(-2 pi i j k / n).

    fft     z = F r(x)          rfft     z = (F r(x)) cut to n//2 + 1, x real
    ifft    z = F^-1 r(x)       irfft    z = Re F^-1 p(D r(x))

r crops or pads with zeros to the length n, p pads n//2 + 1 entries to n. Of a real signal the
entries beyond n//2 are conjugates of those before: D counts those twice that stand for two, so all
but the first and, for even n, the last. F is symmetric, so it is its own transpose, and all else
moves entries. All are linear, and a tangent is the transform of the tangent.

Transforms along several axes and those of Hermitian signals are compositions, as in NumPy itself
(`lagrad.rules.spelt.spectra`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.contraction import Contraction
from lagrad.dispatch import overridable
from lagrad.partials import Cast, Entries, Partial, Scale, Transpose
from lagrad.primitive import Primitive
from lagrad.rules.shaping import take

Shape = tuple[int, ...]


@overridable
def real_inverse(x: Any, n: int, axis: int, norm: Any) -> Any:
    """np.fft.irfft of complex numbers."""
    return np.fft.irfft(x, n, axis, norm)


class Fourier(Partial):
    """``v -> F v`` along one axis, by ``np.fft.fft`` or ``ifft``."""

    def __init__(self, transform: Callable[..., Any], shape: Shape, axis: int, norm: Any) -> None:
        self.transform, self.axis, self.norm = transform, axis, norm
        self.in_shape = self.out_shape = shape

    def apply(self, v: Any) -> Any:
        return self.transform(v, None, self.axis, self.norm)

    def adjoint(self, w: Any) -> Any:
        return self.apply(w)

    def entries(self) -> Entries:
        labels = tuple("abcdefghijklmnop"[: len(self.in_shape)])
        out = tuple("Z" if k == self.axis else c for k, c in enumerate(labels))
        matrix = self.transform(np.eye(self.in_shape[self.axis]), None, 0, self.norm)
        v = np.broadcast_to(0.0, self.in_shape)
        return Contraction(1, [matrix, v], [("Z", labels[self.axis]), labels], out).entries()

    def count(self) -> int:
        return math.prod(self.in_shape) * self.in_shape[self.axis]

    def widest(self) -> int:
        return self.in_shape[self.axis]


def resized(shape: Shape, axis: int, n: int) -> Partial:
    """``v -> v`` cropped to n entries along the axis, or padded with zeros behind."""
    other = (*shape[:axis], n, *shape[axis + 1 :])
    first = (slice(None),) * axis + (slice(min(n, shape[axis])),)
    return take(first, shape, other) if n <= shape[axis] else Transpose(take(first, other, shape))


def transform_partial(transform: Callable[..., Any]) -> Callable[..., Partial]:
    """Return the partial of fft or ifft: F r."""

    def partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
        axis = kwargs["axis"]
        F = Fourier(transform, np.shape(z), axis, kwargs["norm"])
        return F @ resized(np.shape(args[0]), axis, np.shape(z)[axis])

    return partial


def rfft_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """The first half of F r."""
    n, axis = kwargs["n"], kwargs["axis"]
    r = resized(np.shape(args[0]), axis, n)
    F = Fourier(np.fft.fft, r.out_shape, axis, kwargs["norm"])
    return resized(r.out_shape, axis, n // 2 + 1) @ F @ r


def irfft_partial(k: int, z: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Partial:
    """F^-1 p D r; the real part is taken where a complex parent has a real value."""
    n, axis = kwargs["n"], kwargs["axis"]
    r = resized(np.shape(args[0]), axis, n // 2 + 1)
    twice = np.full(n // 2 + 1, 2.0, z.dtype)
    twice[0] = 1.0
    if n % 2 == 0:
        twice[-1] = 1.0
    lengths = [-1 if k == axis else 1 for k in range(np.ndim(z))]
    D = Scale(np.reshape(twice, lengths), r.out_shape)
    F = Fourier(np.fft.ifft, np.shape(z), axis, kwargs["norm"])
    widen = Cast(r.in_shape, args[0].dtype, np.result_type(z.dtype, np.complex64))  # by NumPy 1
    return F @ resized(r.out_shape, axis, n) @ D @ r @ widen


def arguments(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: None = None) -> Any:
    """Spell a transform as function(a, n=, axis=, norm=), with all of them given."""
    if out is not None:
        raise TypeError("out= writes into a plain array")
    length = np.shape(a)[axis]
    return (a,), {"n": length if n is None else n, "axis": axis % np.ndim(a), "norm": norm}


def spectrum(function: Callable[..., Any], partial: Callable[..., Partial], name: str) -> Primitive:
    """Return the primitive of a transform."""
    return Primitive(name, function, partial, multilinear=True, arguments=arguments, linear=True)


# fmt: off
RULES: dict[Callable[..., Any], Primitive] = {
    np.fft.fft:   spectrum(np.fft.fft, transform_partial(np.fft.fft), "fft"),
    np.fft.ifft:  spectrum(np.fft.ifft, transform_partial(np.fft.ifft), "ifft"),
    np.fft.rfft:  spectrum(np.fft.rfft, rfft_partial, "rfft"),
    real_inverse: spectrum(real_inverse, irfft_partial, "irfft"),
}
# fmt: on
