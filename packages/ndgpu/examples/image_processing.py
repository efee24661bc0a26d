"""A picture's edges, its noise taken out by medians, and its histogram equalised."""

from types import ModuleType
from typing import Any

import numpy

import ndgpu as np


def picture(size: int) -> numpy.ndarray:
    """Return bytes of a dim disc on a gradient, with salt and pepper."""
    y, x = numpy.mgrid[:size, :size]
    image = 60 + x * 40 // size
    image[(x - size // 2) ** 2 + (y - size // 2) ** 2 < (size // 4) ** 2] = 120
    rng = numpy.random.default_rng(4)
    spots = rng.random(image.shape)
    image[spots < 0.02] = 0
    image[spots > 0.98] = 255
    return image.astype(numpy.uint8)


def windows(xp: ModuleType, image: Any) -> Any:
    """Return the 3 x 3 surroundings of each pixel, the border repeated."""
    return xp.lib.stride_tricks.sliding_window_view(xp.pad(image, 1, mode="edge"), (3, 3))


def without_noise(xp: ModuleType, image: Any) -> Any:
    """Return each pixel's median of its surroundings."""
    return xp.median(windows(xp, image), axis=(2, 3)).astype(image.dtype)


def edges(xp: ModuleType, image: Any) -> Any:
    """Return the size of Sobel's gradient."""
    smooth, slope = xp.asarray([1.0, 2.0, 1.0]), xp.asarray([-1.0, 0.0, 1.0])
    around = windows(xp, image).astype(float)
    dx = xp.einsum("yxij,i,j->yx", around, smooth, slope)
    dy = xp.einsum("yxij,i,j->yx", around, slope, smooth)
    return xp.hypot(dx, dy)


def equalised(xp: ModuleType, image: Any) -> Any:
    """Return the picture with its brightness spread evenly, by the cumulative histogram."""
    counts = xp.bincount(image.ravel(), minlength=256)
    cumulative = xp.cumsum(counts)
    scale = (cumulative - cumulative[counts > 0][0]) / (image.size - cumulative[counts > 0][0])
    return xp.rint(255 * xp.clip(scale, 0, 1)).astype(xp.uint8)[image]


def process(xp: ModuleType, image: Any) -> tuple[Any, ...]:
    """Return the picture without noise, its edges, and it equalised."""
    clean = without_noise(xp, image)
    return clean, edges(xp, clean), equalised(xp, clean)


if __name__ == "__main__":
    image = picture(96)
    clean, outline, even = process(np, np.asarray(image))
    for found, wanted in zip((clean, outline, even), process(numpy, image), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-9)
    print(
        f"levels {int(clean.min())}-{int(clean.max())} became {int(even.min())}-{int(even.max())}"
    )
    assert int((clean == 255).sum()) < int((image == 255).sum())
    assert (int(even.min()), int(even.max())) == (0, 255)
    # The strongest edges lie on the disc's rim.
    y, x = np.nonzero(outline > outline.max() * 0.9)
    radius = np.hypot(y - 48, x - 48)
    assert float(np.abs(np.median(radius) - 24)) < 2
