"""M-SVAG: steps shortened by the variance of the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.core import Parameter
from nnrun.optimizer import GradientMethod, Hyperparameter, HyperparameterProxy, UpdateRule
from nnrun.update_kernel import UpdateKernel

__all__ = ["MSVAG", "MSVAGRule"]

# 1 - rho divides: at the first step, where rho is 1, there is no variance to be known yet.
_GREATEST_RHO = 0.9999

_MSVAG = UpdateKernel(
    "msvag",
    "lr one_minus_beta correction rho decay",
    "m v",
    "m += one_minus_beta * (grad - m); v += one_minus_beta * (grad * grad - v);"
    "const T mean = m / correction; const T square = mean * mean;"
    "const T variance = max(v / correction - square, (T)0) / (1 - rho);"
    "const T total = square + rho * variance;"
    "param -= lr * (total > 0 ? square / total : (T)0) * mean + decay * param;",
)


class MSVAGRule(UpdateRule):
    """Steps along the mean gradient, shortened where its variance is large."""

    def __init__(
        self,
        parent_hyperparam: Hyperparameter | None = None,
        lr: float | None = None,
        beta: float | None = None,
        eta: float | None = None,
        weight_decay_rate: float | None = None,
    ) -> None:
        super().__init__(
            parent_hyperparam, lr=lr, beta=beta, eta=eta, weight_decay_rate=weight_decay_rate
        )

    def init_state(self, param: Parameter) -> None:
        """Start with means of zero."""
        self.state = {name: param.xp.zeros_like(param.array) for name in ("m", "v")}

    def _numbers(self) -> tuple[float, float]:
        """The correction of the means for their start at zero, and the paper's rho."""
        beta, power = self.hyperparam.beta, self.hyperparam.beta**self.t
        rho = (1 - beta) * (1 + power) / ((1 + beta) * (1 - power))
        return 1 - power, min(rho, _GREATEST_RHO)

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        hp = self.hyperparam
        array: Any = param.array
        grad: Any = param.grad
        state: Any = self.state
        m, v = state["m"], state["v"]
        correction, rho = self._numbers()
        m += (1 - hp.beta) * (grad - m)
        v += (1 - hp.beta) * (grad * grad - v)
        mean = m / correction
        square = mean * mean
        variance = np.maximum(v / correction - square, 0) / (1 - rho)
        total = square + rho * variance
        factor = np.divide(square, total, out=np.zeros_like(total), where=total > 0)
        array -= hp.eta * (hp.lr * factor * mean + hp.weight_decay_rate * array)

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        hp = self.hyperparam
        correction, rho = self._numbers()
        return _MSVAG, (hp.eta * hp.lr, 1 - hp.beta, correction, rho, hp.eta * hp.weight_decay_rate)


class MSVAG(GradientMethod):
    """M-SVAG: momentum with each step shortened by the gradient's relative variance.

    See Balles and Hennig, "Dissecting Adam" (2018), algorithm 1.

    Parameters
    ----------
    lr : float
        The step's length.
    beta : float
        How slowly the means of the gradient and of its square change.
    eta : float
        A factor for step and decay, to be scheduled.
    weight_decay_rate : float
        By how much of itself a parameter shrinks at each step, times `eta`.
    """

    lr = HyperparameterProxy("lr")
    beta = HyperparameterProxy("beta")
    eta = HyperparameterProxy("eta")
    weight_decay_rate = HyperparameterProxy("weight_decay_rate")

    def __init__(
        self,
        lr: float = 0.1,
        beta: float = 0.9,
        eta: float = 1.0,
        weight_decay_rate: float = 0.0,
    ) -> None:
        super().__init__()
        hp = self.hyperparam
        hp.lr, hp.beta, hp.eta, hp.weight_decay_rate = lr, beta, eta, weight_decay_rate

    def create_update_rule(self) -> MSVAGRule:
        """Return a new rule for one parameter."""
        return MSVAGRule(self.hyperparam)
