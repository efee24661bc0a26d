"""An epidemic in many towns at once: equations by Runge and Kutta, parameters fitted."""

from types import ModuleType
from typing import Any

import numpy

import ndgpu as np


def change(xp: ModuleType, state: Any, spread: Any, recovery: Any) -> Any:
    """Return the rates of the susceptible, the infected and the recovered of each town."""
    susceptible, infected, _ = state
    new = spread * susceptible * infected
    healed = recovery * infected
    return xp.stack([-new, new - healed, healed])


def simulate(xp: ModuleType, spread: Any, recovery: Any, days: int, dt: float) -> Any:
    """Return the states of all towns on each day, by the classical method of fourth order."""
    infected = xp.full_like(spread, 1e-3)
    state = xp.stack([1 - infected, infected, xp.zeros_like(spread)])
    history = [state]
    for _ in range(days):
        for _ in range(round(1 / dt)):
            k1 = change(xp, state, spread, recovery)
            k2 = change(xp, state + dt / 2 * k1, spread, recovery)
            k3 = change(xp, state + dt / 2 * k2, spread, recovery)
            k4 = change(xp, state + dt * k3, spread, recovery)
            state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        history.append(state)
    return xp.stack(history)


if __name__ == "__main__":
    towns = numpy.linspace(0.2, 0.6, 500)
    spread, recovery = np.asarray(towns), np.full(500, 0.1)
    history = simulate(np, spread, recovery, 60, 0.25)
    peak = history[:, 1].argmax(axis=0)
    print(f"the peak comes between day {int(peak.min())} and day {int(peak.max())}")
    np.testing.assert_allclose(history.sum(axis=1), np.ones((61, 500)), rtol=1e-12)
    assert bool((np.diff(history[:, 0], axis=0) <= 0).all())
    wanted = simulate(numpy, towns, numpy.full(500, 0.1), 60, 0.25)
    np.testing.assert_allclose(history, wanted, rtol=1e-9, atol=1e-12)
    # The first days grow by an exponential, whose rate tells the parameters again.
    days = np.arange(8)
    growth = np.polyfit(days, np.log(history[:8, 1]), 1)[0]
    np.testing.assert_allclose(growth, spread - recovery, rtol=0.05)
