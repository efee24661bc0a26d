"""Discrete Fourier transforms, as `numpy.fft`.

`ndgpu.fft.backend` is the one seam to a library that makes them; `ndgpu.fft.kernels` makes
them where there is none.
"""

from __future__ import annotations

from ndgpu.fft.frequencies import fftfreq, fftshift, ifftshift, rfftfreq
from ndgpu.fft.lines import fft, hfft, ifft, ihfft, irfft, rfft
from ndgpu.fft.planes import fft2, fftn, ifft2, ifftn, irfft2, irfftn, rfft2, rfftn

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]
