"""Poisson's equation on a square by conjugate gradients: a solver that never makes its matrix."""

from types import ModuleType
from typing import Any

import numpy

import ndgpu as np


def laplacian(xp: ModuleType, u: Any) -> Any:
    """Apply the five-point Laplacian with zero at the border, negated to be positive definite."""
    padded = xp.pad(u, 1)
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return 4 * u - around


def solve(xp: ModuleType, f: Any, tolerance: float) -> tuple[Any, int]:
    """Return the solution of ``laplacian(u) = f`` and the number of iterations."""
    u = xp.zeros_like(f)
    residual = f - laplacian(xp, u)
    direction = residual.copy()
    square = xp.vdot(residual, residual)
    goal = tolerance**2 * square
    for count in range(1, f.size + 1):
        image = laplacian(xp, direction)
        length = square / xp.vdot(direction, image)
        u += length * direction
        residual -= length * image
        following = xp.vdot(residual, residual)
        if following <= goal:
            return u, count
        direction = residual + (following / square) * direction
        square = following
    raise RuntimeError("conjugate gradients did not converge")


if __name__ == "__main__":
    n = 40
    rng = numpy.random.default_rng(9)
    smooth = numpy.add.outer(numpy.arange(n) * (n - numpy.arange(n)), numpy.arange(n)) / n**2
    truth = np.asarray(smooth + 0.1 * rng.normal(size=(n, n)))
    f = laplacian(np, truth)
    u, iterations = solve(np, f, 1e-10)
    error = float(np.abs(u - truth).max())
    print(f"{iterations} iterations, error {error:.1e}")
    assert error < 1e-8
    wanted, steps = solve(numpy, f.get(), 1e-10)
    assert abs(steps - iterations) <= 2
    np.testing.assert_allclose(u, wanted, rtol=1e-7, atol=1e-8)
