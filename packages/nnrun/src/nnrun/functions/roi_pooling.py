"""Regions of images at a fixed size by whole pixels: ROI pooling, maximum and mean.

Each region is divided into bins, whose limits are rounded outwards to whole
pixels (so that bins may share some), and each bin is pooled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun import cuda
from nnrun.backend import get_array_module, get_device, get_device_from_array
from nnrun.core import Variable, as_array, as_variable
from nnrun.functions._windows import pair
from nnrun.functions.indexing import get_item, where
from nnrun.functions.joining import concat
from nnrun.functions.matmul import matmul
from nnrun.functions.shape import reshape

__all__ = ["check_regions", "roi_average_pooling_2d", "roi_max_pooling_2d", "roi_pooling_2d"]

Array = Any


def check_regions(name: str, x: Any, rois: Any, roi_indices: Any) -> tuple[Array, Array]:
    """The regions and the numbers of their images as NumPy's arrays, checked."""
    to_cpu = get_device("numpy").send
    regions, index = to_cpu(as_array(rois)), to_cpu(as_array(roi_indices))
    if (
        x.ndim != 4
        or regions.ndim != 2
        or regions.shape[1] != 4
        or index.shape != regions.shape[:1]
    ):
        raise ValueError(
            f"{name}: `x` (batch, channels, height, width), `rois` (regions, 4) and `roi_indices` "
            f"(regions,) don't fit (x.shape={x.shape}, rois.shape={regions.shape}, "
            f"roi_indices.shape={index.shape})"
        )
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name}: `roi_indices` must be integers, not {index.dtype}")
    if index.size and not 0 <= index.min() <= index.max() < x.shape[0]:
        raise ValueError(f"{name}: `roi_indices` must be below {x.shape[0]}, not {index.tolist()}")
    return regions, index


def _bins(low: Array, high: Array, out: int, size: int) -> tuple[Array, Array]:
    """First pixel of each bin along an axis and the one after its last: (regions, out) each."""
    length = np.maximum(high - low, 1)[:, None]
    i = np.arange(out)
    first = low[:, None] + i * length // out
    last = low[:, None] - -(i + 1) * length // out
    return np.clip(first, 0, size), np.clip(last, 0, size)


def _limits(x: Any, regions: Array, outsize: Any, scale: float, name: str) -> tuple[Any, Any]:
    """The bins down and across."""
    out = pair(outsize, f"{name}: `outsize`")
    if min(out) < 1:
        raise ValueError(f"{name}: `outsize` must be positive, not {outsize}")
    at = np.rint(regions.astype(np.float64) * scale).astype(np.int64)
    return (
        _bins(at[:, 0], at[:, 2], out[0], x.shape[2]),
        _bins(at[:, 1], at[:, 3], out[1], x.shape[3]),
    )


_ARGMAX = """
    long long w = i % across, h = i / across % down;
    long long c = i / (across * down) % channels, r = i / (across * down * channels);
    long long start = (images[r] * channels + c) * height * width;
    y = -1;
    for (long long v = top[r * down + h]; v < bottom[r * down + h]; ++v)
        for (long long u = left[r * across + w]; u < right[r * across + w]; ++u) {
            long long at = start + v * width + u;
            if (y < 0 || x[at] > x[y]) y = at;
        }
"""


def _argmax(x: Array, index: Array, rows: Any, columns: Any) -> Array:
    """Where in the flat `x` each bin's largest element is, the first of equal ones; -1 if empty."""
    n, down, across = len(index), rows[0].shape[1], columns[0].shape[1]
    _, channels, height, width = x.shape
    shape = (n, channels, down, across)
    if isinstance(x, np.ndarray):
        y = np.full(shape, -1, np.int64)
        starts = np.arange(channels) * (height * width)
        for r, h, w in np.ndindex(n, down, across):
            v0, v1, u0, u1 = rows[0][r, h], rows[1][r, h], columns[0][r, w], columns[1][r, w]
            if v1 > v0 and u1 > u0:
                window = x[index[r], :, v0:v1, u0:u1].reshape(channels, -1)
                v, u = np.divmod(window.argmax(axis=1), u1 - u0)
                base = index[r] * channels * height * width
                y[r, :, h, w] = base + starts + (v0 + v) * width + u0 + u
        return y
    xp = get_array_module(x)
    kernel = cuda.elementwise(
        "raw T x, raw int64 images, raw int64 top, raw int64 bottom, raw int64 left, "
        "raw int64 right, int64 channels, int64 height, int64 width, int64 down, int64 across",
        "int64 y",
        _ARGMAX,
        "roi_argmax",
    )
    tables = (index.astype(np.int64), *rows, *columns)
    limits = [xp.asarray(np.ascontiguousarray(a)) for a in tables]
    y = xp.empty(shape, np.int64)
    return kernel(xp.ascontiguousarray(x), *limits, channels, height, width, down, across, y)


