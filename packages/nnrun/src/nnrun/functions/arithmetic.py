"""The arithmetic behind ``+ - * / // % ** @ -x abs(x)`` on Variables.

The other operand may be a Variable, an array (a constant) or a number, which
takes on the dtype of the array it meets.  Shapes are broadcast by NumPy's rules,
and gradients summed over the axes that were broadcast.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable
from nnrun.functions._binary import is_number, number, pair_of_arrays
from nnrun.functions.broadcast import sum_to

__all__ = [
    "absolute",
    "add",
    "divide",
    "floor_divide",
    "multiply",
    "negative",
    "power",
    "remainder",
    "subtract",
]

Array = Any


class _Binary(FunctionNode):
    """Two inputs of broadcast shapes."""

    __slots__ = ()

    def _fit(self, grads: tuple[Any, ...], indexes: Any) -> tuple[Any, ...]:
        """Sum gradients over the axes along which their inputs were broadcast."""
        nodes = self.inputs
        return tuple(
            [
                g if g is None or g._array.shape == nodes[i].shape else sum_to(g, nodes[i].shape)
                for i, g in zip(indexes, grads, strict=True)
            ]
        )


class _WithNumber(FunctionNode):
    """One input and a number."""

    __slots__ = ("_c",)

    def __init__(self, c: Any) -> None:
        self._c = c


# -- + and - ---------------------------------------------------------------


class Add(_Binary):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0] + inputs[1],)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return self._fit(grad_outputs * len(indexes), indexes)


class AddNumber(_WithNumber):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0] + self._c,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return grad_outputs


class Subtract(_Binary):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0] - inputs[1],)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (gy,) = grad_outputs
        return self._fit(tuple([-gy if i else gy for i in indexes]), indexes)


class SubtractFromNumber(_WithNumber):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (self._c - inputs[0],)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return (-grad_outputs[0],)


class Negative(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (-inputs[0],)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return (-grad_outputs[0],)


# -- * and / ---------------------------------------------------------------


class Multiply(_Binary):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self._input_indexes = (0, 1)
        return (inputs[0] * inputs[1],)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        xs = self.get_retained_inputs()
        (gy,) = grad_outputs
        return self._fit(tuple([gy * xs[1 - i] for i in indexes]), indexes)


class MultiplyByNumber(_WithNumber):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0] * self._c,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return (grad_outputs[0] * self._c,)


class Divide(_Binary):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self._input_indexes = (0, 1)
        return (inputs[0] / inputs[1],)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x0, x1 = self.get_retained_inputs()
        gx0 = grad_outputs[0] / x1
        return self._fit(tuple([-gx0 * x0 / x1 if i else gx0 for i in indexes]), indexes)


class DivideByNumber(_WithNumber):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0] / self._c,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return (grad_outputs[0] / self._c,)


class DivideNumber(_WithNumber):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0,))
        return (self._c / inputs[0],)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (x,) = self.get_retained_inputs()
        return (-self._c * grad_outputs[0] / (x * x),)


# -- ** --------------------------------------------------------------------


class Power(_Binary):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0, 1))
        self.retain_outputs((0,))
        return (inputs[0] ** inputs[1],)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        from nnrun.functions.unary import log

        x, p = self.get_retained_inputs()
        (y,) = self.get_retained_outputs()
        (gy,) = grad_outputs
        return self._fit(
            tuple([gy * y * log(x) if i else gy * p * x ** (p - 1) for i in indexes]), indexes
        )


class PowerNumber(_WithNumber):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0,))
        return (inputs[0] ** self._c,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (x,) = self.get_retained_inputs()
        c = self._c
        if c in (0, 1):  # x ** (c - 1) would be infinite at zero
            return (grad_outputs[0] * c,)
        if c == 2:
            return (2 * x * grad_outputs[0],)
        return (c * x ** (c - 1) * grad_outputs[0],)


class NumberPower(_WithNumber):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_outputs((0,))
        return (self._c ** inputs[0],)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (y,) = self.get_retained_outputs()
        return (float(np.log(self._c)) * y * grad_outputs[0],)


# -- // % abs ----------------------------------------------------------------


class FloorDivide(_Binary):
    """Constant between its jumps, so no gradient flows."""

    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0] // inputs[1],)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return (None,) * len(indexes)


class Remainder(_Binary):
    """``x - floor(x / y) * y``."""

    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0, 1))
        return (inputs[0] % inputs[1],)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x, y = self.get_retained_inputs()
        (gy,) = grad_outputs
        return self._fit(tuple([-gy * (x.array // y.array) if i else gy for i in indexes]), indexes)


class Absolute(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0,))
        return (abs(inputs[0]),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x = self.get_retained_inputs()[0].array
        return (grad_outputs[0] * get_array_module(x).sign(x),)


# -- the public functions, which are also the operators ------------------------


def add(x: Any, y: Any, *more: Any) -> Variable:
    """Add element by element: ``x + y``.

    Parameters
    ----------
    x, y, *more : Variable, array or number
        Of shapes that can be broadcast.

    Returns
    -------
    Variable

    Raises
    ------
    TypeError
        If an operand is none of these.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.add(np.array([1.0, 2.0]), 3)
    variable([4., 5.])
    """
    if more:
        total = add(x, y)
        for z in more:
            total = add(total, z)
        return total
    if is_number(y):
        return AddNumber(number(y)).apply((x,))[0]
    if is_number(x):
        return AddNumber(number(x)).apply((y,))[0]
    return Add().apply((x, y))[0]


def subtract(x: Any, y: Any) -> Variable:
    """Subtract element by element: ``x - y``.

    Parameters
    ----------
    x, y : Variable, array or number
        Of shapes that can be broadcast.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.subtract(3, np.array([1.0, 2.0]))
    variable([2., 1.])
    """
    if is_number(y):
        return AddNumber(-number(y)).apply((x,))[0]
    if is_number(x):
        return SubtractFromNumber(number(x)).apply((y,))[0]
    return Subtract().apply((x, y))[0]


def multiply(x: Any, y: Any) -> Variable:
    """Multiply element by element: ``x * y``.

    Parameters
    ----------
    x, y : Variable, array or number
        Of shapes that can be broadcast.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.multiply(np.array([1.0, 2.0]), 3)
    variable([3., 6.])
    """
    if is_number(y):
        return MultiplyByNumber(number(y)).apply((x,))[0]
    if is_number(x):
        return MultiplyByNumber(number(x)).apply((y,))[0]
    return Multiply().apply((x, y))[0]


def divide(x: Any, y: Any) -> Variable:
    """Divide element by element: ``x / y``.

    Parameters
    ----------
    x, y : Variable, array or number
        Of shapes that can be broadcast.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.divide(np.array([1.0, 2.0]), 4)
    variable([0.25, 0.5 ])
    """
    if is_number(y):
        return DivideByNumber(number(y)).apply((x,))[0]
    if is_number(x):
        return DivideNumber(number(x)).apply((y,))[0]
    return Divide().apply((x, y))[0]


def power(x: Any, y: Any) -> Variable:
    """Raise to a power element by element: ``x ** y``.

    Parameters
    ----------
    x, y : Variable, array or number
        Of shapes that can be broadcast.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.power(np.array([2.0, 3.0]), 2)
    variable([4., 9.])
    """
    if is_number(y):
        return PowerNumber(number(y)).apply((x,))[0]
    if is_number(x):
        return NumberPower(number(x)).apply((y,))[0]
    return Power().apply((x, y))[0]


def floor_divide(x: Any, y: Any) -> Variable:
    """Divide and round down: ``x // y``; its gradient is zero.

    Parameters
    ----------
    x, y : Variable, array or number
        Of shapes that can be broadcast.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.floor_divide(np.array([5.0, -5.0]), 2)
    variable([ 2., -3.])
    """
    return FloorDivide().apply(pair_of_arrays(x, y))[0]


def remainder(x: Any, y: Any) -> Variable:
    """Return what division leaves, with the sign of the divisor: ``x % y``.

    Parameters
    ----------
    x, y : Variable, array or number
        Of shapes that can be broadcast.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.remainder(np.array([5.0, -5.0]), 3)
    variable([2., 1.])
    """
    return Remainder().apply(pair_of_arrays(x, y))[0]


def negative(x: Variable | Array) -> Variable:
    """Negate: ``-x``.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.negative(np.array([1.0, -2.0]))
    variable([-1.,  2.])
    """
    return Negative().apply((x,))[0]


def absolute(x: Variable | Array) -> Variable:
    """Return absolute values: ``abs(x)``.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.absolute(np.array([1.0, -2.0]))
    variable([1., 2.])
    """
    return Absolute().apply((x,))[0]
