"""Relatives of convolution: depthwise, dilated, local, deformable, `shift`; and `bilinear`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnrun.backend import get_device_from_array
from nnrun.core import Variable, as_variable
from nnrun.functions._windows import Windows, pair
from nnrun.functions.convolution_2d import convolution_2d
from nnrun.functions.einsum import einsum
from nnrun.functions.image_sampling import im2col, sample_bilinear
from nnrun.functions.indexing import get_item
from nnrun.functions.joining import concat
from nnrun.functions.matmul import matmul
from nnrun.functions.padding import pad as pad_
from nnrun.functions.shape import reshape, transpose

__all__ = [
    "bilinear",
    "deformable_convolution_2d_sampler",
    "depthwise_convolution_2d",
    "dilated_convolution_2d",
    "local_convolution_2d",
    "shift",
]

Array = Any


def bilinear(
    e1: Variable | Array,
    e2: Variable | Array,
    W: Variable | Array,
    V1: Variable | Array | None = None,
    V2: Variable | Array | None = None,
    b: Variable | Array | None = None,
) -> Variable:
    """Apply a bilinear map to pairs of rows.

    ``y[k] = sum(e1[i] * e2[j] * W[i, j, k])``, plus ``e1 @ V1 + e2 @ V2 + b``.

    Parameters
    ----------
    e1, e2 : Variable or array, shape (batch, ...)
        The pairs; axes after the first are taken together, m and n elements.
    W : Variable or array, shape (m, n, out)
    V1, V2, b : Variable or array, shape (m, out), (n, out) and (out,), optional
        All or none.

    Returns
    -------
    Variable, shape (batch, out)

    Raises
    ------
    ValueError
        If the shapes don't fit or some of `V1`, `V2` and `b` are missing.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.bilinear(np.array([[2.0]]), np.array([[3.0]]), np.array([[[1.0, 5.0]]]))
    variable([[ 6., 30.]])
    """
    given = [v is not None for v in (V1, V2, b)]
    if any(given) and not all(given):
        raise ValueError("bilinear: either all of `V1`, `V2` and `b` must be given or none")
    for name, e in (("e1", e1), ("e2", e2)):
        if not e.ndim:
            raise ValueError(f"bilinear: `{name}` must have a batch axis ({name}.shape=())")
    e1, e2 = (
        reshape(e, (e.shape[0], math.prod(e.shape[1:]))) for e in (as_variable(e1), as_variable(e2))
    )
    m, n = e1.shape[1], e2.shape[1]
    if W.ndim != 3 or W.shape[:2] != (m, n) or e1.shape[0] != e2.shape[0]:
        raise ValueError(
            f"bilinear: `W` must have shape ({m}, {n}, out) and `e1` and `e2` as many rows "
            f"(e1.shape={e1.shape}, e2.shape={e2.shape}, W.shape={W.shape})"
        )
    out = W.shape[2]
    y = einsum("bi,bj,ijk->bk", e1, e2, W)
    if V1 is None or V2 is None or b is None:
        return y
    if V1.shape != (m, out) or V2.shape != (n, out) or b.shape != (out,):
        raise ValueError(
            f"bilinear: `V1`, `V2` and `b` must have shapes {(m, out)}, {(n, out)} and {(out,)}, "
            f"not {V1.shape}, {V2.shape} and {b.shape}"
        )
    return y + matmul(e1, V1) + matmul(e2, V2) + b


def dilated_convolution_2d(
    x: Variable | Array,
    W: Variable | Array,
    b: Variable | Array | None = None,
    stride: Any = 1,
    pad: Any = 0,
    dilate: Any = 1,
    cover_all: bool = False,
) -> Variable:
    """Convolve with gaps between weights: `convolution_2d` with ``dilate``.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x, W = np.zeros((1, 1, 5, 5)), np.zeros((1, 1, 2, 2))
    >>> F.dilated_convolution_2d(x, W, dilate=2).shape
    (1, 1, 3, 3)
    """
    return convolution_2d(x, W, b, stride, pad, cover_all, dilate=dilate)


def depthwise_convolution_2d(
    x: Variable | Array,
    W: Variable | Array,
    b: Variable | Array | None = None,
    stride: Any = 1,
    pad: Any = 0,
) -> Variable:
    """Convolve each channel on its own.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
    W : Variable or array, shape (multiplier, channels, kh, kw)
        As many windows for each channel.
    b : Variable or array, shape (channels * multiplier,), optional
        The bias.
    stride, pad : int or pair of int
        The steps and the padding.

    Returns
    -------
    Variable, shape (batch, channels * multiplier, out_height, out_width)
        Results of one channel lie together.

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.depthwise_convolution_2d(np.zeros((1, 3, 5, 5)), np.zeros((2, 3, 2, 2))).shape
    (1, 6, 4, 4)
    """
    if x.ndim != 4 or W.ndim != 4 or x.shape[1] != W.shape[1]:
        raise ValueError(
            f"depthwise_convolution_2d: `x` of shape (batch, channels, height, width) and `W` of "
            f"shape (multiplier, channels, kh, kw) don't fit (x.shape={x.shape}, W.shape={W.shape})"
        )
    multiplier, channels, kh, kw = W.shape
    weights = reshape(transpose(W, (1, 0, 2, 3)), (channels * multiplier, 1, kh, kw))
    return convolution_2d(x, weights, b, stride, pad, groups=channels)


def local_convolution_2d(
    x: Variable | Array,
    W: Variable | Array,
    b: Variable | Array | None = None,
    stride: Any = 1,
) -> Variable:
    """Convolve with other weights at each place.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
    W : Variable or array, shape (outputs, out_height, out_width, channels, kh, kw)
        The weights.
    b : Variable or array, shape (outputs, out_height, out_width), optional
        The bias.
    stride : int or pair of int
        The steps.

    Returns
    -------
    Variable, shape (batch, outputs, out_height, out_width)

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.local_convolution_2d(np.zeros((1, 3, 5, 5)), np.zeros((2, 4, 4, 3, 2, 2))).shape
    (1, 2, 4, 4)
    """
    if x.ndim != 4 or W.ndim != 6 or W.shape[3] != x.shape[1]:
        raise ValueError(
            f"local_convolution_2d: `x` of shape (batch, channels, height, width) and `W` of shape "
            f"(outputs, out_height, out_width, channels, kh, kw) don't fit (x.shape={x.shape}, "
            f"W.shape={W.shape})"
        )
    cols = im2col(x, (W.shape[4], W.shape[5]), stride)
    if cols.shape[2:] != W.shape[1:3] or (b is not None and b.shape != W.shape[:3]):
        raise ValueError(
            f"local_convolution_2d: there are {cols.shape[2:]} places, for which `W` and `b` must "
            f"have weights (W.shape={W.shape}, b.shape={None if b is None else b.shape})"
        )
    weights = reshape(W, (*W.shape[:3], math.prod(W.shape[3:])))
    y = einsum("nkhw,ohwk->nohw", cols, weights)
    return y if b is None else y + b


def deformable_convolution_2d_sampler(
    x: Variable | Array,
    offset: Variable | Array,
    W: Variable | Array,
    b: Variable | Array | None = None,
    stride: Any = 1,
    pad: Any = 0,
) -> Variable:
    """Convolve with windows whose places are moved (Dai et al., 2017).

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
        The images; zero outside.
    offset : Variable or array, shape (batch, 2 * kh * kw, out_height, out_width)
        How far each place of each window is moved: across for all places by rows,
        then down.
    W : Variable or array, shape (outputs, channels, kh, kw)
        The weights.
    b : Variable or array, shape (outputs,), optional
        The bias.
    stride, pad : int or pair of int
        The steps and the padding.

    Returns
    -------
    Variable, shape (batch, outputs, out_height, out_width)

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x, W, offset = np.zeros((1, 3, 5, 5)), np.zeros((2, 3, 2, 2)), np.zeros((1, 8, 4, 4))
    >>> F.deformable_convolution_2d_sampler(x, offset, W).shape
    (1, 2, 4, 4)
    """
    name = "deformable_convolution_2d_sampler"
    if x.ndim != 4 or W.ndim != 4 or x.shape[1] != W.shape[1]:
        raise ValueError(
            f"{name}: `W` has {W.shape[1:2]} input channels but `x` has {x.shape[1:2]} "
            f"(x.shape={x.shape}, W.shape={W.shape})"
        )
    x, offset = as_variable(x), as_variable(offset)
    kh, kw = W.shape[2:]
    s, p = pair(stride, f"{name}: `stride`"), pair(pad, f"{name}: `pad`")
    h, w = Windows.over(x.shape, (kh, kw), s, p, name=name).out
    if offset.shape != (x.shape[0], 2 * kh * kw, h, w):
        raise ValueError(
            f"{name}: `offset` must have shape {(x.shape[0], 2 * kh * kw, h, w)}, "
            f"not {offset.shape}"
        )
    i, j = np.divmod(np.arange(kh * kw), kw)
    rows = i[:, None, None] + (np.arange(h) * s[0] - p[0])[:, None]
    columns = j[:, None, None] + (np.arange(w) * s[1] - p[1])
    with get_device_from_array(x.array) as device:
        down, across = (device.send(v.astype(x.dtype)) for v in (rows, columns))
    moved = reshape(offset, (x.shape[0], 2, kh * kw, h, w))
    u = get_item(moved, (slice(None), 0)) + across
    v = get_item(moved, (slice(None), 1)) + down
    sampled = sample_bilinear(x, v, u)  # (batch, channels, places, h, w)
    y = einsum("ncphw,ocp->nohw", sampled, reshape(W, (*W.shape[:2], kh * kw)))
    return y if b is None else y + reshape(b, (1, -1, 1, 1))


def shift(x: Variable | Array, ksize: Any = 3, dilate: Any = 1) -> Variable:
    """Move groups of channels, one each way a window looks (Wu et al., 2017).

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
    ksize : int or pair of int
        The window, of odd lengths.
    dilate : int or pair of int
        How far its neighbours are.

    Returns
    -------
    Variable
        Of the shape of `x`; zeros come in.  Channels that are left over stay.

    Raises
    ------
    ValueError
        If `x` has not 4 axes, or the window an even length or more places than there
        are channels.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x = np.tile(np.array([1.0, 2.0, 3.0]), (1, 3, 1, 1))
    >>> F.shift(x, (1, 3)).array[0, :, 0]
    array([[0., 1., 2.],
           [1., 2., 3.],
           [2., 3., 0.]])
    """
    (kh, kw), (dh, dw) = pair(ksize, "shift: `ksize`"), pair(dilate, "shift: `dilate`")
    if x.ndim != 4 or not kh % 2 or not kw % 2 or x.shape[1] < kh * kw:
        raise ValueError(
            f"shift: `x` must have 4 axes, `ksize` be odd and channels be enough (x.shape={x.shape}"
            f", ksize={(kh, kw)})"
        )
    _, channels, h, w = x.shape
    ph, pw = kh // 2 * dh, kw // 2 * dw
    wide = pad_(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    size = channels // (kh * kw)
    parts = []
    for k in range(kh * kw):
        top, left = k // kw * dh, k % kw * dw  # as a window with a single 1 there
        group = slice(k * size, (k + 1) * size)
        parts.append(
            get_item(wide, (slice(None), group, slice(top, top + h), slice(left, left + w)))
        )
    rest = kh * kw * size
    if rest < channels:
        parts.append(get_item(x, (slice(None), slice(rest, None))))
    return concat(parts, 1)
