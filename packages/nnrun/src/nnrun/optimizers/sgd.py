"""Steps along the gradient, plain or with momentum."""

from __future__ import annotations

from typing import Any

from nnrun.core import Parameter
from nnrun.optimizer import GradientMethod, Hyperparameter, HyperparameterProxy, UpdateRule
from nnrun.update_kernel import UpdateKernel

__all__ = [
    "SGD",
    "CorrectedMomentumSGD",
    "CorrectedMomentumSGDRule",
    "MomentumSGD",
    "MomentumSGDRule",
    "NesterovAG",
    "NesterovAGRule",
    "SGDRule",
]

_SGD = UpdateKernel("sgd", "lr", "", "param -= lr * grad;")
_MOMENTUM = UpdateKernel(
    "momentum_sgd", "lr momentum", "v", "v = momentum * v - lr * grad; param += v;"
)
_CORRECTED = UpdateKernel(
    "corrected_momentum_sgd", "lr momentum", "v", "v = momentum * v - grad; param += lr * v;"
)
_NESTEROV = UpdateKernel(
    "nesterov_ag",
    "lr momentum",
    "v",
    "v = v * momentum - lr * grad; param += momentum * v - lr * grad;",
)


class SGDRule(UpdateRule):
    """``param -= lr * grad``."""

    def __init__(
        self, parent_hyperparam: Hyperparameter | None = None, lr: float | None = None
    ) -> None:
        super().__init__(parent_hyperparam, lr=lr)

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        array: Any = param.array
        array -= self.hyperparam.lr * param.grad

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        return _SGD, (self.hyperparam.lr,)


class SGD(GradientMethod):
    """Stochastic gradient descent: ``param -= lr * grad``.

    Parameters
    ----------
    lr : float
        The step's length.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L, nnrun.functions as F
    >>> from nnrun import optimizers
    >>> model = L.Classifier(L.Linear(4, 3))
    >>> optimizer = optimizers.SGD(lr=0.1).setup(model)
    >>> x, t = np.ones((2, 4), np.float32), np.array([0, 1])
    >>> before = model(x, t).item()
    >>> optimizer.update(model, x, t)
    >>> model(x, t).item() < before
    True
    """

    lr = HyperparameterProxy("lr")

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__()
        self.hyperparam.lr = lr

    def create_update_rule(self) -> SGDRule:
        """Return a new rule for one parameter."""
        return SGDRule(self.hyperparam)


class MomentumSGDRule(UpdateRule):
    """``v = momentum * v - lr * grad; param += v``."""

    _kernel = _MOMENTUM

    def __init__(
        self,
        parent_hyperparam: Hyperparameter | None = None,
        lr: float | None = None,
        momentum: float | None = None,
    ) -> None:
        super().__init__(parent_hyperparam, lr=lr, momentum=momentum)

    def init_state(self, param: Parameter) -> None:
        """Start with no velocity."""
        self.state = {"v": param.xp.zeros_like(param.array)}

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        array: Any = param.array
        v = self.state["v"]  # type: ignore[index]
        v *= self.hyperparam.momentum
        v -= self.hyperparam.lr * param.grad
        array += v

    def device_update(self) -> tuple[UpdateKernel, tuple[float, ...]]:
        """Return the kernel of this update and the numbers it takes."""
        return self._kernel, (self.hyperparam.lr, self.hyperparam.momentum)


class MomentumSGD(GradientMethod):
    """Gradient descent with momentum: ``v = momentum * v - lr * grad; param += v``.

    Parameters
    ----------
    lr : float
        The step's length.
    momentum : float
        How much of the velocity stays.
    """

    lr = HyperparameterProxy("lr")
    momentum = HyperparameterProxy("momentum")

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__()
        self.hyperparam.lr = lr
        self.hyperparam.momentum = momentum

    def create_update_rule(self) -> UpdateRule:
        """Return a new rule for one parameter."""
        return MomentumSGDRule(self.hyperparam)


class CorrectedMomentumSGDRule(MomentumSGDRule):
    """``v = momentum * v - grad; param += lr * v``."""

    _kernel = _CORRECTED

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        array: Any = param.array
        v = self.state["v"]  # type: ignore[index]
        v *= self.hyperparam.momentum
        v -= param.grad
        array += self.hyperparam.lr * v


class CorrectedMomentumSGD(MomentumSGD):
    """Momentum whose velocity does not depend on the learning rate, which may so change.

    ``v = momentum * v - grad; param += lr * v``; see section 3 of Goyal et al.,
    "Accurate, Large Minibatch SGD" (2017).

    Parameters
    ----------
    lr : float
        The step's length.
    momentum : float
        How much of the velocity stays.
    """

    def create_update_rule(self) -> UpdateRule:
        """Return a new rule for one parameter."""
        return CorrectedMomentumSGDRule(self.hyperparam)


class NesterovAGRule(MomentumSGDRule):
    """Momentum, looking ahead to where it leads."""

    _kernel = _NESTEROV

    def update_core_cpu(self, param: Parameter) -> None:
        """Change a NumPy array in place."""
        array: Any = param.array
        lr, momentum = self.hyperparam.lr, self.hyperparam.momentum
        v = self.state["v"]  # type: ignore[index]
        step = lr * param.grad
        v *= momentum
        v -= step
        array += momentum * v
        array -= step


class NesterovAG(MomentumSGD):
    """Nesterov's accelerated gradient.

    Parameters
    ----------
    lr : float
        The step's length.
    momentum : float
        How much of the velocity stays.
    """

    def create_update_rule(self) -> UpdateRule:
        """Return a new rule for one parameter."""
        return NesterovAGRule(self.hyperparam)
