"""Conway's Game of Life on a torus: shifted copies, comparisons and boolean logic."""

from types import ModuleType
from typing import Any

import numpy

import ndgpu as np

GLIDER = [(0, 1), (1, 2), (2, 0), (2, 1), (2, 2)]


def board(xp: ModuleType, size: int) -> Any:
    """Return a board with a glider in a corner and some noise from a fixed seed elsewhere."""
    cells = numpy.zeros((size, size), dtype=bool)
    noise = numpy.random.default_rng(3).random((size // 2, size // 2)) < 0.3
    cells[size // 2 :, size // 2 :] = noise
    for y, x in GLIDER:
        cells[y, x] = True
    return xp.asarray(cells)


def step(xp: ModuleType, cells: Any) -> Any:
    """Return the next generation."""
    alive = cells.astype(xp.int8)
    neighbours = sum(
        xp.roll(alive, (dy, dx), axis=(0, 1))
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
        if (dy, dx) != (0, 0)
    )
    return (neighbours == 3) | (cells & (neighbours == 2))


def play(xp: ModuleType, size: int, generations: int) -> Any:
    """Return the board after some generations."""
    cells = board(xp, size)
    for _ in range(generations):
        cells = step(xp, cells)
    return cells


if __name__ == "__main__":
    last = play(np, 48, 60)
    for row in last.get()[:24]:
        print("".join("#" if cell else "." for cell in row))
    numpy.testing.assert_array_equal(last.get(), play(numpy, 48, 60))
    # A glider alone moves one cell down and right in four generations.
    lone = np.zeros((16, 16), dtype=bool)
    lone[tuple(np.asarray(list(places)) for places in zip(*GLIDER, strict=True))] = True
    moved = lone
    for _ in range(4):
        moved = step(np, moved)
    assert (moved == np.roll(lone, (1, 1), axis=(0, 1))).all()
