"""Windows of step 1 on the CPU: whole images as single long rows.

Lay an image's rows end to end.  All elements that stand at one place of their windows then are
one contiguous piece of that row, if one puts up with the few windows that reach around from one
row's end into the next one's beginning.  So a window's place is copied, or added, as one long
piece rather than row by row, and the matrix product of a convolution takes it as it is; what
reached around is dropped as the bias is added.

The work goes in pieces that stay in a core's cache between being laid out and multiplied: some
images, or some of the rows of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from nnrun.functions._windows import Windows

__all__ = ["FlatWindows"]

# Half of the second-level cache of a common core: the columns and what they are multiplied with.
_CACHE = 1 << 20

_Array = Any


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some images, and the windows' rows of them from `top` to `bottom`."""

    images: slice
    top: int
    bottom: int


@dataclass(frozen=True, slots=True)
class FlatWindows:
    """The geometry, for windows whose steps are 1 and groups of channels.

    Attributes
    ----------
    windows : Windows
        What it stands for.
    groups : int
        Groups of channels.
    height, width : int
        Of a padded image.
    """

    windows: Windows
    groups: int
    height: int
    width: int

    @staticmethod
    def over(windows: Windows, groups: int) -> FlatWindows:
        """The geometry of windows whose steps are 1."""
        return FlatWindows(windows, groups, *windows.padded_size())

    def correlate(self, x: _Array, W: _Array, b: _Array | None) -> _Array:
        """(n, c, h, w), (o, c / groups, kh, kw) and (o,) to (n, o, out_h, out_w)."""
        n, o, g = len(x), len(W), self.groups
        (out_h, out_w), width = self.windows.out, self.width
        rows = self._rows(x)
        weights = W.reshape(g, o // g, -1)
        y = np.empty((n, o, out_h, out_w), x.dtype)
        for piece, columns in self._columns(rows, weights.shape[2]):
            height = piece.bottom - piece.top
            wide = np.empty((len(columns), g, o // g, height * width), x.dtype)
            np.matmul(weights, columns, out=wide[..., : columns.shape[-1]])
            narrow = wide.reshape(-1, o, height, width)[..., :out_w]
            into = y[piece.images, :, piece.top : piece.bottom]
            if b is None:
                into[...] = narrow
            else:
                np.add(narrow, b[:, None, None], out=into)
        return y

    def weights(self, x: _Array, y: _Array, k: tuple[int, ...]) -> _Array:
        """(n, c, h, w) and (n, o, out_h, out_w) to (o, c / groups, kh, kw)."""
        o, g = y.shape[1], self.groups
        c = x.shape[1] // g
        size = c * k[0] * k[1]
        W = np.zeros((g, o // g, size), x.dtype)
        for piece, columns in self._columns(self._rows(x), size):
            wide = self._widened(y, piece)
            for image, column in zip(wide, columns, strict=True):
                W += np.matmul(image, column.transpose(0, 2, 1))
        return W.reshape(o, c, *k)

    def spread(self, y: _Array, W: _Array) -> _Array:
        """(n, o, out_h, out_w) and (o, c / groups, kh, kw) to (n, c, h, w)."""
        n, o, g = len(y), len(W), self.groups
        c = g * W.shape[1]
        weights = W.reshape(g, o // g, -1).transpose(0, 2, 1)
        x = np.zeros((n, c, self.height * self.width), y.dtype)
        columns: Any = None
        for piece in self._pieces(n, g * weights.shape[1], y.itemsize):
            wide = self._widened(y, piece)
            length = wide.shape[-1]
            shape = (len(wide), g, weights.shape[1], length)
            if columns is None or columns.shape != shape:
                columns = np.empty(shape, y.dtype)
            np.matmul(weights, wide, out=columns)
            places = columns.reshape(len(wide), c, *W.shape[2:], length)
            for i, j, start in self._starts(piece.top):
                x[piece.images, :, start : start + length] += places[:, :, i, j]
        return self.windows.cropped(x.reshape(n, c, self.height, self.width))

    def _rows(self, x: _Array) -> _Array:
        """Padded images, each channel one row: (n, c, height * width)."""
        padded = np.ascontiguousarray(self.windows.padded(x))
        return padded.reshape(*padded.shape[:2], self.height * self.width)

    def _pieces(self, n: int, rows: int, itemsize: int) -> Iterator[_Piece]:
        """The work in pieces whose columns, `rows` of them, fit into the cache."""
        height = self.windows.out[0]
        row_bytes = max(rows * self.width * itemsize, 1)
        images = _CACHE // (row_bytes * height)
        if images:
            for i in range(0, n, images):
                yield _Piece(slice(i, min(i + images, n)), 0, height)
            return
        band = max(_CACHE // row_bytes, 1)
        for i in range(n):
            for top in range(0, height, band):
                yield _Piece(slice(i, i + 1), top, min(top + band, height))

    def _length(self, piece: _Piece) -> int:
        """From a piece's first window to its last, those that reach around counted."""
        return (piece.bottom - piece.top - 1) * self.width + self.windows.out[1]

    def _starts(self, top: int) -> Iterator[tuple[int, int, int]]:
        """For each place in a window: row, column, and where it begins in an image's row."""
        (kh, kw), (dy, dx) = self.windows.k, self.windows.dilate
        for i in range(kh):
            for j in range(kw):
                yield i, j, (top + i * dy) * self.width + j * dx

    def _columns(self, rows: _Array, size: int) -> Iterator[tuple[_Piece, _Array]]:
        """Pieces with their windows as columns, (images, groups, size / groups, length).

        The array is filled anew for the next piece.
        """
        n, c, _ = rows.shape
        (kh, kw), (dy, dx) = self.windows.k, self.windows.dilate
        item = rows.itemsize
        columns: Any = None
        for piece in self._pieces(n, c * kh * kw, item):
            length = self._length(piece)
            part = rows[piece.images, :, piece.top * self.width :]
            shape = (len(part), c, kh, kw, length)
            strides = (*part.strides[:2], dy * self.width * item, dx * item, item)
            places = as_strided(part, shape, strides, writeable=False)
            if kh == kw == 1:
                yield piece, places.reshape(len(part), self.groups, size, length)
                continue
            if columns is None or columns.shape != shape:
                columns = np.empty(shape, rows.dtype)
            np.copyto(columns, places)
            yield piece, columns.reshape(len(part), self.groups, size, length)

    def _widened(self, y: _Array, piece: _Piece) -> _Array:
        """A piece of the windows' values with zeros where windows reach around."""
        part = y[piece.images, :, piece.top : piece.bottom]
        n, o, height, out_w = part.shape
        wide = np.zeros((n, o, height, self.width), y.dtype)
        wide[..., :out_w] = part
        flat = wide.reshape(n, self.groups, o // self.groups, -1)
        return flat[..., : self._length(piece)]
