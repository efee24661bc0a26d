"""Bodies under gravity by the leapfrog method: broadcasting over all pairs, energy conserved."""

from types import ModuleType
from typing import Any

import numpy

import ndgpu as np

SOFTENING = 0.05


def acceleration(xp: ModuleType, place: Any, mass: Any) -> Any:
    """Return the pull of all bodies on each (gravity softened, so that none is infinite)."""
    apart = place[None, :, :] - place[:, None, :]
    square = (apart**2).sum(axis=-1) + SOFTENING**2
    return xp.einsum("ijk,ij,j->ik", apart, square**-1.5, mass)


def energy(xp: ModuleType, place: Any, speed: Any, mass: Any) -> float:
    """Return kinetic and potential energy together."""
    kinetic = 0.5 * (mass * (speed**2).sum(axis=1)).sum()
    apart = place[None, :, :] - place[:, None, :]
    distance = xp.sqrt((apart**2).sum(axis=-1) + SOFTENING**2)
    pairs = xp.triu(mass[:, None] * mass[None, :] / distance, 1)
    return float(kinetic - pairs.sum())


def simulate(xp: ModuleType, bodies: int, steps: int, dt: float) -> tuple[Any, float, float]:
    """Return the last places, and the energy at the start and at the end."""
    rng = numpy.random.default_rng(7)
    place = xp.asarray(rng.normal(size=(bodies, 3)))
    speed = xp.asarray(rng.normal(size=(bodies, 3)) * 0.3)
    mass = xp.full(bodies, 1.0 / bodies)
    start = energy(xp, place, speed, mass)
    pull = acceleration(xp, place, mass)
    for _ in range(steps):
        speed += 0.5 * dt * pull
        place += dt * speed
        pull = acceleration(xp, place, mass)
        speed += 0.5 * dt * pull
    return place, start, energy(xp, place, speed, mass)


if __name__ == "__main__":
    place, start, end = simulate(np, 64, 100, 0.01)
    print(f"energy {start:.6f} at the start, {end:.6f} at the end")
    assert abs(end - start) < 1e-3 * abs(start)
    wanted, _, _ = simulate(numpy, 64, 100, 0.01)
    np.testing.assert_allclose(place, wanted, rtol=1e-7, atol=1e-9)
