"""AdaDelta: steps as long as past steps were for gradients as large."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.core import Parameter
from nnrun.optimizer import GradientMethod, Hyperparameter, HyperparameterProxy, UpdateRule
from nnrun.update_kernel import UpdateKernel

__all__ = ["AdaDelta", "AdaDeltaRule"]

_ADA_DELTA = UpdateKernel(
    "ada_delta",
    "rho one_minus_rho eps",
    "msg msdx",
    "msg = rho * msg + one_minus_rho * grad * grad;"
    "const T dx = sqrt((msdx + eps) / (msg + eps)) * grad;"
    "msdx = rho * msdx + one_minus_rho * dx * dx; param -= dx;",
)


class AdaDeltaRule(UpdateRule):
    """Steps scaled by running means of squared steps and of squared gradients."""

    def __init__(
        self,
        parent_hyperparam: Hyperparameter | None = None,
        rho: float | None = None,
        eps: float | None = None,
    ) -> None:
        super().__init__(parent_hyperparam, rho=rho, eps=eps)

    def init_state(self, param: Parameter) -> None:
        """Start with means of zero."""
        self.state = {name: param.xp.zeros_like(param.array) for name in ("msg", "msdx")}

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        hp = self.hyperparam
        array: Any = param.array
        grad: Any = param.grad
        state: Any = self.state
        msg, msdx = state["msg"], state["msdx"]
        msg *= hp.rho
        msg += (1 - hp.rho) * grad * grad
        dx = np.sqrt((msdx + hp.eps) / (msg + hp.eps)) * grad
        msdx *= hp.rho
        msdx += (1 - hp.rho) * dx * dx
        array -= dx

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        hp = self.hyperparam
        return _ADA_DELTA, (hp.rho, 1 - hp.rho, hp.eps)


class AdaDelta(GradientMethod):
    """AdaDelta, which needs no learning rate.

    See Zeiler, "ADADELTA: An Adaptive Learning Rate Method" (2012).

    Parameters
    ----------
    rho : float
        How slowly the means change.
    eps : float
        Keeps the step finite, and the first step from being zero.
    """

    rho = HyperparameterProxy("rho")
    eps = HyperparameterProxy("eps")

    def __init__(self, rho: float = 0.95, eps: float = 1e-6) -> None:
        super().__init__()
        self.hyperparam.rho = rho
        self.hyperparam.eps = eps

    def create_update_rule(self) -> AdaDeltaRule:
        """Return a new rule for one parameter."""
        return AdaDeltaRule(self.hyperparam)
