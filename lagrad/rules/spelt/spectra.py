"""Compositions for ``numpy.fft``: along several axes, of Hermitian signals, and shifted.

They are NumPy's own: one axis after the other, in NumPy's order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lagrad.rules.fft import real_inverse
from lagrad.rules.spelt.losses import as_array

#: The norm of the transform in the other direction.
SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """np.fft.irfft, of numbers made complex."""
    a = as_array(a)
    n = 2 * (np.shape(a)[axis] - 1) if n is None else n
    if a.dtype.kind != "c":
        a = a.astype(np.result_type(a.dtype, np.complex64))
    return real_inverse(a, n=n, axis=axis, norm=norm)


def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """np.fft.hfft, irfft of the conjugate in the other direction."""
    return irfft(np.conjugate(a), n, axis, SWAPPED.get(norm, norm))


def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """np.fft.ihfft, the conjugate of rfft in the other direction."""
    return np.conjugate(np.fft.rfft(a, n, axis, SWAPPED.get(norm, norm)))


def lengths(a: Any, s: Any, axes: Any, real: bool = False) -> tuple[list[Any], list[int]]:
    """Return the length to transform along each axis, and the axes; -1 is the whole length."""
    if axes is None:
        axes = range(-(np.ndim(a) if s is None else len(s)), 0)
    axes, shape = [int(k) for k in axes], np.shape(a)
    if s is None:
        s = [shape[k] for k in axes]
        if real:
            s[-1] = 2 * (s[-1] - 1)
    if len(s) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    return [shape[k] if n == -1 else n for n, k in zip(s, axes, strict=True)], axes


def over_axes(transform: Callable[..., Any], axes_of: Any = None) -> Callable[..., Any]:
    """Return fftn or ifftn, from the last axis to the first."""

    def along_all(a: Any, s: Any = None, axes: Any = axes_of, norm: Any = None) -> Any:
        a = as_array(a)
        s, axes = lengths(a, s, axes)
        for n, axis in zip(reversed(s), reversed(axes), strict=True):
            a = transform(a, n, axis, norm)
        return a

    return along_all


def real_over_axes(axes_of: Any = None) -> Callable[..., Any]:
    """Return rfftn: rfft along the last axis, then fft along the others."""

    def along_all(a: Any, s: Any = None, axes: Any = axes_of, norm: Any = None) -> Any:
        a = as_array(a)
        s, axes = lengths(a, s, axes)
        a = np.fft.rfft(a, s[-1], axes[-1], norm)
        for n, axis in zip(reversed(s[:-1]), reversed(axes[:-1]), strict=True):
            a = np.fft.fft(a, n, axis, norm)
        return a

    return along_all


def real_inverse_over_axes(axes_of: Any = None) -> Callable[..., Any]:
    """Return irfftn: ifft along all axes but the last, then irfft."""

    def along_all(a: Any, s: Any = None, axes: Any = axes_of, norm: Any = None) -> Any:
        a = as_array(a)
        s, axes = lengths(a, s, axes, real=True)
        for n, axis in zip(s[:-1], axes[:-1], strict=True):
            a = np.fft.ifft(a, n, axis, norm)
        return irfft(a, s[-1], axes[-1], norm)

    return along_all


def shifted(sign: int) -> Callable[..., Any]:
    """Return fftshift or ifftshift, a roll by half the length."""

    def shift(x: Any, axes: Any = None) -> Any:
        x = as_array(x)
        axes = range(np.ndim(x)) if axes is None else axes
        axes = tuple(axes) if np.iterable(axes) else (axes,)
        return np.roll(x, [sign * (np.shape(x)[k] // 2) for k in axes], axes)

    return shift


TWO = (-2, -1)

# fmt: off
SPECTRA: dict[Callable[..., Any], Callable[..., Any]] = {
    np.fft.irfft:     irfft,
    np.fft.hfft:      hfft,
    np.fft.ihfft:     ihfft,
    np.fft.fftn:      over_axes(np.fft.fft),
    np.fft.fft2:      over_axes(np.fft.fft, TWO),
    np.fft.ifftn:     over_axes(np.fft.ifft),
    np.fft.ifft2:     over_axes(np.fft.ifft, TWO),
    np.fft.rfftn:     real_over_axes(),
    np.fft.rfft2:     real_over_axes(TWO),
    np.fft.irfftn:    real_inverse_over_axes(),
    np.fft.irfft2:    real_inverse_over_axes(TWO),
    np.fft.fftshift:  shifted(1),
    np.fft.ifftshift: shifted(-1),
}
# fmt: on
