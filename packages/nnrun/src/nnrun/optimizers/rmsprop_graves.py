"""RMSprop as Graves has it: centred, with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.core import Parameter
from nnrun.optimizer import GradientMethod, Hyperparameter, HyperparameterProxy, UpdateRule
from nnrun.update_kernel import UpdateKernel

__all__ = ["RMSpropGraves", "RMSpropGravesRule"]

_RMSPROP_GRAVES = UpdateKernel(
    "rmsprop_graves",
    "lr alpha one_minus_alpha momentum eps",
    "n g delta",
    "n = alpha * n + one_minus_alpha * grad * grad; g = alpha * g + one_minus_alpha * grad;"
    "delta = momentum * delta - lr * grad / sqrt(n - g * g + eps); param += delta;",
)


class RMSpropGravesRule(UpdateRule):
    """Momentum over steps divided by the running standard deviation of the gradient."""

    def __init__(
        self,
        parent_hyperparam: Hyperparameter | None = None,
        lr: float | None = None,
        alpha: float | None = None,
        momentum: float | None = None,
        eps: float | None = None,
    ) -> None:
        super().__init__(parent_hyperparam, lr=lr, alpha=alpha, momentum=momentum, eps=eps)

    def init_state(self, param: Parameter) -> None:
        """Start with means of zero and no velocity."""
        self.state = {name: param.xp.zeros_like(param.array) for name in ("n", "g", "delta")}

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        hp = self.hyperparam
        array: Any = param.array
        grad: Any = param.grad
        state: Any = self.state
        n, g, delta = state["n"], state["g"], state["delta"]
        n *= hp.alpha
        n += (1 - hp.alpha) * grad * grad
        g *= hp.alpha
        g += (1 - hp.alpha) * grad
        delta *= hp.momentum
        delta -= hp.lr * grad / np.sqrt(n - g * g + hp.eps)
        array += delta

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        hp = self.hyperparam
        return _RMSPROP_GRAVES, (hp.lr, hp.alpha, 1 - hp.alpha, hp.momentum, hp.eps)


class RMSpropGraves(GradientMethod):
    """RMSprop with the mean gradient taken out of the mean square, and momentum.

    See Graves, "Generating Sequences With Recurrent Neural Networks" (2013), eq. 38-45.

    Parameters
    ----------
    lr : float
        The step's length.
    alpha : float
        How slowly the means change.
    momentum : float
        How much of the velocity stays.
    eps : float
        Keeps the step finite.
    """

    lr = HyperparameterProxy("lr")
    alpha = HyperparameterProxy("alpha")
    momentum = HyperparameterProxy("momentum")
    eps = HyperparameterProxy("eps")

    def __init__(
        self, lr: float = 1e-4, alpha: float = 0.95, momentum: float = 0.9, eps: float = 1e-4
    ) -> None:
        super().__init__()
        hp = self.hyperparam
        hp.lr, hp.alpha, hp.momentum, hp.eps = lr, alpha, momentum, eps

    def create_update_rule(self) -> RMSpropGravesRule:
        """Return a new rule for one parameter."""
        return RMSpropGravesRule(self.hyperparam)
