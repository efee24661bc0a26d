"""Adam and its variants: AdamW (decoupled weight decay) and AMSGrad."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnrun.core import Parameter
from nnrun.optimizer import GradientMethod, Hyperparameter, HyperparameterProxy, UpdateRule
from nnrun.update_kernel import UpdateKernel
from nnrun.utils.in_parts import in_parts

__all__ = ["AMSGrad", "Adam", "AdamRule", "AdamW"]

_MEANS = "m += one_minus_beta1 * (grad - m); v += one_minus_beta2 * (grad * grad - v);"
_ADAM = UpdateKernel(
    "adam",
    "lr one_minus_beta1 one_minus_beta2 eps decay",
    "m v",
    _MEANS + "param -= lr * m / (sqrt(v) + eps) + decay * param;",
)
_AMSGRAD = UpdateKernel(
    "amsgrad",
    "lr one_minus_beta1 one_minus_beta2 eps decay",
    "m v vhat",
    _MEANS + "vhat = max(vhat, v); param -= lr * m / (sqrt(vhat) + eps) + decay * param;",
)


class AdamRule(UpdateRule):
    """Steps scaled by running means of the gradient and of its square."""

    def __init__(
        self,
        parent_hyperparam: Hyperparameter | None = None,
        alpha: float | None = None,
        beta1: float | None = None,
        beta2: float | None = None,
        eps: float | None = None,
        eta: float | None = None,
        weight_decay_rate: float | None = None,
        amsgrad: bool | None = None,
    ) -> None:
        super().__init__(
            parent_hyperparam,
            alpha=alpha,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            eta=eta,
            weight_decay_rate=weight_decay_rate,
            amsgrad=amsgrad,
        )

    def init_state(self, param: Parameter) -> None:
        """Start with means of zero."""
        names = ("m", "v", "vhat") if self.hyperparam.amsgrad else ("m", "v")
        self.state = {name: param.xp.zeros_like(param.array) for name in names}

    @property
    def lr(self) -> float:
        """The step's length, corrected for the means' start at zero."""
        return self.hyperparam.alpha * self.bias_correction

    @property
    def bias_correction(self) -> float:
        """``sqrt(1 - beta2**t) / (1 - beta1**t)``."""
        hp = self.hyperparam
        return math.sqrt(1.0 - hp.beta2**self.t) / (1.0 - hp.beta1**self.t)

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        state: Any = self.state
        arrays: list[Any] = [param.array, param.grad, state["m"], state["v"]]
        if self.hyperparam.amsgrad:
            arrays.append(state["vhat"])
        in_parts(self._step, *arrays)

    def _step(self, array: Any, grad: Any, m: Any, v: Any, vhat: Any = None) -> None:
        hp = self.hyperparam
        # One array is made, and used for every intermediate result.
        work = np.subtract(grad, m, out=np.empty_like(m))  # stays an array if 0-d
        work *= 1 - hp.beta1
        m += work
        np.multiply(grad, grad, out=work)
        work -= v
        work *= 1 - hp.beta2
        v += work
        if vhat is not None:
            np.maximum(vhat, v, out=vhat)
            v = vhat
        np.sqrt(v, out=work)
        work += hp.eps
        np.divide(m, work, out=work)
        work *= hp.eta * self.lr
        if hp.weight_decay_rate:
            array *= 1 - hp.eta * hp.weight_decay_rate
        array -= work

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        hp = self.hyperparam
        decay = hp.eta * hp.weight_decay_rate
        scalars = (hp.eta * self.lr, 1 - hp.beta1, 1 - hp.beta2, hp.eps, decay)
        return _AMSGRAD if hp.amsgrad else _ADAM, scalars


class Adam(GradientMethod):
    """Adam: steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    alpha : float
        The step's length.
    beta1, beta2 : float
        How slowly the means of the gradient and of its square change.
    eps : float
        Keeps the step finite.
    eta : float
        A factor for step and decay, to be scheduled.
    weight_decay_rate : float
        By how much of itself a parameter shrinks at each step, times `eta`.
    amsgrad : bool
        Scale by the largest mean so far.
    adabound : bool
        Bound each element's learning rate: what `AdaBound` does, which says what `final_lr` and
        `gamma` are.
    final_lr, gamma : float
        Of the bounds.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> from nnrun import optimizers
    >>> model = L.Classifier(L.Linear(4, 3))
    >>> optimizer = optimizers.Adam().setup(model)
    >>> x, t = np.ones((2, 4), np.float32), np.array([0, 1])
    >>> before = model(x, t).item()
    >>> optimizer.update(model, x, t)
    >>> model(x, t).item() < before
    True
    """

    alpha = HyperparameterProxy("alpha")
    beta1 = HyperparameterProxy("beta1")
    beta2 = HyperparameterProxy("beta2")
    eps = HyperparameterProxy("eps")
    eta = HyperparameterProxy("eta")
    weight_decay_rate = HyperparameterProxy("weight_decay_rate")
    amsgrad = HyperparameterProxy("amsgrad")

    def __init__(
        self,
        alpha: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        eta: float = 1.0,
        weight_decay_rate: float = 0.0,
        amsgrad: bool = False,
        adabound: bool = False,
        final_lr: float = 0.1,
        gamma: float = 1e-3,
    ) -> None:
        super().__init__()
        hp = self.hyperparam
        hp.alpha, hp.beta1, hp.beta2, hp.eps = alpha, beta1, beta2, eps
        hp.eta, hp.weight_decay_rate, hp.amsgrad = eta, weight_decay_rate, amsgrad
        self._bounded = adabound
        if adabound:
            hp.final_lr, hp.gamma = final_lr, gamma

    def create_update_rule(self) -> AdamRule:
        """Return a new rule for one parameter."""
        if self._bounded:
            from nnrun.optimizers.ada_bound import AdaBoundRule  # it is an AdamRule itself

            return AdaBoundRule(self.hyperparam)
        return AdamRule(self.hyperparam)

    @property
    def lr(self) -> float:
        """The step's length as of the latest update."""
        hp = self.hyperparam
        if not self.t:
            raise RuntimeError("Adam.lr is known after the first update")
        return hp.alpha * math.sqrt(1.0 - hp.beta2**self.t) / (1.0 - hp.beta1**self.t)


class AdamW(Adam):
    """Adam with weight decay; the arguments are those of `Adam`."""

    def __init__(
        self,
        alpha: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        eta: float = 1.0,
        weight_decay_rate: float = 1e-2,
    ) -> None:
        super().__init__(alpha, beta1, beta2, eps, eta, weight_decay_rate)


class AMSGrad(Adam):
    """Adam scaled by the largest mean so far; the arguments are those of `Adam`."""

    def __init__(
        self,
        alpha: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        eta: float = 1.0,
    ) -> None:
        super().__init__(alpha, beta1, beta2, eps, eta, amsgrad=True)
