"""`Bias` and `Scale`: learnt addends and factors, broadcast over other axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnrun.core import Chain, Link, Parameter, Variable, as_variable
from nnrun.functions import broadcast_to, reshape

__all__ = ["Bias", "Scale"]


def _spread(p: Variable, shape: tuple[int, ...], axis: int, name: str) -> Variable:
    """`p` with its axes put to `axis` and after, broadcast to `shape`."""
    end = axis + p.ndim
    if p.shape != shape[axis:end]:
        raise ValueError(
            f"{name}: the parameter has shape {p.shape} but `x` has {shape[axis:end]} from axis "
            f"{axis} on (x.shape={shape})"
        )
    padded = (1,) * axis + p.shape + (1,) * (len(shape) - end)
    return broadcast_to(reshape(p, padded), shape)


class Bias(Link):
    """Adds a learnt array along some axes.

    Parameters
    ----------
    axis : int
        The first axis of the input that the parameter belongs to.
    shape : tuple of int, optional
        Of the parameter; without it, the second argument of the call is added.

    Attributes
    ----------
    b : Parameter or None
        What is added.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.Bias(1, (3,))(np.ones((2, 3), np.float32)).shape
    (2, 3)
    """

    def __init__(self, axis: int = 1, shape: Sequence[int] | None = None) -> None:
        super().__init__()
        self.axis = axis
        self.b: Parameter | None = None
        if shape is not None:
            with self.init_scope():
                self.b = Parameter(0, shape)

    def forward(self, x: Any, b: Any = None) -> Variable:
        """Add the parameter (or, where there is none, `b`) to `x`."""
        if (b is None) == (self.b is None):
            raise ValueError("Bias: give `b` to the call just where the link has no shape")
        addend = as_variable(b) if self.b is None else self.b
        x = as_variable(x)
        return x + _spread(addend, x.shape, self.axis, "Bias")


class Scale(Chain):
    """Multiplies by a learnt array along some axes.

    Parameters
    ----------
    axis : int
        The first axis of the input that the parameter belongs to.
    W_shape : tuple of int, optional
        Of the factors; without it, the second argument of the call is used.
    bias_term : bool
        Add a learnt array too.
    bias_shape : tuple of int, optional
        Of that array; needed where `W_shape` is not given.

    Attributes
    ----------
    W : Parameter or None
        The factors.
    bias : Bias
        What adds, if something is added.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.Scale(1, (3,))(np.ones((2, 3), np.float32)).shape
    (2, 3)
    """

    def __init__(
        self,
        axis: int = 1,
        W_shape: Sequence[int] | None = None,
        bias_term: bool = False,
        bias_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.axis = axis
        self.W: Parameter | None = None
        self._biased = bias_term
        with self.init_scope():
            if W_shape is not None:
                self.W = Parameter(1, W_shape)
            if bias_term:
                shape = W_shape if bias_shape is None else bias_shape
                if shape is None:
                    raise ValueError("Scale: `bias_shape` must be given where `W_shape` is not")
                self.bias = Bias(axis, shape)

    def forward(self, x: Any, W: Any = None) -> Variable:
        """Multiply `x` by the factors (or, where there are none, by `W`), and add the bias."""
        if (W is None) == (self.W is None):
            raise ValueError("Scale: give `W` to the call just where the link has no W_shape")
        x = as_variable(x)
        factor = as_variable(W) if self.W is None else self.W
        y = x * _spread(factor, x.shape, self.axis, "Scale")
        return self.bias(y) if self._biased else y
