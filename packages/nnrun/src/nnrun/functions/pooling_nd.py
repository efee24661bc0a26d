"""Pooling over any number of axes, and its reverse: unpooling, upsampling, spatial pyramids."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nnrun.backend import get_array_module
from nnrun.core import Variable, as_array, as_variable
from nnrun.functions._largest import largest_and_place
from nnrun.functions._windows_nd import WindowsND, columns, image, tuple_of
from nnrun.functions.broadcast import broadcast_to
from nnrun.functions.joining import concat
from nnrun.functions.padding import pad as pad_
from nnrun.functions.pooling_2d import max_pooling_2d
from nnrun.functions.reductions import average
from nnrun.functions.shape import reshape

__all__ = [
    "average_pooling_1d",
    "average_pooling_3d",
    "average_pooling_nd",
    "max_pooling_1d",
    "max_pooling_3d",
    "max_pooling_nd",
    "spatial_pyramid_pooling_2d",
    "unpooling_1d",
    "unpooling_2d",
    "unpooling_3d",
    "unpooling_nd",
    "upsampling_2d",
]

Array = Any


def _windows(name: str, x: Any, ksize: Any, stride: Any, pad: Any, cover_all: bool) -> WindowsND:
    k = tuple_of(ksize, max(x.ndim - 2, 1), f"{name}: `ksize`")
    return WindowsND.over(name, x.shape, k, k if stride is None else stride, pad, 1, cover_all)


def max_pooling_nd(
    x: Variable | Array,
    ksize: Any,
    stride: Any = None,
    pad: Any = 0,
    cover_all: bool = True,
    return_indices: bool = False,
) -> Any:
    """Take the largest element of each window.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, ...)
    ksize, stride, pad : int or tuple of int
        The window, the steps (that of the window by default) and the padding.
    cover_all : bool
        Let the last window reach past the end rather than leave elements out.
    return_indices : bool
        Return too, for each window, which place in it has the largest element, counted row by
        row (the first of equals).

    Returns
    -------
    Variable, shape (batch, channels, ...)
    indices : array of int of the same shape, if `return_indices`

    Raises
    ------
    ValueError
        If no window fits.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.max_pooling_nd(np.array([[[1.0, 3.0, 2.0]]]), 2)
    variable([[[3., 2.]]])
    """
    w = _windows("max_pooling_nd", x, ksize, stride, pad, cover_all)
    # What lies around counts for less than anything.
    ends = [(p, reach - n - p) for p, reach, n in zip(w.pad, w.padded(), w.size, strict=True)]
    wide = pad_(x, [(0, 0), (0, 0), *ends], constant_values=-math.inf)
    around = WindowsND.over("max_pooling_nd", wide.shape, w.k, w.stride, 0)
    y, indices = largest_and_place(columns(wide, around), tuple(range(2, 2 + len(w.k))))
    return (y, indices) if return_indices else y


def average_pooling_nd(
    x: Variable | Array,
    ksize: Any,
    stride: Any = None,
    pad: Any = 0,
    pad_value: float | None = 0,
) -> Variable:
    """Average over each window.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, ...)
    ksize, stride, pad : int or tuple of int
        The window, the steps (that of the window by default) and the padding.
    pad_value : {0, None}
        Count the padding as zeros, or not at all.

    Returns
    -------
    Variable, shape (batch, channels, ...)

    Raises
    ------
    ValueError
        If no window fits or `pad_value` is neither.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.average_pooling_nd(np.array([[[1.0, 3.0, 2.0, 4.0]]]), 2)
    variable([[[2., 3.]]])
    """
    if pad_value not in (0, None):
        raise ValueError(f"average_pooling_nd: `pad_value` must be 0 or None, not {pad_value!r}")
    w = _windows("average_pooling_nd", x, ksize, stride, pad, False)
    axes = tuple(range(2, 2 + len(w.k)))
    y = average(columns(x, w), axes)
    if pad_value is None:
        ones = get_array_module(as_array(x)).ones((1, 1, *w.size), x.dtype)
        y = y / broadcast_to(average(columns(ones, w), axes), y.shape)
    return y


def unpooling_nd(
    x: Variable | Array,
    ksize: Any,
    stride: Any = None,
    pad: Any = 0,
    outsize: Any = None,
    cover_all: bool = True,
) -> Variable:
    """Spread each element over its window, added up where windows overlap.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, ...)
    ksize, stride, pad, cover_all
        Of the pooling whose reverse this is.
    outsize : tuple of int, optional
        The lengths of the result's axes; by default the least that give as many
        windows.

    Returns
    -------
    Variable, shape (batch, channels, ...)

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.unpooling_nd(np.array([[[1.0, 3.0]]]), 2, cover_all=False)
    variable([[[1., 1., 3., 3.]]])
    """
    w = _spread("unpooling_nd", x, ksize, stride, pad, outsize, cover_all)
    n = len(w.k)
    wide = reshape(x, (*x.shape[:2], *[1] * n, *w.out))
    return image(broadcast_to(wide, (*x.shape[:2], *w.k, *w.out)), w)


def _spread(
    name: str, x: Any, ksize: Any, stride: Any, pad: Any, outsize: Any, cover_all: bool
) -> WindowsND:
    """The windows whose number is the shape of `x`."""
    n = x.ndim - 2
    if n < 1:
        raise ValueError(f"{name}: `x` must have axes after batch and channels (x.shape={x.shape})")
    k = tuple_of(ksize, n, f"{name}: `ksize`")
    s = k if stride is None else tuple_of(stride, n, f"{name}: `stride`")
    p = tuple_of(pad, n, f"{name}: `pad`")
    if outsize is None:
        size = tuple(
            # One more element past all full windows but the last calls for another.
            a * (m - 1) + (b - a + 1 if cover_all and m > 1 else b) - 2 * c
            for m, a, b, c in zip(x.shape[2:], s, k, p, strict=True)
        )
    else:
        size = tuple_of(outsize, n, f"{name}: `outsize`")
    w = WindowsND.over(name, (*x.shape[:2], *size), k, s, p, 1, cover_all)
    if w.out != x.shape[2:]:
        raise ValueError(
            f"{name}: there are {w.out} windows over {size}, not {x.shape[2:]} (x.shape={x.shape})"
        )
    return w


def upsampling_2d(
    x: Variable | Array,
    indexes: Variable | Array,
    ksize: Any,
    stride: Any = None,
    pad: Any = 0,
    outsize: Any = None,
    cover_all: bool = True,
) -> Variable:
    """Put each element to one place of its window: the reverse of max pooling.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
    indexes : Variable or array of int, of the shape of `x`
        Which element of each window, counted by rows.
    ksize, stride, pad, outsize, cover_all
        As for `unpooling_2d`.

    Returns
    -------
    Variable, shape (batch, channels, out_height, out_width)

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.upsampling_2d(np.array([[[[5.0]]]]), np.array([[[[2]]]]), 2, cover_all=False)
    variable([[[[0., 0.],
                [5., 0.]]]])
    """
    index = as_array(indexes)
    if x.ndim != 4 or index.shape != x.shape:
        raise ValueError(
            f"upsampling_2d: `x` must have 4 axes and `indexes` its shape (x.shape={x.shape}, "
            f"indexes.shape={index.shape})"
        )
    w = _spread("upsampling_2d", x, ksize, stride, pad, outsize, cover_all)
    xp = get_array_module(index)
    place = xp.arange(math.prod(w.k)).reshape(1, 1, *w.k, 1, 1)
    chosen = (index[:, :, None, None] == place).astype(x.dtype)
    return image(reshape(x, (*x.shape[:2], 1, 1, *w.out)) * chosen, w)


def spatial_pyramid_pooling_2d(
    x: Variable | Array, pyramid_height: int, pooling: str | None = None
) -> Variable:
    """Pool images of any size to a fixed number of values (He et al., 2014).

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
    pyramid_height : int
        How many levels; level l takes maxima of 2 ** l by 2 ** l parts.
    pooling : {'max', None}
        What is taken of each part: its maximum, the only choice.

    Returns
    -------
    Variable, shape (batch, channels * (4 ** pyramid_height - 1) / 3, 1, 1)

    Raises
    ------
    ValueError
        If `x` has not 4 axes or is too small for the levels, or `pooling` is another.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.spatial_pyramid_pooling_2d(np.arange(4.0).reshape(1, 1, 2, 2), 2).array.ravel()
    array([3., 0., 1., 2., 3.])
    """
    if pooling not in ("max", None):
        raise ValueError(f"spatial_pyramid_pooling_2d: `pooling` must be 'max', not {pooling!r}")
    if x.ndim != 4 or pyramid_height < 1 or min(x.shape[2:]) < 2 ** (pyramid_height - 1):
        raise ValueError(
            f"spatial_pyramid_pooling_2d: `x` must have 4 axes, the last two of "
            f"{2 ** max(pyramid_height - 1, 0)} elements at least (x.shape={x.shape}, "
            f"pyramid_height={pyramid_height})"
        )
    x = as_variable(x)
    levels = []
    for level in range(pyramid_height):
        bins = 2**level
        k = tuple(-(-n // bins) for n in x.shape[2:])
        pads = tuple((m * bins - n) // 2 for m, n in zip(k, x.shape[2:], strict=True))
        y = max_pooling_2d(x, k, k, pads, cover_all=True)
        levels.append(reshape(y, (x.shape[0], math.prod(y.shape[1:]), 1, 1)))
    return concat(levels, 1)


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
        If `x` has not {ndim} axes, or no window fits.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.{name}(np.zeros({x}), 2).shape
    {y}
    """


