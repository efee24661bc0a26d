"""Regions of images at a fixed size: `roi_average_align_2d` and `roi_max_align_2d`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnrun.backend import get_device_from_array
from nnrun.core import Variable, as_variable
from nnrun.functions._largest import largest
from nnrun.functions._windows import pair
from nnrun.functions.image_sampling import sample_bilinear
from nnrun.functions.indexing import get_item
from nnrun.functions.joining import concat
from nnrun.functions.reductions import average
from nnrun.functions.roi_pooling import check_regions
from nnrun.functions.shape import reshape

__all__ = ["roi_average_align_2d", "roi_max_align_2d"]

Array = Any


def _places(low: Array, high: Array, out: int, ratio: int, size: int) -> Array:
    """Where an axis is sampled, for each region: (regions, out * ratio); NaN if outside."""
    step = np.maximum(high - low, 1.0) / (out * ratio)
    at = low[:, None] + (np.arange(out * ratio) + 0.5) * step[:, None]
    return np.where((at < -1) | (at > size), np.nan, np.clip(at, 0, size - 1))


def _align(
    name: str,
    pool: Callable[..., Variable],
    x: Any,
    rois: Any,
    roi_indices: Any,
    outsize: Any,
    spatial_scale: float,
    sampling_ratio: Any,
) -> Variable:
    x = as_variable(x)
    regions, index = check_regions(name, x, rois, roi_indices)
    out = pair(outsize, f"{name}: `outsize`")
    scaled = regions.astype(np.float64) * spatial_scale
    if sampling_ratio is None:
        sides = np.maximum(scaled[:, 2:] - scaled[:, :2], 1.0)
        ratios = np.ceil(sides / np.array(out)).astype(int)
    else:
        ratios = np.tile(pair(sampling_ratio, f"{name}: `sampling_ratio`"), (len(scaled), 1))
    if min(out) < 1 or (ratios.size and ratios.min() < 1):
        raise ValueError(
            f"{name}: `outsize` and `sampling_ratio` must be positive, not {outsize} and "
            f"{sampling_ratio}"
        )
    parts, order = [], []
    # Regions that are sampled alike go together.
    for ry, rx in np.unique(ratios, axis=0).tolist():
        alike = np.flatnonzero((ratios == (ry, rx)).all(axis=1))
        box = scaled[alike]
        v = _places(box[:, 0], box[:, 2], out[0], ry, x.shape[2])
        u = _places(box[:, 1], box[:, 3], out[1], rx, x.shape[3])
        v, u = np.broadcast_arrays(v[:, :, None], u[:, None, :])
        with get_device_from_array(x.array) as device:
            # What is outside is far off, so that no NaN comes into the weights.
            rows, columns = (
                as_variable(device.send(np.where(np.isnan(a), -9.0, a).astype(x.dtype)))
                for a in (v, u)
            )
            images = device.send(index[alike].astype(np.int64))
        y = sample_bilinear(x, rows, columns, images)
        y = reshape(y, (len(alike), x.shape[1], out[0], ry, out[1], rx))
        parts.append(pool(y, (3, 5)))
        order.append(alike)
    if not parts:
        return reshape(get_item(x, (slice(0, 0), slice(None), 0, 0)), (0, x.shape[1], *out))
    if len(parts) == 1:
        return parts[0]
    return get_item(concat(parts, 0), np.argsort(np.concatenate(order)))


_DOC = """Pool regions of images to one size: the {what} of interpolated samples (He et al., 2017).

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
    rois : Variable or array, shape (regions, 4)
        y_min, x_min, y_max, x_max of each region.
    roi_indices : Variable or array of int, shape (regions,)
        Which image of the batch.
    outsize : int or pair of int
        Height and width of the result.
    spatial_scale : float
        What coordinates of regions are multiplied by.
    sampling_ratio : int or pair of int, optional
        How many samples down and across each element of the result; by default as
        many as there are pixels.

    Returns
    -------
    Variable, shape (regions, channels, *outsize)

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is out of range.
    TypeError
        If the indices are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x, rois = np.ones((1, 3, 8, 8)), np.array([[1.0, 1.0, 5.0, 7.0]])
    >>> F.{name}(x, rois, np.array([0]), 2, 1.0).shape
    (1, 3, 2, 2)
    """


def _make(name: str, what: str, pool: Callable[..., Variable]) -> Callable[..., Variable]:
    """The function of a way to pool."""

    def function(
        x: Variable | Array,
        rois: Variable | Array,
        roi_indices: Variable | Array,
        outsize: int | tuple[int, int],
        spatial_scale: float,
        sampling_ratio: int | tuple[int, int] | None = None,
    ) -> Variable:
        return _align(name, pool, x, rois, roi_indices, outsize, spatial_scale, sampling_ratio)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = _DOC.format(name=name, what=what)
    return function


roi_average_align_2d: Callable[..., Variable] = _make("roi_average_align_2d", "mean", average)
roi_max_align_2d: Callable[..., Variable] = _make("roi_max_align_2d", "largest", largest)
