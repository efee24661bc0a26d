"""Lion: the sign of a momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.core import Parameter
from nnrun.optimizer import GradientMethod, Hyperparameter, HyperparameterProxy, UpdateRule
from nnrun.update_kernel import UpdateKernel

__all__ = ["Lion", "LionRule"]

_LION = UpdateKernel(
    "lion",
    "lr beta1 one_minus_beta1 beta2 one_minus_beta2 decay",
    "m",
    "const T c = beta1 * m + one_minus_beta1 * grad;"
    "param -= lr * ((T)(c > 0) - (T)(c < 0)) + decay * param;"
    "m = beta2 * m + one_minus_beta2 * grad;",
)


class LionRule(UpdateRule):
    """Steps of one length, in the direction of the sign of a momentum."""

    def __init__(
        self,
        parent_hyperparam: Hyperparameter | None = None,
        alpha: float | None = None,
        beta1: float | None = None,
        beta2: float | None = None,
        eta: float | None = None,
        weight_decay_rate: float | None = None,
    ) -> None:
        super().__init__(
            parent_hyperparam,
            alpha=alpha,
            beta1=beta1,
            beta2=beta2,
            eta=eta,
            weight_decay_rate=weight_decay_rate,
        )

    def init_state(self, param: Parameter) -> None:
        """Start with no momentum."""
        self.state = {"m": param.xp.zeros_like(param.array)}

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        hp = self.hyperparam
        array: Any = param.array
        grad: Any = param.grad
        m = self.state["m"]  # type: ignore[index]
        step = np.sign(hp.beta1 * m + (1 - hp.beta1) * grad)
        step += hp.weight_decay_rate * array
        step *= hp.eta * hp.alpha
        array -= step
        m *= hp.beta2
        m += (1 - hp.beta2) * grad

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        hp = self.hyperparam
        lr = hp.eta * hp.alpha
        return _LION, (
            lr,
            hp.beta1,
            1 - hp.beta1,
            hp.beta2,
            1 - hp.beta2,
            lr * hp.weight_decay_rate,
        )


class Lion(GradientMethod):
    """Lion: every element moves by the same length, in the direction of a momentum's sign.

    See Chen et al., "Symbolic Discovery of Optimization Algorithms" (2023).  The authors
    advise a step 3 to 10 times shorter than AdamW's, with a decay as much stronger.

    Parameters
    ----------
    alpha : float
        The step's length.
    beta1 : float
        How much of the momentum counts in a step.
    beta2 : float
        How much of the momentum stays.
    eta : float
        A factor for step and decay, to be scheduled.
    weight_decay_rate : float
        By how much of itself a parameter shrinks at each step, times `alpha` and `eta`.
    """

    alpha = HyperparameterProxy("alpha")
    beta1 = HyperparameterProxy("beta1")
    beta2 = HyperparameterProxy("beta2")
    eta = HyperparameterProxy("eta")
    weight_decay_rate = HyperparameterProxy("weight_decay_rate")

    def __init__(
        self,
        alpha: float = 1e-4,
        beta1: float = 0.9,
        beta2: float = 0.99,
        eta: float = 1.0,
        weight_decay_rate: float = 0.0,
    ) -> None:
        super().__init__()
        hp = self.hyperparam
        hp.alpha, hp.beta1, hp.beta2 = alpha, beta1, beta2
        hp.eta, hp.weight_decay_rate = eta, weight_decay_rate

    @property
    def lr(self) -> float:
        """The step's length."""
        return self.hyperparam.alpha * self.hyperparam.eta

    def create_update_rule(self) -> LionRule:
        """Return a new rule for one parameter."""
        return LionRule(self.hyperparam)
