"""The price of a European call by Monte Carlo, beside the formula of Black and Scholes.

One array program: random numbers, elementwise mathematics and a mean, all on the device.
"""

import math

import ndgpu as np

SPOT, STRIKE, RATE, VOLATILITY, YEARS = 100.0, 105.0, 0.02, 0.25, 1.0


def simulated(paths: int, seed: int = 0) -> tuple[float, float]:
    """The price and its standard error from `paths` end points."""
    normal = np.random.default_rng(seed).standard_normal(paths)
    drift = (RATE - VOLATILITY**2 / 2) * YEARS
    end = SPOT * np.exp(drift + VOLATILITY * math.sqrt(YEARS) * normal)
    payoff = np.maximum(end - STRIKE, 0) * math.exp(-RATE * YEARS)
    return float(payoff.mean()), float(payoff.std()) / math.sqrt(paths)


def exact() -> float:
    """Black and Scholes (1973), equation 13."""

    def phi(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2))

    d1 = (math.log(SPOT / STRIKE) + (RATE + VOLATILITY**2 / 2) * YEARS) / (
        VOLATILITY * math.sqrt(YEARS)
    )
    d2 = d1 - VOLATILITY * math.sqrt(YEARS)
    return SPOT * phi(d1) - STRIKE * math.exp(-RATE * YEARS) * phi(d2)


if __name__ == "__main__":
    price, error = simulated(1_000_000)
    print(f"simulated {price:.4f} +- {error:.4f}, exact {exact():.4f}")
    assert abs(price - exact()) < 4 * error
