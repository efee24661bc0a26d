"""Activations: relu and its kin, sigmoid, tanh, softplus.

The gradients of the common ones are single passes over memory, on ndgpu as one
kernel, written once; they are function nodes too and so differentiable again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable
from nnrun.cuda import elementwise
from nnrun.functions._masks import keep_where_positive
from nnrun.utils.in_parts import in_parts

__all__ = [
    "clipped_relu",
    "elu",
    "leaky_relu",
    "relu",
    "sigmoid",
    "silu",
    "softplus",
    "swish",
    "tanh",
]

Array = Any


# -- relu ----------------------------------------------------------------------


class ReLU(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_outputs((0,))
        if not isinstance(x, np.ndarray):
            return (get_array_module(x).maximum(x, 0),)
        y = np.empty(x.shape, x.dtype)
        in_parts(lambda x, y: np.maximum(x, 0, out=y), x, y)
        return (y,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        y = self.get_retained_outputs()[0].array
        return ReLUGrad(y).apply(grad_outputs)


class ReLUGrad(FunctionNode):
    """``gy`` where the result was positive; linear in `gy`, so its own gradient."""

    __slots__ = ("_y",)

    def __init__(self, y: Array) -> None:
        self._y = y

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (gy,) = inputs
        if isinstance(gy, np.ndarray):
            return (keep_where_positive(gy, self._y),)
        return (
            elementwise("T y, T gy", "T gx", "gx = y > 0 ? gy : (T)0", "relu_bwd")(self._y, gy),
        )

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return ReLUGrad(self._y).apply(grad_outputs)


def relu(x: Variable | Array) -> Variable:
    """Rectify: ``max(x, 0)``.

    Parameters
    ----------
    x : Variable or array

    Returns
    -------
    Variable
        Of the shape of `x`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.relu(np.array([-1.0, 2.0]))
    variable([0., 2.])
    """
    return ReLU().apply((x,))[0]


# -- functions that are a factor times x in pieces -------------------------------


class LeakyReLU(FunctionNode):
    __slots__ = ("_slope",)

    def __init__(self, slope: float) -> None:
        self._slope = slope

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_inputs((0,))
        return (get_array_module(x).where(x >= 0, x, x * self._slope),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x = self.get_retained_inputs()[0].array
        factor = get_array_module(x).where(x >= 0, x.dtype.type(1), x.dtype.type(self._slope))
        return (grad_outputs[0] * factor,)


def leaky_relu(x: Variable | Array, slope: float = 0.2) -> Variable:
    """Return `x` where it is positive, ``slope * x`` elsewhere.

    Parameters
    ----------
    x : Variable or array
    slope : float
        The factor for negative `x`.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.leaky_relu(np.array([-1.0, 2.0]), 0.5)
    variable([-0.5,  2. ])
    """
    return LeakyReLU(slope).apply((x,))[0]


class ClippedReLU(FunctionNode):
    __slots__ = ("_z",)

    def __init__(self, z: float) -> None:
        self._z = z

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_inputs((0,))
        xp = get_array_module(x)
        return (xp.minimum(xp.maximum(x, 0), self._z),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x = self.get_retained_inputs()[0].array
        return (grad_outputs[0] * ((x > 0) & (x < self._z)).astype(x.dtype),)


def clipped_relu(x: Variable | Array, z: float = 20.0) -> Variable:
    """Return ``min(max(x, 0), z)``.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.clipped_relu(np.array([-1.0, 2.0, 30.0]))
    variable([ 0.,  2., 20.])
    """
    return ClippedReLU(z).apply((x,))[0]


class ELU(FunctionNode):
    __slots__ = ("_alpha",)

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_inputs((0,))
        xp = get_array_module(x)
        return (xp.where(x >= 0, x, xp.expm1(xp.minimum(x, 0)) * self._alpha),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        from nnrun.functions.minmax import minimum
        from nnrun.functions.unary import exp

        (x,) = self.get_retained_inputs()
        positive = (x.array >= 0).astype(x.dtype)
        return (grad_outputs[0] * (positive + exp(minimum(x, 0)) * ((1 - positive) * self._alpha)),)


def elu(x: Variable | Array, alpha: float = 1.0) -> Variable:
    """Return `x` where it is positive, ``alpha * (exp(x) - 1)`` elsewhere.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.elu(np.array([0.0, 2.0]))
    variable([0., 2.])
    """
    return ELU(alpha).apply((x,))[0]


# -- sigmoid and tanh --------------------------------------------------------------


class Sigmoid(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_outputs((0,))
        if isinstance(x, np.ndarray):
            # By way of tanh, which overflows nowhere.
            return (np.tanh(x * 0.5) * 0.5 + 0.5,)
        return (elementwise("T x", "T y", "y = tanh(x * (T)0.5) * (T)0.5 + (T)0.5", "sigmoid")(x),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (y,) = self.get_retained_outputs()
        return SigmoidGrad().apply((y, grad_outputs[0]))


class SigmoidGrad(FunctionNode):
    """``gy * y * (1 - y)``."""

    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        y, gy = inputs
        self.retain_inputs((0, 1))
        if isinstance(y, np.ndarray):
            g = 1 - y
            g = g * y  # not in place: a 0-d result is a scalar
            return (g * gy,)
        return (elementwise("T y, T gy", "T gx", "gx = gy * y * ((T)1 - y)", "sigmoid_bwd")(y, gy),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        y, gy = self.get_retained_inputs()
        (g,) = grad_outputs
        return tuple([g * y * (1 - y) if i else g * gy * (1 - 2 * y) for i in indexes])


def sigmoid(x: Variable | Array) -> Variable:
    """Return ``1 / (1 + exp(-x))``.

    Parameters
    ----------
    x : Variable or array

    Returns
    -------
    Variable
        Between 0 and 1.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.sigmoid(np.array([0.0]))
    variable([0.5])
    """
    return Sigmoid().apply((x,))[0]


class Tanh(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_outputs((0,))
        return (get_array_module(x).tanh(x),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (y,) = self.get_retained_outputs()
        return TanhGrad().apply((y, grad_outputs[0]))


class TanhGrad(FunctionNode):
    """``gy * (1 - y * y)``."""

    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        y, gy = inputs
        self.retain_inputs((0, 1))
        if isinstance(y, np.ndarray):
            return (gy * (1 - y * y),)
        return (elementwise("T y, T gy", "T gx", "gx = gy * ((T)1 - y * y)", "tanh_bwd")(y, gy),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        y, gy = self.get_retained_inputs()
        (g,) = grad_outputs
        return tuple([g * (1 - y * y) if i else g * gy * y * -2 for i in indexes])


def tanh(x: Variable | Array) -> Variable:
    """Return the hyperbolic tangent.

    Parameters
    ----------
    x : Variable or array

    Returns
    -------
    Variable
        Between -1 and 1.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.tanh(np.array([0.0]))
    variable([0.])
    """
    return Tanh().apply((x,))[0]


# -- softplus, silu ------------------------------------------------------------------


class Softplus(FunctionNode):
    __slots__ = ("_beta",)

    def __init__(self, beta: float) -> None:
        self._beta = beta

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_inputs((0,))
        xp = get_array_module(x)
        bx = x * self._beta
        # log(1 + exp(v)) = max(v, 0) + log1p(exp(-|v|)), which overflows nowhere.
        return ((xp.maximum(bx, 0) + xp.log1p(xp.exp(-abs(bx)))) * (1.0 / self._beta),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (x,) = self.get_retained_inputs()
        return (sigmoid(x * self._beta) * grad_outputs[0],)


def softplus(x: Variable | Array, beta: float = 1.0) -> Variable:
    """Return ``log(1 + exp(beta * x)) / beta``, a smooth relu.

    Parameters
    ----------
    x : Variable or array
    beta : float
        The larger, the closer to relu.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.softplus(np.array([0.0, 100.0])).array.round(4)
    array([  0.6931, 100.    ])
    """
    return Softplus(beta).apply((x,))[0]


def swish(x: Variable | Array, beta: Variable | Array | float = 1.0) -> Variable:
    """Return ``x * sigmoid(beta * x)``.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.swish(np.array([0.0, 100.0]))
    variable([  0., 100.])
    """
    v = x if isinstance(x, Variable) else Variable(x, requires_grad=False)
    return v * sigmoid(v * beta)


def silu(x: Variable | Array) -> Variable:
    """Return ``x * sigmoid(x)``.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.silu(np.array([0.0, 100.0]))
    variable([  0., 100.])
    """
    return swish(x)