def _of_axes(general: Callable[..., Variable], n: int, what: str) -> Callable[..., Variable]:
    """The same for a number of axes."""
    name = f"{general.__name__[:-2]}{n}d"

    def function(x: Variable | Array, *args: Any, **options: Any) -> Variable:
        if x.ndim != n + 2:
            raise ValueError(f"{name}: `x` must have {n + 2} axes (x.shape={x.shape})")
        return general(x, *args, **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = _DOC.format(
        what=what,
        axes="one axis" if n == 1 else f"{n} axes",
        general=general.__name__,
        ndim=n + 2,
        name=name,
        x=(1, 2) + (4,) * n,
        y=(1, 2) + ((7,) if general is unpooling_nd else (2,)) * n,
    )
    return function


_Pooling = Callable[..., Variable]

average_pooling_1d: _Pooling = _of_axes(average_pooling_nd, 1, "Average windows")
average_pooling_3d: _Pooling = _of_axes(average_pooling_nd, 3, "Average windows")
max_pooling_1d: _Pooling = _of_axes(max_pooling_nd, 1, "Take the largest of windows")
max_pooling_3d: _Pooling = _of_axes(max_pooling_nd, 3, "Take the largest of windows")
unpooling_1d: _Pooling = _of_axes(unpooling_nd, 1, "Spread elements over windows")
unpooling_2d: _Pooling = _of_axes(unpooling_nd, 2, "Spread elements over windows")
unpooling_3d: _Pooling = _of_axes(unpooling_nd, 3, "Spread elements over windows")
