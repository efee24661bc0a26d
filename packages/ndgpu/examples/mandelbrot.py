"""The Mandelbrot set: complex arithmetic on a grid, masks, and an iteration count by pixel."""

from types import ModuleType
from typing import Any

import numpy

import ndgpu as np


def escape_times(xp: ModuleType, width: int, height: int, limit: int) -> Any:
    """Return after how many steps of z*z + c each point of the plane leaves a disc of radius 2."""
    y, x = xp.ogrid[-1.25 : 1.25 : height * 1j, -2.0 : 0.75 : width * 1j]
    c = x + 1j * y
    z = xp.zeros_like(c)
    times = xp.full(c.shape, limit, dtype=xp.int32)
    inside = xp.ones(c.shape, dtype=bool)
    for step in range(limit):
        z = xp.where(inside, z * z + c, z)
        left = inside & (xp.abs(z) > 2)
        times[left] = step
        inside &= ~left
    return times


if __name__ == "__main__":
    found = escape_times(np, 120, 90, 40)
    wanted = escape_times(numpy, 120, 90, 40)
    shades = numpy.array(list(" .:-=+*#%@"))
    for row in found.get()[::6, ::2]:
        print("".join(shades[numpy.minimum(row // 4, 9)]))
    # A point on the very edge may take a step more or less for the last bit of its square.
    assert (found.get() != wanted).mean() < 1e-3
    assert abs(int((found == 40).sum()) - int((wanted == 40).sum())) <= 2
