"""Convolution over one, three or any number of axes, and its transpose.

Two axes go the way of `convolution_2d`, one axis too; others through columns of any
number of axes and one product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.functions._windows_nd import WindowsND, columns, image, tuple_of
from nnrun.functions.convolution_2d import convolution_2d, deconvolution_2d
from nnrun.functions.matmul import matmul
from nnrun.functions.shape import reshape
from nnrun.utils.conv import get_deconv_outsize

__all__ = [
    "convolution_1d",
    "convolution_3d",
    "convolution_nd",
    "deconvolution_1d",
    "deconvolution_3d",
    "deconvolution_nd",
]

Array = Any


def _check(name: str, x: Any, W: Any, b: Any, groups: int, transposed: bool) -> int:
    """The number of axes, once the shapes fit."""
    n = x.ndim - 2
    if n < 1 or W.ndim != x.ndim:
        raise ValueError(
            f"{name}: `x` must have axes after batch and channels, and `W` as many as `x` "
            f"(x.shape={x.shape}, W.shape={W.shape})"
        )
    # Of a transposed convolution W is that of the convolution, seen from its result.
    inputs = W.shape[0] if transposed else W.shape[1] * groups
    outputs = W.shape[1] * groups if transposed else W.shape[0]
    if inputs != x.shape[1] or groups < 1 or W.shape[0] % groups:
        raise ValueError(
            f"{name}: `W` has {inputs} input channels but `x` has {x.shape[1]} "
            f"(x.shape={x.shape}, W.shape={W.shape}, groups={groups})"
        )
    if b is not None and b.shape != (outputs,):
        raise ValueError(f"{name}: `b` must have shape ({outputs},), not {b.shape}")
    return n


def _with_bias(y: Variable, b: Any) -> Variable:
    return y if b is None else y + reshape(b, (1, -1, *[1] * (y.ndim - 2)))


def convolution_nd(
    x: Variable | Array,
    W: Variable | Array,
    b: Variable | Array | None = None,
    stride: Any = 1,
    pad: Any = 0,
    cover_all: bool = False,
    dilate: Any = 1,
    groups: int = 1,
) -> Variable:
    """Convolve over all axes after the channels.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, ...)
    W : Variable or array, shape (outputs, channels / groups, ...)
        The weights, with an axis for each of those of `x` after the channels.
    b : Variable or array, shape (outputs,), optional
        The bias.
    stride, pad, dilate : int or tuple of int
        The steps, the padding at each end and the dilation, for all axes or for each.
    cover_all : bool
        Let the last window reach past the end rather than leave elements out.
    groups : int
        How many parts the channels are divided into, each with its own weights.

    Returns
    -------
    Variable, shape (batch, outputs, ...)

    Raises
    ------
    ValueError
        If the shapes don't fit or no window does.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.convolution_nd(np.zeros((1, 2, 5, 6, 7)), np.zeros((3, 2, 2, 2, 2))).shape
    (1, 3, 4, 5, 6)
    """
    n = _check("convolution_nd", x, W, b, groups, False)
    if n == 2:
        return convolution_2d(x, W, b, stride, pad, cover_all, dilate=dilate, groups=groups)
    windows = WindowsND.over("convolution_nd", x.shape, W.shape[2:], stride, pad, dilate, cover_all)
    if n == 1:
        wide = (x.shape[0], x.shape[1], 1, x.shape[2])
        y = convolution_2d(
            reshape(x, wide),
            reshape(W, (*W.shape[:2], 1, W.shape[2])),
            b,
            (1, *windows.stride),
            (0, *windows.pad),
            cover_all,
            dilate=(1, *windows.dilate),
            groups=groups,
        )
        return reshape(y, (*y.shape[:2], y.shape[3]))
    rows, places = math.prod(W.shape[1:]), math.prod(windows.out)
    cols = reshape(columns(x, windows), (x.shape[0], groups, rows, places))
    weights = reshape(W, (groups, W.shape[0] // groups, rows))
    y = reshape(matmul(weights, cols), (x.shape[0], W.shape[0], *windows.out))
    return _with_bias(y, b)


def deconvolution_nd(
    x: Variable | Array,
    W: Variable | Array,
    b: Variable | Array | None = None,
    stride: Any = 1,
    pad: Any = 0,
    outsize: Any = None,
    dilate: Any = 1,
    groups: int = 1,
) -> Variable:
    """Apply the transpose of a convolution over all axes after the channels.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, ...)
    W : Variable or array, shape (channels, outputs / groups, ...)
        The weights of the convolution whose transpose this is.
    b : Variable or array, shape (outputs,), optional
        The bias.
    stride, pad, dilate : int or tuple of int
        Of that convolution.
    outsize : tuple of int, optional
        The lengths of the result's axes; by default the least that fit.
    groups : int
        How many parts the channels are divided into.

    Returns
    -------
    Variable, shape (batch, outputs, ...)

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.deconvolution_nd(np.zeros((1, 3, 4, 5, 6)), np.zeros((3, 2, 2, 2, 2))).shape
    (1, 2, 5, 6, 7)
    """
    name = "deconvolution_nd"
    n = _check(name, x, W, b, groups, True)
    if n == 2:
        return deconvolution_2d(x, W, b, stride, pad, outsize, dilate=dilate, groups=groups)
    k, outputs = W.shape[2:], W.shape[1] * groups
    s, p, d = (
        tuple_of(v, n, f"{name}: `{what}`")
        for what, v in (("stride", stride), ("pad", pad), ("dilate", dilate))
    )
    if outsize is None:
        size = tuple(
            get_deconv_outsize(*v[:4], d=v[4]) for v in zip(x.shape[2:], k, s, p, d, strict=True)
        )
    else:
        size = tuple_of(outsize, n, f"{name}: `outsize`")
    windows = WindowsND.over(name, (x.shape[0], outputs, *size), k, s, p, d)
    if windows.out != x.shape[2:]:
        raise ValueError(
            f"{name}: a convolution of {size} gives {windows.out}, not {x.shape[2:]} "
            f"(x.shape={x.shape})"
        )
    if n == 1:
        y = deconvolution_2d(
            reshape(x, (*x.shape[:2], 1, x.shape[2])),
            reshape(W, (*W.shape[:2], 1, W.shape[2])),
            b,
            (1, *s),
            (0, *p),
            (1, size[0]),
            dilate=(1, *d),
            groups=groups,
        )
        return reshape(y, (*y.shape[:2], y.shape[3]))
    places = math.prod(windows.out)
    weights = reshape(W, (groups, W.shape[0] // groups, -1))
    rows = reshape(x, (x.shape[0], groups, x.shape[1] // groups, places))
    cols = matmul(weights, rows, transa=True)
    shape = (x.shape[0], outputs, *k, *windows.out)
    return _with_bias(image(reshape(cols, shape), windows), b)


_DOC = """{what} over {axes}; see `{general}`.

    Parameters
    ----------
    x : Variable or array, of {ndim} axes
    *args, **options
        The other arguments of `{general}`.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If `x` has not {ndim} axes, or shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.{name}(np.zeros({x}), np.zeros({W})).shape
    {y}
    """


def _of_axes(general: Callable[..., Variable], n: int, what: str) -> Callable[..., Variable]:
    """The same for a number of axes."""
    name = f"{general.__name__[:-2]}{n}d"

    def function(x: Variable | Array, *args: Any, **options: Any) -> Variable:
        x = as_variable(x)
        if x.ndim != n + 2:
            raise ValueError(f"{name}: `x` must have {n + 2} axes (x.shape={x.shape})")
        return general(x, *args, **options)

    back = general is deconvolution_nd
    function.__name__ = function.__qualname__ = name
    function.__doc__ = _DOC.format(
        what=what,
        axes="one axis" if n == 1 else f"{n} axes",
        general=general.__name__,
        ndim=n + 2,
        name=name,
        x=(1, 2) + (5,) * n,
        W=((2, 3) if back else (3, 2)) + (2,) * n,
        y=(1, 3) + ((6,) if back else (4,)) * n,
    )
    return function


convolution_1d: Callable[..., Variable] = _of_axes(convolution_nd, 1, "Convolve")
convolution_3d: Callable[..., Variable] = _of_axes(convolution_nd, 3, "Convolve")
deconvolution_1d: Callable[..., Variable] = _of_axes(
    deconvolution_nd, 1, "Apply the transpose of a convolution"
)
deconvolution_3d: Callable[..., Variable] = _of_axes(
    deconvolution_nd, 3, "Apply the transpose of a convolution"
)
