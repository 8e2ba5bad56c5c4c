"""Examples of Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import Case, numbers
from lagrad.rules.fft import real_inverse


def transforms(f: Any, complexes: bool, fewest: int = 1) -> list[Case]:
    """Return examples of a transform along one axis: cropped, padded, odd, even, every norm."""
    options: list[tuple[tuple[int, ...], dict[str, Any]]] = [
        ((4,), {}),
        ((5,), {"norm": "ortho"}),
        ((6,), {"n": 4}),
        ((3,), {"n": 6, "norm": "forward"}),
        ((4,), {"n": 5}),
        ((3,), {"n": fewest}),
        ((3, 2), {"axis": 0, "norm": "backward"}),
        ((2, 3, 2), {"axis": -2}),
        ((2, 3), {"n": 2, "axis": 0}),
        ((0, 3), {}),
    ]
    return [
        Case(lambda x, o=o: f(x, **o), (numbers(s, -1.0, 1.5),), complexes, f"{s} {o}")
        for s, o in options
    ]


def along_many(f: Any, complexes: bool) -> list[Case]:
    """Return examples of a transform along several axes."""
    options: list[tuple[tuple[int, ...], dict[str, Any]]] = [
        ((2, 3), {}),
        ((2, 4, 3), {"axes": (0, -1)}),
        ((3, 4), {"s": (2, 5), "axes": (0, 1), "norm": "ortho"}),
        ((3, 2), {"s": (4, 2), "axes": (1, 0), "norm": "forward"}),
        ((2, 0, 3, 3), {"axes": (-2, -1)}),
    ]
    return [
        Case(lambda x, o=o: f(x, **o), (numbers(s, -1.0, 1.5),), complexes, f"{s} {o}")
        for s, o in options
    ]


def shifts(f: Any) -> list[Case]:
    """Return examples of a shift."""
    return [
        Case(f, (numbers((5,)),), True),
        Case(f, (numbers((4, 3)),), True),
        Case(lambda x: f(x, 0), (numbers((3, 2)),), True),
        Case(lambda x: f(x, axes=(-1,)), (numbers((2, 5)),), True),
    ]


# fmt: off
FFT: dict[Any, list[Case]] = {
    np.fft.fft:   transforms(np.fft.fft, True),
    np.fft.ifft:  transforms(np.fft.ifft, True),
    np.fft.rfft:  transforms(np.fft.rfft, False),
    real_inverse: transforms(np.fft.irfft, True),
}
SPECTRA: dict[Any, list[Case]] = {
    np.fft.irfft:     transforms(np.fft.irfft, True),
    np.fft.hfft:      transforms(np.fft.hfft, True),
    np.fft.ihfft:     transforms(np.fft.ihfft, False),
    np.fft.fftn:      along_many(np.fft.fftn, True) + [
        Case(lambda x: np.fft.fftn(x, s=(4, 2), axes=(0, 0)), (numbers((3, 2)),), True)],
    np.fft.fft2:      along_many(np.fft.fft2, True),
    np.fft.ifftn:     along_many(np.fft.ifftn, True),
    np.fft.ifft2:     along_many(np.fft.ifft2, True),
    np.fft.rfftn:     along_many(np.fft.rfftn, False),
    np.fft.rfft2:     along_many(np.fft.rfft2, False),
    np.fft.irfftn:    along_many(np.fft.irfftn, True),
    np.fft.irfft2:    along_many(np.fft.irfft2, True),
    np.fft.fftshift:  shifts(np.fft.fftshift),
    np.fft.ifftshift: shifts(np.fft.ifftshift),
}
# fmt: on
