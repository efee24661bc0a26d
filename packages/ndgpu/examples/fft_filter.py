"""A signal cleaned by its spectrum, and a picture blurred by a product of transforms."""

from types import ModuleType
from typing import Any

import numpy

import ndgpu as np


def strongest(xp: ModuleType, signal: Any, rate: float, count: int) -> tuple[Any, Any]:
    """Return the signal made of its strongest frequencies alone, and those frequencies."""
    spectrum = xp.fft.rfft(signal)
    kept = xp.argsort(xp.abs(spectrum))[-count:]
    mask = xp.zeros(spectrum.shape, dtype=bool)
    mask[kept] = True
    frequencies = xp.fft.rfftfreq(len(signal), 1 / rate)
    cleaned = xp.fft.irfft(xp.where(mask, spectrum, 0), len(signal))
    return cleaned, xp.sort(frequencies[kept])


def blur(xp: ModuleType, picture: Any, width: float) -> Any:
    """Return the picture convolved with a Gaussian, around its edges."""
    n, m = picture.shape
    frequencies = xp.fft.fftfreq(n), xp.fft.rfftfreq(m)
    rows, columns = (xp.exp(-2 * (xp.pi * width * f) ** 2) for f in frequencies)
    transformed = xp.fft.rfft2(picture) * rows[:, None] * columns[None, :]
    return xp.fft.irfft2(transformed, picture.shape)


if __name__ == "__main__":
    rate, n = 400.0, 1200
    t = numpy.arange(n) / rate
    pure = numpy.sin(2 * numpy.pi * 50 * t) + 0.5 * numpy.cos(2 * numpy.pi * 12 * t)
    noisy = pure + numpy.random.default_rng(2).normal(size=n)
    cleaned, found = strongest(np, np.asarray(noisy), rate, 2)
    print("strongest frequencies:", found)
    np.testing.assert_allclose(found, [12, 50])
    assert float(np.abs(cleaned - np.asarray(pure)).mean()) < 0.1
    np.testing.assert_allclose(cleaned, strongest(numpy, noisy, rate, 2)[0], atol=1e-12)

    square = numpy.zeros((60, 90))
    square[20:40, 30:60] = 1
    soft = blur(np, np.asarray(square), 3.0)
    assert abs(float(soft.sum()) - square.sum()) < 1e-9
    assert float(soft.max()) < 1.0001
    np.testing.assert_allclose(soft, blur(numpy, square, 3.0), atol=1e-12)
