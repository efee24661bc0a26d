"""Steps scaled by the squares of past gradients: AdaGrad, RMSprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.core import Parameter
from nnrun.optimizer import GradientMethod, Hyperparameter, HyperparameterProxy, UpdateRule
from nnrun.update_kernel import UpdateKernel

__all__ = ["AdaGrad", "AdaGradRule", "RMSprop", "RMSpropRule"]

_ADAGRAD = UpdateKernel(
    "adagrad", "lr eps", "h", "h += grad * grad; param -= lr * grad / (sqrt(h) + eps);"
)
_RMSPROP, _RMSPROP_INSIDE = (
    UpdateKernel(
        name,
        "lr one_minus_alpha eps",
        "ms",
        f"ms += one_minus_alpha * (grad * grad - ms); param -= lr * grad / {root};",
    )
    for name, root in (("rmsprop", "(sqrt(ms) + eps)"), ("rmsprop_inside", "sqrt(ms + eps)"))
)


class AdaGradRule(UpdateRule):
    """Steps divided by the root of the sum of all squared gradients."""

    def __init__(
        self,
        parent_hyperparam: Hyperparameter | None = None,
        lr: float | None = None,
        eps: float | None = None,
    ) -> None:
        super().__init__(parent_hyperparam, lr=lr, eps=eps)

    def init_state(self, param: Parameter) -> None:
        """Start with a sum of zero."""
        self.state = {"h": param.xp.zeros_like(param.array)}

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        array: Any = param.array
        grad: Any = param.grad
        h = self.state["h"]  # type: ignore[index]
        work = np.multiply(grad, grad, out=np.empty_like(grad))  # stays an array if 0-d
        h += work
        np.sqrt(h, out=work)
        work += self.hyperparam.eps
        np.divide(grad, work, out=work)
        work *= self.hyperparam.lr
        array -= work

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        return _ADAGRAD, (self.hyperparam.lr, self.hyperparam.eps)


class AdaGrad(GradientMethod):
    """AdaGrad: steps divided by the root of the sum of all squared gradients.

    Parameters
    ----------
    lr : float
        The first step's length.
    eps : float
        Keeps the step finite.
    """

    lr = HyperparameterProxy("lr")
    eps = HyperparameterProxy("eps")

    def __init__(self, lr: float = 0.001, eps: float = 1e-8) -> None:
        super().__init__()
        self.hyperparam.lr = lr
        self.hyperparam.eps = eps

    def create_update_rule(self) -> AdaGradRule:
        """Return a new rule for one parameter."""
        return AdaGradRule(self.hyperparam)


class RMSpropRule(UpdateRule):
    """Steps divided by the root of the running mean of squared gradients."""

    def __init__(
        self,
        parent_hyperparam: Hyperparameter | None = None,
        lr: float | None = None,
        alpha: float | None = None,
        eps: float | None = None,
        eps_inside_sqrt: bool | None = None,
    ) -> None:
        super().__init__(
            parent_hyperparam, lr=lr, alpha=alpha, eps=eps, eps_inside_sqrt=eps_inside_sqrt
        )

    def init_state(self, param: Parameter) -> None:
        """Start with a mean of zero."""
        self.state = {"ms": param.xp.zeros_like(param.array)}

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        hp = self.hyperparam
        array: Any = param.array
        grad: Any = param.grad
        ms = self.state["ms"]  # type: ignore[index]
        work = np.multiply(grad, grad, out=np.empty_like(grad))  # stays an array if 0-d
        work -= ms
        work *= 1 - hp.alpha
        ms += work
        if hp.eps_inside_sqrt:
            np.add(ms, hp.eps, out=work)
            np.sqrt(work, out=work)
        else:
            np.sqrt(ms, out=work)
            work += hp.eps
        np.divide(grad, work, out=work)
        work *= hp.lr
        array -= work

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        hp = self.hyperparam
        kernel = _RMSPROP_INSIDE if hp.eps_inside_sqrt else _RMSPROP
        return kernel, (hp.lr, 1 - hp.alpha, hp.eps)


class RMSprop(GradientMethod):
    """RMSprop: steps divided by the root of the running mean of squared gradients.

    Parameters
    ----------
    lr : float
        The step's length.
    alpha : float
        How slowly the mean changes.
    eps : float
        Keeps the step finite.
    eps_inside_sqrt : bool
        Add `eps` before the root is taken.
    """

    lr = HyperparameterProxy("lr")
    alpha = HyperparameterProxy("alpha")
    eps = HyperparameterProxy("eps")

    def __init__(
        self,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        eps_inside_sqrt: bool = False,
    ) -> None:
        super().__init__()
        hp = self.hyperparam
        hp.lr, hp.alpha, hp.eps, hp.eps_inside_sqrt = lr, alpha, eps, eps_inside_sqrt

    def create_update_rule(self) -> RMSpropRule:
        """Return a new rule for one parameter."""
        return RMSpropRule(self.hyperparam)
