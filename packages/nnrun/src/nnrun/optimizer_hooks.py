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

__all__ = [
    "GradientClipping",
    "GradientHardClipping",
    "GradientLARS",
    "GradientNoise",
    "Lasso",
    "WeightDecay",
    "exponential_decay_noise",
]


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
                p.grad = p.grad * device.send(rate).astype(p.grad.dtype)


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


def exponential_decay_noise(xp: Any, shape: Any, dtype: Any, hook: Any, rule: Any) -> Any:
    """Return Gaussian noise of variance ``eta / (1 + t)**0.55``, t being the rule's count.

    Parameters
    ----------
    xp : module
        Where the noise is drawn.
    shape, dtype
        Of the noise.
    hook : GradientNoise
        Has `eta`.
    rule : UpdateRule
        Counts the updates.

    Returns
    -------
    array
    """
    deviation = (hook.eta / (1 + rule.t) ** 0.55) ** 0.5
    return xp.random.normal(0, deviation, shape).astype(dtype)


class GradientNoise:
    """Add noise to each gradient, less and less of it.

    See Neelakantan et al., "Adding Gradient Noise Improves Learning for Very Deep
    Networks" (2015).

    Parameters
    ----------
    eta : float
        The noise's variance at first.
    noise_func : callable
        ``noise_func(xp, shape, dtype, hook, rule)`` returns the noise.
    """

    name = "GradientNoise"
    call_for_each_param = True
    timing = "pre"

    def __init__(self, eta: float, noise_func: Any = exponential_decay_noise) -> None:
        if not eta >= 0:
            raise ValueError(f"GradientNoise: `eta` must not be negative, as {eta} is")
        self.eta = eta
        self.noise_func = noise_func

    def __call__(self, rule: Any, param: Any) -> None:
        """Change the gradient of `param`."""
        grad = param.grad
        if grad is not None:
            with param.device:
                noise = self.noise_func(param.xp, grad.shape, grad.dtype, self, rule)
                param.grad = grad + noise


class GradientLARS:
    """Scale each gradient to the length of its parameter, for large batches.

    A parameter longer than `threshold` has its gradient, with `weight_decay` times the
    parameter, multiplied by ``|param| / (eps + |grad| + weight_decay * |param|)``.  See You et
    al., "Large Batch Training of Convolutional Networks" (2017).

    Parameters
    ----------
    threshold : float
        Shorter parameters keep their gradient, but for the decay.
    weight_decay : float
        How strongly parameters are drawn to zero.
    eps : float
        Keeps the factor finite.
    """

    name = "GradientLARS"
    call_for_each_param = True
    timing = "pre"

    def __init__(
        self, threshold: float = 1e-2, weight_decay: float = 0.0, eps: float = 1e-9
    ) -> None:
        self.threshold = threshold
        self.weight_decay = weight_decay
        self.eps = eps

    def __call__(self, rule: Any, param: Any) -> None:
        """Change the gradient of `param`."""
        if param.grad is None:
            return
        with param.device:
            xp = param.xp
            # Arrays all the way: the norms stay on the device.
            length, steepness = (xp.sqrt(xp.sum(a * a)) for a in (param.array, param.grad))
            rate = length / (self.eps + steepness + self.weight_decay * length)
            rate = xp.where(length > self.threshold, rate, xp.ones_like(rate))
            decayed = param.grad + self.weight_decay * param.array
            param.grad = decayed * rate.astype(param.grad.dtype)
