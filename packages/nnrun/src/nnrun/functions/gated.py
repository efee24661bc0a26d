"""Activations that join parts of their input: `crelu`, `maxout`, and the gated linear units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.functions.activations import relu, sigmoid
from nnrun.functions.joining import concat, split_axis
from nnrun.functions.rectifiers import gelu
from nnrun.functions.reductions import max as max_
from nnrun.functions.shape import reshape

__all__ = ["crelu", "geglu", "glu", "maxout", "reglu", "swiglu"]

Array = Any


def crelu(x: Variable | Array, axis: int = 1) -> Variable:
    """Rectify `x` and ``-x``, side by side (Shang et al., 2016).

    Parameters
    ----------
    x : Variable or array
    axis : int
        Along which the result is twice as long.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.crelu(np.array([[-1.0, 2.0]]))
    variable([[0., 2., 1., 0.]])
    """
    x = as_variable(x)
    return relu(concat([x, -x], axis))


def maxout(x: Variable | Array, pool_size: int, axis: int = 1) -> Variable:
    """Take the largest of each `pool_size` neighbours (Goodfellow et al., 2013).

    Parameters
    ----------
    x : Variable or array
    pool_size : int
        How many to choose from.
    axis : int
        Along which; its length must be a multiple of `pool_size`.

    Returns
    -------
    Variable
        Shorter by that factor.

    Raises
    ------
    ValueError
        If the length of the axis does not suit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.maxout(np.array([[1.0, 2.0, 4.0, 3.0]]), 2)
    variable([[2., 4.]])
    """
    if pool_size < 1:
        raise ValueError(f"maxout: `pool_size` must be at least 1, not {pool_size}")
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"maxout: axis {axis} is out of range for `x` (x.shape={x.shape})")
    axis %= x.ndim
    if x.shape[axis] % pool_size:
        raise ValueError(
            f"maxout: axis {axis} of `x` is no multiple of pool_size={pool_size} "
            f"(x.shape={x.shape})"
        )
    pools = (*x.shape[:axis], x.shape[axis] // pool_size, pool_size, *x.shape[axis + 1 :])
    return max_(reshape(x, pools), axis + 1)


_GLU = """Return one half of `x` times {what} of the other (Shazeer, 2020).

    Parameters
    ----------
    x : Variable or array
    axis : int
        Along which `x` is halved: the first half is multiplied, the second is the gate.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If the axis has an odd length.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.{name}(np.array([[2.0, 0.0]]))
    variable([[{result}]])
    """


def _gated(name: str, what: str, gate: Callable[[Any], Variable], result: str) -> Any:
    """The function of a row."""

    def function(x: Variable | Array, axis: int = 1) -> Variable:
        if not -x.ndim <= axis < x.ndim or x.shape[axis] % 2:
            raise ValueError(
                f"{name}: axis {axis} of `x` must have an even length (x.shape={x.shape})"
            )
        value, source = split_axis(x, 2, axis)
        return value * gate(source)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = _GLU.format(what=what, name=name, result=result)
    return function


def _silu(x: Variable) -> Variable:
    return x * sigmoid(x)


_Gated = Callable[..., Variable]

glu: _Gated = _gated("glu", "the sigmoid", sigmoid, "1.")
reglu: _Gated = _gated("reglu", "the relu", relu, "0.")
geglu: _Gated = _gated("geglu", "the gelu", gelu, "0.")
swiglu: _Gated = _gated("swiglu", "the silu", _silu, "0.")
