"""SMORMS3: means whose memory is as long as the gradient is noisy."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.core import Parameter
from nnrun.optimizer import GradientMethod, Hyperparameter, HyperparameterProxy, UpdateRule
from nnrun.update_kernel import UpdateKernel

__all__ = ["SMORMS3", "SMORMS3Rule"]

_SMORMS3 = UpdateKernel(
    "smorms3",
    "lr eps",
    "mem g g2",
    "const T r = 1 / (mem + 1); g = (1 - r) * g + r * grad;"
    "g2 = (1 - r) * g2 + r * grad * grad; const T x = g * g / (g2 + eps);"
    "param -= grad * min(lr, x) / (sqrt(g2) + eps); mem = 1 + mem * (1 - x);",
)


class SMORMS3Rule(UpdateRule):
    """Steps limited by how well the gradients of the past agree."""

    def __init__(
        self,
        parent_hyperparam: Hyperparameter | None = None,
        lr: float | None = None,
        eps: float | None = None,
    ) -> None:
        super().__init__(parent_hyperparam, lr=lr, eps=eps)

    def init_state(self, param: Parameter) -> None:
        """Start with a memory of one step, and means of zero."""
        xp, array = param.xp, param.array
        self.state = {
            "mem": xp.ones_like(array),
            "g": xp.zeros_like(array),
            "g2": xp.zeros_like(array),
        }

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        hp = self.hyperparam
        array: Any = param.array
        grad: Any = param.grad
        state: Any = self.state
        mem, g, g2 = state["mem"], state["g"], state["g2"]
        r = 1 / (mem + 1)
        g *= 1 - r
        g += r * grad
        g2 *= 1 - r
        g2 += r * grad * grad
        x = g * g / (g2 + hp.eps)
        array -= grad * np.minimum(hp.lr, x) / (np.sqrt(g2) + hp.eps)
        mem *= 1 - x
        mem += 1

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        return _SMORMS3, (self.hyperparam.lr, self.hyperparam.eps)


class SMORMS3(GradientMethod):
    """SMORMS3: squared mean over root mean squared cubed, as Simon Funk proposed in 2015.

    Parameters
    ----------
    lr : float
        The step's greatest length.
    eps : float
        Keeps the step finite.
    """

    lr = HyperparameterProxy("lr")
    eps = HyperparameterProxy("eps")

    def __init__(self, lr: float = 0.001, eps: float = 1e-16) -> None:
        super().__init__()
        self.hyperparam.lr = lr
        self.hyperparam.eps = eps

    def create_update_rule(self) -> SMORMS3Rule:
        """Return a new rule for one parameter."""
        return SMORMS3Rule(self.hyperparam)