def _pool_max(
    name: str, x: Any, rois: Any, index: Any, outsize: Any, scale: float, empty: float
) -> Variable:
    x = as_variable(x)
    regions, images = check_regions(name, x, rois, index)
    rows, columns = _limits(x, regions, outsize, scale, name)
    with get_device_from_array(x.array) as device:
        at = _argmax(x.array, images, rows, columns)
        if not at.size or not x.size:
            return as_variable(device.xp.full(at.shape, empty, x.dtype))
        y = get_item(reshape(x, (-1,)), device.xp.maximum(at, 0))
        return where(at >= 0, y, device.xp.full(at.shape, empty, x.dtype))


def roi_max_pooling_2d(
    x: Variable | Array,
    rois: Variable | Array,
    roi_indices: Variable | Array,
    outsize: int | tuple[int, int],
    spatial_scale: float,
) -> Variable:
    """Take the largest element in each bin of regions of images.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
    rois : Variable or array, shape (regions, 4)
        y_min, x_min, y_max, x_max of each region; the last two are one past its end.
    roi_indices : Variable or array of int, shape (regions,)
        Which image of the batch.
    outsize : int or pair of int
        Height and width of the result.
    spatial_scale : float
        What coordinates are multiplied by before they are rounded.

    Returns
    -------
    Variable, shape (regions, channels, *outsize)
        ``-inf`` where a bin holds no pixel.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is out of range.
    TypeError
        If the indices are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> F.roi_max_pooling_2d(x, np.array([[0.0, 0.0, 4.0, 2.0]]), np.array([0]), (2, 1), 1.0)
    variable([[[[ 5.],
                [13.]]]])
    """
    return _pool_max("roi_max_pooling_2d", x, rois, roi_indices, outsize, spatial_scale, -np.inf)


def roi_pooling_2d(
    x: Variable | Array, rois: Variable | Array, outh: int, outw: int, spatial_scale: float
) -> Variable:
    """Take the largest element in each bin of regions (Girshick, 2015, as first written).

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
    rois : Variable or array, shape (regions, 5)
        Number of the image, x_min, y_min, x_max, y_max; the last two belong to it.
    outh, outw : int
        Height and width of the result.
    spatial_scale : float
        What coordinates are multiplied by before they are rounded.

    Returns
    -------
    Variable, shape (regions, channels, outh, outw)
        0 where a bin holds no pixel.

    Raises
    ------
    ValueError
        If the shapes don't fit or an image is out of range.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> F.roi_pooling_2d(x, np.array([[0.0, 0.0, 0.0, 1.0, 3.0]]), 2, 1, 1.0)
    variable([[[[ 5.],
                [13.]]]])
    """
    table = get_device("numpy").send(as_array(rois))
    if table.ndim != 2 or table.shape[1] != 5:
        raise ValueError(f"roi_pooling_2d: `rois` must have shape (regions, 5), not {table.shape}")
    corners = np.rint(table[:, [2, 1, 4, 3]].astype(np.float64) * spatial_scale)
    corners[:, 2:] += 1
    images = table[:, 0].astype(np.int64)
    return _pool_max("roi_pooling_2d", x, corners, images, (outh, outw), 1.0, 0.0)


def roi_average_pooling_2d(
    x: Variable | Array,
    rois: Variable | Array,
    roi_indices: Variable | Array,
    outsize: int | tuple[int, int],
    spatial_scale: float,
) -> Variable:
    """Take the mean of each bin of regions of images.

    Parameters
    ----------
    x, rois, roi_indices, outsize, spatial_scale
        As for `roi_max_pooling_2d`.

    Returns
    -------
    Variable, shape (regions, channels, *outsize)
        0 where a bin holds no pixel.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is out of range.
    TypeError
        If the indices are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> F.roi_average_pooling_2d(x, np.array([[0.0, 0.0, 4.0, 2.0]]), np.array([0]), (2, 1), 1.0)
    variable([[[[ 2.5],
                [10.5]]]])
    """
    name = "roi_average_pooling_2d"
    x = as_variable(x)
    regions, images = check_regions(name, x, rois, roi_indices)
    limits = _limits(x, regions, outsize, spatial_scale, name)
    # The mean over a bin is that over its rows of those over its columns: two products.
    down, across = (
        _weights(first, last, size).astype(x.dtype)
        for (first, last), size in zip(limits, x.shape[2:], strict=True)
    )
    parts, order = [], []
    with get_device_from_array(x.array) as device:
        for image in np.unique(images).tolist():
            mine = np.flatnonzero(images == image)
            left = device.send(down[mine][:, None])
            right = device.send(across[mine].swapaxes(1, 2)[:, None])
            parts.append(matmul(matmul(left, get_item(x, slice(image, image + 1))), right))
            order.append(mine)
        if not parts:
            shape = (0, x.shape[1], down.shape[1], across.shape[1])
            return as_variable(device.xp.zeros(shape, x.dtype))
        if len(parts) == 1:
            return parts[0]
        places = device.send(np.argsort(np.concatenate(order)))
        return get_item(concat(parts, 0), places)


def _weights(first: Array, last: Array, size: int) -> Array:
    """The share of each pixel in each bin along an axis: (regions, bins, size)."""
    at = np.arange(size)
    inside = (at >= first[..., None]) & (at < last[..., None])
    return inside / np.maximum(last - first, 1)[..., None]
