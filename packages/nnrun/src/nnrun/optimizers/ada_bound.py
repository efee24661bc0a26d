"""AdaBound and AMSBound: Adam that turns into plain gradient descent as it goes on."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.core import Parameter
from nnrun.optimizer import Hyperparameter, HyperparameterProxy
from nnrun.optimizers.adam import Adam, AdamRule
from nnrun.update_kernel import UpdateKernel

__all__ = ["AMSBound", "AdaBound", "AdaBoundRule"]

_SCALARS = "lr one_minus_beta1 one_minus_beta2 eps lower upper eta decay"
_MEANS = "m += one_minus_beta1 * (grad - m); v += one_minus_beta2 * (grad * grad - v);"
_STEP = "param -= eta * min(max(lr / (sqrt({}) + eps), lower), upper) * m + decay * param;"
_ADA_BOUND = UpdateKernel("ada_bound", _SCALARS, "m v", _MEANS + _STEP.format("v"))
_AMS_BOUND = UpdateKernel(
    "ams_bound",
    _SCALARS,
    "m v vhat",
    _MEANS + "vhat = max(vhat, v);" + _STEP.format("vhat"),
)


class AdaBoundRule(AdamRule):
    """Adam's steps with bounds on each element's learning rate, which close with time."""

    def __init__(
        self,
        parent_hyperparam: Hyperparameter | None = None,
        alpha: float | None = None,
        beta1: float | None = None,
        beta2: float | None = None,
        final_lr: float | None = None,
        gamma: float | None = None,
        eps: float | None = None,
        eta: float | None = None,
        weight_decay_rate: float | None = None,
        amsbound: bool | None = None,
    ) -> None:
        super().__init__(
            parent_hyperparam, alpha, beta1, beta2, eps, eta, weight_decay_rate, amsbound
        )
        for name, value in {"final_lr": final_lr, "gamma": gamma}.items():
            if value is not None:
                setattr(self.hyperparam, name, value)
        self._initial_alpha: float | None = None

    def init_state(self, param: Parameter) -> None:
        """Start with means of zero, and remember the first learning rate."""
        super().init_state(param)
        self._initial_alpha = self.hyperparam.alpha

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest learning rate of an element, as of this step."""
        hp = self.hyperparam
        # The bounds follow a schedule of alpha.
        final = hp.final_lr * hp.alpha / (self._initial_alpha or hp.alpha)
        step = hp.gamma * self.t
        return final * (1 - 1 / (step + 1)), final * (1 + 1 / step)

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        hp = self.hyperparam
        array: Any = param.array
        grad: Any = param.grad
        state: Any = self.state
        m, v = state["m"], state["v"]
        m += (1 - hp.beta1) * (grad - m)
        v += (1 - hp.beta2) * (grad * grad - v)
        if hp.amsgrad:
            np.maximum(state["vhat"], v, out=state["vhat"])
            v = state["vhat"]
        rate = np.clip(self.lr / (np.sqrt(v) + hp.eps), *self.bounds)
        array -= hp.eta * (rate * m + hp.weight_decay_rate * array)

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        hp = self.hyperparam
        return _AMS_BOUND if hp.amsgrad else _ADA_BOUND, (
            self.lr,
            1 - hp.beta1,
            1 - hp.beta2,
            hp.eps,
            *self.bounds,
            hp.eta,
            hp.eta * hp.weight_decay_rate,
        )

    def serialize(self, serializer: Any, param: Parameter | None = None) -> None:
        """Save or load the count, the state, and the first learning rate."""
        super().serialize(serializer, param)
        if self._initial_alpha is not None:
            self._initial_alpha = float(serializer("initial_alpha", self._initial_alpha))


class AdaBound(Adam):
    """Adam with bounds on each element's learning rate that close in on a final one.

    See Luo et al., "Adaptive Gradient Methods with Dynamic Bound of Learning Rate" (2019).

    Parameters
    ----------
    alpha : float
        The step's length at first.
    beta1, beta2 : float
        How slowly the means of the gradient and of its square change.
    final_lr : float
        The learning rate in the end.
    gamma : float
        How quickly the bounds close.
    eps : float
        Keeps the step finite.
    eta : float
        A factor for step and decay, to be scheduled.
    weight_decay_rate : float
        By how much of itself a parameter shrinks at each step, times `eta`.
    amsbound : bool
        Scale by the largest mean so far.
    """

    final_lr = HyperparameterProxy("final_lr")
    gamma = HyperparameterProxy("gamma")

    def __init__(
        self,
        alpha: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        final_lr: float = 0.1,
        gamma: float = 1e-3,
        eps: float = 1e-8,
        eta: float = 1.0,
        weight_decay_rate: float = 0.0,
        amsbound: bool = False,
    ) -> None:
        super().__init__(
            alpha, beta1, beta2, eps, eta, weight_decay_rate, amsbound, True, final_lr, gamma
        )


class AMSBound(AdaBound):
    """AdaBound scaled by the largest mean so far; the arguments are those of `AdaBound`."""

    def __init__(
        self,
        alpha: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        final_lr: float = 0.1,
        gamma: float = 1e-3,
        eps: float = 1e-8,
        eta: float = 1.0,
        weight_decay_rate: float = 0.0,
    ) -> None:
        super().__init__(
            alpha, beta1, beta2, final_lr, gamma, eps, eta, weight_decay_rate, amsbound=True
        )
