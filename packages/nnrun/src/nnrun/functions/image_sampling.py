"""Images looked at through windows and grids: `im2col`, `resize_images`, spatial transformers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_device_from_array
from nnrun.core import FunctionNode, Variable, as_variable
from nnrun.functions._windows import Windows, pair
from nnrun.functions.indexing import embed_id, get_item
from nnrun.functions.matmul import matmul
from nnrun.functions.shape import expand_dims, moveaxis, reshape

__all__ = ["im2col", "resize_images", "spatial_transformer_grid", "spatial_transformer_sampler"]

Array = Any


class Im2Col(FunctionNode):
    __slots__ = ("_windows",)

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (self._windows.columns(inputs[0]),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return Col2Im(self._windows).apply(grad_outputs)


class Col2Im(FunctionNode):
    __slots__ = ("_windows",)

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (self._windows.image(inputs[0]),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return Im2Col(self._windows).apply(grad_outputs)


def im2col(
    x: Variable | Array,
    ksize: int | tuple[int, int],
    stride: int | tuple[int, int] = 1,
    pad: int | tuple[int, int] = 0,
    cover_all: bool = False,
    dilate: int | tuple[int, int] = 1,
) -> Variable:
    """Lay windows over images out as columns of channels.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
    ksize, stride, pad, dilate : int or pair of int
        The window, the steps, the padding, and the dilation, down and across.
    cover_all : bool
        Let the last window reach past the end.

    Returns
    -------
    Variable, shape (batch, channels * kh * kw, out_height, out_width)

    Raises
    ------
    ValueError
        If no window fits or `x` is no batch of images.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.im2col(np.zeros((1, 3, 5, 5)), 2).shape
    (1, 12, 4, 4)
    """
    if x.ndim != 4:
        raise ValueError(
            f"im2col: `x` must have shape (batch, channels, height, width) (x.shape={x.shape})"
        )
    k = pair(ksize, "im2col: `ksize`")
    windows = Windows.over(
        x.shape,
        k,
        pair(stride, "im2col: `stride`"),
        pair(pad, "im2col: `pad`"),
        pair(dilate, "im2col: `dilate`"),
        cover_all,
        "im2col",
    )
    y = Im2Col(windows).apply((x,))[0]
    return reshape(y, (x.shape[0], x.shape[1] * k[0] * k[1], *windows.out))


def _interpolation(n_in: int, n_out: int, mode: str, align_corners: bool) -> np.ndarray:
    """The matrix that resamples an axis."""
    if align_corners:
        at = np.arange(n_out) * ((n_in - 1) / max(n_out - 1, 1))
    else:
        at = np.clip((np.arange(n_out) + 0.5) * (n_in / n_out) - 0.5, 0, n_in - 1)
    if mode == "nearest":
        at = np.floor(at + 0.5)
    low = np.minimum(np.floor(at).astype(int), n_in - 1)
    high = np.minimum(low + 1, n_in - 1)
    matrix = np.zeros((n_out, n_in))
    rows = np.arange(n_out)
    matrix[rows, low] += 1 - (at - low)
    matrix[rows, high] += at - low
    return matrix


def resize_images(
    x: Variable | Array,
    output_shape: tuple[int, int],
    mode: str = "bilinear",
    align_corners: bool = True,
) -> Variable:
    """Resample images to another size.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
    output_shape : pair of int
        The new height and width.
    mode : {'bilinear', 'nearest'}
        How to interpolate.
    align_corners : bool
        Let the centres of corner pixels be the corners of the image, rather than
        let pixels have an extent.

    Returns
    -------
    Variable, shape (batch, channels, *output_shape)

    Raises
    ------
    ValueError
        If `x` is no batch of images, or an option does not suit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.resize_images(np.array([[[[0.0, 2.0]]]]), (1, 3))
    variable([[[[0., 1., 2.]]]])
    """
    if mode not in ("bilinear", "nearest"):
        raise ValueError(f"resize_images: `mode` must be 'bilinear' or 'nearest', not {mode!r}")
    if x.ndim != 4 or 0 in x.shape[2:]:
        raise ValueError(
            f"resize_images: `x` must have shape (batch, channels, height, width) "
            f"(x.shape={x.shape})"
        )
    h, w = pair(output_shape, "resize_images: `output_shape`")
    if h < 1 or w < 1:
        raise ValueError(f"resize_images: `output_shape` must be positive, not {output_shape}")
    x = as_variable(x)
    with get_device_from_array(x.array) as device:
        down, across = (
            device.send(_interpolation(n, m, mode, align_corners).astype(x.dtype))
            for n, m in zip(x.shape[2:], (h, w), strict=True)
        )
    return matmul(matmul(down, x), across, transb=True)


def spatial_transformer_grid(theta: Variable | Array, output_shape: tuple[int, int]) -> Variable:
    """Return the places that an affine map takes the pixels of an image to.

    Parameters
    ----------
    theta : Variable or array, shape (batch, 2, 3)
        The maps, of (x, y, 1) with x and y from -1 to 1.
    output_shape : pair of int
        Height and width of the image.

    Returns
    -------
    Variable, shape (batch, 2, height, width)
        x and y for each pixel.

    Raises
    ------
    ValueError
        If `theta` has another shape.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.spatial_transformer_grid(np.eye(2, 3)[None], (1, 3)).array[0, 0]
    array([[-1.,  0.,  1.]])
    """
    if theta.shape[1:] != (2, 3):
        raise ValueError(
            f"spatial_transformer_grid: `theta` must have shape (batch, 2, 3) "
            f"(theta.shape={theta.shape})"
        )
    h, w = output_shape
    theta = as_variable(theta)
    y, x = np.meshgrid(np.linspace(-1, 1, h), np.linspace(-1, 1, w), indexing="ij")
    places = np.stack([x.ravel(), y.ravel(), np.ones(h * w)]).astype(theta.dtype)
    with get_device_from_array(theta.array) as device:
        places = device.send(places)
    return reshape(matmul(theta, places), (theta.shape[0], 2, h, w))


def spatial_transformer_sampler(x: Variable | Array, grid: Variable | Array) -> Variable:
    """Look images up at places of a grid, by bilinear interpolation.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, height, width)
        The images; zero outside.
    grid : Variable or array, shape (batch, 2, out_height, out_width)
        x and y of each place, from -1 to 1 between the centres of corner pixels.

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
    >>> x, grid = np.array([[[[1.0, 3.0]]]]), np.zeros((1, 2, 1, 1))
    >>> F.spatial_transformer_sampler(x, grid)
    variable([[[[2.]]]])
    """
    if x.ndim != 4 or grid.ndim != 4 or grid.shape[:2] != (x.shape[0], 2):
        raise ValueError(
            f"spatial_transformer_sampler: `grid` must have shape (batch, 2, height, width) with "
            f"the batch of `x` (x.shape={x.shape}, grid.shape={grid.shape})"
        )
    x, grid = as_variable(x), as_variable(grid)
    _, _, h, w = x.shape
    u = (get_item(grid, (slice(None), 0)) + 1) * ((w - 1) / 2)
    v = (get_item(grid, (slice(None), 1)) + 1) * ((h - 1) / 2)
    return sample_bilinear(x, v, u)


def sample_bilinear(x: Variable, v: Variable, u: Variable, images: Array | None = None) -> Variable:
    """Images (n, c, h, w) at rows v and columns u, both (m, ...): (m, c, ...); zero outside.

    `images` says which image is meant, m of them; by default each in turn.
    """
    n, c, h, w = x.shape
    pixels = reshape(moveaxis(x, 1, -1), (n * h * w, c))
    with get_device_from_array(x.array) as device:
        xp = device.xp
        top, left = xp.floor(v.array), xp.floor(u.array)
        which = xp.arange(n) if images is None else images
        first = (which * (h * w)).reshape(-1, *[1] * (v.ndim - 1))
    down, across = v - top, u - left
    total: Any = None
    for dv, weight_v in ((0, 1 - down), (1, down)):
        for du, weight_u in ((0, 1 - across), (1, across)):
            with get_device_from_array(x.array):
                row, column = top + dv, left + du
                inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
                # NaN and far-off places are outside, and never made integers.
                at = xp.where(inside, row * w + column, 0).astype(np.int64) + first
                at = xp.where(inside, at, -1)
            part = embed_id(at, pixels, -1) * expand_dims(weight_v * weight_u, v.ndim)
            total = part if total is None else total + part
    return moveaxis(total, -1, 1)
