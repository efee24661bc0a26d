"""Hooks for ``optimizer.add_hook``: decay, clipping and noise of gradients.

A gradient is never changed in place: backward may have handed the same array to
several variables.

Examples
--------
>>> import numpy as np, nnrun.links as L
>>> from nnrun import optimizer_hooks, optimizers
>>> optimizer = optimizers.SGD().setup(L.Linear(2, 2))
>>> optimizer.add_hook(optimizer_hooks.WeightDecay(1e-4))
"""

from __future__ import annotations

from typing import Any

__all__ = ["GradientClipping", "GradientHardClipping", "Lasso", "WeightDecay"]


class WeightDecay:
    """Add ``rate * param`` to each gradient.

    Parameters
    ----------
    rate : float
        How strongly parameters are drawn to zero.
    """

    name = "WeightDecay"
    call_for_each_param = True
    timing = "pre"

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, rule: Any, param: Any) -> None:
        """Change the gradient of `param`."""
        if param.grad is not None:
            with param.device:
                param.grad = param.grad + param.array * self.rate


class Lasso:
    """Add ``rate * sign(param)`` to each gradient.

    Parameters
    ----------
    rate : float
        How strongly parameters are drawn to zero.
    """

    name = "Lasso"
    call_for_each_param = True
    timing = "pre"

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, rule: Any, param: Any) -> None:
        """Change the gradient of `param`."""
        if param.grad is not None:
            with param.device:
                param.grad = param.grad + param.xp.sign(param.array) * self.rate


class GradientClipping:
    """Scale all gradients so that together, as one vector, they are no longer than a threshold.

    Parameters
    ----------
    threshold : float
        The greatest length.
    """

    name = "GradientClipping"
    call_for_each_param = False
    timing = "pre"

    def __init__(self, threshold: float) -> None:
        if not threshold > 0:
            raise ValueError(f"GradientClipping: `threshold` must be positive, not {threshold}")
        self.threshold = threshold

    def __call__(self, optimizer: Any) -> None:
        """Change the gradients of the optimizer's target."""
        params = [p for p in optimizer.target.params() if p.grad is not None]
        if not params:
            return
        # The norm stays on the device: to ask for it would be to wait for all gradients.
        home = params[0].device
        total: Any = 0.0
        for p in params:
            with p.device:
                g = p.grad.ravel()
                squares = p.xp.asarray(p.xp.dot(g, g))
            with home:
                total = total + home.send(squares)
        with home:
            xp = home.xp
            rate = self.threshold / xp.maximum(xp.sqrt(total), self.threshold)
            rate = xp.asarray(rate)
        for p in params:
            with p.device as device:
                p.grad = p.grad * device.send(rate).astype(p.dtype)


class GradientHardClipping:
    """Limit every element of every gradient to a range.

    Parameters
    ----------
    lower_bound, upper_bound : float
        The range.
    """

    name = "GradientHardClipping"
    call_for_each_param = True
    timing = "pre"

    def __init__(self, lower_bound: float, upper_bound: float) -> None:
        if lower_bound > upper_bound:
            raise ValueError(f"GradientHardClipping: {lower_bound} .. {upper_bound} is no range")
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound

    def __call__(self, rule: Any, param: Any) -> None:
        """Change the gradient of `param`."""
        if param.grad is not None:
            with param.device:
                param.grad = param.xp.clip(param.grad, self.lower_bound, self.upper_bound)
