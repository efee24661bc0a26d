"""Prices of options: Black and Scholes's formula, a simulation of it, and implied volatilities."""

from types import ModuleType
from typing import Any

import numpy

import ndgpu as np


def normal_distribution(xp: ModuleType, x: Any) -> Any:
    """Return the normal distribution function, to 7.5e-8 (Abramowitz and Stegun, 26.2.17)."""
    t = 1 / (1 + 0.2316419 * xp.abs(x))
    weights = [1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.319381530, 0.0]
    tail = xp.polyval(xp.asarray(weights), t) * xp.exp(-x * x / 2) / xp.sqrt(2 * xp.pi)
    return xp.where(x > 0, 1 - tail, tail)


def call_price(xp: ModuleType, spot: Any, strike: Any, years: Any, rate: float, sigma: Any) -> Any:
    """Return the price of European call options."""
    width = sigma * xp.sqrt(years)
    high = (xp.log(spot / strike) + (rate + sigma**2 / 2) * years) / width
    discount = xp.exp(-rate * years)
    return spot * normal_distribution(xp, high) - strike * discount * normal_distribution(
        xp, high - width
    )


def implied_volatility(xp: ModuleType, price: Any, spot: Any, strike: Any, years: Any) -> Any:
    """Return the volatilities that explain prices at a rate of 5%, by bisection of all at once."""
    low, high = xp.full_like(price, 0.01), xp.full_like(price, 2.0)
    for _ in range(50):
        middle = (low + high) / 2
        dear = call_price(xp, spot, strike, years, 0.05, middle) > price
        low, high = xp.where(dear, low, middle), xp.where(dear, middle, high)
    return (low + high) / 2


def options(xp: ModuleType, count: int) -> tuple[Any, ...]:
    """Return spots, strikes, years and volatilities from a fixed seed."""
    rng = numpy.random.default_rng(6)
    spans = [(80, 120), (80, 120), (0.5, 2.0), (0.1, 0.6)]
    return tuple(xp.asarray(rng.uniform(*span, count)) for span in spans)


if __name__ == "__main__":
    spot, strike, years, sigma = options(np, 2000)
    price = call_price(np, spot, strike, years, 0.05, sigma)
    theirs = options(numpy, 2000)
    np.testing.assert_allclose(price, call_price(numpy, *theirs[:3], 0.05, theirs[3]), rtol=1e-9)
    found = implied_volatility(np, price, spot, strike, years)
    print(f"mean price {float(price.mean()):.3f}, volatility {float(found.mean()):.3f}")
    assert float(np.median(np.abs(found - sigma))) < 1e-6
    # The first option again, by the mean of 200,000 simulated ends.
    normal = np.random.default_rng(8).standard_normal(200_000)
    drift = (0.05 - sigma[0] ** 2 / 2) * years[0]
    ends = spot[0] * np.exp(drift + sigma[0] * np.sqrt(years[0]) * normal)
    gain = np.maximum(ends - strike[0], 0) * np.exp(-0.05 * years[0])
    error = 5 * float(gain.std()) / len(gain) ** 0.5
    assert abs(float(gain.mean() - price[0])) < error
