"""Windows over any number of axes, as two differentiable maps: to columns and back.

Each is the other's gradient.  Slower than `_windows`, which is for images, by a
loop over the places within a window alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable
from nnrun.utils.conv import get_conv_outsize

__all__ = ["WindowsND", "columns", "image", "tuple_of"]

Array = Any
Sizes = tuple[int, ...]


def tuple_of(x: Any, n: int, name: str) -> Sizes:
    """A number or n numbers as a tuple."""
    values = tuple(x) if isinstance(x, (tuple, list)) else (x,) * n
    if len(values) != n:
        raise ValueError(f"{name} must be a number or {n} numbers, not {x!r}")
    return tuple(int(v) for v in values)


@dataclass(frozen=True)
class WindowsND:
    """The geometry of windows over arrays of ``size``; one number for each axis."""

    size: Sizes
    k: Sizes
    stride: Sizes
    pad: Sizes
    dilate: Sizes
    out: Sizes

    @staticmethod
    def over(
        name: str,
        shape: Sizes,
        k: Sizes,
        stride: Any,
        pad: Any,
        dilate: Any = 1,
        cover_all: bool = False,
    ) -> WindowsND:
        """The windows over the axes of a shape after the first two, or an error if none fits."""
        n = len(k)
        size = shape[2:]
        if len(size) != n:
            raise ValueError(
                f"{name}: `x` must have {n} axes after batch and channels (x.shape={shape})"
            )
        s = tuple_of(stride, n, f"{name}: `stride`")
        p = tuple_of(pad, n, f"{name}: `pad`")
        d = tuple_of(dilate, n, f"{name}: `dilate`")
        for what, v, low in (("window", k, 1), ("stride", s, 1), ("pad", p, 0), ("dilate", d, 1)):
            if min(v) < low:
                raise ValueError(f"{name}: the {what} must be at least {low}, not {v}")
        out = tuple(get_conv_outsize(size[i], k[i], s[i], p[i], cover_all, d[i]) for i in range(n))
        if min(out) < 1:
            raise ValueError(
                f"{name}: a window of {k} (dilated by {d}) does not fit into `x` "
                f"(x.shape={shape}, pad={p})"
            )
        return WindowsND(size, k, s, p, d, out)

    def padded(self) -> Sizes:
        """How far windows and array reach, the padding before included."""
        return tuple(
            max(s * (o - 1) + d * (k - 1) + 1, n + p)
            for n, k, s, p, d, o in zip(
                self.size, self.k, self.stride, self.pad, self.dilate, self.out, strict=True
            )
        )

    def inside(self) -> tuple[Any, ...]:
        """Where the array is in the padded one."""
        return (
            Ellipsis,
            *(slice(p, p + n) for p, n in zip(self.pad, self.size, strict=True)),
        )

    def places(self) -> Iterator[tuple[Sizes, tuple[Any, ...]]]:
        """For each place in the window: its number along each axis, and where it is."""
        for at in itertools.product(*(range(k) for k in self.k)):
            where = (
                slice(i * d, i * d + s * o, s)
                for i, d, s, o in zip(at, self.dilate, self.stride, self.out, strict=True)
            )
            yield at, (Ellipsis, *where)


class Columns(FunctionNode):
    """(n, c, *size) to (n, c, *k, *out)."""

    __slots__ = ("_windows",)

    def __init__(self, windows: WindowsND) -> None:
        self._windows = windows

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        w = self._windows
        xp = get_array_module(x)
        wide = xp.zeros((*x.shape[:2], *w.padded()), x.dtype)
        wide[w.inside()] = x
        y = xp.empty((*x.shape[:2], *w.k, *w.out), x.dtype)
        for at, where in w.places():
            y[(slice(None), slice(None), *at)] = wide[where]
        return (y,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return Image(self._windows).apply(grad_outputs)


class Image(FunctionNode):
    """(n, c, *k, *out) to (n, c, *size), added up where windows overlap."""

    __slots__ = ("_windows",)

    def __init__(self, windows: WindowsND) -> None:
        self._windows = windows

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        w = self._windows
        wide = get_array_module(x).zeros((*x.shape[:2], *w.padded()), x.dtype)
        for at, where in w.places():
            wide[where] += x[(slice(None), slice(None), *at)]
        return (wide[w.inside()].copy(),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return Columns(self._windows).apply(grad_outputs)


def columns(x: Any, windows: WindowsND) -> Variable:
    """The windows of `x` as columns."""
    return Columns(windows).apply((x,))[0]


def image(x: Any, windows: WindowsND) -> Variable:
    """Columns added up to an array."""
    return Image(windows).apply((x,))[0]
