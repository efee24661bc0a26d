"""Windows sliding over the last two axes of an image array, for convolution and pooling.

Everything works on arrays of both modules by slices, one for each place within
the window: a slice is copied or added at the speed of memory, and no kernel is
special to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nnrun.backend import get_array_module
from nnrun.utils.conv import get_conv_outsize

__all__ = ["Windows", "pair"]

Array = Any


def pair(x: Any, name: str) -> tuple[int, int]:
    """A number or a pair of numbers as a pair."""
    if isinstance(x, (tuple, list)):
        if len(x) != 2:
            raise ValueError(f"{name} must be a number or a pair, not {x!r}")
        return int(x[0]), int(x[1])
    return int(x), int(x)


@dataclass(frozen=True)
class Windows:
    """The geometry of windows over images of ``size``.

    Attributes
    ----------
    size, k, stride, pad, dilate, out : pair of int
        Of the image, the window, the steps, the padding, the dilation, and how many
        windows there are, down and across.
    """

    size: tuple[int, int]
    k: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]
    dilate: tuple[int, int]
    out: tuple[int, int]

    @staticmethod
    def over(
        shape: tuple[int, ...],
        k: Any,
        stride: tuple[int, int],
        pad: tuple[int, int],
        dilate: tuple[int, int] = (1, 1),
        cover_all: bool = False,
        name: str = "",
    ) -> Windows:
        """The windows over images of a shape, or an error if none fits."""
        size = (shape[-2], shape[-1])
        for what, v, low in (
            ("window", k, 1),
            ("stride", stride, 1),
            ("pad", pad, 0),
            ("dilate", dilate, 1),
        ):
            if min(v) < low:
                raise ValueError(f"{name}: the {what} must be at least {low}, not {v}")
        down, across = (
            get_conv_outsize(size[i], k[i], stride[i], pad[i], cover_all, dilate[i]) for i in (0, 1)
        )
        if down < 1 or across < 1:
            raise ValueError(
                f"{name}: a window of {k} (dilated by {dilate}) does not fit into `x` "
                f"(x.shape={shape}, pad={pad})"
            )
        return Windows(size, k, stride, pad, dilate, (down, across))

    @property
    def count(self) -> int:
        """How many windows there are."""
        return self.out[0] * self.out[1]

    @property
    def reaches_past_end(self) -> bool:
        """Whether the last windows need more padding than there is (``cover_all``)."""
        return any(
            extent > size + 2 * pad
            for extent, size, pad in zip(self._extent(), self.size, self.pad, strict=True)
        )

    def _extent(self) -> tuple[int, int]:
        """How far all windows together reach, from the beginning of the padding."""
        down, across = (
            self.stride[i] * (self.out[i] - 1) + self.dilate[i] * (self.k[i] - 1) + 1
            for i in (0, 1)
        )
        return down, across

    def padded_size(self) -> tuple[int, int]:
        """The size that all windows together reach over, the left padding included."""
        extent = self._extent()
        h, w = (max(extent[i], self.size[i] + self.pad[i]) for i in (0, 1))
        return h, w

    def places(self) -> Iterator[tuple[int, int, tuple[Any, slice, slice]]]:
        """For each place in the window: row, column, and where it is in the padded image."""
        for i in range(self.k[0]):
            top = i * self.dilate[0]
            rows = slice(top, top + self.stride[0] * self.out[0], self.stride[0])
            for j in range(self.k[1]):
                left = j * self.dilate[1]
                columns = slice(left, left + self.stride[1] * self.out[1], self.stride[1])
                yield i, j, (Ellipsis, rows, columns)

    def padded(self, x: Array, value: float = 0) -> Array:
        """`x` with `value` around it, as far as windows reach."""
        h, w = self.padded_size()
        if (h, w) == self.size:
            return x
        xp = get_array_module(x)
        y = xp.full((*x.shape[:-2], h, w), value, x.dtype)
        y[self._inside()] = x
        return y

    def empty_padded(self, xp: Any, lead: tuple[int, ...], dtype: Any) -> Array:
        """Zeros of the padded size, to add windows to."""
        return xp.zeros((*lead, *self.padded_size()), dtype)

    def cropped(self, y: Array) -> Array:
        """`y` without its padding."""
        if y.shape[-2:] == self.size:
            return y
        return get_array_module(y).ascontiguousarray(y[self._inside()])

    def _inside(self) -> tuple[Any, slice, slice]:
        (ph, pw), (h, w) = self.pad, self.size
        return (Ellipsis, slice(ph, ph + h), slice(pw, pw + w))

    def columns(self, x: Array) -> Array:
        """Windows as columns: (n, c, h, w) to (n, c, kh, kw, out_h, out_w)."""
        x = self.padded(x)
        xp = get_array_module(x)
        columns = xp.empty((*x.shape[:2], *self.k, *self.out), x.dtype)
        for i, j, place in self.places():
            columns[:, :, i, j] = x[place]
        return columns

    def image(self, columns: Array) -> Array:
        """Columns added up where their windows overlap: the reverse shapes of `columns`."""
        xp = get_array_module(columns)
        y = self.empty_padded(xp, columns.shape[:2], columns.dtype)
        for i, j, place in self.places():
            y[place] += columns[:, :, i, j]
        return self.cropped(y)
